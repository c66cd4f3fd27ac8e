"""Every bound of the journal in one place, with the relations between them asserted.

Sources of the figures: the layout (`batch.py`, `frames.py`) and LMDB 0.9, whose values are below 4 GiB and whose
large values take whole pages of their own.
"""

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

ROW_BYTES: Final = 64
HEADER_BYTES: Final = 176
TAIL_BYTES: Final = 40
ROWS_MAX: Final = 16_384
BATCH_BYTES_MAX: Final = 4 * MIB
HEAP_BYTES_MAX: Final = BATCH_BYTES_MAX - HEADER_BYTES - ROWS_MAX * ROW_BYTES - TAIL_BYTES
FRAMES_PAYLOAD_BYTES_MAX: Final = 64 * MIB
SEQ_MAX: Final = 2**62
META_KEY_BYTES_MAX: Final = 255
META_VALUE_BYTES_MAX: Final = MIB

GROUP: Final = 8
GROUP_MAX: Final = 64
COMMIT_BYTES_MAX: Final = 64 * MIB
PENDING_BYTES_MAX: Final = 2 * COMMIT_BYTES_MAX

MAP_BYTES_DEFAULT: Final = 256 * GIB
MAP_BYTES_MIN: Final = MIB
DATABASES_MAX: Final = 8
READERS_MAX: Final = 126
PAGES_RESERVED: Final = 48
PAGES_PLENTY: Final = 65_536
DISK_RESERVED_BYTES: Final = MIB

OPEN_TIMEOUT_S: Final = 10.0
RESIZE_TIMEOUT_S: Final = 5.0
REAP_EVERY_S: Final = 5.0

assert ROWS_MAX * ROW_BYTES + HEADER_BYTES + TAIL_BYTES + HEAP_BYTES_MAX == BATCH_BYTES_MAX, "a full batch just fits"
assert HEAP_BYTES_MAX % 8 == HEADER_BYTES % 8 == TAIL_BYTES % 8 == 0, "values stay multiples of eight"
assert HEAP_BYTES_MAX >= 2 * MIB, "a large body still fits beside a full batch of rows"
assert BATCH_BYTES_MAX < COMMIT_BYTES_MAX <= PENDING_BYTES_MAX, "a commit holds several batches, the queue a commit"
assert FRAMES_PAYLOAD_BYTES_MAX + BATCH_BYTES_MAX < PENDING_BYTES_MAX, "the largest single batch fits into the queue"
assert FRAMES_PAYLOAD_BYTES_MAX < 2**31, "lengths of frames fit their u4 fields"
assert GROUP <= GROUP_MAX, "the default group is a legal one"
assert SEQ_MAX + ROWS_MAX < 2**63, "a sequence number fits i8 wherever it is kept"
assert PAGES_RESERVED * 4096 < MAP_BYTES_MIN, "the smallest map holds more than its reserve"
assert PAGES_PLENTY * 4096 >= PENDING_BYTES_MAX + PAGES_RESERVED * 4096, "plenty holds all that may wait"
assert META_KEY_BYTES_MAX <= 511, "LMDB's own bound on keys"

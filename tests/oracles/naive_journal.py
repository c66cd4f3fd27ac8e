"""The journal's naive twin: a Python list of batches, and a batch written field by field with `struct`.

Slow and obvious on purpose; shares nothing with `journal/` but the two hash functions the layout names.
"""

import struct
from dataclasses import dataclass, field

from blake3 import blake3
from xxhash import xxh3_64_intdigest

ROW = struct.Struct("<HBBIqqqqqqq")
STEP_END = 128


@dataclass
class NaiveBatch:
    """Rows as tuples of the eleven fields of a slot, bodies by row index, and the bytes they must become."""

    first: int
    rows: list[tuple[int, ...]]
    bodies: dict[int, bytes] = field(default_factory=dict)
    frames_digest: bytes = bytes(32)

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1

    def kinds(self) -> bytes:
        bits = 0
        for row in self.rows:
            bits |= 1 << min(row[0], 127)
        return bits.to_bytes(16, "little")

    def heap(self) -> bytes:
        out = b""
        for row_ix in sorted(self.bodies):
            body = self.bodies[row_ix]
            out += struct.pack("<II", row_ix, len(body)) + body
            while len(out) % 8:
                out += b"\0"
        return out

    def encode(self, link: bytes, epoch: int, t_prev: int) -> tuple[bytes, bytes, int]:
        """Value, digest, engine time at the end."""
        heap = self.heap()
        times = [row[4] for row in self.rows]
        t_last = max([t_prev, *times])
        after_sum = struct.pack("<QIIII", self.first, len(self.rows), len(heap), epoch, 0)
        after_sum += struct.pack("<qq", max(t_prev, times[0]), t_last)
        after_sum += self.kinds() + self.frames_digest
        after_sum += blake3(heap).digest() if heap else bytes(32)
        after_sum += link + bytes(8)
        for row in self.rows:
            after_sum += ROW.pack(*row)
        summed = b"VZJB" + struct.pack("<HHQ", 1, 176, xxh3_64_intdigest(after_sum)) + after_sum
        digest = blake3(summed).digest()
        tail = struct.pack("<Q", xxh3_64_intdigest(heap) if heap else 0) + digest
        return summed + heap + tail, digest, t_last


class NaiveJournal:
    """A list that remembers what was appended."""

    def __init__(self) -> None:
        self.batches: list[NaiveBatch] = []
        self.values: list[bytes] = []
        self.link = bytes(32)
        self.t_last = -(2**63)

    @property
    def head(self) -> int:
        return self.batches[-1].last if self.batches else 0

    def append(self, rows: list[tuple[int, ...]], bodies: dict[int, bytes], frames_digest: bytes, epoch: int) -> int:
        batch = NaiveBatch(self.head + 1, rows, bodies, frames_digest)
        value, self.link, self.t_last = batch.encode(self.link, epoch, self.t_last)
        self.batches.append(batch)
        self.values.append(value)
        return batch.first

    def holding(self, first: int, last: int, kinds: set[int] | None = None) -> list[int]:
        """First sequence numbers of the batches that overlap a range and hold one of some kinds."""
        wanted = None if kinds is None else {min(kind, 127) for kind in kinds}
        return [
            batch.first
            for batch in self.batches
            if any(first <= seq <= last for seq in range(batch.first, batch.last + 1))
            and (wanted is None or wanted & {min(row[0], 127) for row in batch.rows})
        ]

    def seq_at(self, time_ns: int) -> int:
        engine = -(2**63)
        seq = 0
        for batch in self.batches:
            for row in batch.rows:
                seq += 1
                engine = max(engine, row[4])
                if engine >= time_ns:
                    return seq
        return seq + 1

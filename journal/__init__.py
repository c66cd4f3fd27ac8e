"""An append-only journal of 64-byte rows on LMDB: one writer, many readers, nothing acknowledged is ever lost.

>>> import numpy as np, tempfile
>>> from journal import SLOT, STEP_END, Reader, Writer
>>> folder = tempfile.TemporaryDirectory()
>>> rows = np.zeros(3, SLOT)
>>> rows["kind"], rows["ts_recv"] = 7, [10, 20, 30]
>>> rows["flags"][-1] = STEP_END                      # every batch ends a step
>>> with Writer.open(folder.name) as writer:
...     first = writer.append(rows, bodies=[(1, b"a body of any length")])
...     writer.flush()                                # durable from here on
...     first, writer.durable_seq
(1, 3)
>>> with Reader.open(folder.name) as reader, reader.view() as view:
...     [(batch.first, batch.n, batch.rows["ts_recv"].tolist(), batch.body(1)) for batch in view.scan()]
[(1, 3, [10, 20, 30], b'a body of any length')]
>>> folder.cleanup()
"""

from journal.batch import SLOT, STEP_END, ZERO, Batch, Encoded, encode_batch, parse_batch
from journal.check import Report, check, check_in_child
from journal.errors import (
    AppendError,
    CorruptError,
    FencedError,
    FilesystemError,
    FormatError,
    FrozenError,
    FullError,
    JournalError,
    LockedError,
    OpenError,
    ReadError,
)
from journal.frames import Frames, decode_frames, encode_frames
from journal.log import Reader, View, Writer
from journal.tail import Tail

__all__ = [
    "SLOT",
    "STEP_END",
    "ZERO",
    "AppendError",
    "Batch",
    "CorruptError",
    "Encoded",
    "FencedError",
    "FilesystemError",
    "FormatError",
    "Frames",
    "FrozenError",
    "FullError",
    "JournalError",
    "LockedError",
    "OpenError",
    "ReadError",
    "Reader",
    "Report",
    "Tail",
    "View",
    "Writer",
    "check",
    "check_in_child",
    "decode_frames",
    "encode_batch",
    "encode_frames",
    "parse_batch",
]

"""What a codec must offer, and the blocks it takes and gives.

A codec is sans-IO and a pure function: rows depend on the sources, the offers and the frames, never on how frames were cut into
blocks, on time or on chance.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from veloz.engine.outbox import Request
from veloz.instruments.catalogue import Catalogue

FRAME_PAD: Final = 16  # newline bytes a block ends with, so that a scanner may read ahead without asking
NEWLINE: Final = b"\n"
FRAME_ROWS_MAX: Final = 16_000  # a step never crosses a batch of the journal, which holds 16 384 rows
FRAME_BODIES_BYTES_MAX: Final = 2 << 20  # and a heap a little larger than this


class VenueError(Exception):
    """Something between us and a venue that a codec cannot answer with a row."""


class RemoteError(VenueError):
    """The venue's doing: it said something that must stop us."""


class LocalError(VenueError):
    """Our own doing: a codec was used wrongly."""


@dataclass(frozen=True, slots=True)
class Source:
    """One stream of frames: a file, a connection."""

    number: int  # 1 … 65535, as kept beside every frame
    venue: str
    symbol: str = ""  # whose snapshot a frame is that names none
    form: str = "stream"  # stream | capture | klines | link
    columns: str = ""  # klines: names of the columns, comma separated
    interval_ns: int = 0  # klines: length of a bar


@dataclass(frozen=True, slots=True)
class FrameBlock:
    """n frames in one buffer: frame k is `buf[start[k]:end[k]]`.

    A newline follows each frame and `FRAME_PAD` newlines follow the last.
    """

    buf: NDArray[np.uint8]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    recv: NDArray[np.int64]  # receive time, ns
    source: NDArray[np.uint16]

    def __post_init__(self) -> None:
        n = len(self.start)
        if not n == len(self.end) == len(self.recv) == len(self.source):
            raise LocalError("A block's columns differ in length; give one start, end, stamp and source a frame.")
        if n and not (
            self.start[0] >= 0
            and bool((self.start <= self.end).all())
            and bool((self.end[:-1] < self.start[1:]).all())
            and self.end[-1] + FRAME_PAD <= len(self.buf)
        ):
            raise LocalError(
                f"A block's frames overlap or leave the buffer; keep them apart and end with {FRAME_PAD} newlines."
            )

    def __len__(self) -> int:
        """How many frames."""
        return len(self.start)

    def frame(self, ix: int) -> bytes:
        """Bytes of one frame."""
        return self.buf[int(self.start[ix]) : int(self.end[ix])].tobytes()

    @classmethod
    def joined(cls, frames: Sequence[bytes], recv: Sequence[int], source: int | Sequence[int]) -> "FrameBlock":
        """A block of loose frames, none of which may hold a newline.

        Args:
            frames: Bytes of each frame.
            recv: Receive time of each, ns.
            source: Number of the source, one for all or one each.
        """
        n = len(frames)
        size = np.fromiter(map(len, frames), np.int64, n)
        end = np.cumsum(size + 1) - 1
        return cls(
            np.frombuffer(NEWLINE.join(frames) + NEWLINE * FRAME_PAD, np.uint8),
            end - size,
            end,
            np.asarray(recv, np.int64),
            np.full(n, source, np.uint16) if isinstance(source, int) else np.asarray(source, np.uint16),
        )


@dataclass(frozen=True, slots=True)
class RowBlock:
    """What a block of frames became. The rows of frame k begin at `first_row[k]` and end where the next frame's begin."""

    rows: NDArray[np.void]  # layout.ROW
    first_row: NDArray[np.uint32]
    bodies: list[tuple[int, bytes]]  # (row, body), ascending


@dataclass
class Counts:
    """What a codec has met so far."""

    messages: Counter[str] = field(default_factory=Counter)  # by name: websocket messages and `rest_depth_snapshot`
    rejected: int = 0  # frames of a known type that are unreadable or break their contract, and frames that are no JSON
    unknown: int = 0  # frames of a type this version does not read; they are in `messages` too


class Orders(Protocol):
    """A venue as the place that requests go to and reports come from, on the desk's clock."""

    def hear(self, rows: NDArray[np.void]) -> None:
        """Show it market rows in the order of the journal, each stamped no earlier than any moment it was taken to: ROW[n]."""

    def send(self, request: Request, sent_ns: int) -> None:
        """Hand over a request whose step is durable. No earlier than the one before."""

    def advance(self, until_ns: int) -> int:
        """Go to a moment, or to the first arrival of reports before it; when reports arrive next, far beyond all times: none are due."""
        ...

    def take(self, at_ns: int) -> NDArray[np.void]:
        """The reports that arrive at a moment, each with its arrival as receive stamp: ROW[n]."""
        ...

    def next_ns(self) -> int:
        """When something happens next that is known to be under way; far beyond all times: nothing is."""
        ...

    def ended(self) -> str:
        """Why it takes no more; "" while it does."""
        ...


class Codec(Protocol):
    """Frames → rows, for every market of one venue group."""

    catalogue: Catalogue
    counts: Counts

    def declare(self, source: Source, announced: bool = False) -> None:
        """Make a source known. Its first frame begins with a `system.source` row, unless the journal has that already."""
        ...

    def decode(self, block: FrameBlock) -> RowBlock:
        """Rows of a block of frames.

        Raises:
            LocalError: a frame's source was never declared.
        """
        ...

"""Inputs as frames in one order: by receive stamp, ties in the order the inputs were given.

Each input keeps its own order. Where a recorder's clock stepped back, a frame counts as received when the latest before it
was; its stamp stays what it says. Inputs are numbered (the `source` of a frame) in the order of their first frames, so that an
ingest that was killed numbers them alike when it is continued.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from veloz.contracts.kernel import entry
from veloz.ingest.capture import cut_capture
from veloz.ingest.faults import Damage
from veloz.ingest.files import BLOCK_BYTES, Block, cut_blocks
from veloz.ingest.klines import KlineColumns, cut_klines
from veloz.ingest.lines import NEWLINE, PAD, Cut, fill_newlines, words_of
from veloz.ingest.stream import cut_stream
from veloz.venues.port import FrameBlock, Source

SMALL_BLOCK_BYTES: Final = 1 << 16
_JSON: Final = msgspec.json.Decoder(msgspec.Raw)


@dataclass
class Feed:
    """One input: where its bytes come from and how far it is.

    path: For people, and for messages.
    pieces: Its unpacked bytes from `offset` on.
    source: What the codec and the journal must know of it; `number` 0 until its first frame has its place.
    offset, key_ns, stray_lines: Where it continues: bytes in, latest stamp so far, stray lines so far.
    damage: Why its bytes ended before their time; empty while all is well.
    """

    path: Path
    pieces: Iterator[bytes]
    source: Source
    offset: int = 0
    key_ns: int = 0
    stray_lines: int = 0
    damage: str = ""

    def cutter(self) -> Callable[[bytes, int], Cut]:
        """The function that knows this form's lines."""
        if self.source.form == "klines":
            columns = KlineColumns.parse(self.source.columns, self.source.interval_ns)
            return lambda text, base: cut_klines(text, base, columns)
        return cut_capture if self.source.form == "capture" else cut_stream


@dataclass(frozen=True, slots=True)
class Text:
    """Unpacked bytes of one input that a load stands for: its progress is hashed over them."""

    feed_ix: int
    base: int
    text: bytes


@dataclass(frozen=True, slots=True)
class Load:
    """Frames in their order, and for each where it came from.

    block: The frames; their sources are numbered.
    feed_ix: u2[n], which input.
    line_end: i8[n], offset just behind the frame's line in that input.
    strays: i8[n], stray lines of that input before this frame.
    key_ns: i8[n], latest stamp of that input so far.
    begun: Inputs whose first frame is here, in the order of their numbers.
    texts: Bytes read since the load before this one.
    """

    block: FrameBlock
    feed_ix: NDArray[np.uint16]
    line_end: NDArray[np.int64]
    strays: NDArray[np.int64]
    key_ns: NDArray[np.int64]
    begun: tuple[int, ...]
    texts: tuple[Text, ...]


@dataclass
class _Cursor:
    """An input while it is being merged: its present block of frames, and how many of them are gone."""

    ix: int
    feed: Feed
    cuts: Iterator[Cut]
    cut: Cut | None = None
    key: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    gone: int = 0
    taken: int = 0

    def refill(self) -> bool:
        """Make sure there are frames; False when the input is at its end."""
        while self.cut is None or self.gone == len(self.cut):
            self.cut = next(self.cuts, None)
            self.gone = 0
            if self.cut is None:
                return False
            if len(self.cut):
                self.key = np.maximum.accumulate(np.maximum(self.cut.recv, self.feed.key_ns))
                self.feed.key_ns = int(self.key[-1])
        return True

    def part(self) -> tuple[Cut, slice]:
        """The block, and which of its frames are taken now."""
        assert self.cut is not None
        return self.cut, slice(self.gone, self.gone + self.taken)


def cut_feed(feed: Feed, ix: int, texts: list[Text], block_bytes: int) -> Iterator[Cut]:
    """All blocks of frames of an input. Ends early, with `feed.damage` set, where its bytes stop making sense."""
    cutter = feed.cutter()
    try:
        for block in cut_blocks(feed.pieces, feed.offset, block_bytes):
            cut = _cut_last(cutter, block) if block.ends_open else cutter(block.text, block.base)
            if feed.stray_lines:
                cut.strays[:] += feed.stray_lines
            feed.stray_lines += cut.stray_lines
            texts.append(Text(ix, block.base, block.text))
            yield cut
    except Damage as damage:
        feed.damage = damage.reason


def _cut_last(cutter: Callable[[bytes, int], Cut], block: Block) -> Cut:
    """The frame of a last line without a newline; it counts only if it is whole.

    Raises:
        Damage: The line is cut off.
    """
    cut = cutter(block.text, block.base)
    if cut.stray_lines or any(not is_whole(cut.buf[a:b].tobytes()) for a, b in zip(cut.start, cut.end, strict=True)):
        raise Damage("its last line is cut off")
    return cut


def is_whole(frame: bytes) -> bool:
    """Could more bytes not belong to this frame: a JSON object or list, closed; or a line of klines that was readable."""
    body = frame
    for arrow in (b" -> ", b" <- "):
        head, found, rest = frame.partition(arrow)
        if found and b" " not in head and b'"' not in head:
            body = rest
    if not body.lstrip().startswith((b"{", b"[")):
        return b"{" not in frame and frame.count(b",") > 0
    try:
        _JSON.decode(body)
    except msgspec.DecodeError:
        return False
    return True


def merge_feeds(feeds: list[Feed], number_next: int, block_bytes: int = 0) -> Iterator[Load]:
    """All frames of some inputs in one order.

    Args:
        feeds: The inputs, in the order given.
        number_next: Number of the first input that has none yet.
        block_bytes: Read so much of each at a time; 0 = what suits their number.
    """
    texts: list[Text] = []
    block_bytes = block_bytes or max(SMALL_BLOCK_BYTES, BLOCK_BYTES // max(1, len(feeds)))
    cursors = [_Cursor(ix, feed, cut_feed(feed, ix, texts, block_bytes)) for ix, feed in enumerate(feeds)]
    numbers = itertools.count(number_next)
    while live := [cursor for cursor in cursors if cursor.refill()]:
        first_to_end = min(live, key=lambda cursor: (int(cursor.key[-1]), cursor.ix))
        limit = int(first_to_end.key[-1])
        for cursor in live:
            side: Any = "right" if cursor.ix <= first_to_end.ix else "left"
            cursor.taken = int(np.searchsorted(cursor.key[cursor.gone :], limit, side))
        parts = [cursor for cursor in live if cursor.taken]
        load = _load_one(parts[0]) if len(parts) == 1 else _load_many(parts)
        begun = _begin(feeds, load.feed_ix, numbers)
        source = np.array([feed.source.number for feed in feeds], np.uint16)[load.feed_ix]
        block = FrameBlock(load.block.buf, load.block.start, load.block.end, load.block.recv, source)
        yield Load(block, load.feed_ix, load.line_end, load.strays, load.key_ns, begun, tuple(texts))
        texts.clear()
        for cursor in parts:
            cursor.gone += cursor.taken


def _begin(feeds: list[Feed], feed_ix: NDArray[np.uint16], numbers: Iterator[int]) -> tuple[int, ...]:
    """Number the inputs that show up for the first time."""
    if all(feed.source.number for feed in feeds):
        return ()
    seen, at = np.unique(feed_ix, return_index=True)
    begun = [int(ix) for ix in seen[np.argsort(at)] if not feeds[int(ix)].source.number]
    for ix in begun:
        feeds[ix].source = replace(feeds[ix].source, number=next(numbers))
    return tuple(begun)


def _load_one(cursor: _Cursor) -> Load:
    """Frames of a single input, as they lie."""
    cut, part = cursor.part()
    feed_ix = np.full(cursor.taken, cursor.ix, np.uint16)
    block = FrameBlock(cut.buf, cut.start[part], cut.end[part], cut.recv[part], feed_ix)
    return Load(block, feed_ix, cut.line_end[part], cut.strays[part], cursor.key[part], (), ())


def _load_many(parts: list[_Cursor]) -> Load:
    """Frames of several inputs, interleaved."""
    order = np.argsort(_gather(parts, lambda _, cursor: cursor.key), kind="stable")
    size = _gather(parts, lambda cut, _: cut.end - cut.start)[order]
    end = np.cumsum(size + 1) - 1
    start = end - size
    place = np.empty_like(start)
    place[order] = start
    buf = np.empty(int(end[-1]) + 1 + 2 * PAD, np.uint8)
    done = 0
    for cursor in parts:
        cut, part = cursor.part()
        own = place[done : done + cursor.taken]
        place_frames(cut.buf, words_of(cut.buf), cut.start[part], cut.end[part], buf, words_of(buf), own)
        done += cursor.taken
    fill_newlines(buf, int(end[-1]) + 1)
    recv = _gather(parts, lambda cut, _: cut.recv)[order]
    feed_ix = np.repeat([cursor.ix for cursor in parts], [cursor.taken for cursor in parts])[order].astype(np.uint16)
    line_end = _gather(parts, lambda cut, _: cut.line_end)[order]
    strays = _gather(parts, lambda cut, _: cut.strays)[order]
    key = _gather(parts, lambda _, cursor: cursor.key)[order]
    return Load(FrameBlock(buf, start, end, recv, feed_ix), feed_ix, line_end, strays, key, (), ())


def _gather(parts: list[_Cursor], column: Callable[[Cut, _Cursor], NDArray[np.int64]]) -> NDArray[np.int64]:
    """One column of the frames taken, input after input."""
    taken = []
    for cursor in parts:
        cut, part = cursor.part()
        taken.append(column(cut, cursor)[part])
    return np.concatenate(taken)


@entry
def place_frames(buf: Any, words: Any, start: Any, end: Any, out: Any, out_words: Any, place: Any) -> None:
    """Copy each frame to its place, with a newline behind it. Exactly: its neighbours may be there already."""
    for k in range(len(start)):
        p, stop, q = start[k], end[k], place[k]
        while stop - p >= 8:
            out_words[q] = words[p]
            p += 8
            q += 8
        while p < stop:
            out[q] = buf[p]
            p += 1
            q += 1
        out[q] = NEWLINE

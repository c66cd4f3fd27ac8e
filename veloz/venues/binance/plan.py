"""What the scanner has to know, as arrays: stream names → templates → steps, and the quanta of each instrument.

A template is a shape, learned when the reference decoder has read a frame of it. New quanta change one number here, so no
kernel and no template is ever rebuilt for them.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from veloz.contracts.codes import Market
from veloz.instruments.instrument import Instrument
from veloz.venues.binance import shapes
from veloz.venues.binance.digits import WORD_BYTES
from veloz.venues.binance.shapes import FORMS, NAMES, PREFIX, Pieces, shape_of

STREAMS_MAX: Final = 1 << 16
SHAPES_MAX: Final = 4  # a stream that writes its messages in more ways has values where we expect literal text
PRIME: Final = 0x9E3779B97F4A7C15
STEP_OP, STEP_REGISTER, STEP_AT, STEP_BYTES = range(4)
T_STEP, T_MARKET, T_INSTRUMENT, T_HEAD, T_WAY, T_NAME = range(6)
_MASK: Final = 2**64 - 1


class Tables(NamedTuple):
    """The arrays a kernel is handed, in one argument. All u8."""

    slots: NDArray[np.uint64]  # [size, 2]: hash of market and name, template + 1; 0 = empty
    templates: NDArray[np.uint64]  # [n, 6], columns T_*
    steps: NDArray[np.uint64]  # [n, 4], columns STEP_*
    literals: NDArray[np.uint64]  # words
    masks: NDArray[np.uint64]  # which bytes of a literal's word count
    scales: NDArray[np.uint64]  # [instrument, 2]: price, quantity
    markets: NDArray[np.uint64]  # [source]: market, 0 = leave its frames
    registers: NDArray[np.uint64]  # scratch
    counts: NDArray[np.uint64]  # messages by index into NAMES


def name_hash(market: int, name: bytes) -> int:
    """What the scanner computes of a stream's name, eight bytes at a time, up to its quote."""
    h = market
    for at in range(0, len(name) + 1, WORD_BYTES):
        h = ((h ^ int.from_bytes(name[at : at + WORD_BYTES], "little")) * PRIME) & _MASK
    return h


def _room(array: NDArray[np.uint64], used: int, more: int) -> NDArray[np.uint64]:
    """The array itself, or one of at least twice the length, when `more` entries would not fit behind `used`."""
    if used + more <= len(array):
        return array
    grown = np.zeros((max(2 * len(array), used + more), *array.shape[1:]), np.uint64)
    grown[:used] = array[:used]
    return grown


class Plan:
    """The growing tables of one codec."""

    def __init__(self) -> None:
        self._slots = np.zeros((64, 2), np.uint64)
        self._templates = np.zeros((16, 6), np.uint64)
        self._steps = np.zeros((256, 4), np.uint64)
        self._literals = np.zeros(512, np.uint64)
        self._masks = np.zeros(512, np.uint64)
        self._scales = np.zeros((16, 2), np.uint64)
        self._markets = np.zeros(1 << 16, np.uint64)
        self._registers = np.zeros(16, np.uint64)
        self._counts = np.zeros(len(NAMES), np.uint64)
        self._template_n = self._step_n = self._literal_n = 0
        self._shapes: dict[tuple[int, bytes], list[Pieces]] = {}

    def tables(self) -> Tables:
        """The tables as they are now; valid until the next change."""
        return Tables(
            self._slots, self._templates, self._steps, self._literals, self._masks,
            self._scales, self._markets, self._registers, self._counts,
        )  # fmt: skip

    def open_source(self, number: int, market: Market) -> None:
        """Let the scanner take frames of a source."""
        self._markets[number] = market

    def set_scales(self, instrument: Instrument) -> None:
        """Quanta of an instrument's newest version."""
        self._scales = _room(self._scales, len(self._scales), instrument.number + 1 - len(self._scales))
        self._scales[instrument.number] = instrument.price_scale, instrument.qty_scale

    def take_counts(self) -> dict[str, int]:
        """Messages the scanner has read since the last call, by name."""
        found = {name: int(n) for name, n in zip(NAMES, self._counts, strict=True) if n}
        self._counts[:] = 0
        return found

    def learn(self, frame: bytes, name: str, market: Market, instrument: Instrument) -> bool:
        """Teach the scanner the shape of a frame that the reference decoder has read.

        Args:
            frame: One enveloped message.
            name: Its type.
            market: Of the source it came from.
            instrument: Whose it is.

        Returns:
            Whether anything changed. A stream has at most `SHAPES_MAX` shapes.
        """
        stream = frame[len(PREFIX) : frame.find(b'"', len(PREFIX))]
        known = self._shapes.setdefault((market, stream), []) if len(self._shapes) < STREAMS_MAX else []
        if len(known) >= SHAPES_MAX or name not in FORMS:
            return False
        pieces = shape_of(frame, name)
        if pieces is None or pieces in known:
            return False
        known.append(pieces)
        self.set_scales(instrument)
        self._add(pieces, name, market, instrument)
        self._add_slot(name_hash(market, stream), self._template_n)
        return True

    def _add(self, pieces: Pieces, name: str, market: Market, instrument: Instrument) -> None:
        first = self._step_n
        for piece in pieces:
            if isinstance(piece, bytes):
                self._add_literal(piece)
            else:
                self._add_step(piece.op, piece.register, 0, 0)
        self._add_step(shapes.DONE, 0, 0, 0)
        form = FORMS[name]
        head = form.kind.number | form.kind.version << 16 | form.flags << 24 | instrument.number << 32
        self._templates = _room(self._templates, self._template_n, 1)
        self._templates[self._template_n] = first, market, instrument.number, head, form.way, NAMES.index(name)
        self._template_n += 1

    def _add_literal(self, raw: bytes) -> None:
        at, n = self._literal_n, -(-len(raw) // WORD_BYTES)
        self._literals = _room(self._literals, at, n)
        self._masks = _room(self._masks, at, n)
        for k in range(n):
            piece = raw[k * WORD_BYTES : (k + 1) * WORD_BYTES]
            self._literals[at + k] = int.from_bytes(piece, "little")
            self._masks[at + k] = (1 << 8 * len(piece)) - 1
        self._literal_n += n
        self._add_step(shapes.LITERAL, 0, at, len(raw))

    def _add_step(self, op: int, register: int, at: int, size: int) -> None:
        self._steps = _room(self._steps, self._step_n, 1)
        self._steps[self._step_n] = op, register, at, size
        self._step_n += 1

    def _add_slot(self, key: int, value: int) -> None:
        if 2 * self._template_n > len(self._slots):
            old = self._slots[self._slots[:, 1] > 0]
            self._slots = np.zeros((2 * len(self._slots), 2), np.uint64)
            for known_key, known in sorted(old.tolist(), key=lambda entry: entry[1]):
                self._put(known_key, known)
        self._put(key, value)

    def _put(self, key: int, value: int) -> None:
        mask = len(self._slots) - 1
        slot = key >> 32 & mask
        while self._slots[slot, 1]:
            slot = slot + 1 & mask
        self._slots[slot] = key, value

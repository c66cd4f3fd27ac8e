"""The reference decoder: msgspec and plain Python. Slow, obvious, and it decides what a frame means.

`Plain.read` looks at one frame and says everything that follows from it without changing anything; `Plain.commit` makes it so.
A frame is taken whole or not at all: a refused one leaves a single `system.refused` row.

What a bare document (no envelope) without `e` and with `lastUpdateId` is, is settled by its place: in a source without envelopes it is the
answer of `GET …/depth`. So a raw spot partial-depth stream cannot be told from a snapshot and must be recorded combined; the same
holds for a raw futures partial stream, which looks like a diff.
"""

import re
from typing import Final, NamedTuple
from urllib.parse import unquote

import msgspec

from veloz.contracts.codes import VENUES, LinkEvent, Refusal
from veloz.contracts.instrument import InstrumentBody
from veloz.contracts.layout import INEXACT, NO_INSTRUMENT, STEP_END
from veloz.contracts.registry import BY_NUMBER, CATALOGUE, CHANGED, LINK, LISTED, PARTIAL, REFUSED, SOURCE, UNKNOWN
from veloz.contracts.system import SourceBody
from veloz.instruments.catalogue import Catalogue, write_offers
from veloz.instruments.inference import infer, merge, refine
from veloz.instruments.instrument import VERSION_FIRST, Instrument, define
from veloz.instruments.units import Written
from veloz.venues.binance import messages, wire
from veloz.venues.binance.klines import read_kline_line
from veloz.venues.binance.messages import Draft, Line, Qty, RefusedFrame, Word
from veloz.venues.binance.rules import read_offers
from veloz.venues.port import FRAME_BODIES_BYTES_MAX, FRAME_ROWS_MAX, Source

Row = tuple[int, int, int, int, int, int, int, int, int, int, int]  # a row's fields, in the order of layout.ROW
SNAPSHOT_NAME: Final = "rest_depth_snapshot"
PARTIAL_NAME: Final = "partialDepth"  # spot partial books carry no `e`
RPI_NAME: Final = "rpiDepth"  # looks like a diff, but its quantities are another book's
NO_NAME: Final = "unknown"
ORIGINS: Final = {1: "binance_usdm", 2: "binance_coinm"}
SYMBOL_MAX: Final = 64
LINE: Final = re.compile(rb"((?:https?|wss?)://[^ ]+) (<->|<-|->)(?: (.*))?", re.DOTALL)
_PARTIAL: Final = re.compile(r"@depth(?:5|10|20)(?:@[0-9]+ms)?", re.ASCII)
_SYMBOL: Final = re.compile(rb"[?&]symbol=([^&]+)")


class UnknownFrame(Exception):
    """A frame of a type this version does not read; never leaves this package."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Reading(NamedTuple):
    """All that follows from one frame."""

    rows: list[Row]
    bodies: list[tuple[int, bytes]]  # (row within the frame, body)
    instruments: list[Instrument]  # new versions, in the order of their rows
    offers: list[InstrumentBody]
    name: str | None  # under which the frame counts as a message
    rejected: bool = False
    unknown: bool = False
    whose: int = NO_INSTRUMENT  # the instrument of a single enveloped message, whose shape a scanner may learn


def row_of(kind: int, flags: int, instrument: int, recv: int, event_ns: int, words: tuple[int, ...]) -> Row:
    """A row out of its head and up to five words; the rest are 0."""
    a, b, c, d, e = (*words, 0, 0, 0, 0, 0)[:5]
    return (kind, BY_NUMBER[kind].version, flags, instrument, recv, event_ns, a, b, c, d, e)


def single(
    kind: int, recv: int, *words: int, name: str | None = None, rejected: bool = False, unknown: bool = False
) -> Reading:
    """A frame that is one row of no instrument."""
    return Reading([row_of(kind, 0, NO_INSTRUMENT, recv, 0, words)], [], [], [], name, rejected, unknown)


def _number(word: Word, instrument: Instrument) -> tuple[int, bool]:
    """A word in the instrument's quanta, and whether it is exact. Something never becomes nothing: that would remove a level."""
    if isinstance(word, int):
        return word, True
    if not isinstance(word, Qty):
        return word.text.floor(instrument.price_scale)
    number, exact = word.text.floor(instrument.qty_scale)
    return (number, True) if exact else (max(number, 1), False)


def market_row(line: Line, instrument: Instrument, recv: int) -> Row:
    """A line in an instrument's quanta; INEXACT where a word had to be rounded: down, or a quantity up to one quantum.

    Raises:
        RefusedFrame: a mean of prices leaves an int64 (prices and quantities were settled before).
    """
    numbers = [_number(word, instrument) for word in line.words]
    flags = line.flags if all(exact for _, exact in numbers) else line.flags | INEXACT
    return row_of(line.kind, flags, instrument.number, recv, line.event_ns, tuple(messages.fit(n) for n, _ in numbers))


def instrument_row(instrument: Instrument, recv: int) -> Row:
    """The row of a version: listed when it is the first, else changed."""
    kind = LISTED if instrument.version == VERSION_FIRST else CHANGED
    words = (instrument.scales, instrument.tick, instrument.lot, instrument.multiplier_e8, instrument.version)
    return row_of(kind.number, 0, instrument.number, recv, 0, words)


def source_row(source: Source, recv: int) -> tuple[Row, bytes]:
    """The row that announces a source, and its body."""
    body = SourceBody(
        venue=source.venue,
        form=source.form,
        symbol=source.symbol,
        columns=source.columns,
        interval_ns=source.interval_ns,
    )
    row = row_of(SOURCE.number, 0, NO_INSTRUMENT, recv, 0, (source.number, int(VENUES[source.venue]), recv))
    return row, msgspec.msgpack.encode(body)


class Plain:
    """The reference decoder of all three markets."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def read(self, frame: bytes, recv: int, source: Source) -> Reading:
        """What one frame means, given the instruments known so far. Changes nothing.

        Args:
            frame: The frame's bytes.
            recv: Receive time, ns.
            source: Where it came from.

        Returns:
            At least one row; the last one ends the step.
        """
        try:
            found = self._read(frame, recv, source)
            if len(found.rows) > FRAME_ROWS_MAX or sum(len(body) for _, body in found.bodies) > FRAME_BODIES_BYTES_MAX:
                raise RefusedFrame(Refusal.TOO_LARGE)
        except UnknownFrame as unknown:
            found = single(UNKNOWN.number, recv, len(frame), source.number, name=unknown.name, unknown=True)
        except RefusedFrame as refusal:
            found = self._refused(refusal.reason, frame, recv, source)
        except msgspec.ValidationError:
            found = self._refused(Refusal.WRONG_SHAPE, frame, recv, source)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found = self._refused(Refusal.NOT_JSON, frame, recv, source)
        last = list(found.rows[-1])
        last[2] |= STEP_END
        found.rows[-1] = tuple(last)  # type: ignore[assignment]
        return found

    def commit(self, reading: Reading) -> None:
        """Take over the instruments and offers of a reading."""
        for offer in reading.offers:
            self.catalogue.offer(offer)
        for instrument in reading.instruments:
            if instrument.version == VERSION_FIRST:
                self.catalogue.list_new(instrument)
            else:
                self.catalogue.change(instrument)

    def _refused(self, reason: Refusal, frame: bytes, recv: int, source: Source) -> Reading:
        return single(REFUSED.number, recv, int(reason), len(frame), source.number, rejected=True)

    def _read(self, frame: bytes, recv: int, source: Source) -> Reading:
        if source.form == "klines":
            return self._settle([read_kline_line(frame, source)], recv, source, "kline")
        url, mark, body = b"", b"", frame
        if line := LINE.fullmatch(frame):
            url, mark, body = line[1], line[2], line[3] or b""
        if mark in (b"<->", b"<-"):
            event = LinkEvent.OPENED if mark == b"<->" else LinkEvent.SENT
            return single(LINK.number, recv, int(event), source.number)
        return self._document(body, recv, source, url)

    def _document(self, body: bytes, recv: int, source: Source, url: bytes) -> Reading:
        fields = fields_of(body)
        if fields is None:
            return self._elements(body, "", recv, source)
        if "stream" in fields and "data" in fields:
            return self._enveloped(fields["data"], _text(fields["stream"]), recv, source)
        if "e" in fields or all(name in fields for name in wire.QUOTE_FIELDS):
            return self._message(body, fields, "", recv, source)
        if "lastUpdateId" in fields:
            return self._snapshot(body, url, recv, source)
        if "symbols" in fields and "serverTime" in fields:
            return self._exchange_info(body, recv, source)
        if "id" in fields and ("result" in fields or "error" in fields):
            done = bytes(fields.get("result", b"")).strip() == b"null"
            event = LinkEvent.ACKNOWLEDGED if done else LinkEvent.ANSWERED
            return single(LINK.number, recv, int(event), source.number)
        raise UnknownFrame(NO_NAME)

    def _enveloped(self, data: msgspec.Raw, stream: str, recv: int, source: Source) -> Reading:
        fields = fields_of(data)
        if fields is None:
            return self._elements(data, stream, recv, source)
        if "lastUpdateId" in fields and "e" not in fields:
            symbol = stream.partition("@")[0].upper()
            return self._settle(
                [messages.snapshot(wire.SNAPSHOT.decode(data), symbol, partial=True)], recv, source, PARTIAL_NAME
            )
        return self._message(data, fields, stream, recv, source)

    def _message(
        self, data: msgspec.Raw | bytes, fields: dict[str, msgspec.Raw], stream: str, recv: int, source: Source
    ) -> Reading:
        name = RPI_NAME if "@rpiDepth" in stream else _name(fields)
        if name not in messages.READERS:
            raise UnknownFrame(name)
        partial = name == "depthUpdate" and _PARTIAL.search(stream) is not None
        draft = messages.depth(wire.DEPTH.decode(data), PARTIAL.number) if partial else messages.read(name, data)
        if stream and not stream.startswith("!") and stream.partition("@")[0].lower() != draft.symbol.lower():
            raise RefusedFrame(Refusal.UNKNOWN_SYMBOL)
        found = self._settle([draft], recv, source, name)
        return found if partial or not stream else found._replace(whose=found.rows[-1][3])

    def _elements(self, data: msgspec.Raw | bytes, stream: str, recv: int, source: Source) -> Reading:
        """An array of messages, all of one type (`!markPrice@arr`); its name is the first one's."""
        try:
            elements = wire.ELEMENTS.decode(data)
        except msgspec.ValidationError:
            raise UnknownFrame(NO_NAME) from None
        names = [_name(fields_of(element) or {}) for element in elements]
        if not names or names[0] not in messages.READERS:
            raise UnknownFrame(names[0] if names else NO_NAME)
        if any(name != names[0] for name in names):
            raise RefusedFrame(Refusal.WRONG_SHAPE)
        return self._settle([messages.read(names[0], element) for element in elements], recv, source, names[0])

    def _snapshot(self, body: bytes, url: bytes, recv: int, source: Source) -> Reading:
        """The answer of GET …/depth."""
        book = wire.SNAPSHOT.decode(body)
        symbol = snapshot_symbol(book.symbol, url, source)
        return self._settle([messages.snapshot(book, symbol)], recv, source, SNAPSHOT_NAME)

    def _exchange_info(self, body: bytes, recv: int, source: Source) -> Reading:
        """The venue's list: one catalogue row with what is new, one changed row for each listed instrument that it changes."""
        server_ns = messages.nanos(wire.SERVER_TIME.decode(body).serverTime)
        offers = read_offers(body, source.venue)
        if offers is None:
            raise RefusedFrame(Refusal.INSTRUMENT_UNFIT)
        fresh = [offer for offer in offers if self.catalogue.stated(offer.venue, offer.symbol) != offer]
        changed = []
        for offer in fresh:
            known = self.catalogue.find(offer.venue, offer.symbol)
            if known is not None and (merged := merge(known.body, offer)) != known.body:
                changed.append(define(merged, known.number, known.version + 1))
        words = (len(offers), len(changed), server_ns, int(VENUES[source.venue]))
        rows = [row_of(CATALOGUE.number, 0, NO_INSTRUMENT, recv, 0, words)]
        rows += [instrument_row(instrument, recv) for instrument in changed]
        bodies = [(0, write_offers(fresh)), *_bodies(changed, 1)]
        return Reading(rows, bodies, changed, fresh, None)

    def _settle(self, drafts: list[Draft], recv: int, source: Source, name: str) -> Reading:
        """Find or make each message's instrument, refine its quanta where a text asks for it, and count in them."""
        fresh: dict[tuple[str, str], Instrument] = {}
        touched: list[Instrument] = []
        rows: list[Row] = []
        for draft in drafts:
            key = (ORIGINS.get(draft.origin, source.venue), draft.symbol)
            if not 0 < len(draft.symbol) <= SYMBOL_MAX:
                raise RefusedFrame(Refusal.UNKNOWN_SYMBOL)
            known = fresh.get(key) or self.catalogue.find(*key)
            settled = self._settled(
                key,
                known,
                draft,
                len(self.catalogue) + 1 + sum(i.version == VERSION_FIRST for i in touched),
                self.catalogue.foreseen(*key) if source.form == "klines" else None,
            )
            if settled is not known:
                touched.append(settled)
                fresh[key] = settled
                rows.append(instrument_row(settled, recv))
            rows += [market_row(line, settled, recv) for line in draft.lines]
        places = [ix for ix, row in enumerate(rows) if row[0] in (LISTED.number, CHANGED.number)]
        bodies = [(ix, msgspec.msgpack.encode(i.body)) for ix, i in zip(places, touched, strict=True)]
        return Reading(rows, bodies, touched, [], name)

    def _settled(
        self,
        key: tuple[str, str],
        known: Instrument | None,
        draft: Draft,
        number: int,
        foreseen: InstrumentBody | None,
    ) -> Instrument:
        return settled(self.catalogue, key, known, messages.texts_of(draft.lines), number, foreseen)


def settled(
    catalogue: Catalogue,
    key: tuple[str, str],
    known: Instrument | None,
    texts: tuple[list[Written], list[Written]],
    number: int,
    foreseen: InstrumentBody | None = None,
) -> Instrument:
    """The instrument whose quanta fit a message; what a file says about a listed one is taken up where that fits, too.

    Args:
        catalogue: What files and lists say.
        key: Venue and symbol.
        known: The version in force; None where it is not listed.
        texts: Prices and quantities of the message.
        number: The instrument's, where it is not listed.
        foreseen: What messages still to come will need, where it is not listed and nobody says anything of it; None: nobody looked.

    Returns:
        `known` itself where it fits as it is.

    Raises:
        RefusedFrame: no allowed quantum would do.
    """
    prices, qtys = texts
    body = known.body if known else catalogue.offered(*key) or foreseen or infer(*key, qtys)
    pending = catalogue.pending(known) if known else None
    refined = (pending and refine(pending, prices, qtys)) or refine(body, prices, qtys)
    if refined is None:
        raise RefusedFrame(Refusal.OUT_OF_RANGE)
    if known is None:
        return define(refined, number)
    return known if refined is body else define(refined, known.number, known.version + 1)


def _bodies(instruments: list[Instrument], first: int) -> list[tuple[int, bytes]]:
    return [(ix, msgspec.msgpack.encode(instrument.body)) for ix, instrument in enumerate(instruments, start=first)]


def snapshot_symbol(stated: str, url: bytes, source: Source) -> str:
    """Whose book it is: stated in the answer (COIN-M), in its address, or the source's.

    Raises:
        RefusedFrame: the answer is another symbol's than was asked for.
    """
    asked = unquote(found[1].decode()) if (found := _SYMBOL.search(url)) else ""
    if asked and stated and asked != stated:
        raise RefusedFrame(Refusal.UNKNOWN_SYMBOL)
    return stated or asked or source.symbol


def fields_of(data: msgspec.Raw | bytes) -> dict[str, msgspec.Raw] | None:
    """The fields of a JSON object; None for any other JSON value."""
    try:
        return wire.FIELDS.decode(data)
    except msgspec.ValidationError:
        return None


def _text(data: msgspec.Raw) -> str:
    try:
        return wire.TEXT.decode(data)
    except msgspec.ValidationError:
        raise UnknownFrame(NO_NAME) from None


def _name(fields: dict[str, msgspec.Raw]) -> str:
    """The type of a message: its `e`, or spot's bookTicker by shape.

    Raises:
        UnknownFrame: it has none.
    """
    if "e" in fields:
        return _text(fields["e"])
    if all(name in fields for name in wire.QUOTE_FIELDS):
        return "bookTicker"
    raise UnknownFrame(NO_NAME)

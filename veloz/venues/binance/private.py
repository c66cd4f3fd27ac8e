"""Frames of Binance's private streams → rows: what happened to our orders, balances and positions, whatever the market.

A frame is taken whole or not at all; what cannot be read exactly leaves a single `system.refused` row, a type this version does not
know a single `system.unknown`. Rows are a function of the frame, of the instruments, assets and engine runs known so far, and of
the account that its source belongs to; there is no other memory. A stream that ends (`system.link` with event ENDED), a refused or unknown
frame mean that something was missed: ask for a statement.

Source: binance.md §5.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import numpy as np

from veloz.contracts.account import AccountOpened, NameBody
from veloz.contracts.codes import VENUES, LinkEvent, Refusal
from veloz.contracts.layout import NO_INSTRUMENT, ROW, STEP_END
from veloz.contracts.registry import LINK, OPENED, REFUSED, UNKNOWN
from veloz.instruments.assets import AssetBook
from veloz.instruments.catalogue import Catalogue
from veloz.instruments.epochs import Epochs
from veloz.instruments.instrument import VERSION_FIRST, Instrument
from veloz.venues.binance import private_accounts as accounts
from veloz.venues.binance import private_orders as orders
from veloz.venues.binance import private_wire as wire
from veloz.venues.binance.messages import RefusedFrame, nanos
from veloz.venues.binance.plain import NO_NAME, Row, fields_of, row_of, source_row
from veloz.venues.binance.private_rows import Line, Told, amount, decimal, settle
from veloz.venues.binance.private_statements import ORDERS, QUESTIONS, answer_of, order_lines, whole_statement
from veloz.venues.binance.wire import TEXT
from veloz.venues.port import FRAME_BODIES_BYTES_MAX, FRAME_ROWS_MAX, Counts, FrameBlock, LocalError, RowBlock, Source

ACCOUNT_MAX: Final = 255
SPOT: Final = ("binance_spot",)
FUTURES: Final = ("binance_usdm", "binance_coinm")
STATEMENT: Final = "statement"
LIST_TYPES: Final = ("EXEC_STARTED", "UPDATED", "ALL_DONE", "RESPONSE")
LIST_STATES: Final = ("EXECUTING", "ALL_DONE", "REJECT")


class _UnknownType(Exception):
    """An event of a type this version does not read."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _noted(event: Any) -> None:
    nanos(event.E)


def _trade_lite(event: wire.TradeLite) -> None:
    """Its fill comes again, with fee and status, as ORDER_TRADE_UPDATE: booked here it would count twice."""
    nanos(event.E)
    for text in (event.q, event.p, event.L, event.l):
        amount(text)


def _list_status(event: wire.ListStatus) -> None:
    nanos(event.E)
    if event.l not in LIST_TYPES or event.L not in LIST_STATES:
        raise RefusedFrame(Refusal.WRONG_SHAPE)


def _lock_update(event: wire.BalanceUpdate) -> None:
    nanos(event.E)
    decimal(event.d)


Booked = tuple[tuple[str, ...], msgspec.json.Decoder[Any], Callable[[Any, int], list[Line]]]
BOOKED: Final[dict[str, Booked]] = {
    "outboundAccountPosition": (SPOT, wire.ACCOUNT_POSITION, accounts.account_position),
    "outboundAccountInfo": (SPOT, wire.ACCOUNT_POSITION, accounts.account_position),
    "balanceUpdate": (SPOT, wire.BALANCE_UPDATE, accounts.balance_update),
    "ACCOUNT_UPDATE": (FUTURES, wire.ACCOUNT_UPDATE, accounts.account_update),
    "MARGIN_CALL": (FUTURES, wire.MARGIN_CALL, accounts.margin_call),
    "ACCOUNT_CONFIG_UPDATE": (FUTURES, wire.ACCOUNT_CONFIG_UPDATE, accounts.account_config),
}
Reported = tuple[tuple[str, ...], msgspec.json.Decoder[Any], Callable[[Any, int, Epochs], list[Line]]]
REPORTED: Final[dict[str, Reported]] = {
    "executionReport": (SPOT, wire.EXECUTION_REPORT, orders.execution_report),
    "ORDER_TRADE_UPDATE": (FUTURES, wire.ORDER_TRADE_UPDATE, orders.order_trade_update),
    "ALGO_UPDATE": (FUTURES, wire.ALGO_UPDATE, orders.algo_update),
}
Heard = tuple[tuple[str, ...], msgspec.json.Decoder[Any], Callable[[Any], None], LinkEvent]
HEARD: Final[dict[str, Heard]] = {
    "listStatus": (SPOT, wire.LIST_STATUS, _list_status, LinkEvent.NOTED),
    "externalLockUpdate": (SPOT, wire.BALANCE_UPDATE, _lock_update, LinkEvent.NOTED),
    "eventStreamTerminated": (SPOT, wire.EVENT, _noted, LinkEvent.ENDED),
    "serverShutdown": (SPOT, wire.EVENT, _noted, LinkEvent.NOTED),
    "TRADE_LITE": (FUTURES, wire.TRADE_LITE, _trade_lite, LinkEvent.NOTED),
    "CONDITIONAL_ORDER_TRIGGER_REJECT": (FUTURES, wire.CONDITIONAL_REJECT, _noted, LinkEvent.NOTED),
    "STRATEGY_UPDATE": (FUTURES, wire.EVENT, _noted, LinkEvent.NOTED),
    "GRID_UPDATE": (FUTURES, wire.EVENT, _noted, LinkEvent.NOTED),
    "listenKeyExpired": (FUTURES, wire.EVENT, _noted, LinkEvent.ENDED),
}


def open_account(opened: AccountOpened, name: str, recv: int) -> tuple[Row, bytes]:
    """The row that makes an account known, which must stand before anything that is said about it, and its body.

    Args:
        opened: Number (1 … 255), market, and how its positions are kept.
        name: What people call it.
        recv: Receive time of the row, ns.
    """
    words = (opened.account, opened.market, opened.hedge, opened.lots, opened.reporting)
    return row_of(OPENED.number, 0, NO_INSTRUMENT, recv, 0, words), msgspec.msgpack.encode(NameBody(name=name))


class PrivateCodec:
    """The private streams of any number of accounts. One source is one account."""

    def __init__(
        self,
        catalogue: Catalogue,
        assets: AssetBook,
        counts: Counts | None = None,
        changed: Callable[[Instrument], None] | None = None,
        *,
        epochs: Epochs,
    ) -> None:
        """`catalogue` is the public codec's own; `changed` is told every new version of an instrument (its `take_version`); `epochs` knows
        which engine runs the journal has, and whoever runs the codec teaches it: client ids of other runs are not ours."""
        self.catalogue = catalogue
        self.assets = assets
        self.counts = Counts() if counts is None else counts
        self._changed = changed
        self._epochs = epochs
        self._sources: dict[int, tuple[Source, int]] = {}
        self._announced: dict[int, bool] = {}

    def declare(self, source: Source, account: int, announced: bool = False) -> None:
        """Make a source known.

        Args:
            source: Its number must be free, or hold the same source.
            account: Whose stream it is, 1 … 255; the journal has its account.opened row.
            announced: The journal has its `system.source` row already; otherwise its first frame will begin with one.

        Raises:
            LocalError: number, venue or account are impossible, or the number belongs to another source.
        """
        if not 1 <= source.number < 1 << 16 or source.venue not in VENUES or not 1 <= account <= ACCOUNT_MAX:
            raise LocalError(f"Source {source.number} of {source.venue!r}, account {account}, cannot be declared.")
        if self._sources.get(source.number, (source, account)) != (source, account):
            raise LocalError(
                f"Source {source.number} is declared already as something else; give it a number of its own."
            )
        self._sources[source.number] = (source, account)
        self._announced[source.number] = announced or self._announced.get(source.number, False)

    def decode(self, block: FrameBlock) -> RowBlock:
        """Rows of a block of frames: at least one a frame, the last of each frame with STEP_END.

        Raises:
            LocalError: a frame's source was never declared; nothing of the block is decoded then.
        """
        if any(int(number) not in self._sources for number in np.unique(block.source)):
            raise LocalError("A frame belongs to a source that was never declared; declare it before its frames.")
        rows: list[Row] = []
        bodies: list[tuple[int, bytes]] = []
        first_row = np.zeros(len(block), np.uint32)
        for ix in range(len(block)):
            first_row[ix] = len(rows)
            source, _ = self._sources[int(block.source[ix])]
            recv = int(block.recv[ix])
            if not self._announced[source.number]:
                self._announced[source.number] = True
                row, body = source_row(source, recv)
                bodies.append((len(rows), body))
                rows.append(row)
            told = self.read(block.frame(ix), recv, source.number)
            self.commit(told)
            bodies += [(len(rows) + place, body) for place, body in told.bodies]
            rows += told.rows
        return RowBlock(np.array(rows, ROW), first_row, bodies)

    def read(self, frame: bytes, recv: int, number: int) -> Told:
        """What one frame means. Changes nothing.

        Args:
            frame: Bytes of one message, with or without an envelope.
            recv: Receive time, ns.
            number: Of its declared source.

        Returns:
            At least one row; the last one ends the step.
        """
        source, account = self._sources[number]
        return self._guarded(lambda: self._document(frame, recv, source, account), len(frame), recv, number)

    def read_statement(self, answers: Mapping[str, bytes], recv: int, number: int, at_ns: int = 0) -> Told:
        """What the answers say that make a whole statement of an account, between two account.statement rows. Changes nothing.

        Args:
            answers: Bodies by question, with or without the WS API's envelope: all of `private_statements.QUESTIONS` of the venue.
            recv: Receive time of the last of them, ns.
            number: Of the account's declared source.
            at_ns: The venue's time at which they hold, 0 = not stated.

        Returns:
            All rows, or a single refusal; the last one ends the step.

        Raises:
            LocalError: a question was not asked, or another one was.
        """
        source, account = self._sources[number]
        if set(answers) != set(QUESTIONS[source.venue]):
            raise LocalError(f"A statement of {source.venue} is made of the answers about {QUESTIONS[source.venue]}.")
        knows = (self._knows_asset, lambda symbol: self.catalogue.find(source.venue, symbol) is not None)
        return self._guarded(
            lambda: self._settled(whole_statement(source.venue, answers, account, at_ns, knows, self._epochs), recv, source, STATEMENT),
            sum(map(len, answers.values())), recv, number,
        )  # fmt: skip

    def read_orders(self, answer: bytes, recv: int, number: int) -> Told:
        """What the answer to a question about one or more orders says: each order whole, and its state. Changes nothing.

        Args:
            answer: Body of GET order, openOrders or allOrders, with or without the WS API's envelope.
            recv: Receive time, ns.
            number: Of the account's declared source.

        Returns:
            All rows, or a single refusal; where there are no orders, a single system.link row.
        """
        source, account = self._sources[number]
        return self._guarded(
            lambda: self._settled(order_lines(source.venue, answer_of(answer), account, self._epochs), recv, source, ORDERS),
            len(answer), recv, number,
        )  # fmt: skip

    def _knows_asset(self, name: str) -> bool:
        return self.assets.find(name) is not None

    def _guarded(self, make: Callable[[], Told], size: int, recv: int, number: int) -> Told:
        """What was made, its last row ending the step; or why not, as a single row."""
        try:
            told = make()
            if len(told.rows) > FRAME_ROWS_MAX or sum(len(body) for _, body in told.bodies) > FRAME_BODIES_BYTES_MAX:
                raise RefusedFrame(Refusal.TOO_LARGE)
        except _UnknownType as unknown:
            told = _one(UNKNOWN.number, recv, size, number, name=unknown.name, unknown=True)
        except RefusedFrame as refusal:
            told = _one(REFUSED.number, recv, int(refusal.reason), size, number, rejected=True)
        except msgspec.ValidationError:
            told = _one(REFUSED.number, recv, int(Refusal.WRONG_SHAPE), size, number, rejected=True)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            told = _one(REFUSED.number, recv, int(Refusal.NOT_JSON), size, number, rejected=True)
        kind, version, flags, *rest = told.rows[-1]
        return told._replace(rows=[*told.rows[:-1], (kind, version, flags | STEP_END, *rest)])  # type: ignore[list-item]

    def commit(self, told: Told) -> None:
        """Take over the instruments and assets of a reading, and count it."""
        for asset in told.assets:
            self.assets.add(asset)
        for instrument in told.instruments:
            if instrument.version == VERSION_FIRST:
                self.catalogue.list_new(instrument)
            else:
                self.catalogue.change(instrument)
            if self._changed is not None:
                self._changed(instrument)
        for number, payment in told.payments:
            self.assets.state_payment(number, payment)
        if told.name is not None:
            self.counts.messages[told.name] += 1
        self.counts.rejected += told.rejected
        self.counts.unknown += told.unknown

    def _document(self, frame: bytes, recv: int, source: Source, account: int) -> Told:
        """A frame without its envelope: a bare event, `{"stream", "data"}`, `{"subscriptionId", "event"}`, or a request's answer."""
        frame.decode()  # the decoder does not look at bytes of texts it passes over
        data: bytes | msgspec.Raw = frame
        fields = fields_of(frame)
        if fields is not None and "e" not in fields:
            if "stream" in fields and "data" in fields:
                data = fields["data"]
            elif "event" in fields:
                data = fields["event"]
            elif "id" in fields and ("result" in fields or "error" in fields):
                done = bytes(fields.get("result", b"")).strip() == b"null"
                said = LinkEvent.ACKNOWLEDGED if done else LinkEvent.ANSWERED
                return _one(LINK.number, recv, int(said), source.number)
            fields = fields_of(data)
        if fields is None or "e" not in fields:
            raise _UnknownType(NO_NAME)
        return self._event(TEXT.decode(fields["e"]), data, recv, source, account)

    def _event(self, name: str, data: bytes | msgspec.Raw, recv: int, source: Source, account: int) -> Told:
        if name in REPORTED and source.venue in REPORTED[name][0]:
            _, stated, report = REPORTED[name]
            return self._settled(report(stated.decode(data), account, self._epochs), recv, source, name)
        if name in BOOKED and source.venue in BOOKED[name][0]:
            _, decoder, reader = BOOKED[name]
            return self._settled(reader(decoder.decode(data), account), recv, source, name)
        if name in HEARD and source.venue in HEARD[name][0]:
            _, heard, check, event = HEARD[name]
            check(heard.decode(data))
            return _one(LINK.number, recv, int(event), source.number, name=name)
        raise _UnknownType(name)

    def _settled(self, lines: list[Line], recv: int, source: Source, name: str) -> Told:
        """Rows of lines; where there is nothing to book, a row that says that something was heard."""
        if lines:
            return settle(lines, self.catalogue, self.assets, source.venue, recv, name)
        return _one(LINK.number, recv, int(LinkEvent.NOTED), source.number, name=name)


def _one(
    kind: int, recv: int, *words: int, name: str | None = None, rejected: bool = False, unknown: bool = False
) -> Told:
    """A frame that is one row of no instrument."""
    row = row_of(kind, 0, NO_INSTRUMENT, recv, 0, words)
    return Told([row], [], name, rejected=rejected, unknown=unknown)

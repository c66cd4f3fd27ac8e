"""The one table: kind number ↔ name ↔ version ↔ struct ↔ row view ↔ body.

Numbers are frozen for ever. Kinds 0–126 have a bit of their own in the journal's batch bitmap; ranges belong to topics.
"""

from dataclasses import dataclass
from typing import Final, get_type_hints

import msgspec
import numpy as np

from veloz.contracts import account, command, instrument, market, order, pnl, risk, strategy, system
from veloz.contracts.layout import row_view

TOPICS: Final = (
    "md", "indicator", "strategy", "risk", "instrument", "order", "account", "pnl", "ml", "system", "control",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """One kind of record."""

    number: int
    name: str  # topic.what
    version: int
    struct: type[msgspec.Struct]
    view: np.dtype[np.void]
    body: type[msgspec.Struct] | None = None

    @property
    def topic(self) -> str:
        """The part before the first dot."""
        return self.name.partition(".")[0]

    @property
    def units(self) -> tuple[str, ...]:
        """What each word counts: price, qty, ns, id, count or e8."""
        hints = get_type_hints(self.struct, include_extras=True)
        return tuple(str(hints[name].__metadata__[0].extra["unit"]) for name in self.words)

    @property
    def words(self) -> tuple[str, ...]:
        """Names of the kind's own words, in order."""
        return tuple(self.struct.__struct_fields__)


def _kind(number: int, struct: type[msgspec.Struct], body: type[msgspec.Struct] | None = None, name: str = "") -> Kind:
    tag = name or str(struct.__struct_config__.tag)
    what, _, version = tag.rpartition(".v")
    assert what.partition(".")[0] in TOPICS, tag
    return Kind(number, what, int(version), struct, row_view(*struct.__struct_fields__), body)


TRADE: Final = _kind(1, market.TradePrinted)
QUOTE: Final = _kind(2, market.QuoteChanged)
LEVEL: Final = _kind(3, market.LevelSet)
MARK: Final = _kind(4, market.MarkPriced)
AGGTRADE: Final = _kind(5, market.TradesAggregated)
BAR: Final = _kind(6, market.BarStated)
BAR_VOLUME: Final = _kind(7, market.BarVolumeStated)
LIQUIDATION: Final = _kind(8, market.OrderLiquidated)
PARTIAL: Final = _kind(9, market.PartialLevelSet)
VENUE_LEVEL: Final = _kind(10, market.VenueLevelSet)
VENUE_TRADE: Final = _kind(11, market.VenueTradePrinted)
LISTED: Final = _kind(32, instrument.InstrumentStated, instrument.InstrumentBody)
CHANGED: Final = _kind(33, instrument.InstrumentStated, instrument.InstrumentBody, "instrument.changed.v1")
CATALOGUE: Final = _kind(34, instrument.CatalogueStated, instrument.CatalogueBody)
RESOLVED: Final = _kind(35, instrument.InstrumentResolved)
ASSETS: Final = _kind(36, instrument.AssetsStated)
FILTERS: Final = _kind(37, instrument.FiltersStated)
STATUS: Final = _kind(38, instrument.StatusChanged)
BOUNDS: Final = _kind(39, instrument.PriceBounds)
STARTED: Final = _kind(48, system.EngineStarted)
REFUSED: Final = _kind(49, system.FrameRefused)
UNKNOWN: Final = _kind(50, system.FrameUnknown)
LINK: Final = _kind(51, system.LinkChanged)
SOURCE: Final = _kind(52, system.SourceDeclared, system.SourceBody)

TIMER: Final = _kind(53, system.TimerFired)
DIVERGED: Final = _kind(54, system.StateDiverged)
DATA_NAMED: Final = _kind(55, system.DataNamed, system.DataBody)
DATA_FOLDED: Final = _kind(56, system.DataFolded)

INTENT: Final = _kind(16, strategy.IntentStated)
DISABLED: Final = _kind(17, strategy.StrategyDisabled, strategy.DisabledBody)

APPROVED: Final = _kind(64, risk.OrderApproved)
GATE_REFUSED: Final = _kind(65, risk.OrderRefused)
STOPPED: Final = _kind(66, risk.TradingStopped)
VIOLATION: Final = _kind(67, risk.FillViolated)
BREAKER: Final = _kind(68, risk.BreakerMoved)
LIMIT: Final = _kind(69, risk.LimitChanged)
FROZEN: Final = _kind(70, risk.InstrumentFrozen)
COMMAND_REFUSED: Final = _kind(71, risk.CommandRefused)

DRAFTED: Final = _kind(72, order.OrderDrafted)
TERMS: Final = _kind(73, order.OrderTerms)
REQUESTED: Final = _kind(74, order.OrderRequested)
CANCEL_REQUESTED: Final = _kind(75, order.CancelRequested)
AMEND_REQUESTED: Final = _kind(76, order.AmendRequested)
DISPATCHED: Final = _kind(77, order.OrderDispatched)
NOT_SENT: Final = _kind(78, order.OrderNotSent)
SILENT: Final = _kind(79, order.OrderSilent)
ACCEPTED: Final = _kind(80, order.OrderReported)
CANCELED: Final = _kind(81, order.OrderReported, name="order.canceled.v1")
EXPIRED: Final = _kind(82, order.OrderReported, name="order.expired.v1")
REJECTED: Final = _kind(83, order.OrderRejected)
REPLACED: Final = _kind(84, order.OrderReplaced)
REQUEST_REJECTED: Final = _kind(85, order.RequestRejected)
FILLED: Final = _kind(86, order.OrderFilled)
FEE: Final = _kind(87, order.FeePaid)
MISSING: Final = _kind(88, order.OrderMissing)
BUSTED: Final = _kind(89, order.TradeBusted)
ORDER_STATED: Final = _kind(90, order.OrderStated)

OPENED: Final = _kind(96, account.AccountOpened, account.NameBody)
ASSET: Final = _kind(97, account.AssetNamed, account.NameBody)
RATE: Final = _kind(98, account.RateStated)
BALANCE: Final = _kind(99, account.BalanceStated)
BALANCE_CHANGED: Final = _kind(100, account.BalanceChanged)
POSITION: Final = _kind(101, account.PositionStated)
FUNDING: Final = _kind(102, account.FundingPaid)
LEVERAGE: Final = _kind(103, account.LeverageStated)
BRACKET: Final = _kind(104, account.BracketStated)
FEES: Final = _kind(105, account.FeesStated)
STATEMENT: Final = _kind(106, account.StatementMarked)
MARGIN_CALL: Final = _kind(107, account.MarginCalled)

PNL: Final = _kind(112, pnl.PnlUpdated)

COMMAND_ORDER: Final = _kind(116, command.OrderCommanded)
COMMAND_STOP: Final = _kind(117, command.StopCommanded)
COMMAND_LIMIT: Final = _kind(118, command.LimitCommanded)
COMMAND_BREAKER: Final = _kind(119, command.BreakerCommanded)
COMMAND_STRATEGY: Final = _kind(120, command.StrategyCommanded, command.StrategyBody)
COMMAND_PARAM: Final = _kind(121, command.ParameterCommanded, command.ParameterBody)
COMMAND_SETTLE: Final = _kind(122, command.DifferenceSettled)

KINDS: Final = (
    TRADE, QUOTE, LEVEL, MARK, AGGTRADE, BAR, BAR_VOLUME, LIQUIDATION, PARTIAL, VENUE_LEVEL, VENUE_TRADE,
    INTENT, DISABLED,
    LISTED, CHANGED, CATALOGUE, RESOLVED, ASSETS, FILTERS, STATUS, BOUNDS,
    STARTED, REFUSED, UNKNOWN, LINK, SOURCE, TIMER, DIVERGED, DATA_NAMED, DATA_FOLDED,
    APPROVED, GATE_REFUSED, STOPPED, VIOLATION, BREAKER, LIMIT, FROZEN, COMMAND_REFUSED,
    DRAFTED, TERMS, REQUESTED, CANCEL_REQUESTED, AMEND_REQUESTED, DISPATCHED, NOT_SENT, SILENT, ACCEPTED, CANCELED, EXPIRED,
    REJECTED, REPLACED, REQUEST_REJECTED, FILLED, FEE, MISSING, BUSTED, ORDER_STATED,
    OPENED, ASSET, RATE, BALANCE, BALANCE_CHANGED, POSITION, FUNDING, LEVERAGE, BRACKET, FEES, STATEMENT, MARGIN_CALL,
    PNL,
    COMMAND_ORDER, COMMAND_STOP, COMMAND_LIMIT, COMMAND_BREAKER, COMMAND_STRATEGY, COMMAND_PARAM, COMMAND_SETTLE,
)  # fmt: skip
DECISIONS: Final = (  # rows that follow from other rows; a replay makes each of them again
    INTENT, DISABLED, RESOLVED, DIVERGED,
    APPROVED, GATE_REFUSED, STOPPED, VIOLATION, BREAKER, LIMIT, FROZEN, COMMAND_REFUSED,
    DRAFTED, REQUESTED, CANCEL_REQUESTED, AMEND_REQUESTED, PNL,
)  # fmt: skip
BY_NUMBER: Final = {kind.number: kind for kind in KINDS}
BY_NAME: Final = {kind.name: kind for kind in KINDS}
assert len(BY_NUMBER) == len(BY_NAME) == len(KINDS), "a kind's number and name are its own"
assert all(kind.number <= 126 for kind in KINDS), "each kind has its own bit in a batch's bitmap"


def find_kinds(text: str) -> tuple[int, ...]:
    """Numbers of the kinds a filter names.

    Args:
        text: A kind (`md.trade`), a kind with version (`md.trade.v1`) or a topic (`md.*` or `md`).

    Returns:
        Kind numbers, ascending; empty when nothing is called so.
    """
    topic = text.removesuffix(".*")
    if topic in TOPICS:
        return tuple(kind.number for kind in KINDS if kind.topic == topic)
    name, _, version = text.rpartition(".v")
    if version.isdigit() and name in BY_NAME and BY_NAME[name].version == int(version):
        return (BY_NAME[name].number,)
    return (BY_NAME[text].number,) if text in BY_NAME else ()

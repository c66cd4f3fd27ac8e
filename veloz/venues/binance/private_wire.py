"""What Binance writes on its private streams: structs for msgspec, strict.

Names are the venue's own. A field with a default is absent (or null) in some product, year or state of an order; a wrong type is
never bent into the right one. Unknown keys are ignored. Decimals are texts.

Source: binance.md §5.1, §5.3; developers.binance.com, user data streams of spot, USDⓈ-M and COIN-M.
"""

from typing import Final

import msgspec


class ExecutionReport(msgspec.Struct, frozen=True, gc=False):
    """Spot `executionReport`."""

    E: int
    s: str
    c: str
    S: str
    o: str
    f: str
    q: str
    p: str
    x: str
    X: str
    i: int
    l: str  # noqa: E741
    z: str
    L: str
    T: int
    t: int
    m: bool
    P: str = "0"
    C: str | None = None
    r: str = "NONE"
    n: str | None = None
    N: str | None = None
    V: str | None = None
    d: int = 0
    A: str | None = None
    eR: str = "NONE"


class FuturesOrder(msgspec.Struct, frozen=True, gc=False):
    """The inner part of `ORDER_TRADE_UPDATE`."""

    s: str
    c: str
    S: str
    o: str
    f: str
    q: str
    p: str
    x: str
    X: str
    i: int
    l: str  # noqa: E741
    z: str
    L: str
    t: int
    m: bool
    R: bool
    ps: str
    sp: str | None = None
    N: str | None = None
    n: str | None = None
    wt: str = "CONTRACT_PRICE"
    AP: str | None = None
    cr: str | None = None
    V: str | None = None
    gtd: int = 0
    er: str = "0"


class OrderTradeUpdate(msgspec.Struct, frozen=True, gc=False):
    """`ORDER_TRADE_UPDATE`."""

    E: int
    T: int
    o: FuturesOrder


class AlgoOrder(msgspec.Struct, frozen=True, gc=False):
    """The inner part of `ALGO_UPDATE`: an order that waits for its condition."""

    caid: str
    aid: int
    o: str
    s: str
    S: str
    ps: str
    f: str
    q: str
    X: str
    tp: str
    p: str
    R: bool
    ai: str = ""
    aq: str = "0"
    V: str | None = None
    wt: str = "CONTRACT_PRICE"
    gtd: int = 0


class AlgoUpdate(msgspec.Struct, frozen=True, gc=False):
    """`ALGO_UPDATE`."""

    E: int
    T: int
    o: AlgoOrder


class SpotBalance(msgspec.Struct, frozen=True, gc=False):
    """One asset of a spot account: free and locked."""

    a: str
    f: str
    l: str  # noqa: E741


class AccountPosition(msgspec.Struct, frozen=True, gc=False):
    """`outboundAccountPosition`, and `outboundAccountInfo` as it was called until 2020."""

    E: int
    u: int
    B: list[SpotBalance]


class BalanceUpdate(msgspec.Struct, frozen=True, gc=False):
    """`balanceUpdate` and `externalLockUpdate`."""

    E: int
    a: str
    d: str
    T: int


class Wallet(msgspec.Struct, frozen=True, gc=False):
    """One asset of a futures account."""

    a: str
    wb: str
    cw: str
    bc: str = "0"


class Held(msgspec.Struct, frozen=True, gc=False):
    """One position of a futures account."""

    s: str
    pa: str
    ep: str
    up: str
    ps: str
    mt: str = ""


class AccountChange(msgspec.Struct, frozen=True, gc=False):
    """The inner part of `ACCOUNT_UPDATE`."""

    B: list[Wallet]
    P: list[Held] = []
    m: str = ""
    S: str = ""


class AccountUpdate(msgspec.Struct, frozen=True, gc=False):
    """`ACCOUNT_UPDATE`."""

    E: int
    T: int
    a: AccountChange


class CalledPosition(msgspec.Struct, frozen=True, gc=False):
    """One position of a `MARGIN_CALL`."""

    s: str
    ps: str
    pa: str
    mt: str
    mp: str
    mm: str
    iw: str = ""


class MarginCall(msgspec.Struct, frozen=True, gc=False):
    """`MARGIN_CALL`. `cw` is there for cross positions only."""

    E: int
    p: list[CalledPosition]
    cw: str = ""


class Leverage(msgspec.Struct, frozen=True, gc=False):
    """The `ac` of `ACCOUNT_CONFIG_UPDATE`."""

    s: str
    l: int  # noqa: E741


class MultiAssets(msgspec.Struct, frozen=True, gc=False):
    """The `ai` of `ACCOUNT_CONFIG_UPDATE`."""

    j: bool


class AccountConfigUpdate(msgspec.Struct, frozen=True, gc=False):
    """`ACCOUNT_CONFIG_UPDATE`."""

    E: int
    T: int
    ac: Leverage | None = None
    ai: MultiAssets | None = None


class ListStatus(msgspec.Struct, frozen=True, gc=False):
    """`listStatus`: its orders report for themselves."""

    E: int
    s: str
    g: int
    l: str  # noqa: E741
    L: str
    T: int


class TradeLite(msgspec.Struct, frozen=True, gc=False):
    """`TRADE_LITE`: a fill, sooner and without its fee."""

    E: int
    T: int
    s: str
    q: str
    p: str
    m: bool
    c: str
    S: str
    L: str
    l: str  # noqa: E741
    t: int
    i: int


class Event(msgspec.Struct, frozen=True, gc=False):
    """An event of which only the time is read."""

    E: int


class TriggerRejected(msgspec.Struct, frozen=True, gc=False):
    """The inner part of `CONDITIONAL_ORDER_TRIGGER_REJECT`."""

    s: str
    i: int
    r: str


class ConditionalReject(msgspec.Struct, frozen=True, gc=False):
    """`CONDITIONAL_ORDER_TRIGGER_REJECT`."""

    E: int
    T: int
    rejected: TriggerRejected = msgspec.field(name="or")


class StatedOrder(msgspec.Struct, frozen=True, gc=False):
    """An order as an answer of any market states it."""

    symbol: str
    orderId: int
    clientOrderId: str
    price: str
    origQty: str
    executedQty: str
    status: str
    timeInForce: str
    type: str
    side: str
    updateTime: int = 0
    time: int = 0
    stopPrice: str | None = None
    positionSide: str = "BOTH"
    reduceOnly: bool = False
    workingType: str = "CONTRACT_PRICE"
    selfTradePreventionMode: str | None = None
    preventedQuantity: str | None = None
    activatePrice: str | None = None
    priceRate: str | None = None
    goodTillDate: int = 0


class SpotAsset(msgspec.Struct, frozen=True, gc=False):
    """One entry of `balances`."""

    asset: str
    free: str
    locked: str


class SpotAccount(msgspec.Struct, frozen=True, gc=False):
    """The answer of GET /api/v3/account."""

    balances: list[SpotAsset]
    updateTime: int = 0


class FuturesAsset(msgspec.Struct, frozen=True, gc=False):
    """One entry of `assets`."""

    asset: str
    walletBalance: str
    updateTime: int = 0


class FuturesAccount(msgspec.Struct, frozen=True, gc=False):
    """The answer of GET /fapi/v2/account, /fapi/v3/account, /dapi/v1/account: its positions lack entry prices, so they are not read."""

    assets: list[FuturesAsset]


class StatedPosition(msgspec.Struct, frozen=True, gc=False):
    """One entry of GET …/positionRisk."""

    symbol: str
    positionAmt: str
    entryPrice: str
    unRealizedProfit: str
    positionSide: str = "BOTH"
    updateTime: int = 0
    leverage: str | None = None
    marginType: str | None = None


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What the WS API wraps its answers in."""

    status: int
    result: msgspec.Raw


STATED_ORDER: Final = msgspec.json.Decoder(StatedOrder)
STATED_ORDERS: Final = msgspec.json.Decoder(list[StatedOrder])
SPOT_ACCOUNT: Final = msgspec.json.Decoder(SpotAccount)
FUTURES_ACCOUNT: Final = msgspec.json.Decoder(FuturesAccount)
STATED_POSITIONS: Final = msgspec.json.Decoder(list[StatedPosition])
ANSWER: Final = msgspec.json.Decoder(Answer)
EXECUTION_REPORT: Final = msgspec.json.Decoder(ExecutionReport)
ORDER_TRADE_UPDATE: Final = msgspec.json.Decoder(OrderTradeUpdate)
ALGO_UPDATE: Final = msgspec.json.Decoder(AlgoUpdate)
ACCOUNT_POSITION: Final = msgspec.json.Decoder(AccountPosition)
BALANCE_UPDATE: Final = msgspec.json.Decoder(BalanceUpdate)
ACCOUNT_UPDATE: Final = msgspec.json.Decoder(AccountUpdate)
MARGIN_CALL: Final = msgspec.json.Decoder(MarginCall)
ACCOUNT_CONFIG_UPDATE: Final = msgspec.json.Decoder(AccountConfigUpdate)
LIST_STATUS: Final = msgspec.json.Decoder(ListStatus)
TRADE_LITE: Final = msgspec.json.Decoder(TradeLite)
EVENT: Final = msgspec.json.Decoder(Event)
CONDITIONAL_REJECT: Final = msgspec.json.Decoder(ConditionalReject)

"""What Binance writes on the wire: structs for the reference decoder.

Names are the venue's own. Fields that have a default are absent in some product or year: spot depth has no `T` and no `pu`,
spot bookTicker no `e` and no times. `st` (1 USDⓈ-M, 2 COIN-M) says whose instrument it is, since both hosts push the
merged universe (2026). Unknown keys are ignored.
"""

from typing import Final

import msgspec

Level = tuple[str, str]
EVENT_MAX_MS: Final = (2**63 - 1) // 1_000_000


class Depth(msgspec.Struct, frozen=True, gc=False):
    """`depthUpdate`, as a diff or as the top of a book (`@depth5`, futures)."""

    E: int
    s: str
    U: int
    u: int
    b: list[Level]
    a: list[Level]
    T: int = 0
    pu: int = 0
    st: int = 0


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """A book: the answer of `GET …/depth`, or a spot partial-depth message."""

    lastUpdateId: int
    bids: list[Level]
    asks: list[Level]
    E: int = 0
    T: int = 0
    symbol: str = ""


class SnapshotText(msgspec.Struct, frozen=True, gc=False):
    """A `Snapshot` whose levels are left as text."""

    lastUpdateId: int
    bids: msgspec.Raw
    asks: msgspec.Raw
    E: int = 0
    T: int = 0
    symbol: str = ""


class BookTicker(msgspec.Struct, frozen=True, gc=False):
    """Best bid and offer."""

    u: int
    s: str
    b: str
    B: str
    a: str
    A: str
    E: int = 0
    T: int = 0
    st: int = 0


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One print. `m`: the buyer was the maker."""

    E: int
    s: str
    t: int
    p: str
    q: str
    T: int
    m: bool
    X: str = "MARKET"
    st: int = 0


class AggTrade(msgspec.Struct, frozen=True, gc=False):
    """Fills of one taker order at one price; `f` … `l` are the trade ids."""

    E: int
    s: str
    a: int
    p: str
    q: str
    f: int
    l: int  # noqa: E741
    T: int
    m: bool
    st: int = 0


class MarkPrice(msgspec.Struct, frozen=True, gc=False):
    """`markPriceUpdate`. Delivery contracts have `r` = "" and `T` = 0."""

    E: int
    s: str
    p: str
    i: str = ""
    P: str = ""
    r: str = ""
    T: int = 0
    st: int = 0


class Candle(msgspec.Struct, frozen=True, gc=False):
    """The inner part of `kline`. `x`: it will not change any more."""

    t: int
    T: int
    s: str
    o: str
    c: str
    h: str
    l: str  # noqa: E741
    v: str
    n: int
    x: bool
    q: str
    V: str
    i: str = ""


class Kline(msgspec.Struct, frozen=True, gc=False):
    """`kline`."""

    E: int
    s: str
    k: Candle
    st: int = 0


class ForcedOrder(msgspec.Struct, frozen=True, gc=False):
    """The inner part of `forceOrder`."""

    s: str
    S: str
    q: str
    p: str
    ap: str
    z: str
    T: int


class ForceOrder(msgspec.Struct, frozen=True, gc=False):
    """`forceOrder`: somebody's liquidation."""

    E: int
    o: ForcedOrder
    st: int = 0


class ServerTime(msgspec.Struct, frozen=True, gc=False):
    """The part of `exchangeInfo` that dates it."""

    serverTime: int


Message = Depth | BookTicker | Trade | AggTrade | MarkPrice | Kline | ForceOrder
DECODERS: Final[dict[str, msgspec.json.Decoder[Message]]] = {
    "depthUpdate": msgspec.json.Decoder(Depth),
    "bookTicker": msgspec.json.Decoder(BookTicker),
    "trade": msgspec.json.Decoder(Trade),
    "aggTrade": msgspec.json.Decoder(AggTrade),
    "markPriceUpdate": msgspec.json.Decoder(MarkPrice),
    "kline": msgspec.json.Decoder(Kline),
    "forceOrder": msgspec.json.Decoder(ForceOrder),
}
DEPTH: Final = msgspec.json.Decoder(Depth)
SNAPSHOT: Final = msgspec.json.Decoder(Snapshot)
SNAPSHOT_TEXT: Final = msgspec.json.Decoder(SnapshotText)
SERVER_TIME: Final = msgspec.json.Decoder(ServerTime)
FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
TEXT: Final = msgspec.json.Decoder(str)

QUOTE_FIELDS: Final = ("u", "s", "b", "B", "a", "A")  # spot's bookTicker carries no `e`: it is known by these

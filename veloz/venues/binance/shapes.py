"""The message shapes a scanner reads, as data: literal text with typed holes.

A shape is what a venue writes byte for byte, except for the holes `<name:type>`. The name says which word of the row a value
goes to (`WORDS`), the type how it is read (`OPS`). Another year or key order is another line here, not another kernel. Shapes
as recorded 2021–2024 (spot, USDⓈ-M, COIN-M); spot trades carried order ids `b`, `a` until June 2024.
"""

from dataclasses import dataclass
from typing import Final

from veloz.contracts.codes import Market
from veloz.contracts.layout import FIRST, LAST
from veloz.contracts.registry import AGGTRADE, LEVEL, MARK, QUOTE, TRADE, Kind

LITERAL, WHOLE, MILLIS, PRICE, QTY, E8, E8_SIGNED, BOOL, LEVELS, DONE = range(10)
OPS: Final = {
    "int": WHOLE, "ms": MILLIS, "price": PRICE, "qty": QTY, "e8": E8, "e8s": E8_SIGNED, "bool": BOOL, "levels": LEVELS,
}  # fmt: skip

# Words 2 … 7 are the row's own; those above are only looked at.
EVENT, SEQ, W1, W2, W3, W4 = 2, 3, 4, 5, 6, 7
MAKER, SINK, FIRST_TRADE, LAST_TRADE, BIDS, ASKS = 8, 9, 10, 11, 12, 13
REGISTERS: Final = 14
WORDS: Final = {
    "event": EVENT, "seq": SEQ, "w1": W1, "w2": W2, "w3": W3, "w4": W4,
    "maker": MAKER, "sink": SINK, "f": FIRST_TRADE, "l": LAST_TRADE, "bids": BIDS, "asks": ASKS,
}  # fmt: skip

SINGLE, COUNTED, RUN = range(
    3
)  # how the registers become rows: one row · one row whose last word is l - f + 1 · levels


@dataclass(frozen=True, slots=True)
class Shape:
    """One way to write one type of message in one market."""

    market: Market
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Form:
    """How a type of message becomes rows."""

    kind: Kind
    way: int
    flags: int = FIRST | LAST


FORMS: Final = {
    "depthUpdate": Form(LEVEL, RUN, 0),
    "bookTicker": Form(QUOTE, SINGLE),
    "trade": Form(TRADE, SINGLE),
    "aggTrade": Form(AGGTRADE, COUNTED),
    "markPriceUpdate": Form(MARK, SINGLE),
}
NAMES: Final = tuple(FORMS)

_SIDES = '"b":<bids:levels>,"a":<asks:levels>}'
_QUOTE = '"b":"<w1:price>","B":"<w2:qty>","a":"<w3:price>","A":"<w4:qty>"'
_DEPTH = '{"e":"depthUpdate","E":<event:ms>,"T":<sink:ms>,"s":"%(symbol)s",'
_IDS = '"U":<w3:int>,"u":<seq:int>,"pu":<w4:int>,'
_DEAL = '"s":"%(symbol)s","t":<seq:int>,"p":"<w1:price>","q":"<w2:qty>",'
_TRADE = '{"e":"trade","E":<event:ms>,"T":<w3:ms>,' + _DEAL + '"X":"MARKET","m":<maker:bool>}'
_PRINT = '{"e":"trade","E":<event:ms>,' + _DEAL
_FILLS = '"p":"<w1:price>","q":"<w2:qty>","f":<f:int>,"l":<l:int>,"T":<w3:ms>,"m":<maker:bool>'
_AGG = '{"e":"aggTrade","E":<event:ms>,"a":<seq:int>,"s":"%(symbol)s",' + _FILLS + "}"
_MARK = '{"e":"markPriceUpdate","E":<event:ms>,"s":"%(symbol)s","p":"<w1:e8>",'
_MARK_TAIL = '"r":"<w3:e8s>","T":<w4:ms>}'
_USDM, _COINM, _SPOT = Market.BINANCE_USDM, Market.BINANCE_COINM, Market.BINANCE_SPOT

SHAPES: Final = (
    Shape(_USDM, "depthUpdate", _DEPTH + _IDS + _SIDES),
    Shape(_USDM, "bookTicker", '{"e":"bookTicker","u":<seq:int>,"s":"%(symbol)s",' + _QUOTE + ',"T":<sink:ms>,"E":<event:ms>}'),
    Shape(_USDM, "trade", _TRADE),
    Shape(_USDM, "aggTrade", _AGG),
    Shape(_USDM, "markPriceUpdate", _MARK + '"P":"<seq:e8>","i":"<w2:e8>",' + _MARK_TAIL),
    Shape(_USDM, "markPriceUpdate", _MARK + '"i":"<w2:e8>","P":"<seq:e8>",' + _MARK_TAIL),
    Shape(_COINM, "depthUpdate", _DEPTH + '"ps":"%(pair)s",' + _IDS + _SIDES),
    Shape(
        _COINM, "bookTicker",
        '{"u":<seq:int>,"e":"bookTicker","s":"%(symbol)s","ps":"%(pair)s",' + _QUOTE + ',"T":<sink:ms>,"E":<event:ms>}',
    ),
    Shape(_COINM, "trade", _TRADE),
    Shape(_COINM, "aggTrade", _AGG),
    Shape(_COINM, "markPriceUpdate", _MARK + '"P":"<seq:e8>","i":"<w2:e8>",' + _MARK_TAIL),
    Shape(_SPOT, "depthUpdate", '{"e":"depthUpdate","E":<event:ms>,"s":"%(symbol)s","U":<w3:int>,"u":<seq:int>,' + _SIDES),
    Shape(_SPOT, "bookTicker", '{"u":<seq:int>,"s":"%(symbol)s",' + _QUOTE + "}"),
    Shape(_SPOT, "trade", _PRINT + '"T":<w3:ms>,"m":<maker:bool>,"M":true}'),
    Shape(_SPOT, "trade", _PRINT + '"b":<sink:int>,"a":<sink:int>,"T":<w3:ms>,"m":<maker:bool>,"M":true}'),
    Shape(_SPOT, "aggTrade", '{"e":"aggTrade","E":<event:ms>,"s":"%(symbol)s","a":<seq:int>,' + _FILLS + ',"M":true}'),
)  # fmt: skip
ENVELOPE: Final = '{"stream":"%(stream)s","data":'

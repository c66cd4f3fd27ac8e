"""Shapes are learned from frames: any key order and any new key, but nothing that could be read two ways."""

import json
from typing import Any

import pytest

from tests.venues.binance.recordings import assert_same, block_of, new_codec, plain_block
from veloz.venues.binance.shapes import Hole, shape_of
from veloz.venues.port import Source

USDM = Source(1, "binance_usdm", "BTCUSDT")
DEPTH = (
    '{"e":"depthUpdate","E":5,"T":4,"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[["1.5","2"],["1.4","0"]],"a":[["1.6","3"]]}'
)
TRADE = '{"e":"trade","E":5,"T":4,"s":"BTCUSDT","t":7,"p":"1.5","q":"2","X":"MARKET","m":true}'
MARK = '{"e":"markPriceUpdate","E":5,"s":"BTCUSDT","p":"1.5","i":"1.4","P":"1.6","r":"0.0001","T":8}'


def framed(data: str, stream: str = "btcusdt@x") -> bytes:
    return f'{{"stream":"{stream}","data":{data}}}'.encode()


def reordered(data: str, *keys: str) -> str:
    fields = json.loads(data)
    return json.dumps({key: fields[key] for key in keys}, separators=(",", ":"))


def left(frames: list[bytes], source: Source = USDM) -> int:
    """How many frames a codec gives to the reference decoder; all must read alike."""
    stamped = [(k, frame) for k, frame in enumerate(frames)]
    codec = new_codec(source)
    hosted: list[int] = []
    host_frame: Any = codec._host_frame
    codec._host_frame = lambda block, ix, *rest: (hosted.append(ix), host_frame(block, ix, *rest))[0]  # type: ignore[method-assign]
    assert_same(codec.decode(block_of(stamped)), plain_block(stamped, source))
    return len(hosted)


@pytest.mark.parametrize(
    "data",
    [
        DEPTH,
        TRADE,
        MARK,
        reordered(DEPTH, "u", "U", "pu", "s", "E", "e", "b", "a", "T"),
        reordered(TRADE, "m", "q", "p", "t", "T", "E", "s", "e"),
        TRADE[:-1] + ',"st":1,"ps":"BTCUSDT","zz":{"a":[1,2]}}',
        MARK[:-1] + ',"ap":"1.55","st":1}',
        MARK.replace('"0.0001"', '""').replace("8}", "0}"),
        MARK.replace('"0.0001"', '"-0.0001"'),
    ],
)
def test_one_frame_teaches_a_shape(data: str) -> None:
    assert left([framed(data)] * 5) == 1


@pytest.mark.parametrize(
    "data",
    [
        reordered(DEPTH, "e", "E", "s", "U", "u", "pu", "a", "b"),  # asks before bids: rows would come in another order
        reordered(DEPTH, "e", "E", "s", "U", "b", "a", "u", "pu"),  # an id behind the levels that need it
        reordered(DEPTH, "e", "s", "U", "u", "pu", "b", "a", "E"),
        TRADE.replace("MARKET", "INSURANCE_FUND"),
        TRADE.replace('"e":', '"e": '),
        TRADE.replace('"p"', '"\\u0070"'),
        TRADE[:-1] + ',"t":7}',
        TRADE + " ",
        TRADE + ',"x":1',
    ],
)
def test_what_a_scanner_must_not_read_is_not_learned(data: str) -> None:
    assert left([framed(data)] * 3) == 3


def test_a_marketless_trade_is_left_where_market_trades_are_known() -> None:
    assert left([framed(TRADE), framed(TRADE.replace("MARKET", "INSURANCE_FUND")), framed(TRADE)]) == 2


def test_the_merged_universe_is_told_apart_by_literal_text() -> None:
    ours, theirs = (MARK[:-1] + f',"st":{st}}}' for st in (1, 2))
    frames = [framed(ours), framed(theirs)] * 4
    assert left(frames) == 2
    codec = new_codec(USDM)
    codec.decode(block_of([(0, frame) for frame in frames]))
    assert [instrument.venue for instrument in codec.catalogue] == ["binance_usdm", "binance_coinm"]


def test_a_value_that_changes_where_text_is_expected_costs_few_shapes() -> None:
    frames = [framed(TRADE[:-1] + f',"zz":{k}}}') for k in range(20)]
    codec = new_codec(USDM)
    codec.decode(block_of([(0, frame) for frame in frames]))
    assert len(codec._plan._shapes[2, b"btcusdt@x"]) == 4
    assert left(frames) == 20


def test_a_shape_is_text_and_holes_in_turn() -> None:
    pieces = shape_of(framed(TRADE), "trade")
    assert pieces is not None
    assert [isinstance(piece, Hole) for piece in pieces] == [False, True] * (len(pieces) // 2) + [False]
    assert b"".join(piece for piece in pieces if isinstance(piece, bytes)).startswith(
        b'{"stream":"btcusdt@x","data":{"e":"trade","E":'
    )
    assert shape_of(framed(TRADE), "kline") is None
    assert shape_of(TRADE.encode(), "trade") is None
    assert shape_of(framed(TRADE[:-1] + f',"zz":"{"z" * 3000}"}}'), "trade") is None

"""The facade: rows are a pure function of sources, offers and frames, however frames are cut into blocks."""

import json
import random

import msgspec
import numpy as np
import pytest

from tests.venues.binance.recordings import (
    SAMPLES,
    Frames,
    assert_same,
    block_of,
    new_codec,
    plain_block,
    read_sample,
)
from veloz.contracts.codes import LinkEvent, Refusal
from veloz.contracts.instrument import InstrumentBody
from veloz.contracts.layout import INEXACT, STEP_END
from veloz.contracts.registry import (
    BAR,
    BAR_VOLUME,
    CATALOGUE,
    CHANGED,
    LEVEL,
    LINK,
    LISTED,
    MARK,
    PARTIAL,
    QUOTE,
    REFUSED,
    SOURCE,
    TRADE,
    UNKNOWN,
)
from veloz.contracts.system import SourceBody
from veloz.instruments.catalogue import Catalogue
from veloz.venues.binance.codec import Codec
from veloz.venues.port import FrameBlock, LocalError, RowBlock, Source

SPOT = Source(1, "binance_spot", "BTCUSDT")


def quote(symbol: str, bid: str = "1.50", qty: str = "2", update: int = 7) -> bytes:
    data = f'{{"u":{update},"s":"{symbol}","b":"{bid}","B":"{qty}","a":"{bid}","A":"{qty}"}}'
    return f'{{"stream":"{symbol.lower()}@bookTicker","data":{data}}}'.encode()


def stamped(*frames: bytes) -> Frames:
    return [(1_000 + at, frame) for at, frame in enumerate(frames)]


def kinds(block: RowBlock) -> list[int]:
    return [int(kind) for kind in block.rows["kind"]]


def merged_markets(most: int) -> tuple[Frames, list[int], list[Source]]:
    """Frames of three markets in one stream of time."""
    sources = [Source(4 + ix, venue, SAMPLES[venue][1]) for ix, venue in enumerate(SAMPLES)]
    frames = [(recv, source.number, frame) for source in sources for recv, frame in read_sample(source.venue, most)]
    frames.sort(key=lambda entry: entry[0])
    return [(recv, frame) for recv, _, frame in frames], [number for _, number, _ in frames], sources


def in_crumbs(
    frames: Frames, numbers: list[int], sources: list[Source], cuts: list[int]
) -> tuple[list[RowBlock], Catalogue]:
    """A fresh codec for every crumb; all it knows is read back from the rows so far."""
    done: list[RowBlock] = []
    announced: set[int] = set()
    catalogue = Catalogue()
    seq = 1
    for first, last in zip([0, *cuts], [*cuts, len(frames)], strict=True):
        codec = Codec(catalogue.copy())
        for source in sources:
            codec.declare(source, source.number in announced)
        block = codec.decode(block_of(frames[first:last], numbers[first:last]))
        done.append(block)
        bodies = dict(block.bodies)
        for at, row in enumerate(block.rows):
            catalogue.apply(row, bodies.get(at), seq + at)
            if int(row["kind"]) == SOURCE.number:
                announced.add(int(row["venue_seq"]))
        seq += len(block.rows)
    return done, catalogue


def glued(blocks: list[RowBlock]) -> RowBlock:
    offsets = np.cumsum([0, *(len(block.rows) for block in blocks)])
    return RowBlock(
        np.concatenate([block.rows for block in blocks]),
        np.concatenate([block.first_row + offset for block, offset in zip(blocks, offsets, strict=False)]).astype(
            np.uint32
        ),
        [(at + int(offset), body) for block, offset in zip(blocks, offsets, strict=False) for at, body in block.bodies],
    )


@pytest.mark.parametrize("seed", range(4))
def test_one_go_or_crumbs_with_fresh_codecs(seed: int) -> None:
    frames, numbers, sources = merged_markets(150)
    noise = random.Random(seed)
    for _ in range(12):  # instruments that show up, get finer, get coarser; frames that are refused or unknown
        at = noise.randrange(len(frames))
        odd = noise.choice(
            [quote("ETHBTC", "0.05"), quote("ETHBTC", "0.0512345"), quote("PEPE", "1", "1234567890123.5"), b"{", b"[1]"]
        )
        frames.insert(at, (frames[at][0], odd))
        numbers.insert(at, 5)
    whole = Codec(Catalogue())
    for source in sources:
        whole.declare(source)
    expected = whole.decode(block_of(frames, numbers))
    cuts = sorted(noise.sample(range(1, len(frames)), 9))
    blocks, catalogue = in_crumbs(frames, numbers, sources, cuts)
    assert_same(glued(blocks), expected)
    assert list(catalogue) == list(whole.catalogue)


def test_a_source_is_announced_once() -> None:
    codec = new_codec(SPOT)
    first = codec.decode(block_of(stamped(quote("BTCUSDT"), quote("BTCUSDT"))))
    assert kinds(first) == [SOURCE.number, LISTED.number, QUOTE.number, QUOTE.number]
    assert first.first_row.tolist() == [0, 3]
    assert list(first.rows[0].item())[6:9] == [1, 1, 1_000]
    assert msgspec.msgpack.decode(first.bodies[0][1], type=SourceBody) == SourceBody(
        venue="binance_spot", form="stream", symbol="BTCUSDT"
    )
    later = Codec(codec.catalogue)
    later.declare(SPOT, announced=True)
    assert kinds(later.decode(block_of(stamped(quote("BTCUSDT"))))) == [QUOTE.number]


def test_an_announcement_stays_when_its_frame_is_refused() -> None:
    block = new_codec(SPOT).decode(block_of(stamped(b"nothing of sense")))
    assert kinds(block) == [SOURCE.number, REFUSED.number]
    assert block.rows["flags"].tolist() == [0, STEP_END]
    assert list(block.rows[1].item())[6:9] == [Refusal.NOT_JSON, 16, 1]


def test_wrong_use_is_said() -> None:
    codec = new_codec(SPOT)
    with pytest.raises(LocalError, match="never declared"):
        codec.decode(block_of(stamped(quote("BTCUSDT")), 2))
    with pytest.raises(LocalError, match="number of its own"):
        codec.declare(Source(1, "binance_usdm"))
    with pytest.raises(LocalError, match="known venue"):
        codec.declare(Source(2, "elsewhere"))
    with pytest.raises(LocalError, match="number it from 1"):
        codec.declare(Source(0, "binance_usdm"))
    buf = np.full(40, 10, np.uint8)
    one = np.array([0]), np.array([30]), np.array([1]), np.array([1], np.uint16)
    with pytest.raises(LocalError, match="newlines"):
        FrameBlock(buf, *one)
    with pytest.raises(LocalError, match="differ in length"):
        FrameBlock(buf, np.array([0, 1]), *one[1:])


def test_a_block_of_no_frames() -> None:
    block = new_codec(SPOT).decode(block_of([]))
    assert len(block.rows) == len(block.first_row) == len(block.bodies) == 0


def test_finer_texts_change_the_instrument_in_their_own_frame() -> None:
    frames = stamped(quote("ETHBTC", "0.05"), quote("ETHBTC", "0.051"), quote("ETHBTC", "0.05"), b'{"e":"kline"}')
    codec = new_codec(SPOT)
    block = codec.decode(block_of(frames))
    assert kinds(block) == [
        SOURCE.number, LISTED.number, QUOTE.number, CHANGED.number, QUOTE.number, QUOTE.number, REFUSED.number,
    ]  # fmt: skip
    assert block.rows["price"][[2, 4, 5]].tolist() == [5, 51, 50]
    assert block.rows["aux"][[1, 3]].tolist() == [1, 2]
    assert_same(block, plain_block(frames, SPOT))


def diff(symbol: str, ids: tuple[int, int], *bids: tuple[str, str]) -> bytes:
    levels = ",".join(f'["{price}","{qty}"]' for price, qty in bids)
    data = f'{{"e":"depthUpdate","E":1,"s":"{symbol}","U":{ids[0]},"u":{ids[1]},"b":[{levels}],"a":[]}}'
    return f'{{"stream":"{symbol.lower()}@depth","data":{data}}}'.encode()


def test_a_quantity_below_the_quantum_stays_one_quantum() -> None:
    """Rounded down it would read as the removal of its level."""
    small = [("7", "0.00000000"), ("8", "0.00000009"), ("9", "0.00000010"), ("10", "3.00000019")]
    frames = stamped(
        diff("SHIB", (1, 2), ("6", "123456789012.5")), diff("SHIB", (3, 3), *small), diff("SHIB", (4, 4), *small[::-1])
    )
    codec = new_codec(SPOT)
    block = codec.decode(block_of(frames))
    rows = block.rows[block.rows["kind"] == LEVEL.number][1:]
    assert codec.catalogue[1].qty_scale == 7
    assert rows["qty"].tolist() == [0, 1, 1, 30_000_001, 30_000_001, 1, 1, 0]
    assert (rows["flags"] & INEXACT > 0).tolist() == [False, True, False, True, True, False, True, False]
    assert_same(block, plain_block(frames, SPOT))


def test_a_diff_whose_ids_run_backwards_is_refused() -> None:
    frames = stamped(
        *(diff("BTCUSDT", ids, *levels) for ids in ((1, 2), (4, 3), (5, 5)) for levels in ([("1", "1")], []))
    )
    codec = new_codec(SPOT)
    block = codec.decode(block_of(frames))
    assert kinds(block)[2:] == [LEVEL.number] * 2 + [REFUSED.number] * 2 + [LEVEL.number] * 2
    assert block.rows["venue_seq"][4:6].tolist() == [Refusal.OUT_OF_RANGE] * 2
    assert (codec.counts.rejected, codec.counts.messages["depthUpdate"]) == (2, 4)
    assert_same(block, plain_block(frames, SPOT))


BARE = b'{"lastUpdateId":9,"bids":[["1.0","1"]],"asks":[["2.0","1"]]}'
ASKED = b"https://api.binance.com/api/v3/depth?symbol=ETHUSDT -> " + BARE
STATED = b'{"lastUpdateId":9,"symbol":"BTCUSDT","bids":[["1.0","1"]],"asks":[]}'


@pytest.mark.parametrize("crumbs", [False, True])
def test_a_nameless_snapshot_is_refused_once_its_source_shows_two_symbols(crumbs: bool) -> None:
    btc, eth = (diff(symbol, (1, 2), ("1.0", "1")) for symbol in ("BTCUSDT", "ETHUSDT"))
    sent = [
        (1, btc), (1, BARE), (2, eth), (1, BARE), (2, BARE), (2, btc), (2, BARE), (1, btc), (1, eth),  # scanned by now
        (1, BARE), (1, ASKED), (1, STATED), (1, btc), (1, BARE), (2, BARE),
    ]  # fmt: skip
    expected = "b b e b e b R b e R e b b R R"
    codec = Codec(Catalogue())
    sources = [SPOT, Source(2, "binance_spot", "ETHUSDT")]
    shown: dict[int, set[int]] = {1: set(), 2: set()}
    said = []
    for first, last in [(k, k + 1) for k in range(len(sent))] if crumbs else [(0, len(sent))]:
        if crumbs:
            codec = Codec(codec.catalogue)
        for source in sources:
            codec.declare(source, crumbs and bool(shown[source.number]), shown[source.number])
        block = codec.decode(
            block_of(stamped(*(frame for _, frame in sent[first:last])), [at for at, _ in sent[first:last]])
        )
        for k, (a, b) in enumerate(zip(block.first_row, [*block.first_row[1:], len(block.rows)], strict=True), first):
            row = block.rows[int(b) - 1]
            assert int(row["kind"]) in (LEVEL.number, REFUSED.number)
            said.append("R" if int(row["kind"]) == REFUSED.number else "?be"[int(row["instrument"])])
            shown[sent[k][0]] |= {
                int(each["instrument"]) for each in block.rows[a:b] if int(each["kind"]) == LEVEL.number
            }
    assert " ".join(said) == expected


def test_an_array_of_many_symbols_is_seen() -> None:
    mark = '{"e":"markPriceUpdate","E":1,"s":"%s","p":"1","P":"1","i":"1","r":"0","T":1}'
    array = f'{{"stream":"!markPrice@arr","data":[{mark % "ETHUSDT"},{mark % "BTCUSDT"}]}}'.encode()
    block = new_codec(Source(1, "binance_usdm", "BTCUSDT")).decode(block_of(stamped(BARE, array, BARE)))
    assert [int(kind) for kind in block.rows["kind"][block.rows["flags"] & STEP_END > 0]] == [
        LEVEL.number, MARK.number, REFUSED.number,
    ]  # fmt: skip


def test_a_refused_frame_lists_nothing() -> None:
    codec = new_codec(SPOT)
    codec.decode(block_of(stamped(quote("ETHBTC", "0.05"), quote("NEWBTC", "-1"))))
    assert [instrument.symbol for instrument in codec.catalogue] == ["ETHBTC"]
    assert codec.counts.rejected == 1


def exchange_info(tick: str) -> bytes:
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": "0.00000000", "maxPrice": "1000000.00", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    ]
    listing = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "filters": filters}
    document = {"timezone": "UTC", "serverTime": 1_700_000_000_000, "symbols": [listing]}
    return b"https://api.binance.com/api/v3/exchangeInfo -> " + json.dumps(document).encode()


def test_offers_come_from_the_list_and_its_changes_are_versions() -> None:
    frames = stamped(
        exchange_info("0.01000000"),
        quote("BTCUSDT", "61800.5"),
        exchange_info("0.01000000"),
        exchange_info("0.10000000"),
    )
    codec = new_codec(SPOT)
    block = codec.decode(block_of(frames))
    assert kinds(block) == [
        SOURCE.number, CATALOGUE.number, LISTED.number, QUOTE.number, CATALOGUE.number, CATALOGUE.number, CHANGED.number,
    ]  # fmt: skip
    listed, changed = codec.catalogue.versions(1)[0][1], codec.catalogue[1]
    assert (listed.price_scale, listed.tick, listed.lot, listed.body.origin) == (2, 1, 1000, "venue")
    assert (changed.price_scale, changed.tick, changed.version, changed.body.price_min) == (2, 10, 2, "")
    assert dict(codec.counts.messages) == {"bookTicker": 1}


def test_offers_of_a_file_are_used() -> None:
    catalogue = Catalogue()
    catalogue.offer(
        InstrumentBody(
            venue="binance_spot",
            symbol="BTCUSDT",
            product="spot",
            price_scale=2,
            qty_scale=8,
            tick="0.01",
            origin="file",
        )
    )
    codec = Codec(catalogue)
    codec.declare(SPOT)
    codec.decode(block_of(stamped(quote("BTCUSDT", "61800.5"))))
    assert (codec.catalogue[1].price_scale, codec.catalogue[1].body.origin) == (2, "file")


def test_what_is_said_on_a_connection() -> None:
    codec = new_codec(SPOT)
    block = codec.decode(
        block_of(
            stamped(
                b"wss://stream.binance.com:9443/stream <->",
                b'wss://stream.binance.com:9443/stream <- {"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}',
                b'{"result":null,"id":1}',
                b'{"result":["btcusdt@trade"],"id":2}',
                b'{"error":{"code":2,"msg":"Invalid request"},"id":"a"}',
            )
        )
    )
    assert kinds(block)[1:] == [LINK.number] * 5
    said = [LinkEvent.OPENED, LinkEvent.SENT, LinkEvent.ACKNOWLEDGED, LinkEvent.ANSWERED, LinkEvent.ANSWERED]
    assert block.rows["venue_seq"][1:].tolist() == said
    assert not codec.counts.messages


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        (b'{"stream":"btcusdt@avgPrice","data":{"e":"avgPrice","E":1}}', "avgPrice"),
        (b'{"stream":"!miniTicker@arr","data":[{"e":"24hrMiniTicker"},{"e":"24hrMiniTicker"}]}', "24hrMiniTicker"),
        (b'{"e":"serverShutdown","E":1}', "serverShutdown"),
        (b'{"stream":"btcusdt@rpiDepth@500ms","data":{"e":"depthUpdate"}}', "rpiDepth"),
        (b'{"stream":"x","data":5}', "unknown"),
        (b'{"stream":"x","data":{"e":5}}', "unknown"),
        (b'{"stream":5,"data":{}}', "unknown"),
        (b"[]", "unknown"),
        (b"5", "unknown"),
        (b"{}", "unknown"),
        (b'https://api.binance.com/api/v3/time -> {"serverTime":1}', "unknown"),
    ],
)
def test_unknown_types_are_counted_and_kept(frame: bytes, name: str) -> None:
    codec = new_codec(SPOT)
    block = codec.decode(block_of(stamped(frame)))
    assert kinds(block)[1:] == [UNKNOWN.number]
    assert list(block.rows[1].item())[6:8] == [len(frame), 1]
    assert (dict(codec.counts.messages), codec.counts.unknown, codec.counts.rejected) == ({name: 1}, 1, 0)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", Refusal.NOT_JSON),
        (b'{"stream":"btcusdt@trade","data":{"e":"trade"', Refusal.NOT_JSON),
        (b"[" * 100_000, Refusal.NOT_JSON),
        (b"configuration: {}", Refusal.NOT_JSON),
        (b'{"e":"trade","E":1,"s":"BTCUSDT"}', Refusal.WRONG_SHAPE),
        (b'{"e":"trade","E":1,"s":"BTCUSDT","t":"1","p":"1","q":"1","T":1,"m":true}', Refusal.WRONG_SHAPE),
        (b'{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"1.","q":"1","T":1,"m":true}', Refusal.NOT_A_NUMBER),
        (b'{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"1","q":"-1","T":1,"m":true}', Refusal.NOT_A_NUMBER),
        (b'{"e":"trade","E":9223372036855,"s":"BTCUSDT","t":1,"p":"1","q":"1","T":1,"m":true}', Refusal.OUT_OF_RANGE),
        (
            b'{"e":"trade","E":1,"s":"BTCUSDT","t":9223372036854775808,"p":"1","q":"1","T":1,"m":true}',
            Refusal.OUT_OF_RANGE,
        ),
        (b'{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"17592186044416","q":"1","T":1,"m":true}', Refusal.OUT_OF_RANGE),
        (
            b'{"e":"aggTrade","E":1,"s":"BTCUSDT","a":1,"p":"1","q":"1","f":5,"l":4,"T":1,"m":true}',
            Refusal.OUT_OF_RANGE,
        ),
        (b'{"e":"trade","E":1,"s":"","t":1,"p":"1","q":"1","T":1,"m":true}', Refusal.UNKNOWN_SYMBOL),
        (
            b'{"stream":"ethusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1","B":"1","a":"1","A":"1"}}',
            Refusal.UNKNOWN_SYMBOL,
        ),
        (b'{"lastUpdateId":1,"bids":[["1","1","1"]],"asks":[]}', Refusal.WRONG_SHAPE),
        (
            b'https://x.y/depth?symbol=ETHUSDT -> {"lastUpdateId":1,"symbol":"BTCUSDT","bids":[],"asks":[]}',
            Refusal.UNKNOWN_SYMBOL,
        ),
        (b'[{"e":"trade"},{"e":"kline"}]', Refusal.WRONG_SHAPE),
        (
            b'{"e":"forceOrder","E":1,"o":{"s":"A","S":"HOLD","q":"1","p":"1","ap":"1","z":"1","T":1}}',
            Refusal.WRONG_SHAPE,
        ),
    ],
)
def test_refusals_name_their_reason(frame: bytes, reason: Refusal) -> None:
    codec = new_codec(SPOT)
    block = codec.decode(block_of(stamped(frame)))
    assert kinds(block)[1:] == [REFUSED.number]
    assert list(block.rows[1].item())[6:9] == [reason, len(frame), 1]
    assert (dict(codec.counts.messages), codec.counts.rejected, len(codec.catalogue)) == ({}, 1, 0)


def test_a_streams_name_decides_between_a_diff_and_the_top_of_a_book() -> None:
    data = b'{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[["1.5","2"]],"a":[]}'
    frames = stamped(
        *(
            b'{"stream":"btcusdt@depth%s","data":%s}' % (name, data)
            for name in (b"", b"5", b"20@100ms", b"@0ms", b"5", b"@0ms")
        ),
        data,
    )
    source = Source(1, "binance_usdm")
    block = new_codec(source).decode(block_of(frames))
    levels = [kind for kind in kinds(block) if kind in (LEVEL.number, PARTIAL.number)]
    assert levels == [{"L": LEVEL.number, "P": PARTIAL.number}[letter] for letter in "LPPLPLL"]
    assert_same(block, plain_block(frames, source))


def test_a_hostile_name_changes_no_meaning() -> None:
    """A symbol that holds JSON of its own, in disguise and as it is."""
    bad = 'a","x":"<w1:int>'
    frame = json.dumps(
        {"stream": f"{bad}@bookTicker", "data": {"u": 1, "s": bad, "b": "1", "B": "1", "a": "1", "A": "1"}}
    )
    trap = b'{"stream":"%s@bookTicker","data":{"u":1,"s":"%s","b":"1","B":"1","a":"1","A":"1"}}' % (
        bad.encode(),
        bad.encode(),
    )
    frames = stamped(frame.encode(), trap, frame.encode())
    assert_same(new_codec(SPOT).decode(block_of(frames)), plain_block(frames, SPOT))


def test_many_streams_grow_the_tables() -> None:
    symbols = [f"{a}{b}USDT" for a in "ABCDEFGHIJKL" for b in "ABCDEFGHIJ"]
    frames = stamped(*(quote(symbol, f"{at}.5") for _ in range(2) for at, symbol in enumerate(symbols, start=1)))
    codec = new_codec(SPOT)
    block = codec.decode(block_of(frames))
    assert len(codec.catalogue) == len(symbols)
    quotes = block.rows[block.rows["kind"] == QUOTE.number]
    assert quotes["instrument"].tolist() == [*range(1, len(symbols) + 1)] * 2
    assert quotes["price"].tolist() == [at * 10 + 5 for at in range(1, len(symbols) + 1)] * 2


def test_lines_of_klines() -> None:
    columns = "open,high,low,close,volume,quote_volume,trades,close_datetime"
    source = Source(1, "binance_spot", "BTCUSDT", "klines", columns, 60 * 10**9)
    line = b"96400.00,96450.5,96399,96444,12.5,1205000.123456789,1234,2024-12-01 00:00:59.999000+01:00"
    block = new_codec(source).decode(block_of(stamped(line, b"1,2,3", line.replace(b"96444", b"x"))))
    assert kinds(block) == [SOURCE.number, LISTED.number, BAR.number, BAR_VOLUME.number, REFUSED.number, REFUSED.number]
    assert list(block.rows[2].item())[5:] == [0, 1_733_007_600_000_000_000, 964_000, 964_505, 963_990, 964_440]
    assert list(block.rows[3].item())[6:] == [60 * 10**9, 1_250_000_000, 0, 120_500_012_345_678, 1_234]


def test_trades_of_a_raw_stream_need_no_envelope() -> None:
    frame = b'{"e":"trade","E":5,"s":"BTCUSDT","t":1,"p":"1.5","q":"1","T":4,"m":true,"M":true}'
    block = new_codec(SPOT).decode(block_of(stamped(frame, frame)))
    assert kinds(block)[2:] == [TRADE.number, TRADE.number]


@pytest.mark.parametrize("levels", [16_000, 16_001])
@pytest.mark.parametrize("snapshot", [False, True])
def test_a_frame_that_no_batch_can_hold_is_refused_whole(levels: int, snapshot: bool) -> None:
    side = ",".join(f'["{price}","1"]' for price in range(1, levels + 1))
    if snapshot:
        frame = f'{{"lastUpdateId":7,"bids":[{side}],"asks":[]}}'
    else:
        frame = (
            '{"stream":"btcusdt@depth","data":{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":1,"u":2,"pu":0,'
            f'"b":[{side}],"a":[]}}}}'
        )
    small = '{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":1,"p":"1","q":"1","X":"MARKET","m":true}}'
    codec = Codec(Catalogue())
    codec.declare(Source(1, "binance_usdm", "BTCUSDT"))
    block = codec.decode(FrameBlock.joined([small.encode(), frame.encode()], [1, 2], 1))
    rows = block.rows[int(block.first_row[1]) :]
    if levels <= 16_000:
        assert (len(rows), codec.counts.rejected) == (levels, 0)
    else:
        assert (len(rows), int(rows[0]["kind"]), codec.counts.rejected) == (1, REFUSED.number, 1)

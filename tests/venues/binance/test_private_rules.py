"""Laws of the private codec: whose order it is, in which order reports count, what is refused, and what it shares with others."""

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.binance.private_frames import golden_frames, new_private, one_frame
from tests.venues.binance.recordings import block_of
from veloz.contracts import registry, terms
from veloz.contracts.account import AccountOpened
from veloz.contracts.codes import LinkEvent, Product
from veloz.contracts.layout import ROW
from veloz.instruments.assets import AssetBook
from veloz.instruments.catalogue import Catalogue
from veloz.instruments.epochs import Epochs
from veloz.instruments.units import Written, read_decimal
from veloz.venues.binance.codec import Codec
from veloz.venues.binance.private import PrivateCodec, open_account
from veloz.venues.binance.private_rows import RANKS, made_trade_id, sequence
from veloz.venues.port import LocalError, Source

Row = dict[str, int]
SPOT = json.loads(next(frame for venue, frame in golden_frames() if b'"c":"v1-2s-0"' in frame and b'"TRADE"' in frame))[
    "event"
]
FUTURES = json.loads(next(frame for _, frame in golden_frames() if b'"c":"v1-2s-1"' in frame and b'"TRADE"' in frame))
OURS = terms.read_client_id("v1-2s-0")


def rows_of(event: dict[str, Any], venue: str = "binance_spot") -> dict[str, Row]:
    """Rows of one event by kind, the last of each kind."""
    found = {}
    for row in new_private(venue).decode(one_frame(json.dumps(event).encode())).rows:
        kind = registry.BY_NUMBER[int(row["kind"])]
        found[kind.name] = dict(zip(kind.words, (int(word) for word in list(row.item())[6:]), strict=False))
    return found


def spot(**changes: Any) -> dict[str, Row]:
    return rows_of({**SPOT, **changes})


def futures(**changes: Any) -> dict[str, Row]:
    return rows_of({**FUTURES, "o": {**FUTURES["o"], **changes}}, "binance_usdm")


def test_an_order_is_ours_by_its_client_id() -> None:
    assert OURS is not None
    assert spot()["order.filled"]["order"] == OURS[1]
    assert "order.stated" not in spot()
    for other in ("v1-2s-00", "v1-2S-0", "V1-2s-0", "v1-2s", "web_12", "", "v1--0"):
        assert spot(c=other)["order.filled"]["order"] == -SPOT["i"], other
        assert "order.stated" in spot(c=other)


def test_a_cancel_is_of_the_order_that_it_names() -> None:
    assert OURS is not None
    gone = {"x": "CANCELED", "X": "CANCELED", "l": "0", "t": -1, "n": "0", "N": None}
    assert spot(c="cancel7", C="v1-2s-0", **gone)["order.canceled"]["order"] == OURS[1]
    assert spot(c="v1-2s-0", C="hand", **gone)["order.canceled"]["order"] == -SPOT["i"]
    for none in ("", "null", None):
        assert spot(C=none, **gone)["order.canceled"]["order"] == OURS[1]


def test_a_client_id_of_another_run_is_not_ours() -> None:
    """A restored backup counts on from numbers that its lost future has used already."""

    def key(client: str, *runs: tuple[int, int]) -> int:
        epochs = Epochs(1)
        for epoch, seq in runs:
            epochs.learn(np.array([(registry.STARTED.number, 1, 0, 0, 1, 0, epoch, 0, 0, 0, 0)], ROW)[0], seq)
        codec = new_private("binance_spot", epochs=epochs)
        rows = codec.decode(one_frame(json.dumps({**SPOT, "c": client}).encode())).rows
        stated = int((rows["kind"] == registry.ORDER_STATED.number).sum())
        (filled,) = rows[rows["kind"] == registry.FILLED.number]
        assert (int(filled["venue_seq"]) < 0) == (stated == 1), "what is not ours is stated whole"
        return int(filled["venue_seq"])

    assert OURS is not None
    assert OURS[1] >> terms.LEG_BITS == 100
    foreign = -SPOT["i"]
    assert [key(f"v{run}-2s-0") for run in (1, 2, 0)] == [OURS[1], foreign, foreign], "only the run under way is ours"
    assert [key(f"v{run}-2s-0", (1, 1), (3, 101)) for run in (1, 2, 3)] == [OURS[1], foreign, foreign]
    assert [key(f"v{run}-2s-0", (1, 1), (3, 100)) for run in (1, 2, 3)] == [foreign, foreign, OURS[1]]
    assert key("v1-2s-0", (2, 101)) == foreign, "before the first run there was none"


ENUMERATIONS = [
    *((spot, key) for key in ("S", "o", "f", "x", "X", "V", "eR")),
    *((futures, key) for key in ("S", "o", "f", "x", "X", "V", "ps", "wt", "er")),
]


@pytest.mark.parametrize(("report", "key"), ENUMERATIONS, ids=lambda part: getattr(part, "__name__", part))
def test_a_word_that_nobody_knows_is_never_taken_for_another(report: Any, key: str) -> None:
    for word in ("SUSPENDED", "buy", "GTC " if key != "f" else "gtc", "11"):
        assert set(report(**{key: word})) == {"system.refused"}, word


@pytest.mark.parametrize("key", ["S", "o", "f", "q", "p", "x", "X", "i", "l", "z", "L", "t", "m", "s", "c"])
def test_nothing_that_must_be_there_may_be_missing(key: str) -> None:
    for event, venue in ((SPOT, "binance_spot"), (FUTURES["o"], "binance_usdm")):
        cut = {name: value for name, value in event.items() if name != key}
        said = cut if event is SPOT else {**FUTURES, "o": cut}
        assert set(rows_of(said, venue)) == {"system.refused"}
        empty = {**event, key: None}
        assert set(rows_of(empty if event is SPOT else {**FUTURES, "o": empty}, venue)) == {"system.refused"}


def test_numbers_that_cannot_be_are_refused() -> None:
    refused = [
        {"l": "0.00500000"},  # more than all there was
        {"z": "0.02000000"},  # more than was ordered
        {"X": "FILLED"},  # with a rest
        {"L": "0"}, {"q": "-1"}, {"p": "-1"}, {"z": "NaN"}, {"q": "1e2"}, {"q": 1}, {"i": 0}, {"i": -5}, {"i": 2**63}, {"E": -1},
        {"T": 2**62}, {"n": "0.000000001"}, {"n": "1", "N": None}, {"q": "9" * 30}, {"p": "9" * 30}, {"s": ""},
        {"s": "X" * 65}, {"N": "X" * 65}, {"d": -1}, {"A": "1"},
    ]  # fmt: skip
    for changes in refused:
        assert set(spot(**changes)) == {"system.refused"}, changes


def test_a_known_quantum_never_becomes_coarser() -> None:
    codec = new_private("binance_spot")
    codec.decode(one_frame(json.dumps(SPOT).encode()))
    huge = json.dumps({**SPOT, "c": "hand", "q": "900000000000", "z": "0", "l": "0", "x": "NEW", "X": "NEW"}).encode()
    assert codec.read(huge, 1, 1).rejected


TIMES = st.integers(0, 2**41)
AMOUNTS = st.decimals(0, 10**12, places=8, allow_nan=False).map(lambda d: read_decimal(f"{d:f}"))


@given(st.lists(st.tuples(TIMES, AMOUNTS, st.integers(0, RANKS - 1)), min_size=2, max_size=2))
def test_a_later_report_has_a_greater_number(reports: list[tuple[int, Written, int]]) -> None:
    """By time, then by what is filled (to ten binary digits), then by how final it is."""
    ordered = sorted(reports, key=lambda each: (each[0], Decimal(each[1].digits) / 10 ** each[1].decimals, each[2]))
    numbers = [sequence(ms * 10**6, filled, rank) for ms, filled, rank in ordered]
    for (left, right), (low, high) in zip(pairwise(ordered), pairwise(numbers), strict=True):
        if left[0] != right[0] or left[1] == right[1]:
            assert low <= high
            assert (low == high) == ((left[0], left[2]) == (right[0], right[2]))
        else:
            assert low >> 2 <= high >> 2
    assert [number // 10**6 for number in numbers] == [ms for ms, _, _ in ordered], "it reads as the time it is"


def test_reports_of_one_millisecond_count_in_their_order() -> None:
    done = {"n": "0", "N": None, "t": -1}
    story = [
        spot(x="NEW", X="NEW", l="0", z="0", **done)["order.accepted"],
        spot()["order.accepted"],
        spot(x="REPLACED", l="0", q="0.008", **done)["order.replaced"],
        spot(z="0.00800000", l="0.00400000", q="0.008", X="FILLED")["order.accepted"],
    ]
    numbers = [row["venue_seq"] for row in story]
    assert numbers == sorted(set(numbers))


def test_executions_without_a_number_get_one_of_their_own() -> None:
    made = {made_trade_id(order, Written(filled, 3, False)) for order in range(1, 40) for filled in range(1, 40)}
    assert len(made) == 39 * 39
    assert all(-(2**63) < number < 0 for number in made)
    assert made_trade_id(7, Written(1, 0, False)) == made_trade_id(7, Written(1000, 3, False))
    row = futures(c="autoclose-1", x="CALCULATED", t=0)
    assert row["order.filled"]["trade_id"] == made_trade_id(FUTURES["o"]["i"], Written(10, 3, False))


def test_a_stream_that_ends_says_so() -> None:
    ended = [{"e": "listenKeyExpired", "E": 1, "listenKey": "k"}, {"e": "eventStreamTerminated", "E": 1}]
    for event, venue in zip(ended, ("binance_usdm", "binance_spot"), strict=True):
        assert rows_of(event, venue) == {"system.link": {"event": LinkEvent.ENDED, "source_number": 1}}
    assert set(rows_of(ended[0], "binance_spot")) == {"system.unknown"}, "of another market"


def test_every_row_is_of_the_account_of_its_source() -> None:
    codec = PrivateCodec(Catalogue(), AssetBook(), epochs=Epochs(1))
    for number in (1, 2):
        codec.declare(Source(number, "binance_spot", form="link"), 40 + number)
    event = {"e": "outboundAccountPosition", "E": 1, "u": 1, "B": [{"a": "BTC", "f": "1", "l": "0"}]}
    for number in (1, 2):
        block = one_frame(json.dumps(event).encode())
        rows = codec.decode(
            type(block)(block.buf, block.start, block.end, block.recv, np.array([number], np.uint16))
        ).rows
        assert int(rows[0]["kind"]) == registry.SOURCE.number, "an unannounced source is declared first"
        assert int(rows[-1]["venue_seq"]) == 40 + number
    for wrong in ((0, "binance_spot", 1), (3, "nowhere", 1), (3, "binance_spot", 0), (3, "binance_spot", 256)):
        with pytest.raises(LocalError):
            codec.declare(Source(wrong[0], wrong[1]), wrong[2])
    with pytest.raises(LocalError):
        codec.declare(Source(1, "binance_spot", form="link"), 42)
    with pytest.raises(LocalError):
        codec.decode(type(block)(block.buf, block.start, block.end, block.recv, np.array([9], np.uint16)))


def shared_codecs() -> tuple[Codec, PrivateCodec]:
    catalogue = Catalogue()
    public = Codec(catalogue)
    private = PrivateCodec(catalogue, AssetBook(), changed=public.take_version, epochs=Epochs(1))
    public.declare(Source(1, "binance_spot"), announced=True)
    private.declare(Source(2, "binance_spot", form="link"), 1, announced=True)
    return public, private


QUOTE = (
    b'{"stream":"btcusdt@bookTicker","data":{"u":%d,"s":"BTCUSDT","b":"29999.10","B":"1.0","a":"29999.20","A":"2.0"}}'
)


def private_rows(codec: PrivateCodec, frame: bytes) -> Any:
    block = one_frame(frame)
    return codec.decode(type(block)(block.buf, block.start, block.end, block.recv, np.array([2], np.uint16))).rows


def test_both_codecs_number_instruments_alike() -> None:
    public, private = shared_codecs()
    for k in range(3):  # read once by the reference decoder, then scanned
        public.decode(block_of([(k, QUOTE % k)]))
    fill = private_rows(private, json.dumps({**SPOT, "L": "29999.125"}).encode())
    assert set(fill["instrument"]) == {0, 1}
    assert [int(row["kind"]) for row in fill][:2] == [registry.ASSET.number, registry.CHANGED.number], (
        "a finer quantum was needed"
    )
    row = public.decode(block_of([(9, QUOTE % 9)])).rows[-1]
    assert (int(row["instrument"]), int(row["price"])) == (1, 29_999_100), "counted in the quantum in force"


def test_how_an_instrument_pays_is_said_once_it_is_known() -> None:
    public, private = shared_codecs()
    frame = json.dumps(SPOT).encode()
    assert registry.ASSETS.number not in private_rows(private, frame)["kind"], "nobody has said what it is made of"
    lot = {"filterType": "LOT_SIZE", "stepSize": "0.00001000", "minQty": "0.00001000", "maxQty": "9000.00000000"}
    listing = {"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "filters": [lot], "status": "TRADING"}
    public.decode(block_of([(5, json.dumps({"serverTime": 1, "symbols": [listing]}).encode())]))
    rows = private_rows(private, frame)
    (pays,) = rows[rows["kind"] == registry.ASSETS.number]
    btc, usdt = private.assets.find("BTC"), private.assets.find("USDT")
    assert btc is not None
    assert usdt is not None
    assert list(pays.item())[6:10] == [Product.SPOT, btc.number, usdt.number, usdt.number]
    assert registry.ASSETS.number not in private_rows(private, frame)["kind"], "and not again"


def journal_of(codec: PrivateCodec, frames: list[bytes]) -> Iterator[tuple[Any, bytes | None]]:
    for frame in frames:
        block = codec.decode(one_frame(frame))
        bodies = dict(block.bodies)
        for at, row in enumerate(block.rows):
            yield row, bodies.get(at)


@pytest.mark.parametrize("venue", ["binance_spot", "binance_usdm", "binance_coinm"])
def test_a_codec_that_goes_on_from_a_journal_makes_the_same_rows(venue: str) -> None:
    frames = [frame for whose, frame in golden_frames() if whose == venue]
    for cut in range(len(frames) + 1):
        whole = list(journal_of(new_private(venue), frames))
        begun = new_private(venue)
        first = list(journal_of(begun, frames[:cut]))
        later = PrivateCodec(Catalogue(), AssetBook(), epochs=Epochs(1))
        later.declare(Source(1, venue, form="link"), 1, announced=True)
        for seq, (row, body) in enumerate(first, 1):
            later.catalogue.apply(row, body, seq)
            later.assets.apply(row, body, seq)
        assert list(later.assets) == list(begun.assets)
        again = [*first, *journal_of(later, frames[cut:])]
        assert [(row.tobytes(), body) for row, body in again] == [(row.tobytes(), body) for row, body in whole]


def test_the_row_that_opens_an_account() -> None:
    row, body = open_account(AccountOpened(account=4, market=2, hedge=1, lots=0, reporting=3), "main", 77)
    kept = np.array([row], ROW)[0]
    assert (int(kept["kind"]), int(kept["ts_recv"]), list(kept.item())[6:]) == (
        registry.OPENED.number,
        77,
        [4, 2, 1, 0, 3],
    )
    assert b"main" in body

"""Spoiled private frames: no exception, whole or nothing, and whatever is still taken means what the spoiled text says."""

import json
import random
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.venues.binance.mutators import mutate, spoil
from tests.venues.binance.private_fixtures import balances_stated, event_of, positions_stated
from tests.venues.binance.private_frames import golden_frames, known, new_private, one_frame
from veloz.contracts import registry
from veloz.contracts.layout import STEP_END
from veloz.venues.binance.private import PrivateCodec

COUNT = 10_000
ALONE = ("system.refused", "system.unknown", "system.link")


def rows_said(codec: PrivateCodec, rows: Any) -> tuple[dict[str, Any], dict[tuple[str, int], Any]]:
    """Balances by asset and positions by symbol and side, as rows say them; the last word on each."""
    balances: dict[str, Any] = {}
    positions: dict[tuple[str, int], Any] = {}
    for row in rows:
        kind, words = registry.BY_NUMBER[int(row["kind"])], [int(word) for word in list(row.item())[6:]]
        if kind is registry.BALANCE:
            unit = Decimal(10 ** codec.assets[words[2]].scale)
            balances[codec.assets[words[2]].name] = (words[1] / unit, words[4] / unit)
        elif kind is registry.POSITION:
            instrument = codec.catalogue[int(row["instrument"])]
            positions[instrument.symbol, words[0] >> 9 & 3] = words[1] / Decimal(10**instrument.qty_scale)
    return balances, positions


def assert_means_what_it_says(codec: PrivateCodec, frame: bytes, rows: Any) -> None:
    """A taken frame against a plain reading of its text."""
    event = event_of(json.loads(frame))
    balances, positions = rows_said(codec, rows)
    if event["e"] in ("ACCOUNT_UPDATE", "outboundAccountPosition", "outboundAccountInfo"):
        assert balances == balances_stated(event)
    if event["e"] in ("executionReport", "ORDER_TRADE_UPDATE"):
        assert_fills_mean_what_they_say(codec, event, rows)
    sides = {"BOTH": 0, "LONG": 1, "SHORT": 2}
    assert positions == {(symbol, sides[side]): said[0] for (symbol, side), said in positions_stated(event).items()}


def assert_fills_mean_what_they_say(codec: PrivateCodec, event: dict[str, Any], rows: Any) -> None:
    """Executions, fees and cumulative quantities of a taken report against its text."""
    said = event["o"] if event["e"] == "ORDER_TRADE_UPDATE" else event
    filled = [row for row in rows if int(row["kind"]) == registry.FILLED.number]
    wanted = said["x"] in ("TRADE", "CALCULATED") and Fraction(said["l"]) > 0
    assert len(filled) == wanted
    instrument = codec.catalogue.find(next(iter(codec._sources.values()))[0].venue, said["s"])
    assert instrument is not None
    for row in filled:
        assert int(row["price"]) == Fraction(said["L"]) * 10**instrument.price_scale
        assert int(row["qty"]) == Fraction(said["l"]) * 10**instrument.qty_scale
    fees = [row for row in rows if int(row["kind"]) == registry.FEE.number]
    assert len(fees) == (wanted and bool(said.get("N")) and said.get("n") is not None)
    for row in fees:
        asset = codec.assets.find(said["N"])
        assert asset is not None
        assert int(row["price"]) == Fraction(said["n"]) * 10**asset.scale
        assert int(row["qty"]) == asset.number
    if int(rows[-1]["kind"]) != registry.REJECTED.number:
        assert (int(rows[-1]["price"]), int(rows[-1]["qty"])) == (
            said["i"],
            Fraction(said["z"]) * 10**instrument.qty_scale,
        )


def try_one(codec: PrivateCodec, frame: bytes) -> bool:
    """Decode a frame → whether it was taken. Whole or nothing."""
    before, rejected = known(codec), codec.counts.rejected
    codec.read(frame, 1, 1)
    assert known(codec) == before, "reading changes nothing"
    block = codec.decode(one_frame(frame))
    kinds = [registry.BY_NUMBER[int(kind)].name for kind in block.rows["kind"]]
    assert [bool(flags & STEP_END) for flags in block.rows["flags"]] == [False] * (len(kinds) - 1) + [True]
    if kinds[-1] in ALONE:
        assert len(kinds) == 1, kinds
        assert known(codec) == before, "a frame that is not taken leaves nothing behind"
        assert codec.counts.rejected == rejected + (kinds == ["system.refused"])
        return False
    assert_means_what_it_says(codec, frame, block.rows)
    return True


def fuzz(make: Callable[[random.Random, bytes, bytes], bytes], count: int, seed: int) -> int:
    rng = random.Random(seed)
    frames = golden_frames()
    taken = 0
    for _ in range(count):
        venue, frame = rng.choice(frames)
        taken += try_one(new_private(venue), make(rng, frame, rng.choice(frames)[1]))
    return taken


def test_frames_of_another_meaning() -> None:
    assert 0.02 < fuzz(spoil, COUNT, 1) / COUNT < 0.6


def test_frames_of_other_bytes() -> None:
    assert fuzz(mutate, COUNT // 2, 2) > 0


def test_one_codec_survives_a_stream_of_them() -> None:
    """What one frame leaves behind does not let the next be misread."""
    rng = random.Random(3)
    frames = [frame for venue, frame in golden_frames() if venue == "binance_usdm"]
    codec = new_private("binance_usdm")
    for _ in range(400):
        try_one(codec, spoil(rng, rng.choice(frames), rng.choice(frames)))


def test_a_frame_cut_anywhere_is_refused() -> None:
    for venue, frame in golden_frames():
        codec = new_private(venue)
        for at in range(len(frame)):
            told = codec.read(frame[:at], 1, 1)
            assert told.rejected, frame[:at]
            assert len(told.rows) == 1


def test_decimals_of_any_size() -> None:
    """A balance is taken exactly or not at all, whatever its decimals."""
    rng = random.Random(4)
    shape = '{"e":"outboundAccountPosition","E":1,"u":1,"B":[{"a":"BTC","f":"%s","l":"0"}]}'
    for _ in range(500):
        text = str(rng.randrange(10 ** rng.choice((1, 8, 11, 18, 22))))
        text += "." + "".join(rng.choice("000123456789") for _ in range(rng.choice((1, 7, 8, 9, 12))))
        codec = new_private("binance_spot")
        codec.decode(one_frame((shape % "1.5").encode()))
        block = codec.decode(one_frame((shape % text).encode()))
        count = Fraction(text) * 10**8
        fits = count.denominator == 1 and count < 2**63
        assert fits == (int(block.rows[-1]["kind"]) == registry.BALANCE.number), text

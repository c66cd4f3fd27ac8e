"""Golden frames: what was sent, what it means, word by word (`specs/wire/binance/*.json`)."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.venues.binance.recordings import block_of, new_codec, spelled
from veloz.instruments.catalogue import Catalogue
from veloz.venues.binance.codec import Codec
from veloz.venues.port import Source

FOLDER = Path(__file__).resolve().parents[3] / "specs" / "wire" / "binance"
CASES = [case for name in ("coinm", "spot", "usdm") for case in json.loads((FOLDER / f"{name}.json").read_text())]
ODD = (
    "INSURANCE_FUND",
    "@depth5",
    "1234567890123.12345678",
)  # other trades, tops of books, quantities that are rounded


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['venue']}: {case['what']}")
def test_a_golden_frame_means_what_is_written(case: dict[str, Any]) -> None:
    codec = Codec(Catalogue())
    codec.declare(Source(1, case["venue"], case.get("symbol", ""), "capture"), announced=True)
    frame = (17 * 10**17, case["frame"].encode())
    first = codec.decode(block_of([frame]))
    assert spelled(first) == case["rows"]
    assert sorted(codec.counts.messages) == case["counted"]
    assert (codec.counts.rejected, codec.counts.unknown) == (case["rejected"], case["unknown"])
    again = spelled(codec.decode(block_of([frame])))  # now a scanner may take it
    assert again == [
        row for row in case["rows"] if not row["kind"].startswith(("instrument.listed",))
    ] or "offers" in str(again)


def test_the_hot_shapes_are_taken_by_the_scanner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every recorded frame of a hot type is read by the scanner once its stream is known."""
    seen = 0
    hot = ("depthUpdate", "bookTicker", "trade", "aggTrade", "markPriceUpdate")
    for case in CASES:
        enveloped = case["frame"].startswith('{"stream":"') and '"data":{' in case["frame"]
        if not set(case["counted"]) & set(hot) or not enveloped or any(odd in case["frame"] for odd in ODD):
            continue
        seen += 1
        codec = new_codec(Source(1, case["venue"]))
        frame = (1, case["frame"].encode())
        codec.decode(block_of([frame]))
        monkeypatch.setattr(codec, "_host_frame", lambda *args: pytest.fail(f"left to the reference decoder: {args}"))
        codec.decode(block_of([frame]))
    assert seen > 20

"""Golden frames of private streams: what was sent, what it means, word by word (`specs/wire/binance/private.json`)."""

import json
from typing import Any

import pytest

from tests.venues.binance.private_frames import GOLDEN, new_private, one_frame
from tests.venues.binance.recordings import spelled
from veloz.contracts.registry import ASSET, ASSETS, CHANGED, LISTED

CASES = json.loads(GOLDEN.read_text())
ONCE = tuple(f"{kind.name}.v{kind.version}" for kind in (LISTED, CHANGED, ASSET, ASSETS))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['venue']}: {case['what']}")
def test_a_golden_frame_means_what_is_written(case: dict[str, Any]) -> None:
    codec = new_private(case["venue"], case["account"])
    frame = one_frame(case["frame"].encode(), 17 * 10**17)
    assert spelled(codec.decode(frame)) == case["rows"]
    assert sorted(codec.counts.messages) == case["counted"]
    assert (codec.counts.rejected, codec.counts.unknown) == (case["rejected"], case["unknown"])
    again = spelled(codec.decode(frame))
    assert again == [row for row in case["rows"] if row["kind"] not in ONCE], "what is known is not said twice"

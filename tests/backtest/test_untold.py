"""Recorded bars that trades leave untold, counted as anybody would."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from journal import Writer
from tests.backtest.made import BEGIN, BODY, MS, bar, of, print_of, state_instrument, trade
from veloz.backtest.untold import count_untold
from veloz.contracts.registry import BAR, BAR_VOLUME, TRADE

MINUTE_NS = 60_000 * MS
Event = tuple[str, int, int, int]  # what, instrument, minute, volume


def rows_of(event: Event) -> np.ndarray:
    what, instrument, minute, volume = event
    if what == "bar":
        rows = bar(minute, (1000,) * 4, volume)
    else:
        rows = (trade if what == "trade" else print_of)(minute * 60_000 + 500, 1000, 1)
        rows["ref"] = BEGIN + minute * MINUTE_NS + volume  # somewhere within the minute, its begin included
    return of(instrument, rows)


def count_naively(events: list[Event], skipped: int) -> dict[int, int]:
    """Event by event; of the first ones nothing is counted."""
    untold: dict[int, int] = {}
    newest: dict[int, int] = {}
    for k, (what, instrument, minute, volume) in enumerate(events):
        if what != "bar":
            newest[instrument] = max(newest.get(instrument, 0), BEGIN + minute * MINUTE_NS + volume)
        elif k >= skipped and volume and 0 < newest.get(instrument, 0) < BEGIN + minute * MINUTE_NS:
            untold[instrument] = untold.get(instrument, 0) + 1
    return untold


def counted(events: list[Event], skipped: int, cuts: list[int], lengths_ns: dict[int, int]) -> dict[int, int]:
    """What is counted of events that are written in pieces."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data"
        with Writer.open(path, map_size_bytes=1 << 24) as writer:
            for number in (1, 2):
                state_instrument(writer, BODY, number)
            begun = writer.head_seq
            for low, high in zip([0, *cuts], cuts, strict=False):
                writer.append(np.concatenate([rows_of(each) for each in events[low:high]]))
            last = writer.head_seq
        first = begun + 1 + sum(len(rows_of(each)) for each in events[:skipped])
        return count_untold(path, first, last, folded_from=1, lengths_ns=lengths_ns)


def test_a_bar_in_which_nothing_was_traded_is_none_that_is_untold() -> None:
    events = [("trade", 1, 0, 0), ("bar", 1, 1, 0), ("bar", 1, 2, 1), ("bar", 2, 3, 1)]
    assert counted(events, 0, [2, 4], dict.fromkeys((1, 2), MINUTE_NS)) == {1: 1}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["bar", "trade", "print"]), st.integers(1, 2), st.integers(0, 5), st.integers(0, 2)
        ),
        min_size=1, max_size=20,
    ),
    st.data(),
)  # fmt: skip
def test_bars_without_a_trade_are_counted(events: list[Event], data: st.DataObject) -> None:
    skipped = data.draw(st.integers(0, len(events) - 1))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(events)))) | {len(events)})
    assert counted(events, skipped, cuts, dict.fromkeys((1, 2), MINUTE_NS)) == count_naively(events, skipped)
    assert counted(events, skipped, cuts, {1: 2 * MINUTE_NS}) == {}, "bars of that length"
    assert {TRADE.words.index("ts_match"), BAR.words.index("ts_open"), BAR_VOLUME.words.index("interval_ns")} == {3, 0}

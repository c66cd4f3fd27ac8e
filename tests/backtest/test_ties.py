"""What happens first, where several things happen at one instant."""

from pathlib import Path

import numpy as np
import pytest

from tests.backtest.fakes import TouchVenue
from tests.backtest.made import BEGIN, MS, level, make_recording, trade
from tests.backtest.woken import QUOTER, settings_of
from veloz.backtest.keys import SettingsError
from veloz.backtest.result import Kept
from veloz.backtest.setup import make_plan, make_run
from veloz.contracts import registry as r

BOOK = (level(0, 9_990, 5_000, lag_ms=0, end=False), level(0, 10_010, 5_000, ask=True, lag_ms=0))


def marks(kept: Kept) -> list[tuple[str, float, int]]:
    """(first kind behind the mark, ms, row of the recording folded before) of every step behind the beginning."""
    told = []
    for step in kept.steps[2:]:
        mark = step.rows[0].view(r.DATA_FOLDED.view)
        kind = r.BY_NUMBER[int(step.rows["kind"][1])].name if len(step.rows) > 1 else ""
        told.append((kind, (int(mark["ts_recv"]) - BEGIN) / MS, int(mark["data_seq"])))
    return told


def played(tmp_path: Path, *rows: np.ndarray, venue: TouchVenue | None = None, config: tuple[str, ...] = ()) -> Kept:
    plan = make_plan(settings_of(QUOTER, tmp_path, *config), make_recording(tmp_path / "made", *rows))
    kept = Kept()
    run = make_run(plan, venue or TouchVenue(), kept)
    run.play()
    run.finish()
    return kept


def test_a_timer_comes_behind_the_rows_of_its_instant(tmp_path: Path) -> None:
    """The row that moves the book at the very moment of the beat is what the beat sees; the venue's row of that instant too."""
    kept = played(tmp_path, *BOOK, level(100, 10_000, 5_000), level(100 + 1e-6, 10_002, 5_000), trade(150, 10_000, 1))
    told = marks(kept)
    assert told[0] == ("system.timer", 100.0, 4), "three rows and the listing"
    intents = kept.steps[2].decisions[kept.steps[2].decisions["kind"] == r.INTENT.number]
    assert intents["price"].tolist() == [10_000, 10_010], "from 1000.0 and 1001.0, half a unit away: floor and ceil"


def test_a_row_comes_before_a_report_of_its_instant_and_a_report_before_a_timer(tmp_path: Path) -> None:
    kept = played(
        tmp_path, *BOOK, level(200, 9_991, 5_000), trade(250, 10_000, 1), venue=TouchVenue(40 * MS, 60 * MS),
    )  # fmt: skip
    told = marks(kept)
    assert told[:4] == [
        ("system.timer", 100.0, 3),
        ("order.dispatched", 200.0, 4),  # the row: told what was sent, and nothing of the report yet
        ("order.accepted", 200.0, 4),
        ("system.timer", 200.0, 4),
    ]


def test_timers_come_between_rows_and_end_with_what_is_still_to_come(tmp_path: Path) -> None:
    kept = played(tmp_path, *BOOK, trade(450, 10_000, 1))
    told = marks(kept)
    assert [at for kind, at, _ in told if kind == "system.timer"] == [100.0, 200.0, 300.0, 400.0]
    assert told[-1] == ("", 450.0, 4), "the end says how far the data were folded"


def test_what_is_under_way_when_the_data_end_still_arrives(tmp_path: Path) -> None:
    kept = played(tmp_path, *BOOK, trade(101, 10_000, 1), venue=TouchVenue(70 * MS, 60 * MS))
    told = [each for each in marks(kept) if each[0]]
    assert told == [
        ("system.timer", 100.0, 3),
        ("order.dispatched", 101.0, 4),
        ("system.timer", 200.0, 4),  # something is still to come
        ("order.accepted", 230.0, 4),
    ]


def test_receive_stamps_before_the_venues_move_all_of_them(tmp_path: Path) -> None:
    kept = played(
        tmp_path, trade(0, 10_000, 1, lag_ms=0), trade(50, 10_000, 1, lag_ms=-30), trade(250, 10_000, 1),
        config=("latency.feed_base_ns=2000000",),
    )  # fmt: skip
    first = kept.steps[0].rows[0].view(r.DATA_NAMED.view)
    assert int(first["shift_ns"]) == 32 * MS
    assert int(first["ts_recv"]) == BEGIN, "the smallest stamp is the venue's"
    assert marks(kept)[0] == ("system.timer", 100.0, 3)


def test_stamps_that_hold_as_they_stand_are_not_moved(tmp_path: Path) -> None:
    kept = played(tmp_path, *BOOK, trade(250, 10_000, 1), config=("latency.feed_base_ns=2000000",))
    assert int(kept.steps[0].rows[0].view(r.DATA_NAMED.view)["shift_ns"]) == 0
    with pytest.raises(SettingsError, match="up to 30000000 ns before the venue"):
        early = level(50, 9_991, 5_000, lag_ms=-30)
        make_plan(settings_of(QUOTER, tmp_path), make_recording(tmp_path / "early", *BOOK, early))

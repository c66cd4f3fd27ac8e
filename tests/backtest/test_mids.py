"""Middle prices at given moments of the venue's clock."""

from pathlib import Path

import numpy as np

from tests.backtest.made import BEGIN, MS, level, make_recording, trade
from tests.backtest.woken import QUOTER, settings_of
from veloz.backtest.mids import UNKNOWN, mids_at
from veloz.backtest.setup import make_plan
from veloz.contracts.system import DataBody
from veloz.history.results import Naming


def test_the_book_of_the_venue_is_read_before_and_at_a_moment(tmp_path: Path) -> None:
    path = make_recording(
        tmp_path / "made",
        level(0, 9_990, 5_000, lag_ms=0), level(10, 10_010, 5_000, ask=True, lag_ms=2),
        level(30, 9_992, 5_000, lag_ms=25), level(21, 9_994, 1_000, lag_ms=1), trade(40, 10_000, 1),
    )  # fmt: skip
    plan = make_plan(settings_of(QUOTER, tmp_path), path)
    naming = Naming(
        plan.named.first_seq, plan.named.last_seq, 0, True, False, DataBody(path="", head="", config="", config_hash="")
    )
    moments = [
        (-1, False),
        (0, False),
        (4, False),
        (8, True),
        (8, False),
        (19, False),
        (20, True),
        (20, False),
        (99, False),
    ]
    asked = np.array([BEGIN + at * MS for at, _ in moments])
    before = np.array([flag for _, flag in moments])
    found = mids_at(path, naming, plan.found.back_ns, plan.world, asked, before=before)
    both, moved, last = 9_990 + 10_010, 9_992 + 10_010, 9_994 + 10_010
    expected = [UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, moved, moved, moved, last, last]
    assert found[:, 0].tolist() == expected, "the bid of 9992 stood at the venue from 5 ms on, whenever we heard of it"
    assert both not in expected

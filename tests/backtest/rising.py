"""A whole run over a rising spot market, or over other rows, and what it came to."""

from pathlib import Path
from typing import Any

import msgspec

from tests.backtest.made import BODY, level, make_recording, trade
from veloz.backtest.driver import make_driven_run
from veloz.backtest.ending import outcome_of
from veloz.backtest.ledger import Figures, Ledger
from veloz.backtest.outcome import RunResult
from veloz.backtest.result import Kept
from veloz.backtest.settings import read_settings
from veloz.backtest.setup import make_plan

SPOT = msgspec.structs.replace(BODY, venue="binance_spot", product="spot", settle="")
QUIET = """
[strategy]
interval_ns = 100_000_000
qty = 0.001
max_position = 0
"""
RISING = (
    level(0, 1_000, 5_000),
    level(500, 1_004, 5_000, ask=True),  # from here on there is a middle: 100.2
    level(1_500, 1_000, 0),
    level(1_600, 1_100, 5_000),
    level(1_600, 1_004, 0, ask=True),
    level(1_700, 1_104, 5_000, ask=True),  # 110.2
    trade(2_500, 1_100, 1),
)


def played(tmp_path: Path, *overrides: str, text: str = QUIET, **how: Any) -> tuple[Ledger, Figures, RunResult]:
    rows, body = how.get("rows", RISING), how.get("body", SPOT)
    plan = make_plan(read_settings(text, overrides), make_recording(tmp_path / "data", *rows, body=body))
    ledger = Ledger(plan.world, 100_000_000)
    run = make_driven_run(plan, Kept(), (ledger,))
    run.play()
    run.finish()
    figures = ledger.figures(run.desk)
    return ledger, figures, outcome_of(plan, run, ledger, None, "", ())

"""What a strategy raised is found by people, is the same every time, and decides nothing."""

import json
from pathlib import Path

import pytest

from veloz.history.dump import dump
from veloz.history.verify import verify_journal
from veloz.scenario.runner import Result, run

DESK = """
account main binance_usdm leverage 10
instrument binance_usdm:BTCUSDT linear tick 0.1 lot 0.001
balance USDT 1000
mark BTCUSDT 100
"""
RAISING = """
strategy ping load inline Ping on BTCUSDT <<<
from veloz.strategies import sdk


class Odd(Exception):
    def __str__(self):
        return {text}


class Ping(sdk.Strategy):
    written_for = "1.0"
    wakes = sdk.Wakes(events=("md.trade",))

    def on_event(self, view, event):
        raise {error}
>>>
strategy ping start
trade BTCUSDT 100x1
"""


def raising(error: str, folder: Path, *more: str, text: str = '""', journal: Path | None = None) -> Result:
    """A strategy that raises at the first trade."""
    return run(DESK + RAISING.format(error=error, text=text) + "\n".join(more), folder, journal)


TOLD = [
    ('ValueError("no such level")', '""', "ValueError: no such level"),
    ("KeyError", '""', "KeyError"),
    ('ValueError("two\\nlines\\tand \\x07")', '""', "ValueError: two lines and ?"),
    ('ValueError("<thing at 0x7f12ab> and 0xFF")', '""', "ValueError: <thing at 0x> and 0x"),
    ('ValueError("\\ud800")', '""', "ValueError: ?"),
    ('ValueError("x" * 10**6)', '""', "ValueError: " + "x" * 188),
    ("Odd()", "1 // 0", "Odd"),
    ("Odd()", '"its own words"', "Odd: its own words"),
]


@pytest.mark.parametrize(("error", "text", "told"), TOLD)
def test_what_was_raised_is_one_bounded_line(error: str, text: str, told: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    result = raising(error, tmp_path, text=text, journal=journal)
    assert (result.refusals[-1]["code"], result.refusals[-1]["text"]) == ("RAISED", told)
    assert f"code=RAISED observed=14 limit=0 text={told}" in result.outcome.lines["rows"][-1].replace('"', "")
    rows = [json.loads(line) for line in dump(journal, 1, result.records)]
    assert [row["body"]["text"] for row in rows if row["kind"] == "strategy.disabled"] == [told]
    found = verify_journal(journal, last=result.records, trust=True)
    assert found.verifier.divergences == []


def test_an_expected_order_that_a_disabled_strategy_never_made_is_a_difference(tmp_path: Path) -> None:
    result = raising('ValueError("boom")', tmp_path, "expect order ping#1 FILLED")
    assert result.first_difference is not None
    assert result.first_difference.found == (
        "ping has placed 0 orders by then, and not 1; it was disabled (RAISED at line 14, ValueError: boom)."
    )
    assert any(" strategy.disabled " in line for line in result.outcome.lines["rows"])


def test_orders_tell_all_their_terms(tmp_path: Path) -> None:
    lines = [
        "t: sell 1 BTCUSDT trailing 0.5% activation 101",
        "s: buy 1 BTCUSDT stop 110 trigger-by mark",
        "g: buy 1 BTCUSDT @ 99 gtd until 2026-01-01T01:00:00.5Z stp expire-maker",
    ]
    orders = {each["label"]: each for each in run(DESK + "\n".join(lines), tmp_path).orders.values()}
    trailing, stop, timed = orders["t"], orders["s"], orders["g"]
    assert (trailing["trailing"], trailing["activation"], trailing["trigger_by"]) == ("0.005", "101", "LAST")
    assert (stop["trigger"], stop["trigger_by"], stop["until"]) == ("110", "MARK", None)
    assert (timed["tif"], timed["until"], timed["stp"]) == ("GTD", "2026-01-01T01:00:00.5Z", "EXPIRE_MAKER")
    assert (timed["trigger_by"], timed["trailing"]) == (None, None)

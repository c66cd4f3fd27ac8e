"""Delays measured from a journal, and a backtest that draws from them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from journal import Writer
from tests.cli.conftest import Run
from veloz.contracts import registry as r
from veloz.contracts.layout import ROW, STEP_END
from veloz.contracts.terms import META, Action, Why, pack

MS = 1_000_000
SENT = 1_700_000_000_000 * MS
QUOTER = '[strategy]\nform = "python"\nhalf_spread = 3\nqty = 0.02\nmax_position = 1\n'


def line(kind: r.Kind, recv_ms: float, event_ms: float, *words: int) -> np.ndarray:
    row = np.zeros(1, ROW)
    row["kind"], row["version"], row["flags"], row["instrument"] = kind.number, kind.version, STEP_END, 1
    row["ts_recv"] = SENT + round(recv_ms * MS)
    row["ts_event"] = SENT + round(event_ms * MS) if event_ms else 0
    for name, word in zip(ROW.names[6:], words, strict=False):
        row[name] = word
    return row


def asked(order: int, action: Action, at_ms: float) -> np.ndarray:
    return line(r.DISPATCHED, at_ms, 0, order, action, SENT + round(at_ms * MS))


def written(path: Path, *rows: np.ndarray) -> Path:
    with Writer.open(path, map_size_bytes=1 << 24) as writer:
        for row in rows:
            writer.append(row)
    return path


def measured(veloz: Run, path: Path, *words: str) -> Any:
    ran = veloz("journal", "latency", "--journal", path, "--json", *words)
    assert ran.code == 0, ran.out
    return ran.json


def test_orders_and_cancels_are_measured_there_and_back(veloz: Run, tmp_path: Path) -> None:
    path = written(
        tmp_path / "journal",
        asked(1, Action.PLACE, 0), line(r.ACCEPTED, 9, 4, 1),  # 4 there, 5 back
        asked(1, Action.CANCEL, 20), line(r.CANCELED, 29, 22, 1),  # 2 there, 7 back
        asked(2, Action.PLACE, 40), line(r.REJECTED, 49, 44, 2),  # no order.accepted
        asked(3, Action.PLACE, 60), line(r.ACCEPTED, 69, 0, 3),  # the venue's stamp is not known
        line(r.CANCELED, 90, 80, 9),  # nobody asked
        asked(4, Action.CANCEL, 100), line(r.CANCELED, 105, 99, 4),  # the venue had ended it before
        asked(5, Action.CANCEL, 120), line(r.CANCELED, 129, 121, 5, 0, 0, 0, pack(META, why=Why.SELF_TRADE)),
    )  # fmt: skip
    told = measured(veloz, path, "--points", "3")
    assert told == {
        "answered": 2, "entry_quantiles": [2 * MS, 3 * MS, 4 * MS], "response_quantiles": [5 * MS, 6 * MS, 7 * MS],
    }  # fmt: skip
    assert measured(veloz, path, "--points", "2", "--to", "2")["response_quantiles"] == [5 * MS, 5 * MS]


@pytest.mark.parametrize(
    ("rows", "words", "said"),
    [
        ([asked(1, Action.PLACE, 0)], (), "No request in"),
        ([asked(1, Action.PLACE, 5), line(r.ACCEPTED, 9, 4, 1)], (), "arrived 1.000 ms before it left"),
        ([asked(1, Action.PLACE, 0), line(r.ACCEPTED, 3, 4, 1)], (), "clocks of desk and venue are apart"),
        ([asked(1, Action.PLACE, 0)], ("--points", "1"), "--points is 1"),
        ([asked(1, Action.PLACE, 0)], ("--from", "7"), "ends at row 1"),
    ],
)
def test_what_cannot_be_measured_is_told(veloz: Run, tmp_path: Path, rows: list, words: tuple, said: str) -> None:
    ran = veloz("journal", "latency", "--journal", written(tmp_path / "journal", *rows), "--json", *words)
    assert ran.code == 2
    assert said in ran.json["error"]["message"]
    assert ran.json["error"]["hint"]


def test_a_backtest_draws_from_what_was_measured(veloz: Run, short: Path, tmp_path: Path) -> None:
    """Of a run with delays that never change: the same run again, of quantiles that are all alike."""
    config = tmp_path / "run.toml"
    config.write_text(QUOTER + "[latency]\nentry_ns = 7_000_000\nresponse_ns = 3_000_000\n")
    words = ("--data", f"binance_usdm={short}", "--json")
    first = veloz("backtest", config, *words, "--journal", tmp_path / "first")
    assert first.code == 0, first.out
    told = veloz("journal", "latency", "--journal", tmp_path / "first", "--points", "5")
    assert "entry_quantiles = [7000000, 7000000, 7000000, 7000000, 7000000]" in told.out
    assert "response_quantiles = [3000000, 3000000, 3000000, 3000000, 3000000]" in told.out
    config.write_text(QUOTER + told.out)
    second = veloz("backtest", config, *words, "--journal", tmp_path / "second")
    assert second.code == 0, second.out
    rows = [
        veloz("journal", "dump", "--journal", tmp_path / name, "--kind", "order.*").out for name in ("first", "second")
    ]
    assert rows[0] == rows[1] != ""

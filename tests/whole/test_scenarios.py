"""Every scenario of specs/scenarios, run into a real journal that everything else then opens; and what the page about them shows."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from journal import Reader
from journal.check import check
from veloz.contracts.layout import ROW
from veloz.engine.step import is_decision
from veloz.history.dump import dump
from veloz.history.recall import recall
from veloz.history.verify import verify_journal
from veloz.history.why import find_chain
from veloz.reducers.fold import fold
from veloz.reducers.state import new_state, state_hash
from veloz.scenario.runner import Result, read_file, run

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "specs" / "scenarios"
FILES = sorted(FOLDER.glob("*.txt"))
WANTED = {
    "normal_fill", "partial_and_cancel", "reject", "amend", "out_of_order", "duplicate_fills", "unknown_found", "unknown_absent",
    "liquidation", "limit_breach", "stop_pause", "stop_reduce", "stop_halt", "stop_cancel", "stop_flatten", "breaker",
}  # fmt: skip


@pytest.fixture(scope="module", params=FILES, ids=[file.stem for file in FILES])
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Result]:
    """A scenario, its journal, and what came of it."""
    file: Path = request.param
    journal = tmp_path_factory.mktemp(file.stem) / "journal"
    return file, journal, run(read_file(file), file.parent, journal)


def rows_of(journal: Path) -> np.ndarray:
    with Reader.open(journal) as reader, reader.view() as view:
        return np.concatenate([batch.rows.view(ROW) for batch in view.scan()])


def test_every_kind_of_session_is_there() -> None:
    assert {file.stem for file in FILES} >= WANTED


def test_what_was_expected_came_out(ran: tuple[Path, Path, Result]) -> None:
    file, _, result = ran
    assert result.script.expected, f"{file.name} expects nothing: run `just rewrite`, and read the difference"
    assert result.ok, result.first_difference and result.first_difference.sentence()


def test_the_lower_half_is_what_rewriting_would_write(ran: tuple[Path, Path, Result]) -> None:
    file, _, result = ran
    assert file.read_text().partition("\n----\n")[2] == result.outcome.text()


def test_its_journal_is_whole(ran: tuple[Path, Path, Result]) -> None:
    _, journal, result = ran
    report = check(journal)
    assert report.ok, report.reason
    assert report.records == result.records


def test_every_decision_is_taken_again(ran: tuple[Path, Path, Result]) -> None:
    _, journal, result = ran
    found = verify_journal(journal, last=result.records, trust=True)
    assert found.verifier.divergences == []
    assert found.verifier.decisions == int(is_decision(rows_of(journal)).sum())
    assert state_hash(found.state) == result.state_hash


def test_a_plain_fold_gives_the_same_state(ran: tuple[Path, Path, Result]) -> None:
    _, journal, result = ran
    assert state_hash(recall(journal, use_snapshot=False).state) == result.state_hash


@pytest.mark.parametrize("size", [1, 7])
def test_cut_otherwise_the_same_state(ran: tuple[Path, Path, Result], size: int) -> None:
    _, journal, result = ran
    rows, state = rows_of(journal), new_state()
    for at in range(0, len(rows), size):
        state = fold(state, rows[at : at + size], at + 1)
    assert state_hash(state) == result.state_hash


def test_twice_the_same(ran: tuple[Path, Path, Result]) -> None:
    file, _, result = ran
    again = run(read_file(file), file.parent)
    assert again.as_dict() == result.as_dict()
    assert again.outcome.lines == result.outcome.lines


def test_every_row_can_be_told(ran: tuple[Path, Path, Result]) -> None:
    _, journal, result = ran
    lines = [json.loads(line) for line in dump(journal, 1, result.records)]
    assert [line["seq"] for line in lines] == list(range(1, result.records + 1))


def test_every_order_can_be_explained(ran: tuple[Path, Path, Result]) -> None:
    _, journal, result = ran
    for name in result.orders:
        assert find_chain(journal, name).entries, name


def test_causes_come_before_their_effects(ran: tuple[Path, Path, Result]) -> None:
    _, journal, _ = ran
    rows = rows_of(journal)
    decided = np.flatnonzero(is_decision(rows))
    assert len(decided)
    assert (rows["ref"][decided] < decided + 1).all()
    assert (rows["ref"][decided] >= 1).all()


def test_nothing_is_requested_twice(ran: tuple[Path, Path, Result]) -> None:
    """One order.requested an order, ever: nothing is sent again."""
    from veloz.contracts.registry import REQUESTED

    _, journal, _ = ran
    rows = rows_of(journal)
    asked = rows[rows["kind"] == REQUESTED.number]
    keys = list(zip(asked["venue_seq"].tolist(), asked["instrument"].tolist(), strict=True))
    assert len(keys) == len(set(keys))


def veloz(*words: str, env: dict[str, str]) -> Any:
    """Run the command line in a process of its own."""
    program = "from veloz.cli.main import main; main()"
    left = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert left.returncode in (0, 1), left.stderr
    return json.loads(left.stdout)


@pytest.mark.parametrize("name", ["partial_and_cancel", "quoter"])
def test_the_same_bytes_without_the_compiler(name: str, tmp_path: Path) -> None:
    file = FOLDER / f"{name}.txt"
    here = run(read_file(file), FOLDER, tmp_path / "here")
    there = veloz("scenario", str(file), "--json", "--journal", str(tmp_path / "there"), env={"NUMBA_DISABLE_JIT": "1"})
    assert there == json.loads(json.dumps(here.as_dict()))
    assert rows_of(tmp_path / "here").tobytes() == rows_of(tmp_path / "there").tobytes()


def examples() -> list[str]:
    """Blocks of the page that are scenarios: those that open an account."""
    page = (FOLDER / "README.md").read_text()
    return [text for text in re.findall(r"```\n(.*?)```", page, re.DOTALL) if text.startswith(("account", "# A whole"))]


@pytest.mark.parametrize("text", examples())
def test_the_page_shows_what_is_so(text: str) -> None:
    result = run(text, FOLDER)
    assert result.ok, result.first_difference and result.first_difference.sentence()


def test_a_difference_is_exit_one_and_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "wrong.txt"
    file.write_text(examples()[0].replace("FILLED filled 2", "FILLED filled 3"))
    told = veloz("scenario", str(file), "--json", env={"NUMBA_DISABLE_JIT": "1"})
    assert told["ok"] is False
    assert told["first_difference"]["found"] == "filled 2"
    assert set(told) == {
        "ok", "records", "orders", "refusals", "positions", "balances", "pnl", "state_hash", "first_difference"
    }  # fmt: skip

"""A verification finds every decision that is not what the code makes of the same data."""

from pathlib import Path

import numpy as np
import pytest

from journal import Reader, Writer
from tests.backtest.fakes import TouchVenue
from tests.backtest.woken import QUOTER, settings_of
from veloz.backtest.recheck import Rechecked, recheck, steps_of
from veloz.backtest.result import Recorder
from veloz.backtest.setup import make_plan, make_run
from veloz.contracts import registry as r
from veloz.contracts.layout import ROW, STEP_END
from veloz.history.recall import recall
from veloz.history.results import read_naming
from veloz.reducers.state import state_hash


@pytest.fixture(scope="module")
def result(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("result")
    recorder = Recorder(folder / "journal")
    run = make_run(make_plan(settings_of(QUOTER, folder), recording), TouchVenue(), recorder)
    run.play(events=60)
    run.finish()
    recorder.close()
    return folder / "journal"


def steps(result: Path) -> list[tuple[np.ndarray, list[tuple[int, bytes]]]]:
    with Reader.open(result) as reader, reader.view() as view:
        head = view.head()[0]
    return [(rows.copy(), bodies) for _, rows, bodies in steps_of(result, head)]


def rewritten(path: Path, parts: list[tuple[np.ndarray, list[tuple[int, bytes]]]]) -> Rechecked:
    """Another journal of these steps, verified."""
    with Writer.open(path, map_size_bytes=1 << 26) as writer:
        for rows, bodies in parts:
            writer.append(rows, bodies=bodies)
        writer.flush()
        last = writer.durable_seq
    naming = read_naming(path)
    assert naming is not None
    found = recheck(path, naming, last=last)
    assert state_hash(found.state) == state_hash(recall(path).state), "the record is the truth from the difference on"
    return found


def place_of(parts: list[tuple[np.ndarray, list[tuple[int, bytes]]]], kind: r.Kind, nth: int = 0) -> tuple[int, int]:
    """Step and row of the nth row of a kind."""
    found = [
        (at, k) for at, (rows, _) in enumerate(parts) for k in np.flatnonzero(rows["kind"] == kind.number).tolist()
    ]
    return found[nth]


def test_what_was_written_is_confirmed(result: Path, tmp_path: Path) -> None:
    found = rewritten(tmp_path / "same", steps(result))
    assert (found.differences, found.divergences) == (0, [])
    assert found.decisions > 20


@pytest.mark.parametrize("kind", [r.INTENT, r.DRAFTED, r.APPROVED, r.REQUESTED, r.PNL])
def test_a_decision_with_another_number_is_told(result: Path, tmp_path: Path, kind: r.Kind) -> None:
    parts = steps(result)
    at, k = place_of(parts, kind)
    parts[at][0]["price"][k] += 1
    found = rewritten(tmp_path / "changed", parts)
    seq = sum(len(rows) for rows, _ in parts[:at]) + k + 1
    assert [(each.seq, each.kind) for each in found.divergences[:1]] == [(seq, kind.name)]
    assert found.divergences[0].field == kind.words[1]


def test_a_decision_that_is_missing_is_told(result: Path, tmp_path: Path) -> None:
    """A whole step of pnl that rows of the data caused: where it stood, the engine is asked all the same."""
    parts = steps(result)
    alone = [at for at, (rows, _) in enumerate(parts) if rows["kind"].tolist()[1:2] == [r.PNL.number]]
    assert alone, "the recording runs for more than a second"
    del parts[alone[0]]
    found = rewritten(tmp_path / "missing", parts)
    assert found.divergences[0].kind == r.PNL.name
    assert found.divergences[0].recorded == "nothing"


def test_a_decision_that_was_added_is_told(result: Path, tmp_path: Path) -> None:
    parts = steps(result)
    at, _ = place_of(parts, r.DISPATCHED)
    rows, bodies = parts[at]
    more = np.zeros(1, ROW)
    more["kind"], more["version"], more["ts_recv"], more["flags"] = r.STOPPED.number, 1, rows["ts_recv"][-1], STEP_END
    rows["flags"][-1] &= ~np.uint8(STEP_END)
    parts[at] = (np.concatenate([rows, more]), bodies)
    found = rewritten(tmp_path / "added", parts)
    assert (found.divergences[0].kind, found.divergences[0].recomputed) == (r.STOPPED.name, "nothing")


def test_a_step_that_lies_about_the_data_is_told(result: Path, tmp_path: Path) -> None:
    parts = steps(result)
    at, _ = place_of(parts, r.DATA_FOLDED, 8)
    parts[at][0].view(r.DATA_FOLDED.view)["data_kind"][0] += 1
    found = rewritten(tmp_path / "lies", parts)
    assert (found.divergences[0].kind, found.divergences[0].field) == (r.DATA_FOLDED.name, "data_kind")

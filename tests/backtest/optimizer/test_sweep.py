"""A whole sweep: the same table whoever runs it and however often it was killed; folds; objectives; refusals."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.backtest.optimizer.hill import DAY_NS, Hill, hill, plan, sweep
from veloz.backtest.optimizer.pool import Inline, Pool
from veloz.backtest.optimizer.sweep import TEST
from veloz.backtest.optimizer.trial import Done, Executor, Job, Opener, SweepError
from veloz.backtest.optimizer.walk import Walk, cut

ROOT = Path(__file__).resolve().parents[3]


class Backwards:
    """Runs what it can get together, the last first."""

    def run(self, jobs: Iterable[Job]) -> Iterator[list[Done]]:
        work = Hill()
        for job in reversed(list(jobs)):
            yield [Done(job.number, work.run(job.settings, job.seed), 0.0)]

    def close(self) -> None:
        pass


@pytest.mark.parametrize("method", ["grid", "random", "genetic"])
def test_the_table_is_the_same_whoever_runs_it(tmp_path: Path, method: str) -> None:
    planned = plan(f"method = '{method}'\ntrials = {155 if method == 'grid' else 45}")
    tables = []
    for name in ("inline", "backwards", "one", "two"):
        executor: Executor = Backwards() if name == "backwards" else Inline(hill())
        if name in ("one", "two"):
            executor = Pool(hill(sleep_s=0.004), 1 + (name == "two"))
        found = sweep(planned, tmp_path / name, executor)
        executor.close()
        tables.append((json.dumps(found.table()), found.table_hash, found.belief, found.best))
    assert tables.count(tables[0]) == 4
    best = tables[0][3]
    assert best is not None
    assert best.worth == max(line["objective"] for line in json.loads(tables[0][0]))
    if method == "grid":
        assert (best.params, best.worth) == ({"x": Decimal("3.0"), "y": Decimal("0.50")}, 10.0)
        assert best.number == 16 * 5 + 3


@pytest.mark.parametrize("method", ["random", "genetic"])
def test_a_sweep_that_was_cut_off_anywhere_gives_the_same_table_and_runs_nothing_twice(
    tmp_path: Path, method: str
) -> None:
    planned = plan(f"method = '{method}'\ntrials = 30\npopulation = 8")
    whole = sweep(planned, tmp_path / "whole")
    lines = (tmp_path / "whole" / "results.jsonl").read_bytes().splitlines(keepends=True)
    for kept in (1, 2, 9, 17, 30, 31):
        folder, log = tmp_path / str(kept), tmp_path / f"log{kept}"
        folder.mkdir()
        (folder / "results.jsonl").write_bytes(b"".join(lines[:kept]) + lines[min(kept, 30)][:40])
        found = sweep(planned, folder, log=str(log))
        assert (found.table(), found.table_hash) == (whole.table(), whole.table_hash)
        assert found.remembered == kept - 1
        assert len(log.read_text().splitlines() if log.exists() else []) == 31 - kept


def test_killed_while_it_runs_it_goes_on(tmp_path: Path) -> None:
    """The whole process tree is killed in the middle; what was kept is not run again and the table is the same."""
    whole = sweep(plan("method = 'random'"), tmp_path / "whole")
    code = (
        "from pathlib import Path\n"
        "from tests.backtest.optimizer.hill import hill, plan, sweep\n"
        "from veloz.backtest.optimizer.pool import Pool\n"
        "if __name__ == '__main__':\n"
        f"    pool = Pool(hill(log={str(tmp_path / 'log')!r}, sleep_s=0.1), 2)\n"
        f"    sweep(plan(\"method = 'random'\"), Path({str(tmp_path / 'cut')!r}), pool)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen([sys.executable, str(script)], cwd=ROOT, env=env, start_new_session=True)
    file = tmp_path / "cut" / "results.jsonl"
    while child.poll() is None and (not file.exists() or file.read_bytes().count(b"\n") < 15):
        pass
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    kept = file.read_bytes().count(b"\n") - 1
    assert 14 <= kept < 60
    found = sweep(plan("method = 'random'"), tmp_path / "cut")
    assert (found.table_hash, found.remembered) == (whole.table_hash, kept)


def test_a_process_that_dies_is_replaced(tmp_path: Path) -> None:
    planned = plan("method = 'grid'\nspace = {x = {low = 0, high = 12}}")
    pool = Pool(hill(deadly=str(tmp_path / "died")), 2)
    found = sweep(planned, tmp_path / "pool", pool)
    pool.close()
    assert (tmp_path / "died").exists()
    assert found.table_hash == sweep(planned, tmp_path / "inline").table_hash


def test_a_trial_that_always_kills_is_one_sentence(tmp_path: Path) -> None:
    pool = Pool(hill(deadly=str(tmp_path / "always")), 2)
    with pytest.raises(SweepError, match=r"Trial 6 ended its process 2 times \(signal 9\)"):
        sweep(plan("method = 'grid'\nspace = {x = {low = 0, high = 12}}"), tmp_path / "pool", pool)
    pool.close()


def test_what_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    pool = Pool(Opener("tests.backtest.optimizer.hill:open_nothing", {}), 1)
    with pytest.raises(SweepError, match="could not open what it runs: ValueError: there is no hill here"):
        sweep(plan("method = 'random'"), tmp_path, pool)
    pool.close()


def test_processes_end_with_whoever_started_them() -> None:
    code = (
        "import os, signal\nfrom tests.backtest.optimizer.hill import hill\nfrom veloz.backtest.optimizer.pool import Pool\n"
        "if __name__ == '__main__':\n    pool = Pool(hill(), 2)\n    pool.warm()\n    print(*pool.pids, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    pids = [int(word) for word in done.stdout.split()]
    assert len(pids) == 2
    # the pipe of standard output is closed only when the last of them has gone, which `run` has waited for
    assert not [pid for pid in pids if Path(f"/proc/{pid}/cmdline").exists() and "spawn" in _command(pid)]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_least_is_best_where_least_is_wanted(tmp_path: Path) -> None:
    planned = plan("method = 'grid'\nobjective = 'trades'\ngoal = 'minimise'\ntrials = 155")
    best = sweep(planned, tmp_path).best
    assert best is not None
    assert (best.params["x"], best.worth, best.number) == (Decimal("-5.0"), -50, 1)


def test_refusals_and_undefined_worths_come_last(tmp_path: Path) -> None:
    found = sweep(plan("method = 'grid'\nspace = {x = {low = 2, high = 14}}"), tmp_path)
    assert [trial.params["x"] for trial in found.trials][:2] == [3, 2]
    assert [trial.params["x"] for trial in found.trials][-2:] == [14, 13]
    assert found.table()[-1]["refused"] == "x is 13, which brings bad luck."
    assert found.belief.trials == 11
    nothing = sweep(plan("method = 'grid'\nspace = {x = {values = [14]}}"), tmp_path / "14")
    assert nothing.best is None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("space = {x = {values = [13]}}", "bad luck"),
        ("space = {z = {values = [1]}}", "z is no setting"),
        ("objective = 'sharp'\nspace = {x = {values = [1]}}", "there are height, symbol, trades"),
    ],
)
def test_a_sweep_of_nothing_is_one_sentence(tmp_path: Path, more: str, said: str) -> None:
    with pytest.raises(SweepError, match=said):
        sweep(plan(more), tmp_path)


def test_a_walk_trains_before_it_tests(tmp_path: Path) -> None:
    planned = plan("method = 'random'\ntrials = 12\nwalk = {folds = 3, train = 2}")
    found = sweep(planned, tmp_path)
    assert len(found.trials) == 3 * 13
    for number, step in enumerate(found.steps, 1):
        assert step.chosen is not None
        assert step.tested is not None
        assert step.chosen.params == step.tested.params
        trained = [each for each in found.trials if each.fold == number and each.part != TEST]
        assert step.chosen.worth == max(each.worth or -99 for each in trained)
        assert step.tested.worth == pytest.approx(step.chosen.worth - 2 * 6 / 100)
    assert found.best == found.steps[-1].tested
    assert found.efficiency is not None
    assert 0.9 < found.efficiency < 1
    assert found.belief.trials == 12
    assert sweep(planned, tmp_path).table_hash == found.table_hash


@pytest.mark.parametrize("anchored", [False, True])
def test_folds_leave_the_gap_out(anchored: bool) -> None:
    folds = cut(Walk(4, 2, anchored, purge_ns=DAY_NS, embargo_ns=DAY_NS // 2), 10, 10 + 12 * DAY_NS - 1)
    for number, fold in enumerate(folds):
        assert fold.test.begin_ns == 10 + (4 + 2 * number) * DAY_NS
        assert fold.test.end_ns == fold.test.begin_ns + 2 * DAY_NS - 1
        assert fold.train.end_ns == fold.test.begin_ns - DAY_NS * 3 // 2 - 1
        assert fold.train.begin_ns == (10 if anchored else 10 + 2 * number * DAY_NS)
    assert folds[-1].test.end_ns == 10 + 12 * DAY_NS - 1
    with pytest.raises(SweepError, match="no time to train in"):
        cut(Walk(4, 1, purge_ns=3 * DAY_NS), 0, 10 * DAY_NS)


def test_a_fold_may_train_where_another_was_tested(tmp_path: Path) -> None:
    """Without a gap and one block of training, a test's run may be a training run of the next fold: it is in both."""
    planned = plan("method = 'grid'\nspace = {x = {values = [3]}}\nwalk = {folds = 2, train = 1}")
    found = sweep(planned, tmp_path)
    assert [(each.fold, each.part) for each in sorted(found.trials, key=lambda each: each.number)] == [
        (1, "train"), (1, "test"), (2, "train"), (2, "test"),
    ]  # fmt: skip
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 1 + 3

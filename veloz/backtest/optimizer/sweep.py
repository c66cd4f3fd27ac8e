"""A sweep: trials are proposed, run by whoever runs them, remembered, and laid beside each other.

What comes out depends on the plan, the data and the code alone: trials are numbered in the order in which they are proposed, and the search
is told what they were worth in that order, whoever ran them and whenever they ended.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from veloz.backtest.optimizer.overfit import Belief, judge
from veloz.backtest.optimizer.plan import Plan
from veloz.backtest.optimizer.records import Entry, Records
from veloz.backtest.optimizer.search import Worths
from veloz.backtest.optimizer.trial import (
    Done,
    Executor,
    Job,
    Outcome,
    Params,
    Refused,
    SweepError,
    Work,
    digest_of,
    plain,
    words_of,
)
from veloz.backtest.optimizer.walk import Fold, Window, cut

Progress = Callable[[int, int], None]  # runs made by this call, runs that are at most to be made
TRAIN: Final = "train"
TEST: Final = "test"


@dataclass(frozen=True)
class Trial:
    """One trial of a sweep and what it came to."""

    number: int  # from 1, as proposed
    params: Params
    config_hash: str
    seed: int
    outcome: Outcome
    worth: float | None  # the objective; None: not defined, or no result
    fold: int = 0  # of a walk, from 1
    part: str = TRAIN

    def told(self) -> dict[str, Any]:
        """It as a line of the table."""
        line: dict[str, Any] = {
            "trial": self.number,
            "params": {name: plain(value) for name, value in self.params.items()},
            "objective": self.worth,
            "metrics": self.outcome.metrics,
            "config_hash": self.config_hash,
            "seed": self.seed,
            "result_hash": self.outcome.result_hash,
        }
        if self.fold:
            line.update(fold=self.fold, part=self.part)
        if self.outcome.refused:
            line["refused"] = self.outcome.refused
        return line


@dataclass(frozen=True)
class Step:
    """What one fold of a walk found, and what it was worth in the time after it."""

    fold: Fold
    chosen: Trial | None
    tested: Trial | None


@dataclass(frozen=True)
class Result:
    """What a sweep came to."""

    trials: tuple[Trial, ...]  # the best first
    best: Trial | None  # of a walk: what its last fold chose, tested
    belief: Belief
    steps: tuple[Step, ...]
    remembered: int  # trials that were in the file already

    @property
    def efficiency(self) -> float | None:
        """Of a walk: mean worth out of sample ÷ mean worth in sample; None where the latter is not above 0 or one is not defined."""
        both = [
            (step.chosen.worth, step.tested.worth)
            for step in self.steps
            if step.chosen and step.tested and step.chosen.worth is not None and step.tested.worth is not None
        ]
        inside = sum(each for each, _ in both)
        return sum(each for _, each in both) / inside if both and inside > 0 else None

    def table(self) -> list[dict[str, Any]]:
        """Every trial, the best first."""
        return [trial.told() for trial in self.trials]

    @property
    def table_hash(self) -> str:
        """Of (configuration, seed, result) of every trial in order: two sweeps with the same table have the same."""
        return digest_of(
            *(f"{each.number} {each.config_hash} {each.seed} {each.outcome.result_hash}" for each in self.trials)
        )


@dataclass(frozen=True)
class _Asked:
    number: int
    params: Params
    settings: Params
    config_hash: str
    seed: int
    key: str
    fold: int
    part: str
    refused: str  # what is wrong with the settings; it was not run


class Sweep:
    """A sweep that can be run once.

    Args:
        plan: What to do.
        work: What is run, opened here.
        executor: Who runs it.
        records: Where results are kept; those that are there are not run again.
        progress: Told how far it is.
    """

    def __init__(
        self, plan: Plan, work: Work, executor: Executor, records: Records, progress: Progress | None = None
    ) -> None:
        self._plan, self._work, self._executor, self._records = plan, work, executor, records
        self._progress = progress
        self._asked: dict[tuple[int, str, str], _Asked] = {}  # by fold, part and key
        self._order: list[_Asked] = []  # by number
        self._made = 0
        self._remembered = 0

    def run(self) -> Result:
        """Run it to its end.

        Raises:
            SweepError: Nothing can be run, the objective is no metric, or a trial cannot be run at all.
        """
        if self._plan.walk is None:
            self._search(None)
            steps: list[Step] = []
        else:
            steps = [self._step(fold) for fold in cut(self._plan.walk, *self._work.span_ns)]
        trials = sorted((self._trial(each) for each in self._order), key=self._rank)
        group = steps[-1].fold.number if steps else 0
        judged = [each for each in trials if each.fold == group and each.part == TRAIN]
        first = judged[0] if judged and judged[0].worth is not None else None
        belief = judge([each.outcome.returns for each in judged], 0 if first else -1, self._plan.said["blocks"])
        best = steps[-1].tested if steps else first
        return Result(tuple(trials), best, belief, tuple(steps), self._remembered)

    def _step(self, fold: Fold) -> Step:
        self._search(fold)
        trained = [self._trial(each) for each in self._order if each.fold == fold.number]
        chosen = min(trained, key=self._rank, default=None)
        if chosen is None or chosen.worth is None:
            return Step(fold, None, None)
        self._run([chosen.params], fold, TEST)
        return Step(fold, chosen, self._trial(self._order[-1]))

    def _search(self, fold: Fold | None) -> None:
        search = self._plan.search()
        batch = next(search, None)
        while batch:
            worths = self._run(batch, fold, TRAIN)
            try:
                batch = search.send(worths)
            except StopIteration:
                return

    # --- one batch --------------------------------------------------------------------------------------------------------

    def _run(self, batch: Sequence[Params], fold: Fold | None, part: str) -> Worths:
        """Run what was not run yet; the worth of all, in order."""
        first = not self._asked
        found: list[_Asked] = []
        for together in self._executor.run(self._jobs(batch, fold, part, found)):
            self._keep(together)
            self._made += len(together)
            if self._progress:
                self._progress(self._made, max(self._plan.total - self._remembered, self._made))
        outcomes = [self._outcome(asked) for asked in found]
        if first and outcomes and all(each.refused for each in outcomes):
            raise SweepError(outcomes[0].refused)
        values = [each.value(self._plan.said["objective"]) for each in outcomes]
        return [None if value is None else value * self._plan.sign for value in values]

    def _keep(self, together: Sequence[Done]) -> None:
        """Write down what is done; refuses an objective that nobody tells."""
        entries = []
        for done in together:
            asked = self._order[done.number - 1]
            entries.append(Entry(asked.key, asked.settings, asked.config_hash, asked.seed, done.outcome))
        self._records.add(entries)
        for done in together:
            self._expect_objective(done.outcome)

    def _jobs(self, batch: Sequence[Params], fold: Fold | None, part: str, found: list[_Asked]) -> Iterator[Job]:
        """What of a batch is to be run; every trial of it goes to `found`."""
        for params in batch:
            new = self._ask(params, fold, part)
            asked = self._asked.setdefault((new.fold, part, new.key), new)
            found.append(asked)
            if asked is not new:
                continue
            self._order.append(asked)
            known = self._records.get(asked.key)
            if known is not None:
                self._expect_objective(known)
                self._remembered += 1
            elif not asked.refused:
                yield Job(asked.number, asked.settings, asked.seed)

    def _ask(self, params: Params, fold: Fold | None, part: str) -> _Asked:
        settings = {**params, **(_within(fold.train if part == TRAIN else fold.test) if fold else {})}
        seed = settings.get("seed", self._work.seed)
        refused, config = "", ""
        try:
            config = self._work.config_hash(settings)
        except Refused as error:
            refused, config = str(error), digest_of(*words_of(settings))
        key = digest_of(self._work.data_hash, config, str(seed))
        number = len(self._asked) + 1
        return _Asked(number, params, settings, config, int(seed), key, fold.number if fold else 0, part, refused)

    def _outcome(self, asked: _Asked) -> Outcome:
        if asked.refused:
            return Outcome("", refused=asked.refused)
        outcome = self._records.get(asked.key)
        assert outcome is not None
        return outcome

    def _expect_objective(self, outcome: Outcome) -> None:
        name = self._plan.said["objective"]
        if not outcome.refused and name not in outcome.metrics:
            raise SweepError(
                f"optimize.objective is {name}, which no run tells; there are {', '.join(sorted(outcome.metrics))}."
            )

    def _trial(self, asked: _Asked) -> Trial:
        outcome = self._outcome(asked)
        worth = outcome.value(self._plan.said["objective"])
        return Trial(asked.number, asked.params, asked.config_hash, asked.seed, outcome, worth, asked.fold, asked.part)

    def _rank(self, trial: Trial) -> tuple[bool, bool, float, int]:
        """The best first, then those without a worth, then those without a result; the earlier among equals."""
        worth = 0.0 if trial.worth is None else -trial.worth * self._plan.sign
        return bool(trial.outcome.refused), trial.worth is None, worth, trial.number


def _within(window: Window) -> Params:
    return {"data.from": str(window.begin_ns), "data.to": str(window.end_ns)}

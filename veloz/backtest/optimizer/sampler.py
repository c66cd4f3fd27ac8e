"""The searches of Optuna (extra `ml`): its tree-structured Parzen estimator and its CMA-ES, asked for a few trials at a time.

A batch is asked for as a whole and told as a whole, in order, so the search does not depend on who ran what how fast.
"""

from collections.abc import Sequence
from typing import Any

from veloz.backtest.optimizer.search import Search
from veloz.backtest.optimizer.space import Dimension, Listed, Space
from veloz.backtest.optimizer.trial import SweepError, words_of

ASKS: int = 5  # times the trials, before a search that proposes nothing new is given up


def tpe(space: Space, trials: int, seed: int, batch: int = 8) -> Search:
    """Tree-structured Parzen estimator. Raises SweepError where Optuna is not installed."""
    optuna = _optuna("tpe")
    startup = min(max(trials // 4, batch), 2 * batch)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup, constant_liar=True)
    return _asked(optuna, sampler, space, trials, batch, by_kind=True)


def cmaes(space: Space, trials: int, seed: int, batch: int = 8) -> Search:
    """CMA-ES over the cube. Raises SweepError where Optuna or cmaes is not installed, or the space has one dimension."""
    optuna = _optuna("cmaes")
    if len(space.dimensions) < 2:
        raise SweepError("CMA-ES wants at least two settings in optimize.space; add one, or search by grid or tpe.")
    sampler = optuna.samplers.CmaEsSampler(seed=seed, popsize=batch, warn_independent_sampling=False)
    return _asked(optuna, sampler, space, trials, batch, by_kind=False)


def _optuna(method: str) -> Any:
    try:
        import optuna

        if method == "cmaes":
            import cmaes  # noqa: F401
    except ImportError as missing:
        raise SweepError(
            f"The search {method} needs {missing.name}, which is not installed; install the extra (`uv sync --extra ml` in a clone, "
            "else pip install 'veloz[ml]'), or search by genetic."
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _asked(optuna: Any, sampler: Any, space: Space, trials: int, batch: int, *, by_kind: bool) -> Search:
    study = optuna.create_study(sampler=sampler, direction="maximize")
    seen: set[tuple[str, ...]] = set()
    left = ASKS * trials
    while len(seen) < trials and left > 0 and len(seen) != space.size:
        asked: list[Any] = []
        proposed = []
        for _ in range(min(batch, trials - len(seen))):
            trial = study.ask()
            params = space.params(_units(trial, space.dimensions, by_kind))
            seen.add(words_of(params))
            asked.append(trial)
            proposed.append(params)
        left -= len(asked)
        for trial, worth in zip(asked, (yield proposed), strict=True):
            if worth is None:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, worth)


def _units(trial: Any, dimensions: Sequence[Dimension], by_kind: bool) -> list[float]:
    """The place of the cube that a trial stands for: names are chosen, steps counted, all else is a number of the cube."""
    units = []
    for each in dimensions:
        if by_kind and isinstance(each, Listed):
            units.append((trial.suggest_categorical(each.key, range(len(each.values))) + 0.5) / len(each.values))
        elif by_kind and each.size is not None and not (isinstance(each, Listed) or each.log):
            units.append((trial.suggest_int(each.key, 0, each.size - 1) + 0.5) / each.size)
        else:
            units.append(min(trial.suggest_float(each.key, 0.0, 1.0), 1.0 - 1e-12))
    return units

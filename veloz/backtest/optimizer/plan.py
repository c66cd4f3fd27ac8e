"""What a sweep is to do: the table `[optimize]` of a configuration, typed, or one sentence that says what is wrong with it."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from veloz.backtest.optimizer import sampler, search
from veloz.backtest.optimizer.search import Search
from veloz.backtest.optimizer.space import Space, read_space
from veloz.backtest.optimizer.trial import SweepError
from veloz.backtest.optimizer.walk import Walk
from veloz.contracts.spelling import told_among

GOALS: Final = ("maximise", "minimise")


@dataclass(frozen=True)
class Key:
    """One setting of a sweep."""

    default: Any
    about: str
    least: int = 0
    most: int = 1 << 62
    among: tuple[str, ...] = ()


METHODS: Final = ("grid", "random", "genetic", "tpe", "cmaes")
KEYS: Final[dict[str, Key]] = {
    "method": Key("grid", "how it is searched", among=METHODS),
    "trials": Key(1_000, "the most there may be", 1, 10_000_000),
    "seed": Key(0, "of the search; a run has its own"),
    "objective": Key("net_pnl", "the metric of the report by which trials are compared"),
    "goal": Key("maximise", "whether more of it is better, or less", among=GOALS),
    "workers": Key(0, "processes on this machine; 0: one a core", 0, 1_024),
    "population": Key(20, "trials of a generation of the genetic search", 2, 100_000),
    "batch": Key(8, "trials that Optuna is asked for at a time", 1, 1_024),
    "periods": Key(240, "equal stretches of time whose returns the over-fit statistics look at", 2, 100_000),
    "blocks": Key(16, "parts of the cross-validation; even", 2, 20),
    "cluster": Key("", "address of a Dask scheduler; empty: this machine"),
}
WALK: Final[dict[str, Key]] = {
    "folds": Key(4, "times that the best of a training is tested", 1, 1_000),
    "train": Key(2, "blocks of time in which a fold searches", 1, 1_000),
    "anchored": Key(False, "whether a fold searches in everything before its test"),
    "purge_ns": Key(0, "left out at the end of a training: what was begun there would end in the test"),
    "embargo_ns": Key(0, "left out besides: what the market may remember"),
}
PREFIX: Final = "optimize."
WALK_PREFIX: Final = f"{PREFIX}walk."
SPACE_PREFIX: Final = f"{PREFIX}space."
BY_NAME: Final = {f"{PREFIX}{name}": key for name, key in KEYS.items()} | {
    f"{WALK_PREFIX}{name}": key for name, key in WALK.items()
}


@dataclass(frozen=True)
class Plan:
    """A sweep, as the configuration describes it."""

    said: dict[str, Any]
    space: Space
    walk: Walk | None

    @property
    def sign(self) -> int:
        """1 where more of the objective is better, −1 where less is."""
        return 1 if self.said["goal"] == "maximise" else -1

    @property
    def workers(self) -> int:
        """Processes on this machine."""
        return self.said["workers"] or len(os.sched_getaffinity(0))

    @property
    def total(self) -> int:
        """The most runs there will be."""
        trials: int = self.said["trials"]
        if self.said["method"] == "grid" or self.space.size is not None:
            trials = min(trials, self.space.size or trials)
        return trials if self.walk is None else (trials + 1) * self.walk.folds

    def search(self) -> Search:
        """A search as planned. Raises SweepError where it cannot be made."""
        said, trials, seed = self.said, self.said["trials"], self.said["seed"]
        ways: dict[str, Callable[[], Search]] = {
            "grid": lambda: search.grid(self.space, trials, seed),
            "random": lambda: search.at_random(self.space, trials, seed),
            "genetic": lambda: search.genetic(self.space, trials, seed, said["population"]),
            "tpe": lambda: sampler.tpe(self.space, trials, seed, said["batch"]),
            "cmaes": lambda: sampler.cmaes(self.space, trials, seed, said["batch"]),
        }
        return ways[said["method"]]()


def read_plan(table: Any) -> Plan:
    """The plan that a table `[optimize]` describes.

    Args:
        table: As TOML gives it, numbers with a fraction as Decimal.

    Raises:
        SweepError: A key is not known, a value does not fit, or nothing can be drawn from the space.
    """
    if not isinstance(table, Mapping):
        raise SweepError("The configuration has no table [optimize], which says what to search; add it.")
    said = read_searched(table)
    if said["blocks"] % 2:
        raise SweepError(f"optimize.blocks is {said['blocks']}, and half of them are chosen; give an even number.")
    if said["periods"] < 2 * said["blocks"]:
        raise SweepError(
            f"optimize.periods is {said['periods']}, which is less than two for each of the {said['blocks']} blocks; give more."
        )
    walk = Walk(**read_walk(table["walk"])) if "walk" in table else None
    return Plan(said, read_space(table.get("space")), walk)


def read_searched(table: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a table `[optimize]` but those of tables in it. Raises SweepError."""
    rest = {name: value for name, value in table.items() if name not in ("space", "walk")}
    return _accept(PREFIX, rest, KEYS, ("space", "walk"))


def read_walk(table: Any) -> dict[str, Any]:
    """All settings of its table `walk`. Raises SweepError."""
    return _accept(WALK_PREFIX, table, WALK, ())


def _accept(prefix: str, given: Any, keys: Mapping[str, Key], tables: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise SweepError(f"{prefix[:-1]} is {given!r}; write it as a table.")
    said: dict[str, Any] = {name: key.default for name, key in keys.items()}
    for name, value in given.items():
        if name not in keys:
            raise SweepError(f"{prefix}{name} is no setting; {told_among(name, [*keys, *tables], prefix)}.")
        said[name] = _fitting(f"{prefix}{name}", keys[name], value)
    return said


def _fitting(name: str, key: Key, value: Any) -> Any:
    wanted = type(key.default)
    if type(value) is not wanted:
        kind = {int: "a whole number", str: "a text", bool: "true or false"}[wanted]
        raise SweepError(f"{name} wants {kind}, and is {value!r}.")
    if key.among and value not in key.among:
        raise SweepError(f"{name} is {value}; there are {', '.join(key.among)}.")
    if isinstance(value, int) and not key.least <= value <= key.most:
        raise SweepError(f"{name} is {value}; give a number from {key.least} to {key.most}.")
    return value

"""Alternating runs, and the median of the ratios within one round: the only figures that survive a noisy machine."""

import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Job = Callable[[], float | None]


@dataclass(frozen=True)
class Figure:
    """One line of a benchmark's table. `ratio` is against what `against` names; `target` is the least that counts as met."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    against: str = ""
    target: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        return None if self.target is None or self.ratio is None else self.ratio >= self.target


def alternate(jobs: Mapping[str, Job], rounds: int, seed: int = 1) -> dict[str, list[float]]:
    """Seconds of each job in each round; every round runs all of them in an order of its own.

    Args:
        jobs: Name → work. It returns the seconds it measured itself, or None to be timed from outside.
        rounds: Counted rounds; one more goes before as a warm-up.
        seed: Of the orders.
    """
    chance = random.Random(seed)
    laps: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(rounds + 1):
        names = list(jobs)
        chance.shuffle(names)
        for name in names:
            begun = time.perf_counter()
            said = jobs[name]()
            took = time.perf_counter() - begun if said is None else said
            if turn:
                laps[name].append(took)
    return laps


def ratio(laps: Mapping[str, list[float]], ours: str, theirs: str) -> float:
    """Median over the rounds of theirs ÷ ours: above 1, ours is faster."""
    return statistics.median(b / a for a, b in zip(laps[ours], laps[theirs], strict=True))


def median(laps: list[float]) -> float:
    """The middle of the laps, seconds."""
    return statistics.median(laps)

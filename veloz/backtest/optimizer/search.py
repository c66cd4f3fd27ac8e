"""Ways of searching: each is a generator that proposes trials, is told what they were worth, and proposes the next.

It proposes the same for the same seed and the same worths, however many processes run the trials and in whatever order they end: what is
proposed together does not depend on each other, and worths are told in the order of the proposals. So a sweep that was killed is
begun anew, with the results it has at hand.
"""

import random
from collections.abc import Generator, Sequence
from typing import Final

from veloz.backtest.optimizer.space import GRID_MAX, Listed, Space
from veloz.backtest.optimizer.trial import Params, SweepError, words_of

Units = tuple[float, ...]
Worths = list[float | None]  # greater is better; None: worth nothing
Search = Generator[list[Params], Worths, None]
TRIES: Final = 50  # for a point that was not proposed before
PARENTS: Final = 3  # who compete to be one
CROSSED: Final = 0.9
REACH: Final = 0.25  # of a mutation, in the cube


class Drawn:
    """Points that were proposed, none of them twice."""

    def __init__(self, space: Space, chance: random.Random) -> None:
        self.space, self.chance = space, chance
        self._seen: set[tuple[str, ...]] = set()

    @property
    def exhausted(self) -> bool:
        """Whether every point of the space was proposed."""
        return self.space.size is not None and len(self._seen) >= self.space.size

    def claim(self, units: Units) -> bool:
        """Whether this point is new; then it is taken."""
        words = words_of(self.space.params(units))
        new = words not in self._seen
        self._seen.add(words)
        return new

    def anywhere(self) -> Units:
        """Any place of the cube."""
        return tuple(self.chance.random() for _ in self.space.dimensions)

    def fresh(self) -> Units | None:
        """A place with a new point; None where none was found in a good many tries."""
        for _ in range(TRIES * TRIES):
            if self.exhausted:
                break
            units = self.anywhere()
            if self.claim(units):
                return units
        return None


def grid(space: Space, trials: int, seed: int) -> Search:
    """Every point. `trials` is the most there may be; nothing is drawn."""
    points = 1
    for each in space.dimensions:
        points *= len(each.all()) if each.size is None else each.size  # where there is no end, it says so
        if points > min(trials, GRID_MAX):
            raise SweepError(
                f"The grid has more than {min(trials, GRID_MAX)} points, which optimize.trials allows; allow more, "
                "take greater steps, or search at random."
            )
    yield list(space.all())


def at_random(space: Space, trials: int, seed: int) -> Search:
    """Points drawn evenly from the cube, none twice; more trials of the same seed begin with the same ones."""
    drawn = Drawn(space, random.Random(seed))
    found: list[Params] = []
    while len(found) < trials and (units := drawn.fresh()) is not None:
        found.append(space.params(units))
    yield found


def genetic(space: Space, trials: int, seed: int, population: int = 20) -> Search:
    """Generations: the best so far are crossed and changed a little.

    Parents are the `population` best of all that lived. A child takes each setting from one of two parents, each the best of three drawn;
    one setting in the mean is then changed. A child that lived before is replaced by a point drawn anew.
    """
    chance = random.Random(seed)
    drawn = Drawn(space, chance)
    lived: list[tuple[float, int, Units]] = []  # worst worth last; the older first among equals
    proposed = 0
    while proposed < trials:
        best = sorted(lived)[:population]
        brood = []
        for _ in range(min(population, trials - proposed)):
            units = _child(drawn, best) if best else drawn.fresh()
            if units is not None:
                brood.append(units)
        if not brood:
            return
        worths = yield [space.params(units) for units in brood]
        for units, worth in zip(brood, worths, strict=True):
            lived.append((float("inf") if worth is None else -worth, proposed, units))
            proposed += 1


def _child(drawn: Drawn, best: Sequence[tuple[float, int, Units]]) -> Units | None:
    for _ in range(TRIES):
        mother, father = _parent(drawn.chance, best), _parent(drawn.chance, best)
        units = _mutated(drawn, _crossed(drawn.chance, mother, father))
        if drawn.claim(units):
            return units
    return drawn.fresh()


def _parent(chance: random.Random, best: Sequence[tuple[float, int, Units]]) -> Units:
    return best[min(int(chance.random() * len(best)) for _ in range(PARENTS))][2]


def _crossed(chance: random.Random, mother: Units, father: Units) -> Units:
    if chance.random() >= CROSSED:
        return mother
    return tuple(ours if chance.random() < 0.5 else theirs for ours, theirs in zip(mother, father, strict=True))


def _mutated(drawn: Drawn, units: Units) -> Units:
    """Every setting with probability 1 ÷ their number: an ordered one moves by up to `REACH`, another is drawn anew."""
    chance, found = drawn.chance, []
    for each, unit in zip(drawn.space.dimensions, units, strict=True):
        if chance.random() * len(units) >= 1.0:
            found.append(unit)
        elif isinstance(each, Listed):
            found.append(chance.random())
        else:
            found.append(_mirrored(unit + (chance.random() + chance.random() - 1.0) * REACH))
    return tuple(found)


def _mirrored(unit: float) -> float:
    """Back into the cube, as a wall throws a ball back."""
    return -unit if unit < 0.0 else min(2.0 - unit, 1.0 - 1e-12) if unit >= 1.0 else unit

"""Walk-forward: search on one stretch of time, judge on the next, move on.

The data's time is cut into blocks of equal length. A fold trains on `train` blocks (or on all from the beginning) and is tested on the
block after them. Between the two lies a gap of purge + embargo, taken from the end of the training: purge is how long what was begun in
training may live into the test, embargo how long the market may remember what was learnt.
"""

from dataclasses import dataclass

from veloz.backtest.optimizer.trial import SweepError


@dataclass(frozen=True)
class Window:
    """A stretch of time: both ends count."""

    begin_ns: int
    end_ns: int


@dataclass(frozen=True)
class Fold:
    """One step of the walk."""

    number: int  # from 1
    train: Window
    test: Window


@dataclass(frozen=True)
class Walk:
    """How the walk goes."""

    folds: int
    train: int = 2  # blocks
    anchored: bool = False  # train on everything before the test
    purge_ns: int = 0
    embargo_ns: int = 0


def cut(walk: Walk, first_ns: int, last_ns: int) -> list[Fold]:
    """The folds over the data's time.

    Args:
        walk: How it goes.
        first_ns, last_ns: First and last moment of the data.

    Raises:
        SweepError: The data are too short for it.
    """
    blocks, gap = walk.train + walk.folds, walk.purge_ns + walk.embargo_ns
    edges = [first_ns + (last_ns + 1 - first_ns) * each // blocks for each in range(blocks + 1)]
    folds = []
    for number in range(1, walk.folds + 1):
        at = walk.train + number - 1
        begin, end = edges[0 if walk.anchored else at - walk.train], edges[at] - gap
        if end <= begin or edges[at + 1] <= edges[at]:
            raise SweepError(
                f"Fold {number} has no time to train in: {blocks} blocks of {(last_ns + 1 - first_ns) // blocks} ns, and a gap of "
                f"{gap} ns before the test; take fewer folds or a shorter gap."
            )
        folds.append(Fold(number, Window(begin, end - 1), Window(edges[at], edges[at + 1] - 1)))
    return folds

"""How far the best of many trials can be believed.

Deflated Sharpe ratio (Bailey & López de Prado, 2014): the probability that the true Sharpe ratio of the best is above what the best of as
many trials without any skill would show. Probability of backtest overfitting by combinatorially symmetric cross-validation (Bailey,
Borwein, López de Prado & Zhu, 2015): how often the best of one half of the time does no better than the median in the other half.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import Final

import numpy as np

EULER: Final = 0.5772156649015329  # Euler–Mascheroni
BLOCKS: Final = 16  # of time; 12 870 ways to choose half of them
PIECE: Final = 256  # combinations looked at together
_NORMAL: Final = NormalDist()


def sharpe(returns: np.ndarray) -> float:
    """Mean ÷ standard deviation (of a sample) of returns, a period, not annualised; 0 where they never vary."""
    if len(returns) < 2:
        return 0.0
    spread = float(np.std(returns, ddof=1))
    return float(np.mean(returns)) / spread if spread > 0 else 0.0


def expected_best(trials: int, variance: float) -> float:
    """The Sharpe ratio that the best of so many trials is expected to show where none has any skill.

    Args:
        trials: How many, taken as independent of each other.
        variance: Of the Sharpe ratios over the trials.
    """
    if trials < 2:
        return 0.0
    usual = _NORMAL.inv_cdf(1 - 1 / trials)
    rare = _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - EULER) * usual + EULER * rare)


def probabilistic_sharpe(observed: float, above: float, periods: int, skew: float, kurtosis: float) -> float | None:
    """The probability that the true Sharpe ratio is above another number.

    Args:
        observed, above: Sharpe ratios a period.
        periods: How many returns `observed` is of.
        skew, kurtosis: Of those returns; a normal distribution has 0 and 3.

    Returns:
        None where it is not defined.
    """
    spread = 1 - skew * observed + (kurtosis - 1) / 4 * observed**2
    if periods < 2 or spread <= 0:
        return None
    return _NORMAL.cdf((observed - above) * math.sqrt(periods - 1) / math.sqrt(spread))


def moments(returns: np.ndarray) -> tuple[float, float]:
    """Skewness and kurtosis (3 for a normal distribution), both of the population; 0 and 3 where nothing varies."""
    apart = returns - np.mean(returns)
    second = float(np.mean(apart**2))
    if second <= 0:
        return 0.0, 3.0
    return float(np.mean(apart**3)) / second**1.5, float(np.mean(apart**4)) / second**2


def deflated_sharpe(returns: np.ndarray, best: int) -> float | None:
    """Deflated Sharpe ratio of one trial among all.

    Args:
        returns: float64[trial, period]
        best: Which trial.

    Returns:
        A probability; None where it is not defined: fewer than two trials, or fewer than two periods.
    """
    trials, periods = returns.shape
    if trials < 2 or periods < 2:
        return None
    ratios = [sharpe(each) for each in returns]
    above = expected_best(trials, float(np.var(ratios, ddof=1)))
    return probabilistic_sharpe(ratios[best], above, periods, *moments(returns[best]))


def _block_sums(returns: np.ndarray, blocks: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Σ r and Σ r² of every block: [block, trial]; and the periods of a block. What is left over at the beginning is left out."""
    trials, periods = returns.shape
    each = periods // blocks
    cut = returns[:, periods - each * blocks :].reshape(trials, blocks, each)
    return cut.sum(axis=2).T, (cut**2).sum(axis=2).T, each


def _ratios(sums: np.ndarray, squares: np.ndarray, count: int) -> np.ndarray:
    """Sharpe ratios from Σ r and Σ r² of `count` returns."""
    variance = (squares - sums**2 / count) / (count - 1)
    varies = variance > 1e-12 * np.maximum(squares / count, 1e-300)
    return np.where(varies, sums / count / np.sqrt(np.where(varies, variance, 1.0)), 0.0)


def logits(returns: np.ndarray, blocks: int = BLOCKS) -> np.ndarray | None:
    """For every way to choose half of the blocks: ln(ω ÷ (1 − ω)), where ω is the relative rank in the other half of what was best in it.

    Rank 1 is the worst and ω = rank ÷ (trials + 1); equal ratios share their middle rank.

    Args:
        returns: float64[trial, period]
        blocks: Even; periods are cut into so many.

    Returns:
        float64[combination]; None where there are fewer than two trials or fewer than two periods a block.
    """
    trials, periods = returns.shape
    if trials < 2 or periods < 2 * blocks:
        return None
    sums, squares, each = _block_sums(np.asarray(returns, np.float64), blocks)
    chosen = np.zeros((math.comb(blocks, blocks // 2), blocks))
    for row, places in zip(chosen, combinations(range(blocks), blocks // 2), strict=True):
        row[list(places)] = 1.0
    count = each * blocks // 2
    found = []
    for begin in range(0, len(chosen), PIECE):
        part = chosen[begin : begin + PIECE]
        inside = _ratios(part @ sums, part @ squares, count)
        outside = _ratios((1 - part) @ sums, (1 - part) @ squares, count)
        theirs = outside[np.arange(len(part)), np.argmax(inside, axis=1)][:, None]
        rank = (outside < theirs).sum(axis=1) + ((outside == theirs).sum(axis=1) + 1) / 2
        omega = rank / (trials + 1)
        found.append(np.log(omega / (1 - omega)))
    return np.concatenate(found)


def overfit_probability(returns: np.ndarray, blocks: int = BLOCKS) -> float | None:
    """The share of those ways in which the best of one half is at or below the median of the other; None where not defined."""
    found = logits(returns, blocks)
    return None if found is None else float(np.mean(found <= 0.0))


@dataclass(frozen=True)
class Belief:
    """The over-fit statistics of a sweep; None where one is not defined."""

    deflated_sharpe: float | None
    overfit_probability: float | None
    trials: int  # that have returns
    periods: int


def judge(returns: Sequence[Sequence[float]], best: int, blocks: int = BLOCKS) -> Belief:
    """Both statistics of the trials of a sweep.

    Args:
        returns: Of every trial, over the same periods; trials without any are left out.
        best: Place of the best among them.
        blocks: As in `logits`.
    """
    periods = len(returns[best]) if 0 <= best < len(returns) else 0
    kept = [place for place, each in enumerate(returns) if periods and len(each) == periods]
    table = np.array([returns[place] for place in kept], np.float64).reshape(len(kept), periods)
    if not kept:
        return Belief(None, None, 0, 0)
    return Belief(deflated_sharpe(table, kept.index(best)), overfit_probability(table, blocks), len(kept), periods)

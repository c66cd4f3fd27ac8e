"""The over-fit statistics against worked cases and against their naive twins."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.oracles import naive_overfit
from veloz.backtest.optimizer.overfit import (
    deflated_sharpe,
    expected_best,
    judge,
    logits,
    moments,
    overfit_probability,
    probabilistic_sharpe,
    sharpe,
)


def test_the_worked_case_of_the_paper() -> None:
    """Bailey & López de Prado: 100 trials whose annual Sharpe ratios vary by 1/2, the best 2.5 over 1 250 days, skew −3, kurtosis 10."""
    threshold = expected_best(100, 1 / (2 * 250))
    assert threshold == pytest.approx(0.1132, abs=5e-5)
    found = probabilistic_sharpe(2.5 / math.sqrt(250), threshold, 1250, -3.0, 10.0)
    assert found == pytest.approx(0.9004, abs=5e-5)
    # with 46 trials instead of 100 the same record passes 95 %
    assert probabilistic_sharpe(2.5 / math.sqrt(250), expected_best(46, 1 / 500), 1250, -3.0, 10.0) == pytest.approx(
        0.9505, abs=5e-4
    )


def test_moments_by_hand() -> None:
    """−1, −1, −1, 3: mean 0, second moment 3, third 6, fourth 21."""
    skew, kurtosis = moments(np.array([-1.0, -1.0, -1.0, 3.0]))
    assert skew == pytest.approx(6 / 3**1.5)
    assert kurtosis == pytest.approx(21 / 9)
    assert sharpe(np.array([1.0, 3.0])) == pytest.approx(2 / math.sqrt(2))
    assert sharpe(np.array([2.0, 2.0])) == 0.0
    assert moments(np.zeros(4)) == (0.0, 3.0)


def test_cross_validation_by_hand() -> None:
    """Two trials, two blocks of two periods. Each is the best where the other is the worst: always overfit."""
    table = np.array([[1.0, 1.2, -1.0, -1.2], [-1.0, -1.2, 1.0, 1.2]])
    assert overfit_probability(table, 2) == 1.0
    found = logits(table, 2)  # the best of one half is rank 1 of 2 in the other: ω = 1/3
    assert found is not None
    assert found.tolist() == pytest.approx([math.log(0.5)] * 2)
    always = np.array([[1.0, 1.2, 1.0, 1.2], [-1.0, -1.2, -1.0, -1.2]])
    assert overfit_probability(always, 2) == 0.0
    same = np.array([[1.0, 1.2, 1.0, 1.2]] * 3)  # equal ratios share the middle rank: ω = 1/2, which counts
    assert overfit_probability(same, 2) == 1.0


@settings(max_examples=40)
@given(
    trials=some.integers(2, 7), periods=some.integers(16, 50), blocks=some.sampled_from([2, 4, 6, 8]),
    seed=some.integers(0, 10**6), skill=some.sampled_from([0.0, 0.3, 1.0]),
)  # fmt: skip
def test_both_agree_with_their_twins(trials: int, periods: int, blocks: int, seed: int, skill: float) -> None:
    chance = random.Random(seed)
    rows = [[chance.gauss(skill * place, 1 + place) for _ in range(periods)] for place in range(trials)]
    table = np.array(rows)
    best = max(range(trials), key=lambda place: naive_overfit.sharpe(rows[place]))
    assert deflated_sharpe(table, best) == pytest.approx(naive_overfit.deflated_sharpe(rows, best), abs=1e-9)
    assert overfit_probability(table, blocks) == pytest.approx(naive_overfit.overfit_probability(rows, blocks))


def test_noise_is_told_from_skill() -> None:
    chance = np.random.default_rng(1)
    noise = chance.normal(size=(50, 240))
    best = int(np.argmax(noise.mean(axis=1)))
    ours = judge(noise.tolist(), best)
    assert ours.deflated_sharpe is not None
    assert ours.overfit_probability is not None
    assert ours.deflated_sharpe < 0.9
    assert ours.overfit_probability > 0.2
    noise[7] += 0.5
    skilled = judge(noise.tolist(), 7)
    assert skilled.deflated_sharpe is not None
    assert skilled.deflated_sharpe > 0.99
    assert skilled.overfit_probability == 0.0


def test_what_is_not_defined_is_none() -> None:
    assert judge([], -1).trials == 0
    alone = judge([[1.0, 2.0] * 20], 0)
    assert (alone.deflated_sharpe, alone.overfit_probability, alone.trials) == (None, None, 1)
    mixed = judge([[0.1, 0.2] * 20, [], [0.3] * 40, [0.2, 0.1] * 3], 0, 4)
    assert (mixed.trials, mixed.periods) == (2, 40)
    assert overfit_probability(np.ones((3, 6)), 4) is None
    assert probabilistic_sharpe(3.0, 0.0, 10, 1.0, 1.0) is None

"""What a space holds, and how impossible ones are told."""

import tomllib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from veloz.backtest.optimizer.plan import read_plan
from veloz.backtest.optimizer.space import Space, read_space
from veloz.backtest.optimizer.trial import SweepError, words_of


def space(text: str) -> Space:
    return read_space(tomllib.loads(text, parse_float=Decimal))


def test_steps_are_exact() -> None:
    found = space("qty = {low = 0.1, high = 0.7, step = 0.2}\nn = {low = 1, high = 3}\nm = {values = ['a', true]}")
    assert [each.size for each in found.dimensions] == [4, 3, 2]
    assert found.size == 24
    points = [words_of(params) for params in found.all()]
    assert len(set(points)) == 24
    assert points[:3] == [
        ('m="a"', "n=1", "qty=0.1"), ("m=true", "n=1", "qty=0.1"), ('m="a"', "n=2", "qty=0.1"),
    ]  # fmt: skip
    assert points[-1] == ("m=true", "n=3", "qty=0.7")


def test_names_with_dots_and_tables_are_the_same() -> None:
    dotted = space("strategy.qty = {values = [1]}\n'queue.model' = {values = ['log']}")
    assert [each.key for each in dotted.dimensions] == ["strategy.qty", "queue.model"]
    assert space("[strategy]\nqty = {values = [1]}\n[queue]\nmodel = {values = ['log']}") == dotted


def test_a_logarithmic_range_is_even_in_its_logarithm() -> None:
    (range_,) = space("x = {low = 0.01, high = 100.0, log = true}").dimensions
    assert [range_.at(unit) for unit in (0.0, 0.25, 0.5, 0.75)] == [Decimal(t) for t in ("0.01", "0.1", "1", "10")]
    (whole,) = space("x = {low = 1, high = 1000, log = true}").dimensions
    assert [whole.at(unit) for unit in (0.0, 1 / 3, 2 / 3, 0.999999)] == [1, 10, 100, 1000]


@given(
    low=some.decimals("0.001", "10", places=3), wide=some.decimals("0.001", "100", places=3),
    step=some.none() | some.decimals("0.001", "1", places=3), log=some.booleans(),
    unit=some.floats(0, 1, exclude_max=True),
)  # fmt: skip
def test_every_place_is_a_value_of_the_range(
    low: Decimal, wide: Decimal, step: Decimal | None, log: bool, unit: float
) -> None:
    said = {"low": low, "high": low + wide, "log": log, **({"step": min(step, wide)} if step else {})}
    (range_,) = read_space({"x": said}).dimensions
    value = range_.at(unit)
    assert low <= value <= low + wide
    if step:
        assert (value - low) % min(step, wide) == 0
        assert value in range_.all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no setting"),
        ("x = {}", "either values, or low and high"),
        ("x = 3", "write { values"),
        ("x = {values = []}", "has no values"),
        ("x = {values = [1, 1]}", "lists a value twice"),
        ("x = {values = [[1]]}", "no number, text or truth value"),
        ("x = {values = [1], step = 1}", "leave them out"),
        ("x = {values = [1], low = 1}", "one of the two"),
        ("x = {low = 1}", "wants a number for high"),
        ("x = {low = 1, high = nan}", "wants a number for high"),
        ("x = {low = 1, high = true}", "wants a number for high"),
        ("x = {low = 2, high = 1}", "turn them round"),
        ("x = {low = 1, high = 1}", "turn them round"),
        ("x = {low = 1, high = 2, step = 0}", "above 0"),
        ("x = {low = 1, high = 2, step = 5}", "at most high"),
        ("x = {low = 0, high = 2, log = true}", "raise low"),
        ("x = {low = 1, high = 2, log = 1}", "true or false"),
        ("x = {low = 1, high = 2, by = 1}", "says by"),
    ],
)
def test_an_impossible_space_is_one_sentence(text: str, said: str) -> None:
    with pytest.raises(SweepError, match=said) as told:
        space(text)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("methd = 'grid'", "the nearest is optimize.method"),
        ("method = 'gird'", "there are grid, random"),
        ("trials = 0", "from 1 to"),
        ("trials = '5'", "whole number"),
        ("goal = 'most'", "maximise, minimise"),
        ("blocks = 5", "even"),
        ("periods = 20", "less than two for each"),
        ("walk = {folds = 0}", "from 1 to"),
        ("walk = {fold = 2}", "the nearest is optimize.walk.folds"),
        ("walk = 3", "as a table"),
        ("space = {}", "names no setting"),
    ],
)
def test_an_impossible_plan_is_one_sentence(text: str, said: str) -> None:
    table = {"space": {"x": {"values": [1]}}, **tomllib.loads(text, parse_float=Decimal)}
    with pytest.raises(SweepError, match=said):
        read_plan(table)
    with pytest.raises(SweepError, match=r"no table \[optimize\]"):
        read_plan(None)


def test_bounds_may_be_texts() -> None:
    one, other = (
        read_space(tomllib.loads(text, parse_float=Decimal))
        for text in (
            "x = {low = 1, high = 9, step = 2}\ny = {low = 0.1, high = 0.5}",
            'x = {low = "1", high = "9", step = "2"}\ny = {low = "0.1", high = "0.5"}',
        )
    )
    assert one == other

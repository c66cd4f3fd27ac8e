"""What the searches propose: no point twice, the same for the same seed, better than chance where there is something to find."""

import tomllib
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.backtest.optimizer.hill import Hill
from veloz.backtest.optimizer import sampler, search
from veloz.backtest.optimizer.search import Search
from veloz.backtest.optimizer.space import Space, read_space
from veloz.backtest.optimizer.trial import Params, SweepError, words_of

HILL = "x = {low = -5.0, high = 10.0, step = 0.01}\ny = {low = 0.0, high = 1.0, step = 0.001}"


def space(text: str = HILL) -> Space:
    return read_space(tomllib.loads(text, parse_float=Decimal))


def play(found: Search, most: int = 10_000) -> list[tuple[Params, float | None]]:
    """All that is proposed, with its height."""
    hill, trials = Hill(), []
    batch = next(found, None)
    while batch and len(trials) < most:
        heights = [hill.run(params, 1).value("height") for params in batch]
        trials += list(zip(batch, heights, strict=True))
        try:
            batch = found.send(heights)
        except StopIteration:
            break
    return trials


@pytest.mark.parametrize("way", [search.at_random, search.genetic])
def test_a_seed_gives_the_same_trials_and_none_twice(way: object) -> None:
    first, again, other = (play(way(space(), 120, seed)) for seed in (1, 1, 2))  # type: ignore[operator]
    assert first == again != other
    assert len({words_of(params) for params, _ in first}) == len(first) == 120


@pytest.mark.parametrize("way", [search.at_random, search.genetic])
def test_more_trials_begin_with_the_same_ones(way: object) -> None:
    few, many = (play(way(space(), trials, 3)) for trials in (60, 120))  # type: ignore[operator]
    assert many[:60] == few


@pytest.mark.parametrize("way", [search.at_random, search.genetic])
@settings(max_examples=15)
@given(width=some.integers(1, 6), height=some.integers(1, 5), trials=some.integers(1, 40), seed=some.integers(0, 99))
def test_a_small_space_is_searched_wholly(way: object, width: int, height: int, trials: int, seed: int) -> None:
    small = space(f"x = {{values = {list(range(width))}}}\nname = {{values = {list('abcde'[:height])}}}")
    found = play(way(small, trials, seed))  # type: ignore[operator]
    assert len({words_of(params) for params, _ in found}) == len(found) == min(trials, width * height)


def test_generations_climb() -> None:
    best = {
        way.__name__: [max(height or -99 for _, height in play(way(space(), 200, seed))) for seed in range(10)]
        for way in (search.at_random, search.genetic)
    }
    assert sum(best["genetic"]) > sum(best["at_random"])
    assert min(best["genetic"]) > 9.9


def test_a_grid_that_is_too_great_is_refused_before_it_is_made() -> None:
    huge = space("\n".join(f"a{n} = {{low = 0, high = 999}}" for n in range(9)))
    with pytest.raises(SweepError, match="more than 1000 points"):
        next(search.grid(huge, 1000, 0))
    with pytest.raises(SweepError, match="has no step"):
        next(search.grid(space("x = {low = 0.0, high = 1.0}"), 1000, 0))


@pytest.mark.parametrize("way", [sampler.tpe, sampler.cmaes])
def test_optuna_finds_the_hill_and_a_seed_gives_the_same_trials(way: object) -> None:
    pytest.importorskip("optuna", reason="Optuna is not installed: the extra `ml` has it")
    pytest.importorskip("cmaes", reason="cmaes is not installed: the extra `ml` has it")
    first, again, other = (play(way(space(), 96, seed)) for seed in (1, 1, 2))  # type: ignore[operator]
    assert first == again != other
    assert max(height or -99 for _, height in first) > 9.5
    mixed = space(
        "x = {low = 0.1, high = 10.0, log = true}\nname = {values = ['a', 'b', 'c']}\nseed = {low = 1, high = 4}"
    )
    heights = {str(params["name"]) for params, _ in play(way(mixed, 40, 1))}  # type: ignore[operator]
    assert heights == {"a", "b", "c"}


def test_optuna_ends_where_a_small_space_does() -> None:
    pytest.importorskip("optuna", reason="Optuna is not installed: the extra `ml` has it")
    found = play(sampler.tpe(space("x = {values = [1, 2, 14]}"), 50, 1))
    assert {params["x"] for params, _ in found} == {1, 2, 14}


@pytest.mark.parametrize("way", [sampler.tpe, sampler.cmaes])
def test_without_optuna_one_sentence_says_what_to_install(way: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(SweepError, match=r"needs optuna, .*uv sync --extra ml.*veloz\[ml\]"):
        way(space(), 10, 0)  # type: ignore[operator]


def test_a_grid_is_counted_before_anything_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A range of nanoseconds has a thousand million points: to list them takes all memory there is."""
    wide = space("interval_ns = {low = 10_000_000, high = 1_000_000_000, log = true}")

    def list_all(self: object) -> None:
        raise AssertionError("the points were listed")

    monkeypatch.setattr("veloz.backtest.optimizer.space.Range.all", list_all)
    with pytest.raises(SweepError, match="more than 100 points"):
        next(search.grid(wide, 100, 0))

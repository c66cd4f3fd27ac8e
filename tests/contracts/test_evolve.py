"""Versions: old rows read as today's, one function a step; what is newer than this code is left alone."""

from dataclasses import replace

import numpy as np
import pytest

from veloz.contracts import evolve, registry
from veloz.contracts.layout import ROW


@pytest.fixture
def third_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """md.trade as if it were at version 3: version 2 doubled the price, version 3 added one to it."""

    def double(rows: np.ndarray) -> np.ndarray:
        rows["price"] *= 2
        return rows

    def add_one(rows: np.ndarray) -> np.ndarray:
        rows["price"] += 1
        return rows

    monkeypatch.setitem(registry.BY_NUMBER, 1, replace(registry.TRADE, version=3))
    monkeypatch.setattr(evolve, "STEPS", {(1, 1): double, (1, 2): add_one})


def some_rows() -> np.ndarray:
    rows = np.zeros(5, ROW)
    rows["kind"] = [1, 2, 1, 1, 1]
    rows["version"] = [1, 1, 2, 3, 4]
    rows["price"] = 10
    return rows


@pytest.mark.usefixtures("third_version")
def test_each_old_row_takes_every_step_once() -> None:
    rows = some_rows()
    fresh = evolve.upgrade(rows)
    assert fresh["price"].tolist() == [21, 10, 11, 10, 10]
    assert fresh["version"].tolist() == [3, 1, 3, 3, 4]
    assert rows["price"].tolist() == [10] * 5, "the rows on record are not changed"


def test_rows_of_today_are_handed_through() -> None:
    rows = some_rows()
    rows["version"] = 1
    assert evolve.upgrade(rows) is rows


def test_what_is_newer_is_not_known() -> None:
    assert evolve.is_known(1, 1)
    assert not evolve.is_known(1, 2)
    assert not evolve.is_known(126, 1)

"""Journals of the scenarios as lists of steps, to be changed and written anew with right sums."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import msgspec
import numpy as np

from journal import Reader, Writer
from veloz.contracts import registry as r
from veloz.contracts.command import StrategyBody
from veloz.contracts.layout import ROW
from veloz.engine.step import Engine, is_decision
from veloz.reducers.state import new_state
from veloz.scenario.runner import run
from veloz.strategies.host import Host
from veloz.strategies.loader import Library

SCENARIOS = sorted((Path(__file__).parents[2] / "specs" / "scenarios").glob("*.txt"))


class Batch(NamedTuple):
    """One step of a journal."""

    rows: np.ndarray
    bodies: list[tuple[int, bytes]]


def read_batches(path: Path) -> list[Batch]:
    with Reader.open(path) as reader:
        return [Batch(each.rows.view(ROW).copy(), list(each.bodies())) for each in reader.scan()]


@cache
def recording(scenario: Path) -> list[Batch]:
    """What a scenario leaves, step by step."""
    with TemporaryDirectory() as folder:
        run(scenario.read_text(), scenario.parent, Path(folder) / "j")
        return read_batches(Path(folder) / "j")


def library_of(batches: list[Batch]) -> Library:
    bodies = [
        msgspec.msgpack.decode(body, type=StrategyBody)
        for batch in batches
        for at, body in batch.bodies
        if batch.rows[at]["kind"] == r.COMMAND_STRATEGY.number
    ]
    return Library({(each.code.partition(":")[0], each.source): None for each in bodies if each.source})


def first_that_differs(batches: list[Batch], library: Library) -> int:
    """The first decision that does not follow; 0: all do."""
    engine, first = Engine(new_state(), Host(library), sends=False), 1
    for rows, bodies in batches:
        inputs = int((~is_decision(rows)).sum())
        made = engine.take(rows[:inputs], bodies, first).rows
        for place in range(inputs, max(len(rows), len(made))):
            if place >= len(rows) or place >= len(made) or rows[place].tobytes() != made[place].tobytes():
                return first + place
        first += len(rows)
    return 0


def write_batches(path: Path, batches: list[Batch]) -> Path:
    with Writer.open(path, map_size_bytes=1 << 28) as writer:
        for rows, bodies in batches:
            writer.append(rows, bodies=bodies)
    return path


def changed(batches: list[Batch], seq: int, word: str, value: int) -> list[Batch]:
    """The same with one word changed."""
    copy, first = [], 1
    for rows, bodies in batches:
        rows = rows.copy()
        if first <= seq < first + len(rows):
            rows[seq - first][word] = value
        copy.append(Batch(rows, bodies))
        first += len(rows)
    return copy


def rows_where(batches: list[Batch], wanted: Any) -> list[int]:
    rows = np.concatenate([each.rows for each in batches])
    return (np.flatnonzero(wanted(rows)) + 1).tolist()

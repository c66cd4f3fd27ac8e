"""Transition tables as drawings: the text is the machine, the diagram of the documents is made from it.

A drawing has a heading line of events and one line a state. A cell is the state that follows, or a sign:

    =       nothing happens
    <       back to the state before the one that it is in
    !       a contradiction: it is recorded, the state stays
    !NAME   a contradiction: it is recorded, and this state follows

A table is total: every cell is drawn.
"""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

STAY = -1
BACK = -2
CONTRADICTION = -3
CONTRADICTED = 64  # added to a state that follows from a contradiction
_SIGNS = {"=": STAY, "<": BACK, "!": CONTRADICTION}


def parse_table(states: type[IntEnum], events: type[IntEnum], drawing: str) -> np.ndarray:
    """Read a drawing.

    Args:
        states: Numbered from 0.
        events: Numbered from 0.
        drawing: Lines of words; order of lines and columns is free, every state and event once.

    Returns:
        i8[states, events]: the state that follows, STAY, BACK, CONTRADICTION, or CONTRADICTED + the state that follows.

    Raises:
        ValueError: A name is unknown, missing or there twice, or a line has a wrong number of cells.
    """
    lines = [line.split() for line in drawing.splitlines() if line.strip()]
    if not lines:
        raise ValueError("The drawing is empty: draw a heading of events and a line for every state.")
    heading = lines[0]
    _check_names("event", heading, events)
    _check_names("state", [line[0] for line in lines[1:]], states)
    table = np.full((len(states), len(events)), STAY, np.int64)
    for name, *cells in lines[1:]:
        if len(cells) != len(heading):
            raise ValueError(f"The line of {name} has {len(cells)} cells for {len(heading)} events: draw them all.")
        for event, cell in zip(heading, cells, strict=True):
            table[states[name], events[event]] = _read_cell(states, cell, f"{event} in {name}")
    return table


def beside(left: str, right: str) -> str:
    """One drawing out of two with the same lines: the right one's cells behind the left one's."""
    lefts, rights = ([line.split() for line in drawing.splitlines() if line.strip()] for drawing in (left, right))
    names = [line[0] for line in lefts[1:]]
    if names != [line[0] for line in rights[1:]]:
        raise ValueError("The two halves of the drawing have other lines: draw the same states in the same order.")
    lines = [
        [*lefts[0], *rights[0]],
        *([*first, *second[1:]] for first, second in zip(lefts[1:], rights[1:], strict=True)),
    ]
    return "\n".join(" ".join(line) for line in lines)


def _read_cell(states: type[IntEnum], cell: str, where: str) -> int:
    target = cell.removeprefix("!")
    if cell in _SIGNS:
        return _SIGNS[cell]
    if target not in states.__members__:
        raise ValueError(f"{cell}, drawn for {where}, is no state: name one, or = for nothing.")
    return int(states[target]) + (CONTRADICTED if cell != target else 0)


def _check_names(what: str, drawn: Sequence[str], wanted: type[IntEnum]) -> None:
    if sorted(drawn) != sorted(wanted.__members__):
        raise ValueError(f"Drawn {what}s are {' '.join(drawn)}, wanted is {' '.join(wanted.__members__)}, each once.")


def render_mermaid(states: type[IntEnum], events: type[IntEnum], table: np.ndarray) -> str:
    """The same table as a mermaid state diagram: one arrow for all events that lead the same way, `!` before contradictions."""
    lines = ["stateDiagram-v2", f"    [*] --> {states(0).name}"]
    for state in states:
        ways: dict[int, list[str]] = {}
        for event in events:
            cell = int(table[state, event])
            target = cell - CONTRADICTED if cell >= CONTRADICTED else cell
            ways.setdefault(target, []).append(f"!{event.name}" if cell >= CONTRADICTED else event.name)
        for target in sorted(ways):
            if target >= 0 and target != state:
                lines.append(f"    {state.name} --> {states(target).name}: {', '.join(ways[target])}")
    return "\n".join(lines) + "\n"

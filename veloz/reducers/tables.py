"""Transition tables as drawings: the text is the machine, the diagram of the documents is made from it.

A drawing has a heading line of events and one line a state. A cell is the state that follows, or `=`: nothing happens.
A table is total: every cell is drawn.
"""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

STAY = -1


def parse_table(states: type[IntEnum], events: type[IntEnum], drawing: str) -> np.ndarray:
    """Read a drawing.

    Args:
        states: Numbered from 0.
        events: Numbered from 0.
        drawing: Lines of words; order of lines and columns is free, every state and event once.

    Returns:
        i8[states, events]: the state that follows, or STAY.

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
            if cell != "=" and cell not in states.__members__:
                raise ValueError(f"{cell}, drawn for {event} in {name}, is no state: name one, or = for nothing.")
            table[states[name], events[event]] = STAY if cell == "=" else states[cell]
    return table


def _check_names(what: str, drawn: Sequence[str], wanted: type[IntEnum]) -> None:
    if sorted(drawn) != sorted(wanted.__members__):
        raise ValueError(f"Drawn {what}s are {' '.join(drawn)}, wanted is {' '.join(wanted.__members__)}, each once.")


def render_mermaid(states: type[IntEnum], events: type[IntEnum], table: np.ndarray) -> str:
    """The same table as a mermaid state diagram: one arrow for all events that lead the same way."""
    lines = ["stateDiagram-v2", f"    [*] --> {states(0).name}"]
    for state in states:
        ways: dict[int, list[str]] = {}
        for event in events:
            ways.setdefault(int(table[state, event]), []).append(event.name)
        for target in sorted(ways):
            if target not in (STAY, state):
                lines.append(f"    {state.name} --> {states(target).name}: {', '.join(ways[target])}")
    return "\n".join(lines) + "\n"

"""Stop levels, breakers and strategies as drawn tables.

A scope has a level of each source, and the safest of them holds. What a source may ask for without more ado is `ASK`: only a
safer level, and asking again changes nothing. With the typed phrase and after a clean reconciliation it is `RESUME`. A breaker that has
tripped is closed by COOLED where it has a cool-down, by RESUMED (a person's resume of source BREAKER) where it has none.
"""

from enum import IntEnum
from typing import Final

import numpy as np

from veloz.contracts.codes import BreakerState, StopLevel, StrategyStatus
from veloz.contracts.kernel import kernel
from veloz.reducers.tables import parse_table, render_mermaid
from veloz.reducers.words import I


class BreakerEvent(IntEnum):
    """What moves a breaker."""

    TRIP = 0  # its number reached the threshold
    COOLED = 1  # its cool-down went by
    RESUMED = 2  # a person resumed


class StrategyEvent(IntEnum):
    """What moves a strategy: codes.StrategyAction, and a rule it broke."""

    LOAD = 0
    START = 1
    PAUSE = 2
    STOP = 3
    REPLACE = 4
    DISABLE = 5


ASK_DRAWING: Final = """
         RUN  PAUSE  REDUCE  HALT  CANCEL  FLATTEN
RUN      =    PAUSE  REDUCE  HALT  CANCEL  FLATTEN
PAUSE    =    =      REDUCE  HALT  CANCEL  FLATTEN
REDUCE   =    =      =       HALT  CANCEL  FLATTEN
HALT     =    =      =       =     CANCEL  FLATTEN
CANCEL   =    =      =       =     =       FLATTEN
FLATTEN  =    =      =       =     =       =
"""

RESUME_DRAWING: Final = """
         RUN  PAUSE  REDUCE  HALT  CANCEL  FLATTEN
RUN      =    PAUSE  REDUCE  HALT  CANCEL  FLATTEN
PAUSE    RUN  =      REDUCE  HALT  CANCEL  FLATTEN
REDUCE   RUN  PAUSE  =       HALT  CANCEL  FLATTEN
HALT     RUN  PAUSE  REDUCE  =     CANCEL  FLATTEN
CANCEL   RUN  PAUSE  REDUCE  HALT  =       FLATTEN
FLATTEN  RUN  PAUSE  REDUCE  HALT  CANCEL  =
"""

BREAKER_DRAWING: Final = """
         TRIP  COOLED  RESUMED
CLOSED   OPEN  =       =
OPEN     =     CLOSED  CLOSED
"""

STRATEGY_DRAWING: Final = """
          LOAD    START    PAUSE   STOP     REPLACE  DISABLE
ABSENT    LOADED  =        =       =        =        =
LOADED    LOADED  RUNNING  =       =        LOADED   DISABLED
RUNNING   LOADED  =        PAUSED  STOPPED  RUNNING  DISABLED
PAUSED    LOADED  RUNNING  =       STOPPED  PAUSED   DISABLED
STOPPED   LOADED  RUNNING  =       =        STOPPED  DISABLED
DISABLED  LOADED  RUNNING  =       =        DISABLED  =
"""

ASK_TABLE: Final = parse_table(StopLevel, StopLevel, ASK_DRAWING)
RESUME_TABLE: Final = parse_table(StopLevel, StopLevel, RESUME_DRAWING)
BREAKER_TABLE: Final = parse_table(BreakerState, BreakerEvent, BREAKER_DRAWING)
STRATEGY_TABLE: Final = parse_table(StrategyStatus, StrategyEvent, STRATEGY_DRAWING)

_ASK, _RESUME = (np.ascontiguousarray(table.reshape(-1)) for table in (ASK_TABLE, RESUME_TABLE))
_BREAKER, _STRATEGY = (np.ascontiguousarray(table.reshape(-1)) for table in (BREAKER_TABLE, STRATEGY_TABLE))
_LEVELS, _BREAKER_EVENTS, _STRATEGY_EVENTS = I(len(StopLevel)), I(len(BreakerEvent)), I(len(StrategyEvent))

E_TRIP, E_COOLED, E_RESUMED = I(BreakerEvent.TRIP), I(BreakerEvent.COOLED), I(BreakerEvent.RESUMED)
E_LOAD, E_START, E_DISABLE = I(StrategyEvent.LOAD), I(StrategyEvent.START), I(StrategyEvent.DISABLE)
E_REPLACE: Final = I(StrategyEvent.REPLACE)


def stop_drawings() -> str:
    """The text of `specs/tables/stops.txt`."""
    parts = []
    for name, drawing, table in (("ask", ASK_DRAWING, ASK_TABLE), ("resume", RESUME_DRAWING, RESUME_TABLE)):
        parts.append(f"# {name}\n{drawing}\n{render_mermaid(StopLevel, StopLevel, table)}")
    return "\n".join(parts)


def breaker_drawing() -> str:
    """The text of `specs/tables/breaker.txt`."""
    return f"# breaker\n{BREAKER_DRAWING}\n{render_mermaid(BreakerState, BreakerEvent, BREAKER_TABLE)}"


def strategy_drawing() -> str:
    """The text of `specs/tables/strategies.txt`."""
    return f"# strategy\n{STRATEGY_DRAWING}\n{render_mermaid(StrategyStatus, StrategyEvent, STRATEGY_TABLE)}"


@kernel
def ask(level: I, wanted: I) -> I:
    """The level of a source that asks without a phrase, or STAY (-1). Both are levels."""
    return I(_ASK[level * _LEVELS + wanted])


@kernel
def resume(level: I, wanted: I) -> I:
    """The level of a source that may resume, or STAY (-1)."""
    return I(_RESUME[level * _LEVELS + wanted])


@kernel
def follow_breaker(state: I, event: I) -> I:
    """The state of a breaker after an event, or STAY (-1)."""
    return I(_BREAKER[state * _BREAKER_EVENTS + event])


@kernel
def follow_strategy(status: I, event: I) -> I:
    """The status of a strategy after an event, or STAY (-1)."""
    return I(_STRATEGY[status * _STRATEGY_EVENTS + event])

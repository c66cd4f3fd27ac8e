"""The life of an order as a drawn table.

Events are not messages. What the engine did, or failed to do, is one event each:

    APPROVE, REFUSE  the gate's verdict             ASK_CANCEL     a cancel was requested
    DISPATCH         its bytes left                 CANCEL_FAILED  that request is over and the order is not
    NOT_SENT         provably nothing left          RESTART        a new engine run began
    SILENT           the outcome of placing it is not known, and the venue has shown nothing of it
    LOST             the outcome of a cancel or an amendment is not known
    ABSENT           proved never to have reached the venue

What the venue says is first merged into the order's facts, which do not depend on the order of arrival: the greatest cumulative
quantity, the trades counted once, the last word on its end, the terms in force. The event is what these facts say:

    OPEN    the venue has it, nothing was traded    CANCEL, EXPIRE, REJECT, REPLACE   it is over
    PART    the venue has it, something was traded  BUST    it is over, and a trade of it was taken back
    FULL    its whole quantity was traded

So a late NEW after a CANCELED is the event CANCEL once more, and changes nothing. Where an event contradicts the state in itself, the cell
says so; what the facts alone contradict (a fill beyond what the last word stated) is found by `order_reports.py`.
"""

from enum import IntEnum
from typing import Final

import numpy as np

from veloz.contracts.kernel import kernel
from veloz.reducers.tables import beside, parse_table, render_mermaid
from veloz.reducers.words import I


class OrderState(IntEnum):
    """Where an order is in its life."""

    DRAFTED = 0
    APPROVED = 1
    DISPATCHED = 2
    ACCEPTED = 3
    PARTIALLY_FILLED = 4
    FILLED = 5
    CANCEL_REQUESTED = 6
    CANCELED = 7
    REJECTED = 8
    EXPIRED = 9
    REPLACED = 10
    UNKNOWN = 11
    BUSTED = 12


class OrderEvent(IntEnum):
    """What happens to an order."""

    APPROVE = 0
    REFUSE = 1
    DISPATCH = 2
    NOT_SENT = 3
    SILENT = 4
    LOST = 5
    RESTART = 6
    ASK_CANCEL = 7
    CANCEL_FAILED = 8
    ABSENT = 9
    OPEN = 10
    PART = 11
    FULL = 12
    CANCEL = 13
    EXPIRE = 14
    REJECT = 15
    REPLACE = 16
    BUST = 17


OURS_DRAWING: Final = """
                 APPROVE  REFUSE   DISPATCH   NOT_SENT SILENT  LOST    RESTART  ASK_CANCEL       CANCEL_FAILED ABSENT
DRAFTED          APPROVED REJECTED !          !        !       !       REJECTED =                =             =
APPROVED         =        !        DISPATCHED REJECTED UNKNOWN UNKNOWN UNKNOWN  CANCEL_REQUESTED =             =
DISPATCHED       =        !        =          !        UNKNOWN UNKNOWN UNKNOWN  CANCEL_REQUESTED =             =
ACCEPTED         =        !        =          !        =       UNKNOWN =        CANCEL_REQUESTED =             =
PARTIALLY_FILLED =        !        =          !        =       UNKNOWN =        CANCEL_REQUESTED =             =
FILLED           =        !        =          !        =       =       =        =                =             =
CANCEL_REQUESTED =        !        =          REJECTED UNKNOWN UNKNOWN UNKNOWN  =                <             =
CANCELED         =        !        =          !        =       =       =        =                =             =
REJECTED         !        =        =          =        =       =       =        =                =             =
EXPIRED          =        !        =          !        =       =       =        =                =             =
REPLACED         =        !        =          !        =       =       =        =                =             =
UNKNOWN          =        !        =          REJECTED =       =       =        =                =             EXPIRED
BUSTED           =        !        =          !        =       =       =        =                =             =
"""

THEIRS_DRAWING: Final = """
                 OPEN      PART              FULL    CANCEL    EXPIRE   REJECT    REPLACE   BUST
DRAFTED          !ACCEPTED !PARTIALLY_FILLED !FILLED !CANCELED !EXPIRED !REJECTED !REPLACED !
APPROVED         ACCEPTED  PARTIALLY_FILLED  FILLED  CANCELED  EXPIRED  REJECTED  REPLACED  =
DISPATCHED       ACCEPTED  PARTIALLY_FILLED  FILLED  CANCELED  EXPIRED  REJECTED  REPLACED  =
ACCEPTED         =         PARTIALLY_FILLED  FILLED  CANCELED  EXPIRED  REJECTED  REPLACED  =
PARTIALLY_FILLED =         =                 FILLED  CANCELED  EXPIRED  REJECTED  REPLACED  =
FILLED           !         PARTIALLY_FILLED  =       CANCELED  EXPIRED  REJECTED  REPLACED  BUSTED
CANCEL_REQUESTED =         =                 FILLED  CANCELED  EXPIRED  REJECTED  REPLACED  =
CANCELED         !         !                 FILLED  =         !EXPIRED !REJECTED REPLACED  BUSTED
REJECTED         !ACCEPTED !PARTIALLY_FILLED FILLED  !CANCELED !EXPIRED =         !REPLACED BUSTED
EXPIRED          !ACCEPTED !PARTIALLY_FILLED FILLED  !CANCELED =        !REJECTED !REPLACED BUSTED
REPLACED         !         !                 FILLED  =         !EXPIRED !REJECTED =         BUSTED
UNKNOWN          ACCEPTED  PARTIALLY_FILLED  FILLED  CANCELED  EXPIRED  REJECTED  REPLACED  =
BUSTED           =         =                 =       =         =        =         =         =
"""

ORDER_TABLE: Final = parse_table(OrderState, OrderEvent, beside(OURS_DRAWING, THEIRS_DRAWING))
_FLAT: Final = np.ascontiguousarray(ORDER_TABLE.reshape(-1))
_EVENTS: Final = I(len(OrderEvent))

S_DRAFTED, S_APPROVED, S_DISPATCHED = I(OrderState.DRAFTED), I(OrderState.APPROVED), I(OrderState.DISPATCHED)
S_ACCEPTED, S_PARTIALLY_FILLED, S_FILLED = I(OrderState.ACCEPTED), I(OrderState.PARTIALLY_FILLED), I(OrderState.FILLED)
S_CANCEL_REQUESTED, S_CANCELED, S_REJECTED = (
    I(OrderState.CANCEL_REQUESTED), I(OrderState.CANCELED), I(OrderState.REJECTED),
)  # fmt: skip
S_EXPIRED, S_REPLACED, S_UNKNOWN = I(OrderState.EXPIRED), I(OrderState.REPLACED), I(OrderState.UNKNOWN)
S_BUSTED: Final = I(OrderState.BUSTED)

E_APPROVE, E_REFUSE, E_DISPATCH = I(OrderEvent.APPROVE), I(OrderEvent.REFUSE), I(OrderEvent.DISPATCH)
E_NOT_SENT, E_SILENT, E_LOST = I(OrderEvent.NOT_SENT), I(OrderEvent.SILENT), I(OrderEvent.LOST)
E_RESTART, E_ASK_CANCEL, E_CANCEL_FAILED = (
    I(OrderEvent.RESTART), I(OrderEvent.ASK_CANCEL), I(OrderEvent.CANCEL_FAILED),
)  # fmt: skip
E_ABSENT, E_OPEN, E_PART, E_FULL = I(OrderEvent.ABSENT), I(OrderEvent.OPEN), I(OrderEvent.PART), I(OrderEvent.FULL)
E_CANCEL, E_EXPIRE, E_REJECT = I(OrderEvent.CANCEL), I(OrderEvent.EXPIRE), I(OrderEvent.REJECT)
E_REPLACE, E_BUST = I(OrderEvent.REPLACE), I(OrderEvent.BUST)

OVER_STATES: Final = (
    OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED, OrderState.EXPIRED, OrderState.REPLACED, OrderState.BUSTED,
)  # fmt: skip


def drawings() -> str:
    """The text of `specs/tables/orders.txt`: both halves of the drawing and its diagram."""
    diagram = render_mermaid(OrderState, OrderEvent, ORDER_TABLE)
    return f"# what we did\n{OURS_DRAWING}\n# what the venue says\n{THEIRS_DRAWING}\n{diagram}"


@kernel
def is_over(state: I) -> bool:
    """Whether an order in this state is finished: nothing of it is reserved any more."""
    return bool(state in (S_FILLED, S_BUSTED) or S_CANCELED <= state <= S_REPLACED)


@kernel
def follow(state: I, event: I) -> I:
    """The cell of the table: a state, STAY, BACK, CONTRADICTION, or CONTRADICTED + a state."""
    return I(_FLAT[state * _EVENTS + event])

"""How a decision row is made: written behind those made before it, then folded, before anything else is decided.

Two cursors run over one array of rows: `made` (written) and `folded` (their effect is in State). A turn of `decide.py` writes rows; the
next turn begins when all of them are folded.
"""

from typing import Final

import numpy as np

from veloz.contracts import registry, terms
from veloz.contracts.kernel import kernel
from veloz.execution.planner import with_action
from veloz.reducers.bits import M_ORIGIN, S_ORIGIN
from veloz.reducers.order_store import remaining_of
from veloz.reducers.words import INSTRUMENT_SHIFT, ONE, VERSION_ONE, VERSION_SHIFT, ZERO, I
from veloz.risk.verdict import word_of

_CURSOR: Final = (
    "phase stage input inputs first_seq alone now made folded swept settled moved statements said"  # said: rows of the crew; -1: the host
    " part order_ix intent_seq resolved_seq due"  # where within an input, an intent or the pnl the work stands
    " sweep_scope sweep_number sweep_level sweep_cause sweep_ix sweep_part sweep_legs"
)
CURSOR: Final = np.dtype([(name, "<i8") for name in _CURSOR.split()])
TURN_ROWS: Final = I(32)  # a turn makes no more rows than this

K_INTENT, K_RESOLVED = I(registry.INTENT.number), I(registry.RESOLVED.number)
K_DISABLED: Final = I(registry.DISABLED.number)
K_DRAFTED, K_TERMS = I(registry.DRAFTED.number), I(registry.TERMS.number)
K_APPROVED, K_GATE_REFUSED = I(registry.APPROVED.number), I(registry.GATE_REFUSED.number)
K_REQUESTED, K_CANCEL = I(registry.REQUESTED.number), I(registry.CANCEL_REQUESTED.number)
K_AMEND: Final = I(registry.AMEND_REQUESTED.number)
A_PLACE, A_CANCEL, A_AMEND = I(terms.Action.PLACE), I(terms.Action.CANCEL), I(terms.Action.AMEND)
_KIND_BITS: Final = VERSION_ONE << VERSION_SHIFT


@kernel
def make(at: np.void, out: np.ndarray, kind: I, instrument: I, one: I, two: I, three: I, ref: I, five: I) -> I:
    """Write one decision row, its five words as its kind names them; its sequence number."""
    row = out[at["made"]]
    row["head"] = kind | _KIND_BITS | (instrument << INSTRUMENT_SHIFT)
    row["ts_recv"] = at["now"]
    row["ts_event"] = ZERO
    row["venue_seq"] = one
    row["price"] = two
    row["qty"] = three
    row["ref"] = ref
    row["aux"] = five
    at["made"] += ONE
    return I(at["first_seq"] + at["inputs"] + at["made"] - ONE)


@kernel
def made_at(at: np.void, seq: I) -> I:
    """The place among the decisions of the step of a sequence number."""
    return I(seq - at["first_seq"] - at["inputs"])


@kernel
def make_refusal(at: np.void, out: np.ndarray, instrument: I, key: I, ref: I, verdict: np.ndarray) -> None:
    """risk.refused out of a verdict of the gate."""
    make(at, out, K_GATE_REFUSED, instrument, key, verdict[3], verdict[4], ref, word_of(verdict))


@kernel
def refuse(at: np.void, out: np.ndarray, instrument: I, key: I, ref: I, code: I) -> None:
    """risk.refused where no limit was asked: the code says it all."""
    make(at, out, K_GATE_REFUSED, instrument, key, ZERO, ZERO, ref, code)


@kernel
def make_cancel(at: np.void, out: np.ndarray, order: np.void, ref: I) -> None:
    """order.cancel_requested for an order that is open."""
    spec = with_action(I(order["spec"]), A_CANCEL)
    make(at, out, K_CANCEL, I(order["instrument"]), I(order["key"]), ZERO, remaining_of(order), ref, spec)


@kernel
def with_origin(spec: I, origin: I) -> I:
    """The spec with another answer to who wants it."""
    return I((spec & ~(M_ORIGIN << S_ORIGIN)) | (origin << S_ORIGIN))


@kernel
def make_findings(at: np.void, out: np.ndarray, findings: np.ndarray, n: I) -> None:
    """Rows out of findings of the room of risk: kind, instrument, five words."""
    for place in range(n):
        each = findings[place]
        make(at, out, each[0], each[1], each[2], each[3], each[4], each[5], each[6])

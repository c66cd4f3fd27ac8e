"""How a request comes into being: out of a row of a step, after the state has confirmed what stands behind it.

An `order.requested` or `order.amend_requested` row needs its chain in the same step: requested ← approved ← drafted, of the same order,
saying the same. An `order.cancel_requested` row needs an order that the state knows. Nothing but the outbox may import this file (an
import contract says so), and `Request` cannot be made any other way.
"""

from typing import Any, Final, Never, NoReturn, Protocol, SupportsIndex, final

import numpy as np

from veloz.contracts.kernel import entry
from veloz.contracts.registry import AMEND_REQUESTED, APPROVED, CANCEL_REQUESTED, DRAFTED, REQUESTED
from veloz.contracts.terms import SPEC, Action, client_id, shift_of
from veloz.reducers.desk import ORDER
from veloz.reducers.finding import find_order
from veloz.reducers.state import State
from veloz.reducers.words import INSTRUMENT_SHIFT, KIND_MASK, I

_FIELDS: Final = ORDER.names or ()
_SEAL: Final = object()  # who holds it makes requests; it never leaves this file
_KINDS: Final = {
    REQUESTED.number: Action.PLACE,
    AMEND_REQUESTED.number: Action.AMEND,
    CANCEL_REQUESTED.number: Action.CANCEL,
}
_KIND, _INSTRUMENT = int(KIND_MASK), int(INSTRUMENT_SHIFT)
_ACTION, _ACTION_MASK = shift_of(SPEC, "action"), (1 << dict(SPEC)["action"]) - 1
WORDS_A_ROW: Final = 8  # words.RAW: head, two times, the five words of the kind
_ASKED: Final = np.isin(np.arange(1 << 8), list(_KINDS))


class UnapprovedError(RuntimeError):
    """Something asked for a request that no approval stands behind. A bug of ours: nothing may be sent after it."""


class Decided(Protocol):
    """A step as the outbox reads it: `engine.step.Step`."""

    @property
    def first_seq(self) -> int:
        """Sequence number of the first row."""

    @property
    def inputs(self) -> int:
        """So many rows are inputs."""

    @property
    def rows(self) -> np.ndarray:
        """ROW[n]."""


@final
class Request:
    """What a venue is to be asked. Prices and quantities in quanta, 0 = none; fixed once made, and made by the outbox alone."""

    __slots__ = (
        "account", "action", "activation", "callback_ppm", "client_id", "expire_ns", "instrument", "key", "price", "qty", "seq",
        "spec", "trigger", "venue_order",
    )  # fmt: skip

    seq: int  # of its row
    action: Action
    instrument: int
    account: int
    key: int
    client_id: str  # "" for orders that are not ours
    venue_order: int  # 0 = not known
    price: int
    qty: int
    spec: int
    trigger: int
    activation: int
    callback_ppm: int
    expire_ns: int

    def __init__(self, seal: object, parts: dict[str, Any]) -> None:
        if seal is not _SEAL:
            raise UnapprovedError("Requests are made by the outbox, out of approved rows, and nowhere else.")
        for name in self.__slots__:
            object.__setattr__(self, name, parts[name])

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise UnapprovedError(f"A request does not change: {name}.")

    def __delattr__(self, name: str) -> NoReturn:
        raise UnapprovedError(f"A request does not change: {name}.")

    def __init_subclass__(cls) -> NoReturn:
        raise UnapprovedError("There is one kind of request.")

    def __reduce_ex__(self, protocol: SupportsIndex) -> Never:
        raise UnapprovedError("A request is not copied and not stored: it is sent, or made again by its step.")

    def __repr__(self) -> str:
        return (
            f"Request({self.action.name} {self.client_id or self.key} seq={self.seq} price={self.price} qty={self.qty})"
        )


def mint(step: Decided, state: State) -> list[Request]:
    """The requests of a step, each with its chain checked.

    Args:
        step: The step.
        state: The state right after it.

    Raises:
        UnapprovedError: A row asks for something that was not approved.
    """
    outside = np.flatnonzero(_ASKED[np.minimum(step.rows["kind"][: step.inputs], len(_ASKED) - 1)])
    if len(outside):
        raise UnapprovedError(f"Row {step.first_seq + int(outside[0])} came in from outside and asks for a request.")
    rows = np.ascontiguousarray(step.rows[step.inputs :]).view("<i8").reshape(-1, WORDS_A_ROW).tolist()
    base = step.first_seq + step.inputs
    return [_mint_one(rows, place, base, state) for place, row in enumerate(rows) if row[0] & _KIND in _KINDS]


@entry
def _place_of(state: State, key: I, instrument: I) -> I:
    return find_order(state.orders, state.order_places, key, instrument)


def _mint_one(rows: list[list[int]], place: int, base: int, state: State) -> Request:
    head, _, _, key, price, qty, _, spec = rows[place]
    seq, instrument, action = base + place, head >> _INSTRUMENT, _KINDS[head & _KIND]
    order_ix = int(_place_of(state, I(key), I(instrument)))
    if order_ix < 0:
        raise UnapprovedError(f"Row {seq} asks for order {key}, which the state does not know.")
    order = dict(zip(_FIELDS, state.orders[order_ix].item(), strict=True))
    if spec >> _ACTION & _ACTION_MASK != action or order["instrument"] != instrument:
        raise UnapprovedError(f"Row {seq} says one thing and asks for another.")
    if action is not Action.CANCEL:
        _check_chain(rows, place, base, order)
    return Request(
        _SEAL,
        {
            "seq": seq, "action": action, "instrument": instrument, "account": order["account"], "key": key,
            "client_id": client_id(order["epoch"], key) if key > 0 else "", "venue_order": order["venue_order"],
            "price": price if action is not Action.CANCEL else 0, "qty": qty, "spec": spec,
            "trigger": order["trigger"], "activation": order["activation"],
            "callback_ppm": order["callback_ppm"], "expire_ns": order["expire_ns"],
        },
    )  # fmt: skip


def _check_chain(rows: list[list[int]], place: int, base: int, order: dict[str, int]) -> None:
    """requested ← approved ← drafted: rows of this step, about one order, saying the same; and the state agrees."""
    head, _, _, key, price, qty, ref, spec = rows[place]
    seq, approved_at = base + place, ref - base
    if not 0 <= approved_at < place or rows[approved_at][0] & _KIND != APPROVED.number:
        raise UnapprovedError(f"Row {seq} names no approval of its step.")
    approved = rows[approved_at]
    drafted_at = approved[6] - base
    if not 0 <= drafted_at < approved_at or rows[drafted_at][0] & _KIND != DRAFTED.number:
        raise UnapprovedError(f"Row {seq} was approved without a draft of its step.")
    drafted, instrument = rows[drafted_at], head >> _INSTRUMENT
    same = (drafted[0] >> _INSTRUMENT, *drafted[3:6], drafted[7]) == (instrument, key, price, qty, spec)
    if not same or approved[3] != key or approved[0] >> _INSTRUMENT != instrument:
        raise UnapprovedError(f"Row {seq} is not what was drafted and approved.")
    if order["requested_seq"] != seq or order["approved_seq"] != ref:
        raise UnapprovedError(f"The state knows of no approval behind row {seq}.")

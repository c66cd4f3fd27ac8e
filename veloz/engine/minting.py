"""How a request comes into being: out of a row of a step, after the state has confirmed what stands behind it.

An `order.requested` or `order.amend_requested` row needs its chain in the same step: requested ← approved ← drafted, of the same order,
saying the same. An `order.cancel_requested` row needs an order that the state knows. Nothing but the outbox may import this file (an
import contract says so), and `Request` cannot be made any other way.
"""

from struct import Struct
from typing import Final, Never, NoReturn, Protocol, SupportsIndex, final

import numpy as np

from veloz.contracts.bundle import reader
from veloz.contracts.kernel import cold, entry, kernel
from veloz.contracts.layout import WORD
from veloz.contracts.terms import Action, client_id
from veloz.engine.making import A_AMEND, A_CANCEL, A_PLACE, K_AMEND, K_APPROVED, K_CANCEL, K_DRAFTED, K_REQUESTED
from veloz.reducers.bits import M_ACTION, S_ACTION, part
from veloz.reducers.finding import find_order
from veloz.reducers.state import State
from veloz.reducers.words import INSTRUMENT_SHIFT, KIND_MASK, ONE, RAW, WORD_MASK, ZERO, I

_SEAL: Final = object()  # who holds it makes requests; it never leaves this file
_ACTIONS: Final = {int(action): action for action in Action}
REQUEST_WORDS: Final = 14  # of a request in numbers
_PARTS: Final = Struct(f"<{REQUEST_WORDS}q")
_REQUEST: Final = I(REQUEST_WORDS)
_rows_in: Final = reader(RAW)
_OUTSIDE, _NO_ORDER, _OTHER, _NOT_APPROVED, _NOT_DRAFTED, _CHANGED, _NOT_IN_STATE = (I(-1 - n) for n in range(7))
_FAULTS: Final = {
    int(_OUTSIDE): "Row {seq} came in from outside and asks for a request.",
    int(_NO_ORDER): "Row {seq} asks for order {key}, which the state does not know.",
    int(_OTHER): "Row {seq} says one thing and asks for another.",
    int(_NOT_APPROVED): "Row {seq} names no approval of its step.",
    int(_NOT_DRAFTED): "Row {seq} was approved without a draft of its step.",
    int(_CHANGED): "Row {seq} is not what was drafted and approved.",
    int(_NOT_IN_STATE): "The state knows of no approval behind row {seq}.",
}


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

    __slots__ = ("_parts",)

    seq: int  # of its row
    action: Action
    instrument: int
    account: int
    key: int
    epoch: int  # of the run that asked for the order
    venue_order: int  # 0 = not known
    price: int
    qty: int
    spec: int
    trigger: int
    activation: int
    callback_ppm: int
    expire_ns: int

    def __init__(self, seal: object, parts: tuple[int, ...]) -> None:
        if seal is not _SEAL:
            raise UnapprovedError("Requests are made by the outbox, out of approved rows, and nowhere else.")
        _put_parts(self, parts)

    @property
    def client_id(self) -> str:
        """The client order id; "" for orders that are not ours."""
        return client_id(self.epoch, self.key) if self.key > 0 else ""

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


def _part(place: int) -> property:
    return property(lambda self: self._parts[place])


_put_parts: Final = vars(Request)["_parts"].__set__
for _place, _name in enumerate(Request.__annotations__):
    setattr(Request, _name, _part(_place))
Request.action = property(lambda self: _ACTIONS[self._parts[1]])  # type: ignore[assignment]


def mint(step: Decided, state: State) -> list[Request]:
    """The requests of a step, each with its chain checked.

    Args:
        step: The step.
        state: The state right after it.

    Raises:
        UnapprovedError: A row asks for something that was not approved.
    """
    made = bytearray(len(step.rows) * _PARTS.size)
    n = int(confirm(state, step.rows.view(WORD), step.inputs, step.first_seq, np.frombuffer(made, WORD)))
    if n < 0:
        seq, key, *_ = _PARTS.unpack_from(made)
        raise UnapprovedError(_FAULTS[n].format(seq=seq, key=key))
    return [Request(_SEAL, parts) for parts in _PARTS.iter_unpack(memoryview(made)[: n * _PARTS.size])]


@entry
def confirm(state: State, words: np.ndarray, inputs: int, first_seq: int, made: np.ndarray) -> I:
    """Check every row of a step that asks for a request, and gather what the request says.

    Args:
        state: Right after the step.
        words: i8[8 · n], the words of its rows.
        inputs: So many rows are inputs.
        first_seq: Sequence number of the first row.
        made: i8[`REQUEST_WORDS` · n]: the requests' words.

    Returns:
        How many requests there are; or a number of `_FAULTS`, then `made` begins with the sequence number and the order of the row.
    """
    return I(confirm_rows(state, _rows_in(words), I(inputs), I(first_seq), made))


@cold
def confirm_rows(state: State, rows: np.ndarray, inputs: I, first_seq: I, made: np.ndarray) -> I:
    """What `confirm` does, of rows as records."""
    n = ZERO
    for k in range(rows.shape[0]):
        kind = rows[k]["head"] & KIND_MASK
        if kind != K_REQUESTED and kind != K_AMEND and kind != K_CANCEL:
            continue
        fault = _OUTSIDE if k < inputs else _confirm_one(state, rows, I(k), inputs, first_seq, kind, n, made)
        if fault != ZERO:
            made[0] = first_seq + k
            made[1] = rows[k]["venue_seq"]
            return fault
        n += ONE
    return n


@kernel
def _confirm_one(state: State, rows: np.ndarray, k: I, inputs: I, first_seq: I, kind: I, n: I, made: np.ndarray) -> I:
    """Check one row, and put its request down as the one of number `n`; 0, or what is wrong."""
    row = rows[k]
    instrument, key = (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK, I(row["venue_seq"])
    action = A_CANCEL if kind == K_CANCEL else A_AMEND if kind == K_AMEND else A_PLACE
    order_ix = find_order(state.orders, state.order_places, key, instrument)
    if order_ix < ZERO:
        return _NO_ORDER
    order = state.orders[order_ix]
    if part(row["aux"], S_ACTION, M_ACTION) != action or order["instrument"] != instrument:
        return _OTHER
    if action != A_CANCEL:
        fault = _check_chain(rows, k, inputs, first_seq, order)
        if fault != ZERO:
            return fault
    at = n * _REQUEST
    made[at] = first_seq + k
    made[at + I(1)] = action
    made[at + I(2)] = instrument
    made[at + I(3)] = order["account"]
    made[at + I(4)] = key
    made[at + I(5)] = order["epoch"]
    made[at + I(6)] = order["venue_order"]
    made[at + I(7)] = row["price"] if action != A_CANCEL else ZERO
    made[at + I(8)] = row["qty"]
    made[at + I(9)] = row["aux"]
    made[at + I(10)] = order["trigger"]
    made[at + I(11)] = order["activation"]
    made[at + I(12)] = order["callback_ppm"]
    made[at + I(13)] = order["expire_ns"]
    return ZERO


@kernel
def _check_chain(rows: np.ndarray, k: I, inputs: I, first_seq: I, order: np.void) -> I:
    """requested ← approved ← drafted: rows of this step, about one order, saying the same; and the state agrees."""
    row, base = rows[k], first_seq + inputs
    if not base <= row["ref"] < first_seq + k:
        return _NOT_APPROVED
    approved = rows[row["ref"] - first_seq]
    if approved["head"] & KIND_MASK != K_APPROVED:
        return _NOT_APPROVED
    if not base <= approved["ref"] < row["ref"]:
        return _NOT_DRAFTED
    drafted = rows[approved["ref"] - first_seq]
    if drafted["head"] & KIND_MASK != K_DRAFTED:
        return _NOT_DRAFTED
    same = (
        drafted["head"] >> INSTRUMENT_SHIFT == row["head"] >> INSTRUMENT_SHIFT
        and drafted["venue_seq"] == row["venue_seq"]
        and drafted["price"] == row["price"]
        and drafted["qty"] == row["qty"]
        and drafted["aux"] == row["aux"]
    )
    if (
        not same
        or approved["venue_seq"] != row["venue_seq"]
        or approved["head"] >> INSTRUMENT_SHIFT != row["head"] >> INSTRUMENT_SHIFT
    ):
        return _CHANGED
    if order["requested_seq"] != first_seq + k or order["approved_seq"] != row["ref"]:
        return _NOT_IN_STATE
    return ZERO

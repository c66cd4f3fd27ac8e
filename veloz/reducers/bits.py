"""The packed words of trading rows as kernels read them: shifts and masks out of `contracts/terms.py`, and its codes, typed."""

from typing import Final

import numpy as np

from veloz.contracts import codes, registry, terms
from veloz.contracts.kernel import kernel
from veloz.reducers.words import I


def _shift(packing: terms.Packing, name: str) -> I:
    return I(terms.shift_of(packing, name))


def _mask(packing: terms.Packing, name: str) -> I:
    return I((1 << dict(packing)[name]) - 1)


S_ACTION, M_ACTION = _shift(terms.SPEC, "action"), _mask(terms.SPEC, "action")
S_FORM, M_FORM = _shift(terms.SPEC, "form"), _mask(terms.SPEC, "form")
S_SELL = _shift(terms.SPEC, "sell")
S_TYPE, M_TYPE = _shift(terms.SPEC, "type"), _mask(terms.SPEC, "type")
S_TIF, M_TIF = _shift(terms.SPEC, "tif"), _mask(terms.SPEC, "tif")
S_REDUCE = _shift(terms.SPEC, "reduce_only")
S_SIDE, M_SIDE = _shift(terms.SPEC, "position_side"), _mask(terms.SPEC, "position_side")
S_STP, M_STP = _shift(terms.SPEC, "stp"), _mask(terms.SPEC, "stp")
S_TRIGGER_BY, M_TRIGGER_BY = _shift(terms.SPEC, "trigger_by"), _mask(terms.SPEC, "trigger_by")
S_LEG, M_LEG = _shift(terms.SPEC, "leg"), _mask(terms.SPEC, "leg")
S_ACCOUNT, M_ACCOUNT = _shift(terms.SPEC, "account"), _mask(terms.SPEC, "account")
S_STRATEGY, M_STRATEGY = _shift(terms.SPEC, "strategy"), _mask(terms.SPEC, "strategy")
S_ORIGIN, M_ORIGIN = _shift(terms.SPEC, "origin"), _mask(terms.SPEC, "origin")
S_MORE = _shift(terms.SPEC, "more")

R_ACCOUNT, RM_ACCOUNT = _shift(terms.META, "account"), _mask(terms.META, "account")
R_SELL = _shift(terms.META, "sell")
R_SIDE, RM_SIDE = _shift(terms.META, "position_side"), _mask(terms.META, "position_side")
R_MAKER = _shift(terms.META, "maker")
R_WHY, RM_WHY = _shift(terms.META, "why"), _mask(terms.META, "why")
R_REASON, RM_REASON = _shift(terms.META, "reason"), _mask(terms.META, "reason")
R_ACTION, RM_ACTION = _shift(terms.META, "action"), _mask(terms.META, "action")

SCOPE_NUMBER: Final = _shift(terms.SCOPE, "number")
SCOPE_KIND_MASK: Final = _mask(terms.SCOPE, "kind")
VERDICT_KIND: Final = _shift(terms.VERDICT, "kind")
VERDICT_NUMBER: Final = _shift(terms.VERDICT, "number")
VERDICT_PART: Final = _shift(terms.VERDICT, "part")
LEG_BITS: Final = I(terms.LEG_BITS)

_ROOMS: Final = {"strategy": 1, "risk": 1, "control": 1, "pnl": 1, "order": 2, "account": 3}
NOT_TRADING, ROOM_SCOPES, ROOM_ORDERS, ROOM_ACCOUNTS = I(0), I(1), I(2), I(3)
ROOM_OF: Final = np.zeros(128, np.int64)  # which trading reducer reads a kind
for _kind in registry.KINDS:
    ROOM_OF[_kind.number] = _ROOMS.get(_kind.topic, 0)
for _kind in (registry.ASSETS, registry.FILTERS, registry.STATUS, registry.BOUNDS):
    ROOM_OF[_kind.number] = ROOM_ACCOUNTS
for _kind in (registry.APPROVED, registry.GATE_REFUSED):
    ROOM_OF[_kind.number] = ROOM_ORDERS

ROOM_OF[registry.DIVERGED.number] = ROOM_SCOPES
IN_QUANTA: Final = np.zeros(128, np.int64)  # kinds whose fold reads a price or quantity in quanta of their instrument
for _kind in registry.KINDS:
    IN_QUANTA[_kind.number] = int("price" in _kind.units or "qty" in _kind.units)
for _kind in (registry.CANCEL_REQUESTED, registry.MARGIN_CALL):
    IN_QUANTA[_kind.number] = 0

P_SPOT, P_LINEAR, P_INVERSE = I(codes.Product.SPOT), I(codes.Product.LINEAR), I(codes.Product.INVERSE)


@kernel
def part(word: I, shift: I, mask: I) -> I:
    """One part of a packed word."""
    return (word >> shift) & mask

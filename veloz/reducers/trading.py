"""Which trading reducer a row goes to, and whether the tables have room for what it may add.

A row adds at most one order, `POSITIONS_A_ROW` positions, `LOTS_A_ROW` lots, one trade id, the brackets of one instrument and
`SCOPES_A_ROW` scopes. Room for that is there before the row is looked at; where it is not, the fold stops and the host makes it, so
that a row never stops in its middle.
"""

from typing import Final

import numpy as np

from veloz.contracts import registry
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.accounts import fold_account
from veloz.reducers.bits import IN_QUANTA, ROOM_ACCOUNTS, ROOM_OF, ROOM_ORDERS
from veloz.reducers.desk import ACCOUNTS_MAX, ASSETS_MAX, BRACKETS_EACH, STRATEGIES_MAX
from veloz.reducers.orders import fold_order, note_restart
from veloz.reducers.retelling import retell, touch
from veloz.reducers.scope_rows import fold_scope
from veloz.reducers.scopes import FIXED
from veloz.reducers.settle import settle
from veloz.reducers.state import State
from veloz.reducers.words import GROW_DESK, INSTRUMENT_SHIFT, ONE, WORD_MASK, ZERO, I

POSITIONS_A_ROW: Final = I(4)
SCOPES_A_ROW: Final = I(4)
LOTS_A_ROW: Final = I(2)  # the account's own, and the strategy's share of it
BRACKETS_A_ROW: Final = I(BRACKETS_EACH)
MARK_EVERY_NS: Final = I(
    1_000_000_000
)  # positions are marked at the first step end of each such span, and after every trading row
NOTHING, ORDERS, WHOLE = I(0), I(1), I(2)
# What a kind of row makes the end of its step settle anew: all there is, or where it changes open orders at most, those.
UNSETTLES: Final = np.full(128, WHOLE, np.int64)
for _kind in (
    registry.INTENT, registry.COMMAND_ORDER, registry.APPROVED, registry.GATE_REFUSED, registry.DRAFTED,
    registry.TERMS, registry.REQUESTED, registry.CANCEL_REQUESTED, registry.AMEND_REQUESTED,
    registry.NOT_SENT, registry.ACCEPTED, registry.CANCELED, registry.EXPIRED, registry.REJECTED, registry.REQUEST_REJECTED,
):  # fmt: skip
    UNSETTLES[_kind.number] = ORDERS
UNSETTLES[[registry.PNL.number, registry.DISPATCHED.number]] = NOTHING
_ACCOUNTS_MAX, _ASSETS_MAX, _STRATEGIES_MAX = I(ACCOUNTS_MAX), I(ASSETS_MAX), I(STRATEGIES_MAX)
_K_OPENED, _K_ASSET = I(registry.OPENED.number), I(registry.ASSET.number)
_K_STRATEGY = I(registry.COMMAND_STRATEGY.number)


@kernel
def lacks_room(state: State) -> bool:
    """Whether a table is too short for one more row of any kind."""
    desk = state.desk[0]
    return bool(
        desk["scopes_used"] + SCOPES_A_ROW > state.scopes.shape[0]
        or desk["positions_used"] + POSITIONS_A_ROW > state.positions.shape[0]
        or (desk["orders_free_ix"] < ZERO and desk["orders_used"] >= state.orders.shape[0])
        or desk["lots_used"] + LOTS_A_ROW > state.lots.shape[0]
        or (desk["trades_used"] + ONE) << ONE > state.trade_ids.shape[0]
        or (desk["orders_used"] + ONE) << ONE > state.order_places.shape[0]
        or desk["brackets_used"] + BRACKETS_A_ROW > state.brackets.shape[0]
        or state.terms.shape[0] < state.instruments.shape[0]
    )


@kernel
def lacks_place(state: State, kind: I, number: I) -> bool:
    """Whether a row names an account, an asset or a strategy for which the tables have no place yet."""
    if kind == _K_OPENED:
        return bool(state.accounts.shape[0] <= number < _ACCOUNTS_MAX)
    if kind == _K_ASSET:
        return bool(state.assets.shape[0] <= number < _ASSETS_MAX)
    return bool(kind == _K_STRATEGY and state.strategies.shape[0] <= number < _STRATEGIES_MAX)


@kernel
def _is_readable(state: State, kind: I, instrument: I) -> bool:
    """Whether a row's instrument is listed; of one that is suspended, whether the row has nothing in its quanta (`rescale_desk.py`)."""
    if instrument >= state.instruments.shape[0]:
        return False
    definition = state.instruments[instrument]["definition"]
    return bool(definition > ZERO or (definition < ZERO and IN_QUANTA[kind] == ZERO))


@cold
def fold_trading(state: State, kind: I, row: np.void, seq: I, now: I, signal: np.ndarray) -> None:
    """Fold one trading row. `signal`: GROW_DESK where it was not, for want of room."""
    if lacks_room(state) or lacks_place(state, kind, row["venue_seq"]):
        signal[0] = GROW_DESK
        signal[3] = ZERO
        return
    desk = state.desk[0]
    if desk["open"] == 0:
        desk["open"] = ONE
        desk["scopes_used"] = FIXED
    if UNSETTLES[kind] != NOTHING:
        desk["dirty"] = ONE
        if UNSETTLES[kind] == WHOLE:
            desk["whole"] = ONE
    desk["event_ns"] = row["ts_event"]
    instrument = (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK
    if instrument > 0 and not _is_readable(state, kind, instrument):
        state.clock[0]["rows_unlisted"] += ONE
        return
    room = ROOM_OF[kind]
    if room == ROOM_ORDERS:
        fold_order(state, kind, row, seq, now)
        if instrument > 0 and UNSETTLES[kind] != NOTHING:
            touch(state, instrument)
    elif room == ROOM_ACCOUNTS:
        fold_account(state, kind, row, seq, now)
    else:
        fold_scope(state, kind, row, seq, now)


@cold
def restart(state: State, seq: I, now: I) -> None:
    """A new engine run: what was under way is not known any more."""
    note_restart(state, seq, now)
    state.desk[0]["dirty"] = ONE
    state.desk[0]["whole"] = ONE


@kernel
def end_step(state: State, now: I) -> None:
    """The end of a step: positions, exposures and pnl are settled where something happened or a second went by."""
    if must_settle(state.desk[0], now):
        settle_due(state, now)
        note_settled(state.desk[0], now)


@cold
def settle_due(state: State, now: I) -> None:
    """Settle what has to be: the whole, or what orders alone changed within an engine second."""
    desk = state.desk[0]
    if desk["whole"] != ZERO or now >= desk["mark_ns"] or not retell(state):
        settle(state, now)


@kernel
def must_settle(desk: np.void, now: I) -> bool:
    """Whether something was traded since the last settlement, or its engine second is over."""
    return bool(desk["dirty"] != ZERO or now >= desk["mark_ns"])


@kernel
def note_settled(desk: np.void, now: I) -> None:
    """All is settled as of `now`."""
    desk["dirty"] = ZERO
    desk["mark_ns"] = (now // MARK_EVERY_NS + ONE) * MARK_EVERY_NS

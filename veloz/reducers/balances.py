"""Balances of accounts by asset: what is there, what is set aside, and what may still be.

For every balance, always: `total = opened + traded - fees + funding + changed + drift`. `traded`, `fees`, `funding` and `changed` are sums
of all that was reported. A venue's statement of the total overrides ours; `drift` takes what the reports so far do not explain, `opened`
what was there at the first statement. A report of something that happened up to the time of the last statement is in that
statement already: it moves its sum, and drift (or opened) the other way, but not the total. So a balance message that comes before its
fill, and one that comes behind it, lead to the same numbers.

`held` is what our open orders may cost, `locked` what the venue says it has set aside for orders, ours among them once it has taken them.
Money lies within ±`MONEY_MAX` units of its asset's scale; what would leave that is refused and counted in DESK.overflows.
"""

import numpy as np

from veloz.contracts.kernel import cold, kernel
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.limits import MONEY_MAX
from veloz.reducers.places import NOWHERE, knows_account
from veloz.reducers.state import State
from veloz.reducers.words import ONE, ZERO, I

TRADED, FEES, FUNDING, CHANGED = I(0), I(1), I(2), I(3)  # what moves a balance
_ASSETS_MAX, _MONEY_MAX = I(ASSETS_MAX), I(MONEY_MAX)


@kernel
def is_money(value: I) -> bool:
    """Whether an amount lies within the bounds of money."""
    return bool(-_MONEY_MAX <= value <= _MONEY_MAX)


@kernel
def knows_asset(state: State, asset: I) -> bool:
    """Whether an asset has a number and a scale."""
    return bool(ZERO < asset < state.assets.shape[0] and state.assets[asset]["known"] != ZERO)


@kernel
def balance_place(state: State, account: I, asset: I) -> I:
    """The place of a balance; -1: the account or the asset is not known."""
    if not knows_account(state, account) or not knows_asset(state, asset):
        return NOWHERE
    return account * _ASSETS_MAX + asset


@kernel
def _is_stated(balance: np.void, at_ns: I) -> bool:
    """Whether what happened then is in the last statement. Time 0: nobody knows, so it is not."""
    return bool(ZERO < at_ns <= balance["stated_seq"])


@cold
def can_move(state: State, account: I, asset: I, delta: I) -> bool:
    """Whether a balance can take a movement of any kind and either sign of this size: no number of it would leave the bounds."""
    at = balance_place(state, account, asset)
    if at < ZERO or not is_money(delta):
        return False
    balance = state.balances[at]
    most = max(abs(balance["total"]), max(abs(balance["opened"]), abs(balance["drift"])))
    sums = max(max(abs(balance["traded"]), abs(balance["fees"])), max(abs(balance["funding"]), abs(balance["changed"])))
    return bool(max(most, sums) <= _MONEY_MAX - abs(delta))


@cold
def book(state: State, account: I, asset: I, delta: I, what: I, at_ns: I) -> bool:
    """Something moved a balance by `delta` at venue time `at_ns` (0: not stated). Fees: what was paid is `-delta`.

    Returns:
        False where it could not be taken: an account or asset that is not known, or a sum out of bounds; counted, and nothing else changed.
    """
    at = balance_place(state, account, asset)
    desk = state.desk[0]
    if at < ZERO:
        desk["unplaced"] += ONE
        return False
    if not can_move(state, account, asset, delta):
        desk["overflows"] += ONE
        return False
    balance = state.balances[at]
    balance["known"] = ONE
    if not _is_stated(balance, at_ns):
        balance["total"] += delta
    elif at_ns <= balance["opened_seq"]:
        balance["opened"] -= delta
    else:
        balance["drift"] -= delta
    if what == TRADED:
        balance["traded"] += delta
    elif what == FEES:
        balance["fees"] -= delta
    elif what == FUNDING:
        balance["funding"] += delta
    else:
        balance["changed"] += delta
    return True


@cold
def adopt_drift(state: State, account: I, asset: I, delta: I) -> None:
    """A person took over `delta` of what no report explains: it is a change from here on, and no drift. The total stays."""
    at = balance_place(state, account, asset)
    if at < ZERO:
        state.desk[0]["unplaced"] += ONE
    elif not can_move(state, account, asset, delta):
        state.desk[0]["overflows"] += ONE
    else:
        state.balances[at]["drift"] -= delta
        state.balances[at]["changed"] += delta


@cold
def state_balance(state: State, account: I, asset: I, total: I, locked: I, at_ns: I) -> None:
    """The venue says what is there. Older than the last statement: counted, and nothing else changed. Time 0: not stated, so as it came."""
    at = balance_place(state, account, asset)
    desk = state.desk[0]
    if at < ZERO:
        desk["unplaced"] += ONE
        return
    balance = state.balances[at]
    if not is_money(total) or not ZERO <= locked <= _MONEY_MAX or at_ns < ZERO:
        desk["overflows"] += ONE
        return
    if ZERO < at_ns < balance["stated_seq"]:
        desk["stale"] += ONE
        return
    first = balance["statements"] == ZERO
    unexplained = I(total - balance["total"])
    moved = (
        I((balance["opened"] if first else balance["drift"]) + unexplained) if is_money(unexplained) else unexplained
    )
    if not is_money(moved):
        desk["overflows"] += ONE
        return
    if first:
        balance["opened"] = moved
        balance["opened_seq"] = at_ns
    else:
        balance["drift"] = moved
    balance["known"] = ONE
    balance["statements"] += ONE
    balance["total"] = total
    balance["locked"] = locked
    balance["stated_seq"] = max(I(balance["stated_seq"]), at_ns)
    record = state.accounts[account]
    record["stated_seq"] = max(I(record["stated_seq"]), at_ns)


@kernel
def move(state: State, account: I, asset: I, delta: I) -> None:
    """A trade of the row in hand changed a balance by `delta` money of the asset."""
    book(state, account, asset, delta, TRADED, I(state.desk[0]["event_ns"]))


@kernel
def charge(state: State, account: I, asset: I, amount: I) -> None:
    """The row in hand cost a fee (below 0: earned a rebate) of `amount` money of the asset."""
    book(state, account, asset, -amount if is_money(amount) else amount, FEES, I(state.desk[0]["event_ns"]))


@cold
def hold(state: State, account: I, asset: I, delta: I) -> None:
    """Set aside (or, below 0, release) money of an account for open orders. Never below 0: who releases more than is held releases all,
    and that is counted in DESK.overflows, as is a sum that would leave the bounds of money and stays at them.
    """
    at = balance_place(state, account, asset)
    desk = state.desk[0]
    if at < ZERO:
        desk["unplaced"] += ONE
        return
    balance = state.balances[at]
    wanted = I(balance["held"] + delta) if is_money(delta) else delta
    if ZERO <= wanted <= _MONEY_MAX:
        balance["held"] = wanted
    else:
        balance["held"] = ZERO if wanted < ZERO else _MONEY_MAX
        desk["overflows"] += ONE


@cold
def confirm(state: State, order_ix: I, known: I) -> None:
    """How much of what an order holds may be in `locked` too (0 … its hold): nothing before the venue has taken it, nor of what was
    stated as filled. To be called whenever an order's hold or state has changed, with 0 for the last time before the
    record goes; calling it again changes nothing.
    """
    order = state.orders[order_ix]
    delta = known - I(order["hold_confirmed"])
    if delta == ZERO:
        return
    at = balance_place(state, order["account"], order["hold_asset"])
    if at >= ZERO:
        state.balances[at]["confirmed"] += delta
        order["hold_confirmed"] = known


@kernel
def bounded(value: I) -> I:
    """A sum of two amounts of money, kept within the bounds of one."""
    return min(max(value, -_MONEY_MAX), _MONEY_MAX)


@cold
def available(state: State, account: I, asset: I) -> I:
    """Money that may still be set aside: total, less holds, less what the venue has locked beyond the confirmed holds of ours, less the
    margin of contracts, less the unrealized loss of those that share it (a gain is not counted; who is isolated has a margin to lose, and
    that is in use). Below 0 where more is bound than there is; 0 for
    an account or asset that is not known.

    With `bound = margin + max(0, apart_unrealized - unrealized)` always

        total - held - locked - bound <= available <= total - max(held, locked) - bound

    as 0 <= confirmed <= held: what the venue has locked for an order of ours is counted once, as soon as the venue's word on the order is
    here; before that it may be counted twice for a moment, never less than once.
    """
    at = balance_place(state, account, asset)
    if at < ZERO:
        return ZERO
    balance = state.balances[at]
    foreign = max(ZERO, I(balance["locked"] - min(balance["confirmed"], balance["held"])))
    left = bounded(bounded(balance["total"] - balance["held"]) - foreign)
    return bounded(
        bounded(left - balance["margin"]) - max(ZERO, I(balance["apart_unrealized"] - balance["unrealized"]))
    )

"""Settlement at step ends: marks, unrealized pnl, margin, exposures of every scope, drawdown, daily loss. Reads across reducers.

Pnl of a scope is realized + unrealized + costs of its positions in the reporting asset at the rates of now, each piece rounded toward
minus infinity; costs are funding less fees. High-water mark, drawdown and daily loss are of this pnl, not of equity: deposits and
withdrawals are neither profit nor loss. A day is a UTC day of engine time; it begins with the pnl of the last settlement before it.

Equity of an account is its balances and the unrealized pnl of its contracts; of a venue and of all, the sum over accounts; of an
instrument or a strategy, its pnl.
"""

from typing import Final

from veloz.contracts.kernel import cold, kernel
from veloz.reducers.accounts import available
from veloz.reducers.bits import P_SPOT
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.exposure import (
    add_exposure,
    exposure_of,
    gather_orders,
    scope_of_strategy,
    worst_long,
    worst_short,
)  # fmt: skip
from veloz.reducers.liquidation import isolated_wallet, liquidation_price, terms_of
from veloz.reducers.margin import uncovered
from veloz.reducers.places import NO_STRATEGY
from veloz.reducers.positions import realized_money
from veloz.reducers.prices import UNPRICED
from veloz.reducers.rates import refresh_rates, to_worth, to_worth_up, use_asset
from veloz.reducers.retelling import count_orders, forget_touched, scope_of
from veloz.reducers.scopes import FIXED, watch_feeds
from veloz.reducers.state import State
from veloz.reducers.valuation import costs_of, mark_instrument, value_position
from veloz.reducers.wide import bounded_sum, mul_div_up
from veloz.reducers.words import ONE, ZERO, I
from veloz.reducers.worth import money_asset

DAY_NS: Final = I(86_400_000_000_000)
_PPM: Final = I(1_000_000)
_ASSETS_MAX: Final = I(ASSETS_MAX)
_NO_RATIO: Final = I(-1)
_SCOPES_OF_ONE: Final = I(4)


@kernel
def _pnl_of(state: State, scope_ix: I) -> I:
    scope = state.scopes[scope_ix]
    return bounded_sum(bounded_sum(I(scope["realized"]), I(scope["unrealized"])), I(scope["costs"]))


@cold
def _begin_day(state: State, now: I) -> None:
    """Where a new day began: what was made until the last settlement is what the day starts with."""
    desk = state.desk[0]
    day = now // DAY_NS
    if day == desk["day"]:
        return
    desk["day"] = day
    for scope_ix in range(I(desk["scopes_used"])):
        state.scopes[scope_ix]["day_start"] = _pnl_of(state, I(scope_ix))


@cold
def _activate(state: State) -> None:
    """Instruments of positions that are new since the last settlement, into the list of those that are settled."""
    desk = state.desk[0]
    while desk["positions_seen"] < desk["positions_used"]:
        instrument = I(state.positions[desk["positions_seen"]]["instrument"])
        terms = state.terms[instrument]
        if terms["active"] == ZERO:
            terms["active"] = ONE
            terms["active_ix"] = desk["active_ix"]
            desk["active_ix"] = instrument
        desk["positions_seen"] += ONE


@cold
def _clear_scope(state: State, scope_ix: I) -> None:
    if scope_ix < ZERO:
        return
    scope = state.scopes[scope_ix]
    scope["orders_open"] = ZERO
    scope["gross"] = ZERO
    scope["net"] = ZERO
    scope["worst_gross"] = ZERO
    scope["worst_long"] = ZERO
    scope["worst_short"] = ZERO
    scope["equity"] = ZERO
    scope["realized"] = ZERO
    scope["unrealized"] = ZERO
    scope["costs"] = ZERO
    scope["unconverted"] = ZERO
    scope["added_orders"] = ZERO
    scope["added_gross"] = ZERO
    scope["added_long"] = ZERO
    scope["added_short"] = ZERO
    scope["added_unvalued"] = ZERO
    scope["unvalued"] = ZERO
    scope["untold"] = ZERO


@cold
def _clear_account(state: State, account: I) -> None:
    for asset in range(I(state.assets.shape[0])):
        balance = state.balances[account * _ASSETS_MAX + asset]
        if balance["known"] != ZERO or balance["margin"] != ZERO or balance["unrealized"] != ZERO:
            use_asset(state, I(asset))
            balance["margin"] = ZERO
            balance["unrealized"] = ZERO
            balance["maintenance"] = ZERO
            balance["apart"] = ZERO
            balance["apart_unrealized"] = ZERO
            balance["apart_maintenance"] = ZERO


@cold
def _clear(state: State) -> None:
    """Everything that is added up, from nothing; and which assets it will be added up in."""
    for scope_ix in range(FIXED):
        _clear_scope(state, I(scope_ix))
    for account in range(I(state.accounts.shape[0])):
        if state.accounts[account]["known"] != ZERO:
            _clear_scope(state, I(state.accounts[account]["scope_ix"]))
            _clear_account(state, I(account))
    for strategy in range(I(state.strategies.shape[0])):
        _clear_scope(state, I(state.strategies[strategy]["scope_ix"]))
    instrument = I(state.desk[0]["active_ix"])
    while instrument >= ZERO:
        terms = state.terms[instrument]
        _clear_scope(state, I(terms["scope_ix"]))
        use_asset(state, I(terms["base"]))
        use_asset(state, money_asset(state, instrument))
        instrument = I(terms["active_ix"])
    state.desk[0]["positions_open"] = ZERO


@kernel
def _add_pnl(
    state: State, scope_ix: I, realized: I, unrealized: I, costs: I, untold: I, unvalued: I, unpriced: I
) -> None:
    if scope_ix < ZERO:
        return
    scope = state.scopes[scope_ix]
    scope["untold"] += untold + unpriced
    scope["unvalued"] += unvalued
    scope["realized"] = bounded_sum(I(scope["realized"]), realized)
    scope["unrealized"] = bounded_sum(I(scope["unrealized"]), unrealized)
    scope["costs"] = bounded_sum(I(scope["costs"]), costs)
    scope["unconverted"] += untold + unvalued


@cold
def _expose(state: State, at: I, mark: I, places: I) -> bool:
    """Add what a position is worth, and could be, to its scopes; False: it cannot be told, so it is not in them."""
    position = state.positions[at]
    instrument, account = I(position["instrument"]), I(position["account"])
    long, short = worst_long(position), worst_short(position)
    is_worth, ok = exposure_of(state, instrument, mark, places, I(position["qty"]))
    long_worth, fine = is_worth, ok
    short_worth, fair = is_worth, ok
    if long != position["qty"]:
        long_worth, fine = exposure_of(state, instrument, mark, places, long)
    if short != position["qty"]:
        short_worth, fair = exposure_of(state, instrument, mark, places, short)
    if not ok or not fine or not fair:
        return False
    position["told_long"] = long_worth
    position["told_short"] = short_worth
    if position["strategy"] != NO_STRATEGY:
        add_exposure(state, scope_of_strategy(state, I(position["strategy"])), is_worth, long_worth, short_worth)
        return True
    for k in range(_SCOPES_OF_ONE):
        add_exposure(state, scope_of(state, account, instrument, I(k)), is_worth, long_worth, short_worth)
    return True


@cold
def _tell_pnl(state: State, at: I, unvalued: I, unpriced: I) -> None:
    """Add the pnl of a position to its scopes, and what could not be told of it: `unvalued`, it is not in the exposures either;
    `unpriced`, nor is what it gained or lost since it was opened.
    """
    position = state.positions[at]
    instrument, account = I(position["instrument"]), I(position["account"])
    asset = money_asset(state, instrument)
    realized, ok = to_worth(state, asset, I(position["realized"]))
    unrealized, fine = to_worth(state, asset, I(position["unrealized"]))
    costs, lost = costs_of(state, at)
    untold = lost + I(not ok) + I(not fine)
    if position["strategy"] != NO_STRATEGY:
        scope_ix = scope_of_strategy(state, I(position["strategy"]))
        _add_pnl(state, scope_ix, realized, unrealized, costs, untold, unvalued, unpriced)
        return
    for k in range(_SCOPES_OF_ONE):
        scope_ix = scope_of(state, account, instrument, I(k))
        _add_pnl(state, scope_ix, realized, unrealized, costs, untold, unvalued, unpriced)


@cold
def _settle_position(state: State, at: I, mark: I, places: I, source: I) -> None:
    position = state.positions[at]
    instrument = I(position["instrument"])
    position["realized"] = realized_money(state, at)
    position["mark"] = mark
    position["mark_source"] = source
    position["notional"] = ZERO
    position["unrealized"] = ZERO
    position["initial"] = ZERO
    position["maintenance"] = ZERO
    position["liquidation"] = ZERO
    position["told_long"] = ZERO
    position["told_short"] = ZERO
    position["bound"] = ZERO
    count_orders(state, at)
    is_open = bool(position["qty"] != ZERO)
    has_orders = bool(position["buys"] != ZERO or position["sells"] != ZERO)
    unvalued, unpriced = ZERO, ZERO
    if is_open or has_orders:
        told = bool(source != UNPRICED)
        if told and is_open:
            told = value_position(state, at, mark, places)
        unpriced = I(is_open and not told)
        if not told or not _expose(state, at, mark, places):
            unvalued = ONE
    position["unexposed"] = unvalued
    _tell_pnl(state, at, unvalued, unpriced)
    if position["strategy"] != NO_STRATEGY:
        return
    state.desk[0]["positions_open"] += I(is_open)
    if (is_open or has_orders) and state.terms[instrument]["product"] != P_SPOT:
        _add_margin(state, at, I(position["account"]), money_asset(state, instrument))


@cold
def _add_margin(state: State, at: I, account: I, asset: I) -> None:
    """A position of contracts into the balance that it is settled in."""
    position = state.positions[at]
    balance = state.balances[account * _ASSETS_MAX + asset]
    bound = bounded_sum(I(position["initial"]), uncovered(state, at))
    position["bound"] = bound
    balance["margin"] = bounded_sum(I(balance["margin"]), bound)
    balance["unrealized"] = bounded_sum(I(balance["unrealized"]), I(position["unrealized"]))
    balance["maintenance"] = bounded_sum(I(balance["maintenance"]), I(position["maintenance"]))
    leverage, isolated = terms_of(state, account, I(position["instrument"]))
    if isolated != ZERO:
        balance["apart"] = bounded_sum(I(balance["apart"]), isolated_wallet(state, at, leverage))
        balance["apart_unrealized"] = bounded_sum(I(balance["apart_unrealized"]), I(position["unrealized"]))
        balance["apart_maintenance"] = bounded_sum(I(balance["apart_maintenance"]), I(position["maintenance"]))


@cold
def _settle_instrument(state: State, instrument: I, now: I) -> None:
    gather_orders(state, instrument)
    source = mark_instrument(state, instrument, now)
    terms = state.terms[instrument]
    at = I(terms["positions_ix"])
    if terms["product"] == ZERO:  # nobody has said what it pays in: nothing of it can be traded, or valued
        while at >= ZERO:
            count_orders(state, at)
            at = I(state.positions[at]["next_ix"])
        return
    while at >= ZERO:
        _settle_position(state, at, I(terms["mark"]), I(terms["mark_places"]), source)
        at = I(state.positions[at]["next_ix"])


@cold
def _estimate_liquidations(state: State, instrument: I) -> None:
    terms = state.terms[instrument]
    at = I(terms["positions_ix"]) if terms["product"] != P_SPOT else I(-1)
    while at >= ZERO:
        position = state.positions[at]
        if position["strategy"] == NO_STRATEGY:
            position["liquidation"] = liquidation_price(state, at, I(terms["mark_places"]))
        at = I(position["next_ix"])


@cold
def _settle_account(state: State, account: I) -> None:
    """Sums of an account over its assets; and equity into its scopes."""
    record = state.accounts[account]
    equity, margin, maintenance, unrealized, free, missing, debts = ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
    for number in range(ONE, I(state.assets.shape[0])):
        asset = I(number)
        balance = state.balances[account * _ASSETS_MAX + asset]
        if balance["known"] == ZERO and balance["margin"] == ZERO and balance["unrealized"] == ZERO:
            continue
        whole = bounded_sum(I(balance["total"]), I(balance["unrealized"]))
        worth, ok = to_worth(state, asset, whole)
        missing += I(not ok)
        debts += I(not ok and whole < ZERO)
        equity = bounded_sum(equity, worth)
        worth, _ = to_worth_up(state, asset, I(balance["margin"]))
        margin = bounded_sum(margin, worth)
        worth, _ = to_worth_up(state, asset, I(balance["maintenance"]))
        maintenance = bounded_sum(maintenance, worth)
        worth, _ = to_worth(state, asset, I(balance["unrealized"]))
        unrealized = bounded_sum(unrealized, worth)
        worth, _ = to_worth(state, asset, available(state, account, asset))
        free = bounded_sum(free, worth)
    record["equity"] = equity
    record["margin"] = margin
    record["maintenance"] = maintenance
    record["unrealized"] = unrealized
    record["available"] = free
    record["ratio_ppm"] = _ratio(maintenance, equity)
    for k in range(_SCOPES_OF_ONE - ONE):
        scope_ix = scope_of(state, account, ZERO, I(k))
        if scope_ix >= ZERO:
            scope = state.scopes[scope_ix]
            scope["equity"] = bounded_sum(I(scope["equity"]), equity)
            scope["unconverted"] += missing
            scope["unvalued"] += debts


@kernel
def _ratio(maintenance: I, equity: I) -> I:
    """Maintenance margin ÷ equity in millionths, rounded up; -1: there is no equity to bear it."""
    if maintenance == ZERO:
        return ZERO
    if equity <= ZERO:
        return _NO_RATIO
    ratio, ok = mul_div_up(maintenance, _PPM, equity)
    return ratio if ok else _NO_RATIO


@cold
def _finish_scope(state: State, scope_ix: I, has_equity: bool) -> None:
    """High-water mark, drawdown, loss of the day."""
    if scope_ix < ZERO:
        return
    scope = state.scopes[scope_ix]
    pnl = _pnl_of(state, scope_ix)
    if not has_equity:
        scope["equity"] = pnl
    scope["high_water"] = max(I(scope["high_water"]), pnl)
    scope["drawdown"] = bounded_sum(I(scope["high_water"]), -pnl)
    scope["day_loss"] = max(ZERO, bounded_sum(I(scope["day_start"]), -pnl))


@cold
def _finish(state: State) -> None:
    for scope_ix in range(FIXED):
        _finish_scope(state, I(scope_ix), True)
    for account in range(I(state.accounts.shape[0])):
        if state.accounts[account]["known"] != ZERO:
            _finish_scope(state, I(state.accounts[account]["scope_ix"]), True)
    for strategy in range(I(state.strategies.shape[0])):
        _finish_scope(state, I(state.strategies[strategy]["scope_ix"]), False)
    instrument = I(state.desk[0]["active_ix"])
    while instrument >= ZERO:
        _finish_scope(state, I(state.terms[instrument]["scope_ix"]), False)
        instrument = I(state.terms[instrument]["active_ix"])
    state.desk[0]["unconverted"] = state.scopes[ZERO]["unconverted"]


@cold
def settle(state: State, now: I) -> None:
    """Value everything that is open, anew and whole, and write it into positions, accounts and scopes.

    Settling twice with nothing in between changes nothing: live, a step is settled before its decisions and again at its end.
    """
    _begin_day(state, now)
    _activate(state)
    _clear(state)
    refresh_rates(state, bool(now >= state.desk[0]["mark_ns"]))
    instrument = I(state.desk[0]["active_ix"])
    while instrument >= ZERO:
        _settle_instrument(state, instrument, now)
        instrument = I(state.terms[instrument]["active_ix"])
    for account in range(I(state.accounts.shape[0])):
        if state.accounts[account]["known"] != ZERO:
            _settle_account(state, I(account))
    instrument = I(state.desk[0]["active_ix"])
    while instrument >= ZERO:
        _estimate_liquidations(state, instrument)
        instrument = I(state.terms[instrument]["active_ix"])
    _finish(state)
    watch_feeds(state, now)
    forget_touched(state)

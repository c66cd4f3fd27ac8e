"""Folds rows of risk.*, control.*, strategy.* and pnl.*: what they set in scopes, breakers and strategies.

A command sets nothing by itself but the place of its scope, so that the settlement before the decisions measures it; what it leads
to are the decision rows behind it, and those have the effect. Exceptions are commands that need no judging: what a breaker
counts, what a strategy is to do, and the settling of a difference.
"""

from typing import Final

import numpy as np

from veloz.contracts import codes, registry
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import ScopeKind
from veloz.reducers.bits import M_STRATEGY, S_STRATEGY, SCOPE_KIND_MASK, SCOPE_NUMBER, part
from veloz.reducers.buckets import RATE_MAX, WINDOW_MAX_NS, take_intent
from veloz.reducers.desk import LIMITS
from veloz.reducers.scopes import feed_faults, find_scope, freeze, note_divergence, scope_place
from veloz.reducers.state import State
from veloz.reducers.stops import E_DISABLE, E_LOAD, E_REPLACE, E_START, follow_strategy
from veloz.reducers.tables import STAY
from veloz.reducers.tallies import breaker_place, clear_tally
from veloz.reducers.wide import bounded_sum
from veloz.reducers.words import BYTE_MASK, F_INEXACT, FLAGS_SHIFT, INSTRUMENT_SHIFT, ONE, WORD_MASK, ZERO, I

_K_INTENT, _K_DISABLED = I(registry.INTENT.number), I(registry.DISABLED.number)
_K_STOPPED, _K_BREAKER = I(registry.STOPPED.number), I(registry.BREAKER.number)
_K_LIMIT, _K_FROZEN = I(registry.LIMIT.number), I(registry.FROZEN.number)
_K_DIVERGED, _K_PNL = I(registry.DIVERGED.number), I(registry.PNL.number)
_K_C_STOP, _K_C_LIMIT = I(registry.COMMAND_STOP.number), I(registry.COMMAND_LIMIT.number)
_K_C_BREAKER, _K_C_STRATEGY = I(registry.COMMAND_BREAKER.number), I(registry.COMMAND_STRATEGY.number)
_K_C_PARAM, _K_C_SETTLE = I(registry.COMMAND_PARAM.number), I(registry.COMMAND_SETTLE.number)

LIMIT_KINDS: Final = I(len(codes.Limit))
BREAKER_KINDS: Final = I(len(codes.Breaker))
LEVELS: Final = I(len(codes.StopLevel))
SOURCES: Final = I(len(codes.StopSource))
STEP_SHIFT: Final = I(16)  # in the word `limit` of risk.limit
LIMIT_MASK: Final = I(0xFFFF)
PART_SHIFT: Final = I(8)  # in the word `breaker`: its state, or the level it sets
SECOND_NS: Final = I(1_000_000_000)
VALUE_MAX: Final = I((1 << 60) - 1)  # of limits that are no rates, windows or switches
THRESHOLD_MAX: Final = I((1 << 40) - 1)
_STAY: Final = I(STAY)
_STEP_SET, _STEP_WAITS = I(codes.LimitStep.SET), I(codes.LimitStep.WAITS)
_OPEN: Final = I(codes.BreakerState.OPEN)
_BY_PERSON, _BY_BREAKER = I(codes.StopSource.PERSON), I(codes.StopSource.BREAKER)
_BY_RECONCILIATION: Final = I(codes.StopSource.RECONCILIATION)
_B_FEED: Final = I(codes.Breaker.FEED)
_ADOPT, _IGNORE = I(codes.SettleAction.ADOPT), I(codes.SettleAction.IGNORE)
_WARNING, _ERROR = I(codes.Severity.WARNING), I(codes.Severity.ERROR)
_DIFFERS, _REPEATED = I(codes.Refusal.DIFFERS), I(codes.Refusal.REPEATED)
_SCOPE_INSTRUMENT: Final = I(ScopeKind.INSTRUMENT)
_SEVERITY_SHIFT, _ACCOUNT_SHIFT = I(8), I(16)
_RATES: Final = (
    I(codes.Limit.ORDERS_PER_WINDOW), I(codes.Limit.CANCELS_PER_WINDOW), I(codes.Limit.INTENTS_PER_WINDOW),
)  # fmt: skip
_WINDOW: Final = I(codes.Limit.WINDOW_NS)
_QUANTITIES: Final = (I(codes.Limit.ORDER_QTY), I(codes.Limit.POSITION_QTY))
_SWITCHES: Final = (I(codes.Limit.ALLOWED), I(codes.Limit.OWN_CROSS))
_RATE_MAX, _WINDOW_MAX = I(RATE_MAX), I(WINDOW_MAX_NS)
_LIMITS: Final = I(LIMITS)


@kernel
def place_of(state: State, scope: I) -> I:
    """Place of the scope that a row names, given out at first use; -1: there can be none."""
    return I(scope_place(state, scope & SCOPE_KIND_MASK, (scope >> SCOPE_NUMBER) & WORD_MASK))


@kernel
def limit_fits(limit: I, value: I) -> bool:
    """Whether a limit may have this value; -1 is no limit."""
    if not ZERO <= limit < LIMIT_KINDS:
        return False
    top, low = VALUE_MAX, -ONE
    if limit in _RATES:
        top = _RATE_MAX
    elif limit == _WINDOW:
        top = _WINDOW_MAX
        if value == ZERO:
            return False
    elif limit in _SWITCHES:
        top = ONE
    return bool(low <= value <= top)


@kernel
def breaker_fits(breaker: I, stop: I, threshold: I, window_ns: I, cooldown_ns: I) -> bool:
    """Whether a breaker may be set up so; threshold 0 removes it."""
    return bool(
        ZERO <= breaker < BREAKER_KINDS
        and ZERO <= stop < LEVELS
        and ZERO <= threshold <= THRESHOLD_MAX
        and ZERO <= window_ns <= VALUE_MAX
        and ZERO <= cooldown_ns <= VALUE_MAX
    )


@kernel
def level_of(scope: np.void, source: I) -> I:
    """The stop level that one source set."""
    if source == _BY_PERSON:
        return I(scope["level_person"])
    if source == _BY_BREAKER:
        return I(scope["level_breaker"])
    return I(scope["level_reconciliation"] if source == _BY_RECONCILIATION else scope["level_journal"])


@cold
def _fold_stopped(state: State, row: np.void, seq: I) -> None:
    """risk.stopped: the level of its source; the scope has the safest of all sources."""
    place, level, source = place_of(state, I(row["venue_seq"])), I(row["price"]), I(row["qty"])
    if place < ZERO or not ZERO <= level < LEVELS or not ZERO <= source < SOURCES:
        return
    scope = state.scopes[place]
    if source == _BY_PERSON:
        scope["level_person"] = level
    elif source == _BY_BREAKER:
        scope["level_breaker"] = level
    elif source == _BY_RECONCILIATION:
        scope["level_reconciliation"] = level
    else:
        scope["level_journal"] = level
    scope["level"] = max(
        max(scope["level_person"], scope["level_breaker"]),
        max(scope["level_reconciliation"], scope["level_journal"]),
    )
    scope["stopped_seq"] = seq


@kernel
def _is_suspended(state: State, scope: I) -> bool:
    """Whether a scope is that of an instrument whose quanta are not those of its rows (`rescale_desk.py`)."""
    number = (scope >> SCOPE_NUMBER) & WORD_MASK
    return bool(
        scope & SCOPE_KIND_MASK == _SCOPE_INSTRUMENT
        and number < state.instruments.shape[0]
        and state.instruments[number]["definition"] < ZERO
    )


@cold
def _fold_limit(state: State, row: np.void, seq: I) -> None:
    """risk.limit: a value, or a raise that waits for its confirmation. A value that is set withdraws a raise that waited."""
    place, value = place_of(state, I(row["venue_seq"])), I(row["qty"])
    limit, step = I(row["price"]) & LIMIT_MASK, (I(row["price"]) >> STEP_SHIFT) & LIMIT_MASK
    if place < ZERO or not limit_fits(limit, value):
        return
    if limit in _QUANTITIES and _is_suspended(state, I(row["venue_seq"])):  # in which quanta nobody can say
        state.clock[0]["rows_unlisted"] += ONE
        return
    at = place * _LIMITS + limit
    note = state.limit_notes[at]
    if step == _STEP_WAITS:
        note["pending_value"] = value
        note["pending_seq"] = row["ref"]
    elif step == _STEP_SET:
        state.limits[at] = value
        note["revision"] = row["aux"]
        note["changed_seq"] = seq
        note["pending_value"] = ZERO
        note["pending_seq"] = ZERO
        state.desk[0]["limits_revision"] = row["aux"]


@cold
def _set_breaker(state: State, row: np.void, now: I) -> None:
    """control.breaker: set up, or removed; one that is open stays as it is until it has closed."""
    breaker, stop = I(row["price"]) & BYTE_MASK, (I(row["price"]) >> PART_SHIFT) & BYTE_MASK
    threshold, window_ns, cooldown_ns = I(row["qty"]), I(row["ref"]), I(row["aux"])
    place = place_of(state, I(row["venue_seq"]))
    if place < ZERO or not breaker_fits(breaker, stop, threshold, window_ns, cooldown_ns):
        return
    at = breaker_place(place, breaker)
    rule = state.breakers[at]
    if rule["state"] == _OPEN:
        return
    wanted = I(threshold > ZERO)
    state.scopes[place]["breakers_set"] += wanted - rule["set"]
    state.desk[0]["breakers_set"] += wanted - rule["set"]
    rule["set"] = wanted
    rule["stop"] = stop
    rule["threshold"] = threshold
    rule["window_ns"] = window_ns
    rule["cooldown_ns"] = cooldown_ns
    rule["bucket"] = ZERO
    rule["seen"] = feed_faults(state, place) if breaker == _B_FEED else ZERO
    clear_tally(state, at)


@cold
def _fold_breaker(state: State, row: np.void, seq: I, now: I) -> None:
    """risk.breaker: it opened, or closed and begins to count anew."""
    place = place_of(state, I(row["venue_seq"]))
    breaker, moved = I(row["price"]) & BYTE_MASK, (I(row["price"]) >> PART_SHIFT) & BYTE_MASK
    if place < ZERO or breaker >= BREAKER_KINDS or moved > ONE:
        return
    at = breaker_place(place, breaker)
    rule = state.breakers[at]
    if rule["state"] == moved:
        return
    rule["state"] = moved
    rule["observed"] = row["qty"]
    rule["opened_ns"] = now if moved == _OPEN else ZERO
    rule["opened_seq"] = seq if moved == _OPEN else ZERO
    state.scopes[place]["breakers_open"] += ONE if moved == _OPEN else -ONE
    if moved != _OPEN:
        clear_tally(state, at)


@cold
def _command_strategy(state: State, row: np.void) -> None:
    """control.strategy: its status by the table; LOAD and REPLACE name code."""
    number, event = I(row["venue_seq"]), I(row["price"])
    if not ZERO < number < state.strategies.shape[0] or not ZERO <= event <= E_REPLACE:
        return
    strategy = state.strategies[number]
    status = follow_strategy(I(strategy["status"]), event)
    if status == _STAY:
        return
    strategy["status"] = status
    strategy["known"] = ONE
    if event == E_LOAD:
        strategy["account"] = row["aux"]
    if event in (E_LOAD, E_REPLACE):
        strategy["code_hash"] = row["qty"]
        strategy["revision"] += ONE
    if event == E_START:
        if strategy["disabled_code"] == _REPEATED and strategy["scope_ix"] >= ZERO:  # a person saw it: counted anew
            state.scopes[strategy["scope_ix"]]["repeats"] = ZERO
        strategy["disabled_code"] = ZERO
        strategy["disabled_seq"] = ZERO


@cold
def _fold_strategy(state: State, kind: I, row: np.void, seq: I, now: I) -> None:
    """strategy.intent, strategy.disabled and control.param."""
    number = part(I(row["aux"]), S_STRATEGY, M_STRATEGY) if kind == _K_INTENT else I(row["venue_seq"])
    if not ZERO < number < state.strategies.shape[0]:
        return
    strategy = state.strategies[number]
    if kind == _K_INTENT:
        strategy["intents"] += ONE
        place = I(strategy["scope_ix"])
        if place >= ZERO:
            take_intent(state.limits, state.scopes[place], place, now)
    elif kind == _K_C_PARAM:
        strategy["params_revision"] += ONE
    else:
        status = follow_strategy(I(strategy["status"]), E_DISABLE)
        if status != _STAY:
            strategy["status"] = status
            strategy["disabled_code"] = row["price"]
            strategy["disabled_seq"] = seq


@cold
def _fold_diverged(state: State, instrument: I, row: np.void, seq: I, now: I) -> None:
    """system.diverged: counted; one that is an error freezes its instrument. From a warning on the account is not clean any more."""
    account = (I(row["aux"]) >> _ACCOUNT_SHIFT) & BYTE_MASK
    severity = (I(row["aux"]) >> _SEVERITY_SHIFT) & BYTE_MASK
    if severity >= _ERROR and ZERO < instrument < state.terms.shape[0]:
        freeze(state, instrument, _DIFFERS, seq)
    if severity >= _WARNING and ZERO < account < state.accounts.shape[0]:
        state.accounts[account]["clean"] = ZERO
        state.accounts[account]["differences"] += ONE
    note_divergence(state, account, instrument, now)


@cold
def _fold_control(state: State, kind: I, instrument: I, row: np.void, now: I) -> None:
    """Commands."""
    if kind in (_K_C_STOP, _K_C_LIMIT):
        place_of(state, I(row["venue_seq"]))
    elif kind == _K_C_BREAKER:
        _set_breaker(state, row, now)
    elif kind == _K_C_STRATEGY:
        _command_strategy(state, row)
    elif kind == _K_C_SETTLE and ZERO < instrument < state.terms.shape[0]:
        if row["price"] in (_ADOPT, _IGNORE):
            state.terms[instrument]["frozen"] = ZERO
            state.terms[instrument]["frozen_seq"] = ZERO


@cold
def _fold_pnl(state: State, row: np.void, now: I) -> None:
    """pnl.update: when, and of its scope what, was told last."""
    state.desk[0]["pnl_second"] = now // SECOND_NS
    scope = I(row["venue_seq"])
    place = find_scope(state, scope & SCOPE_KIND_MASK, (scope >> SCOPE_NUMBER) & WORD_MASK)
    if place >= ZERO:
        told = bounded_sum(bounded_sum(ZERO, I(row["price"])), bounded_sum(ZERO, I(row["qty"])))
        state.scopes[place]["told_pnl"] = bounded_sum(told, bounded_sum(ZERO, I(row["aux"])))
        state.scopes[place]["told_inexact"] = I((row["head"] >> FLAGS_SHIFT) & F_INEXACT != ZERO)


@cold
def fold_scope(state: State, kind: I, row: np.void, seq: I, now: I) -> None:
    """Fold one row of risk.*, control.*, strategy.* or pnl.*."""
    instrument = (row["head"] >> INSTRUMENT_SHIFT) & WORD_MASK
    if kind in (_K_INTENT, _K_DISABLED, _K_C_PARAM):
        _fold_strategy(state, kind, row, seq, now)
    elif kind == _K_STOPPED:
        _fold_stopped(state, row, seq)
    elif kind == _K_LIMIT:
        _fold_limit(state, row, seq)
    elif kind == _K_BREAKER:
        _fold_breaker(state, row, seq, now)
    elif kind == _K_DIVERGED:
        _fold_diverged(state, instrument, row, seq, now)
    elif kind == _K_FROZEN:
        scope = I(row["venue_seq"])
        if scope & SCOPE_KIND_MASK == _SCOPE_INSTRUMENT:
            instrument = (scope >> SCOPE_NUMBER) & WORD_MASK
        if ZERO < instrument < state.terms.shape[0]:
            freeze(state, instrument, I(row["price"]), seq)
    elif kind == _K_PNL:
        _fold_pnl(state, row, now)
    else:
        _fold_control(state, kind, instrument, row, now)

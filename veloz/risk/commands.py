"""What a command of a person leads to: rows of risk.*, worked out from state and the command alone. State is not changed here.

Limits. What makes a limit stricter is set at once; anything else waits for a second command with `confirm`, the number of the first,
and the same value. Setting a limit withdraws a raise that waited; stating the value that stands, when none waits, is refused (ALREADY).
Confirming a value that stands, when none waits, is no mistake and leads to nothing: what makes a limit stricter may be confirmed as well.

Stop levels. A source may always ask for a safer level, and repeating the one it has is a row once more, so that a kill repeated
cancels once more. Less safe needs the phrase, clean accounts and no frozen instrument in the scope. Source BREAKER resumes by closing
the scope's breakers that wait for a person; those with a cool-down close by themselves and refuse it until then.
"""

from typing import Final

import numpy as np

from veloz.contracts import codes, registry
from veloz.contracts.codes import RESUME_PHRASE, Limit, Refusal, phrase_number
from veloz.contracts.kernel import cold, kernel
from veloz.contracts.terms import ScopeKind
from veloz.reducers.bits import SCOPE_KIND_MASK, SCOPE_NUMBER
from veloz.reducers.buckets import REPEAT_DEFAULT_NS, WINDOW_DEFAULT_NS, limit_of
from veloz.reducers.desk import BREAKERS, LIMITS
from veloz.reducers.scope_rows import (
    BREAKER_KINDS,
    LEVELS,
    PART_SHIFT,
    SOURCES,
    STEP_SHIFT,
    breaker_fits,
    level_of,
    limit_fits,
)  # fmt: skip
from veloz.reducers.scopes import find_scope
from veloz.reducers.state import State
from veloz.reducers.stops import E_REPLACE, E_RESUMED, ask, follow_breaker, resume
from veloz.reducers.tables import STAY
from veloz.reducers.words import BYTE_MASK, KIND_MASK, ONE, WORD_MASK, ZERO, I
from veloz.risk.findings import FINDING_WORDS, find

__all__ = ["FINDINGS_ROOM", "FINDING_WORDS", "decide_command"]

FINDINGS_ROOM: Final = 16  # findings that one command may lead to

_K_LIMIT, _K_STOPPED, _K_BREAKER = I(registry.LIMIT.number), I(registry.STOPPED.number), I(registry.BREAKER.number)
_K_REFUSED: Final = I(registry.COMMAND_REFUSED.number)
_K_C_LIMIT, _K_C_STOP = I(registry.COMMAND_LIMIT.number), I(registry.COMMAND_STOP.number)
_K_C_BREAKER, _K_C_STRATEGY = I(registry.COMMAND_BREAKER.number), I(registry.COMMAND_STRATEGY.number)

_GLOBAL, _VENUE, _ACCOUNT = I(ScopeKind.GLOBAL), I(ScopeKind.VENUE), I(ScopeKind.ACCOUNT)
_INSTRUMENT, _STRATEGY = I(ScopeKind.INSTRUMENT), I(ScopeKind.STRATEGY)
_SET, _WAITS = I(codes.LimitStep.SET), I(codes.LimitStep.WAITS)
_CLOSED, _OPEN = I(codes.BreakerState.CLOSED), I(codes.BreakerState.OPEN)
_RUN, _BY_BREAKER = I(codes.StopLevel.RUN), I(codes.StopSource.BREAKER)
_WINDOW, _REPEAT = I(Limit.WINDOW_NS), I(Limit.REPEAT_NS)
_WINDOW_DEFAULT, _REPEAT_DEFAULT = I(WINDOW_DEFAULT_NS), I(REPEAT_DEFAULT_NS)
_PHRASE: Final = I(phrase_number(RESUME_PHRASE))
_STAY: Final = I(STAY)
_LIMITS, _BREAKERS = I(LIMITS), I(BREAKERS)
_EVERYWHERE: Final = I(-1)

C_CONFIRM, C_PHRASE, C_NOT_CLEAN = I(Refusal.CONFIRM_NEEDED), I(Refusal.PHRASE_WRONG), I(Refusal.NOT_CLEAN)
C_NOT_KNOWN, C_BOUNDS, C_ALREADY = I(Refusal.NOT_KNOWN), I(Refusal.OUT_OF_BOUNDS), I(Refusal.ALREADY)
C_OPEN: Final = I(Refusal.BREAKER_OPEN)

# How a limit is ordered, strictest first. LESS: a smaller number is stricter, none is loosest. MORE: a greater number is stricter, none is
# loosest. SPAN: a greater number is stricter, none is what it falls back to. SWITCH_OFF: 0, none, 1. SWITCH_ON: 1, none, 0.
LESS, MORE, SPAN, SWITCH_OFF, SWITCH_ON = I(0), I(1), I(2), I(3), I(4)
STRICTER: Final = np.zeros(len(Limit), np.int64)
STRICTER[Limit.DUPLICATE_NS] = MORE
STRICTER[Limit.WINDOW_NS] = SPAN
STRICTER[Limit.REPEAT_NS] = SPAN
STRICTER[Limit.ALLOWED] = SWITCH_OFF
STRICTER[Limit.OWN_CROSS] = SWITCH_ON
_LOOSEST: Final = I((1 << 62) - 1)


@kernel
def looseness(limit: I, value: I, fallback: I) -> I:
    """How loose a value of a limit is; the greater, the looser. `fallback`: what a span is where it is not stated."""
    way = STRICTER[limit]
    if way == LESS:
        return _LOOSEST if value < ZERO else value
    if way == MORE:
        return -max(value, ZERO)
    if way == SPAN:
        return -(fallback if value < ZERO else value)
    rank = ONE if value < ZERO else value * (ONE + ONE)
    return rank if way == SWITCH_OFF else -rank


@kernel
def _fallback(state: State, place: I, limit: I) -> I:
    default = _WINDOW_DEFAULT if limit == _WINDOW else _REPEAT_DEFAULT
    if place == ZERO or limit_of(state.limits, ZERO, limit) < ZERO:
        return default
    return limit_of(state.limits, ZERO, limit)


@cold
def _decide_limit(state: State, row: np.void, seq: I, out: np.ndarray, n: I) -> I:
    """control.limit: set, wait for confirmation, or no."""
    scope, limit, value, confirm = I(row["venue_seq"]), I(row["price"]), I(row["qty"]), I(row["aux"])
    place = find_scope(state, scope & SCOPE_KIND_MASK, (scope >> SCOPE_NUMBER) & WORD_MASK)
    if place < ZERO:
        return find(out, n, _K_REFUSED, ZERO, scope, C_NOT_KNOWN, value, seq, limit)
    if not limit_fits(limit, value):
        return find(out, n, _K_REFUSED, ZERO, scope, C_BOUNDS, value, seq, limit)
    at = place * _LIMITS + limit
    note, before, revision = state.limit_notes[at], I(state.limits[at]), I(state.desk[0]["limits_revision"])
    if confirm != ZERO:
        if value == before and note["pending_seq"] == ZERO:
            return n
        if note["pending_seq"] != confirm or note["pending_value"] != value:
            return find(out, n, _K_REFUSED, ZERO, scope, C_CONFIRM, confirm, seq, I(note["pending_seq"]))
        return find(out, n, _K_LIMIT, ZERO, scope, limit | (_SET << STEP_SHIFT), value, seq, revision + ONE)
    if value == before and note["pending_seq"] == ZERO:
        return find(out, n, _K_REFUSED, ZERO, scope, C_ALREADY, value, seq, limit)
    fallback = _fallback(state, place, limit)
    if looseness(limit, value, fallback) <= looseness(limit, before, fallback):
        return find(out, n, _K_LIMIT, ZERO, scope, limit | (_SET << STEP_SHIFT), value, seq, revision + ONE)
    return find(out, n, _K_LIMIT, ZERO, scope, limit | (_WAITS << STEP_SHIFT), value, seq, revision)


@kernel
def _market_of(state: State, kind: I, number: I) -> I:
    """The market that a scope is within; -1: it is not within one."""
    if kind == _VENUE:
        return number
    if kind == _INSTRUMENT:
        return I(state.instruments[number]["market"])
    if kind == _STRATEGY:
        number = I(state.strategies[number]["account"])
    if kind != _GLOBAL and ZERO < number < state.accounts.shape[0]:
        return I(state.accounts[number]["market"])
    return _EVERYWHERE


@cold
def unclean(state: State, kind: I, number: I) -> I:
    """What stands against resuming a scope: a frozen instrument (its number), an account without a clean statement (minus its number); 0:
    nothing. An account or a strategy is held up by the instruments of its market.
    """
    market = _market_of(state, kind, number)
    for instrument in range(ONE, I(state.terms.shape[0])):
        if kind == _INSTRUMENT and instrument != number:
            continue
        if state.terms[instrument]["frozen"] != ZERO and (
            market == _EVERYWHERE or state.instruments[instrument]["market"] == market
        ):
            return I(instrument)
    own = ZERO
    if kind == _ACCOUNT:
        own = number
    elif kind == _STRATEGY:
        own = I(state.strategies[number]["account"])
    for account in range(ONE, I(state.accounts.shape[0])):
        record = state.accounts[account]
        if own > ZERO and account != own:
            continue
        if (
            record["known"] != ZERO
            and record["clean"] == ZERO
            and (market == _EVERYWHERE or record["market"] == market)
        ):
            return -I(account)
    return ZERO


@kernel
def _close_by_hand(state: State, place: I, scope: I, seq: I, out: np.ndarray, n: I) -> I:
    """The breakers that a person's resume closes."""
    for breaker in range(BREAKER_KINDS):
        rule = state.breakers[place * _BREAKERS + breaker]
        if rule["state"] == _OPEN and follow_breaker(I(rule["state"]), E_RESUMED) == _CLOSED:
            n = find(
                out, n, _K_BREAKER, ZERO, scope, I(breaker) | (_CLOSED << PART_SHIFT), I(rule["observed"]), seq,
                I(rule["threshold"]),
            )  # fmt: skip
    return n


@kernel
def _cooling(state: State, place: I) -> I:
    """The open breaker of a scope that closes by itself, plus one; 0: there is none."""
    for breaker in range(BREAKER_KINDS):
        rule = state.breakers[place * _BREAKERS + breaker]
        if rule["state"] == _OPEN and rule["cooldown_ns"] > ZERO:
            return I(breaker) + ONE
    return ZERO


@cold
def _decide_stop(state: State, row: np.void, seq: I, out: np.ndarray, n: I) -> I:
    """control.stop: a level of one source."""
    scope, level, source = I(row["venue_seq"]), I(row["price"]), I(row["aux"])
    kind, number = scope & SCOPE_KIND_MASK, (scope >> SCOPE_NUMBER) & WORD_MASK
    place = find_scope(state, kind, number)
    if place < ZERO:
        return find(out, n, _K_REFUSED, ZERO, scope, C_NOT_KNOWN, level, seq, ZERO)
    if not (ZERO <= level < LEVELS and ZERO <= source < SOURCES):
        return find(out, n, _K_REFUSED, ZERO, scope, C_BOUNDS, level, seq, LEVELS - ONE)
    before, holds = level_of(state.scopes[place], source), I(state.scopes[place]["level"])
    if ask(before, level) != _STAY or (level == before and level != _RUN):
        return find(out, n, _K_STOPPED, ZERO, scope, level, source, seq, holds)
    by_hand = source == _BY_BREAKER and state.scopes[place]["breakers_open"] > ZERO
    if resume(before, level) == _STAY and not by_hand:
        return find(out, n, _K_REFUSED, ZERO, scope, C_ALREADY, level, seq, before)
    if row["qty"] != _PHRASE:
        return find(out, n, _K_REFUSED, ZERO, scope, C_PHRASE, level, seq, before)
    against = unclean(state, kind, number)
    if against != ZERO:
        return find(out, n, _K_REFUSED, ZERO, scope, C_NOT_CLEAN, against, seq, before)
    if source == _BY_BREAKER:
        cooling = _cooling(state, place)
        if cooling != ZERO:
            return find(out, n, _K_REFUSED, ZERO, scope, C_OPEN, cooling - ONE, seq, before)
        n = _close_by_hand(state, place, scope, seq, out, n)
    return find(out, n, _K_STOPPED, ZERO, scope, level, source, seq, holds)


@cold
def _decide_breaker(state: State, row: np.void, seq: I, out: np.ndarray, n: I) -> I:
    """control.breaker: the fold has done it, or says no here."""
    scope, word = I(row["venue_seq"]), I(row["price"])
    place = find_scope(state, scope & SCOPE_KIND_MASK, (scope >> SCOPE_NUMBER) & WORD_MASK)
    if place < ZERO:
        return find(out, n, _K_REFUSED, ZERO, scope, C_NOT_KNOWN, word, seq, ZERO)
    breaker, stop = word & BYTE_MASK, (word >> PART_SHIFT) & BYTE_MASK
    if not breaker_fits(breaker, stop, I(row["qty"]), I(row["ref"]), I(row["aux"])):
        return find(out, n, _K_REFUSED, ZERO, scope, C_BOUNDS, I(row["qty"]), seq, ZERO)
    rule = state.breakers[place * _BREAKERS + breaker]
    if rule["state"] == _OPEN:
        return find(out, n, _K_REFUSED, ZERO, scope, C_OPEN, breaker, seq, I(rule["threshold"]))
    return n


@cold
def _decide_strategy(state: State, row: np.void, seq: I, out: np.ndarray, n: I) -> I:
    """control.strategy: a strategy that is not known. What the table does not allow has changed nothing and needs no row."""
    number, event = I(row["venue_seq"]), I(row["price"])
    scope = _STRATEGY | ((number & WORD_MASK) << SCOPE_NUMBER)
    if not ZERO < number < state.strategies.shape[0] or state.strategies[number]["known"] == ZERO:
        return find(out, n, _K_REFUSED, ZERO, scope, C_NOT_KNOWN, event, seq, ZERO)
    if not ZERO <= event <= E_REPLACE:
        return find(out, n, _K_REFUSED, ZERO, scope, C_BOUNDS, event, seq, E_REPLACE)
    return n


@cold
def decide_command(state: State, row: np.void, seq: I, now: I, out: np.ndarray, n: I) -> I:
    """Findings of one control.limit, control.stop, control.breaker or control.strategy row; other kinds lead to none.

    Args:
        state: With the command folded, and the findings of the commands before it.
        row: RAW, the command.
        seq: Its sequence number.
        now: Engine time, ns.
        out: i8[places, FINDING_WORDS] with room for FINDINGS_ROOM more than `n`.
        n: Findings in `out` so far.

    Returns:
        How many there are now.
    """
    kind = row["head"] & KIND_MASK
    if kind == _K_C_LIMIT:
        return _decide_limit(state, row, seq, out, n)
    if kind == _K_C_STOP:
        return _decide_stop(state, row, seq, out, n)
    if kind == _K_C_BREAKER:
        return _decide_breaker(state, row, seq, out, n)
    if kind == _K_C_STRATEGY:
        return _decide_strategy(state, row, seq, out, n)
    return n

"""The simulated exchange: what a run, or a paper venue, holds of it.

    venue = new_venue(markets, rules)
    place = advance(venue, rows, place, until_ns, signal)     the venue's clock to `until_ns`, or to the first report that arrives before
    send(venue, request, sent_ns)                              a request leaves the desk
    n = take(venue, next_arrival_ns(venue), out)               what the desk hears at that instant

Of one instant, market rows act first, then requests that arrive. Rows are in the venue's order, and `ts_event` is the venue's time; 0 means
the time of the row before. All rows up to `until_ns` must have been handed over by the end of the call, so that no request acts too early.
"""

from typing import Final

import numpy as np

from veloz.backtest.bars import meet_bar
from veloz.backtest.holding import see_mark
from veloz.backtest.ladder import best_from, can_widen, clear_side, clear_to, keep_taken, put_level
from veloz.backtest.latency import delay_of
from veloz.backtest.machine import (
    APART,
    ARRIVED,
    BOOKED,
    DONE,
    ENTRY,
    FAR,
    NEVER,
    NO_KEY,
    NO_ROOM,
    NOBODY,
    OUTSIDE,
    RESPONSE,
    STOPPED,
    Venue,
)
from veloz.backtest.making import lengthen, new_venue, request_of, widen
from veloz.backtest.matching import meet_level, meet_print, move_queues
from veloz.backtest.penetration import prints_fill
from veloz.backtest.reporting import ROWS_A_FILL
from veloz.backtest.requests import market_of, serve, slices_of, turn_away
from veloz.backtest.resting import find_resting, side_of
from veloz.backtest.rules import Compat, Matching
from veloz.backtest.ticks import set_by_print
from veloz.backtest.triggers import BY_INDEX, BY_MARK, see_last, watch
from veloz.backtest.unasked import act
from veloz.backtest.wires import queue_behind, report_due, request_due, room_of
from veloz.contracts import layout
from veloz.contracts.ahead import AHEAD, prefetch
from veloz.contracts.kernel import cold, entry, kernel
from veloz.contracts.registry import MARK, VENUE_LEVEL, VENUE_TRADE
from veloz.reducers.bits import S_SELL
from veloz.reducers.words import (
    F_ASK,
    F_EMPTY,
    F_FIRST,
    F_ODD,
    F_SNAPSHOT,
    FLAGS_SHIFT,
    INSTRUMENT_SHIFT,
    K_AGGTRADE,
    K_BAR,
    K_BAR_VOLUME,
    K_LEVEL,
    K_TRADE,
    KIND_MASK,
    ONE,
    SAME_MASK,
    TWO,
    WORD_MASK,
    ZERO,
    I,
    U,
)  # fmt: skip

F_APPLIED, F_CLOSED = I(layout.APPLIED), I(layout.CLOSED)
_QUEUE, _TRADES, _BARS = I(Matching.QUEUE), I(Matching.TRADES), I(Matching.BARS)
K_VENUE_LEVEL, K_VENUE_TRADE = I(VENUE_LEVEL.number), I(VENUE_TRADE.number)
K_MARK: Final = I(MARK.number)
_BYTE: Final = I(255)
_APPLIED: Final = F_APPLIED << FLAGS_SHIFT
_PLAIN_FLAGS: Final = F_ASK | F_EMPTY | F_SNAPSHOT | F_APPLIED
_PLAIN_MASK: Final = SAME_MASK | (_PLAIN_FLAGS << FLAGS_SHIFT)  # of the head of a row with one level
_FILLS_ALL: Final = I(Compat.CROSS_FILLS_ALL)
__all__ = [
    "advance", "lengthen", "new_venue", "next_arrival_ns", "next_venue_ns", "request_of", "run", "send", "take", "widen",
]  # fmt: skip
QUIET, TOUCHED, FULL, BEYOND = I(0), I(1), I(2), I(3)  # what became of a row


@cold
def _begin_message(venue: Venue, market: I, flags: I, row: np.void, now: I) -> None:
    """Rows that may say something of a whole side: of a snapshot the first, and clears of recordings that are applied as they stand."""
    if flags & F_APPLIED == ZERO:
        if flags & F_SNAPSHOT != ZERO and flags & F_FIRST != ZERO:
            for ask in (ZERO, ONE):
                clear_side(venue, venue.sides[TWO * market + ask], now)
        return
    if flags & F_EMPTY == ZERO:
        return
    ask = flags & F_ASK
    side, price = venue.sides[TWO * market + ask], I(row["price"])
    if price < ZERO:
        clear_side(venue, side, now)
    else:
        key = (ONE - TWO * ask) * _tick_of(side, price)
        clear_to(venue, side, key, ask, I(venue.rules[0]["compat"]), now)


@kernel
def _tick_of(side: np.void, price: I) -> I:
    """The tick of a price, the nearest where it is none."""
    return price if side["tick"] == ONE else (price + side["half_tick"]) // side["tick"]


@kernel
def _lacks_room(venue: Venue, market: I) -> bool:
    """Whether what a row may cause could be too much for the wire to the desk."""
    rows = (venue.markets[market]["live"] + ONE) * ROWS_A_FILL
    return bool(room_of(venue.wires[RESPONSE], venue.reports) < rows)


@cold
def _outside(venue: Venue, market: I, side: np.void, key: I, qty: I) -> I:
    """A level beyond the ladder: deep ones are counted and not kept; one that is better than the ladder has keys needs the host."""
    if qty > ZERO and key > side["hi"] and can_widen(venue, side, key):
        return BEYOND
    venue.markets[market]["outside"] += ONE
    return QUIET


@cold
def _apply_near(venue: Venue, market: I, sign: I, key: I, qty: I, now: I) -> I:
    """A level at the price of an order of ours, or that reaches one, or of a side that we took from."""
    side, other = side_of(venue, market, sign), side_of(venue, market, -sign)
    if _lacks_room(venue, market):
        return FULL
    best = I(side["best"])
    before = put_level(venue.levels, side, other, key, qty)
    if side["takings"] > ZERO:
        keep_taken(venue, side, key, before, qty, now)
    if side["own_worst"] <= key <= side["own_best"]:
        move_queues(venue, market, sign, key, before, qty)
    if other["own_best"] < -key or qty <= ZERO:
        return QUIET
    if side["best"] <= best and venue.rules[0]["compat"] & _FILLS_ALL != ZERO:
        return QUIET
    meet_level(venue, market, -sign, -key, best, now)
    return TOUCHED


@kernel
def _apply_level(venue: Venue, market: I, flags: I, row: np.void, now: I) -> I:
    ask = flags & F_ASK
    if flags & (F_EMPTY | F_SNAPSHOT) != ZERO:
        _begin_message(venue, market, flags, row, now)
        if flags & F_EMPTY != ZERO:
            return QUIET
    sign = ONE - TWO * ask
    side, other = venue.sides[TWO * market + ask], venue.sides[TWO * market + ONE - ask]
    key, qty = sign * _tick_of(side, I(row["price"])), I(row["qty"])
    if key < side["lo"] or key > side["hi"]:
        return _outside(venue, market, side, key, qty)
    if side["own_worst"] <= key <= side["own_best"] or other["own_best"] >= -key or side["takings"] > ZERO:
        return _apply_near(venue, market, sign, key, qty, now)
    put_level(venue.levels, side, other, key, qty)
    return QUIET


@cold
def _print_near(venue: Venue, market: I, sign: I, key: I, qty: I, now: I) -> I:
    """A print that reaches an order of ours."""
    if _lacks_room(venue, market):
        return FULL
    meet_print(venue, market, sign, key, qty, now)
    return TOUCHED


@cold
def _other_print(venue: Venue, market: I, sign: I, key: I, flags: I, qty: I, now: I) -> I:
    """A print, in models other than the queue; `sign`: of the side that it may fill."""
    model = venue.rules[0]["matching"]
    if model == _BARS or not prints_fill(venue) or flags & F_ODD != ZERO:
        return QUIET
    if model == _TRADES and can_widen(venue, side_of(venue, market, sign), key):
        return BEYOND
    became = _print_near(venue, market, sign, key, qty, now)
    if became == TOUCHED and model == _TRADES:
        set_by_print(venue, market, sign, key, qty)
    return became


@cold
def _apply_bar(venue: Venue, market: I, kind: I, flags: I, row: np.void, now: I) -> I:
    """One of the two rows of a closed bar."""
    bar, side = venue.markets[market], venue.sides[TWO * market]
    if kind == K_BAR:
        bar["opened_ns"] = row["venue_seq"] if flags & F_CLOSED != ZERO else NEVER
        bar["open"] = _tick_of(side, I(row["price"]))
        bar["high"] = _tick_of(side, I(row["qty"]))
        bar["low"] = _tick_of(side, I(row["ref"]))
        bar["close"] = row["aux"]
        return QUIET
    if bar["opened_ns"] == NEVER:
        return QUIET
    if room_of(venue.wires[RESPONSE], venue.reports) < (bar["live"] + TWO * bar["waiting"] + ONE) * ROWS_A_FILL:
        return FULL
    bar["volume"] = row["price"]
    meet_bar(venue, market, now)
    bar["last"] = bar["close"]
    return TOUCHED


@kernel
def _apply_trade(venue: Venue, market: I, flags: I, row: np.void, now: I) -> I:
    """A print: it meets our orders of the side that the taker was not on."""
    taker_sold = flags & F_ASK
    side = venue.sides[TWO * market + ONE - taker_sold]
    sign = TWO * taker_sold - ONE
    key = sign * _tick_of(side, I(row["price"]))
    if venue.rules[0]["matching"] != _QUEUE:
        return _other_print(venue, market, sign, key, flags, I(row["qty"]), now)
    if side["own_best"] < key or flags & F_ODD != ZERO:
        return QUIET
    return _print_near(venue, market, sign, key, I(row["qty"]), now)


@kernel
def _see_last(venue: Venue, market: I, became: I, flags: I, price: I, now: I) -> I:
    """A print was applied, or there was no room: the stops that it sets off."""
    if became <= TOUCHED and flags & F_ODD == ZERO and see_last(venue, market, price, now):
        return TOUCHED
    return became


@cold
def _apply_mark(venue: Venue, market: I, row: np.void, now: I) -> I:
    """Mark, index and funding."""
    clock = venue.clock[0]
    own_ns = I(clock["own_ns"])
    see_mark(venue, market, row, now)
    if venue.markets[market]["waiting"] > ZERO:
        for by in (BY_MARK, BY_INDEX):
            watch(venue, market, by, now)
    return TOUCHED if clock["own_ns"] != own_ns or clock["stirred"] != ZERO else QUIET


@kernel
def market_at(venue: Venue, head: I) -> I:
    """The market that a row's head is about; -1: none, or the row says nothing of levels and prints. Aggregated trades are prints until
    the market has had one that is not.
    """
    instrument = (head >> INSTRUMENT_SHIFT) & WORD_MASK
    kind = head & KIND_MASK
    model = venue.rules[0]["matching"]
    if model == _BARS:
        known = kind in (K_BAR, K_BAR_VOLUME)
    else:
        known = kind in (K_TRADE, K_VENUE_TRADE, K_AGGTRADE) or (model != _TRADES and kind in (K_LEVEL, K_VENUE_LEVEL))
    known = known or kind == K_MARK
    market = I(venue.places[instrument]) if known and instrument < venue.places.shape[0] else -ONE
    if market >= ZERO and kind in (K_TRADE, K_VENUE_TRADE):
        venue.markets[market]["printed"] = ONE
    if market >= ZERO and kind == K_AGGTRADE and venue.markets[market]["printed"] != ZERO:
        return -ONE
    return market


@kernel
def apply_row(venue: Venue, row: np.void, head: I, market: I, now: I) -> I:
    """One market row: keep the book, and look at our orders only where the row reaches them."""
    kind, flags = head & KIND_MASK, (head >> FLAGS_SHIFT) & _BYTE
    if kind in (K_TRADE, K_VENUE_TRADE, K_AGGTRADE):
        if kind == K_TRADE and row["aux"] == ONE:
            return QUIET
        became = _apply_trade(venue, market, flags, row, now)
        return _see_last(venue, market, became, flags, I(row["price"]), now)
    if kind == K_MARK:
        return _apply_mark(venue, market, row, now)
    if kind in (K_BAR, K_BAR_VOLUME):
        return _apply_bar(venue, market, kind, flags, row, now)
    if flags & F_APPLIED != ZERO and row["aux"] == ONE and kind == K_LEVEL:
        return QUIET
    return _apply_level(venue, market, flags, row, now)


@kernel
def is_stirred(venue: Venue) -> bool:
    """Whether the books of our account must be kept before anything else happens."""
    return bool(venue.clock[0]["stirred"] != ZERO and venue.rules[0]["margin"] != ZERO)


@cold
def _serve_due(venue: Venue, limit: I) -> I:
    """Serve all requests that arrive by `limit`, as long as nothing of it reaches the desk before. Why it stopped."""
    wire = venue.wires[ENTRY]
    while request_due(venue) <= min(limit, report_due(venue)) and request_due(venue) < venue.clock[0]["own_ns"]:
        asked = venue.requests[wire["head"] & (venue.requests.shape[0] - ONE)]
        market = market_of(venue, I(asked["instrument"]))
        sell = (asked["spec"] >> S_SELL) & ONE
        if asked["price"] > ZERO and venue.rules[0]["matching"] != _BARS:
            side = side_of(venue, market, ONE - TWO * sell)
            if can_widen(venue, side, (ONE - TWO * sell) * (asked["price"] // side["tick"])):
                return APART
        opposite = side_of(venue, market, TWO * sell - ONE)
        slices = slices_of(venue, opposite, I(asked["qty"])) if asked["action"] != ONE else ZERO
        slices += venue.markets[market]["live"]
        if room_of(venue.wires[RESPONSE], venue.reports) < (slices + TWO) * ROWS_A_FILL:
            return NO_ROOM
        now = I(asked["due_ns"])
        wire["head"] += ONE
        venue.clock[0]["now_ns"] = now
        serve(venue, asked, now)
        if is_stirred(venue):
            return BOOKED
    return DONE


@kernel
def _reason(became: I) -> I:
    return NO_ROOM if became == FULL else OUTSIDE


@kernel
def _pass_plain(venue: Venue, rows: np.ndarray, at: I, limit: I, seen: I, known: I, market: I) -> tuple[I, I]:
    """The rows from `at` on that are nothing but a level far from our orders; the first that is more, and the venue time before it.

    This is where a venue spends its time: the side of a message that is in hand is kept in registers. Whatever is rare is left to
    `apply_row`, which does the same.

    Args:
        venue: The exchange.
        rows, at, limit, seen: As of `run`.
        known: Head of a row with levels, but its flags; only rows like it are taken.
        market: Which market they are of.
    """
    size, begun = rows.shape[0], I(-1)
    while begun != at and at < size:
        begun = at
        head = I(rows[at]["head"])
        ask = (head >> FLAGS_SHIFT) & F_ASK
        side, other = venue.sides[TWO * market + ask], venue.sides[TWO * market + ONE - ask]
        base, lo, best, worst = I(side["base"]), I(side["lo"]), I(side["best"]), I(side["worst"])
        own_worst, own_best = I(side["own_worst"]), I(side["own_best"])
        tick, half = I(side["tick"]), I(side["half_tick"])
        crossed = -max(I(other["own_best"]), I(other["best"]))  # from here on a level reaches somebody
        hi = min(I(side["hi"]), crossed - ONE)
        alike, took = known | (ask << FLAGS_SHIFT) | (head & _APPLIED), side["takings"] > ZERO
        hides = alike & _APPLIED != ZERO and known & KIND_MASK == K_LEVEL  # rows for the desk alone
        seen_all = ZERO if hides else ONE
        deep = max(worst, lo)
        shallow = deep if took else min(best, own_worst)  # from `deep` up to there nothing but a quantity changes
        while at < size:
            prefetch(rows, at + AHEAD)
            row = rows[U(at)]
            head, stamp, price, qty = I(row["head"]), I(row["ts_event"]), I(row["price"]), I(row["qty"])
            now = stamp if stamp > ZERO else seen
            if head & _PLAIN_MASK != alike or now > limit:
                break
            key = price if tick == ONE else (price + half) // tick
            key = (key ^ -ask) + ask
            if (I(row["aux"]) ^ ONE) | seen_all != ZERO:
                if key >= shallow or key < deep:
                    if (
                        key > hi
                        or key < lo
                        or own_worst <= key <= own_best
                        or (took and venue.taken[base + key] != ZERO)
                    ):
                        break
                    if key >= best:
                        if qty > ZERO:
                            best = key
                            side["top"] = max(I(side["top"]), key)
                        elif key == best:
                            best = best_from(venue.levels, base, key - ONE, max(worst, lo))
                            worst = FAR if best == NO_KEY else worst
                    if key < worst and qty > ZERO:
                        worst = key
                        side["bottom"] = min(I(side["bottom"]), key)
                    deep = max(worst, lo)
                    shallow = deep if took else min(best, own_worst)
                venue.levels[U(base + key)] = qty
            seen = now
            at += ONE
        side["best"] = best
        side["worst"] = worst
    return at, seen


@cold
def _marks_go_on(rows: np.ndarray, at: I, now: I, head: I) -> bool:
    """Whether a mark price was applied and more of the same instant follow: an account is worth something when all of them are known."""
    if head & KIND_MASK != K_MARK or at == rows.shape[0]:
        return False
    return bool(rows[at]["head"] & KIND_MASK == K_MARK and rows[at]["ts_event"] in (now, ZERO))


@cold
def run(venue: Venue, rows: np.ndarray, begin: I, until_ns: I, signal: np.ndarray) -> I:
    """What `advance` does, for kernels that hold the bundle."""
    clock, at, size = venue.clock[0], begin, rows.shape[0]
    signal[0] = DONE
    levels, levels_of = I(-1), ZERO  # head of rows with levels, and their market
    while True:
        limit = min(min(until_ns, I(clock["own_ns"])), min(request_due(venue), report_due(venue)))
        became, seen = QUIET, I(clock["row_ns"])
        known, market = I(-1), I(-1)
        while at < size:
            if levels >= ZERO:
                at, seen = _pass_plain(venue, rows, at, limit, seen, levels, levels_of)
                if at == size:
                    break
            row = rows[at]
            stamp = I(row["ts_event"])
            now = stamp if stamp > ZERO else seen
            if now > limit:
                break
            head = I(row["head"])
            if head & SAME_MASK != known:
                known = head & SAME_MASK
                market = market_at(venue, head)
                if market >= ZERO and (head & KIND_MASK == K_LEVEL or head & KIND_MASK == K_VENUE_LEVEL):
                    levels, levels_of = known, market
            clock["late_ns"] = row["ts_recv"] + clock["shift_ns"] - now
            if market >= ZERO:
                became = max(became, apply_row(venue, row, head, market, now))
            if became > TOUCHED:
                break
            seen = now
            at += ONE
            if became == TOUCHED and not _marks_go_on(rows, at, seen, head):
                break
        clock["row_ns"] = seen
        if at > begin:
            clock["late_ns"] = rows[at - ONE]["ts_recv"] + clock["shift_ns"] - seen
        if became > TOUCHED:
            signal[0] = _reason(became)
            return at
        if clock["abort"] != ZERO:
            signal[0] = STOPPED
            return at
        if is_stirred(venue):
            clock["now_ns"] = max(I(clock["now_ns"]), seen)
            signal[0] = BOOKED
            return at
        if became == TOUCHED:
            continue
        clock["now_ns"] = max(I(clock["now_ns"]), limit)
        if clock["own_ns"] <= limit:
            stopped = act(venue, I(clock["own_ns"]))
            if stopped == DONE and is_stirred(venue):
                stopped = BOOKED
            if stopped != DONE:
                signal[0] = stopped
                return at
        elif request_due(venue) <= limit:
            stopped = _serve_due(venue, limit)
            if stopped != DONE:
                signal[0] = stopped
                return at
        else:
            signal[0] = ARRIVED if report_due(venue) <= limit else DONE
            return at


@entry
def advance(venue: Venue, rows: np.ndarray, begin: I, until_ns: I, signal: np.ndarray) -> I:
    """Let the venue's clock go to `until_ns`, but not past the first report that reaches the desk.

    Args:
        venue: The exchange.
        rows: RAW[n] in the venue's order, with all there are up to `until_ns` that were not applied yet.
        begin: The first row that was not applied yet.
        until_ns: The venue's time to reach, rows and requests of that instant included.
        signal: i8[1], filled with why it stopped: DONE, ARRIVED, NO_ROOM, OUTSIDE, STOPPED, BOOKED, APART.

    Returns:
        The first row that was not applied.
    """
    return run(venue, rows, begin, until_ns, signal)


@kernel
def put_request(venue: Venue, request: np.void, sent_ns: I) -> I:
    """What `send` does, for kernels that hold the bundle."""
    wire = venue.wires[ENTRY]
    if room_of(wire, venue.requests) < ONE or room_of(venue.wires[RESPONSE], venue.reports) < ONE:
        return NO_ROOM
    wired = venue.requests[wire["tail"] & (venue.requests.shape[0] - ONE)]
    wired["key"] = request["key"]
    wired["instrument"] = request["instrument"]
    wired["account"] = request["account"]
    wired["action"] = request["action"]
    wired["price"] = request["price"]
    wired["qty"] = request["qty"]
    wired["spec"] = request["spec"]
    wired["trigger"] = request["trigger"]
    wired["activation"] = request["activation"]
    wired["callback_ppm"] = request["callback_ppm"]
    wired["expire_ns"] = request["expire_ns"]
    wired["seq"] = request["seq"]
    at = find_resting(venue, market_of(venue, I(request["instrument"])), I(request["key"]))
    if at != NOBODY:
        wired["heard"] = venue.resting[at]["heard"]
        wired["heard_size"] = venue.resting[at]["heard_size"]
    delay = delay_of(venue, ENTRY, sent_ns)
    if delay < ZERO:
        turn_away(venue, wired, sent_ns - delay, sent_ns)
        return DONE
    wired["sent_ns"] = sent_ns
    wired["due_ns"] = queue_behind(venue, ENTRY, sent_ns + delay)
    wire["tail"] += ONE
    return DONE


@entry
def send(venue: Venue, request: np.ndarray, sent_ns: I) -> I:
    """A request leaves the desk.

    Args:
        venue: The exchange.
        request: REQUEST[1], of an instrument that is traded here: `request_of`.
        sent_ns: The desk's time, which is not before that of the request sent last.

    Returns:
        DONE; or NO_ROOM: the wire is full and nothing was sent (`lengthen`).
    """
    assert market_of(venue, I(request[0]["instrument"])) >= ZERO
    return put_request(venue, request[0], sent_ns)


@kernel
def hear(venue: Venue, told: np.void) -> None:
    """The desk learns what is open of an order."""
    at = I(told["resting"])
    if at != NOBODY and venue.resting[at]["serial"] == told["serial"]:
        venue.resting[at]["heard"] = told["heard"]
        venue.resting[at]["heard_size"] = told["heard_size"]


@kernel
def take_reports(venue: Venue, at_ns: I, out: np.ndarray) -> I:
    """What `take` does, for kernels that hold the bundle."""
    wire, taken = venue.wires[RESPONSE], ZERO
    while taken < out.shape[0] and report_due(venue) == at_ns:
        place = wire["head"] & (venue.reports.shape[0] - ONE)
        row, copy = venue.reports[place], out[taken]
        copy["head"] = row["head"]
        copy["ts_recv"] = row["ts_recv"]
        copy["ts_event"] = row["ts_event"]
        copy["venue_seq"] = row["venue_seq"]
        copy["price"] = row["price"]
        copy["qty"] = row["qty"]
        copy["ref"] = row["ref"]
        copy["aux"] = row["aux"]
        hear(venue, venue.told[place])
        wire["head"] += ONE
        taken += ONE
    return taken


@entry
def take(venue: Venue, at_ns: I, out: np.ndarray) -> I:
    """The rows that reach the desk at `at_ns`, ready to be journaled but for the end of their step.

    Args:
        venue: The exchange.
        at_ns: What `next_arrival_ns` gave.
        out: RAW[n], filled from its start.

    Returns:
        So many rows. Where that is all of `out`, ask again.
    """
    return take_reports(venue, at_ns, out)


@entry
def next_arrival_ns(venue: Venue) -> I:
    """When the next report reaches the desk; `machine.NEVER`: none is under way."""
    return report_due(venue)


@entry
def next_venue_ns(venue: Venue) -> I:
    """When the exchange next does something by itself, apart from market rows; `machine.NEVER`: nothing is under way."""
    return min(request_due(venue), I(venue.clock[0]["own_ns"]))

"""Other scales under open orders and positions: the same money to the last byte, or nothing changed and the instrument suspended."""

from collections.abc import Sequence
from functools import cache
from random import Random

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.engine.chance import Chance
from tests.engine.sessions import (
    BEGIN,
    BTC,
    FUTURES_ACCOUNT,
    LINEAR,
    SECOND,
    SPOT,
    USDT,
    begun,
    differing,
    kinds,
    mark,
    order,
    report,
    row,
    step_of,
)  # fmt: skip
from tests.reducers.desks import BUST, FILL, Listing, make_state, run
from veloz.contracts import codes, terms
from veloz.contracts import registry as r
from veloz.contracts.layout import ROW
from veloz.engine.step import Engine
from veloz.reducers.desk import ASSETS_MAX, LIMITS
from veloz.reducers.fold import fold
from veloz.reducers.rescale_desk import Change, rescale_desk
from veloz.reducers.state import State, new_state, state_hash
from veloz.reducers.sums import whole
from veloz.reducers.wide import split

PRICE, QTY = 2, 3  # decimals of both instruments of `sessions.opening`
WORDS = ROW.names[6:]
OWN_LIMITS = (codes.Limit.ORDER_QTY, codes.Limit.POSITION_QTY)


def changed(instrument: int, finer: tuple[int, int] = (0, 0), multiplier: int = 10**8, ts: int = BEGIN) -> np.ndarray:
    """instrument.changed: so many decimals more than at the opening."""
    scales = PRICE + finer[0] | QTY + finer[1] << 8 | instrument << 16
    tick, lot = (10 ** max(each, 0) for each in finer)
    return row(r.CHANGED, scales, tick, lot, multiplier, 2, instrument=instrument, ts=ts)


def finer_rows(rows: np.ndarray, finer: dict[int, tuple[int, int]]) -> np.ndarray:
    """The same rows as they would be written at finer scales."""
    made = rows.copy()
    for each in made:
        kind = r.BY_NUMBER[int(each["kind"])]
        price, qty = finer.get(int(each["instrument"]), (0, 0))
        factors = {"price": 10**price, "qty": 10**qty}
        if kind in (r.LISTED, r.CHANGED):
            each["venue_seq"] += price | qty << 8
            each["price"] *= 10**price
            each["qty"] *= 10**qty
        elif kind == r.LIMIT:
            scope = terms.unpack(terms.SCOPE, int(each["venue_seq"]))
            own = scope["kind"] == terms.ScopeKind.INSTRUMENT and int(each["price"]) & 0xFFFF in OWN_LIMITS
            if own and each["qty"] > 0:
                each["qty"] *= 10 ** finer[scope["number"]][1]
        else:
            for name, unit in zip(WORDS, kind.units, strict=False):
                each[name] *= factors.get(unit, 1)
    return made


@cache
def session(seed: int) -> tuple[np.ndarray, int]:
    """All rows of a random session, decisions too, in the middle of which both instruments are stated anew; and at which row."""
    chance = Chance(seed)
    parts = [step.rows for step in chance.steps(35)]
    cut = sum(map(len, parts))
    parts.append(chance.engine.take(step_of(changed(SPOT, ts=chance.now), changed(LINEAR, ts=chance.now))).rows)
    parts += [chance.engine.take(chance.inputs()).rows for _ in range(20)]
    return np.concatenate(parts), cut


def of_lots(rows: np.ndarray, lots: int) -> np.ndarray:
    """The same rows where accounts count lots, or average cost."""
    made = rows.copy()
    made["ref"] = np.where(rows["kind"] == r.OPENED.number, lots, rows["ref"])
    return made


def both_ways(seed: int, finer: dict[int, tuple[int, int]], lots: int) -> tuple[State, State]:
    """The session whose scales become finer, and the one that had them from the start."""
    rows, cut = session(seed)
    rows = of_lots(rows, lots)
    wanted = finer_rows(rows, finer)
    became = np.concatenate([rows[:cut], wanted[cut:]])
    return fold(new_state(), became, 1), fold(new_state(), wanted, 1)


UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)  # an example is a whole session
seeds = st.sampled_from(
    [9, 11, 34, 39]
)  # with realized pnl, partly filled orders and amendments under way at the change
places = st.tuples(st.integers(0, 3), st.integers(0, 3))


@settings(max_examples=14, deadline=None, phases=UNSHRUNK)
@given(seeds, places, places)
def test_finer_scales_give_what_they_would_have_given_from_the_start(
    seed: int, spot: tuple[int, int], linear: tuple[int, int]
) -> None:
    became, always = both_ways(seed, {SPOT: spot, LINEAR: linear}, lots=1)
    assert differing(became, always) == []


def positions_of(state: State) -> list[np.void]:
    return list(state.positions[: int(state.desk[0]["positions_used"])])


@settings(max_examples=8, deadline=None, phases=UNSHRUNK)
@given(seeds, places)
def test_average_cost_keeps_what_was_rounded_before(seed: int, linear: tuple[int, int]) -> None:
    """At average cost a partial close rounds in the quanta of its day; what was paid and received is exact all the same."""
    became, always = both_ways(seed, {SPOT: (0, 0), LINEAR: linear}, lots=0)
    assert became.orders.tobytes() == always.orders.tobytes()
    assert became.limits.tobytes() == always.limits.tobytes()
    for one, other in zip(positions_of(became), positions_of(always), strict=True):
        assert (one["qty"], one["fees"]) == (other["qty"], other["fees"])
        cost, real = (whole(one[f"{name}_hi"], one[f"{name}_lo"]) for name in ("cost", "real"))
        cost_always, real_always = (whole(other[f"{name}_hi"], other[f"{name}_lo"]) for name in ("cost", "real"))
        assert real - cost == real_always - cost_always
        assert abs(real - real_always) < 10 ** sum(linear) * (int(one["trades"]) + 1)


@settings(max_examples=6, deadline=None, phases=UNSHRUNK)
@given(seeds, places, st.lists(st.integers(1, 10**6), max_size=4))
def test_cuts_of_the_rows_do_not_matter(seed: int, linear: tuple[int, int], cuts: list[int]) -> None:
    rows, cut = session(seed)
    rows = of_lots(rows, seed % 2)
    rows = np.concatenate([rows[:cut], finer_rows(rows[cut:], {SPOT: (1, 0), LINEAR: linear})])
    whole_state = fold(new_state(), rows, 1)
    for places_of in ([cut, cut + 1, cut + 2], sorted({each % len(rows) for each in cuts})):
        state, at = new_state(), 0
        for end in [*places_of, len(rows)]:
            state, at = fold(state, rows[at:end], at + 1), end
        assert state_hash(state) == state_hash(whole_state)


# What follows is one session by hand: a position of 5 at 99.00, and an order for 7 at 98.00 that rests.


def desk_with_a_position() -> Engine:
    engine = begun()
    for number, (price, qty) in enumerate(((9_900, 5), (9_800, 7)), 1):
        key = terms.order_key(engine.take(order(price, qty, ts=BEGIN + number)).first_seq)
        engine.take(report(r.ACCEPTED, key, 70 + number, 0, number, ts=BEGIN + number))
        if number == 1:
            filled = report(r.FILLED, key, price, qty, 501, ts=BEGIN + 9)
            engine.take(step_of(filled, report(r.ACCEPTED, key, 71, qty, 9, ts=BEGIN + 9)))
    return engine


def set_limit(scope: int, limit: codes.Limit, value: int) -> np.ndarray:
    return row(r.LIMIT, scope, int(limit), value, 1, 1)


def remembered(engine: Engine) -> dict[str, bytes]:
    """What trading keeps in quanta or money; where a mark came from is not among it."""
    positions = engine.state.positions.copy()
    positions["mark_source"] = 0
    state = engine.state._replace(positions=positions)
    tables = ("orders", "positions", "lots", "balances", "limits", "accounts", "scopes")
    known = {name: state.instruments[LINEAR][name].tobytes() for name in ("price_scale", "qty_scale", "multiplier_e8")}
    return {name: getattr(state, name).tobytes() for name in tables} | known


def assert_suspended(engine: Engine, step_kinds: Sequence[str]) -> None:
    assert engine.state.instruments[LINEAR]["definition"] < 0
    assert engine.state.terms[LINEAR]["frozen"] == codes.Refusal.ARITHMETIC
    assert "risk.frozen" in step_kinds


def test_what_rests_and_what_is_held_become_finer() -> None:
    engine = desk_with_a_position()
    hold = int(engine.state.orders[1]["hold"])
    engine.take(changed(LINEAR, (1, 2)))
    own, resting = positions_of(engine.state)[0], engine.state.orders[1]
    assert (own["qty"], whole(own["cost_hi"], own["cost_lo"])) == (500, 99_000 * 500 * 10**10)
    assert (resting["price"], resting["qty"], resting["hold"]) == (98_000, 700, hold)
    assert engine.state.terms[LINEAR]["frozen"] == 0


def test_coarser_scales_are_taken_where_everything_divides() -> None:
    engine = desk_with_a_position()
    before = remembered(engine)
    engine.take(changed(LINEAR, (1, 2)))
    engine.take(changed(LINEAR, (0, 0)))
    assert engine.state.terms[LINEAR]["frozen"] == 0
    assert remembered(engine) == before
    engine.take(changed(LINEAR, (-2, 0)))
    assert engine.state.orders[1]["price"] == 98
    step = engine.take(changed(LINEAR, (-2, -1)))
    assert_suspended(engine, kinds(step))
    assert engine.state.orders[1]["qty"] == 7


@pytest.mark.parametrize("change", [((16, 0), 10**8), ((0, -1), 10**8), ((0, 0), 10**7)])
def test_what_cannot_be_told_exactly_changes_nothing(change: tuple[tuple[int, int], int]) -> None:
    engine = desk_with_a_position()
    engine.take(row(r.TIMER, 1, 0, 0, 0, 0, ts=BEGIN + SECOND))
    before = remembered(engine)
    step = engine.take(changed(LINEAR, *change, ts=BEGIN + SECOND))
    assert_suspended(engine, kinds(step))
    assert remembered(engine) == before


def test_a_suspended_instrument_hears_nothing_in_its_quanta_and_still_cancels() -> None:
    engine = desk_with_a_position()
    key = int(engine.state.orders[1]["key"])
    engine.take(changed(LINEAR, multiplier=10**7))
    unread = int(engine.state.clock[0]["rows_unlisted"])
    engine.take(step_of(mark(LINEAR, 5_000), report(r.FILLED, key, 98, 7, 502, ts=BEGIN + 20)))
    assert engine.state.clock[0]["rows_unlisted"] == unread + 2
    assert positions_of(engine.state)[0]["qty"] == 5
    assert engine.state.terms[LINEAR]["mark"] == 10_000 * 10**6
    refused = engine.take(order(9_900, 1, ts=BEGIN + 21))
    assert "risk.approved" not in kinds(refused)
    canceled = engine.take(order(0, 0, key=key, action=terms.Action.CANCEL, ts=BEGIN + 22))
    assert "order.cancel_requested" in kinds(canceled)
    assert engine.state.orders[1]["cancel_seq"] > 0


def test_terms_that_can_be_taken_end_the_suspension_and_not_the_freeze() -> None:
    engine = desk_with_a_position()
    slot = int(engine.state.instruments[LINEAR]["slot"])
    engine.take(changed(LINEAR, multiplier=10**7))
    engine.take(changed(LINEAR, (1, 0)))
    known = engine.state.instruments[LINEAR]
    assert (known["definition"], known["slot"], known["price_scale"]) == (2, slot, PRICE + 1)
    assert engine.state.orders[1]["price"] == 98_000
    assert engine.state.terms[LINEAR]["frozen"] == codes.Refusal.ARITHMETIC
    engine.take(row(r.COMMAND_SETTLE, 0, codes.SettleAction.ADOPT, FUTURES_ACCOUNT, 7, instrument=LINEAR))
    assert engine.state.terms[LINEAR]["frozen"] == 0


def test_another_tick_or_lot_changes_nothing_that_is_kept() -> None:
    engine = desk_with_a_position()
    before = remembered(engine)
    engine.take(row(r.CHANGED, PRICE | QTY << 8 | 2 << 16, 10, 4, 10**8, 2, instrument=LINEAR))
    assert remembered(engine) == before
    assert engine.state.instruments[LINEAR]["tick"] == 10
    assert engine.state.terms[LINEAR]["frozen"] == 0


def test_limits_of_the_instrument_follow_and_shared_ones_only_become_tighter() -> None:
    own, shared = terms.scope(terms.ScopeKind.INSTRUMENT, LINEAR), terms.scope(terms.ScopeKind.STRATEGY, 1)
    engine = begun(strategies=1)
    state = engine.state = fold(
        engine.state,
        step_of(
            set_limit(own, codes.Limit.POSITION_QTY, 40),
            set_limit(own, codes.Limit.OPEN_ORDERS, 9),
            row(r.LIMIT, own, int(codes.Limit.ORDER_QTY) | 1 << 16, 30, 1, 1),
            set_limit(shared, codes.Limit.POSITION_QTY, 20),
            changed(LINEAR, (0, 1)),
        ),
        int(engine.state.clock[0]["seq"]) + 1,
    )
    at, theirs = (int(place) * LIMITS for place in (state.terms[LINEAR]["scope_ix"], state.strategies[1]["scope_ix"]))
    assert state.limits[at + codes.Limit.POSITION_QTY] == 400
    assert state.limits[at + codes.Limit.OPEN_ORDERS] == 9
    assert state.limits[at + codes.Limit.ORDER_QTY] == -1
    assert state.limit_notes[at + codes.Limit.ORDER_QTY]["pending_value"] == 300
    assert state.limits[theirs + codes.Limit.POSITION_QTY] == 20
    state = fold(state, changed(LINEAR), int(state.clock[0]["seq"]) + 1)
    assert state.instruments[LINEAR]["definition"] < 0, "a shared limit would allow ten times as much"
    state = fold(state, set_limit(own, codes.Limit.POSITION_QTY, 7), int(state.clock[0]["seq"]) + 1)
    assert state.limits[at + codes.Limit.POSITION_QTY] == 400, "in which quanta it is nobody can say"


def test_a_limit_set_before_the_listing_is_what_was_set() -> None:
    scope = terms.scope(terms.ScopeKind.INSTRUMENT, 3)
    rows = step_of(
        set_limit(scope, codes.Limit.POSITION_QTY, 40),
        row(r.LISTED, PRICE | QTY << 8 | 2 << 16, 1, 1, 10**8, 1, instrument=3),
    )
    state = fold(begun().state, rows, 100)
    assert state.instruments[3]["definition"] == 1
    assert state.limits[int(state.terms[3]["scope_ix"]) * LIMITS + codes.Limit.POSITION_QTY] == 40


# Positions alone, of every product: what is done before and after, with the change between.


def fills(chance: Random, many: int) -> list[list[int]]:
    actions: list[list[int]] = []
    for _ in range(many):
        price, qty = chance.randint(90, 110), chance.randint(1, 30)
        actions.append([FILL, 1, 1, chance.randint(0, 1), 0, chance.choice([-1, 1]), price, qty])
        if chance.random() < 0.2:
            actions.append([BUST, *actions[-1][1:]])
    return actions


@settings(max_examples=60, deadline=None, phases=UNSHRUNK)
@given(st.randoms(use_true_random=False), st.sampled_from(["spot", "linear", "inverse"]), places)
def test_lots_of_every_product_become_finer(chance: Random, product: str, finer: tuple[int, int]) -> None:
    price, qty = finer
    listing = Listing(product, BTC, USDT, {"spot": 0, "linear": USDT, "inverse": BTC}[product], 1, 0, 10**8)
    first, then = fills(chance, 6), fills(chance, 4)

    def grow(acts: list[list[int]]) -> list[list[int]]:
        return [[*act[:6], act[6] * 10**price, act[7] * 10**qty] for act in acts]

    became = make_state([listing], (8, 8), [(False, True)])
    run(became, first)
    assert rescale_desk(became, 1, Change(price, qty, 10**8))
    became.instruments[1]["price_scale"], became.instruments[1]["qty_scale"] = 1 + price, qty
    run(became, grow(then))
    always = make_state([listing._replace(price_scale=1 + price, qty_scale=qty)], (8, 8), [(False, True)])
    run(always, grow(first))
    run(always, grow(then))
    for state in (became, always):
        state.lots["seq"] = 0
        state.desk[0]["dirty"] = 0
        state.positions["opened_ns"] = state.positions["closed_ns"] = 0
    assert differing(became, always) == []
    assert became.balances[ASSETS_MAX + BTC]["total"] == always.balances[ASSETS_MAX + BTC]["total"]


@pytest.mark.parametrize(
    ("real", "multiplier", "taken"),
    [(1_000, 10**7, 10_000), (1_000, 10**9, 100), (-1_005, 10**9, None), (7, 0, None), (0, 0, 0)],
)
def test_a_closed_position_keeps_its_money_at_another_multiplier(real: int, multiplier: int, taken: int | None) -> None:
    state = make_state([Listing("linear", BTC, USDT, USDT, 2, 3)], (8, 8), [(False, False)])
    run(state, [[FILL, 1, 1, 0, 0, -1, 100, 1], [FILL, 1, 1, 1, 0, -1, 100, 1]])
    state.positions[0]["real_hi"], state.positions[0]["real_lo"] = split(real)
    assert rescale_desk(state, 1, Change(0, 0, multiplier)) == (taken is not None)
    assert whole(state.positions[0]["real_hi"], state.positions[0]["real_lo"]) == (real if taken is None else taken)


def test_realized_coin_of_an_inverse_instrument_stays_at_any_multiplier_once_closed() -> None:
    state = make_state([Listing("inverse", BTC, USDT, BTC, 1, 0, 10**10)], (8, 8), [(False, False)])
    run(state, [[FILL, 1, 1, 0, 0, -1, 100, 9], [FILL, 1, 1, 1, 0, -1, 300, 4]])
    assert not rescale_desk(state, 1, Change(0, 0, 10**9))
    run(state, [[FILL, 1, 1, 1, 0, -1, 300, 5]])
    real = whole(state.positions[0]["real_hi"], state.positions[0]["real_lo"])
    assert rescale_desk(state, 1, Change(2, 1, 10**9))
    assert whole(state.positions[0]["real_hi"], state.positions[0]["real_lo"]) == real > 0

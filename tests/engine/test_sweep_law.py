"""Under a FLATTEN that stands, with a venue that fills what it is asked in the end, every position ends at nothing or dust.

The venue keeps orders of its own. At first it does what venues do: late words, part fills, rejections, silence, cancels that come too late;
then it answers everything. No fill of the engine's orders carries a position through zero, ever.
"""

from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.chance import Chance
from tests.engine.sessions import LINEAR, SECOND, SPOT, SPOT_ACCOUNT, meta, row, step_of, trade
from veloz.contracts import registry as r
from veloz.contracts import terms
from veloz.contracts.codes import StopLevel
from veloz.contracts.terms import Action, Origin
from veloz.engine.verify import Verifier
from veloz.reducers.holdings import positions
from veloz.reducers.state import new_state, state_hash

LOT = 5
GLOBAL = terms.scope(terms.ScopeKind.GLOBAL)


class Venue:
    """Takes requests, says what became of them."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(seed)
        self.open: dict[int, dict] = {}
        self.number = 10**6
        self.kind = True  # answers everything

    def ask(self, request, state) -> None:
        """A request that was let go."""
        if request.action == Action.CANCEL:
            if request.key in self.open:
                self.open[request.key]["cancel"] = True
            return
        if request.action == Action.PLACE:
            spec = terms.unpack(terms.SPEC, request.spec)
            self.open[request.key] = {
                "rest": request.qty, "done": 0, "where": request.instrument, "spec": spec, "price": request.price or 9_990,
            }  # fmt: skip

    def answer(self, state, now: int) -> np.ndarray | None:
        """What it says next of one order; None: nothing."""
        if not self.open:
            return None
        draw, key = self.draw, self.draw.choice(list(self.open))
        each = self.open[key]
        self.number += 1
        spec = each["spec"]
        about = {"account": spec["account"], "sell": spec["sell"], "position_side": spec["position_side"]}
        engine = spec["origin"] == Origin.ENGINE
        said = [(r.CANCELED, 3)] if each.get("cancel") else [(r.FILLED, 3)] if engine else []
        if not self.kind:
            said += [(r.FILLED, 3), (r.ACCEPTED, 1), (r.SILENT, 1)] + [(r.REJECTED, 2), (r.EXPIRED, 1)] * engine
        if not said:
            return None
        kind = draw.choices([k for k, _ in said], [n for _, n in said])[0]
        words = (self.number, each["done"], self.number)
        if kind is r.FILLED:
            part = draw.randrange(1, each["rest"] + 1) if not self.kind else each["rest"]
            if engine:
                self.check(state, each, part)
            each["rest"] -= part
            each["done"] += part
            words = (each["price"], part, self.number)
        elif kind is r.SILENT:
            words = (Action.PLACE, 0, 0)
        elif kind is r.REJECTED:
            if each["done"] or each.get("seen"):
                return None
            words = (-1001, 0, self.number)
        if kind in (r.CANCELED, r.EXPIRED, r.REJECTED) or not each["rest"]:
            del self.open[key]
        each["seen"] = each.get("seen") or kind in (r.FILLED, r.ACCEPTED)
        return row(kind, key, *words, meta(**about), instrument=each["where"], ts=now)

    def check(self, state, each: dict, part: int) -> None:
        """A fill of the engine's makes its position smaller and no more than nothing."""
        spec = each["spec"]
        held = next(
            p.qty
            for p in positions(state)
            if (p.account, p.instrument, p.side, p.strategy)
            == (spec["account"], each["where"], spec["position_side"], -1)
        )
        assert (held if spec["sell"] else -held) >= part, (held, spec, part)


def flattened(seed: int, hedge: bool) -> tuple[Chance, list]:
    """A session that was told to flatten, and its steps."""
    chance, venue = Chance(seed, strategies=False, hedge=hedge), Venue(seed)
    steps, told = list(chance.steps(1)), 0

    def take(rows: np.ndarray) -> None:
        step = chance.engine.take(rows)
        steps.append(step)
        for request in chance.engine.outbox.release(step.last_seq):
            venue.ask(request, chance.engine.state)

    def go_on(inputs: np.ndarray) -> None:
        said = venue.answer(chance.engine.state, chance.now)
        take(step_of(said, inputs) if said is not None else inputs)

    take(
        step_of(
            row(r.FILTERS, 2, 40, 0, 0, 0, instrument=LINEAR, ts=chance.now),
            row(r.BOUNDS, 0, 0, LOT, 15, LOT, instrument=SPOT, ts=chance.now),
            row(r.BALANCE, SPOT_ACCOUNT, 10**6, 1, 5, 0, ts=chance.now),
        )
    )
    venue.kind = False
    for _ in range(25):
        chance.now += chance.draw.choice((1, SECOND // 3))
        wish = chance.by_hand() if chance.draw.random() < 0.4 else chance.market()
        amends = terms.unpack(terms.SPEC, int(wish[0]["aux"]))["action"] == Action.AMEND
        go_on(chance.market() if amends else wish)  # this venue knows of no amendments
    take(row(r.COMMAND_STOP, GLOBAL, StopLevel.FLATTEN, 0, 7, 0, ts=chance.now))
    while told < 40:
        told += 1
        venue.kind = told > 20
        chance.now += chance.draw.choice((1, SECOND // 3, SECOND, 20 * SECOND))
        go_on(trade(LINEAR, 10_000, 10**7 + told, chance.now))
    for _ in range(6 * len(venue.open) + 12):
        chance.now += 20 * SECOND
        go_on(trade(LINEAR, 10_000, 10**7 + told, chance.now))
    return chance, steps


@settings(deadline=None, max_examples=4)
@given(st.integers(0, 2**31), st.booleans())
def test_a_standing_flatten_ends_at_nothing_or_dust(seed, hedge):
    chance, steps = flattened(seed, hedge)
    for each in positions(chance.engine.state):
        if each.strategy == -1:
            assert abs(each.qty) < {LINEAR: 2, SPOT: LOT}[each.instrument], (seed, each)
    verifier = Verifier(new_state())
    verifier.feed(1, np.concatenate([step.rows for step in steps]))
    assert verifier.divergences == [], seed
    assert state_hash(verifier.state) == state_hash(chance.engine.state)


def test_the_sessions_hold_something_when_they_are_told_to_flatten():
    tried = 0
    for seed in range(2):
        _, steps = flattened(seed, False)
        specs = [int(each["aux"]) for step in steps for each in step.decisions if each["kind"] == r.REQUESTED.number]
        tried += sum(terms.unpack(terms.SPEC, spec)["origin"] == Origin.ENGINE for spec in specs)
    assert tried >= 3

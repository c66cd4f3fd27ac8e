"""What a person's answer to differences means, as reports that bring our side to the venue's.

Whoever executes a control.settle row feeds them right behind it, in the same step: they are inputs, on record like any report, so a replay
needs nobody to make them again. To flatten is to adopt what is there and close it, and closing is the engine's own decision.

No price is invented. What grows a position costs what brings its average to the venue's entry price; where the venue states none, our own
average, or the limit of the order that was filled. What shrinks one leaves at its cost: the fold realizes nothing on executions that
are flagged Why.ADOPTED, as the profit is not known here. Ids and keys are made out of the sequence number of the control.settle row, below
anything that a venue or a codec gives out.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from veloz.contracts import codes
from veloz.contracts import registry as r
from veloz.contracts.layout import ROW
from veloz.contracts.terms import META, SPEC, Action, OrderType, Why, pack
from veloz.execution.reconcile import Difference, newest
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.order_store import PRICE_MOST
from veloz.reducers.order_view import OrderView, order, owing_orders
from veloz.reducers.places import find_position
from veloz.reducers.state import State
from veloz.reducers.sums import LIMB_BITS
from veloz.reducers.words import I
from veloz.reducers.worth import COIN_PLACES, inner_places

_E8: Final = 10**8
_MADE_UP: Final = 1 << 62  # ids made here lie below minus this
_INDEX_BITS: Final = 16
_What = codes.Difference


class _Move(NamedTuple):
    """Part of a difference of a position: the order it is of (0: none that is known), how much (below 0: sold), and a limit that was
    ordered at (0: none).
    """

    order: int
    signed: int
    limit: int


class _Book:
    """Rows in the making, and the made-up numbers they need."""

    def __init__(self, state: State, seq: int, now: int) -> None:
        self.state, self.recv_ns = state, now
        self.rows: list[tuple[int, ...]] = []
        self._next = _MADE_UP + (seq << _INDEX_BITS)

    def number(self) -> int:
        """An id that nothing else has."""
        self._next += 1
        return -self._next

    def add(self, kind: r.Kind, instrument: int, *words: int, event_ns: int = 0) -> None:
        """One row."""
        self.rows.append((kind.number, kind.version, 0, instrument, self.recv_ns, event_ns, *words))


def answer(state: State, found: Sequence[Difference], action: codes.SettleAction, seq: int, now: int) -> np.ndarray:
    """What an answer to differences means, as rows to be fed right behind the control.settle row.

    Args:
        state: Before that row.
        found: What differs: one difference, or those of one instrument, of one statement. Balances are answered on their own.
        action: ADOPT, IGNORE or FLATTEN.
        seq: Sequence number of the control.settle row.
        now: Receive time of the rows.

    Returns:
        ROW[n]. None for orders we did not know (they are known by the statement itself), for fills of ours that the venue does not state,
        for IGNORE, and for what has no price at all: a position that we do not have, whose entry nobody states.
    """
    book = _Book(state, seq, now)
    if action != codes.SettleAction.IGNORE:
        _adopt_terms(book, found)
        for account, instrument, side in dict.fromkeys((each.account, each.instrument, each.side) for each in found):
            _adopt_position(
                book,
                [each for each in found if (each.account, each.instrument, each.side) == (account, instrument, side)],
            )
        for each in found:
            if each.difference == _What.ORDER_UNKNOWN_THERE:
                _expire(book, each)
    if action == codes.SettleAction.ADOPT:
        for each in found:
            if each.difference == _What.BALANCE:
                _adopt_drift(book, each)
    return np.array(book.rows, ROW)


def _about(here: OrderView, action: Action = Action.PLACE) -> int:
    return pack(
        META, action=action, account=here.account, sell=int(here.sell), position_side=here.spec["position_side"],
        why=Why.ADOPTED,
    )  # fmt: skip


def _adopt_terms(book: _Book, found: Iterable[Difference]) -> None:
    """Price and quantity of open orders, one row an order."""
    terms: dict[tuple[int, int], dict[_What, int]] = {}
    for each in found:
        if each.difference in (_What.ORDER_QTY, _What.ORDER_PRICE):
            terms.setdefault((each.order, each.instrument), {})[each.difference] = each.theirs
    for (key, instrument), theirs in terms.items():
        here = order(book.state, key, instrument)
        if here is not None and not here.over:
            price, qty = theirs.get(_What.ORDER_PRICE, here.price), theirs.get(_What.ORDER_QTY, here.qty)
            at = newest(book.state, key, instrument) + 1
            book.add(r.REPLACED, instrument, key, price, qty, at, _about(here, Action.AMEND))


def _expire(book: _Book, each: Difference) -> None:
    here = order(book.state, each.order, each.instrument)
    if here is not None and not here.over:
        at = newest(book.state, here.key, here.instrument) + 1
        book.add(r.EXPIRED, here.instrument, here.key, here.venue_order, here.filled, at, _about(here))


def _adopt_drift(book: _Book, each: Difference) -> None:
    """What no report explains of a balance, as it is now."""
    balance = book.state.balances[each.account * ASSETS_MAX + each.asset]
    drift = int(balance["drift"])
    if drift:
        at, why = int(balance["stated_seq"]), codes.BalanceReason.ADOPTED
        book.add(r.BALANCE_CHANGED, 0, each.account, drift, each.asset, at, why)


def _fills(state: State, found: Iterable[Difference]) -> list[_Move]:
    """What the venue counts as filled of our orders beyond what we have heard of."""
    moves = []
    for each in found:
        here = order(state, each.order, each.instrument) if each.difference == _What.ORDER_FILLED else None
        if here is None:
            continue
        missing = here.filled - here.traded if here.over else each.theirs - (here.traded - here.busted)
        if missing > 0:
            moves.append(_Move(here.key, -missing if here.sell else missing, here.price))
    return moves


def _owed(state: State, about: Difference, left: int, moves: Iterable[_Move]) -> list[_Move]:
    """Trades that orders owe which are over, as far as they explain what is left of a position's difference."""
    known, owed = [move.order for move in moves], list[_Move]()
    for each in owing_orders(state, instrument=about.instrument, account=about.account):
        qty = min(abs(left), each.filled - each.traded)
        fits = each.sell == (left < 0) and each.spec["position_side"] == about.side
        if qty > 0 and fits and each.key not in known:
            owed.append(_Move(each.key, -qty if each.sell else qty, each.price))
            left -= owed[-1].signed
    return owed


def _target(ours: int, moved: int, found: Sequence[Difference]) -> int:
    """What is to be held afterwards: what the statement says; without its word on it, what the fills lead to, but never past that word."""
    for each in found:
        if each.difference == _What.POSITION:
            return each.theirs
    held = next((each.held for each in found if each.held is not None), None)
    if held is None:
        return ours + moved
    return min(max(ours + moved, min(ours, held)), max(ours, held))


def _adopt_position(book: _Book, found: Sequence[Difference]) -> None:
    """Executions that bring one position to what is stated: of orders of ours first, then of nobody's."""
    first = found[0]
    at = int(find_position(book.state, I(first.account), I(first.instrument), I(first.side), I(-1)))
    ours = int(book.state.positions[at]["qty"]) if at >= 0 else 0
    moves = _fills(book.state, found)
    if whole := [each for each in found if each.difference == _What.POSITION]:
        moves += _owed(book.state, first, whole[0].theirs - ours - sum(move.signed for move in moves), moves)
    moved = sum(move.signed for move in moves)
    target = _target(ours, moved, found)
    if target != ours + moved:
        limit = next((move.limit for move in moves if move.limit), 0)
        moves.append(_Move(0, target - ours - moved, limit))
    elif not moves and ours != 0 and any(each.difference == _What.ENTRY for each in found):
        moves = [_Move(0, -ours, 0), _Move(0, ours, 0)]
    up = 1 if target > 0 or (target == 0 and ours < 0) else -1
    against = [move for move in moves if move.signed * up < 0]
    along = [move for move in moves if move.signed * up > 0]
    entry_e8 = next((each.entry_e8 for each in found if each.entry_e8 > 0), 0)
    pricing = _Pricing(book.state, first.instrument, at, ours, entry_e8)
    for move in against:
        _execute(book, first, move, move.signed, pricing.plain or move.limit)
    base = ours + sum(move.signed for move in against)
    price, finer = pricing.growing(max(base * up, 0), target * up)
    for move in along:
        growth = max(move.signed * up - max(-base * up, 0), 0)
        more = min(finer, growth)
        finer, base = finer - more, base + move.signed
        _execute(book, first, move, move.signed - more * up, price or move.limit)
        _execute(book, first, move, more * up, price + 1)


class _Pricing:
    """What executions are taken over at, in quanta. `plain`: the stated entry, else our own average; 0: neither is known."""

    def __init__(self, state: State, instrument: int, at: int, ours: int, entry_e8: int) -> None:
        known = state.instruments[instrument]
        self._held = abs(ours)
        cost = (int(state.positions[at]["cost_hi"]) << LIMB_BITS) + int(state.positions[at]["cost_lo"]) if ours else 0
        self._cost = abs(cost)
        self._inverse = int(state.terms[instrument]["product"]) == codes.Product.INVERSE
        scale = 10 ** int(known["price_scale"])
        places = int(known["price_scale"]) - int(known["qty_scale"]) + int(COIN_PLACES) - 8
        self._coin = int(known["multiplier_e8"]) * 10 ** max(places, 0), 10 ** max(-places, 0)
        self._unit = 10 ** (int(inner_places(known)) - int(known["price_scale"]) - int(known["qty_scale"]))
        self._num, self._den = entry_e8 * scale, _E8  # the average price that is wanted
        if entry_e8 == 0 and self._held:
            self._num, self._den = self._at_cost()
        self.plain = min(_nearest(self._num, self._den), int(PRICE_MOST))

    def _at_cost(self) -> tuple[int, int]:
        if self._inverse:
            return self._held * self._coin[0], max(self._cost, 1) * self._coin[1]
        return self._cost, self._held * self._unit

    def _value(self, qty: int) -> int:
        """What a quantity costs at the price that is wanted, in inner units."""
        if self._inverse:
            return int(qty * self._coin[0] * self._den // (self._num * self._coin[1]))
        return _nearest(qty * self._num * self._unit, self._den)

    def growing(self, base: int, whole: int) -> tuple[int, int]:
        """The price at which a position grows from `base` to `whole` (base: what closing has left of ours, 0 or more), and of how
        many the price is one quantum more, so that the average is the one that is wanted. Where no price does that: `plain`.
        """
        if self.plain == 0 or whole <= base:
            return self.plain, 0
        left = self._cost * min(base, self._held) // self._held if self._held else 0
        missing = self._value(whole) - left
        if missing <= 0:
            return self.plain, 0
        if self._inverse:
            price, finer = _nearest((whole - base) * self._coin[0], missing * self._coin[1]), 0
        else:
            price, finer = divmod(_nearest(missing, self._unit), whole - base)
        return (price, finer) if 0 < price < int(PRICE_MOST) else (self.plain, 0)


def _nearest(num: int, den: int) -> int:
    return int((2 * num + den) // (2 * den))


def _execute(book: _Book, about: Difference, move: _Move, signed: int, price: int) -> None:
    """One execution; of nobody's order: of a market order made for it. Nothing where no price is known."""
    if signed == 0 or price == 0:
        return
    parts = {"account": about.account, "sell": int(signed < 0), "position_side": about.side}
    key, event_ns = move.order, _stated_ns(book.state, about)
    if key == 0:
        key = book.number()
        spec = pack(SPEC, type=OrderType.MARKET, **parts)
        book.add(r.ORDER_STATED, about.instrument, key, 0, abs(signed), book.recv_ns, spec)
    words = key, price, abs(signed), book.number(), pack(META, why=Why.ADOPTED, **parts)
    book.add(r.FILLED, about.instrument, *words, event_ns=event_ns)


def _stated_ns(state: State, about: Difference) -> int:
    """When what was executed is in the balances already: cash of spot is stated with them. 0: it moves none, or they are not stated."""
    terms = state.terms[about.instrument]
    if int(terms["product"]) != codes.Product.SPOT:
        return 0
    first = about.account * ASSETS_MAX
    return min(int(state.balances[first + int(terms[name])]["stated_seq"]) for name in ("base", "quote"))

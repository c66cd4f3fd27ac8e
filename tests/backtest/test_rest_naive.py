"""The whole exchange against one of fractions: random sessions on two instruments that share a wallet."""

from fractions import Fraction
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from tests.backtest.stage import LEVEL_FLAGS
from tests.lanes import cases
from tests.oracles.decimal_exchange import WAITS, DecimalExchange
from veloz.backtest.driving import Driven
from veloz.backtest.prelude import Rows
from veloz.backtest.rules import FeeIn, Latency, Market, Rules
from veloz.contracts import layout, registry, terms
from veloz.contracts.account import NameBody
from veloz.contracts.codes import Product
from veloz.contracts.instrument import InstrumentBody
from veloz.contracts.terms import Action, OrderType, PositionSide, SelfTrade, TimeInForce, TriggerBy
from veloz.reducers.fold import fold
from veloz.reducers.state import State, new_state
from veloz.reducers.words import RAW

NAMES: Final = (3, 4)
ACCOUNT, USDT, BNB, SCALE = 1, 1, 2, 8
LOW: Final = 995
SIZE: Final = 100  # of an inverse contract
TIERS: Final = [(0, 200, 500), (1_000, -50, 400), (3_000, -100, 300)]
BRACKETS: Final = {
    3: [(0, Fraction(1, 100), 0), (500, Fraction(5, 100), 20)], 4: [(0, Fraction(2, 100), 0), (300, Fraction(10, 100), 24)]
}  # fmt: skip
TIFS: Final = ["GTC", "GTC", "GTC", "GTX", "IOC", "FOK", "GTD"]
KINDS: Final = ["limit", "limit", "limit", "market", *sorted(WAITS)]
EVENT: Final = st.tuples(
    st.sampled_from(["bid", "ask", "bid", "ask", "bought", "sold", "mark", "place", "place", "place", "place", "cancel", "amend"]),
    st.sampled_from(NAMES), st.integers(0, 9), st.integers(0, 9), st.sampled_from(["buy", "sell"]), st.sampled_from(KINDS),
    st.sampled_from(TIFS), st.sampled_from(list(SelfTrade)), st.booleans(), st.integers(0, 9),
)  # fmt: skip
SESSION: Final = st.lists(EVENT, min_size=15, max_size=60)


def brackets_of(size: int) -> dict[int, list[tuple[Fraction, Fraction, Fraction]]]:
    """BRACKETS; of inverse contracts those of a hundredth, as a hundred of the quote are about one coin."""
    unit = Fraction(1, 100) if size else Fraction(1)
    return {name: [(floor * unit, rate, cum * unit) for floor, rate, cum in BRACKETS[name]] for name in NAMES}


def books_with(wallet: Fraction, size: int, hedge: bool) -> State:
    """What the exchange's own books begin as."""
    rows = Rows(1)
    rows.add(registry.STARTED, epoch=1)
    for number, name in ((USDT, "USDT"), (BNB, "BNB")):
        rows.add(registry.ASSET, body=NameBody(name=name), asset=number, scale=SCALE)
    for number in NAMES:
        product = Product.INVERSE if size else Product.LINEAR
        body = InstrumentBody(
            venue="binance_usdm", symbol=f"S{number}", product=product.name.lower(), price_scale=1, qty_scale=0
        )
        rows.add(
            registry.LISTED, number, body, scales=1 | product << 16, tick=1, lot=1, multiplier_e8=(size or 1) * 10**8,
            definition=1,
        )  # fmt: skip
        rows.add(registry.ASSETS, number, product=product, base=BNB, quote=USDT, settle=USDT)
    rows.add(registry.OPENED, body=NameBody(name="main"), account=ACCOUNT, market=2, hedge=int(hedge), reporting=USDT)
    for number, tiers in brackets_of(size).items():
        for tier, (floor, rate, cum) in enumerate(tiers):
            rows.add(
                registry.BRACKET, number, tier=tier, floor=int(floor * 10**SCALE), rate_ppm=int(rate * 10**6),
                cum=int(cum * 10**SCALE), leverage=20,
            )  # fmt: skip
    rows.add(registry.BALANCE, account=ACCOUNT, total=int(wallet * 10**SCALE), asset=USDT)
    rows.add(registry.BALANCE, account=ACCOUNT, total=10**SCALE, asset=BNB)
    told = rows.rows()
    told["flags"][-1] |= layout.STEP_END
    return fold(new_state(), told, 1)


class Pair:
    """Both exchanges, on one clock. `size`: of a contract, in the quote; 0: contracts are linear."""

    def __init__(self, wallet: Fraction, third: bool, margin: bool, size: int = 0, hedge: bool = False) -> None:
        self.naive = DecimalExchange(list(NAMES), wallet, TIERS, brackets_of(size), size)
        self.naive.third, self.naive.margin, self.hedge = (4 if third else None), margin, hedge
        fees: dict[str, Any] = (
            {"fee_in": FeeIn.THIRD, "third": BNB, "third_scale": SCALE, "third_instrument": 4} if third else {}
        )
        kind: dict[str, Any] = {"product": Product.INVERSE, "multiplier_e8": size * 10**8} if size else {}
        traded = [
            Market(
                instrument=number,
                price_scale=1,
                qty_scale=0,
                low=500,
                high=1500,
                money=USDT,
                money_scale=SCALE,
                account=ACCOUNT,
                **fees,
                **kind,
            )
            for number in NAMES
        ]
        tiers = tuple((100 * volume, maker, taker) for volume, maker, taker in TIERS)
        at_once = Latency(ns=0)
        rules = Rules(
            accounts=True, margin=margin, tiers=tiers, entry=at_once, response=at_once, messages=16
        )  # fmt: skip
        self.driven = Driven(traded, rules, books_with(wallet, size, hedge))
        self.heard = [np.zeros(0, RAW)]
        for number in NAMES if margin else ():
            self.naive.see_mark(50, number, Fraction(1000), Fraction(0), 0)
            self.market(50, registry.MARK.number, 0, number, 0, 1000 * 10**7, 1000 * 10**7, 0, 0)

    def run(self, rows: np.ndarray, until_ns: int) -> None:
        at = 0
        while True:
            at = self.driven.advance(rows, at, until_ns)
            arrival = self.driven.next_arrival_ns()
            if arrival > until_ns:
                assert at == len(rows)
                return
            self.heard.append(self.driven.take(arrival).view(RAW))

    def market(self, at: int, kind: int, flags: int, name: int, *words: int) -> None:
        self.run(np.zeros(0, RAW), at - 1)
        self.run(np.array([(kind | 1 << 16 | flags << 24 | name << 32, at, at, *words)], RAW), at)

    def ask(self, at: int, words: dict[str, Any]) -> None:
        self.run(np.zeros(0, RAW), at - 1)
        spec = terms.pack(
            terms.SPEC, sell=int(words["side"] == "sell"), type=OrderType[words["kind"].upper()], account=ACCOUNT,
            tif=TimeInForce[words["tif"]], stp=SelfTrade[words["stp"].upper()], reduce_only=int(words["reduce"]),
            trigger_by=TriggerBy[words["by"].upper()],
            position_side=PositionSide[words["position"].upper()], action=Action[words["action"].upper()],
        )  # fmt: skip
        request: Any = SimpleNamespace(
            seq=1, key=words["key"], instrument=words["name"], account=ACCOUNT, action=Action[words["action"].upper()],
            price=words["price"], qty=words["qty"], spec=spec, trigger=words["trigger"], activation=words["activation"],
            callback_ppm=int(words["callback"] * 10**6), expire_ns=words["expire"],
        )  # fmt: skip
        self.driven.send(request, at)
        self.run(np.zeros(0, RAW), at)


def order_of(number: int, at: int, event: tuple[Any, ...], hedge: bool) -> dict[str, Any]:
    """A new order."""
    _, name, tick, qty, side, kind, tif, stp, reduce, far = event
    position = ("long" if reduce else "short") if hedge else "both"
    if kind in WAITS and tif in ("GTX", "IOC", "FOK"):
        tif = "GTC"
    return {
        "action": "place", "key": number + 1, "name": name, "side": side, "kind": kind, "tif": tif, "stp": stp.name.lower(),
        "reduce": reduce and far > 4 and not hedge, "position": position,
        "qty": qty + 1, "price": LOW + tick if kind.endswith("limit") else 0,
        "by": "mark" if far % 2 else "last", "trigger": LOW + far if kind in WAITS else 0,
        "activation": LOW + far if kind == "trailing_stop" and qty % 2 else 0,
        "callback": Fraction(1 + far, 1000) if kind == "trailing_stop" else Fraction(0), "expire": at + 17 * far if tif == "GTD" else 0,
    }  # fmt: skip


def play(session: list[Any], pair: Pair, jump: int) -> None:
    """A session, an event every 10 ns."""
    naive, orders = pair.naive, {}
    for number, event in enumerate(session):
        what, name, tick, qty = event[:4]
        at, price = 100 + 10 * number, LOW + tick
        book = naive.books[name]
        naive.pass_time(at)
        if what in ("bid", "ask"):
            book.level(at, "buy" if what == "bid" else "sell", price, 3 * qty)
            flags = LEVEL_FLAGS | (layout.ASK if what == "ask" else 0)
            pair.market(at, registry.LEVEL.number, flags, name, 0, price, 3 * qty, 0, 0)
        elif what in ("bought", "sold"):
            book.trade(at, "buy" if what == "bought" else "sell", price, qty + 1)
            flags = layout.ASK if what == "sold" else 0
            pair.market(at, registry.TRADE.number, flags, name, 0, price, qty + 1, 0, 0)
        elif what == "mark":
            mark, due = LOW + tick + jump * (qty - 4), at + 11 * qty
            rate = Fraction(tick - 4, 10_000)
            naive.see_mark(at, name, Fraction(mark), rate, due)
            pair.market(at, registry.MARK.number, 0, name, 0, mark * 10**7, mark * 10**7, int(rate * 10**8), due)
        else:
            if what == "place":
                words = orders[number + 1] = order_of(number, at, event, pair.hedge)
            elif not orders:
                continue
            else:
                chosen = orders[list(orders)[-1 - tick % len(orders)]]
                words = {**chosen, "action": what, "qty": qty + 1, "price": price}
                book = naive.books[chosen["name"]]
            if any_due(naive, at):
                naive.own(at)
            book.request(at, words)
            pair.ask(at, words)
        naive.check(at)
        naive.own(at)
    end = 100 + 10 * len(session) + 200
    naive.pass_time(end)
    pair.run(np.zeros(0, RAW), end - 1)


def any_due(naive: DecimalExchange, at: int) -> bool:
    """Whether something is due at a moment before what is asked then."""
    dated = [
        each["expire"] for book in naive.books.values() for each in book.orders + book.waiting if each["tif"] == "GTD"
    ]
    return any(0 < due <= at for due in [*dated, *(book.funding_at for book in naive.books.values())])


WORDS: Final = {
    registry.FILLED.number: "fill", registry.CANCELED.number: "canceled", registry.EXPIRED.number: "expired",
    registry.REJECTED.number: "rejected", registry.REQUEST_REJECTED.number: "refused",
}  # fmt: skip


def compare(pair: Pair) -> None:
    """What was said, and what is held and left at the end."""
    naive, heard = pair.naive, np.concatenate(pair.heard)
    said, fees, funding = [], [], []
    for row in heard:
        kind, key = int(row["head"]) & 0xFFFF, int(row["venue_seq"])
        if kind == registry.FILLED.number:
            said.append((int(row["ts_event"]), max(key, -1), "fill", int(row["price"]), int(row["qty"])))
        elif kind in WORDS:
            said.append((int(row["ts_event"]), key, WORDS[kind], 0, 0))
        elif kind == registry.FEE.number:
            fees.append(("third" if row["qty"] == BNB else "money", int(row["price"])))
        elif kind == registry.FUNDING.number:
            funding.append(int(row["price"]))
    assert sorted(said) == sorted(naive.told)
    assert sorted(fees) == sorted(naive.fees)
    assert funding == naive.funding
    held = [int(each) for each in pair.driven.venue.held]
    assert held == [*naive.books[3].held.values(), *naive.books[4].held.values()]
    if pair.driven.clerk is not None:
        compare_books(pair)


def compare_books(pair: Pair) -> None:
    """The exchange's own books: what is held and owned."""
    naive, clerk = pair.naive, pair.driven.clerk
    assert clerk is not None
    clerk.keep(pair.driven.venue)
    balance = clerk.state.balances[ACCOUNT * 1024 + USDT]
    owned = Fraction(int(balance["total"]) + int(balance["unrealized"]), 10**SCALE)
    assert abs(owned - naive.equity()) <= Fraction(1 + len(naive.told), 10**SCALE)  # an average cost is rounded
    maintenance = sum(naive.maintenance(*each) for each in naive.positions())
    rounded = Fraction(int(balance["maintenance"]), 10**SCALE) - maintenance
    assert abs(rounded) <= (Fraction(2 * len(NAMES), 10**SCALE) if naive.size else 0)  # coin has no last decimal


@settings(max_examples=cases(1_300, 80, 430), phases=(Phase.generate,))
@given(SESSION, st.booleans())
def test_the_same_as_an_exchange_of_fractions(session: list[Any], third: bool) -> None:
    pair = Pair(Fraction(10_000), third, margin=False)
    play(session, pair, 0)
    compare(pair)


@settings(max_examples=cases(500, 40, 160), phases=(Phase.generate,))
@given(SESSION, st.integers(1, 400), st.integers(0, 20))
def test_the_same_with_inverse_contracts(session: list[Any], size: int, jump: int) -> None:
    pair = Pair(Fraction(10_000), False, margin=False, size=size)
    play(session, pair, jump)
    compare(pair)


@settings(max_examples=cases(700, 60, 230), phases=(Phase.generate,))
@given(SESSION, st.integers(5, 300), st.integers(0, 20), st.booleans(), st.booleans())
def test_the_same_in_hedge_mode(session: list[Any], wallet: int, jump: int, margin: bool, inverse: bool) -> None:
    unit = Fraction(1, 100) if inverse else Fraction(1)
    pair = Pair(wallet * unit, False, margin, size=SIZE if inverse else 0, hedge=True)
    play(session, pair, jump)
    compare(pair)


@settings(max_examples=cases(700, 40, 230), phases=(Phase.generate,))
@given(SESSION, st.integers(5, 300), st.integers(0, 20))
def test_the_same_where_inverse_positions_are_liquidated(session: list[Any], wallet: int, jump: int) -> None:
    pair = Pair(Fraction(wallet, 100), False, margin=True, size=SIZE)
    play(session, pair, jump)
    compare(pair)


REST: Final = ("buy", "market", "GTC", SelfTrade.NONE, False, 0)
FALLEN: Final = [  # four are bought at 100.0, and the mark price falls to 91.5
    ("ask", 3, 5, 9, *REST), ("bid", 3, 4, 9, *REST), ("place", 3, 5, 3, *REST), ("mark", 3, 0, 0, *REST),
]  # fmt: skip


@settings(max_examples=cases(800, 40, 260), phases=(Phase.explicit, Phase.generate))
@example(FALLEN, 30, 20)
@given(SESSION, st.integers(5, 300), st.integers(0, 20))
def test_the_same_where_positions_are_liquidated(session: list[Any], wallet: int, jump: int) -> None:
    pair = Pair(Fraction(wallet), False, margin=True)
    play(session, pair, jump)
    compare(pair)

"""What strategies see is what the state says; and it is a copy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reducers.streams import bars, rows_of, streams
from tests.strategies.sessions import START_NS, Session
from veloz.contracts import registry, terms
from veloz.reducers import view as reading
from veloz.reducers.bars import INTERVAL_NAMES, INTERVALS_NS
from veloz.reducers.fold import fold
from veloz.reducers.state import new_state, state_hash
from veloz.strategies.sdk import Own, Params, Shape, View
from veloz.strategies.window import look, new_sights, view_of

NONE = Params({})


def seen(state: object, instruments: tuple[int, ...], depth: int = 4, history: int = 30) -> View:
    sights = new_sights(1, instruments, INTERVAL_NAMES, depth, history)
    sights = look(state, sights, 7, 9)
    return view_of(sights, NONE, sights.orders_n)


@given(st.one_of(streams, bars))
def test_a_view_says_what_the_state_says(stream: list) -> None:
    state = fold(new_state(), rows_of(stream), 1)
    before = state_hash(state)
    view = seen(state, (3, 1, 2))
    assert (view.now_ns, view.seq, view.instruments) == (7, 9, (3, 1, 2))
    for number in (1, 2, 3):
        book = reading.top(state, number, 4)
        assert (list(view.bids(number)), list(view.asks(number))) == (book.bids, book.asks)
        assert view.best(number) == reading.best(state, number)
        market = view.market(number)
        assert (market.bid, market.bid_qty) == (book.bids[0] if book.bids else (-1, 0))
        assert (market.ask, market.ask_qty) == (book.asks[0] if book.asks else (-1, 0))
        trade, mark, quote = (reading.last_record(state, what, number) for what in ("trades", "marks", "quotes"))
        assert (market.last, market.last_qty) == ((trade["price"], trade["qty"]) if trade else (-1, 0))
        assert market.mark_e8 == (mark["mark_e8"] if mark else 0)
        assert (market.quote_bid, market.quote_ask) == ((quote["bid"], quote["ask"]) if quote else (-1, -1))
        known = state.instruments[number]
        assert (market.price_scale, market.tick) == (known["price_scale"], known["tick"])
        assert (view.tick(number), view.position(number)) == (market.tick, market.position)
        for name, length in zip(INTERVAL_NAMES, INTERVALS_NS, strict=True):
            closed = [bar for bar in reading.bars(state, number, length) if bar.closed and bar.trades > 0][-30:]
            told = [
                (bar.ts_open, bar.open, bar.high, bar.low, bar.close, bar.trades) for bar in view.bars(name, number)
            ]
            assert told == [(bar.ts_open, bar.open, bar.high, bar.low, bar.close, bar.trades) for bar in closed]
            assert [bar.volume for bar in view.bars(name, number)] == [min(bar.volume, 2**62 - 1) for bar in closed]
    assert state_hash(state) == before


def test_levels_outside_a_window_are_seen_too() -> None:
    session = Session()
    session.book({10**6: 5, 10**6 - 3: 6, 17: 7, 3: 8}, {10**6 + 1: 5, 2 * 10**6: 9})
    view = seen(session.state, (1,), depth=10)
    assert view.bids() == ((10**6, 5), (10**6 - 3, 6), (17, 7), (3, 8))
    assert view.asks() == ((10**6 + 1, 5), (2 * 10**6, 9))


def test_own_orders_only_and_more_than_fit_at_first() -> None:
    session = Session()
    for k in range(40):
        spec = terms.pack(terms.SPEC, account=1, strategy=1 + k % 2, sell=k % 3 == 0, tif=terms.TimeInForce.GTX)
        key = terms.order_key(1000 + k)
        session.take(
            session.row(registry.DRAFTED, key, 100 + k, 5 + k, 1, spec, instrument=1),
            session.row(registry.APPROVED, key, 0, 0, 1, 1, instrument=1),
            session.row(registry.REQUESTED, key, 100 + k, 5 + k, 1, spec, instrument=1),
        )
        if k % 4 == 0:
            session.take(session.row(registry.ACCEPTED, key, 7, 0, 1, terms.pack(terms.META, account=1), instrument=1))
    orders = seen(session.state, (1, 2)).orders()
    told = sorted((own.order, own.price, own.qty, own.sell, own.free, own.tif) for own in orders)
    assert told == [
        (terms.order_key(1000 + k), 100 + k, 5 + k, int(k % 3 == 0), int(k % 4 == 0), 3) for k in range(0, 40, 2)
    ]
    assert seen(session.state, (2,)).orders() == ()
    assert seen(session.state, (1, 2)).orders(2) == ()


OWN_WORDS = st.tuples(*[st.integers(0, 2)] * len(Own._fields))


@given(st.lists(st.lists(OWN_WORDS, max_size=3), min_size=1, max_size=4), st.data())
def test_each_view_tells_the_orders_of_its_own_time(windows: list[list[tuple[int, ...]]], data: st.DataObject) -> None:
    shape = Shape((1,), (), 0, 0, (0, 0, 0, 16))
    views = [View(shape, np.array([0, 0, *sum(each, ())], np.int64).tobytes(), NONE) for each in windows]
    for at in data.draw(st.lists(st.integers(0, len(views) - 1), max_size=12)):
        own = tuple(Own(*words) for words in windows[at])
        assert views[at].orders() == own
        assert views[at].orders(1) == tuple(each for each in own if each.instrument == 1)


def test_a_strategys_own_position_only() -> None:
    session = Session()
    session.take(
        session.row(registry.ASSET, 1, 8), session.row(registry.ASSET, 2, 8), session.row(registry.OPENED, 1, 2, 0, 0, 2),
        session.row(registry.ASSETS, 2, 1, 2, 2, instrument=1),
    )  # fmt: skip
    session.command(1, "LOAD", "quoter:Quoter")
    session.command(2, "LOAD", "quoter:Quoter")
    for k, (strategy, sell, qty) in enumerate([(1, 0, 5), (2, 0, 3), (1, 1, 9)]):
        spec = terms.pack(terms.SPEC, account=1, strategy=strategy, sell=sell)
        key, meta = terms.order_key(1000 + k), terms.pack(terms.META, account=1, sell=sell)
        session.take(
            session.row(registry.DRAFTED, key, 100, qty, 1, spec, instrument=1),
            session.row(registry.APPROVED, key, 0, 0, 1, 1, instrument=1),
            session.row(registry.REQUESTED, key, 100, qty, 1, spec, instrument=1),
            session.row(registry.FILLED, key, 100, qty, k + 1, meta, instrument=1),
        )
    assert seen(session.state, (1,)).position() == -4


def test_a_view_knows_its_own_instruments_only() -> None:
    session = Session()
    view = seen(session.state, (1,))
    for asked in (view.market, view.best, view.tick, view.position):
        with pytest.raises(KeyError):
            asked(2)
    with pytest.raises(AttributeError):
        view.clock = 1
    assert not any(isinstance(getattr(view, name), np.ndarray) for name in View.__slots__)
    assert view.now_ns != START_NS

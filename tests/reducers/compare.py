"""Everything a state says, beside everything its naive twin says."""

from tests.oracles.naive_market import INTERVALS, Market, NaiveMarkets
from veloz.reducers import health as h
from veloz.reducers import limits, view
from veloz.reducers.booksync import BookState
from veloz.reducers.state import State
from veloz.reducers.windows import levels_of


def assert_equal(state: State, twin: NaiveMarkets) -> None:
    """Every number, or an AssertionError."""
    clock = state.clock[0]
    assert (clock["now_ns"], clock["rows_unlisted"], clock["rows_newer"]) == (twin.now, twin.unlisted, twin.newer)
    assert clock["rows_unknown"] == twin.unknown
    assert clock["slots_used"] == len(twin.markets)
    for number, market in twin.markets.items():
        assert_book(state, number, market)
        assert_trades(state, number, market)
        assert_feed(state, number, market, twin.now)


def assert_book(state: State, number: int, market: Market) -> None:
    slot_ix = view.slot_of(state, number)
    slot = state.slots[slot_ix]
    assert BookState(int(slot["state"])).name == market.state
    for ask in (0, 1):
        keys, qtys = levels_of(state, 2 * slot_ix + ask)
        sign = -1 if ask else 1
        assert dict(zip((sign * keys).tolist(), qtys.tolist(), strict=True)) == market.book[ask]
        best = (min if ask else max)(market.book[ask], default=None)
        side = state.sides[2 * slot_ix + ask]
        assert (sign * int(side["best"]) if market.book[ask] else None) == best
        assert best is None or side["lo"] <= side["best"] <= side["hi"]
        assert side["far_n"] == sum(1 for price in market.book[ask] if sign * price < side["lo"])
    synced, bids, asks, update_id = view.top(state, number, 5)
    if market.state in ("LOADED", "SYNCED"):
        assert (synced, update_id) == (True, market.last_id)
        assert bids == sorted(market.book[0].items(), reverse=True)[:5]
        assert asks == sorted(market.book[1].items())[:5]
    else:
        assert (synced, bids, asks, update_id) == (False, [], [], 0)
    for name in (
        "broken",
        "joined",
        "hurt",
        "orphans",
        "lost_messages",
        "lost_rows",
        "diffs",
        "stale",
        "gaps",
        "snapshots",
    ):
        assert int(slot[name]) == getattr(market, name), name
    assert int(slot["held_n"]) == sum(message.rows for message in market.held)


def assert_trades(state: State, number: int, market: Market) -> None:
    trade, quote, mark = (view.last_record(state, what, number) for what in ("trades", "quotes", "marks"))
    fields = ("trade_id", "price", "qty", "ts_match", "sold")
    assert (None if trade is None else tuple(trade[name] for name in fields)) == market.trade
    fields = ("update_id", "bid", "bid_qty", "ask", "ask_qty")
    assert (None if quote is None else tuple(quote[name] for name in fields)) == market.quote
    fields = ("settle_e8", "mark_e8", "index_e8", "funding_e8", "ts_funding")
    assert (None if mark is None else tuple(mark[name] for name in fields)) == market.mark
    liquidation = view.last_record(state, "liquidations", number)
    fields = ("ts_match", "price", "qty", "avg_price", "filled", "sold")
    assert (None if liquidation is None else tuple(liquidation[name] for name in fields)) == market.liquidation
    slot_ix = view.slot_of(state, number)
    counts = state.trades[slot_ix]
    assert (counts["count"], counts["odd"]) == (market.trades, market.odd)
    assert state.tapes[slot_ix]["refused"] == market.unbarred
    for interval in INTERVALS:
        bars, lates = market.bars(interval)
        assert [tuple(bar) for bar in view.bars(state, number, interval)] == bars, interval
        assert view.late_trades(state, number, interval) == lates, interval


def bin_of(latency: int) -> tuple[int, int]:
    """Sign and lower edge of a latency's bin, by plain division."""
    size = min(abs(latency), 2**limits.LATENCY_HIGH_BITS - 1)
    edge = 0
    if size >= 2**limits.LATENCY_LOW_BITS:
        width = 2 ** (size.bit_length() - 1 - limits.SUB_BITS)
        edge = size // width * width
    return (1, edge) if latency >= 0 else (-1, -edge)


def assert_feed(state: State, number: int, market: Market, now: int) -> None:
    slot_ix = view.slot_of(state, number)
    feed = state.feeds[slot_ix]
    for name in (
        "crossed",
        "jumps",
        "trade_back",
        "refused",
        "quote_back",
        "quote_crossed",
        "disagreed",
        "spread_last",
    ):
        assert int(feed[name]) == getattr(market, name), name
    said = h.health(state, number)
    assert said is not None
    kinds = {1: "md.trade", 2: "md.quote", 3: "md.level", 4: "md.mark", 5: "md.aggtrade"}
    for kind, name in kinds.items():
        assert said.messages.get(name, 0) == market.messages.get(kind, 0)
    assert said.anomalies["event_time_back"] == sum(market.back.values())
    spreads = market.spreads
    assert said.spread["samples"] == len(spreads)
    if spreads:
        wanted = (*(min(each, limits.PRICE_MAX) for each in (min(spreads), max(spreads))), sum(spreads) // len(spreads))
        assert (said.spread["min"], said.spread["max"], said.spread["mean"]) == wanted
    second = now // 10**9
    per_second = sum(1 for each in market.received if each // 10**9 == second - 1)
    per_minute = sum(1 for each in market.received if second - 60 <= each // 10**9 < second)
    assert (said.per_second, said.per_minute) == (per_second, per_minute)
    latencies = sorted(market.latencies)
    for percent, edge in said.latency_ns.items():
        if latencies:
            assert edge == bin_of(latencies[-(-len(latencies) * percent // 100) - 1])[1]
    assert 0 <= said.score <= 100

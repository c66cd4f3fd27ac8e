"""The exchange against a naive one, over random sessions; and the laws that hold whatever the model."""

from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from tests.backtest.stage import Stage, ask, bid, bought, rules, sold
from tests.oracles.naive_venue import NaiveVenue, Said
from veloz.backtest.rules import Latency, Queue
from veloz.contracts.terms import Action

LOW: Final = 995
ACTIONS: Final = {"place": Action.PLACE, "cancel": Action.CANCEL, "amend": Action.AMEND}
EVENT = st.tuples(
    st.sampled_from(["bid", "ask", "bid", "ask", "bought", "sold", "place", "place", "cancel", "amend"]),
    st.integers(0, 9),
    st.integers(0, 12),
    st.sampled_from(["GTC", "GTC", "GTX", "IOC", "FOK"]),
    st.sampled_from(["buy", "sell"]),
)
SESSION = st.lists(EVENT, min_size=5, max_size=60)
TOLD: Final = {"canceled": "canceled", "expired": "expired", "request_rejected": "refused"}


def play(session: list[Any], **told: Any) -> tuple[Stage, NaiveVenue]:
    """A session, an event every 10 ns, requests without delay, at both exchanges."""
    naive, rows, asked, sides = NaiveVenue(), [], [], {}
    for number, (what, at_tick, qty, tif, side) in enumerate(session):
        at, price = 100 + 10 * number, LOW + at_tick
        if what in ("bid", "ask"):
            rows.append((bid if what == "bid" else ask)(at, price, qty))
            naive.level(at, "buy" if what == "bid" else "sell", price, qty)
        elif what in ("bought", "sold"):
            rows.append((bought if what == "bought" else sold)(at, price, qty + 1))
            naive.trade(at, "buy" if what == "bought" else "sell", price, qty + 1)
        else:
            key = number + 1 if what == "place" else list(sides)[-1 - at_tick % len(sides)] if sides else 0
            if key:
                sides.setdefault(key, (side, tif))
                words = {
                    "action": what,
                    "key": key,
                    "side": sides[key][0],
                    "tif": sides[key][1],
                    "price": price,
                    "qty": qty + 1,
                }
                asked.append((at, words))
                naive.request(at, words)
    stage = Stage(rows, rules(entry=Latency(ns=0), response=Latency(ns=0), **told))
    for at, words in asked:
        stage.run(at - 1)
        price = 0 if words["action"] == "cancel" else words["price"]
        stage.ask(
            at, words["key"], words["side"], words["qty"], price, tif=words["tif"], action=ACTIONS[words["action"]]
        )
    stage.run(100 + 10 * len(session))
    return stage, naive


def said_by(stage: Stage) -> list[Said]:
    """What the desk heard, in the naive one's words."""
    found: list[Said] = []
    times = [
        int(at)
        for rows in stage.heard
        for head, at in zip(rows["head"], rows["ts_event"], strict=True)
        if head & 0xFFFF != 87
    ]
    for at, (kind, key, price, qty) in zip(times, stage.reports(), strict=True):
        if kind == "filled":
            found.append((at, key, "fill", price, qty))
        elif kind in TOLD:
            found.append((at, key, TOLD[kind], 0, 0))
    return found


@given(SESSION)
def test_the_same_as_a_naive_exchange(session: list[Any]) -> None:
    stage, naive = play(session)
    assert said_by(stage) == naive.said


@given(SESSION, st.sampled_from(list(Queue)[:6]), st.booleans())
def test_no_fill_is_worse_than_its_limit_nor_more_than_was_there(
    session: list[Any], queue: Queue, partial: bool
) -> None:
    stage, _ = play(session, queue=queue, partial=partial)
    limits: dict[int, int] = {}
    for number, (what, at_tick, *_) in enumerate(session):
        if what == "place":
            limits[number + 1] = LOW + at_tick
    amended = {key for kind, key, *_ in stage.reports() if kind == "replaced"}
    sides = {number + 1: event[4] for number, event in enumerate(session)}
    for key, limit in limits.items():
        for price, _ in stage.fills(key):
            assert key in amended or (price <= limit if sides[key] == "buy" else price >= limit)
    if partial:
        shown = sum(event[2] + 1 for event in session if event[0] in ("bid", "ask", "bought", "sold"))
        assert sum(qty for _, qty in stage.fills()) <= shown

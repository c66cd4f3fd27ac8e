"""Limits as people write and read them."""

from pathlib import Path

import pytest

from tests.risk.floor import ONE_WAY, PERP, Floor
from veloz.contracts.codes import Limit, Refusal
from veloz.contracts.terms import ScopeKind
from veloz.reducers.words import I
from veloz.risk.commands import looseness
from veloz.risk.limits import OFF, Entry, LimitsError, Numbering, explain, read_limits, read_value, seed, write_value

NAMES = Numbering({"main": ONE_WAY}, {"BTCUSDT@binance_usdm": (PERP, 3)}, {"quoter": 1}, 8)


@pytest.mark.parametrize(
    ("limit", "text", "value"),
    [
        (Limit.COLLAR_PPM, "0.5 %", 5_000),
        (Limit.COLLAR_PPM, "0.0001%", 1),
        (Limit.GROSS, "250000", 250_000 * 10**8),
        (Limit.GROSS, 0, 0),
        (Limit.ORDER_QTY, "0.5", 500),
        (Limit.WINDOW_NS, "10s", 10**10),
        (Limit.DUPLICATE_NS, "50ms", 5 * 10**7),
        (Limit.LEVERAGE_PPM, "2.5", 2_500_000),
        (Limit.OPEN_ORDERS, 7, 7),
        (Limit.OWN_CROSS, True, 1),
        (Limit.REPEATS, "off", OFF),
    ],
)
def test_values_are_read_and_written_exactly(limit: Limit, text: object, value: int) -> None:
    assert read_value(limit, text, 3, 8, "here") == value
    assert read_value(limit, write_value(limit, value, 3, 8), 3, 8, "here") == value


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (Limit.COLLAR_PPM, "0.5"),
        (Limit.GROSS, "-1"),
        (Limit.GROSS, "many"),
        (Limit.GROSS, "0.000000001"),
        (Limit.ORDER_QTY, "0.0005"),
        (Limit.WINDOW_NS, "10"),
        (Limit.WINDOW_NS, "0s"),
        (Limit.WINDOW_NS, "60m"),
        (Limit.OPEN_ORDERS, "1.5"),
        (Limit.OWN_CROSS, 2),
        (Limit.GROSS, "9" * 30),
    ],
)
def test_what_cannot_be_read_is_refused(limit: Limit, text: object) -> None:
    with pytest.raises(LimitsError, match=r"\.$"):
        read_value(limit, text, 3, 8, "here")


def test_a_file_seeds_an_empty_journal_and_is_told_again() -> None:
    pytest.importorskip("yaml")
    text = """
global: {own_cross: 0, gross: "1000", allowed: 0}
venue: {binance_usdm: {open_orders: 3}}
account: {main: {leverage: 2}}
instrument: {"BTCUSDT@binance_usdm": {order_qty: "0.004", allowed: 1}}
strategy: {quoter: {intents_per_window: 5, window: 1s}}
"""
    entries = read_limits(text, NAMES)
    floor = Floor()
    asked = 0
    for command in seed(entries, 1, floor.now, 1).reshape(-1, 1):
        command["aux"] = asked if command["aux"][0] else 0
        assert floor.command(command) == [0]
        asked = floor.seq - 2
    told = {(line.scope, line.limit): line.value for line in explain(floor.state, NAMES)}
    assert told == {
        ("global", "own_cross"): "0", ("global", "gross"): "1000", ("global", "allowed"): "0",
        ("venue binance_usdm", "open_orders"): "3", ("account main", "leverage"): "2",
        ("instrument BTCUSDT@binance_usdm", "order_qty"): "0.004", ("instrument BTCUSDT@binance_usdm", "allowed"): "1",
        ("strategy quoter", "intents_per_window"): "5", ("strategy quoter", "window"): "1s",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["global: [1]", "nowhere: {}", "account: {other: {}}", "global: {speed: 1}", "global: {order_qty: 1}", "- 1", "{"],
)
def test_a_file_that_cannot_be_used_says_so(text: str) -> None:
    pytest.importorskip("yaml")
    with pytest.raises(LimitsError, match=r"\.$"):
        read_limits(text, NAMES)


def test_the_shipped_file_can_be_used(root: Path) -> None:
    pytest.importorskip("yaml")
    assert len(read_limits((root / "configs/limits.yaml").read_text(), NAMES)) == 16


def test_a_seed_confirms_what_it_loosens() -> None:
    entries = [Entry(ScopeKind.GLOBAL, 0, Limit.GROSS, 5), Entry(ScopeKind.GLOBAL, 0, Limit.OWN_CROSS, 0)]
    rows = seed(entries, 100, 1, 7)
    assert rows["aux"].tolist() == [0, 0, 101]
    assert rows["qty"].tolist() == [5, 0, 0]


LESS = [
    each for each in Limit if each.name.endswith(("QTY", "NOTIONAL", "WINDOW")) or each in (Limit.GROSS, Limit.STALE_NS)
]
OTHERS = [
    (Limit.DUPLICATE_NS, [5, 1, OFF]), (Limit.WINDOW_NS, [9, 7, 5]), (Limit.ALLOWED, [0, OFF, 1]), (Limit.OWN_CROSS, [1, OFF, 0]),
]  # fmt: skip


@pytest.mark.parametrize(("limit", "strictest_first"), [(each, [0, 1, 5, OFF]) for each in LESS] + OTHERS)
def test_what_is_stricter(limit: Limit, strictest_first: list[int]) -> None:
    order = [int(looseness(I(limit), I(value), I(7))) for value in strictest_first]
    assert order == sorted(set(order))


def test_a_lowering_may_be_confirmed_and_needs_not_be() -> None:
    floor = Floor()
    assert floor.limit(ScopeKind.GLOBAL, 0, Limit.ORDER_QTY, 6) == [0]
    before = floor.state.limit_notes.copy()
    assert floor.limit(ScopeKind.GLOBAL, 0, Limit.ORDER_QTY, 6, confirm=floor.seq - 2) == []
    assert (floor.state.limit_notes == before).all()
    assert floor.limit(ScopeKind.GLOBAL, 0, Limit.ORDER_QTY, 7, confirm=floor.seq - 1) == [Refusal.CONFIRM_NEEDED]


def test_lowering_withdraws_a_raise() -> None:
    floor = Floor()
    assert floor.limit(ScopeKind.GLOBAL, 0, Limit.ORDER_QTY, 6) == [0]
    assert floor.limit(ScopeKind.GLOBAL, 0, Limit.ORDER_QTY, 8) == [0]
    asked = floor.seq - 2
    line = next(line for line in explain(floor.state, NAMES) if line.limit == "order_qty")
    assert (line.waiting, line.waiting_seq, line.revision) == ("8", asked, 1)
    assert floor.limit(ScopeKind.GLOBAL, 0, Limit.ORDER_QTY, 4) == [0]
    assert floor.limit(ScopeKind.GLOBAL, 0, Limit.ORDER_QTY, 8, confirm=asked) == [Refusal.CONFIRM_NEEDED]
    assert floor.limit(ScopeKind.GLOBAL, 0, Limit.ORDER_QTY, 4) == [Refusal.ALREADY]
    assert floor.limit(ScopeKind.GLOBAL, 0, Limit.WINDOW_NS, 0) == [Refusal.OUT_OF_BOUNDS]

"""Every private message of Binance in the recordings: what it states is what the state says after folding it."""

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.venues.binance.private_fixtures import (
    EVENTS,
    STATING,
    Fixture,
    balances_stated,
    find_fixtures,
    positions_stated,
)  # fmt: skip
from tests.venues.binance.private_frames import new_private, one_frame
from veloz.contracts import registry, terms
from veloz.contracts.account import AccountOpened
from veloz.contracts.codes import VENUES
from veloz.contracts.instrument import InstrumentBody
from veloz.contracts.layout import ROW
from veloz.reducers import holdings, wallet
from veloz.reducers.finding import find_order
from veloz.reducers.fold import fold
from veloz.reducers.order_table import OrderState
from veloz.reducers.places import NO_STRATEGY, find_position
from veloz.reducers.state import State, new_state
from veloz.reducers.words import I
from veloz.venues.binance.private import PrivateCodec, open_account

ACCOUNT = 3
E8 = Decimal(10**8)
FOUND = {
    "executionReport": 15, "ORDER_TRADE_UPDATE": 11, "ALGO_UPDATE": 4, "balanceUpdate": 3, "ACCOUNT_UPDATE": 2,
    "outboundAccountPosition": 2, "listStatus": 2, "CONDITIONAL_ORDER_TRIGGER_REJECT": 1, "GRID_UPDATE": 1,
    "ACCOUNT_CONFIG_UPDATE": 1, "MARGIN_CALL": 1, "STRATEGY_UPDATE": 1, "TRADE_LITE": 1,
}  # fmt: skip
STATEMENTS = (  # every message that carries a balance or a position
    "payloads_jkorf/Subscriptions__Spot__Account__Balance.txt#0",
    "payloads_jkorf/Subscriptions__UsdFutures__AccountUpdate.txt#0",
    "payloads_jkorf/Subscriptions__UsdFutures__MarginUpdate.txt#0",
    "payloads_nautilus/futures__user_data_json__account_update.json#0",
    "payloads_nautilus/spot__user_data_json__account_position.json#0",
    "payloads_nautilus/spot__user_data_json__balance_update.json#0",
    "rest_recordings/wsHandleData.json#4",
    "rest_recordings/wsHandleData.json#7",
)
STATES = {
    "NEW": "order.accepted", "PARTIALLY_FILLED": "order.accepted", "FILLED": "order.accepted", "PENDING_CANCEL": "order.accepted",
    "NEW_ADL": "order.accepted", "NEW_INSURANCE": "order.accepted", "CANCELED": "order.canceled", "EXPIRED": "order.expired",
    "EXPIRED_IN_MATCH": "order.expired",
}  # fmt: skip
PAYS = {  # base, quote, settle of the symbols that orders are of
    "BTCUSDT": ("BTC", "USDT", "USDT"), "ETHUSDT": ("ETH", "USDT", "USDT"), "BTCUSD": ("BTC", "USD", "USD"),
    "ETHBTC": ("ETH", "BTC", "BTC"), "BNBBTC": ("BNB", "BTC", "BTC"),
}  # fmt: skip
Row = dict[str, int]


@pytest.fixture(scope="module")
def fixtures(shared: Path) -> list[Fixture]:
    return find_fixtures(shared / "data")


def offer_instruments(codec: PrivateCodec, venue: str) -> None:
    """What the venue's own list would say of the symbols that orders are of."""
    spot = venue == "binance_spot"
    for symbol, (base, quote, settle) in PAYS.items():
        codec.catalogue.offer(
            InstrumentBody(
                venue=venue, symbol=symbol, product="spot" if spot else "linear", base=base, quote=quote,
                settle="" if spot else settle, price_scale=2, qty_scale=8 if spot else 3, origin="venue",
            )
        )  # fmt: skip


def folded(fixture_list: list[Fixture], *, offered: bool = False) -> tuple[State, PrivateCodec]:
    """The state after an account was opened and these messages of one market came in."""
    venue = fixture_list[0].venue
    codec = new_private(venue, ACCOUNT)
    if offered:
        offer_instruments(codec, venue)
    opened = AccountOpened(account=ACCOUNT, market=int(VENUES[venue]), hedge=1, lots=0, reporting=0)
    rows = [np.array([open_account(opened, "of a test", 1)[0]], ROW)]
    rows += [codec.decode(one_frame(fixture.frame, k)).rows for k, fixture in enumerate(fixture_list, 2)]
    assert (codec.counts.rejected, codec.counts.unknown) == (0, 0)
    return fold(new_state(), np.concatenate(rows), 1), codec


def balances_folded(state: State, codec: PrivateCodec) -> dict[str, tuple[Decimal, Decimal]]:
    """Total and locked of every asset of the account that the state knows."""
    found = {}
    for each in wallet.balances(state, ACCOUNT):
        assert each.drift == 0 or codec.counts.messages.total() > 1, "one message explains itself"
        unit = Decimal(10**each.scale)
        found[codec.assets[each.asset].name] = (each.total / unit, each.locked / unit)
    return found


def positions_folded(state: State, codec: PrivateCodec) -> dict[tuple[str, str], tuple[Fraction, ...]]:
    """What the state says is stated about every position of the account."""
    found = {}
    for held in holdings.positions(state):
        if held.stated_qty is None:
            continue
        assert held.stated_entry is not None
        assert held.stated_unrealized_e8 is not None
        assert (held.account, held.strategy) == (ACCOUNT, -1)
        instrument = codec.catalogue[held.instrument]
        qty, entry = Fraction(held.stated_qty, 10**instrument.qty_scale), held.stated_entry / 10**instrument.price_scale
        side = terms.PositionSide(held.side).name
        found[instrument.symbol, side] = (qty, entry, Fraction(held.stated_unrealized_e8, 10**8))
    return found


def test_no_message_is_skipped(fixtures: list[Fixture]) -> None:
    assert Counter(fixture.event["e"] for fixture in fixtures) == FOUND
    assert tuple(fixture.name for fixture in fixtures if fixture.event["e"] in STATING) == STATEMENTS


def test_what_is_stated_is_what_the_state_says(fixtures: list[Fixture]) -> None:
    seen = Counter[str]()
    for fixture in fixtures:
        if fixture.event["e"] not in STATING:
            continue
        state, codec = folded([fixture])
        assert balances_folded(state, codec) == balances_stated(fixture.event), fixture.name
        assert positions_folded(state, codec) == positions_stated(fixture.event), fixture.name
        assert int(state.accounts[ACCOUNT]["margin_calls"]) == (fixture.event["e"] == "MARGIN_CALL"), fixture.name
        seen[fixture.event["e"]] += 1
    assert seen == {"outboundAccountPosition": 2, "balanceUpdate": 3, "ACCOUNT_UPDATE": 2, "MARGIN_CALL": 1}


def test_many_messages_of_one_account(fixtures: list[Fixture]) -> None:
    """All that state something, of a market, in one journal and the order of their time: the last word on each asset and position."""
    for venue in ("binance_spot", "binance_usdm"):
        mine = [one for one in fixtures if one.venue == venue and one.event["e"] in STATING[:2] + STATING[3:]]
        mine.sort(key=lambda one: one.event.get("u", one.event.get("T", one.event["E"])))
        assert len(mine) >= 2
        state, codec = folded(mine)
        balances: dict[str, tuple[Decimal, Decimal]] = {}
        positions: dict[tuple[str, str], tuple[Decimal, Decimal, Decimal]] = {}
        for one in mine:
            balances |= balances_stated(one.event)
            positions |= positions_stated(one.event)
        assert (balances_folded(state, codec), positions_folded(state, codec)) == (balances, positions)


def test_a_margin_call_says_what_it_says(fixtures: list[Fixture]) -> None:
    (fixture,) = (one for one in fixtures if one.event["e"] == "MARGIN_CALL")
    codec, rows = read(fixture)
    (row,) = rows["account.margin_call"]
    said = fixture.event["p"][0]
    assert row["qty"] == Decimal(said["pa"]) * 10 ** codec.catalogue[1].qty_scale
    assert row["mark_e8"] == Decimal(said["mp"]) * E8
    assert row["maintenance_e8"] == Decimal(said["mm"]) * E8
    assert row["wallet_e8"] == Decimal(fixture.event["cw"]) * E8
    assert terms.unpack(terms.META, row["account"])["position_side"] == terms.PositionSide[said["ps"]]


def read(fixture: Fixture) -> tuple[PrivateCodec, dict[str, list[Row]]]:
    """Rows of a message by kind, words by name."""
    codec = new_private(fixture.venue, ACCOUNT)
    found: dict[str, list[Row]] = {}
    for row in codec.decode(one_frame(fixture.frame)).rows:
        kind = registry.BY_NUMBER[int(row["kind"])]
        words = dict(zip(kind.words, (int(word) for word in list(row.item())[6:]), strict=False))
        found.setdefault(kind.name, []).append(words)
    return codec, found


def orders_of(fixtures: list[Fixture]) -> list[tuple[Fixture, dict[str, Any]]]:
    """Events about ordinary orders, and the part that says it."""
    return [
        (one, one.event.get("o", one.event) if one.event["e"] == "ORDER_TRADE_UPDATE" else one.event)
        for one in fixtures
        if one.event["e"] in ("executionReport", "ORDER_TRADE_UPDATE")
    ]


def test_every_order_event_becomes_the_right_report(fixtures: list[Fixture]) -> None:
    seen = orders_of(fixtures)
    assert len(seen) == 26
    for fixture, said in seen:
        codec, rows = read(fixture)
        (instrument,) = codec.catalogue
        assert instrument.symbol == said["s"]
        quantum = Decimal(10**instrument.qty_scale)
        empty = said["X"] == "FILLED" and Decimal(said["z"]) == 0
        kind = "order.expired" if empty else STATES[said["X"]]
        assert [name for name in rows if name in STATES.values()] == [kind], fixture.name
        (report,) = rows[kind]
        (stated,) = rows["order.stated"]
        assert report["order"] == stated["order"] == -said["i"], "none of them is ours"
        assert report["filled"] == Decimal(said["z"]) * quantum
        assert stated["qty"] == Decimal(said["q"]) * quantum
        assert stated["price"] == Decimal(said["p"]) * 10**instrument.price_scale
        assert stated["venue_seq"] // 10**6 == fixture.event["T"]
        meta = terms.unpack(terms.META, report["meta"])
        assert (meta["account"], meta["sell"]) == (ACCOUNT, int(said["S"] == "SELL"))
        assert meta["position_side"] == terms.PositionSide[said.get("ps", "BOTH")]


def test_every_fill_is_booked_with_its_fee_and_no_other(fixtures: list[Fixture]) -> None:
    fills = 0
    for fixture, said in orders_of(fixtures):
        codec, rows = read(fixture)
        (instrument,) = codec.catalogue
        if said["x"] not in ("TRADE", "CALCULATED") or Decimal(said["l"]) == 0:
            assert "order.filled" not in rows, fixture.name
            assert "order.fee" not in rows, fixture.name
            continue
        fills += 1
        (fill,), (fee,) = rows["order.filled"], rows["order.fee"]
        assert fill["qty"] == Decimal(said["l"]) * 10**instrument.qty_scale
        assert fill["price"] == Decimal(said["L"]) * 10**instrument.price_scale
        assert fill["trade_id"] == fee["trade_id"] == said["t"]
        assert codec.assets[fee["asset"]].name == said["N"]
        assert fee["amount"] == Decimal(said["n"]) * 10 ** codec.assets[fee["asset"]].scale
        assert terms.unpack(terms.META, fill["meta"])["maker"] == int(said["m"])
    assert fills == 10


def test_orders_of_the_venue_say_why(fixtures: list[Fixture]) -> None:
    whys = {"autoclose-": "LIQUIDATION", "adl_auto": "ADL", "settleme": "SETTLEMENT"}
    seen = Counter[str]()
    for fixture, said in orders_of(fixtures):
        why = next((why for prefix, why in whys.items() if said["c"].startswith(prefix[:8])), None)
        _, rows = read(fixture)
        reports = [row for kind in (*set(STATES.values()), "order.filled") for row in rows.get(kind, [])]
        for row in reports if why else []:
            assert terms.unpack(terms.META, row["meta"])["why"] == terms.Why[str(why)], fixture.name
        seen[str(why)] += 1
    assert {why: seen[why] for why in whys.values()} == {"LIQUIDATION": 3, "ADL": 2, "SETTLEMENT": 1}


def test_events_that_book_nothing_are_known(fixtures: list[Fixture]) -> None:
    silent = [one for one in fixtures if one.event["e"] in EVENTS and set(read(one)[1]) == {"system.link"}]
    assert Counter(one.event["e"] for one in silent) == {
        "listStatus": 2, "CONDITIONAL_ORDER_TRIGGER_REJECT": 1, "GRID_UPDATE": 1, "STRATEGY_UPDATE": 1, "TRADE_LITE": 1,
    }  # fmt: skip


def test_every_order_event_is_what_the_state_says(fixtures: list[Fixture]) -> None:
    """Folded alone: the order, the account's own position, and the fee."""
    for fixture, said in orders_of(fixtures):
        state, codec = folded([fixture], offered=True)
        (instrument,) = codec.catalogue
        quantum = 10**instrument.qty_scale
        order = state.orders[int(find_order(state.orders, state.order_places, I(-said["i"]), I(instrument.number)))]
        cumulative, whole = Decimal(said["z"]) * quantum, Decimal(said["q"]) * quantum
        over = {"CANCELED": OrderState.CANCELED, "EXPIRED_IN_MATCH": OrderState.EXPIRED, "FILLED": OrderState.EXPIRED}
        wanted = OrderState.PARTIALLY_FILLED if cumulative else OrderState.ACCEPTED
        wanted = OrderState.FILLED if cumulative == whole > 0 else over.get(said["X"], wanted)
        assert (order["state"], order["filled"], order["qty"]) == (wanted, cumulative, whole), fixture.name
        assert (order["venue_order"], order["account"]) == (said["i"], ACCOUNT)
        traded = said["x"] in ("TRADE", "CALCULATED") and Decimal(said["l"]) * quantum
        side = I(terms.PositionSide[said.get("ps", "BOTH")])
        at = int(find_position(state, I(ACCOUNT), I(instrument.number), side, NO_STRATEGY))
        held = int(state.positions[at]["qty"]) if at >= 0 else 0
        assert held == (-traded if said["S"] == "SELL" else traded), fixture.name
        if traded:
            fee = codec.assets.find(said["N"])
            assert fee is not None
            balance = wallet.balance(state, ACCOUNT, fee.number)
            assert balance is not None
            assert balance.fees == Decimal(said["n"]) * 10**fee.scale
        assert state.desk[0]["overflows"] == state.desk[0]["unplaced"] == state.desk[0]["strays"] == 0

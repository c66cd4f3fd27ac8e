"""Messages of one story in every order: the state that they end in is the same, and it is what the venue states last."""

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from tests.venues.binance.private_frames import new_private, one_frame
from veloz.contracts.account import AccountOpened
from veloz.contracts.codes import VENUES
from veloz.contracts.instrument import InstrumentBody
from veloz.contracts.layout import ROW
from veloz.contracts.terms import PositionSide
from veloz.reducers import wallet
from veloz.reducers.finding import find_order
from veloz.reducers.fold import fold
from veloz.reducers.order_table import OrderState
from veloz.reducers.places import NO_STRATEGY, find_position
from veloz.reducers.state import State, new_state
from veloz.reducers.words import I
from veloz.venues.binance.private import PrivateCodec, open_account

T = 1795198337878
ORDER = 28
Event = dict[str, Any]


def spot_balance(at: int, **assets: tuple[str, str]) -> Event:
    held = [{"a": name, "f": free, "l": locked} for name, (free, locked) in assets.items()]
    return {"e": "outboundAccountPosition", "E": at + 3, "u": at, "B": held}


def spot_report(at: int, execution: str, status: str, filled: str, **more: Any) -> Event:
    said = {
        "e": "executionReport", "E": at + 1, "s": "BTCUSDT", "c": "web_1", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "0.01000000",
        "p": "30000.00000000", "x": execution, "X": status, "i": ORDER, "l": "0", "z": filled, "L": "0", "n": "0", "N": None, "T": at,
        "t": -1, "m": True, "C": "",
    }  # fmt: skip
    return {**said, **more}


SPOT = [
    spot_report(T, "NEW", "NEW", "0"),
    spot_report(T, "TRADE", "PARTIALLY_FILLED", "0.004", l="0.004", L="29999.00", n="0.00000400", N="BTC", t=56),
    spot_balance(T, BTC=("0.00399600", "0"), USDT=("700.00400000", "180.00000000")),
    spot_report(T + 9, "TRADE", "FILLED", "0.01", l="0.006", L="30000.00", n="0.00000600", N="BTC", t=57),
    spot_balance(T + 9, BTC=("0.00999000", "0"), USDT=("700.00400000", "0")),
]
SPOT_BEFORE = spot_balance(T - 1000, BTC=("0", "0"), USDT=("1000.00000000", "0"))


def futures_report(at: int, order: int, sell: bool, price: str, fee: str, profit: str) -> Event:
    said = {
        "s": "BTCUSDT", "c": f"web_{order}", "S": "SELL" if sell else "BUY", "o": "LIMIT", "f": "GTC", "q": "0.010", "p": price,
        "x": "TRADE", "X": "FILLED", "i": order, "l": "0.010", "z": "0.010", "L": price, "N": "USDT", "n": fee, "t": order + 100,
        "m": True, "R": False, "ps": "BOTH", "rp": profit,
    }  # fmt: skip
    return {"e": "ORDER_TRADE_UPDATE", "E": at + 2, "T": at, "o": said}


def futures_account(at: int, wallet_now: str, held: str, entry: str) -> Event:
    position = {"s": "BTCUSDT", "pa": held, "ep": entry, "up": "0", "mt": "cross", "ps": "BOTH"}
    money = {"a": "USDT", "wb": wallet_now, "cw": wallet_now, "bc": "0"}
    return {"e": "ACCOUNT_UPDATE", "E": at + 1, "T": at, "a": {"m": "ORDER", "B": [money], "P": [position]}}


FUTURES = [
    futures_report(T, 28, False, "30000.00", "0.06000000", "0"),
    futures_account(T, "999.94000000", "0.010", "30000.0"),
    futures_report(T + 9, 29, True, "30010.00", "0.06002000", "0.1"),
    futures_account(T + 9, "999.97998000", "0", "0"),
]
FUTURES_BEFORE = futures_account(T - 1000, "1000.00000000", "0", "0")


def told(venue: str, events: list[Event]) -> tuple[State, PrivateCodec]:
    codec = new_private(venue)
    spot = venue == "binance_spot"
    codec.catalogue.offer(
        InstrumentBody(
            venue=venue, symbol="BTCUSDT", product="spot" if spot else "linear", base="BTC", quote="USDT",
            settle="" if spot else "USDT", price_scale=2, qty_scale=8 if spot else 3, origin="venue",
        )
    )  # fmt: skip
    opened = AccountOpened(account=1, market=int(VENUES[venue]), hedge=0, lots=0, reporting=0)
    rows = [np.array([open_account(opened, "of a test", 1)[0]], ROW)]
    rows += [codec.decode(one_frame(json.dumps(event).encode(), k)).rows for k, event in enumerate(events, 2)]
    assert (codec.counts.rejected, codec.counts.unknown) == (0, 0)
    return fold(new_state(), np.concatenate(rows), 1), codec


def ending(state: State, codec: PrivateCodec) -> tuple[dict[str, tuple[Decimal, ...]], int]:
    """Balances (total, locked, fees, unexplained) and the account's own position."""
    balances = {}
    for each in wallet.balances(state, 1):
        unit = Decimal(10**each.scale)
        amounts = (each.total, each.locked, each.fees, each.drift)
        balances[codec.assets[each.asset].name] = tuple(amount / unit for amount in amounts)
    at = int(find_position(state, I(1), I(1), I(PositionSide.BOTH), NO_STRATEGY))
    return balances, int(state.positions[at]["qty"])


def stories(before: Event, events: list[Event], twice: bool) -> Iterator[list[Event]]:
    for order in permutations(events):
        yield [before, *order, *(order if twice else ())]


@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
def test_spot_fills_and_balances_in_any_order(twice: bool) -> None:
    wanted = {"BTC": ("0.00999", "0", "0.00001", "0"), "USDT": ("700.004", "0", "0", "0")}
    for events in stories(SPOT_BEFORE, SPOT, twice):
        state, codec = told("binance_spot", events)
        balances, held = ending(state, codec)
        assert balances == {name: tuple(map(Decimal, amounts)) for name, amounts in wanted.items()}
        assert held == 1_000_000
        order = state.orders[int(find_order(state.orders, state.order_places, I(-ORDER), I(1)))]
        assert (order["state"], order["filled"], order["traded"]) == (OrderState.FILLED, 1_000_000, 1_000_000)


@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
def test_futures_fills_and_wallets_in_any_order(twice: bool) -> None:
    wanted = {"USDT": tuple(map(Decimal, ("999.97998", "0", "0.12002", "0")))}
    for events in stories(FUTURES_BEFORE, FUTURES, twice):
        state, codec = told("binance_usdm", events)
        assert ending(state, codec) == (wanted, 0)
        position = state.positions[int(find_position(state, I(1), I(1), I(PositionSide.BOTH), NO_STRATEGY))]
        assert position["stated_qty"] == 0

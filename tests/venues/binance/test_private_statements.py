"""Answers about an account: what they state is what the state says; a statement is whole or nothing."""

import gzip
import json
import random
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.venues.binance.mutators import spoil
from tests.venues.binance.private_frames import known, new_private
from veloz.contracts import registry, terms
from veloz.contracts.account import AccountOpened
from veloz.contracts.codes import VENUES
from veloz.contracts.layout import ROW, STEP_END
from veloz.reducers import wallet
from veloz.reducers.finding import find_order
from veloz.reducers.fold import fold
from veloz.reducers.order_table import OrderState
from veloz.reducers.places import NO_STRATEGY, find_position
from veloz.reducers.state import State, new_state
from veloz.reducers.words import I
from veloz.venues.binance.private import PrivateCodec, open_account
from veloz.venues.binance.private_rows import Told
from veloz.venues.binance.private_statements import ACCOUNT, ORDERS, POSITIONS, QUESTIONS
from veloz.venues.port import LocalError

NUMBER = 5
AT_NS = 1_800_000_000 * 10**9
SPOT_ACCOUNT = '{"updateTime":1700000000000,"balances":[{"asset":"BTC","free":"1.5","locked":"0.5"},{"asset":"X","free":"0","locked":"0"}]}'
FUTURES_ACCOUNT = (
    '{"assets":[{"asset":"USDT","walletBalance":"-23.72469206","updateTime":1625474304765}],"positions":[]}'
)
SPOT_ORDER = (
    '{"symbol":"LTCBTC","orderId":1,"orderListId":-1,"clientOrderId":"v1-2s-0","price":"0.1","origQty":"1.0","executedQty":"0.25",'
    '"cummulativeQuoteQty":"0.025","status":"PARTIALLY_FILLED","timeInForce":"GTC","type":"LIMIT_MAKER","side":"SELL",'
    '"stopPrice":"0.0","time":1499827319559,"updateTime":1499827319600,"selfTradePreventionMode":"NONE"}'
)
POSITION = (
    '{"symbol":"BTCUSDT","positionAmt":"-0.009","entryPrice":"67445.9","unRealizedProfit":"0.51106678","positionSide":"BOTH",'
    '"updateTime":1722161166529,"leverage":"20","marginType":"isolated"}'
)
FLAT = POSITION.replace("BTCUSDT", "ETHUSDT").replace("-0.009", "0.000")
FUTURES_ORDER = (
    '{"symbol":"BTCUSDT","orderId":1917641,"clientOrderId":"abc","price":"0","origQty":"0.40","executedQty":"0","status":"NEW",'
    '"timeInForce":"GTC","type":"TRAILING_STOP_MARKET","side":"BUY","positionSide":"SHORT","stopPrice":"9300","reduceOnly":false,'
    '"activatePrice":"9020","priceRate":"0.3","updateTime":1579276756075,"workingType":"MARK_PRICE","goodTillDate":0}'
)
ANSWERS = {
    "binance_spot": {ACCOUNT: SPOT_ACCOUNT, ORDERS: f"[{SPOT_ORDER}]"},
    "binance_usdm": {ACCOUNT: FUTURES_ACCOUNT, POSITIONS: f"[{POSITION},{FLAT}]", ORDERS: f"[{FUTURES_ORDER}]"},
}
ABOUT = {  # recorded and documented answers: question, market, and where they are
    "payloads_jkorf/Endpoints__CoinFutures__Account__GetAccountInfo.txt": (ACCOUNT, "binance_coinm"),
    "payloads_jkorf/Endpoints__CoinFutures__Account__GetPositionInformation.txt": (POSITIONS, "binance_coinm"),
    "payloads_jkorf/Endpoints__CoinFutures__Trading__GetOpenOrder.txt": (ORDERS, "binance_coinm"),
    "payloads_jkorf/Endpoints__CoinFutures__Trading__GetOrder.txt": (ORDERS, "binance_coinm"),
    "payloads_jkorf/Endpoints__Spot__Trading__GetOrder.txt": (ORDERS, "binance_spot"),
    "payloads_jkorf/Endpoints__UsdFutures__Account__GetAccountInfoV3.txt": (ACCOUNT, "binance_usdm"),
    "payloads_jkorf/Endpoints__UsdFutures__Trading__GetOpenOrders.txt": (ORDERS, "binance_usdm"),
    "payloads_jkorf/Endpoints__UsdFutures__Trading__GetPositions.txt": (POSITIONS, "binance_usdm"),
    "payloads_jkorf/Socket__CoinFutures__Account__GetAccountInfo.txt": (ACCOUNT, "binance_coinm"),
    "payloads_jkorf/Socket__CoinFutures__Trading__GetOrder.txt": (ORDERS, "binance_coinm"),
    "payloads_jkorf/Socket__Spot__Trading__GetOpenOrders.txt": (ORDERS, "binance_spot"),
    "payloads_jkorf/Socket__UsdFutures__Account__GetAccountInfo.txt": (ACCOUNT, "binance_usdm"),
    "payloads_jkorf/Socket__UsdFutures__Trading__GetOrder.txt": (ORDERS, "binance_usdm"),
    "payloads_nautilus/futures__http_json__account_info_v2.json": (ACCOUNT, "binance_usdm"),
    "payloads_nautilus/futures__http_json__position_risk.json": (POSITIONS, "binance_usdm"),
    "payloads_nautilus/spot__http_json__account_response.json": (ACCOUNT, "binance_spot"),
    "payloads_nautilus/spot__http_json__all_orders_response.json": (ORDERS, "binance_spot"),
    "payloads_nautilus/spot__http_json__order_response.json": (ORDERS, "binance_spot"),
    "payloads_nautilus_py/http_responses__http_futures_account_orders.json": (ORDERS, "binance_usdm"),
    "payloads_nautilus_py/http_responses__http_futures_account_positions_hedge.json": (POSITIONS, "binance_usdm"),
}


def whole(venue: str, **others: str) -> dict[str, bytes]:
    """The answers of a statement, some of them others."""
    return {question: text.encode() for question, text in {**ANSWERS[venue], **others}.items()}


def empty_with(venue: str, question: str, body: bytes) -> dict[str, bytes]:
    """A statement that says nothing but one answer."""
    nothing = {
        ACCOUNT: b'{"balances":[]}' if venue == "binance_spot" else b'{"assets":[]}',
        POSITIONS: b"[]",
        ORDERS: b"[]",
    }
    return {each: body if each == question else nothing[each] for each in QUESTIONS[venue]}


def folded(codec: PrivateCodec, venue: str, told: Told) -> State:
    opened = AccountOpened(account=NUMBER, market=int(VENUES[venue]), hedge=1, lots=0, reporting=0)
    codec.commit(told)
    return fold(new_state(), np.array([open_account(opened, "of a test", 1)[0], *told.rows], ROW), 1)


def kinds_of(told: Told) -> list[str]:
    return [registry.BY_NUMBER[row[0]].name for row in told.rows]


def texts(path: Path) -> bytes:
    """The answer in a fixture: behind the `= ` of a transcript, from the first bracket of a recording."""
    text = path.read_text()
    if path.name.startswith("Socket__"):
        text = re.split(r"(?m)^=\d* ?", text)[1]
    return text[min(text.find(bracket) for bracket in "{[" if bracket in text) :].encode()


def fixture_answers(shared: Path) -> list[tuple[str, str, str, bytes]]:
    folder = shared / "data" / "binance"
    found = [(name, *about, texts(folder / name)) for name, about in ABOUT.items()]
    routes = json.loads(gzip.decompress((folder / "rest_recordings" / "http.json.gz").read_bytes()))["routes"]
    for route, question in (
        ("/api/v3/account", ACCOUNT),
        ("/api/v3/openOrders", ORDERS),
        ("/api/v3/allOrders", ORDERS),
    ):
        recorded = [answer["data"] for answer in routes[route]["GET"] if answer["data"]]
        found += [(route, question, "binance_spot", json.dumps(data).encode()) for data in recorded]
    return found


def stated(document: Any) -> Any:
    return document.get("result", document) if isinstance(document, dict) else document


def assert_balances(state: State, codec: PrivateCodec, said: dict[str, Any], name: str) -> None:
    wanted = {
        entry["asset"]: Decimal(entry["walletBalance"]) if "walletBalance" in entry else Decimal(entry["free"]) + Decimal(entry["locked"])
        for entry in said.get("assets", said.get("balances", []))
    }  # fmt: skip
    found = {
        codec.assets[each.asset].name: Decimal(each.total) / 10**each.scale for each in wallet.balances(state, NUMBER)
    }
    assert found == {asset: total for asset, total in wanted.items() if total}, name


def assert_positions(state: State, codec: PrivateCodec, said: list[dict[str, Any]], name: str) -> None:
    for entry in said:
        instrument = codec.catalogue.find(codec_venue(codec), entry["symbol"])
        amount = Decimal(entry["positionAmt"])
        if instrument is None:
            assert amount == 0, name
            continue
        side = I(terms.PositionSide[entry["positionSide"]])
        at = int(find_position(state, I(NUMBER), I(instrument.number), side, NO_STRATEGY))
        if at < 0:
            assert amount == 0, name
            continue
        position = state.positions[at]
        held = Decimal(int(position["stated_qty"])) / 10**instrument.qty_scale
        entry_price = Decimal(int(position["stated_entry_e8"])) / 10**8
        unrealized = Decimal(int(position["stated_unrealized_e8"])) / 10**8
        said_of_it = tuple(Decimal(entry[key]) for key in ("positionAmt", "entryPrice", "unRealizedProfit"))
        assert (held, entry_price, unrealized) == said_of_it or (held, amount) == (0, 0), name


def codec_venue(codec: PrivateCodec) -> str:
    return next(iter(codec._sources.values()))[0].venue


def assert_orders(state: State, codec: PrivateCodec, said: Any, name: str) -> None:
    for entry in said if isinstance(said, list) else [said]:
        instrument = codec.catalogue.find(codec_venue(codec), entry["symbol"])
        assert instrument is not None
        at = int(find_order(state.orders, state.order_places, I(-entry["orderId"]), I(instrument.number)))
        order = state.orders[at]
        assert int(order["qty"]) == Decimal(entry["origQty"]) * 10**instrument.qty_scale, name
        assert int(order["filled"]) == Decimal(entry["executedQty"]) * 10**instrument.qty_scale, name
        assert order["state"] in {OrderState[status] for status in (entry["status"].replace("NEW", "ACCEPTED"),)}, name


def test_what_answers_state_is_what_the_state_says(shared: Path) -> None:
    found = fixture_answers(shared)
    assert len(found) >= len(ABOUT) + 3
    for name, question, venue, body in found:
        codec = new_private(venue, NUMBER)
        told = codec.read_statement(empty_with(venue, question, body), 1, 1, AT_NS)
        assert not told.rejected, name
        state = folded(codec, venue, told)
        assert state.accounts[NUMBER]["clean"] == 1, name
        said = stated(json.loads(body))
        if question == ACCOUNT:
            assert_balances(state, codec, said, name)
        elif question == POSITIONS:
            assert_positions(state, codec, said, name)
        else:
            assert_orders(state, codec, said, name)


def test_a_statement_stands_between_its_marks() -> None:
    codec = new_private("binance_usdm", NUMBER)
    told = codec.read_statement(whole("binance_usdm"), 1, 1, AT_NS)
    assert kinds_of(told) == [
        "account.asset", "instrument.listed", "account.statement", "order.stated", "order.terms", "order.accepted",
        "account.balance", "account.leverage", "account.position", "account.statement",
    ]  # fmt: skip
    marks = [row[6:11] for row in told.rows if row[0] == registry.STATEMENT.number]
    assert marks == [(NUMBER, 0, 1, AT_NS, 1), (NUMBER, 1, 1, AT_NS, 1)]
    assert [bool(row[2] & STEP_END) for row in told.rows] == [False] * 9 + [True]
    leverage = next(row for row in told.rows if row[0] == registry.LEVERAGE.number)
    assert leverage[6:9] == (NUMBER, 20, 1)
    assert told.rows[3][10] & 3 == terms.Action.PLACE


def test_an_order_of_ours_is_stated_under_its_key() -> None:
    codec = new_private("binance_spot", NUMBER)
    ours = terms.read_client_id("v1-2s-0")
    assert ours is not None
    for answer in (SPOT_ORDER, f"[{SPOT_ORDER}]", f'{{"id":"1","status":200,"result":[{SPOT_ORDER}]}}'):
        told = codec.read_orders(answer.encode(), 1, 1)
        assert kinds_of(told) == ["instrument.listed", "order.stated", "order.accepted"]
        assert {row[6] for row in told.rows[1:]} == {ours[1]}
        assert terms.unpack(terms.SPEC, told.rows[1][10])["tif"] == terms.TimeInForce.GTX
    assert kinds_of(codec.read_orders(b"[]", 1, 1)) == ["system.link"]


def test_zeros_of_what_nobody_has_heard_of_are_left_out() -> None:
    codec = new_private("binance_spot", NUMBER)
    codec.commit(codec.read_statement(whole("binance_spot"), 1, 1))
    assert [asset.name for asset in codec.assets] == ["BTC"]
    flat = whole("binance_spot", account=SPOT_ACCOUNT.replace("1.5", "0").replace("0.5", "0"))
    assert kinds_of(codec.read_statement(flat, 1, 1)).count("account.balance") == 1, "nothing is left of what was there"


@pytest.mark.parametrize("venue", ANSWERS)
def test_one_bad_answer_refuses_all(venue: str) -> None:
    bad = ["", "null", "{}", "[1]", '{"id":"1","status":400,"error":{"code":-2015,"msg":"no"}}', '{"code":-1003,"msg":"too many"}',
           '{"id":1,"status":500,"result":[]}', '[{"symbol":"BTCUSDT"}]', "\ud800"]  # fmt: skip
    for question in QUESTIONS[venue]:
        for text in bad:
            codec = new_private(venue, NUMBER)
            before = known(codec)
            body = text.encode("utf-8", "surrogatepass")
            told = codec.read_statement({**whole(venue), question: body}, 1, 1)
            assert kinds_of(told) == ["system.refused"], (question, text)
            codec.commit(told)
            assert known(codec) == before
    with pytest.raises(LocalError):
        new_private(venue, NUMBER).read_statement({ACCOUNT: b"{}"}, 1, 1)


def test_spoiled_answers_are_taken_whole_or_not_at_all() -> None:
    rng = random.Random(6)
    taken = 0
    for _ in range(3_000):
        venue = rng.choice(list(ANSWERS))
        answers = whole(venue)
        question = rng.choice(QUESTIONS[venue])
        answers[question] = spoil(rng, answers[question], rng.choice(list(answers.values())))
        codec = new_private(venue, NUMBER)
        before = known(codec)
        told = codec.read_statement(answers, 1, 1, AT_NS)
        assert known(codec) == before
        kinds = kinds_of(told)
        assert kinds == ["system.refused"] or kinds[-1] == "account.statement", kinds
        taken += kinds[-1] == "account.statement"
    assert 100 < taken < 2_000

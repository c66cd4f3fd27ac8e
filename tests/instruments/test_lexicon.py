"""Names of what trading rows number, and rows told with them."""

from typing import Any

import msgspec
import numpy as np

from veloz.contracts import terms
from veloz.contracts.account import NameBody
from veloz.contracts.command import StrategyBody
from veloz.contracts.layout import ROW
from veloz.contracts.registry import (
    APPROVED,
    ASSET,
    BY_NUMBER,
    COMMAND_LIMIT,
    COMMAND_STRATEGY,
    DIVERGED,
    DRAFTED,
    FILLED,
    GATE_REFUSED,
    KINDS,
    OPENED,
    STARTED,
)  # fmt: skip
from veloz.history.telling import Teller
from veloz.instruments.lexicon import Lexicon


def row(kind: int, *words: int) -> np.void:
    rows = np.zeros(1, ROW)
    rows["kind"], rows["version"] = kind, 1
    for name, word in zip(ROW.names[-5:], words, strict=False):
        rows[name] = word
    return rows[0]


def taught() -> Lexicon:
    lexicon = Lexicon()
    lexicon.learn(row(STARTED.number, 7), None, 1)
    lexicon.learn(row(ASSET.number, 3, 8), msgspec.msgpack.encode(NameBody(name="USDT")), 2)
    lexicon.learn(row(OPENED.number, 1, 2, 0, 0, 3), msgspec.msgpack.encode(NameBody(name="main")), 3)
    lexicon.learn(row(COMMAND_STRATEGY.number, 4), msgspec.msgpack.encode(StrategyBody(name="maker", code="quoter")), 4)
    lexicon.learn(row(STARTED.number, 8), None, 100)
    return lexicon


def tell(kind: int, *words: int) -> dict[str, Any]:
    return Teller(taught()).tell(BY_NUMBER[kind], row(kind, *words), None)


def test_orders_are_called_by_the_run_that_asked_for_them() -> None:
    lexicon = taught()
    assert lexicon.order_name(terms.order_key(50)) == "v7-1e-0"
    assert lexicon.order_name(terms.order_key(100, 2)) == "v8-2s-2"
    assert lexicon.order_name(-77) == "venue:77"
    assert [lexicon.order_key(text) for text in ("v7-1e-0", "venue:77", "1600", "-77", "nobody", "x:1")] == [
        terms.order_key(50), -77, 1600, -77, None, None,
    ]  # fmt: skip


def test_words_are_told_by_name() -> None:
    spec = terms.pack(terms.SPEC, sell=1, type=1, tif=1, account=1, strategy=4)
    drafted = tell(DRAFTED.number, terms.order_key(50), 5, 6, 0, spec)
    assert drafted["order"] == "v7-1e-0"
    assert drafted["spec"] == {
        "action": "PLACE", "side": "sell", "type": "MARKET", "tif": "IOC", "account": "main", "strategy": "maker",
    }  # fmt: skip
    assert tell(APPROVED.number, 1 << 5, 150_000_000, 3)["hold"] == "1.5"
    verdict = terms.pack(terms.VERDICT, code=212, kind=4, number=4)
    assert tell(GATE_REFUSED.number, 1 << 5, 0, 0, 0, verdict)["verdict"] == {"code": "TICK", "scope": "strategy:maker"}
    assert tell(FILLED.number, -9, 1, 1, 1, terms.pack(terms.META, account=2, sell=1, why=1))["meta"] == {
        "account": 2, "side": "sell", "why": "LIQUIDATION",
    }  # fmt: skip
    assert tell(COMMAND_LIMIT.number, 0, 1)["limit"] == "ORDER_QTY"
    assert tell(DIVERGED.number, 0, 1, 2, 0, 4 | 3 << 8 | 1 << 16)["what"]["severity"] == "CRITICAL"


def test_every_kind_can_be_told_whatever_its_words_are() -> None:
    teller = Teller(Lexicon())
    for kind in KINDS:
        for word in (0, 1, 2**40 + 12345, 2**62, -5 if "price" not in kind.units and "qty" not in kind.units else 5):
            assert set(kind.words) <= set(teller.tell(kind, row(kind.number, *[word] * 5), None))


def test_a_body_that_cannot_be_read_names_nothing() -> None:
    lexicon = Lexicon()
    lexicon.learn(row(ASSET.number, 3, 8), b"\xc1", 2)
    lexicon.learn(row(COMMAND_STRATEGY.number, 4), b"\xc1", 3)
    assert lexicon.assets == {3: "asset 3"}
    assert lexicon.strategies == {4: "strategy 4"}

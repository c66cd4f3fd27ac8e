"""The book of assets: a fold of rows, contradictions refused, nothing forgotten."""

from typing import Any

import msgspec
import numpy as np
import pytest

from veloz.contracts.account import NameBody
from veloz.contracts.layout import ROW
from veloz.contracts.registry import ASSET, ASSETS, TRADE
from veloz.instruments.assets import ASSETS_MAX, Asset, AssetBook, AssetError, Payment, first_scale
from veloz.instruments.units import INT64_MAX, read_decimal
from veloz.reducers import desk


def row(kind: int, *words: int, instrument: int = 0) -> Any:
    """A row as a journal holds it."""
    return np.array([(kind, 1, 0, instrument, 0, 0, *words, *[0] * (5 - len(words)))], ROW)[0]


def named(name: str) -> bytes:
    return msgspec.msgpack.encode(NameBody(name=name))


def test_a_book_is_a_fold_of_its_rows() -> None:
    book = AssetBook()
    assert book.apply(row(ASSET.number, 1, 8), named("BTC"), 1)
    assert book.apply(row(ASSET.number, 4, 2), named("USDT"), 2)
    assert book.apply(row(ASSETS.number, 1, 1, 4, 4, instrument=9), None, 3)
    assert not book.apply(row(TRADE.number, 1, 8), None, 4)
    assert list(book) == [Asset(1, "BTC", 8), Asset(4, "USDT", 2)]
    assert (len(book), book.next_number) == (2, 5), "numbers that somebody left out stay free"
    assert (book[4], book.find("BTC"), book.find("ETH")) == (Asset(4, "USDT", 2), Asset(1, "BTC", 8), None)
    assert (book.payment(9), book.payment(8)) == (Payment(1, 1, 4, 4), None)
    twin = book.copy()
    twin.add(Asset(5, "ETH", 8))
    assert book.find("ETH") is None
    with pytest.raises(KeyError):
        book[5]


@pytest.mark.parametrize(
    ("words", "body"),
    [
        ((1, 9), named("BTC")),  # another scale
        ((1, 8), named("ETH")),  # another name
        ((2, 8), named("BTC")),  # another number
        ((0, 8), named("ETH")),
        ((ASSETS_MAX, 8), named("ETH")),
        ((2, 19), named("ETH")),
        ((2, -1), named("ETH")),
        ((2, 8), named("")),
        ((2, 8), named("E" * 65)),
        ((2, 8), b""),
        ((2, 8), None),
        ((2, 8), b"\x81\xa4name\x01"),
        ((2, 8), b"\x81\xa4name\xa1\xff"),
    ],
)
def test_a_row_that_contradicts_changes_nothing(words: tuple[int, int], body: bytes | None) -> None:
    book = AssetBook()
    book.apply(row(ASSET.number, 1, 8), named("BTC"), 1)
    with pytest.raises(AssetError, match="Record 7"):
        book.apply(row(ASSET.number, *words), body, 7)
    assert list(book) == [Asset(1, "BTC", 8)]
    assert book.apply(row(ASSET.number, 1, 8), named("BTC"), 8), "the same again is the same"


def test_the_first_scale_holds_the_first_amount() -> None:
    assert first_scale(None) == 8
    for text, scale in (
        ("1.5", 8),
        ("92233720368.54775807", 8),
        ("92233720368.54775808", 7),
        ("9" * 17, 1),
        ("9" * 30, 0),
    ):
        amount = read_decimal(text)
        assert amount is not None
        assert first_scale(amount) == scale, text
        assert scale == 0 or amount.floor(scale)[0] <= INT64_MAX


def test_state_has_a_place_for_every_number() -> None:
    assert desk.ASSETS_MAX == ASSETS_MAX

"""Numbers, versions and offers; a catalogue is a fold of rows."""

import msgspec
import numpy as np
import pytest

from veloz.contracts.instrument import InstrumentBody
from veloz.contracts.layout import ROW
from veloz.contracts.registry import CATALOGUE, CHANGED, LISTED, TRADE
from veloz.instruments.catalogue import Catalogue, CatalogueError, read_offers, write_offers
from veloz.instruments.instrument import define

BTC = InstrumentBody(venue="binance_spot", symbol="BTCUSDT", product="spot", price_scale=2, qty_scale=8)
PERP = InstrumentBody(venue="binance_usdm", symbol="BTCUSDT", product="linear", price_scale=1, qty_scale=3, tick="0.10")
FINER = msgspec.structs.replace(BTC, price_scale=3)


def stated(kind: int, number: int, version: int, row_version: int = 1) -> np.void:
    row: np.void = np.array([(kind, row_version, 0, number, 0, 0, 0, 0, 0, 0, version)], ROW)[0]
    return row


def filled() -> Catalogue:
    catalogue = Catalogue()
    assert catalogue.apply(stated(CATALOGUE.number, 0, 1), write_offers([PERP]), 1)
    assert catalogue.apply(stated(LISTED.number, 1, 1), msgspec.msgpack.encode(BTC), 2)
    assert not catalogue.apply(stated(TRADE.number, 1, 0), None, 3)
    assert catalogue.apply(stated(LISTED.number, 2, 1), msgspec.msgpack.encode(PERP), 4)
    assert catalogue.apply(stated(CHANGED.number, 1, 2), msgspec.msgpack.encode(FINER), 9)
    return catalogue


def test_rows_are_read_in_the_version_they_were_written_in() -> None:
    catalogue = filled()
    assert [catalogue.at(1, seq).price_scale for seq in (2, 3, 8, 9, 100)] == [2, 2, 2, 3, 3]
    with pytest.raises(KeyError):
        catalogue.at(1, 1)
    with pytest.raises(KeyError):
        catalogue.at(3, 100)
    with pytest.raises(KeyError):
        catalogue[0]
    assert [(seq, instrument.version) for seq, instrument in catalogue.versions(1)] == [(2, 1), (9, 2)]


def test_names_and_numbers() -> None:
    catalogue = filled()
    assert len(catalogue) == 2
    assert [instrument.number for instrument in catalogue] == [1, 2]
    assert [instrument.venue for instrument in catalogue.named("BTCUSDT")] == ["binance_spot", "binance_usdm"]
    assert catalogue.find("binance_spot", "BTCUSDT") == define(FINER, 1, 2)
    assert catalogue.find("binance_coinm", "BTCUSDT") is None
    assert catalogue.offered("binance_usdm", "BTCUSDT") == PERP
    assert catalogue.offered("binance_spot", "BTCUSDT") is None


def test_a_version_a_codec_made_learns_its_sequence_number() -> None:
    catalogue = Catalogue()
    catalogue.list_new(define(BTC, 1))
    catalogue.change(define(FINER, 1, 2))
    catalogue.apply(stated(LISTED.number, 1, 1), msgspec.msgpack.encode(BTC), 5)
    catalogue.apply(stated(CHANGED.number, 1, 2), msgspec.msgpack.encode(FINER), 8)
    assert [catalogue.at(1, seq).version for seq in (5, 7, 8)] == [1, 1, 2]
    assert len(catalogue) == 1


def test_a_copy_is_independent() -> None:
    catalogue = filled()
    twin = catalogue.copy()
    twin.change(define(BTC, 1, 3))
    twin.offer(BTC)
    assert catalogue[1].version == 2
    assert catalogue.offered("binance_spot", "BTCUSDT") is None
    assert twin[1].version == 3


def test_offers_survive_their_body_and_a_newer_writer() -> None:
    assert list(read_offers(write_offers([BTC, PERP]))) == [BTC, PERP]
    newer = msgspec.msgpack.decode(write_offers([PERP]))
    newer["columns"].append("colour")
    newer["offers"][0].append("red")
    assert list(read_offers(msgspec.msgpack.encode(newer))) == [PERP]


def test_an_offer_is_new_once() -> None:
    catalogue = Catalogue()
    assert catalogue.offer(BTC)
    assert not catalogue.offer(BTC)
    assert catalogue.offer(FINER)


def test_rows_of_a_newer_version_are_passed_over() -> None:
    catalogue = filled()
    for kind in (LISTED.number, CHANGED.number, CATALOGUE.number):
        for body in (b"\xc1", None):
            assert catalogue.apply(stated(kind, 3, 1, row_version=2), body, 10)
    assert len(catalogue) == 2
    assert catalogue[1].version == 2


COARSE = msgspec.structs.replace(BTC, price_scale=200)
ODD_OFFERS = {"columns": ["venue", "symbol"], "offers": [["binance_spot"]]}


@pytest.mark.parametrize(
    ("row", "body", "why"),
    [
        (stated(LISTED.number, 3, 1), None, "no body"),
        (stated(CATALOGUE.number, 0, 0), None, "no body"),
        (stated(LISTED.number, 3, 1), b"\xc1\xff", "cannot be read"),
        (stated(LISTED.number, 3, 1), b"\x81\xa1x\x01", "cannot be read"),
        (stated(CATALOGUE.number, 0, 0), b"\x01", "cannot be read"),
        (stated(CATALOGUE.number, 0, 0), msgspec.msgpack.encode(ODD_OFFERS), "cannot be read"),
        (stated(CATALOGUE.number, 0, 0), write_offers([PERP, COARSE]), "bounds"),
        (stated(LISTED.number, 3, 1), msgspec.msgpack.encode(COARSE), "bounds"),
        (stated(LISTED.number, 2**32 - 1, 1), msgspec.msgpack.encode(BTC), "listed out of order"),
        (stated(LISTED.number, 3, 1), msgspec.msgpack.encode(BTC), "listed out of order"),
        (stated(LISTED.number, 0, 0), msgspec.msgpack.encode(BTC), "listed out of order"),
        (stated(CHANGED.number, 1, 4), msgspec.msgpack.encode(BTC), "changed out of order"),
        (stated(CHANGED.number, 2, 2), msgspec.msgpack.encode(BTC), "changed out of order"),
        (stated(CHANGED.number, 9, 2), msgspec.msgpack.encode(BTC), "changed out of order"),
    ],
)
def test_a_row_that_no_journal_holds_is_one_clear_error(row: np.void, body: bytes | None, why: str) -> None:
    catalogue = filled()
    with pytest.raises(CatalogueError, match=f"Record 77 .*{why}") as raised:
        catalogue.apply(row, body, 77)
    assert raised.value.seq == 77
    assert (len(catalogue), catalogue[1].version, catalogue.offered("binance_usdm", "BTCUSDT")) == (2, 2, PERP)

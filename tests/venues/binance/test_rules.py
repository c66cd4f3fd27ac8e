"""exchangeInfo of the three markets: recorded ones, and what becomes of odd filters."""

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.venues.binance.recordings import CAPTURES, read_capture
from veloz.contracts.codes import VENUES
from veloz.instruments.catalogue import read_offers as read_offers_back
from veloz.instruments.catalogue import write_offers
from veloz.instruments.instrument import PRICE_MAX, QTY_MAX, define
from veloz.venues.binance.rules import read_offers

LISTING: dict[str, Any] = {
    "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764", "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
        {"filterType": "MIN_NOTIONAL", "notional": "50"},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
    ],
}  # fmt: skip


def info(**changes: Any) -> bytes:
    return json.dumps({"serverTime": 1, "symbols": [{**LISTING, **changes}]}).encode()


def test_a_futures_contract() -> None:
    offers = read_offers(info(contractType="PERPETUAL", deliveryDate=4133404800000, marginAsset="USDT"), "binance_usdm")
    assert offers is not None
    (offer,) = offers
    assert (offer.price_scale, offer.qty_scale, offer.tick, offer.lot) == (1, 3, "0.10", "0.001")
    assert (offer.market_qty_max, offer.notional_min, offer.settle, offer.product) == ("120", "50", "USDT", "linear")
    assert (offer.contract, offer.delivery_ms, offer.origin, offer.multiplier) == (
        "PERPETUAL",
        4133404800000,
        "venue",
        "1",
    )
    assert define(offer, 1).order_product_fits


def test_a_spot_quantity_is_finer_than_its_lot() -> None:
    offers = read_offers(info(), "binance_spot", "file")
    assert offers is not None
    assert (offers[0].qty_scale, offers[0].product, offers[0].origin, offers[0].settle) == (8, "spot", "file", "")
    assert define(offers[0], 1).lot == 100_000


def test_a_contract_of_a_hundred_dollars() -> None:
    offers = read_offers(info(contractSize=100, contractStatus="TRADING"), "binance_coinm")
    assert offers is not None
    assert define(offers[0], 1).multiplier_e8 == 100 * 10**8


def test_filters_that_are_off_are_not_stated() -> None:
    off = [{"filterType": "PRICE_FILTER", "minPrice": "0.00000000", "maxPrice": "0.00", "tickSize": "0.00000000"}]
    offers = read_offers(info(filters=off, contractType="PERPETUAL"), "binance_usdm")
    assert offers is not None
    instrument = define(offers[0], 1)
    assert (offers[0].tick, offers[0].price_max, offers[0].lot) == ("", "", "")
    assert (instrument.tick, instrument.lot, instrument.price_max, instrument.qty_max) == (1, 1, PRICE_MAX, QTY_MAX)


@pytest.mark.parametrize(
    ("document", "whose"),
    [
        (info(), "binance_spot"),
        (info(contractType=""), "binance_usdm"),
        (info(contractType="PERPETUAL", contractSize=100), "binance_coinm"),
    ],
)
def test_another_venues_list_is_refused(document: bytes, whose: str) -> None:
    assert read_offers(document, whose) is not None
    for venue in {*VENUES} - {whose}:
        with pytest.raises(msgspec.ValidationError, match=f"instruments of {whose}, such as BTCUSDT, and {venue} was"):
            read_offers(document, venue)


def test_an_unsound_list_is_refused_whole() -> None:
    bad = [{"filterType": "PRICE_FILTER", "minPrice": "1", "maxPrice": "1e9", "tickSize": "0.1"}]
    assert read_offers(info(filters=bad), "binance_spot") is None
    with pytest.raises(msgspec.ValidationError):
        read_offers(b'{"symbols":[{"symbol":1}]}', "binance_usdm")
    with pytest.raises(msgspec.DecodeError):
        read_offers(b'{"symbols":', "binance_usdm")


def recorded(shared: Path) -> dict[str, tuple[str, bytes]]:
    """All lists in the recordings: name → (venue, document)."""
    found = {}
    for name in CAPTURES:
        for _, frame in read_capture(shared / "data" / name):
            if b"exchangeInfo -> " in frame[:100]:
                found[name] = name.partition("/")[0], frame.partition(b" -> ")[2]
    folder = shared / "data" / "binance"
    routes = json.loads(gzip.decompress((folder / "rest_recordings" / "http.json.gz").read_bytes()))["routes"]
    venues = {"/api/": "binance_spot", "/fapi/": "binance_usdm", "/dapi/": "binance_coinm"}
    for path, methods in routes.items():
        venue = next((venue for part, venue in venues.items() if part in path), None)
        if path.endswith("exchangeInfo") and venue:
            answers = [answer["data"] for answer in methods["GET"] if answer["data"] and "symbols" in answer["data"]]
            found |= {f"{path} {k}": (venue, json.dumps(answer).encode()) for k, answer in enumerate(answers)}
    fixture = json.loads(gzip.decompress((folder / "rest_fixtures" / "fetch_markets.json.gz").read_bytes()))
    found["fetch_markets"] = "binance_coinm", json.dumps(fixture["http_response"]).encode()
    return found


def test_every_recorded_list_is_read_and_bounded(shared: Path) -> None:
    lists = recorded(shared)
    assert {venue for venue, _ in lists.values()} == {"binance_spot", "binance_usdm", "binance_coinm"}
    for name, (venue, document) in lists.items():
        offers = read_offers(document, venue)
        assert offers, name
        assert [offer.symbol for offer in offers] == [
            listing["symbol"] for listing in json.loads(document)["symbols"]
        ], name
        for offer in offers:
            instrument = define(offer, 1)
            assert 1 <= instrument.tick <= PRICE_MAX, (name, offer)
            assert instrument.price_text(instrument.tick) == (
                offer.tick.rstrip("0").rstrip(".") if "." in offer.tick else offer.tick
            )
        assert list(read_offers_back(write_offers(offers))) == offers

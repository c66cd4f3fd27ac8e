"""Bounds proved where an instrument is defined; quanta from data."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veloz.contracts.instrument import InstrumentBody
from veloz.instruments.inference import infer, merge, refine
from veloz.instruments.instrument import PRICE_MAX, PRICE_SCALE_MAX, QTY_MAX, define, is_sound
from veloz.instruments.units import SCALE_MAX, Written, read_decimal

BODY = InstrumentBody(
    venue="binance_usdm", symbol="BTCUSDT", product="linear", price_scale=1, qty_scale=3,
    tick="0.10", lot="0.001", price_max="4529764", qty_max="1000",
)  # fmt: skip
WRITTEN = st.builds(Written, st.integers(0, 10**26), st.integers(0, 20), st.just(False))


def written(*texts: str) -> list[Written]:
    found = [read_decimal(text) for text in texts]
    assert all(one is not None for one in found)
    return [one for one in found if one is not None]


def test_quanta_of_a_real_contract() -> None:
    btc = define(BODY, 7)
    assert (btc.tick, btc.lot, btc.multiplier_e8, btc.version) == (1, 1, 10**8, 1)
    assert (btc.price_max, btc.qty_max) == (45_297_640, 1_000_000)
    assert btc.order_product_fits
    assert btc.scales == 1 | 3 << 8 | 2 << 16
    assert (btc.price_text(618_002), btc.qty_text(14)) == ("61800.2", "0.014")


def test_a_maximum_that_is_not_stated_or_too_great_is_the_bound() -> None:
    bare = define(msgspec.structs.replace(BODY, price_max="", qty_max="9" * 30), 1)
    assert (bare.price_max, bare.qty_max) == (PRICE_MAX, QTY_MAX)
    assert not bare.order_product_fits


def test_the_promised_headroom() -> None:
    assert (PRICE_MAX * QTY_MAX).bit_length() <= 107
    assert sum([PRICE_MAX * QTY_MAX] * 2**20) < 2**127


@pytest.mark.parametrize(
    "change",
    [
        {"venue": "elsewhere"},
        {"symbol": ""},
        {"price_scale": PRICE_SCALE_MAX + 1},
        {"price_scale": -1},
        {"qty_scale": 9, "qty_scale_limit": 8},
        {"qty_scale_limit": SCALE_MAX + 1},
        {"tick": "0.1.0"},
        {"lot": "-1"},
        {"multiplier": "ten"},
        {"delivery_ms": -1},
    ],
)
def test_unsound_bodies_are_told(change: dict[str, object]) -> None:
    assert is_sound(BODY)
    assert not is_sound(msgspec.structs.replace(BODY, **change))


def test_quanta_are_inferred_from_the_first_texts() -> None:
    future = refine(infer("binance_usdm", "X", written("0.014", "2")), written("61800.20"), written("0.014", "2"))
    assert future is not None
    assert (future.price_scale, future.qty_scale, future.origin, future.product) == (1, 3, "inferred", "linear")
    spot = refine(infer("binance_spot", "X", written("2.00000000")), written("61800.20000000"), written("2.00000000"))
    assert spot is not None
    assert (spot.price_scale, spot.qty_scale) == (1, 8)


def test_a_finer_text_asks_for_finer_quanta_and_a_coarser_one_for_nothing() -> None:
    assert refine(BODY, written("61800.2", "1"), written("0.0140", "0")) is BODY
    finer = refine(BODY, written("61800.25"), written("0.00140"))
    assert finer is not None
    assert (finer.price_scale, finer.qty_scale, finer.tick) == (2, 5, "0.10")


def test_a_quantity_that_does_not_fit_makes_its_quantum_coarser_for_good() -> None:
    spot = infer("binance_spot", "BTTUSDT", [])
    coarse = refine(spot, [], written("123456789012.00000001"))
    assert coarse is not None
    assert (coarse.qty_scale, coarse.qty_scale_limit) == (7, 7)
    assert refine(coarse, [], written("0.00000001")) is coarse
    assert refine(spot, [], written(str(2**63))) is None


def test_a_price_beyond_its_bound_has_no_quantum() -> None:
    assert refine(BODY, written(str(PRICE_MAX)), []) is None
    assert refine(BODY, written("0." + "0" * PRICE_SCALE_MAX + "1"), []) is None
    assert refine(msgspec.structs.replace(BODY, price_scale=0), written(str(PRICE_MAX)), []) is not None


@given(st.lists(WRITTEN, max_size=5), st.lists(WRITTEN, max_size=5))
def test_whatever_is_refined_then_fits(prices: list[Written], qtys: list[Written]) -> None:
    found = refine(BODY, prices, qtys)
    if found is None:
        assert any(
            price.significant > PRICE_SCALE_MAX or price.floor(PRICE_SCALE_MAX)[0] > PRICE_MAX for price in prices
        ) or any(qty.floor(0)[0] > QTY_MAX for qty in qtys)
        return
    assert is_sound(found)
    for price in prices:
        count, exact = price.floor(found.price_scale)
        assert exact
        assert count <= PRICE_MAX
    for qty in qtys:
        count, exact = qty.floor(found.qty_scale)
        assert count <= QTY_MAX
        assert exact or found.qty_scale == found.qty_scale_limit
    again = refine(found, prices, qtys)
    assert again is found


def test_a_venues_new_filters_never_coarsen_quanta() -> None:
    finer = msgspec.structs.replace(BODY, price_scale=2, origin="inferred")
    offer = msgspec.structs.replace(BODY, tick="0.50", lot="0.01", qty_scale=2, origin="venue", status="BREAK")
    merged = merge(finer, offer)
    assert (merged.price_scale, merged.qty_scale, merged.tick, merged.status, merged.origin) == (
        2,
        3,
        "0.50",
        "BREAK",
        "venue",
    )
    assert define(merged, 1).tick == 50

"""Cash is conserved: a balance at the end is what it began with, and what executions and fees say, asset by asset."""

from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.backtest.made import BODY, level, make_recording, trade
from tests.oracles.decimal_ledger import Ledger, Market
from veloz.backtest.port import Exchange
from veloz.backtest.result import Kept
from veloz.backtest.settings import read_settings
from veloz.backtest.setup import Plan, make_plan, make_run
from veloz.contracts import registry as r
from veloz.contracts import terms
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.state import State

BODIES = {
    "linear": BODY,
    "spot": msgspec.structs.replace(BODY, venue="binance_spot", product="spot", settle="USDT"),
    "inverse": msgspec.structs.replace(
        BODY, venue="binance_coinm", symbol="BTCUSD_PERP", product="inverse", quote="USD", settle="BTC", qty_scale=0, lot="1",
        multiplier="100",
    ),
}  # fmt: skip
TEXT = """
[account]
balances = {{ {balances} }}
[strategy]
interval_ns = 20_000_000
half_spread = 0.1
qty = {qty}
max_position = {cap}
[latency]
entry_ns = 1_000_000
response_ns = 1_000_000
[fees]
maker = {maker}
taker = 0.0005
"""


def wandering(seed: int) -> list[np.ndarray]:
    """A market that goes up and down, with prints on both sides."""
    dice, mid, rows = np.random.default_rng(seed), 600_000, [level(1, 599_999, 40), level(1, 600_001, 40, ask=True)]
    for step in range(150):
        at, move = 20 * step + 21, int(dice.integers(-3, 4))
        rows += [level(at, mid - 1, 0, end=False), level(at, mid + 1, 0, ask=True, end=False)]
        mid += move
        rows += [level(at, mid - 1, 40, end=False), level(at, mid + 1, int(dice.integers(1, 40)), ask=True)]
        sold = bool(dice.integers(2))
        rows.append(trade(at + 11, mid - 2 if sold else mid + 2, int(dice.integers(1, 60)), sold=sold))
    return rows


def told(rows: np.ndarray, plan: Plan, product: str) -> Ledger:
    """What executions and fees come to, in decimals."""
    names = {asset.number: name for name, asset in plan.world.assets.items()}
    body = BODIES[product]
    market = Market(
        product, body.base, body.quote, body.settle, body.price_scale, body.qty_scale, Decimal(body.multiplier)
    )
    book = Ledger({1: market}, {name: asset.scale for name, asset in plan.world.assets.items()}, {1: False})
    for row in rows:
        if row["kind"] == r.FILLED.number:
            fill = row.view(r.FILLED.view)
            sell = bool(terms.unpack(terms.META, int(fill["meta"]))["sell"])
            price = Decimal(int(fill["price"])).scaleb(-body.price_scale)
            book.fill(1, 1, sell, 0, -1, price, Decimal(int(fill["qty"])).scaleb(-body.qty_scale))
        elif row["kind"] == r.FEE.number:
            fee = row.view(r.FEE.view)
            asset = names[int(fee["asset"])]
            book.fee(1, 1, 0, -1, asset, Decimal(int(fee["amount"])).scaleb(-book.places[asset]))
    return book


def held(state: State, plan: Plan) -> dict[str, tuple[Decimal, Decimal]]:
    """What each balance began with, and what it holds."""
    return {
        name: (
            sum((Decimal(int(each["opened"])) for each in mine), Decimal(0)).scaleb(-asset.scale),
            sum((Decimal(int(each["total"])) for each in mine), Decimal(0)).scaleb(-asset.scale),
        )
        for name, asset in plan.world.assets.items()
        for mine in [state.balances[asset.number :: ASSETS_MAX]]
    }


@pytest.mark.parametrize("maker", ["0.0002", "-0.00005"])
@pytest.mark.parametrize("product", ["linear", "inverse", "spot"])
def test_balances_are_what_executions_and_fees_say(product: str, maker: str, tmp_path: Path) -> None:
    data = make_recording(tmp_path / "data", *wandering(len(product)), body=BODIES[product])
    rich = {"linear": "USDT = 1000000", "inverse": "BTC = 1000", "spot": "USDT = 1000000, BTC = 100"}[product]
    sizes = {"qty": "7", "cap": "20"} if product == "inverse" else {"qty": "0.007", "cap": "0.02"}
    plan, kept = make_plan(read_settings(TEXT.format(balances=rich, maker=maker, **sizes)), data), Kept()
    run = make_run(plan, Exchange(plan), kept)
    run.play()
    run.finish()
    rows = kept.rows()
    assert (rows["kind"] == r.FILLED.number).sum() > 20
    book = told(rows, plan, product)
    for asset, (began, ended) in held(run.desk.state, plan).items():
        assert ended - began == book.cash[1, asset], asset

"""Ten thousand random sequences of fills, fees and busts against the ledger in decimals: to the last unit, everywhere."""

from decimal import Decimal, localcontext
from random import Random

import numpy as np

from tests.oracles.decimal_ledger import EXACT, Ledger, Market
from tests.reducers.desks import BUST, FEE, FILL, Listing, make_state, run
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.state import State
from veloz.reducers.sums import whole

SCALES = (8, 8, 12, 6, 8)  # of assets 1 …
ACCOUNTS = ((False, False), (False, True), (True, False), (True, True))  # hedge, FIFO
MARKETS = 2_500
SEQUENCES = MARKETS * len(ACCOUNTS)
LENGTHS = (2, 2, 3, 4, 7)


def listing(chance: Random) -> Listing:
    """One of the instruments there could be."""
    product = chance.choice(["spot", "linear", "inverse"])
    base, quote = chance.sample(range(1, len(SCALES) + 1), 2)
    settle = {"spot": 0, "linear": quote, "inverse": base}[product]
    qty_scale = 0 if product == "inverse" else chance.randint(0, min(6, SCALES[base - 1]))
    multiplier = {"spot": [1], "linear": [1, 1, 10, 0.001, 0.37], "inverse": [100, 10, 1]}[product]
    return Listing(
        product, base, quote, settle, chance.randint(0, 6), qty_scale, round(chance.choice(multiplier) * 10**8)
    )


def sequence(chance: Random, number: int, account: int) -> list[list[int]]:
    """What happens to one account on one instrument: fills of every kind, steered at the edges, their fees, now and then a bust."""
    hedge, _ = ACCOUNTS[account - 1]
    strategy = chance.choice([-1, 0, 1, 2])
    held: dict[int, int] = {}
    middle = 10 ** chance.randint(1, 7)
    actions: list[list[int]] = []
    for _ in range(chance.choice(LENGTHS)):
        side = chance.choice([1, 2]) if hedge else 0
        now = held.get(side, 0)
        sell = chance.random() < 0.5
        if now and chance.random() < 0.6:
            sell = now > 0
        most = max(1, 10 ** chance.randint(0, 6))
        qty = chance.choice([abs(now) or 1, abs(now) + 1, max(1, abs(now) // 3), chance.randint(1, most), 1])
        price = max(1, middle + chance.choice([0, 0, 1, chance.randint(-middle // 3, middle)]))
        actions.append([FILL, account, number, int(sell), side, strategy, price, qty])
        held[side] = now - qty if sell else now + qty
        if chance.random() < 0.5:
            actions.append(
                [FEE, account, number, 0, side, strategy, chance.randint(1, len(SCALES)), chance.randint(-50, 10**6)]
            )
        if chance.random() < 0.05:
            actions.append([BUST, *actions[-1][1:]] if actions[-1][0] == FILL else [FEE, *actions[-1][1:]])
    return actions


def replay(ledger: Ledger, listings: list[Listing], actions: list[list[int]], codes: list[int]) -> None:
    """The same in decimals, without what was refused."""
    with localcontext(EXACT):
        for (what, account, number, sell, side, strategy, price, qty), code in zip(actions, codes, strict=True):
            if code:
                continue
            known = listings[number - 1]
            if what == FEE:
                ledger.fee(account, number, side, strategy, str(price), Decimal(qty).scaleb(-SCALES[price - 1]))
            else:
                ledger.fill(
                    account, number, bool(sell), side, strategy,
                    Decimal(price).scaleb(-known.price_scale), Decimal(qty).scaleb(-known.qty_scale), what == BUST,
                )  # fmt: skip


def compare(state: State, ledger: Ledger, listings: list[Listing]) -> None:
    """Every position, lot and balance."""
    seen = 0
    for position in state.positions[: int(state.desk[0]["positions_used"])]:
        number = int(position["instrument"])
        known, market = listings[number - 1], ledger.markets[number]
        key = (int(position["account"]), number, int(position["side"]), int(position["strategy"]))
        holding = ledger.holdings.get(key)
        assert holding is not None, key
        seen += 1
        step = Decimal(1).scaleb(-known.qty_scale)
        assert int(position["qty"]) * step == holding.qty, key
        assert whole(position["cost_hi"], position["cost_lo"]) * market.unit == holding.cost, key
        assert whole(position["real_hi"], position["real_lo"]) * market.unit == holding.realized, key
        assert whole(position["bought_hi"], position["bought_lo"]) * step == holding.bought, key
        assert whole(position["sold_hi"], position["sold_lo"]) * step == holding.sold, key
        assert int(position["trades"]) == holding.trades, key
        lots, at = [], int(position["lots_ix"])
        while at >= 0:
            lot = state.lots[at]
            lots.append([int(lot["qty"]) * step, Decimal(int(lot["price"])).scaleb(-known.price_scale)])
            at = int(lot["next_ix"])
        assert lots == holding.lots, key
        check_fees(position, known, holding.fees)
    moved = {key for key, holding in ledger.holdings.items() if holding.trades or holding.bought or holding.sold}
    assert seen >= len(moved)
    for (account, asset), total in ledger.cash.items():
        balance = state.balances[account * ASSETS_MAX + int(asset)]
        assert Decimal(int(balance["total"])).scaleb(-SCALES[int(asset) - 1]) == total, (account, asset)


def check_fees(position: np.void, known: Listing, paid: dict[str, Decimal]) -> None:
    """Fees by asset: the one it pays in, the base, one more; of further ones the number."""
    pays = known.quote if known.product == "spot" else known.settle
    places = {pays: "fees", int(position["fees_other_asset"]): "fees_other"}
    if known.product == "spot":
        places[known.base] = "fees_base"
    for asset, amount in paid.items():
        if int(asset) in places:
            assert Decimal(int(position[places[int(asset)]])).scaleb(-SCALES[int(asset) - 1]) == amount
        else:
            assert position["fees_more"] > 0
    assert sum(int(position[name]) != 0 for name in ("fees", "fees_base", "fees_other")) <= len(paid)


def test_ten_thousand_sequences() -> None:
    chance = Random(20261121)
    listings = [listing(chance) for _ in range(MARKETS)]
    markets = {
        number: Market(
            known.product, str(known.base), str(known.quote), str(known.settle), known.price_scale, known.qty_scale,
            Decimal(known.multiplier_e8).scaleb(-8),
        )
        for number, known in enumerate(listings, 1)
    }  # fmt: skip
    parts = [
        sequence(chance, number, account) for account in range(1, len(ACCOUNTS) + 1) for number in range(1, MARKETS + 1)
    ]
    assert len(parts) == SEQUENCES >= 10_000
    actions = [part[k] for k in range(max(map(len, parts))) for part in parts if k < len(part)]
    state = make_state(listings, SCALES, ACCOUNTS, room=1 << 17)
    codes = run(state, actions)
    assert sum(map(bool, codes)) < len(actions) // 20
    ledger = Ledger(
        markets,
        {str(n): scale for n, scale in enumerate(SCALES, 1)},
        {n: lots for n, (_, lots) in enumerate(ACCOUNTS, 1)},
    )
    with localcontext(EXACT):
        replay(ledger, listings, actions, codes)
        compare(state, ledger, listings)
    assert int(state.desk[0]["overflows"]) == 0

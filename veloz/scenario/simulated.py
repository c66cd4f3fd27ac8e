"""A venue that answers by itself: the simulated exchange of backtests, behind the lines of a scenario."""

from typing import Any, Final

import numpy as np

from veloz.backtest.driving import Driven
from veloz.backtest.rules import FeeIn, Latency, Market, Rules
from veloz.contracts.codes import Product
from veloz.contracts.layout import ROW
from veloz.engine.outbox import Request
from veloz.reducers.state import State
from veloz.reducers.words import RAW
from veloz.scenario.naming import Names, count, refuse

PRICE_KEYS_MAX: Final = 1 << 22  # prices within which books are kept, in ticks
QTY_MOST: Final = (1 << 62) - 1
E8: Final = 8
CENTS: Final = 2  # decimals that traded volume is counted in
_BOUNDS: Final = ("price_min", "price_max", "market_qty_min", "market_qty_max", "up_ppm", "down_ppm")


class Simulated:
    """The exchange, on the clock of the scenario.

    Args:
        line: The line that opens it.
        args: What that says.
        names: What is traded, as of now.
        state: The same, and what its own books begin as.
    """

    def __init__(self, line: int, args: dict[str, Any], names: Names, state: State) -> None:
        account = names.account(line, args.get("account", ""))
        markets = [
            _market(line, args, names, state, int(traded.number), account.number)
            for traded in names.instruments.values()
            if traded.instrument.market == account.market
        ]
        if not markets:
            refuse(line, "no instrument of the account's venue is listed.")
        self._driven = Driven(markets, _rules(line, args), state)

    def reach(self, until_ns: int) -> int:
        """Let its time pass to a moment, or to the first report before it: when that arrives."""
        self._driven.advance(np.zeros(0, RAW), 0, until_ns)
        return self._driven.next_arrival_ns()

    def see(self, rows: np.ndarray) -> None:
        """Show it rows of the market, as they reach the desk."""
        shown = rows.view(RAW).copy()
        shown["ts_event"] = shown["ts_recv"]
        self._driven.advance(shown, 0, int(shown["ts_recv"][-1]))

    def send(self, requests: list[Request], now_ns: int) -> None:
        """Send it requests."""
        for request in requests:
            self._driven.send(request, now_ns)

    def hear(self, now_ns: int) -> np.ndarray:
        """ROW[n]: what it says by now and was not heard yet, of one moment."""
        arrival = self.reach(now_ns)
        return self._driven.take(arrival) if arrival <= now_ns else np.zeros(0, ROW)


def _market(line: int, args: dict[str, Any], names: Names, state: State, number: int, account: int) -> Market:
    known, terms = state.instruments[number], state.terms[number]
    product = Product(int(terms["product"]))
    scale, tick = int(known["price_scale"]), int(known["tick"])
    low, high = (count(line, args[side], scale, "the price") for side in ("low", "high"))
    low = max(low, tick)
    if not low < high or (high - low) // tick > PRICE_KEYS_MAX:
        refuse(line, f"from {args['low']} to {args['high']} are no prices, or more than {PRICE_KEYS_MAX} ticks.")
    money = int(terms["quote"] if product is Product.SPOT else terms["settle"])
    fees = state.accounts[account]
    bounds: dict[str, Any] = {name: int(terms[name]) for name in _BOUNDS}
    return Market(
        instrument=number, price_scale=scale, qty_scale=int(known["qty_scale"]), low=low, high=high, tick=tick,
        lot=int(known["lot"]), multiplier_e8=int(known["multiplier_e8"]), product=product, money=money,
        money_scale=int(state.assets[money]["scale"]), base=int(terms["base"]),
        base_scale=int(state.assets[int(terms["base"])]["scale"]), maker_ppm=int(fees["maker_ppm"]),
        taker_ppm=int(fees["taker_ppm"]), qty_min=int(terms["qty_min"]), qty_max=int(terms["qty_max"]) or QTY_MOST,
        account=account, **_third(line, args, names), **bounds,
    )  # fmt: skip


def _third(line: int, args: dict[str, Any], names: Names) -> dict[str, Any]:
    """What fees are paid in, beside money."""
    if "fee_asset" not in args:
        return {}
    asset = names.asset(line, args["fee_asset"])
    told = {"fee_in": FeeIn.THIRD, "third": asset.number, "third_scale": asset.scale}
    if "fee_on" in args:
        return {**told, "third_instrument": names.traded(line, args["fee_on"]).number}
    if "fee_rate" not in args:
        refuse(line, f"what {args['fee_asset']} is worth is not said: fee-rate X, or fee-on SYMBOL.")
    return {**told, "third_rate": count(line, args["fee_rate"], E8, "the rate"), "third_rate_scale": E8}


def _rules(line: int, args: dict[str, Any]) -> Rules:
    tiers = tuple(
        (count(line, volume, CENTS, "the volume"), maker, taker) for volume, maker, taker in args.get("tiers", ())
    )
    if tiers and (tiers[0][0] or list(tiers) != sorted(tiers, key=lambda tier: tier[0])):
        refuse(line, "tiers begin at 0 and go up.")
    return Rules(
        accounts=True, margin=args.get("margin", False), partial=not args.get("whole", False),
        entry=Latency(ns=args.get("entry", 0)), response=Latency(ns=args.get("response", 0)), tiers=tiers,
        requests_most=args.get("requests", 0),
    )  # fmt: skip

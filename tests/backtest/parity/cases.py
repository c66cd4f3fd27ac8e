"""Configurations of the quoter, run by the peer and by us, and what both say, compared."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.backtest.parity.twin import AT_DESK, AT_VENUE, INSTRUMENT, play_quoter, rows_of
from veloz.backtest.exchange import new_venue
from veloz.backtest.rules import HFTBACKTEST, Latency, Market, Queue, Rules
from veloz.contracts.codes import Product

PPM: Final = 1_000_000
LADDER: Final = (0.8, 1.2)  # times the median price
MONEY_SCALE: Final = {False: 10, True: 14}  # of the asset that fees are paid in, linear and inverse


@dataclass(frozen=True)
class Data:
    """One recording: events by the peer's converter, and the instrument."""

    name: str
    capture: Path
    qty_scale: int
    price_scale: int = 1
    inverse: bool = False
    kept: dict[str, Any] = field(default_factory=dict, compare=False)

    def load(self, events: np.ndarray) -> None:
        """Both clocks' rows, and the ladder's bounds in ticks."""
        prices = events["px"][events["px"] > 0]
        middle = float(np.median(prices))
        tick = 10.0**-self.price_scale
        scale = (10.0**self.price_scale, 10.0**self.qty_scale)
        self.kept["bounds"] = tuple(round(middle * side / tick) for side in LADDER)
        self.kept["rows"] = rows_of(events, AT_VENUE, scale), rows_of(events, AT_DESK, scale)


@dataclass(frozen=True)
class Case:
    """One run. `spread_ticks` is twice the half spread; quantities in lots, the cap no whole number of them."""

    data: str
    spread_ticks: int
    qty: int
    cap: Fraction
    queue: Queue = Queue.RISK_AVERSE
    power: float = 3.0
    partial: bool = False
    entry_ns: int = 10_000_000
    response_ns: int = 10_000_000
    every_ns: int = 100_000_000
    maker_ppm: int = 200
    taker_ppm: int = 700
    plan: dict[str, Any] | None = None  # what `plans.make_plan` takes, instead of the quoter


def peer_words(case: Case, data: Data) -> dict[str, Any]:
    """The configuration as the peer's script reads it."""
    low, high = data.kept["bounds"]
    unit = 10**data.qty_scale
    return {
        "events": f"{data.capture.name}.npy", "capture": str(data.capture), "tick": 1 / 10**data.price_scale, "lot": 1 / unit,
        "low": low, "high": high, "entry_ns": case.entry_ns, "response_ns": case.response_ns, "maker": case.maker_ppm / PPM,
        "taker": case.taker_ppm / PPM, "inverse": data.inverse, "contract": 100.0 if data.inverse else 1.0, "queue": case.queue.name,
        "power": case.power, "partial": case.partial, "every_ns": case.every_ns, "spread_ticks": case.spread_ticks,
        "qty": case.qty / unit, "cap": float(case.cap / unit), "plan": case.plan, "unit": float(unit),
    }  # fmt: skip


def ours(case: Case, data: Data, rules: Rules | None = None) -> dict[str, Any]:
    """What we say."""
    low, high = data.kept["bounds"]
    market = Market(
        instrument=INSTRUMENT, price_scale=data.price_scale, qty_scale=data.qty_scale, low=low, high=high,
        product=Product.INVERSE if data.inverse else Product.LINEAR, multiplier_e8=(100 if data.inverse else 1) * 10**8,
        money=1, money_scale=MONEY_SCALE[data.inverse], maker_ppm=case.maker_ppm, taker_ppm=case.taker_ppm,
    )  # fmt: skip
    rules = rules or Rules(compat=HFTBACKTEST)
    entry, response = Latency(ns=case.entry_ns), Latency(ns=case.response_ns)
    rules = replace(
        rules, queue=case.queue, power=case.power, partial=case.partial, entry=entry, response=response,
        orders=1 << 16 if case.plan else 256, messages=1 << 18 if case.plan else 1 << 12,
    )  # fmt: skip
    told = {
        "every_ns": case.every_ns, "spread_ticks": case.spread_ticks, "qty": case.qty, "cap": int(case.cap) + 1, "tick": 1,
        "plan": case.plan,
    }  # fmt: skip
    return play_quoter(new_venue([market], rules), new_venue([market], rules), data.kept["rows"], told)


def balance_of(said: dict[str, Any], data: Data) -> float:
    """Cash as the peer keeps it, from our fills: an inverse one has the opposite sign of its name."""
    if not data.inverse:
        return float(Fraction(said["cash"], 10 ** (data.price_scale + data.qty_scale)))
    fills = said["fills"]
    values = [Fraction(int(f["side"]) * int(f["qty"]) * 100 * 10**data.price_scale, int(f["tick"])) for f in fills]
    return float(-sum(values))


def differences(case: Case, data: Data, peer: dict[str, Any], said: dict[str, Any]) -> list[str]:
    """What differs; empty: nothing. Runs that the peer ended before the data must end with its code, and are not compared further."""
    if peer["code"] != said["code"]:
        return [f"code {peer['code']} {said['code']}"]
    if peer["code"] != 1:
        return []
    unit, found = 10**data.qty_scale, []
    theirs = sorted((at, side, tick, round(qty * unit)) for at, _, side, tick, qty in peer["fills"])
    mine = sorted((int(f["at_ns"]), int(f["side"]), int(f["tick"]), int(f["qty"])) for f in said["fills"])
    if theirs != mine:
        first = next((pair for pair in zip(theirs, mine, strict=False) if pair[0] != pair[1]), None)
        found.append(f"fills {len(theirs)} {len(mine)}, first {first}")
    if (
        peer["trades"] != len(mine)
        or round(peer["position"] * unit) != said["position"]
        or peer["wakes"] != said["wakes"]
    ):
        found.append(
            f"counts {peer['trades'], peer['position'], peer['wakes']} {len(mine), said['position'], said['wakes']}"
        )
    money = 10 ** MONEY_SCALE[data.inverse]
    fee, balance = said["fee"] / money, balance_of(said, data)
    for name, here, bound in (("fee", fee, len(mine) / money), ("balance", balance, 0.0)):
        if abs(peer[name] - here) > max(1e-9 * abs(here), bound, 1e-12):
            found.append(f"{name} {peer[name]} {here}")
    return found


# Each with what hftbacktest 2.4.4 says of it: fills, position in quanta, fee, balance.
KNOWN: Final = [
    (Case("usdm", 60, 20, Fraction(1010)), (216, 0, 53.3180896, -15.94)),
    (Case("usdm", 10, 20, Fraction(1010), Queue.POWER3), (353, 220, 87.1379824, -13623.384)),
    (
        Case("usdm", 10, 20, Fraction(1010), Queue.LOG, entry_ns=50_000_000, response_ns=50_000_000),
        (272, 80, 67.144672, -4973.076),
    ),
    (Case("usdm", 1, 20, Fraction(1010), Queue.LOG, every_ns=10_000_000), (810, 160, 199.952736, -9982.748)),
    (Case("usdm", 20, 1000, Fraction(10001, 2), partial=True), (265, -4459, 3263.51172824, 273184.5138)),
    (
        Case("usdm", 10, 500, Fraction(10001, 2), Queue.POWER, 2.0, partial=True),
        (309, -3620, 1904.79590444, 222092.2026),
    ),
    (Case("coinm", 60, 10, Fraction(505)), (144, -40, 0.0004666207773563691, 0.06502759580019457)),
    (Case("coinm", 10, 10, Fraction(505), Queue.POWER2, 2.0), (180, 60, 0.0005832530971864473, -0.09688509688513237)),
]


def random_cases(seed: int, count: int) -> Iterator[Case]:
    """Configurations that no tie of floats decides: the cap lies between two multiples of the quantity, and of the lot."""
    dice = np.random.default_rng(seed)
    for _ in range(count):
        name = str(dice.choice(["usdm", "coinm"]))
        qty = int(dice.choice([1, 5, 20, 200, 1000])) * (10 if name == "coinm" else 1)
        cap = qty * (2 * int(dice.integers(1, 30)) + 1) // 2 + Fraction(1, 2)
        delays = [
            int(dice.choice([0, 1_000_000, 10_000_000, 50_000_000, int(dice.integers(300_000_000))])) for _ in "io"
        ]
        yield Case(
            name, int(dice.choice([0, 1, 2, 5, 10, 20, 60])), qty, cap, Queue(int(dice.integers(6))),
            float(dice.choice([1.0, 1.5, 2.0, 2.5, 3.0])), bool(dice.integers(2)), delays[0], delays[1],
            int(dice.choice([10_000_000, 50_000_000, 100_000_000, int(dice.integers(5_000_000, 2_000_000_000))])),
            int(dice.choice([-50, 0, 200])), int(dice.choice([400, 700])),
        )  # fmt: skip

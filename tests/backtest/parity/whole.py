"""The same configurations through the whole engine: an event file is imported, and the run is the one that `veloz backtest` makes."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.backtest.parity.cases import PPM, Case, Data
from veloz.backtest.ledger import Figures, Ledger
from veloz.backtest.port import Exchange
from veloz.backtest.result import Kept
from veloz.backtest.runner import Run
from veloz.backtest.settings import read_settings
from veloz.backtest.setup import make_plan, make_run
from veloz.contracts import registry, terms
from veloz.ingest.given import Given

RICH: Final = 1_000_000  # of every asset: no order lacks money, and the gate is off anyway
MONEY_UNIT: Final = Fraction(1, 10**8)  # what amounts of the desk are exact to, or better


@dataclass(frozen=True)
class Market:
    """What the operator says of an event file."""

    venue: str
    symbol: str
    kind: str
    assets: tuple[str, ...]

    def given(self, data: Data) -> dict[str, str]:
        """Steps and size of the contract, as words."""
        told = {
            "tick": f"{10.0**-data.price_scale:.{data.price_scale}f}",
            "lot": f"{10.0**-data.qty_scale:.{data.qty_scale}f}",
        }
        return {**told, "multiplier": "100"} if data.inverse else told


MARKETS: Final = {
    "usdm": Market("binance_usdm", "BTCUSDT", "linear", ("USDT",)),
    "coinm": Market("binance_coinm", "BTCUSD_PERP", "inverse", ("BTC",)),
    "spot": Market("binance_spot", "BTCUSDT", "spot", ("USDT", "BTC")),
}


@dataclass(frozen=True)
class Played:
    """A run that is over."""

    run: Run
    kept: Kept
    figures: Figures
    scales: tuple[int, int]  # of prices and quantities in the journal, which may be finer than tick and lot

    def fills(self, data: Data) -> Iterator[tuple[int, int, Fraction, Fraction]]:
        """Venue time, sign, ticks and lots of each execution."""
        rows = self.kept.rows()
        tick, lot = (
            Fraction(10**wanted, 10**scale)
            for wanted, scale in zip((data.price_scale, data.qty_scale), self.scales, strict=True)
        )
        for row in rows[rows["kind"] == registry.FILLED.number].view(registry.FILLED.view):
            sell = terms.unpack(terms.META, int(row["meta"]))["sell"]
            yield int(row["ts_event"]), 1 - 2 * sell, int(row["price"]) * tick, int(row["qty"]) * lot


def import_events(data: Data, events: np.ndarray, folder: Path) -> Path:
    """A journal of events: written as their converter writes them, and imported."""
    from veloz.cli.ingest import ingest_files

    market, file, journal = (
        MARKETS[data.name],
        folder / f"{data.capture.name}.npz",
        folder / f"{data.capture.name}-journal",
    )
    if not journal.exists():
        np.savez(file, data=events)
        given = Given(symbol=market.symbol, product=market.kind, **market.given(data))
        ingest_files([(market.venue, file)], journal, given=given, unsafe_fs=True)
    return journal


def settings_text(case: Case, data: Data, form: str) -> str:
    """The configuration as a person would write it."""
    market, (low, high) = MARKETS[data.name], data.kept["bounds"]
    tick, lot = Fraction(1, 10**data.price_scale), Fraction(1, 10**data.qty_scale)
    return "\n".join(
        [
            "[instrument]", f'symbol = "{market.symbol}"',
            "[account]", "balances = { " + ", ".join(f"{asset} = {RICH}" for asset in market.assets) + " }",
            "[strategy]", f'form = "{form}"', f"interval_ns = {case.every_ns}",
            f"half_spread = {decimal_text(case.spread_ticks * tick / 2)}",
            f"qty = {decimal_text(case.qty * lot)}", f"max_position = {decimal_text(case.cap * lot)}",
            "[latency]", f"entry_ns = {case.entry_ns}", f"response_ns = {case.response_ns}",
            "[queue]", f'model = "{case.queue.name.lower()}"', f"power = {case.power}",
            "[match]", 'compat = "hftbacktest"', f"partial = {str(case.partial).lower()}",
            f"roi_lb = {decimal_text(low * tick)}", f"roi_ub = {decimal_text(high * tick)}",
            "[fees]", f"maker = {decimal_text(Fraction(case.maker_ppm, PPM))}", f"taker = {decimal_text(Fraction(case.taker_ppm, PPM))}",
            "[gate]", "enabled = false",
        ]
    )  # fmt: skip


def decimal_text(exact: Fraction) -> str:
    """A decimal of twelve places."""
    return f"{Decimal(int(exact * 10**12)).scaleb(-12):f}"


def play_whole(case: Case, data: Data, journal: Path, form: str = "compiled") -> Played:
    """Run it from its first row to the last report."""
    plan = make_plan(read_settings(settings_text(case, data, form)), journal)
    ledger, kept = Ledger(plan.world), Kept()
    run = make_run(plan, Exchange(plan), kept, (ledger,))
    run.play()
    run.finish()
    known = plan.world.traded[0].instrument
    return Played(run, kept, ledger.figures(run.desk), (known.price_scale, known.qty_scale))


def whole_differences(data: Data, peer: dict[str, Any], played: Played) -> list[str]:
    """What differs; empty: nothing. Runs that the peer ended before the data are not compared further."""
    if (peer["code"] == 1) != (not played.run.why):
        return [f"code {peer['code']}, {played.run.why or 'the end of the data'}"]
    if peer["code"] != 1:
        return []
    unit, found = 10**data.qty_scale, []
    theirs = sorted((at, side, tick, round(qty * unit)) for at, _, side, tick, qty in peer["fills"])
    mine = sorted(played.fills(data))
    if theirs != mine:
        first = next((pair for pair in zip(theirs, mine, strict=False) if pair[0] != pair[1]), None)
        found.append(f"fills {len(theirs)} {len(mine)}, first {first}")
    figures = played.figures
    position = Fraction(figures.position[MARKETS[data.name].symbol])
    if peer["trades"] != figures.fills or round(peer["position"] * unit) != position * unit:
        found.append(f"counts {peer['trades'], peer['position']} {figures.fills, float(position)}")
    for name, said in (("fee", Fraction(figures.fees)), ("balance", Fraction(figures.cash))):
        bound = max(abs(said) / 10**9, figures.fills * MONEY_UNIT)
        if abs(Fraction(peer[name]) - said) > bound:
            found.append(f"{name} {peer[name]} {float(said)}")
    return found

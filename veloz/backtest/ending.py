"""The end of a run: its outcome, in the shape that metrics and reports read (`outcome.py`)."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np

from veloz.backtest.keys import DEFINES
from veloz.backtest.ledger import Ledger, Trade, gaps_of
from veloz.backtest.mids import mids_at
from veloz.backtest.outcome import HORIZONS_S, Data, Gap, Market, RunResult, no_fills
from veloz.backtest.runner import Run
from veloz.backtest.setup import Plan
from veloz.backtest.standing import balances_of, standings_of
from veloz.backtest.world import Traded
from veloz.history.results import read_naming
from veloz.reducers.state import state_hash

SECOND_NS: Final = 1_000_000_000
CHART_POINTS: Final = 2_000
FILLS_MEASURED: Final = 50_000  # executions beside which the market is looked at; of more, the first ones
MONEY_MAX: Final = (1 << 62) - 1  # of a fee: what the desk counts as well
PACKAGES: Final = ("veloz", "numpy", "numba")


def outcome_of(
    plan: Plan, run: Run, ledger: Ledger, place: Path | None, name: str, warnings: Sequence[str], result_hash: str = ""
) -> RunResult:
    """What a run came to.

    Args:
        plan, run, ledger: Of the run, which is over; `ledger.figures` was asked.
        place: Its result; None: it is kept nowhere, and nobody looks at the market beside executions.
        name: Title of the report.
        warnings: What people should know of it.
        result_hash: Of its rows: see `result.Digest`.
    """
    curve = ledger.curve
    fills, figures = _fills(plan, ledger), ledger.told
    standings = standings_of(ledger.closed, plan.world, ledger.cash, run.desk.now_ns)
    markets = _measured(plan, place, fills, ledger) if place else _unmeasured(plan)
    return RunResult(
        name=name,
        asset=plan.world.reporting,
        scale=ledger.scale,
        began_ns=plan.begin_ns,
        ended_ns=run.desk.now_ns,
        ts_ns=np.array([point.ts_ns for point in curve], np.int64),
        equity=np.array([point.equity for point in curve], np.int64),
        gross=np.array([point.gross for point in curve], np.int64),
        markets=tuple(
            replace(market, standing=standings[each.number])
            for market, each in zip(markets, plan.world.traded, strict=True)
        ),
        fills=fills,
        orders=ledger.orders,
        unvalued=ledger.reason,
        refused=dict(ledger.refused),
        rejected=dict(ledger.rejected),
        fees=ledger.counted("fees"),
        funding=ledger.counted("funding"),
        realized=figures.realized,
        unrealized=figures.unrealized,
        cash=figures.cash,
        balances=balances_of(ledger.closed, plan.world),
        data=(_data(plan),),
        config_hash=plan.settings.digest,
        state_hash=state_hash(run.desk.state),
        result_hash=result_hash,
        journal=str(place or ""),
        seed=plan.settings["seed"],
        versions={"python": sys.version.split()[0], **_versions()},
        settings=_used(plan),
        gaps=_gaps(plan),
        warnings=tuple(warnings),
    )  # fmt: skip


def _used(plan: Plan) -> dict[str, Any]:
    """The settings with what was taken where they say nothing: of each instrument, and of each strategy's parameters."""
    told: dict[str, Any] = json.loads(plan.settings.canonical())
    for name in (*DEFINES.values(), "instrument.symbol"):
        del told[name]
    said = {each["symbol"]: each for each in told.pop("instruments", [])}
    told["instruments"] = []
    for each in plan.world.traded:
        known, body = each.instrument, each.instrument.body
        own = said.get(known.symbol) or said.get(f"{known.venue}:{known.symbol}") or {}
        told["instruments"].append({
            **own, "symbol": f"{known.venue}:{known.symbol}", "kind": each.product.name.lower(), "base": each.base, "quote": each.quote,
            "tick": known.price_text(known.tick), "lot": known.qty_text(known.lot), "multiplier": body.multiplier,
            "min_qty": body.qty_min, "max_qty": body.qty_max, "min_notional": body.notional_min,
        })  # fmt: skip
    for runs, line in zip(plan.settings.strategies, told["strategies"], strict=True):
        code = plan.library.newest(runs.full_code)
        declared = {param.name: param.default for param in code.made.params} if code is not None else {}
        line["params"] = {**declared, **runs.params}
    return told


def _gaps(plan: Plan) -> tuple[Gap, ...]:
    told = gaps_of(plan)
    return tuple(
        Gap(symbol=gap.symbol, from_ns=gap.begin_ns, to_ns=gap.end_ns, what=f"{gap.what} ({gap.times})") for gap in told
    )


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _data(plan: Plan) -> Data:
    named = plan.named
    return Data(
        path=named.path, head_hash=named.head, first_seq=named.first_seq, last_seq=named.last_seq, rows=plan.found.rows,
        shift_ns=named.shift_ns,
    )  # fmt: skip


def _fills(plan: Plan, ledger: Ledger) -> np.ndarray:
    """Executions as the report reads them: FILL[n]."""
    fills, held = no_fills(len(ledger.trades)), dict.fromkeys(range(len(plan.world.traded)), 0)
    places = {each.number: place for place, each in enumerate(plan.world.traded)}
    for row, trade in zip(fills, ledger.trades, strict=True):
        place = places[trade.instrument]
        held[place] += -trade.qty if trade.sell else trade.qty
        row["ts_ns"], row["venue_ns"], row["market"] = trade.ts_ns, trade.venue_ns, place
        row["sell"], row["maker"], row["order"], row["trade_id"] = trade.sell, trade.maker, trade.order, trade.trade_id
        row["price"], row["qty"], row["position"] = trade.price, trade.qty, held[place]
        row["fee"], row["rate"] = _fee(trade, ledger), float(ledger.rate_of(plan.world.traded[place].money))
    return fills


def _fee(trade: Trade, ledger: Ledger) -> int:
    """A fee at the scale of the reporting asset, rounded up: never shown too low."""
    if not trade.fee:
        return 0
    exact = Decimal(trade.fee).scaleb(ledger.scale - ledger.scale_of(trade.fee_asset)) * ledger.rate(trade.fee_asset)
    return max(min(int(exact.to_integral_value(rounding="ROUND_CEILING")), MONEY_MAX), -MONEY_MAX)


def _measured(plan: Plan, place: Path, fills: np.ndarray, ledger: Ledger) -> list[Market]:
    """The markets with their price charts; and the middle prices around executions are filled in."""
    naming = read_naming(place)
    assert naming is not None
    begin, end = plan.begin_ns, ledger.curve[-1].ts_ns
    chart = np.unique(np.linspace(begin, end, CHART_POINTS).astype(np.int64))
    beside = fills["venue_ns"][:FILLS_MEASURED]
    wanted = np.concatenate([chart, *(beside + horizon * SECOND_NS for horizon in HORIZONS_S)])
    before = np.concatenate(
        [np.zeros(len(chart), bool), *(np.full(len(beside), horizon == 0) for horizon in HORIZONS_S)]
    )
    order = np.lexsort((~before, wanted))
    found = np.empty((len(wanted), len(plan.world.traded)), np.int64)
    found[order] = mids_at(plan.data, naming, plan.found.back_ns, plan.world, wanted[order], before=before[order])
    for at in range(len(HORIZONS_S)):
        lo = len(chart) + at * len(beside)
        fills["mid_x2"][: len(beside), at] = found[np.arange(lo, lo + len(beside)), fills["market"][: len(beside)]]
    late = beside[:, None] + np.array(HORIZONS_S) * SECOND_NS > end
    fills["mid_x2"][: len(beside)][late] = np.iinfo(np.int64).min
    return [_market(each, chart, found[: len(chart), at]) for at, each in enumerate(plan.world.traded)]


def _unmeasured(plan: Plan) -> list[Market]:
    """The markets without their prices."""
    nothing = np.zeros(0, np.int64)
    return [_market(each, nothing, nothing) for each in plan.world.traded]


def _market(each: Traded, chart: np.ndarray, mids: np.ndarray) -> Market:
    known = mids > 0
    instrument = each.instrument
    return Market(
        symbol=instrument.symbol, venue=instrument.venue, product=each.product.name.lower(),
        price_scale=instrument.price_scale, qty_scale=instrument.qty_scale, multiplier_e8=instrument.multiplier_e8,
        money=each.money, price_ts_ns=chart[known], price_mid_x2=mids[known],
    )  # fmt: skip

"""The reports of a run: one JSON object for programs, one HTML page for people. Both say the same; neither asks the world for anything."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from veloz.backtest.metrics import Metrics, markout, measure
from veloz.backtest.outcome import HORIZONS_S, RunResult, Standing, labels_of
from veloz.backtest.returns import drawdowns, monthly, rolling_sharpe, window_of
from veloz.backtest.trips import markouts_bps
from veloz.backtest.web.page import page_of
from veloz.instruments.units import decimal_text

FORMAT: Final = "veloz.report.v1"
JSON_NAME: Final = "report.json"
HTML_NAME: Final = "report.html"


class Report(NamedTuple):
    """Where the reports of a run lie, and its figures."""

    json: Path
    html: Path
    metrics: Metrics


def write_report(result: RunResult, folder: Path) -> Report:
    """Write `report.json` and `report.html` of a run into a folder, made where it is missing; what stood there is replaced.

    Raises:
        ValueError: The result is none; nothing is written.
        OSError: They cannot be written; what stood there still does, and nothing else.
    """
    metrics = measure(result)
    texts = {JSON_NAME: json_of(result, metrics), HTML_NAME: page_of(result, metrics).encode()}
    folder.mkdir(parents=True, exist_ok=True)
    halves = {name: folder / f"{name}.part" for name in texts}
    try:
        for name, half in halves.items():
            half.write_bytes(texts[name])
        for name, half in halves.items():
            half.replace(folder / name)
    finally:
        for half in halves.values():
            half.unlink(missing_ok=True)
    return Report(folder / JSON_NAME, folder / HTML_NAME, metrics)


def json_of(result: RunResult, metrics: Metrics) -> bytes:
    """The JSON report: see `docs/reference/backtest-report.md`. Money, prices and quantities are exact texts."""
    return msgspec.json.encode(
        {
            "format": FORMAT,
            "name": result.name,
            "asset": result.asset,
            "began_ns": result.began_ns,
            "ended_ns": result.ended_ns,
            "metrics": metrics.as_dict(),
            "reasons": metrics.reasons(),
            "definitions": {
                each.name: {"label": each.definition.label, "unit": each.definition.unit, "text": each.definition.text}
                for each in metrics.all
            },
            "fill_quality": fill_quality(result),
            "monthly": [
                {"year": year, "month": month, "return": value if isinstance(value, float) else None}
                for year, month, value in (() if result.unvalued else monthly(result.ts_ns, result.equity))
            ],
            "equity": _equity(result),
            "rolling_sharpe": _rolling(result, metrics),
            "markets": markets_told(result),
            "balances": balances_told(result),
            "trades": {"columns": list(TRADE_COLUMNS), "rows": list(zip(*_trade_columns(result), strict=True))},
            "round_trips": {
                "columns": list(TRIP_COLUMNS),
                "rows": list(zip(*_trip_columns(result, metrics), strict=True)),
            },
            "refused": result.refused,
            "rejected": result.rejected,
            "data": result.data,
            "gaps": result.gaps,
            "warnings": result.warnings,
            "settings": result.settings,
            "figures": result.figures,
            **{
                name: getattr(result, name)
                for name in ("config_hash", "state_hash", "result_hash", "journal", "seed", "versions")
            },
        },
        enc_hook=str,
    )


STANDING: Final = tuple(each.name for each in fields(Standing))
TRADE_COLUMNS: Final = (
    "ts_ns", "venue_ns", "symbol", "side", "liquidity", "price", "qty", "fee", "position", "order", "trade_id",
    *(f"markout_{s}s_bps" for s in HORIZONS_S),
)  # fmt: skip
TRIP_COLUMNS: Final = ("opened_ns", "closed_ns", "symbol", "side", "fills", "qty_max", "pnl", "fee")


def fill_quality(result: RunResult) -> dict[str, dict[str, float | None]]:
    """The mean markout of all, making and taking executions, by horizon."""
    fills = result.fills
    parts = {"all": fills, "maker": fills[fills["maker"]], "taker": fills[~fills["maker"]]}
    found = {name: {f"{s}s": markout(part, result, s) for s in HORIZONS_S} for name, part in parts.items()}
    return {
        name: {when: value if isinstance(value, float) else None for when, value in row.items()}
        for name, row in found.items()
    }


def _equity(result: RunResult) -> dict[str, Any]:
    if result.unvalued:
        return {"ts_ns": [], "equity": [], "drawdown": []}
    falls = drawdowns(result.equity.astype(np.float64))
    return {
        "ts_ns": result.ts_ns.tolist(),
        "equity": texts_of(result.equity, result.scale),
        "drawdown": [None if fall != fall else fall for fall in falls.tolist()],
    }


def _rolling(result: RunResult, metrics: Metrics) -> dict[str, Any]:
    window = window_of(len(metrics.returns))
    found = rolling_sharpe(metrics.returns, window, metrics.periods_per_year)
    ends = int(result.ts_ns[0]) + np.arange(1, len(found) + 1) * metrics.period_ns
    known = ~np.isnan(found)
    return {"window": window, "ts_ns": ends[known].tolist(), "sharpe": found[known].tolist()}


def markets_told(result: RunResult) -> list[dict[str, Any]]:
    """What was traded, and how it stands at the end; what nobody knows is null."""
    return [_market(result, at) for at in range(len(result.markets))]


def _market(result: RunResult, at: int) -> dict[str, Any]:
    market = result.markets[at]
    mine = result.fills[result.fills["market"] == at]
    position = int(mine["position"][-1]) if len(mine) else market.position_start
    return {
        "symbol": market.symbol, "venue": market.venue, "product": market.product, "money": market.money,
        "multiplier": decimal_text(market.multiplier_e8, 8), "fills": len(mine),
        "position_start": decimal_text(market.position_start, market.qty_scale),
        "position": decimal_text(position, market.qty_scale),
        **_known(asdict(market.standing) if market.standing else dict.fromkeys(STANDING, "")),
    }  # fmt: skip


def balances_told(result: RunResult) -> list[dict[str, Any]]:
    """What each account holds of each asset at the end; what nobody knows is null."""
    return [_known(asdict(each)) for each in result.balances]


def _known(texts: dict[str, str]) -> dict[str, str | None]:
    return {name: text or None for name, text in texts.items()}


def texts_of(counts: np.ndarray, scale: int) -> list[str]:
    """Exact decimal texts of a column at one scale."""
    return [decimal_text(count, scale) for count in counts.tolist()]


def _texts_by_market(rows: np.ndarray, name: str, scales: list[int]) -> list[str]:
    return [
        decimal_text(count, scales[at]) for at, count in zip(rows["market"].tolist(), rows[name].tolist(), strict=True)
    ]


def _symbols(result: RunResult, rows: np.ndarray) -> list[str]:
    labels = labels_of(result)
    return [labels[at] for at in rows["market"].tolist()]


def _trade_columns(result: RunResult) -> list[list[Any]]:
    fills = result.fills
    prices, qtys = [each.price_scale for each in result.markets], [each.qty_scale for each in result.markets]
    quality = [markouts_bps(fills, result.markets, s) for s in HORIZONS_S]
    return [
        fills["ts_ns"].tolist(), fills["venue_ns"].tolist(), _symbols(result, fills),
        ["sell" if sell else "buy" for sell in fills["sell"].tolist()],
        ["maker" if maker else "taker" for maker in fills["maker"].tolist()],
        _texts_by_market(fills, "price", prices), _texts_by_market(fills, "qty", qtys), texts_of(fills["fee"], result.scale),
        _texts_by_market(fills, "position", qtys), fills["order"].tolist(), fills["trade_id"].tolist(),
        *([None if value != value else value for value in column.tolist()] for column in quality),
    ]  # fmt: skip


def _trip_columns(result: RunResult, metrics: Metrics) -> list[list[Any]]:
    trips = metrics.trips
    return [
        trips["opened_ns"].tolist(), trips["closed_ns"].tolist(), _symbols(result, trips),
        ["long" if long else "short" for long in trips["long"].tolist()], trips["fills"].tolist(),
        _texts_by_market(trips, "qty_max", [each.qty_scale for each in result.markets]),
        metrics.trip_money("pnl", result.scale), metrics.trip_money("fee", result.scale),
    ]  # fmt: skip

"""What the scripts of a page draw: columns of small integers and thinned curves, as JSON that may stand within HTML.

Whole numbers go as differences from row to row where that is shorter. A column with a number that a browser cannot hold exactly goes as
texts. Times are microseconds from the beginning of the run; the JSON report has the nanoseconds.
"""

from typing import Any, Final

import msgspec
import numpy as np

from veloz.backtest.metrics import Metrics
from veloz.backtest.outcome import HORIZONS_S, UNKNOWN, RunResult, labels_of
from veloz.backtest.returns import drawdowns, rolling_sharpe, window_of
from veloz.backtest.trips import markouts_bps

CURVE_POINTS: Final = 4_000
PRICE_POINTS: Final = 20_000
GAPS_MAX: Final = 500
EXACT_MAX: Final = (1 << 53) - 1
MARKOUT_MAX: Final = 10**9  # of 1/100 bps
_TAME: Final = (
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"&", b"\\u0026"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)


def payload_of(result: RunResult, metrics: Metrics) -> str:
    """The data of a page, with nothing in it that HTML would read as its own."""
    text = msgspec.json.encode(
        {
            "asset": result.asset,
            "scale": result.scale,
            "began_us": result.began_ns // 1000,
            "span_us": max(int(result.ts_ns[-1]) - result.began_ns, 0) // 1000,
            "equity": _equity(result),
            "rolling": _rolling(result, metrics),
            "markets": [_market(result, at) for at in range(len(result.markets))],
            "gaps": _gaps(result),
            "trades": _trades(result),
            "trips": _trips(result, metrics),
        }
    )
    for wild, tame in _TAME:
        text = text.replace(wild, tame)
    return text.decode()


def thin(values: np.ndarray, points: int) -> np.ndarray:
    """Places to keep so that no peak is lost: of each stretch the lowest and the highest, and both ends; rising."""
    if len(values) <= points:
        return np.arange(len(values))
    edges = np.linspace(0, len(values), points // 2 + 1).astype(np.int64)[:-1]
    lows, highs = np.minimum.reduceat(values, edges), np.maximum.reduceat(values, edges)
    stretch = np.repeat(np.arange(len(edges)), np.diff(np.append(edges, len(values))))
    first_low = np.flatnonzero(values == lows[stretch])
    first_high = np.flatnonzero(values == highs[stretch])
    kept = [at[np.unique(stretch[at], return_index=True)[1]] for at in (first_low, first_high)]
    return np.unique(np.concatenate([*kept, [0, len(values) - 1]]))


def whole(column: np.ndarray) -> dict[str, Any]:
    """A column of integers as differences, or as texts where a browser would round."""
    if len(column) and int(np.abs(column.astype(np.float64)).max()) > EXACT_MAX:
        return {"text": [str(each) for each in column.tolist()]}
    return {"delta": np.diff(column, prepend=0).tolist()}


def _micros(result: RunResult, ts_ns: np.ndarray) -> np.ndarray:
    found: np.ndarray = (ts_ns - result.began_ns) // 1000
    return found


def _equity(result: RunResult) -> dict[str, Any]:
    money = result.equity.astype(np.float64)
    falls = drawdowns(money)
    kept = np.union1d(thin(money, CURVE_POINTS), thin(np.nan_to_num(falls), CURVE_POINTS))
    return {
        "t": whole(_micros(result, result.ts_ns[kept])),
        "equity": (money[kept] / 10.0**result.scale).tolist(),
        "fall": _or_null(falls[kept]),
    }


def _or_null(column: np.ndarray) -> list[float | None]:
    return [None if each != each else each for each in column.tolist()]


def _gaps(result: RunResult) -> list[list[int]]:
    """What is shaded: the longest gaps."""
    longest = sorted(result.gaps, key=lambda gap: gap.from_ns - gap.to_ns)[:GAPS_MAX]
    return [[(gap.from_ns - result.began_ns) // 1000, (gap.to_ns - result.began_ns) // 1000] for gap in longest]


def _rolling(result: RunResult, metrics: Metrics) -> dict[str, Any]:
    window = window_of(len(metrics.returns))
    found = rolling_sharpe(metrics.returns, window, metrics.periods_per_year)
    ends = int(result.ts_ns[0]) + np.arange(1, len(found) + 1) * metrics.period_ns
    known = np.flatnonzero(~np.isnan(found))
    known = known[thin(found[known], CURVE_POINTS)] if len(known) else known
    return {"t": whole(_micros(result, ends[known])), "sharpe": found[known].tolist()}


def _market(result: RunResult, at: int) -> dict[str, Any]:
    market = result.markets[at]
    known = market.price_mid_x2 != UNKNOWN
    mids, times = market.price_mid_x2[known], market.price_ts_ns[known]
    kept = thin(mids, PRICE_POINTS) if len(mids) else np.zeros(0, np.int64)
    return {
        "symbol": labels_of(result)[at], "price_scale": market.price_scale, "qty_scale": market.qty_scale,
        "t": whole(_micros(result, times[kept])), "mid_x2": whole(mids[kept]),
    }  # fmt: skip


def _trades(result: RunResult) -> dict[str, Any]:
    fills = result.fills
    flags = fills["sell"].astype(np.uint8) + 2 * fills["maker"].astype(np.uint8) + ord("0")
    return {
        "count": len(fills),
        "t": whole(_micros(result, fills["ts_ns"])),
        "market": whole(fills["market"]) if len(result.markets) > 1 else None,
        "flags": flags.tobytes().decode(),  # a digit each: 1 sale, 2 had rested
        **{name: whole(fills[name]) for name in ("price", "qty", "fee", "position", "order")},
        "markout": {str(s): _hundredths(markouts_bps(fills, result.markets, s)) for s in HORIZONS_S if s},
    }


def _hundredths(bps: np.ndarray) -> list[int | None] | None:
    """1/100 bps, null where not known; None where nothing is."""
    known = ~np.isnan(bps)
    if not known.any():
        return None
    rounded = np.rint(np.clip(np.nan_to_num(bps) * 100, -MARKOUT_MAX, MARKOUT_MAX)).astype(np.int64).tolist()
    return [each if there else None for each, there in zip(rounded, known.tolist(), strict=True)]


def _trips(result: RunResult, metrics: Metrics) -> dict[str, Any]:
    trips = metrics.trips
    unit = 10.0**result.scale
    return {
        "count": len(trips),
        "t": whole(_micros(result, trips["opened_ns"])),
        "closed": whole(_micros(result, trips["closed_ns"])),
        "market": whole(trips["market"]) if len(result.markets) > 1 else None,
        "flags": (1 - trips["long"].astype(np.uint8) + ord("0")).tobytes().decode(),  # a digit each: 1 short
        "fills": whole(trips["fills"]),
        "qty": whole(trips["qty_max"]),
        "pnl": whole(np.rint(trips["pnl"] * unit).astype(np.int64)),
        "fee": whole(np.rint(trips["fee"] * unit).astype(np.int64)),
    }

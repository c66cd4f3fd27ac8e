"""The figures of a run, each with the sentence that defines it. What cannot be computed is null, with the reason.

The arithmetic is in `returns.py` (the equity curve) and `trips.py` (executions); here it is named, gathered and worded.
"""

import math
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any, Final, NamedTuple

import numpy as np

from veloz.backtest import returns as curve
from veloz.backtest import trips as deals
from veloz.backtest.definitions import DEFINITIONS, Definition
from veloz.backtest.outcome import HORIZONS_S, RunResult, check_result
from veloz.backtest.returns import DAY_NS, YEAR_NS, Missing, Value
from veloz.instruments.units import decimal_text

_WIDE: Final = Context(prec=400)  # digits: more than any float has


class Metric(NamedTuple):
    """A figure of one run."""

    definition: Definition
    value: float | int | str | None  # money as exact text
    reason: str  # why it is null

    @property
    def name(self) -> str:
        """Of its definition."""
        return self.definition.name


class Metrics(NamedTuple):
    """All figures of a run, and what a report draws besides."""

    all: tuple[Metric, ...]  # in the order of DEFINITIONS
    period_ns: int
    returns: np.ndarray  # f8, one a period; empty where there are none
    trips: np.ndarray  # trips.TRIP

    def __getitem__(self, name: object) -> Any:
        """The value of a figure by name."""
        return next(each.value for each in self.all if each.name == name)

    @property
    def periods_per_year(self) -> float:
        """What ratios are annualised with."""
        return YEAR_NS / self.period_ns

    def trip_money(self, name: str, scale: int) -> list[str]:
        """A money column of the round trips, as texts rounded to the scale of money."""
        return [money_text(amount, scale) for amount in self.trips[name].tolist()]

    def as_dict(self) -> dict[str, float | int | str | None]:
        """name → value, as JSON has it."""
        return {each.name: each.value for each in self.all}

    def reasons(self) -> dict[str, str]:
        """name → why it is null."""
        return {each.name: each.reason for each in self.all if each.value is None}


# What rests on the equity curve, and says nothing where that cannot be told.
OF_EQUITY: Final = (
    "net_pnl", "gross_pnl", "unrealized", "return", "annual_return", "max_drawdown", "max_drawdown_money", "max_drawdown_ns", "recovery_ns",
    "recovery_factor", "ulcer", "annual_volatility", "sharpe", "sortino", "best", "worst", "var_95", "var_99", "es_95", "es_99",
    "tail_ratio", "skew", "kurtosis", "turnover", "turnover_daily", "exposure",
)  # fmt: skip


def measure(result: RunResult) -> Metrics:
    """Every figure of a run.

    Raises:
        ValueError: The result is none; see `outcome.check_result`.
    """
    check_result(result)
    period = result.period_ns or curve.choose_period(int(result.ts_ns[-1] - result.ts_ns[0]))
    samples = curve.sample(result.ts_ns, result.equity, period)
    found = curve.returns_of(samples)
    trips = deals.round_trips(result.fills, result.markets, result.scale)
    figures: dict[str, Value | str] = {
        **_result_figures(result),
        **_curve_figures(result, samples),
        **_ratio_figures(found, period),
        **_trip_figures(trips, result.scale),
        **_activity_figures(result),
        **_fill_figures(result),
    }
    if result.unvalued:
        figures.update(dict.fromkeys(OF_EQUITY, Missing(result.unvalued)))
        found = Missing(result.unvalued)
    returns = np.zeros(0) if isinstance(found, Missing) else found
    return Metrics(tuple(_metric(each, figures) for each in DEFINITIONS), period, returns, trips)


def _metric(definition: Definition, figures: dict[str, Value | str]) -> Metric:
    value = _calmar(figures) if definition.name == "calmar" else figures[definition.name]
    if isinstance(value, Missing):
        return Metric(definition, None, value.reason)
    if isinstance(value, str):
        return Metric(definition, value, "")
    if not math.isfinite(value):
        return Metric(definition, None, "It is beyond every number.")
    whole = definition.unit in ("count", "ns")
    return Metric(definition, round(value) if whole else float(value), "")


def _calmar(figures: dict[str, Value | str]) -> Value:
    year, fall = figures["annual_return"], figures["max_drawdown"]
    if isinstance(year, Missing):
        return year
    if isinstance(fall, Missing):
        return fall
    return float(year) / -float(fall) if float(fall) else Missing("Equity never fell.")


def money_text(amount: float, scale: int) -> str:
    """Money rounded to its scale, as text."""
    return decimal_text(int(Decimal(amount).scaleb(scale, _WIDE).to_integral_value(context=_WIDE)), scale)


def _money(amount: Value, scale: int) -> Missing | str:
    if isinstance(amount, Missing):
        return amount
    return money_text(amount, scale) if math.isfinite(amount) else Missing("It is beyond every number.")


def _result_figures(result: RunResult) -> dict[str, Value | str]:
    net, scale = int(result.equity[-1]) - int(result.equity[0]), result.scale
    return {
        "net_pnl": decimal_text(net, scale),
        "gross_pnl": decimal_text(net + result.fees - result.funding, scale),
        "fees": decimal_text(result.fees, scale),
        "funding": decimal_text(result.funding, scale),
        **{name: getattr(result, name) or Missing("Nobody looked.") for name in ("realized", "unrealized", "cash")},
        "slippage": _money(_slippage(result), scale),
    }


def _slippage(result: RunResult) -> Value:
    taken = result.fills[~result.fills["maker"]]
    if not len(taken):
        return Missing("No execution took liquidity.")
    found = deals.slippages(taken, result.markets)
    known = ~np.isnan(found)
    if not known.all():
        return Missing(f"The mid before {int((~known).sum())} of {len(taken)} taking executions is not known.")
    return float(found.sum())


def _curve_figures(result: RunResult, samples: np.ndarray) -> dict[str, Value | str]:
    ts, equity, scale = result.ts_ns, result.equity.astype(np.float64), result.scale
    first, last = float(equity[0]), float(equity[-1])
    fall = curve.fall_of(ts, equity)
    return {
        "return": curve.total_return(first, last),
        "annual_return": curve.annual_return(first, last, int(ts[-1] - ts[0])),
        "max_drawdown": fall.depth,
        "max_drawdown_money": decimal_text(int((result.equity - np.maximum.accumulate(result.equity)).min()), scale),
        "max_drawdown_ns": float(fall.longest_ns),
        "recovery_ns": fall.recovery_ns,
        "recovery_factor": (last - first) / -fall.money if fall.money else Missing("Equity never fell."),
        "ulcer": curve.ulcer(samples),
    }


_RATIOS: Final[dict[str, Callable[[np.ndarray, float], Value]]] = {
    "annual_volatility": curve.volatility,
    "sharpe": curve.sharpe,
    "sortino": curve.sortino,
    "best": lambda returns, _: float(returns.max()),
    "worst": lambda returns, _: float(returns.min()),
    "var_95": lambda returns, _: curve.value_at_risk(returns, 0.95),
    "var_99": lambda returns, _: curve.value_at_risk(returns, 0.99),
    "es_95": lambda returns, _: curve.expected_shortfall(returns, 0.95),
    "es_99": lambda returns, _: curve.expected_shortfall(returns, 0.99),
    "tail_ratio": lambda returns, _: curve.tail_ratio(returns),
    "skew": lambda returns, _: curve.standard_moment(returns, 3),
    "kurtosis": lambda returns, _: _less(curve.standard_moment(returns, 4), 3.0),
}


def _less(value: Value, by: float) -> Value:
    return value if isinstance(value, Missing) else value - by


def _ratio_figures(returns: np.ndarray | Missing, period_ns: int) -> dict[str, Value | str]:
    missing = isinstance(returns, Missing)
    figures: dict[str, Value | str] = {
        "period_ns": float(period_ns),
        "periods": 0.0 if missing else float(len(returns)),
    }
    for name, make in _RATIOS.items():
        figures[name] = returns if isinstance(returns, Missing) else make(returns, YEAR_NS / period_ns)
    return figures


def _trip_figures(trips: np.ndarray, scale: int) -> dict[str, Value | str]:
    pnl, held = trips["pnl"], (trips["closed_ns"] - trips["opened_ns"]).astype(np.float64)
    none = Missing("No round trip was closed.")
    if not len(trips):
        names = [each.name for each in DEFINITIONS if each.group == "Round trips"]
        return {**dict.fromkeys(names, none), "trips": 0.0}
    unit = 0.5 * 10.0**-scale  # less than this is nothing: money has a smallest unit
    won, lost = pnl > unit, pnl < -unit
    loss = -float(pnl[lost].sum())
    return {
        "trips": float(len(trips)),
        "win_rate": float(won.mean()),
        "profit_factor": float(pnl[won].sum()) / loss if loss else Missing("No round trip lost."),
        "expectancy": _money(float(pnl.mean()), scale),
        "average_win": _money(float(pnl[won].mean()), scale) if won.any() else Missing("No round trip gained."),
        "average_loss": _money(float(pnl[lost].mean()), scale) if lost.any() else Missing("No round trip lost."),
        "win_streak": float(deals.longest_run(won)),
        "loss_streak": float(deals.longest_run(lost)),
        "holding_median_ns": float(np.median(held)),
        "holding_mean_ns": float(held.mean()),
        "holding_max_ns": float(held.max()),
    }


def mean_over_time(ts_ns: np.ndarray, values: np.ndarray) -> float:
    """Mean of a curve that holds each value until the next point."""
    spans = np.diff(ts_ns).astype(np.float64)
    return float((values[:-1] * spans).sum() / spans.sum()) if len(spans) else float(values[0])


def _activity_figures(result: RunResult) -> dict[str, Value | str]:
    ts, fills, unit = result.ts_ns, result.fills, 10.0**result.scale
    worth, span = deals.values(fills, result.markets), int(ts[-1] - ts[0])
    equity = mean_over_time(ts, result.equity / unit)
    traded = float(worth.sum())
    poor = Missing("Mean equity is 0 or below.")
    turnover: Value = traded / equity if equity > 0 else poor
    daily: Value = turnover if isinstance(turnover, Missing) or not span else turnover * (DAY_NS / span)
    gross = None if result.gross is None else mean_over_time(ts, result.gross / unit)
    return {
        "orders": float(result.orders),
        "fills": float(len(fills)),
        "maker_share": float(worth[fills["maker"]].sum()) / traded if traded else Missing("Nothing was executed."),
        "traded_value": _money(traded, result.scale),
        "turnover": turnover,
        "turnover_daily": daily if span else Missing("The run has no length."),
        "time_in_market": _time_in_market(result),
        "exposure": _exposure(gross, equity),
    }


def _time_in_market(result: RunResult) -> Value:
    span = result.ended_ns - result.began_ns
    if span <= 0:
        return Missing("The run has no length.")
    return deals.held_ns(result.fills, result.markets, result.began_ns, result.ended_ns) / span


def _exposure(gross: float | None, equity: float) -> Value:
    if gross is None:
        return Missing("The value of positions over time was not measured.")
    return gross / equity if equity > 0 else Missing("Mean equity is 0 or below.")


def markout(fills: np.ndarray, result: RunResult, horizon_s: int) -> Value:
    """The figure `markout_…` of some executions of a run."""
    if not len(fills):
        return Missing("Nothing was executed.")
    found, worth = deals.markouts_bps(fills, result.markets, horizon_s), deals.values(fills, result.markets)
    known = ~np.isnan(found)
    if not known.any():
        return Missing("The mid is not known for any execution.")
    return float((found[known] * worth[known]).sum() / worth[known].sum())


def _fill_figures(result: RunResult) -> dict[str, Value | str]:
    return {f"markout_{s}s_bps": markout(result.fills, result, s) for s in HORIZONS_S}

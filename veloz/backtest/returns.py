"""Arithmetic of an equity curve: returns by period, ratios, falls. Floats begin here.

A function gives a number, or `Missing` with the reason in one sentence; never a 0 that stands for "not known".
Returns are plain fractions of one period each. Nothing is taken off for a riskless rate.
"""

import math
from typing import Final, NamedTuple

import numpy as np

SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS
YEAR_NS: Final = 365 * DAY_NS  # these markets never close
PERIODS: Final = ((DAY_NS, "day"), (3_600 * SECOND_NS, "hour"), (60 * SECOND_NS, "minute"), (SECOND_NS, "second"))
RETURNS_WANTED: Final = 30  # the longest period that gives so many is taken
PERIODS_MAX: Final = 4_000_000
WINDOW_MIN, WINDOW_MAX = 30, 1_440  # returns of one rolling Sharpe
_FLAT: Final = 1e-12  # a deviation of less than this part of the largest return is rounding


class Missing(NamedTuple):
    """A figure that cannot be computed."""

    reason: str


Value = float | Missing


class Fall(NamedTuple):
    """The deepest fall of a curve and the longest one."""

    depth: Value  # fraction of the peak, 0 or below
    money: float  # at the curve's unit, 0 or below
    longest_ns: int  # from a peak until it is reached again, or the end
    recovery_ns: Value  # from the bottom of the deepest (by fraction) until its peak is reached again


def choose_period(span_ns: int) -> int:
    """The longest of day, hour, minute, second of which `RETURNS_WANTED` fit into a span; a second where none does."""
    return next((period for period, _ in PERIODS if span_ns >= RETURNS_WANTED * period), SECOND_NS)


def period_name(period_ns: int) -> str:
    """What a period is called."""
    return dict(PERIODS).get(period_ns, f"{period_ns / SECOND_NS:g} s")


def sample(ts_ns: np.ndarray, equity: np.ndarray, period_ns: int) -> np.ndarray:
    """Equity at the beginning and after each whole period of it: the last value known then, f8. What is left of a period is left out."""
    count = min(int(ts_ns[-1] - ts_ns[0]) // period_ns, PERIODS_MAX)
    moments = int(ts_ns[0]) + np.arange(count + 1, dtype=np.int64) * period_ns
    return equity[np.searchsorted(ts_ns, moments, "right") - 1].astype(np.float64)


def returns_of(samples: np.ndarray) -> np.ndarray | Missing:
    """Returns between neighbouring samples; `Missing` where equity is no basis for one."""
    if len(samples) < 3:
        return Missing("The run is shorter than two periods.")
    if (samples <= 0).any():
        return Missing("Equity was 0 or below, and a return is a part of what was there.")
    returns: np.ndarray = samples[1:] / samples[:-1] - 1.0
    return returns


def total_return(first: float, last: float) -> Value:
    """Growth over the whole run."""
    return (
        last / first - 1.0
        if first > 0
        else Missing("The run began with no equity, and a return is a part of what was there.")
    )


def annual_return(first: float, last: float, span_ns: int) -> Value:
    """Growth compounded to a year of 365 days."""
    if first <= 0 or last <= 0:
        return Missing("Equity was 0 or below at the beginning or the end.")
    if span_ns < DAY_NS:
        return Missing("The run is shorter than a day; compounded to a year it would say nothing.")
    power = math.log(last / first) * (YEAR_NS / span_ns)
    return math.expm1(power) if power < 700.0 else Missing("Compounded to a year it is beyond every number.")


def deviation(returns: np.ndarray) -> Value:
    """Standard deviation of a sample (n − 1)."""
    if len(returns) < 2:
        return Missing("There are fewer than two returns.")
    found = float(returns.std(ddof=1))
    return found if found > _FLAT * float(np.abs(returns).max()) else 0.0


def volatility(returns: np.ndarray, periods: float) -> Value:
    """Deviation × √periods a year."""
    found = deviation(returns)
    return found if isinstance(found, Missing) else found * math.sqrt(periods)


def sharpe(returns: np.ndarray, periods: float) -> Value:
    """Mean ÷ deviation × √periods a year."""
    spread = deviation(returns)
    if isinstance(spread, Missing):
        return spread
    return float(returns.mean()) / spread * math.sqrt(periods) if spread else Missing("All returns are the same.")


def sortino(returns: np.ndarray, periods: float) -> Value:
    """Mean ÷ root mean square of the negative returns (over all periods) × √periods a year."""
    if len(returns) < 2:
        return Missing("There are fewer than two returns.")
    down = math.sqrt(float(np.square(np.minimum(returns, 0.0)).mean()))
    return float(returns.mean()) / down * math.sqrt(periods) if down else Missing("No return is below 0.")


def drawdowns(equity: np.ndarray) -> np.ndarray:
    """Distance from the highest equity so far as a part of it, 0 or below; nan where that peak is 0 or below."""
    peaks = np.maximum.accumulate(equity)
    falls: np.ndarray = np.divide(equity - peaks, peaks, out=np.full(len(equity), np.nan), where=peaks > 0)
    return falls


def fall_of(ts_ns: np.ndarray, equity: np.ndarray) -> Fall:
    """The deepest fall and the longest; equity f8."""
    peaks = np.maximum.accumulate(equity)
    at_peak = np.flatnonzero(equity >= peaks)
    lasting = np.diff(np.append(ts_ns[at_peak], ts_ns[-1]))
    below = np.append(np.diff(at_peak) > 1, at_peak[-1] < len(equity) - 1)
    longest = int(lasting[below].max(initial=0))
    money = float((equity - peaks).min())
    shares = drawdowns(equity)
    if np.isnan(shares).any():
        lost = Missing("Equity was 0 or below before it had a peak.")
        return Fall(lost, money, longest, lost)
    bottom = int(shares.argmin())
    if shares[bottom] == 0:
        return Fall(0.0, money, longest, Missing("There was no fall to recover from."))
    again = np.flatnonzero(equity[bottom:] >= peaks[bottom])
    back: Value = (
        float(ts_ns[bottom + again[0]] - ts_ns[bottom]) if len(again) else Missing("The deepest fall was not made up.")
    )
    return Fall(float(shares[bottom]), money, longest, back)


def ulcer(samples: np.ndarray) -> Value:
    """Root mean square of the falls at each sample."""
    shares = drawdowns(samples)
    if np.isnan(shares).any():
        return Missing("Equity was 0 or below before it had a peak.")
    return math.sqrt(float(np.square(shares).mean()))


def value_at_risk(returns: np.ndarray, level: float) -> Value:
    """The return that a share of 1 − level of the periods fell below, between its neighbours linearly; below 0: a loss."""
    short = _too_few(returns, level)
    return short or float(np.quantile(returns, 1.0 - level))


def expected_shortfall(returns: np.ndarray, level: float) -> Value:
    """Mean of the worst ⌊(n − 1) · (1 − level)⌋ + 1 returns."""
    short = _too_few(returns, level)
    return short or float(np.sort(returns)[: int((len(returns) - 1) * (1.0 - level)) + 1].mean())


def _too_few(returns: np.ndarray, level: float) -> Missing | None:
    wanted = round(1.0 / (1.0 - level))
    return None if len(returns) >= wanted else Missing(f"There are fewer than {wanted} returns.")


def tail_ratio(returns: np.ndarray) -> Value:
    """|95 % quantile| ÷ |5 % quantile|."""
    short = _too_few(returns, 0.95)
    if short:
        return short
    low = abs(float(np.quantile(returns, 0.05)))
    return abs(float(np.quantile(returns, 0.95))) / low if low else Missing("The 5 % quantile is 0.")


def standard_moment(returns: np.ndarray, power: int) -> Value:
    """Mean of ((return − mean) ÷ deviation)^power, deviation of the population (n)."""
    if len(returns) <= power:
        return Missing(f"There are fewer than {power + 1} returns.")
    centred = returns - returns.mean()
    spread = math.sqrt(float(np.square(centred).mean()))
    if spread <= _FLAT * float(np.abs(returns).max()):
        return Missing("All returns are the same.")
    return float(np.mean((centred / spread) ** power))


def window_of(returns: int) -> int:
    """How many returns one rolling Sharpe spans: a tenth of all, within bounds."""
    return min(max(returns // 10, WINDOW_MIN), WINDOW_MAX)


def rolling_sharpe(returns: np.ndarray, window: int, periods: float) -> np.ndarray:
    """Sharpe of the last `window` returns at each of them: nan before there are so many and where all are the same."""
    found = np.full(len(returns), np.nan)
    if len(returns) < window or window < 2:
        return found
    for begin in range(0, len(returns) - window + 1, 65_536):
        block = returns[begin : begin + 65_536 + window - 1]
        views = np.lib.stride_tricks.sliding_window_view(block, window)
        spread = views.std(axis=1, ddof=1)
        flat = spread <= _FLAT * np.abs(views).max(axis=1)
        ratios = np.divide(views.mean(axis=1), spread, out=np.full(len(views), np.nan), where=~flat)
        found[begin + window - 1 : begin + window - 1 + len(views)] = ratios * math.sqrt(periods)
    return found


def monthly(ts_ns: np.ndarray, equity: np.ndarray) -> list[tuple[int, int, Value]]:
    """(year, month, growth within it) of every month UTC the curve touches; the first and the last may be parts of one."""
    months = ts_ns.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    ends = np.append(np.flatnonzero(np.diff(months)), len(months) - 1)
    table: list[tuple[int, int, Value]] = []
    before = float(equity[0])
    for end in ends.tolist():
        month, last = int(months[end]), float(equity[end])
        table.append((1970 + month // 12, month % 12 + 1, total_return(before, last)))
        before = last
    return table

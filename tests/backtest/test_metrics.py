"""Figures of a run: cases worked by hand, and what must hold of every run."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backtest.made_runs import made_run
from veloz.backtest import returns as curve
from veloz.backtest.definitions import DEFINITIONS, parse_table
from veloz.backtest.metrics import Metrics, markout, measure, money_text
from veloz.backtest.outcome import UNKNOWN, Market, RunResult, no_fills
from veloz.backtest.returns import DAY_NS, Missing
from veloz.backtest.trips import longest_run, round_trips, values

SECOND_NS = 1_000_000_000
LINEAR = Market(symbol="BTCUSDT", venue="binance_usdm", product="linear", price_scale=1, qty_scale=0)
INVERSE = Market(
    symbol="BTCUSD_PERP",
    venue="binance_coinm",
    product="inverse",
    price_scale=1,
    qty_scale=0,
    multiplier_e8=100 * 10**8,
)


def run_of(equity: list[int], *, step_ns: int = DAY_NS, **more: object) -> RunResult:
    """A run with one point of equity a step, money without decimals."""
    ts = np.arange(len(equity), dtype=np.int64) * step_ns
    made = RunResult(
        name="", asset="USDT", scale=0, began_ns=0, ended_ns=int(ts[-1]), ts_ns=ts, equity=np.array(equity, np.int64)
    )
    return replace(made, **more)  # type: ignore[arg-type]


def fills_of(*rows: tuple[float, int, float], market: int = 0, scale: int = 1, fee: int = 0) -> np.ndarray:
    """Executions (second, signed quantity, price)."""
    fills, position = no_fills(len(rows)), 0
    for row, (second, qty, price) in zip(fills, rows, strict=True):
        position += qty
        row["ts_ns"], row["sell"], row["qty"], row["price"] = (
            round(second * SECOND_NS),
            qty < 0,
            abs(qty),
            round(price * 10**scale),
        )
        row["position"], row["market"], row["fee"] = position, market, fee
    return fills


# --- by hand: the equity curve --------------------------------------------------------------------------------------------


def test_a_curve_worked_by_hand() -> None:
    found = measure(run_of([100, 110, 99, 99, 121], period_ns=DAY_NS))
    assert found["net_pnl"] == "21"
    assert found["return"] == pytest.approx(0.21)
    assert found["annual_return"] == pytest.approx(1.21 ** (365 / 4) - 1)
    assert found["max_drawdown"] == pytest.approx(-0.1)
    assert found["max_drawdown_money"] == "-11"
    assert found["max_drawdown_ns"] == 3 * DAY_NS
    assert found["recovery_ns"] == 2 * DAY_NS
    assert found["recovery_factor"] == pytest.approx(21 / 11)
    assert found["ulcer"] == pytest.approx((2 * 0.1**2 / 5) ** 0.5)
    assert found["periods"] == 4
    steps = [0.1, -0.1, 0.0, 121 / 99 - 1]
    mean = sum(steps) / 4
    spread = (sum((each - mean) ** 2 for each in steps) / 3) ** 0.5
    assert found["annual_volatility"] == pytest.approx(spread * 365**0.5)
    assert found["sharpe"] == pytest.approx(mean / spread * 365**0.5)
    assert found["sortino"] == pytest.approx(mean / (0.01 / 4) ** 0.5 * 365**0.5)
    assert found["calmar"] == pytest.approx((1.21 ** (365 / 4) - 1) / 0.1)


def test_what_is_left_of_a_period_is_no_return() -> None:
    run = run_of([100, 101, 102, 50], step_ns=2 * SECOND_NS, period_ns=4 * SECOND_NS)
    assert curve.sample(run.ts_ns, run.equity, 4 * SECOND_NS).tolist() == [100, 102]
    assert measure(run)["max_drawdown"] == pytest.approx(50 / 102 - 1), "the curve's own points count for a fall"


def test_the_period_is_the_longest_that_fits_often_enough() -> None:
    chosen = {
        span: curve.period_name(curve.choose_period(span * SECOND_NS))
        for span in (10, 30 * 60, 86_400 * 29, 86_400 * 30)
    }
    assert list(chosen.values()) == ["second", "minute", "hour", "day"]


def test_the_longest_fall_lasts_to_the_end() -> None:
    assert measure(run_of([100, 90, 100, 99, 99, 99]))["max_drawdown_ns"] == 3 * DAY_NS
    assert measure(run_of([100, 90, 100, 99, 99, 99]))["recovery_ns"] == DAY_NS
    assert measure(run_of([1, 2, 3, 3]))["max_drawdown_ns"] == 0


def test_months_are_those_of_utc() -> None:
    ts = np.array(
        ["2024-01-31T23:00", "2024-01-31T23:59:59", "2024-02-01T00:00", "2024-03-09"], "datetime64[ns]"
    ).astype(np.int64)
    table = curve.monthly(ts, np.array([100, 110, 99, 198]))
    assert [row[:2] for row in table] == [(2024, 1), (2024, 2), (2024, 3)]
    assert [row[2] for row in table] == pytest.approx([0.1, -0.1, 1.0])


# --- by hand: executions --------------------------------------------------------------------------------------------------


def test_round_trips_worked_by_hand() -> None:
    fills = fills_of((1, 2, 10.0), (2, -3, 11.0), (5, 1, 9.0), (6, 1, 10.0), (8, -1, 10.0), (9, 5, 1.0), fee=1)
    trips = round_trips(fills, (LINEAR,), 1)
    assert trips["pnl"] == pytest.approx([2 - 0.1 - 0.2 / 3, 2 - 0.1 / 3 - 0.1, 0 - 0.2])
    assert trips["long"].tolist() == [True, False, True]
    assert (trips["opened_ns"] // SECOND_NS).tolist() == [1, 2, 6]
    assert (trips["closed_ns"] // SECOND_NS).tolist() == [2, 5, 8]
    assert trips["qty_max"].tolist() == [2, 1, 1]
    found = measure(
        run_of([1000, 1000, 1000], step_ns=5 * SECOND_NS, scale=1, markets=(LINEAR,), fills=fills, orders=6)
    )
    assert found["trips"] == 3
    assert found["win_rate"] == pytest.approx(2 / 3)
    assert found["profit_factor"] == pytest.approx((4 - 0.1 * 2 - 0.3 / 3) / 0.2)
    assert (found["win_streak"], found["loss_streak"]) == (2, 1)
    assert found["expectancy"] == "1.2"
    assert found["average_loss"] == "-0.2"
    assert found["holding_max_ns"] == 3 * SECOND_NS
    assert found["holding_median_ns"] == 2 * SECOND_NS
    assert found["traded_value"] == "87"
    assert found["time_in_market"] == pytest.approx((4 + 2 + 1) / 10)


def test_a_position_from_before_is_no_trip() -> None:
    market = replace(LINEAR, position_start=2)
    fills = fills_of((1, -2, 10.0), (2, 1, 10.0), (3, -1, 12.0))
    fills["position"] = [0, 1, 0]
    assert round_trips(fills, (market,), 0)["pnl"].tolist() == [2.0]
    run = run_of([10, 10], step_ns=4 * SECOND_NS, markets=(market,), fills=fills)
    assert measure(run)["time_in_market"] == pytest.approx(0.5)


def test_inverse_contracts_pay_in_coin() -> None:
    fills = fills_of((1, 10, 50_000.0), (2, -10, 62_500.0))
    assert values(fills, (INVERSE,)) == pytest.approx([0.02, 0.016])
    assert round_trips(fills, (INVERSE,), 8)["pnl"] == pytest.approx([0.004])
    turned = fills_of((1, -10, 62_500.0), (2, 10, 50_000.0))
    assert round_trips(turned, (INVERSE,), 8)["pnl"] == pytest.approx([0.004])


def test_fill_quality_worked_by_hand() -> None:
    fills = fills_of((1, 1, 100.0), (2, -3, 100.0))
    fills["mid_x2"] = [[2001, 2002, UNKNOWN, 2000], [1998, 1990, UNKNOWN, 2000]]  # mids 100.05, 100.1 …; 99.9, 99.5 …
    run = run_of([1000, 1000], step_ns=5 * SECOND_NS, scale=4, markets=(LINEAR,), fills=fills)
    found = measure(run)
    assert found["markout_0s_bps"] == pytest.approx((5 + 3 * 10) / 4)
    assert found["markout_1s_bps"] == pytest.approx((10 + 3 * 50) / 4)
    assert found["markout_10s_bps"] is None
    assert found["markout_60s_bps"] == 0.0
    assert markout(run.fills[:1], run, 1) == pytest.approx(10)
    assert found["slippage"] == "-0.35"  # bought 0.05 below the mid, sold 3 at 0.1 above it
    fills["maker"] = True
    assert measure(replace(run, fills=fills)).reasons()["slippage"] == "No execution took liquidity."


def test_slippage_of_inverse_contracts() -> None:
    fills = fills_of((1, 10, 50_000.0), (2, -10, 50_000.0))
    fills["mid_x2"][:, 0] = 2 * 400_000
    run = run_of([1, 1], step_ns=5 * SECOND_NS, scale=8, markets=(INVERSE,), fills=fills[:1])
    assert measure(run)["slippage"] == "0.005"  # 1 000 ÷ 40 000 − 1 000 ÷ 50 000
    assert measure(replace(run, fills=fills[1:]))["slippage"] == "-0.005"


def test_costs_are_told_apart() -> None:
    found = measure(run_of([1000, 1005], fees=7, funding=-2))
    assert (found["net_pnl"], found["gross_pnl"], found["fees"], found["funding"]) == ("5", "14", "7", "-2")


def test_exposure_is_a_mean_over_time() -> None:
    run = run_of([100, 100, 100], gross=np.array([0, 50, 999]))
    assert measure(run)["exposure"] == pytest.approx(0.25), "the last point lasts no time"


# --- nothing is a silent 0 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "nulls"),
    [
        (
            run_of([0, 5, 5]),
            ("return", "annual_return", "sharpe", "max_drawdown", "calmar", "ulcer", "exposure"),
        ),
        (run_of([5, 5, 5, 5]), ("sharpe", "sortino", "skew", "recovery_factor", "recovery_ns", "calmar")),
        (run_of([5]), ("annual_return", "annual_volatility", "best", "var_95", "time_in_market", "turnover_daily")),
        (run_of([5, 6, 7, 8], period_ns=DAY_NS), ("var_95", "es_95", "tail_ratio", "var_99", "sortino", "kurtosis")),
        (
            run_of([5, 6]),
            ("win_rate", "profit_factor", "expectancy", "maker_share", "slippage", "markout_1s_bps", "win_streak"),
        ),
        (run_of([5, 6], step_ns=SECOND_NS), ("annual_return", "calmar")),
        (run_of([1, 9 * 10**17, 9 * 10**17]), ("annual_return",)),
    ],
)
def test_what_cannot_be_computed_is_null_with_the_reason(run: RunResult, nulls: tuple[str, ...]) -> None:
    found = measure(run)
    for name in nulls:
        assert found[name] is None, name
    assert set(nulls) <= set(found.reasons())
    assert all(reason.endswith(".") for reason in found.reasons().values())


def test_no_fall_is_a_fall_of_zero() -> None:
    found = measure(run_of([5, 5, 6, 7]))
    assert (found["max_drawdown"], found["max_drawdown_ns"], found["max_drawdown_money"]) == (0.0, 0, "0")


def test_every_definition_is_whole() -> None:
    assert len({each.name for each in DEFINITIONS}) == len(DEFINITIONS) > 50
    assert all(each.text.endswith(".") and each.label and each.group for each in DEFINITIONS)
    assert parse_table("# A\nx | X | ratio\n    one\n    two.\n")[0].text == "one two."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ts_ns": np.array([0, 0])}, "do not rise"),
        ({"ts_ns": np.array([0])}, "different lengths"),
        ({"ts_ns": np.zeros(0, np.int64), "equity": np.zeros(0, np.int64)}, "empty"),
        ({"gross": np.array([1])}, "different lengths"),
        ({"fills": fills_of((1, 1, 1.0))}, "a market that"),
        ({"fills": fills_of((2, 1, 1.0), (1, 1, 1.0)), "markets": (LINEAR,)}, "order of time"),
        ({"fills": fills_of((2, 1, 0.0)), "markets": (LINEAR,)}, "no price"),
        ({"fills": np.zeros(2)}, "rows of"),
        ({"markets": (replace(LINEAR, price_ts_ns=np.array([1])),)}, "BTCUSDT"),
    ],
)
def test_a_result_that_is_none_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        measure(replace(run_of([5, 6]), **change))  # type: ignore[arg-type]


# --- laws -----------------------------------------------------------------------------------------------------------------

steps = st.lists(st.integers(-40, 45), min_size=25, max_size=60)


def numbers(found: Metrics, *units: str) -> dict[str, float]:
    return {
        each.name: each.value
        for each in found.all
        if each.definition.unit in units and isinstance(each.value, int | float)
    }


@given(steps, st.integers(2, 1_000))
def test_ratios_do_not_depend_on_the_unit_of_money(moves: list[int], factor: int) -> None:
    equity = (2000 + np.cumsum([0, *moves])).tolist()
    plain, large = measure(run_of(equity)), measure(run_of([each * factor for each in equity]))
    assert numbers(large, "percent", "ratio", "ns", "count") == pytest.approx(
        numbers(plain, "percent", "ratio", "ns", "count"), rel=1e-6, abs=1e-9
    )
    assert plain.reasons() == large.reasons()


@given(steps, st.integers(1, 10**18))
def test_nothing_depends_on_when_it_was(moves: list[int], later: int) -> None:
    run = run_of((2000 + np.cumsum([0, *moves])).tolist())
    moved = replace(run, ts_ns=run.ts_ns + later, began_ns=later, ended_ns=run.ended_ns + later)
    assert measure(moved).as_dict() == measure(run).as_dict()


@given(steps)
def test_bounds_of_every_curve(moves: list[int]) -> None:
    equity = 2000 + np.cumsum([0, *moves])
    found = measure(run_of(equity.tolist()))
    assert -1 <= found["max_drawdown"] <= 0
    assert found["ulcer"] <= -found["max_drawdown"] + 1e-12
    assert found["es_95"] <= found["var_95"] <= found["best"] + 1e-12
    assert found["worst"] <= found["es_95"] + 1e-12
    assert 0 <= found["max_drawdown_ns"] <= len(moves) * DAY_NS
    slow = min(equity[at] / equity[: at + 1].max() - 1 for at in range(len(equity)))
    assert found["max_drawdown"] == pytest.approx(slow)


@given(st.lists(st.tuples(st.integers(-3, 3).filter(bool), st.integers(90, 110)), min_size=1, max_size=40))
def test_trips_of_a_market_that_ends_flat_make_the_cash(deals: list[tuple[int, int]]) -> None:
    rest = -sum(qty for qty, _ in deals)
    rows = [
        (float(at), qty, float(price)) for at, (qty, price) in enumerate([*deals, *([(rest, 100)] if rest else [])])
    ]
    fills = fills_of(*rows, fee=3)
    trips = round_trips(fills, (LINEAR,), 1)
    assert float(trips["pnl"].sum()) == pytest.approx(-sum(qty * price for _, qty, price in rows) - 0.3 * len(rows))
    assert float(trips["fee"].sum()) == pytest.approx(0.3 * len(rows))
    assert (trips["closed_ns"] >= trips["opened_ns"]).all()


@given(st.lists(st.booleans(), max_size=30))
def test_the_longest_run_is_what_a_loop_finds(flags: list[bool]) -> None:
    best = now = 0
    for flag in flags:
        now = now + 1 if flag else 0
        best = max(best, now)
    assert longest_run(np.array(flags, bool)) == best


def test_rolling_sharpe_is_the_sharpe_of_its_window() -> None:
    returns = np.random.default_rng(3).normal(0, 0.01, 70_000)
    returns[100:140] = 0.0
    found = curve.rolling_sharpe(returns, 30, 365)
    assert np.isnan(found[:29]).all()
    for at in (29, 65_535, 65_536, 65_564, 65_565, 69_999):
        assert found[at] == pytest.approx(curve.sharpe(returns[at - 29 : at + 1], 365))
    assert np.isnan(found[135])
    assert isinstance(curve.sharpe(returns[106:136], 365), Missing)


def test_a_large_run_is_measured_whole() -> None:
    run = made_run(5_000, 7_200)
    found = measure(run)
    assert found["fills"] == 5_000
    assert float(found["gross_pnl"]) == pytest.approx(float(found["net_pnl"]) + float(found["fees"]))
    assert found["trips"] > 50
    assert {"return", "sharpe", "win_rate", "exposure", "slippage", "markout_60s_bps"} <= set(found.as_dict()) - set(
        found.reasons()
    )


@pytest.mark.parametrize(
    ("amount", "text"), [(1e25, f"{int(1e25)}"), (-1e300, f"{int(-1e300)}"), (0.125, "0.12"), (-2.5e-9, "0")]
)
def test_money_of_any_size_is_exact_text(amount: float, text: str) -> None:
    assert money_text(amount, 2) == text

"""Made-up runs of any length for metrics and reports: a quoting strategy in a random market, figures that fit each other."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from veloz.backtest.outcome import Balance, Data, Gap, Market, RunResult, Standing, no_fills

BEGIN_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
SCALE = 8
DATA = Data(
    path="recordings/btcusdt.journal", head_hash="5f" * 32, first_seq=1, last_seq=8_123_456, rows=8_123_456, shift_ns=12_345_678,
)  # fmt: skip
BALANCE = Balance(
    account="main", venue="binance_usdm", asset="USDT", opened="10000", traded="4", fees="1", funding="0", other="0", total="10003",
    unrealized="3", rate="1", worth="10006",
)  # fmt: skip
STANDING = Standing(mark="30000", mark_by="mid", cash="-5", realized="4", unrealized="3")
GAP = Gap(
    symbol="BTCUSDT",
    from_ns=BEGIN_NS + 3_600 * SECOND_NS,
    to_ns=BEGIN_NS + 9_000 * SECOND_NS,
    what="the feed was not in sync",
)
EVIL = """</script><script>parent.hit=1</script><img src=x onerror="parent.hit=1">'"&amp;\u2028"""


def made_fills(chance: np.random.Generator, mids: np.ndarray, times: np.ndarray, count: int) -> np.ndarray:
    """Executions at random moments of a market, on the side that brings the position back when it is large."""
    fills = no_fills(count)
    at = np.sort(chance.integers(0, len(times) - 1, count))
    fills["ts_ns"] = np.sort(times[at] + chance.integers(0, 10**8, count))
    fills["venue_ns"] = fills["ts_ns"] - 2_000_000
    fills["qty"] = chance.integers(1, 40, count)
    fills["maker"] = chance.random(count) < 0.9
    position, signed = 0, []
    for draw, qty in zip(chance.random(count).tolist(), fills["qty"].tolist(), strict=True):
        buy = draw < 0.5 - position / 400
        position += qty if buy else -qty
        signed.append(position)
        fills["sell"][len(signed) - 1] = not buy
    fills["position"] = signed
    side = np.where(fills["sell"], 1, -1)
    fills["price"] = mids[at] // 2 + side * chance.integers(0, 30, count)
    fills["order"] = fills["trade_id"] = np.arange(1, count + 1)
    for place, ahead in enumerate((0, 1, 10, 60)):
        fills["mid_x2"][:, place] = mids[np.minimum(at + ahead, len(mids) - 1)]
    fills["fee"] = np.where(fills["maker"], -1, 4) * fills["price"] * fills["qty"] // 10**4 * 10 ** (SCALE - 5)
    return fills


def made_run(
    fills: int, seconds: int = 86_400, *, every: int = 1, seed: int = 7, name: str = "quoter on a made-up market"
) -> RunResult:
    """A linear contract, prices with 2 decimals, quantities with 3; fees are in the equity curve like the trades."""
    chance = np.random.default_rng(seed)
    times = BEGIN_NS + np.arange(seconds, dtype=np.int64) * SECOND_NS
    mids = 2 * 3_000_000 + np.cumsum(chance.integers(-60, 61, seconds))
    rows = made_fills(chance, mids, times, fills)
    upto = np.searchsorted(rows["ts_ns"], times, "right")
    signed = np.where(rows["sell"], -rows["qty"], rows["qty"])
    cash = np.concatenate([[0], np.cumsum(-signed * rows["price"])]) * 10 ** (SCALE - 5)
    held = np.concatenate([[0], np.cumsum(signed)])
    paid = np.concatenate([[0], np.cumsum(rows["fee"])])
    worth = held[upto] * mids // 2 * 10 ** (SCALE - 5)
    kept = np.union1d(np.arange(0, seconds, every), [seconds - 1])
    market = Market(
        symbol="BTCUSDT", venue="binance_usdm", product="linear", price_scale=2, qty_scale=3, money="USDT",
        price_ts_ns=times, price_mid_x2=mids, standing=STANDING,
    )  # fmt: skip
    return RunResult(
        name=name, asset="USDT", scale=SCALE, began_ns=BEGIN_NS, ended_ns=int(times[-1]), ts_ns=times[kept],
        equity=(10_000 * 10**SCALE + cash[upto] + worth - paid[upto])[kept], gross=np.abs(worth[kept]), markets=(market,), fills=rows,
        orders=fills * 3, fees=int(paid[upto[-1]]),
        data=(DATA,), balances=(BALANCE,),
        config_hash="ab" * 32, state_hash="cd" * 32, result_hash="ef" * 32, journal="runs/quoter/result", seed=seed,
        versions={"veloz": "0.1.0", "numpy": np.__version__},
        settings={"strategy": {"name": "quoter", "half_spread": "0.3", "qty": "0.01"}, "latency": {"entry_ns": 2_000_000}},
        figures={"records": 8_123_456, "venue model": "queue, risk-averse"},
        gaps=(GAP,),
        warnings=("Receive stamps were moved by 12 345 678 ns, because some lay before their event stamps.",),
    )  # fmt: skip


def evil(run: RunResult, said: str = EVIL) -> RunResult:
    """The same run, every text of it hostile."""
    return replace(
        run,
        name=said,
        asset=said,
        journal=said,
        markets=tuple(
            replace(each, symbol=said, venue=said, money=said, standing=replace(STANDING, mark=said, mark_by=said))
            for each in run.markets
        ),
        balances=tuple(replace(each, account=said, venue=said, asset=said) for each in run.balances),
        settings={said: {"a": said}},
        figures={said: said},
        versions={said: said},
        warnings=(said,),
        gaps=(Gap(symbol=said, from_ns=run.began_ns, to_ns=run.ended_ns, what=said),),
        data=tuple(replace(each, path=said) for each in run.data),
    )


if __name__ == "__main__":
    from veloz.backtest.report import write_report

    write_report(made_run(int(sys.argv[2]), int(sys.argv[3]), every=60), Path(sys.argv[1]))

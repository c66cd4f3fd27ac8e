"""A market that falls, and an account that does not bear it."""

import numpy as np

from tests.backtest.made import level, mark, trade

QUOTER = "[strategy]\nqty = 0.1\nhalf_spread = 0.1\nmax_position = 0.1\ninterval_ns = 20_000_000\n"
LEVERED = (
    "account.margin=true", 'account.brackets=["0 0.01"]', "account.balances.USDT=5000", "strategy.qty=800", "strategy.max_position=800",
    "strategy.interval_ns=600_000_000", "gate.enabled=false", "account.leverage=50", "latency.entry_ns=0", "latency.response_ns=0",
)  # fmt: skip


def falling(marked_ms: int | None) -> tuple[np.ndarray, ...]:
    """Somebody sells to us at 100, and the price goes to 89, every second by 1. A mark price of it: so much behind that second's end, or
    none.
    """
    rows = [level(0, 1_000, 900_000), level(1, 1_004, 900_000, ask=True), trade(700, 1_000, 800_000, sold=True)]
    for k in range(1, 12):
        low = 1_000 - 10 * k
        rows += [level(1_000 * k + 50, low, 900_000), level(1_000 * k + 51, low + 14, 0, ask=True)]
        rows += [level(1_000 * k + 52, low + 10, 0), level(1_000 * k + 53, low + 4, 900_000, ask=True)]
        rows.append(trade(1_000 * k + 500, low, 1, sold=True))
        if marked_ms is not None:
            rows.append(mark(1_000 * (k + 1) + marked_ms + 1, low * 10**7))
    return tuple(sorted(rows, key=lambda row: int(row["ts_recv"][0])))

"""Something to be searched that needs no recording: a hill with its top at x = 3, y = 0.5, and returns that are drawn from the settings."""

import hashlib
import os
import random
import signal
import time
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from veloz.backtest.optimizer.plan import Plan, read_plan
from veloz.backtest.optimizer.pool import Inline
from veloz.backtest.optimizer.records import Records
from veloz.backtest.optimizer.sweep import Result, Sweep
from veloz.backtest.optimizer.trial import Executor, Opener, Outcome, Params, Refused, digest_of, words_of

KNOWN = ("x", "y", "name", "seed", "data.from", "data.to")
PERIODS = 64
DAY_NS = 86_400_000_000_000
BASE = """
objective = "height"
blocks = 4
periods = 64
trials = 60
seed = 5
space.x = {low = -5.0, high = 10.0, step = 0.5}
space.y = {low = 0.0, high = 1.0, step = 0.25}
"""


class Hill:
    """The work: settings → height."""

    code_hash = "hill 1"
    span_ns = (0, 30 * DAY_NS - 1)
    seed = 7

    def __init__(self, log: str = "", sleep_s: float = 0.0, deadly: str = "", data: str = "hill") -> None:
        self.data_hash = data
        self._log, self._sleep_s, self._deadly = log, sleep_s, deadly

    def config_hash(self, settings: Params) -> str:
        for name in settings:
            if name not in KNOWN:
                raise Refused(f"{name} is no setting; there are {', '.join(KNOWN)}.")
        return digest_of(*words_of(settings))

    def run(self, settings: Params, seed: int) -> Outcome:
        if self._log:
            with open(self._log, "a") as file:
                file.write(f"{os.getpid()} {' '.join(words_of(settings))}\n")
        self._die(settings)
        name = self.config_hash(settings) + str(seed)
        time.sleep(self._sleep_s * (hashlib.md5(name.encode()).digest()[0] / 255))
        x, y = float(settings.get("x", 0)), float(settings.get("y", 0.5))
        if x == 13:
            raise Refused("x is 13, which brings bad luck.")
        late = float(settings.get("data.from", 0)) / DAY_NS
        height = 10 - (x - 3) ** 2 - 20 * (y - 0.5) ** 2 - late / 100
        chance = random.Random(name)
        returns = tuple(height / 100 + chance.random() - 0.5 for _ in range(PERIODS))
        flat = x == 14
        metrics: dict[str, Any] = {"height": None if flat else f"{height:.9f}", "trades": int(x * 10), "symbol": "HILL"}
        return Outcome(digest_of(name), metrics, () if flat else returns)

    def _die(self, settings: Params) -> None:
        if not self._deadly or str(settings.get("x")) != "5":
            return
        mark = Path(self._deadly)
        if self._deadly.endswith("always") or not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def open_hill(**context: Any) -> Hill:
    """A hill, as the processes of a pool open it."""
    return Hill(**context)


def open_nothing() -> Hill:
    """What cannot be opened."""
    raise ValueError("there is no hill here")


def hill(**context: Any) -> Opener:
    """How it is opened."""
    return Opener("tests.backtest.optimizer.hill:open_hill", context)


def plan(more: str = "", base: str = BASE) -> Plan:
    def merge(text: str) -> dict[str, Any]:
        return tomllib.loads(text, parse_float=Decimal)

    return read_plan({**merge(base), **merge(more)})


def sweep(planned: Plan, path: Path, executor: Executor | None = None, **context: Any) -> Result:
    work = Hill(**context)
    records = Records(path / "results.jsonl", {"data": work.data_hash})
    try:
        return Sweep(planned, work, executor or Inline(hill(**context)), records).run()
    finally:
        records.close()

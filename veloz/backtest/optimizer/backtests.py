"""Backtests as the work of a sweep: a configuration, what a trial changes in it, one recording.

The result of a trial is not written anywhere. Its hash is that of every row and body that the result journal would hold, but for the one
that names where the recording lies.
"""

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from journal import Reader
from veloz.backtest.definitions import DEFINITIONS
from veloz.backtest.driver import make_driven_run
from veloz.backtest.ending import outcome_of
from veloz.backtest.feed import Survey, survey
from veloz.backtest.keys import BY_NAME, SettingsError
from veloz.backtest.ledger import Ledger
from veloz.backtest.metrics import measure
from veloz.backtest.optimizer import plan as sweeps
from veloz.backtest.optimizer.trial import Opener, Outcome, Params, Refused, SweepError, digest_of, words_of
from veloz.backtest.outcome import HORIZONS_S
from veloz.backtest.port import rules_of
from veloz.backtest.result import Digest
from veloz.backtest.settings import Settings, read_settings, require_setting
from veloz.backtest.setup import Plan, check_strategies, make_plan
from veloz.backtest.tables import is_listed
from veloz.backtest.valued import next_look_ns, unvalued_of
from veloz.backtest.walk import Seat
from veloz.backtest.world import World
from veloz.contracts.kernel import digest_sources
from veloz.contracts.spelling import told_among
from veloz.engine.step import Step
from veloz.engine.warm import warm, warm_step, warm_trading
from veloz.reducers.desk import SCOPE_GLOBAL

ROOMS: Final = (
    "contracts",
    "instruments",
    "reducers",
    "strategies",
    "execution",
    "risk",
    "engine",
    "history",
    "backtest",
)
FIGURES: Final = ("orders", "fills", "realized", "unrealized", "cash", "equity_start", "equity_end")
# What trials never tell: it asks for the market beside executions.
UNTOLD: Final = ("slippage", *(f"markout_{seconds}s_bps" for seconds in HORIZONS_S))
OBJECTIVES: Final = tuple(
    dict.fromkeys(name for name in (*FIGURES, *(each.name for each in DEFINITIONS)) if name not in UNTOLD)
)
SURVEYS_MAX: Final = 64
WARM_ROWS: Final = 4_096  # run once when a process begins, so that the first trial finds everything loaded


class Backtests:
    """See `trial.Work`.

    Args:
        text: The configuration, TOML.
        path: Where it stands: relative paths begin in its folder.
        overrides: `key=value` for every trial; data.from and data.to in nanoseconds.
        data: Journal of the recording.
        data_hash: Digest of its head batch; the recording must still have it.
        periods: Returns that a trial gives.

    Raises:
        SweepError: The configuration is wrong, or the recording is another one.
    """

    def __init__(self, text: str, path: str, overrides: Sequence[str], data: str, data_hash: str, periods: int) -> None:
        self._text, self._path, self._overrides = text, Path(path), tuple(overrides)
        self._data, self._periods = Path(data), periods
        self._surveys: dict[tuple[int, int, int, bool], Survey] = {}
        self.data_hash = data_hash
        self.code_hash = digest_sources(*ROOMS)
        for prepare in (warm, warm_trading, warm_step):
            prepare()
        self._reader = Reader.open(self._data)  # stays open: what runs read is mapped once
        if head_of(self._data) != data_hash:
            raise SweepError(
                f"The recording at {data} is not the one that the sweep began with; begin the sweep again."
            )
        try:
            self.seed: int = self._settings({})["seed"]
        except Refused as refused:
            raise SweepError(str(refused)) from None
        with contextlib.suppress(Refused):
            self._play(self._plan(self._settings({}), WARM_ROWS), 0, 1)

    @property
    def span_ns(self) -> tuple[int, int]:
        """First and last receive stamp of the rows that count."""
        plan = self._plan(self._settings({}))
        return plan.found.first_recv_ns, plan.found.last_recv_ns

    def config_hash(self, settings: Params) -> str:
        """See `trial.Work`: of everything that can change a run, the texts of strategies and limits included."""
        chosen = self._settings(settings)
        files = [each.code.rpartition(":")[0] for each in chosen.strategies] + [chosen["limits.file"]]
        return digest_of(chosen.digest, *(self._content(chosen, name) for name in files if name))

    def _content(self, settings: Settings, name: str) -> str:
        try:
            return hashlib.blake2b((settings.folder / name).read_bytes(), digest_size=16).hexdigest()
        except OSError as error:
            raise Refused(f"{settings.folder / name} cannot be read: {error.strerror}.") from None

    def run(self, settings: Params, seed: int) -> Outcome:
        """See `trial.Work`."""
        chosen = self._settings({**settings, "seed": seed})
        plan = self._plan(chosen)
        return self._play(plan, plan.begin_ns, plan.found.last_recv_ns + plan.named.shift_ns)

    def _settings(self, settings: Mapping[str, Any]) -> Settings:
        try:
            chosen = read_settings(self._text, self._overrides, self._path, words_of(settings))
            rules_of(chosen)
        except SettingsError as error:
            raise Refused(str(error)) from None
        return chosen

    def _plan(self, chosen: Settings, most: int = 0) -> Plan:
        """A run of the rows that the settings name, or of so many of the first of them."""
        first, last = 1, None
        with self._reader.view() as view:
            if chosen["data.from"]:
                first = view.seq_at(int(chosen["data.from"]))
            if most:
                last = first + most
            elif chosen["data.to"]:
                last = view.seq_at(int(chosen["data.to"]) + 1) - 1
        try:
            return make_plan(chosen, self._data, first, last, self._walk)
        except SettingsError as error:
            raise Refused(str(error)) from None

    def _walk(self, data: Path, first: int, last: int, folded_from: int, receive: bool) -> Survey:
        """What rows hold: trials of the same rows walk over them once."""
        rows = first, last, folded_from, receive
        if rows not in self._surveys:
            if len(self._surveys) >= SURVEYS_MAX:
                self._surveys.clear()
            self._surveys[rows] = survey(data, first, last, folded_from=folded_from, receive=receive)
        return self._surveys[rows]

    def _play(self, plan: Plan, begin_ns: int, end_ns: int) -> Outcome:
        every = max(-(-(end_ns - begin_ns) // self._periods), 1)
        ledger, digest, pulse = (
            Ledger(plan.world, plan.settings["report.equity_ns"], end_ns - begin_ns),
            Digest(),
            Pulse(every, plan.world),
        )
        played = make_driven_run(plan, digest, (ledger, pulse))
        played.play()
        played.finish()
        figures = asdict(ledger.figures(played.desk))
        measured = measure(outcome_of(plan, played, ledger, None, "", (), digest.hex())).as_dict()
        metrics = {name: figures[name] for name in FIGURES} | measured
        pulse.add(played.desk.now_ns, ledger.curve[-1].equity)
        return Outcome(digest.hex(), metrics, returns_of(pulse.times, pulse.equity, begin_ns, every, self._periods))


class Pulse:
    """Equity as it is looked at for the over-fit statistics, which want it finer than a report.

    Args:
        every_ns: Time between two looks.
        world: What is traded.
    """

    def __init__(self, every_ns: int, world: World) -> None:
        self._every, self._world, self.next_ns = every_ns, world, 0
        self._begun_ns = 0
        self.times: list[int] = []
        self.equity: list[int] = []

    def see(self, desk: Seat, step: Step) -> None:
        """See `runner.Watcher`."""
        if desk.now_ns >= self.next_ns:
            self.mark(desk)

    def see_all(self, desk: Seat, first_seq: int, rows: np.ndarray) -> None:
        """See `runner.Watcher`."""

    def mark(self, desk: Seat) -> None:
        """See `runner.Watcher`."""
        self._begun_ns = self._begun_ns or desk.now_ns
        if not self.times and unvalued_of(desk.state, self._world):
            self.next_ns = next_look_ns(desk.now_ns, self._begun_ns)
            return
        self.next_ns = (desk.now_ns // self._every + 1) * self._every
        self.add(desk.now_ns, int(desk.state.scopes[SCOPE_GLOBAL]["equity"]))

    def add(self, now_ns: int, equity: int) -> None:
        """One more look."""
        self.times.append(now_ns)
        self.equity.append(equity)


def returns_of(
    times: Sequence[int], equity: Sequence[int], begin_ns: int, every_ns: int, periods: int
) -> tuple[float, ...]:
    """What equity changed by in each of equal stretches of time, as a share of what it was at first (of 1 where that is not above 0)."""
    if not times:
        return (0.0,) * periods
    known = np.array(equity, np.int64)
    edges = begin_ns + every_ns * np.arange(1, periods + 1, dtype=np.int64)
    edges[-1] = max(int(edges[-1]), times[-1])  # what is still under way at the end counts
    at = np.maximum(np.searchsorted(np.array(times, np.int64), edges, "right") - 1, 0)
    changes = np.diff(np.concatenate([known[:1], known[at]]))
    return tuple((changes / max(int(known[0]), 1)).tolist())


def head_of(data: Path) -> str:
    """The digest of a recording's newest batch."""
    with Reader.open(data) as reader, reader.view() as view:
        batch = view.batch_at(view.head()[0]) if view.head()[0] else None
        if batch is None:
            raise SweepError(f"The journal at {data} is empty; import a recording first.")
        return batch.digest.hex()


def open_backtests(**context: Any) -> Backtests:
    """What every process of a sweep calls."""
    return Backtests(**context)


def check_sweep(plan: sweeps.Plan, text: str, overrides: Sequence[str], path: Path) -> None:
    """See that there is everything a sweep names, as far as that can be known without data and without a run.

    Args:
        plan: What is to be searched.
        text, overrides, path: As of `opener_of`.

    Raises:
        SweepError, SettingsError: A setting, a parameter or the objective is none.
        OSError: A strategy's file is there, and nobody lets us read it.
    """
    objective = plan.said["objective"]
    if objective not in OBJECTIVES:
        way = told_among(objective, sorted(OBJECTIVES))
        raise SweepError(f"optimize.objective is {objective}, which no trial tells; {way}.")
    names = [each.key for each in plan.space.dimensions]
    for name in names:
        require_setting(name, "optimize.space")
    free = {each.key: each.at(0) for each in plan.space.dimensions if is_listed(each.key)}
    free |= {name: 1 for name in names if name not in BY_NAME and name not in free}
    settings = read_settings(text, overrides, path, words_of(free))
    if "strategy.name" not in names:  # else each trial has a strategy of its own
        check_strategies(settings)


def opener_of(text: str, path: Path, overrides: Sequence[str], data: Path, periods: int) -> Opener:
    """How the backtests of a configuration are opened, here and elsewhere."""
    context = {
        "text": text, "path": str(path.resolve()), "overrides": list(overrides), "data": str(data.resolve()),
        "data_hash": head_of(data), "periods": periods,
    }  # fmt: skip
    return Opener("veloz.backtest.optimizer.backtests:open_backtests", context)

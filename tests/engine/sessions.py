"""Steps of a small desk for tests: rows by kind and words, a session's beginning, random inputs, and strategies of a few lines."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from veloz.contracts import registry as r
from veloz.contracts import terms
from veloz.contracts.layout import ROW, STEP_END
from veloz.engine.step import Engine, Step
from veloz.reducers.fold import fold
from veloz.reducers.state import State, new_state, state_hash

SECOND = 1_000_000_000
BEGIN = 1_700_000_000 * SECOND
SPOT, LINEAR = 1, 2  # instruments
SPOT_ACCOUNT, FUTURES_ACCOUNT = 1, 2
BTC, USDT = 1, 2  # assets


def row(kind: r.Kind, *words: int, instrument: int = 0, ts: int = BEGIN, flags: int = 0) -> np.ndarray:
    """One row: ROW[1]."""
    made = np.zeros(1, ROW)
    made["kind"], made["version"], made["flags"] = kind.number, kind.version, flags
    made["instrument"], made["ts_recv"] = instrument, ts
    for name, word in zip(ROW.names[6:], words, strict=False):
        made[name] = word
    return made


def step_of(*parts: np.ndarray) -> np.ndarray:
    """Rows that arrive together."""
    return np.concatenate(parts)


def spec(**parts: int) -> int:
    """A word `spec`, of the futures account unless said otherwise."""
    return terms.pack(terms.SPEC, **{"account": FUTURES_ACCOUNT, **parts})


def meta(**parts: int) -> int:
    """A word `meta`, of the futures account unless said otherwise."""
    return terms.pack(terms.META, **{"account": FUTURES_ACCOUNT, **parts})


def opening(*, strategies: int = 0, hedge: int = 0) -> np.ndarray:
    """First step: two assets, two accounts with money, a spot and a linear instrument with prices, `strategies` running ones."""
    scales = 2 | 3 << 8
    rows = [
        row(r.STARTED, 1),
        row(r.LISTED, scales | 1 << 16, 1, 1, 10**8, 1, instrument=SPOT),
        row(r.LISTED, scales | 2 << 16, 1, 1, 10**8, 1, instrument=LINEAR),
        row(r.ASSET, BTC, 8),
        row(r.ASSET, USDT, 8),
        row(r.OPENED, SPOT_ACCOUNT, 1, 0, 0, USDT),
        row(r.OPENED, FUTURES_ACCOUNT, 2, hedge, 0, USDT),
        row(r.ASSETS, 1, BTC, USDT, USDT, instrument=SPOT),
        row(r.ASSETS, 2, BTC, USDT, USDT, instrument=LINEAR),
        row(r.FILTERS, 1, 0, 0, 0, 0, instrument=SPOT),
        row(r.FILTERS, 1, 0, 0, 0, 0, instrument=LINEAR),
        row(r.LEVERAGE, FUTURES_ACCOUNT, 10, 0, 0, instrument=LINEAR),
        row(r.BALANCE, SPOT_ACCOUNT, 10**15, USDT, 0, 0),
        row(r.BALANCE, SPOT_ACCOUNT, 10**12, BTC, 0, 0),
        row(r.BALANCE, FUTURES_ACCOUNT, 10**15, USDT, 0, 0),
    ]
    for number in range(1, strategies + 1):
        rows.append(row(r.COMMAND_STRATEGY, number, 0, 0, 1, FUTURES_ACCOUNT))
        rows.append(row(r.COMMAND_STRATEGY, number, 1, 0, 1, FUTURES_ACCOUNT))
    rows += [trade(LINEAR, 10_000, 1), trade(SPOT, 10_000, 1), mark(LINEAR, 10_000)]
    return step_of(*rows)


def trade(instrument: int, price: int, number: int, ts: int = BEGIN) -> np.ndarray:
    """md.trade: one lot."""
    return row(r.TRADE, number, price, 1_000, 0, 0, instrument=instrument, ts=ts, flags=6)


def mark(instrument: int, price: int, ts: int = BEGIN) -> np.ndarray:
    """md.mark in whole price quanta of two decimals."""
    words = {"mark_e8": price * 10**6, "index_e8": price * 10**6}
    return row(r.MARK, *(words.get(name, 0) for name in r.MARK.words), instrument=instrument, ts=ts, flags=6)


def order(price: int, qty: int, *, instrument: int = LINEAR, ts: int = BEGIN, key: int = 0, **parts: int) -> np.ndarray:
    """control.order of a person."""
    parts.setdefault("account", SPOT_ACCOUNT if instrument == SPOT else FUTURES_ACCOUNT)
    return row(
        r.COMMAND_ORDER, key, price, qty, 7, spec(origin=terms.Origin.PERSON, **parts), instrument=instrument, ts=ts
    )


def intent(
    price: int,
    qty: int,
    *,
    strategy: int = 1,
    instrument: int = LINEAR,
    key: int = 0,
    ref: int = 0,
    flags: int = 0,
    **parts: int,
) -> np.ndarray:
    """strategy.intent."""
    word = spec(strategy=strategy, **parts)
    return row(r.INTENT, key, price, qty, ref, word, instrument=instrument, ts=0, flags=flags)


def report(kind: r.Kind, key: int, *words: int, instrument: int = LINEAR, ts: int = BEGIN, **parts: int) -> np.ndarray:
    """A venue's report: order, three words, meta."""
    parts.setdefault("account", SPOT_ACCOUNT if instrument == SPOT else FUTURES_ACCOUNT)
    return row(kind, key, *words, meta(**parts), instrument=instrument, ts=ts)


class Said(NamedTuple):
    """What a strategy said, as `strategies.host.Wake` has it."""

    strategy: int
    cause: int
    rows: np.ndarray
    text: str = ""


class Script:
    """Strategies as a function of state, rows and time, one list of intents a step; the cause is the last input."""

    def __init__(self, say: Callable[[State, np.ndarray, int], Iterable[np.ndarray]]) -> None:
        self._say = say

    def fork(self) -> "Script":
        """It remembers nothing, so it is its own copy."""
        return self

    def wake(self, state: State, rows: np.ndarray, first_seq: int, now: int, bodies: Any = ()) -> list[Said]:
        """See `engine.step.Minds`."""
        said = list(self._say(state, rows, now))
        if not said:
            return []
        made = np.concatenate(said)
        made["ts_recv"] = now
        made["ref"] = np.where(made["kind"] == r.INTENT.number, first_seq + len(rows) - 1, made["ref"])
        return [Said(1, first_seq + len(rows) - 1, made)]


def kinds(step: Step) -> list[str]:
    """Names of what was decided."""
    return [r.BY_NUMBER[int(each["kind"])].name for each in step.decisions]


def view(each: np.void) -> np.void:
    """A row by the names of its kind."""
    return np.array([each]).view(r.BY_NUMBER[int(each["kind"])].view)[0]


def begun(*, minds: Any = None, strategies: int = 0, hedge: int = 0) -> Engine:
    """An engine after `opening`."""
    engine = Engine(new_state(), minds)
    engine.take(opening(strategies=strategies, hedge=hedge))
    return engine


def plain(steps: Iterable[Step]) -> str:
    """Hash of the state after a plain fold of what was journaled."""
    state = new_state()
    for each in steps:
        state = fold(state, each.rows, each.first_seq)
    return state_hash(state)


def differing(left: State, right: State) -> list[str]:
    """Names of the arrays in which two states differ."""
    return [
        name
        for name, a, b in zip(State._fields, left, right, strict=True)
        if a.shape != b.shape or a.tobytes() != b.tobytes()
    ]


def ends(step: Step) -> bool:
    """STEP_END on the last row and nowhere else."""
    flags = step.rows["flags"] & STEP_END
    return bool(flags[-1]) and not flags[:-1].any()

"""One change in a copy of a journal, its sums made right again: a verification finds it, and says the right row.

The row is the changed decision, else the first decision that no longer follows; which one that is, is found out here by a loop that knows
nothing of copies, calm stretches and bodies kept apart: take each step, compare, stop at the first difference.
"""

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import msgspec
import numpy as np

from tests.whole.scenario_journals import (
    SCENARIOS,
    Batch,
    changed,
    first_that_differs,
    library_of,
    read_batches,
    recording,
    rows_where,
    write_batches,
)  # fmt: skip
from veloz.contracts import registry as r
from veloz.contracts.command import ParameterBody, StrategyBody
from veloz.contracts.layout import ROW
from veloz.engine.step import is_decision
from veloz.engine.verify import Verifier
from veloz.history.verify import verify_journal
from veloz.reducers.state import new_state
from veloz.scenario.runner import run
from veloz.strategies.host import Host

CHANGES = 100
FIELDS = tuple(ROW.names or ())
KINDS = tuple(kind.number for kind in r.KINDS)


def found_in(batches: list[Batch]) -> int:
    """The first difference that a verification of these steps tells; 0: none."""
    verifier, first = Verifier(new_state(), Host(library_of(batches))), 1
    for rows, bodies in batches:
        verifier.feed(first, rows, bodies)
        first += len(rows)
    return verifier.divergences[0].seq if verifier.divergences else 0


def found_on_disk(batches: list[Batch]) -> int:
    """The same of a journal."""
    with TemporaryDirectory() as folder:
        path = write_batches(Path(folder) / "j", batches)
        last = sum(len(each.rows) for each in batches)
        found = verify_journal(path, last=last, trust=True).verifier
    return found.divergences[0].seq if found.divergences else 0


def test_no_scenario_differs_unchanged():
    for scenario in SCENARIOS:
        batches = recording(scenario)
        assert found_on_disk(batches) == 0, scenario.name
        assert found_in(batches) == 0, scenario.name
        assert first_that_differs(batches, library_of(batches)) == 0, scenario.name


def spoiled(draw: Random, row: np.void, field: str) -> int:
    """Another value of a field: another kind, or one bit turned over."""
    if field == "kind":
        return draw.choice([kind for kind in (*KINDS, 126, 300) if kind != row["kind"]])
    bits = 8 * row[field].itemsize
    value = (int(row[field]) ^ 1 << draw.randrange(bits)) & (1 << bits) - 1
    return value - (1 << bits) if row.dtype[field].kind == "i" and value >> bits - 1 else value


def test_a_changed_decision_is_reported_itself():
    draw = Random(1)
    for change in range(CHANGES):
        batches = recording(draw.choice(SCENARIOS))
        seq = draw.choice(rows_where(batches, is_decision))
        field = FIELDS[change % len(FIELDS)] if change % 2 else "kind"
        value = spoiled(draw, np.concatenate([each.rows for each in batches])[seq - 1], field)
        assert found_in(changed(batches, seq, field, value)) == seq, (seq, field, value)


def test_a_first_decision_of_another_kind_is_reported_itself():
    """It looks like one more input, and what stands behind it like decisions about both."""
    cases = (
        ("inverse_funding", 4, r.PNL, r.COMMAND_ORDER), ("unknown_absent", 88, r.PNL, r.COMMAND_STRATEGY),
        ("stop_cancel", 116, r.DRAFTED, r.BUSTED), ("reconcile_flatten", 72, r.APPROVED, r.CHANGED),
    )  # fmt: skip
    for name, before, kind, other in cases:
        batches = recording(next(path for path in SCENARIOS if path.stem == name))
        kinds = np.concatenate([each.rows["kind"] for each in batches])
        seq = int(np.flatnonzero((kinds[1:] == kind.number) & (kinds[:-1] == before))[0]) + 2
        copy = changed(batches, seq, "kind", other.number)
        assert found_on_disk(copy) == found_in(copy) == seq, name


def follows(draw: Random, batches: list[Batch], seq: int, word: str, value: int) -> bool:
    """Whether something depends on a change; then it must be found where it first shows."""
    copy = changed(batches, seq, word, value)
    expected = first_that_differs(copy, library_of(batches))
    if expected == 0:
        return False
    assert found_in(copy) == expected, (seq, word, value)
    return True


def test_a_changed_limit_is_found_at_the_first_decision_that_no_longer_follows():
    draw, done = Random(2), 0
    while done < CHANGES:
        batches = recording(draw.choice(SCENARIOS))
        limits = rows_where(batches, lambda rows: rows["kind"] == r.COMMAND_LIMIT.number)
        if limits:
            done += follows(draw, batches, draw.choice(limits), "qty", draw.choice((0, 1, 3, 10**6, 10**12)))


def test_a_changed_input_is_found_at_the_first_decision_that_no_longer_follows():
    draw, done, tried = Random(3), 0, 0
    while done < CHANGES and tried < 40 * CHANGES:
        batches = recording(draw.choice(SCENARIOS))
        inputs = rows_where(batches, lambda rows: ~is_decision(rows) & (rows["kind"] != r.LISTED.number))
        seq = draw.choice(inputs)
        word = draw.choice(("price", "qty", "ref", "ts_recv"))
        rows = np.concatenate([each.rows for each in batches])
        value = max(0, int(rows[seq - 1][word]) + draw.choice((-7, -1, 1, 5, 1_000)))
        done += follows(draw, batches, seq, word, value)
        tried += 1
    assert done == CHANGES


def with_body(batches: list[Batch], seq: int, body: bytes) -> list[Batch]:
    copy, first = [], 1
    for rows, bodies in batches:
        here = seq - first
        copy.append(Batch(rows, [(at, body if at == here else each) for at, each in bodies]))
        first += len(rows)
    return copy


def parameters(batches: list[Batch]) -> list[tuple[int, bytes]]:
    """Every change of a number among the parameters that strategies were loaded with, or given later: (seq, other body)."""
    found, first = [], 1
    for rows, bodies in batches:
        for at, body in bodies:
            kind = int(rows[at]["kind"])
            if kind == r.COMMAND_PARAM.number:
                said = msgspec.msgpack.decode(body, type=ParameterBody)
                found += [(first + at, msgspec.structs.replace(said, value=value)) for value in ("1", "2", "3", "50")]
            elif kind == r.COMMAND_STRATEGY.number:
                load = msgspec.msgpack.decode(body, type=StrategyBody)
                for name in load.params:
                    for value in ("1", "2", "0.5", "0.1", "3"):
                        params = {**load.params, name: value}
                        found.append((first + at, msgspec.structs.replace(load, params=params)))
        first += len(rows)
    return [(seq, msgspec.msgpack.encode(body)) for seq, body in found]


QUOTES = """account main binance_usdm leverage 10
instrument BTCUSDT linear tick 0.1 lot 0.001
balance USDT 100000
book BTCUSDT bids {bid}x5 asks {ask}x5
mark BTCUSDT {bid}
limit global open-orders 10
strategy q load built-in quoter on BTCUSDT with interval_ns=100000000 half_spread=0.2 qty=1 max_position=5
limit strategy q position-qty 5
strategy q start
parameter q set half_spread=0.{spread}
parameter q set qty={qty}
+100ms trade BTCUSDT {bid}x0.1
+100ms trade BTCUSDT {bid}x0.1
"""


def test_a_changed_parameter_is_found_at_the_first_decision_that_no_longer_follows():
    """Of the quoter, told its spread and its size before it quotes, and of all scenarios with strategies."""
    done = 0
    for k in range(9):
        with TemporaryDirectory() as folder:
            text = QUOTES.format(bid=f"{100 + k}.0", ask=f"{100 + k}.4", spread=3 + k % 4, qty=4 - k % 2)
            run(text, Path(folder), Path(folder) / "j")
            done += parameters_found(read_batches(Path(folder) / "j"))
    for scenario in SCENARIOS:
        if "strategy" in scenario.read_text():
            done += parameters_found(recording(scenario))
    assert done >= CHANGES


def parameters_found(batches: list[Batch]) -> int:
    """How many changes of parameters show; each where it first does."""
    done = 0
    for seq, body in parameters(batches):
        copy = with_body(batches, seq, body)
        expected = first_that_differs(copy, library_of(batches))
        assert found_in(copy) == expected, seq
        done += expected > 0
    return done

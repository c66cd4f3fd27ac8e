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
    recording,
    rows_where,
    write_batches,
)  # fmt: skip
from veloz.contracts import registry as r
from veloz.contracts.command import ParameterBody, StrategyBody
from veloz.contracts.layout import STEP_END
from veloz.engine.step import is_decision
from veloz.history.verify import verify_journal

CHANGES = 100
WORDS = ("venue_seq", "price", "qty", "ref", "aux")


def found_in(batches: list[Batch]) -> int:
    """The first difference that a verification of these rows as a journal tells; 0: none."""
    with TemporaryDirectory() as folder:
        path = write_batches(Path(folder) / "j", batches)
        last = sum(len(each.rows) for each in batches)
        found = verify_journal(path, last=last, trust=True).verifier
    return found.divergences[0].seq if found.divergences else 0


def test_no_scenario_differs_unchanged():
    for scenario in SCENARIOS:
        batches = recording(scenario)
        assert found_in(batches) == 0, scenario.name
        assert first_that_differs(batches, library_of(batches)) == 0, scenario.name


def test_a_changed_decision_is_reported_itself():
    draw = Random(1)
    for _ in range(CHANGES):
        batches = recording(draw.choice(SCENARIOS))
        seq = draw.choice(rows_where(batches, is_decision))
        rows = np.concatenate([each.rows for each in batches])
        word = draw.choice((*WORDS, "flags", "instrument", "ts_recv", "kind"))
        value = int(rows[seq - 1][word]) ^ 1 << draw.randrange(6)
        if word == "flags" and value & STEP_END != int(rows[seq - 1]["flags"]) & STEP_END:
            continue
        if word == "kind":
            value = r.ACCEPTED.number
        assert found_in(changed(batches, seq, word, value)) == seq, (seq, word)


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


def test_a_changed_parameter_is_found_at_the_first_decision_that_no_longer_follows():
    done = 0
    for scenario in SCENARIOS:
        batches = recording(scenario)
        for seq, body in parameters(batches):
            copy = with_body(batches, seq, body)
            expected = first_that_differs(copy, library_of(batches))
            assert found_in(copy) == expected, (scenario.name, seq)
            done += expected > 0
    assert done >= 10

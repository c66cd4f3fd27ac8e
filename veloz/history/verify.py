"""Verify a journal: take every decision again, with the strategies' own code, and compare it with the one on record.

Strategies remember, and their memory is not part of the state. So where any were known, a verification begins at the newest snapshot that
has their memory, else at row 1. Their code comes with the program or from files that are given. The commands that loaded it carry its
text too, but a journal may come from anybody: that text is run only where the user says that it is trusted.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from journal import Reader
from veloz.contracts.codes import Refusal, StrategyAction
from veloz.contracts.command import StrategyBody
from veloz.contracts.layout import ROW, STEP_END
from veloz.contracts.registry import COMMAND_STRATEGY, DISABLED
from veloz.engine.verify import Verifier
from veloz.history.recall import Kept, Progress, find_kept
from veloz.reducers.state import State, new_state
from veloz.strategies.host import Host
from veloz.strategies.loader import Code, Library, Refused, hash_of, number_of, read_source

_BODY = msgspec.msgpack.Decoder(StrategyBody)
_WITH_CODE = (StrategyAction.LOAD, StrategyAction.REPLACE)


class CodeMissing(ValueError):
    """Code that a journal's strategies ran is not at hand. The message names it; `hint` is the way out."""

    hint = (
        "Give its file with --code FILE.py, as it was when it ran, "
        "or --trust-journal-code to run the text in the journal as a program of your own."
    )


class NoSuchStrategy(LookupError):
    """A name that no command of the journal gave to a strategy. The message lists those there are."""


@dataclass(frozen=True)
class Loaded:
    """One command that loaded or replaced a strategy's code."""

    seq: int
    strategy: int
    number: int  # first 63 bits of the code's hash
    body: StrategyBody


@dataclass
class Verified:
    """What came of a verification."""

    verifier: Verifier
    host: Host
    snapshot_used: int | None
    seconds: float
    rows: int

    @property
    def state(self) -> State:
        """After the last row."""
        return self.verifier.state

    @property
    def records_per_second(self) -> float:
        """Rows over the time it took to read, check, fold and decide them again."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0


def verify_journal(
    path: Path,
    *,
    last: int,
    count_from: int = 1,
    use_snapshot: bool = True,
    sources: Iterable[tuple[str, str]] = (),
    trust: bool = False,
    instead: Mapping[str, tuple[str, str]] | None = None,
    on_progress: Progress | None = None,
) -> Verified:
    """Verify rows up to `last`.

    Args:
        path: The journal's directory.
        last: Last row taken.
        count_from: Decisions from here on are compared.
        use_snapshot: False begins at row 1.
        sources: (name, text) of files with strategies.
        trust: Run the texts that stand in the journal too. Whoever wrote the journal then runs code here.
        instead: By a strategy's name, (file name, text) of the code to run in its place, whatever was recorded.
        on_progress: Called after every batch.

    Raises:
        CodeMissing: Strategies ran code that is not at hand.
        NoSuchStrategy: `instead` names none of the journal's.
        veloz.strategies.loader.Refused: A text that was given, or that the journal holds, cannot be run.
        journal.ReadError: The journal cannot be read, or a batch is damaged.
    """
    loads = find_loads(path, last)
    host = host_for(path, last, loads, sources, trust=trust, instead=instead)
    found = _begin(path, count_from - 1, loads, host) if use_snapshot and not instead else None
    seq = found.seq if found else 0
    verifier = Verifier(
        found.state if found else new_state(), host if loads else None, count_from=count_from, last_seq=seq
    )
    begun = time.perf_counter()
    with Reader.open(path) as reader:
        for batch in reader.scan(seq + 1, last):
            lo, hi = batch.span(seq + 1, last)
            bodies = [(at - lo, body) for at, body in batch.bodies() if lo <= at < hi]
            verifier.feed(batch.first + lo, batch.rows[lo:hi].view(ROW), bodies)
            if on_progress is not None:
                on_progress(verifier.last_seq - seq, last - seq)
    return Verified(
        verifier, host, seq if found else None, time.perf_counter() - begun, max(0, verifier.last_seq - seq)
    )


def host_for(
    path: Path,
    last: int,
    loads: list[Loaded],
    sources: Iterable[tuple[str, str]] = (),
    *,
    trust: bool = False,
    instead: Mapping[str, tuple[str, str]] | None = None,
) -> Host:
    """The strategies that a journal's commands load, with nothing remembered. Arguments and errors as in `verify_journal`."""
    return _host(path, last, loads, _texts(loads, tuple(sources), trust=trust), dict(instead or {}))


def _begin(path: Path, at_most: int, loads: list[Loaded], host: Host) -> Kept | None:
    """The newest snapshot at a step's end from which the strategies can go on; their memory is loaded."""
    found = find_kept(path, at_most)
    while found is not None:
        known = any(each.seq <= found.seq for each in loads)
        if _ends_step(path, found.seq) and (not known or _remember(host, found.memory)):
            return found
        found = find_kept(path, found.seq - 1)
    return None


def _remember(host: Host, memory: bytes) -> bool:
    """Whether the strategies could take up a memory; one of another program they cannot."""
    try:
        if memory:
            host.load(memory)
    except ValueError:
        return False
    return bool(memory)


def _ends_step(path: Path, seq: int) -> bool:
    with Reader.open(path) as reader, reader.view() as view:
        batch = view.batch_at(seq)
        return batch is not None and bool(batch.rows.view(ROW)["flags"][seq - batch.first] & STEP_END)


def memory_at(path: Path, seq: int, sources: Iterable[tuple[str, str]] = (), *, trust: bool = False) -> bytes:
    """What strategies remember after a record, for a snapshot; empty where there are none, or where it cannot be known.

    Args:
        path: The journal's directory.
        seq: The record. Within a step nothing is known of it.
        sources: As in `verify_journal`.
        trust: As in `verify_journal`.
    """
    if not find_loads(path, seq) or not _ends_step(path, seq):
        return b""
    try:
        found = verify_journal(path, last=seq, count_from=seq + 1, sources=sources, trust=trust)
    except (CodeMissing, Refused):
        return b""
    try:
        return found.host.dump()
    except ValueError:
        return b""


def find_loads(path: Path, last: int) -> list[Loaded]:
    """All commands up to `last` that loaded or replaced code, in order."""
    found = []
    with Reader.open(path) as reader:
        for batch in reader.scan(1, last, kinds={COMMAND_STRATEGY.number}):
            found += [each for each in _loads_of(batch.first, batch.rows.view(ROW), batch.bodies()) if each.seq <= last]
    return found


def _loads_of(first: int, rows: np.ndarray, bodies: Iterable[tuple[int, bytes]]) -> Iterator[Loaded]:
    heap = dict(bodies)
    for at in np.flatnonzero(rows["kind"] == COMMAND_STRATEGY.number).tolist():
        row = rows[at].view(COMMAND_STRATEGY.view)
        if int(row["action"]) not in _WITH_CODE or at not in heap:
            continue
        try:
            body = _BODY.decode(heap[at])
        except msgspec.DecodeError:
            continue
        yield Loaded(first + at, int(row["strategy"]), int(row["code_hash"]), body)


def _texts(loads: list[Loaded], given: tuple[tuple[str, str], ...], *, trust: bool) -> list[tuple[str, str]]:
    """(name, text) of what may be run: what was given, also by the journal's name for the same text; what the journal says, if trusted."""
    texts = dict.fromkeys(given)
    for load in loads:
        name = load.body.code.partition(":")[0]
        if trust and load.body.source:
            texts[name, load.body.source] = None
        texts.update({(name, text): None for _, text in given if number_of(hash_of(text)) == load.number})
    return list(texts)


def _host(
    path: Path,
    last: int,
    loads: list[Loaded],
    texts: Sequence[tuple[str, str]],
    instead: dict[str, tuple[str, str]],
) -> Host:
    library = Library(texts)
    unknown = instead.keys() - {each.body.name for each in loads}
    if unknown:
        known = ", ".join(sorted({each.body.name for each in loads})) or "none"
        raise NoSuchStrategy(f"No strategy of this journal is called {min(unknown)}: there are {known}.")
    missing = [each for each in loads if each.body.name not in instead and _is_missing(library, each)]
    for each in missing:
        if not _was_refused(path, last, each.seq):
            raise CodeMissing(
                f"Strategy {each.body.name} ran {each.body.code}, hash {each.body.code_hash[:16]}, and no code given here has that hash."
            )
    return Host(library, {each.strategy: _code_instead(each, instead) for each in loads if each.body.name in instead})


def _is_missing(library: Library, load: Loaded) -> bool:
    """Whether code that ran is not at hand. Where row and body name different code, one of them was changed: what follows will differ."""
    if load.body.code_hash and number_of(load.body.code_hash) != load.number:
        return False
    return library.find(load.number, load.body.code) is None


def _code_instead(load: Loaded, instead: dict[str, tuple[str, str]]) -> Code:
    name, text = instead[load.body.name]
    codes = read_source(name, text)
    wanted = load.body.code.rpartition(":")[2]
    for code in codes:
        if code.name.rpartition(":")[2] == wanted or len(codes) == 1:
            return code
    raise Refused(f"{name} has no class {wanted}, and more than one other.")


def _was_refused(path: Path, last: int, seq: int) -> bool:
    """Whether the record says that the command of this row found no code either."""
    with Reader.open(path) as reader:
        for batch in reader.scan(seq, last, kinds={DISABLED.number}):
            rows = batch.rows.view(DISABLED.view)
            if np.any((rows["kind"] == DISABLED.number) & (rows["ref"] == seq) & (rows["code"] == Refusal.NO_CODE)):
                return True
    return False

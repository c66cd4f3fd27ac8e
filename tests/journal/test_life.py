"""The life of a journal against a Python list: appends, closings, crashes of the process's part, expiry, reads."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from journal import ZERO, Reader, Tail, Writer, check, encode_frames
from journal.batch import TIME_MIN
from journal.check import check_structure
from journal.limits import MIB
from tests.journal.samples import edit, make_frames, rows_of
from tests.oracles.naive_journal import NaiveJournal

STEP_END = 128
WORD = st.integers(-(2**63), 2**63 - 1)
TIME = st.one_of(st.integers(0, 300), WORD)
ROWS = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 3, 126, 127, 128, 40_000]), st.integers(0, 255), st.integers(0, 255), st.just(7),
        TIME, WORD, WORD, WORD, WORD, WORD, WORD,
    ),
    min_size=1, max_size=8,
)  # fmt: skip


class JournalLife(RuleBasedStateMachine):
    """Whatever is done, what is durable equals the list, byte for byte, and verifies."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "j"
        self.naive = NaiveJournal()
        self.frames: dict[int, list[bytes]] = {}
        self.meta: dict[bytes, bytes] = {}
        self.writer: Any = None
        self.epoch = 0
        self.tail: list[bytes] = []

    @initialize(bulk=st.booleans())
    def start(self, bulk: bool) -> None:
        self.follower = Tail(self.path)
        self.open(bulk)

    @precondition(lambda self: self.writer is None)
    @rule(bulk=st.booleans())
    def open(self, bulk: bool) -> None:
        self.writer = Writer.open(self.path, bulk=bulk, map_size_bytes=16 * MIB, group=3)
        self.epoch += 1
        assert (self.writer.epoch, self.writer.head_seq) == (self.epoch, self.naive.head)

    @precondition(lambda self: self.writer is not None)
    @rule(
        rows=ROWS,
        bodies=st.dictionaries(st.integers(0, 7), st.binary(max_size=30), max_size=3),
        texts=st.lists(st.binary(max_size=30), max_size=4),
        meta=st.dictionaries(st.sampled_from([b"app/a", b"app/b"]), st.one_of(st.none(), st.binary(max_size=9))),
    )
    def append(
        self,
        rows: list[tuple[int, ...]],
        bodies: dict[int, bytes],
        texts: list[bytes],
        meta: dict[bytes, bytes | None],
    ) -> None:
        kind, version, flags, *rest = rows[-1]
        rows = [*rows[:-1], (kind, version, flags | STEP_END, *rest)]
        bodies = {row_ix: body for row_ix, body in bodies.items() if row_ix < len(rows)}
        frames = make_frames(texts[: len(rows)]) if texts else None
        digest = ZERO if frames is None else encode_frames(frames)[1]
        first = self.writer.append(rows_of(rows), bodies=sorted(bodies.items()), frames=frames, meta=meta)
        assert first == self.naive.append(rows, bodies, digest, self.epoch)
        if frames is not None:
            self.frames[first] = texts[: len(rows)]
        for key, value in meta.items():
            self.meta.pop(key, None)
            if value is not None:
                self.meta[key] = value

    @precondition(lambda self: self.writer is not None)
    @rule()
    def flush(self) -> None:
        self.writer.flush()
        assert self.writer.durable_seq == self.naive.head

    @precondition(lambda self: self.writer is not None)
    @rule()
    def close(self) -> None:
        self.writer.close()
        self.writer = None

    @precondition(lambda self: self.writer is None and self.frames)
    @rule()
    def expire_the_oldest_frames(self) -> None:
        oldest = min(self.frames)
        later = oldest + 1

        def expire(txn: Any, rows: Any, frames: Any, meta: Any) -> None:
            txn.delete(oldest.to_bytes(8, "big"), db=frames)
            txn.put(b"frames_from", later.to_bytes(8, "big"), db=meta)

        edit(self.path, expire)
        del self.frames[oldest]

    @rule()
    def follow(self) -> None:
        while batches := self.follower.poll_nowait():
            self.tail += [batch.value for batch in batches]
        assert self.tail == self.naive.values[: len(self.tail)]

    @rule(first=st.integers(1, 40), last=st.one_of(st.none(), st.integers(1, 40)), time_ns=st.integers(-10, 310))
    def read(self, first: int, last: int | None, time_ns: int) -> None:
        if self.writer is not None:
            self.writer.flush()
        with Reader.open(self.path) as reader, reader.view() as view:
            assert [bytes(batch.value) for batch in view.scan()] == self.naive.values
            want = self.naive.holding(first, max(self.naive.head, 1) if last is None else last)
            assert [batch.first for batch in view.scan(first, last)] == want
            assert view.head() == (self.naive.head, self.naive.link)
            assert view.seq_at(time_ns) == self.naive.seq_at(time_ns)
            assert dict(view.meta_items(b"app/")) == self.meta
            assert view.epoch() == self.epoch
            for batch in view.scan():
                kept = view.frames(batch.first, digest=batch.frames_digest)
                texts = None if kept is None else [kept.frame(k) for k in range(len(kept))]
                assert texts == self.frames.get(batch.first)

    @invariant()
    def durable_is_a_prefix(self) -> None:
        with Reader.open(self.path) as reader, reader.view() as view:
            values = [bytes(batch.value) for batch in view.scan()]
        assert values == self.naive.values[: len(values)]
        if self.writer is None:
            assert values == self.naive.values

    @rule()
    def verify(self) -> None:
        report = check(self.path)
        assert report.ok, report
        if self.writer is None:
            assert (report.head_seq, report.head_hash) == (self.naive.head, self.naive.link.hex())
            assert check_structure(self.path) == ""

    def teardown(self) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None
        self.verify()
        self.follower.stop()
        list(self.follower)
        shutil.rmtree(self.folder)


assert NaiveJournal().t_last == TIME_MIN

TestJournalLife = JournalLife.TestCase
TestJournalLife.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)

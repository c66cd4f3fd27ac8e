"""Frames are read again although an engine has written beside them: decisions, commands, several frames a step."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from journal import Frames, Writer
from tests.engine.sessions import row
from tests.venues.binance.recordings import block_of
from veloz.contracts import registry as r
from veloz.contracts.codes import StopLevel
from veloz.contracts.layout import ROW
from veloz.engine.replay import Divergence
from veloz.engine.step import Engine, is_decision
from veloz.history.recall import recall
from veloz.ingest.redecode import redecode
from veloz.instruments.catalogue import Catalogue
from veloz.reducers.state import new_state, state_hash
from veloz.venues.binance.codec import Codec
from veloz.venues.port import Source

BEGIN = 1_723_161_300_000_000_000
Session = tuple[np.ndarray, list[tuple[int, bytes]], Frames]


def _trade(k: int, symbol: str = "BTCUSDT") -> bytes:
    body = f'"e":"trade","E":{k},"T":{k},"s":"{symbol}","t":{k},"p":"{100 + k}.5","q":"0.00{k}","X":"MARKET","m":false'
    return f'{{"stream":"{symbol.lower()}@trade","data":{{{body}}}}}'.encode()


def _session(steps: Sequence[tuple[list[bytes], bool]], source: Source) -> Session:
    """One batch: steps of frames, each with a command to stop behind them or not, and what the engine decides."""
    codec, engine = Codec(Catalogue()), Engine(new_state())
    codec.declare(source)
    batch, bodies, begins, sent = [], [], [], []
    done, now = 0, BEGIN
    for frames, stops in steps:
        now += 10**9
        parts = []
        if frames:
            decoded = codec.decode(block_of([(now, frame) for frame in frames]))
            begins += [done + int(first) for first in decoded.first_row]
            bodies += [(done + at, body) for at, body in decoded.bodies]
            parts, sent = [decoded.rows.copy()], sent + frames
        if stops:
            parts.append(row(r.COMMAND_STOP, 0, StopLevel.HALT, 0, 7, 0, ts=now))
        step = engine.take(np.concatenate(parts), [], done + 1)
        batch.append(step.rows)
        done += len(step.rows)
    ends = np.cumsum([len(frame) + 1 for frame in sent]) - 1
    numbers = np.full(len(sent), source.number, "<u2")
    kept = Frames(np.array(begins, "<u4"), ends.astype("<u4"), numbers, b"\n".join(sent) + b"\n")
    return np.concatenate(batch), bodies, kept


def _write(path: Path, session: Session) -> int:
    rows, bodies, frames = session
    with Writer.open(path, unsafe_fs=True) as writer:
        writer.append(row(r.STARTED, 1, ts=BEGIN, flags=128))
        writer.append(rows, bodies=bodies, frames=frames)
        writer.flush()
        return writer.head_seq


def _divergences(path: Path, session: Session) -> list[Divergence]:
    last = _write(path, session)
    found = redecode(path, last=last)
    assert found.frames == len(session[2])
    if not found.replay.divergences:
        assert state_hash(found.state) == state_hash(recall(path, last=last, use_snapshot=False).state)
    return found.replay.divergences


STEPS = [([_trade(1)], True), ([_trade(2), _trade(3)], False), ([], True), ([_trade(4), _trade(5)], True)]


@pytest.fixture
def session() -> Session:
    return _session(STEPS, Source(1, "binance_usdm", "BTCUSDT"))


def test_frames_beside_decisions_are_read_again(session: Session, journal_dir: Path) -> None:
    assert is_decision(session[0]).sum() == 3
    assert _divergences(journal_dir, session) == []


def test_a_command_may_come_before_the_first_frame(journal_dir: Path) -> None:
    steps = [([], True), *STEPS]
    assert _divergences(journal_dir, _session(steps, Source(1, "binance_usdm", "BTCUSDT"))) == []


def test_a_changed_row_between_decisions_is_found(session: Session, journal_dir: Path) -> None:
    rows, bodies, frames = session
    at = int(np.flatnonzero(rows["kind"] == r.TRADE.number)[-1])
    rows[at]["qty"] += 1
    assert [(each.seq, each.field) for each in _divergences(journal_dir, (rows, bodies, frames))] == [(at + 2, "qty")]


def test_an_added_market_row_is_found(session: Session, journal_dir: Path) -> None:
    rows, bodies, frames = session
    at = int(np.flatnonzero(is_decision(rows))[-1])
    rows[at]["kind"] = r.TRADE.number
    first = int(frames.first_row[-1])
    assert [(each.seq, each.field) for each in _divergences(journal_dir, (rows, bodies, frames))] == [
        (first + 2, "rows")
    ]


def test_a_missing_market_row_is_found(session: Session, journal_dir: Path) -> None:
    rows, bodies, frames = session
    at = int(frames.first_row[-1])
    short = Frames(np.append(frames.first_row[:-1], at + 1).astype("<u4"), frames.end, frames.source, frames.raw)
    assert [each.field for each in _divergences(journal_dir, (rows, bodies, short))] == ["rows"]


def test_a_missing_body_is_found(session: Session, journal_dir: Path) -> None:
    rows, bodies, frames = session
    assert [each.field for each in _divergences(journal_dir, (rows, [bodies[0], *bodies[2:]], frames))] == ["body"]


def test_an_intent_shows_its_source_no_other_symbol(journal_dir: Path) -> None:
    """A snapshot that names no symbol is its source's only symbol's; what a strategy wants elsewhere changes nothing of it."""
    bare = b'{"lastUpdateId":7,"E":7,"T":7,"bids":[["99","1"]],"asks":[["101","1"]]}'
    source = Source(1, "binance_usdm", "BTCUSDT")
    codec = Codec(Catalogue())
    codec.declare(source)
    codec.declare(Source(2, "binance_usdm", "ETHUSDT"))
    frames = [_trade(1), _trade(2, "ETHUSDT"), bare]
    decoded = codec.decode(block_of([(BEGIN + k, frame) for k, frame in enumerate(frames)], [1, 2, 1]))
    bounds = [*decoded.first_row.tolist(), len(decoded.rows)]
    with Writer.open(journal_dir, unsafe_fs=True) as writer:
        for k, frame in enumerate(frames):
            rows: np.ndarray = decoded.rows[bounds[k] : bounds[k + 1]].copy()
            bodies = [(at - bounds[k], body) for at, body in decoded.bodies if bounds[k] <= at < bounds[k + 1]]
            if k < 2:
                rows["flags"][-1] &= 0x7F
                wanted = row(r.INTENT, 0, 1, 1, 1, 0, instrument=2, ts=BEGIN + k, flags=128)
                rows = np.concatenate([rows, wanted]).astype(ROW)
            kept = Frames(
                np.zeros(1, "<u4"), np.array([len(frame)], "<u4"), np.array([1 + k % 2], "<u2"), frame + b"\n"
            )
            writer.append(rows, bodies=bodies, frames=kept)
        writer.flush()
        last = writer.head_seq
    for first in range(1, last + 1):
        assert redecode(journal_dir, first=first, last=last).replay.divergences == []

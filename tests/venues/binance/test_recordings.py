"""All recorded Binance files: counts as known, scanner and reference decoder equal to the byte."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.lanes import UNCOMPILED
from tests.venues.binance.recordings import (
    CAPTURES,
    SAMPLES,
    STREAMS,
    Frames,
    assert_same,
    block_of,
    new_codec,
    plain_block,
    read_capture,
    read_sample,
    read_stream,
)
from veloz.contracts.layout import FIRST, INEXACT, LAST, STEP_END
from veloz.contracts.registry import BY_NUMBER
from veloz.venues.port import RowBlock, Source


def load(shared: Path, name: str) -> tuple[Frames, Source, dict[str, int]]:
    """Frames of a recording, its source and the known counts of its messages."""
    venue = name.partition("/")[0]
    facts = name.replace("/", "__").removesuffix(".gz").removesuffix(".dat")
    known = json.loads((shared / "data" / "facts" / f"{facts}.json").read_text())["messages"]
    if name in STREAMS:
        return read_stream(shared / "data" / name), Source(1, venue, STREAMS[name]), known
    return read_capture(shared / "data" / name), Source(1, venue, "", "capture"), known


def assert_whole(block: RowBlock) -> None:
    """Every frame has rows and one end of step, its last row; runs open and close; times are not negative."""
    ends = np.append(block.first_row[1:], len(block.rows)).astype(np.int64)
    flags = block.rows["flags"]
    assert (ends > block.first_row).all()
    step_ends = np.flatnonzero(flags & STEP_END)
    assert np.array_equal(step_ends, ends - 1)
    market = np.array([number for number, kind in BY_NUMBER.items() if kind.topic == "md"])
    flags = flags[np.isin(block.rows["kind"], market)]
    opened = np.cumsum((flags & FIRST) > 0, dtype=np.int64) - np.cumsum((flags & LAST) > 0, dtype=np.int64)
    assert set(np.unique(opened)) <= {0, 1}
    assert not (flags & INEXACT).any()
    assert (block.rows["ts_event"] >= 0).all()


@pytest.mark.parametrize("name", [*STREAMS, *CAPTURES])
def test_counts_of_a_recording(shared: Path, name: str) -> None:
    frames, source, known = load(shared, name)
    codec = new_codec(source)
    few = UNCOMPILED and name in STREAMS
    block = codec.decode(block_of(frames[:1_000] if few else frames))
    assert few or dict(codec.counts.messages) == known
    assert (codec.counts.rejected, codec.counts.unknown) == (0, 0)
    assert_whole(block)


@pytest.mark.parametrize("name", CAPTURES)
def test_a_capture_reads_as_the_reference_says(shared: Path, name: str) -> None:
    frames, source, _ = load(shared, name)
    assert_same(new_codec(source).decode(block_of(frames)), plain_block(frames, source))


@pytest.mark.slow
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_file_reads_as_the_reference_says(shared: Path, name: str) -> None:
    frames, source, _ = load(shared, name)
    assert_same(new_codec(source).decode(block_of(frames)), plain_block(frames, source))


@pytest.mark.parametrize("venue", SAMPLES)
def test_a_sample_reads_as_the_reference_says(venue: str) -> None:
    frames = read_sample(venue, 400)
    source = Source(3, venue, SAMPLES[venue][1])
    codec = new_codec(source)
    hosted = []
    host_frame = codec._host_frame
    codec._host_frame = lambda *args: (hosted.append(args), host_frame(*args))[1]  # type: ignore[method-assign]
    block = codec.decode(block_of(frames, 3))
    assert_same(block, plain_block(frames, source))
    assert_whole(block)
    assert len(hosted) <= 5, "a first frame of each stream, and the snapshot"

"""Several inputs in one order: by stamp, ties in the order given, each input's own order kept."""

import json
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from journal import Reader
from tests.ingest.recordings import SAMPLE, content_of
from veloz.contracts.layout import ROW
from veloz.ingest import ingest
from veloz.ingest.feed import Feed, merge_feeds
from veloz.venues.port import Source

STAMP = 1_700_000_000_000_000_000
INPUTS = st.lists(st.lists(st.integers(0, 12), max_size=25), min_size=1, max_size=5)


def text_of(offsets: list[int], ix: int) -> bytes:
    return b"".join(b'%d {"from":%d,"at":%d}\n' % (STAMP + offset, ix, k) for k, offset in enumerate(offsets))


def naive_order(inputs: list[list[int]]) -> list[tuple[int, int]]:
    """(input, place in it) of all frames: sorted by the latest stamp so far, stable in the order given."""
    keyed = []
    for ix, offsets in enumerate(inputs):
        latest = 0
        for k, offset in enumerate(offsets):
            latest = max(latest, offset)
            keyed.append((latest, ix, k))
    return [(ix, k) for _, ix, k in sorted(keyed)]


def merged(inputs: list[list[int]], piece_bytes: int, block_bytes: int = 0) -> list[tuple[int, int, int, int]]:
    texts = [text_of(offsets, ix) for ix, offsets in enumerate(inputs)]
    feeds = [
        Feed(
            Path(f"{ix}"),
            iter([text[at : at + piece_bytes] for at in range(0, len(text), piece_bytes)]),
            Source(0, "v"),
        )
        for ix, text in enumerate(texts)
    ]
    found = []
    for load in merge_feeds(feeds, 1, block_bytes):
        for k in range(len(load.block)):
            said = json.loads(load.block.frame(k))
            assert said["from"] == load.feed_ix[k]
            line = texts[said["from"]][: int(load.line_end[k])]
            assert line.endswith(b'"at":%d}\n' % said["at"])
            found.append((said["from"], said["at"], int(load.block.recv[k]) - STAMP, int(load.block.source[k])))
    return found


@given(INPUTS, st.integers(20, 400), st.sampled_from([0, 1, 90, 300]))
def test_frames_are_in_the_order_of_a_stable_sort(inputs: list[list[int]], piece_bytes: int, block_bytes: int) -> None:
    found = merged(inputs, piece_bytes, block_bytes)
    assert [(ix, k) for ix, k, _, _ in found] == naive_order(inputs)
    assert all(stamp == inputs[ix][k] for ix, k, stamp, _ in found)


@given(INPUTS)
def test_inputs_are_numbered_by_their_first_frames(inputs: list[list[int]]) -> None:
    found = merged(inputs, 100, 120)
    first: dict[int, int] = {}
    for ix, _, _, number in found:
        assert first.setdefault(ix, number) == number
    assert list(first.values()) == list(range(1, len(first) + 1))


def test_venues_share_a_journal_in_their_true_order(journal_dir: Path) -> None:
    inputs = [(path.parent.name, path) for path in sorted(SAMPLE.glob("*/*.gz"))]
    found = ingest(inputs, journal_dir, snapshot_keep=0)
    assert {each["venue"] for each in found.instruments} == {"binance_spot", "binance_usdm", "binance_coinm"}
    content = content_of(journal_dir)
    recv = np.frombuffer(content.rows, ROW)["ts_recv"]
    assert (np.diff(recv) >= 0).all()
    with Reader.open(journal_dir) as reader, reader.view() as view:
        assert view.head()[0] == found.records


def test_merging_changes_no_input(tmp_path: Path, journal_dir: Path) -> None:
    inputs = [(path.parent.name, path) for path in sorted(SAMPLE.glob("*/*.gz"))]
    whole = ingest(inputs, journal_dir, snapshot_keep=0)
    alone = [ingest([one], tmp_path / one[0], snapshot_keep=0) for one in inputs]
    assert whole.frames == sum(each.frames for each in alone)
    assert whole.records == sum(each.records for each in alone)
    frames = content_of(journal_dir).frames
    for number, (venue, _) in enumerate(inputs, start=1):
        own = [frame for _, _, frame in content_of(tmp_path / venue).frames]
        kept = {
            source: [frame for _, other, frame in frames if other == source] for source in {s for _, s, _ in frames}
        }
        assert own in kept.values(), number


def test_gaps_over_a_seam_and_over_twins(tmp_path: Path, journal_dir: Path) -> None:
    lines = [
        b'%d {"stream":"btcusdt@depth","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":%d,"u":%d,"b":[],"a":[]}}\n'
        % (STAMP + k, k, k)
        for k in range(1, 61)
    ]

    def write(name: str, chosen: list[bytes]) -> tuple[str, Path]:
        path = tmp_path / name
        path.write_bytes(b"".join(chosen))
        return "binance_spot", path

    a, b, c = write("a.txt", lines[:20]), write("b.txt", lines[20:40]), write("c.txt", lines[41:])
    assert ingest([a, b], tmp_path / "follow", snapshot_keep=0).gaps == 0
    assert ingest([a, c], tmp_path / "seam", snapshot_keep=0).gaps == 1
    assert ingest([a], journal_dir, snapshot_keep=0).gaps == 0
    assert ingest([c], journal_dir, snapshot_keep=0).gaps == 0
    for _ in range(2):
        assert ingest([a, b, c], journal_dir, snapshot_keep=0).gaps == 1
    odd, even = write("odd.txt", lines[:30] + lines[33:]), write("even.txt", lines[:10] + lines[12:])
    assert ingest([odd], tmp_path / "odd", snapshot_keep=0).gaps == 1
    for _ in range(2):
        assert ingest([odd, even], tmp_path / "twins", snapshot_keep=0).gaps == 0, "what one missed the other has"

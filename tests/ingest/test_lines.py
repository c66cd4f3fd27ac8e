"""The compiled line cutters against a naive twin, on recordings and on whatever Hypothesis thinks of."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.recordings import SAMPLE
from tests.oracles import naive_lines
from veloz.ingest.capture import cut_capture
from veloz.ingest.files import cut_blocks, read_text
from veloz.ingest.lines import PAD, Cut
from veloz.ingest.stream import cut_stream, find_symbol

CUTTERS = {"stream": cut_stream, "capture": cut_capture}
DIGITS = st.text("0123456789", min_size=1, max_size=21)
STAMPS = st.sampled_from(
    ["1723161255030314667", "1680652700423575", "1680652700423", "9223372036854775807", "9223372036854775808"]
)
SECONDS = st.sampled_from(
    ["1618677371.3386219", "1618677371", "1618677371.33862191999", "9223372036.1", "1618677371.", ".5"]
)
BODIES = st.sampled_from(['{"e":"trade"}', "[]", "", " {}", "x", "{} \r", "\t", '{"long":"' + "y" * 90 + '"}'])
STREAM_LINES = st.tuples(STAMPS | DIGITS, st.sampled_from([" ", "  ", "", "\t", ":"]), BODIES).map("".join)
ADDRESSES = st.sampled_from(["https://x/depth?symbol=A", "wss://x/stream", "", "configuration", "a:b"])
ARROWS = st.sampled_from([" -> ", " <- ", " <-> ", " ->", "->", " > ", ": "])
CAPTURE_LINES = st.tuples(ADDRESSES, ARROWS, SECONDS | DIGITS, st.sampled_from([": ", ":", "", " "]), BODIES).map(
    "".join
)
LINES = STREAM_LINES | CAPTURE_LINES | SECONDS.map(lambda text: text + ": {}") | st.text("0 :<->.{}\r\t", max_size=12)
TEXTS = st.tuples(st.lists(LINES, max_size=12), st.booleans()).map(
    lambda parts: ("\n".join(parts[0]) + ("\n" if parts[1] else "")).encode()
)


def frames_of(cut: Cut) -> list[bytes]:
    return [cut.buf[a:b].tobytes() for a, b in zip(cut.start, cut.end, strict=True)]


def require_same(text: bytes, base: int, form: str) -> None:
    ours, theirs = CUTTERS[form](text, base), naive_lines.cut(text, base, form)
    assert frames_of(ours) == theirs.frames
    assert ours.recv.tolist() == theirs.recv
    assert ours.line_end.tolist() == theirs.line_end
    assert ours.stray_lines == theirs.strays
    used = int(ours.end[-1]) + 1 if len(ours) else 0
    assert (ours.buf[used : used + PAD] == 10).all()
    assert (ours.buf[ours.end] == 10).all()


@given(TEXTS, st.integers(0, 10**6))
def test_a_stream_is_cut_like_its_naive_twin(text: bytes, base: int) -> None:
    require_same(text, base, "stream")


@given(TEXTS, st.integers(0, 10**6))
def test_a_capture_is_cut_like_its_naive_twin(text: bytes, base: int) -> None:
    require_same(text, base, "capture")


@given(st.binary(max_size=200))
def test_noise_is_cut_like_its_naive_twin(text: bytes) -> None:
    for form in CUTTERS:
        require_same(text, 0, form)


@pytest.mark.parametrize("path", sorted(SAMPLE.glob("*/*.gz")), ids=lambda path: path.parent.name)
def test_the_sample_is_cut_like_its_naive_twin(path: Path) -> None:
    for block in list(cut_blocks(read_text(path)))[:2]:
        require_same(block.text, block.base, "stream")


def test_recorded_captures_are_cut_like_their_naive_twin(shared: Path) -> None:
    for path in sorted((shared / "data").glob("binance_*/capture/*/*.gz")):
        for block in cut_blocks(read_text(path)):
            require_same(block.text, block.base, "capture")


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=30), st.integers(1, 64))
def test_blocks_are_the_bytes_and_end_at_line_ends(pieces: list[bytes], block_bytes: int) -> None:
    blocks = list(cut_blocks(iter(pieces), 7, block_bytes))
    text = b"".join(pieces)
    assert b"".join(block.text for block in blocks) == text
    assert all(block.text.endswith(b"\n") != block.ends_open for block in blocks)
    assert not any(block.ends_open for block in blocks[:-1])
    assert [block.base - 7 for block in blocks] == np.cumsum([0, *(len(block.text) for block in blocks)])[:-1].tolist()


@pytest.mark.parametrize(
    ("head", "name", "symbol"),
    [
        (b'1 {"stream":"btcusdt@trade","data":{}}', "x.gz", "BTCUSDT"),
        (b'1 {"stream":"btcusd_perp@depth","data":{}}', "x.gz", "BTCUSD_PERP"),
        (b'1 {"stream":"a@trade"}\n1 {"stream":"b@trade"}', "btcusdt_20240808.gz", ""),
        (b'1 {"e":"trade","s":"ETHUSDT"}', "x.gz", "ETHUSDT"),
        (b'1 {"lastUpdateId":1}', "btcusdt_20240808.gz", "BTCUSDT"),
        (b'1 {"lastUpdateId":1}', "btcusd_perp_20240808.gz", "BTCUSD_PERP"),
        (b'1 {"lastUpdateId":1}', "BTCUSDT_230929.gz", "BTCUSDT_230929"),
        (b'1 {"lastUpdateId":1}', "20240808.gz", ""),
    ],
)
def test_the_symbol_of_a_file(head: bytes, name: str, symbol: str) -> None:
    assert find_symbol(head, Path(name)) == symbol

"""How the lines of a file follow one another: what is told twice is said, what goes back is refused, what gives nothing makes nothing."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest import events as e
from tests.ingest.recordings import put, take
from veloz.contracts.registry import BAR, REFUSED, TRADE
from veloz.ingest import IngestError
from veloz.ingest.course import A_BAR, A_LINE, A_TRADE, Course
from veloz.ingest.faults import Disorder
from veloz.ingest.given import Given

MS = 1_700_000_040_000
SPOT = Given(product="spot")
TRADES = "id,price,qty,quote_qty,time,is_buyer_maker\n"
TARDIS = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
Write = Callable[[Path, list[int]], Path]


def klines(folder: Path, order: list[int], price: str = "5") -> Path:
    times = [MS + 60_000 * k for k in order]
    lines = [f"{t},{price},6,4,5.5,1.25,{t + 59_999},7.5,3,0.5,2.5,0\n" for t in times]
    return put(folder / "BTCUSDT-1m-2024-12.csv", "".join(lines))


def candles(folder: Path, order: list[int]) -> Path:
    return put(folder / "XRP_USDT-5m.json", json.dumps([[MS + 300_000 * k, 1.5, 4.0, 1.25, 1.75, 10.5] for k in order]))


def lean(folder: Path, order: list[int]) -> Path:
    lines = [f"{60_000 * k},15,40,12,17,10\n" for k in order]
    return put(folder / "20221213_trade.csv", "".join(lines))


def trades(folder: Path, order: list[int]) -> Path:
    lines = [f"{k + 1},100,1,1,{MS + k},True\n" for k in order]
    return put(folder / "BTCUSDT-trades-2024-01.csv", TRADES + "".join(lines))


def tardis(folder: Path, order: list[int]) -> Path:
    lines = [f"bybit,XYZ,{MS * 1000 + k},{MS * 1000 + k + 5},{k + 1},buy,1.5,2\n" for k in order]
    return put(folder / "trades.csv", TARDIS + "".join(lines))


ABOVE = {klines: 0, candles: 0, lean: 0, trades: 1, tardis: 1}  # lines before the first one that tells something
BARS: list[Write] = [klines, candles, lean]
PRINTS: list[Write] = [trades, tardis]


def said(told: list[str], path: Path) -> list[str]:
    return [one.removeprefix(f"{path}: ") for one in told if one.startswith(f"{path}: ")]


def taken(path: Path, journal: Path):  # type: ignore[no-untyped-def]
    return take([path], journal, Given(symbol="" if "-" in path.name else "A", product="spot"))


@pytest.mark.parametrize("write", [*BARS, *PRINTS])
def test_what_is_told_twice_is_kept_and_said_with_its_first_line(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path, [0, 1, 1, 2, 3, 3, 3])
    done = taken(path, tmp_path / "journal")
    what, line = "bar" if write in BARS else "trade", 3 + ABOVE[write]
    assert done.kinds[BAR.name if write in BARS else TRADE.name] == 7
    assert done.exit_code == 0
    assert said(done.warnings, path) == [
        f"3 of its 7 lines tell the {what} of the line before once more, the first of them in line {line};"
        " they are kept, and count as often as they are told."
    ]
    assert said(taken(write(tmp_path, [0, 1, 2, 3]), tmp_path / "other").warnings, path) == []


@pytest.mark.parametrize("write", BARS)
@pytest.mark.parametrize(("order", "line"), [([3, 2, 1, 0], 2), ([0, 1, 3, 2, 4, 5], 4)])
def test_bars_that_go_back_are_refused_and_nothing_is_made(
    tmp_path: Path, write: Write, order: list[int], line: int
) -> None:
    path = write(tmp_path, order)
    with pytest.raises(IngestError) as refusal:
        taken(path, tmp_path / "journal")
    assert (refusal.value.exit_code, refusal.value.code) == (2, "backward")
    assert f"{path} goes back in time, and nothing was taken: its line {line} is" in str(refusal.value)
    assert not (tmp_path / "journal").exists()


@pytest.mark.parametrize("write", PRINTS)
def test_prints_that_come_late_are_said_and_the_newest_first_refused(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path, [0, 1, 4, 2, 3, 5, 6])
    done = taken(path, tmp_path / "journal")
    line = 4 + ABOVE[write]
    assert done.kinds[TRADE.name] == 7
    (note,) = said(done.warnings, path)
    assert note.startswith("2 of its 7 lines have a stamp before one that precedes them, the first of them in line")
    assert f"in line {line};" in note
    path = write(tmp_path, [6, 5, 4, 3])
    with pytest.raises(IngestError) as refusal:
        taken(path, tmp_path / "no")
    assert (refusal.value.exit_code, refusal.value.code) == (2, "backward")
    assert not (tmp_path / "no").exists()


def test_what_gives_no_row_makes_nothing(tmp_path: Path) -> None:
    foreign = e.build([(1, e.VENUE | e.DESK, e.BUY, 10, 1, 1, 1)])
    foreign["ev"] = foreign["ev"] // 256 * 256 + 99
    for number, path in enumerate(
        (klines(tmp_path, [0, 1, 2], "nan"), put(tmp_path / "BTCUSDT-trades-1.csv", TRADES), e.write(tmp_path / "btcusdt.npz", foreign)),
    ):  # fmt: skip
        with pytest.raises(IngestError) as refusal:
            take([path], tmp_path / "journal", SPOT)
        assert (refusal.value.exit_code, refusal.value.code) == (2, "no_rows"), number
        assert f"{path} gives no row, and nothing was taken: " in str(refusal.value)
        assert not (tmp_path / "journal").exists()
    with pytest.raises(IngestError) as refusal:
        take([put(tmp_path / "BTCUSDT-1m-0.csv", "open_time,open,high,low,close,volume\n")], tmp_path / "journal", SPOT)
    assert (refusal.value.exit_code, refusal.value.code) == (2, "no_frames")


def test_a_line_that_is_no_bar_is_refused_alone_where_others_are(tmp_path: Path) -> None:
    good, bad = klines(tmp_path, [0, 1, 2]).read_text(), klines(tmp_path, [3], "nan").read_text()
    done = take([put(tmp_path / "BTCUSDT-1m-2024-12.csv", good + bad)], tmp_path / "journal", SPOT)
    assert (done.kinds[BAR.name], done.kinds[REFUSED.name], done.rejected) == (3, 1, 1)


@pytest.mark.parametrize("stamp", [50, 2, 0])
def test_a_line_that_is_no_bar_says_nothing_of_the_others(tmp_path: Path, stamp: int) -> None:
    first, bad = klines(tmp_path, [0, 1, 2]).read_text(), klines(tmp_path, [stamp], "nan").read_text()
    last = klines(tmp_path, [3, 4]).read_text()
    path = put(tmp_path / "BTCUSDT-1m-2024-12.csv", first + bad + last)
    done = take([path], tmp_path / "journal", SPOT)
    assert (done.kinds[BAR.name], done.kinds[REFUSED.name]) == (5, 1)
    assert not [one for one in said(done.warnings, path) if "once more" in one or "stamp" in one]


def test_a_file_of_klines_that_is_in_is_not_asked_again_and_a_longer_one_whole(tmp_path: Path) -> None:
    path = klines(tmp_path, [0, 1, 1])
    assert said(take([path], tmp_path / "journal", SPOT).warnings, path)
    assert not said(take([path], tmp_path / "journal", SPOT).warnings, path)
    path = klines(tmp_path, [0, 1, 1, 2, 2])
    done = take([path], tmp_path / "journal", SPOT)
    assert (done.added["frames"], said(done.warnings, path)[0][:14]) == (2, "2 of its 5 lin")
    path = klines(tmp_path, [0, 1, 1, 2, 2, 0])
    with pytest.raises(IngestError, match="its line 6 is of a time before"):
        take([path], tmp_path / "journal", SPOT)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4), st.sampled_from("AB")), min_size=1, max_size=40),
    st.lists(st.integers(1, 39), max_size=5),
    st.sampled_from([A_BAR, A_TRADE, A_LINE]),
)
def test_it_does_not_matter_how_the_lines_are_cut(
    lines: list[tuple[int, int, str]], cuts: list[int], what: str
) -> None:
    course, bounds = Course(what), sorted({0, len(lines), *(cut for cut in cuts if cut < len(lines))})
    for a, b in itertools.pairwise(bounds):
        part = lines[a:b]
        symbols = sorted({symbol for _, _, symbol in part})
        which = np.array([symbols.index(symbol) for _, _, symbol in part])
        times, ids = (np.array([line[at] for line in part], np.int64) for at in (0, 1))
        course.see(symbols, which, times, ids, lambda row, before=a: before + row + 1)
    pairs = list(itertools.pairwise(lines))
    twice = [at + 2 for at, (one, two) in enumerate(pairs) if one[1:] == two[1:] and two[1]]
    late = [at + 1 for at, line in enumerate(lines) if any(line[0] < one[0] for one in lines[:at])]
    back, forth = sum(one[0] > two[0] for one, two in pairs), sum(one[0] < two[0] for one, two in pairs)
    if late and (what == A_BAR or back > forth):
        with pytest.raises(Disorder, match=f"its line {late[0]} is"):
            course.close()
        return
    told = course.close()
    assert [int(one.partition(" ")[0]) for one in told] == [len(found) for found in (twice, late) if found]
    for one, found in zip(told, [found for found in (twice, late) if found], strict=True):
        assert f"in line {found[0]};" in one

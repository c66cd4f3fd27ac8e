"""The file of results: what was kept is there again, what was cut off is not, and nothing else is taken for it."""

from pathlib import Path

import pytest

from veloz.backtest.optimizer.records import DamagedError, Entry, Records
from veloz.backtest.optimizer.trial import Outcome, SweepError

ABOUT = {"data": "d", "code": "c", "periods": 4}
OUTCOMES = [
    Outcome("aa", {"sharpe": 1.25, "net_pnl": "-0.10", "symbol": 'é "x"', "none": None}, (0.1, -1e-300, 3.0)),
    Outcome("", refused="x is 13."),
    Outcome("bb", {}, ()),
]


def entries() -> list[Entry]:
    return [Entry(f"key{at}", {"x": at}, f"config{at}", 7, outcome) for at, outcome in enumerate(OUTCOMES)]


def kept(path: Path) -> list[Outcome | None]:
    records = Records(path, ABOUT)
    found = [records.get(f"key{at}") for at in range(len(OUTCOMES))]
    records.close()
    return found


def fill(path: Path) -> bytes:
    records = Records(path, ABOUT)
    records.add(entries()[:1])
    records.add(entries())
    assert len(records) == 3
    records.close()
    return path.read_bytes()


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "results.jsonl"
    whole = fill(path)
    assert kept(path) == OUTCOMES
    assert path.read_bytes() == whole
    assert whole.count(b"\n") == 4


def test_a_file_cut_anywhere_keeps_its_whole_lines_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    whole = fill(path)
    for length in [*range(0, len(whole), 7), len(whole) - 1]:
        path.write_bytes(whole[:length])
        lines = max(whole[:length].count(b"\n") - 1, 0)
        assert kept(path) == OUTCOMES[:lines] + [None] * (3 - lines)
        records = Records(path, ABOUT)
        records.add(entries())
        records.close()
        assert path.read_bytes() == whole


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    whole = fill(path)
    last = whole.rindex(b"\n", 0, -1) + 1
    for at in [*range(0, last, 5), *range(last - 2, len(whole) - 1, 3)]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        if at >= last - 1:  # in the last line, or what parts it from the one before
            assert kept(path) == [*OUTCOMES[: 2 if at >= last else 1], *[None] * (1 if at >= last else 2)]
        else:
            with pytest.raises(DamagedError, match="damaged in line"):
                Records(path, ABOUT)


def test_results_of_something_else_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    fill(path)
    for name in ABOUT:
        with pytest.raises(SweepError, match=f"other {name} .*--fresh"):
            Records(path, {**ABOUT, name: "other"})
    records = Records(path, {**ABOUT, "data": "other"}, fresh=True)
    assert len(records) == 0
    records.close()


def test_two_sweeps_cannot_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    first = Records(path, ABOUT)
    with pytest.raises(SweepError, match="another sweep"):
        Records(path, ABOUT)
    first.close()
    Records(path, ABOUT).close()

"""`veloz data`: datasets are made once, known by their head hash, examined, and written as Parquet."""

import errno
import gzip
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from journal import space
from tests.cli.conftest import Run
from tests.ingest import events as e
from veloz.cli.ingest import warn_of_space
from veloz.history import parquet
from veloz.ingest import IngestError

QUIET = ("--set", "ingest.snapshot=false")
MINUTE = 60_000


def candles(path: Path, missing: tuple[int, ...] = ()) -> Path:
    """An hour of bars without some of them."""
    path.write_text(
        json.dumps([[1_700_000_040_000 + MINUTE * k, 5, 6, 4, 5.5, 1] for k in range(60) if k not in missing])
    )
    return path


def klines(path: Path) -> Path:
    """Three bars in the columns of the archive, the second of them with the finest price."""
    begin = 1_700_000_040_000
    lines = [
        (begin + MINUTE * k, 5, "6.25" if k == 1 else 6, 4, 5.5, 1.5, begin + MINUTE * (k + 1) - 1) for k in range(3)
    ]
    path.write_text("".join(",".join(map(str, (*line, 7.5, 3, 0.5, 2.5, 0))) + "\n" for line in lines))
    return path


def test_a_dataset_is_made_once_and_known_by_its_hash(veloz: Run, tmp_path: Path) -> None:
    assert veloz("data", "list", "--json").json == {"datasets": [], "records": 0, "head_hash": None}
    file = candles(tmp_path / "AAA_USDT-1m.json")
    made = veloz("data", "import", file, "--product", "spot", "--json", *QUIET)
    assert made.code == 0
    (one,) = made.json["datasets"]
    assert (one["name"], one["records"], one["instruments"]) == ("AAA_USDT-1m", 122, ["binance_spot:AAAUSDT"])
    again = veloz("data", "import", file, "--product", "spot", "--json", *QUIET).json
    assert again["added"] == {"frames": 0, "records": 0}
    assert again["head_hash"] == made.json["head_hash"] == one["head_hash"]
    twin = veloz("data", "import", file, "--product", "spot", "--name", "deep/twin", "--json", *QUIET).json
    assert twin["head_hash"] == one["head_hash"], "the same file gives the same journal"
    told = veloz("data", "list", "--json").json
    assert [each["name"] for each in told["datasets"]] == ["AAA_USDT-1m", "deep/twin"]
    assert told["records"] == 244
    shown = veloz("data", "list")
    assert "AAA_USDT-1m" in shown.out
    assert shown.code == 0


def test_a_dataset_of_a_damaged_file_says_so_until_the_file_is_mended(veloz: Run, short: Path, tmp_path: Path) -> None:
    file, sound = tmp_path / "cut.gz", short.read_bytes()
    words = ("data", "import", file, "--venue", "binance_usdm", "--json", *QUIET)

    def ask() -> Any:
        (one,) = veloz("data", "info", "cut", "--json").json["datasets"]
        (source,) = one["sources"]
        return source["whole"], source["damage"]

    file.write_bytes(sound[: len(sound) // 2])
    for _ in range(2):
        ran = veloz(*words)
        (damaged,) = ran.json["damaged"]
        (said,) = [line for line in ran.err.splitlines() if "is damaged: " in line]
        assert ran.code == 1
        assert f"{file} is damaged: {damaged['reason']}; its first {damaged['frames']:,} messages were taken" in said
        assert f"byte {damaged['bytes']:,}" in said
        assert "Get it once more" in said
        assert 0 < damaged["frames"] < 1_200
        assert ask() == (False, damaged["reason"])
    file.write_bytes(sound)
    ran = veloz(*words)
    assert (ran.code, ran.json["damaged"], "is damaged: " in ran.err) == (0, [], False)
    assert ask() == (True, None)
    file.write_bytes(sound[:-4])
    assert veloz(*words).json["added"]["frames"] == 0
    assert not ask()[0], "all of its messages are in, and nobody can tell"
    file.write_bytes(sound)
    assert veloz(*words).code == 0
    assert ask() == (True, None)


def test_a_shorter_copy_that_is_damaged_says_nothing_of_the_longer_one(tmp_path: Path, veloz: Run) -> None:
    lines = [
        f"{1_700_000_040_000 + MINUTE * k},5,6,4,5.5,1,{1_700_000_099_999 + MINUTE * k},5,1,1,5,0\n" for k in range(60)
    ]
    packed = [gzip.compress("".join(lines[:n]).encode()) for n in (30, 60)]
    file = tmp_path / "BTCUSDT-1m-2024-12.csv.gz"
    words = ("data", "import", file, "--venue", "binance_usdm", "--name", "bars", "--json", *QUIET)
    for text in packed:
        file.write_bytes(text)
        assert veloz(*words).code == 0
    file.write_bytes(packed[0][:-4])
    ran = veloz(*words)
    assert (ran.code, ran.json["added"]["frames"]) == (1, 0)
    (one,) = veloz("data", "info", "bars", "--json").json["datasets"]
    assert [(source["whole"], source["damage"]) for source in one["sources"]] == [(True, None)]


def test_what_is_missing_is_told(veloz: Run, tmp_path: Path) -> None:
    file = candles(tmp_path / "AAA_USDT-1m.json", missing=(7, 20, 21, 22))
    veloz("data", "import", file, "--product", "spot", *QUIET)
    (one,) = veloz("data", "info", "AAA_USDT-1m", "--json").json["datasets"]
    assert (one["gaps"], one["missing_bars"]) == ({"bars": 2, "diffs": 0, "book": 0}, 4)
    first = one["largest_gaps"][0]
    assert (first["instrument"], first["missing"]) == ("binance_spot:AAAUSDT", 3)
    assert first["end_ns"] - first["begin_ns"] == 3 * MINUTE * 10**6
    assert first["begin_ns"] == (1_700_000_040_000 + 20 * MINUTE) * 10**6
    (source,) = one["sources"]
    assert (source["file"], source["form"], source["records"], source["whole"]) == (file.name, "candles", 112, True)


def test_event_files_come_in_by_their_product_alone(veloz: Run, tmp_path: Path) -> None:
    both = e.VENUE | e.DESK
    path = e.write(tmp_path / "btcusdt_1.npz", e.build([(1, both, e.BUY, n, 1, 1, 1) for n in range(1, 9)]))
    made = veloz("ingest", path, "--journal", tmp_path / "j", "--product", "linear", "--tick", "0.5", "--json", *QUIET)
    assert made.json["kinds"] == {"md.level": 8}
    assert [(one["symbol"], one["tick"]) for one in made.json["instruments"]] == [("BTCUSDT", "0.5")]
    assert "lot 0.001 found from its numbers" in made.json["warnings"][0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("info", "nothing"), "There is no dataset nothing"),
        (("import", "/nowhere.npz", "--product", "spot"), "There is no file /nowhere.npz"),
        (("import", "FILE"), "Nothing says which venue"),
        (("import", "FILE", "--product", "perp"), "perp is no product"),
        (("import", "FILE", "--product", "spot", "--tick", "-1"), "--tick -1 is no decimal above 0"),
        (("import", "FILE", "--product", "spot", "--tick", "much"), "--tick much is no decimal above 0"),
        (
            ("import", "FILE", "--product", "spot", "--tick", "1"),
            "no multiples of --tick 1, and nothing was taken: in its line 1 the close",
        ),
        (("import", "FILE", "--product", "spot", "--interval", "soon"), "--interval soon is no length of a bar"),
        (
            ("import", "FILE", "--product", "spot", "--interval", "5m"),
            "holds bars of another length, and --interval 5m was said",
        ),
        (
            ("import", "FILE", "--product", "spot", "--symbol", "no such thing"),
            "'no such thing' is no name of an instrument",
        ),
        (
            ("import", "FILE", "--product", "spot", "--symbol", "BBBUSDT"),
            "is of AAAUSDT, and --symbol BBBUSDT was said",
        ),
        (("import", "LINES", "--product", "spot", "--tick", "much"), "--tick much is no decimal above 0"),
        (
            ("import", "LINES", "--product", "spot", "--tick", "0.5"),
            "no multiples of --tick 0.5, and nothing was taken: in its line 2 the high",
        ),
        (("import", "LINES", "--product", "spot", "--interval", "soon"), "--interval soon is no length of a bar"),
        (
            ("import", "LINES", "--product", "spot", "--interval", "5m"),
            "holds bars of another length, and --interval 5m was said",
        ),
        (
            ("import", "LINES", "--product", "spot", "--symbol", "no such thing"),
            "'no such thing' is no name of an instrument",
        ),
        (
            ("import", "LINES", "--product", "spot", "--symbol", "ETHUSDT"),
            "is of BTCUSDT, and --symbol ETHUSDT was said",
        ),
        (
            ("import", "PLAIN", "--product", "spot", "--symbol", "BTCUSDT"),
            "does not say how long its bars are. Give --interval",
        ),
        (
            ("import", "PLAIN", "--product", "spot", "--interval", "1m"),
            "does not say of which instrument it is. Give --symbol",
        ),
        (("import", "FILE", "--product", "spot", "--name", "../x"), "is no name of a dataset"),
        (("export", "nothing", "--out", "x"), "There is no dataset nothing"),
    ],
)
def test_each_mistake_is_one_sentence(veloz: Run, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    file = candles(tmp_path / "AAA_USDT-1m.json")
    places = {
        "FILE": file,
        "LINES": klines(tmp_path / "BTCUSDT-1m-2024-12.csv"),
        "PLAIN": klines(tmp_path / "bars.csv"),
    }
    ran = veloz("data", *(places.get(word, word) for word in words), *QUIET)
    assert ran.code == 2
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_what_klines_do_not_say_is_taken_from_the_words(veloz: Run, tmp_path: Path) -> None:
    named, plain = klines(tmp_path / "BTCUSDT-1m-2024-12.csv"), klines(tmp_path / "bars.csv")
    words = ("--product", "linear", "--tick", "0.25", "--json", *QUIET)
    said = veloz("ingest", named, "--journal", tmp_path / "named", "--interval", "60s", *words)
    assert "BTCUSDT: lot 1.5 found from its numbers; --tick and --lot say it for certain." in said.json["warnings"]
    (one,) = said.json["instruments"]
    assert (one["symbol"], one["tick"], one["lot"], one["price_scale"]) == ("BTCUSDT", "0.25", "1.5", 2)
    more = ("--symbol", "BTCUSDT", "--interval", "1m", "--lot", "0.5")
    other = veloz("ingest", plain, "--journal", tmp_path / "plain", *more, *words).json
    (one,) = other["instruments"]
    assert (one["symbol"], one["tick"], one["lot"]) == ("BTCUSDT", "0.25", "0.5")
    assert "found from" not in str(other["warnings"])
    assert other["kinds"] == said.json["kinds"]
    for name in ("named", "plain"):
        again = veloz("replay", "--decode", "--journal", tmp_path / name, "--json")
        assert (again.code, again.json["divergences"]) == (0, [])
    contrary = veloz(
        "ingest", plain, "--journal", tmp_path / "plain", "--symbol", "ETHUSDT", "--interval", "1m", *words
    )
    assert (contrary.code, contrary.json["error"]["code"]) == (2, "contradicted"), "nor when it is in already"


def test_export_says_when_its_extra_is_missing(veloz: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    veloz("data", "import", candles(tmp_path / "AAA_USDT-1m.json"), "--product", "spot", *QUIET)
    monkeypatch.setattr(parquet, "load_duckdb", lambda: None)
    ran = veloz("data", "export", "AAA_USDT-1m", "--out", tmp_path / "out")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "DuckDB, which is not installed" in ran.err
    assert not (tmp_path / "out").exists()


def test_every_row_is_in_its_parquet_file(veloz: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed (extra `report`)")
    monkeypatch.setattr(parquet, "ROWS_A_FILE", 25)
    veloz("data", "import", candles(tmp_path / "AAA_USDT-1m.json"), "--product", "spot", *QUIET)
    ran = veloz("data", "export", "AAA_USDT-1m", "--out", tmp_path / "out's", "--json").json
    assert ran["rows"] == 122
    with duckdb.connect() as base:
        pattern = str(tmp_path / "out''s" / "md.bar" / "*.parquet")
        bars = base.execute(f"SELECT * FROM '{pattern}' ORDER BY seq").fetchnumpy()
    assert len(bars["seq"]) == 60
    assert (np.diff(bars["ts_open"]) == MINUTE * 10**6).all()
    assert {*bars["instrument"]} == {"binance_spot:AAAUSDT"}
    assert ({*bars["close"].tolist()}, {*bars["price_scale"].tolist()}) == ({55}, {1})
    assert "not empty" in veloz("data", "export", "AAA_USDT-1m", "--out", tmp_path / "out's").err


def test_a_full_disk_leaves_no_dataset(veloz: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from journal.store import Store

    def full(store: Store, changes: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Store, "commit", full)
    file = candles(tmp_path / "AAA_USDT-1m.json")
    ran = veloz("data", "import", file, "--product", "spot", "--name", "deep/one", "--json", *QUIET)
    assert (ran.code, ran.json["error"]["code"]) == (3, "disk_full")
    assert not (tmp_path / "data").exists()


class Full:
    """A DuckDB whose second file finds the disk full."""

    class Error(Exception):
        """As DuckDB's own."""

    def __init__(self) -> None:
        self.written = 0

    def connect(self) -> "Full":
        return self

    def __enter__(self) -> "Full":
        return self

    def __exit__(self, *_: object) -> None: ...

    def register(self, name: str, columns: object) -> None: ...

    def execute(self, text: str) -> None:
        path = Path(text.partition("'")[2].partition("'")[0])
        path.write_bytes(b"half")
        self.written += 1
        if self.written > 1:
            raise self.Error("IO Error: Could not write file: No space left on device")


def test_an_export_that_finds_no_room_leaves_nothing(
    veloz: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = candles(tmp_path / "AAA_USDT-1m.json")
    veloz("data", "import", file, "--product", "spot", *QUIET)
    monkeypatch.setattr(parquet, "load_duckdb", Full)
    ran = veloz("data", "export", "AAA_USDT-1m", "--out", tmp_path / "deep" / "out", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (3, "not_writable")
    assert "No space left" in ran.json["error"]["message"]
    assert not (tmp_path / "deep").exists()


def test_words_that_messages_have_no_use_for_are_told(veloz: Run, short: Path, tmp_path: Path) -> None:
    words = ("ingest", short, "--venue", "binance_usdm", "--json", *QUIET)
    plain = veloz(*words, "--journal", tmp_path / "plain").json
    said = veloz(*words, "--journal", tmp_path / "said", "--tick", "0.5", "--symbol", "ETHUSDT").json
    assert said["head_hash"] == plain["head_hash"]
    (told,) = [each for each in said["warnings"] if each not in plain["warnings"] and " are free under " not in each]
    assert told.startswith(f"--symbol and --tick said nothing of {short}: recorded messages name their instruments")


@pytest.mark.parametrize("command", ["data", "ingest", "backtest"])
@pytest.mark.parametrize("short", [False, True])
def test_a_disk_that_is_short_of_what_an_import_takes_is_told_before(
    veloz: Run, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, short: bool
) -> None:
    file = candles(tmp_path / "AAA_USDT-1m.json")
    words = {
        "data": ("data", "import", file),
        "ingest": ("ingest", file, "--journal", tmp_path / "journal"),
        "backtest": ("backtest", root / "configs" / "quoter.toml", "--data", file),
    }[command]
    found = space.Space(1 << 20 if short else 64 << 20, 1 << 40, space.Level.FREEZE)
    monkeypatch.setattr(space, "measure_space", lambda _: found)

    def begin(*_: object, **__: object) -> None:
        raise IngestError("It began.", code="begun", hint="")

    monkeypatch.setattr("veloz.ingest.ingest", begin)
    ran = veloz(*words)
    lines = [line for line in ran.err.splitlines() if not line.startswith("importing")]
    assert lines[-1] == "veloz: It began."
    assert [" 1 MiB are free under " in line for line in lines[:-1]] == [True] * short


def test_what_was_said_of_the_disk_is_in_the_answer(
    veloz: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "measure_space", lambda _: space.Space(1 << 20, 1 << 40, space.Level.FREEZE))
    words = ("--product", "spot", "--tick", "0.5", "--lot", "1", "--json", *QUIET)
    ran = veloz("data", "import", candles(tmp_path / "AAA_USDT-1m.json"), *words)
    assert ran.code == 0
    assert [f"veloz: {each}" for each in ran.json["warnings"]] == ran.err.splitlines()
    assert len(ran.json["warnings"]) == 1


@pytest.mark.parametrize(
    ("name", "least"), [("a.npz", 16), ("a.parquet", 16), ("a.csv.gz", 16), ("A.NPZ", 16), ("a.npy", 4), ("a.csv", 4)]
)
def test_what_is_packed_within_counts_as_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, least: int
) -> None:
    (tmp_path / name).write_bytes(bytes(1 << 20))
    for free, told in ((16 + least, 0), (15 + least, 1)):
        monkeypatch.setattr(
            space, "measure_space", lambda _, free=free: space.Space(free << 20, 1 << 40, space.Level.OK)
        )
        assert len(warn_of_space([("", tmp_path / name)], tmp_path)) == told

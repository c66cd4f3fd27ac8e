"""Flat memory: twenty times the rows take no more of it. Anonymous memory, because mapped pages of a journal count as resident."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.world.crash_commands import sample_of
from tests.world.crash_nursery import ROOT
from veloz.ingest.run import ingest

TIMES = 20
GROWTH_MAX = 1.10
MARKET = "binance_usdm"

# Runs a command and watches its own anonymous memory, once a millisecond, from the moment everything is compiled.
WATCHED = """
import json, sys, threading, time

def anonymous():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))

def watch():
    while not done.is_set():
        peak[0] = max(peak[0], anonymous())
        time.sleep(0.001)

from tests.world.crash_commands import warm_all
from veloz.cli.main import main
from veloz.engine.replay import Replay
warm_all()
if "leak" in sys.argv:
    real, kept = Replay.feed, []
    Replay.feed = lambda self, first, rows: (kept.append(rows.copy()), real(self, first, rows))[1]
peak, done = [0], threading.Event()
begin = anonymous()
watcher = threading.Thread(target=watch)
watcher.start()
try:
    sys.argv = ["veloz", *json.loads(sys.argv[1])]
    main()
except SystemExit as left:
    code = left.code
finally:
    done.set()
    watcher.join()
    print(json.dumps({"code": code, "begin": begin, "peak": max(peak[0], anonymous())}), file=sys.stderr)
"""


def peak_of(words: list[str], *more: str) -> tuple[int, dict[str, object]]:
    """Peak of anonymous memory of `veloz WORDS… --json` in KiB, and its answer. With "leak" the fold keeps all rows."""
    command = [sys.executable, "-c", WATCHED, json.dumps([*words, "--json"]), *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    seen = json.loads(done.stderr.splitlines()[-1])
    assert seen["code"] == 0, done
    return int(seen["peak"]), json.loads(done.stdout)


@pytest.fixture(scope="module")
def short_and_long(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A journal of a recording, and one that holds it twenty times."""
    folder = tmp_path_factory.mktemp("journals")
    for name, times in (("short", 1), ("long", TIMES)):
        for _ in range(times):
            ingest([(MARKET, sample_of(MARKET))], folder / name, again=True, snapshot_keep=0, unsafe_fs=True)
    peak_of(["replay", "--decode", "--journal", str(folder / "short")])  # whoever compiles keeps what the compiler took
    return folder / "short", folder / "long"


def require_flat(name: str, short: tuple[int, int], long: tuple[int, int]) -> None:
    (peak, records), (peak_long, records_long) = short, long
    print(f"\n{name}: {peak / 1024:.1f} MiB for {records:,} rows, {peak_long / 1024:.1f} MiB for {records_long:,}")
    assert records_long >= TIMES * records * 0.99  # instruments are listed once
    assert peak_long <= GROWTH_MAX * peak


@pytest.mark.parametrize("how", [["--no-snapshot"], ["--decode"]], ids=["replay", "decode"])
def test_replay(how: list[str], short_and_long: tuple[Path, Path]) -> None:
    found = []
    for path in short_and_long:
        peak, answer = peak_of(["replay", *how, "--journal", str(path)])
        found.append((peak, int(str(answer["records"]))))
    require_flat("replay " + how[0], *found)


def test_a_fold_that_keeps_its_rows_is_found_out(short_and_long: tuple[Path, Path]) -> None:
    peaks = [peak_of(["replay", "--no-snapshot", "--journal", str(path)], "leak")[0] for path in short_and_long]
    assert peaks[1] > GROWTH_MAX * peaks[0]


def repeat(times: int) -> Callable[[Path], Path]:
    """A recording that holds the sample so many times over, each with later stamps."""

    def write(file: Path) -> Path:
        import gzip

        lines = gzip.decompress(sample_of(MARKET).read_bytes()).splitlines(keepends=True)
        first, last = int(lines[0][:19]), int(lines[-1][:19])
        with file.open("wb") as out:
            for turn in range(times):
                shift = turn * (last - first + 1)
                out.writelines(b"%d%b" % (int(line[:19]) + shift, line[19:]) for line in lines)
        return file

    return write


@pytest.mark.slow
def test_ingest(tmp_path: Path) -> None:
    """Once the queue between decoder and disk is full, a longer recording takes no more; hence four times against eighty."""
    found = []
    for times in (4, 4 * TIMES):
        file = repeat(times)(tmp_path / f"btcusdt_{times}.txt")
        words = ["ingest", str(file), "--venue", MARKET, "--journal", str(tmp_path / f"journal{times}"), "--unsafe-fs"]
        peak, answer = peak_of(words)
        file.unlink()
        found.append((peak, int(str(answer["records"]))))
    require_flat("ingest", *found)

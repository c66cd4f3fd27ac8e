"""P1, P8, P9, P10: folding a journal next to hftbacktest's `elapse`, help, a warm start, and memory.

python -m tests.bench.replay [CAPTURE.gz]
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.bench.measure import Figure, alternate, median, ratio
from tests.bench.peer import Elapse
from veloz.history.slabs import SlabReader

ROOT = Path(__file__).resolve().parent.parent.parent
ROUNDS = 9


def main_capture() -> Path:
    """The main capture beside the repository, else the sample inside the package."""
    shared = Path(os.environ.get("VELOZ_SHARED", ROOT.parent / "shared"))
    capture = shared / "data" / "binance_usdm" / "stream" / "btcusdt_20240808.gz"
    return capture if capture.exists() else ROOT / "veloz" / "sample" / "binance_usdm" / "btcusdt_20240808.gz"


def veloz(*words: str) -> dict[str, object]:
    """Run a command as a process of its own; its JSON."""
    command = [sys.executable, "-c", "from veloz.cli.main import main; main()", *words, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def make_journals(capture: Path, folder: Path) -> dict[str, Path]:
    """The capture as ingested, and sealed: archived and restored, which re-batches it."""
    raw, sealed, archive = folder / "ingested", folder / "sealed", folder / "all.vza"
    said = veloz("ingest", str(capture), "--venue", "binance_usdm", "--journal", str(raw))
    veloz("journal", "archive", "--journal", str(raw), "--to", str(said["head_seq"]), "--out", str(archive))
    veloz("journal", "restore", str(archive), "--journal", str(sealed))
    return {"as ingested": raw, "sealed": sealed}


def folded(path: Path) -> float:
    """Seconds from the first read transaction to the last fold, sums checked."""
    from veloz.history.recall import recall

    return recall(path, use_snapshot=False).seconds


def read_every_word(path: Path) -> Callable[[], None]:
    """A job that adds up every 8-byte word of a journal's rows, in memory: the bus, and nothing else."""
    words = np.concatenate([rows.copy() for _, rows in SlabReader(path)]).view("<u8")

    def job() -> None:
        words.sum()

    return job


def run_fold(capture: Path, journals: dict[str, Path], scratch: Path) -> list[Figure]:
    """P1 on both forms of the journal."""
    from veloz.cli.place import head_of
    from veloz.engine.warm import warm

    warm()
    figures = []
    with Elapse(capture, scratch) as peer:
        jobs = {name: (lambda path=path: folded(path)) for name, path in journals.items()}
        bus = read_every_word(journals["sealed"])
        laps = alternate({**jobs, "hftbacktest elapse": peer.run, "bus": bus}, ROUNDS)
        theirs = peer.events / median(laps["hftbacktest elapse"])
        figures.append(Figure("hftbacktest elapse loop, 100 ms steps", theirs / 1e6, "M events/s"))
        for name, path in journals.items():
            rows = head_of(path)
            times = ratio(laps, name, "hftbacktest elapse")
            rate = rows / median(laps[name]) / 1e6
            figures.append(
                Figure(
                    f"P1 fold, {name}", rate, "M rows/s", times * rows / peer.events, "elapse, rows/s to events/s", 3.0
                )
            )
            figures.append(Figure(f"P1 fold, {name}, times", median(laps[name]) * 1e3, "ms", times, "elapse, by time"))
        rows = head_of(journals["sealed"])
        figures.append(
            Figure(
                "reading every word of every row",
                rows / median(laps["bus"]) / 1e6,
                "M rows/s",
                ratio(laps, "bus", "sealed"),
                "P1 fold, sealed",
            )
        )
    return figures


def run_starts(path: Path) -> list[Figure]:
    """P8 and P9: whole processes, warm caches."""
    help_words = [
        sys.executable,
        "-c",
        "import sys; sys.argv = ['veloz', '--help']; from veloz.cli.main import main; main()",
    ]

    def show_help() -> None:
        subprocess.run(help_words, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)

    laps = alternate(
        {
            "help": show_help,
            "replay": lambda: veloz("replay", "--journal", str(path), "--to", "1", "--no-snapshot") and None,
        },
        ROUNDS,
    )
    return [
        Figure("P8 veloz --help", median(laps["help"]) * 1e3, "ms", 200 / (median(laps["help"]) * 1e3), "200 ms", 1.0),
        Figure(
            "P9 veloz replay, warm, first record", median(laps["replay"]) * 1e3, "ms",
            1500 / (median(laps["replay"]) * 1e3), "1 500 ms", 1.0,
        ),
    ]  # fmt: skip


PROBE = """
import sys, threading, time
from pathlib import Path
from veloz.engine.warm import warm
from veloz.history.recall import recall
def anon():
    for line in open('/proc/self/status'):
        if line.startswith('RssAnon'):
            return int(line.split()[1])
peak = 0
def watch():
    global peak
    while True:
        peak = max(peak, anon()); time.sleep(0.002)
warm()
threading.Thread(target=watch, daemon=True).start()
recall(Path(sys.argv[1]), use_snapshot=False)
peak = max(peak, anon())
print(peak)
"""


def peak_anon_kib(path: Path) -> int:
    """Peak anonymous memory of a process that replays a journal."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def run_memory(capture: Path, once: Path, scratch: Path, times: int = 20) -> list[Figure]:
    """P10: the same peak at 1 × and 20 × the journal."""
    many = scratch / "many"
    for _ in range(times):
        veloz(
            "ingest",
            str(capture),
            "--venue",
            "binance_usdm",
            "--journal",
            str(many),
            "--again",
            "--set",
            "ingest.snapshot=false",
        )
    small, large = peak_anon_kib(once), peak_anon_kib(many)
    growth = large / small
    return [
        Figure("P10 peak RssAnon, 1 ×", small / 1024, "MiB"),
        Figure(f"P10 peak RssAnon, {times} ×", large / 1024, "MiB", 1.1 / growth, "1.1 × the short one", 1.0),
    ]


def run(capture: Path | None = None) -> list[Figure]:
    """All figures of this file."""
    source = capture or main_capture()
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        scratch = Path(folder)
        journals = make_journals(source, scratch)
        begun = time.perf_counter()
        figures = run_fold(source, journals, scratch)
        figures += run_starts(journals["as ingested"])
        figures += run_memory(source, journals["as ingested"], scratch)
        figures.append(Figure("this benchmark", time.perf_counter() - begun, "s"))
    return figures


if __name__ == "__main__":
    from tests.bench.table import print_figures

    print_figures(run(Path(sys.argv[1]) if len(sys.argv) > 1 else None))

"""Memory of an ingest does not grow with its input."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ingest.recordings import MAIN

ROOT = Path(__file__).resolve().parents[2]
PROBE = """
import sys, threading, time
from pathlib import Path
from veloz.ingest import ingest

def anon_kib():
    for line in open("/proc/self/status"):
        if line.startswith("RssAnon"):
            return int(line.split()[1])

peak = 0

def watch():
    global peak
    while True:
        peak = max(peak, anon_kib())
        time.sleep(0.005)

threading.Thread(target=watch, daemon=True).start()
found = ingest([("binance_usdm", Path(sys.argv[1]))], sys.argv[2], snapshot_keep=0)
print(peak, found.frames)
"""


def peak_kib(copies: int, folder: Path) -> tuple[int, int]:
    """(peak anonymous memory in KiB, frames) of an ingest of so many copies of the sample in one file."""
    path = folder / f"btcusdt_{copies}.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        text = gzip.decompress(MAIN.read_bytes())
        text = text[: text.rfind(b"\n") + 1]
        for _ in range(copies):
            file.write(text)
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(path), str(folder / f"journal_{copies}")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    peak, frames = done.stdout.split()
    return int(peak), int(frames)


@pytest.mark.slow
def test_memory_is_flat(tmp_path: Path) -> None:
    few, frames_few = peak_kib(20, tmp_path)
    many, frames_many = peak_kib(60, tmp_path)
    assert frames_many == 3 * frames_few
    assert many <= 1.15 * few, f"{few} KiB for {frames_few} frames, {many} KiB for {frames_many}"

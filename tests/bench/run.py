"""Every benchmark in one go, as one table: `just bench`.

    python -m tests.bench.run [PART ...]

Parts: append scan ingest fold replay step gate backtest nautilus bars sweep; all when none is named.

Ratios come from alternating runs within each part. The peer's environment is made on first use.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import append, backtest, bars, fold, gate, ingest, nautilus, replay, scan, step, sweep
from tests.bench.measure import Figure
from tests.bench.table import print_figures


def run_append() -> list[Figure]:
    """P5."""
    with tempfile.TemporaryDirectory(dir=replay.ROOT) as folder:
        return append.figures(Path(folder))


def run_scan() -> list[Figure]:
    """The scanner alone."""
    return [Figure(said["name"], said["value"], said["unit"], said["ratio"], "bare decode") for said in scan.run()]


def run_fold() -> list[Figure]:
    """The fold alone, rows in memory."""
    return [Figure(said["name"], said["value"], said["unit"], said["ratio"], "elapse") for said in fold.run()]


PARTS: dict[str, Callable[[], list[Figure]]] = {
    "append": run_append,
    "scan": run_scan,
    "ingest": ingest.run,
    "fold": run_fold,
    "replay": replay.run,
    "gate": gate.run,
    "backtest": lambda: list(backtest.run()),
    "nautilus": lambda: list(nautilus.run()),
    "bars": bars.run,
    "step": lambda: list(step.run()),
    "sweep": sweep.run,
}


def main() -> None:
    """Run the parts named on the command line."""
    wanted = sys.argv[1:] or list(PARTS)
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        sys.exit(f"There is no benchmark {unknown[0]}; there are {', '.join(PARTS)}.")
    print_figures([figure for name in wanted for figure in PARTS[name]()])


if __name__ == "__main__":
    main()

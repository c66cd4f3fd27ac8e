"""Peers as child processes in environments of their own: they want other versions of what we use."""

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers.environments import needed_python

HERE = Path(__file__).resolve().parent


class Child:
    """A peer's script that says `events N`, then for each line it reads the seconds of one run."""

    def __init__(self, python: Path, script: str, *words: str) -> None:
        command = [str(python), str(HERE / script), *words]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        word = ""
        while not word.startswith("events"):
            word = self._read()
        self.events = int(word.split()[1])

    def _read(self) -> str:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"the peer ended with code {self._child.wait()}")
        return line.strip()

    def run(self) -> float:
        """Seconds of one run."""
        assert self._child.stdin is not None
        self._child.stdin.write("run\n")
        self._child.stdin.flush()
        return float(self._read())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(10)


class Elapse(Child):
    """hftbacktest's `elapse` loop over one capture."""

    def __init__(self, capture: Path, scratch: Path) -> None:
        super().__init__(
            needed_python("hftbacktest"), "peer_elapse.py", str(capture), str(scratch / f"{capture.name}.npz")
        )


class Nautilus(Child):
    """NautilusTrader's backtest of a recording, with a strategy that does nothing.

    Args:
        events: .npz of hftbacktest's events.
        batched: Whether the deltas of a message are one object.
    """

    def __init__(self, events: Path, *, batched: bool) -> None:
        super().__init__(needed_python("nautilus"), "peer_nautilus.py", str(events), *(["batched"] if batched else []))

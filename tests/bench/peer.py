"""hftbacktest as a child process in an environment of its own: it wants an older numpy than we do."""

import subprocess
from pathlib import Path
from types import TracebackType

from tests.peers.environments import needed_python

HERE = Path(__file__).resolve().parent


class Elapse:
    """The peer's `elapse` loop over one capture, a run at a time."""

    def __init__(self, capture: Path, scratch: Path) -> None:
        command = [
            str(needed_python("hftbacktest")),
            str(HERE / "peer_elapse.py"),
            str(capture),
            str(scratch / f"{capture.name}.npz"),
        ]
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
        """Seconds of one loop."""
        assert self._child.stdin is not None
        self._child.stdin.write("run\n")
        self._child.stdin.flush()
        return float(self._read())

    def __enter__(self) -> "Elapse":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(10)

"""The peer as a child process, and the events that both sides run on."""

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
NAME = "hftbacktest"
EVENT = np.dtype(
    [
        ("ev", "u8"),
        ("exch_ts", "i8"),
        ("local_ts", "i8"),
        ("px", "f8"),
        ("qty", "f8"),
        ("order_id", "u8"),
        ("ival", "i8"),
        ("fval", "f8"),
    ]
)


class Peer:
    """hftbacktest, run after run. `folder` keeps the events it converted."""

    def __init__(self, python: Path, folder: Path) -> None:
        self.folder = folder
        self._child = subprocess.Popen(
            [str(python), str(HERE / "peer_quoter.py"), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")},
            text=True,
        )

    def ask(self, told: dict[str, Any]) -> dict[str, Any]:
        """Run a configuration."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(told) + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        while line and not line.startswith("="):  # what the converter prints
            line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"the peer ended with code {self._child.wait()}")
        answer: dict[str, Any] = json.loads(line[1:])
        return answer

    def events(self, capture: Path) -> np.ndarray:
        """The events of a capture, by the peer's own converter."""
        name = f"{capture.name}.npy"
        self.ask({"capture": str(capture), "events": name, "only_load": True})
        return np.load(self.folder / name).view(EVENT)

    def __enter__(self) -> "Peer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.close()
        self._child.wait(10)
        self._child.stdout.close()

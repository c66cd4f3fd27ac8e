"""A backtest steered by keys, in a real terminal: a child behind a pty."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from veloz.cli.keys import read_place

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 300
# A shell may have started us in the background, where an interrupt is ignored, and children inherit that.
DOOR = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from veloz.cli.main import main; main()"
)


class Terminal:
    """A command with a terminal of its own."""

    def __init__(self, *words: object, home: Path) -> None:
        self._controller, self.end = pty.openpty()
        self.before = termios.tcgetattr(self.end)
        env = {**os.environ, "VELOZ_DATA_DIR": str(home), "NUMBA_DISABLE_JIT": "1", "TERM": "xterm", "COLUMNS": "160"}
        self._child = subprocess.Popen(
            [sys.executable, "-c", DOOR, *map(str, words)], cwd=ROOT, stdin=self.end, stderr=self.end,
            stdout=subprocess.PIPE, env=env, start_new_session=True,
        )  # fmt: skip
        self.seen = ""

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._controller, keys.encode())

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first place in what was shown, after what was found before."""
        until = time.monotonic() + PATIENCE_S
        while (found := re.search(pattern, self.seen)) is None:
            assert time.monotonic() < until, self.seen
            assert self._child.poll() is None, self.seen
            self._take(0.2)
        self.seen = self.seen[found.end() :]
        return found

    def _take(self, wait_s: float) -> None:
        while select.select([self._controller], [], [], wait_s)[0]:
            self.seen += os.read(self._controller, 65536).decode(errors="replace")

    def end_it(self, number: int = 0) -> tuple[int, Any]:
        """Exit code, and the JSON on stdout; `number`: of a signal that is sent before."""
        if number:
            self._child.send_signal(number)
        out, _ = self._child.communicate(timeout=PATIENCE_S)
        self._take(0.0)
        return self._child.returncode, json.loads(out) if out else None

    @property
    def restored(self) -> bool:
        """Whether the terminal is as it was."""
        return termios.tcgetattr(self.end) == self.before

    def close(self) -> None:
        """Give the terminal back."""
        self._child.kill()
        self._child.wait()
        for each in (self._controller, self.end):
            os.close(each)


@pytest.fixture
def steered(tmp_path: Path, short: Path) -> Iterator[Terminal]:
    """A backtest that pauses at its first look at the keys."""
    terminal = Terminal(
        "backtest", ROOT / "configs" / "quoter.toml", "--data", short, "--journal", tmp_path / "result", "--json",
        home=tmp_path / "data",
    )  # fmt: skip
    terminal.press(" ")
    yield terminal
    terminal.close()


def test_a_run_is_paused_stepped_taken_to_a_row_and_stopped(steered: Terminal, veloz: Run, tmp_path: Path) -> None:
    begun = int(steered.wait_for(r"paused at \S+Z, row \d+, step (\d+)")[1])
    assert not steered.restored
    for more in (1, 2):
        steered.press("s")
        assert int(steered.wait_for(r"stepped at \S+Z, row \d+, step (\d+)")[1]) == begun + more
    steered.press("g")
    steered.wait_for("go to .*: ")
    assert steered.restored
    steered.press("1\n")
    steered.wait_for("goes forward only")
    steered.press("g")
    steered.wait_for("go to .*: ")
    steered.press("3000\n")
    row = int(steered.wait_for(r"paused at \S+Z, row (\d+)")[1])
    assert 3000 <= row < 3300
    steered.press("q")
    code, told = steered.end_it()
    assert (code, steered.restored) == (0, True)
    assert any(f"stopped by hand behind row {row}" in each for each in told["warnings"])
    assert Path(told["report"]).is_file()
    again = veloz("replay", "--journal", tmp_path / "result", "--verify", "--json")
    assert (again.code, again.json["state_hash"]) == (0, told["state_hash"])


def test_a_run_that_was_paused_gives_the_same_result(
    steered: Terminal, veloz: Run, short: Path, tmp_path: Path
) -> None:
    steered.wait_for("paused at")
    steered.press("s s ")
    code, told = steered.end_it()
    assert (code, steered.restored) == (0, True)
    straight = veloz(
        "backtest", ROOT / "configs" / "quoter.toml", "--data", short, "--journal", tmp_path / "other", "--json"
    ).json
    assert told["state_hash"] == straight["state_hash"]
    assert told["warnings"] == straight["warnings"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_terminal_comes_back_however_a_run_ends(steered: Terminal, number: int, tmp_path: Path) -> None:
    steered.wait_for("paused at")
    code, told = steered.end_it(number)
    assert code == 128 + number
    assert told["error"]["code"] == "stopped"
    assert steered.restored
    assert not (tmp_path / "result").exists()


def test_a_place_is_a_row_or_a_moment() -> None:
    assert read_place("50000") == (0, 50_000)
    assert read_place("1723161300000000000") == (1_723_161_300_000_000_000, 0)
    assert read_place("2024-08-08T23:55:00Z") == (1_723_161_300_000_000_000, 0)
    for text in ("", "soon", "0x10"):
        with pytest.raises(ValueError, match="is no time"):
            read_place(text)

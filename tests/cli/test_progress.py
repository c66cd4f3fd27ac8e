"""The bar, in a real terminal: commands as people see them."""

import os
import pty
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.cli.conftest import Run
from veloz.cli import progress
from veloz.cli.compiling import TAKES, compiling
from veloz.contracts import kernel

ROOT = Path(__file__).resolve().parents[2]
SLOW_WORK = """
import time
from veloz.cli import progress
progress.QUIET_S = 0.1
with progress.Bar("counting", unit="rows") as bar:
    for done in range(40):
        bar.update(done * 1000, 40_000)
        time.sleep(0.02)
with progress.waiting("thinking") as note:
    note("part 1 of 2")
    time.sleep(1.3)
"""


def seen_in_terminal(code: str) -> tuple[int, str]:
    """Exit code and everything written to a terminal by a child."""
    controller, terminal = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=terminal, stderr=terminal, stdin=terminal,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"},
    )  # fmt: skip
    os.close(terminal)
    seen = b""
    while True:
        try:
            piece = os.read(controller, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(controller)
    return child.wait(30), seen.decode(errors="replace")


def test_the_bar_shows_share_and_rate() -> None:
    code, seen = seen_in_terminal(SLOW_WORK)
    assert code == 0, seen
    assert "counting" in seen
    assert "rows/s" in seen
    assert "98 %" in seen
    assert "thinking …" in seen
    assert "part 1 of 2" in seen


def test_nothing_is_drawn_where_nobody_looks(capfd: object) -> None:
    with progress.Bar("counting") as bar:
        bar.update(1, 2)
    with progress.waiting("thinking"):
        pass
    assert capfd.readouterr() == ("", "")  # type: ignore[attr-defined]


def test_the_first_compile_is_said_once_and_before_it_begins(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(kernel.config, "CACHE_DIR", str(tmp_path))

    def said(jit: bool = True, *words: str) -> str:
        """What stands on stderr when the body begins."""
        monkeypatch.setattr(kernel.config, "DISABLE_JIT", not jit)
        monkeypatch.setattr(sys, "argv", ["veloz", "backtest", *words])
        with compiling():
            return capfd.readouterr().err

    assert said(False) == "", "nothing is compiled"
    line = "veloz: compiling what runs need, which takes one to three minutes, the first time only.\n"
    monkeypatch.setattr(kernel.config, "DISABLE_JIT", False)
    with pytest.raises(KeyboardInterrupt), compiling():
        raise KeyboardInterrupt
    assert capfd.readouterr().err == line
    assert said() == line, "what was stopped is not there yet"
    assert said() == ""
    for mark in tmp_path.iterdir():
        mark.unlink()
    assert said(True, "--json") == ""
    assert said() == "", "it was compiled all the same"


def test_what_needs_less_is_said_only_where_no_more_is_there(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(kernel, "config", SimpleNamespace(DISABLE_JIT=False, CACHE_DIR=str(tmp_path)))
    monkeypatch.setattr(sys, "argv", ["veloz", "replay"])

    def said(what: str) -> bool:
        with compiling(what):
            return "compiling what" in capfd.readouterr().err

    asked = ("rows", "rows", "steps", "trading", "steps", "runs", "exchange", "runs", "exchange", "steps")
    assert [said(what) for what in asked] == [True, False, True, False, False, True, True, False, False, False]


def test_runs_are_not_compiled_where_an_exchange_is(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(kernel, "config", SimpleNamespace(DISABLE_JIT=False, CACHE_DIR=str(tmp_path)))
    monkeypatch.setattr(sys, "argv", ["veloz", "scenario"])
    for what, told in (("exchange", True), ("steps", False), ("runs", True)):
        with compiling(what):
            assert ("compiling what" in capfd.readouterr().err) == told


@pytest.mark.parametrize(
    ("words", "takes"),
    [
        (("book", "--instrument", "BTCUSDT", "--journal", "{journal}"), "rows"),
        (("replay", "--journal", "{journal}"), "rows"),
        (("replay", "--verify", "--journal", "{journal}"), "rows"),
        (("scenario", "{scenarios}/amend.txt"), "steps"),
        (("scenario", "{scenarios}/exchange_stops.txt"), "exchange"),
    ],
)
def test_commands_say_what_they_compile(
    veloz: Run,
    sample_journal: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: tuple[str, ...],
    takes: str,
) -> None:
    scenarios = Path(__file__).parents[2] / "specs" / "scenarios"
    spoken = [word.format(journal=sample_journal, scenarios=scenarios) for word in words]
    assert (
        "compiling" not in veloz(*spoken, "--json").err
    )  # all that is needed is imported, and kernels are what they are
    monkeypatch.setattr(kernel, "config", SimpleNamespace(DISABLE_JIT=False, CACHE_DIR=str(tmp_path)))
    first, second = veloz(*spoken), veloz(*spoken)
    assert f"veloz: compiling what {TAKES[takes]}, the first time only.\n" in first.err
    assert (first.code, second.code, "compiling" in second.err) == (0, 0, False)

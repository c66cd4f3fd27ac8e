"""A command that is stopped by a signal without a terminal: a real process, a real signal."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from journal.check import check
from veloz.cli.main import main
from veloz.cli.stopping import Terminated, ended_by_sigterm

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120
# A shell may have started us in the background, where an interrupt is ignored, and children inherit that.
DOOR = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from veloz.cli.main import main; main()"
)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("words", [(), ("--paper",)])
def test_a_run_that_is_stopped_leaves_nothing(short: Path, tmp_path: Path, words: tuple[str, ...], number: int) -> None:
    result = tmp_path / "result"
    config = ROOT / "configs" / "quoter.toml"
    child = start(tmp_path, "backtest", config, "--data", short, "--journal", result, *words)
    stop_at(child, result / "unfinished", number)
    assert not result.exists()


def test_a_demo_that_is_stopped_leaves_no_half_result(tmp_path: Path) -> None:
    result = tmp_path / "demo-backtest" / "journal"
    child = start(tmp_path, "demo", "--journal", tmp_path / "demo")
    assert stop_at(child, result / "unfinished", signal.SIGTERM)["hint"] == "Run the command again."
    assert not result.exists()
    assert check(tmp_path / "demo").ok


def test_an_import_that_is_stopped_is_continued(tmp_path: Path, sample: Path) -> None:
    words = ("data", "import", f"binance_usdm={sample}", "--name", "stopped")
    path = tmp_path / "data" / "stopped"
    told = stop_at(start(tmp_path, *words), path / "data.mdb", signal.SIGTERM)
    assert told["hint"].endswith("the same command continues.")
    assert check(path).ok
    out, err = start(tmp_path, *words).communicate(timeout=PATIENCE_S)
    assert json.loads(out)["records"] == check(path).records, err


def start(folder: Path, *words: object) -> "subprocess.Popen[str]":
    """A command without a terminal, whose data lie below the folder."""
    return subprocess.Popen(
        [sys.executable, "-c", DOOR, *map(str, words), "--json"],
        cwd=ROOT, env={**os.environ, "VELOZ_DATA_DIR": str(folder / "data"), "NUMBA_DISABLE_JIT": "1"}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def stop_at(child: "subprocess.Popen[str]", file: Path, number: int) -> Any:
    """Send a signal as soon as a file is there; what the command says of its end."""
    until = time.monotonic() + PATIENCE_S
    while not file.exists():
        assert child.poll() is None
        assert time.monotonic() < until
        time.sleep(0.005)
    child.send_signal(number)
    out, err = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 128 + number, err
    assert "Traceback" not in err
    told = json.loads(out)["error"]
    assert told["code"] == "stopped"
    return told


@pytest.mark.parametrize("verb", ["import", "export"])
def test_only_what_goes_on_is_said_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    monkeypatch.setattr("veloz.cli.main.run_command", lambda argv: signal.raise_signal(signal.SIGINT))
    monkeypatch.setattr(sys, "argv", ["veloz", "data", verb, "x", "--json"])
    with pytest.raises(SystemExit):
        main()
    assert ("continues" in json.loads(capsys.readouterr().out)["error"]["hint"]) == (verb == "import")


def test_a_stop_while_a_class_is_built_is_a_stop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python 3.11 makes a RuntimeError of it."""

    def run(argv: list[str]) -> int:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as stop:
            raise RuntimeError("Error calling __set_name__") from stop

    monkeypatch.setattr("veloz.cli.main.run_command", run)
    monkeypatch.setattr(sys, "argv", ["veloz", "doctor", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "stopped"


STOPPED_IN_C = """
import sys

class Stop:
    def find_spec(self, name, *_):
        if name == "numba._devicearray":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Stop())
from veloz.cli.main import main
main()
"""


def test_a_stop_while_a_module_in_c_imports_another_is_a_stop() -> None:
    """numba prints it and raises an ImportError."""
    words = ["replay", "--journal", str(ROOT / "veloz"), "--json"]
    ended = subprocess.run(
        [sys.executable, "-c", STOPPED_IN_C, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 130, ended
    assert json.loads(ended.stdout)["error"]["code"] == "stopped"


def test_a_second_signal_does_not_disturb_the_cleaning_up() -> None:
    before, cleaned = signal.getsignal(signal.SIGTERM), False

    def stopped() -> None:
        nonlocal cleaned
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Terminated:
            os.kill(os.getpid(), signal.SIGTERM)
            cleaned = True
            raise

    with pytest.raises(KeyboardInterrupt), ended_by_sigterm():
        stopped()
    assert cleaned
    assert signal.getsignal(signal.SIGTERM) is before

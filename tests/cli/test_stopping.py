"""A command that is stopped by a signal without a terminal: a real process, a real signal."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
    child = subprocess.Popen(
        [
            sys.executable, "-c", DOOR, "backtest", str(ROOT / "configs" / "quoter.toml"), "--data", str(short),
            "--journal", str(result), "--json", *words,
        ],
        cwd=ROOT, env={**os.environ, "VELOZ_DATA_DIR": str(tmp_path / "data"), "NUMBA_DISABLE_JIT": "1"}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    until = time.monotonic() + PATIENCE_S
    while not (result / "unfinished").exists():
        assert child.poll() is None
        assert time.monotonic() < until
        time.sleep(0.005)
    child.send_signal(number)
    out, err = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 128 + number, err
    assert json.loads(out)["error"]["code"] == "stopped"
    assert "Traceback" not in err
    assert not result.exists()


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

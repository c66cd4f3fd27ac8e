"""Keys that steer a run where it goes on in a terminal: pause, single steps, go to a moment or a row, stop. Elsewhere there are none.

The terminal hands over single keys as long as `Keys` is open, and is as it was on every way out: the end, an error, Ctrl-C, SIGTERM.
"""

import argparse
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from veloz.cli.outcome import CommandError
from veloz.cli.place import NANOS_PLAUSIBLE, parse_time
from veloz.cli.progress import Bar

if TYPE_CHECKING:
    from veloz.backtest.runner import Run

EVENTS_A_LOOK: Final = 512  # between two looks at the clock and the keys
ROWS_A_LOOK: Final = 20_000  # on the way to a moment
HINT: Final = "space pauses, s steps, g goes to, q stops"
SECOND_NS: Final = 1_000_000_000


class Keys:
    """Single keys of the terminal on stdin; none where stdin or stderr is no terminal."""

    def __init__(self) -> None:
        self.there = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
        self._before: list[Any] = []
        self._on_return: Any = None  # what SIGCONT did before

    def __enter__(self) -> "Keys":
        if self.there:
            self._before = termios.tcgetattr(sys.stdin)
            self._on_return = signal.signal(signal.SIGCONT, lambda *_: self._take())
            self._take()
        return self

    def __exit__(self, *_: object) -> None:
        if self.there:
            signal.signal(signal.SIGCONT, self._on_return)
            self._give_back()

    def _take(self) -> None:
        tty.setcbreak(sys.stdin, termios.TCSADRAIN)

    def _give_back(self) -> None:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def pressed(self, wait_s: float | None = 0.0) -> str:
        """The next key; "" where none comes in time. None: wait for one. A terminal that is gone means `q`."""
        if not self.there or not select.select([sys.stdin], [], [], wait_s)[0]:
            return ""
        try:
            return os.read(sys.stdin.fileno(), 1).decode(errors="replace").lower() or "q"
        except OSError:
            return "q"

    def ask(self, question: str) -> str:
        """A line typed in answer to a question."""
        self._give_back()
        try:
            sys.stderr.write(question)
            sys.stderr.flush()
            return sys.stdin.readline().strip()
        finally:
            self._take()


def read_place(text: str) -> tuple[int, int]:
    """A moment or a row of the recording, as typed: (moment, row), the one that was not named 0.

    Raises:
        ValueError: It is neither.
    """
    if text.isdecimal() and 0 < int(text) < NANOS_PLAUSIBLE:
        return 0, int(text)
    try:
        return parse_time(text), 0
    except (argparse.ArgumentTypeError, CommandError) as error:
        raise ValueError(str(error)) from None


class Steered:
    """A run in the hands of whoever sits at the terminal.

    Args:
        played: The run.
        keys: Open.
        bar: What shows how far it is.
    """

    def __init__(self, played: "Run", keys: Keys, bar: Bar) -> None:
        self._played, self._keys, self._bar = played, keys, bar
        self._paused = self._stopped = False
        self._does: dict[str, Callable[[], None]] = {
            " ": self._turn,
            "s": self._step,
            "g": self._go_to,
            "q": self._stop,
        }

    def play(self) -> None:
        """Go on to the end, or to where it is stopped by hand."""
        if self._keys.there:
            self._bar.hint(HINT)
        while not (self._played.over or self._stopped):
            key = self._keys.pressed(None if self._paused else 0.0)
            self._does.get(key, lambda: None)()
            if not (self._paused or self._stopped):
                self._played.play(events=EVENTS_A_LOOK)
                self._show()
        if self._stopped and not self._played.over:
            self._played.why = f"it was stopped by hand behind row {self._played.desk.data_seq} of the data"

    def _show(self) -> None:
        progress = self._played.progress
        self._bar.update(progress.rows, progress.total, progress.rate)

    def _tell(self, what: str) -> None:
        desk = self._played.desk
        moment = datetime.fromtimestamp(desk.now_ns // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        self._bar.note(
            f"{what} at {moment}.{desk.now_ns % SECOND_NS:09d}Z, row {desk.data_seq}, step {self._played.steps}"
        )
        self._show()

    def _turn(self) -> None:
        self._paused = not self._paused
        if self._paused:
            self._tell("paused")
        else:
            self._bar.hint(HINT)

    def _step(self) -> None:
        self._paused = True
        self._played.step()
        self._tell("stepped")

    def _stop(self) -> None:
        self._stopped = True

    def _go_to(self) -> None:
        """Ask where to, go there and pause. Another key on the way pauses where the run is."""
        self._paused = True
        self._bar.close()
        try:
            moment, row = read_place(self._keys.ask("go to (a time, ISO 8601 or nanoseconds, or a row of the data): "))
        except ValueError as error:
            self._tell(f"{error}; paused")
            return
        if self._is_at(moment, row):
            self._tell("that is behind, and a run goes forward only; paused")
            return
        while not (self._played.over or self._is_at(moment, row)):
            stride = self._played.desk.data_seq + ROWS_A_LOOK
            if row:
                self._played.seek(data_seq=min(row, stride))
            else:
                self._played.seek(time_ns=moment, data_seq=stride)
            self._show()
            if self._keys.pressed():
                break
        self._tell("paused")

    def _is_at(self, moment: int, row: int) -> bool:
        desk = self._played.desk
        return bool((row and desk.data_seq >= row) or (moment and desk.now_ns >= moment))

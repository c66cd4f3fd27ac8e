"""A bar on stderr with rate and time left, for whatever takes longer than two seconds. None where stderr is no terminal."""

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

QUIET_S: Final = 2.0


class Bar:
    """Counts work done; draws nothing for the first two seconds.

    Args:
        what: What is being done, in a word or two.
        total: How much there is in all, in any unit; 0 = not known.
        unit: The unit's name.
    """

    def __init__(self, what: str, total: int = 0, unit: str = "rows") -> None:
        self._what, self._total, self._unit = what, total, unit
        self._begun = time.monotonic()
        self._shows = sys.stderr.isatty()
        self._progress: Any = None
        self._task: Any = None
        self._hint = ""

    def update(self, done: int, total: int = 0, rate: float = 0.0) -> None:
        """So much is done by now; `rate`: so much a second, where that is not what the clock says."""
        self._total = total or self._total
        if not self._shows or (self._progress is None and time.monotonic() - self._begun < QUIET_S):
            return
        if self._progress is None:
            self._open()
        rate = rate or done / max(time.monotonic() - self._begun, 1e-9)
        left = f"{timedelta(seconds=round((self._total - done) / rate))} left" if self._total and rate else ""
        self._progress.update(
            self._task, completed=done, total=self._total or None, rate=f"{rate:,.0f} {self._unit}/s", left=left,
            hint=self._hint, refresh=True,
        )  # fmt: skip

    def hint(self, text: str) -> None:
        """Say something beside the bar from now on."""
        self._hint = text

    def note(self, text: str) -> None:
        """Say something on a line of its own above the bar, which is shown from now on."""
        if self._shows:
            if self._progress is None:
                self._open()
            self._progress.console.print(text, highlight=False, soft_wrap=True)

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            *(TextColumn("{task.fields[" + name + "]}") for name in ("rate", "left", "hint")),
            console=Console(stderr=True),
            auto_refresh=False,
        )
        self._progress.start()
        self._task = self._progress.add_task(self._what, total=self._total or None, rate="", left="", hint=self._hint)

    def close(self) -> None:
        """Take the bar away. It comes again with what is shown next."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def waiting(what: str) -> Iterator[Callable[[str], None]]:
    """Show that something goes on, and for how long, where there is nothing to count. Quiet for two seconds, as the bar.

    Yields:
        Takes what is being done of it at the moment, in a word or two.
    """
    notes = [""]
    ended: queue.SimpleQueue[None] = queue.SimpleQueue()  # a Ctrl-C finds its calls done or not done
    ticker = threading.Thread(target=_tick, args=(what, notes, ended), daemon=True)
    try:
        if sys.stderr.isatty():
            ticker.start()
        yield notes.append
    finally:
        ended.put(None)
        if ticker.is_alive():
            ticker.join()


def _tick(what: str, notes: list[str], ended: "queue.SimpleQueue[None]") -> None:
    begun, width = time.monotonic(), 0
    if _over(ended, QUIET_S):
        return
    while not _over(ended, 0.5):
        note = f", {notes[-1]}" if notes[-1] else ""
        line = f"{what} … {time.monotonic() - begun:.0f} s{note} "
        width = max(width, len(line))
        sys.stderr.write(f"\r{line:{width}}")
        sys.stderr.flush()
    sys.stderr.write("\r" + " " * width + "\r")
    sys.stderr.flush()


def _over(ended: "queue.SimpleQueue[None]", timeout_s: float) -> bool:
    try:
        ended.get(timeout=timeout_s)
    except queue.Empty:
        return False
    return True

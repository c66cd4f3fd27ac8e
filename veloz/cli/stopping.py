"""SIGTERM as Ctrl-C: what a command was writing is cleaned up before it ends, with a terminal and without."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from veloz.cli.outcome import EXIT_INTERRUPTED, EXIT_TERMINATED


class Terminated(KeyboardInterrupt):
    """SIGTERM has come. Whoever lets Ctrl-C through lets this through."""


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Raise `Terminated` where SIGTERM comes, once: the next ones do not disturb the cleaning up.

    Only a program's first thread hears signals; elsewhere this changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, _: object) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)
    raise Terminated


def stop_behind(error: BaseException | None) -> KeyboardInterrupt | None:
    """The stop that an error was made of; None: there is none.

    Python makes one where a stop comes while a class is built, and says so. A module in C that is stopped while it imports another may
    print the stop and raise an ImportError of its own: what was printed last is known, too.
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    printed = getattr(sys, "last_value", None)
    return error or (printed if isinstance(printed, KeyboardInterrupt) else None)


def exit_code_of(stop: KeyboardInterrupt) -> int:
    """What a command that was stopped so exits with."""
    return EXIT_TERMINATED if isinstance(stop, Terminated) else EXIT_INTERRUPTED

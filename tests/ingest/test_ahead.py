"""An iterator that runs ahead: order, errors, its bound, and a Ctrl-C at any moment."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from veloz.ingest.ahead import Ahead

ROOT = Path(__file__).resolve().parents[2]
# 3 000 times: begin, be interrupted at a random moment, close. A child of its own: the alarm is the test runner's.
INTERRUPTED = """
import faulthandler, itertools, random, signal
from veloz.ingest.ahead import Ahead

def stop(*_):
    raise KeyboardInterrupt

faulthandler.dump_traceback_later(30, exit=True)
signal.signal(signal.SIGALRM, stop)
chance = random.Random(1)
for _ in range(3_000):
    try:
        with Ahead(itertools.count(), 4) as numbers:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, 3e-3))
            for _ in numbers:
                pass
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("was not interrupted")
"""


def test_items_come_in_order_and_then_the_end() -> None:
    with Ahead(iter(range(1_000)), 3) as items:
        assert list(items) == list(range(1_000))
        assert list(items) == []


def test_what_it_raises_comes_in_its_place() -> None:
    def broken() -> Iterator[int]:
        yield 7
        raise OSError("the disk is gone")

    with Ahead(broken(), 3) as items:
        assert next(items) == 7
        with pytest.raises(OSError, match="the disk is gone"):
            next(items)


def test_it_runs_ahead_by_no_more_than_its_depth() -> None:
    begun = 0

    def counted() -> Iterator[int]:
        nonlocal begun
        while True:
            begun += 1
            yield begun

    with Ahead(counted(), 3) as items:
        for taken in range(1, 20):
            assert next(items) == taken
            time.sleep(0.01)
            assert begun <= taken + 3 + 1  # the last one is made and waits for room


def test_an_interrupt_at_any_moment_leaves_it_able_to_close() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr

"""A Ctrl-C at every line of what a writer's caller waits in: told as what it is, and the writer goes on."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A child of its own, which ends if it hangs. An interrupt is raised at the first line that is run, at the second, and so on to
# the last: in the journal and in `threading`. The commits are slow, so that there is something to wait for. Lines of `with`
# are left out: a signal is heard before such a line or behind it, and a tracer is called in its midst too.
INTERRUPTED = """
import faulthandler, linecache, pathlib, sys, threading, time
import journal
from journal.store import Store
from tests.journal.samples import make_rows

faulthandler.dump_traceback_later(40, exit=True)
folder, what = pathlib.Path(sys.argv[1]), sys.argv[2]
traced = (str(pathlib.Path(journal.__file__).parent), threading.__file__)
commit = Store.commit
Store.commit = lambda store, changes: (time.sleep(0.002), commit(store, changes))[1]
seen = 0

def interrupt_at(nth):
    global seen
    seen = 0
    def trace(frame, event, _):
        global seen
        code = frame.f_code
        if not code.co_filename.startswith(traced):
            return None
        line = linecache.getline(code.co_filename, frame.f_lineno).strip()
        if event == "line" and not line.startswith("with "):
            seen += 1
            if seen == nth:
                raise KeyboardInterrupt
        return trace
    sys.settrace(trace)

def attempt(nth, call):
    try:
        interrupt_at(nth)
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False

def work(writer):
    if what == "append":
        for _ in range(3):
            writer.append(make_rows(1))
    elif what == "append_at_rest":
        writer.append(make_rows(1))
    elif what == "flush":
        writer.flush()
    elif what == "wait_durable":
        assert writer.wait_durable(writer.head_seq)
    elif what == "wait_a_while":
        assert not writer.wait_durable(writer.head_seq, 0.0005)
    else:
        writer.close()

nth = 0
while True:
    nth += 1
    writer = journal.Writer.open(folder / "j", group=1, map_size_bytes=1 << 24)
    writer.append(make_rows(1))
    if what == "append_at_rest":
        writer.flush()
        time.sleep(0.005)  # the committing thread is asleep
    interrupted = attempt(nth, lambda: work(writer))
    if what != "close":
        writer.flush()  # what was queued is not waiting for another append
        writer.append(make_rows(1))
        writer.flush()
        assert writer.durable_seq == writer.head_seq
    writer.close()
    if not interrupted:
        break
assert journal.check(folder / "j").ok
print(nth)
"""


@pytest.mark.parametrize("what", ["append", "append_at_rest", "flush", "wait_durable", "wait_a_while", "close"])
def test_an_interrupt_at_any_line_of_a_wait(tmp_path: Path, what: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path), what],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 10, "too few lines: nothing was tried"


# `stop` comes from a signal handler at the first line that is run, at the second, and so on.
STOPPED = """
import faulthandler, pathlib, sys, threading
import journal
from tests.journal.samples import make_rows

faulthandler.dump_traceback_later(40, exit=True)
with journal.Writer.open(sys.argv[1], map_size_bytes=1 << 24) as writer:
    writer.append(make_rows(1))
for nth in range(1, 120):
    seen, tail = 0, journal.Tail(sys.argv[1], first=2, poll_s=0.001)
    def trace(frame, event, _):
        global seen
        if not frame.f_code.co_filename.endswith(("tail.py", "queue.py", "threading.py")):
            return None
        seen += event == "line"
        if event == "line" and seen == nth:
            sys.settrace(None)
            tail.stop()
        return trace
    sys.settrace(trace)
    for batch in tail:
        raise AssertionError("there is no second batch")
    sys.settrace(None)
"""


def test_a_follower_is_stopped_from_any_line_of_its_own(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STOPPED, str(tmp_path / "j")],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr

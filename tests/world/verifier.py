"""Verify many journals quickly in a process that may die of them: a child is kept and replaced when it does.

python -m tests.world.verifier      reads paths, one a line; answers one JSON line each
"""

import json
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

ROOT = Path(__file__).resolve().parents[2]


class Verdict(NamedTuple):
    """ok: the journal verifies, LMDB's pages included, and takes another batch. records: rows it held before."""

    ok: bool
    records: int
    reason: str


def judge(path: str) -> Verdict:
    """Walk a journal, then append to it and walk again: a crash must need no repair."""
    import numpy as np

    from journal import SLOT, STEP_END, JournalError, Writer
    from journal.check import check_whole

    try:
        report = check_whole(path)
        if not report.ok:
            return Verdict(False, report.records, report.reason)
        rows = np.zeros(1, SLOT)
        rows["flags"] = STEP_END
        with Writer.open(path, map_size_bytes=1 << 28) as writer:
            writer.append(rows)
        again = check_whole(path)
        ok = again.ok and again.records == report.records + 1
        return Verdict(ok, report.records, "" if ok else f"not after another batch: {again.reason}")
    except (JournalError, OSError) as fault:
        return Verdict(False, 0, f"{type(fault).__name__}: {fault}")


class Verifier:
    """Gives verdicts; a death of the child is one. Use as a context manager."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[str] | None = None

    def _started(self) -> "subprocess.Popen[str]":
        if self._child is None:
            command = [sys.executable, "-m", "tests.world.verifier"]
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
            )
        return self._child

    def judge(self, path: Path) -> Verdict:
        """The verdict about one journal. It gets one more batch if it is sound."""
        child = self._started()
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(f"{path}\n")
        child.stdin.flush()
        answer = child.stdout.readline()
        if answer:
            return Verdict(*json.loads(answer))
        code = child.wait()
        self.close()
        died = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return Verdict(False, 0, f"the process died of it: {died}")

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            child, self._child = self._child, None
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.close()
            child.wait()
            child.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(judge(line.rstrip("\n"))), flush=True)

"""The laws are worth something: each bug planted here makes one of them fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLANTED = {
    "a gap goes unnoticed": ("booksync.py", "=       =       SYNCED  BROKEN  BROKEN", "=       =       SYNCED  SYNCED  SYNCED"),
    "spot follows pu": ("booksync.py", "elif first - book == 1:", "elif prev == book:"),
    "stale diffs are gaps": ("feeds.py", 'elif last <= slot["diff_id"]:', 'elif last < slot["diff_id"]:'),
    "held diffs are applied unjudged": ("depth.py", 'slot["replay_mode"] = take_diff(', 'slot["replay_mode"] = M_APPLY | 0 * take_diff('),
    "a message is judged twice after a stop": ("depth.py", 'entry["flags"] &= ~F_FIRST', 'entry["flags"] &= ~F_EMPTY'),
    "a snapshot leaves far levels behind": ("book.py", '        side["far_n"] = I(0)', '        side["far_n"] += I(0)'),
    "the best level is not looked for": ("book.py", "while word == 0 and place > stop:", "while word == 0 and place > stop + ONE:"),
    "a removed far level ends a search": ("book.py", "if (step - home) & (room - ONE) >= (step - hole) & (room - ONE):", "if home < 0:"),
    "a window's edge is off by one": ("depth.py", "if key > hi:\n", "if key > hi + ONE:\n"),
    "a carry is lost": ("sums.py", "return hi + (value >> _LIMB) + ((lo + (value & _LIMB_MASK)) >> _LIMB)", "return hi + (value >> _LIMB)"),
    "ties go to the first": ("bars.py", 'if ts >= bar["ts_last"]:', 'if ts > bar["ts_last"]:'),
    "the newest second is never merged": ("bars.py", 'if tape["end_ns"] > 0:\n        part', 'if tape["end_ns"] < 0:\n        part'),
    "an old second's count stays": ("feeds.py", 'feed["rate_count"] if second - old < _SECONDS else ZERO', 'feed["rate_count"]'),
    "coarser prices lose a level": ("rescale.py", "levels[new_key] = levels.get(new_key, 0) + scaled", "levels[new_key] = scaled"),
    "the batch edge shows": ("fold.py", 'clock["now_ns"] = now\n', 'clock["now_ns"] = now + (k == 0)\n'),
}  # fmt: skip
LAWS = tuple(f"tests/reducers/test_{law}.py" for law in ("sums", "booksync", "bars", "book", "deep", "twin", "rescale"))


@pytest.mark.slow
@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(root: Path, tmp_path: Path, bug: str) -> None:
    for folder in ("veloz", "tests/reducers", "tests/oracles"):
        shutil.copytree(root / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "sample"))
    for name in ("pyproject.toml", "tests/conftest.py"):
        shutil.copy(root / name, tmp_path / name)
    file, old, new = PLANTED[bug]
    path = tmp_path / "veloz/reducers" / file
    text = path.read_text()
    assert old in text, f"{file} has changed: draw the bug anew"
    path.write_text(text.replace(old, new))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", *LAWS],
        cwd=tmp_path, env={**os.environ, "VELOZ_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
    assert done.returncode == 1, f"nobody noticed: {done.stdout[-500:]}{done.stderr[-500:]}"
    assert "AssertionError" in done.stdout or "assert" in done.stdout

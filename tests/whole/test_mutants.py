"""Planted bugs stay plantable: every patch names its law and tests that exist, and still applies. `just mutants` tries them."""

import subprocess
from pathlib import Path

import pytest

from tests.mutants.run import FOLDER, copy_tree, main, read_mutant, run_tests

PATCHES = sorted(FOLDER.glob("*.patch"))


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_a_mutant_names_tests_that_exist_and_applies(path: Path, root: Path) -> None:
    mutant = read_mutant(path)
    for test in mutant.kills:
        file, _, name = test.partition("::")
        text = (root / file).read_text()
        assert not name or f"def {name.partition('[')[0].rpartition('::')[2]}" in text or f"class {name}" in text, test
    applied = subprocess.run(
        ["git", "apply", "--check", "--whitespace=nowarn", str(path)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert applied.returncode == 0, applied.stderr


@pytest.mark.parametrize("head", ["# law: x\n", "# kills: tests/x.py\n", "# Law: x\n# kills: tests/x.py\n", ""])
def test_a_head_without_law_or_tests_is_refused(head: str, tmp_path: Path) -> None:
    (tmp_path / "m.patch").write_text(f"{head}\n--- a/x\n+++ b/x\n# law: x\n# kills: y\n")
    with pytest.raises(ValueError, match="must begin"):
        read_mutant(tmp_path / "m.patch")


def test_tests_that_cannot_be_collected_kill_nothing(tmp_path: Path) -> None:
    copy_tree(tmp_path)
    assert run_tests(tmp_path, ("tests/there_is_no_such_file.py",), compiled=False)[0] > 1


def test_an_unknown_mutant_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["mutants", "there_is_no_such_mutant"])
    assert main() == 2

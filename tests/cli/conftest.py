"""A way to run commands in-process, and a small journal of real records."""

import gzip
import io
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from veloz.cli import main as cli


@dataclass
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout; fails when there is more or less."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def veloz(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run `veloz WORDS…` in this process, with settings of its own."""
    monkeypatch.setenv("VELOZ_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("VELOZ_PROFILE", raising=False)

    def run(*words: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["veloz", *map(str, words)])
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as left:
            cli.main()
        return Ran(int(left.value.code or 0), out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def sample() -> Path:
    """The USDⓈ-M sample inside the package."""
    return next((Path(cli.__file__).parent.parent / "sample" / "binance_usdm").glob("*.gz"))


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    """The first lines of the sample."""
    file = tmp_path_factory.mktemp("short") / "short.gz"
    with gzip.open(sample) as whole, gzip.open(file, "wb") as out:
        for _, line in zip(range(1_200), whole, strict=False):
            out.write(line)
    return file


@pytest.fixture(scope="session")
def sample_journal(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    """A journal of the sample. Tests read it; who wants to change one copies it."""
    from veloz.cli.ingest import ingest_files

    path = tmp_path_factory.mktemp("sample") / "journal"
    ingest_files([("binance_usdm", sample)], path, unsafe_fs=True)
    return path

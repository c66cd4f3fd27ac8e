"""What every test may lean on: where the recordings are, a journal that is checked afterwards, how Hypothesis runs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# A compile may fall into any example, so no deadline; the slow lane looks further.
settings.register_profile("check", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("slow", parent=settings.get_profile("check"), max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "check"))


def shared_folder() -> Path:
    """The folder of recordings: `VELOZ_SHARED`, else `../shared` beside the repository. It may not exist."""
    return Path(os.environ.get("VELOZ_SHARED", ROOT.parent / "shared"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The recordings and known results that live outside the repository; skips, saying so, where they are absent."""
    folder = shared_folder()
    if not (folder / "data").is_dir():
        pytest.skip(f"no recordings: {folder} has no data/ (set VELOZ_SHARED)")
    return folder


@pytest.fixture
def journal_dir(tmp_path: Path) -> Iterator[Path]:
    """A folder for one journal (not created yet), walked whole after the test.

    A test that damages a journal on purpose works on a copy elsewhere under `tmp_path`.
    """
    path = tmp_path / "journal"
    yield path
    if (path / "data.mdb").exists():
        from journal.check import check

        report = check(path)
        assert report.ok, f"the journal of this test does not verify: seq {report.first_bad_seq}: {report.reason}"

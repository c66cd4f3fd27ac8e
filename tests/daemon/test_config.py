"""Settings: who wins, who is refused, and what is said."""

from pathlib import Path

import pytest

from veloz.daemon.config import ConfigError, read_settings


def test_defaults_profile_variable_and_override_win_in_that_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "lab.toml").write_text("[book]\ndepth = 5\n")
    monkeypatch.chdir(tmp_path)
    profile = {"VELOZ_PROFILE": "lab"}
    assert read_settings((), {}).value("book.depth") == 20
    assert read_settings((), profile).value("book.depth") == 5
    assert read_settings((), {**profile, "VELOZ_BOOK_DEPTH": "7"}).value("book.depth") == 7
    settings = read_settings(("book.depth=9",), {**profile, "VELOZ_BOOK_DEPTH": "7"})
    assert settings.value("book.depth") == 9
    assert [claim.value for claim in settings.claims["book.depth"]] == [20, 5, 7, 9]


@pytest.mark.parametrize(
    ("overrides", "environment", "said"),
    [
        (("book.dept=3",), {}, "did you mean book.depth"),
        (("book.depth",), {}, "has no value"),
        (("book.depth=deep",), {}, "wants a value of type int"),
        (("book.depth=true",), {}, "wants a value of type int"),
        ((), {"VELOZ_PROFILE": "nowhere"}, "There is no profile nowhere"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    overrides: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        read_settings(overrides, environment)


def test_a_variable_that_sets_nothing_is_a_warning() -> None:
    assert "did you mean VELOZ_BOOK_DEPTH" in read_settings((), {"VELOZ_BOOK_DEPHT": "3"}).warnings[0]


def test_paths_follow_other_settings() -> None:
    settings = read_settings(("data_dir=/somewhere",), {})
    assert settings.path("journal.dir") == Path("/somewhere/journal")


CONFIGS = Path(__file__).resolve().parents[2] / "configs"
RUNS = ("quoter", "sweep")  # what to run on which data: settings of a backtest


@pytest.mark.parametrize("profile", sorted({path.stem for path in CONFIGS.glob("*.toml")} - set(RUNS)))
def test_every_profile_that_ships_is_accepted(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).resolve().parents[2])
    settings = read_settings((), {"VELOZ_PROFILE": profile})
    assert settings.claims["data_dir"][-1].where == f"configs/{profile}.toml"


@pytest.mark.parametrize(
    "word", ["book.depth=0", "book.depth=-3", "journal.map_size_bytes=4000000", "journal.map_size_bytes=1"]
)
def test_numbers_out_of_range_are_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="must be at least"):
        read_settings((word,), {})

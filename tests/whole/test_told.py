"""What the reference pages list is all that there is: names in the code and names in the pages."""

import itertools
from pathlib import Path

import pytest

from veloz.cli import outcome
from veloz.contracts.codes import Refusal
from veloz.contracts.registry import BY_NAME
from veloz.strategies import sdk

ENUMS = (sdk.TimeInForce, sdk.OrderType, sdk.PositionSide, sdk.SelfTrade, sdk.TriggerBy)


def test_every_code_of_a_refusal_is_told(root: Path) -> None:
    page = (root / "docs" / "reference" / "refusals.md").read_text()
    assert [code.name for code in Refusal if f"`{code.name}`" not in page] == []


@pytest.mark.parametrize("shape", [sdk.Market, sdk.Own, sdk.Bar, sdk.Pnl])
def test_every_field_that_a_strategy_sees_is_told(root: Path, shape: type) -> None:
    page = (root / "docs" / "reference" / "sdk.md").read_text()
    (line,) = [line for line in page.splitlines() if line.startswith(f"| `{shape.__name__}` |")]
    assert [name for name in shape._fields if f"`{name}`" not in line] == []  # type: ignore[attr-defined]


def test_every_look_and_every_term_is_told(root: Path) -> None:
    page = (root / "docs" / "reference" / "sdk.md").read_text()
    looks = [name for name in vars(sdk.View) if not name.startswith("_")]
    assert [name for name in looks if f"`view.{name}" not in page] == []
    for each in ENUMS:
        assert f"`sdk.{each.__name__}." in page
        assert [term.name for term in each if f"`{term.name}`" not in page and f".{term.name}`" not in page] == []


@pytest.mark.parametrize("kind", ["md.trade", "md.level", "md.bar", "md.bar_volume", "md.mark"])
def test_words_of_events_are_told(root: Path, kind: str) -> None:
    page = " ".join((root / "docs" / "reference" / "sdk.md").read_text().split())
    assert f"`{kind}` `({', '.join(BY_NAME[kind].words)})`" in page


@pytest.mark.parametrize("page", ["README.md", "docs/reference/index.md"])
def test_every_exit_code_is_told(root: Path, page: str) -> None:
    lines = (root / page).read_text().partition("| exit code | meaning |\n|---|---|\n")[2].splitlines()
    told = [int(line.split("|")[1]) for line in itertools.takewhile(lambda line: line.startswith("|"), lines)]
    assert told == sorted(value for name, value in vars(outcome).items() if name.startswith("EXIT_"))

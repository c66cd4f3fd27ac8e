"""The sessions that pages of the reference show are run: what they say is what happens."""

import re
from pathlib import Path

import pytest

from veloz.contracts import codes
from veloz.reducers.tallies import ANSWERS_LEAST
from veloz.scenario.runner import run
from veloz.strategies import sdk

PAGES = Path(__file__).parents[2] / "docs" / "reference"
SESSIONS = [
    (page.name, number, text)
    for page in sorted(PAGES.glob("*.md"))
    for number, text in enumerate(re.findall(r"```scenario\n(.*?)```", page.read_text(), re.DOTALL))
]


@pytest.mark.parametrize(("page", "number", "text"), SESSIONS, ids=[f"{page}-{k}" for page, k, _ in SESSIONS])
def test_what_a_page_shows_happens(page: str, number: int, text: str, tmp_path: Path) -> None:
    result = run(text, tmp_path)
    assert "expect " in text
    assert result.first_difference is None, (page, number, result.first_difference.sentence())


def test_the_pages_are_there() -> None:
    assert {page for page, _, _ in SESSIONS} >= {"risk.md", "sdk.md"}


def test_levels_and_breakers_are_all_told() -> None:
    page = (PAGES / "risk.md").read_text()
    assert all(f"| `{level.name}` |" in page for level in codes.StopLevel if level)
    assert all(f"| `{breaker.name.lower()}` |" in page for breaker in codes.Breaker)
    assert f"once **{ANSWERS_LEAST}** orders" in page


def test_every_handler_and_every_intent_is_told() -> None:
    page = (PAGES / "sdk.md").read_text()
    handlers = [name for name in vars(sdk.Strategy) if name.startswith("on_")]
    assert handlers
    assert all(f"`{name}(view" in page for name in handlers)
    for intent in (sdk.Target, sdk.Quote, sdk.Order, sdk.Cancel, sdk.Amend):
        fields = ", ".join(re.escape(name) + "(=[^,)]*)?" for name in intent.__struct_fields__)
        assert re.search(rf"`{intent.__name__}\({fields}\)", page), intent.__name__

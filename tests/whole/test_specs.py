"""The files of specs/ that are generated from the code say what the code says; `just specs` writes them."""

from pathlib import Path

import pytest

from veloz.contracts.specs import render_all, write_all

SPECS = Path(__file__).resolve().parents[2] / "specs"


@pytest.mark.parametrize("name", sorted(render_all()))
def test_a_generated_file_matches_the_code(name: str) -> None:
    assert (SPECS / name).read_text() == render_all()[name], f"specs/{name} is behind the code: run `just specs`"


def test_no_schema_describes_what_is_gone() -> None:
    generated = {name for name in render_all() if name.startswith("schema/")}
    assert {f"schema/{path.name}" for path in (SPECS / "schema").iterdir()} == generated


def test_the_generator_writes_what_it_renders(tmp_path: Path) -> None:
    for path in write_all(tmp_path):
        assert path.read_text() == render_all()[str(path.relative_to(tmp_path))]

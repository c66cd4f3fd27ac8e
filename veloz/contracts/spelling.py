"""Names that people write: tables of settings by dotted names, and what is nearest to a word that nobody knows."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

NEAR: Final = 0.4  # so alike two words are, at least: 1 is the same


def flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Tables within tables as one, their names joined by dots: the form in which `--set` writes them."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        flat.update(flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value})
    return flat


def closest(word: str, known: Iterable[str], least: float = NEAR) -> str:
    """The known word that is nearest to one; "": none is near."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=least)), "")


def nearest(word: str, known: Iterable[str], least: float = NEAR) -> str:
    """What to say behind a word that is not known: the nearest that is; "" where none is near."""
    near = closest(word, known, least)
    return f"; did you mean {near}" if near else ""


def told_among(word: str, known: Sequence[str], prefix: str = "") -> str:
    """The same where all that are known may be listed: the nearest, with what stands in front of it, or all there are."""
    near = closest(word, known)
    return f"the nearest is {prefix}{near}" if near else f"there are {', '.join(known) or 'none'}"

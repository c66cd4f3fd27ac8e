"""Settings that stand in tables of their own, one for each strategy, instrument or account: what one of them says, or one sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

from veloz.backtest.keys import Key, SettingsError
from veloz.contracts.spelling import nearest


def read_tables(name: str, listed: Any, known: Sequence[Key], path: object) -> list[tuple[str, dict[str, Any]]]:
    """The tables [[name]] of a file: where each stands, and what it says.

    Args:
        name: What they are called.
        listed: What TOML made of them.
        known: The settings that one may have.
        path: The file.

    Raises:
        SettingsError: They are no tables, or one says what is no setting of it.
    """
    if not isinstance(listed, list):
        raise SettingsError(f"{path} has one {name}; write [[{name}]], once for each.")
    found = []
    for place, each in enumerate(listed, 1):
        where = f"[[{name}]] number {place} of {path}"
        if not isinstance(each, dict):
            raise SettingsError(f"{where} is no table; write [[{name}]].")
        found.append((where, _read(each, {key.name: key for key in known}, where)))
    return found


def _read(table: Mapping[str, Any], known: Mapping[str, Key], where: str) -> dict[str, Any]:
    said = {}
    for name, value in table.items():
        if name not in known:
            raise SettingsError(f"{where} sets {name}{nearest(name, list(known))}; there are {', '.join(known)}.")
        said[name] = known[name].accept(value, where)
    return said

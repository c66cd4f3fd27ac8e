"""Settings that stand in tables of their own, one for each strategy, instrument or account: what one of them says, or one sentence."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from veloz.backtest.keys import ACCOUNT_KEYS, INSTRUMENT_KEYS, SHORT, STRATEGY_KEYS, Key, SettingsError
from veloz.contracts.spelling import nearest, told_among


class Kind(NamedTuple):
    """Tables of one kind."""

    keys: tuple[Key, ...]  # what one may say
    inner: str  # a table within it, whose names are free; "": there is none
    names: Callable[[Mapping[str, Any]], tuple[str, ...]]  # what one is called


def label_of(code: str) -> str:
    """What a strategy is called that says only its code."""
    return code.partition(":")[2].lower() or code


def _names_of_strategy(table: Mapping[str, Any]) -> tuple[str, ...]:
    return (str(table.get("name") or label_of(str(table.get("code", SHORT)))),)


def _names_of_instrument(table: Mapping[str, Any]) -> tuple[str, ...]:
    symbol = str(table.get("symbol", ""))
    return tuple(dict.fromkeys((symbol.rpartition(":")[2], symbol)))


def _names_of_account(table: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(table[name]) for name in ("name", "venue") if name in table)


LISTED: Final = {
    "strategies": Kind(STRATEGY_KEYS, "params", _names_of_strategy),
    "instruments": Kind(INSTRUMENT_KEYS, "", _names_of_instrument),
    "accounts": Kind(ACCOUNT_KEYS, "balances", _names_of_account),
}


def is_listed(name: str) -> bool:
    """Whether a name is of such tables: `instruments.BTCUSDT.tick`, or `instruments` itself, which names none of them."""
    return name.partition(".")[0] in LISTED


def set_in(listed: Mapping[str, Any], name: str, value: Any, where: str) -> None:
    """Let a table say something else.

    Args:
        listed: By kind what TOML made of the tables; changed. What is no list of tables stays as it is.
        name: KIND.TABLE.KEY; the table is named as it is called, or else by its place in the file, from 1 on.
        value: What it is to say.
        where: Who says so.

    Raises:
        SettingsError: There is no such table, or it can say no such thing.
    """
    title, _, rest = name.partition(".")
    kind, tables = LISTED[title], listed[title]
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        return
    free = f".{kind.inner}."
    within = bool(kind.inner) and rest.find(free) > 0
    label, _, key = rest.partition(free) if within else rest.rpartition(".")
    known = {each.name: each for each in kind.keys}
    names = [*known, *filter(None, [kind.inner])]
    if not label or not key or (not within and key not in names and _is_table(title, tables, rest)):
        raise SettingsError(f"{where} {_lacking(title, tables, rest.strip('.'), names)}.")
    if within:
        inner = _table(title, tables, label, where).setdefault(kind.inner, {})
        if isinstance(inner, dict):
            inner[key] = value
        return
    if key not in names:
        raise SettingsError(f"{where} sets {key}{nearest(key, names)}; there are {', '.join(names)}.")
    table = _table(title, tables, label, where)
    if key in known:
        known[key].accept(value, where)
    table[key] = value


def _lacking(title: str, tables: Sequence[Mapping[str, Any]], rest: str, names: Sequence[str]) -> str:
    """What a name does not say that is no KIND.TABLE.KEY, and what it would be in full."""
    inner = LISTED[title].inner
    if inner and rest.endswith(f".{inner}"):
        return f"names nothing in {title}.{rest}; write {title}.{rest}.NAME"
    if rest not in names and _is_table(title, tables, rest):
        return f"names nothing of {rest} that is to be set; write {title}.{rest}.KEY, where KEY is one of {', '.join(names)}"
    key = rest if rest in names else "KEY"
    return f"names no table; write {title}.NAME.{key}, by what it is called or its place in the file"


def _is_table(title: str, tables: Sequence[Mapping[str, Any]], label: str) -> bool:
    return _is_place(tables, label) or any(label in LISTED[title].names(each) for each in tables)


def _is_place(tables: Sequence[Any], label: str) -> bool:
    return label.isdecimal() and 0 < int(label) <= len(tables)


def _table(title: str, tables: Sequence[dict[str, Any]], label: str, where: str) -> dict[str, Any]:
    """The table that is meant."""
    if not tables:
        raise SettingsError(f"{where} is for a table [[{title}]], and the file has none; write it there.")
    names = [LISTED[title].names(each) for each in tables]
    found = [table for table, called in zip(tables, names, strict=True) if label in called]
    if len(found) > 1:
        raise SettingsError(
            f"{where} is for {label}, and {len(found)} tables [[{title}]] are of it; name one by its place, like {title}.1, or in full."
        )
    if not found and _is_place(tables, label):
        return tables[int(label) - 1]
    if not found:
        every = list(dict.fromkeys(each for called in names for each in called if each))
        raise SettingsError(
            f"{where} is for {label}, of which there is no table [[{title}]]; {told_among(label, every)}."
        )
    return found[0]


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

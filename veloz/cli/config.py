"""`veloz config explain KEY`: what a setting is, and who said so; of the program, of a backtest, and of a sweep."""

import argparse
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from veloz.cli.main import add_common
from veloz.cli.outcome import EXIT_OK, CommandError, print_json, print_table, say

if TYPE_CHECKING:
    from veloz.daemon.config import Settings

OVERRIDE = "an override on the command line"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Words after `veloz config`."""
    parser.add_argument("action", choices=["explain"], help="explain: say what won and why")
    parser.add_argument(
        "key", nargs="?", help="a setting of the program, of a backtest or of a sweep; all of them when left out"
    )
    parser.add_argument("--profile", help="a profile from configs/")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Print one setting, or all."""
    import os

    from veloz.backtest.keys import BY_NAME, SettingsError
    from veloz.backtest.optimizer import plan
    from veloz.backtest.optimizer.trial import SweepError
    from veloz.backtest.settings import FREE
    from veloz.cli.backtest import refusal, split_overrides
    from veloz.contracts.spelling import nearest
    from veloz.daemon.config import BY_KEY, ConfigError, read_settings

    variables = dict(os.environ)
    if args.profile:
        variables["VELOZ_PROFILE"] = args.profile
    rest, own = split_overrides(args.set)
    of_sweeps = [word.strip() for word in rest if word.strip().startswith(plan.PREFIX)]
    of_runs = [word for word in rest if not word.strip().startswith(plan.PREFIX)]
    try:
        settings = read_settings(own, variables)
        rows = _own_rows(settings) | _rows_of_runs(of_runs, args.key or "") | _rows_of_sweeps(of_sweeps, args.key or "")
    except ConfigError as error:
        raise CommandError(str(error), code="config") from error
    except (SettingsError, SweepError) as error:
        raise refusal(error) from None
    if args.key and args.key not in rows:
        known = [*BY_KEY, *BY_NAME, *plan.BY_NAME, *(f"{name}…" for name in (*FREE, plan.SPACE_PREFIX))]
        raise CommandError(
            f"There is no setting {args.key}{nearest(args.key, known)}.",
            code="config",
            hint="`veloz config explain` tells all there are.",
        )
    for warning in settings.warnings:
        say(f"veloz: {warning}")
    wanted = [rows[args.key]] if args.key else [*rows.values()]
    if args.json:
        print_json(wanted[0] if args.key else {"settings": wanted})
        return EXIT_OK
    for row in wanted:
        told = {"value": _text(row["value"]), "because": row["from"]}
        told["instead of"] = [f"{each['from']} said {each['value']}" for each in row["overridden"]]
        told["about"] = row["about"]
        if row.get("among"):
            told["one of"] = ", ".join(name or "nothing" for name in row["among"])
        print_table(row["key"], told)
    return EXIT_OK


def _own_rows(settings: "Settings") -> dict[str, dict[str, Any]]:
    """The program's settings: what each is, and every place that had a say."""
    from veloz.daemon.config import SETTINGS

    return {
        setting.key: {
            "key": setting.key,
            "value": settings.value(setting.key),
            "from": settings.claims[setting.key][-1].where,
            "about": setting.about,
            "overridden": [{"from": c.where, "value": c.value} for c in settings.claims[setting.key][:-1]],
        }
        for setting in SETTINGS
    }


def _rows_of_runs(words: Sequence[str], wanted: str) -> dict[str, dict[str, Any]]:
    """The settings of a backtest, which its file and `--set` say; with what is said under a free name, and `wanted`, where its name is one.

    Raises:
        SettingsError: A word is none.
    """
    from veloz.backtest.keys import KEYS
    from veloz.backtest.settings import FREE, read_settings

    said = read_settings("", words)
    set_here = {word.partition("=")[0].strip() for word in words}
    rows: dict[str, dict[str, Any]] = {}
    for key in KEYS:
        here = key.name in set_here or said[key.name] != key.default  # a table of settings names none of those in it
        rows[key.name] = _row(key.name, said[key.name], f"of a backtest: {key.about}", here, key.default, key.among)
    free: tuple[Mapping[str, Any], ...] = said.strategies[0].params, said.balances, said.rates
    for prefix, told in zip(FREE, free, strict=True):
        values = {f"{prefix}{name}": value for name, value in told.items()}
        asked = [wanted] if wanted.startswith(prefix) and wanted != prefix and wanted not in rows else []
        for name in dict.fromkeys([*values, *asked]):
            rows[name] = _row(name, values.get(name), f"of a backtest: {FREE[prefix]}", name in values)
    return rows


def _rows_of_sweeps(words: Sequence[str], wanted: str) -> dict[str, dict[str, Any]]:
    """The same of a sweep, whose space has a free name for each setting of a backtest.

    Raises:
        SweepError: A word is none.
    """
    from veloz.backtest.optimizer.plan import BY_NAME, PREFIX, SPACE_PREFIX, WALK_PREFIX, read_searched, read_walk
    from veloz.backtest.optimizer.space import flattened, read_space
    from veloz.cli.optimize import overridden

    table = overridden({}, words)
    set_here = {word.partition("=")[0].strip() for word in words}
    said = {f"{PREFIX}{name}": value for name, value in read_searched(table).items()}
    said |= {f"{WALK_PREFIX}{name}": value for name, value in read_walk(table.get("walk", {})).items()}
    rows: dict[str, dict[str, Any]] = {}
    for name, key in BY_NAME.items():
        here = name in set_here or said[name] != key.default
        rows[name] = _row(name, said[name], f"of a sweep: {key.about}", here, key.default, key.among)
    if "space" in table:
        read_space(table["space"])
    space = {f"{SPACE_PREFIX}{name}": value for name, value in flattened(table.get("space", {})).items()}
    asked = [wanted] if wanted.startswith(SPACE_PREFIX) and wanted != SPACE_PREFIX else []
    for name in dict.fromkeys([*space, *asked]):
        rows[name] = _row(name, space.get(name), "of a sweep: what this setting of the backtest may be", name in space)
    return rows


def _row(
    name: str, value: Any, about: str, here: bool, default: Any = None, among: Sequence[str] = ()
) -> dict[str, Any]:
    """What is told of a setting that no place but the command line has a say in here. A default of None: it has none."""
    return {
        "key": name,
        "value": _plain(value),
        "from": OVERRIDE if here else "default",
        "about": about,
        "overridden": [{"from": "default", "value": _plain(default)}] if here and default is not None else [],
        "among": list(among),
    }


def _plain(value: Any) -> Any:
    """A value as JSON has it: exact numbers as text."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple | list) else value


def _text(value: Any) -> str:
    if value is None or value in ("", []):
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} = {_text(each)}" for name, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

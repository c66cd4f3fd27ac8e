"""`veloz config explain KEY`: what a setting is, and who said so; of the program, and of a backtest."""

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
    parser.add_argument("key", nargs="?", help="a setting of the program or of a backtest; all of them when left out")
    parser.add_argument("--profile", help="a profile from configs/")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Print one setting, or all."""
    import os

    from veloz.backtest.keys import BY_NAME, SettingsError
    from veloz.backtest.settings import FREE
    from veloz.cli.backtest import refusal, split_overrides
    from veloz.contracts.spelling import nearest
    from veloz.daemon.config import BY_KEY, ConfigError, read_settings

    variables = dict(os.environ)
    if args.profile:
        variables["VELOZ_PROFILE"] = args.profile
    of_runs, own = split_overrides(args.set)
    try:
        settings = read_settings(own, variables)
        rows = _own_rows(settings) | _rows_of_runs(of_runs, args.key or "")
    except ConfigError as error:
        raise CommandError(str(error), code="config") from error
    except SettingsError as error:
        raise refusal(error) from None
    if args.key and args.key not in rows:
        known = [*BY_KEY, *BY_NAME, *(f"{name}…" for name in FREE)]
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
        rows[key.name] = {
            "key": key.name,
            "value": _plain(said[key.name]),
            "from": OVERRIDE if here else "default",
            "about": f"of a backtest: {key.about}",
            "overridden": [{"from": "default", "value": _plain(key.default)}] if here else [],
            "among": list(key.among),
        }
    free: tuple[Mapping[str, Any], ...] = said.strategies[0].params, said.balances, said.rates
    for prefix, told in zip(FREE, free, strict=True):
        values = {f"{prefix}{name}": value for name, value in told.items()}
        asked = [wanted] if wanted.startswith(prefix) and wanted != prefix and wanted not in rows else []
        for name in dict.fromkeys([*values, *asked]):
            rows[name] = {
                "key": name,
                "value": _plain(values.get(name)),
                "from": OVERRIDE if name in values else "default",
                "about": f"of a backtest: {FREE[prefix]}",
                "overridden": [],
                "among": [],
            }
    return rows


def _plain(value: Any) -> Any:
    """A value as JSON has it: exact numbers as text."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return list(value) if isinstance(value, tuple | list) else value


def _text(value: Any) -> str:
    if value is None or value in ("", []):
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

"""`veloz config explain KEY`: what a setting is, and who said so."""

import argparse

from veloz.cli.main import add_common
from veloz.cli.outcome import EXIT_OK, CommandError, print_json, print_table, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Words after `veloz config`."""
    parser.add_argument("action", choices=["explain"], help="explain: say what won and why")
    parser.add_argument("key", nargs="?", help="a setting; all of them when left out")
    parser.add_argument("--profile", help="a profile from configs/")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Print one setting, or all."""
    import os

    from veloz.daemon.config import SETTINGS, ConfigError, find_setting, read_settings

    variables = dict(os.environ)
    if args.profile:
        variables["VELOZ_PROFILE"] = args.profile
    try:
        settings = read_settings(args.set, variables)
        wanted = [find_setting(args.key)] if args.key else list(SETTINGS)
    except ConfigError as error:
        raise CommandError(str(error), code="config") from error
    for warning in settings.warnings:
        say(f"veloz: {warning}")
    rows = [
        {
            "key": setting.key,
            "value": settings.value(setting.key),
            "from": settings.claims[setting.key][-1].where,
            "about": setting.about,
            "overridden": [{"from": c.where, "value": c.value} for c in settings.claims[setting.key][:-1]],
        }
        for setting in wanted
    ]
    if args.json:
        print_json(rows[0] if args.key else {"settings": rows})
        return EXIT_OK
    for row in rows:
        beaten = [f"{each['from']} said {each['value']}" for each in row["overridden"]]
        print_table(
            row["key"],
            {"value": str(row["value"]), "because": row["from"], "instead of": beaten, "about": row["about"]},
        )
    return EXIT_OK

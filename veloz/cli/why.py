"""`veloz why ORDER`: the chain of one order, from what caused it to what became of it."""

import argparse
from typing import TYPE_CHECKING

from veloz.cli.main import add_common
from veloz.cli.outcome import EXIT_OK, CommandError, print_json
from veloz.cli.place import add_journal, journal_dir

if TYPE_CHECKING:
    from veloz.history.why import Chain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Words after `veloz why`."""
    parser.add_argument("order", metavar="ORDER", help="client order id, order key, or the venue's own order number")
    add_journal(parser)
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Find the chain and print it."""
    from veloz.history.why import NoSuchOrder, find_chain

    path = journal_dir(args)
    try:
        chain = find_chain(path, args.order)
    except NoSuchOrder as error:
        raise CommandError(
            str(error),
            code="no_such_order",
            hint="`veloz journal dump --kind order.drafted` lists the orders of a journal.",
        ) from error
    if args.json:
        print_json({"order": chain.key, "client_id": chain.client_id, "chain": chain.entries})
    else:
        _print(chain)
    return EXIT_OK


def _print(chain: "Chain") -> None:
    from rich.console import Console
    from rich.table import Table

    from veloz.cli.outcome import format_moment

    table = Table(title=f"order {chain.client_id}", title_justify="left", title_style="bold")
    table.add_column("row", justify="right", style="cyan", no_wrap=True)
    table.add_column("because of", justify="right", no_wrap=True)
    table.add_column("time", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("what", overflow="fold")
    for entry in chain.entries:
        cause = str(entry["cause"]) if entry["cause"] else ""
        table.add_row(str(entry["seq"]), cause, format_moment(entry["ts_recv"])[11:26], entry["kind"], entry["words"])
    Console().print(table)

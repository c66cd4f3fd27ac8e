"""`veloz book`: an order book as of a record."""

import argparse
from typing import Any

from veloz.cli.main import add_common
from veloz.cli.outcome import EXIT_OK, CommandError, print_json
from veloz.cli.place import add_journal, check_range, journal_dir, parse_seq


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Words after `veloz book`."""
    add_journal(parser)
    parser.add_argument("--instrument", required=True, metavar="S", help="the venue's symbol, or venue:symbol")
    parser.add_argument("--at", type=parse_seq, metavar="N", help="as of this row; the head when left out")
    parser.add_argument("--depth", type=parse_depth, metavar="N", help="levels a side")
    parser.add_argument("--no-snapshot", action="store_true", help="fold from row 1")
    add_common(parser)


def parse_depth(text: str) -> int:
    """Levels a side as typed: a whole number from 1 on.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of levels; give a whole number from 1 on")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Fold up to the row and print the top of the book."""
    from veloz.cli.compiling import compile_for
    from veloz.cli.progress import Bar
    from veloz.daemon.config import read_settings
    from veloz.history.names import read_names
    from veloz.history.recall import recall, recall_newest
    from veloz.reducers.view import top

    path = journal_dir(args)
    _, at = check_range(path, 1, args.at)
    names = read_names(path, at)
    found = names.find(args.instrument)
    if not found:
        every = sorted({names.symbol(number) for number in range(1, len(names.catalogue) + 1)})
        known = f"It knows {', '.join(every)}." if every else "It knows none yet."
        raise CommandError(
            f"The journal at {path} has never seen {args.instrument} up to row {at}.", code="no_instrument", hint=known
        )
    if len(found) > 1:
        spelled = " or ".join(names.full_name(ix) for ix in found)
        raise CommandError(
            f"{args.instrument} is traded on several venues of this journal.", code="ambiguous", hint=f"Say {spelled}."
        )
    answer: dict[str, Any] = {
        "instrument": args.instrument, "seq": at, "synced": False, "bids": [], "asks": [], "update_id": 0,
    }  # fmt: skip
    compile_for(path, at)
    with Bar("fold") as bar:
        folded = (
            recall(path, last=at, use_snapshot=False, on_progress=bar.update)
            if args.no_snapshot
            else recall_newest(path, at, bar.update)
        )
    depth = args.depth or read_settings(args.set).value("book.depth")
    synced, bids, asks, update_id = top(folded.state, found[0], depth)
    answer["instrument"] = names.symbol(found[0])
    if synced:
        answer.update(
            synced=True,
            update_id=int(update_id),
            bids=names.decimals(found[0], at, bids),
            asks=names.decimals(found[0], at, asks),
        )
    if args.json:
        print_json(answer)
    else:
        _print_ladder(answer)
    return EXIT_OK


def _print_ladder(answer: dict[str, Any]) -> None:
    from itertools import zip_longest

    from rich.console import Console
    from rich.table import Table

    state = f"update {answer['update_id']}" if answer["synced"] else "NOT SYNCHRONISED"
    table = Table(title=f"{answer['instrument']} as of row {answer['seq']:,} · {state}", title_justify="left")
    for name, style in (("bid qty", "green"), ("bid", "bold green"), ("ask", "bold red"), ("ask qty", "red")):
        table.add_column(name, justify="right", style=style)
    for bid, ask in zip_longest(answer["bids"], answer["asks"], fillvalue=("", "")):
        table.add_row(bid[1], bid[0], ask[0], ask[1])
    Console().print(table)

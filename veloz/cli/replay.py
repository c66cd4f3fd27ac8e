"""`veloz replay`: fold a journal again and compare."""

import argparse
import time
from dataclasses import asdict

from veloz.cli.main import add_common
from veloz.cli.outcome import EXIT_FAILED_CHECK, EXIT_OK, print_json, print_table
from veloz.cli.place import add_journal, check_range, journal_dir, parse_seq, parse_time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Words after `veloz replay`."""
    add_journal(parser)
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--from", dest="first", type=parse_seq, metavar="N", help="count and compare from this row on")
    begin.add_argument("--from-time", type=parse_time, metavar="T", help="the same, from a point in engine time")
    parser.add_argument("--to", dest="last", type=parse_seq, metavar="N", help="stop after this row")
    parser.add_argument("--verify", action="store_true", help="take every decision again and compare")
    parser.add_argument("--decode", action="store_true", help="read the raw frames again and compare the rows")
    parser.add_argument("--no-snapshot", action="store_true", help="fold from row 1")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Fold, compare, print."""
    begun = time.perf_counter()
    path = journal_dir(args)
    first, last = check_range(path, _first(args, path), args.last)
    answer = replay_journal(
        path, first, last, verify=args.verify, decode=args.decode, use_snapshot=not args.no_snapshot
    )
    answer["seconds"] = time.perf_counter() - begun
    if args.json:
        print_json(answer)
    else:
        print_table(f"replay of {path}", answer)
    return EXIT_FAILED_CHECK if answer["divergences"] else EXIT_OK


def _first(args: argparse.Namespace, path: object) -> int:
    if args.from_time is None:
        return int(args.first or 1)
    from journal import Reader

    with Reader.open(str(path)) as reader, reader.view() as view:
        return int(view.seq_at(args.from_time) or view.head()[0] + 1)


def replay_journal(
    path: object, first: int, last: int, *, verify: bool = False, decode: bool = False, use_snapshot: bool = True
) -> dict[str, object]:
    """Fold rows up to `last`, counting from `first`; the answer of `veloz replay` without `seconds`."""
    from pathlib import Path

    from veloz.cli.progress import Bar
    from veloz.engine.warm import warm
    from veloz.history.recall import recall
    from veloz.reducers.state import state_hash
    from veloz.reducers.view import skipped_rows

    warm()
    directory = Path(str(path))
    with Bar("decode" if decode else "replay") as bar:
        if decode:
            from veloz.ingest.redecode import redecode

            found = redecode(directory, first=first, last=last, on_progress=bar.update)
        else:
            found = recall(
                directory,
                last=last,
                count_from=first,
                use_snapshot=use_snapshot,
                compare=verify,
                on_progress=bar.update,
            )
    replay = found.replay
    answer: dict[str, object] = {
        "from_seq": first,
        "to_seq": last,
        "records": replay.records,
        "state_hash": state_hash(found.state),
        "decisions_checked": replay.decisions,
        "divergences": [asdict(each) for each in replay.divergences],
        "snapshot_used": found.snapshot_used,
        "frames_decoded": found.frames if decode else None,
        "rows_skipped": skipped_rows(found.state),
        "records_per_second": found.records_per_second,
    }
    return answer

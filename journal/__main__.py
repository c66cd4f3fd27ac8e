"""A journal on the command line, without knowing what its rows mean: JSON on stdout, one object a line.

python -m journal info  DIR
python -m journal check DIR                 exit code 1 if anything is wrong
python -m journal dump  DIR [--from N] [--to N] [--kind K] [--limit N]
python -m journal tail  DIR [--from N] [--kind K]
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

from journal.batch import Batch
from journal.check import check_in_child, check_whole, progress_into
from journal.errors import JournalError
from journal.limits import SEQ_MAX
from journal.reader import Reader
from journal.tail import Tail


def say(line: dict[str, Any]) -> None:
    """Write one object as one line."""
    sys.stdout.write(json.dumps(line) + "\n")


def rows_of(batch: Batch, first: int, last: int, kind: int | None) -> Iterator[dict[str, Any]]:
    """The rows of a batch numbered first to last, as plain objects; bodies in hex."""
    bodies = dict(batch.bodies())
    rows = batch.rows
    for row_ix in range(*batch.span(first, last)):
        row = rows[row_ix]
        if kind is not None and int(row["kind"]) != kind:
            continue
        line: dict[str, Any] = {"seq": batch.first + row_ix}
        line |= {name: int(row[name]) for name in ("kind", "version", "flags", "stream", "ts_recv")}
        line |= {"words": [int(word) for word in row["words"]]}
        if row_ix in bodies:
            line |= {"body": bodies[row_ix].hex()}
        yield line


def run_info(args: argparse.Namespace) -> int:
    """Size, batches, head and epoch."""
    with Reader.open(args.path) as reader, reader.view() as view:
        seq, digest = view.head()
        stats = view.stats()
        say(
            {
                "batches": stats.batches,
                "records": stats.records,
                "bytes": stats.bytes,
                "head_seq": seq,
                "head_hash": digest.hex(),
                "epoch": view.epoch(),
                "frames_from": view.frames_from,
                "meta": {key.decode("ascii", "replace"): len(value) for key, value in view.meta_items()},
            }
        )
    return 0


def run_check(args: argparse.Namespace) -> int:
    """Walk everything."""
    if args.progress_fd is None:
        report = check_in_child(args.path)
    else:
        report = check_whole(args.path, progress=progress_into(args.progress_fd))
    say(report._asdict())
    return 0 if report.ok else 1


def run_dump(args: argparse.Namespace) -> int:
    """Rows that are there."""
    kinds = None if args.kind is None else {args.kind}
    with Reader.open(args.path) as reader:
        batches = reader.scan(args.first, args.last, kinds)
        lines = (line for batch in batches for line in rows_of(batch, args.first, args.last, args.kind))
        for line in islice(lines, args.limit):
            say(line)
    return 0


def run_tail(args: argparse.Namespace) -> int:
    """Rows that are there and those to come, until interrupted."""
    tail = Tail(args.path, first=args.first, kinds=None if args.kind is None else {args.kind})
    try:
        for batch in tail:
            for line in rows_of(batch, args.first, SEQ_MAX, args.kind):
                say(line)
            sys.stdout.flush()
    except KeyboardInterrupt:
        tail.stop()
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m journal", description="Look into a journal.")
    verbs = top.add_subparsers(dest="verb", required=True)
    for verb, run in (("info", run_info), ("check", run_check), ("dump", run_dump), ("tail", run_tail)):
        sub = verbs.add_parser(verb, help=run.__doc__)
        sub.set_defaults(run=run)
        sub.add_argument("path", help="the journal's directory")
        if verb == "check":
            sub.add_argument("--progress-fd", type=int, help=argparse.SUPPRESS)
        if verb in ("dump", "tail"):
            sub.add_argument("--from", dest="first", type=int, default=1, help="first sequence number")
            sub.add_argument("--kind", type=int, help="only rows of this kind")
        if verb == "dump":
            sub.add_argument("--to", dest="last", type=int, default=SEQ_MAX, help="last sequence number")
            sub.add_argument("--limit", type=int, help="at most so many rows")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one command; an error is one line on stderr and exit code 2."""
    args = parser().parse_args(arguments)
    try:
        return int(args.run(args))
    except JournalError as fault:
        sys.stderr.write(json.dumps({"error": {"code": fault.code, "message": str(fault), "hint": fault.hint}}) + "\n")
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())

"""`veloz journal …`: look at, check, archive and copy a journal."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from veloz.cli.code import CODE, TRUST, read_code
from veloz.cli.main import add_common
from veloz.cli.outcome import EXIT_FAILED_CHECK, EXIT_OK, CommandError, print_json, print_table
from veloz.cli.place import add_journal, check_range, head_of, journal_dir, nothing_to_verify, parse_seq
from veloz.cli.progress import waiting

Verb = Callable[[argparse.Namespace], int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Words after `veloz journal`."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, (_, line, options) in VERBS.items():
        verb = verbs.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
        add_journal(verb)
        for words, settings in options:
            verb.add_argument(*words, **settings)
        add_common(verb)


def run(args: argparse.Namespace) -> int:
    """Run the verb."""
    verb = VERBS[args.verb][0]
    if args.verb in TALKING:
        try:
            return verb(args)
        except KeyboardInterrupt:
            if args.verb == "tail":
                return EXIT_OK
            raise
    with waiting(f"journal {args.verb}"):
        return verb(args)


def _print(args: argparse.Namespace, title: str, answer: dict[str, Any]) -> None:
    if args.json:
        print_json(answer)
    else:
        print_table(title, answer)


def _info(args: argparse.Namespace) -> int:
    from veloz.history.summary import summarise

    path = journal_dir(args)
    _print(args, f"journal {path}", summarise(path))
    return EXIT_OK


def _verify(args: argparse.Namespace) -> int:
    from journal.check import check_in_child

    path = journal_dir(args, must_hold=True)
    report = check_in_child(path)._asdict()
    if report["ok"] and not report["records"]:
        raise nothing_to_verify(path)
    _print(args, f"verify {path}", report)
    return EXIT_OK if report["ok"] else EXIT_FAILED_CHECK


def _kinds(args: argparse.Namespace) -> set[int] | None:
    from veloz.contracts.registry import BY_NAME, TOPICS, find_kinds

    if args.kind is None:
        return None
    found = find_kinds(args.kind)
    if not found:
        topics = " ".join(f"{topic}.*" for topic in TOPICS)
        if args.kind.removesuffix(".*") in TOPICS:
            return set()
        raise CommandError(
            f"No kind of record is called {args.kind}.",
            code="unknown_kind",
            hint=f"Kinds are {' '.join(BY_NAME)}; topics are {topics}.",
        )
    return set(found)


def _dump(args: argparse.Namespace) -> int:
    from veloz.history.dump import dump

    path = journal_dir(args)
    first, head = args.first or 1, head_of(path)
    last = head if args.last is None else min(args.last, head)
    for line in dump(path, first, last, kinds=_kinds(args), limit=args.limit):
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
    return EXIT_OK


def _tail(args: argparse.Namespace) -> int:
    from veloz.history.dump import follow

    path = journal_dir(args)
    for line in follow(path, args.first or 1, kinds=_kinds(args)):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    return EXIT_OK


def _archive(args: argparse.Namespace) -> int:
    from journal.archive import archive

    path = journal_dir(args)
    first, last = check_range(path, args.first or 1, args.last)
    _print(args, f"archive of {path}", dict(archive(path, first=first, last=last, out=Path(args.out))))
    return EXIT_OK


def _restore(args: argparse.Namespace) -> int:
    from journal.restore import restore
    from veloz.cli.progress import Bar

    path = journal_dir(args, must_exist=False)
    with Bar("restore") as bar:
        answer = dict(restore([Path(file) for file in args.files], path, progress=bar.update))
    _print(args, f"restored {path}", answer)
    return EXIT_OK


def _compact(args: argparse.Namespace) -> int:
    from journal.retention import compact

    path = journal_dir(args)
    _print(args, f"compacted {path}", dict(compact(path)))
    return EXIT_OK


def _expire(args: argparse.Namespace) -> int:
    from journal.retention import expire_frames

    path = journal_dir(args)
    _print(args, f"expired frames of {path}", dict(expire_frames(path, args.frames_before)))
    return EXIT_OK


def _backup(args: argparse.Namespace) -> int:
    from journal.retention import backup

    path = journal_dir(args)
    _print(args, f"backup of {path}", dict(backup(path, Path(args.out))))
    return EXIT_OK


def _latency(args: argparse.Namespace) -> int:
    """Delays of requests as settings of a backtest."""
    from veloz.history.latencies import measure_delays, quantiles_of

    if args.points < 2:
        raise CommandError(
            f"--points is {args.points}, and quantiles begin with two.", code="usage", hint="Give 2 or more."
        )
    path = journal_dir(args)
    first, last = check_range(path, args.first or 1, args.last)
    delays = measure_delays(path, first, last)
    if not len(delays.entry_ns):
        raise CommandError(
            f"No request in {path} was answered by a venue, so there is nothing to measure.",
            code="nothing_measured",
            hint="Name the journal of a run that traded.",
        )
    least = min(int(delays.entry_ns.min()), int(delays.response_ns.min()))
    if least < 0:
        raise CommandError(
            f"By the stamps in {path} a message arrived {-least / 1e6:,.3f} ms before it left: the clocks of desk and venue are apart.",
            code="clocks_apart",
            hint="Set the desk's clock and record anew, or write quantiles by hand.",
        )
    entry, response = (quantiles_of(each, args.points) for each in delays)
    if args.json:
        print_json({"answered": len(delays.entry_ns), "entry_quantiles": entry, "response_quantiles": response})
    else:
        print(f"# of {len(delays.entry_ns):,} requests that were answered in {path}")
        print(f'[latency]\nmodel = "empirical"\nentry_quantiles = {entry}\nresponse_quantiles = {response}')
    return EXIT_OK


def _snapshot(args: argparse.Namespace) -> int:
    from veloz.cli.compiling import compile_for
    from veloz.cli.progress import Bar
    from veloz.daemon.config import read_settings
    from veloz.history.recall import recall_newest, save_snapshot
    from veloz.history.verify import memory_at

    path = journal_dir(args)
    _, at = check_range(path, 1, args.at)
    if at == 0:
        raise CommandError(
            f"The journal at {path} is empty, so there is no state to keep.",
            code="empty",
            hint="Ingest something first.",
        )
    compile_for(path, at)
    with Bar("fold") as bar:
        found = recall_newest(path, at, bar.update)
    keep = read_settings(args.set).value("journal.snapshots_kept")
    memory = memory_at(path, at, [read_code(each) for each in args.code], trust=args.trust_journal_code)
    file, digest = save_snapshot(path, at, found.state, keep, memory)
    _print(args, f"snapshot of {path}", {"seq": at, "state_hash": digest, "bytes": file.stat().st_size})
    return EXIT_OK


_FROM = (("--from",), {"dest": "first", "type": parse_seq, "metavar": "N", "help": "first row"})
_TO = (("--to",), {"dest": "last", "type": parse_seq, "metavar": "N", "help": "last row"})
_TO_GIVEN = (("--to",), {"dest": "last", "type": parse_seq, "metavar": "N", "help": "last row", "required": True})
_KIND = (("--kind",), {"metavar": "K", "help": "a kind (md.trade) or a topic (md.*)"})
_LIMIT = (("--limit",), {"type": parse_seq, "metavar": "N", "help": "at most so many lines"})
_POINTS = (
    ("--points",),
    {"type": int, "default": 21, "metavar": "N", "help": "how many quantiles, from the least delay to the greatest"},
)
_AT = (("--at",), {"type": parse_seq, "metavar": "N", "help": "as of this row; the head when left out"})
_BEFORE = (
    ("--frames-before",),
    {"type": parse_seq, "metavar": "N", "required": True, "help": "drop raw frames of rows before this one"},
)
_OUT_FILE = (("--out",), {"required": True, "metavar": "FILE", "help": "the archive to write"})
_OUT_DIR = (("--out",), {"required": True, "metavar": "DIR", "help": "where the copy goes; must not exist"})
_FILES = (("files",), {"nargs": "+", "metavar": "FILE", "help": "archives, in any order"})

TALKING = ("dump", "tail", "snapshot", "restore")  # they print, or draw a bar, as they go
VERBS: dict[str, tuple[Verb, str, list[tuple[tuple[str, ...], dict[str, Any]]]]] = {
    "info": (_info, "size, head, epoch, kinds, instruments, snapshots", []),
    "verify": (_verify, "walk everything and compare every sum, digest and link", []),
    "dump": (_dump, "rows as one JSON object a line", [_FROM, _TO, _KIND, _LIMIT]),
    "tail": (_tail, "the same, then new rows as they become durable", [_FROM, _KIND]),
    "archive": (_archive, "seal a range of rows into a compressed file", [_FROM, _TO_GIVEN, _OUT_FILE]),
    "restore": (_restore, "make a journal of archives", [_FILES]),
    "compact": (_compact, "give free pages back to the disk", []),
    "expire": (_expire, "drop old raw frames; rows stay", [_BEFORE]),
    "snapshot": (_snapshot, "keep the state as of a row, so that later reads start there", [_AT, CODE, TRUST]),
    "latency": (
        _latency,
        "how long requests and answers were under way, as settings of a backtest",
        [_FROM, _TO, _POINTS],
    ),
    "backup": (_backup, "a hot copy, checked", [_OUT_DIR]),
}

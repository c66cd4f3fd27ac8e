"""`veloz replay`: fold a journal again and compare."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from veloz.cli.code import CODE, TRUST, read_code
from veloz.cli.main import add_common
from veloz.cli.outcome import EXIT_FAILED_CHECK, EXIT_OK, CommandError, print_json, print_table, say
from veloz.cli.place import add_journal, check_range, journal_dir, nothing_to_verify, parse_seq, parse_time

if TYPE_CHECKING:
    from pathlib import Path

    from veloz.engine.replay import Divergence
    from veloz.reducers.state import State

ROWS_COMPILED = 5_000  # from so many rows on, compiling costs less than running it as it is written


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Words after `veloz replay`."""
    add_journal(parser)
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--from", dest="first", type=parse_seq, metavar="N", help="count and compare from this row on")
    begin.add_argument("--from-time", type=parse_time, metavar="T", help="the same, from a point in engine time")
    parser.add_argument("--to", dest="last", type=parse_seq, metavar="N", help="stop after this row")
    parser.add_argument("--verify", action="store_true", help="take every decision again and compare")
    for words, options in (CODE, TRUST):
        parser.add_argument(*words, **options)
    parser.add_argument(
        "--what-if",
        action="append",
        default=[],
        metavar="NAME=FILE.py",
        help="take the decisions of strategy NAME with other code, and list what would have been different; may repeat",
    )
    parser.add_argument("--decode", action="store_true", help="read the raw frames again and compare the rows")
    parser.add_argument("--no-snapshot", action="store_true", help="fold from row 1")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Fold, compare, print. A result whose run never ended is not verified by its beginning, unless `--to` asks for no more."""
    from veloz.history.results import is_unfinished

    begun = time.perf_counter()
    path = journal_dir(args, must_hold=args.verify)
    first, last = check_range(path, _first(args, path), args.last)
    if args.verify and not last:
        raise nothing_to_verify(path)
    if not args.decode:
        _choose_form(last)
    answer = replay_journal(
        path,
        first,
        last,
        verify=args.verify or bool(args.what_if),
        decode=args.decode,
        use_snapshot=not args.no_snapshot,
        code=args.code,
        what_if=args.what_if,
        trust=args.trust_journal_code,
    )
    answer["seconds"] = time.perf_counter() - begun
    answer["ended"] = not is_unfinished(path)
    if not answer["ended"]:
        say(
            f"veloz: The run of this result never ended, or still goes on: what it wrote up to row {last} is all there is."
        )
    if args.verify and not (answer["decisions_checked"] or answer["frames_decoded"]):
        say(f"veloz: Nothing was verified: rows {first} to {last} hold no decision that could be taken again.")
    if args.json:
        print_json(answer)
    else:
        print_table(f"replay of {path}", answer)
    lacks_end = args.verify and args.last is None and not answer["ended"]
    return EXIT_FAILED_CHECK if (answer["divergences"] or lacks_end) and not args.what_if else EXIT_OK


def _choose_form(rows: int) -> None:
    """A short journal is folded without the compiler: the same bytes, and no minute of compiling where nothing is in the cache yet."""
    if rows < ROWS_COMPILED and "numba" not in sys.modules:
        os.environ.setdefault("NUMBA_DISABLE_JIT", "1")


def _first(args: argparse.Namespace, path: object) -> int:
    if args.from_time is None:
        return int(args.first or 1)
    from journal import Reader

    with Reader.open(str(path)) as reader, reader.view() as view:
        return int(view.seq_at(args.from_time) or view.head()[0] + 1)


def replay_journal(
    path: object,
    first: int,
    last: int,
    *,
    verify: bool = False,
    decode: bool = False,
    use_snapshot: bool = True,
    code: Sequence[str] = (),
    what_if: Sequence[str] = (),
    trust: bool = False,
) -> dict[str, object]:
    """Fold rows up to `last`, counting from `first`; the answer of `veloz replay` without `seconds`."""
    from pathlib import Path

    from veloz.cli.compiling import compile_for

    directory = Path(str(path))
    compile_for(directory, last, deciding=verify)
    answers = []
    if decode:
        answers.append(_decode(directory, first, last))
    if verify:
        answers.append(_verify(directory, first, last, use_snapshot, code, what_if, trust=trust))
    if not answers:
        answers.append(_fold(directory, first, last, use_snapshot))
    answer = {**answers[0], **answers[-1], "frames_decoded": answers[0]["frames_decoded"]}
    answer["divergences"] = sorted(
        (each for part in answers for each in part["divergences"]), key=lambda each: int(each["seq"])
    )
    return {"from_seq": first, "to_seq": last, **answer}


def _fold(path: "Path", first: int, last: int, use_snapshot: bool) -> dict[str, Any]:
    from veloz.cli.progress import Bar
    from veloz.history.recall import recall

    with Bar("replay") as bar:
        found = recall(path, last=last, count_from=first, use_snapshot=use_snapshot, on_progress=bar.update)
    return _answer(found.state, found.replay.records, [], found.snapshot_used, found.records_per_second)


def _decode(path: "Path", first: int, last: int) -> dict[str, Any]:
    from veloz.cli.progress import Bar
    from veloz.ingest.redecode import redecode

    with Bar("decode") as bar:
        found = redecode(path, first=first, last=last, on_progress=bar.update)
    replay = found.replay
    answer = _answer(found.state, replay.records, replay.divergences, found.snapshot_used, found.records_per_second)
    return {**answer, "frames_decoded": found.frames}


def _verify(
    path: "Path",
    first: int,
    last: int,
    use_snapshot: bool,
    code: Sequence[str],
    what_if: Sequence[str],
    *,
    trust: bool,
) -> dict[str, Any]:
    from veloz.history.verify import CodeMissing, NoSuchStrategy
    from veloz.strategies.loader import Refused

    try:
        return _verified(
            path, first, last, use_snapshot, sources=[read_code(each) for each in code], trust=trust,
            instead=_read_changes(what_if),
        )  # fmt: skip
    except CodeMissing as error:
        raise CommandError(str(error), code="no_code", hint=error.hint) from error
    except NoSuchStrategy as error:
        raise CommandError(
            str(error), code="no_such_strategy", hint="Write --what-if NAME=FILE.py with one of these."
        ) from error
    except Refused as error:
        raise CommandError(
            f"{str(error).rstrip('.')}.", code="bad_code", hint="Give the code as it was when it ran."
        ) from error


def _verified(path: "Path", first: int, last: int, use_snapshot: bool, **code: Any) -> dict[str, Any]:
    """The answer of a verification: of a journal, or of a backtest's result together with its data."""
    from veloz.backtest.recheck import recheck
    from veloz.cli.progress import Bar
    from veloz.history.results import read_naming
    from veloz.history.verify import verify_journal

    naming = read_naming(path)
    with Bar("verify") as bar:
        if naming is not None:
            again = recheck(path, naming, last=last, count_from=first, on_progress=bar.update, **code)
            told = _answer(again.state, again.records, again.divergences, None, again.records_per_second)
            return {**told, "decisions_checked": again.decisions, "differences": again.differences}
        found = verify_journal(
            path, last=last, count_from=first, use_snapshot=use_snapshot, on_progress=bar.update, **code
        )  # fmt: skip
    verifier = found.verifier
    answer = _answer(found.state, verifier.records, verifier.divergences, found.snapshot_used, found.records_per_second)
    return {**answer, "decisions_checked": verifier.decisions, "differences": verifier.differences}


def _answer(
    state: "State", records: int, divergences: "list[Divergence]", snapshot: int | None, speed: float
) -> dict[str, Any]:
    from veloz.reducers.state import state_hash
    from veloz.reducers.view import skipped_rows

    return {
        "records": records,
        "state_hash": state_hash(state),
        "decisions_checked": 0,
        "divergences": [asdict(each) for each in divergences],
        "snapshot_used": snapshot,
        "frames_decoded": None,
        "rows_skipped": skipped_rows(state),
        "records_per_second": speed,
    }


def _read_changes(words: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The code to run instead, by strategy."""
    changes = {}
    for word in words:
        name, equals, file = word.partition("=")
        if not (name and equals and file):
            raise CommandError(
                f"{word} names no strategy and file.", code="usage", hint="Write --what-if NAME=FILE.py."
            )
        changes[name] = read_code(file)
    return changes

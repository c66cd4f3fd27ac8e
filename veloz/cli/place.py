"""Where in a journal: the options --journal, --from, --to, --at, and what they mean; and where files are that a run reads and writes."""

import argparse
import tempfile
import tomllib
from contextlib import suppress
from itertools import islice
from pathlib import Path

from veloz.cli.failures import is_forbidden
from veloz.cli.outcome import EXIT_USAGE, EXIT_WORLD, CommandError, say

CONFIGS_TOLD = 3
NANOS_PLAUSIBLE = 10**17  # 1973: anything smaller was meant in another unit


def add_journal(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """The option that names the journal's directory."""
    parser.add_argument(
        "--journal",
        metavar="DIR",
        required=required,
        help="the journal's directory; else the setting journal.dir",
    )


def journal_dir(args: argparse.Namespace, *, must_exist: bool = True, must_hold: bool = False) -> Path:
    """The journal a command is about: the option, else the setting `journal.dir`.

    Raises:
        CommandError: There is no such directory, or it is no directory; or there is no journal in it and `must_hold`.
    """
    from veloz.daemon.config import read_settings

    path = Path(args.journal) if args.journal else read_settings(args.set).path("journal.dir")
    if must_exist and not path.exists():
        raise CommandError(
            f"There is no journal at {path}.",
            code="no_journal",
            hint="Check --journal, or make one with `veloz ingest`.",
        )
    if path.exists() and not path.is_dir():
        raise CommandError(
            f"{path} is a file, and a journal is a directory.", code="not_a_directory", hint="Check --journal."
        )
    if must_hold and not (path / "data.mdb").exists():
        raise nothing_to_verify(path)
    if must_exist and not (path / "data.mdb").exists():
        say(f"veloz: {path} holds no journal yet; it is read as an empty one.")
    return path


def nothing_to_verify(path: Path) -> CommandError:
    """No check may pass for want of anything to check."""
    lack = "row" if (path / "data.mdb").exists() else "journal"
    return CommandError(
        f"{path} holds no {lack}: there is nothing to verify.",
        code="empty",
        hint="Check --journal; where what fills it was stopped before its first commit, run that again.",
    )


def parse_seq(text: str) -> int:
    """A sequence number as typed: a whole number from 1 on.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    try:
        seq = int(text)
    except ValueError:
        seq = 0
    if not 1 <= seq < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is no sequence number; they are whole numbers from 1 on")
    return seq


def parse_time(text: str) -> int:
    """A point in engine time as typed: nanoseconds since the epoch, or ISO 8601 (UTC when no offset is given).

    Raises:
        argparse.ArgumentTypeError: It is neither.
    """
    if text.lstrip("-").isdigit():
        if abs(int(text)) < NANOS_PLAUSIBLE:
            say(f"veloz: {text} nanoseconds is a moment of the early seventies; a time of today has 19 digits.")
        return int(text)
    from datetime import UTC, datetime

    try:
        head, dot, tail = text.partition(".")
        digits = tail[: len(tail) - len(tail.lstrip("0123456789"))] if dot else ""
        moment = datetime.fromisoformat(head + tail[len(digits) :])
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time; give nanoseconds or ISO 8601 like 2024-08-08T23:55:00Z"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    whole = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (whole.days * 86_400 + whole.seconds) * 1_000_000_000 + int((digits + "0" * 9)[:9])


def head_of(path: Path) -> int:
    """The last sequence number of a journal, 0 when it is empty."""
    from journal import Reader

    with Reader.open(path) as reader, reader.view() as view:
        return int(view.head()[0])


def check_range(path: Path, first: int, last: int | None) -> tuple[int, int]:
    """The range first … last, with the head for an open end.

    Raises:
        CommandError: It lies outside the journal or is turned round.
    """
    head = head_of(path)
    end = head if last is None else last
    if end > head:
        raise CommandError(
            f"The journal at {path} ends at row {head}, and row {end} was asked for.",
            code="beyond_head",
            hint="Give a smaller sequence number.",
        )
    if first > head > 0:
        raise CommandError(
            f"The journal at {path} ends at row {head}, before the beginning that was asked for.",
            code="beyond_head",
            hint="Give an earlier beginning.",
        )
    if first > end and head > 0:
        raise CommandError(
            f"The range {first} to {end} is empty: the journal ends at row {head}.",
            code="empty_range",
            hint="Give --from no greater than --to.",
        )
    return first, end


def require_config(path: Path, example: str, table: str = "") -> None:
    """See that a configuration is a file.

    Args:
        path: As it is named.
        example: One that comes with the program.
        table: What it must have to be of use here.

    Raises:
        SettingsError: It is none.
    """
    from veloz.backtest.keys import SettingsError

    if path.is_dir():
        of_use = (str(each) for each in sorted(path.glob("*.toml")) if _is_run(each, table))
        within = list(islice(of_use, CONFIGS_TOLD))
        raise SettingsError(
            f"{path} is a folder, and a configuration is a file; give a TOML file, such as {' or '.join(within or [example])}."
        )
    if not path.is_file():
        raise SettingsError(f"There is no file {path}; the program comes with {example}.")


def _is_run(path: Path, table: str) -> bool:
    """Whether a file says how something is run, and not what the program's own settings are; and has a table."""
    from veloz.backtest.keys import SettingsError
    from veloz.backtest.settings import read_file

    try:
        read_file(path)
        return not table or table in tomllib.loads(path.read_text(encoding="utf-8"))
    except (SettingsError, OSError):
        return False


def require_folder(out: Path, word: str) -> list[Path]:
    """See that reports can be written at a place before anything is run; the folders that were made for it, innermost first."""
    made = [each for each in (out, *out.parents) if not each.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        for each in made:
            with suppress(OSError):
                each.rmdir()
        raise CommandError(
            f"Nothing can be written in {out}: {error.strerror}.",
            code="not_writable",
            hint=f"Name another folder by {word}.",
            exit_code=EXIT_WORLD if is_forbidden(error) else EXIT_USAGE,
        ) from None
    return made

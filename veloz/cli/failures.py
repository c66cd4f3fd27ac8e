"""What went wrong, for people: every exception of the rooms below as one sentence and an exit code."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from veloz.cli.outcome import EXIT_FAILED_CHECK, EXIT_FROZEN, EXIT_USAGE, EXIT_WORLD, CommandError


def explain(error: BaseException) -> CommandError:
    """The CommandError for any exception; bugs of ours are said to be bugs."""
    import journal
    from veloz.daemon.config import ConfigError
    from veloz.history.results import DataMissing
    from veloz.instruments.catalogue import CatalogueError

    if isinstance(error, ConfigError):
        return CommandError(str(error), code="config")
    if isinstance(error, journal.JournalError):
        text = str(error).removesuffix(f"; {error.hint}")
        return CommandError(
            f"{text}.", code=error.code, hint=_sentence(error.hint), exit_code=_journal_exit(error), extra=_where(error)
        )
    if isinstance(error, DataMissing):
        return CommandError(str(error), code="no_data", hint=error.hint)
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        name = error.filename or ""
        return CommandError(f"{name}: {error.strerror}.", code="no_such_file", hint="Check the path.")
    if isinstance(error, CatalogueError):
        return CommandError(
            str(error),
            code="corrupt",
            hint="Run `veloz journal verify`; restore a good copy.",
            exit_code=EXIT_FAILED_CHECK,
            extra=_where(error),
        )
    if isinstance(error, MemoryError):
        return CommandError(
            "There is not enough memory for this.",
            code="memory",
            hint="Close something, or raise the limit, and run the command again.",
            exit_code=EXIT_WORLD,
        )
    if isinstance(error, OSError):
        return CommandError(
            f"{error.filename or 'the system'}: {error.strerror or error}.",
            code="io",
            hint="Nothing was being written; mend that and run the command again.",
            exit_code=EXIT_WORLD,
        )
    name = type(error).__name__
    return CommandError(
        f"An internal error: {name}: {error}.",
        code="internal",
        hint="This is our fault; run again with --debug and report what it prints.",
        exit_code=EXIT_FAILED_CHECK,
    )


def _journal_exit(error: BaseException) -> int:
    import journal

    if isinstance(error, journal.FullError) or is_forbidden(error.__cause__):
        return EXIT_WORLD
    if isinstance(error, journal.FrozenError):
        return EXIT_FAILED_CHECK if error.code == "corrupt" else EXIT_FROZEN
    return EXIT_FAILED_CHECK if isinstance(error, journal.ReadError) else EXIT_USAGE


def is_forbidden(error: BaseException | None) -> bool:
    """Whether the outside world does not let us: a place that is full, forbidden or broken. A path that leads nowhere is a mistake."""
    mistaken = FileNotFoundError | NotADirectoryError | IsADirectoryError | FileExistsError
    if not isinstance(error, OSError) or isinstance(error, mistaken):
        return False
    return error.errno not in (errno.ELOOP, errno.ENAMETOOLONG)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _where(error: BaseException) -> dict[str, object]:
    seq = getattr(error, "seq", None)
    return {} if seq is None else {"first_bad_seq": seq}


@contextmanager
def new_journal(path: Path) -> Iterator[None]:
    """Around what makes a journal: where the disk fills meanwhile, nothing is left of one that was not there before.

    Raises:
        CommandError: The disk is full, and nothing of it is left.
    """
    import journal

    made = [each for each in (path, *path.parents) if not each.exists()]
    try:
        yield
    except journal.JournalError as error:
        if error.code != "disk_full" or not made:
            raise
        shutil.rmtree(path, ignore_errors=True)
        for each in made[1:]:
            with suppress(OSError):
                each.rmdir()
        raise nothing_kept(path) from error


def nothing_kept(path: Path) -> CommandError:
    """The sentence for a disk that was full before a journal was whole."""
    return CommandError(
        f"The disk is full: nothing of {path} was kept.",
        code="disk_full",
        hint="Make room, and run the command again.",
        exit_code=EXIT_WORLD,
    )

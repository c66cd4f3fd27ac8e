"""How an ingest ends when it cannot go on: one error type, with the exit code of the command line in it.

What the journal itself refuses passes through unchanged (`journal.JournalError`).
"""

from pathlib import Path
from typing import Final

EXIT_DAMAGED: Final = 1
EXIT_USAGE: Final = 2
EXIT_WORLD: Final = 3


class IngestError(Exception):
    """An ingest was refused or stopped: what, why, and the way out.

    Attributes:
        code: A short stable name for programs.
        hint: What to do about it.
        exit_code: 1 the input is damaged · 2 wrong usage · 3 the outside world failed.
    """

    def __init__(self, message: str, *, code: str, hint: str, exit_code: int = EXIT_USAGE) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint
        self.exit_code = exit_code


def check_untouched(path: Path, seq: int, head_seq: int) -> None:
    """See that a journal ends where it did when it was planned for.

    Raises:
        IngestError: Somebody else wrote to it.
    """
    if seq != head_seq:
        raise IngestError(
            f"Another writer has appended to {path} meanwhile.",
            code="journal_changed",
            hint="Run the command again.",
            exit_code=EXIT_WORLD,
        )


def gives_nothing(path: Path, reason: str) -> IngestError:
    """A file of which no row would come."""
    return IngestError(
        f"{path} gives no row, and nothing was taken: {reason}.",
        code="no_rows",
        hint="Check the path, what stands in it, and --format.",
    )


def goes_back(path: Path, reason: str) -> IngestError:
    """A file whose lines stand in an order in which nothing happened."""
    return IngestError(
        f"{path} goes back in time, and nothing was taken: {reason}.",
        code="backward",
        hint="Sort it by time, the oldest line first.",
    )


class Disorder(Exception):
    """The lines of an input go back in time.

    Attributes:
        reason: Where, to be read behind the file's name.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Misfit(Exception):
    """A price that is no multiple of the tick that was said.

    Attributes:
        line: Its number in the file.
        column: The price's name.
        text: As it stands there.
    """

    def __init__(self, line: int, column: str, text: str) -> None:
        super().__init__(f"in its line {line} the {column} is {text}")
        self.line = line
        self.column = column
        self.text = text


def beside_tick(path: Path, tick: str, misfit: Misfit) -> IngestError:
    """A file whose prices do not keep the tick that was said."""
    return IngestError(
        f"{path} has prices that are no multiples of --tick {tick}, and nothing was taken: {misfit}.",
        code="contradicted",
        hint="Give the tick that its instrument has, or leave --tick out.",
    )


class Damage(Exception):
    """The bytes of an input stop making sense; all that came before them was handed over already.

    Attributes:
        reason: What is wrong, to be read behind the file's name.
        doubtful_from: Offset in the unpacked bytes behind which even what was handed over may be wrong; None = all of it is good.
        unplaced: The packing itself looks well and only a checksum over those bytes does not fit.
    """

    def __init__(self, reason: str, *, doubtful_from: int | None = None, unplaced: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.doubtful_from = doubtful_from
        self.unplaced = unplaced

"""Words that say which code of strategies may be run besides what is built in."""

from typing import Any

from veloz.cli.outcome import CommandError

CODE: tuple[tuple[str, ...], dict[str, Any]] = (
    ("--code",),
    {
        "action": "append",
        "default": [],
        "metavar": "FILE.py",
        "help": "code of strategies, as it was when it ran; may repeat",
    },
)
TRUST: tuple[tuple[str, ...], dict[str, Any]] = (
    ("--trust-journal-code",),
    {
        "action": "store_true",
        "help": "run the texts of strategies that stand in the journal: whoever wrote the journal then runs programs as you",
    },
)


def read_code(file: str) -> tuple[str, str]:
    """(name, text) of a file with strategies.

    Raises:
        CommandError: It cannot be read.
    """
    from pathlib import Path

    try:
        return Path(file).name, Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise CommandError(
            f"{file} cannot be read as text: {error}.", code="no_such_file", hint="Check the path."
        ) from error

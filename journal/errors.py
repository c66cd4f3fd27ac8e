"""What can go wrong with a journal, grouped by the moment it happens: opening, appending, reading.

Every error carries a stable `code` for programs, one sentence for people and, where there is one, a `hint`: the way out.
"""


class JournalError(Exception):
    """Anything the journal refuses or finds broken.

    Attributes:
        code: A short stable name, lower case with underscores.
        hint: What to do about it; may be empty.
    """

    code_default = "journal"

    def __init__(self, message: str, *, code: str = "", hint: str = "") -> None:
        super().__init__(message if not hint else f"{message}; {hint}")
        self.code = code or self.code_default
        self.hint = hint


class OpenError(JournalError):
    """The journal could not be opened. Nothing was changed."""

    code_default = "open"


class LockedError(OpenError):
    """Another writer holds the journal."""

    code_default = "locked"


class FilesystemError(OpenError):
    """The path or its file system cannot hold a journal."""

    code_default = "filesystem"


class FormatError(OpenError):
    """The files are not a journal, or one of a version this code does not know."""

    code_default = "format"


class AppendError(JournalError):
    """A batch was not accepted."""

    code_default = "append"


class FrozenError(AppendError):
    """A commit failed earlier: this writer accepts nothing any more. What it acknowledged is durable."""

    code_default = "frozen"


class FencedError(FrozenError):
    """A newer writer has taken the journal over (its epoch is in the file), or the file was replaced."""

    code_default = "fenced"


class FullError(AppendError):
    """The map or the disk has no room for this batch. Refused before a write: nothing partial was left."""

    code_default = "full"


class ReadError(JournalError):
    """The journal could not be read."""

    code_default = "read"


class CorruptError(ReadError):
    """Stored bytes are not what was written.

    Attributes:
        seq: First sequence number of the batch that is wrong; None where no batch can be named.
        reason: What is wrong with it, without the sequence number.
    """

    code_default = "corrupt"

    def __init__(self, reason: str, *, seq: int | None = None, hint: str = "") -> None:
        where = "" if seq is None else f"the batch that begins at sequence number {seq} is damaged: "
        super().__init__(where + reason, hint=hint or "restore from an archive or a backup")
        self.seq = seq
        self.reason = reason

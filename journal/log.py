"""The journal's two ends: `Writer` appends and makes durable, `Reader` sees what is durable."""

from journal.reader import Reader, View
from journal.writer import Writer

__all__ = ["Reader", "View", "Writer"]

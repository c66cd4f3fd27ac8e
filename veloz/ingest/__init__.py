"""Recordings in: files of every kind → frames → the venue's codec → rows → journal."""

from veloz.ingest.faults import IngestError
from veloz.ingest.run import Result, ingest

__all__ = ["IngestError", "Result", "ingest"]

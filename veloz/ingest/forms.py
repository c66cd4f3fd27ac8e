"""The forms of files that can be taken in, by the names `--format` knows."""

from typing import Final

FRAMED: Final = ("stream", "capture", "klines")  # messages of a venue, kept beside their rows
TABLES: Final = ("npz", "trades", "aggtrades", "depth", "tardis", "candles", "lean")  # what others made of messages
FORMATS: Final = (*FRAMED, *TABLES)

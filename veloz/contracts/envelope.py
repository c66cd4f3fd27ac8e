"""The envelope around every record: where it stands, what it is, when it was, who said it and why."""

import msgspec


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What all records have in common, whatever their kind. The topic is the kind's name: `md.trade` is of `md.*`.

    `source` is the venue (or our own part) that said it; `cause` the sequence number of the record a decision follows from;
    `trace` the first record of the step, the same for everything that was decided together. None of the three takes room
    in a market row: they follow from the instrument, the kind and the step marks.
    """

    seq: int
    kind: str
    topic: str
    version: int
    instrument: str | None
    ts_recv: int
    ts_event: int
    source: str | None
    cause: int | None
    trace: int

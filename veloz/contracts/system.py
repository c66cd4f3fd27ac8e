"""system.*: the engine and its links."""

import msgspec

from veloz.contracts.measures import Bits, Code, Count, Nanos, Number, OrderKey, Seq


class EngineStarted(msgspec.Struct, frozen=True, kw_only=True, tag="system.started.v1"):
    """First row of every engine run."""

    epoch: Count


class FrameRefused(msgspec.Struct, frozen=True, kw_only=True, tag="system.refused.v1"):
    """A frame of a known type that cannot be read or breaks its contract. The frame itself is kept."""

    reason: Count  # codes.Refusal
    size: Count  # bytes of the frame
    source_number: Count


class FrameUnknown(msgspec.Struct, frozen=True, kw_only=True, tag="system.unknown.v1"):
    """A frame of a type this version does not read. The frame itself is kept."""

    size: Count
    source_number: Count


class LinkChanged(msgspec.Struct, frozen=True, kw_only=True, tag="system.link.v1"):
    """A connection was opened, or something was said on it that carries no market data."""

    event: Count  # codes.LinkEvent
    source_number: Count


class SourceDeclared(msgspec.Struct, frozen=True, kw_only=True, tag="system.source.v1"):
    """A source of frames begins. The body says what it is."""

    source_number: Count
    market: Count
    ts_begin: Nanos


class SourceBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of system.source: all that the codec must know to read this source's frames again."""

    venue: str
    form: str  # stream | capture | klines | link
    symbol: str = ""  # whose snapshot a frame without a symbol is
    columns: str = ""  # klines: names of the columns, comma separated
    interval_ns: int = 0  # klines


class TimerFired(msgspec.Struct, frozen=True, kw_only=True, tag="system.timer.v1"):
    """A due time has come. Engine time is the row's receive time."""

    strategy: Count  # whose timer; 0 = the engine's own
    timer: Count
    due_ns: Nanos


class DataNamed(msgspec.Struct, frozen=True, kw_only=True, tag="system.data_named.v1"):
    """First row of a backtest's result: which recording it was run on. The body says it in full. Behind `system.started` it says that a
    run is on paper, and with what settings: its orders are filled by the exchange of a backtest, which sees market rows as they arrive.
    """

    first_data_seq: Seq
    last_data_seq: Seq
    shift_ns: Nanos  # what all receive stamps of the recording were moved by
    gated: Code  # 0: the risk gate was off, for a comparison; nothing such may ever reach a venue
    venue_clock: Code  # 0: the venue's stamps · 1: the receive stamps (paper)


class DataBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of system.data_named."""

    path: str  # of the recording's journal, as it was given
    head: str  # hash of its last row, lower-case hex
    config: str  # canonical JSON of the run's settings
    config_hash: str
    seed: int = 0
    folded_from: int = (
        0  # rows from here on to the first that counts were folded in front of it, and nobody was asked; 0: none were
    )


class DataFolded(msgspec.Struct, frozen=True, kw_only=True, tag="system.data_folded.v1"):
    """First row of a step of a result: the recording up to `data_seq` was folded before the rows behind it. What decisions name as their
    cause when a row of the recording caused them.
    """

    data_seq: Seq
    data_kind: Code  # kind of that row
    previous_seq: Seq  # end of the step of the recording before: what was folded at once and asked nobody


class StateDiverged(msgspec.Struct, frozen=True, kw_only=True, tag="system.diverged.v1"):
    """A decision: our state and a venue's statement differ. Nothing is corrected by itself."""

    order: OrderKey  # the order in question; 0 = position or balance
    ours: Number
    theirs: Number
    ref: Seq
    what: Bits  # codes.Difference | codes.Severity << 8 | account << 16 | asset << 24

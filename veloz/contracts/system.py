"""system.*: the engine and its links."""

import msgspec

from veloz.contracts.measures import Bits, Count, Nanos, Number, OrderKey, Seq


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


class StateDiverged(msgspec.Struct, frozen=True, kw_only=True, tag="system.diverged.v1"):
    """A decision: our state and a venue's statement differ. Nothing is corrected by itself."""

    order: OrderKey  # the order in question; 0 = position or balance
    ours: Number
    theirs: Number
    ref: Seq
    what: Bits  # codes.Difference | codes.Severity << 8 | account << 16 | asset << 24

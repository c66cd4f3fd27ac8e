"""Private codecs and frames for tests."""

import json
from pathlib import Path
from typing import Any

from veloz.instruments.assets import AssetBook
from veloz.instruments.catalogue import Catalogue
from veloz.instruments.epochs import Epochs
from veloz.venues.binance.private import PrivateCodec
from veloz.venues.port import FrameBlock, Source

GOLDEN = Path(__file__).resolve().parents[3] / "specs" / "wire" / "binance" / "private.json"


def new_private(venue: str, account: int = 1, epochs: Epochs | None = None) -> PrivateCodec:
    """A codec that knows nothing but its one source, which the journal has already."""
    codec = PrivateCodec(Catalogue(), AssetBook(), epochs=epochs or Epochs(1))
    codec.declare(Source(1, venue, form="link"), account, announced=True)
    return codec


def one_frame(frame: bytes, recv: int = 1) -> FrameBlock:
    """A block of one frame."""
    return FrameBlock.joined([frame], [recv], 1)


def golden_frames() -> list[tuple[str, bytes]]:
    """Market and frame of every golden case that is taken."""
    cases: list[dict[str, Any]] = json.loads(GOLDEN.read_text())
    return [(case["venue"], case["frame"].encode()) for case in cases if not case["rejected"] + case["unknown"]]


def known(codec: PrivateCodec) -> Any:
    """All that a codec remembers between frames."""
    versions = [codec.catalogue.versions(number) for number in range(1, len(codec.catalogue) + 1)]
    payments = [codec.assets.payment(number) for number in range(1, len(codec.catalogue) + 1)]
    return versions, list(codec.assets), payments

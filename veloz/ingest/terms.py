"""What the operator says of the instruments of klines: held against every line before anything is written, then offered to the codec.

A line of klines is a message, and messages find their instrument's quanta while they pass. A tick, a lot or a multiplier that is said
is offered like a list of instruments, and so is found again when the frames are decoded anew. What is not said with it is read from
the lines: the greatest step that all of them keep.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from veloz.contracts.instrument import InstrumentBody
from veloz.ingest.faults import IngestError, Misfit, beside_tick
from veloz.ingest.feed import Feed, Text, cut_feed
from veloz.ingest.files import BLOCK_BYTES, read_trusted
from veloz.ingest.given import Given, say_found
from veloz.ingest.plan import Plan
from veloz.instruments.catalogue import GIVEN, Catalogue
from veloz.instruments.inference import infer
from veloz.instruments.instrument import is_sound, significant_decimals
from veloz.instruments.units import Written, decimal_text, read_decimal
from veloz.venues.binance.klines import can_read
from veloz.venues.port import Source

PRICES: Final = ("open", "high", "low", "close")


@dataclass
class Steps:
    """The greatest step that some decimals have in common: `step` / 10**`scale`; 0 while there is none."""

    scale: int = 0
    step: int = 0

    def see(self, written: Written) -> None:
        """One more of them."""
        scale = max(self.scale, written.significant)
        self.step = math.gcd(self.step * 10 ** (scale - self.scale), written.floor(scale)[0])
        self.scale = scale

    @property
    def text(self) -> str:
        """As a decimal; "" where there is none."""
        return decimal_text(self.step, self.scale) if self.step else ""


def offer_terms(plan: Plan, catalogue: Catalogue, given: Given) -> None:
    """Offer what is said of the instruments of a plan's klines; add to its warnings what was found from their numbers.

    Raises:
        IngestError: A price is no multiple of the tick that is said, or no instrument can be made of what is said.
    """
    if given.of_run:
        return
    plan.warnings += _unused(plan, given)
    if not (given.tick or given.lot or given.multiplier):
        return
    found: dict[tuple[str, str], tuple[Steps, Steps]] = {}
    for one in plan.inputs:
        source = one.feed.source
        if source.form == "klines":
            _read(one.feed.path, source, given, *found.setdefault((source.venue, source.symbol), (Steps(), Steps())))
    for (venue, symbol), (prices, qtys) in found.items():
        known = catalogue.find(venue, symbol)
        base = catalogue.offered(venue, symbol) or (known.body if known else infer(venue, symbol, ()))
        guessed = [
            f"{name} {steps.text}"
            for name, said, steps in (("tick", given.tick or base.tick, prices), ("lot", given.lot or base.lot, qtys))
            if steps.text and not said
        ]
        if guessed:
            plan.warnings.append(say_found(symbol, guessed))
        catalogue.offer(_body(base, given, prices, qtys))


def _unused(plan: Plan, given: Given) -> list[str]:
    """What is said of recordings of messages, which speak for themselves."""
    words = [f"--{name}" for name in ("symbol", "tick", "lot", "multiplier", "interval") if getattr(given, name)]
    messages = [one.feed.path for one in plan.inputs if one.feed.source.form != "klines"]
    if not words or not messages:
        return []
    return [
        f"{' and '.join(words)} said nothing of {messages[0]}: recorded messages name their instruments themselves, and --instruments "
        "states ticks and lots of them."
    ]


def _body(base: InstrumentBody, given: Given, prices: Steps, qtys: Steps) -> InstrumentBody:
    """An instrument as said, else as stated before, else as its numbers have it. Errors as `offer_terms`."""
    tick, lot = given.tick or base.tick or prices.text, given.lot or base.lot or qtys.text
    fine, small = significant_decimals(tick) or 0, significant_decimals(lot) or 0
    body = msgspec.structs.replace(
        base,
        tick=tick,
        lot=lot,
        multiplier=given.multiplier or base.multiplier,
        price_scale=max(base.price_scale, fine),
        qty_scale=min(max(base.qty_scale, small), base.qty_scale_limit),
        origin=GIVEN,
    )
    if not is_sound(body):
        raise IngestError(
            f"No instrument can be made of what is said of {base.symbol}.",
            code="usage",
            hint="Look at --tick, --lot and --multiplier.",
        )
    return body


def _read(path: Path, source: Source, given: Given, prices: Steps, qtys: Steps) -> None:
    """See all decimals of a file of klines. Errors as `offer_terms`."""
    tick, names = given.tick_kept, source.columns.split(",")
    for frame, _, line_of in read_frames(path, source):
        values = frame.decode("ascii", "replace").split(",")
        fields = {name: value.strip().strip('"') for name, value in zip(names, values, strict=False)}
        for name in PRICES:
            written = read_decimal(fields.get(name, ""))
            if written is None:
                break
            prices.see(written)
            if tick is not None and not _keeps(written, tick) and can_read(frame, source):
                raise beside_tick(path, given.tick, Misfit(line_of(), name, fields[name]))
        volume = read_decimal(fields.get("volume", ""))
        if volume is not None:
            qtys.see(volume)


def read_frames(path: Path, source: Source) -> Iterator[tuple[bytes, int, Callable[[], int]]]:
    """The frames of a file, when each was received, and what tells its line."""
    texts, lines = list[Text](), 0
    for cut in cut_feed(Feed(path, read_trusted(path), source), 0, texts, BLOCK_BYTES):
        text = texts.pop()
        for row in range(len(cut)):
            end = int(cut.line_end[row]) - text.base - 1
            frame = bytes(cut.buf[int(cut.start[row]) : int(cut.end[row])])
            yield frame, int(cut.recv[row]), partial(_line_of, lines, text.text, end)
        lines += text.text.count(b"\n")


def _line_of(before: int, text: bytes, end: int) -> int:
    return before + text.count(b"\n", 0, end) + 1


def _keeps(price: Written, tick: Written) -> bool:
    scale = max(price.significant, tick.significant)
    return price.floor(scale)[0] % tick.floor(scale)[0] == 0

"""Planted bugs that the other tests must see: if one of these goes unnoticed, the net has a hole.

Copies of the kernels' sources, each with one small mistake, run uncompiled against the same oracles.
"""

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.venues.binance.digit_readers import SIGNED, UNSIGNED, WHOLE, wrong
from tests.venues.binance.fuzzing import Bench, make_bench, spoiled
from veloz.venues.binance import digits, scanner

KERNELS = "veloz.contracts.kernel"
FRAMES = 700
FRAME_SMALL = 300
ROUNDS = 12

# name: (file, what stands there, the mistake)
DIGIT_BUGS = {
    "leading zeros are taken": ("if n == C0 or (n > C1 and (t & BYTE) == C0):", "if n == C0:"),
    "digits beyond the scale are dropped": ("if (beyond >> (scale * C8)) != C0:", "if False:"),
    "digits beyond scale 0 are dropped": ("(n if beyond == C0 else C0)", "n"),
    "a product overflows": ("if n == C0 or n + scale > DIGITS_MAX:", "if n == C0:"),
    "the second word counts for too little": ("value = value * POW10[n] +", "value = value * POW10[n - C1] +"),
    "the kept decimals are too many": ("eight(f << (C64 - scale * C8)), n", "eight(f << (C64 - n * C8)), n"),
    "a minus is lost": ("return C0 - value, n + C1", "return value, n + C1"),
    "a colon is a digit": ("SIX: Final = U(0x0606060606060606)", "SIX: Final = U(0x0505050505050505)"),
}
SCANNER_BUGS = {
    "a frame may go on behind its template": ("return bool(p == end), r", "return True, r"),
    "the last word of a literal is not looked at": ("while done < size:", "while done + C8 <= size:"),
    "times are not bounded": ("(n if value <= MILLIS_LIMIT else C0)", "n"),
    "prices are not bounded": ("if n == C0 or price > PRICE_LIMIT or", "if n == C0 or"),
    "anything separates a price from its quantity": ("(words[p + n] & BETWEEN_MASK) != BETWEEN", "False"),
    "anything ends a level": ("CLOSE, CLOSE_MASK = _text(b'\"]]')", "CLOSE, CLOSE_MASK = _text(b'\"')[0], U(0xFF)"),
    "trades may be counted below one": (
        "if registers[shapes.LAST_TRADE] < registers[shapes.FIRST_TRADE]:", "if False:",
    ),
    "registers keep the last message's words": ("        registers[k] = C0\n", "        pass\n"),
}  # fmt: skip


def load(path: Path, name: str, text: str) -> ModuleType:
    """A source as a module of its own, with kernels left uncompiled."""
    imports = "from veloz.contracts.kernel import"
    line = next(line for line in text.splitlines() if line.startswith(imports))
    path.write_text(text.replace(line, "entry = kernel = lambda function: function"))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


def source_of(module: ModuleType) -> str:
    assert module.__file__ is not None
    return Path(module.__file__).read_text()


def planted(text: str, bug: tuple[str, str]) -> str:
    assert text.count(bug[0]) == 1, f"the source no longer says {bug[0]!r}"
    return text.replace(*bug)


def digit_faults(module: ModuleType) -> dict[str, int]:
    """Texts that a planted reader takes wrongly."""
    readers = {SIGNED: module.signed_at, UNSIGNED: module.decimal_at}

    def read(words: Any, start: Any, scale: Any, how: int, values: Any, used: Any) -> None:
        for k in range(len(start)):
            at = np.uint64(start[k])
            values[k], used[k] = module.whole_at(words, at) if how == WHOLE else readers[how](words, at, scale)

    texts = [
        "01",
        "0.14",
        "-0.5",
        "1.123456789",
        "1234567890123456",
        "12345678901234567",
        "1:2",
        "9" * 15,
        "0.5",
        "5.5",
        "1;0",
        "00",
        "5.500",
    ]
    return {
        **wrong(texts, 1, SIGNED, read),
        **wrong(texts, 8, UNSIGNED, read),
        **wrong(texts, 0, UNSIGNED, read),
        **wrong(texts, 0, WHOLE, read),
    }


@pytest.mark.parametrize("name", [None, *DIGIT_BUGS])
def test_a_bug_in_the_numbers_is_seen(tmp_path: Path, name: str | None) -> None:
    text = source_of(digits)
    module = load(
        tmp_path / "planted_digits.py", "planted_digits", text if name is None else planted(text, DIGIT_BUGS[name])
    )
    assert bool(digit_faults(module)) == (name is not None)


def first_fault(benches: list[Bench], module: ModuleType) -> bytes | None:
    """The first spoiled frame that a planted scanner misreads."""
    rng = random.Random(11)
    for _ in range(ROUNDS):
        for bench in benches:
            frames = [frame for frame in spoiled(bench, rng, FRAMES) if len(frame) < FRAME_SMALL]
            wrong_frames, _ = bench.differences(frames, module.scan)
            if wrong_frames:
                return wrong_frames[0]
    return None


@pytest.mark.parametrize("name", SCANNER_BUGS)
def test_a_bug_in_the_scanner_is_seen(tmp_path: Path, name: str) -> None:
    module = load(tmp_path / "planted_scanner.py", "planted_scanner", planted(source_of(scanner), SCANNER_BUGS[name]))
    module.__dict__.update({kernel: getattr(digits, kernel) for kernel in ("decimal_at", "signed_at", "whole_at")})
    benches = [make_bench("binance_usdm", 120), make_bench("binance_spot", 120)]
    assert first_fault(benches, module) is not None


def test_the_scanner_itself_shows_no_fault(tmp_path: Path) -> None:
    module = load(tmp_path / "planted_scanner.py", "planted_scanner", source_of(scanner))
    bench = make_bench("binance_usdm", 120)
    assert bench.differences(spoiled(bench, random.Random(11), 100), module.scan)[0] == []

"""Generates the files of `specs/` that describe the contracts. A test holds them against the code."""

import json
from enum import IntEnum
from pathlib import Path
from typing import Any

import msgspec

from veloz.contracts import codes, layout, terms
from veloz.contracts.envelope import Envelope
from veloz.contracts.registry import KINDS, TOPICS


def render_kinds() -> str:
    """Text of specs/kinds.txt: number, name, version, width and words of every kind, and the flags."""
    flags = ("ASK", "FIRST", "LAST", "SNAPSHOT", "EMPTY", "CLOSED", "ODD", "INEXACT", "STEP_END")
    lines = [
        "# Kinds of records. A number, a name or a word never changes its meaning; a different row is a new version.",
        "# head of every row: " + " ".join(f"{name}:{code}" for name, code in layout.HEAD),
        "# flags: " + " ".join(f"{name}={getattr(layout, name)}" for name in flags),
        f"# topics: {' '.join(TOPICS)}",
        f"# {'number':>6} {'name':22} {'version':>7} {'bytes':>5}  words (name:unit)",
    ]
    for kind in KINDS:
        words = " ".join(f"{name}:{unit}" for name, unit in zip(kind.words, kind.units, strict=True))
        body = f"  + body {kind.body.__name__}" if kind.body else ""
        lines.append(f"  {kind.number:>6} {kind.name:22} {kind.version:>7} {kind.view.itemsize:>5}  {words}{body}")
    for name, packing in (
        ("spec", terms.SPEC),
        ("meta", terms.META),
        ("scope", terms.SCOPE),
        ("verdict", terms.VERDICT),
    ):
        lines.append(f"# word {name}, lowest bits first: " + " ".join(f"{part}:{bits}" for part, bits in packing))
    for enum in _enums():
        lines.append(f"# {enum.__name__}: " + " ".join(f"{code.name}={code.value}" for code in enum))
    return "\n".join(lines) + "\n"


def _enums() -> list[type[IntEnum]]:
    """Every enum that rows carry, in the order of its file."""
    found = []
    for module in (codes, terms):
        found += [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, IntEnum)]
    return [enum for enum in found if enum is not IntEnum]


def render_schemas() -> dict[str, str]:
    """JSON Schema text by file name, one a struct: words and bodies of every kind, and the envelope."""
    structs: dict[str, type[msgspec.Struct]] = {"envelope": Envelope}
    for kind in KINDS:
        structs[f"{kind.name}.v{kind.version}"] = kind.struct
        if kind.body:
            structs[f"{kind.name}.v{kind.version}.body"] = kind.body
    return {
        f"{name}.json": json.dumps(_schema(struct), indent=1, sort_keys=True) + "\n" for name, struct in structs.items()
    }


def _schema(struct: type[msgspec.Struct]) -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(struct)}


def render_all() -> dict[str, str]:
    """Every generated file of specs/ that belongs to the contracts: path below specs/ → text."""
    return {"kinds.txt": render_kinds(), **{f"schema/{name}": text for name, text in render_schemas().items()}}


def write_all(specs: Path) -> list[Path]:
    """Write the generated files below `specs`; returns their paths."""
    paths = []
    for name, text in render_all().items():  # pure: a generator run by hand, never by the engine
        path = specs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths

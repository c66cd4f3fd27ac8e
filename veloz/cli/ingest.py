"""`veloz ingest`: append captures to a journal."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veloz.cli.main import add_common
from veloz.cli.outcome import EXIT_FAILED_CHECK, EXIT_OK, CommandError, print_json, print_table, say
from veloz.cli.place import add_journal, journal_dir

if TYPE_CHECKING:
    from veloz.ingest.given import Given


PACKED = (".gz", ".zip", ".zst", ".xz", ".bz2", ".npz", ".parquet")  # the last two may be packed within
# So many times its bytes a file takes in a journal, at most: rows are 64 bytes, and messages are kept.
PACKED_BY, PLAIN_BY = 16, 4
MIB = 1 << 20
WRITES_LEAST = 16 * MIB  # of the smallest file, with a snapshot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Words after `veloz ingest`."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="captures or folders; venue=PATH mixes venues")
    parser.add_argument("--venue", metavar="V", help="binance_spot, binance_usdm, binance_coinm …")
    add_journal(parser)
    add_instrument_words(parser)
    parser.add_argument("--unsafe-fs", action="store_true", help="no warning about a file system that may lose data")
    add_common(parser)


def add_instrument_words(parser: argparse.ArgumentParser) -> None:
    """Options about the form of files and the instruments in them."""
    parser.add_argument("--format", default="auto", help="the form of the files; auto tells by their first lines")
    parser.add_argument("--instruments", metavar="FILE", help="the venue's exchangeInfo: ticks, lots and filters")
    parser.add_argument("--symbol", default="", help="the instrument, where neither table nor file name tells it")
    parser.add_argument("--product", default="", help="spot, linear or inverse")
    parser.add_argument("--tick", default="", help="the instrument's price step; else found from the prices")
    parser.add_argument("--lot", default="", help="its quantity step; else found from the quantities")
    parser.add_argument("--multiplier", default="", help="what one contract is worth")
    parser.add_argument("--interval", default="", help="the length of bars, like 1m, where no name tells it")
    parser.add_argument("--again", action="store_true", help="take in what is in already once more")


def given_of(args: argparse.Namespace) -> "Given":
    """What the operator says of instruments."""
    from veloz.ingest.given import Given

    return Given(args.symbol, args.product, args.tick, args.lot, args.multiplier, args.interval)


def split_inputs(files: list[str], venue: str | None) -> list[tuple[str, Path]]:
    """(venue, path) of every input, `venue=PATH` before `--venue`; "" where none is said.

    Raises:
        CommandError: A venue is unknown, or a path does not exist.
    """
    from veloz.contracts.codes import VENUES

    inputs = []
    for word in files:
        name, equals, rest = word.partition("=")
        named, path = (name, rest) if equals and name in VENUES else (venue or "", word)
        if named and named not in VENUES:
            raise CommandError(
                f"No venue is called {named}.", code="unknown_venue", hint=f"Venues are {', '.join(VENUES)}."
            )
        if not Path(path).exists():
            raise CommandError(f"There is no file {path}.", code="no_such_file", hint="Check the path.")
        inputs.append((named, Path(path)))
    return inputs


def run(args: argparse.Namespace) -> int:
    """Ingest and print what came of it."""
    inputs = split_inputs(args.files, args.venue)
    path = journal_dir(args, must_exist=False)
    answer = ingest_as_said(args, inputs, path, unsafe_fs=args.unsafe_fs)
    if args.json:
        print_json(answer)
    else:
        print_table(f"ingested into {path}", _short(answer))
    return EXIT_FAILED_CHECK if answer["damaged"] else EXIT_OK


def ingest_as_said(
    args: argparse.Namespace, inputs: list[tuple[str, Path]], path: Path, *, unsafe_fs: bool = False
) -> dict[str, Any]:
    """Ingest as the words of `add_instrument_words` ask for it; say each warning, and what was damaged."""
    short = warn_of_space(inputs, path)
    answer = ingest_files(
        inputs,
        path,
        instruments=Path(args.instruments) if args.instruments else None,
        again=args.again,
        fmt=args.format,
        given=given_of(args),
        unsafe_fs=unsafe_fs,
        overrides=args.set,
    )
    for warning in answer["warnings"]:
        say(f"veloz: {warning}")
    answer["warnings"] = [*short, *answer["warnings"]]
    for each in answer["damaged"]:
        say(f"veloz: {describe_damage(each)}. Get it once more and give the same command: it goes on from there.")
    return answer


def describe_damage(damaged: Mapping[str, Any]) -> str:
    """What is wrong with a file, and up to where it was taken."""
    told, frames = f"{damaged['file']} is damaged: {damaged['reason']}", damaged["frames"]
    if not frames:
        return f"{told}; nothing of it was taken"
    if frames == 1:
        return f"{told}; its first message was taken, which ends at byte {damaged['bytes']:,} of what it unpacks to"
    return f"{told}; its first {frames:,} messages were taken, which end at byte {damaged['bytes']:,} of what it unpacks to"


def ingest_files(
    inputs: list[tuple[str, Path]],
    path: Path,
    *,
    instruments: Path | None = None,
    again: bool = False,
    fmt: str = "auto",
    given: "Given | None" = None,
    unsafe_fs: bool = False,
    overrides: list[str] | None = None,
) -> dict[str, Any]:
    """Ingest with a progress bar; the answer of `veloz ingest`."""
    from veloz.cli.progress import Bar
    from veloz.daemon.config import read_settings
    from veloz.ingest import IngestError, ingest

    settings = read_settings(overrides or [])
    try:
        with Bar("ingest", unit="packed bytes") as bar:
            result = ingest(
                inputs,
                path,
                instruments=instruments,
                again=again,
                fmt=fmt,
                given=given,
                unsafe_fs=unsafe_fs,
                map_size_bytes=settings.value("journal.map_size_bytes"),
                snapshot_keep=settings.value("journal.snapshots_kept") if settings.value("ingest.snapshot") else 0,
                on_progress=bar.update,
            )
    except IngestError as error:
        raise CommandError(str(error), code=error.code, hint=error.hint, exit_code=error.exit_code) from error
    return asdict(result)


def warn_of_space(inputs: Sequence[tuple[str, Path]], path: Path) -> list[str]:
    """Say where less is free than an import may write; what was said. How full a disk is otherwise, `veloz doctor` tells."""
    from journal.space import measure_space

    files = [file for _, place in inputs for file in (place.iterdir() if place.is_dir() else [place]) if file.is_file()]
    takes = WRITES_LEAST + sum(
        file.stat().st_size * (PACKED_BY if file.suffix.lower() in PACKED else PLAIN_BY) for file in files
    )
    free = measure_space(path).free_bytes
    if free >= takes:
        return []
    told = f"Only {free / MIB:,.0f} MiB are free under {path}, and these files may take {takes / MIB:,.0f} MiB there: make room first."
    say(f"veloz: {told}")
    return [told]


def _short(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer for people: instruments as one line each."""
    lines = [
        f"{each['venue']}:{each['symbol']}  tick {each['tick']}  lot {each['lot']}  ({each['source']})"
        for each in answer["instruments"]
    ]
    return {**answer, "instruments": lines}

"""`veloz demo`: the whole main job on the sample that ships with the project. No arguments, no network, no keys."""

import argparse
import os
import time
from pathlib import Path
from typing import Any

from veloz.cli.main import add_common
from veloz.cli.outcome import EXIT_FAILED_CHECK, EXIT_OK, CommandError, print_json, print_table, say
from veloz.cli.place import add_journal

VENUE = "binance_usdm"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Words after `veloz demo`."""
    add_journal(parser)
    add_common(parser)


def find_sample() -> Path:
    """The capture inside the package.

    Raises:
        CommandError: The installation lacks it.
    """
    folder = Path(__file__).resolve().parent.parent / "sample" / VENUE
    files = sorted(folder.glob("*.gz"))
    if not files:
        raise CommandError(
            f"The sample capture is missing from {folder}.", code="no_sample", hint="Install the project again."
        )
    return files[0]


def run(args: argparse.Namespace) -> int:
    """Ingest, replay, read the raw frames again, check every sum; say where things are."""
    from veloz.daemon.config import read_settings

    begun = time.perf_counter()
    path = Path(args.journal) if args.journal else read_settings(args.set).path("data_dir") / "demo"
    sample = find_sample()
    require_own(path, sample)
    say("The first run compiles what it needs, which takes a quarter of a minute or so; later ones do not.")
    say(f"1/4  ingesting {sample.name} ({VENUE}) into {path}")
    answer = run_demo(sample, path, args.set)
    answer["seconds"] = time.perf_counter() - begun
    if args.json:
        print_json(answer)
    else:
        print_table("demo", {name: value for name, value in answer.items() if value is not None})
        _say_next(path, answer["instrument"])
    return EXIT_OK if answer["replay_ok"] else EXIT_FAILED_CHECK


def require_own(path: Path, sample: Path) -> None:
    """Refuse a journal that holds anything but the sample: a demonstration is no place for real records.

    Raises:
        CommandError: It does.
    """
    from journal import Reader
    from veloz.ingest.progress import read_records

    if not path.is_dir():
        return
    with Reader.open(path) as reader, reader.view() as view:
        others = [record.name for record in read_records(view) if record.name != sample.name]
        foreign = bool(others) or (view.head()[0] > 0 and not read_records(view))
    if foreign:
        raise CommandError(
            f"The journal at {path} holds other records, and the demo adds its sample to none but its own.",
            code="not_a_demo",
            hint="Name another directory, or leave --journal out.",
        )


def run_demo(sample: Path, path: Path, overrides: list[str]) -> dict[str, Any]:
    """The demo's steps; the answer without `seconds`."""
    from journal.check import check_in_child
    from veloz.cli.ingest import ingest_files
    from veloz.cli.replay import replay_journal

    taken = ingest_files([(VENUE, sample)], path, unsafe_fs=True, overrides=overrides)
    head = taken["head_seq"]
    say(f"2/4  {taken['records']:,} records are durable; folding them again from row 1")
    folded = replay_journal(path, 1, head, verify=True, use_snapshot=False)
    say("3/4  reading the raw frames again and comparing every row")
    decoded = replay_journal(path, 1, head, decode=True)
    say("4/4  checking every sum, digest and link of the journal")
    report = check_in_child(path)
    same = folded["state_hash"] == decoded["state_hash"]
    divergences = [folded["divergences"], decoded["divergences"]]
    return {
        "journal": str(path),
        "report": None,
        "records": folded["records"],
        "fills": None,
        "net_pnl": None,
        "replay_ok": bool(report.ok and same and not any(divergences)),
        "state_hash": folded["state_hash"],
        "records_per_second": folded["records_per_second"],
        "instrument": taken["instruments"][0]["symbol"],
    }


def _say_next(path: Path, symbol: str) -> None:
    uv = os.environ.get("UV")  # `uv run` puts the commands where the shell will not find them afterwards
    door = f"{os.path.relpath(uv)} run veloz" if uv else "veloz"
    say("Try next:")
    for words in (
        f"book --journal {path} --instrument {symbol}",
        f"journal info --journal {path}",
        f"journal dump --journal {path} --kind md.trade --limit 5",
        f"replay --journal {path} --verify",
    ):
        say(f"  {door} {words}")

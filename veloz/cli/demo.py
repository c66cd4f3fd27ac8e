"""`veloz demo`: the whole main job on the sample that ships with the project. No arguments, no network, no keys."""

import argparse
import os
import shutil
import sys
import time
from pathlib import Path
from shlex import quote
from typing import Any

from veloz.cli.main import add_common
from veloz.cli.outcome import EXIT_FAILED_CHECK, EXIT_OK, CommandError, print_json, print_table, say
from veloz.cli.place import add_journal

VENUE, SYMBOL = "binance_usdm", "BTCUSDT"


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
    """Ingest, replay, read the raw frames again, check every sum, backtest, verify the result; say where things are."""
    if "numba" not in sys.modules:  # on so small a sample compiling costs more than it saves: the same bytes without
        os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
    from veloz.daemon.config import read_settings

    begun = time.perf_counter()
    path = Path(args.journal) if args.journal else read_settings(args.set).path("data_dir") / "demo"
    sample, runs = find_sample(), path.with_name(f"{path.name}-backtest")
    require_own(path, sample)
    require_replaceable(runs, path)
    say(f"1/5  ingesting {sample.name} ({VENUE}) into {path}")
    answer = run_demo(sample, path, runs, args.set)
    answer["seconds"] = time.perf_counter() - begun
    if args.json:
        print_json(answer)
    else:
        print_table("demo", answer)
        say_next(answer)
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


def require_replaceable(runs: Path, data: Path) -> None:
    """Refuse a directory of results in which anything but an earlier demo's may lie: the new one takes its place.

    Raises:
        CommandError: Something else lies there.
    """
    from veloz.history.results import read_naming

    journal = runs / "journal"
    if not runs.exists() or (runs.is_dir() and not any(runs.iterdir())):
        return
    naming = read_naming(journal) if (journal / "data.mdb").is_file() else None
    if naming is None or Path(naming.body.path) != data.resolve():
        raise CommandError(
            f"{runs}, where the demo's backtest goes, holds something else.",
            code="not_a_demo",
            hint="Take it away, or name another directory by --journal.",
        )


def run_demo(sample: Path, path: Path, runs: Path, overrides: list[str]) -> dict[str, Any]:
    """The demo's steps; the answer without `seconds`.

    Args:
        sample: The recording.
        path: Its journal.
        runs: Where the backtest's result and report go.
        overrides: `key=value` of the program's settings.
    """
    from journal.check import check_in_child
    from veloz.cli.ingest import ingest_files
    from veloz.cli.replay import replay_journal

    taken = ingest_files([(VENUE, sample)], path, unsafe_fs=True, overrides=overrides)
    head = taken["head_seq"]
    say(f"2/5  {taken['records']:,} records are durable; folding them again, reading the raw frames again, comparing")
    folded = replay_journal(path, 1, head, verify=True, use_snapshot=False)
    decoded = replay_journal(path, 1, head, decode=True)
    say("3/5  checking every sum, digest and link of the journal")
    sound = check_in_child(path).ok
    told, verified = _backtest(path, runs, overrides)
    same = folded["state_hash"] == decoded["state_hash"]
    divergences = [each["divergences"] for each in (folded, decoded, verified)]
    sound = sound and verified["state_hash"] == told["state_hash"] and check_in_child(runs / "journal").ok
    return {
        "journal": str(path),
        "result": told["journal"],
        "report": told["report"],
        "records": folded["records"],
        "orders": told["orders"],
        "fills": told["fills"],
        "net_pnl": told["net_pnl"],
        "decisions_checked": verified["decisions_checked"],
        "replay_ok": bool(sound and same and not any(divergences)),
        "state_hash": folded["state_hash"],
    }


def _backtest(path: Path, runs: Path, overrides: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a backtest on the journal came to, and what its verification says."""
    from veloz.cli.backtest import run_backtest
    from veloz.cli.replay import replay_journal
    from veloz.instruments.units import counted

    say(f"4/5  backtesting a quoting strategy on it; the result goes to {runs}")
    shutil.rmtree(runs / "journal", ignore_errors=True)
    config = find_sample().parent.parent / "demo.toml"
    told = run_backtest(config, [], overrides, journal=runs / "journal", data=[str(path)], out=runs)
    say(
        f"5/5  {counted(told['fills'], 'fill')}; taking every decision of its {counted(told['rows'], 'row')} again and comparing"
    )
    return told, replay_journal(runs / "journal", 1, told["rows"], verify=True, use_snapshot=False)


def say_next(answer: dict[str, Any]) -> None:
    """Propose commands that go on from here, as a shell takes them."""
    uv = os.environ.get("UV")  # `uv run` puts the commands where the shell will not find them afterwards
    door = f"{quote(os.path.relpath(uv))} run veloz" if uv else "veloz"
    say(f"The report is one page that opens in any browser: {answer['report']}")
    say(
        "It was run without the compiler, which pays on more than a sample; what else compiles does so once, for a minute or so."
    )
    say("Try next:")
    config = quote(os.path.relpath(find_sample().parent.parent / "demo.toml"))
    journal, result = quote(str(answer["journal"])), quote(str(answer["result"]))
    for words in (
        f"backtest {config} --data {journal} --set strategy.half_spread=1",
        f"journal dump --journal {result} --kind order.filled --limit 3",
        f"replay --journal {result} --verify",
        f"book --journal {journal} --instrument {SYMBOL}",
        f"journal info --journal {journal}",
    ):
        say(f"  {door} {words}")

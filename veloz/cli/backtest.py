"""`veloz backtest`: run strategies on a recording against a simulated venue."""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veloz.cli.failures import nothing_kept
from veloz.cli.figures import print_figures, print_standing
from veloz.cli.main import add_common
from veloz.cli.outcome import (
    EXIT_OK,
    EXIT_WORLD,
    CommandError,
    print_json,
    print_table,
    say,
)
from veloz.cli.place import require_config, require_folder
from veloz.cli.stopping import exit_code_of

if TYPE_CHECKING:
    from veloz.backtest.ledger import Ledger
    from veloz.backtest.outcome import RunResult
    from veloz.backtest.report import Report
    from veloz.backtest.runner import Run
    from veloz.backtest.setup import Plan

APART = ("metrics", "warnings", "balances", "markets")  # told in their own way
NO_REPORT = "no_report"  # the code of a failure that leaves a result without reports
WARM_EVENTS = 512  # so many compile all that a run needs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Words after `veloz backtest`."""
    parser.add_argument("config", metavar="CONFIG", help="what is run: a TOML file such as configs/quoter.toml")
    parser.add_argument("--journal", metavar="DIR", help="the result; a new or empty directory")
    parser.add_argument(
        "--data",
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="a dataset's name, a recording's journal, or files to import",
    )
    parser.add_argument("--out", metavar="DIR", help="where the reports go; else beside the result")
    parser.add_argument(
        "--paper",
        action="store_true",
        help="play the data to a run on paper instead, which writes a journal as a live run does, and no report",
    )
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Run, write the result and its reports, print what came of it."""
    begun = time.perf_counter()
    if args.paper and args.out:
        raise CommandError(
            "A run on paper makes no reports, and --out says where reports go.",
            code="usage",
            hint="Leave --out out; a backtest of the journal that --paper makes has reports.",
        )
    own, ours = split_overrides(args.set)
    try:
        answer = run_backtest(
            Path(args.config),
            own,
            ours,
            journal=args.journal and Path(args.journal),
            data=args.data,
            out=args.out and Path(args.out),
            paper=args.paper,
        )
    except KeyboardInterrupt as stop:
        raise CommandError(
            "Stopped.",
            code="stopped",
            hint="No result was kept; the same command begins the run again. In a terminal, q ends a run and keeps what it did.",
            exit_code=exit_code_of(stop),
        ) from None
    answer["seconds"] = time.perf_counter() - begun
    for warning in answer["warnings"]:
        say(f"veloz: {warning}")
    if args.json:
        print_json(answer)
    else:
        told = {name: value for name, value in answer.items() if value not in ([], {}) and name not in APART}
        print_table(f"backtest of {args.config}", told)
        if answer.get("metrics"):
            print_figures(answer["metrics"], answer["reporting"])
            print_standing(answer["balances"], answer["markets"])
    return EXIT_OK


def split_overrides(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Overrides of the run, and those of the program's own settings."""
    from veloz.daemon.config import BY_KEY

    ours = [word for word in words if word.partition("=")[0].strip() in BY_KEY]
    return [word for word in words if word not in ours], ours


def run_backtest(
    config: Path,
    overrides: Sequence[str],
    program: Sequence[str],
    *,
    journal: Path | None = None,
    data: Sequence[str] = (),
    out: Path | None = None,
    paper: bool = False,
) -> dict[str, Any]:
    """The answer of `veloz backtest` without `seconds`.

    Args:
        config: The file.
        overrides: `key=value` of the run.
        program: `key=value` of the program's settings.
        journal: The result's directory; None: a new one among the backtests of the data directory.
        data: What to run on instead of what the file says.
        out: Where reports go.
        paper: Play the data to a run on paper, which makes no reports.

    Raises:
        CommandError: It cannot be run as it is asked for.
    """
    from veloz.backtest.keys import SettingsError
    from veloz.backtest.port import rules_of
    from veloz.backtest.result import Taken, require_free
    from veloz.backtest.settings import read_file
    from veloz.backtest.setup import check_strategies, make_plan
    from veloz.cli.progress import waiting
    from veloz.cli.recording import find_recording
    from veloz.daemon.config import read_settings

    own = read_settings(list(program))
    try:
        require_config(config, "configs/quoter.toml")
        settings = read_file(config, overrides)
        rules_of(settings)
        check_strategies(settings)
        if journal:
            require_free(journal)
        recording = find_recording(list(data) or settings["data.path"], settings, own)
        first, last = _range(recording, settings["data.from"], settings["data.to"])
        if not paper:
            with waiting("looking through the data"):
                plan = make_plan(settings, recording, first, last)
        with _claimed(journal, own.path("data_dir") / "backtests", config.stem) as place:
            if paper:
                return _rehearse(settings, recording, first, last, place)
            named = out or (Path(settings["report.dir"]) if settings["report.dir"] else None)
            return _run_into(plan, place, named or _beside(place), "--out" if named else "--journal")
    except (SettingsError, Taken) as error:
        raise refusal(error) from None


def _run_into(plan: "Plan", place: Path, out: Path, word: str) -> dict[str, Any]:
    """Play it where its reports can be written; folders that were made for nothing go again."""
    made = require_folder(out, word)
    try:
        return _run(plan, place, out)
    except BaseException:
        for each in made:
            with suppress(OSError):
                each.rmdir()
        raise


@contextmanager
def _claimed(journal: Path | None, folder: Path, name: str) -> Iterator[Path]:
    """Where the journal goes: the directory that is named, or one in a folder that no other run takes, and that goes if it stays empty."""
    if journal:
        yield journal
        return
    made = require_folder(folder, "--journal")
    number = 1
    while True:
        try:
            (mine := folder / f"{name}-{number:04d}").mkdir()
            break
        except FileExistsError:
            number += 1
    try:
        yield mine / "journal"
    finally:
        for each in (mine, *made):
            with suppress(OSError):
                each.rmdir()


def refusal(error: Exception) -> CommandError:
    """A sentence and its way out, which stands behind the last semicolon."""
    message, _, hint = str(error).rpartition("; ")
    if not message:
        return CommandError(f"{str(error).rstrip('.')}.", code="config", hint="Look at the configuration.")
    return CommandError(f"{message}.", code="config", hint=f"{hint[:1].upper()}{hint[1:].rstrip('.')}.")


def _beside(journal: Path) -> Path:
    return journal.parent if journal.name == "journal" else journal.with_name(f"{journal.name}-report")


def _range(path: Path, begin: str, end: str) -> tuple[int, int | None]:
    """Rows of a recording between two moments, as the settings write them."""
    from journal import Reader
    from veloz.backtest.keys import SettingsError
    from veloz.cli.place import parse_time

    try:
        moments = [parse_time(text) if text else None for text in (begin, end)]
    except argparse.ArgumentTypeError as error:
        raise SettingsError(f"data.from or data.to: {error}") from None
    with Reader.open(path) as reader, reader.view() as view:
        first = 1 if moments[0] is None else view.seq_at(moments[0])
        last = None if moments[1] is None else view.seq_at(moments[1] + 1) - 1
    return first, last


# --- the run ------------------------------------------------------------------------------------------------------------------


def _run(plan: "Plan", place: Path, out: Path) -> dict[str, Any]:
    """Play it to its end and write what came of it."""
    from veloz.backtest.driver import make_driven_run
    from veloz.backtest.ending import outcome_of
    from veloz.backtest.ledger import Ledger
    from veloz.backtest.report import balances_told, markets_told
    from veloz.backtest.result import Recorder
    from veloz.cli.compiling import compiling
    from veloz.cli.keys import Keys, Steered
    from veloz.cli.progress import Bar, waiting
    from veloz.engine.warm import warm, warm_step, warm_trading

    with compiling(), waiting("compiling and loading what runs need") as note:
        parts: tuple[Callable[[], object], ...] = warm, warm_trading, warm_step, partial(_warm_run, plan)
        for number, prepare in enumerate(parts, 1):
            note(f"part {number} of 4")
            prepare()
    span = plan.found.last_recv_ns + plan.named.shift_ns - plan.begin_ns
    ledger = Ledger(plan.world, plan.settings["report.equity_ns"], span)
    recorder = Recorder(place)
    try:
        played = make_driven_run(plan, recorder, (ledger,))
        with Keys() as keys, Bar("backtest") as bar:
            Steered(played, keys, bar).play()
        played.finish()
        recorder.close()
        answer = answer_of(plan, played, ledger)
        name = ", ".join(each.name for each in plan.settings.strategies)
        answer["result_hash"] = recorder.digest.hex()
        outcome = outcome_of(plan, played, ledger, place, name, answer["warnings"], answer["result_hash"])
        written = _report_of(outcome, place, out)
    except BaseException as error:
        if getattr(error, "code", "") == NO_REPORT:
            raise
        recorder.drop()
        if getattr(error, "code", "") == "disk_full":
            raise nothing_kept(place) from error
        raise
    answer["metrics"], answer["journal"] = written.metrics.as_dict(), str(place)
    answer["balances"], answer["markets"] = balances_told(outcome), markets_told(outcome)
    answer["report"], answer["report_json"] = str(written.html), str(written.json)
    return answer


def _report_of(outcome: "RunResult", place: Path, out: Path) -> "Report":
    """Write the reports; where there is no room for them, the result stays."""
    from veloz.backtest.report import write_report

    try:
        return write_report(outcome, out)
    except OSError as error:
        raise CommandError(
            f"The result stands whole in {place}, but its reports cannot be written in {out}: {error.strerror}.",
            code=NO_REPORT,
            hint="`veloz replay`, `why` and `journal` read it as it is; for reports make room and run again with another --journal.",
            exit_code=EXIT_WORLD,
        ) from error


def _rehearse(settings: Any, recording: Path, first: int, last: int | None, place: Path) -> dict[str, Any]:
    """Play it to a run on paper."""
    from veloz.backtest.ledger import Ledger
    from veloz.cli.compiling import compiling
    from veloz.daemon.paper import plan_rehearsal, rehearse
    from veloz.ingest.datasets import tell_damage
    from veloz.reducers.state import state_hash

    plan = plan_rehearsal(settings, recording, first, last)
    ledger = Ledger(plan.world)
    with compiling():
        played = rehearse(plan, place, (ledger,))
    figures = ledger.figures(played.desk)
    return {
        "orders": figures.orders,
        "fills": figures.fills,
        "position": figures.position,
        "cash": figures.cash,
        "fees": figures.fees,
        "equity_end": figures.equity_end,
        "state_hash": state_hash(played.desk.state),
        "rows": played.desk.seq,
        "steps": played.steps,
        "config_hash": plan.settings.digest,
        "data": plan.named.path,
        "data_hash": plan.named.head,
        "journal": str(place),
        "warnings": [*tell_damage(recording), *([f"The run ended early: {played.why}."] if played.why else [])],
    }


def _warm_run(plan: "Plan") -> None:
    """Run the first moments once for nothing: that compiles the exchange and the strategies, which is no part of the run."""
    from veloz.backtest.driver import make_driven_run
    from veloz.backtest.result import Kept
    from veloz.contracts.kernel import config

    if not config.DISABLE_JIT:
        make_driven_run(plan, Kept()).play(events=WARM_EVENTS)


def answer_of(plan: "Plan", played: "Run", ledger: "Ledger") -> dict[str, Any]:
    """The keys of the command's JSON that a run itself gives."""
    from veloz.backtest.ledger import gaps_of
    from veloz.cli.cautions import told_of, warnings_of
    from veloz.reducers.state import state_hash

    figures, progress = ledger.figures(played.desk), played.progress
    gaps = gaps_of(plan)
    return {
        "records": progress.rows,
        "orders": figures.orders,
        "fills": figures.fills,
        "position": figures.position,
        "realized": figures.realized,
        "unrealized": figures.unrealized,
        "cash": figures.cash,
        "fees": figures.fees,
        "funding": figures.funding,
        "net_pnl": figures.net_pnl,
        "equity_start": figures.equity_start,
        "equity_end": figures.equity_end,
        "state_hash": state_hash(played.desk.state),
        "metrics": {},
        "records_per_second": progress.rate,
        "reporting": plan.world.reporting,
        "rows": played.desk.seq,
        "steps": played.steps,
        "shift_ns": plan.named.shift_ns,
        "gaps": [gap._asdict() for gap in gaps],
        "config_hash": plan.settings.digest,
        "data": plan.named.path,
        "data_hash": plan.named.head,
        "refused": dict(ledger.refused),
        "rejected": dict(ledger.rejected),
        "warnings": [*told_of(plan, played, len(gaps), ledger.disabled), *warnings_of(plan, ledger)],
    }

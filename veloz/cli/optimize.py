"""`veloz optimize`: search the best settings of a backtest, and say how far the best can be believed."""

import argparse
import json
import os
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veloz.cli.main import add_common
from veloz.cli.outcome import EXIT_FAILED_CHECK, EXIT_OK, CommandError, format_value, print_json, print_table, say

if TYPE_CHECKING:
    from veloz.backtest.optimizer.plan import Plan
    from veloz.backtest.optimizer.sweep import Result
    from veloz.backtest.optimizer.trial import Executor, Opener, Work

SHOWN = 12  # lines of the table for people; --json and the file have all
FIGURES_SHOWN = 4  # metrics beside the objective
TOGETHER = "settings"  # the column of all settings, where each has no room for one
PREFIX = "optimize."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Words after `veloz optimize`."""
    parser.add_argument("config", metavar="CONFIG", help="a backtest's TOML file with a table [optimize]")
    parser.add_argument("--data", nargs="+", action="extend", default=[], metavar="FILE", help="run on this instead")
    parser.add_argument("--out", metavar="DIR", help="where results are kept; the same again goes on from there")
    parser.add_argument("--fresh", action="store_true", help="forget the results that are there")
    add_common(parser)


@dataclass(frozen=True)
class Asked:
    """A sweep as the command line asks for it."""

    plan: "Plan"
    opener: "Opener"
    recording: Path
    out: Path | None
    data_dir: Path


def run(args: argparse.Namespace) -> int:
    """Run the sweep and print its best."""
    from veloz.backtest.keys import SettingsError
    from veloz.backtest.optimizer.trial import Refused, SweepError
    from veloz.cli.backtest import refusal

    begun = time.perf_counter()
    try:
        answer = run_sweep(
            prepare(Path(args.config), args.set, args.data, args.out and Path(args.out)), fresh=args.fresh
        )
    except (SweepError, Refused, SettingsError) as error:
        raise refusal(error) from None
    answer["seconds"] = time.perf_counter() - begun
    _write(Path(answer["results"]).with_name("sweep.json"), answer)
    if answer["best"] is None:
        say(f"veloz: no trial has a {answer['objective']}; there is no best.")
    if args.json:
        print_json(answer)
    else:
        show(answer)
    return EXIT_OK


def prepare(config: Path, words: Sequence[str], data: Sequence[str], out: Path | None) -> Asked:
    """Everything that can be wrong before the first trial.

    Raises:
        SweepError, SettingsError: Something is.
    """
    from veloz.backtest.keys import SettingsError
    from veloz.backtest.optimizer.backtests import check_sweep, opener_of
    from veloz.backtest.optimizer.plan import read_plan
    from veloz.backtest.settings import read_settings
    from veloz.cli.backtest import split_overrides
    from veloz.cli.place import require_config, require_folder
    from veloz.cli.recording import find_recording
    from veloz.daemon.config import read_settings as read_own

    overrides, program = split_overrides(words)
    sweeps = [word.strip() for word in overrides if word.strip().startswith(PREFIX)]
    overrides = [word for word in overrides if not word.strip().startswith(PREFIX)]
    own = read_own(program)
    require_config(config, "configs/sweep.toml", "optimize")
    try:
        text = config.read_text(encoding="utf-8")
        table = tomllib.loads(text, parse_float=Decimal)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{config} is not valid TOML: {error}; mend it.") from None
    plan = read_plan(overridden(table.get("optimize"), sweeps))
    check_sweep(plan, text, overrides, config)
    settings = read_settings(text, overrides, config)
    for each in require_folder(out, "--out") if out else ():
        each.rmdir()  # whoever writes the first result makes it
    recording = find_recording(list(data) or settings["data.path"], settings, own)
    overrides += _moments(settings)
    opener = opener_of(text, config, overrides, recording, plan.said["periods"])
    return Asked(plan, opener, recording.resolve(), out, own.path("data_dir"))


def overridden(table: Any, words: Sequence[str]) -> Any:
    """The table [optimize] with `optimize.key=value` words of the command line in it. Raises SweepError where one is none."""
    from veloz.backtest.optimizer.trial import SweepError

    for word in words:
        name, equals, said = word.removeprefix(PREFIX).partition("=")
        if not equals or not isinstance(table, Mapping):
            raise SweepError(f"--set {word} cannot be set; write --set {PREFIX}KEY=VALUE, and a table [optimize].")
        try:
            value = tomllib.loads(f"x = {said}", parse_float=Decimal)["x"]
        except tomllib.TOMLDecodeError:
            value = said.strip()
        table = _with(table, name.strip(), value)
    return table


def _with(table: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    head, dot, rest = name.partition(".")
    if not dot or head not in ("space", "walk"):
        return {**table, name: value}
    inner = table.get(head, {})
    return {**table, head: _with(inner, rest, value) if head == "walk" else {**inner, rest: value}}


def _moments(settings: Any) -> list[str]:
    """data.from and data.to in nanoseconds, as words: a trial of a walk has its own."""
    from veloz.backtest.keys import SettingsError
    from veloz.cli.place import parse_time

    try:
        return [f'{name}="{parse_time(settings[name])}"' for name in ("data.from", "data.to") if settings[name]]
    except argparse.ArgumentTypeError as error:
        raise SettingsError(f"data.from or data.to: {error}") from None


def run_sweep(asked: Asked, *, fresh: bool) -> dict[str, Any]:
    """The answer of `veloz optimize` without `seconds`.

    Raises:
        SweepError: It cannot be run, or not to its end.
        CommandError: Its file of results is not what it should be.
    """
    from veloz.backtest.optimizer.records import DamagedError, Records
    from veloz.backtest.optimizer.sweep import Sweep
    from veloz.cli.compiling import compiling
    from veloz.cli.progress import Bar, waiting

    with compiling(), waiting("compiling and loading what runs need"):
        work = asked.opener.open()
    about = {"data": work.data_hash, "code": work.code_hash, "periods": asked.plan.said["periods"]}
    try:
        records = Records(_place(asked, about) / "results.jsonl", about, fresh=fresh)
    except DamagedError as error:
        raise CommandError(
            f"{error}",
            code="corrupt",
            hint="Take the file away, or begin anew with --fresh.",
            exit_code=EXIT_FAILED_CHECK,
        ) from None
    executor = _executor(asked, work)
    begun = time.perf_counter()
    try:
        with Bar("optimize", unit="trials") as bar:
            result = Sweep(asked.plan, work, executor, records, bar.update).run()
    finally:
        executor.close()
        records.close()
    answer = _answer(asked.plan, work, result, records.path, time.perf_counter() - begun)
    return {**answer, "data": str(asked.recording)}


def _place(asked: Asked, about: Mapping[str, Any]) -> Path:
    """The folder of the results: one for each configuration file, recording and code, where none is named."""
    from veloz.backtest.optimizer.trial import digest_of

    if asked.out:
        return asked.out
    config = Path(asked.opener.context["path"])
    name = digest_of(str(config), *(str(value) for value in about.values()))[:16]
    return asked.data_dir / "sweeps" / f"{config.stem}-{name}"


def _executor(asked: Asked, work: "Work") -> "Executor":
    address = asked.plan.said["cluster"]
    if address:
        from veloz.backtest.optimizer.cluster import Cluster

        return Cluster(asked.opener, address, work.code_hash)
    from veloz.backtest.optimizer.pool import Pool

    return Pool(asked.opener, asked.plan.workers)


def _answer(plan: "Plan", work: "Work", result: "Result", path: Path, seconds: float) -> dict[str, Any]:
    made = len(result.trials) - result.remembered
    belief = result.belief
    answer: dict[str, Any] = {
        "trials": len(result.trials),
        "best": result.best and result.best.told(),
        "objective": plan.said["objective"],
        "goal": plan.said["goal"],
        "method": plan.said["method"],
        "deflated_sharpe": belief.deflated_sharpe,
        "overfit_probability": belief.overfit_probability,
        "judged": {"trials": belief.trials, "periods": belief.periods, "blocks": plan.said["blocks"]},
        "remembered": result.remembered,
        "trials_per_second": made / seconds if seconds > 0 else 0.0,
        "data_hash": work.data_hash,
        "code_hash": work.code_hash,
        "table_hash": result.table_hash,
        "results": str(path),
    }
    if result.steps:
        answer["efficiency"] = result.efficiency
        answer["folds"] = [
            {
                "fold": step.fold.number,
                "train_ns": [step.fold.train.begin_ns, step.fold.train.end_ns],
                "test_ns": [step.fold.test.begin_ns, step.fold.test.end_ns],
                "params": step.chosen and step.chosen.told()["params"],
                "in_sample": step.chosen and step.chosen.worth,
                "out_of_sample": step.tested and step.tested.worth,
            }
            for step in result.steps
        ]
    answer["table"] = result.table()
    return answer


def _write(path: Path, answer: Mapping[str, Any]) -> None:
    """Beside the results, whole or not at all."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
    os.replace(new, path)


# --- for people ---------------------------------------------------------------------------------------------------------------


def show(answer: Mapping[str, Any]) -> None:
    """The best lines, what the best is, and how far it can be believed."""
    from rich.console import Console
    from rich.table import Table

    from veloz.instruments.units import counted

    console, lines = Console(), answer["table"][:SHOWN]
    table = Table(
        title=f"the best {len(lines):,} of {counted(answer['trials'], 'trial')}",
        title_justify="left",
        title_style="bold",
    )
    columns = _columns(answer, lines, console.width)
    for name, _ in columns:
        whole = name != TOGETHER
        table.add_column(
            name, justify="right" if whole else "left", style="bold" if name == answer["objective"] else "",
            no_wrap=whole, overflow="fold",
        )  # fmt: skip
    for row in zip(*(cells for _, cells in columns), strict=True):
        table.add_row(*row)
    console.print(table)
    if "folds" in answer:
        _show_folds(answer)
    print_table("the best", _about_best(answer))


def _columns(
    answer: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], width: int
) -> list[tuple[str, tuple[str, ...]]]:
    """Columns of the table, (name, cells): figures are left out where the terminal is too narrow, then settings share a column."""
    objective = answer["objective"]
    names = list(lines[0]["params"]) if lines else []
    figures = [name for name in (lines[0]["metrics"] if lines else {}) if name != objective][:FIGURES_SHOWN]
    short = [name.rpartition(".")[2] for name in names]
    heads = short if len(set(short)) == len(short) else names
    begin = [("trial", tuple(str(line["trial"]) for line in lines))]
    if "folds" in answer:
        begin.append(("fold", tuple(f"{line['fold']} {line['part']}" for line in lines)))
    apart = [
        (head, tuple(str(line["params"][name]) for line in lines)) for head, name in zip(heads, names, strict=True)
    ]
    worth = [(objective, tuple(line.get("refused") or _number(line["metrics"].get(objective)) for line in lines))]
    more = [(name, tuple(_number(line["metrics"].get(name)) for line in lines)) for name in figures]
    while more and _width([*begin, *apart, *worth, *more]) > width:
        more.pop()
    if _width([*begin, *apart, *worth]) <= width:
        return [*begin, *apart, *worth, *more]
    told = (
        ", ".join(f"{head} {line['params'][name]}" for head, name in zip(heads, names, strict=True)) for line in lines
    )
    return [*begin, *worth, (TOGETHER, tuple(told))]


def _width(columns: Sequence[tuple[str, tuple[str, ...]]]) -> int:
    """Cells of a terminal that a table of these columns takes: two blanks and a line for each, and one line more."""
    return 1 + sum(3 + max(map(len, (name, *cells))) for name, cells in columns)


def _number(value: Any) -> str:
    return "—" if value is None else format_value(value)


def _show_folds(answer: Mapping[str, Any]) -> None:
    pairs = {
        f"fold {step['fold']}": f"in sample {_number(step['in_sample'])}, out of sample {_number(step['out_of_sample'])}"
        for step in answer["folds"]
    }
    print_table("walk-forward", {**pairs, "out ÷ in": _number(answer["efficiency"])})


def _about_best(answer: Mapping[str, Any]) -> dict[str, str]:
    from veloz.instruments.units import counted

    best, judged = answer["best"], answer["judged"]
    deflated, overfit = answer["deflated_sharpe"], answer["overfit_probability"]
    return {
        "params": format_value(best["params"]) if best else "none",
        answer["objective"]: _number(best and best["metrics"].get(answer["objective"])),
        "deflated Sharpe": "not defined"
        if deflated is None
        else f"{deflated:.1%} likely to have any skill, after {counted(judged['trials'], 'trial')}",
        "overfitting": "not defined"
        if overfit is None
        else f"{overfit:.1%} likely that the best is no better than the median out of sample",
        "data": answer["data"],
        "results": answer["results"],
        "speed": f"{answer['trials_per_second']:,.1f} trials/s, {answer['remembered']:,} remembered",
    }

"""`veloz data …`: recordings and other people's tables as datasets, each a journal under the data folder."""

import argparse
from pathlib import Path
from typing import Any

from veloz.cli.failures import new_journal
from veloz.cli.ingest import add_instrument_words, ingest_as_said, split_inputs
from veloz.cli.main import add_common
from veloz.cli.outcome import EXIT_FAILED_CHECK, EXIT_OK, EXIT_WORLD, CommandError, print_json, print_table, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Words after `veloz data`."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, (_, line) in VERBS.items():
        verb = verbs.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
        if name == "import":
            verb.add_argument("files", nargs="+", metavar="FILE", help="files or folders; venue=PATH mixes venues")
            verb.add_argument("--name", help="the dataset; else the first file's name up to its first dot")
            verb.add_argument("--venue", metavar="V", help="whose data it is; often told by the files")
            add_instrument_words(verb)
        elif name != "list":
            verb.add_argument("dataset", metavar="NAME", help="a dataset's name, or its directory")
        if name == "export":
            verb.add_argument("--out", metavar="DIR", required=True, help="a new folder for the files")
            verb.add_argument("--kind", metavar="K", help="only this kind or topic, like md.trade or md.*")
        add_common(verb)


def run(args: argparse.Namespace) -> int:
    """Run the verb."""
    return int(VERBS[args.verb][0](args))


def _folder(args: argparse.Namespace) -> Path:
    from veloz.daemon.config import read_settings

    return read_settings(args.set).path("data_dir")


def _place(args: argparse.Namespace) -> Path:
    """The dataset a command is about.

    Raises:
        CommandError: There is none of that name.
    """
    from veloz.ingest.datasets import FILE, find_datasets, place_of

    folder = _folder(args)
    path = place_of(folder, args.dataset)
    if not (path / FILE).is_file():
        known = ", ".join(_name(folder, each) for each in find_datasets(folder)) or "none"
        raise CommandError(
            f"There is no dataset {args.dataset} in {folder}.",
            code="no_dataset",
            hint=f"There are: {known}. Make one with `veloz data import FILE`.",
        )
    return path


def _name(folder: Path, path: Path) -> str:
    """How a dataset is called: its place in the data folder."""
    return str(path.relative_to(folder)) if path.is_relative_to(folder) and path != folder else str(path)


def _show(args: argparse.Namespace, title: str, told: list[dict[str, Any]], **more: Any) -> None:
    one = told[0] if len(told) == 1 else None
    answer = {
        "datasets": told,
        "records": sum(each["records"] for each in told),
        "head_hash": one["head_hash"] if one else None,
        **more,
    }
    if args.json:
        print_json(answer)
        return
    for each in told:
        print_table(title if one else each["name"], {**each, **more})


def _list(args: argparse.Namespace) -> int:
    from veloz.ingest.datasets import describe_dataset, find_datasets

    folder = _folder(args)
    told = [describe_dataset(path, _name(folder, path)) for path in find_datasets(folder)]
    if args.json:
        _show(args, "", told)
    elif told:
        _print_list(f"datasets in {folder}", told)
    else:
        say(f"veloz: {folder} holds no datasets yet; `veloz data import FILE` makes one.")
    return EXIT_OK


def _print_list(title: str, told: list[dict[str, Any]]) -> None:
    """A line for each dataset."""
    from rich.console import Console
    from rich.table import Table

    from veloz.cli.outcome import format_moment

    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("name", style="cyan", overflow="fold")
    for name in ("records", "from", "to", "instruments"):
        table.add_column(name, justify="right" if name == "records" else "left", no_wrap=True)
    for each in told:
        moments = (each[name] for name in ("first_ts_ns", "last_ts_ns"))
        begin, end = ("" if ts is None else format_moment(ts)[:16] for ts in moments)
        symbols = [name.partition(":")[2] for name in each["instruments"]]
        more = f" and {len(symbols) - 1} more" if len(symbols) > 1 else ""
        table.add_row(each["name"], f"{each['records']:,}", begin, end, (symbols or ["none"])[0] + more)
    Console().print(table)


def _info(args: argparse.Namespace) -> int:
    from veloz.ingest.datasets import examine_dataset

    path = _place(args)
    _show(args, f"dataset {path}", [examine_dataset(path, _name(_folder(args), path))])
    return EXIT_OK


def _import(args: argparse.Namespace) -> int:
    from veloz.ingest.datasets import describe_dataset

    inputs = split_inputs(args.files, args.venue)
    folder = _folder(args)
    name = args.name or inputs[0][1].name.partition(".")[0]
    if not name or Path(name).is_absolute() or ".." in Path(name).parts:
        raise CommandError(
            f"{name!r} is no name of a dataset.", code="bad_name", hint="Give --name, like --name btcusdt."
        )
    path = folder / name
    with new_journal(path):
        answer = ingest_as_said(args, inputs, path)
    more = {name: answer[name] for name in ("added", "kinds", "damaged", "warnings", "seconds")}
    _show(args, f"imported into {path}", [describe_dataset(path, name)], **more)
    return EXIT_FAILED_CHECK if answer["damaged"] else EXIT_OK


def _export(args: argparse.Namespace) -> int:
    from veloz.cli.progress import Bar
    from veloz.contracts.registry import find_kinds
    from veloz.history.parquet import NotWritten, export_parquet, load_duckdb
    from veloz.ingest.datasets import describe_dataset

    path, out = _place(args), Path(args.out)
    kinds = set(find_kinds(args.kind)) if args.kind else None
    if kinds == set():
        raise CommandError(
            f"No kind of record is called {args.kind}.",
            code="unknown_kind",
            hint="Try md.trade, or md.* for all of a topic.",
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CommandError(f"{out} is there already and not empty.", code="not_empty", hint="Name a new folder.")
    if load_duckdb() is None:
        raise CommandError(
            "Parquet is written by DuckDB, which is not installed.",
            code="missing_extra",
            hint="Install the extra: `uv sync --extra report` in a clone, else pip install 'veloz[report]'.",
        )
    try:
        with Bar("export") as bar:
            rows, files = export_parquet(path, out, kinds, bar.update)
    except NotWritten as error:
        raise CommandError(
            f"The files cannot be written in {out}, and nothing of them is left: {error}.",
            code="not_writable",
            hint="Make room there, or name another folder by --out.",
            exit_code=EXIT_WORLD,
        ) from error
    told = describe_dataset(path, _name(_folder(args), path))
    _show(args, f"exported {path}", [told], out=str(out), rows=rows, parquet=[str(file) for file in files])
    return EXIT_OK


VERBS = {
    "list": (_list, "the datasets there are"),
    "info": (_info, "where a dataset comes from, what it holds and what is missing in it"),
    "import": (_import, "take files in as a dataset, each file once"),
    "export": (_export, "a dataset as Parquet files"),
}

"""The figures of a run for people: in their groups, as many beside each other as fit, each in its unit. JSON has them as they are."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from veloz.cli.outcome import format_duration, format_fraction

BESIDE: Final = 2  # figures on a line
GAP: Final = 2  # blanks between two columns
BALANCES: Final = (
    "account", "asset", "opened", "traded", "fees", "funding", "other", "total", "unrealized", "rate", "worth",
)  # fmt: skip
MARKETS: Final = ("symbol", "position", "mark", "mark_by", "cash", "realized", "unrealized", "money")
ALWAYS: Final = ("position", "total", "worth")
LEFT: Final = ("account", "asset", "symbol", "mark_by", "money")


def figure_text(unit: str, value: Any) -> str:
    """A figure in its unit (`definitions.UNITS`)."""
    if value is None:
        return "—"
    if unit == "percent":
        return f"{format_fraction(100.0 * value)} %"
    if unit == "ns":
        return format_duration(int(value))
    if unit == "count":
        return f"{value:,}"
    if unit == "bps":
        return f"{format_fraction(value)} bp"
    return format_fraction(value) if isinstance(value, float) else str(value)


def print_figures(metrics: Mapping[str, Any], asset: str) -> None:
    """All figures of a run on stdout."""
    from rich.console import Console
    from rich.table import Table

    from veloz.backtest.definitions import DEFINITIONS

    console = Console()
    groups = dict.fromkeys(each.group for each in DEFINITIONS)
    for group in groups:
        mine = [each for each in DEFINITIONS if each.group == group and each.name in metrics]
        title = f"{group} ({asset})" if any(each.unit == "money" for each in mine) else group
        table = Table(
            title=title, show_header=False, title_justify="left", title_style="bold", box=None, pad_edge=False
        )
        for _ in range(BESIDE):
            table.add_column(style="cyan", no_wrap=True, width=24)
            table.add_column(justify="right", no_wrap=True, width=14)
        rows = -(-len(mine) // BESIDE)
        cells = [(each.label, figure_text(each.unit, metrics[each.name])) for each in mine]
        for at in range(rows):
            pairs = cells[at::rows]
            table.add_row(*(cell for pair in pairs for cell in pair))
        if mine:
            console.print(table)


def print_standing(balances: Sequence[Mapping[str, Any]], markets: Sequence[Mapping[str, Any]]) -> None:
    """What equity at the end adds up from, on stdout: balances by account, and how each market stands in which something was executed.

    Symbols that two venues have are told with their venue. Columns of amounts that are 0 throughout are left out. What is wider than the
    terminal is told row by row, so that no amount is broken.
    """
    venues = Counter(row["symbol"] for row in markets)
    executed = [
        {**row, "symbol": f"{row['venue']}:{row['symbol']}"} if venues[row["symbol"]] > 1 else row
        for row in markets
        if row["fills"]
    ]
    for title, names, rows in (("Balances at the end", BALANCES, balances), ("Markets at the end", MARKETS, executed)):
        shown = [name for name in names if name in ALWAYS or any(row[name] != "0" for row in rows)]
        if rows:
            _print_rows(
                title, shown, [["—" if row[name] is None else str(row[name]) for name in shown] for row in rows]
            )


def _print_rows(title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """One line for each row where that fits, else a line for each value."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    beside = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in names:
        beside.add_column(name, justify="left" if name in LEFT else "right", no_wrap=True)
    for row in rows:
        beside.add_row(*row)
    if _width(names, *rows) <= console.width:
        console.print(beside)
        return
    console.print(title, style="bold")
    for row in rows:
        pairs = list(zip(names, row, strict=True))
        block = Table(show_header=False, box=None, pad_edge=False)
        block.add_column(style="cyan", no_wrap=True)
        block.add_column(justify="right", no_wrap=True)
        for pair in pairs:
            block.add_row(*pair)
        Console(width=max(console.width, _width(*pairs))).print(block, "")


def _width(*rows: Sequence[str]) -> int:
    """How wide a table of these rows is."""
    return sum(max(map(len, column)) + GAP for column in zip(*rows, strict=True)) - GAP

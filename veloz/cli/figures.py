"""The figures of a run for people: in their groups, as many beside each other as fit, each in its unit. JSON has them as they are."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from veloz.cli.outcome import format_duration, format_fraction

BESIDE: Final = 2  # figures on a line
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

    Columns of amounts that are 0 throughout are left out.
    """
    from rich.console import Console
    from rich.table import Table

    console = Console()
    executed = [row for row in markets if row["fills"]]
    for title, names, rows in (("Balances at the end", BALANCES, balances), ("Markets at the end", MARKETS, executed)):
        table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        shown = [name for name in names if name in ALWAYS or any(row[name] != "0" for row in rows)]
        for name in shown:
            table.add_column(name, justify="left" if name in LEFT else "right", overflow="fold")
        for row in rows:
            table.add_row(*("—" if row[name] is None else str(row[name]) for name in shown))
        if rows:
            console.print(table)

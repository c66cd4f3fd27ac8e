"""The HTML page of a run: one file that asks nobody for anything.

Everything a person wrote (names, paths, settings) is escaped here or reaches the scripts as data that they show as text. The page forbids
itself every request and every script and style but its own, which it names by their hashes.
"""

import base64
import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from veloz.backtest.metrics import Metric, Metrics, markout
from veloz.backtest.outcome import HORIZONS_S, RunResult, labels_of
from veloz.backtest.returns import monthly, period_name, window_of
from veloz.backtest.web.payload import payload_of
from veloz.instruments.units import decimal_text

HERE: Final = Path(__file__).parent
SCRIPTS: Final = ("columns.js", "charts.js", "tables.js", "page.js")
LARGE: Final = 1_000  # money whose small decimals nobody reads
HEAD_FIGURES: Final = ("net_pnl", "return", "sharpe", "max_drawdown", "fills", "win_rate")
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SHADES: Final = (0.005, 0.02, 0.05, 0.1)  # returns of a month at which its colour grows stronger
SPANS: Final = (
    (86_400_000_000_000, "d"),
    (3_600_000_000_000, "h"),
    (60_000_000_000, "min"),
    (1_000_000_000, "s"),
    (1_000_000, "ms"),
)


@cache
def library() -> str:
    """uPlot with its licence in front."""
    banner, _, code = (HERE / "uPlot.iife.min.js").read_text(encoding="utf-8").partition("\n")
    assert banner.startswith("/*!")
    version = banner.partition("(")[2].partition(")")[0]
    return f"/*! uPlot {version}\n\n{(HERE / 'LICENSE.uPlot').read_text(encoding='utf-8').strip()}\n*/\n{code.strip()}"


@cache
def own_script() -> str:
    """The page's own code."""
    parts = [(HERE / name).read_text(encoding="utf-8").strip() for name in SCRIPTS]
    return '"use strict";\n(() => {\n' + "\n".join(parts) + "\n})();"


@cache
def style() -> str:
    """The page's style, uPlot's in front."""
    return "\n".join((HERE / name).read_text(encoding="utf-8").strip() for name in ("uPlot.min.css", "page.css"))


def digest(text: str) -> str:
    """How a content security policy names an inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def policy() -> str:
    """What the page may do: run these two scripts, use this style, and show the icon that is in it."""
    return (
        f"default-src 'none'; script-src {digest(library())} {digest(own_script())}; style-src {digest(style())}; "
        "img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def page_of(result: RunResult, metrics: Metrics) -> str:
    """The whole page."""
    title = escape(result.name)
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        '<head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy())}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">',
        f'<link rel="icon" href="data:,"><title>{title} · VeloZ backtest</title>',
        f"<style>{style()}</style></head>",
        "<body>",
        _header(result, metrics),
        "<main>",
        _warnings(result),
        _charts(result, metrics),
        _months(result),
        _figures(metrics, result),
        _quality(result),
        _standing(result),
        _lists(result, metrics),
        _origin(result),
        _definitions(metrics),
        "</main>",
        '<div id="tip" role="tooltip" hidden></div>',
        f'<script type="application/json" id="data">{payload_of(result, metrics)}</script>',
        f"<script>{library()}</script>",
        f"<script>{own_script()}</script>",
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part)


# --- how numbers are told -------------------------------------------------------------------------------------------------


def moment(ts_ns: int) -> str:
    """A time UTC, to the second."""
    return datetime.fromtimestamp(ts_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def span(ns: float) -> str:
    """A length of time in its two largest units."""
    whole = round(ns)
    for at, (unit, name) in enumerate(SPANS[:-1]):
        if whole >= unit:
            rest = whole % unit // SPANS[at + 1][0]
            return f"{whole // unit} {name}" + (f" {rest} {SPANS[at + 1][1]}" if rest else "")
    return f"{whole / SPANS[-1][0]:.4g} ms"


def grouped(text: str) -> str:
    """A decimal text with narrow spaces between thousands."""
    sign, digits = ("−", text[1:]) if text.startswith("-") else ("", text)
    whole, dot, part = digits.partition(".")
    return f"{sign}{int(whole):,}".replace(",", "\u202f") + dot + part


def told(metric: Metric, asset: str) -> str:
    """The value of a figure for people, as HTML."""
    value, unit = metric.value, metric.definition.unit
    if value is None:
        return "—"
    if isinstance(value, str):
        return f"{escape(grouped(_rounded(value)))} <small>{escape(asset)}</small>"
    if unit == "percent":
        return f"{_plain(value * 100, 3)} %"
    if unit == "ns":
        return span(value)
    if unit == "count":
        return grouped(str(value))
    return f"{_plain(value, 3)} bps" if unit == "bps" else _plain(value, 3)


def _rounded(money: str) -> str:
    """Money with two decimals where it is large: the JSON report has all."""
    return f"{Decimal(money):.2f}" if abs(Decimal(money)) >= LARGE else money


def _plain(value: float, places: int) -> str:
    size = math.floor(math.log10(abs(value))) if value else 0
    if not -8 <= size < 9:
        return f"{value:.2e}".replace("-", "−")
    text = f"{value:.{max(places, 1 - size)}f}"
    return grouped(text) if float(text) else "0"


# --- parts ----------------------------------------------------------------------------------------------------------------


def _header(result: RunResult, metrics: Metrics) -> str:
    known = {each.name: each for each in metrics.all}
    cards = "".join(_card(known[name], result.asset) for name in HEAD_FIGURES)
    symbols = escape(", ".join(f"{each.symbol} ({each.venue})" for each in result.markets) or "no market")
    return (
        f'<header><div class="bar"><h1>{escape(result.name)}</h1>'
        '<button type="button" id="theme" hidden>Theme: system</button></div>'
        f"<p>{symbols} · {moment(result.began_ns)} – {moment(result.ended_ns)} UTC · "
        f"{span(result.ended_ns - result.began_ns)} · money in {escape(result.asset)}</p>"
        f'<div class="cards">{cards}</div></header>'
    )


def _tone(metric: Metric) -> str:
    """Gains and losses look different; other figures have no tone."""
    if (
        metric.name in ("net_pnl", "gross_pnl", "return", "annual_return", "sharpe", "sortino", "calmar")
        and metric.value
    ):
        return " loss" if str(metric.value).startswith("-") else " gain"
    return ""


def _card(metric: Metric, asset: str) -> str:
    """A figure with what it means behind it."""
    missing = f' data-missing="{escape(metric.reason)}"' if metric.value is None else ""
    return (
        f'<div class="card{_tone(metric)}" tabindex="0" aria-describedby="d-{metric.name}" data-means="{metric.name}"{missing}>'
        f"<span>{escape(metric.definition.label)}</span><b>{told(metric, asset)}</b></div>"
    )


def _section(name: str, title: str, body: str) -> str:
    return f'<section aria-labelledby="h-{name}"><h2 id="h-{name}">{title}</h2>{body}</section>'


def _table(first: str, heads: str, rows: str, kind: str = "") -> str:
    """A table that scrolls sideways where it is wider than the page."""
    name = f' class="{kind}"' if kind else ""
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{first}"><table{name}><thead><tr><th scope="col">{first}</th>'
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _warnings(result: RunResult) -> str:
    lines = [f"<li>{escape(each)}</li>" for each in result.warnings]
    for who, counts in (("The gate refused", result.refused), ("The venue rejected", result.rejected)):
        if counts:
            codes = ", ".join(f"{escape(code)} {count}" for code, count in sorted(counts.items()))
            many = sum(counts.values())
            orders = f"{grouped(str(many))} orders" if many > 1 else "an order"
            lines.append(f"<li>{who} {orders}, by code: {codes}.</li>")
    if result.gaps:
        count, lost = len(result.gaps), span(sum(each.to_ns - each.from_ns for each in result.gaps))
        gaps = f"{grouped(str(count))} gaps" if count > 1 else "a gap"
        lines.append(f'<li>The data have <a href="#h-gaps">{gaps}</a>, {lost} in all; the charts shade them.</li>')
    return _section("notes", "What to know about this run", f'<ul class="notes">{"".join(lines)}</ul>') if lines else ""


def _chart(name: str, label: str) -> str:
    return (
        f'<figure><figcaption>{label} <output id="{name}-read"></output></figcaption>'
        f'<div class="chart" id="{name}" role="img" tabindex="0" aria-label="{escape(label)}"></div></figure>'
    )


def _charts(result: RunResult, metrics: Metrics) -> str:
    window = window_of(len(metrics.returns))
    options = "".join(f'<option value="{at}">{escape(label)}</option>' for at, label in enumerate(labels_of(result)))
    picker = f'<label>Market <select id="market">{options}</select></label>' if len(result.markets) > 1 else ""
    buttons = "".join(
        f'<button type="button" data-move="{move}" aria-label="{label}" title="{label}">{sign}</button>'
        for move, label, sign in (
            ("in", "Zoom in", "+"), ("out", "Zoom out", "−"), ("left", "Earlier", "◀"), ("right", "Later", "▶"),
            ("all", "Whole run", "Whole run"),
        )
    )  # fmt: skip
    rolling = (
        _chart("rolling", f"Rolling Sharpe: of {window} returns, one per {period_name(metrics.period_ns)}")
        if len(metrics.returns) >= window
        else f'<p class="none">Rolling Sharpe: there are {len(metrics.returns)} returns, and a window has {window}.</p>'
    )
    body = (
        f'<div class="tools" id="zoom" hidden>{buttons}{picker}<span class="hint">Drag over a chart to zoom, double-click for all; '
        "keys in a chart: + − ← → 0</span></div>"
        '<noscript><p class="none">Charts and lists need the scripts of this page.</p></noscript>'
        + _chart("equity", f"Equity, {escape(result.asset)}")
        + _chart("fall", "Drawdown, %")
        + rolling
        + (_chart("price", "Price and executions") if result.markets else "")
    )
    return _section("charts", "Over time", body)


def _months(result: RunResult) -> str:
    years: dict[int, dict[int, Any]] = {}
    growth: dict[int, float] = {}
    for year, month, value in () if result.unvalued else monthly(result.ts_ns, result.equity):
        years.setdefault(year, {})[month] = value
        growth[year] = growth.get(year, 1.0) * (1.0 + value if isinstance(value, float) else 1.0)
    head = "".join(f'<th scope="col">{each}</th>' for each in (*MONTHS, "Year"))
    rows = "".join(
        f'<tr><th scope="row">{year}</th>{"".join(_month(months.get(at)) for at in range(1, 13))}{_month(growth[year] - 1.0)}</tr>'
        for year, months in years.items()
    )
    table = _table("UTC", head, rows, "months")
    return _section("months", "Returns by month, %", table)


def _month(value: Any) -> str:
    if not isinstance(value, float):
        return "<td></td>"
    strength = sum(abs(value) >= shade for shade in SHADES)
    tone = f' class="{"n" if value < 0 else "p"}{strength}"' if strength else ""
    return f"<td{tone}>{_plain(value * 100, 2)}</td>"


def _figures(metrics: Metrics, result: RunResult) -> str:
    groups = groupby(metrics.all, key=lambda each: each.definition.group)
    blocks = "".join(
        f'<div class="group"><h3>{escape(name)}</h3>'
        f'<div class="cards small">{"".join(_card(each, result.asset) for each in members)}</div></div>'
        for name, members in groups
    )
    note = '<p class="hint">What a figure means is shown when it is pointed at or focused, and listed at the end of the page.</p>'
    return _section("figures", "Figures", note + blocks)


def _quality(result: RunResult) -> str:
    fills = result.fills
    parts = (("All", fills), ("Had rested (maker)", fills[fills["maker"]]), ("Took (taker)", fills[~fills["maker"]]))
    head = "".join(f'<th scope="col">{f"{s} s after" if s else "just before"}</th>' for s in HORIZONS_S)
    rows = ""
    for name, part in parts:
        values = (markout(part, result, s) for s in HORIZONS_S)
        cells = "".join(
            f"<td>{_plain(value, 3)}</td>" if isinstance(value, float) else f'<td title="{escape(value.reason)}">—</td>'
            for value in values
        )
        rows += f'<tr><th scope="row">{name}</th><td>{grouped(str(len(part)))}</td>{cells}</tr>'
    table = _table("Executions", f'<th scope="col">Count</th>{head}', rows)
    return _section("quality", "Fill quality: mid against price, bps", table)


MARKET_HEADS: Final = ("Position", "Valued at", "By", "Cash", "Realized", "Unrealized")
BALANCE_HEADS: Final = (
    "Asset", "At first", "Traded", "Fees", "Funding", "Other", "At the end", "Unrealized", "Rate", "Worth",
)  # fmt: skip


def _standing(result: RunResult) -> str:
    """What equity at the end adds up from."""
    markets = "".join(
        _row(f"{each.symbol} ({each.venue})", _position(result, at), *_texts(each.standing), each.money)
        for at, each in enumerate(result.markets)
        if each.standing is not None
    )
    balances = "".join(_row(f"{each.account} ({each.venue})", *list(_texts(each))[2:]) for each in result.balances)
    if not markets and not balances:
        return ""
    heads = [
        "".join(f'<th scope="col">{each}</th>' for each in names) for names in ((*MARKET_HEADS, "In"), BALANCE_HEADS)
    ]
    hint = (
        '<p class="hint">At the end = at first + traded − fees + funding + other. Equity is the sum of all worths: '
        f"what is there at the end and unrealized, in {escape(result.asset)}.</p>"
    )
    return _section(
        "standing", "At the end", hint + _table("Account", heads[1], balances) + _table("Market", heads[0], markets)
    )


def _texts(told: Any) -> Iterable[str]:
    return (getattr(told, each.name) for each in fields(told))


def _position(result: RunResult, at: int) -> str:
    mine = result.fills["position"][result.fills["market"] == at]
    market = result.markets[at]
    return decimal_text(int(mine[-1]) if len(mine) else market.position_start, market.qty_scale)


def _row(first: str, *cells: str) -> str:
    told = "".join(f"<td>{escape(each) or '—'}</td>" for each in cells)
    return f'<tr><th scope="row">{escape(first)}</th>{told}</tr>'


def _tab(name: str, label: str, count: str, *, chosen: bool) -> str:
    return (
        f'<button type="button" role="tab" id="tab-{name}" aria-controls="list" aria-selected="{str(chosen).lower()}">'
        f"{label} ({count})</button>"
    )


def _lists(result: RunResult, metrics: Metrics) -> str:
    trades, trips = grouped(str(len(result.fills))), grouped(str(len(metrics.trips)))
    body = (
        '<div class="tools" role="tablist" aria-label="Lists">'
        f"{_tab('trades', 'Executions', trades, chosen=True)}{_tab('trips', 'Round trips', trips, chosen=False)}"
        '<span class="hint">Heads sort. In the list: ↑ ↓ and Enter, which shows the row in the charts.</span></div>'
        '<div id="list" role="tabpanel" aria-labelledby="tab-trades"></div>'
    )
    return _section("trades", "Trades", body)


def _pairs(rows: Iterable[tuple[str, Any]]) -> str:
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(str(value)) or "—"}</td></tr>' for name, value in rows
    )
    return (
        f'<div class="wide"><table class="pairs"><tbody>{lines}</tbody></table></div>'
        if lines
        else '<p class="none">None.</p>'
    )


def flat(values: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, Any]]:
    """Nested settings as `a.b.c`, value; tables of a list by their place in it."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{above}{name}.")
        elif isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
            for place, each in enumerate(value, 1):
                yield from flat(each, f"{above}{name}.{place}.")
        else:
            yield f"{above}{name}", value


def _origin(result: RunResult) -> str:
    hashes = [
        ("config hash", result.config_hash), ("result hash", result.result_hash), ("state hash", result.state_hash),
        ("result journal", result.journal), ("seed", result.seed),
    ]  # fmt: skip
    for at, each in enumerate(result.data, start=1):
        name = "data" if len(result.data) == 1 else f"data {at}"
        hashes += [
            (name, each.path), (f"{name}: head hash", each.head_hash),
            (f"{name}: rows", f"{grouped(str(each.rows))}, from {each.first_seq} to {each.last_seq}"),
            (f"{name}: receive stamps moved by", f"{grouped(str(each.shift_ns))} ns"),
        ]  # fmt: skip
    known = [(name, value) for name, value in hashes if value != ""]
    gaps = "".join(
        f"<tr><td>{escape(each.symbol) or 'all'}</td><td>{moment(each.from_ns)}</td><td>{moment(each.to_ns)}</td>"
        f"<td>{span(each.to_ns - each.from_ns)}</td><td>{escape(each.what)}</td></tr>"
        for each in result.gaps
    )
    heads = "".join(f'<th scope="col">{each}</th>' for each in ("From, UTC", "To, UTC", "Length", "What"))
    table = _table("Market", heads, gaps, "words")
    return (
        _section("settings", "Parameters", _pairs(flat(result.settings)))
        + _section(
            "origin", "Where this comes from", _pairs([*known, *result.figures.items(), *result.versions.items()])
        )
        + _section("gaps", "Gaps in the data", table if gaps else '<p class="none">None.</p>')
    )


def _definitions(metrics: Metrics) -> str:
    lines = "".join(
        f'<dt>{escape(each.definition.label)} <code>{each.name}</code></dt><dd id="d-{each.name}">{escape(each.definition.text)}</dd>'
        for each in metrics.all
    )
    return _section("definitions", "What the figures mean", f"<dl>{lines}</dl>")

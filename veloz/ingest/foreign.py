"""Which foreign table a file is, by its first bytes; and what its name and the operator say of the instrument in it."""

import re
import zipfile
from pathlib import Path
from typing import Final

from veloz.ingest.archive import Depth, Trades, find_archive
from veloz.ingest.candles import LEAN_NS, Bars, Named, find_candles, find_lean, name_candles, name_lean
from veloz.ingest.faults import EXIT_DAMAGED, IngestError
from veloz.ingest.files import ARRAY_NAME
from veloz.ingest.given import Given, need_interval, need_symbol
from veloz.ingest.npz import MAGIC, Npz
from veloz.ingest.stream import find_symbol
from veloz.ingest.table import Table
from veloz.ingest.tardis import find_tardis, open_tardis, venue_of

_LEADING: Final = re.compile(r"([A-Z0-9]+(?:_PERP|_\d{6})?)[-_](?:trades|aggTrades|depth|T_DEPTH|bookDepth)")
FIRST_LINE_MAX: Final = 1_000


def detect_table(head: bytes, line: str) -> str:
    """Form of a file that holds no messages; empty when it is none we know.

    Args:
        head: Its first unpacked bytes.
        line: Its first line that is not blank.
    """
    if head.startswith(MAGIC):
        return "npz"
    if find_candles(head, line[:FIRST_LINE_MAX]):
        return "candles"
    if len(line) >= FIRST_LINE_MAX:
        return ""
    if find_tardis(line):
        return "tardis"
    if found := find_archive(line):
        return found[0]
    return "lean" if find_lean(line) else ""


def describe_table(path: Path, venue: str, head: bytes, fmt: str, given: Given) -> tuple[str, Table]:
    """What reads a foreign table, and the venue it is of.

    Args:
        path: The file.
        venue: As said; "" = not said.
        head: Its first unpacked bytes.
        fmt: A name of `forms.TABLES`, or auto.
        given: What the operator says.

    Raises:
        IngestError: It is none of that form, or its instrument, its venue or the length of its bars is not known.
    """
    text = head.decode("utf-8", "replace").lstrip()
    line, _, rest = text.partition("\n")
    form = detect_table(head, line.rstrip("\r")) if not head.startswith(MAGIC) else "npz"
    if not form or (fmt != "auto" and fmt != form):
        raise IngestError(
            f"{path} is no table of the form {fmt}.",
            code="unknown_format",
            hint="Leave --format out, or check the path.",
        )
    if form == "npz":
        array = _member(path).removesuffix(".npy")
        key = array if path.suffix == ".npz" and f"{array}.npy" != ARRAY_NAME and array != path.name else ""
        where = need_venue(path, venue, given)
        return where, Npz(need_symbol(path, where, given, find_symbol(b"", path)), key)
    if form == "tardis":
        columns = find_tardis(line.rstrip("\r"))
        assert columns is not None
        return need_venue(path, venue or venue_of(rest), given), open_tardis(columns)
    if form in ("candles", "lean"):
        return _describe_bars(path, venue, head, line.rstrip("\r"), form, given)
    archive = find_archive(line.rstrip("\r"))
    assert archive is not None
    where = need_venue(path, venue, given)
    if form == "depth":
        return where, Depth(archive[1], archive[2])
    found = _LEADING.match(path.name)
    symbol = need_symbol(path, where, given, found[1] if found else find_symbol(b"", path), certain=bool(found))
    return where, Trades(form, symbol, archive[1], archive[2])


def _describe_bars(path: Path, venue: str, head: bytes, line: str, form: str, given: Given) -> tuple[str, Table]:
    """A file of bars. Errors as `describe_table`."""
    columns: tuple[str, ...] | None
    if form == "lean":
        named, columns, header = name_lean(path, _member(path)), find_lean(line), False
        if not named.day_ns:
            raise IngestError(
                f"{path} does not say of which day it is.", code="unnamed", hint="Name it like 20221213_trade.zip."
            )
        venue = venue or _lean_venue(path, named)
    else:
        named = name_candles(path)
        columns, header = find_candles(head, line) or (None, False)
        if named.what == "funding":
            raise IngestError(
                f"{path} holds funding rates, which are not taken from candle files.",
                code="unknown_format",
                hint="State funding in the run's configuration.",
            )
    assert columns is not None
    named_ns = named.interval_ns or (LEAN_NS if form == "lean" and not given.interval else 0)
    interval_ns = need_interval(path, given, named_ns)
    where = need_venue(path, venue, given)
    symbol = need_symbol(path, where, given, named.symbol, certain=named.certain)
    return where, Bars(form, symbol, columns, header, interval_ns, named.what, named.day_ns, given.tick_kept)


def _member(path: Path) -> str:
    """Name of the one file within a zip; the file's own where it is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            return ARRAY_NAME if ARRAY_NAME in names else names[0]
    except (zipfile.BadZipFile, IndexError, OSError):
        return path.name


def _lean_venue(path: Path, named: Named) -> str:
    """The venue that the folders or the name of a Lean file speak of."""
    words = re.split(r"[/\\]|__", str(path.absolute()).lower())
    future = "cryptofuture" in words
    if "coinbase" in words or "gdax" in words:
        return "coinbase"
    if "bybit" in words:
        return "bybit_linear" if future else "bybit_spot"
    if "binance" in words:
        return "binance_spot" if not future else "binance_coinm" if named.symbol.endswith("USD") else "binance_usdm"
    return ""


def need_venue(path: Path, venue: str, given: Given) -> str:
    """The venue of a file: as found, else the one of the symbol or of the product.

    Raises:
        IngestError: Nobody says it.
    """
    where = venue or given.venue
    if not where:
        raise IngestError(
            f"Nothing says which venue {path} is from.",
            code="no_venue",
            hint="Give --venue V (other, where it has no name here), or --product spot, linear or inverse.",
        )
    return where


def damaged(path: Path, reason: str) -> IngestError:
    """A file of which nothing is taken."""
    return IngestError(
        f"{path} is damaged, and nothing of it was taken: {reason}.",
        code="damaged_input",
        hint="Get it once more.",
        exit_code=EXIT_DAMAGED,
    )

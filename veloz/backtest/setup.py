"""From settings and a recording to a run that may begin: everything that can be wrong is found here, before anything is written."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from journal import Reader, View
from veloz.backtest.desk import Desk
from veloz.backtest.feed import Feed, Survey, survey
from veloz.backtest.keys import SettingsError
from veloz.backtest.marking import Lacking, lacking_of, marker_of
from veloz.backtest.prelude import Named, require_params, strategy_rows, world_rows
from veloz.backtest.prices import Ladder, ladders_of
from veloz.backtest.runner import Run, Sink, Venue, Watcher
from veloz.backtest.settings import Runs, Settings
from veloz.backtest.world import Traded, World, make_world
from veloz.contracts.codes import Product
from veloz.contracts.registry import AGGTRADE, BAR, DATA_NAMED, LEVEL, MARK, TRADE, VENUE_LEVEL, VENUE_TRADE
from veloz.history.names import read_catalogue
from veloz.history.results import naming_of
from veloz.instruments.instrument import Instrument
from veloz.reducers.bars import INTERVAL_NAMES, INTERVALS_NS, SECOND_NS
from veloz.strategies.host import Host
from veloz.strategies.loader import Library, Refused
from veloz.strategies.sdk import Wakes

UNREADABLE: Final = (
    FileNotFoundError,
    NotADirectoryError,
    IsADirectoryError,
    ValueError,
)  # mistakes in what was written
SOURCE_BYTES_MAX: Final = 256 << 10
LIBRARIES_MAX: Final = 8
_LEVELS, PRINTS = (LEVEL.number, VENUE_LEVEL.number), (TRADE.number, VENUE_TRADE.number, AGGTRADE.number)
MODEL_KINDS: Final = {"queue": _LEVELS + PRINTS, "book": _LEVELS, "trades": PRINTS, "bars": (BAR.number,)}
MODEL_LOOKS: Final = {
    "queue": "levels of the book and trades",
    "book": "levels of the book",
    "trades": "trades",
    "bars": "bars",
}


@dataclass(frozen=True)
class Prepared:
    """What any run begins with, whether its market is recorded or comes in now."""

    settings: Settings
    world: World
    ladders: dict[int, Ladder]
    library: Library
    sources: dict[str, str]
    limits: str
    named: Named  # the data, or where the feed is from
    begin_ns: int


@dataclass(frozen=True)
class Plan(Prepared):
    """A run on a recording that may begin."""

    data: Path
    found: Survey
    printed: frozenset[int]  # instruments whose trades the data hold one by one; of paper nobody knows
    lacking: tuple[Lacking, ...] = ()  # mark prices and funding that are made, as the data have none


MakeVenue = Callable[[Plan], Venue]


def make_plan(
    settings: Settings,
    data: Path,
    first: int = 1,
    last: int | None = None,
    walk: Callable[[Path, int, int, int, bool], Survey] | None = None,
) -> Plan:
    """Walk over the data and see whether the settings can be run on them.

    Args:
        settings: The run's.
        data: Journal of the recording.
        first, last: Rows of it that count; None: to its head.
        walk: Says what the rows between two of them hold; None: `survey`.

    Raises:
        SettingsError: They cannot.
        journal.ReadError: The recording cannot be read.
    """
    head, digest, listed, paper_run = read_recording(data, first, last)
    if last is None or last > head:
        last = head
    if last < first:
        raise SettingsError(f"The data at {data} hold no row of the range that is asked for; choose another one.")
    world = make_world([each.instrument for each in listed], settings)
    folded_from = fold_from(listed, world, first)
    paper = settings["data.clock"] == "receive" or (paper_run is not None and not settings["data.clock"])
    found = (walk or _survey)(data, first, last, folded_from, paper)
    if not found.rows:
        raise SettingsError(f"The data at {data} hold no row of a market; import a recording first.")
    for each in world.traded:
        if each.number not in found.instruments:
            raise SettingsError(
                f"The data hold no row of {each.instrument.symbol}; choose another instrument or range."
            )
    lacking = lacking_of(world, settings, found)
    _check_suits(settings["match.model"], world, found)
    if settings["account.margin"]:
        _require_marks(world, found, lacking)
    traded = [each.number for each in world.traded]
    shift = 0 if paper else found.shift_ns(traded, settings["latency.feed_base_ns"])
    least = found.least_lag_ns(traded)
    if not paper and least + shift < 0 and least < 0:
        raise SettingsError(
            f"The data reach the desk up to {-least} ns before the venue; "
            "their stamps are taken as they stand, so correct them first."
        )
    library, sources = library_of(settings)
    _check_bars(settings, world, found, library)
    limits = limits_of(settings)
    named = Named(first, last, shift, paper, str(data.resolve()), digest, folded_from if found.known_ns else 0)
    begin = found.begin_ns(shift)
    if paper:
        live = paper_run is not None and paper_run.seq >= first
        begin = paper_run.ts_ns if paper_run is not None and live else max(found.first_recv_ns, found.known_ns)
    world_rows(world, settings, named, begin, limits)
    strategy_rows(world, settings.strategies, library, sources, begin)
    covers = settings["match.compat"] == "none" and not paper
    ladders = ladders_of(world, found.middles(first=paper), settings, found.spans() if covers else None)
    return Plan(
        settings, world, ladders, library, sources, limits, named, begin,
        data=data, found=found, printed=_printed(found, paper), lacking=tuple(lacking),
    )  # fmt: skip


class Began(NamedTuple):
    """Where and when a run on paper began."""

    seq: int
    ts_ns: int


class Listed(NamedTuple):
    """An instrument over the rows that count."""

    instrument: Instrument  # its newest version; its quanta are those of the first row
    counted_from: int  # the first row from which on it is counted in these quanta
    counted_until: int  # the last one; 0: to the end of the rows that count


class Recording(NamedTuple):
    """What a recording is, before its rows are looked at."""

    head: int
    digest: str  # names it
    listed: list[Listed]
    paper: Began | None  # the run on paper that recorded it


def read_recording(data: Path, first: int = 1, last: int | None = None) -> Recording:
    """See what a recording is.

    Args:
        data: Its journal.
        first, last: Rows of it that count; None: to its head.

    Raises:
        SettingsError: It is none.
        journal.ReadError: It cannot be read.
    """
    with Reader.open(data) as reader, reader.view() as view:
        if naming_of(view) is not None:
            raise SettingsError(
                f"{data} is the result of a backtest and holds no data; name the recording it was run on."
            )
        head = view.head()[0]
        if not head:
            raise SettingsError(f"The journal at {data} is empty; import a recording first.")
        batch = view.batch_at(min(last or head, head))
        assert batch is not None
        catalogue = read_catalogue(view, batch.last)
        listed = [_as_listed(catalogue.versions(each.number), first, min(last or head, head)) for each in catalogue]
        return Recording(head, batch.digest.hex(), listed, paper_began(view, batch.last))


def paper_began(view: View, last: int) -> Began | None:
    """The run on paper that recorded the rows up to a number; None where none did."""
    for batch in view.scan(1, last, kinds={DATA_NAMED.number}):
        rows = batch.rows.view(DATA_NAMED.view)
        said = np.flatnonzero((rows["kind"] == DATA_NAMED.number) & (rows["venue_clock"] == 1))
        if len(said):
            return Began(batch.first + int(said[0]), int(rows["ts_recv"][said[0]]))
    return None


def _as_listed(versions: Sequence[tuple[int, Instrument]], first: int, last: int) -> Listed:
    """An instrument as the first row that counts has it, with what later versions say that changes no quantum."""
    at = max((k for k, (seq, _) in enumerate(versions) if seq <= first), default=0)
    scales, begin = versions[at][1].scales, at
    while begin and versions[begin - 1][1].scales == scales:
        begin -= 1
    newest, until = versions[at][1], 0
    for seq, each in versions[at + 1 :]:
        if seq > last:
            break
        if each.scales != scales:
            until = seq - 1
            break
        newest = each
    return Listed(newest, versions[begin][0] if begin else 1, until)


def fold_from(listed: Sequence[Listed], world: World, first: int) -> int:
    """The first row that can be folded in front of those that count: from there on everything traded is counted alike.

    Raises:
        SettingsError: Quanta of what is traded change within the rows that count.
    """
    traded = {each.number for each in world.traded}
    mine = [each for each in listed if each.instrument.number in traded]
    for each in mine:
        if each.counted_until:
            raise SettingsError(
                f"The data count {each.instrument.symbol} in other quanta from row {each.counted_until + 1} on; "
                "run the two parts apart, by data.from and data.to."
            )
    return min(max((each.counted_from for each in mine), default=1), first)


def _printed(found: Survey, paper: bool) -> frozenset[int]:
    plain = (TRADE.number, VENUE_TRADE.number)
    return frozenset() if paper else frozenset(number for kind, number in found.kinds if kind in plain)


def _survey(data: Path, first: int, last: int, folded_from: int, receive: bool) -> Survey:
    return survey(data, first, last, folded_from=folded_from, receive=receive)


def library_of(settings: Settings) -> tuple[Library, dict[str, str]]:
    """The code of the strategies: what comes with the program, and the text of the files that the settings name.

    Raises:
        SettingsError: It cannot be read or run.
        OSError: It is there, and nobody lets us read it.
    """
    sources: dict[str, str] = {}
    for each in settings.strategies:
        file = each.code.rpartition(":")[0]
        if not file.endswith(".py"):
            continue
        path = settings.folder / file
        try:
            text = path.read_text(encoding="utf-8")
        except UNREADABLE:
            raise SettingsError(f"{path}, the code of strategy {each.name}, cannot be read; check its path.") from None
        if len(text.encode()) > SOURCE_BYTES_MAX:
            raise SettingsError(f"{path} is longer than {SOURCE_BYTES_MAX} bytes, which no strategy needs.")
        sources[file] = text
    try:
        return _library_of(tuple(sources.items())), sources
    except Refused as error:
        raise SettingsError(f"{str(error).rstrip('.')}.") from None


def check_strategies(settings: Settings) -> None:
    """See what needs no data: that the code of the strategies is at hand, and has the parameters that are named.

    Raises:
        SettingsError: It has not.
        OSError: A file is there, and nobody lets us read it.
    """
    library, _ = library_of(settings)
    for each in settings.strategies:
        try:
            library.body_of(each.full_code)
        except Refused as error:
            raise SettingsError(f"{str(error).rstrip('.')}.") from None
        code = library.newest(each.full_code)
        assert code is not None, each
        require_params(code, each)


@lru_cache(maxsize=LIBRARIES_MAX)
def _library_of(sources: tuple[tuple[str, str], ...]) -> Library:
    """A library is only read from: runs of the same texts share it, and what was compiled for it."""
    return Library(sources)


def limits_of(settings: Settings) -> str:
    """Text of the file of limits; "" where none is named. Raises SettingsError; OSError where nobody lets us read it."""
    file: str = settings["limits.file"]
    if not file:
        return ""
    try:
        return (settings.folder / file).read_text(encoding="utf-8")
    except UNREADABLE:
        raise SettingsError(f"limits.file is {settings.folder / file}, which cannot be read; check its path.") from None


def _require_marks(world: World, found: Survey, lacking: Sequence[Lacking]) -> None:
    """See that there is what liquidations go by. Raises SettingsError."""
    made = {each.instrument for each in lacking if each.mark_of}
    for each in world.traded:
        if (
            each.product is not Product.SPOT
            and each.number not in made
            and (MARK.number, each.number) not in found.kinds
        ):
            raise SettingsError(
                f"account.margin liquidates at the mark price, of which the data hold none of {each.instrument.symbol}; set mark.source to "
                "last or mid, take data with mark prices, or leave account.margin out."
            )


def _check_suits(model: str, world: World, found: Survey) -> None:
    """See that the data hold what the matching model looks at.

    Raises:
        SettingsError: They do not. It says which model would suit.
    """
    for each in world.traded:
        suits = [
            name for name, kinds in MODEL_KINDS.items() if any((kind, each.number) in found.kinds for kind in kinds)
        ]
        if model in suits:
            continue
        way_out = f"set match.model to {' or '.join(suits)}, which suits them" if suits else "take other data"
        raise SettingsError(
            f"match.model is {model} and fills by {MODEL_LOOKS[model]}, of which the data hold none of {each.instrument.symbol}; "
            f"{way_out}."
        )


def waits_for_bars(
    settings: Settings, world: World, library: Library
) -> Iterator[tuple[Runs, tuple[str, ...], Traded]]:
    """Whom nothing but bars that close tells of bars: strategies, the intervals each waits for, and an instrument of which."""
    for each in settings.strategies:
        code = library.newest(each.full_code)
        wakes = code.made.wakes if code is not None else Wakes()
        if wakes.bars and not any("md.bar" in (event, getattr(event, "kind", "")) for event in wakes.events):
            for traded in [world.named(symbol) for symbol in each.instruments] or list(world.traded):
                yield each, wakes.bars, traded


def _check_bars(settings: Settings, world: World, found: Survey, library: Library) -> None:
    """See that bars can close for whoever waits for them: they are made of trades, or of stated bars that they are multiples of.

    Raises:
        SettingsError: A strategy would never be woken by them.
    """
    for each, names, traded in waits_for_bars(settings, world, library):
        if any((kind, traded.number) in found.kinds for kind in (TRADE.number, AGGTRADE.number)):
            continue
        shortest_ns = found.shortest_ns.get(traded.number, 0)
        for name in names:
            if not shortest_ns or INTERVALS_NS[INTERVAL_NAMES.index(name)] % shortest_ns:
                label = world.label(traded)
                there = f"neither trades of {label} nor bars of it that begin at multiples of their length"
                there = f"bars of {label} of {shortest_ns // SECOND_NS:,} s, which make none" if shortest_ns else there
                raise SettingsError(
                    f"Strategy {each.name} waits for bars of {name}, and the data hold {there}; "
                    "let it wait for bars that can be made of what there is, or take other data."
                )


def make_run(
    plan: Plan,
    venue: Venue,
    sink: Sink,
    watchers: Iterable[Watcher] = (),
    *,
    asks_always: bool = False,
) -> Run:
    """A run with its beginning taken.

    Args:
        plan: What is run.
        venue: Made for it.
        sink, watchers: As in `Run`.
        asks_always: As in `Desk`.
    """
    named = plan.named
    begin = named.folded_from or named.first_seq
    feed = Feed(
        plan.data, begin, named.last_seq, shift_ns=named.shift_ns, back_ns=plan.found.back_ns, receive=named.paper,
        marker=marker_of(plan.world, plan.lacking),
    )  # fmt: skip
    desk = Desk(Host(plan.library), asks_always=asks_always)
    run = Run(desk, venue, feed, total=plan.found.rows, sink=sink, watchers=watchers)
    for rows in (
        world_rows(plan.world, plan.settings, named, plan.begin_ns, plan.limits),
        strategy_rows(plan.world, plan.settings.strategies, plan.library, plan.sources, plan.begin_ns),
    ):
        run.begin(rows.rows(), rows.bodies)
    if named.folded_from:
        run.fold_to(named.first_seq, plan.begin_ns)
        desk.host.know(desk.state)
    return run

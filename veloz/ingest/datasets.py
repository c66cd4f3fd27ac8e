"""Datasets: journals of recordings under the data folder, known by their head hash."""

from pathlib import Path
from typing import Any, Final

from journal import Reader
from veloz.history.gaps import GapFinder, find_gaps
from veloz.history.names import read_catalogue
from veloz.history.results import read_naming
from veloz.history.summary import count_kinds
from veloz.ingest.faults import IngestError
from veloz.ingest.progress import Record, read_records
from veloz.ingest.tally import FIRST_TS, FRAMES, LAST_TS, RECORDS
from veloz.instruments.units import counted

FILE: Final = "data.mdb"


def find_datasets(folder: Path) -> list[Path]:
    """Journals of recordings in a folder and in the folders within it, by name: results of backtests lie there too, and are none."""
    if not folder.is_dir():
        return []
    found = {path.parent for pattern in (FILE, f"*/{FILE}", f"*/*/{FILE}") for path in folder.glob(pattern)}
    return sorted(path for path in found if read_naming(path) is None)


def place_of(folder: Path, word: str) -> Path:
    """The directory of a dataset: the path itself where there is one, else the dataset of that name in the folder."""
    path = Path(word)
    return path if path.exists() else folder / word


def describe_dataset(path: Path, name: str) -> dict[str, Any]:
    """A dataset in a few figures; reads no row."""
    with Reader.open(path) as reader, reader.view() as view:
        head, digest = view.head()
        records = read_records(view)
        stats = view.stats()
        instruments = [f"{each.venue}:{each.symbol}" for each in read_catalogue(view)]
    firsts = [one.sums[FIRST_TS] for one in records if len(one.sums) > FIRST_TS and one.sums[FIRST_TS]]
    lasts = [one.sums[LAST_TS] for one in records if len(one.sums) > LAST_TS and one.sums[LAST_TS]]
    return {
        "name": name,
        "path": str(path),
        "records": head,
        "head_hash": digest.hex(),
        "first_ts_ns": min(firsts, default=None),
        "last_ts_ns": max(lasts, default=None),
        "bytes": stats.bytes,
        "instruments": instruments,
        "files": len(records),
    }


def examine_dataset(path: Path, name: str) -> dict[str, Any]:
    """All that can be said of a dataset: where it comes from, what it holds, what is missing in it. Reads every row."""
    told = describe_dataset(path, name)
    with Reader.open(path) as reader, reader.view() as view:
        records = read_records(view)
        catalogue = read_catalogue(view)
        kinds, finder = count_kinds(view), find_gaps(view)
    return {
        **told,
        "kinds": kinds,
        "sources": [_source(one) for one in records],
        "gaps": dict(finder.counts),
        "missing_bars": finder.missing_bars,
        "largest_gaps": largest(finder, {each.number: f"{each.venue}:{each.symbol}" for each in catalogue}),
    }


def _source(record: Record) -> dict[str, Any]:
    """One file of a dataset."""
    return {
        "file": record.name,
        "form": record.form,
        "venue": record.venue,
        "symbol": record.symbol,
        "sha256": record.digest.hex(),
        "bytes": record.size,
        "records": record.sums[RECORDS] if len(record.sums) > RECORDS else 0,
        "whole": record.whole and not record.damage,
        "damage": record.damage or None,
    }


def tell_damage(path: Path) -> list[str]:
    """A sentence of each file that was damaged when a journal took it; none of a journal that took no files."""
    with Reader.open(path) as reader, reader.view() as view:
        try:
            records = read_records(view)
        except IngestError as error:
            return [str(error)]
    return [
        f"{one.name} was damaged when the data were taken from it: {one.damage}. They hold its first "
        f"{counted(one.sums[FRAMES], 'message')} and nothing behind them; get it once more and import it into the same dataset."
        for one in records
        if one.damage
    ]


def largest(finder: GapFinder, names: dict[int, str], many: int = 10) -> list[dict[str, Any]]:
    """The longest gaps, longest first."""
    chosen = sorted(finder.gaps, key=lambda gap: (gap.begin_ns - gap.end_ns, gap.begin_ns))[:many]
    return [{**gap._asdict(), "instrument": names.get(gap.instrument, str(gap.instrument))} for gap in chosen]

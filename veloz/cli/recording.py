"""What a run is on: the journal of a recording, or a dataset made once of the files that are named."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from veloz.cli.failures import new_journal
from veloz.cli.outcome import CommandError, say

if TYPE_CHECKING:
    from veloz.daemon.config import Settings
    from veloz.ingest.given import Given

TABLES: Final = (".npz", ".npy", ".csv", ".zip", ".json", ".parquet")


def find_recording(words: Sequence[str], settings: Any, own: "Settings") -> Path:
    """The journal of the recording: the one that is named, or one that the named files are imported into, once.

    Raises:
        SettingsError: Something is not there.
    """
    from veloz.backtest.keys import SettingsError

    inputs = [_input_of(word, settings, own.path("data_dir")) for word in words]
    if not all(words) or not words:
        raise SettingsError(
            'No data are named; give data.path or --data ("sample": the recording that comes with the program).'
        )
    for word, (_, path) in zip(words, inputs, strict=True):
        if not path.exists():
            raise SettingsError(
                f"There are no data at {word}: neither a file or folder, seen from here or from {settings.folder}, nor a dataset of that "
                "name; `veloz data list` tells the datasets, and data.path or --data takes any path."
            )
    journals = [path for _, path in inputs if (path / "data.mdb").is_file()]
    if len(inputs) == 1 and journals:
        return journals[0]
    if journals:
        raise SettingsError(
            f"{journals[0]} is a journal, and a run is on one; name it alone, or put all recordings into one by "
            "`veloz ingest venue=FILE … --journal DIR`."
        )
    return _import(inputs, settings, own)


def _input_of(word: str, settings: Any, datasets: Path) -> tuple[str, Path]:
    """Venue and place of one of the data: `venue=PATH`, a path of what data.venue says, or a dataset's name."""
    from veloz.backtest.keys import SAMPLE
    from veloz.contracts.codes import VENUES

    named, equals, rest = word.partition("=")
    venue, path = (named, rest) if equals and named in VENUES else (settings["data.venue"], word)
    if path == SAMPLE:
        return venue, _sample(venue)
    placed = _placed(path, settings.folder)
    dataset = datasets / path
    return venue, dataset if path and not placed.exists() and (dataset / "data.mdb").is_file() else placed


def _placed(word: str, folder: Path) -> Path:
    """Where a path of the file or of the command line leads: the working directory first, then the folder of the file."""
    path = Path(word).expanduser()
    return path if path.is_absolute() or path.exists() else folder / path


def _sample(venue: str) -> Path:
    folder = Path(__file__).resolve().parent.parent / "sample" / venue
    return next(iter(sorted(folder.glob("*.gz"))), folder / "sample.gz")


def _import(inputs: Sequence[tuple[str, Path]], settings: Any, own: "Settings") -> Path:
    """A dataset of the files: made once, found again by what is in them."""
    from veloz.cli.ingest import ingest_files, warn_of_space

    paths = [path for _, path in inputs]
    name = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in paths[0].name.partition(".")[0])
    place = own.path("data_dir") / "datasets" / f"{name}-{_hash_of(inputs, settings)[:16]}"
    whole = place / "imported"
    if not whole.is_file():
        say(f"importing {', '.join(str(path) for path in paths)} into {place}")
        there = place.exists()
        warn_of_space(inputs, place)
        try:
            with new_journal(place):
                answer = ingest_files(list(inputs), place, given=_given(paths, settings), unsafe_fs=True)
            if answer["damaged"]:
                raise CommandError(
                    "Nothing was run: {file} is damaged: {reason}.".format(**answer["damaged"][0]),
                    code="damaged_input",
                    hint="Get it once more; or take what is sound in it by `veloz data import FILE`, and give --data the dataset's name.",
                )
        except CommandError:
            if not there:
                shutil.rmtree(place, ignore_errors=True)
            raise
        whole.write_text("\n".join(str(path.resolve()) for path in paths) + "\n")
    return place


def _given(paths: Sequence[Path], settings: Any) -> "Given | None":
    """What the settings say of the instrument of a foreign table; None where files tell of their instruments themselves."""
    from veloz.backtest.keys import text_of
    from veloz.ingest.given import Given, split_symbol

    if not any(path.suffix in TABLES for path in paths):
        return None
    texts = {
        name: text_of(number) if (number := settings[f"instrument.{name}"]) else ""
        for name in ("tick", "lot", "multiplier")
    }
    symbols = settings["instrument.symbol"]
    symbol = split_symbol(symbols[0])[1] if len(symbols) == 1 else ""
    return Given(symbol=symbol, product=settings["instrument.kind"], of_run=True, **texts)


def _hash_of(inputs: Sequence[tuple[str, Path]], settings: Any) -> str:
    """Of the bytes of all files, and of the venues they are said to be from."""
    from blake3 import blake3

    digest = blake3(f"{_given([path for _, path in inputs], settings)}".encode())
    for venue, path in inputs:
        digest.update(venue.encode())
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(file.name.encode())
                digest.update_mmap(file)
    return digest.hexdigest()

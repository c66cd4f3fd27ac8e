"""One run of a sweep, as everybody here speaks of it: what is asked, what comes back, and who can do it."""

import hashlib
import importlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

Value = Decimal | int | str | bool
Params = dict[str, Value]


class SweepError(Exception):
    """A sweep cannot be made, or cannot go on. The text is one sentence and the way out."""


class Refused(Exception):
    """These settings cannot be run, and never will be: the trial has no result. The text is one sentence."""


def plain(value: Value) -> int | str | bool:
    """A value as JSON holds it: exact numbers with a fraction as text."""
    return decimal_text(value) if isinstance(value, Decimal) else value


def decimal_text(number: Decimal) -> str:
    """A number without exponent and without trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def literal(value: Value) -> str:
    """A value as TOML writes it: texts in quotes, so that "1" and 1 stay two things."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value)
    return decimal_text(value) if isinstance(value, Decimal) else str(value)


def words_of(settings: Mapping[str, Value]) -> tuple[str, ...]:
    """Settings as `key=value` words in the order of their names."""
    return tuple(f"{name}={literal(value)}" for name, value in sorted(settings.items()))


def digest_of(*parts: str) -> str:
    """Hash of some texts, lower-case hex; where one ends and the next begins counts."""
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Job:
    """A run that is asked for."""

    number: int
    settings: Params
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What came of a run. The same data, settings, seed and code give the same one, wherever it was run."""

    result_hash: str
    metrics: dict[str, Any] = field(default_factory=dict)
    returns: tuple[float, ...] = ()  # of equal stretches of the data's time
    refused: str = ""  # why there is no result

    def value(self, metric: str) -> float | None:
        """A metric as a number; None where the run has none of that name or it is not defined."""
        said = self.metrics.get(metric)
        if said is None or isinstance(said, bool) or self.refused:
            return None
        try:
            number = float(said)
        except (TypeError, ValueError):
            return None
        return number if abs(number) < float("inf") else None


@dataclass(frozen=True)
class Done:
    """A run that is over."""

    number: int
    outcome: Outcome
    seconds: float


class Work(Protocol):
    """What a sweep runs, opened once a process."""

    data_hash: str
    code_hash: str
    seed: int  # of a run, where the space does not name one
    span_ns: tuple[int, int]  # first and last moment of the data

    def config_hash(self, settings: Params) -> str:
        """What names the configuration with these settings. Raises Refused where one is not known or does not fit."""

    def run(self, settings: Params, seed: int) -> Outcome:
        """Run it. Raises Refused."""


@dataclass(frozen=True)
class Opener:
    """How any process, here or elsewhere, opens the work: `module:function` and what the function is given."""

    place: str
    context: dict[str, Any]

    def open(self) -> Work:
        """Open it: reads the data's head, compiles what runs need."""
        module, _, name = self.place.partition(":")
        return getattr(importlib.import_module(module), name)(**self.context)  # type: ignore[no-any-return]

    @property
    def name(self) -> str:
        """The same for the same work."""
        return digest_of(self.place, json.dumps(self.context, sort_keys=True, default=str))


class Executor(Protocol):
    """Who runs jobs. Results come in any order, all that are there at once together."""

    def run(self, jobs: Iterable[Job]) -> Iterator[list[Done]]:
        """Run every job; takes them one by one, as there is room."""

    def close(self) -> None:
        """Give everything back."""


def attempt(work: Work, job: Job) -> Outcome:
    """Run one job; a refusal is an outcome."""
    try:
        return work.run(job.settings, job.seed)
    except Refused as refused:
        return Outcome("", refused=str(refused))

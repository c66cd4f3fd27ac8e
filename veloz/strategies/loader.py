"""From source text to strategies. The text is given by whoever reads files; nothing is run that was not given here.

A text has a name, its hash and its classes. A journal names code by hash only: what stands in a body is never run, it is looked up
here. Before anything of a text runs it is read (`law.py`); it runs among a few names only (`world.py`), and what it leaves outside of
`self` must not be able to change (`still.py`). All of it keeps honest authors honest; it is no prison for hostile code.
"""

import hashlib
from collections.abc import Iterable, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, Final, NamedTuple

from veloz.contracts.command import StrategyBody
from veloz.contracts.registry import BY_NAME, DECISIONS
from veloz.reducers.bars import INTERVAL_NAMES
from veloz.strategies import sdk
from veloz.strategies.law import checked, faults_of
from veloz.strategies.still import first_loose
from veloz.strategies.world import BUILTINS

BUILT_IN: Final = ("quoter", "trend")  # modules of this package
FORMS: Final = ("python", "kernel")


class Refused(ValueError):
    """A text that cannot be used, in one sentence. `code`: codes.Refusal, for a row."""


class Version(NamedTuple):
    """Of the SDK: the first number breaks, the second adds."""

    major: int
    minor: int

    @property
    def number(self) -> int:
        """As a row tells it: major · 1000 + minor."""
        return self.major * 1000 + self.minor


def read_version(text: str) -> Version | None:
    """`1.0` or `1.0.3` as numbers; None when it is no version."""
    parts = text.split(".") if isinstance(text, str) else []
    if not 2 <= len(parts) <= 3 or not all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
        return None
    return Version(int(parts[0]), int(parts[1]))


OURS: Final = read_version(sdk.SDK_VERSION)


def is_compatible(wanted: Version | None) -> bool:
    """Whether this SDK keeps what a version promised: the same first number, and not newer than ours."""
    assert OURS is not None
    return wanted is not None and wanted.major == OURS.major and wanted.minor <= OURS.minor


class Code(NamedTuple):
    """One strategy class that may be run."""

    name: str  # as a journal's body names it: `quoter:Quoter`, `FILE.py:Class`
    code_hash: str  # blake2b of its source, lower-case hex
    made: type[sdk.Strategy]

    @property
    def number(self) -> int:
        """The hash as a row tells it: its first 63 bits."""
        return number_of(self.code_hash)


def hash_of(source: str) -> str:
    """Name of a source text: blake2b of its UTF-8 bytes, 32 bytes, lower-case hex."""
    return hashlib.blake2b(source.encode(), digest_size=32).hexdigest()


def number_of(code_hash: str) -> int:
    """The first 63 bits of a hash in hex."""
    return int(code_hash[:16], 16) >> 1


def read_built_in(module: str) -> list[Code]:
    """The strategies of a module of this package.

    Raises:
        Refused: It is none, or cannot be used.
    """
    if module not in BUILT_IN:
        raise Refused(
            f"{module} is no built-in strategy: there are {', '.join(BUILT_IN)}; a file is named FILE.py:Class."
        )
    loaded = import_module(f"veloz.strategies.{module}")
    # pure: the text of the very code that runs, which no argument could name better
    source = loaded.__loader__.get_source(loaded.__name__)  # type: ignore[union-attr]
    return _codes(loaded, module, source)


def read_source(name: str, source: str) -> list[Code]:
    """The strategies of a text that its owner wants to be run.

    Args:
        name: What people call it; for a file its name without folders.
        source: The whole text.

    Raises:
        Refused: It does what a strategy must not do, cannot be run, or has no strategy in it.
    """
    faults = faults_of(source, name)
    if faults:
        raise Refused(faults[0])
    module = ModuleType(f"strategy:{name.removesuffix('.py')}")  # no module of ours or of Python is called so
    vars(module)["__builtins__"] = dict(BUILTINS)
    try:
        # pure: the text is an argument, and was checked
        exec(compile(checked(source, name), f"<{name}>", "exec", dont_inherit=True), vars(module))
    except KeyboardInterrupt:  # a text cannot say this name: it is the user's own
        raise
    except BaseException as error:
        raise Refused(f"{name} cannot be loaded: {_sentence(error)}") from error
    loose = first_loose(module)
    if loose is not None:
        raise Refused(
            f"{name} keeps {loose} outside of self, where it can change and no snapshot carries it: keep it in self, or make it a tuple."
        )
    return _codes(module, name, source)


def _sentence(error: BaseException) -> str:
    """What an error says, where no code of the text has a say in it."""
    ours = type(error).__module__ == "builtins" and all(type(word) in (str, int) for word in error.args)
    return f"{type(error).__name__}: {error}" if ours else type(error).__name__


def _codes(module: ModuleType, name: str, source: str) -> list[Code]:
    made = [
        Code(f"{name}:{each.__name__}", hash_of(source), each)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, sdk.Strategy) and each.__module__ == module.__name__
    ]
    for code in made:
        _check_class(code)
    if not made:
        raise Refused(f"{name} has no strategy in it: write a class that extends sdk.Strategy.")
    return made


def _check_class(code: Code) -> None:
    """Refuse declarations that mean nothing. A version we cannot serve is no fault here: it is refused where it is loaded."""
    made, what = code.made, code.name
    if read_version(made.written_for) is None:
        raise Refused(
            f'{what} does not say which SDK it was written for: add `written_for = "{sdk.SDK_VERSION.rpartition(".")[0]}"`.'
        )
    names = [param.name for param in made.params]
    for param in made.params:
        if param.unit not in sdk.UNITS or param.rounding not in sdk.ROUNDINGS or names.count(param.name) != 1:
            raise Refused(
                f"{what}: parameter {param.name} has a unit or rounding that does not exist, or a name that is there twice."
            )
    for event in made.wakes.events:
        kind = event.kind if isinstance(event, sdk.On) else event
        if kind not in BY_NAME or BY_NAME[kind] in DECISIONS:
            raise Refused(f"{what} wakes on {kind}: that is no kind of input; specs/kinds.txt lists them.")
    for interval in made.wakes.bars:
        if interval not in INTERVAL_NAMES:
            raise Refused(f"{what} wakes on bars of {interval}: there are {' '.join(INTERVAL_NAMES)}.")
    for timer in made.wakes.timers:
        unit = next((param.unit for param in made.params if param.name == timer), None)
        if not (isinstance(timer, int) and timer > 0) and unit != "ns":
            raise Refused(f"{what}: timer {timer} is neither an interval above 0 ns nor a parameter in ns.")
    _check_change(code)
    if (
        not 0 < made.budget <= sdk.BUDGET_MAX
        or not 0 <= made.depth <= sdk.DEPTH_MAX
        or not 0 <= made.history <= sdk.HISTORY_MAX
    ):
        raise Refused(
            f"{what}: budget is 1 … {sdk.BUDGET_MAX}, depth at most {sdk.DEPTH_MAX}, history at most {sdk.HISTORY_MAX}."
        )


def _check_change(code: Code) -> None:
    """Refuse `if_changed` where it means nothing."""
    wakes, what = code.made.wakes, code.name
    wanted = wakes.if_changed
    units = [param.unit for param in code.made.params if param.name == wanted]
    if not isinstance(wanted, bool) and units != ["flag"]:
        raise Refused(f"{what}: if_changed is {wanted}, which is neither True nor False nor a parameter of unit flag.")
    if wanted and not wakes.timers:
        raise Refused(f"{what} wants its beats told only if something changed, and has no timers.")


class Library:
    """All code that may be run, by hash and name. Built-ins are in it; further texts are added by who trusts them."""

    def __init__(self, sources: Iterable[tuple[str, str]] = ()) -> None:
        """`sources`: (name, text) of files that the user gave. Raises Refused."""
        self._codes: dict[tuple[int, str], Code] = {}
        for module in BUILT_IN:
            self._add(read_built_in(module))
        for name, source in sources:
            self._add(read_source(name, source))

    def _add(self, codes: Sequence[Code]) -> None:
        for code in codes:
            self._codes[code.number, code.name] = code

    def find(self, number: int, name: str) -> Code | None:
        """The code with the first 63 bits of this hash and this name; None when it is not at hand."""
        return self._codes.get((number, name))

    def newest(self, name: str) -> Code | None:
        """The code called so that was added last: what a person means who writes a command."""
        return next((code for code in reversed(self._codes.values()) if code.name == name), None)

    def body_of(self, name: str, **words: Any) -> tuple[int, StrategyBody]:
        """Hash number and body of a control.strategy row that loads or replaces with this code.

        Args:
            name: `quoter:Quoter`, `FILE.py:Class`.
            words: Other fields of StrategyBody: instruments, params, form.

        Raises:
            Refused: It is not at hand.
        """
        code = self.newest(name)
        if code is None:
            known = ", ".join(each.name for each in self._codes.values())
            raise Refused(f"There is no strategy {name}: known are {known}.")
        label = words.pop("label", name)
        return code.number, StrategyBody(
            name=label, code=name, code_hash=code.code_hash, sdk=code.made.written_for, **words
        )

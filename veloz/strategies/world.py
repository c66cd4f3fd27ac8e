"""What the text of a strategy finds around it: a few modules with their public names, and builtins that are the same every time.

No module is handed out itself: a text gets a likeness that has the public names and nothing else. What would tell where an object lies in
memory is missing (`id`, `hash`, `object`) or looks first (`str`, `repr`, `format`, `ascii`): only plain values become texts.
"""

import builtins
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cache
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any, Final, TypeVar

import numpy as np

from veloz.strategies import sdk

SDK_MODULE: Final = "veloz.strategies.sdk"
PLAIN: Final = "__plain__"  # what looks at a value before it becomes a text; a text cannot say such a name
ALLOWED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({  # the public names of a module; () = all it says are public
    "__future__": (), "abc": ("ABC", "abstractmethod"),
    "bisect": ("bisect", "bisect_left", "bisect_right", "insort", "insort_left", "insort_right"),
    "collections": ("ChainMap", "Counter", "OrderedDict", "abc", "defaultdict", "deque", "namedtuple"), "collections.abc": (),
    "dataclasses": ("KW_ONLY", "FrozenInstanceError", "InitVar", "asdict", "astuple", "dataclass", "field", "replace"),
    "decimal": (
        "Decimal", "Context", "localcontext", "DecimalException", "DivisionByZero", "InvalidOperation", "Inexact", "Overflow", "Underflow",
        "ROUND_CEILING", "ROUND_DOWN", "ROUND_FLOOR", "ROUND_HALF_DOWN", "ROUND_HALF_EVEN", "ROUND_HALF_UP", "ROUND_UP", "ROUND_05UP",
    ),
    "enum": ("Enum", "Flag", "IntEnum", "IntFlag", "StrEnum", "auto", "unique"), "fractions": ("Fraction",),
    "functools": ("cmp_to_key", "partial", "reduce", "total_ordering"),
    "heapq": ("heapify", "heappop", "heappush", "heappushpop", "heapreplace", "merge", "nlargest", "nsmallest"),
    "itertools": (), "math": (),
    "statistics": (
        "StatisticsError", "correlation", "covariance", "fmean", "geometric_mean", "harmonic_mean", "linear_regression", "mean", "median",
        "median_grouped", "median_high", "median_low", "mode", "multimode", "pstdev", "pvariance", "quantiles", "stdev", "variance",
    ),
    "typing": (
        "Any", "Callable", "ClassVar", "Deque", "Dict", "Final", "Generic", "Iterable", "Iterator", "List", "Literal", "Mapping",
        "NamedTuple", "NewType", "Optional", "Protocol", "Self", "Sequence", "Tuple", "TypeAlias", "TypedDict", "TypeVar", "Union",
        "cast", "final", "overload",
    ),
    SDK_MODULE: (), "veloz.strategies": ("sdk",),
})  # fmt: skip
_TAKEN: Final = (  # builtins that a text has as they are; exceptions besides
    "__build_class__", "abs", "all", "any", "bin", "bool", "bytearray", "bytes", "callable", "chr", "classmethod", "complex", "dict",
    "divmod", "enumerate", "filter", "float", "hex", "int", "isinstance", "issubclass", "iter", "len", "list", "map", "max", "min",
    "next", "oct", "ord", "pow", "property", "range", "reversed", "round", "slice", "sorted", "staticmethod", "sum", "super", "tuple",
    "zip", "True", "False", "None", "Ellipsis", "NotImplemented",
)  # fmt: skip
_PLAIN_TYPES: Final = (type(None), bool, int, float, complex, str, bytes, bytearray, range, Decimal, Fraction)
_DEEP: Final = 32
T = TypeVar("T")


@cache
def public_names(module: str) -> tuple[str, ...]:
    """Names of an allowed module that a text may reach."""
    loaded = import_module(module)
    names = ALLOWED[module] or getattr(loaded, "__all__", None) or [name for name in vars(loaded) if name[0] != "_"]
    return tuple(name for name in names if hasattr(loaded, name))


@cache
def likeness(module: str) -> ModuleType:
    """A module that has the public names of another, and nothing else."""
    made = ModuleType(module)
    loaded = import_module(module)
    for name in sorted(public_names(module)):
        whole = f"{module}.{name}"
        vars(made)[name] = likeness(whole) if whole in ALLOWED else getattr(loaded, name)
    for name in ("__loader__", "__spec__"):
        del vars(made)[name]
    return made


def _import(
    name: str, names: object = None, scope: object = None, wanted: tuple[str, ...] | None = None, level: int = 0
) -> ModuleType:
    """What `import` means in a text. `import a.b` gives a, `from a.b import c` gives a.b."""
    if level or name not in ALLOWED:
        raise ImportError(f"a strategy cannot import {name}")
    if wanted:
        return likeness(name)
    top = name.partition(".")[0]
    if top not in ALLOWED:
        raise ImportError(f"write `from veloz.strategies import {name.rpartition('.')[2]}`")
    return likeness(top)


def is_plain(value: object, depth: int = 0) -> bool:
    """Whether the text of a value is the same every time: numbers, texts, enums, structs of the SDK, and containers of these."""
    kind = type(value)
    if kind in _PLAIN_TYPES:
        return True
    if depth > _DEEP:
        return False
    if isinstance(value, Enum):
        return is_plain(value.value, depth + 1)
    if kind is list or kind is deque:
        return all(is_plain(each, depth + 1) for each in value)  # type: ignore[attr-defined]
    if isinstance(value, tuple) and (kind is tuple or hasattr(kind, "_fields")):
        return all(is_plain(each, depth + 1) for each in tuple.__iter__(value))
    if kind is dict:
        return all(is_plain(each, depth + 1) for pair in value.items() for each in pair)  # type: ignore[attr-defined]
    return isinstance(value, np.number | sdk.Intent | sdk.Param | sdk.On | sdk.Wakes)


def plain(value: T) -> T:
    """The value itself. Raises TypeError where its text would say where it lies in memory."""
    if not is_plain(value):
        raise TypeError("only plain values become texts: another's text would say where it lies in memory")
    return value


class _TextType(type):
    """Stands for `str`: everything that is a str is one of it."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, str)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, str)

    def __call__(cls, value: object = "", *words: Any, **named: Any) -> Any:
        return str(plain(value), *words, **named)


class _Text(str, metaclass=_TextType):
    __slots__ = ()


_EXCEPTIONS: Final = {
    name: each
    for name, each in vars(builtins).items()
    if isinstance(each, type) and issubclass(each, Exception) and not name.startswith("_")
}
BUILTINS: Final[Mapping[str, Any]] = MappingProxyType({
    **{name: getattr(builtins, name) for name in _TAKEN if hasattr(builtins, name)},
    **_EXCEPTIONS,
    "str": _Text,
    "repr": lambda value: repr(plain(value)),
    "ascii": lambda value: ascii(plain(value)),
    "format": lambda value, how="": format(plain(value), how),
    "__import__": _import,
    PLAIN: plain,
})  # fmt: skip

"""Whether a text keeps memory outside of `self`: a value of its module or of a class that can change.

Such a value is shared by all strategies of the text and is in no snapshot. It is looked for after the text has run, in the globals, in the
classes, and in what functions bring along (defaults, closures). A type that is not known here counts as one that can change.
"""

import functools
from collections.abc import Iterator
from dataclasses import is_dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from types import (
    BuiltinFunctionType,
    FunctionType,
    GenericAlias,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    UnionType,
)
from typing import Any, Final

import msgspec
import numpy as np

_STILL: Final = (
    type(None), bool, int, float, complex, str, bytes, range, Decimal, Fraction, type(Ellipsis), type(NotImplemented), GenericAlias,
    UnionType,
    ModuleType, GetSetDescriptorType, MemberDescriptorType,
)  # fmt: skip
_MADE_BY_PYTHON: Final = ("_abc_impl", "_field_defaults", "_is_protocol", "_is_runtime_protocol")


def first_loose(module: ModuleType) -> str | None:
    """Name of a value of a module that can change, like `SEEN` or `Class.seen`; None where there is none."""
    seen: list[object] = []
    for name, value in vars(module).items():
        if not (name.startswith("__") and name.endswith("__")):
            found = _loose(value, name, module.__name__, seen)
            if found is not None:
                return found
    return None


def _loose(value: Any, name: str, home: str, seen: list[object]) -> str | None:
    """The name of what can change in a value, or None. `home`: the module whose classes are looked into."""
    kind = type(value)
    if (
        kind in _STILL
        or any(each is value for each in seen)
        or (kind is FunctionType and value.__globals__.get("__name__") != home)
    ):
        return None
    seen.append(value)
    if isinstance(value, type):
        parts = _parts_of_class(value, name) if value.__module__ == home else iter(())
    elif isinstance(value, Enum) or kind.__module__ == "typing" or isinstance(value, np.integer | np.dtype):
        return None
    else:
        inner = _parts(value, name)
        if inner is None:
            return name
        parts = inner
    for inside, each in parts:
        found = _loose(each, inside, home, seen)
        if found is not None:
            return found
    return None


def _parts_of_class(made: type, name: str) -> Iterator[tuple[str, Any]]:
    for base in made.__mro__[1:]:
        yield base.__name__, base
    enum = issubclass(made, Enum)
    for word, value in list(vars(made).items()):
        if (
            (word.startswith("__") and word.endswith("__"))
            or word in _MADE_BY_PYTHON
            or (enum and word.startswith("_"))
        ):
            continue
        if type(value).__name__ != "_tuplegetter":
            yield f"{name}.{word}", value


def _parts(value: Any, name: str) -> Iterator[tuple[str, Any]] | None:
    """(name, value) of what a value consists of; None where it can change itself, or nobody knows."""
    if isinstance(value, tuple):
        return ((name, each) for each in tuple.__iter__(value))
    if isinstance(value, FunctionType):
        return _parts_of_function(value, name)
    if isinstance(value, staticmethod | classmethod | MethodType):
        owner = (value.__self__,) if isinstance(value, MethodType) else ()
        return ((name, each) for each in (value.__func__, *owner))
    if isinstance(value, property):
        return ((name, each) for each in (value.fget, value.fset, value.fdel))
    if isinstance(value, functools.partial):
        return ((name, each) for each in (value.func, *value.args, *value.keywords.values()))
    if isinstance(value, BuiltinFunctionType):
        return iter(((name, value.__self__),))
    if isinstance(value, msgspec.Struct) and value.__struct_config__.frozen:
        return ((name, getattr(value, field)) for field in value.__struct_fields__)
    if is_dataclass(value) and not isinstance(value, type) and type(value).__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return ((name, each) for each in vars(value).values()) if hasattr(value, "__dict__") else None
    if hasattr(value, "py_func"):  # a kernel, compiled
        return iter(((name, value.py_func),))
    return None


def _parts_of_function(function: FunctionType, name: str) -> Iterator[tuple[str, Any]]:
    cells = [cell.cell_contents for cell in function.__closure__ or () if _is_full(cell)]
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    wrapped = vars(function).get("__wrapped__")
    return ((f"{name}()", each) for each in (*cells, *defaults, wrapped))


def _is_full(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False

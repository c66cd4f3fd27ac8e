"""The decorators of every compiled function. One line here changes the whole house.

`kernel` is a piece of a fold and disappears into its caller; `cold` stays a call, so that rare work does not cost the hot loop its
registers; `entry` is what Python calls, once a batch; `guest` is what the author of a strategy
wrote. Reference counting is compiled out (`_nrt=False`): it cost a factor of 25 on a fold, and without it a kernel that tries to
allocate does not compile. `forceinline` is LLVM's attribute: as fast as numba's own inliner at a twentieth of the compile time.

numba's cache does not see a changed callee in another file, so the cache directory is named after a hash
of every source that can change machine code.
"""

import functools
import hashlib
import inspect
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import numba
import numpy as np
from numba import types
from numba.core import config as _numba_config

from veloz.contracts.bundle import Bundle, opener, opener_at
from veloz.contracts.linking import attach

config: Any = _numba_config  # its settings exist only at run time
F = TypeVar("F", bound=Callable[..., Any])
_IMPORT: Final = re.compile(
    r"^(?:from|import) (veloz(?:\.\w+)+)", re.MULTILINE
)  # what a module has at its top: kernels see nothing else


def _kernel_sources(package: Path) -> list[Path]:
    """Files that compile something, and all they import of ours: whatever can change machine code."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(package.rglob("*.py"))}
    wanted = [path for path, text in texts.items() if "veloz.contracts.kernel import" in text]
    seen: set[Path] = set()
    while wanted:
        path = wanted.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in _IMPORT.findall(texts[path]):
            stem = package.joinpath(*name.split(".")[1:])
            wanted += [found for found in (stem.with_suffix(".py"), stem / "__init__.py") if found in texts]
            if stem.is_dir():
                wanted += [found for found in stem.glob("*.py") if found in texts]
    return sorted(seen)


def _source_hash() -> str:
    """A name for the machine code these sources give."""
    digest = hashlib.blake2b(digest_size=10)
    digest.update(f"{numba.__version__} {np.__version__} {config.BOUNDSCHECK}".encode())
    package = Path(__file__).resolve().parent.parent
    for path in [Path(__file__).resolve(), *_kernel_sources(package)]:
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def digest_sources(*rooms: str) -> str:
    """A name for what the sources of some rooms mean: it differs when any line of them does.

    Args:
        rooms: Folders below the package, like `reducers`.

    Returns:
        Lower-case hex.
    """
    digest = hashlib.blake2b(digest_size=16)
    package = Path(__file__).resolve().parent.parent
    for room in rooms:
        for path in sorted((package / room).glob("*.py")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _cache_root() -> Path:
    # pure: where machine code is kept changes no result
    base = os.environ.get("VELOZ_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")  # pure: as above
    return Path(base) / "veloz" if base else Path.home() / ".cache" / "veloz"


if "NUMBA_CACHE_DIR" not in os.environ:  # pure: see _cache_root
    config.CACHE_DIR = str(_cache_root() / _source_hash())

CHECKED: Final = bool(config.BOUNDSCHECK)
_OPTIONS: Final[dict[str, Any]] = {
    "error_model": "numpy", "_nrt": False, "boundscheck": CHECKED, "cache": True, "nogil": True, "no_cfunc_wrapper": True,
}  # fmt: skip


def _compiled(function: Callable[..., Any], *, sealed: bool = False, **options: Any) -> Any:
    dispatcher = numba.njit(**{**_OPTIONS, **options})(function)
    return dispatcher if config.DISABLE_JIT else attach(dispatcher, sealed)


def kernel(function: F) -> F:
    """A piece of a fold: compiled, and inlined into its caller."""
    return _compiled(function, forceinline=True)  # type: ignore[no-any-return]


def cold(function: F) -> F:
    """A rare piece of a fold: compiled once, and kept a call."""
    return _compiled(function, sealed=True)  # type: ignore[no-any-return]


class Entry:
    """A compiled function as Python calls it: bundles among its arguments cross as their tables. Kernels may call it too."""

    def __init__(self, function: Callable[..., Any], opened: list[type[Bundle] | None]) -> None:
        self.kernel = _compiled(function)
        self._numba_type_ = types.Dispatcher(self.kernel)  # what a kernel that names this object calls
        self._crossing = _compiled(_crossing(function, self.kernel, opened))
        self._call = _with_tables(self._crossing, opened)
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any) -> Any:
        """Call it with tables in place of bundles."""
        return self._call(*args)


def _with_tables(crossing: Callable[..., Any], opened: list[type[Bundle] | None]) -> Callable[..., Any]:
    """A function that gives `crossing` the tables of bundles."""
    names = [f"a{place}" for place in range(len(opened))]
    given = [f"{name}.table" if bundle else name for name, bundle in zip(names, opened, strict=True)]
    made: Callable[..., Any] = eval(
        f"lambda {', '.join(names)}: crossing({', '.join(given)})", {"crossing": crossing}
    )  # pure: as below
    return made


def _crossing(function: Callable[..., Any], inner: Any, opened: list[type[Bundle] | None]) -> Callable[..., Any]:
    """A function that opens tables and calls `inner`. It bears the file of `function`, where numba looks for what may be cached."""
    names = [f"a{place}" for place in range(len(opened))]
    given = [f"open{place}({name})" if opened[place] else name for place, name in enumerate(names)]
    name = f"cross_{function.__name__}"
    text = f"def {name}({', '.join(names)}):\n    return inner({', '.join(given)})\n"
    known: dict[str, Any] = {"inner": inner, "__name__": function.__module__}
    known.update({f"open{place}": opener(bundle) for place, bundle in enumerate(opened) if bundle})
    exec(compile(text, function.__code__.co_filename, "exec"), known)  # pure: the text is of this function alone
    crossing: Callable[..., Any] = known[name]
    return crossing


def entry(function: F) -> F:
    """What Python calls, once a batch or less: compiled, releases the interpreter lock. A parameter annotated with a class of
    `bundle.Bundle` takes such a bundle.
    """
    if config.DISABLE_JIT:
        return function
    annotations = [parameter.annotation for parameter in inspect.signature(function).parameters.values()]
    opened = [each if isinstance(each, type) and issubclass(each, Bundle) else None for each in annotations]
    if any(opened):
        return Entry(function, opened)  # type: ignore[return-value]
    return _compiled(function)  # type: ignore[no-any-return]


def guest(function: F) -> F:
    """Somebody else's kernel: every index is checked, always; kept in the cache only where it has a file of its own."""
    return numba.njit(**{**_OPTIONS, "boundscheck": True, "cache": _has_file(function)})(function)  # type: ignore[no-any-return]


def _has_file(function: Callable[..., Any]) -> bool:
    return not function.__code__.co_filename.startswith("<")


class Door(NamedTuple):
    """A guest as a function of one bundle, its seat."""

    call: Callable[[Any], Any]  # from Python: whatever it raises is raised
    address: int  # for `bundle.caller`; 0 where it is not compiled, or gives something else than an int64


def door_of(
    guest: Callable[..., Any],
    seat: type[Bundle],
    window: type[Bundle],
    names: Sequence[str],
    window_of: Callable[[Any], Any],
) -> Door:
    """What a guest is called by: it finds all its arguments in its seat, so that one word crosses.

    Args:
        guest: A function under `guest`, of positional parameters: a bundle, then arrays.
        seat: Class of the bundle that has the arrays. Its array `shown` is the table of the guest's first argument.
        window: Class of the guest's first argument.
        names: What the seat calls the guest's other arguments.
        window_of: The first argument out of a seat, un-compiled.
    """
    if config.DISABLE_JIT:
        return Door(lambda each: guest(window_of(each), *(getattr(each, name) for name in names)), 1)
    function: Any = guest.py_func  # type: ignore[attr-defined]
    name = f"door_{function.__name__}_{function.__code__.co_firstlineno}"
    given = ", ".join(["window_at(seat.shown)", *(f"seat.{each}" for each in names)])
    text = f"def {name}(address):\n    seat = seat_at(address)\n    return guest({given})\n"
    known = {"guest": guest, "seat_at": opener_at(seat), "window_at": opener(window), "__name__": function.__module__}
    exec(compile(text, function.__code__.co_filename, "exec"), known)  # pure: the text is of this function alone
    door = _compiled(known[name], cache=_has_file(function))
    door.compile((types.int64,))
    (made,) = door.overloads.values()
    whole = made.signature.return_type == types.int64
    address = made.library.get_pointer_to_function(made.fndesc.llvm_func_name) if whole else 0
    return Door(lambda each: door(each.address), address)

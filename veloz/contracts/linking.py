"""Functions that stay a call are compiled once, and not once more in every caller.

numba gives a caller the code of all it calls, and of all that those call, and optimises the whole again: a chain of ten functions is
compiled ten times over, which took minutes. A sealed function gives its callers a name; the linker finds it in the process.

Cached machine code then needs the sealed functions it calls to be there before it is loaded. numba keeps, beside each cached
function, what must be done first (`reload_init`); a sealed function puts itself there, for its callers and theirs.

Symbols of numba's own count the functions of their process. Two processes that fill one cache at once would leave callers that ask for
a name which the other's machine code does not bear; so callers get a name made of the function and its types alone.
"""

import hashlib
from importlib import import_module
from typing import Any, Final, NamedTuple

from llvmlite import binding
from numba.core import sigutils


class Loading(NamedTuple):
    """Load, or else compile, one sealed function for these argument types."""

    module: str
    name: str
    args: tuple[Any, ...]

    def __call__(self) -> None:
        """Do it."""
        import_module(self.module)
        _sealed[self.module, self.name].compile(self.args)


_sealed: Final[dict[tuple[str, str], Any]] = {}


def attach(dispatcher: Any, sealed: bool) -> Any:
    """Let a numba dispatcher hand on to its callers what must be loaded before them.

    Args:
        dispatcher: What numba's decorator gave.
        sealed: Whether its callers get its name instead of its code.

    Returns:
        The same dispatcher.
    """
    name = (dispatcher.py_func.__module__, dispatcher.py_func.__qualname__)
    if sealed:
        assert name not in _sealed or "<locals>" in name[1], name
        _sealed[name] = dispatcher
    compile_plainly = dispatcher.compile

    def compile_attached(signature: Any) -> Any:
        args = tuple(sigutils.normalize_signature(signature)[0])
        known = args in dispatcher.overloads
        compiled = compile_plainly(signature)
        if not known and args in dispatcher.overloads:
            result = dispatcher.overloads[args]
            result.library._reload_init.update(result.reload_init or ())
            if sealed:
                _seal(result, Loading(*name, args))
        return compiled

    dispatcher.compile = compile_attached
    return dispatcher


def _seal(result: Any, loading: Loading) -> None:
    """Leave callers the name: an empty module to link, and the address for the linker."""
    library, symbol = result.library, symbol_of(result, loading)
    binding.add_symbol(symbol, library.get_pointer_to_function(result.fndesc.llvm_func_name))
    result.fndesc.mangled_name = symbol
    empty = binding.parse_assembly("")
    empty.triple = library._final_module.triple
    empty.data_layout = library._final_module.data_layout
    library._shared_module = empty
    library._reload_init.add(loading)


def symbol_of(result: Any, loading: Loading) -> str:
    """The name by which callers ask for a sealed function: the same in every process.

    Args:
        result: What numba compiled or loaded.
        loading: Which function, for which types. One made inside another function shares its name with others: it keeps numba's own.
    """
    if "<locals>" in loading.name:
        return str(result.fndesc.llvm_func_name)
    types = hashlib.blake2b(repr(loading.args).encode(), digest_size=12).hexdigest()
    return f"{loading.module}.{loading.name}.{types}"

"""Fetching ahead: memory that a loop will read soon.

A processor fetches ahead by itself what is read in order, but not beyond the end of a page, and a page holds 64 rows: at the head of
each one a loop over rows waits for memory, and for the page's address. A loop that asks in time does not.
"""

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core import config as _numba_config
from numba.extending import intrinsic

config: Any = _numba_config  # its settings exist only at run time
_READ, _KEEP, _DATA = 0, 3, 1  # as the compiler numbers them
AHEAD: Final = np.int64(32)  # rows: enough for memory to come in time, few enough to stay until they are read


def _prefetch_plainly(rows: np.ndarray, place: int) -> None:
    """Un-compiled there is nothing to gain."""


def _prefetch(context: Any, rows: types.Array, place: types.Integer) -> tuple[Any, Any]:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        told = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, told, "llvm.prefetch.p0")
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        item = ir.Constant(args[1].type, context.get_abi_sizeof(context.get_data_type(signature.args[0].dtype)))
        address = builder.gep(builder.bitcast(data, byte), [builder.mul(args[1], item)])
        builder.call(function, [address, *(ir.Constant(number, each) for each in (_READ, _KEEP, _DATA))])
        return context.get_dummy_value()

    return types.void(rows, place), generate


prefetch: Any = _prefetch_plainly if config.DISABLE_JIT else intrinsic(_prefetch)
prefetch.__doc__ = """A row at a place will be read soon. The place may lie behind the last row: nothing is read, and nothing happens."""

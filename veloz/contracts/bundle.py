"""A bundle: many arrays that a kernel gets as one pointer.

A NamedTuple of arrays is seven machine words an array, in every call: State, with its dozens of arrays, cost 6 µs at each crossing
from Python, and most of the time of every compilation went into moving it about. As a bundle it is the address of a table that
holds, for every array, where its data lies and how long it is. Un-compiled, a bundle is the plain NamedTuple that it is.

The table never changes while it lives: arrays that grow make a new bundle. So loads from it are marked invariant, and the
compiler may keep what it has read, which makes it as fast as arrays passed by themselves.
"""

import hashlib
import itertools
from functools import cached_property
from typing import Any, ClassVar, Final, Self

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core import config as _numba_config
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    intrinsic,
    models,
    register_model,
    typeof_impl,
    unbox,
)  # fmt: skip
from numba.np.arrayobj import populate_array

config: Any = _numba_config  # its settings exist only at run time
_WORD: Final = ir.IntType(64)
_BYTES: Final = ir.IntType(8).as_pointer()
RAISED: Final = -(1 << 63)  # what a called function gives that raised


class Bundle:
    """What makes a NamedTuple of contiguous arrays a bundle: inherit from it and the NamedTuple, name the dtypes.

    Instances get a `table`, made at first use and kept, with the address that kernels get. The arrays must not be resized in place.
    """

    DTYPES: ClassVar[dict[str, np.dtype[Any]]]
    DIMENSIONS: ClassVar[dict[str, int]] = {}  # of arrays that have more than one

    @property
    def address(self) -> int:
        """Where the table lies: what `opener_at` finds the bundle by, as long as the bundle lives."""
        return int(self.table.ctypes.data)

    @cached_property
    def table(self) -> np.ndarray:
        """i8[n]: of every array its address and its lengths."""
        return np.array([word for name in self.DTYPES for word in _words_of(self, name)], np.int64)

    def _replace(self, **arrays: Any) -> Self:
        """The same bundle with other arrays under some names. A table that was made is not made again, but for these."""
        other = super()._replace(**arrays)  # type: ignore[misc]
        if "table" in self.__dict__:
            table = self.table.copy()
            places = bundle_type(type(self)).places
            for name in arrays:
                words = _words_of(other, name)
                table[places[name] : places[name] + len(words)] = words
            other.__dict__["table"] = table
        return other  # type: ignore[no-any-return]


def _words_of(bundle: Any, name: str) -> list[int]:
    """What a table has of one array."""
    array = getattr(bundle, name)
    assert array.ndim == bundle.DIMENSIONS.get(name, 1), name
    assert array.dtype == bundle.DTYPES[name], name
    assert array.flags.c_contiguous, name
    return [array.ctypes.data, *array.shape]


class BundleType(types.Type):
    """numba's type of a bundle class."""

    def __init__(self, bundle: type[Bundle]) -> None:
        assert tuple(bundle.DTYPES) == bundle._fields, bundle  # type: ignore[attr-defined]
        self.arrays = {
            name: types.Array(numba.from_dtype(dtype), bundle.DIMENSIONS.get(name, 1), "C")
            for name, dtype in bundle.DTYPES.items()
        }
        before = itertools.accumulate((1 + array.ndim for array in self.arrays.values()), initial=0)
        self.places = dict(zip(self.arrays, before, strict=False))
        layout = " ".join(f"{name}={dtype.descr} {self.arrays[name].ndim}" for name, dtype in bundle.DTYPES.items())
        digest = hashlib.blake2b(layout.encode(), digest_size=8).hexdigest()
        super().__init__(name=f"{bundle.__name__}_{digest}")  # short: it is part of every symbol's name


_TYPES: Final[dict[type, BundleType]] = {}


def bundle_type(bundle: type[Bundle]) -> BundleType:
    """The type of a bundle class; the same one every time."""
    if bundle not in _TYPES:
        _TYPES[bundle] = BundleType(bundle)
    return _TYPES[bundle]


@register_model(BundleType)
class _BundleModel(models.OpaqueModel):
    """One pointer."""


@typeof_impl.register(Bundle)
def _typeof_bundle(value: Bundle, context: Any) -> BundleType:
    return bundle_type(type(value))


@unbox(BundleType)
def _unbox_bundle(typ: BundleType, obj: Any, c: Any) -> NativeValue:
    """For calls that give a bundle itself; `kernel.entry` gives its table instead, which is quicker."""
    table = c.pyapi.object_getattr_string(obj, "table")
    data = c.unbox(types.Array(types.int64, 1, "C"), table)
    pointer = c.context.make_array(types.Array(types.int64, 1, "C"))(c.context, c.builder, data.value).data
    c.pyapi.decref(table)  # the bundle keeps it
    return NativeValue(c.builder.bitcast(pointer, _BYTES), is_error=data.is_error)


@infer_getattr
class _BundleAttribute(AttributeTemplate):
    key = BundleType

    def generic_resolve(self, typ: BundleType, attr: str) -> Any:  # type: ignore[override]
        return typ.arrays.get(attr)


@lower_getattr_generic(BundleType)
def _lower_attribute(context: Any, builder: Any, typ: BundleType, value: Any, attr: str) -> Any:
    kind, place = typ.arrays[attr], typ.places[attr]
    words = builder.bitcast(value, _WORD.as_pointer())
    data = _load(builder, words, place)
    lengths = [_load(builder, words, place + 1 + each) for each in range(kind.ndim)]
    item = ir.Constant(_WORD, context.get_abi_sizeof(context.get_data_type(kind.dtype)))
    strides = [item]
    for length in reversed(lengths[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    array = context.make_array(kind)(context, builder)
    populate_array(
        array,
        data=builder.inttoptr(data, array.data.type),
        shape=cgutils.pack_array(builder, lengths),
        strides=cgutils.pack_array(builder, strides),
        itemsize=item,
        meminfo=None,
    )
    return array._getvalue()


def _load(builder: Any, words: Any, place: int) -> Any:
    loaded = builder.load(builder.gep(words, [ir.Constant(_WORD, place)]))
    loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
    return loaded


def opener(bundle: type[Bundle]) -> Any:
    """A function of kernels: table → the bundle that it is the table of."""
    typ = bundle_type(bundle)

    def open_table(context: Any, table: types.Array) -> tuple[Any, Any]:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, args[0])
            return builder.bitcast(array.data, _BYTES)

        return typ(table), generate

    return intrinsic(open_table)


def opener_at(bundle: type[Bundle]) -> Any:
    """A function of kernels: `Bundle.address` of a bundle of this class → the bundle. The compiler does not know who else writes there."""
    typ = bundle_type(bundle)

    def open_address(context: Any, address: types.Integer) -> tuple[Any, Any]:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], _BYTES)

        return typ(types.int64), generate

    return intrinsic(open_address)


def caller() -> Any:
    """A function of kernels: (address of a compiled function of one int64, that word) → the int64 it gives, or `RAISED`."""

    def call(context: Any, address: types.Integer, word: types.Integer) -> tuple[Any, Any]:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            convention = context.call_conv
            function = convention.get_function_type(types.int64, [types.int64])
            callee = builder.inttoptr(args[0], function.as_pointer())
            status, given = convention.call_function(builder, callee, types.int64, [types.int64], [args[1]])
            return builder.select(status.is_error, ir.Constant(_WORD, RAISED), given)

        return types.int64(types.int64, types.int64), generate

    return intrinsic(call)


def reader(dtype: np.dtype[Any]) -> Any:
    """A function of kernels: i8 words → the same memory as records of this dtype, read only.

    An array of words crosses from Python in a third of the time of an array of records, and need not be a view of one.
    """

    def read_plainly(words: np.ndarray) -> np.ndarray:
        records = words.view(dtype)
        records.flags.writeable = False
        return records

    def read(context: Any, words: types.Array) -> tuple[Any, Any]:
        records = types.Array(numba.from_dtype(dtype), 1, "C", readonly=True)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            given = context.make_array(signature.args[0])(context, builder, args[0])
            length = builder.sdiv(given.nitems, ir.Constant(_WORD, dtype.itemsize // 8))
            return _records(context, builder, records, given.data, length)

        return records(words), generate

    return read_plainly if config.DISABLE_JIT else intrinsic(read)


def part_reader(dtype: np.dtype[Any]) -> Any:
    """The same of some of the records: (i8 words, the first one's place, how many). The words must be enough."""

    def read_plainly(words: np.ndarray, begin: int, n: int) -> np.ndarray:
        records = words.view(dtype)[begin : begin + n]
        records.flags.writeable = False
        return records

    def read(context: Any, words: types.Array, begin: types.Integer, n: types.Integer) -> tuple[Any, Any]:
        records = types.Array(numba.from_dtype(dtype), 1, "C", readonly=True)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            given = context.make_array(signature.args[0])(context, builder, args[0])
            at = builder.mul(args[1], ir.Constant(_WORD, dtype.itemsize // 8))
            return _records(context, builder, records, builder.gep(given.data, [at]), args[2])

        return records(words, types.int64, types.int64), generate

    return read_plainly if config.DISABLE_JIT else intrinsic(read)


def _records(context: Any, builder: Any, records: types.Array, data: Any, length: Any) -> Any:
    item = ir.Constant(_WORD, context.get_abi_sizeof(context.get_data_type(records.dtype)))
    array = context.make_array(records)(context, builder)
    populate_array(
        array,
        data=builder.bitcast(data, array.data.type),
        shape=cgutils.pack_array(builder, [length]),
        strides=cgutils.pack_array(builder, [item]),
        itemsize=item,
        meminfo=None,
    )
    return array._getvalue()

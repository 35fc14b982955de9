"""What pytensor compiled, made callable by nutpie without compiling it once more.

nutpie wraps density and expansion into C functions. Its own wrappers take data out of a record by
code that numba unrolls, types and inlines anew in every process, and they link, and so optimize
again, all that pytensor had kept compiled on disk. These call the compiled function by its address
and read each array's place from the record, which is a row of words: for a model that is on disk
that is four to seven times less work, and the draws are the same to the last bit.

They stand in for two functions of nutpie and are built on insides of numba, of the releases in
`KNOWN`; beside others nutpie keeps its own, which are slower.
"""

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

KNOWN = {"nutpie": "0.16.11", "numba": "0.68.0"}
_WORD = 8  # bytes of each field of nutpie's record: addresses, sizes and lengths
_CALLED: list[Any] = []  # machine code must stay as long as it may be called: a child's whole life
_NUMBERS = itertools.count()  # names kept on disk may repeat; those of symbols must not


@dataclass(frozen=True)
class _Place:
    """Where the record tells an array's place and lengths, in words from its beginning."""

    address: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@contextlib.contextmanager
def light_wrappers() -> Iterator[None]:
    """Let nutpie compile with these wrappers in place of its own, where the releases are known."""
    from nutpie import compile_pymc

    theirs = compile_pymc._make_c_logp_func, compile_pymc._make_c_expand_func  # noqa: SLF001
    if all(import_module(name).__version__ == release for name, release in KNOWN.items()):
        compile_pymc._make_c_logp_func = _density  # noqa: SLF001
        compile_pymc._make_c_expand_func = _expansion  # noqa: SLF001
    try:
        yield
    finally:
        compile_pymc._make_c_logp_func, compile_pymc._make_c_expand_func = theirs  # noqa: SLF001


def _density(
    n_dim: int,
    inner: Any,
    user_data: "np.ndarray",
    keys: Sequence[str],
    shared: Mapping[str, "np.ndarray"],
) -> tuple[Any, Any]:
    """Wrap the density and its gradient; give the function and its signature in C.

    It returns 0, or a code of nutpie's: -1 for a wrong length, 1 where it raised, 3 and 4 where the
    gradient or the density is not finite.
    """
    from numba import types
    from numba.np.numpy_support import carray

    call = _caller(inner, _places(user_data.dtype, keys, shared))
    number = types.CPointer(types.double)
    signature = types.int64(types.uint64, number, number, number, types.voidptr)

    def density(dim: int, x_: Any, out_: Any, logp_: Any, user_data_: Any) -> int:
        if dim != n_dim:
            return -1
        try:
            value, gradient = call(carray(x_, (n_dim,)), user_data_)
            out = carray(out_, (n_dim,))
            for i in range(n_dim):
                out[i] = gradient[i]
            for i in range(n_dim):
                if not np.isfinite(out[i]):
                    return 3
            logp = carray(logp_, (1,))
            logp[0] = value[()]
            if not np.isfinite(logp[0]):
                return 4
        except Exception:  # noqa: BLE001  # of the density: C knows codes only
            return 1
        return 0

    return density, signature


def _expansion(
    n_dim: int,
    n_expanded: int,
    inner: Any,
    user_data: "np.ndarray",
    keys: Sequence[str],
    shared: Mapping[str, "np.ndarray"],
) -> tuple[Any, Any]:
    """Wrap what gives a draw's variables from its coordinates; -1 and -2 are nutpie's codes."""
    from numba import types
    from numba.np.numpy_support import carray

    call = _caller(inner, _places(user_data.dtype, keys, shared))
    number = types.CPointer(types.double)
    signature = types.int64(types.uint64, types.uint64, number, number, types.voidptr)

    def expansion(dim: int, expanded: int, x_: Any, out_: Any, user_data_: Any) -> int:
        if dim != n_dim or expanded != n_expanded:
            return -1
        try:
            values = call(carray(x_, (n_dim,)), user_data_)[0]
            out = carray(out_, (n_expanded,))
            for i in range(n_expanded):
                out[i] = values[i]
        except Exception:  # noqa: BLE001  # of the model: C knows codes only
            return -2
        return 0

    return expansion, signature


def _places(
    record: np.dtype[Any], keys: Sequence[str], shared: Mapping[str, "np.ndarray"]
) -> list[_Place]:
    """Find the arrays, in the order in which the compiled function takes them."""
    layout: Any = record["shared"]

    def word(part: str, key: str) -> int:
        _, begins = layout.fields[part]
        _, within = layout[part].fields[key]
        return int(begins + within) // _WORD

    return [
        _Place(
            word("data", key),
            tuple(word("shape", key) + axis for axis in range(shared[key].ndim)),
            shared[key].dtype,
        )
        for key in keys
    ]


def _caller(inner: Any, places: Sequence[_Place]) -> Any:
    """Give a function of numba, `(x, record)`, that calls the compiled `inner(x, *arrays)`."""
    import llvmlite.binding as llvm
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic
    from numba.np.numpy_support import from_dtype

    arrays = [types.Array(from_dtype(p.dtype), len(p.shape), "C") for p in places]
    taken = (types.Array(types.float64, 1, "C"), *arrays)
    # `*arguments` are one argument, a tuple, to what is compiled
    folded = tuple(inner.get_call_template(taken, {})[2])
    compiled = inner.overloads[folded]
    result = compiled.signature.return_type
    symbol = f"pymc_vibes.standing.{next(_NUMBERS)}"
    llvm.add_symbol(
        symbol, compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    )

    @intrinsic
    def call(_context: Any, x: Any, record: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
            values = [given[0]]
            for place, kind in zip(places, arrays, strict=True):
                values.append(_array(context, builder, given[1], place, kind))
            if folded != taken:
                values = [context.make_tuple(builder, folded[0], values)]
            shape = context.call_conv.get_function_type(result, folded)
            function = cgutils.get_or_insert_function(builder.module, shape, symbol)
            status, given_back = context.call_conv.call_function(
                builder, function, result, folded, values
            )
            with cgutils.if_unlikely(builder, status.is_error):
                context.call_conv.return_status_propagate(builder, status)
            return given_back

        return result(x, record), generate

    _CALLED.append(compiled)
    return call


def _array(context: Any, builder: Any, record: Any, place: _Place, kind: Any) -> Any:
    """Make an array of numba's from what the record says of it; it owns no memory."""
    from llvmlite import ir
    from numba.core import cgutils
    from numba.np.arrayobj import make_array, populate_array

    whole = ir.IntType(_WORD * 8)
    words = builder.bitcast(record, whole.as_pointer())

    def read(at: int) -> Any:
        return builder.load(builder.gep(words, [whole(at)]))

    array = make_array(kind)(context, builder)
    shape = [read(at) for at in place.shape]
    stride = whole(place.dtype.itemsize)
    strides: list[Any] = []
    for length in reversed(shape):
        strides.insert(0, stride)
        stride = builder.mul(stride, length)
    populate_array(
        array,
        data=builder.inttoptr(read(place.address), array.data.type),
        shape=cgutils.pack_array(builder, shape, whole),
        strides=cgutils.pack_array(builder, strides, whole),
        itemsize=whole(place.dtype.itemsize),
        meminfo=None,
    )
    return array._getvalue()  # noqa: SLF001  # numba's own name for it

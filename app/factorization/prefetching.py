"""Asking memory for a row before it is needed: rows gathered by index lie apart, and no processor guesses which."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from app.factorization.arrays import Floats
from app.factorization.compiled import inlined

AHEAD = 16
"""Rows between the one that is asked for and the one that is read: enough to arrive, few enough to stay."""

_CACHE_LINE = 64


def cache_aligned(n_rows: int, n_factors: int) -> Floats:
    """Make room for vectors where a cache line begins: a packed row of 64 is two lines there, and three elsewhere.

    Parameters
    ----------
    n_rows : int
        How many vectors.
    n_factors : int
        How long they are.

    Returns
    -------
    ndarray of shape (n_rows, n_factors), float32
        With nothing in it yet.
    """
    n = n_rows * n_factors
    room = np.empty(n + _CACHE_LINE // np.float32().itemsize, np.float32)
    first = -room.ctypes.data % _CACHE_LINE // room.itemsize
    return room[first : first + n].reshape(n_rows, n_factors)


@inlined
def prefetch(rows: NDArray[Any], row: int) -> None:
    """Ask for a row, without waiting for it.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_columns)
        Where it lies, row behind row.
    row : int
        Which.
    """
    n_columns = rows.shape[1]
    for column in range(0, n_columns, _CACHE_LINE // rows.itemsize):
        _prefetch(rows, row * n_columns + column)


def _typed(_typing: Any, rows: Any, _index: Any) -> Any:
    # LLVM's own, which numba does not offer: https://llvm.org/docs/LangRef.html#llvm-prefetch-intrinsic
    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        first = context.make_array(rows)(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(first, [arguments[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        is_write, locality, is_data = number(0), number(2), number(1)
        function = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        builder.call(function, [place, is_write, locality, is_data])
        return context.get_dummy_value()

    return types.none(rows, types.intp), generate


_prefetch: Any = intrinsic(_typed)

# mypy: allow-untyped-defs, allow-untyped-calls
# ruff: noqa: ANN001, ANN202, ARG001 - numba infers the types of its kernels
"""Ask for memory before it is needed: the processor's own instruction, for kernels compiled by numba.

A load that misses the cache keeps everything behind it waiting in the processor's window, which holds a dozen
points' worth of work. A prefetch is done as soon as it is sent, so many can be under way. They are sent to
the second cache: a block of points asks for as much as the nearest one holds, and would drive out there what
it asked for first.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic


def _prefetch(typing_context, array, place):

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        pointer = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, word, word, word])
        function = builder.module.declare_intrinsic("llvm.prefetch.p0", fnty=kind)
        builder.call(function, [pointer, word(0), word(2), word(1)])  # to read, to the second cache, data
        return context.get_dummy_value()

    return types.void(array, place), generate


prefetch: Any = intrinsic(_prefetch)
"""``prefetch(array, place)`` asks for the item at a flat place of a C-contiguous array; in kernels alone."""

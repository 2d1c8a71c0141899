"""Vectors of eight lanes as a value type of Numba-compiled code.

A compiled function that uses them becomes vector code by construction instead of by the
luck of an automatic vectoriser: `float64` lanes are the LLVM type ``<8 x double>``, `uint64`
lanes ``<8 x i64>``.  A processor with 512-bit registers holds one in a register; LLVM splits
it on any other processor.  Each lane belongs to one replica and never meets another lane.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from symdrift import compilation
from symdrift.compilation import digest
from symdrift.memory import require_memory
from symdrift.study.problem import Array

LANES = 8
"""Lanes per vector."""

ALWAYS_THERE = 2**26
"""Bytes that nobody asks for."""

Function = TypeVar("Function", bound=Callable[..., Any])


SOURCES = digest(Path(__file__).parent.glob("*.py"))
"""Of the files whose functions compile into one another."""


def working_memory(sizes: Sequence[int], batch: int) -> tuple[Array, ...]:
    """What one thread works on: vectors of so many numbers in all lanes.

    Raises
    ------
    RequestError
        When the samples of a batch do not fit for all processors.
    """
    needed = (os.cpu_count() or 1) * 8 * LANES * sum(sizes)
    if needed > ALWAYS_THERE:
        require_memory(
            "learning.batch",
            needed,
            f"= {batch} has samples for {LANES} networks at once on each processor, which need",
            "simulate fewer at a time: V goes with learning.rate^3 / learning.batch^2",
        )
    return tuple(np.zeros(LANES * size) for size in sizes)


def compiled(function: Function) -> Function:
    """Compile with Numba when first called, cached on disk; releases the interpreter lock.

    Multiplications and additions may be fused, which changes the last bit of a result from
    one kind of processor to another; no other reordering is allowed.
    """
    return compilation.compiled(function, SOURCES, fastmath={"contract"})


def inlined(function: Function) -> Function:
    """Compile as a part of its caller."""
    return compilation.inlined(function, fastmath={"contract"})


class LaneType(types.Type):
    """Numba type of a vector of lanes."""

    def __init__(self, name: str, element: ir.Type, lanes: int) -> None:
        self.element = element
        self.lanes = lanes
        super().__init__(name=name)


FLOATS = LaneType("float64_lanes", ir.DoubleType(), LANES)
WORDS = LaneType("uint64_lanes", ir.IntType(64), LANES)
TWIN_FLOATS = LaneType("float64_twin_lanes", ir.DoubleType(), 2 * LANES)
TWIN_WORDS = LaneType("uint64_twin_lanes", ir.IntType(64), 2 * LANES)
"""Two vectors in one: what is computed of them is computed of both, instruction by instruction.

A long chain of dependent operations leaves a processor idle; two such chains in turn do not.
"""

_TO_FLOATS = {lane_type: FLOATS for lane_type in (FLOATS, WORDS)} | {
    lane_type: TWIN_FLOATS for lane_type in (TWIN_FLOATS, TWIN_WORDS)
}
_TO_WORDS = {FLOATS: WORDS, WORDS: WORDS, TWIN_FLOATS: TWIN_WORDS, TWIN_WORDS: TWIN_WORDS}


@register_model(LaneType)
class _LaneModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lane_type: LaneType) -> None:
        super().__init__(manager, lane_type, ir.VectorType(lane_type.element, lane_type.lanes))


def _define_operator(
    symbol: Any, operands: tuple[LaneType, ...], instruction: str, **options: Any
) -> None:
    template = type(
        f"{operands[0].name}_{symbol.__name__}",
        (ConcreteTemplate,),
        {"cases": [signature(operand, operand, operand) for operand in operands]},
    )
    infer_global(symbol)(template)

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*args, **options)

    for operand in operands:
        lower_builtin(symbol, operand, operand)(build)


for _symbol, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _define_operator(_symbol, (FLOATS, TWIN_FLOATS), _instruction, flags=("contract",))
for _symbol, _instruction in (
    (operator.add, "add"),
    (operator.sub, "sub"),
    (operator.and_, "and_"),
    (operator.or_, "or_"),
    (operator.xor, "xor"),
):
    _define_operator(_symbol, (WORDS, TWIN_WORDS), _instruction)


def _broadcast(builder: Any, scalar: Any, lanes: int = LANES) -> Any:
    vector = ir.VectorType(scalar.type, lanes)
    single = builder.insert_element(
        ir.Constant(vector, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0)
    )
    order = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(single, ir.Constant(vector, ir.Undefined), order)


@intrinsic
def floats(typing_context: Any, scalar: Any) -> Any:
    """The same number in every lane."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        number = context.cast(builder, args[0], sig.args[0], types.float64)
        return _broadcast(builder, number)

    return FLOATS(scalar), build


@intrinsic
def floats_like(typing_context: Any, lanes: Any, scalar: Any) -> Any:
    """The same number in as many lanes as the first argument has."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        number = context.cast(builder, args[1], sig.args[1], types.float64)
        return _broadcast(builder, number, sig.args[0].lanes)

    return _TO_FLOATS[lanes](lanes, scalar), build


@intrinsic
def words_like(typing_context: Any, lanes: Any, scalar: Any) -> Any:
    """The same 64-bit word in as many lanes as the first argument has."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        word = context.cast(builder, args[1], sig.args[1], types.uint64)
        return _broadcast(builder, word, sig.args[0].lanes)

    return _TO_WORDS[lanes](lanes, scalar), build


@intrinsic
def twin(typing_context: Any, first: Any, second: Any) -> Any:
    """Two vectors of words as one."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.shuffle_vector(*args, _lane_numbers(0, 2 * LANES))

    return TWIN_WORDS(first, second), build


@intrinsic
def halves(typing_context: Any, lanes: Any) -> Any:
    """The two vectors of which one is made."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        nothing = ir.Constant(args[0].type, ir.Undefined)
        parts = [
            builder.shuffle_vector(args[0], nothing, _lane_numbers(first, LANES))
            for first in (0, LANES)
        ]
        return context.make_tuple(builder, sig.return_type, parts)

    return types.UniTuple(FLOATS, 2)(lanes), build


def _lane_numbers(first: int, count: int) -> Any:
    numbers = list(range(first, first + count))
    return ir.Constant(ir.VectorType(ir.IntType(32), count), numbers)


@intrinsic
def pointer(typing_context: Any, array: Any) -> Any:
    """Address of a contiguous array's first element.

    Vectors are read and written through pointers: passing arrays on would count references
    in the inner loop.  The array must outlive the pointer.
    """

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.make_array(sig.args[0])(context, builder, args[0]).data

    return types.CPointer(array.dtype)(array), build


@intrinsic(prefer_literal=True)
def local_floats(typing_context: Any, vectors: Any) -> Any:
    """Address of a constant number of float64 vectors that live as long as the function runs.

    The compiler knows that nothing else points there, and keeps in registers what it can.
    """
    if not isinstance(vectors, types.IntegerLiteral):
        return None
    size = ir.ArrayType(ir.VectorType(ir.DoubleType(), LANES), vectors.literal_value)

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        memory = cgutils.alloca_once(builder, size)
        memory.align = 8 * LANES
        return builder.bitcast(memory, ir.DoubleType().as_pointer())

    return types.CPointer(types.float64)(vectors), build


def _vector_address(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    element = context.get_data_type(sig.args[0].dtype)
    index = context.cast(builder, args[1], sig.args[1], types.intp)
    base = builder.bitcast(args[0], ir.VectorType(element, LANES).as_pointer())
    return builder.gep(base, [index], inbounds=True)


@intrinsic
def load(typing_context: Any, address: Any, vector: Any) -> Any:
    """Vector number ``vector`` behind an address."""
    lane_type = WORDS if address.dtype == types.uint64 else FLOATS

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_vector_address(context, builder, sig, args), align=8)

    return lane_type(address, vector), build


@intrinsic
def store(typing_context: Any, address: Any, vector: Any, lanes: Any) -> Any:
    """Write vector number ``vector`` behind an address."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], _vector_address(context, builder, sig, args), align=8)
        return context.get_dummy_value()

    return types.void(address, vector, lanes), build


@intrinsic
def square_root(typing_context: Any, lanes: Any) -> Any:
    """Square root, lane by lane."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector = args[0].type
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector]), f"llvm.sqrt.v{vector.count}f64"
        )
        return builder.call(function, args)

    return lanes(lanes), build


@intrinsic
def as_floats(typing_context: Any, lanes: Any) -> Any:
    """The same bits, read as float64."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.VectorType(ir.DoubleType(), sig.args[0].lanes))

    return _TO_FLOATS[lanes](lanes), build


@intrinsic
def as_words(typing_context: Any, lanes: Any) -> Any:
    """The same bits, read as uint64."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.VectorType(ir.IntType(64), sig.args[0].lanes))

    return _TO_WORDS[lanes](lanes), build


@intrinsic
def signed_to_floats(typing_context: Any, lanes: Any) -> Any:
    """Nearest float64 of each word, read as a signed integer."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.sitofp(args[0], ir.VectorType(ir.DoubleType(), sig.args[0].lanes))

    return _TO_FLOATS[lanes](lanes), build


def _define_shift(instruction: str) -> Any:
    def shift(typing_context: Any, lanes: Any, bits: Any) -> Any:
        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            count = context.cast(builder, args[1], sig.args[1], types.uint64)
            return getattr(builder, instruction)(
                args[0], _broadcast(builder, count, sig.args[0].lanes)
            )

        return lanes(lanes, bits), build

    return intrinsic(shift)


shift_left = _define_shift("shl")
shift_right = _define_shift("lshr")
shift_right_signed = _define_shift("ashr")

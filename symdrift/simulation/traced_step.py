"""Compiled steps of any rule: the operations of a `StepProgram` as instructions on lanes.

Networks of a block lie in memory as in `descent`, eight to a group; inputs are drawn as there.
Operations with few multiplications are written out, so that small networks live in registers;
others are loops.  The code knows sizes and operations, and is kept on disk by these; numbers are
arguments.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from symdrift.simulation.descent import STACK_VECTORS, draw_inputs
from symdrift.simulation.lanes import (
    LANES,
    compiled,
    floats,
    inlined,
    load,
    pointer,
    store,
    working_memory,
)
from symdrift.simulation.random import fill_normals
from symdrift.simulation.step_program import (
    NUMBERS,
    Combine,
    Invert,
    Item,
    Operation,
    StepProgram,
    Trace,
    View,
)

WRITTEN_OUT = 256
"""Multiplications of one operation up to which it is written out."""

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_INDEX = ir.IntType(64)
_FUSED = {"flags": ("contract",)}


class TracedShape(NamedTuple):
    """What a kernel is made for, beside the operations.

    ``weights`` are those of one network, velocities included, of which the first ``shaken`` carry
    synaptic noise; ``mixed`` inputs are independent along other axes than those of the weights.
    The rest is as for `descent.Shape`.
    """

    inputs: int
    outputs: int
    batch: int
    weights: int
    shaken: int
    tabulated: bool
    elliptical: bool
    mixed: bool
    noisy: bool

    @property
    def working_vectors(self) -> tuple[int, int, int, int]:
        """Normals, inputs along their own axes, inputs, label noise."""
        drawn = max(self.batch * (self.inputs + self.outputs), self.shaken)
        inputs = self.batch * self.inputs
        return drawn + drawn % 2, inputs, inputs, max(1, self.batch * self.outputs)


class TracedRun(NamedTuple):
    """A block and its model: arrays, for which their addresses stand inside a kernel, and a number.

    As `descent.Run`; columns of ``axes`` are those along which inputs are independent, ``numbers``
    those of the operations.
    """

    weights: Any
    states: Any
    drawn: Any
    coefficients: Any
    scales: Any
    table: Any
    acceptance: Any
    alias: Any
    axes: Any
    label_deviations: Any
    numbers: Any
    synaptic_deviation: float


class _Work(NamedTuple):
    normals: Any
    x: Any


def kernel_of(program: StepProgram, shape: TracedShape) -> Callable[[TracedRun, int], None]:
    """A step loop for one thread; takes what it works on and the number of steps."""
    sizes = (*shape.working_vectors, max(1, program.buffers))
    vectors = working_memory(sizes, shape.batch)
    return partial(_loop(_text(program), shape), vectors)


@cache
def _loop(text: str, shape: TracedShape) -> Callable[..., None]:
    @compiled
    def advance(vectors: Any, given: Any, steps: int) -> None:
        work = _Work(pointer(vectors[0]), pointer(vectors[1]))
        x, noise, buffers = pointer(vectors[2]), pointer(vectors[3]), pointer(vectors[4])
        run = TracedRun(
            pointer(given.weights), pointer(given.states), pointer(given.drawn),
            pointer(given.coefficients), pointer(given.scales), pointer(given.table),
            pointer(given.acceptance), pointer(given.alias), pointer(given.axes),
            pointer(given.label_deviations), pointer(given.numbers), given.synaptic_deviation,
        )  # fmt: skip
        table_rows = len(given.acceptance)
        groups = len(given.weights) // (LANES * shape.weights)
        for _ in range(steps):
            for group in range(groups):
                first = group * shape.weights
                _draw(shape, work, run, table_rows, group, x, noise)
                perform(text, run.weights, first, x, noise, buffers, run.numbers)
                if shape.shaken > 0:
                    _shake(shape, work, run, group, first)

    return advance


@inlined
def _draw(shape: Any, work: Any, run: Any, table_rows: int, group: int, x: Any, noise: Any) -> None:
    """Inputs and label noise of a batch, each over the root of its number."""
    inputs, outputs = shape.inputs, shape.outputs
    count = 0 if shape.tabulated else shape.batch * inputs
    labels_at = count
    if shape.noisy:
        count += shape.batch * outputs
    draw_inputs(shape, count, work, run, table_rows, group)
    for sample in range(shape.batch):
        for i in range(inputs):
            if shape.mixed:
                total = floats(0.0)
                for j in range(inputs):
                    weight = floats(run.axes[i * inputs + j])
                    total = total + weight * load(work.x, sample * inputs + j)
                store(x, sample * inputs + i, total)
            else:
                store(x, sample * inputs + i, load(work.x, sample * inputs + i))
        for o in range(outputs):
            at = sample * outputs + o
            if shape.noisy:
                deviation = floats(run.label_deviations[o])
                store(noise, at, deviation * load(work.normals, labels_at + at))
            else:
                store(noise, at, floats(0.0))


@inlined
def _shake(shape: Any, work: Any, run: Any, group: int, first: int) -> None:
    """Add synaptic noise."""
    fill_normals(run.states, group, run.coefficients, work.normals, (shape.shaken + 1) // 2)
    for k in range(shape.shaken):
        jitter = floats(run.synaptic_deviation) * load(work.normals, k)
        store(run.weights, first + k, load(run.weights, first + k) + jitter)


@intrinsic(prefer_literal=True)
def perform(
    typing_context: Any,
    text: Any,
    weights: Any,
    first: Any,
    inputs: Any,
    label_noise: Any,
    buffers: Any,
    numbers: Any,
) -> Any:
    """Make one step of a group: the operations that a constant text stands for.

    Weights of the group begin ``first`` vectors behind their address.
    """
    if not isinstance(text, types.StringLiteral):
        return None
    signature = types.void(text, weights, first, inputs, label_noise, buffers, numbers)

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        operations, results, places, size = _program(text.literal_value)
        lanes = [builder.bitcast(args[k], _VECTOR.as_pointer()) for k in (1, 3, 4, 5)]
        index = context.cast(builder, args[2], sig.args[2], types.intp)
        lanes[0] = builder.gep(lanes[0], [index], inbounds=True)
        if 0 < size <= STACK_VECTORS:
            # The compiler knows that nothing else points there.
            memory = cgutils.alloca_once(builder, ir.ArrayType(_VECTOR, size))
            memory.align = 8 * LANES
            lanes[3] = builder.bitcast(memory, _VECTOR.as_pointer())
        writer = _Instructions(builder, lanes, args[6])
        for operation in operations:
            writer.write(operation)
        for result, place in zip(results, places, strict=True):
            writer.copy(result, place)
        return context.get_dummy_value()

    return signature, build


class _Instructions:
    """Writes operations with a builder of LLVM instructions."""

    def __init__(self, builder: Any, lanes: list[Any], numbers: Any) -> None:
        self._builder = builder
        self._lanes = lanes
        self._numbers = numbers

    def write(self, operation: Operation) -> None:
        match operation:
            case Combine():
                self._combine(operation)
            case Invert(target=target):
                self._invert(target)
            case Trace(target=target, source=source):
                total = self._load(source, 0, 0)
                for k in range(1, source.rows):
                    total = self._sum(total, self._load(source, k, k))
                self._store(target, 0, 0, total)

    def copy(self, source: View, target: View) -> None:
        written = target.rows * target.columns <= WRITTEN_OUT
        with self._each(target.rows, written) as rows:
            for i in rows:
                with self._each(target.columns, written) as columns:
                    for j in columns:
                        self._store(target, i, j, self._load(source, i, j))

    def _combine(self, operation: Combine) -> None:
        target = operation.target
        before = []
        for item in operation.items:
            factor = self._number(item.number)
            for scalar in item.scalars:
                factor = self._times(factor, self._load(scalar, 0, 0))
            before.append(factor)
        written = target.rows * target.columns * operation.terms <= WRITTEN_OUT
        with self._each(target.rows, written) as rows:
            for i in rows:
                with self._each(target.columns, written) as columns:
                    for j in columns:
                        total = None
                        for factor, item in zip(before, operation.items, strict=True):
                            entry = self._times(factor, self._entry(item.factors, i, j, written))
                            total = entry if total is None else self._sum(total, entry)
                        self._store(target, i, j, total)

    def _entry(self, factors: tuple[View, ...], i: Any, j: Any, written: bool) -> Any:
        """Entry of a matrix or of a product of two."""
        if len(factors) == 1:
            return self._load(factors[0], i, j)
        left, right = factors
        if written or left.columns == 1:
            total = None
            for k in range(left.columns):
                product = self._times(self._load(left, i, k), self._load(right, k, j))
                total = product if total is None else self._sum(total, product)
            return total
        kept = cgutils.alloca_once_value(self._builder, ir.Constant(_VECTOR, [0.0] * LANES))
        self._builder.store(ir.Constant(_VECTOR, [0.0] * LANES), kept)
        with self._each(left.columns, False) as middle:
            for k in middle:
                product = self._times(self._load(left, i, k), self._load(right, k, j))
                self._builder.store(self._sum(self._builder.load(kept), product), kept)
        return self._builder.load(kept)

    def _invert(self, target: View) -> None:
        """Gauss-Jordan elimination, with pivots on the diagonal."""
        size, builder = target.rows, self._builder
        one = ir.Constant(_VECTOR, [1.0] * LANES)
        zero = ir.Constant(_VECTOR, [0.0] * LANES)
        written = size**3 <= WRITTEN_OUT
        for k in range(size):
            pivot = builder.fdiv(one, self._load(target, k, k))
            self._store(target, k, k, one)
            for j in range(size):
                self._store(target, k, j, self._times(pivot, self._load(target, k, j)))
            for begin, end in ((0, k), (k + 1, size)):
                with self._each(end, written, begin) as rows:
                    for i in rows:
                        factor = self._load(target, i, k)
                        self._store(target, i, k, zero)
                        with self._each(size, written) as columns:
                            for j in columns:
                                off = self._times(factor, self._load(target, k, j))
                                left = builder.fsub(self._load(target, i, j), off, **_FUSED)
                                self._store(target, i, j, left)

    @contextmanager
    def _each(self, end: int, written: bool, begin: int = 0) -> Iterator[Any]:
        """Numbers from one to another: all of them, or the one of a loop."""
        if written or end - begin < 2:
            yield range(begin, end)
            return
        bounds = (ir.Constant(_INDEX, end), ir.Constant(_INDEX, begin))
        with cgutils.for_range(self._builder, *bounds) as loop:
            yield (loop.index,)

    def _address(self, view: View, i: Any, j: Any) -> Any:
        builder = self._builder
        if isinstance(i, int) and isinstance(j, int):
            at = ir.Constant(_INDEX, view.first + i * view.down + j * view.across)
        else:
            at = ir.Constant(_INDEX, view.first)
            for place, stride in ((i, view.down), (j, view.across)):
                place = ir.Constant(_INDEX, place) if isinstance(place, int) else place
                at = builder.add(at, builder.mul(place, ir.Constant(_INDEX, stride)))
        base = self._numbers if view.memory == NUMBERS else self._lanes[view.memory]
        return builder.gep(base, [at], inbounds=True)

    def _load(self, view: View, i: Any, j: Any) -> Any:
        address = self._address(view, i, j)
        if view.memory == NUMBERS:
            return _in_all_lanes(self._builder, self._builder.load(address))
        return self._builder.load(address, align=8)

    def _store(self, view: View, i: Any, j: Any, value: Any) -> None:
        self._builder.store(value, self._address(view, i, j), align=8)

    def _number(self, index: int) -> Any:
        return self._load(View(NUMBERS, index, 0, 0, 1, 1), 0, 0)

    def _times(self, first: Any, second: Any) -> Any:
        return self._builder.fmul(first, second, **_FUSED)

    def _sum(self, first: Any, second: Any) -> Any:
        return self._builder.fadd(first, second, **_FUSED)


def _in_all_lanes(builder: Any, number: Any) -> Any:
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    single = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    order = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(single, nothing, order)


def _text(program: StepProgram) -> str:
    """All of a program but its numbers: constants of compiled code are texts."""
    operations = tuple((type(each).__name__, *_plain(each)) for each in program.operations)
    return repr((operations, _plain(program.results), _plain(program.weights), program.buffers))


def _plain(value: Any) -> Any:
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


def _program(text: str) -> tuple[list[Operation], list[View], list[View], int]:
    """What a text stands for."""
    operations, results, weights, buffers = ast.literal_eval(text)
    found: list[Operation] = []
    for name, target, *rest in operations:
        if name == "Combine":
            items = tuple(
                Item(number, _views(scalars), _views(factors))
                for number, scalars, factors in rest[0]
            )
            found.append(Combine(View(*target), items))
        elif name == "Invert":
            found.append(Invert(View(*target)))
        else:
            found.append(Trace(View(*target), View(*rest[0])))
    return found, [*_views(results)], [*_views(weights)], buffers


def _views(plain: Any) -> tuple[View, ...]:
    return tuple(View(*entries) for entries in plain)

"""Compiled online SGD: one block of replicas, a number of steps, nothing but arithmetic.

Memory of a block, in vectors of eight lanes: for each group of eight replicas the weights
``W`` (row by row), then ``U`` (row by row).  Everything is written once, in `_advance`, for all
shapes.  A kernel made for one shape knows the sizes as constants and holds its working vectors
in registers or on the stack; `_general` serves shapes whose working vectors are too many.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from symdrift.simulation.lanes import (
    LANES,
    compiled,
    floats,
    inlined,
    load,
    local_floats,
    pointer,
    square_root,
    store,
    working_memory,
)
from symdrift.simulation.random import fill_normals, next_words

STACK_VECTORS = 4096
"""Working vectors up to which a kernel keeps them on the stack (256 KiB)."""

SMALLEST_FACTOR = 1e-30
"""Common factor below which the weights are multiplied by it and it begins again at one."""

SMALLEST_SQUARE = 1e-200
"""Added to the squared length of normals, which may all be zero, before it divides."""

ROUNDING = 2.0**-53
"""Stands for a decay to zero in one step, which no factor can undo: as much as rounding leaves."""

LARGEST_CACHED = 256
"""Weights of a network up to which eight of them fit the first-level cache beside all else."""

ROWS = 4
"""Rows of a matrix that are worked on together: their sums do not wait for each other."""


class Shape(NamedTuple):
    """What a kernel is made for.

    ``inputs``, ``hidden`` and ``outputs`` are the sizes ``n``, ``p`` and ``m``; ``tabulated``
    inputs are drawn from the rows of a table, others are scaled Gaussian vectors with
    independent components, of random length where ``elliptical``; with a ``dense`` teacher
    every output depends on every input, otherwise output ``o`` on input ``o`` alone;
    ``noisy`` outputs carry label noise, ``noisy_synapses`` fluctuate by themselves.
    """

    inputs: int
    hidden: int
    outputs: int
    batch: int
    tabulated: bool
    elliptical: bool
    dense: bool
    noisy: bool
    noisy_synapses: bool

    @property
    def weights(self) -> int:
        """Weights of one network, ``p (n + m)``."""
        return self.hidden * (self.inputs + self.outputs)

    @property
    def delayed(self) -> bool:
        """Whether the step of ``W`` waits for the next inputs: where weights leave the cache."""
        return self.weights > LARGEST_CACHED and not self.noisy_synapses

    @property
    def working_vectors(self) -> tuple[int, int, int, int, int, int]:
        """Normals, inputs ``x``, hidden units ``h``, errors ``e``, ``U' e``, previous inputs."""
        drawn = self.batch * (self.inputs + self.outputs)
        if self.noisy_synapses:
            drawn = max(drawn, self.weights)
        return (
            drawn + drawn % 2,
            self.batch * self.inputs,
            self.batch * self.hidden,
            self.batch * self.outputs,
            self.batch * self.hidden,
            self.batch * self.inputs,
        )


class Run(NamedTuple):
    """A block and its model: arrays, for which their addresses stand inside a kernel, and numbers.

    ``weights`` is the memory of the block, ``states`` its random streams, ``drawn`` one vector of
    words, ``coefficients`` are those of the normals; ``scales`` are standard deviations of the
    inputs, ``table``, ``acceptance`` and ``alias`` what inputs or their lengths are drawn from;
    ``teacher`` is a matrix or, where it is not dense, its diagonal.
    """

    weights: Any
    states: Any
    drawn: Any
    coefficients: Any
    scales: Any
    table: Any
    acceptance: Any
    alias: Any
    teacher: Any
    label_deviations: Any
    learning_rate: float
    weight_decay: float
    synaptic_deviation: float


class Work(NamedTuple):
    """Working vectors of one group: see `Shape.working_vectors`."""

    normals: Any
    x: Any
    h: Any
    e: Any
    v: Any
    previous: Any


@inlined
def _draw_from_table(
    run: Any, rows: int, group: int, target: Any, first: int, columns: int
) -> None:
    """Write one row of the table per lane, chosen by Walker's alias method.

    A word is a uniform number of 64 bits.  Times the number of rows its whole part is the row,
    and the rest decides on the alias: so rows of small probability get exactly theirs.
    """
    store(run.drawn, 0, next_words(run.states, group))
    for lane in range(LANES):
        bits = run.drawn[lane]
        low = np.int64(bits & 0xFFFFFFFF) * rows
        high = np.int64(bits >> 32) * rows + (low >> 32)
        row = high >> 32
        rest = ((high & 0xFFFFFFFF) + (low & 0xFFFFFFFF) * 2.0**-32) * 2.0**-32
        if rest >= run.acceptance[row]:
            row = run.alias[row]
        for column in range(columns):
            target[(first + column) * LANES + lane] = run.table[row * columns + column]


@inlined
def _multiply(
    matrix: Any,
    first: int,
    begin: int,
    end: int,
    columns: int,
    vector: Any,
    at: int,
    target: Any,
    to: int,
) -> None:
    """``target = matrix @ vector`` in rows ``begin, ..., end - 1``."""
    whole = end - (end - begin) % ROWS
    for i in range(begin, whole, ROWS):
        row = first + i * columns
        a = floats(0.0)
        b = floats(0.0)
        c = floats(0.0)
        d = floats(0.0)
        for j in range(columns):
            entry = load(vector, at + j)
            a = a + load(matrix, row + j) * entry
            b = b + load(matrix, row + columns + j) * entry
            c = c + load(matrix, row + 2 * columns + j) * entry
            d = d + load(matrix, row + 3 * columns + j) * entry
        store(target, to + i, a)
        store(target, to + i + 1, b)
        store(target, to + i + 2, c)
        store(target, to + i + 3, d)
    for i in range(whole, end):
        total = floats(0.0)
        for j in range(columns):
            total = total + load(matrix, first + i * columns + j) * load(vector, at + j)
        store(target, to + i, total)


@inlined
def _add_outer(
    matrix: Any,
    first: int,
    begin: int,
    end: int,
    rows: int,
    columns: int,
    left: Any,
    right: Any,
    batch: int,
) -> None:
    """``matrix = matrix + sum over samples of left right'`` in rows ``begin, ..., end - 1``."""
    whole = end - (end - begin) % ROWS
    for i in range(begin, whole, ROWS):
        row = first + i * columns
        for j in range(columns):
            a = load(matrix, row + j)
            b = load(matrix, row + columns + j)
            c = load(matrix, row + 2 * columns + j)
            d = load(matrix, row + 3 * columns + j)
            for sample in range(batch):
                entry = load(right, sample * columns + j)
                a = a + load(left, sample * rows + i) * entry
                b = b + load(left, sample * rows + i + 1) * entry
                c = c + load(left, sample * rows + i + 2) * entry
                d = d + load(left, sample * rows + i + 3) * entry
            store(matrix, row + j, a)
            store(matrix, row + columns + j, b)
            store(matrix, row + 2 * columns + j, c)
            store(matrix, row + 3 * columns + j, d)
    for i in range(whole, end):
        row = first + i * columns
        for j in range(columns):
            a = load(matrix, row + j)
            for sample in range(batch):
                a = a + load(left, sample * rows + i) * load(right, sample * columns + j)
            store(matrix, row + j, a)


@inlined
def _send_back(
    matrix: Any,
    first: int,
    begin: int,
    end: int,
    rows: int,
    columns: int,
    errors: Any,
    sources: Any,
    targets: Any,
    batch: int,
) -> None:
    """``targets = targets + matrix' @ errors`` for each sample, then `_add_outer`, in one pass."""
    whole = end - (end - begin) % ROWS
    for i in range(begin, whole, ROWS):
        row = first + i * columns
        for j in range(columns):
            a = load(matrix, row + j)
            b = load(matrix, row + columns + j)
            c = load(matrix, row + 2 * columns + j)
            d = load(matrix, row + 3 * columns + j)
            new_a = a
            new_b = b
            new_c = c
            new_d = d
            for sample in range(batch):
                error_a = load(errors, sample * rows + i)
                error_b = load(errors, sample * rows + i + 1)
                error_c = load(errors, sample * rows + i + 2)
                error_d = load(errors, sample * rows + i + 3)
                source = load(sources, sample * columns + j)
                total = load(targets, sample * columns + j) + a * error_a
                total = total + b * error_b
                total = total + c * error_c
                store(targets, sample * columns + j, total + d * error_d)
                new_a = new_a + error_a * source
                new_b = new_b + error_b * source
                new_c = new_c + error_c * source
                new_d = new_d + error_d * source
            store(matrix, row + j, new_a)
            store(matrix, row + columns + j, new_b)
            store(matrix, row + 2 * columns + j, new_c)
            store(matrix, row + 3 * columns + j, new_d)
    for i in range(whole, end):
        row = first + i * columns
        for j in range(columns):
            a = load(matrix, row + j)
            new_a = a
            for sample in range(batch):
                error_a = load(errors, sample * rows + i)
                total = load(targets, sample * columns + j) + a * error_a
                store(targets, sample * columns + j, total)
                new_a = new_a + error_a * load(sources, sample * columns + j)
            store(matrix, row + j, new_a)


@inlined
def draw_inputs(shape: Any, count: int, work: Any, run: Any, table_rows: int, group: int) -> None:
    """Draw ``count`` normals, of which the first make up the inputs of a batch."""
    inputs, normals, x = shape.inputs, work.normals, work.x
    fill_normals(run.states, group, run.coefficients, normals, (count + 1) // 2)
    for sample in range(shape.batch):
        at = sample * inputs
        if shape.tabulated:
            _draw_from_table(run, table_rows, group, x, at, inputs)
        elif shape.elliptical:
            _draw_from_table(run, table_rows, group, x, at, 1)
            squared = floats(SMALLEST_SQUARE)
            for j in range(inputs):
                z = load(normals, at + j)
                squared = squared + z * z
            length = load(x, at) / square_root(squared)
            for j in range(inputs):
                z = load(normals, at + j)
                store(x, at + j, length * floats(run.scales[j]) * z)
        else:
            for j in range(inputs):
                store(x, at + j, floats(run.scales[j]) * load(normals, at + j))


@inlined
def _teach(
    teacher: Any, begin: int, end: int, columns: int, vector: Any, at: int, labels: Any
) -> None:
    """``labels = labels + teacher @ vector`` for the rows ``begin, ..., end - 1``."""
    if end - begin == ROWS:
        row = begin * columns
        a = load(labels, 0)
        b = load(labels, 1)
        c = load(labels, 2)
        d = load(labels, 3)
        for j in range(columns):
            entry = load(vector, at + j)
            a = a + floats(teacher[row + j]) * entry
            b = b + floats(teacher[row + columns + j]) * entry
            c = c + floats(teacher[row + 2 * columns + j]) * entry
            d = d + floats(teacher[row + 3 * columns + j]) * entry
        store(labels, 0, a)
        store(labels, 1, b)
        store(labels, 2, c)
        store(labels, 3, d)
    else:
        for o in range(begin, end):
            label = load(labels, o - begin)
            for j in range(columns):
                label = label + floats(teacher[o * columns + j]) * load(vector, at + j)
            store(labels, o - begin, label)


@inlined
def _descend_second(
    shape: Any, labels_at: int, work: Any, run: Any, first: int, rate: Any, damping: Any
) -> None:
    """Errors ``e`` of a batch, hidden errors ``v = U' e``, and the step of ``U``.

    A few rows of ``U`` at a time: they are read once for all three.
    """
    inputs, hidden, outputs = shape.inputs, shape.hidden, shape.outputs
    x, h, e, v = work.x, work.h, work.e, work.v
    labels = local_floats(ROWS)
    for k in range(shape.batch * hidden):
        store(v, k, floats(0.0))
    for begin in range(0, outputs, ROWS):
        end = min(begin + ROWS, outputs)
        for sample in range(shape.batch):
            _multiply(
                run.weights, first, begin, end, hidden, h, sample * hidden, e, sample * outputs
            )
            at = sample * inputs
            to = sample * outputs
            for o in range(begin, end):
                label = floats(0.0)
                if shape.noisy:
                    deviation = floats(run.label_deviations[o])
                    label = deviation * load(work.normals, labels_at + to + o)
                if not shape.dense and o < inputs:
                    label = label + floats(run.teacher[o]) * load(x, at + o)
                store(labels, o - begin, label)
            if shape.dense:
                _teach(run.teacher, begin, end, inputs, x, at, labels)
            for o in range(begin, end):
                label = load(labels, o - begin)
                store(e, to + o, rate * label - damping * load(e, to + o))
        _send_back(run.weights, first, begin, end, outputs, hidden, e, h, v, shape.batch)


@inlined
def _advance(shape: Any, delayed: bool, work: Any, given: Any, steps: int) -> None:
    inputs, hidden, outputs, batch = shape.inputs, shape.hidden, shape.outputs, shape.batch
    x, h, v, previous = work.x, work.h, work.v, work.previous
    run = Run(
        pointer(given.weights), pointer(given.states), pointer(given.drawn),
        pointer(given.coefficients), pointer(given.scales), pointer(given.table),
        pointer(given.acceptance), pointer(given.alias), pointer(given.teacher),
        pointer(given.label_deviations), given.learning_rate, given.weight_decay,
        given.synaptic_deviation,
    )  # fmt: skip
    weights, table_rows = run.weights, len(given.acceptance)
    size = hidden * (inputs + outputs)
    groups = len(given.weights) // (LANES * size)
    count = inputs * batch
    if shape.tabulated:
        count = 0
    labels_at = count
    if shape.noisy:
        count += outputs * batch
    # Between these steps both layers are held as multiples of a common factor, which decays in
    # their place: W = factor * memory, U likewise.  An update then takes one fused operation.
    keep = 1.0 - run.learning_rate * run.weight_decay
    if keep == 0.0:
        keep = ROUNDING
    gain = run.learning_rate / (batch * keep)
    rate = floats(gain)
    if delayed:
        # The step of W waits for the next inputs, when the same rows are needed: a large W then
        # comes from the second-level cache once per step instead of twice.
        for group in range(groups):
            first_w = group * size
            first_u = first_w + hidden * inputs
            factor = 1.0
            for k in range(batch * hidden):
                store(v, k, floats(0.0))
            for k in range(batch * inputs):
                store(previous, k, floats(0.0))
            for step in range(steps):
                damping = floats(gain * factor * factor)
                factor = factor * keep
                draw_inputs(shape, count, work, run, table_rows, group)
                for begin in range(0, hidden, ROWS):
                    end = min(begin + ROWS, hidden)
                    _add_outer(weights, first_w, begin, end, hidden, inputs, v, previous, batch)
                    for sample in range(batch):
                        _multiply(
                            weights, first_w, begin, end, inputs, x, sample * inputs, h,
                            sample * hidden,
                        )  # fmt: skip
                _descend_second(shape, labels_at, work, run, first_u, rate, damping)
                for k in range(batch * inputs):
                    store(previous, k, load(x, k))
                if step + 1 == steps or abs(factor) < SMALLEST_FACTOR:
                    _add_outer(weights, first_w, 0, hidden, hidden, inputs, v, previous, batch)
                    for k in range(batch * hidden):
                        store(v, k, floats(0.0))
                    for k in range(first_w, first_w + size):
                        store(weights, k, floats(factor) * load(weights, k))
                    factor = 1.0
        return
    factor = 1.0
    for step in range(steps):
        damping = floats(gain * factor * factor)
        factor = factor * keep
        for group in range(groups):
            first_w = group * size
            first_u = first_w + hidden * inputs
            draw_inputs(shape, count, work, run, table_rows, group)
            for sample in range(batch):
                _multiply(
                    weights, first_w, 0, hidden, inputs, x, sample * inputs, h, sample * hidden
                )
            _descend_second(shape, labels_at, work, run, first_u, rate, damping)
            _add_outer(weights, first_w, 0, hidden, hidden, inputs, v, x, batch)
            if shape.noisy_synapses:
                fill_normals(run.states, group, run.coefficients, work.normals, (size + 1) // 2)
                for k in range(size):
                    jitter = floats(run.synaptic_deviation / factor) * load(work.normals, k)
                    store(weights, first_w + k, load(weights, first_w + k) + jitter)
        if step + 1 == steps or abs(factor) < SMALLEST_FACTOR:
            for k in range(groups * size):
                store(weights, k, floats(factor) * load(weights, k))
            factor = 1.0


@compiled
def _general(shape: Any, delayed: bool, vectors: Any, given: Any, steps: int) -> None:
    work = Work(
        pointer(vectors.normals), pointer(vectors.x), pointer(vectors.h), pointer(vectors.e),
        pointer(vectors.v), pointer(vectors.previous),
    )  # fmt: skip
    _advance(shape, delayed, work, given, steps)


@cache
def _specialised(shape: Shape) -> Callable[..., None]:
    delayed = shape.delayed
    normals, x, h, e, v, previous = shape.working_vectors

    @compiled
    def advance(given: Any, steps: int) -> None:
        work = Work(
            local_floats(normals), local_floats(x), local_floats(h), local_floats(e),
            local_floats(v), local_floats(previous),
        )  # fmt: skip
        _advance(shape, delayed, work, given, steps)

    return advance


def kernel_for(shape: Shape) -> Callable[[Run, int], None]:
    """A step loop for one thread; takes what it works on and the number of steps."""
    if sum(shape.working_vectors) <= STACK_VECTORS:
        return _specialised(shape)
    vectors = Work(*working_memory(shape.working_vectors, shape.batch))
    return partial(_general, shape, shape.delayed, vectors)

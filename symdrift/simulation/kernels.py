"""Compiled online SGD: one block of replicas, a number of steps, nothing but arithmetic.

Memory of a block, in vectors of eight lanes: for each group of eight replicas the weights
``W`` (row by row), then ``U`` (row by row).  Every function here is written once for all
shapes; `kernel_for` fixes the sizes of small networks as constants, so that the compiler
unrolls their loops and keeps what it can in registers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

from symdrift.simulation.lanes import LANES, compiled, floats, inlined, load, pointer, store
from symdrift.simulation.random import fill_normals, next_words

SPECIALISED_WEIGHTS = 32
"""Networks with at most this many weights get kernels with constant sizes."""


class Shape(NamedTuple):
    """What a kernel is specialised for.

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
    def normals(self) -> int:
        """Most normals that one step needs at a time, made even."""
        per_sample = self.inputs + self.outputs
        count = max(self.batch * per_sample, self.weights if self.noisy_synapses else 0)
        return count + count % 2

    @property
    def scratch(self) -> int:
        """Floats of working memory: normals, inputs, errors, hidden units and their errors."""
        sample = self.inputs + self.outputs + 2 * self.hidden
        return LANES * (self.normals + self.batch * sample)


@inlined
def _draw_from_table(
    states: Any,
    group: int,
    table: Any,
    acceptance: Any,
    alias: Any,
    size: int,
    target: Any,
    first: int,
    inputs: int,
    drawn: Any,
) -> None:
    """Write one row of the table per lane, chosen by Walker's alias method."""
    store(drawn, 0, next_words(states, group))
    for lane in range(LANES):
        bits = drawn[lane]
        row = int(((bits >> 32) * size) >> 32)
        if (bits & 0xFFFFFFFF) * 2.0**-32 >= acceptance[row]:
            row = alias[row]
        for column in range(inputs):
            target[(first + column) * LANES + lane] = table[row * inputs + column]


@inlined
def _advance(
    inputs: int,
    hidden: int,
    outputs: int,
    batch: int,
    tabulated: bool,
    elliptical: bool,
    dense: bool,
    noisy: bool,
    noisy_synapses: bool,
    weights: Any,
    states: Any,
    scratch: Any,
    drawn: Any,
    scales: Any,
    table: Any,
    acceptance: Any,
    alias: Any,
    rows: int,
    teacher: Any,
    label_deviations: Any,
    learning_rate: float,
    weight_decay: float,
    synaptic_deviation: float,
    groups: int,
    steps: int,
) -> None:
    size = hidden * (inputs + outputs)
    normals = inputs * batch
    if tabulated:
        normals = 0
    label_normals = normals
    if noisy:
        normals += outputs * batch
    pairs = (normals + 1) // 2
    all_normals = batch * (inputs + outputs)
    if noisy_synapses:
        all_normals = max(all_normals, size)
    x = all_normals + all_normals % 2
    h = x + batch * inputs
    e = h + batch * hidden
    v = e + batch * outputs
    keep = floats(1.0 - learning_rate * weight_decay)
    rate = floats(learning_rate / batch)
    for _ in range(steps):
        for group in range(groups):
            first_w = group * size
            first_u = first_w + hidden * inputs
            fill_normals(states, group, scratch, pairs)
            for sample in range(batch):
                xs = x + sample * inputs
                hs = h + sample * hidden
                es = e + sample * outputs
                vs = v + sample * hidden
                if tabulated:
                    _draw_from_table(
                        states, group, table, acceptance, alias, rows, scratch, xs, inputs, drawn
                    )
                elif elliptical:
                    _draw_from_table(
                        states, group, table, acceptance, alias, rows, scratch, vs, 1, drawn
                    )
                    length = load(scratch, vs)
                    for j in range(inputs):
                        z = load(scratch, sample * inputs + j)
                        store(scratch, xs + j, length * floats(scales[j]) * z)
                else:
                    for j in range(inputs):
                        z = load(scratch, sample * inputs + j)
                        store(scratch, xs + j, floats(scales[j]) * z)
                for i in range(hidden):
                    total = load(weights, first_w + i * inputs) * load(scratch, xs)
                    for j in range(1, inputs):
                        total = total + load(weights, first_w + i * inputs + j) * load(
                            scratch, xs + j
                        )
                    store(scratch, hs + i, total)
                    store(scratch, vs + i, floats(0.0))
                for o in range(outputs):
                    error = floats(0.0)
                    if noisy:
                        error = floats(label_deviations[o]) * load(
                            scratch, label_normals + sample * outputs + o
                        )
                    if dense:
                        for j in range(inputs):
                            error = error + floats(teacher[o * inputs + j]) * load(
                                scratch, xs + j
                            )
                    elif o < inputs:
                        error = error + floats(teacher[o]) * load(scratch, xs + o)
                    row = first_u + o * hidden
                    for i in range(hidden):
                        error = error - load(weights, row + i) * load(scratch, hs + i)
                    error = rate * error
                    store(scratch, es + o, error)
                    for i in range(hidden):
                        store(
                            scratch,
                            vs + i,
                            load(scratch, vs + i) + load(weights, row + i) * error,
                        )
            for i in range(hidden):
                for j in range(inputs):
                    weight = keep * load(weights, first_w + i * inputs + j)
                    for sample in range(batch):
                        weight = weight + load(scratch, v + sample * hidden + i) * load(
                            scratch, x + sample * inputs + j
                        )
                    store(weights, first_w + i * inputs + j, weight)
            for o in range(outputs):
                for i in range(hidden):
                    weight = keep * load(weights, first_u + o * hidden + i)
                    for sample in range(batch):
                        weight = weight + load(scratch, e + sample * outputs + o) * load(
                            scratch, h + sample * hidden + i
                        )
                    store(weights, first_u + o * hidden + i, weight)
            if noisy_synapses:
                fill_normals(states, group, scratch, (size + 1) // 2)
                for k in range(size):
                    store(
                        weights,
                        first_w + k,
                        load(weights, first_w + k)
                        + floats(synaptic_deviation) * load(scratch, k),
                    )


@compiled
def _general(
    inputs: int,
    hidden: int,
    outputs: int,
    batch: int,
    tabulated: bool,
    elliptical: bool,
    dense: bool,
    noisy: bool,
    noisy_synapses: bool,
    weights: Any,
    states: Any,
    scratch: Any,
    drawn: Any,
    scales: Any,
    table: Any,
    acceptance: Any,
    alias: Any,
    teacher: Any,
    label_deviations: Any,
    learning_rate: float,
    weight_decay: float,
    synaptic_deviation: float,
    steps: int,
) -> None:
    _advance(
        inputs, hidden, outputs, batch, tabulated, elliptical, dense, noisy, noisy_synapses,
        pointer(weights), pointer(states), pointer(scratch), pointer(drawn), pointer(scales),
        pointer(table), pointer(acceptance), pointer(alias), len(acceptance), pointer(teacher),
        pointer(label_deviations), learning_rate, weight_decay, synaptic_deviation,
        len(weights) // (LANES * hidden * (inputs + outputs)), steps,
    )  # fmt: skip


def _specialised(shape: Shape) -> Callable[..., None]:
    (inputs, hidden, outputs, batch, tabulated, elliptical, dense, noisy, noisy_synapses) = shape

    @compiled
    def advance(
        weights: Any,
        states: Any,
        scratch: Any,
        drawn: Any,
        scales: Any,
        table: Any,
        acceptance: Any,
        alias: Any,
        teacher: Any,
        label_deviations: Any,
        learning_rate: float,
        weight_decay: float,
        synaptic_deviation: float,
        steps: int,
    ) -> None:
        _advance(
            inputs, hidden, outputs, batch, tabulated, elliptical, dense, noisy, noisy_synapses,
            pointer(weights), pointer(states), pointer(scratch), pointer(drawn), pointer(scales),
            pointer(table), pointer(acceptance), pointer(alias), len(acceptance),
            pointer(teacher), pointer(label_deviations), learning_rate, weight_decay,
            synaptic_deviation, len(weights) // (LANES * hidden * (inputs + outputs)), steps,
        )  # fmt: skip

    return advance


@cache
def kernel_for(shape: Shape) -> Callable[..., None]:
    """The compiled step loop of a shape; takes the arguments of `_advance` after the shape."""
    if shape.weights <= SPECIALISED_WEIGHTS:
        return _specialised(shape)
    return partial(_general, *shape)

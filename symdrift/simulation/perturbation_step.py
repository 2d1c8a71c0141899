"""Compiled online SGD of networks, and of the powers of their deviations, on the same samples.

Around the minimum the weights are ``theta* + n_1 + n_2 + n_3 + ...``, where ``n_k`` goes with the
power ``k/2`` of the learning rate.  A step of SGD, sorted by these powers, is

    ``n_k' = n_k - eta (mean_k + sample_(k-1) - mean_(k-1))``

with the terms of order ``k`` of the gradient, of the expected loss and of one sample: what a sample
adds to the expectation counts one order more, since only the sum of many of them matters.  So does
synaptic noise, whose variance goes with the third power of the rate: it belongs to ``n_2``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from symdrift.simulation.descent import Run, Shape, Work, draw_inputs
from symdrift.simulation.lanes import (
    LANES,
    compiled,
    floats,
    inlined,
    load,
    local_floats,
    pointer,
    store,
)
from symdrift.simulation.random import fill_normals

ORDERS = 4
"""Of the series: the minimum, which does not move, and three more."""

STATES = ORDERS + 1
"""Weights held for each network: its own, and those of the series."""


class Powers(NamedTuple):
    """Working vectors: ``h``, ``e`` and ``U' e`` by order, then slopes of the mean, and spare.

    ``slopes`` has ``(U W - A) Sigma`` of each order less that of the order below.
    """

    h: Any
    e: Any
    v: Any
    residual: Any
    slopes: Any
    spare: Any


@inlined
def _own_step(shape: Any, first: int, work: Any, powers: Any, run: Any) -> None:
    """Plain SGD of the network; leaves ``powers`` to the series."""
    inputs, hidden, outputs = shape.inputs, shape.hidden, shape.outputs
    weights, second = run.weights, first + hidden * inputs
    rate = floats(run.learning_rate)
    keep = floats(1.0 - run.learning_rate * run.weight_decay)
    for i in range(hidden):
        total = floats(0.0)
        for j in range(inputs):
            total = total + load(weights, first + i * inputs + j) * load(work.x, j)
        store(powers.h, i, total)
        store(powers.v, i, floats(0.0))
    for o in range(outputs):
        total = floats(0.0) - load(work.e, o)
        for i in range(hidden):
            total = total + load(weights, second + o * hidden + i) * load(powers.h, i)
        for i in range(hidden):
            at = second + o * hidden + i
            weight = load(weights, at)
            store(powers.v, i, load(powers.v, i) + weight * total)
            store(weights, at, keep * weight - rate * total * load(powers.h, i))
    for i in range(hidden):
        back = rate * load(powers.v, i)
        for j in range(inputs):
            at = first + i * inputs + j
            store(weights, at, keep * load(weights, at) - back * load(work.x, j))


@inlined
def _sample_orders(shape: Any, first: int, work: Any, powers: Any, run: Any) -> None:
    """``h``, ``e`` and ``U' e`` of the sample, order by order."""
    inputs, hidden, outputs = shape.inputs, shape.hidden, shape.outputs
    weights, layer = run.weights, hidden * inputs
    size = layer + hidden * outputs
    for order in range(ORDERS - 1):
        for i in range(hidden):
            row = first + order * size + i * inputs
            total = floats(0.0)
            for j in range(inputs):
                total = total + load(weights, row + j) * load(work.x, j)
            store(powers.h, order * hidden + i, total)
    for order in range(ORDERS - 1):
        for o in range(outputs):
            total = floats(0.0)
            if order == 0:
                total = total - load(work.e, o)
            for left in range(order + 1):
                row = first + left * size + layer + o * hidden
                for i in range(hidden):
                    total = total + load(weights, row + i) * load(
                        powers.h, (order - left) * hidden + i
                    )
            store(powers.e, order * outputs + o, total)
    for order in range(ORDERS - 1):
        for i in range(hidden):
            total = floats(0.0)
            for left in range(order + 1):
                column = first + left * size + layer + i
                for o in range(outputs):
                    total = total + load(weights, column + o * hidden) * load(
                        powers.e, (order - left) * outputs + o
                    )
            store(powers.v, order * hidden + i, total)


@inlined
def _mean_orders(
    shape: Any, first: int, powers: Any, run: Any, covariance: Any, teacher: Any
) -> None:
    """``(U W - A) Sigma`` of each order less that of the order below."""
    inputs, hidden, outputs = shape.inputs, shape.hidden, shape.outputs
    weights, layer, maps = run.weights, hidden * inputs, outputs * inputs
    size = layer + hidden * outputs
    for order in range(ORDERS):
        for o in range(outputs):
            for j in range(inputs):
                total = floats(0.0)
                if order == 0:
                    total = total - floats(teacher[o * inputs + j])
                for left in range(order + 1):
                    row = first + left * size + layer + o * hidden
                    column = first + (order - left) * size + j
                    for i in range(hidden):
                        total = total + load(weights, row + i) * load(weights, column + i * inputs)
                store(powers.residual, order * maps + o * inputs + j, total)
    for order in range(ORDERS - 1, 0, -1):
        for k in range(maps):
            at = order * maps + k
            store(powers.residual, at, load(powers.residual, at) - load(powers.residual, at - maps))
    for row in range(ORDERS * outputs):
        for j in range(inputs):
            total = floats(0.0)
            if shape.tabulated:
                for k in range(inputs):
                    total = total + floats(covariance[k * inputs + j]) * load(
                        powers.residual, row * inputs + k
                    )
            else:
                total = floats(covariance[j * inputs + j]) * load(powers.residual, row * inputs + j)
            store(powers.slopes, row * inputs + j, total)


@inlined
def _series_step(shape: Any, first: int, work: Any, powers: Any, run: Any) -> None:
    """Highest order first: what is below it is still that before the step."""
    inputs, hidden, outputs = shape.inputs, shape.hidden, shape.outputs
    weights, layer, maps = run.weights, hidden * inputs, outputs * inputs
    size = layer + hidden * outputs
    rate = floats(run.learning_rate)
    keep = floats(1.0 - run.learning_rate * run.weight_decay)
    for order in range(ORDERS - 1, 0, -1):
        own = first + order * size
        for i in range(hidden):
            for j in range(inputs):
                total = load(powers.v, (order - 1) * hidden + i) * load(work.x, j)
                for left in range(order + 1):
                    column = first + left * size + layer + i
                    slope = (order - left) * maps + j
                    for o in range(outputs):
                        total = total + load(weights, column + o * hidden) * load(
                            powers.slopes, slope + o * inputs
                        )
                at = i * inputs + j
                store(powers.spare, at, keep * load(weights, own + at) - rate * total)
        for o in range(outputs):
            for i in range(hidden):
                total = floats(0.0)
                for left in range(order):
                    total = total + load(powers.e, (order - 1 - left) * outputs + o) * load(
                        powers.h, left * hidden + i
                    )
                for left in range(order + 1):
                    row = first + left * size + i * inputs
                    slope = (order - left) * maps + o * inputs
                    for j in range(inputs):
                        total = total + load(weights, row + j) * load(powers.slopes, slope + j)
                at = layer + o * hidden + i
                store(powers.spare, at, keep * load(weights, own + at) - rate * total)
        for k in range(size):
            store(weights, own + k, load(powers.spare, k))


@inlined
def _shake(size: int, group: int, first: int, work: Any, run: Any) -> None:
    """Synaptic noise of the network, and the same of its second order."""
    fill_normals(run.states, group, run.coefficients, work.normals, (size + 1) // 2)
    for k in range(size):
        jitter = floats(run.synaptic_deviation) * load(work.normals, k)
        for state in (first + k, first + 3 * size + k):
            store(run.weights, state, load(run.weights, state) + jitter)


@inlined
def _targets(shape: Any, labels_at: int, work: Any, run: Any, teacher: Any) -> None:
    for o in range(shape.outputs):
        label = floats(0.0)
        if shape.noisy:
            label = floats(run.label_deviations[o]) * load(work.normals, labels_at + o)
        for j in range(shape.inputs):
            label = label + floats(teacher[o * shape.inputs + j]) * load(work.x, j)
        store(work.e, o, label)


@cache
def series_kernel(shape: Shape) -> Callable[..., None]:
    """A step loop for one thread: memory and model, second moment, teacher, number of steps.

    Memory of each group of lanes: the weights of the network, then `ORDERS` of the series.
    """
    inputs, hidden, outputs = shape.inputs, shape.hidden, shape.outputs
    size = shape.weights
    normals = shape.working_vectors[0]
    labels_at = 0 if shape.tabulated else inputs
    count = labels_at + (outputs if shape.noisy else 0)
    below, maps = ORDERS - 1, ORDERS * inputs * outputs
    in_h, in_e = below * hidden, below * outputs

    @compiled
    def advance(given: Any, covariance: Any, teacher: Any, steps: int) -> None:
        run = Run(
            pointer(given.weights), pointer(given.states), pointer(given.drawn),
            pointer(given.coefficients), pointer(given.scales), pointer(given.table),
            pointer(given.acceptance), pointer(given.alias), pointer(given.teacher),
            pointer(given.label_deviations), given.learning_rate, given.weight_decay,
            given.synaptic_deviation,
        )  # fmt: skip
        labels = local_floats(outputs)
        x = local_floats(inputs)
        work = Work(local_floats(normals), x, x, labels, x, x)
        powers = Powers(
            local_floats(in_h), local_floats(in_e), local_floats(in_h), local_floats(maps),
            local_floats(maps), local_floats(size),
        )  # fmt: skip
        groups = len(given.weights) // (LANES * STATES * size)
        second_moment, target = pointer(covariance), pointer(teacher)
        rows = len(given.acceptance)
        for group in range(groups):
            first = group * STATES * size
            for _ in range(steps):
                draw_inputs(shape, count, work, run, rows, group)
                _targets(shape, labels_at, work, run, target)
                _own_step(shape, first, work, powers, run)
                _sample_orders(shape, first + size, work, powers, run)
                _mean_orders(shape, first + size, powers, run, second_moment, target)
                _series_step(shape, first + size, work, powers, run)
                if shape.noisy_synapses:
                    _shake(size, group, first, work, run)

    return advance

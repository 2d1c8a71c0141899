"""From a learning problem to the arrays that the compiled loops work on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from symdrift.evaluation.dense.landscape import MinimumPoint
from symdrift.simulation.descent import Shape
from symdrift.simulation.lanes import LANES
from symdrift.study.problem import Array, LearningProblem

Number = TypeVar("Number", np.float64, np.uint64)

PAGE_BYTES = 4096
"""Memory is given out, and read ahead by processors, in pages of this size."""


@dataclass(frozen=True)
class Table:
    """A finite distribution in the form of Walker's alias method.

    A row ``k`` is drawn uniformly, and replaced by ``alias[k]`` with probability
    ``1 - acceptance[k]``.

    Attributes
    ----------
    rows : Array
        Shape ``(K, columns)``.
    acceptance : Array
        Shape ``(K,)``.
    alias : NDArray[np.int64]
        Shape ``(K,)``.
    """

    rows: Array
    acceptance: Array
    alias: NDArray[np.int64]


@dataclass(frozen=True)
class Model:
    """Online SGD of one learning problem, ready to run.

    Gaussian and elliptical inputs are simulated in the eigenbasis of their covariance, where
    components are independent: ``W`` becomes ``W @ basis``, an exact change of variables.

    Attributes
    ----------
    shape : Shape
    basis : Array
        Columns are the axes in which inputs are simulated, shape ``(n, n)``.
    covariance : Array
        Second moment of the inputs in that basis, shape ``(n, n)``.
    scales : Array
        Standard deviations of the components, shape ``(n,)``; unused for tabulated inputs.
    table : Table
        The stimuli, or the lengths of elliptical inputs.
    teacher : Array
        Teacher map in that basis, shape ``(m, n)``.
    label_deviations : Array
        Standard deviations of the label noise, shape ``(m,)``.
    learning_rate, weight_decay : float
    synaptic_deviation : float
        Standard deviation of the noise added to every weight at each step.
    """

    shape: Shape
    basis: Array
    covariance: Array
    scales: Array
    table: Table
    teacher: Array
    label_deviations: Array
    learning_rate: float
    weight_decay: float
    synaptic_deviation: float

    def pack(self, first: Array, second: Array) -> Array:
        """Layer weights of some replicas as the memory of a block.

        Parameters
        ----------
        first, second : Array
            ``W`` and ``U``, shapes ``(R, p, n)`` and ``(R, m, p)``.

        Returns
        -------
        Array
            Aligned, shape ``(groups * weights * LANES,)``; spare lanes repeat the last replica.
        """
        replicas = len(first)
        flat = np.concatenate(
            [(first @ self.basis).reshape(replicas, -1), second.reshape(replicas, -1)], axis=1
        )
        groups = -(-replicas // LANES)
        lanes = np.minimum(np.arange(groups * LANES), replicas - 1)
        grouped = flat[lanes].reshape(groups, LANES, -1).swapaxes(1, 2)
        return on_own_pages(grouped)

    def unpack(self, memory: Array, replicas: int) -> tuple[Array, Array]:
        """Layer weights ``(W, U)`` of the first ``replicas`` replicas of a block."""
        shape = self.shape
        grouped = memory.reshape(-1, shape.weights, LANES).swapaxes(1, 2)
        flat = grouped.reshape(-1, shape.weights)[:replicas]
        split = shape.hidden * shape.inputs
        first = flat[:, :split].reshape(replicas, shape.hidden, shape.inputs) @ self.basis.T
        second = flat[:, split:].reshape(replicas, shape.outputs, shape.hidden)
        return first, second.copy()


def simulated_hidden(problem: LearningProblem, minimum: MinimumPoint) -> int:
    """Hidden units that a simulation from the minimum needs.

    Silent hidden units stay silent, unless their synapses fluctuate by themselves.
    """
    return problem.hidden if problem.synaptic_noise > 0 else minimum.rank


def padded_layers(minimum: MinimumPoint, hidden: int) -> tuple[Array, Array]:
    """Layers ``(W*, U*)`` of the minimum with silent units up to ``hidden`` hidden units."""
    silent = hidden - minimum.rank
    return (
        np.pad(minimum.first_layer, ((0, silent), (0, 0))),
        np.pad(minimum.second_layer, ((0, 0), (0, silent))),
    )


def model_of(problem: LearningProblem, hidden: int) -> Model:
    """The simulated model of a problem, with ``hidden`` hidden units (see `simulated_hidden`)."""
    outputs, inputs = problem.teacher.shape
    recipe = problem.inputs.recipe()
    covariance = problem.input_covariance
    basis = np.eye(inputs)
    scales = np.zeros(inputs)
    if recipe.components:
        if np.any(covariance - np.diag(np.diagonal(covariance))):
            _, basis = np.linalg.eigh(covariance)
            covariance = np.diag(np.diagonal(basis.T @ covariance @ basis))
        scales = np.sqrt(np.diagonal(covariance))
    teacher = problem.teacher @ basis
    shared = min(inputs, outputs)
    square = np.zeros_like(teacher)
    square[range(shared), range(shared)] = np.diagonal(teacher)
    shape = Shape(
        inputs=inputs,
        hidden=hidden,
        outputs=outputs,
        batch=problem.batch,
        tabulated=not recipe.components,
        elliptical=recipe.lengths,
        dense=bool(np.any(teacher != square)),
        noisy=bool(np.any(problem.label_noise > 0)),
        noisy_synapses=problem.synaptic_noise > 0,
    )
    return Model(
        shape=shape,
        basis=basis,
        covariance=covariance,
        scales=scales,
        table=alias_table(recipe.rows, recipe.probabilities),
        teacher=teacher,
        label_deviations=np.sqrt(problem.label_noise),
        learning_rate=problem.learning_rate,
        weight_decay=problem.weight_decay,
        synaptic_deviation=float(np.sqrt(problem.synaptic_noise)),
    )


def on_own_pages(values: NDArray[Number]) -> NDArray[Number]:
    """A flat copy with pages of memory of its own, which starts where a page does.

    A processor reads ahead of a thread as far as the end of a page.  Memory that another thread
    writes must not lie there: each would keep taking it out of the other's cache.
    """
    flat = np.ascontiguousarray(values).reshape(-1)
    pages = -(-flat.nbytes // PAGE_BYTES)
    buffer = np.empty((pages + 1) * PAGE_BYTES, dtype=np.uint8)
    offset = -buffer.ctypes.data % PAGE_BYTES
    result = buffer[offset : offset + flat.nbytes].view(flat.dtype)
    result[:] = flat
    return result


def alias_table(rows: Array, probabilities: Array) -> Table:
    """Rows with their probabilities, as `Table`."""
    count = len(rows)
    acceptance = probabilities * count
    alias = np.arange(count)
    small = [k for k in range(count) if acceptance[k] < 1.0]
    large = [k for k in range(count) if acceptance[k] >= 1.0]
    while small and large:
        poor, rich = small.pop(), large[-1]
        alias[poor] = rich
        acceptance[rich] -= 1.0 - acceptance[poor]
        if acceptance[rich] < 1.0:
            small.append(large.pop())
    acceptance[small + large] = 1.0
    return Table(rows=np.ascontiguousarray(rows), acceptance=acceptance, alias=alias)


def rows_of_stimuli(problem: LearningProblem) -> Array:
    """Vectors of the stimuli, shape ``(stimuli, n)``."""
    count, inputs = len(problem.stimuli), problem.teacher.shape[1]
    return np.array([stimulus.vector for stimulus in problem.stimuli]).reshape(count, inputs)

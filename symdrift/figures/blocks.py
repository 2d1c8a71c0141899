"""The blocks of the Hessian and of the gradient noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from scipy.sparse.csgraph import connected_components

from symdrift.evaluation.dense.frame import frame_of
from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.dense.noise_factors import gradient_noise
from symdrift.evaluation.dense.operator import hessian_matrix
from symdrift.figures.style import STYLE, WIDTH, drawing
from symdrift.study.problem import Array, LearningProblem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LARGEST_PATTERN = 80
"""Directions up to which the block structure is drawn."""

_ZERO = 1e-10


@dataclass(frozen=True)
class BlockStructure:
    """Hessian and gradient-noise covariance in one basis of the weights.

    Attributes
    ----------
    hessian, noise : Array
        Shape ``(K, K)``, the basis ordered so that coupled vectors are neighbours.
    blocks : tuple of int
        Sizes of the blocks, in order.
    """

    hessian: Array
    noise: Array
    blocks: tuple[int, ...]


def numbers(problem: LearningProblem, rank: int) -> BlockStructure | None:
    """Hessian and noise in the basis ``u_ol``, grouped into the blocks that they form.

    ``u_ol`` is the unit vector along ``(U'F, F W')`` with ``F = p_o r_l'`` in the singular
    frame of the learned map.  None when there are too many directions to draw.
    """
    outputs, inputs = problem.teacher.shape
    # Asked before the minimum is solved for with matrices of all these directions.
    if rank * (inputs + outputs - rank) > LARGEST_PATTERN:
        return None
    minimum = minimum_of(problem)
    frame = frame_of(minimum.first_layer, minimum.second_layer)
    vectors = []
    for output in range(outputs):
        for source in range(inputs):
            force = np.outer(frame.output_axes[:, output], frame.input_axes[:, source])
            vector = np.hstack([minimum.second_layer.T @ force, minimum.first_layer @ force.T])
            if (norm := np.linalg.norm(vector)) > _ZERO * np.linalg.norm(minimum.point):
                vectors.append(vector.ravel() / norm)
    basis = np.array(vectors).T
    curvature = hessian_matrix(
        minimum.point, problem.teacher, problem.input_covariance, problem.weight_decay
    )
    covariance = gradient_noise(minimum, problem.inputs, problem.label_noise, problem.batch)
    hessian, noise = (_without_rounding(basis.T @ it @ basis) for it in (curvature, covariance))
    _, labels = connected_components((hessian != 0) | (noise != 0), directed=False)
    sizes = np.bincount(labels)
    order = sorted(range(len(labels)), key=lambda k: (sizes[labels[k]], labels[k], k))
    members = list(dict.fromkeys(labels[k] for k in order))
    return BlockStructure(
        hessian=hessian[np.ix_(order, order)],
        noise=noise[np.ix_(order, order)],
        blocks=tuple(int(sizes[label]) for label in members),
    )


def _without_rounding(matrix: Array) -> Array:
    return np.where(np.abs(matrix) > _ZERO * np.abs(matrix).max(), matrix, 0.0)


def draw(data: BlockStructure) -> Figure:
    """Hessian and noise covariance side by side, zeros blank, blocks framed."""
    with drawing({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
        panels = figure.subplots(1, 2)
        titles = ("Hessian $H$", "gradient noise $C$")
        for axes, matrix, title in zip(panels, (data.hessian, data.noise), titles, strict=True):
            largest = float(np.max(np.abs(matrix), initial=0.0)) or 1.0
            shown = np.ma.masked_equal(matrix, 0.0)
            norm = TwoSlopeNorm(0.0, -largest, largest)
            image = axes.imshow(shown, cmap="RdBu_r", norm=norm, interpolation="nearest")
            start = 0
            for size in data.blocks:
                _frame(axes, start, size)
                start += size
            axes.set_title(title, fontsize=10)
            axes.set_xlabel("direction in weight space")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(True)
            figure.colorbar(image, ax=axes, shrink=0.8)
    return figure


def caption(data: BlockStructure) -> str:
    """What the figure shows."""
    sizes = sorted(set(data.blocks))
    kinds = ", ".join(f"{data.blocks.count(size)} of size {size}" for size in sizes)
    return (
        "Hessian and covariance of the gradient noise on the normal directions that the noise "
        "reaches, in the basis of the derivation; blank entries vanish. The blocks (framed) were "
        "found as "
        f"connected components of both matrices together, not assumed: {kinds}."
    )


def _frame(axes: Axes, start: int, size: int) -> None:
    low, high = start - 0.5, start + size - 0.5
    axes.plot(
        [low, high, high, low, low], [low, low, high, high, low], color="black", linewidth=0.7
    )

"""The blocks of the Hessian and of the gradient noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from symdrift.figures.style import STYLE, WIDTH, drawing
from symdrift.study.problem import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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


def draw_block_structure(data: BlockStructure) -> Figure:
    """Hessian and noise covariance side by side, zeros blank, blocks framed."""
    with drawing({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
        panels = figure.subplots(1, 2)
        titles = ("Hessian $H$", "gradient noise $C$")
        for axes, matrix, title in zip(panels, (data.hessian, data.noise), titles, strict=True):
            largest = float(np.max(np.abs(matrix), initial=0.0)) or 1.0
            shown = np.ma.masked_where(np.abs(matrix) <= 1e-12 * largest, matrix)
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


def caption_block_structure(data: BlockStructure) -> str:
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

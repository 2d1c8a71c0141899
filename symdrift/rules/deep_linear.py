"""Stochastic gradient descent in a linear network of any depth with weight decay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError
from symdrift.rules.rule import Array, Axes, Matrix, Rule, principal_axes

MOST_TRIED, MOST_ENDS = 4096, 64
"""Sets of learned axes that are tried, and ends of learning that are named."""
SHARED = 1e-9
"""Part of a teacher that may lie beside shared axes, relative to the teacher."""


@dataclass(frozen=True)
class DeepLinear(Rule):
    """Squared error of ``W_L ... W_1 x`` as an answer to a linear teacher.

    Attributes
    ----------
    teacher : Matrix
        ``A``, shape ``(m, n)``.
    weight_decay : float or sympy.Expr
        ``gamma``, on all layers.
    layers : int
        ``L``, at least 2.
    """

    teacher: Matrix
    weight_decay: Any
    layers: int

    def __post_init__(self) -> None:
        if self.layers < 2:
            raise RequestError("network.hidden", "must have at least one hidden layer")

    @property
    def weights(self) -> Mapping[str, Axes]:
        """``W_1`` to ``W_L``; a single hidden layer is ``hidden``."""
        within = [f"hidden_{k}" for k in range(1, self.layers)]
        names = ["inputs", *(within if len(within) > 1 else ["hidden"]), "outputs"]
        return {f"W_{k}": (to, of) for k, (of, to) in enumerate(pairwise(names), start=1)}

    def error(
        self, weights: tuple[Matrix, ...], sample_input: Matrix, label_noise: Matrix
    ) -> Matrix:
        """``e = A x + epsilon - W_L ... W_1 x``, shape ``(m, 1)``."""
        return self.teacher @ sample_input + label_noise - _forward(weights, sample_input)[-1]

    def loss(
        self, weights: tuple[Matrix, ...], error: Matrix, trace: Callable[[Matrix], Any]
    ) -> Any:
        """``tr(e e') / 2`` of a sample with error ``e``, and ``gamma tr(W_k W_k') / 2``."""
        penalty = sum(trace(matrix @ matrix.T) for matrix in weights)
        return trace(error @ error.T) / 2 + self.weight_decay * penalty / 2

    def update(
        self, weights: tuple[Matrix, ...], sample_input: Matrix, label_noise: Matrix
    ) -> tuple[Matrix, ...]:
        """``(W_L ... W_k+1)' e (W_k-1 ... W_1 x)' - gamma W_k``."""
        before = _forward(weights, sample_input)
        error = self.error(weights, sample_input, label_noise)
        later = [matrix.T for matrix in reversed(weights[1:])]
        sent_back = reversed([*accumulate(later, lambda slope, m: m @ slope, initial=error)])
        return tuple(
            slope @ activity.T - self.weight_decay * matrix
            for matrix, slope, activity in zip(weights, sent_back, before[:-1], strict=True)
        )

    def activities(self, weights: tuple[Matrix, ...], sample_input: Matrix) -> Mapping[str, Matrix]:
        activity = _forward(weights, sample_input)[1:-1]
        return dict(zip(self.hidden_axes, activity, strict=True))

    def fixed_points(
        self, covariance: Array, sizes: Mapping[str, int]
    ) -> tuple[tuple[Array, ...], ...]:
        """Balanced layers where the teacher shares the axes of the inputs, the lowest loss first.

        Along an axis of variance ``lambda`` and gain ``a`` every layer has the largest root of
        ``lambda (a - w^L) w^(L-2) = gamma``, or nothing.  An axis ``j`` that has nothing stays so
        beside one that has ``w_i`` where ``lambda_j a_j w_i^(L-2)`` is below the geometric mean of
        ``lambda_i w_i^(2L-2) + gamma`` and ``lambda_j w_i^(2L-2) + gamma``, and on its own in all
        networks but those of two layers with a unit to spare.
        """
        variances, axes = principal_axes(covariance)
        images = self.teacher @ axes.T
        gains = np.linalg.norm(images, axis=0)
        spread = images.T @ images - np.diag(gains**2)
        if np.abs(spread).max() > SHARED * gains.max() ** 2:
            return ()
        found = [self._learned(*axis) for axis in zip(variances, gains, strict=True)]
        reached, reductions = (np.array(numbers) for numbers in zip(*found, strict=True))
        outputs = images / np.where(gains > 0, gains, 1)
        points = []
        for learned in self._ends(variances, gains, reached, reductions, sizes):
            layers = []
            for number, (to, of) in enumerate(self.weights.values()):
                layer = np.zeros((sizes[to], sizes[of]))
                rows = outputs[:, learned].T if to == "outputs" else np.eye(len(learned), sizes[to])
                columns = axes[learned] if number == 0 else np.eye(len(learned), sizes[of])
                layers.append(layer + rows.T @ (reached[learned][:, np.newaxis] * columns))
            points.append(tuple(layers))
        return tuple(points)

    def _ends(
        self,
        variances: Array,
        gains: Array,
        reached: Array,
        reductions: Array,
        sizes: Mapping[str, int],
    ) -> Iterator[NDArray[np.intp]]:
        """Axes learned at each end of learning, by decreasing variance of what the first layer says
        of them; `MOST_ENDS` at most.
        """
        room = min(sizes[name] for name in self.hidden_axes)
        power = reached[:, np.newaxis] ** (self.layers - 2)
        holds = [
            each * (reached[:, np.newaxis] * power) ** 2 + self.weight_decay
            for each in (variances[:, np.newaxis], variances)
        ]
        # Axis i cannot be learned without j; of axes that tie none can be without all others.
        asks = (variances * gains * power) ** 2 > (1 - SHARED) * holds[0] * holds[1]
        worth = np.argsort(-reductions, kind="stable")
        worth = worth[reached[worth] > 0]
        first = worth[reductions[worth] > 0][:room]
        others = [
            np.array(sorted(learned), dtype=np.intp)
            for learned in _closed(asks[np.ix_(worth, worth)], worth.tolist())
            if learned != {*first.tolist()}
            and len(learned) <= room
            # Two layers with a unit to spare learn every axis.
            and (self.layers > 2 or len(learned) == min(room, len(worth)))
        ]
        others.sort(key=lambda learned: -float(reductions[learned].sum()))
        for learned in (first, *others[: MOST_ENDS - 1]):
            yield learned[np.argsort(-(reached[learned] ** 2) * variances[learned], kind="stable")]

    def _learned(self, variance: float, gain: float) -> tuple[float, float]:
        """What each layer learns along an axis, and by how much that lowers the loss."""
        depth = self.layers
        polynomial = np.zeros(2 * depth - 1)
        polynomial[0], polynomial[depth] = variance, -variance * gain
        polynomial[-1] += self.weight_decay
        roots = np.roots(polynomial)
        real = roots.real[np.abs(roots.imag) < 1e-9 * (1 + np.abs(roots.real))]
        if not np.any(real > 0):
            return 0.0, 0.0
        size = float(real.max())
        for _ in range(4):  # Roots of a polynomial by its coefficients, polished.
            off = variance * (gain - size**depth) * size ** (depth - 2) - self.weight_decay
            slope = variance * (
                (depth - 2) * gain * size ** (depth - 3) - (2 * depth - 2) * size ** (2 * depth - 3)
            )
            size -= off / slope if slope else 0.0
        left = variance * (gain - size**depth) ** 2 / 2
        penalty = depth * self.weight_decay * size**2 / 2
        return size, variance * gain**2 / 2 - left - penalty


def _closed(asks: Array, names: Sequence[int]) -> set[frozenset[int]]:
    """Sets that hold with each member whatever it asks for, `MOST_TRIED` at most.

    Parameters
    ----------
    asks : Array
        Shape ``(k, k)``, of bool: whether the first asks for the second.
    names : sequence of int
        What the members are called.
    """
    reach = asks | np.eye(len(names), dtype=bool)
    for _ in range(len(names).bit_length()):
        reach = reach @ reach
    single = {frozenset(np.array(names)[row].tolist()) for row in reach}
    found = {frozenset[int]()}
    for each in sorted(single, key=lambda members: (len(members), sorted(members))):
        found |= {each | other for other in found}
        if len(found) > MOST_TRIED:
            break
    return found


def _forward(weights: tuple[Matrix, ...], sample_input: Matrix) -> list[Matrix]:
    """Input and activities of all layers, the answer last."""
    return [*accumulate(weights, lambda activity, m: m @ activity, initial=sample_input)]

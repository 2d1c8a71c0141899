"""The minimum of the regularised loss for any teacher and any input covariance.

With balanced layers the loss is a function of the product ``M = U W``,
``1/2 tr[(A - M) Sigma (A - M)'] + gamma |M|_*`` (nuclear norm), which is convex.  Where
the number of hidden units caps the rank below that of the convex solution, the problem
is no longer convex: descent from many starts, and the lowest loss wins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy.linalg
import scipy.optimize

from symdrift.dense.coordinates import hidden_planes, joined, separated, tangent_vectors
from symdrift.dense.hessian import (
    expected_gradient,
    expected_loss,
    hessian_matrix,
    normal_spectrum,
)
from symdrift.dense.sizes import require_memory
from symdrift.errors import RequestError
from symdrift.problem import Array

THRESHOLD_TOLERANCE = 1e-9
"""Relative distance below which a threshold or a tie counts as met with equality."""

DEGENERACY_TOLERANCE = 1e-10
"""Singular values closer than this, relative to the largest, share one subspace."""

GRADIENT_TOLERANCE = 1e-12
"""Gradient norm that a located minimum may have left, relative to that of its terms."""

PROXIMAL_TOLERANCE = 1e-12
PROXIMAL_ITERATIONS = 200_000
NEWTON_ITERATIONS = 30
EXCHANGES = 24
RANDOM_STARTS = 6


@dataclass(frozen=True, eq=False)
class Certificate:
    """Evidence that the minimum is the global one, and strict.

    Attributes
    ----------
    gradient_norm : float
        Norm of the gradient that is left, relative to the norm of its terms.
    duality_gap : float or None
        Relative gap between the loss and its convex dual bound, which proves the global
        minimum; ``None`` where the hidden layer caps the rank and no dual bound exists.
    hessian_min, hessian_max : float
        Extreme Hessian eigenvalues on the normal space, silent units included.
    starts : int
        Starting points from which the loss was minimised.
    runner_up : float or None
        Relative distance in loss to the best different stationary point met from the
        other starts; ``None`` where there was none.
    """

    gradient_norm: float
    duality_gap: float | None
    hessian_min: float
    hessian_max: float
    starts: int
    runner_up: float | None


@dataclass(frozen=True, eq=False)
class MinimumPoint:
    """The minimum in the canonical frame; silent hidden units are left out.

    Attributes
    ----------
    first_layer : Array
        ``W*``, shape ``(r, n)``.
    second_layer : Array
        ``U*``, shape ``(m, r)``.
    singular_values : Array
        Of ``U* W*``, shape ``(r,)``, decreasing.
    error_map : Array
        ``E = A - U* W*``, shape ``(m, n)``.
    loss : float
        Expected loss without the constant half of the label noise.
    certificate : Certificate
    """

    first_layer: Array
    second_layer: Array
    singular_values: Array
    error_map: Array
    loss: float
    certificate: Certificate

    @property
    def rank(self) -> int:
        return len(self.singular_values)

    @property
    def point(self) -> Array:
        """``Z = [W*, U*']``, shape ``(r, n + m)``."""
        return joined(self.first_layer, self.second_layer)


def solve_minimum(
    teacher: Array, covariance: Array, weight_decay: float, hidden: int
) -> MinimumPoint:
    """Global minimum of the expected loss.

    Parameters
    ----------
    teacher : Array
        ``A``, shape ``(m, n)``.
    covariance : Array
        ``Sigma``, shape ``(n, n)``, positive semidefinite.
    weight_decay : float
        ``gamma > 0``.
    hidden : int
        Hidden units ``p >= 1``.

    Raises
    ------
    RequestError
        When weight decay is not positive, no direction is active, a threshold is met
        with equality, the bottleneck cuts through a tie, or the problem is too large.
    """
    if not weight_decay > 0:
        raise RequestError(
            "learning.weight_decay",
            f"= {weight_decay:g} is refused: without weight decay the minimum manifold is larger "
            "than the orbit of hidden rotations; give a positive value",
        )
    strongest = float(np.linalg.norm(teacher @ covariance, 2))
    if strongest <= weight_decay * (1 + THRESHOLD_TOLERANCE):
        raise RequestError(
            "learning.weight_decay",
            f"= {weight_decay:g} leaves no active direction: it must stay below the largest "
            f"singular value of teacher times input covariance, {strongest:.6g}",
        )
    relaxed = _proximal_gradient(teacher, covariance, weight_decay)
    left, values, right = np.linalg.svd(relaxed, full_matrices=False)
    rank = int(np.sum(values > THRESHOLD_TOLERANCE * values[0]))
    require_memory(teacher.shape[1], teacher.shape[0], min(rank, hidden))
    problem = (teacher, covariance, weight_decay)
    if hidden >= rank:
        point = _polished(_factored(left[:, :rank], values[:rank], right[:rank]), *problem)
        _refuse_threshold(point, *problem)
        starts, runner_up = 1, None
        gap: float | None = _duality_gap(point, *problem)
    else:
        directions = (left[:, :rank], values[:rank], right[:rank])
        point, starts, runner_up = _capped_minimum(directions, hidden, *problem)
        gap = None
    return _certified(point, hidden, starts, runner_up, gap, *problem)


def _certified(
    point: Array,
    hidden: int,
    starts: int,
    runner_up: float | None,
    gap: float | None,
    teacher: Array,
    covariance: Array,
    weight_decay: float,
) -> MinimumPoint:
    inputs = teacher.shape[1]
    point, singular_values = _canonical(point, inputs)
    first, second = separated(point, inputs)
    gradient_norm = _relative_gradient(point, teacher, covariance, weight_decay)
    spectrum = normal_spectrum(point, teacher, covariance, weight_decay, hidden)
    if spectrum[0] <= THRESHOLD_TOLERANCE * spectrum[-1]:
        raise _tie(hidden) if gap is None else _threshold(weight_decay)
    if gradient_norm > GRADIENT_TOLERANCE:
        raise RequestError(
            "teacher.map",
            "has a minimum too ill-conditioned to locate: a relative gradient of "
            f"{gradient_norm:.2g} is left and {GRADIENT_TOLERANCE:g} is allowed",
        )
    return MinimumPoint(
        first_layer=first,
        second_layer=second,
        singular_values=singular_values,
        error_map=teacher - second @ first,
        loss=expected_loss(point, teacher, covariance, weight_decay),
        certificate=Certificate(
            gradient_norm=gradient_norm,
            duality_gap=gap,
            hessian_min=float(spectrum[0]),
            hessian_max=float(spectrum[-1]),
            starts=starts,
            runner_up=runner_up,
        ),
    )


def _threshold(weight_decay: float) -> RequestError:
    return RequestError(
        "learning.weight_decay",
        f"= {weight_decay:g} meets the threshold of a direction with equality, where the minimum "
        "is not strict; move it, a gain or an input variance away from the threshold",
    )


def _tie(hidden: int) -> RequestError:
    return RequestError(
        "network.hidden",
        f"= {hidden} cuts through a tie: directions that lower the loss equally compete for the "
        "last hidden unit; change the number of hidden units, a gain or an input variance",
    )


def _proximal_gradient(teacher: Array, covariance: Array, weight_decay: float) -> Array:
    """Convex minimum by accelerated proximal gradient with restarts, shape ``(m, n)``.

    The proximal map of the nuclear norm soft-thresholds singular values, so the rank of
    the iterate settles exactly; accuracy is left to the Newton steps that follow.
    """
    step = 1 / float(np.linalg.eigvalsh(covariance)[-1])
    current = np.zeros_like(teacher)
    ahead, momentum = current, 1.0
    for _ in range(PROXIMAL_ITERATIONS):
        moved = ahead + step * (teacher - ahead) @ covariance
        left, values, right = np.linalg.svd(moved, full_matrices=False)
        following = (left * np.maximum(values - step * weight_decay, 0)) @ right
        change = following - current
        if np.sum((ahead - following) * change) > 0:
            next_momentum = 1.0
            ahead = following
        else:
            next_momentum = 0.5 * (1 + np.sqrt(1 + 4 * momentum**2))
            ahead = following + (momentum - 1) / next_momentum * change
        current, momentum = following, next_momentum
        if np.linalg.norm(change) <= PROXIMAL_TOLERANCE * np.linalg.norm(following):
            break
    return current


def _factored(left: Array, values: Array, right: Array) -> Array:
    """Balanced layers ``Z = [S^(1/2) R', S^(1/2) P']`` of the product ``P S R'``."""
    root = np.sqrt(values)[:, np.newaxis]
    return np.hstack([root * right, root * left.T])


def _relative_gradient(
    point: Array, teacher: Array, covariance: Array, weight_decay: float
) -> float:
    gradient = expected_gradient(point, teacher, covariance, weight_decay)
    terms = np.linalg.norm(teacher @ covariance, 2) * np.linalg.norm(point)
    return float(np.linalg.norm(gradient) / terms)


def _polished(point: Array, teacher: Array, covariance: Array, weight_decay: float) -> Array:
    """Newton steps orthogonal to the orbit, as long as they lower the gradient."""
    planes = hidden_planes(len(point))
    gradient = expected_gradient(point, teacher, covariance, weight_decay)
    for _ in range(NEWTON_ITERATIONS):
        tangents, _ = np.linalg.qr(tangent_vectors(point, planes))
        matrix = hessian_matrix(point, teacher, covariance, weight_decay)
        # The gradient has no tangent part: stiffening the tangent directions, along which
        # the Hessian vanishes, makes the system regular and leaves the step unchanged.
        matrix += np.linalg.norm(matrix, 1) * (tangents @ tangents.T)
        try:
            step = np.linalg.solve(matrix, -gradient.ravel()).reshape(point.shape)
        except np.linalg.LinAlgError:
            break
        moved = point + step
        following = expected_gradient(moved, teacher, covariance, weight_decay)
        if not np.linalg.norm(following) < np.linalg.norm(gradient):
            break
        point, gradient = moved, following
    return point


def _refuse_threshold(point: Array, teacher: Array, covariance: Array, weight_decay: float) -> None:
    """Refuse a direction whose slope equals the weight decay without being active."""
    first, second = separated(point, teacher.shape[1])
    slopes = np.linalg.svd((teacher - second @ first) @ covariance, compute_uv=False)
    silent = slopes[len(point) :]
    if silent.size and silent[0] >= weight_decay * (1 - THRESHOLD_TOLERANCE):
        raise _threshold(weight_decay)


def _duality_gap(point: Array, teacher: Array, covariance: Array, weight_decay: float) -> float:
    """Relative gap to the bound ``<Y, A Sigma^(1/2)> - |Y|^2/2`` with ``|Y Sigma^(1/2)| <= gamma``.

    The dual point is the whitened error ``E Sigma^(1/2)``, scaled into the feasible set.
    """
    first, second = separated(point, teacher.shape[1])
    error = teacher - second @ first
    scale = min(1.0, weight_decay / float(np.linalg.norm(error @ covariance, 2)))
    bound = scale * np.sum((error @ covariance) * teacher)
    bound -= 0.5 * scale**2 * np.sum((error @ covariance) * error)
    loss = expected_loss(point, teacher, covariance, weight_decay)
    return float(loss - bound) / loss


def _capped_minimum(
    directions: tuple[Array, Array, Array],
    hidden: int,
    teacher: Array,
    covariance: Array,
    weight_decay: float,
) -> tuple[Array, int, float | None]:
    """Lowest minimum with ``hidden`` units: point, number of starts, distance of runner-up."""
    problem = (teacher, covariance, weight_decay)
    ends = [
        _descended(start, *problem)
        for start in _capped_starts(directions, hidden, teacher, covariance, weight_decay)
    ]
    losses = np.array([expected_loss(end, *problem) for end in ends])
    scale = 0.5 * float(np.sum((teacher @ covariance) * teacher))
    near = [index for index in np.argsort(losses) if losses[index] - losses.min() < 1e-6 * scale]
    polished = [_polished(ends[index], *problem) for index in near]
    exact = [expected_loss(end, *problem) for end in polished]
    best = int(np.argmin(exact))
    others = [loss for index, loss in enumerate(losses) if index not in near]
    for loss, end in zip(exact, polished, strict=True):
        if _different(end, polished[best], teacher.shape[1]):
            others.append(loss)
    runner_up = float(min(others) - exact[best]) / scale if others else None
    if runner_up is not None and runner_up < THRESHOLD_TOLERANCE:
        raise _tie(hidden)
    return polished[best], len(ends), runner_up


def _different(one: Array, other: Array, inputs: int) -> bool:
    first, second = separated(one, inputs)
    other_first, other_second = separated(other, inputs)
    product_one, product_other = second @ first, other_second @ other_first
    return bool(np.linalg.norm(product_one - product_other) > 1e-5 * np.linalg.norm(product_other))


def _capped_starts(
    directions: tuple[Array, Array, Array],
    hidden: int,
    teacher: Array,
    covariance: Array,
    weight_decay: float,
) -> Iterator[Array]:
    """Starts for a capped rank.

    The directions of the convex solution that are worth most, the exchanges of one kept
    for one dropped direction that cost least, the truncated whitened teacher, and random
    displacements of the first (a fixed seed: the same answer on every run).
    """
    left, values, right = directions

    def loss_without(direction: int) -> float:
        kept = np.delete(np.arange(len(values)), direction)
        point = _factored(left[:, kept], values[kept], right[kept])
        return expected_loss(point, teacher, covariance, weight_decay)

    worth = np.array([loss_without(direction) for direction in range(len(values))])
    order = np.argsort(-worth, kind="stable")

    def selected(kept: list[int]) -> Array:
        return _factored(left[:, kept], values[kept], right[kept])

    chosen, dropped = order[:hidden].tolist(), order[hidden:].tolist()
    best = selected(chosen)
    yield best
    exchanges = sorted(product(chosen, dropped), key=lambda pair: worth[pair[0]] - worth[pair[1]])
    for removed, added in exchanges[:EXCHANGES]:
        yield selected([direction for direction in chosen if direction != removed] + [added])

    eigenvalues, axes = np.linalg.eigh(covariance)
    root = np.sqrt(np.maximum(eigenvalues, 0))
    whitened_left, whitened_values, whitened_right = np.linalg.svd(teacher @ axes * root)
    kept_values = whitened_values[:hidden]
    with np.errstate(divide="ignore"):
        unwhitened = np.where(root > 1e-6 * root[-1], 1 / root, 0.0)
    truncated = (whitened_left[:, :hidden] * kept_values) @ whitened_right[:hidden]
    leading = np.linalg.svd(truncated * unwhitened @ axes.T, full_matrices=False)
    yield _factored(leading[0][:, :hidden], leading[1][:hidden], leading[2][:hidden])

    generator = np.random.default_rng(0)
    spread = np.sqrt(np.mean(best**2))
    for _ in range(RANDOM_STARTS):
        yield best + spread * generator.standard_normal(best.shape)


def _descended(start: Array, teacher: Array, covariance: Array, weight_decay: float) -> Array:
    """Local minimum below a start (limited-memory quasi-Newton)."""
    problem = (teacher, covariance, weight_decay)

    def loss_and_gradient(flat: Array) -> tuple[float, Array]:
        point = flat.reshape(start.shape)
        return expected_loss(point, *problem), expected_gradient(point, *problem).ravel()

    end = scipy.optimize.minimize(
        loss_and_gradient,
        start.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 20_000, "maxfun": 20_000, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 20},
    )
    return np.asarray(end.x).reshape(start.shape)


def _canonical(point: Array, inputs: int) -> tuple[Array, Array]:
    """The point of the orbit in the canonical frame, and the singular values of ``U W``.

    Hidden axes by decreasing singular value.  Inside a degenerate subspace the axes are
    those closest to the input axes that it overlaps most, in order of input index; the
    sign of each right singular vector makes its largest component positive.
    """
    first, second = separated(point, inputs)
    rank = len(point)
    left, values, right = np.linalg.svd(second @ first, full_matrices=False)
    canonical = _factored(left[:, :rank], values[:rank], right[:rank])
    values = values[:rank]
    start = 0
    while start < rank:
        stop = start + 1
        while stop < rank and values[stop - 1] - values[stop] <= DEGENERACY_TOLERANCE * values[0]:
            stop += 1
        if stop - start > 1:
            rotation = _towards_input_axes(right[start:stop])
            canonical[start:stop] = rotation @ canonical[start:stop]
        start = stop
    for row in canonical:
        sizes = np.abs(row[:inputs])
        # The first of the largest components: equal ones must not be told apart by rounding.
        leading = int(np.argmax(sizes > (1 - 1e-8) * sizes.max()))
        if row[leading] < 0:
            row *= -1
    return canonical, values


def _towards_input_axes(basis: Array) -> Array:
    """Rotation of the rows of ``basis`` (orthonormal) towards the input axes they span best."""
    _, _, pivots = scipy.linalg.qr(basis, mode="economic", pivoting=True)
    overlap = basis[:, np.sort(pivots[: len(basis)])]
    left, _, right = np.linalg.svd(overlap)
    return np.asarray((left @ right).T)

"""The minimum of the regularised loss for any teacher and any input covariance.

With balanced layers the loss is a function of the product ``M = U W``,
``1/2 tr[(A - M) Sigma (A - M)'] + gamma |M|_*`` (nuclear norm), which is convex.  Where
the number of hidden units caps the rank below that of the convex solution, the problem
is no longer convex: descent from many starts, and the lowest loss wins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
import scipy.linalg

from symdrift.dense.balanced import factored, polished, relative_gradient
from symdrift.dense.bottleneck import capped_minimum
from symdrift.dense.coordinates import joined, separated
from symdrift.dense.frame import CanonicalFrame, frame_of
from symdrift.dense.hessian import expected_loss
from symdrift.dense.sizes import require_minimum_memory
from symdrift.dense.spectrum import NormalSpectrum, normal_spectrum
from symdrift.dense.tolerances import THRESHOLD_TOLERANCE
from symdrift.errors import RequestError
from symdrift.evaluation import Certificate, require_weight_decay
from symdrift.problem import Array

DEGENERACY_TOLERANCE = 1e-10
"""Singular values closer than this, relative to the largest, share one subspace."""

GRADIENT_TOLERANCE = 1e-12
"""Gradient norm that a located minimum may have left, relative to that of its terms."""

CHECKPOINTS = tuple(2**power for power in range(5, 18))
"""Proximal steps after which Newton's method is tried from where they have come to."""

_KEPT = 4
"""Minima kept in memory: learning rate, batch, label noise and stimuli do not move them."""


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
    frame : CanonicalFrame
        Singular axes of ``U* W*``.
    spectrum : NormalSpectrum
        Hessian eigenvalues on the normal space.
    loss : float
        Expected loss without the constant half of the label noise.
    certificate : Certificate
    """

    first_layer: Array
    second_layer: Array
    singular_values: Array
    error_map: Array
    frame: CanonicalFrame
    spectrum: NormalSpectrum
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
    """Global minimum of the expected loss; the last few are kept, with read-only arrays.

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
    require_weight_decay(weight_decay)
    outputs, inputs = teacher.shape
    content = tuple(np.asarray(matrix, np.float64).tobytes() for matrix in (teacher, covariance))
    return _solved(*content, (outputs, inputs), float(weight_decay), hidden)


@lru_cache(maxsize=_KEPT)
def _solved(
    teacher_bytes: bytes,
    covariance_bytes: bytes,
    shape: tuple[int, int],
    weight_decay: float,
    hidden: int,
) -> MinimumPoint:
    """The minimum for arrays given by their bytes, by which it is found again."""
    outputs, inputs = shape
    teacher = np.frombuffer(teacher_bytes).reshape(shape)
    covariance = np.frombuffer(covariance_bytes).reshape(inputs, inputs)
    strongest = float(np.linalg.norm(teacher @ covariance, 2))
    if strongest <= weight_decay * (1 + THRESHOLD_TOLERANCE):
        raise RequestError(
            "learning.weight_decay",
            f"= {weight_decay:g} leaves no active direction: it must stay below the largest "
            f"singular value of teacher times input covariance, {strongest:.6g}",
        )
    require_minimum_memory(inputs, outputs, min(hidden, inputs, outputs))
    problem = (teacher, covariance, weight_decay)
    point = _convex_minimum(*problem)
    if hidden >= len(point):
        if _strongest_silent_slope(point, teacher, covariance) >= weight_decay * (
            1 - THRESHOLD_TOLERANCE
        ):
            raise _threshold(weight_decay)
        starts, runner_up = 1, None
        gap: float | None = _duality_gap(point, *problem)
    else:
        point, starts, runner_up = capped_minimum(point, hidden, *problem)
        gap = None
        if runner_up is not None and runner_up < THRESHOLD_TOLERANCE:
            raise _tie(hidden)
    minimum = _certified(point, hidden, starts, runner_up, gap, *problem)
    for shared in (
        minimum.first_layer, minimum.second_layer, minimum.singular_values, minimum.error_map,
    ):  # fmt: skip
        shared.setflags(write=False)
    return minimum


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
    error_map = teacher - second @ first
    gradient_norm = relative_gradient(point, teacher, covariance, weight_decay)
    frame = frame_of(first, second)
    spectrum = normal_spectrum(frame, error_map @ covariance, covariance, weight_decay, hidden)
    if spectrum.smallest <= THRESHOLD_TOLERANCE * spectrum.largest:
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
        error_map=error_map,
        frame=frame,
        spectrum=spectrum,
        loss=expected_loss(point, teacher, covariance, weight_decay),
        certificate=Certificate(
            gradient_norm=gradient_norm,
            duality_gap=gap,
            hessian_min=spectrum.smallest,
            hessian_max=spectrum.largest,
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


def _convex_minimum(teacher: Array, covariance: Array, weight_decay: float) -> Array:
    """Minimum for any number of hidden units, as a balanced point ``Z``.

    Proximal gradient settles the rank, Newton's method the digits.  It is tried early and,
    as long as its end is not the minimum, again after twice as many proximal steps.
    """
    problem = (teacher, covariance, weight_decay)
    products = _proximal_iterates(*problem)
    done = 0
    for steps in CHECKPOINTS:
        product = next(islice(products, steps - done - 1, None))
        done = steps
        point = polished(factored(product), *problem)
        if relative_gradient(point, *problem) <= GRADIENT_TOLERANCE and _strongest_silent_slope(
            point, teacher, covariance
        ) <= weight_decay * (1 + THRESHOLD_TOLERANCE):
            break
    return point


def _proximal_iterates(teacher: Array, covariance: Array, weight_decay: float) -> Iterator[Array]:
    """Accelerated proximal gradient with restarts: products ``U W``, shape ``(m, n)``.

    The proximal map of the nuclear norm soft-thresholds singular values, so the rank of
    the iterate settles exactly.
    """
    step = 1 / float(np.linalg.eigvalsh(covariance)[-1])
    current = np.zeros_like(teacher)
    ahead, momentum = current, 1.0
    while True:
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
        yield current


def _strongest_silent_slope(point: Array, teacher: Array, covariance: Array) -> float:
    """Largest singular value of ``E Sigma`` outside the active directions; 0 without any.

    At a saddle, where a direction worth learning is silent, it is the largest of all.
    """
    first, second = separated(point, teacher.shape[1])
    active = len(point)
    slopes = frame_of(first, second).turned((teacher - second @ first) @ covariance)
    silent = slopes[active:, active:]
    return float(np.linalg.norm(silent, 2)) if silent.size else 0.0


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


def _canonical(point: Array, inputs: int) -> tuple[Array, Array]:
    """The point of the orbit in the canonical frame, and the singular values of ``U W``.

    Hidden axes by decreasing singular value.  Inside a degenerate subspace the axes are
    those closest to the input axes that it overlaps most, in order of input index; the
    sign of each right singular vector makes its largest component positive.
    """
    first, second = separated(point, inputs)
    rank = len(point)
    canonical = factored(second @ first)
    values = np.sum(canonical[:, :inputs] ** 2, axis=1)
    start = 0
    while start < rank:
        stop = start + 1
        while stop < rank and values[stop - 1] - values[stop] <= DEGENERACY_TOLERANCE * values[0]:
            stop += 1
        if stop - start > 1:
            basis = canonical[start:stop, :inputs] / np.sqrt(values[start:stop, np.newaxis])
            rotation = _towards_input_axes(basis)
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

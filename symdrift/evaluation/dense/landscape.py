"""The minimum of the regularised loss for any teacher and any input covariance.

With balanced layers the loss is a function of the product ``M = U W``,
``1/2 tr[(A - M) Sigma (A - M)'] + gamma |M|_*`` (nuclear norm), which is convex.  Where
the number of hidden units caps the rank below that of the convex solution, the problem
is no longer convex: descent from many starts, and strict minima in the order of their losses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.dense.balanced import (
    EPSILON,
    UNCERTAINTY,
    factored,
    newton_step,
    polished,
    relative_gradient,
)
from symdrift.evaluation.dense.bottleneck import capped_minima
from symdrift.evaluation.dense.coordinates import joined, separated
from symdrift.evaluation.dense.frame import CanonicalFrame, frame_of, towards_axes
from symdrift.evaluation.dense.operator import expected_loss
from symdrift.evaluation.dense.sizes import (
    log_slow_stage,
    reached_dimension,
    require_minimum_memory,
)
from symdrift.evaluation.dense.spectrum import NormalSpectrum, normal_spectrum
from symdrift.evaluation.parts import (
    THRESHOLD_TOLERANCE,
    Certificate,
    require_weight_decay,
    subspaces,
)
from symdrift.evaluation.several_minima import (
    MOST_LISTED,
    StrictMinimum,
    axes_of,
    no_such_minimum,
    require_numbered,
)
from symdrift.evaluation.units import Units, natural_units
from symdrift.rounding import first_largest
from symdrift.study.problem import Array, LearningProblem

GRADIENT_TOLERANCE = 1e-12
"""Gradient norm that a located minimum may have left, relative to that of its terms."""

GAP_TOLERANCE = 1e-6
"""Relative duality gap of what is still taken for the minimum."""

CHECKPOINTS = (0, *(2**power for power in range(5, 18)))
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
    others : tuple of StrictMinimum
        The lowest of the other strict minima; their losses as this one's.
    """

    first_layer: Array
    second_layer: Array
    singular_values: Array
    error_map: Array
    frame: CanonicalFrame
    spectrum: NormalSpectrum
    loss: float
    certificate: Certificate
    others: tuple[StrictMinimum, ...] = ()

    @property
    def rank(self) -> int:
        return len(self.singular_values)

    @property
    def point(self) -> Array:
        """``Z = [W*, U*']``, shape ``(r, n + m)``."""
        return joined(self.first_layer, self.second_layer)


def minimum_of(problem: LearningProblem) -> MinimumPoint:
    """The minimum of a problem, which is also where its simulations start."""
    return solve_minimum(
        problem.teacher,
        problem.input_covariance,
        problem.weight_decay,
        problem.hidden,
        problem.minimum,
    )


def solve_minimum(
    teacher: Array, covariance: Array, weight_decay: float, hidden: int, number: int = 1
) -> MinimumPoint:
    """A strict minimum of the expected loss; the last few are kept, with read-only arrays.

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
    number : int
        Of the minimum in the order of losses: 1 is the global one.

    Raises
    ------
    RequestError
        When weight decay is not positive, no direction is active, a threshold is met
        with equality, the bottleneck cuts through a tie, no strict minimum of that number was
        found, or the problem is too large.
    """
    require_weight_decay(weight_decay)
    outputs, inputs = teacher.shape
    content = tuple(np.asarray(matrix, np.float64).tobytes() for matrix in (teacher, covariance))
    return _solved(*content, (outputs, inputs), float(weight_decay), hidden, number)


@lru_cache(maxsize=_KEPT)
def _solved(
    teacher_bytes: bytes,
    covariance_bytes: bytes,
    shape: tuple[int, int],
    weight_decay: float,
    hidden: int,
    number: int,
) -> MinimumPoint:
    """The minimum for arrays given by their bytes, by which it is found again."""
    outputs, inputs = shape
    teacher = np.frombuffer(teacher_bytes).reshape(shape)
    covariance = np.frombuffer(covariance_bytes).reshape(inputs, inputs)
    strongest = float(np.linalg.norm(teacher @ covariance, 2))
    if strongest <= weight_decay * (1 + THRESHOLD_TOLERANCE):
        raise RequestError(
            "learning.weight_decay",
            f"= {weight_decay:.12g} leaves no active direction: it must stay below the largest "
            f"singular value of teacher times input covariance, {strongest:.6g}",
        )
    rank = min(hidden, inputs, outputs)
    require_minimum_memory(inputs, outputs, rank)
    directions = reached_dimension(inputs, outputs, rank)
    log_slow_stage(directions, f"solving for the minimum in {directions} directions")
    units = natural_units(teacher, covariance)
    natural = (
        teacher * units.maps, covariance * units.inputs**2, weight_decay * units.curvature
    )  # fmt: skip
    point = _convex_minimum(*natural)
    reason = _obstacle(point, hidden, *natural)
    if reason is not None:
        raise RequestError("learning.weight_decay", f"= {weight_decay:.12g} {reason}")
    require_numbered(number)
    points: tuple[Array, ...] = (point,)
    starts, runner_up = 1, None
    capped = hidden < len(point)
    if capped:
        found = capped_minima(point, hidden, *natural)
        points, starts = found.points, found.starts
        runner_up = found.runner_up if number == 1 else None
        if found.tied:
            raise _tie(hidden)
    if number > len(points):
        raise no_such_minimum(number, len(points))
    point = points[number - 1]
    minimum = _certified(point, hidden, starts, runner_up, capped, *natural)
    if capped and _turns_freely(minimum, *natural[1:]):
        raise _tie(hidden)
    gap = minimum.certificate.duality_gap
    if gap is not None and gap > GAP_TOLERANCE:
        raise RequestError(
            "learning.weight_decay",
            f"= {weight_decay:.12g} is lost in rounding beside teacher times input covariance, "
            f"{strongest:.3g}: the minimum cannot be told from others; raise it",
        )
    minimum = in_units(minimum, units.inverse)
    others = [
        _named(place, other, inputs, units, expected_loss(other, *natural))
        for place, other in enumerate(points[:MOST_LISTED], start=1)
        if place != number
    ]
    return replace(minimum, others=tuple(others))


def _named(number: int, point: Array, inputs: int, units: Units, loss: float) -> StrictMinimum:
    """A strict minimum in natural units by what it learns, in those of the study."""
    canonical, values = _canonical(point, inputs)
    back = units.inverse
    axes = axes_of(canonical[:, :inputs])
    return StrictMinimum(number, values * back.maps, axes, loss * back.loss)


def _tie(hidden: int) -> RequestError:
    return RequestError(
        "network.hidden",
        f"= {hidden} cuts through a tie: directions that lower the loss equally compete for the "
        "last hidden unit; change the number of hidden units, a gain or an input variance",
    )


def _turns_freely(minimum: MinimumPoint, covariance: Array, weight_decay: float) -> bool:
    """Whether a unit can turn from a learned direction into one that lowers the loss as much.

    Two directions of one input variance whose losses ``w`` and ``w'`` differ leave a curvature
    of ``(w - w') / w / 2`` times the power of the unit, ``lambda s``.
    """
    first = minimum.first_layer
    least = float(np.min(np.sum((first @ covariance) * first, axis=1)))
    softest = float(minimum.spectrum.reached[0])
    return softest < 0.5 * min(THRESHOLD_TOLERANCE * least, weight_decay)


def in_units(minimum: MinimumPoint, units: Units) -> MinimumPoint:
    """The minimum of the same problem in other units, with read-only arrays."""
    spectrum, certificate = minimum.spectrum, minimum.certificate
    arrays: dict[str, Any] = {
        "first_layer": minimum.first_layer * units.weights,
        "second_layer": minimum.second_layer * units.weights,
        "singular_values": minimum.singular_values * units.maps,
        "error_map": minimum.error_map * units.maps,
    }
    for shared in arrays.values():
        shared.setflags(write=False)
    return replace(
        minimum,
        **arrays,
        frame=replace(minimum.frame, singular_values=arrays["singular_values"]),
        spectrum=replace(
            spectrum,
            reached=spectrum.reached * units.curvature,
            imbalance=spectrum.imbalance * units.curvature,
            silent=spectrum.silent * units.curvature,
        ),
        loss=minimum.loss * units.loss,
        certificate=replace(
            certificate,
            hessian_min=certificate.hessian_min * units.curvature,
            hessian_max=certificate.hessian_max * units.curvature,
        ),
    )


def _obstacle(
    point: Array, hidden: int, teacher: Array, covariance: Array, weight_decay: float
) -> str | None:
    """Why the convex minimum is none for this network: a direction at its threshold.

    Without a silent hidden unit nobody begins to learn such a direction.
    """
    first = point[:, : teacher.shape[1]]
    above = np.sum((first @ covariance) * first, axis=1)
    learned = np.count_nonzero(above > THRESHOLD_TOLERANCE * weight_decay)
    if hidden <= learned:
        return None
    slope = _strongest_silent_slope(point, teacher, covariance)
    if learned == len(point) and slope < weight_decay * (1 - THRESHOLD_TOLERANCE):
        return None
    lost = len(teacher.T) * EPSILON * float(np.linalg.norm(teacher @ covariance))
    if weight_decay < lost / THRESHOLD_TOLERANCE and slope > weight_decay:
        return (
            "is lost in rounding: beside teacher times input covariance it is too small to tell "
            "what is learned; raise it"
        )
    return (
        "meets the threshold of a direction with equality, where the minimum is not strict; move "
        "it, a gain or an input variance away from the threshold"
    )


def _certified(
    point: Array,
    hidden: int,
    starts: int,
    runner_up: float | None,
    capped: bool,
    teacher: Array,
    covariance: Array,
    weight_decay: float,
) -> MinimumPoint:
    inputs = teacher.shape[1]
    problem = (teacher, covariance, weight_decay)
    point, singular_values = _canonical(point, inputs)
    gradient_norm, uncertainty = relative_gradient(point, *problem), newton_step(point, *problem)[1]
    if gradient_norm > GRADIENT_TOLERANCE or uncertainty > UNCERTAINTY:
        raise RequestError(
            "teacher.map",
            "has a minimum too ill-conditioned to locate: a relative gradient of "
            f"{gradient_norm:.2g} and an uncertainty of {uncertainty:.2g} are left, and "
            f"{GRADIENT_TOLERANCE:g} and {UNCERTAINTY:g} are allowed",
        )
    first, second = separated(point, inputs)
    directions = reached_dimension(inputs, len(teacher), len(singular_values))
    log_slow_stage(directions, f"curvature of the minimum in {directions} directions")
    frame = frame_of(first, second)
    slope = _slope(frame, *problem)
    error_map = _error_map(second @ first, slope, teacher, covariance)
    quadratic = 0.5 * float(np.sum(slope * error_map))
    return MinimumPoint(
        first_layer=first,
        second_layer=second,
        singular_values=singular_values,
        error_map=error_map,
        frame=frame,
        spectrum=(spectrum := normal_spectrum(frame, slope, covariance, weight_decay, hidden)),
        loss=quadratic + weight_decay * float(np.sum(singular_values)),
        certificate=Certificate(
            gradient_norm=gradient_norm,
            duality_gap=None if capped else _duality_gap(point, slope, error_map, *problem),
            hessian_min=spectrum.smallest,
            hessian_max=spectrum.largest,
            starts=starts,
            runner_up=runner_up,
        ),
    )


def _slope(frame: CanonicalFrame, teacher: Array, covariance: Array, weight_decay: float) -> Array:
    """``E Sigma`` at a stationary point: ``gamma P R'``, and what silent directions leave out.

    No difference of ``A`` and ``U W`` is taken, of which little is left at a small weight decay.
    """
    rank = frame.rank
    turned = np.zeros(teacher.shape)
    turned[np.diag_indices(rank)] = weight_decay
    turned[rank:, rank:] = frame.turned(teacher @ covariance)[rank:, rank:]
    return np.asarray(frame.output_axes @ turned @ frame.input_axes.T)


def _error_map(product: Array, slope: Array, teacher: Array, covariance: Array) -> Array:
    """``E`` from ``E Sigma`` along inputs of large variance, else from ``A - U W``."""
    variances, axes = np.linalg.eigh(covariance)
    seen = variances * np.linalg.norm(teacher, 2) > np.linalg.norm(slope, 2)
    error = (teacher - product) @ axes
    error[:, seen] = slope @ axes[:, seen] / variances[seen]
    return np.asarray(error @ axes.T)


def _convex_minimum(teacher: Array, covariance: Array, weight_decay: float) -> Array:
    """Minimum for any number of hidden units, as a balanced point ``Z``.

    Proximal gradient settles the rank, Newton's method the digits.  It is tried early and,
    as long as its end is not the minimum, again after twice as many proximal steps.
    """
    problem = (teacher, covariance, weight_decay)
    start = _first_guess(*problem)
    products = _proximal_iterates(start, *problem)
    done = 0
    for steps in CHECKPOINTS:
        product = next(islice(products, steps - done - 1, None)) if steps else start
        done = steps
        if not product.any():
            continue
        point = polished(factored(product), *problem)
        if relative_gradient(point, *problem) <= GRADIENT_TOLERANCE and _strongest_silent_slope(
            point, teacher, covariance
        ) <= weight_decay * (1 + THRESHOLD_TOLERANCE):
            break
    return point


def _first_guess(teacher: Array, covariance: Array, weight_decay: float) -> Array:
    """Product ``U W`` that shrinks each gain by ``gamma`` over the input variance there.

    The axes are those of ``A Sigma^q`` with a generic power ``q``, which teacher and inputs
    share where they share any.  Proximal gradient from zero needs as many steps as variances
    differ; this does not.
    """
    variances, axes = np.linalg.eigh(covariance)
    powers = np.maximum(variances / variances[-1], 0.0) ** 0.6180339887498949
    left, _, right = np.linalg.svd(teacher @ axes * powers, full_matrices=False)
    right = right @ axes.T
    gains = np.sum((left.T @ teacher) * right, axis=1)
    along = np.sum((right @ covariance) * right, axis=1)
    known = gains * along > weight_decay
    values = np.where(known, gains - weight_decay / np.where(known, along, 1.0), 0.0)
    return np.asarray((left * values) @ right)


def _proximal_iterates(
    start: Array, teacher: Array, covariance: Array, weight_decay: float
) -> Iterator[Array]:
    """Accelerated proximal gradient with restarts: products ``U W``, shape ``(m, n)``.

    The proximal map of the nuclear norm soft-thresholds singular values, so the rank of
    the iterate settles exactly.
    """
    step = 1 / float(np.linalg.eigvalsh(covariance)[-1])
    current = start
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


def _duality_gap(
    point: Array,
    slope: Array,
    error_map: Array,
    teacher: Array,
    covariance: Array,
    weight_decay: float,
) -> float:
    """Relative gap to the bound ``<Y, A> - <Y, Y Sigma^-1>/2`` with ``|Y| <= gamma``.

    The dual point ``Y`` is ``E Sigma``, scaled into the feasible set.
    """
    scale = min(1.0, weight_decay / float(np.linalg.norm(slope, 2)))
    bound = scale * np.sum(slope * teacher) - 0.5 * scale**2 * np.sum(slope * error_map)
    loss = expected_loss(point, teacher, covariance, weight_decay)
    return float(loss - bound) / loss


def _canonical(point: Array, inputs: int) -> tuple[Array, Array]:
    """The point of the orbit in the canonical frame, and the singular values of ``U W``.

    Hidden axes by decreasing singular value.  Inside a degenerate subspace the axes are
    those closest to the input axes that it overlaps most, in order of input index; the
    sign of each right singular vector makes its largest component positive.
    """
    first, second = separated(point, inputs)
    canonical = factored(second @ first)
    values = np.sum(canonical[:, :inputs] ** 2, axis=1)
    for run in subspaces(values):
        if run.stop - run.start > 1:
            basis = canonical[run, :inputs] / np.sqrt(values[run, np.newaxis])
            canonical[run] = towards_axes(basis) @ canonical[run]
    for row in canonical:
        if row[first_largest(np.abs(row[:inputs]))] < 0:
            row *= -1
    return canonical, values

"""Where learning ends: by the formula of a rule, or by following its mean update.

Without a formula the mean update is followed from several starting points and Newton's method
ends each way; what it finds counts once the mean update vanishes there and every direction across
the orbit returns.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.any_rule.sample_noise import sample_noise
from symdrift.evaluation.any_rule.stable_space import orbit_tangents, stable_space
from symdrift.evaluation.any_rule.traced_rule import Point, SampleBlock, TracedRule
from symdrift.records import Record
from symdrift.rounding import first_largest
from symdrift.study.learner import Learner
from symdrift.study.problem import Array

STARTS = 6
"""Starting points that are followed."""

MOST_FAILED = 2
"""Starting points that lead nowhere, the first ones, after which no more are followed."""

STRETCHES = 12
"""Stretches of a way that are followed, each twice as long as the one before."""

FIRST_STRETCH = 4.0
"""Length of the first, in units of the fastest rate where stretches begin, at its lowest."""

LARGEST = 1e100
"""Fastest rate whose powers, as they occur, are numbers of double precision."""

MOST_EVALUATED = 5000
"""Mean updates on one stretch; even ways with rates far apart take a few hundred."""

GROWN = 1e6
"""Growth of the weights in one stretch that has no end."""

SHRUNK = 1e-5
"""Size of all weights, relative to the starting point, that tends to none."""

SLOW = 1e-3
"""Mean update, relative to the fastest rate and the weights, at which its end may be near."""

ROUGHLY = 1e-4
"""Length of a tangent vector, relative to the longest, below which its axes are silent."""

NEWTON_STEPS = 30

NEAR = 0.1
"""Way of Newton's method, relative to the weights, beyond which it left where learning was."""

SAME = 1e-6
"""Relative distance of lengths and rates below which two orbits are one."""

SILENT = 1e-9
"""Size of an axis' activity, relative to the largest, below which it is silent."""


@dataclass(frozen=True, eq=False)
class FixedOrbit(Record):
    """An attracting orbit, at the point whose hidden axes vary independently.

    Attributes
    ----------
    point : tuple of Array
        ``theta*`` in the order of the rule, hidden axes by decreasing variance of activity, each
        with its largest response to an input axis positive.
    responses : dict of str to Array
        By hidden layer its activity for each input axis, shape ``(p, n)``.
    mean_update : float
        ``|f(theta*)|`` that is left, relative to ``|J| |theta*|``.
    reached : int or None
        Starting points that lead there; ``None`` for a formula.
    """

    unwritten = ("point",)

    point: Point
    responses: dict[str, Array]
    mean_update: float
    reached: int | None


End = tuple[Point, int | None]
"""A point where learning can end, and how many starting points lead there; None by a formula."""


def fixed_orbits(learner: Learner) -> tuple[FixedOrbit, ...]:
    """Orbits at which learning can end, as `orbit_ends` has them.

    Raises
    ------
    RequestError
        When none is found, or one does not attract; the sentence says what the last way ended at.
    """
    return tuple(orbit_at(learner, end) for end in orbit_ends(learner))


def orbit_at(learner: Learner, end: End) -> FixedOrbit:
    """The orbit of a point.

    Raises
    ------
    RequestError
        When it does not attract.
    """
    traced, root = _traced(learner)
    return _orbit(traced, end[0], root, end[1])


def orbit_ends(learner: Learner) -> tuple[End, ...]:
    """Where learning can end: by a formula, the best first, or those first that more starting
    points lead to.

    Raises
    ------
    RequestError
        When nothing is found; the sentence says what the last way ended at.
    """
    traced, root = _traced(learner)
    known = traced.rule.fixed_points(learner.inputs.covariance, learner.sizes)
    if known:
        return tuple((point, None) for point in known)
    _require_activity(traced, root)
    found: list[tuple[Array, Point, int]] = []
    reason = RequestError("learning.rule", "has no starting point from which its mean update ends")
    failed = 0
    for start in range(STARTS):
        try:
            marks, point = _followed(traced, root, start)
        except RequestError as problem:
            reason, failed = problem, failed + 1
            if failed == MOST_FAILED and not found:
                break
            continue
        for place, (other, first, times) in enumerate(found):
            if marks.shape == other.shape and np.allclose(
                marks, other, 0.0, SAME * np.abs(other).max()
            ):
                found[place] = other, first, times + 1
                break
        else:
            found.append((marks, point, 1))
    if not found:
        raise reason
    found.sort(key=lambda entry: -entry[2])
    ends = [(point, times) for _, point, times in found]
    nothing = traced.separated(np.zeros(traced.count))
    if all(any(matrix.any() for matrix in point) for point, _ in ends):
        # Starting points are not so small that they would find it where it attracts.
        with suppress(RequestError, ArithmeticError, np.linalg.LinAlgError):
            _orbit(traced, nothing, root, 0)
            ends.append((nothing, 0))
    return tuple(ends)


def _require_activity(traced: TracedRule, root: SampleBlock) -> None:
    """Refuse a rule that is no number where it begins, or whose hidden layer is silent."""
    begun = traced.separated(_start(traced, 0))
    with np.errstate(all="ignore"):
        try:
            finite = bool(np.isfinite(traced.mean_update(begun, root)).all())
            seen = traced.rule.activities(begun, np.eye(traced.sizes["inputs"]))
        except (ArithmeticError, np.linalg.LinAlgError):
            finite, seen = False, {}
    if not finite:
        raise RequestError(
            "learning.rule",
            "is no number at small random weights: it divides by zero there, or inverts a matrix "
            "that has no inverse",
        )
    for layer, response in seen.items():
        if not response.any():
            raise RequestError(f"rule.activity.{layer}", "is zero whatever the weights are")


def _traced(learner: Learner) -> tuple[TracedRule, SampleBlock]:
    """The rule in letters, and samples whose mean square is that of the inputs."""
    root = sample_noise(learner.inputs, learner.label_noise, False).root
    return TracedRule(learner.rule.core[0], learner.sizes), root


def turned_to_axes(traced: TracedRule, point: Point, root: SampleBlock) -> Point:
    """The point of the same orbit at which axes of hidden layers vary independently.

    Axes of equal variance are those of the weight matrices, as far as these tell them apart.
    """
    rotations = {}
    axes = np.eye(traced.sizes["inputs"])
    for layer, response in traced.rule.activities(point, axes).items():
        forms = [response @ root.inputs]
        for names, matrix in zip(traced.rule.weights.values(), point, strict=True):
            forms += [
                side for name, side in zip(names, (matrix, matrix.T), strict=True) if name == layer
            ]
        turn = _common_axes([form @ form.T for form in forms])
        seen = turn @ response
        signs = [-1.0 if row[first_largest(np.abs(row))] < 0 else 1.0 for row in seen]
        rotations[layer] = np.array(signs)[:, np.newaxis] * turn
    after = traced.rule.turned(rotations, point)
    silent = {
        layer: ~np.any(np.abs(seen) > SILENT * np.abs(seen).max(), axis=1)
        for layer, seen in traced.rule.activities(after, axes).items()
    }
    for pair, matrix in zip(traced.rule.weights.values(), after, strict=True):
        rows, columns = (silent.get(name) for name in pair)
        if pair[0] != pair[1]:
            matrix[slice(0, 0) if rows is None else rows] = 0.0
            matrix[:, slice(0, 0) if columns is None else columns] = 0.0
    return after


def _common_axes(forms: list[Array]) -> Array:
    """Axes as rows: of the first form, those that tie of the second, and so on."""
    axes, ties = np.eye(len(forms[0])), [np.arange(len(forms[0]))]
    for form in forms:
        apart = []
        for tie in ties:
            values, vectors = np.linalg.eigh(axes[tie] @ form @ axes[tie].T)
            axes[tie] = vectors[:, ::-1].T @ axes[tie]
            gaps = -np.diff(values[::-1]) > SAME * np.abs(form).max()
            apart += np.split(tie, np.flatnonzero(gaps) + 1)
        ties = apart
    return axes


def _orbit(traced: TracedRule, point: Point, root: SampleBlock, reached: int | None) -> FixedOrbit:
    left = traced.mean_update(point, root)
    jacobian = traced.jacobian(point, root)
    stable_space(traced, point, jacobian, left)
    scale = np.linalg.norm(jacobian, 2) * np.linalg.norm(_joined(point))
    remaining = float(np.linalg.norm(left) / scale) if left.any() else 0.0
    responses = traced.rule.activities(point, np.eye(traced.sizes["inputs"]))
    return FixedOrbit(point, dict(responses), remaining, reached)


def _followed(traced: TracedRule, root: SampleBlock, start: int) -> tuple[Array, Point]:
    """Marks of the orbit that the mean update leads to from a starting point, and a point of it."""
    from scipy.integrate import solve_ivp

    evaluated = 0

    def flow(time: float, weights: Array) -> Array:
        """In units of the fastest rate, so that no size of the rule overflows."""
        nonlocal evaluated
        if (evaluated := evaluated + 1) > MOST_EVALUATED:
            raise RequestError(
                "learning.rule",
                f"has a mean update that {MOST_EVALUATED} evaluations do not follow for "
                f"{length:.3g} times of its fastest return: it comes to no rest",
            )
        return traced.mean_update(traced.separated(weights), root) / fastest

    weights = _start(traced, start)
    size, fastest = float(np.abs(weights).max()), np.inf
    reason = RequestError("learning.rule", "has no fixed point that its mean update leads to")
    for stretch in range(STRETCHES):
        evaluated, length = 0, FIRST_STRETCH * 2**stretch
        begun = float(np.abs(weights).max())
        fastest = min(fastest, _fastest(traced, root, weights))
        with np.errstate(all="ignore"):
            way = solve_ivp(
                flow, (0.0, length), weights, method="LSODA", rtol=1e-4, atol=1e-7 * begun
            )
        weights = way.y[:, -1]
        if way.status != 0 or not np.abs(weights).max() < GROWN * begun:
            raise RequestError(
                "learning.rule", "has a mean update along which weights grow without end"
            )
        evaluated = 0
        ends = [weights]
        if np.abs(weights).max() < SHRUNK * size:
            ends.insert(0, np.zeros_like(weights))
        elif np.linalg.norm(flow(length, weights)) > SLOW * np.linalg.norm(weights):
            continue
        for end in ends:
            try:
                return _settled(traced, root, end)
            except RequestError as problem:
                reason = problem
    raise reason


def _fastest(traced: TracedRule, root: SampleBlock, weights: Array) -> float:
    """Largest singular value of the derivative of the mean update."""
    with np.errstate(all="ignore"):
        jacobian = traced.jacobian(traced.separated(weights), root)
    largest = np.abs(jacobian).max()
    if not largest < LARGEST:
        raise RequestError(
            "learning.rule",
            f"changes weights at the rate {largest:.3g} per learning rate, and less than "
            f"{LARGEST:g} is allowed; measure weights and inputs in other units",
        )
    if not largest > 0:
        raise RequestError(
            "learning.rule", "changes nothing on average where it begins, at small random weights"
        )
    return float(np.linalg.norm(jacobian, 2))


def _settled(traced: TracedRule, root: SampleBlock, weights: Array) -> tuple[Array, Point]:
    """Newton's method across the orbit, from near its end; refused where that is no end."""
    begun, weights = weights, _newton(traced, root, weights, 0.0)
    if not np.linalg.norm(weights - begun) <= NEAR * np.linalg.norm(begun):
        # Where more than the orbit stands still, a step along that leads anywhere.
        weights = _newton(traced, root, begun, ROUGHLY)
    if not np.linalg.norm(weights - begun) <= NEAR * np.linalg.norm(begun):
        raise RequestError(
            "learning.rule", "has no fixed point near where its mean update leads to"
        )
    point = turned_to_axes(traced, traced.separated(weights), root)
    left = traced.mean_update(point, root)
    space = stable_space(traced, point, traced.jacobian(point, root), left)
    lengths = [np.linalg.svd(matrix, compute_uv=False) for matrix in point]
    return np.concatenate([*lengths, space.rates.real]), point


def _newton(traced: TracedRule, root: SampleBlock, weights: Array, still: float) -> Array:
    """Where Newton's method leads, across the orbit: the last point that is any better.

    Rates that are up to ``still`` of the fastest are taken for none too.
    """
    best, reached = np.inf, weights
    for _ in range(NEWTON_STEPS):
        point = traced.separated(weights)
        left = traced.mean_update(point, root)
        if not (size := float(np.linalg.norm(left))) < 0.5 * best:
            break
        best, reached = size, weights
        weights = weights - _across(traced, point, traced.jacobian(point, root), left, still)
    return reached


def _across(traced: TracedRule, point: Point, jacobian: Array, left: Array, still: float) -> Array:
    """Solution of ``J d = f`` without what stands still."""
    lengths = np.linalg.svd(orbit_tangents(traced, point)[1], compute_uv=False)
    along = int(np.sum(lengths > ROUGHLY * lengths.max(initial=0.0)))
    outward, sizes, inward = np.linalg.svd(jacobian)
    kept = min(len(sizes) - along, int(np.sum(sizes > still * sizes[0])))
    return np.asarray(((left @ outward[:, :kept]) / sizes[:kept]) @ inward[:kept])


def _start(traced: TracedRule, number: int) -> Array:
    """Small random weights; a matrix within a layer begins as the identity."""
    random = np.random.default_rng(number)
    parts = []
    for (rows, columns), shape in zip(traced.rule.weights.values(), traced.shapes, strict=True):
        drawn = random.standard_normal(shape) / np.sqrt(4 * max(shape))
        parts.append((np.eye(*shape) + 0.1 * drawn if rows == columns else drawn).ravel())
    return np.concatenate(parts)


def _joined(point: Point) -> Array:
    return np.concatenate([matrix.ravel() for matrix in point])

"""Drift of any rule that does not know its hidden basis, from full matrices.

With the left null vectors ``psi`` of the orbit, the update ``F`` of a sample and its mean ``f``,
weights are ``Q (theta* + n)``, ``<psi, n> = 0``, and ``n`` follows ``n <- n + eta (J n + zeta)``
with ``zeta = P_s F(theta*)``.  With ``J Gamma + Gamma J' + eta C = 0``, ``C = E[zeta zeta']``,

* noise along the orbit turns directly, ``V = eta^2 E[<psi, F> <psi', F>]``;
* ``mu = eta tr(b Gamma)`` with ``b(n, n) = <psi, D^2 f[n, n]> / 2``;
* ``V = eta^2 tr(E[u u'] Gamma)``, ``u = (D F)' psi + 2 K zeta`` and ``J' K + K J + b = 0``.

``<psi, F>`` of a sample is the speed along the orbit at which the mean update begins to turn the
layer when that sample gets more weight.  So it vanishes for every sample where a rule has a fixed
orbit whatever the second moment of its samples is, as a gradient and the rules of Hebb's kind have.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from symdrift import memory
from symdrift.evaluation.any_rule.sample_noise import (
    SampleNoise,
    product_counts,
    sample_noise,
)
from symdrift.evaluation.any_rule.stable_space import (
    HiddenPlane,
    StableSpace,
    generated,
    stable_space,
)
from symdrift.evaluation.any_rule.traced_rule import Point, TracedRule
from symdrift.evaluation.dense.coordinates import hidden_planes
from symdrift.evaluation.parts import Drift
from symdrift.progress import Progress
from symdrift.records import Record
from symdrift.study.learner import Learner
from symdrift.study.problem import Array

NO_NOISE = 1e-11
"""Noise along the orbit, relative to all noise, that is rounding."""

UNMOVED = 1e-15
"""The same where what noise moves and what turns are apart, and all products are rounding."""

CANCELLED = 1e-12
"""Sum of products, relative to the lengths of their factors, that is rounding."""

ROUNDED = 1e-14
"""The same, relative to the sum of their sizes, or to what they would be without cancelling."""

BENT = 1e-14
"""Bend of the mean update, relative to its rates and the weights, that is rounding."""


@dataclass(frozen=True, eq=False)
class RuleDrift(Record):
    """Rotation of the hidden layers per step, and the fluctuation that drives it.

    Leading order in the learning rate.  Noise of a sample and noise on the weights each turn by
    what they are at their own leading order, and the two add.

    Attributes
    ----------
    planes : tuple of HiddenPlane
        Of all hidden layers, those whose rotation moves the weights.
    direct : Array
        Covariance of rotations by noise along the orbit, shape ``(planes, planes)``, rad^2/step.
    area : Array
        Covariance of rotations as areas that the fluctuation sweeps, of the same shape.
    mean_rotation : Array
        ``mu``, shape ``(planes,)``, rad/step, with ``Q <- Q exp(xi Omega_ij)``.
    fluctuation : Array
        ``Gamma`` on the weights, shape ``(N, N)``.
    shared_noise : Array
        Covariance of rotations by noise along the orbit with what the same noise moves across it,
        shape ``(planes, N)``, rad/step.
    rates : Array
        At which deviations return to the orbit per unit of the learning rate, slowest first,
        complex, shape ``(N - planes,)``.
    """

    behind = MappingProxyType({
        "layers": "planes", "covariance": "layers", "direct": "covariance", "diffusion": "direct",
    })  # fmt: skip
    unwritten = ("area", "fluctuation", "shared_noise", "rates")

    planes: tuple[HiddenPlane, ...]
    direct: Array
    area: Array
    mean_rotation: Array
    fluctuation: Array
    shared_noise: Array
    rates: Array

    @property
    def layers(self) -> tuple[str, ...]:
        """To which layer each plane belongs."""
        return tuple(plane.layer for plane in self.planes)

    def to_dict(self) -> dict[str, Any]:
        """Planes by number; which layer they belong to where there are several."""
        record = super().to_dict() | {"planes": [[plane.i, plane.j] for plane in self.planes]}
        if len(set(self.layers)) < 2:
            del record["layers"]
        return record

    @property
    def covariance(self) -> Array:
        """``V``, shape ``(planes, planes)``, in rad^2/step."""
        return self.direct + self.area

    def of_layer(self, layer: str, units: int) -> Drift:
        """In all planes of one hidden layer, whatever the others do; silent ones stand still."""
        planes = tuple((i + 1, j + 1) for i, j in hidden_planes(units))
        own = [place for place, plane in enumerate(self.planes) if plane.layer == layer]
        moving = [planes.index((self.planes[place].i, self.planes[place].j)) for place in own]
        covariance, mean = np.zeros((len(planes), len(planes))), np.zeros(len(planes))
        covariance[np.ix_(moving, moving)] = self.covariance[np.ix_(own, own)]
        mean[moving] = self.mean_rotation[own]
        return Drift(planes, covariance, mean)

    @property
    def diffusion(self) -> Array:
        """Diagonal of ``V / 2``, shape ``(planes,)``."""
        return 0.5 * np.diagonal(self.covariance)

    @property
    def weight_variance(self) -> float:
        """``tr(Gamma)``."""
        return float(np.trace(self.fluctuation))


def rule_drift(learner: Learner, point: Point, progress: Progress | None = None) -> RuleDrift:
    """Fluctuation and drift of a rule around the orbit of a fixed point.

    Parameters
    ----------
    learner : Learner
    point : tuple of Array
        ``theta*``, weights of the rule without velocities; hidden axes are those of the planes.
    progress : callable, optional
        Called with the number of finished planes and of all.

    Raises
    ------
    RequestError
        When the rule is of higher than second degree in the sample, or the point is no attracting
        fixed point (see `stable_space`).
    """
    core, share = learner.rule.core
    traced, rate = TracedRule(core, learner.sizes), share * learner.learning_rate
    noise = sample_noise(learner.inputs, learner.label_noise, traced.quadratic_in_label_noise)
    jacobian = traced.jacobian(point, noise.root)
    space = stable_space(traced, point, jacobian, traced.mean_update(point, noise.root))
    jumps = noise.modes(partial(traced.products, point)).T / np.sqrt(learner.batch)
    size = np.sqrt(sum(float(np.sum(matrix**2)) for matrix in point))
    if np.linalg.norm(jumps) <= ROUNDED * np.linalg.norm(jacobian, 2) * size:
        jumps[:] = 0.0  # No sample moves the point: what is left of products that cancel.
    along, across = space.readings.T @ jumps, space.coordinates @ jumps
    sizes = np.abs(space.readings.T) @ np.abs(jumps)
    least = max(
        NO_NOISE * sizes.max(initial=0.0),
        UNMOVED * np.linalg.norm(space.readings) * np.linalg.norm(jumps),
    )
    along[np.abs(along) <= least] = 0.0
    spread = rate * space.stationary(across @ across.T)
    area, mean = _swept(traced, point, noise, space, across, spread, learner.batch, progress)
    # An area is of the order of the variance of the weights, eta times rates, times squared rates.
    still = np.diagonal(area) <= UNMOVED**2 * rate * np.abs(space.rates).max(initial=0.0) ** 3
    area[still] = area[:, still] = 0.0

    shaken = learner.rule.weight_noise
    still = space.coordinates @ space.coordinates.T
    direct = rate**2 * along @ along.T + shaken * space.readings.T @ space.readings
    total = spread + shaken / rate * space.stationary(still)
    shared = rate**2 * along @ across.T + shaken * space.readings.T @ space.coordinates.T
    turned = rate * mean
    if along.any():
        turned = turned + rate**2 * _turned_by_noise(traced, space, along, jumps)
    return RuleDrift(
        planes=space.planes,
        direct=direct,
        area=rate**2 * area,
        mean_rotation=turned,
        fluctuation=np.real(space.directions.T @ total @ space.directions),
        shared_noise=np.real(shared @ space.directions),
        rates=space.rates,
    )


def orbit_space(learner: Learner, point: Point) -> tuple[TracedRule, StableSpace]:
    """The rule in letters, and the space that returns to the orbit of a fixed point.

    Parameters are those of `rule_drift`.
    """
    traced = TracedRule(learner.rule.core[0], learner.sizes)
    root = sample_noise(learner.inputs, learner.label_noise, False).root
    jacobian = traced.jacobian(point, root)
    return traced, stable_space(traced, point, jacobian, traced.mean_update(point, root))


def _swept(
    traced: TracedRule,
    point: Point,
    noise: SampleNoise,
    space: StableSpace,
    across: Array,
    spread: Array,
    batch: int,
    progress: Progress | None,
) -> tuple[Array, Array]:
    """``tr(E[u u'] Gamma)`` of all planes, and ``tr(b Gamma)`` of each."""
    count, fastest = len(space.planes), np.abs(space.rates).max(initial=0.0)
    responses = np.empty((count, *across.shape), dtype=across.dtype)
    mean = np.zeros(count)
    for plane, reading in enumerate(space.readings.T):
        bent = traced.curvature(point, noise.root, reading, space.directions)
        form = 0.5 * bent @ space.directions.T
        form = 0.5 * (form + form.T)
        slopes = noise.modes(partial(traced.product_slopes, point, reading))
        responses[plane] = space.directions @ slopes.T / np.sqrt(batch)
        responses[plane] += 2 * space.corrector(form) @ across
        mean[plane] = np.real(np.sum(form * spread))
        # A bend is of the order of rates over squared weights; what is far below is rounding.
        bend = max(CANCELLED * np.linalg.norm(form), BENT * fastest * (reading @ reading))
        if abs(mean[plane]) <= bend * np.linalg.norm(spread):
            mean[plane] = 0.0
        if progress is not None:
            progress(plane + 1, count)
    flat = responses.reshape(count, across.size)
    weighted = np.matmul(spread, responses).reshape(count, across.size)
    area = np.real(weighted @ flat.T)
    area = 0.5 * (area + area.T)
    # Directions of one rate may be mixed at will, and what is apart then cancels in the sum.
    for plane, response in enumerate(responses):
        bound = np.linalg.norm(spread) * np.linalg.norm(response) ** 2
        if area[plane, plane] <= CANCELLED * bound:
            terms = np.abs(response) * (np.abs(spread) @ np.abs(response))
            if area[plane, plane] <= ROUNDED * terms.sum():
                area[plane] = area[:, plane] = 0.0
    return area, mean


def _turned_by_noise(traced: TracedRule, space: StableSpace, along: Array, jumps: Array) -> Array:
    """Mean of ``-<psi, X zeta> - <psi, X X theta*> / 2`` for the rotation ``X`` by noise itself.

    What remains of the second order of a step, where a sample turns the hidden layer directly.
    """
    mean = np.zeros(len(space.planes))
    across = jumps - space.tangents @ along
    for place, angles in zip(space.planes, along, strict=True):
        # Of all samples with their weights: the part that this plane's rotation meets.
        met = across @ angles + 0.5 * space.tangents @ (along @ angles)
        turned = generated(traced, place.layer, (place.i - 1, place.j - 1), traced.separated(met))
        mean -= space.readings.T @ turned
    return mean


def require_engine_memory(learner: Learner) -> None:
    """Refuse a network whose matrices do not fit, before any of them is made.

    Raises
    ------
    RequestError
    """
    traced = TracedRule(learner.rule.core[0], learner.sizes)
    weights = traced.count
    pairs, modes = product_counts(
        learner.inputs, learner.label_noise, traced.quadratic_in_label_noise
    )
    planes = sum(traced.sizes[axis] * (traced.sizes[axis] - 1) // 2 for axis in learner.hidden)
    numbers = 12 * weights**2 + 2 * planes * weights * modes + 40 * weights * (weights + modes)
    numbers += 4 * pairs**2
    memory.require_memory(
        "network",
        8 * numbers,
        f"with {weights} weights is too large for the engine of any rule, which would need",
        "fewer of them fit",
    )

"""Drift as a stochastic area: one step of descent, seen from the frame in which it begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.rational import RationalField
from symdrift.derivation.chapter import chain, holds, step, vanishes
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import ETA
from symdrift.derivation.vocabulary import (
    CENTRED_NOISE,
    GRADIENT,
    HESSIAN,
    METRIC,
    MINIMUM_POINT,
    NORMAL,
    OTHER_TURN,
    ROTATION_STEP,
    SIZE,
    TURN,
    WEIGHTS,
)
from symdrift.theory.examples import Examples
from symdrift.theory.linear.points import AlignedMinimum, active_direction
from symdrift.theory.mean_square import SAMPLE_HESSIAN

ROOT = sp.sqrt(ETA)
SCALED, NEXT_SCALED, REST_VECTOR = (
    sp.MatrixSymbol(f"n_{name}", SIZE, 1) for name in ("scaled", "scaled_next", "rest")
)
TURN_SO_FAR = sp.MatrixSymbol("turn_so_far", SIZE, SIZE)
TURNED_BACK = sp.MatrixSymbol("turned_back", SIZE, SIZE)
GAUGE_SLOPE, REST = sp.symbols("gauge_slope order_rest", real=True)


LATEX: dict[sp.Basic, str] = {
    SCALED: r"\hat\delta_t",
    NEXT_SCALED: r"\hat\delta_{t+1}",
    REST_VECTOR: r"O(\eta^{3/2})",
    REST: r"O(\eta^{5/2})",
    TURNED_BACK: r"\mathrm{e}^{-\xi_t \tilde\Omega}",
    GAUGE_SLOPE: r"\partial_{\Omega} (\delta_t^{\mathsf{T}} \tilde\Omega \theta^{*})",
}

MEANINGS = ((SCALED, "deviation over the root of the learning rate", "vector"),)


def one_step(examples: Examples) -> Iterator[Step]:
    """Where the frame of a step comes from, and what a step does in it, order by order."""
    yield _unique_frame(examples)
    yield _order_by_order()


def _unique_frame(examples: Examples) -> Step:
    """The frame is unique near the orbit

    The condition [eq:normal] chooses the rotation in [eq:slice]: among all rotated copies of the
    canonical point it is the one nearest to the weights. Turned further by a little in the sense of
    {Omega}, a copy changes the deviation {n_t}, which is {seen}, at the rate {moved}. By this the
    squared distance changes at twice the negative of the left side of [eq:normal], which vanishes
    where the copy is nearest; and this side itself changes at the rate [eq:gauge-slope], with the
    squared length {G} of the tangent vector. For two different generators {Omega} and {other} the
    same line holds without {G}, since their tangent vectors are orthogonal to each other; planes of
    two silent units, which have none, are left out. As long as the deviation is short against the
    tangent vectors, the rates are therefore those of an invertible matrix, and the condition has
    one solution near each point of the orbit: weights near the orbit have one frame and one
    deviation.
    """
    minimum = examples.all_active.minimum
    network = minimum.network
    first, second = network.layers
    angle = sp.Symbol("angle", real=True)
    frame = sp.eye(network.hidden)
    frame[0, 0] = frame[1, 1] = sp.cos(angle)
    frame[0, 1], frame[1, 0] = sp.sin(angle), -sp.sin(angle)
    offsets = dict(
        zip(
            network.coordinates,
            sp.symbols(f"n_1:{len(network.coordinates) + 1}", real=True),
            strict=True,
        )
    )
    turn = network.rotation(0, 1)
    deviation = sp.ImmutableMatrix([*offsets.values()])
    moved = {weight: minimum.weights[weight] + offsets[weight] for weight in network.coordinates}
    turned_back = sp.Matrix([*(frame.T * first.xreplace(moved)), *(second.xreplace(moved) * frame)])
    tangent = turn * minimum.point
    slope = sp.diff(((turned_back - minimum.point).T * tangent)[0], angle).subs(angle, 0)
    entries: dict[Any, Any] = {TURN: turn, MINIMUM_POINT: minimum.point, NORMAL: deviation}
    return step(
        gauge_slope=chain(
            GAUGE_SLOPE,
            (
                "the deviation changes by {moved}",
                -sp.Trace((TURN * (MINIMUM_POINT + NORMAL)).T * TURN * MINIMUM_POINT),
                {GAUGE_SLOPE: slope},
            ),
            (
                "{G} is the squared length of the tangent vector",
                -METRIC - sp.Trace((TURN * NORMAL).T * TURN * MINIMUM_POINT),
                {METRIC: minimum.metric((0, 1))},
            ),
            value=lambda line: evaluate_matrix(line, entries),
        ),
        symbols={
            "other": OTHER_TURN,
            "seen": TURN_SO_FAR.T * WEIGHTS - MINIMUM_POINT,
            "moved": -TURN * (MINIMUM_POINT + NORMAL),
        },
        checks=(
            holds(
                "The tangent vectors of three learned axes are orthogonal to each other.",
                Method.IDENTITY,
                lambda: (
                    sp.Matrix.hstack(*(minimum.tangent(plane) for plane in minimum.planes)).T
                    * sp.Matrix.hstack(*(minimum.tangent(plane) for plane in minimum.planes))
                ).is_diagonal(),
            ),
        ),
    )


@dataclass(frozen=True)
class _Plane:
    """Two learned axes: the smallest network that has a rotation."""

    @cached_property
    def minimum(self) -> AlignedMinimum:
        axes = (active_direction("1"), active_direction("2"))
        return AlignedMinimum(axes, 2, 2, 2)

    @cached_property
    def deviation(self) -> sp.ImmutableMatrix:
        """The deviation over the root of the learning rate, in all weights."""
        return sp.ImmutableMatrix(sp.symbols("n_1:9", real=True))

    @property
    def turn(self) -> sp.ImmutableMatrix:
        return self.minimum.network.rotation(0, 1)

    @cached_property
    def normal(self) -> dict[sp.Basic, sp.Expr]:
        """The condition that the deviation is normal, solved for one of its entries."""
        condition = (self.deviation.T * self.turn * self.minimum.point)[0]
        entry = self.deviation[1]
        return {entry: -condition.subs(entry, 0) / condition.coeff(entry)}

    @cached_property
    def gradient(self) -> sp.ImmutableMatrix:
        """The gradient of a sample at the deviation."""
        network = self.minimum.network
        point = self.minimum.point + ROOT * self.deviation
        moved = dict(zip(network.coordinates, point, strict=True))
        return network.sample_gradient.xreplace(moved)

    @cached_property
    def tangent_of_angle(self) -> sp.Expr:
        """Of the rotation in a step: turned back by it, the next weights are normal to the orbit.

        Two hidden units turn by ``cos(xi) + sin(xi) Omega``.
        """
        weights = self.minimum.point + ROOT * self.deviation - ETA * self.gradient
        tangent = self.turn * self.minimum.point
        return (weights.T * tangent)[0] / ((self.turn * weights).T * tangent)[0]

    @cached_property
    def entries(self) -> dict[Any, Any]:
        """What the symbols of a line are."""
        network, point = self.minimum.network, self.minimum.point
        at_minimum = self.gradient.xreplace({ETA: sp.Integer(0)})
        bent = self.gradient.applyfunc(lambda entry: sp.expand(entry).coeff(ROOT, 1))
        size = len(network.coordinates)
        seen = sp.ImmutableMatrix(size, size, lambda a, b: sp.diff(bent[a], self.deviation[b]))
        return {
            TURN: self.turn,
            MINIMUM_POINT: point,
            SCALED: self.deviation,
            GRADIENT: self.gradient,
            CENTRED_NOISE: at_minimum,
            SAMPLE_HESSIAN: seen,
            REST_VECTOR: sp.ImmutableMatrix(sp.zeros(size, 1)),
        }

    def value(self, line: sp.Basic) -> Any:
        """A line in the weights of the network."""
        return evaluate_matrix(line, self.entries)

    def angle_orders(self, line: sp.Basic) -> sp.ImmutableMatrix:
        """Orders 3/2 and 2 in the learning rate, the first ones that an angle has."""
        metric = self.minimum.metric((0, 1))
        known = {METRIC: metric, REST: sp.Integer(0), ROTATION_STEP: self.tangent_of_angle}
        explicit = self.value(line).xreplace(known)
        return sp.ImmutableMatrix(_orders(explicit.xreplace(self.normal), 5)[3:])

    def deviation_orders(self, line: sp.Basic) -> sp.ImmutableMatrix:
        """Orders 0, 1/2 and 1 in the learning rate of all weights of a deviation."""
        first, second = sp.symbols("angle_first angle_second", real=True)
        angle = ETA * ROOT * first + ETA**2 * second
        found = dict(zip((first, second), self.angle_orders(ROTATION_STEP), strict=True))
        weights = self.minimum.point + ROOT * self.deviation - ETA * self.gradient
        turned_back = sp.ImmutableMatrix(sp.eye(weights.rows) - angle * self.turn)
        known = {METRIC: self.minimum.metric((0, 1)), ROTATION_STEP: angle}
        entries = {
            **self.entries,
            TURNED_BACK: turned_back,
            NEXT_SCALED: (turned_back * weights - self.minimum.point) / ROOT,
        }
        explicit = evaluate_matrix(line, entries).xreplace(known)
        orders = [_orders(entry, 3) for entry in explicit]
        return sp.ImmutableMatrix(orders).xreplace(found).xreplace(self.normal)


def _orders(expression: sp.Expr, count: int) -> list[sp.Expr]:
    """The first coefficients in the root of the learning rate, of a sum term by term."""
    if expression.is_Add:
        parts = [_orders(term, count) for term in expression.args]
        return [sp.Add(*coefficients) for coefficients in zip(*parts, strict=True)]
    numerator, denominator = map(_powers, sp.fraction(expression))
    # Where the denominator begins with a power of the rate, so does the numerator.
    lowest = min(denominator)
    coefficients: list[sp.Expr] = []
    for order in range(count):
        known = (denominator.get(lowest + order - k, 0) * coefficients[k] for k in range(order))
        rest = numerator.get(lowest + order, sp.Integer(0)) - sp.Add(*known)
        coefficients.append(rest / denominator[lowest])
    return coefficients


def _powers(polynomial: sp.Expr) -> dict[int, sp.Expr]:
    """Coefficients by their power of the root of the learning rate."""
    small = sp.Symbol("root_of_rate", positive=True)
    field = RationalField([explicit := polynomial.xreplace({ETA: small**2}), small])
    return {
        power: field.expand(found[0]) / field.expand(found[1])
        for (power,), found in field.collected(explicit, [small]).items()
    }


def _order_by_order() -> Step:
    """One step, order by order

    The fluctuation turns out to be of the size of the root of the learning rate, so that
    {deviation} is written as {scaled} with {hat} of order one. Seen from the frame in which it
    begins, a step leads from {before} to {after}. The product of this with the tangent vector is
    [eq:tangent-step]. The next frame is turned by the angle {xi} that takes it away, at the rate
    [eq:gauge-slope]; with the gradient expanded around the minimum, where it is {zeta} for one
    sample and has the derivative {sample_hessian}, the Hessian of the loss of that sample, the
    angle is [eq:rotation-orders]. Turned back by it, the deviation is [eq:normal-orders].

    Count what this adds up to. In [eq:normal-orders] the kicks are of order {root} without memory
    and the mean pull is {pull}, so that deviations are forgotten after a number of steps of order
    one over {eta}, and {hat} stays of order one. In [eq:rotation-orders] the kicks of the first
    term have no memory either, and give a variance of third order in {eta} per step. The pull in
    the second term is one order of {root} smaller, but it is remembered for that number of steps,
    and its variance, of fourth order times one over {eta}, is of third order too. So both must
    be kept. The other terms displayed are smaller and without memory: the noise of
    {sample_hessian} around its mean {H} (multiplicative noise), and the fluctuation of what stands
    beside {G} in [eq:gauge-slope]. Third derivatives of the loss pull at the next order of {root};
    such a pull is remembered too, but it is smaller than the leading one.

    Such terms could still enter with one power of {root}, through their products with the leading
    ones. They do not. A step, to all orders, stays as it is when {root}, {hat} and {next} change
    their sign and {xi} does not, because the weights {before} stay the same. Power by power,
    averages in the stationary state are fixed by equations made from the step alone, and are
    therefore the same with the other sign of {root} and of all deviations. Of what is even in the
    deviation, such as second moments and the variance of {xi}, averages contain whole powers of
    {eta} only. Multiplicative noise, cubic terms and the fluctuation of the rate [eq:gauge-slope]
    change them at the relative order {eta}, no earlier.

    The last term of [eq:normal-orders] keeps the deviation normal: by the derivative of
    [eq:orthogonal] at the minimum it takes away the part of {bent} along the tangent vector. What
    is left is [eq:normal-step], with the normal part of the sample's Hessian in the place of {H}.
    That derivative is [eq:tangent-pull].

    With several planes the rates [eq:gauge-slope] are a matrix, diagonal at leading order. The last
    terms of [eq:rotation-orders] and of [eq:normal-orders] are then sums over the planes, and
    nothing else changes, because rotations in different planes commute up to terms of sixth order
    in {root}.
    """
    plane = _Plane()
    tangent = TURN * MINIMUM_POINT
    kick = sp.Trace(CENTRED_NOISE.T * TURN * SCALED)
    swept = sp.Trace(GRADIENT.T * TURN * SCALED)
    pull = sp.Trace(SCALED.T * SAMPLE_HESSIAN * TURN * SCALED)
    beside = sp.Trace((TURN * SCALED).T * tangent)
    after = MINIMUM_POINT + ROOT * SCALED - ETA * GRADIENT
    return step(
        tangent_step=chain(
            sp.Trace(after.T * tangent),
            (
                "the generator is skew, and the deviation is normal, [eq:normal]",
                -ETA * sp.Trace(GRADIENT.T * tangent),
                plane.normal,
            ),
            ("by [eq:transfer], for this deviation", ETA * ROOT * swept),
            value=plane.value,
        ),
        rotation_orders=chain(
            ROTATION_STEP,
            (
                "[eq:tangent-step] and {xi} times [eq:gauge-slope] add up to zero, but for terms "
                "of the orders {xi_eta} and {xi_squared}",
                ETA * ROOT * swept / (METRIC + ROOT * beside) + REST,
            ),
            (
                "the gradient is {zeta} and {root} times {bent}, up to order {eta}",
                (ETA * ROOT * kick + ETA**2 * pull) / (METRIC + ROOT * beside) + REST,
            ),
            (
                "expanded in {root}",
                ETA * ROOT * kick / METRIC
                + ETA**2 * (pull / METRIC - kick * beside / METRIC**2)
                + REST,
            ),
            value=plane.angle_orders,
            method=Method.ORDER,
        ),
        normal_orders=chain(
            NEXT_SCALED,
            (
                "by [eq:slice], before and after the step",
                (TURNED_BACK * after - MINIMUM_POINT) / ROOT,
            ),
            (
                "{xi} is of order {third}",
                SCALED - ROOT * GRADIENT - ROTATION_STEP / ROOT * tangent + REST_VECTOR,
            ),
            (
                "the gradient expanded, and the first term of [eq:rotation-orders]",
                SCALED
                - ROOT * CENTRED_NOISE
                - ETA * (SAMPLE_HESSIAN * SCALED + kick / METRIC * tangent)
                + REST_VECTOR,
            ),
            value=plane.deviation_orders,
            method=Method.ORDER,
        ),
        tangent_pull=(
            (SAMPLE_HESSIAN * SCALED).T * tangent,
            -CENTRED_NOISE.T * TURN * SCALED,
        ),
        symbols={
            "deviation": NORMAL,
            "next": NEXT_SCALED,
            "hat": SCALED,
            "scaled": ROOT * SCALED,
            "root": ROOT,
            "third": ETA ** sp.Rational(3, 2),
            "xi_eta": ROTATION_STEP * ETA,
            "xi_squared": ROTATION_STEP**2,
            "before": MINIMUM_POINT + ROOT * SCALED,
            "after": after,
            "sample_hessian": SAMPLE_HESSIAN,
            "bent": SAMPLE_HESSIAN * SCALED,
            "pull": ETA * HESSIAN * SCALED,
        },
        checks=(
            vanishes(
                "In a network with two axes a sample pulls along the tangent vector by "
                "[eq:tangent-pull].",
                plane.value(sp.Trace((SAMPLE_HESSIAN * SCALED).T * tangent) + kick),
            ),
            vanishes(
                "With the sign of the root of the learning rate and that of the deviation changed, "
                "a network with two axes takes the same step: the tangent of its angle, in full, "
                "is the same.",
                (
                    plane.tangent_of_angle,
                    plane.tangent_of_angle.xreplace(
                        {ROOT: -ROOT} | {entry: -entry for entry in plane.deviation}
                    ),
                ),
            ),
        ),
    )

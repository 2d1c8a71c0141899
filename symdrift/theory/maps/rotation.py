"""Drift as a stochastic area: rotation of any network, from statistics on learned maps."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.derivation.chapter import holds, step, vanishes
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import ETA
from symdrift.derivation.vocabulary import (
    ANY_MAP,
    COLOURED,
    CORRECTOR,
    FIRST_LAYER,
    FLUCTUATION,
    GENERATOR,
    HESSIAN,
    MAP_COLOURED,
    MAP_FLUCTUATION,
    MAP_HESSIAN,
    MAP_NOISE,
    MAP_TURN,
    METRIC,
    NOISE,
    OTHER_MAP_COLOURED,
    OTHER_METRIC,
    REACH,
    SECOND_LAYER,
    SIZE,
    TURN,
    TURNED,
)
from symdrift.theory.area import MEAN_ROTATION, ROTATION_COVARIANCE, area
from symdrift.theory.linear.maps import MapDrift
from symdrift.theory.linear.two_axes import SIGMA_12
from symdrift.theory.maps.map_examples import MapExamples, WeightSpace

WAITED = sp.MatrixSymbol("waited", *FLUCTUATION.shape)
PULL = sp.MatrixSymbol("pull", *FLUCTUATION.shape)
KEPT = sp.IndexedBase("turn_ab")
STIFFNESS = sp.IndexedBase("stiffness")
NOISE_ENTRY = sp.IndexedBase("noise_ab")
A, B = sp.symbols("a b", integer=True, positive=True)

LATEX = {
    WAITED: r"\int_0^\infty e^{-tH} N e^{-tH}\, dt",
    PULL: "N",
    KEPT.label: r"\tilde\Omega",
    STIFFNESS.label: "h",
    NOISE_ENTRY.label: "C",
}


def rotation(examples: MapExamples) -> Iterator[Step]:
    """Area and its statistics, then steady rotation, learned maps and an independent sum."""
    yield from area(examples.generic)
    yield _steady(examples)
    yield _reflection(examples)
    yield _on_maps(examples)
    yield _summed_correlations(examples)


def _steady(examples: MapExamples) -> Step:
    """Where a steady rotation comes from

    The bounded quantity of [eq:martingale] is kicked by the noise as well, by the trace of {K}
    times {C} on average, and what it gains in a step the rotation gains too. The mean rotation
    is therefore the contraction [eq:steady] of the corrector with the noise, or, in the
    eigenbasis of the Hessian, the sum [eq:steady-entries]. It needs noise that is correlated
    between two directions of unequal stiffness which the rotation carries into each other: the
    softer one remembers a kick for longer than the stiffer one, so that the fluctuation
    circulates. It is of second order in the learning rate, one order below the diffusion.
    """
    contracted = ETA**2 * sp.Trace(CORRECTOR * NOISE) / METRIC
    entries = (
        ETA**2
        / METRIC
        * sp.Sum(
            sp.Sum(
                KEPT[A, B]
                * NOISE_ENTRY[A, B]
                * (STIFFNESS[A] - STIFFNESS[B])
                / (2 * (STIFFNESS[A] + STIFFNESS[B])),
                (B, 1, SIZE),
            ),
            (A, 1, SIZE),
        )
    )

    def agree(space: WeightSpace) -> bool:
        turn = space.minimum.network.rotation(0, 1)
        pulled = (space.stiffened * turn * space.fluctuation).trace()
        return bool(pulled == (space.corrector((0, 1)) * space.noise).trace())

    def bracket() -> bool:
        """``tr(H Omega Gamma) = tr((H K + K H) Gamma)`` up to cyclic order."""
        h = sp.diag(*sp.symbols("h_1:4", positive=True))
        entry = sp.symbols("w_12 w_13 w_23")
        turn = sp.Matrix(
            [[0, entry[0], entry[1]], [-entry[0], 0, entry[2]], [-entry[1], -entry[2], 0]]
        )
        noise = sp.Matrix(3, 3, lambda a, b: sp.Symbol(f"c_{min(a, b)}{max(a, b)}"))
        gamma = sp.Matrix(3, 3, lambda a, b: noise[a, b] / (h[a, a] + h[b, b]))
        summed = sum(
            turn[a, b] * noise[a, b] * (h[a, a] - h[b, b]) / (2 * (h[a, a] + h[b, b]))
            for a in range(3)
            for b in range(3)
        )
        return bool(sp.cancel(sp.together((h * turn * gamma).trace() - summed)) == 0)

    return step(
        steady=(MEAN_ROTATION, contracted),
        steady_entries=(MEAN_ROTATION, entries),
        checks=(
            holds(
                "In the two networks with rational entries the trace of [eq:mean] equals the "
                "contraction, both from full matrices in all weights.",
                "exact linear algebra",
                lambda: all(agree(space) for space in examples.weight_spaces),
            ),
            holds(
                "The sum [eq:steady-entries] is the trace of [eq:mean] for three directions with "
                "arbitrary stiffness, rotation and noise.",
                "numerator expanded to zero",
                bracket,
            ),
        ),
    )


def _reflection(examples: MapExamples) -> Step:
    """When it vanishes

    Suppose that reversing some input axes together with some output axes changes neither the
    teacher nor the statistics of inputs and label noise. The same reversal then acts on the
    hidden axes, and a rotation in the plane of a reversed and an unreversed axis changes its
    sense: its mean must vanish. Teachers aligned with Gaussian or elliptical inputs have such
    a symmetry for every plane. Misaligned covariances, and fourth moments without the
    symmetry, as in any finite set of stimuli that lacks it, do not; there representations
    rotate steadily. Variances do not change under the reversal: misalignment enters them at
    second order only.
    """
    minimum, noise = examples.two_axes.minimum, examples.two_axes.noise
    flip = sp.diag(1, -1)
    on_maps = sp.kronecker_product(flip, flip)
    straight = {SIGMA_12: sp.Integer(0)}
    return step(
        checks=(
            vanishes(
                "Two axes without correlation, elliptical inputs: reversing one of them leaves "
                "Hessian and noise on learned maps as they are and reverses the rotation.",
                (on_maps * minimum.curvature * on_maps - minimum.curvature).xreplace(straight),
                (on_maps * noise * on_maps - noise).xreplace(straight),
                on_maps * minimum.turn((0, 1)) * on_maps + minimum.turn((0, 1)),
            ),
            holds(
                "With correlation the Hessian lacks the symmetry.",
                "numerator expanded",
                lambda: (
                    not (on_maps * minimum.curvature * on_maps - minimum.curvature).is_zero_matrix
                ),
            ),
        ),
    )


def _on_maps(examples: MapExamples) -> Step:
    """Everything on learned maps

    Fluctuation and rotation inherit the form of Hessian and noise: {fluctuation} and
    {coloured} on matrices of the shape of the learned map stand for {Gamma} and {Y} on
    weights, [eq:images]. They solve the equations [eq:map-equations], in which the rotation
    acts by [eq:map-turn], and the statistics of the rotation are [eq:map-covariance] and
    [eq:map-mean]. The weights have disappeared.
    """
    turned = (
        SECOND_LAYER * GENERATOR * SECOND_LAYER.T * ANY_MAP
        - ANY_MAP * FIRST_LAYER.T * GENERATOR * FIRST_LAYER
    )
    variance = (
        ETA**2
        * sp.Trace(MAP_COLOURED.T * MAP_NOISE * OTHER_MAP_COLOURED * MAP_FLUCTUATION)
        / (METRIC * OTHER_METRIC)
    )
    mean = ETA * sp.Trace(MAP_HESSIAN.T * MAP_TURN * MAP_FLUCTUATION) / METRIC

    def same(drift: MapDrift, space: WeightSpace) -> bool:
        minimum = drift.minimum
        turn = minimum.network.rotation(0, 1)
        metric = minimum.metric((0, 1))
        coloured = turn - 2 * space.corrector((0, 1))
        gamma = space.fluctuation
        swept = (coloured.T * space.noise * coloured * gamma).trace() / metric**2
        pulled = (space.stiffened * turn * gamma).trace() / metric
        image = minimum.reach * drift.fluctuation * minimum.reach.T
        return bool(
            (image - gamma).is_zero_matrix
            and (minimum.reach.T * turn * minimum.reach - minimum.turn((0, 1))).is_zero_matrix
            and swept == drift.covariance((0, 1), (0, 1))
            and pulled == drift.mean((0, 1))
        )

    return step(
        images=[
            (FLUCTUATION, REACH * MAP_FLUCTUATION * REACH.T),
            (MAP_COLOURED, REACH.T * COLOURED * REACH),
            (MAP_TURN, REACH.T * TURN * REACH),
        ],
        map_turn=(TURNED, turned),
        map_equations=[
            (MAP_HESSIAN * MAP_FLUCTUATION + MAP_FLUCTUATION * MAP_HESSIAN.T, ETA * MAP_NOISE),
            (MAP_HESSIAN.T * MAP_COLOURED + MAP_COLOURED * MAP_HESSIAN, 2 * MAP_TURN * MAP_HESSIAN),
        ],
        map_covariance=(ROTATION_COVARIANCE, variance),
        map_mean=(MEAN_ROTATION, mean),
        symbols={"fluctuation": MAP_FLUCTUATION, "coloured": MAP_COLOURED},
        checks=(
            holds(
                "Fluctuation, covariance and mean of the rotation of the two networks with "
                "rational entries, solved on learned maps and solved in all weights, are the "
                "same rational numbers.",
                "exact linear algebra",
                lambda: all(
                    same(drift, space)
                    for drift, space in zip(examples.drifts, examples.weight_spaces, strict=True)
                ),
            ),
        ),
    )


def _summed_correlations(examples: MapExamples) -> Step:
    """The same variance by summing correlations

    An independent road to the variance adds up the correlations of the rotation between all
    pairs of steps: kick with kick, kick with later pull, and pull with later pull, with the
    pull {pull}, the symmetric part of Hessian times rotation. At leading order the sum over
    lags is an integral, which turns out to be the corrector, [eq:waited], and the result is
    [eq:summed]. The white-noise approximation keeps the first term only.
    """
    formula = (
        ETA**2 * sp.Trace(TURN.T * NOISE * TURN * FLUCTUATION)
        - 4 * ETA**2 * sp.Trace(TURN.T * NOISE * CORRECTOR * FLUCTUATION)
        + 4 * ETA * sp.Trace(CORRECTOR * FLUCTUATION * PULL * FLUCTUATION)
    ) / METRIC**2

    def agree(drift: MapDrift, space: WeightSpace) -> bool:
        turn = space.minimum.network.rotation(0, 1)
        pull = (space.stiffened * turn - turn * space.stiffened) / 2
        waited = space.corrector((0, 1))
        gamma, noise = space.fluctuation, space.noise
        summed = (
            (turn.T * noise * turn * gamma).trace()
            - 4 * (turn.T * noise * waited * gamma).trace()
            + 4 * (waited * gamma * pull * gamma).trace()
        )
        return bool(summed / space.minimum.metric((0, 1)) ** 2 == drift.covariance((0, 1), (0, 1)))

    def integral() -> bool:
        """``exp(-t h) n exp(-t h)`` integrated over time, entry by entry."""
        first, second, pull = sp.symbols("h_1 h_2 n_12", positive=True)
        time = sp.Symbol("t", positive=True)
        found = sp.integrate(pull * sp.exp(-time * (first + second)), (time, 0, sp.oo))
        return bool(sp.cancel((first + second) * found - pull) == 0)

    return step(
        pull=(PULL, (HESSIAN * TURN - TURN * HESSIAN) / 2),
        waited=(CORRECTOR, WAITED),
        summed=(ROTATION_COVARIANCE, formula),
        symbols={"pull": PULL},
        checks=(
            holds(
                "In the eigenbasis of the Hessian the integral solves the equation of the "
                "corrector [eq:corrector].",
                "integration",
                integral,
            ),
            holds(
                "For the two networks with rational entries the sum [eq:summed], in all weights, "
                "is the same rational number as [eq:map-covariance], on learned maps.",
                "exact linear algebra",
                lambda: all(
                    agree(drift, space)
                    for drift, space in zip(examples.drifts, examples.weight_spaces, strict=True)
                ),
            ),
        ),
    )

"""Drift as a stochastic area: steady rotation, and all statistics on learned maps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import ETA
from symdrift.derivation.vocabulary import (
    COLOURED,
    CORRECTOR,
    FLUCTUATION,
    HESSIAN,
    MAP_COLOURED,
    MAP_FLUCTUATION,
    MAP_HESSIAN,
    MAP_NOISE,
    MAP_TURN,
    METRIC,
    NOISE,
    NOISE_ENTRY,
    OTHER_COLOURED,
    OTHER_MAP_COLOURED,
    OTHER_METRIC,
    REACH,
    TURN,
    TURNED,
)
from symdrift.theory.area import KEPT, MEAN_ROTATION
from symdrift.theory.correlations import ROTATION_COVARIANCE
from symdrift.theory.examples import Examples
from symdrift.theory.fluctuation import STIFFNESS, B, C
from symdrift.theory.linear.maps import MapDrift
from symdrift.theory.linear.minimum import TURN_ON_MAPS
from symdrift.theory.linear.two_axes import SIGMA_12
from symdrift.theory.linear.weight_space import WeightSpace

WHITE_VARIANCE = sp.Symbol("V_white_sum", positive=True)

ACROSS = sp.Symbol("N_across", positive=True, integer=True)

LATEX: dict[sp.Basic, str] = {WHITE_VARIANCE: r"V^{\mathrm{white}}", ACROSS: "N"}

MEANINGS = (
    (ACROSS, "number of directions of the normal space", "scalar"),
    (WHITE_VARIANCE, "covariance of rotations for noise without memory", "rad^2 per step"),
)


def rotation(examples: Examples) -> Iterator[Step]:
    """Steady rotation, the statistics on learned maps, and what white noise would give."""
    yield _steady(examples)
    yield _reflection(examples)
    yield _on_maps(examples)
    yield _white_noise(examples)


def _steady(examples: Examples) -> Step:
    """Where a steady rotation comes from

    The stationary quantity of [eq:martingale] is kicked by the noise as well: in a step this adds
    {kicked} on average, the pull takes as much away again, and by this much, over {length}, the
    pull turns. The mean rotation is therefore the contraction [eq:steady] of the corrector with the
    noise, or, in the eigenbasis of the Hessian, the sum [eq:steady-entries] over the {size}
    directions of the normal space. This is [eq:mean] by [eq:mean-kicked]. It needs noise that is
    correlated between two directions of unequal stiffness which the rotation carries into each
    other: the softer one remembers a kick for longer than the stiffer one, so that the fluctuation
    circulates. It is of second order in the learning rate, where the diffusion is of third.
    """
    contracted = ETA**2 * sp.Trace(CORRECTOR * NOISE) / METRIC
    entries = (
        ETA**2
        / METRIC
        * sp.Sum(
            sp.Sum(
                KEPT[B, C]
                * NOISE_ENTRY[B, C]
                * (STIFFNESS[B] - STIFFNESS[C])
                / (2 * (STIFFNESS[B] + STIFFNESS[C])),
                (C, 1, ACROSS),
            ),
            (B, 1, ACROSS),
        )
    )

    def agree(space: WeightSpace) -> bool:
        kicked = (space.corrector((0, 1)) * space.noise).trace()
        return bool(space.mean((0, 1)) == kicked / space.minimum.metric((0, 1)))

    def bracket() -> tuple[sp.Expr, sp.Expr]:
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
        return (h * turn * gamma).trace(), summed

    return step(
        steady=(MEAN_ROTATION, contracted),
        steady_entries=(MEAN_ROTATION, entries),
        symbols={
            "kicked": ETA**2 * sp.Trace(CORRECTOR * NOISE),
            "size": ACROSS,
            "length": METRIC,
        },
        checks=(
            holds(
                "In the two networks with rational entries the trace of [eq:mean] equals the "
                "contraction, both from full matrices in all weights.",
                Method.POINTS,
                lambda: all(agree(space) for space in examples.weight_spaces),
            ),
            vanishes(
                "The sum [eq:steady-entries] is the trace of [eq:mean] for three directions with "
                "arbitrary stiffness, rotation and noise.",
                bracket(),
            ),
        ),
    )


def _reflection(examples: Examples) -> Step:
    """When it vanishes

    Suppose that reversing some input axes together with some output axes changes neither the
    teacher nor the statistics of inputs and label noise. The same reversal then acts on the
    hidden axes, and a rotation in the plane of a reversed and an unreversed axis changes its
    sense: its mean must vanish. Teachers aligned with Gaussian or elliptical inputs have such
    a symmetry for every plane, if label noise has the output axes too or is alike in all outputs.
    Misaligned covariances do not, nor do most finite sets of stimuli; there representations in
    general rotate steadily. If they are misaligned by little, reversing the axes of the aligned
    task makes a task that is misaligned by as much the other way. Variances do not change under the
    reversal: misalignment enters them at second order only.
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
                *(
                    ((on_maps * part * on_maps).xreplace(straight), part.xreplace(straight))
                    for part in (minimum.curvature, noise)
                ),
                (on_maps * minimum.turn((0, 1)) * on_maps, -minimum.turn((0, 1))),
            ),
            holds(
                "With correlation the Hessian lacks the symmetry.",
                Method.IDENTITY,
                lambda: (
                    not (on_maps * minimum.curvature * on_maps - minimum.curvature).is_zero_matrix
                ),
            ),
        ),
    )


def _on_maps(examples: Examples) -> Step:
    """Everything on learned maps

    Fluctuation and rotation inherit the form of Hessian and noise: {fluctuation} and
    {coloured} on matrices of the shape of the learned map stand for {Gamma} and {Y} on
    weights, [eq:images]. They solve the equations [eq:map-equations], in which the rotation
    acts by [eq:map-turn], and the statistics of the rotation are [eq:map-covariance] and
    [eq:map-mean]. The weights have disappeared. Of a plane with a silent hidden unit, the weights
    of which vanish, nothing is left in [eq:map-turn]: it does not rotate.

    Put [eq:images] into [eq:lyapunov] and move {J} past the Hessian: the left side is
    [eq:map-relaxed], the right side comes from [eq:noise-intertwined], and what stands between {J}
    and its transpose is the first equation. The second is what [eq:map-relaxed-turn] makes of
    [eq:sylvester] between the transpose of {J} and {J}.

    Matrices that join outputs and inputs which are both not learned have no image: they are the
    kernel of {J}, which {curvature} keeps by [eq:intertwined]. The equations [eq:map-equations]
    can be solved without it: what the noise has there is no noise of the weights, and it enters
    none of the images and traces.
    """
    per_planes = ETA**2 / (METRIC * OTHER_METRIC)
    variance = per_planes * sp.Trace(
        MAP_COLOURED.T * MAP_NOISE * OTHER_MAP_COLOURED * MAP_FLUCTUATION
    )
    mean = ETA * sp.Trace(MAP_HESSIAN.T * MAP_TURN * MAP_FLUCTUATION) / METRIC

    def same(drift: MapDrift, space: WeightSpace) -> bool:
        reach, plane = drift.minimum.reach, (0, 1)
        turn = reach.T * drift.minimum.network.rotation(*plane) * reach
        return bool(
            (reach * drift.fluctuation * reach.T - space.fluctuation).is_zero_matrix
            and (turn - drift.minimum.turn(plane)).is_zero_matrix
            and (reach.T * space.coloured(plane) * reach - drift.coloured(plane)).is_zero_matrix
            and space.variance(plane) == drift.covariance(plane, plane)
            and space.mean(plane) == drift.mean(plane)
        )

    def without_kernel(drift: MapDrift) -> bool:
        """Noise of any size in the kernel, correlated with the rest, changes nothing."""
        (silent,) = drift.minimum.reach.nullspace()
        mixed = silent * sp.Matrix(range(1, silent.rows + 1)).T
        noisy = MapDrift(drift.minimum, sp.ImmutableMatrix(drift.noise + mixed + mixed.T))
        reach, plane = drift.minimum.reach, (0, 1)
        seen = reach * (noisy.fluctuation - drift.fluctuation) * reach.T
        return bool(
            noisy.fluctuation != drift.fluctuation
            and seen.is_zero_matrix
            and noisy.covariance(plane, plane) == drift.covariance(plane, plane)
            and noisy.mean(plane) == drift.mean(plane)
        )

    drift, bottleneck = examples.drifts
    space, _ = examples.weight_spaces
    plane = (0, 1)
    metric = drift.minimum.metric(plane)
    entries = {
        REACH: drift.minimum.reach,
        HESSIAN: space.hessian,
        MAP_HESSIAN: drift.minimum.curvature,
        NOISE: space.noise,
        MAP_NOISE: drift.noise,
        FLUCTUATION: space.fluctuation,
        MAP_FLUCTUATION: drift.fluctuation,
        TURN: drift.minimum.network.rotation(*plane),
        MAP_TURN: drift.minimum.turn(plane),
        **dict.fromkeys((COLOURED, OTHER_COLOURED), space.coloured(plane)),
        **dict.fromkeys((MAP_COLOURED, OTHER_MAP_COLOURED), drift.coloured(plane)),
    }
    numbers = {
        METRIC: metric,
        OTHER_METRIC: metric,
        ROTATION_COVARIANCE: ETA**2 * drift.covariance(plane, plane),
        MEAN_ROTATION: ETA * drift.mean(plane),
    }

    def on_both(line: sp.Basic) -> Any:
        """A line for the network of three inputs, at unit learning rate in the fluctuation."""
        return evaluate_matrix(line, entries).xreplace(numbers)

    return step(
        images=[
            (FLUCTUATION, REACH * MAP_FLUCTUATION * REACH.T),
            (MAP_COLOURED, REACH.T * COLOURED * REACH),
            (MAP_TURN, REACH.T * TURN * REACH),
        ],
        map_turn=(TURNED, TURN_ON_MAPS),
        map_relaxed=chain(
            HESSIAN * FLUCTUATION + FLUCTUATION * HESSIAN,
            (
                "by [eq:images]",
                HESSIAN * REACH * MAP_FLUCTUATION * REACH.T
                + REACH * MAP_FLUCTUATION * REACH.T * HESSIAN,
            ),
            (
                "by [eq:intertwined] and its transpose",
                REACH * (MAP_HESSIAN * MAP_FLUCTUATION + MAP_FLUCTUATION * MAP_HESSIAN.T) * REACH.T,
            ),
            value=on_both,
            method=Method.POINTS,
        ),
        map_relaxed_turn=chain(
            REACH.T * (HESSIAN * COLOURED + COLOURED * HESSIAN) * REACH,
            (
                "by [eq:intertwined] and its transpose",
                MAP_HESSIAN.T * (REACH.T * COLOURED * REACH)
                + (REACH.T * COLOURED * REACH) * MAP_HESSIAN,
            ),
            ("by [eq:images]", MAP_HESSIAN.T * MAP_COLOURED + MAP_COLOURED * MAP_HESSIAN),
            value=on_both,
            method=Method.POINTS,
        ),
        map_equations=[
            (MAP_HESSIAN * MAP_FLUCTUATION + MAP_FLUCTUATION * MAP_HESSIAN.T, ETA * MAP_NOISE),
            (MAP_HESSIAN.T * MAP_COLOURED + MAP_COLOURED * MAP_HESSIAN, 2 * MAP_TURN * MAP_HESSIAN),
        ],
        map_covariance=chain(
            ROTATION_COVARIANCE,
            (
                "[eq:covariance]",
                per_planes * sp.Trace(COLOURED.T * NOISE * OTHER_COLOURED * FLUCTUATION),
            ),
            (
                "by [eq:noise-intertwined] and [eq:images]",
                per_planes
                * sp.Trace(
                    COLOURED.T
                    * REACH
                    * MAP_NOISE
                    * REACH.T
                    * OTHER_COLOURED
                    * REACH
                    * MAP_FLUCTUATION
                    * REACH.T
                ),
            ),
            ("turned cyclically, by [eq:images]", variance),
            value=on_both,
            method=Method.POINTS,
        ),
        map_mean=chain(
            MEAN_ROTATION,
            ("[eq:mean]", ETA * sp.Trace(HESSIAN * TURN * FLUCTUATION) / METRIC),
            (
                "by [eq:images], turned cyclically",
                ETA * sp.Trace(REACH.T * HESSIAN * TURN * REACH * MAP_FLUCTUATION) / METRIC,
            ),
            ("by the transpose of [eq:intertwined], and [eq:images]", mean),
            value=on_both,
            method=Method.POINTS,
        ),
        symbols={
            "fluctuation": MAP_FLUCTUATION,
            "coloured": MAP_COLOURED,
            "curvature": MAP_HESSIAN,
            "J": REACH,
        },
        checks=(
            holds(
                "Solved on learned maps and solved in all weights, the two networks with rational "
                "entries have the same images [eq:images], and the same variance and mean of "
                "their rotation.",
                Method.POINTS,
                lambda: all(
                    same(drift, space)
                    for drift, space in zip(examples.drifts, examples.weight_spaces, strict=True)
                ),
            ),
            holds(
                "In the one that leaves a direction out, where {J} has a kernel, noise added there "
                "and correlated with the rest changes none of them.",
                Method.POINTS,
                lambda: without_kernel(bottleneck),
            ),
        ),
    )


def _white_noise(examples: Examples) -> Step:
    """The white-noise approximation

    Taking noise and fluctuation for uncorrelated in time leaves the correlations of kicks with
    kicks alone, the last term in the first line of [eq:summed]. This is the white-noise
    approximation, [eq:white], which is offered for comparison only.
    """
    kicks = ETA**2 * sp.Trace(TURN.T * NOISE * TURN * FLUCTUATION)

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

    return step(
        under=[Premise.WHITE_NOISE],
        white=(WHITE_VARIANCE, kicks / METRIC**2),
        checks=(
            holds(
                "For the two networks with rational entries the sum [eq:summed], in all weights, "
                "is the same rational number as [eq:map-covariance], on learned maps.",
                Method.POINTS,
                lambda: all(
                    agree(drift, space)
                    for drift, space in zip(examples.drifts, examples.weight_spaces, strict=True)
                ),
            ),
        ),
    )

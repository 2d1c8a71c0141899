"""Drift as a stochastic area: fluctuation sweeps areas, and areas are rotations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.wick import expectation
from symdrift.derivation.chapter import chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import ETA, symbol
from symdrift.derivation.vocabulary import (
    CENTRED_NOISE,
    COLOURED,
    CORRECTOR,
    FLUCTUATION,
    GRADIENT,
    HESSIAN,
    MAP_COLOURED,
    MAP_FLUCTUATION,
    MAP_HESSIAN,
    MAP_NOISE,
    MAP_TURN,
    METRIC,
    MINIMUM_POINT,
    NEXT_NORMAL,
    NOISE,
    NOISE_ENTRY,
    NORMAL,
    OTHER_COLOURED,
    OTHER_MAP_COLOURED,
    OTHER_METRIC,
    REACH,
    ROTATION_STEP,
    SIZE,
    TURN,
    TURNED,
    WEIGHTS,
)
from symdrift.theory.correlations import ROTATION_COVARIANCE, correlations
from symdrift.theory.examples import Examples
from symdrift.theory.linear.maps import MapDrift
from symdrift.theory.linear.minimum import TURN_ON_MAPS
from symdrift.theory.linear.network import LinearNetwork, any_turn
from symdrift.theory.linear.two_axes import SIGMA_12
from symdrift.theory.linear.weight_space import WeightSpace
from symdrift.theory.step_orders import one_step
from symdrift.typesetting.printer import Mean

MEAN_ROTATION = symbol("mean_rotation", real=True)
WHITE_VARIANCE = sp.Symbol("V_white_sum", positive=True)

EXPECTED_CHANGE = sp.Symbol("expected_change", real=True)
TURN_SO_FAR = sp.MatrixSymbol("turn_so_far", SIZE, SIZE)
KEPT = sp.IndexedBase("turn_ab")
STIFFNESS = sp.IndexedBase("stiffness")
A, B = sp.symbols("a b", integer=True, positive=True)

LATEX = {
    WHITE_VARIANCE: r"V^{\mathrm{white}}",
    TURN_SO_FAR: r"\tilde Q_t",
    EXPECTED_CHANGE: (
        r"\mathbb{E}_t[G \xi_t + \delta_{t+1}^{\mathsf{T}} K \delta_{t+1}"
        r" - \delta_t^{\mathsf{T}} K \delta_t]"
    ),
    KEPT.label: r"\tilde\Omega",
    STIFFNESS.label: "h",
}

MEANINGS = ((TURN_SO_FAR, "rotation of the hidden layer on weight space", "matrix"),)


def area(examples: Examples) -> Iterator[Step]:
    """Rotation per step, what of it accumulates, and its statistics, for any task."""
    yield _area(examples.generic)
    yield from one_step(examples)
    yield _corrector()
    yield _statistics()
    yield from correlations(examples)


def rotation(examples: Examples) -> Iterator[Step]:
    """Steady rotation, the statistics on learned maps, and what white noise would give."""
    yield _steady(examples)
    yield _reflection(examples)
    yield _on_maps(examples)
    yield _white_noise(examples)


def _area(network: LinearNetwork) -> Step:
    """A step rotates by the area it sweeps

    Write the weights as a rotated copy of the canonical point {theta_star} plus a deviation
    {n_t}, [eq:slice], where {turn} is what a rotation of the hidden layer does to all weights. The
    deviation is normal to the orbit, [eq:normal], with {Omega} the action of a generator on weight
    space. The gradient of a sample turns with the weights, so that each step can be seen from the
    frame in which it begins. It is orthogonal to the orbit through the point where it is taken,
    [eq:orthogonal], which is not the orbit through the minimum; the difference is [eq:transfer].
    Projecting one step of descent on the tangent vector, whose squared length is {G}, gives the
    rotation in that step at leading order, [eq:rotation-step]. It is bilinear in the deviation and
    its change: the area that the fluctuation sweeps in the plane of the generator.
    """
    frame = any_turn(network.hidden)
    first, second = network.layers
    slope_first, slope_second = network.rule.gradient(
        network.layers, network.sample_input, network.residual
    )
    turned = network.sample_gradient_at((frame * first, second * frame.T))
    offsets = [sp.Symbol(f"d{k}") for k in range(len(network.coordinates))]
    deviation = sp.Matrix(offsets)
    point = sp.Matrix(network.coordinates)
    moved = dict(zip(network.coordinates, point + deviation, strict=True))
    gradient = network.sample_gradient.xreplace(moved)
    turn = network.rotation(0, 1)
    return step(
        slice=(WEIGHTS, TURN_SO_FAR * (MINIMUM_POINT + NORMAL)),
        normal=(NORMAL.T * TURN * MINIMUM_POINT, sp.ZeroMatrix(1, 1)),
        transfer=(GRADIENT.T * TURN * MINIMUM_POINT, -GRADIENT.T * TURN * NORMAL),
        rotation_step=(ROTATION_STEP, -sp.Trace((NEXT_NORMAL - NORMAL).T * TURN * NORMAL) / METRIC),
        symbols={"theta_star": MINIMUM_POINT, "turn": TURN_SO_FAR},
        checks=(
            vanishes(
                "At weights turned through an arbitrary angle the gradient of one sample is the "
                "gradient at the weights themselves, turned through the same angle.",
                (turned, sp.Matrix([*(frame * slope_first), *(slope_second * frame.T)])),
            ),
            vanishes(
                "The gradient of one sample at an arbitrary deviation from an arbitrary point "
                "satisfies [eq:transfer], as a polynomial in all weights, deviations and the "
                "sample.",
                (gradient.T * turn * point)[0] + (gradient.T * turn * deviation)[0],
            ),
            vanishes(
                "The action of the generator on weight space is skew-symmetric, so that the "
                "deviation alone sweeps nothing.",
                (turn, -turn.T),
            ),
        ),
    )


def _corrector() -> Step:
    """What accumulates and what does not

    The rotation contains the pull of the Hessian and the kick of the noise, and the two are
    correlated over time: a kick that enlarges the area now is pulled back later. Look for a
    quantity that is bounded, so that its changes never accumulate, and whose expected change takes
    the pull away. The pull is quadratic in the deviation, and so is {bounded} with a symmetric
    matrix {K}. Averaged over the sample of a step, the rotation and the change of this quantity are
    [eq:without-pull] together. What is left is a constant, the mean rotation, and a form one order
    of {eta} smaller, if {K} solves [eq:corrector]; this is the Poisson equation of the fluctuation.
    At leading order the area of one step is then the change of the bounded quantity plus a kick
    with the matrix {Y} in the place of {Omega}, [eq:martingale]; kicks of different steps are
    uncorrelated. By its definition {Y} solves the Sylvester equation [eq:sylvester].
    """
    h = sp.diag(*sp.symbols("h_1:4", positive=True))
    entries = sp.symbols("w_12 w_13 w_23")
    turn = sp.Matrix(
        [[0, entries[0], entries[1]], [-entries[0], 0, entries[2]], [-entries[1], -entries[2], 0]]
    )
    corrector = sp.Matrix(
        3, 3, lambda a, b: turn[a, b] * (h[a, a] - h[b, b]) / (2 * (h[a, a] + h[b, b]))
    )
    coloured = turn - 2 * corrector
    n, z = sp.Matrix(sp.symbols("n_1:4")), sp.Matrix(sp.symbols("z_1:4"))
    change = -ETA * (h * n + z)

    def first_order(expression: sp.Expr) -> sp.Expr:
        return sp.expand(expression).coeff(ETA, 1)

    swept = -(change.T * turn * n)[0]
    stored = ((n + change).T * corrector * (n + change))[0] - (n.T * corrector * n)[0]
    kick = ETA * (z.T * coloured * n)[0]
    first, second, third = (sp.Symbol(s, commutative=False) for s in ("H", "W", "K"))
    bracket = (first * second - second * first) / 2
    solved = sp.expand(
        first * (second - 2 * third)
        + (second - 2 * third) * first
        + 2 * (first * third + third * first - bracket)
        - 2 * second * first
    )
    unknown = sp.ImmutableMatrix(3, 3, lambda a, b: sp.Symbol(f"k_{min(a, b)}{max(a, b)}"))
    noise = sp.ImmutableMatrix(3, 3, lambda a, b: sp.Symbol(f"c_{min(a, b)}{max(a, b)}"))
    matrices: dict[sp.Basic, Any] = {
        HESSIAN: h,
        TURN: turn,
        CORRECTOR: unknown,
        NOISE: noise,
        NORMAL: n,
        sp.Identity(SIZE): sp.eye(3),
    }
    moved = n + change
    gained = -(change.T * turn * n)[0] + (moved.T * unknown * moved)[0] - (n.T * unknown * n)[0]
    averaged = expectation(
        sp.expand(gained), {(z[a], z[b]): noise[a, b] for a in range(3) for b in range(3)}
    )
    solution = {unknown[a, b]: corrector[a, b] for a in range(3) for b in range(a, 3)}
    steady = sp.Trace(NORMAL.T * HESSIAN * CORRECTOR * HESSIAN * NORMAL) + sp.Trace(
        CORRECTOR * NOISE
    )
    pulled_back = HESSIAN * CORRECTOR + CORRECTOR * HESSIAN
    relaxed = sp.Identity(SIZE) - ETA * HESSIAN
    skew = (HESSIAN * TURN - TURN * HESSIAN) / 2
    return step(
        without_pull=chain(
            EXPECTED_CHANGE,
            (
                "by [eq:rotation-step] and [eq:normal-step]; the noise of the step has no mean",
                ETA * sp.Trace(NORMAL.T * HESSIAN * TURN * NORMAL)
                + sp.Trace(NORMAL.T * (relaxed * CORRECTOR * relaxed - CORRECTOR) * NORMAL)
                + ETA**2 * sp.Trace(CORRECTOR * NOISE),
                {EXPECTED_CHANGE: averaged},
            ),
            (
                "multiplied out",
                ETA * sp.Trace(NORMAL.T * (HESSIAN * TURN - pulled_back) * NORMAL)
                + ETA**2 * steady,
            ),
            (
                "a quadratic form sees the symmetric part of its matrix",
                ETA * sp.Trace(NORMAL.T * (skew - pulled_back) * NORMAL) + ETA**2 * steady,
            ),
            ("by [eq:corrector]", ETA**2 * steady, solution),
            value=lambda line: evaluate_matrix(line, matrices),
        ),
        corrector=(
            HESSIAN * CORRECTOR + CORRECTOR * HESSIAN,
            (HESSIAN * TURN - TURN * HESSIAN) / 2,
        ),
        martingale=(
            METRIC * ROTATION_STEP,
            sp.Trace(NORMAL.T * CORRECTOR * NORMAL)
            - sp.Trace(NEXT_NORMAL.T * CORRECTOR * NEXT_NORMAL)
            + ETA * sp.Trace(CENTRED_NOISE.T * COLOURED * NORMAL),
        ),
        coloured=(COLOURED, TURN - 2 * CORRECTOR),
        sylvester=(HESSIAN * COLOURED + COLOURED * HESSIAN, 2 * TURN * HESSIAN),
        symbols={"bounded": sp.Trace(NORMAL.T * CORRECTOR * NORMAL)},
        checks=(
            holds(
                "The Sylvester equation follows from [eq:corrector] and [eq:coloured].",
                Method.IDENTITY,
                lambda: solved == 0,
            ),
            vanishes(
                "In the eigenbasis of a Hessian of three rows the corrector is symmetric and "
                "solves its equation.",
                (corrector, corrector.T),
                (h * corrector + corrector * h, (h * turn - turn * h) / 2),
            ),
            vanishes(
                "Along every single step of the process the two sides of [eq:martingale] agree "
                "to first order in the learning rate, for arbitrary deviation and noise.",
                first_order(swept + stored - kick),
            ),
        ),
    )


def _statistics() -> Step:
    """Covariance and mean of the rotation

    Noise and deviation of one step are independent. Over many steps the bounded quantity of
    [eq:martingale] no longer counts, and kicks of different steps add their covariances. The
    covariance per step of the rotations in two planes, and their mean per step, are therefore
    [eq:covariance] and [eq:mean]; primes mark the second plane. With {Gamma} of order {eta} the
    covariance is of third order in the learning rate and the mean of second. Half the covariance
    is the diffusion tensor. Both formulas hold for any teacher and any inputs.
    """
    names = ("C", "F")
    cov = {
        name: sp.Matrix(2, 2, lambda a, b, s=name: sp.Symbol(f"{s}_{min(a, b)}{max(a, b)}"))
        for name in names
    }
    first, second, pull = (
        sp.Matrix(2, 2, lambda a, b, s=name: sp.Symbol(f"{s}_{a}{b}")) for name in ("Y", "Z", "P")
    )
    n, z = sp.Matrix(sp.symbols("n_1:3")), sp.Matrix(sp.symbols("z_1:3"))
    moments = {(z[a], z[b]): cov["C"][a, b] for a in range(2) for b in range(2)} | {
        (n[a], n[b]): cov["F"][a, b] for a in range(2) for b in range(2)
    }
    matrices = {
        CENTRED_NOISE: sp.ImmutableMatrix(z),
        NORMAL: sp.ImmutableMatrix(n),
        COLOURED: first,
        OTHER_COLOURED: second,
        NOISE: cov["C"],
        FLUCTUATION: cov["F"],
    }

    def averaged(line: sp.Basic) -> sp.Expr:
        return expectation(sp.expand(evaluate_matrix(line, matrices)), moments)

    product = expectation(sp.expand((z.T * first * n)[0] * (z.T * second * n)[0]), moments)
    pulled = expectation(sp.expand((n.T * pull * n)[0]), moments)
    per_planes = ETA**2 / (METRIC * OTHER_METRIC)
    kick = sp.Trace(CENTRED_NOISE.T * COLOURED * NORMAL)
    other_kick = sp.Trace(CENTRED_NOISE.T * OTHER_COLOURED * NORMAL)
    mean = ETA * sp.Trace(HESSIAN * TURN * FLUCTUATION) / METRIC
    return step(
        covariance=chain(
            ROTATION_COVARIANCE,
            (
                "the kicks in both planes, [eq:martingale]",
                per_planes * Mean(kick * other_kick),
                {ROTATION_COVARIANCE: per_planes * product},
            ),
            (
                "averaged over the noise, which does not depend on the deviation",
                per_planes
                * Mean(sp.Trace(NORMAL.T * COLOURED.T * NOISE * OTHER_COLOURED * NORMAL)),
            ),
            (
                "averaged over the deviation",
                per_planes * sp.Trace(COLOURED.T * NOISE * OTHER_COLOURED * FLUCTUATION),
            ),
            value=lambda line: evaluate_matrix(line.replace(Mean, averaged), matrices),
        ),
        mean=(MEAN_ROTATION, mean),
        checks=(
            vanishes(
                "The mean of the pull is the trace in [eq:mean].",
                (pulled, (pull * cov["F"]).trace()),
            ),
        ),
        assumptions=("Rotations within one relaxation time of the fluctuation are small.",),
    )


def _steady(examples: Examples) -> Step:
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
    general rotate steadily. The reversal turns a task into the one that is misaligned by as much
    the other way, and variances do not change under it: misalignment enters them at second order
    only.
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
    [eq:map-mean]. The weights have disappeared.

    Matrices that join outputs and inputs which are both not learned have no image: they are the
    kernel of {J}, which {curvature} keeps by [eq:intertwined]. The equations [eq:map-equations]
    can be solved without it: what the noise has there is no noise of the weights, and it enters
    none of the images and traces.
    """
    variance = (
        ETA**2
        * sp.Trace(MAP_COLOURED.T * MAP_NOISE * OTHER_MAP_COLOURED * MAP_FLUCTUATION)
        / (METRIC * OTHER_METRIC)
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

    _, bottleneck = examples.drifts
    return step(
        images=[
            (FLUCTUATION, REACH * MAP_FLUCTUATION * REACH.T),
            (MAP_COLOURED, REACH.T * COLOURED * REACH),
            (MAP_TURN, REACH.T * TURN * REACH),
        ],
        map_turn=(TURNED, TURN_ON_MAPS),
        map_equations=[
            (MAP_HESSIAN * MAP_FLUCTUATION + MAP_FLUCTUATION * MAP_HESSIAN.T, ETA * MAP_NOISE),
            (MAP_HESSIAN.T * MAP_COLOURED + MAP_COLOURED * MAP_HESSIAN, 2 * MAP_TURN * MAP_HESSIAN),
        ],
        map_covariance=(ROTATION_COVARIANCE, variance),
        map_mean=(MEAN_ROTATION, mean),
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
    kicks alone, the first term of [eq:summed]. This is the white-noise approximation, [eq:white],
    which is offered for comparison only.
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

"""Drift as a stochastic area: fluctuation sweeps areas, and areas are rotations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.wick import expectation
from symdrift.derivation.chapter import chain, step, vanishes
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import ETA, symbol
from symdrift.derivation.vocabulary import (
    CENTRED_NOISE,
    COLOURED,
    CORRECTOR,
    FLUCTUATION,
    GRADIENT,
    HESSIAN,
    METRIC,
    MINIMUM_POINT,
    NEXT_NORMAL,
    NOISE,
    NORMAL,
    OTHER_COLOURED,
    OTHER_METRIC,
    ROTATION_STEP,
    SIZE,
    TURN,
    WEIGHTS,
)
from symdrift.theory.correlations import ROTATION_COVARIANCE, correlations
from symdrift.theory.examples import Examples
from symdrift.theory.fluctuation import STIFFNESS, B, C
from symdrift.theory.linear.network import LinearNetwork, any_turn
from symdrift.theory.linear.points import AlignedMinimum, active_direction
from symdrift.theory.step_orders import TURN_SO_FAR, one_step
from symdrift.typesetting.printer import Mean

MEAN_ROTATION = symbol("mean_rotation", real=True)
NEXT_TURN, TURNED_BY = (sp.MatrixSymbol(name, SIZE, SIZE) for name in ("turn_next", "turned_by"))
EXPECTED_CHANGE, OVER_SAMPLE = sp.symbols("expected_change over_sample", real=True)
KEPT, CORRECTOR_ENTRY = sp.IndexedBase("turn_entry"), sp.IndexedBase("corrector_entry")

LATEX = {
    TURN_SO_FAR: r"\tilde Q_t",
    NEXT_TURN: r"\tilde Q_{t+1}",
    TURNED_BY: r"\mathrm{e}^{\xi_t \tilde\Omega}",
    OVER_SAMPLE: r"\mathbb{E}_t",
    EXPECTED_CHANGE: (
        r"\mathbb{E}_t[G \xi_t + \delta_{t+1}^{\mathsf{T}} K \delta_{t+1}"
        r" - \delta_t^{\mathsf{T}} K \delta_t]"
    ),
    KEPT.label: r"\tilde\Omega",
    CORRECTOR_ENTRY.label: "K",
}

MEANINGS = (
    (TURN_SO_FAR, "rotation of the hidden layer on weight space", "matrix"),
    (OVER_SAMPLE, "mean over the sample of a step, with its deviation given", "operator"),
)


def area(examples: Examples) -> Iterator[Step]:
    """Rotation per step, what of it accumulates, and its statistics, for any task."""
    yield _area(examples.generic)
    yield from one_step(examples)
    yield _corrector()
    yield _statistics()
    yield from correlations(examples)


def _area(network: LinearNetwork) -> Step:
    """A step rotates by the area it sweeps

    Write the weights as a rotated copy of the canonical point {theta_star} plus a deviation {n_t},
    [eq:slice], where {turn} is what a rotation of the hidden layer does to all weights. The
    deviation is normal to the orbit, [eq:normal], with {Omega} the action of a generator on weight
    space. The gradient of a sample turns with the weights, so that each step is seen from the frame
    in which it begins. The rotation {xi} of a step leads from one frame to the next, {next_turn}:
    it is chosen such that the next deviation is normal again, and takes away what the step has
    along the tangent vector, of squared length {G}: by [eq:orthogonal] a step is orthogonal to the
    orbit through the weights, which is not the orbit through the minimum, and has along this
    [eq:transfer]. At leading order the rotation is [eq:rotation-step], bilinear in the deviation
    and its change: over {G}, twice the area that its columns in the first layer and its rows in the
    second sweep against the sense of the generator, since no step turns the whole.
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
    minimum = AlignedMinimum((active_direction("1"), active_direction("2")), 2, 2, 2)
    offset = sp.ImmutableMatrix(sp.symbols("d_1:9", real=True))
    small = minimum.network
    pushed = small.sample_gradient.xreplace(
        dict(zip(small.coordinates, minimum.point + offset, strict=True))
    )
    tangent = minimum.tangent((0, 1))
    entries: dict[Any, Any] = {
        MINIMUM_POINT: minimum.point,
        NORMAL: offset,
        NEXT_NORMAL: offset - ETA * pushed,
        GRADIENT: pushed,
        TURN: small.rotation(0, 1),
    }
    # Turned back at first order, the weights after the step have this along the tangent vector,
    # since the deviation before the step is normal.
    angle = sp.Symbol("angle")
    along = ((-ETA * pushed - angle * tangent).T * tangent)[0]
    removed = -along.subs(angle, 0) / along.diff(angle)
    known = {METRIC: minimum.metric((0, 1))}
    return step(
        slice=(WEIGHTS, TURN_SO_FAR * (MINIMUM_POINT + NORMAL)),
        normal=(NORMAL.T * TURN * MINIMUM_POINT, sp.ZeroMatrix(1, 1)),
        transfer=(GRADIENT.T * TURN * MINIMUM_POINT, -GRADIENT.T * TURN * NORMAL),
        rotation_step=chain(
            ROTATION_STEP,
            (
                "turned back by {xi}, the weights after the step have no tangent part",
                -ETA * sp.Trace(GRADIENT.T * TURN * MINIMUM_POINT) / METRIC,
                {ROTATION_STEP: removed},
            ),
            (
                "by [eq:transfer]",
                ETA * sp.Trace(GRADIENT.T * TURN * NORMAL) / METRIC,
            ),
            (
                "the deviation changes by {step}, but for what is taken away, which counts less "
                "here",
                -sp.Trace((NEXT_NORMAL - NORMAL).T * TURN * NORMAL) / METRIC,
            ),
            value=lambda line: evaluate_matrix(line, entries).xreplace(known),
        ),
        symbols={
            "theta_star": MINIMUM_POINT,
            "turn": TURN_SO_FAR,
            "step": -ETA * GRADIENT,
            "next_turn": sp.Eq(NEXT_TURN, TURN_SO_FAR * TURNED_BY, evaluate=False),
        },
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
    quantity that is stationary, so that its changes never accumulate, and whose expected change
    takes the pull away. The pull is quadratic in the deviation, and so is {bounded} with a
    symmetric matrix {K}. With the deviation of a step given, and on average over its sample,
    {over_sample}, {G} times the rotation and the change of this quantity add up to
    [eq:without-pull]: once {K} takes the pull away, what is left is a constant, by [eq:mean] and
    [eq:mean-kicked] {G} times the mean rotation, and a form one order of {eta} smaller.

    By [eq:rotation-step] and [eq:normal-step] {rotated}, a pull of the Hessian and a kick of the
    noise. Let the symmetric matrix {K}, the corrector, solve [eq:corrector]. With it the pull drops
    out, and the matrix {coloured} solves the Sylvester equation [eq:sylvester]. The rotation of a
    step, times {G}, is minus the change of the stationary quantity {bounded}, plus a kick with {Y}
    in the place of {Omega}, plus a term of mean {constant} at leading order, [eq:martingale];
    what this varies by is smaller than the kicks, even with its memory counted.

    Deviation and noise are normal to the orbit, and {Omega} stands for its part within the normal
    space, where all eigenvalues of {H} are positive. In its eigenbasis {K} has therefore the
    entries [eq:corrector-entries].
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
    pushed = HESSIAN * NORMAL + CENTRED_NOISE
    across = NORMAL.T * HESSIAN + CENTRED_NOISE.T
    stored = sp.Trace(NORMAL.T * CORRECTOR * NORMAL)
    released = stored - sp.Trace(NEXT_NORMAL.T * CORRECTOR * NEXT_NORMAL)
    squared = sp.Trace(across * CORRECTOR * pushed)
    solved: dict[Any, Any] = {
        **matrices,
        CORRECTOR: corrector,
        COLOURED: coloured,
        CENTRED_NOISE: z,
        NEXT_NORMAL: moved,
    }
    rotated = {ROTATION_STEP: -(change.T * turn * n)[0] / METRIC}
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
        corrector_entries=(
            CORRECTOR_ENTRY[B, C],
            (STIFFNESS[B] - STIFFNESS[C]) * KEPT[B, C] / (2 * (STIFFNESS[B] + STIFFNESS[C])),
        ),
        coloured=(COLOURED, TURN - 2 * CORRECTOR),
        sylvester=chain(
            HESSIAN * COLOURED + COLOURED * HESSIAN,
            ("by [eq:coloured]", HESSIAN * TURN + TURN * HESSIAN - 2 * pulled_back),
            ("by [eq:corrector]", 2 * TURN * HESSIAN),
            value=lambda line: evaluate_matrix(line, solved),
        ),
        martingale=chain(
            METRIC * ROTATION_STEP,
            (
                "by [eq:rotation-step] and [eq:normal-step]",
                ETA * sp.Trace(across * TURN * NORMAL),
                rotated,
            ),
            (
                "by [eq:normal-step], the change of {bounded} taken away and added",
                released
                + ETA * sp.Trace(across * (TURN - 2 * CORRECTOR) * NORMAL)
                + ETA**2 * squared,
            ),
            (
                "the pull vanishes by [eq:corrector]; by [eq:coloured]",
                released + ETA * sp.Trace(CENTRED_NOISE.T * COLOURED * NORMAL) + ETA**2 * squared,
            ),
            value=lambda line: evaluate_matrix(line, solved),
        ),
        symbols={
            "bounded": stored,
            "over_sample": OVER_SAMPLE,
            "constant": ETA**2 * sp.Trace(CORRECTOR * NOISE),
            "rotated": sp.Eq(
                METRIC * ROTATION_STEP, ETA * sp.Trace(across * TURN * NORMAL), evaluate=False
            ),
            "coloured": sp.Eq(COLOURED, TURN - 2 * CORRECTOR),
        },
        checks=(
            vanishes(
                "In the eigenbasis of a Hessian of three rows the corrector [eq:corrector-entries] "
                "is symmetric and solves its equation.",
                (corrector, corrector.T),
                (h * corrector + corrector * h, (h * turn - turn * h) / 2),
            ),
        ),
    )


def _statistics() -> Step:
    """Covariance and mean of the rotation

    Noise and deviation of one step are independent. Over many steps the stationary quantity of
    [eq:martingale] no longer counts, and kicks of different steps, which are uncorrelated, add
    their covariances. The covariance per step of the rotations in two planes, and their mean per
    step, that of [eq:rotation-step] by [eq:normal-step], are therefore [eq:covariance] and
    [eq:mean]; primes mark the second plane. The last term of [eq:martingale], over {G}, has the
    same mean, by [eq:mean-kicked]. With {Gamma} of order {eta} the covariance is of third order in
    the learning rate and the mean of second. Half the covariance is the diffusion tensor. Both
    formulas hold for any teacher and any inputs.
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
    matrices: dict[Any, Any] = {
        CENTRED_NOISE: sp.ImmutableMatrix(z),
        NORMAL: sp.ImmutableMatrix(n),
        COLOURED: first,
        OTHER_COLOURED: second,
        NOISE: cov["C"],
        FLUCTUATION: cov["F"],
    }

    def averaged(line: sp.Basic) -> sp.Expr:
        return expectation(sp.expand(evaluate_matrix(line, matrices)), moments)

    noisy = sp.ImmutableMatrix(3, 3, lambda a, b: sp.Symbol(f"c_{min(a, b)}{max(a, b)}"))
    h = sp.symbols("h_1:4", positive=True)
    turn = sp.ImmutableMatrix(
        3, 3, lambda a, b: sp.sign(b - a) * sp.Symbol(f"w_{min(a, b)}{max(a, b)}")
    )
    steady: dict[Any, Any] = {
        HESSIAN: sp.ImmutableMatrix.diag(*h),
        TURN: turn,
        NOISE: noisy,
        FLUCTUATION: sp.ImmutableMatrix(3, 3, lambda a, b: ETA * noisy[a, b] / (h[a] + h[b])),
        CORRECTOR: sp.ImmutableMatrix(
            3, 3, lambda a, b: (h[a] - h[b]) * turn[a, b] / (2 * (h[a] + h[b]))
        ),
    }
    product = expectation(sp.expand((z.T * first * n)[0] * (z.T * second * n)[0]), moments)
    swept = sp.ImmutableMatrix([[0, 1], [-1, 0]])
    matrices |= {HESSIAN: pull, TURN: swept}
    pulled = expectation(sp.expand((n.T * pull * swept * n)[0]), moments)
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
        mean=chain(
            MEAN_ROTATION,
            (
                "by [eq:rotation-step] and [eq:normal-step]; the noise of the step has no mean",
                ETA * Mean(sp.Trace(NORMAL.T * HESSIAN * TURN * NORMAL)) / METRIC,
                {MEAN_ROTATION: ETA * pulled / METRIC},
            ),
            ("averaged over the deviation", mean),
            value=lambda line: evaluate_matrix(line.replace(Mean, averaged), matrices),
        ),
        mean_kicked=chain(
            ETA * sp.Trace(HESSIAN * TURN * FLUCTUATION),
            (
                "{Gamma} is symmetric: by [eq:corrector]",
                ETA * sp.Trace((HESSIAN * CORRECTOR + CORRECTOR * HESSIAN) * FLUCTUATION),
            ),
            (
                "by [eq:lyapunov]; the trace is cyclic",
                ETA**2 * sp.Trace(CORRECTOR * NOISE),
            ),
            value=lambda line: evaluate_matrix(line, steady),
        ),
        assumptions=("Rotations within one relaxation time of the fluctuation are small.",),
    )

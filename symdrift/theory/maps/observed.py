"""Representations under any rotation statistics, and noise of the synapses themselves."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.derivation.chapter import derived, holds, vanishes
from symdrift.derivation.steps import Equation, Step
from symdrift.derivation.symbols import symbol
from symdrift.derivation.vocabulary import (
    CENTRED_NOISE,
    INPUT,
    METRIC,
    MINIMUM_POINT,
    RANK,
    ROTATION_STEP,
    TURN,
)
from symdrift.theory.area import ROTATION_COVARIANCE
from symdrift.theory.linear.network import generator
from symdrift.theory.linear.points import AlignedMinimum, active_direction, inactive_direction
from symdrift.theory.map_vocabulary import CANONICAL_FIRST, SYNAPTIC_NOISE
from symdrift.theory.representation import DECAY, DIFFUSION, MEAN_ROTATION, RATE
from symdrift.theory.representation import SECTION as REPRESENTATION_SECTION

SYNAPTIC_SECTION = "Noise of the synapses"

HIDDEN_VECTOR = sp.MatrixSymbol("w_hidden", RANK, 1)
MEAN_MATRIX = sp.MatrixSymbol("mean_matrix", RANK, RANK)
EXPONENTIAL = sp.MatrixSymbol("exponential", RANK, RANK)
SPEED = sp.Symbol("mean_speed", nonnegative=True)
SUMMED_PLANES = sp.MatrixSymbol("summed_planes", RANK, RANK)
SUMMED_MEANS = sp.MatrixSymbol("summed_means", RANK, RANK)
SILENT_METRIC = symbol("metric", "ik")

LATEX: dict[sp.Basic, str] = {
    HIDDEN_VECTOR: "w",
    MEAN_MATRIX: r"\bar\mu",
    EXPONENTIAL: r"e^{\tau(\bar\mu - \Delta)}",
    SPEED: "v_h",
    SUMMED_PLANES: r"\sum_{k,q} V_{kq}\, \Omega_k \Omega_q",
    SUMMED_MEANS: r"\sum_{k} \mu_k \Omega_k",
}


def observed() -> Iterator[Step]:
    """Average rotation and stimulus quantities for any task."""
    yield _average()
    yield _stimulus()


def synaptic() -> Iterator[Step]:
    """Noise of the synapses themselves, for any task."""
    yield _synaptic()


def _rotations() -> tuple[list[sp.Symbol], list[sp.ImmutableMatrix], sp.Matrix, list[sp.Symbol]]:
    planes = ((0, 1), (0, 2), (1, 2))
    angles = [sp.Symbol(f"xi_{k}") for k in range(3)]
    generators = [generator(3, *plane) for plane in planes]
    covariance = sp.Matrix(3, 3, lambda a, b: sp.Symbol(f"V_{min(a, b)}{max(a, b)}"))
    means = [sp.Symbol(f"mu_{k}") for k in range(3)]
    return angles, generators, covariance, means


def _average() -> Step:
    angles, generators, covariance, means = _rotations()
    decay = (
        -sum(
            (covariance[k, q] * generators[k] * generators[q] for k in range(3) for q in range(3)),
            sp.zeros(3, 3),
        )
        / 2
    )
    steady = sum((means[k] * generators[k] for k in range(3)), sp.zeros(3, 3))

    def one_step() -> bool:
        """exp(sum xi_k Omega_k) to second order, averaged with mean and covariance."""
        turn = sum((angle * g for angle, g in zip(angles, generators, strict=True)), sp.zeros(3, 3))
        for entry, expected in zip(turn + turn**2 / 2, steady - decay, strict=True):
            average = sp.Integer(0)
            for exponents, coefficient in sp.Poly(sp.expand(entry), *angles).terms():
                present = [k for k, power in enumerate(exponents) for _ in range(power)]
                if len(present) == 2:
                    average += coefficient * covariance[present[0], present[1]]
                else:
                    average += coefficient * sp.Mul(*(means[k] for k in present))
            if sp.expand(average - expected) != 0:
                return False
        return True

    return derived(
        "average-rotation",
        REPRESENTATION_SECTION,
        "Average rotation",
        "The hidden layer turns by small rotations with mean and covariance as derived, "
        "independent from step to step beyond a few relaxation times. Their average after "
        "{tau} steps is [eq:mean-rotation], where [eq:mean-matrix] collects the mean rotations "
        "of all planes and [eq:decay-matrix] the covariances: planes may be correlated, and "
        "the decay matrix need not be diagonal.",
        equations=(
            Equation("mean-rotation", sp.Eq(MEAN_ROTATION, EXPONENTIAL, evaluate=False)),
            Equation("mean-matrix", sp.Eq(MEAN_MATRIX, SUMMED_MEANS, evaluate=False)),
            Equation("decay-matrix", sp.Eq(DECAY, -SUMMED_PLANES / 2, evaluate=False)),
        ),
        tests=(
            holds(
                "The average of a small rotation of three hidden axes, with any means and any "
                "covariances of its angles, is one plus the exponent of one step, to second "
                "order.",
                "expansion",
                one_step,
            ),
            vanishes(
                "The mean rotation is skew-symmetric and the decay matrix symmetric.",
                steady + steady.T,
                decay - decay.T,
            ),
        ),
        assumptions=(
            "Rotations within a relaxation time are small, and the second moment of a rotation "
            "is its covariance: the square of the mean of one step is of higher order.",
        ),
    )


def _stimulus() -> Step:
    angles, generators, covariance, means = _rotations()
    vector = sp.Matrix(sp.symbols("w_1:4", real=True))
    turn = sum((angle * g for angle, g in zip(angles, generators, strict=True)), sp.zeros(3, 3))
    moved = turn * vector
    squared = sp.Poly(sp.expand((moved.T * moved)[0]), *angles)
    average = sp.Integer(0)
    for exponents, coefficient in squared.terms():
        first, second = (k for k, power in enumerate(exponents) for _ in range(power))
        average += coefficient * covariance[first, second]
    decay = (
        -sum(
            (covariance[k, q] * generators[k] * generators[q] for k in range(3) for q in range(3)),
            sp.zeros(3, 3),
        )
        / 2
    )
    steady = sum((means[k] * generators[k] for k in range(3)), sp.zeros(3, 3))
    quadratic = sp.Trace(HIDDEN_VECTOR.T * DECAY * HIDDEN_VECTOR)
    speed = -sp.Trace(HIDDEN_VECTOR.T * MEAN_MATRIX * MEAN_MATRIX * HIDDEN_VECTOR)
    return derived(
        "stimulus-quantities",
        REPRESENTATION_SECTION,
        "Diffusion, decay and speed of one stimulus",
        "A stimulus {x} has the representation [eq:hidden-vector] in the canonical frame. It "
        "diffuses by [eq:diffusion] per step, loses its autocorrelation at first with the rate "
        "[eq:rate], and moves steadily with the speed [eq:speed]. Scalar products of "
        "representations are not affected by the rotation: similarity stays, which makes this "
        "drift.",
        equations=(
            Equation(
                "hidden-vector", sp.Eq(HIDDEN_VECTOR, CANONICAL_FIRST * INPUT, evaluate=False)
            ),
            Equation("diffusion", sp.Eq(DIFFUSION, quadratic, evaluate=False)),
            Equation(
                "rate",
                sp.Eq(RATE, DIFFUSION / sp.Trace(HIDDEN_VECTOR.T * HIDDEN_VECTOR), evaluate=False),
            ),
            Equation("speed", sp.Eq(SPEED**2, speed, evaluate=False)),
        ),
        tests=(
            vanishes(
                "Half the mean squared length of a random rotation of a vector of three hidden "
                "units is its scalar product with the decay matrix, for any covariance of the "
                "angles.",
                average / 2 - (vector.T * decay * vector)[0],
            ),
            vanishes(
                "The squared length of the steady change is [eq:speed].",
                ((steady * vector).T * (steady * vector))[0]
                + (vector.T * steady * steady * vector)[0],
            ),
        ),
    )


def _synaptic() -> Step:
    minimum = AlignedMinimum(
        (active_direction("i"), active_direction("j"), inactive_direction("l")), 3, 3, 3
    )
    kick = sp.Matrix([sp.Symbol(f"zeta_{k}") for k in range(len(minimum.point))])
    tangents = {plane: minimum.tangent(plane) for plane in minimum.planes}
    value_i, value_j = symbol("singular_value", "i"), symbol("singular_value", "j")
    lengths = {(0, 1): 2 * (value_i + value_j), (0, 2): 2 * value_i, (1, 2): 2 * value_j}

    def average(first: sp.Expr, second: sp.Expr) -> sp.Expr:
        """Mean of a product of two linear forms in independent kicks."""
        product = sp.Poly(sp.expand(first * second), *kick)
        return sp.Add(
            *(
                coefficient * SYNAPTIC_NOISE**2
                for exponents, coefficient in product.terms()
                if max(exponents) == 2
            )
        )

    rotations = {
        plane: (tangent.T * kick)[0] / lengths[plane] for plane, tangent in tangents.items()
    }
    return derived(
        "synaptic",
        SYNAPTIC_SECTION,
        "Synapses that change by themselves",
        "Suppose that, beside learning, every weight receives an independent change of variance "
        "{variance} in each step. Unlike the gradients this noise has a component along the "
        "manifold: its projection on a tangent vector is a rotation at once, [eq:direct]. "
        "Different planes are uncorrelated, no plane turns steadily, and the variance per step "
        "is [eq:synaptic], inversely proportional to the squared length of the tangent vector. A "
        "plane of the active axis {i} and a silent hidden unit has the squared length "
        "[eq:silent-metric] and turns too: representations leak into silent units, which the "
        "noise of the gradients never moves. The variance adds to that of the gradients.",
        symbols={"variance": SYNAPTIC_NOISE**2},
        equations=(
            Equation(
                "direct",
                sp.Eq(
                    ROTATION_STEP,
                    sp.Trace(CENTRED_NOISE.T * TURN * MINIMUM_POINT) / METRIC,
                    evaluate=False,
                ),
            ),
            Equation(
                "synaptic",
                sp.Eq(ROTATION_COVARIANCE, SYNAPTIC_NOISE**2 / METRIC, evaluate=False),
            ),
            Equation("silent-metric", sp.Eq(SILENT_METRIC, lengths[0, 2], evaluate=False)),
        ),
        tests=(
            vanishes(
                "Projected on the tangent vectors of two active axes and a silent unit, "
                "independent changes of all weights give uncorrelated rotations of variance "
                "[eq:synaptic].",
                *(
                    average(rotations[first], rotations[second])
                    - (SYNAPTIC_NOISE**2 / lengths[first] if first == second else 0)
                    for first in rotations
                    for second in rotations
                ),
            ),
        ),
        assumptions=(
            "The synaptic variance is small, at most of the order of the drift that it is "
            "compared with: what it adds to the fluctuation in the normal space is then of "
            "higher order.",
        ),
    )

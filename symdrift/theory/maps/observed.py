"""Drift of representations: under any rotation statistics."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.derivation.chapter import holds, step, vanishes
from symdrift.derivation.steps import Step
from symdrift.derivation.vocabulary import (
    CANONICAL_FIRST,
    INPUT,
    RANK,
)
from symdrift.theory.linear.network import generator
from symdrift.theory.representation import DECAY, DIFFUSION, MEAN_ROTATION, RATE

HIDDEN_VECTOR = sp.MatrixSymbol("w_hidden", RANK, 1)
MEAN_MATRIX = sp.MatrixSymbol("mean_matrix", RANK, RANK)
EXPONENTIAL = sp.MatrixSymbol("exponential", RANK, RANK)
SPEED = sp.Symbol("mean_speed", nonnegative=True)
SUMMED_PLANES = sp.MatrixSymbol("summed_planes", RANK, RANK)
SUMMED_MEANS = sp.MatrixSymbol("summed_means", RANK, RANK)

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
    yield _average_rotation()
    yield _stimulus_quantities()


def _rotations() -> tuple[list[sp.Symbol], list[sp.ImmutableMatrix], sp.Matrix, list[sp.Symbol]]:
    planes = ((0, 1), (0, 2), (1, 2))
    angles = [sp.Symbol(f"xi_{k}") for k in range(3)]
    generators = [generator(3, *plane) for plane in planes]
    covariance = sp.Matrix(3, 3, lambda a, b: sp.Symbol(f"V_{min(a, b)}{max(a, b)}"))
    means = [sp.Symbol(f"mu_{k}") for k in range(3)]
    return angles, generators, covariance, means


def _average_rotation() -> Step:
    """Average rotation

    The hidden layer turns by small rotations with mean and covariance as derived, independent
    from step to step beyond a few relaxation times. Their average after {tau} steps is
    [eq:mean-rotation], where [eq:mean-matrix] collects the mean rotations of all planes and
    [eq:decay-matrix] the covariances: planes may be correlated, and the decay matrix need not
    be diagonal.
    """
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

    return step(
        mean_rotation=(MEAN_ROTATION, EXPONENTIAL),
        mean_matrix=(MEAN_MATRIX, SUMMED_MEANS),
        decay_matrix=(DECAY, -SUMMED_PLANES / 2),
        checks=(
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


def _stimulus_quantities() -> Step:
    """Diffusion, decay and speed of one stimulus

    A stimulus {x} has the representation [eq:hidden-vector] in the canonical frame. It
    diffuses by [eq:diffusion] per step, loses its autocorrelation at first with the rate
    [eq:rate], and moves steadily with the speed [eq:speed]. Scalar products of representations
    are not affected by the rotation: similarity stays, which makes this drift.
    """
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
    return step(
        hidden_vector=(HIDDEN_VECTOR, CANONICAL_FIRST * INPUT),
        diffusion=(DIFFUSION, quadratic),
        rate=(RATE, DIFFUSION / sp.Trace(HIDDEN_VECTOR.T * HIDDEN_VECTOR)),
        speed=(SPEED**2, speed),
        checks=(
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

"""Drift as a stochastic area: fluctuation sweeps areas, and areas are rotations."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.algebra.wick import expectation
from symdrift.derivation.chapter import holds, step, vanishes
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
    TURN,
)
from symdrift.theory.linear.network import LinearNetwork

ROTATION_COVARIANCE = symbol("rotation_covariance")
MEAN_ROTATION = symbol("mean_rotation", real=True)


def area(network: LinearNetwork) -> Iterator[Step]:
    """Rotation per step, what of it accumulates, and its statistics, for any network.

    Parameters
    ----------
    network : LinearNetwork
        Generic network of explicit size on which the identities are checked.
    """
    yield _area(network)
    yield _corrector()
    yield _statistics()


def _area(network: LinearNetwork) -> Step:
    """A step rotates by the area it sweeps

    Write the weights as a rotated copy of the canonical point {theta_star} plus a normal
    deviation {n_t}. The gradient of a sample is orthogonal to the orbit through the point
    where it is taken, [eq:orthogonal], which is not the orbit through the minimum; the
    difference is [eq:transfer]. Projecting one step of descent on the tangent vector, whose
    squared length is {G}, gives the rotation in that step at leading order,
    [eq:rotation-step], with {Omega} the action of the generator on weight space. It is
    bilinear in the deviation and its change: the area that the fluctuation sweeps in the plane
    of the generator.
    """
    offsets = [sp.Symbol(f"d{k}") for k in range(len(network.coordinates))]
    deviation = sp.Matrix(offsets)
    point = sp.Matrix(network.coordinates)
    moved = dict(zip(network.coordinates, point + deviation, strict=True))
    gradient = network.sample_gradient.xreplace(moved)
    turn = network.rotation(0, 1)
    return step(
        transfer=(GRADIENT.T * TURN * MINIMUM_POINT, -GRADIENT.T * TURN * NORMAL),
        rotation_step=(ROTATION_STEP, -sp.Trace((NEXT_NORMAL - NORMAL).T * TURN * NORMAL) / METRIC),
        symbols={"theta_star": MINIMUM_POINT},
        checks=(
            vanishes(
                "The gradient of one sample at an arbitrary deviation from an arbitrary point "
                "satisfies [eq:transfer], as a polynomial in all weights, deviations and the "
                "sample.",
                (gradient.T * turn * point)[0] + (gradient.T * turn * deviation)[0],
            ),
            vanishes(
                "The action of the generator on weight space is skew-symmetric, so that the "
                "deviation alone sweeps nothing.",
                turn + turn.T,
            ),
        ),
    )


def _corrector() -> Step:
    """What accumulates and what does not

    The rotation contains the pull of the Hessian and the kick of the noise, and the two are
    correlated over time: a kick that enlarges the area now is pulled back later. A symmetric
    matrix {K} that solves [eq:corrector] separates them. At leading order the area of one step
    is the change of a bounded quantity, which never accumulates, plus a kick with the matrix
    {Y} in the place of {Omega}, [eq:martingale]; kicks of different steps are uncorrelated. By
    its definition {Y} solves the Sylvester equation [eq:sylvester].
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
    return step(
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
        checks=(
            holds(
                "The Sylvester equation follows from [eq:corrector] and [eq:coloured].",
                "expansion in non-commuting symbols",
                lambda: solved == 0,
            ),
            vanishes(
                "In the eigenbasis of a Hessian of three rows the corrector is symmetric and "
                "solves its equation.",
                corrector - corrector.T,
                h * corrector + corrector * h - (h * turn - turn * h) / 2,
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

    Noise and deviation of one step are independent. The covariance per step of the rotations
    in two planes, and their mean per step, are therefore [eq:covariance] and [eq:mean]; primes
    mark the second plane. With {Gamma} of order {eta} the covariance is of third order in the
    learning rate and the mean of second. Half the covariance is the diffusion tensor. Both
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
    product = expectation(sp.expand((z.T * first * n)[0] * (z.T * second * n)[0]), moments)
    pulled = expectation(sp.expand((n.T * pull * n)[0]), moments)
    variance = (
        ETA**2
        * sp.Trace(COLOURED.T * NOISE * OTHER_COLOURED * FLUCTUATION)
        / (METRIC * OTHER_METRIC)
    )
    mean = ETA * sp.Trace(HESSIAN * TURN * FLUCTUATION) / METRIC
    return step(
        covariance=(ROTATION_COVARIANCE, variance),
        mean=(MEAN_ROTATION, mean),
        checks=(
            vanishes(
                "The covariance of two kicks, by pairings of independent Gaussian noise and "
                "deviation with arbitrary covariances, is the trace in [eq:covariance].",
                product - (first.T * cov["C"] * second * cov["F"]).trace(),
            ),
            vanishes(
                "The mean of the pull is the trace in [eq:mean].",
                pulled - (pull * cov["F"]).trace(),
            ),
        ),
        assumptions=("Rotations within one relaxation time of the fluctuation are small.",),
    )

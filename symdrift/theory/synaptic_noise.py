"""Noise of the synapses: rotations that need no learning."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.derivation.chapter import step, vanishes
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import symbol
from symdrift.derivation.vocabulary import (
    METRIC,
    MINIMUM_POINT,
    ROTATION_STEP,
    SYNAPTIC_NOISE,
    TURN,
)
from symdrift.theory.correlations import ROTATION_COVARIANCE
from symdrift.theory.examples import Examples
from symdrift.theory.linear.points import AlignedMinimum

SILENT_METRIC = symbol("metric", "i0")
SYNAPTIC_KICK = sp.MatrixSymbol("synaptic_kick", *MINIMUM_POINT.shape)

LATEX: dict[sp.Basic, str] = {SYNAPTIC_KICK: r"\zeta^{\varsigma}_t"}

MEANINGS = ((SYNAPTIC_KICK, "noise of the synapses", "vector"),)


def synaptic_noise(examples: Examples) -> Iterator[Step]:
    """Noise of the synapses themselves, for any task."""
    yield _synaptic(examples.indexed)


def _synaptic(minimum: AlignedMinimum) -> Step:
    """Synapses that change by themselves

    Suppose that, beside learning, every weight receives an independent change of variance
    {variance} in each step, together {kick}. Unlike the gradients this noise has a component along
    the manifold: its projection on a tangent vector is a rotation at once, [eq:direct]. By this
    noise alone rotations of different planes are uncorrelated, and none is steady; their variance
    per step is [eq:synaptic], inversely proportional to the squared length of the tangent vector. A
    plane of the active axis {i} and a silent hidden unit, with 0 for its index, has the squared
    length [eq:silent-metric] and turns too: representations leak into silent units, which the noise
    of the gradients never moves. The variance adds to that of the gradients.
    """
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
    return step(
        direct=(ROTATION_STEP, sp.Trace(SYNAPTIC_KICK.T * TURN * MINIMUM_POINT) / METRIC),
        synaptic=(ROTATION_COVARIANCE, SYNAPTIC_NOISE**2 / METRIC),
        silent_metric=(SILENT_METRIC, lengths[0, 2]),
        symbols={"variance": SYNAPTIC_NOISE**2, "kick": SYNAPTIC_KICK},
        checks=(
            vanishes(
                "Projected on the tangent vectors of two active axes and a silent unit, "
                "independent changes of all weights give uncorrelated rotations of variance "
                "[eq:synaptic].",
                *(
                    (
                        average(rotations[first], rotations[second]),
                        SYNAPTIC_NOISE**2 / lengths[first] if first == second else 0,
                    )
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

"""Both orders of the isotropic autoencoder, as functions of its size, batch and rates."""

from __future__ import annotations

import sympy as sp

from symdrift.algebra.rational import factor
from symdrift.derivation.symbols import BATCH, GAMMA, INPUTS
from symdrift.kernels.scalar import Argument, ScalarFunction
from symdrift.theory.linear.isotropic_expansion import (
    REDUCED_NOISE,
    REDUCED_VALUE,
    IsotropicExpansion,
)

ARGUMENTS = (
    Argument(INPUTS, "inputs"),
    Argument(BATCH, "batch"),
    Argument(GAMMA, "weight_decay"),
    Argument(REDUCED_NOISE, "label_noise"),
)


def isotropic_order_kernels(found: IsotropicExpansion) -> tuple[ScalarFunction, ...]:
    """The scalar functions behind the next order of an isotropic autoencoder."""

    def function(name: str, summary: str, *orders: sp.Expr) -> ScalarFunction:
        names = ("leading", "following") if len(orders) == 2 else (name,)
        # No digits are lost in differences where the weight decay is small.
        shown = [factor(order.xreplace({REDUCED_VALUE: 1 - GAMMA})) for order in orders]
        return ScalarFunction(
            name,
            summary,
            "in units in which input variance and gain are 1",
            tuple(
                argument
                for argument in ARGUMENTS
                if any(argument.value in order.free_symbols for order in shown)
            ),
            dict(zip(names, shown, strict=True)),
        )

    return (
        function(
            "_weight_variance", "Total fluctuation, at eta and eta^2.", *found.weight_variance
        ),
        function("_excess_loss", "Excess loss, at eta and eta^2.", *found.excess_loss),
        function(
            "_mean_shift",
            "Displacement of the mean of W, at eta: times the identity.",
            sp.sqrt(REDUCED_VALUE) * found.mean_deviation,
        ),
        function("_spread", "Spread of W, at eta: times the identity.", found.spread),
        function(
            "_rotation_variance",
            "Variance of the rotation in every plane, at eta^3 and eta^4.",
            *found.rotation_variance,
        ),
        function(
            "_decay_share",
            "Decay rate of representations over the variance of a rotation, at both orders.",
            found.decay[1] / found.rotation_variance[1],
        ),
    )

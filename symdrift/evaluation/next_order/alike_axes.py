"""The next order of the isotropic autoencoder in closed form.

All ``n`` inputs have one variance, every axis is learned, and there is no label noise.  Variance
and gain are 1 here; with others, ``lambda`` and ``a``, a correction is ``lambda a`` times that of
the weight decay ``gamma / (lambda a)``.

The forms were found from the expansion at exact points: a number of one plane is a polynomial of
degree two in ``n``, by the structure that `subnetworks` rests on, with coefficients that are
rational in ``gamma``.  With label noise they have further denominators and are not short.
"""

from __future__ import annotations

from typing import Any


def rotation_correction(inputs: Any, weight_decay: Any) -> Any:
    """``c`` of ``V = eta^3 (n + 2) gamma^4 / (8 (1 - gamma)) (1 + c eta + ...)`` in each plane.

    Parameters
    ----------
    inputs, weight_decay : float or sympy.Expr
        ``n`` and ``gamma``, less than 1.
    """
    return (
        (13 * inputs + 74) / 24
        - weight_decay * (35 * inputs + 118) / 24
        + (7 * inputs + 6) / (8 * (1 - weight_decay))
    )


def excess_loss_correction(inputs: Any, weight_decay: Any) -> Any:
    """``c`` of the excess loss, ``eta n (n + 1) gamma^2 (1 - gamma) / 2`` at leading order.

    Parameters
    ----------
    inputs, weight_decay : float or sympy.Expr
    """
    shares = (
        12 * (inputs + 1) * (inputs + 2)
        - weight_decay * (22 * inputs**2 + 78 * inputs + 76)
        + weight_decay**2 * (7 * inputs**2 + 36 * inputs + 49)
    )
    return shares / (12 * (inputs + 1) * (1 - weight_decay))


def squared_norm_correction(inputs: Any, weight_decay: Any) -> Any:
    """``c`` of the squared norm of a representation, ``(1 - gamma) |x|^2`` at leading order.

    Parameters
    ----------
    inputs, weight_decay : float or sympy.Expr
    """
    return -(weight_decay**2) * (inputs + 1) / (2 * (1 - weight_decay))

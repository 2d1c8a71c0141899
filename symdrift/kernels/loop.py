"""How far the hidden layer turns when a fluctuation runs once around a loop."""

from __future__ import annotations

import sympy as sp

from symdrift.kernels.area_terms import axis_arguments
from symdrift.kernels.scalar import Argument, ScalarFunction
from symdrift.theory.linear.aligned import RepresentativeDrift


def loop_rotation(drift: RepresentativeDrift) -> ScalarFunction:
    """Rotation of the plane ``(i, j)`` by one loop in the plane of ``u_ii`` and ``u_ij``.

    The rotation ``-<dn, Omega n> / G`` along a closed path is twice the area that the
    path encloses, times the entry of ``Omega`` between the two directions, over ``G``.
    """
    coupling = drift.own_term.couplings[0]
    area = sp.Symbol("area", real=True)
    entry = coupling.overlap * coupling.orientation[0]
    return ScalarFunction(
        name="_loop_rotation",
        summary="Rotation of the hidden layer by one loop of the fluctuation, in rad.",
        formula="2 Omega_(ii, ij) area / G for a loop in the plane of u_ii and u_ij",
        arguments=(
            Argument(area, "area"),
            axis_arguments("i")[2],
            axis_arguments("j")[2],
        ),
        results={"rotation": 2 * entry * area / drift.squared_length},
    )

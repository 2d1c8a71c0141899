"""Online similarity matching: Hebbian input weights, anti-Hebbian weights within the layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from symdrift.algebra.matrix_terms import inverse
from symdrift.errors import RequestError
from symdrift.rules.rule import Array, Axes, Matrix, Rule, principal_axes


@dataclass(frozen=True)
class SimilarityMatching(Rule):
    """``W`` grows by ``y x' - W`` and ``M`` by ``(y y' - M) / tau``, with ``y = M^-1 W x``.

    Attributes
    ----------
    tau : float or sympy.Expr
        How many times slower ``M`` learns than ``W``.
    """

    tau: Any

    weights: ClassVar[Mapping[str, Axes]] = MappingProxyType(
        {"W": ("hidden", "inputs"), "M": ("hidden", "hidden")}
    )

    def update(
        self, weights: tuple[Matrix, ...], sample_input: Matrix, label_noise: Matrix
    ) -> tuple[Matrix, ...]:
        layer, lateral = weights
        activity = self.activities(weights, sample_input)["hidden"]
        return (
            activity @ sample_input.T - layer,
            (activity @ activity.T - lateral) / self.tau,
        )

    def activities(self, weights: tuple[Matrix, ...], sample_input: Matrix) -> Mapping[str, Matrix]:
        layer, lateral = weights
        return {"hidden": inverse(lateral) @ layer @ sample_input}

    def fixed_points(
        self, covariance: Array, sizes: Mapping[str, int]
    ) -> tuple[tuple[Array, ...], ...]:
        """Rows of ``W`` are principal axes times variances, which are the diagonal of ``M``.

        Raises
        ------
        RequestError
            When there are more hidden units than axes along which inputs vary: ``M`` would have
            no inverse.
        """
        variances, axes = principal_axes(covariance)
        hidden, varying = sizes["hidden"], int(np.linalg.matrix_rank(covariance, hermitian=True))
        if hidden > varying:
            raise RequestError(
                "network.hidden",
                f"= {hidden} must be at most {varying}, the axes along which inputs vary: "
                "similarity matching has no inverse of M beyond",
            )
        learned = variances[:hidden]
        return ((learned[:, np.newaxis] * axes[:hidden], np.diag(learned)),)

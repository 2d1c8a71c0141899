"""Networks with a few samples, exactly and by the numerical road to the next order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import factorial
from typing import Any

import numpy as np
import sympy as sp

from symdrift.evaluation.next_order.batches import Ensemble, batch_means
from symdrift.evaluation.next_order.expansion import MEANS
from symdrift.evaluation.next_order.one_step import (
    Samples,
    Slice,
    expected_forms,
    slice_at,
    step_fields,
    update_forms,
)
from symdrift.evaluation.next_order.poisson import poisson_function
from symdrift.evaluation.next_order.polynomials import constant
from symdrift.evaluation.next_order.rotation import Rotation, rotation
from symdrift.evaluation.next_order.stationary import (
    Stationary,
    leading_covariance,
    linear_fourth,
    stationary_moments,
)
from symdrift.rules.linear import TwoLayerLinear
from symdrift.study.problem import Array
from symdrift.theory.later_moments import PLANE
from symdrift.theory.linear.points import ChosenMinimum
from symdrift.theory.linear.step_series import Sampled, StationaryPolynomials

Weighted = tuple[sp.Rational, tuple[int, ...]]


def number(exact: Any) -> float:
    """A rational number; FLINT's own become floats only in its later versions."""
    return float(sp.QQ.to_sympy(exact))


def floats(matrix: sp.MatrixBase) -> Array:
    return np.array(matrix.tolist(), dtype=float)


def quiet(samples: Sequence[Weighted], outputs: int) -> tuple[tuple[sp.Rational, ...], ...]:
    """Samples without label noise."""
    return tuple((share, x, (sp.S.Zero,) * outputs) for share, x in samples)


def bottleneck() -> Sampled:
    """Three axes of which two are learned, inputs that are correlated."""
    quarter = sp.Rational(1, 4)
    stimuli = [(quarter, x) for x in ((1, 1, 0), (1, -1, 1), (-1, 1, 1), (0, 0, 2))]
    axes = sp.ImmutableMatrix(sp.eye(3)[:, :2])
    left_out = sp.ImmutableMatrix(sp.diag(0, 0, sp.Rational(1, 5)))
    covariance = sp.ImmutableMatrix([[3, -1, 0], [-1, 3, 0], [0, 0, 6]]) / 4
    minimum = ChosenMinimum(
        axes, axes, (sp.Rational(9, 4), sp.S.One), covariance, left_out, (sp.S.Zero,) * 3,
        sp.Rational(1, 3),
    )  # fmt: skip
    return Sampled(minimum, quiet(stimuli, 3))


def stimulus_set() -> Sampled:
    third = sp.Rational(1, 3)
    stimuli = [(third, (1, 0)), (third, (1, 2)), (third, (1, -1))]
    return Sampled.of((sp.Rational(3, 2), sp.S.One), quiet(stimuli, 2))


GAUSSIAN_VARIANCES = sp.Rational(16, 21), sp.Rational(4, 9)


def gaussian_autoencoder() -> Sampled:
    """With stimuli whose weights give all moments of the inputs up to the sixth."""
    powers = [(a, d - a) for d in range(0, 7, 2) for a in range(d + 1)]
    candidates = [(0, 0), *((x, y) for y in range(4) for x in range(-3 if y else 1, 4))]
    table = sp.Matrix([[x**a * y**b for x, y in candidates] for a, b in powers])
    chosen = table.rref()[1]

    def moment(power: int, variance: sp.Rational) -> sp.Expr:
        pairs = power // 2
        return variance**pairs * factorial(power) / (2**pairs * factorial(pairs))

    first, second = GAUSSIAN_VARIANCES
    wanted = [
        sp.S.Zero if a % 2 or b % 2 else moment(a, first) * moment(b, second) for a, b in powers
    ]
    shares = table[:, chosen].LUsolve(sp.Matrix(wanted))
    weighted = [(share, candidates[k]) for share, k in zip(shares, chosen, strict=True)]
    # Its gains are one: 9/16 + 21/48 and 1/4 + 9/12.
    return Sampled.of((sp.Rational(3, 4), sp.Rational(1, 2)), quiet(weighted, 2))


NETWORKS: dict[str, Callable[[], Sampled]] = {
    "label noise and turned inputs": lambda: PLANE,
    "stimulus set": stimulus_set,
    "bottleneck": bottleneck,
}


@cache
def exact(name: str) -> StationaryPolynomials:
    return StationaryPolynomials(NETWORKS[name]())


def numbers(network: Sampled) -> tuple[Slice, Stationary, Rotation]:
    """The same samples in floating point, in eigenvectors of the Hessian."""
    minimum = network.minimum
    shares, inputs, noise = (
        np.array(part, dtype=float) for part in zip(*network.samples, strict=True)
    )
    samples = Samples(inputs, noise, shares)
    point = floats(minimum.first_layer), floats(minimum.second_layer)
    rule = TwoLayerLinear(constant(floats(minimum.teacher), 3), float(minimum.weight_decay))
    slice_ = slice_at(rule, point, samples, len(point[0]))
    force = update_forms(rule, point, slice_.normal, samples, 0)[0] @ slice_.normal
    noise = np.einsum("k,ki,kj->ij", shares, force, force)
    fluctuation = leading_covariance(noise, slice_.curvatures)
    fields = step_fields(slice_, samples, fluctuation)
    ensemble = Ensemble(shares, np.eye(len(shares)))
    means = batch_means(MEANS, fields, ensemble, 1)
    means |= expected_forms(slice_, samples, means["second_turn"], fluctuation)
    means["fourth_linear"] = linear_fourth(slice_.turned, means["turn_force"])
    stationary = stationary_moments(means, slice_.curvatures)
    poisson = poisson_function(slice_, means, stationary, fields, ensemble, 1)
    return slice_, stationary, rotation(slice_, poisson, stationary, fields, ensemble, 1)

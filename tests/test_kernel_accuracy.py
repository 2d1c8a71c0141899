"""Kernels against 50 digits and more: relative error at most 1e-12 over twelve orders of magnitude.

The theory's matrix equations are written out and solved as linear systems in ball arithmetic, where
every number knows its own error; nothing is taken from the package.  Networks have three inputs,
outputs and hidden units, or two hidden units, for which the third direction competes.  Scales lie
between 1e-6 and 1e6, a third of the spectra are close to degenerate, and directions lie as close as
1e-9 to the threshold at which they begin to be learned, alone or together, or to a tie for the last
hidden unit, along which variances and gains differ in any proportion: what lies closer is refused
by `evaluate`.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import flint
import numpy as np
import pytest
from flint import arb, arb_mat

from symdrift.evaluation.closed_form import formulas as kernels
from symdrift.study.problem import Array

BITS = 400
ETA = 1e-3
STIMULUS = (1.0, 2.0, 0.5)
KEPT = 16
"""Blocks that are kept, each of which is needed again and again: those of one network or two."""


class Networks(NamedTuple):
    """Arguments of the kernels, shape (networks, 3) and (networks,)."""

    covariance: Array
    gains: Array
    label_noise: Array
    weight_decay: Array


def drawn(count: int, seed: int) -> Networks:
    """Networks whose first two directions are learned; the third may be close to it, or not be."""
    rng = np.random.default_rng(seed)

    def scale(*shape: int) -> Array:
        return 10 ** rng.uniform(-6, 6, shape)

    variances, gains, noise = scale(count, 3), scale(count, 3), scale(count, 3)
    noise[rng.random(count) < 0.3] = 0.0
    close = rng.random(count) < 1 / 3
    apart = 1 + 10 ** rng.uniform(-16, -1, (count, 2))
    for part in (variances, gains):
        part[close, 1:] = part[close, :1] * apart[close]
    strengths = variances * gains
    weakest = strengths[:, :2].min(axis=1)
    decay = weakest * (1 - 10 ** rng.uniform(-9, -0.01, count))
    decay = np.where(rng.random(count) < 0.3, weakest * 10 ** rng.uniform(-6, -1, count), decay)
    # The third close to its threshold, on either side.
    near = rng.random(count) < 0.3
    side = 1 + rng.choice([-1, 1], count) * 10 ** rng.uniform(-9, -1, count)
    gains[near, 2] = (decay * side / variances[:, 2])[near]
    return Networks(variances, gains, noise, decay)


def competing(count: int, seed: int, unequal: tuple[float, float] | None) -> Networks:
    """Networks of two hidden units; the third direction hardly loses to the weaker of the others.

    Gaps of the strengths ``lambda s^2`` are spaced logarithmically from 1e-9 to 1e-2; with
    variances that are unequal by powers of ten in a range, or, for None, with variances and gains
    that both fall short.  Every other network has all three directions close to each other.
    """
    networks = drawn(count, seed)
    covariance, gains, _, decay = networks
    rng, each = np.random.default_rng(seed + 1), np.arange(count)
    value = gains - decay[:, None] / covariance
    weaker = np.argmin((covariance * value**2)[:, :2], axis=1)
    apart = np.geomspace(1.1e-9, 1e-2, count)
    if unequal is None:
        for part in (covariance, gains):
            part[:, 2] = part[each, weaker] * (1 - apart)
    else:
        side = 1 + rng.choice([-0.9, 1], count) * 10 ** rng.uniform(*unequal, count)
        variance = covariance[each, weaker]
        covariance[:, 2] = variance * side
        missed = value[each, weaker] * np.sqrt((1 - apart) / side)
        gains[:, 2] = missed + decay / covariance[:, 2]
    for part in (covariance, gains):
        close = part[each, weaker] * (1 + 10 ** rng.uniform(-9, -2, count))
        part[each[::2], 1 - weaker[::2]] = close[::2]
    left_out = np.array([loses(networks, place) for place in range(count)])
    assert left_out.mean() > 0.8
    return Networks(*(part[left_out] for part in networks))


def loses(networks: Networks, place: int) -> bool:
    """Whether the last direction is left out, and no threshold or tie lies within 1e-9."""
    decay = Fraction(networks.weight_decay[place])
    variances, gains = ([Fraction(number) for number in part[place]] for part in networks[:2])
    excesses = [v * a - decay for v, a in zip(variances, gains, strict=True)]
    worths = [max(e, Fraction(0)) ** 2 / v for e, v in zip(excesses, variances, strict=True)]
    tolerance = Fraction(1, 10**9)
    apart = all(abs(excess) > tolerance * decay for excess in excesses)
    return apart and worths[2] < min(worths[:2]) * (1 - tolerance)


def solved(left: arb_mat, right: arb_mat, source: arb_mat) -> arb_mat:
    """``X`` with ``A X + X B = F``, entry by entry."""
    rows, columns = source.nrows(), source.ncols()
    system = arb_mat(rows * columns, rows * columns)
    values = arb_mat(rows * columns, 1)
    for a, b in product(range(rows), range(columns)):
        here = a * columns + b
        values[here, 0] = source[a, b]
        for c in range(rows):
            system[here, c * columns + b] += left[a, c]
        for d in range(columns):
            system[here, a * columns + d] += right[d, b]
    found = system.solve(values)
    return arb_mat(rows, columns, [found[k, 0] for k in range(rows * columns)])


def trace(matrix: arb_mat) -> arb:
    return sum((matrix[k, k] for k in range(matrix.nrows())), arb(0))


def eigenvalues(matrix: arb_mat) -> tuple[arb, arb]:
    """The lower and the upper one of a symmetric matrix of two rows."""
    half = (matrix[0, 0] + matrix[1, 1]) / 2
    apart = (matrix[0, 0] - matrix[1, 1]) / 2
    distance = (apart * apart + matrix[0, 1] * matrix[0, 1]).sqrt()
    return half - distance, half + distance


class Exact:
    """One network in ball arithmetic, of three hidden units or less."""

    def __init__(self, networks: Networks, place: int, hidden: int = 3) -> None:
        self.variance, gains, self.noise = (
            [arb(float(x)) for x in part[place]] for part in networks[:3]
        )
        self.gamma = arb(float(networks.weight_decay[place]))
        self.hidden = hidden
        self.active = [
            v * a > self.gamma and k < hidden
            for k, (v, a) in enumerate(zip(self.variance, gains, strict=True))
        ]
        self.value = [
            a - self.gamma / v if known else arb(0)
            for v, a, known in zip(self.variance, gains, self.active, strict=True)
        ]
        self.error = [a - s for a, s in zip(gains, self.value, strict=True)]

    @lru_cache(KEPT)  # noqa: B019
    def hessian(self, i: int, l: int) -> arb_mat:
        s, lam = self.value, self.variance
        if i == l:
            return arb_mat(1, 1, [2 * s[i] * lam[i]])
        total, kappa = s[i] + s[l], self.error[l] * lam[l]
        return arb_mat(
            2, 2, [total * lam[l] + self.gamma, -kappa, -kappa, total * lam[i] + self.gamma]
        )

    @lru_cache(KEPT)  # noqa: B019
    def noise_of(self, i: int, l: int) -> arb_mat:
        s, lam, e, sigma = self.value, self.variance, self.error, self.noise
        if i == l:
            single = 2 * e[i] ** 2 * lam[i] ** 2 + sigma[i] * lam[i]
            return arb_mat(1, 1, [2 * s[i] * single])
        both, total = lam[i] * lam[l], s[i] + s[l]
        shared = total * both * e[i] * e[l]
        first = total * (both * e[i] ** 2 + sigma[i] * lam[l])
        second = total * (both * e[l] ** 2 + sigma[l] * lam[i])
        return arb_mat(2, 2, [first, shared, shared, second])

    @lru_cache(KEPT)  # noqa: B019
    def fluctuation(self, i: int, l: int) -> arb_mat:
        """Per unit of the learning rate."""
        hessian = self.hessian(i, l)
        return solved(hessian, hessian, self.noise_of(i, l))

    def area(self, i: int, j: int, l: int, white: bool) -> arb:
        turn = {i: (1, 2), j: (2, 1)}.get(l)
        j_matrix = arb_mat(2, 2, [1, 0, 0, 1]) if turn is None else arb_mat(*turn, [1, 1])
        p, q = self.hessian(i, l), self.hessian(j, l)
        y = z = j_matrix
        if not white:
            y = solved(p, q, 2 * j_matrix * q)
            z = solved(p, q, 2 * p * j_matrix)
        s = self.value
        share = s[i] * s[j] / ((s[i] + s[l]) * (s[j] + s[l]))
        there = y.transpose() * self.noise_of(i, l) * y * self.fluctuation(j, l)
        back = z * self.noise_of(j, l) * z.transpose() * self.fluctuation(i, l)
        return share * (trace(there) + trace(back))

    def forgotten(self, i: int, l: int, lag: arb) -> arb:
        """First entry of ``(1 - exp(-eta lag H)) Gamma``, per unit of the learning rate."""
        hessian, gamma = self.hessian(i, l), self.fluctuation(i, l)
        if i == l:
            return (1 - (-arb(ETA) * lag * hessian[0, 0]).exp()) * gamma[0, 0]
        low, high = eigenvalues(hessian)
        slow, fast = (1 - (-arb(ETA) * lag * h).exp() for h in (low, high))
        slope = (fast - slow) / (high - low)
        first = slow + slope * (hessian[0, 0] - low)
        return first * gamma[0, 0] + slope * hessian[0, 1] * gamma[1, 0]

    def displacement(self, lag: arb) -> arb:
        """``E|h(t + lag) - h(t)|^2`` of the stimulus, by drift and by fluctuation."""
        s, total = self.value, arb(0)
        known = [k for k in range(3) if self.active[k]]
        for i in known:
            rate = sum((self.diffusion(i, j, False) for j in known if j != i), arb(0))
            total += 2 * s[i] * STIMULUS[i] ** 2 * (1 - (-rate * lag).exp())
            for l in range(3):
                share = s[i] / (s[i] + s[l])
                total += 2 * STIMULUS[l] ** 2 * share * arb(ETA) * self.forgotten(i, l, lag)
        return total

    @lru_cache(KEPT)  # noqa: B019
    def diffusion(self, i: int, j: int, white: bool) -> arb:
        area = sum((self.area(i, j, l, white) for l in range(3)), arb(0))
        return arb(ETA) ** 3 * area / (2 * (2 * (self.value[i] + self.value[j])) ** 2)

    def pairs(self) -> list[tuple[int, int]]:
        return [(i, l) for i in range(3) for l in range(3)
                if self.active[i] and (i <= l or not self.active[l])]  # fmt: skip

    def weight_variance(self) -> arb:
        return arb(ETA) * sum((trace(self.fluctuation(*pair)) for pair in self.pairs()), arb(0))

    def excess_loss(self) -> arb:
        return arb(ETA) / 4 * sum((trace(self.noise_of(*pair)) for pair in self.pairs()), arb(0))

    def loss(self) -> arb:
        parts = zip(self.variance, self.error, self.noise, self.value, strict=True)
        return sum((v * e**2 / 2 + n / 2 + self.gamma * s for v, e, n, s in parts), arb(0))

    def curvatures(self) -> tuple[arb, arb]:
        """Of all directions of the normal space, a silent hidden unit's too."""
        found = [2 * self.gamma]
        for i, l in self.pairs():
            hessian = self.hessian(i, l)
            if i == l:
                found.append(hessian[0, 0])
                continue
            found += eigenvalues(hessian)
        silent = self.hidden > sum(self.active)
        for known, v, e in zip(self.active, self.variance, self.error, strict=True):
            if silent and not known:
                found += [self.gamma - v * e, self.gamma + v * e]
        low = high = found[0]
        for curvature in found[1:]:
            low, high = low.min(curvature), high.max(curvature)
        return low, high


def relative_errors(networks: Networks, hidden: int = 3) -> dict[str, Array]:
    """Relative errors of each kernel, by network."""
    count, sizes = len(networks.weight_decay), {"inputs": 3, "outputs": 3, "hidden": hidden}
    covariance, gains, noise, decay = networks
    minimum: dict[str, Any] = {
        "covariance": covariance,
        "weight_decay": decay,
        "gains": gains,
        **sizes,
    }
    learning = {**minimum, "learning_rate": ETA, "label_noise": noise}
    # From far shorter than all relaxation times to far longer.
    lags = 10 ** np.random.default_rng(count).uniform(-15, 15, count)
    smallest, largest = kernels.hessian_range(**minimum)
    variance, excess = kernels.fluctuation(**learning)
    exactly, white = (
        function(**learning)
        for function in (kernels.diffusion_tensor, kernels.diffusion_tensor_white_noise)
    )
    found: dict[str, Any] = {
        "singular_values": kernels.singular_values(**minimum)[:, 0],
        "loss": kernels.loss(**minimum, label_noise=noise),
        "hessian_min": smallest,
        "hessian_max": largest,
        "weight_variance": variance,
        "excess_loss": excess,
        "diffusion": exactly[:, 0, 1],
        "white": white[:, 0, 1],
        "displacement": kernels.mean_squared_displacement(lags, STIMULUS, **learning),
    }
    errors = {name: np.empty(count) for name in found}
    before, flint.ctx.prec = flint.ctx.prec, BITS
    try:
        for place in range(count):
            exact = Exact(networks, place, hidden)
            low, high = exact.curvatures()
            expected = {
                "singular_values": exact.value[0],
                "loss": exact.loss(),
                "hessian_min": low,
                "hessian_max": high,
                "weight_variance": exact.weight_variance(),
                "excess_loss": exact.excess_loss(),
                "diffusion": exact.diffusion(0, 1, False),
                "white": exact.diffusion(0, 1, True),
                "displacement": exact.displacement(arb(float(lags[place]))),
            }
            for name, value in expected.items():
                assert value.rel_accuracy_bits() > 100, name
                errors[name][place] = float(abs(arb(float(found[name][place])) / value - 1))
    finally:
        flint.ctx.prec = before
    return errors


@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_kernels_are_right_to_twelve_digits(count: int) -> None:
    networks = drawn(count, seed=count)
    # Networks that learn all of their directions have a shorter formula while they are among
    # themselves: half of them here, the others are evaluated with the rest.
    learned = networks.covariance * networks.gains > networks.weight_decay[:, None]
    alike = learned.all(axis=1) & (np.arange(count) % 2 > 0)
    for some in (alike, ~alike):
        found = relative_errors(Networks(*(part[some] for part in networks)))
        for name, errors in found.items():
            assert errors.max() < 1e-12, name


@pytest.mark.parametrize("count", [100, pytest.param(2_500, marks=pytest.mark.slow)])
@pytest.mark.parametrize("unequal", [None, (-9, -6), (-6, -3), (-3, 0)])
def test_kernels_are_right_where_a_direction_hardly_loses(
    unequal: tuple[float, float] | None, count: int
) -> None:
    networks = competing(count, 5, unequal)
    for name, errors in relative_errors(networks, hidden=2).items():
        assert errors.max() < 1e-12, name

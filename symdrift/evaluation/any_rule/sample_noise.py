"""How a sample varies: independent modes of the products of its components, exactly.

With a root ``L`` of the second moment, a sample is ``x = L z`` and its label noise ``sigma zeta``.
An update of second degree is linear in the products ``z_a z_b``, ``z_a zeta_o`` and, where label
noise meets itself, ``zeta_o zeta_p``; the modes are combinations of these that vary independently
with variance 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from symdrift.evaluation.any_rule.traced_rule import SampleBlock
from symdrift.evaluation.dense.noise_factors import noise_factor
from symdrift.inputs import InputDistribution
from symdrift.study.problem import Array

UNSEEN = 1e-12
"""Share of the largest variance below which inputs do not vary along an axis."""


@dataclass(frozen=True, eq=False)
class SampleNoise:
    """Products of two samples, and what combination of them each mode is.

    Attributes
    ----------
    root : SampleBlock
        Of the second moment, column by column, shapes ``(n, K)`` and ``(m, K)``.
    first, second : SampleBlock
        The samples that are multiplied, shapes ``(pairs, n, 1)`` and ``(pairs, m, 1)``.
    input_pairs : int
        Products of inputs alone, which come first.
    factor : Array
        ``R`` with ``R R'`` their covariance, shape ``(input pairs, modes)``.
    scale : Array
        Standard deviation of each other product, shape ``(other pairs,)``.
    """

    root: SampleBlock
    first: SampleBlock
    second: SampleBlock
    input_pairs: int
    factor: Array
    scale: Array

    def modes(self, products: Callable[[SampleBlock, SampleBlock], Array]) -> Array:
        """A function of products of samples by mode.

        Parameters
        ----------
        products : callable
            Second differential of the function, shape ``(pairs, ...)``.

        Returns
        -------
        Array
            Shape ``(modes, ...)``.
        """
        found = products(self.first, self.second)
        own, others = found[: self.input_pairs], found[self.input_pairs :]
        scale = self.scale.reshape(-1, *[1] * (found.ndim - 1))
        return np.concatenate([np.tensordot(self.factor.T, own, 1), others * scale])


def product_counts(
    inputs: InputDistribution, label_noise: Array, quadratic_in_label_noise: bool
) -> tuple[int, int]:
    """Products of inputs, and modes at most; arguments as for `sample_noise`."""
    size, heard = len(inputs.covariance), int(np.count_nonzero(label_noise))
    pairs = size * (size + 1) // 2
    met = heard * (heard + 1) // 2 if quadratic_in_label_noise else 0
    return pairs, pairs + size * heard + met


def sample_noise(
    inputs: InputDistribution, label_noise: Array, quadratic_in_label_noise: bool
) -> SampleNoise:
    """Modes of samples.

    Parameters
    ----------
    inputs : InputDistribution
        Of dimension ``n``.
    label_noise : Array
        Variances of independent Gaussian label noise, shape ``(m,)``.
    quadratic_in_label_noise : bool
        Whether its products with itself are needed.
    """
    variances, axes = np.linalg.eigh(inputs.covariance)
    seen = variances > UNSEEN * variances[-1]
    spread, axes = np.sqrt(variances[seen]), axes[:, seen]
    noisy = np.flatnonzero(label_noise)
    shown, heard, outputs = len(spread), len(noisy), len(label_noise)
    size = shown + heard
    unit = SampleBlock(np.zeros((len(axes), size)), np.zeros((outputs, size)))
    unit.inputs[:, :shown] = axes * spread
    unit.label_noise[noisy, shown + np.arange(heard)] = np.sqrt(label_noise[noisy])

    own = np.triu_indices(shown)
    crossed = np.repeat(np.arange(shown), heard), np.tile(shown + np.arange(heard), shown)
    met = np.triu_indices(heard if quadratic_in_label_noise else 0)
    first = np.concatenate([own[0], crossed[0], shown + met[0]])
    second = np.concatenate([own[1], crossed[1], shown + met[1]])
    # A square is half of its second differential, a product of different ones all of it.
    halves = np.where(own[0] == own[1], 0.5, 1.0)
    forms = (axes / spread).T
    covariance = inputs.product_covariance(forms[own[0]], forms[own[1]])
    return SampleNoise(
        root=unit,
        first=_single(unit, first),
        second=_single(unit, second),
        input_pairs=len(own[0]),
        factor=halves[:, np.newaxis] * noise_factor(covariance),
        scale=np.concatenate(
            [np.ones(len(crossed[0])), np.where(met[0] == met[1], np.sqrt(0.5), 1.0)]
        ),
    )


def _single(block: SampleBlock, chosen: Array) -> SampleBlock:
    """Columns of a block as a stack of single samples."""
    return SampleBlock(
        block.inputs.T[chosen][:, :, np.newaxis], block.label_noise.T[chosen][:, :, np.newaxis]
    )

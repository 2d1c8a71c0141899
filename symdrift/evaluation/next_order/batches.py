"""Averages of products of what single samples do, when a step is the mean of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import perm

import numpy as np

from symdrift.evaluation.next_order.cost import MOST_PAIRS
from symdrift.study.problem import Array

AT_A_TIME = 2**22
"""Products of shares that are held at a time."""

_SHORT = 2**9
"""Entries of an array below which sums over it are not prepared."""

Factor = tuple[str, str]
"""Name of a field and the letters of its axes, that of the samples left out."""


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Samples whose fields are made of those at a few points, as far as they are linear in them.

    Attributes
    ----------
    weights : Array
        Of the samples, with sum 1, shape ``(K,)``.
    shares : Array
        Of every point in every sample, shape ``(K, points)``.
    """

    weights: Array
    shares: Array

    @cached_property
    def _weighted(self) -> Array:
        return self.shares * self.weights[:, np.newaxis]

    @cached_property
    def _pairs(self) -> Array:
        return self.shares.T @ self._weighted

    @cached_property
    def _by_moments(self) -> bool:
        """Whether moments of the shares of two points are few, and fewer than samples."""
        samples, points = self.shares.shape
        return bool(points**2 < min(samples, MOST_PAIRS))

    @cached_property
    def _moments(self) -> tuple[Array, Array]:
        """Third and fourth moments, shapes ``(points^2, points)``, ``(points^2, points^2)``."""
        points = self.shares.shape[1]
        third, fourth = np.zeros((points**2, points)), np.zeros((points**2, points**2))
        block = max(1, AT_A_TIME // points**2)
        for start in range(0, len(self.shares), block):
            part = slice(start, start + block)
            shares = self.shares[part]
            pairs = (shares[:, :, np.newaxis] * shares[:, np.newaxis]).reshape(-1, points**2)
            third += pairs.T @ self._weighted[part]
            fourth += (pairs.T * self.weights[part]) @ pairs
        return third, fourth

    def mean(self, factors: list[tuple[Array, str]], result: str) -> Array:
        """Average over the samples of a product of fields.

        Parameters
        ----------
        factors : list of (Array, str)
            Fields at the points, along the first axis, and the letters of their other axes.
        result : str
            Letters of the result.
        """
        ordered = sorted(factors, key=lambda factor: factor[0].size)
        # The largest is not needed in every sample: only what each point has of the others.
        if len(ordered) == 1:
            ((field, axes),) = ordered
            return _product([(np.tensordot(self.shares.T @ self.weights, field, 1), axes)], result)
        if len(ordered) == 2:
            (field, axes), last = ordered[0], _at(ordered[1], "Y")
            first = np.tensordot(self._pairs, field, 1), f"Y{axes}"
        elif len(ordered) == 3:
            product, axes = self._multiplied(ordered[:2], result + ordered[2][1])
            weighted = self._moments[0] if self._by_moments else self._weighted
            first = np.tensordot(weighted, product, (0, 0)), f"Y{axes}"
            last = _at(ordered[2], "Y")
        else:
            # As they are written: what a pair sums over by itself need not be kept.
            inner, outer = factors[:2], factors[2:]
            product, axes = self._multiplied(inner, result + _letters(outer))
            last = _at(self._multiplied(outer, result + _letters(inner)), "Y")
            if self._by_moments:
                first = np.tensordot(self._moments[1], product, 1), f"Y{axes}"
            else:
                first = (product.T * self.weights).T, f"Y{axes}"
        return _product([first, last], result)

    def _multiplied(self, factors: list[tuple[Array, str]], needed: str) -> tuple[Array, str]:
        """A product of two fields in every sample, or at every pair of points.

        Letters that are not needed any more are summed over.
        """
        axes = "".join(axis for axis in dict.fromkeys(_letters(factors)) if axis in needed)
        if self._by_moments:
            pairs = _product([_at(factors[0], "Y"), _at(factors[1], "Z")], f"YZ{axes}")
            return pairs.reshape(len(pairs) ** 2, *pairs.shape[2:]), axes
        arrays = [(np.tensordot(self.shares, field, 1), f"Z{own}") for field, own in factors]
        return _product(arrays, f"Z{axes}"), axes


def _letters(factors: list[tuple[Array, str]]) -> str:
    return "".join(axes for _, axes in factors)


def _at(factor: tuple[Array, str], place: str) -> tuple[Array, str]:
    """With a letter for the first axis too."""
    return factor[0], place + factor[1]


def batch_means(
    products: Mapping[str, str], fields: Mapping[str, Array], ensemble: Ensemble, batch: int
) -> dict[str, Array]:
    """Expectations of products of fields, each field being its mean over a batch.

    In a product of ``k`` factors every partition of them into ``b`` groups that share a sample
    counts ``B (B - 1) ... (B - b + 1) / B^k`` times; for two, ``E[a] E[b] + Cov(a, b) / B``.

    Parameters
    ----------
    products : dict of str to str
        Wanted products by name, as ``"first_ai second_ij -> aij"``: names of fields, each with
        the letters of its axes, and those of the result, as for `numpy.einsum`.
    fields : dict of str to Array
        At the points of the ensemble, along the first axis.
    ensemble : Ensemble
    batch : int
        Samples per step, ``B``.

    Returns
    -------
    dict of str to Array
        As `products`.
    """
    means: dict[tuple[tuple[Factor, ...], str], Array] = {}
    found = {}
    for name, product in products.items():
        factors, result = _parsed(product)
        total = np.zeros(())
        for partition in _partitions(factors):
            if not (ways := perm(batch, len(partition))):
                continue
            groups = []
            for group in partition:
                axes = _open_axes(group, partition, result)
                if (group, axes) not in means:
                    named = [(fields[field], own) for field, own in group]
                    means[group, axes] = ensemble.mean(named, axes)
                groups.append((means[group, axes], axes))
            total = total + ways / batch ** len(factors) * _product(groups, result)
        found[name] = total
    return found


def _parsed(product: str) -> tuple[tuple[Factor, ...], str]:
    factors, result = product.split("->")
    named = (factor.rsplit("_", 1) for factor in factors.split())
    return tuple((name, axes) for name, axes in named), result.strip()


def _partitions(factors: tuple[Factor, ...]) -> Iterator[tuple[tuple[Factor, ...], ...]]:
    """All ways to put the factors into groups."""
    if not factors:
        yield ()
        return
    first, *others = factors
    for rest in _partitions(tuple(others)):
        yield ((first,), *rest)
        for place, group in enumerate(rest):
            yield (*rest[:place], (first, *group), *rest[place + 1 :])


def _open_axes(
    group: tuple[Factor, ...], partition: tuple[tuple[Factor, ...], ...], result: str
) -> str:
    """Letters of a group that the result or another group needs."""
    own = dict.fromkeys("".join(axes for _, axes in group))
    # A group may occur twice in a partition, as the same sample's share of equal factors.
    others = list(partition)
    others.remove(group)
    needed = {*result, *"".join(axes for other in others for _, axes in other)}
    return "".join(axis for axis in own if axis in needed)


def _product(factors: list[tuple[Array, str]], result: str) -> Array:
    arrays, letters = zip(*factors, strict=True)
    # To prepare a product takes longer than to sum over one that is short.
    optimize = len(arrays) > 1 and max(array.size for array in arrays) > _SHORT
    return np.asarray(np.einsum(f"{','.join(letters)}->{result}", *arrays, optimize=optimize))

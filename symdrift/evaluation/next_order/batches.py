"""Averages of products of what single samples do, when a step is the mean of a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from math import perm

import numpy as np

from symdrift.study.problem import Array

Chunk = tuple[Array, Mapping[str, Array]]
"""Weights of some samples, and arrays with one entry for each of them, by name."""

Factor = tuple[str, str]
"""Name of a field and the letters of its axes, that of the samples left out."""


def batch_means(
    products: Mapping[str, str], chunks: Iterable[Chunk], batch: int
) -> dict[str, Array]:
    """Expectations of products of fields, each field being its mean over a batch.

    In a product of ``k`` factors every partition of them into ``b`` groups that share a sample
    counts ``B (B - 1) ... (B - b + 1) / B^k`` times; for two, ``E[a] E[b] + Cov(a, b) / B``.

    Parameters
    ----------
    products : dict of str to str
        Wanted products by name, as ``"first_ai second_ij -> aij"``: names of fields, each with
        the letters of its axes, and those of the result, as for `numpy.einsum`.
    chunks : iterable of (Array, dict)
        Their weights sum to 1 over all chunks.
    batch : int
        Samples per step, ``B``.

    Returns
    -------
    dict of str to Array
        As `products`.
    """
    wanted = {name: _parsed(product) for name, product in products.items()}
    partitions = {
        name: [part for part in _partitions(factors) if len(part) <= batch]
        for name, (factors, _) in wanted.items()
    }
    sums: dict[tuple[tuple[Factor, ...], str], Array | float] = defaultdict(float)
    for name, (_, result) in wanted.items():
        for partition in partitions[name]:
            for group in partition:
                sums[group, _open_axes(group, partition, result)] = 0.0
    for weights, fields in chunks:
        for group, axes in sums:
            letters = ",".join(f"...{own}".replace("...", "Z") for _, own in group)
            arrays = [np.broadcast_to(fields[field], (len(weights), *fields[field].shape[1:]))
                      for field, _ in group]  # fmt: skip
            sums[group, axes] += np.einsum(
                f"Z,{letters}->{axes}", weights, *arrays, optimize=True
            )
    return {
        name: sum(
            perm(batch, len(partition)) / batch ** len(factors)
            * _joined([(sums[g, _open_axes(g, partition, result)], _open_axes(g, partition, result))
                       for g in partition], result)
            for partition in partitions[name]
        )
        for name, (factors, result) in wanted.items()
    }  # fmt: skip


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


def _joined(groups: list[tuple[Array, str]], result: str) -> Array:
    letters = ",".join(axes for _, axes in groups)
    arrays = [mean for mean, _ in groups]
    return np.asarray(np.einsum(f"{letters}->{result}", *arrays, optimize=True))

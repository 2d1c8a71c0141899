"""Diffusion coefficients of all planes, and their sums, with equal directions counted once.

An isotropic bulk of any size with a few other directions has as many planes that differ as if it
had two directions: what the terms cost is the third power of the number of directions that differ.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symdrift.evaluation.closed_form.area_sums import WORTH_COMPILING, Directions, swept_areas
from symdrift.evaluation.closed_form.network_axes import network_axes
from symdrift.evaluation.closed_form.printed_aligned import _diffusion

Array = NDArray[np.float64]

NETWORKS_AT_A_TIME = 2**13
"""Networks whose numbers stay in the cache together."""

FEW_COLUMNS = 32
"""Numbers of a network up to which they are copied one after the other, of all networks each."""


def _alike(directions: Directions) -> tuple[NDArray[np.intp], ...]:
    """Positions that differ, in their order; which of them each one is like; how many are."""
    size = directions.variance.shape[1]
    if not len(directions.variance) or len(set(directions.variance[0].tolist())) == size:
        return np.arange(size), np.arange(size), np.ones(size, dtype=np.intp)
    distinct = _kinds([part[:1] for part in directions])
    if len(distinct[0]) < size and len(directions.variance) > 1:
        distinct = _kinds(directions)
    return distinct


def _kinds(parts: Any) -> tuple[NDArray[np.intp], ...]:
    """The same for what the parts say of all positions, shape (networks, positions)."""
    kinds = np.zeros(parts[0].shape[1], dtype=np.intp)
    networks, positions = parts[0].shape
    if networks > positions:
        # Few columns, all of them long, are compared with those that were met before.
        columns, met = np.ascontiguousarray(np.concatenate(parts).T), [0]
        for k in range(1, positions):
            kinds[k] = next(
                (m for m, other in enumerate(met) if np.array_equal(columns[k], columns[other])),
                len(met),
            )
            if kinds[k] == len(met):
                met.append(k)
    rows = () if networks > positions else (row for part in parts for row in part)
    for row in (row for row in rows if np.any(row != row[0])):
        _, number = np.unique(row, return_inverse=True)
        _, kinds = np.unique(kinds * (number.max() + 1) + number, return_inverse=True)
    _, first, kinds, count = np.unique(
        kinds, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first)
    return first[order], np.argsort(order)[kinds.reshape(-1)], count[order]


class Planes(NamedTuple):
    """Diffusion coefficients by kinds of directions, each of which is there so many `times`.

    `place` has the directions of each network in an order in which active ones come first, shape
    (networks, n), which is that of the inputs where they are `in_order`; `kind` is the kind of the
    first of them, shape (r,).
    """

    diffusion: Array
    times: NDArray[np.intp]
    place: NDArray[np.intp]
    in_order: bool
    kind: NDArray[np.intp]

    def tensor(self, inputs: int) -> Array:
        """Coefficients of all pairs of input axes, shape (networks, n, n)."""
        networks, most = len(self.diffusion), len(self.kind)
        if self.in_order and most == inputs == self.diffusion.shape[1]:
            # Each is a kind of its own.
            return self.diffusion
        tensor = np.zeros((networks, inputs, inputs))
        spread = self.diffusion[:, self.kind[:, None], self.kind]
        spread[:, np.arange(most), np.arange(most)] = 0.0
        network, place = np.arange(networks)[:, None, None], self.place[:, :most]
        tensor[network, place[:, :, None], place[:, None]] = spread
        return tensor

    def rates(self, inputs: int) -> Array:
        """Their sums over the other axis, shape (networks, n)."""
        times = self.times[: self.diffusion.shape[-1]].astype(float)
        summed = np.einsum("kij,j->ki", self.diffusion, times)
        summed = summed - np.diagonal(self.diffusion, axis1=1, axis2=2)
        rates = np.zeros((len(summed), inputs))
        place = self.place[:, : len(self.kind)]
        np.put_along_axis(rates, place, summed[:, self.kind], axis=1)
        return rates


def planes_of(
    directions: Directions,
    active: NDArray[np.bool_],
    inputs: int,
    learning: tuple[ArrayLike, ArrayLike, ArrayLike],
    white: bool,
    networks: float,
) -> Planes:
    """Planes of networks whose directions are given, shape (networks, directions).

    Parameters
    ----------
    directions : Directions
    active : ndarray of bool, shape (networks, directions)
        Among the first `inputs` only.
    inputs : int
    learning : tuple of array_like
        Weight decay, learning rate and batch, shape (networks,) or numbers.
    white : bool
        The white-noise approximation.
    networks : float
        How many there are in all, which decides whether compiled code is worth its start.
    """
    gamma = np.array(np.broadcast_to(learning[0], len(active)), dtype=float)
    eta, size = (np.reshape(np.asarray(value, dtype=float), -1) for value in learning[1:])
    most = inputs if active[:, :inputs].all() else int(active.sum(axis=-1).max(initial=0))
    most = max(1, most)
    place = np.broadcast_to(np.arange(active.shape[1]), active.shape)
    in_order = bool(active[:, :most].all())
    if not in_order:
        place = np.argsort(~active, axis=-1, kind="stable")
        active = np.take_along_axis(active, place, axis=-1)
        parts = (np.take_along_axis(part, place, axis=-1) for part in directions)
        directions = Directions(*parts)
    first, kind, count = _alike(directions)
    if len(first) < len(kind):
        directions, active = Directions(*(part[:, first] for part in directions)), active[:, first]
    rows = int(np.searchsorted(first, most))
    terms = networks * rows * (rows + 1) // 2 * len(first)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        area = swept_areas(directions, gamma, count, rows, white, terms > WORTH_COMPILING)
        # Networks last, as areas lie in memory where there are many, and row by row in the cache.
        value = np.ascontiguousarray(directions.singular_value[:, :rows].T)
        diffusion = np.moveaxis(area, 0, -1)
        for i, single in enumerate(value):
            met = slice(i + (count[i] < 2), rows)
            diffusion[i, met] = _diffusion(diffusion[i, met], single, value[met], eta, size)
            diffusion[met, i] = diffusion[i, met]
    diffusion, active = area, active[:, :rows]
    if not active.all():
        diffusion = np.where(active[:, :, None] & active[:, None], diffusion, 0.0)
    return Planes(diffusion, count, place, in_order, kind[:most])


def by_network(
    evaluate: Callable[[Planes, int], Array],
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    learning_rate: ArrayLike,
    gains: ArrayLike,
    label_noise: ArrayLike,
    batch: ArrayLike,
    inputs: int,
    outputs: int,
    hidden: int,
    learned: ArrayLike | None,
    white: bool = False,
    parts: float = 1.0,
) -> Array:
    """What planes say, shape (..., n) or (..., n, n); few networks at a time.

    Arguments are those of the formulas, and how many parts of this size the work has: all of it
    decides whether compiled code is worth its start.

    Raises
    ------
    ValueError
        As `network_axes`, or when learning rate or batch is no number or not positive.
    """
    given = [np.asarray(part, dtype=float) for part in (
        covariance, gains, label_noise, weight_decay, learning_rate, batch
    )]  # fmt: skip
    if not all(np.min(part, initial=np.inf) > 0 for part in given[4:]):
        raise ValueError("learning_rate and batch must be positive")
    # The first three have an axis of directions, unless they are the same for all of them.
    own = [min(part.ndim, int(k < 3)) for k, part in enumerate(given)]
    leads = [part.shape[: part.ndim - k] for part, k in zip(given, own, strict=True)]
    lead = np.broadcast_shapes(*leads)
    networks = prod(lead)
    flat = [
        np.broadcast_to(part, lead + part.shape[part.ndim - k :]).reshape(
            networks, *part.shape[part.ndim - k :]
        )
        if shape
        else part
        for part, k, shape in zip(given, own, leads, strict=True)
    ]
    for start in range(0, max(networks, 1), NETWORKS_AT_A_TIME):
        variances, gain, noise, gamma, eta, size = (
            np.asfortranarray(part[start : start + NETWORKS_AT_A_TIME]) if shape else part
            for part, shape in zip(flat, leads, strict=True)
        )
        axes = network_axes(variances, gamma, gain, noise, inputs, outputs, hidden, learned)
        count = min(NETWORKS_AT_A_TIME, networks - start)
        directions = Directions(
            *(np.broadcast_to(part, (count, part.shape[-1])) for part in axes[:-1])
        )
        active = np.broadcast_to(axes.active, (count, axes.active.shape[-1]))
        planes = planes_of(directions, active, inputs, (gamma, eta, size), white, networks * parts)
        part = evaluate(planes, inputs)
        if networks <= NETWORKS_AT_A_TIME:
            return part.reshape(*lead, *part.shape[1:])
        if not start:
            everything = np.empty((networks, *part.shape[1:]))
        here = everything[start : start + count]
        few = part.strides[0] == part.itemsize and part[0].size <= FEW_COLUMNS
        # Where networks lie side by side, each row of them is one run through memory.
        for place in np.ndindex(part.shape[1:]) if few else [()]:
            here[:, *place] = part[:, *place]
    return everything.reshape(*lead, *everything.shape[1:])

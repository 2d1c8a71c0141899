"""Estimates with standard errors from the windows of many independent replicas.

In a stationary run the rotations ``X_k`` of successive windows of ``T`` steps form a stationary
sequence.  Its variance is not ``V T``: the ends of a window contribute a constant as long as
the fluctuation remembers (one part in ``T / tau``).  Comparing windows of ``T`` and of ``2 T``
steps from the same data removes that constant:

    ``V T = Var(X_k + X_{k+1}) - Var(X_k) = Var(X_k) + 2 Cov(X_k, X_{k+1})``

up to the correlation of windows that do not touch, which is exponentially small in ``T / tau``.
The price is a factor of three in variance at equal ``T``, repaid because ``T`` may be a few
relaxation times instead of dozens.

Replicas are independent, so that the scatter of their own estimates gives standard errors that
need no model of the correlations in time.  A run of few replicas is cut into long segments
that count as replicas.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from symdrift.evaluation.parts import moving_planes
from symdrift.study.problem import Array

ALL_PAIRS_UP_TO = 10
"""Planes up to which every entry of the rotation covariance is estimated, not its diagonal."""


@dataclass(frozen=True)
class Estimate:
    """A number measured in a simulation, with one standard error."""

    value: float
    standard_error: float


@dataclass(frozen=True)
class Observables:
    """What is estimated from the rotations.

    Attributes
    ----------
    planes : tuple of pairs of int
        Planes of hidden axes, counted from 1, in the order in which rotations are given.
    pairs : tuple of pairs of int
        Entries of the rotation covariance, as indices of planes.
    hidden : int
        Axes that turn.
    """

    planes: tuple[tuple[int, int], ...]
    pairs: tuple[tuple[int, int], ...]
    hidden: int

    @classmethod
    def of(cls, planes: tuple[tuple[int, int], ...], hidden: int) -> Observables:
        """Everything worth estimating in some planes: all pairs where these are few."""
        indices = range(len(planes))
        every = len(planes) <= ALL_PAIRS_UP_TO
        pairs = ((k, o) for k in indices for o in (indices[k:] if every else (k,)))
        return cls(planes, tuple(pairs), hidden)


def observables(rank: int, hidden: int) -> Observables:
    """Everything worth estimating for a rank and a number of hidden units.

    With more hidden units than the rank the planes include those of an active and a silent axis.
    """
    return Observables.of(moving_planes(rank, hidden), hidden)


def rotation_matrices(observed: Observables, angles: Array) -> Array:
    """Antisymmetric ``X = sum X_ij Omega_ij`` from angles by plane.

    Parameters
    ----------
    observed : Observables
    angles : Array
        Shape ``(planes, ...)``.

    Returns
    -------
    Array
        Shape ``(p, p, ...)``.
    """
    hidden = observed.hidden
    first, second = (np.array([pair[end] for pair in observed.planes], int) - 1 for end in (0, 1))
    matrices = np.zeros((hidden, hidden, *angles.shape[1:]))
    matrices[first, second] = angles
    matrices[second, first] = -angles
    return matrices


@dataclass(frozen=True)
class WindowSums:
    """Sums over the windows of each unit (a replica, or a segment of one); units come last.

    Attributes
    ----------
    windows, neighbours : Array
        Number of windows, and of pairs of successive windows, shape ``(units,)``.
    angle : Array
        Sum of rotations ``X``, shape ``(planes, units)``.
    product, lagged : Array
        Sums of ``X_a X_b`` in one window, and symmetrised in successive ones, shape
        ``(pairs, units)``.
    fading, fading_lagged : Array
        Sums of ``X'X``, and symmetrised of successive windows, ``(p, p, units)``.
    distance, loss : Array
        Sums of the squared distance from the manifold and of the loss at window ends.
    normal : Array
        Sum of the weights' displacement from the minimum with the rotation undone,
        ``(weights, units)``.
    similarity : Array
        Sum of ``h_a . h_b`` at window ends for stimuli ``a``, ``b``, ``(stimuli, stimuli, units)``.
    travelled, lag_pairs : Array
        Sums of ``|h_{t+lag} - h_t|^2``, ``(stimuli, lags, units)``, and their numbers,
        ``(lags, units)``.
    carried, drifted, stretches : Array
        Sums of ``|d_1 + d_2|^2 - (|d_1|^2 + |d_2|^2) / 2`` and of ``Q'(d_1 + d_2) / 2`` for
        displacements of the mean representation from stretch to stretch, ``(2 stimuli, units)``
        and ``(2 stimuli, p, units)``, and their numbers, ``(units,)``: as they are seen, and then
        as the rotation alone carries them.
    """

    windows: Array
    neighbours: Array
    angle: Array
    product: Array
    lagged: Array
    fading: Array
    fading_lagged: Array
    distance: Array
    loss: Array
    normal: Array
    similarity: Array
    travelled: Array
    lag_pairs: Array
    carried: Array
    drifted: Array
    stretches: Array

    @property
    def units(self) -> int:
        """Units with two successive windows, which an estimate rests on; it needs two of them."""
        return int(np.count_nonzero(self.neighbours))

    def __add__(self, other: WindowSums) -> WindowSums:
        """Further windows of the same units."""
        return WindowSums(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def beside(self, other: WindowSums) -> WindowSums:
        """Both sets of units."""
        return WindowSums(
            *(
                np.concatenate([getattr(self, f.name), getattr(other, f.name)], axis=-1)
                for f in fields(self)
            )
        )


def sum_windows(
    observed: Observables,
    angles: Array,
    distance: Array,
    loss: Array,
    normal: Array,
    similarity: Array,
    travelled: Array,
    lag_pairs: Array,
    carried: Array,
    drifted: Array,
    stretches: Array,
) -> WindowSums:
    """Sums over successive windows of independent units.

    Parameters
    ----------
    angles : Array
        Rotations in each window, shape ``(windows, planes, units)``.
    distance, loss : Array
        At the end of each window, shape ``(windows, units)``.
    normal : Array
        Displacement at the end of each window, already summed, shape ``(weights, units)``.
    similarity : Array
        Likewise ``h_a . h_b``, shape ``(stimuli, stimuli, units)``.
    travelled, lag_pairs : Array
        Likewise ``|h_{t+lag} - h_t|^2``, shape ``(stimuli, lags, units)``, and how many,
        ``(lags, units)``.
    carried, drifted, stretches : Array
        Likewise what `symdrift.simulation.stretches` takes.
    """
    windows, _, units = angles.shape
    left = [pair[0] for pair in observed.pairs]
    right = [pair[1] for pair in observed.pairs]
    before, after = angles[:-1], angles[1:]
    # Units first and windows beside rows: products of matrices take no longer than of vectors.
    turned = rotation_matrices(observed, angles.swapaxes(0, 1)).transpose(3, 1, 2, 0)

    def multiplied(left: Array, right: Array) -> Array:
        shape = (units, observed.hidden, -1)
        product = left.reshape(shape) @ right.reshape(shape).swapaxes(1, 2)
        return np.asarray(product.transpose(1, 2, 0))

    def summed(*factors: Array) -> Array:
        """Over windows; one unit beside a copy, as NumPy adds up one series in another order."""
        beside = [np.repeat(factor, 2 if units == 1 else 1, axis=-1) for factor in factors]
        found = np.einsum(",".join("k..." for _ in factors) + "->...", *beside)
        return np.asarray(found[..., :units])

    following = multiplied(turned[:, :, :-1], turned[:, :, 1:])
    return WindowSums(
        windows=np.full(units, float(windows)),
        neighbours=np.full(units, float(windows - 1)),
        angle=summed(angles),
        product=summed(angles[:, left], angles[:, right]),
        lagged=0.5
        * (summed(before[:, left], after[:, right]) + summed(after[:, left], before[:, right])),
        fading=multiplied(turned, turned),
        fading_lagged=0.5 * (following + following.swapaxes(0, 1)),
        distance=summed(distance),
        loss=summed(loss),
        normal=normal,
        similarity=similarity,
        travelled=travelled,
        lag_pairs=lag_pairs,
        carried=carried,
        drifted=drifted,
        stretches=stretches,
    )


@dataclass(frozen=True)
class Estimates:
    """Everything estimated from one run, per SGD step.

    Attributes
    ----------
    mean_rotation : tuple of Estimate
        ``mu`` of each plane.
    covariance : tuple of Estimate
        Entries of ``V`` in the order of ``Observables.pairs``.
    stimulus_diffusion : tuple of Estimate
        ``w' Delta w`` of each stimulus: of the rotation, and what its own representation shows
        beyond it; none where no run is long enough.
    weight_variance, excess_loss : Estimate
        ``tr(Gamma)``, the variance of the displacement about its mean (which is of higher
        order in the learning rate), and the loss above the minimum.
    similarity : tuple of tuple of Estimate
        Mean of ``h_a . h_b`` for stimuli ``a``, ``b``, which rotations leave alone.
    """

    mean_rotation: tuple[Estimate, ...]
    covariance: tuple[Estimate, ...]
    stimulus_diffusion: tuple[Estimate, ...]
    weight_variance: Estimate
    excess_loss: Estimate
    similarity: tuple[tuple[Estimate, ...], ...]


def weighted_mean(values: Array, weights: Array) -> Estimate:
    """Mean of independent values of unequal weight, with the error from their scatter.

    Raises
    ------
    ValueError
        With fewer than two values of positive weight.
    """
    used = weights > 0
    values, weights = values[used], weights[used]
    count = len(values)
    if count < 2:
        raise ValueError("a standard error needs at least two independent units")
    share = weights / weights.sum()
    mean = float(share @ values)
    variance = float(share**2 @ (values - mean) ** 2) * count / (count - 1)
    return Estimate(mean, float(np.sqrt(variance)))


def estimate(
    observed: Observables,
    sums: WindowSums,
    window: int,
    minimum_loss: float,
    half_stretch: int = 1,
    representations: Array | None = None,
) -> Estimates:
    """Estimates from the sums over windows of ``window`` steps each.

    Representations at the minimum, shape ``(stimuli, p)``, are those whose means over stretches
    were taken, if any were.

    The mean rotation is subtracted with its estimate from all windows, in each unit from the
    unit's own windows, so that a unit's random mean does not count as scatter of its variance;
    the factor ``1 / (1 - 3 / N)`` undoes what this takes from a covariance over ``N`` windows.
    """
    total = float(sums.windows.sum())
    mean = sums.angle.sum(axis=1) / total
    unbiased = 1.0 / (1.0 - 3.0 / total)
    usable = sums.neighbours > 0
    sums = replace(sums, windows=np.where(usable, sums.windows, 0.0))
    count = np.maximum(sums.windows, 1.0)
    adjacent = np.maximum(sums.neighbours, 1.0)
    unit_mean = sums.angle / count

    def long_run(product: Array, lagged: Array, centre: Array) -> Estimate:
        per_unit = product / count + 2.0 * lagged / adjacent - 3.0 * centre
        return weighted_mean(unbiased * per_unit / window, sums.windows)

    def centre(left: int, right: int) -> Array:
        crossed = mean[left] * unit_mean[right] + mean[right] * unit_mean[left]
        return np.asarray(crossed - mean[left] * mean[right])

    shift = sums.normal.sum(axis=1) / total
    variance = (sums.distance - 2.0 * (shift @ sums.normal)) / count + float(shift @ shift)
    return Estimates(
        mean_rotation=tuple(
            weighted_mean(angle / (count * window), sums.windows) for angle in sums.angle
        ),
        covariance=tuple(
            long_run(product, lagged, centre(left, right))
            for (left, right), product, lagged in zip(
                observed.pairs, sums.product, sums.lagged, strict=True
            )
        ),
        stimulus_diffusion=()
        if representations is None
        else _stimulus_diffusion(observed, sums, window, half_stretch, representations),
        weight_variance=weighted_mean(variance, sums.windows),
        excess_loss=weighted_mean(sums.loss / count - minimum_loss, sums.windows),
        similarity=tuple(
            tuple(weighted_mean(entry / count, sums.windows) for entry in row)
            for row in sums.similarity
        ),
    )


def _stimulus_diffusion(
    observed: Observables, sums: WindowSums, window: int, half_stretch: int, representations: Array
) -> tuple[Estimate, ...]:
    """``w' Delta w`` of each stimulus, by the rotation and by what stretches show beyond it.

    Stretches see a representation, and what the rotation alone makes of ``w``: the difference has
    what else moves it.  The mean displacement is that of a steady rotation, and is subtracted as
    that of angles is.  Threes of stretches begin after every half: as many as half of them are
    independent.
    """
    seen = sums.stretches > 0
    if np.count_nonzero(seen) < 2:
        return ()
    count, total = np.maximum(sums.stretches, 1.0), float(sums.stretches.sum())
    unbiased = 1.0 / (1.0 - 6.0 / (total + 3.0 * np.count_nonzero(seen)))
    found = []
    for carried, drifted in zip(sums.carried, sums.drifted, strict=True):
        mean = drifted.sum(axis=1) / total
        centre = 2.0 * mean @ drifted / count - mean @ mean
        found.append(unbiased * (carried / count - 3.0 * centre) / (4 * half_stretch * window))
    return tuple(
        weighted_mean(own - turned + rotation, sums.stretches)
        for own, turned, rotation in zip(
            found[: len(representations)],
            found[len(representations) :],
            _by_rotation(observed, sums, window, representations),
            strict=True,
        )
    )


def decay_rates(
    observed: Observables, sums: WindowSums, window: int, representations: Array
) -> tuple[Estimate, ...]:
    """``w' Delta w / |w|^2`` by the measured rotation, for vectors ``w`` that turn with it.

    Blind to what else moves a representation.

    Parameters
    ----------
    representations : Array
        Shape ``(stimuli, p)``; what is zero does not decay.
    """
    usable = np.where(sums.neighbours > 0, sums.windows, 0.0)
    lengths = np.linalg.norm(representations, axis=1, keepdims=True)
    units = np.divide(
        representations, lengths, out=np.zeros_like(representations), where=lengths > 0
    )
    return tuple(
        weighted_mean(per_unit, usable) for per_unit in _by_rotation(observed, sums, window, units)
    )


def _by_rotation(
    observed: Observables, sums: WindowSums, window: int, vectors: Array
) -> Iterator[Array]:
    """``w' Delta w`` of each vector as each unit has it, shape ``(units,)``."""
    total = float(sums.windows.sum())
    mean = rotation_matrices(observed, sums.angle.sum(axis=1) / total)
    usable = np.where(sums.neighbours > 0, sums.windows, 0.0)
    count, adjacent = np.maximum(usable, 1.0), np.maximum(sums.neighbours, 1.0)
    units = rotation_matrices(observed, sums.angle / count)
    for vector in vectors:
        square, lagged = (
            np.einsum("a,abu,b->u", vector, part, vector)
            for part in (sums.fading, sums.fading_lagged)
        )
        steady = mean @ vector
        centre = 2.0 * np.einsum("iju,j,i->u", units, vector, steady) - steady @ steady
        per_unit = square / count + 2.0 * lagged / adjacent - 3.0 * centre
        yield 0.5 * per_unit / (1.0 - 3.0 / total) / window


@dataclass(frozen=True)
class DisplacementCurve:
    """Mean-squared displacement ``E|h_{t+lag} - h_t|^2`` of one representation.

    Attributes
    ----------
    lags : Array
        In the units of the time that was given, shape ``(lags,)``.
    mean, standard_error : Array
        Shape ``(lags,)``.
    """

    lags: Array
    mean: Array
    standard_error: Array


def measured_displacements(sums: WindowSums, lags: Sequence[int]) -> tuple[DisplacementCurve, ...]:
    """Mean-squared displacement of each stimulus, at the lags that two units at least have seen.

    Parameters
    ----------
    lags : sequence of int
        Lags of the sums, in steps.
    """
    seen = [lag for lag, pairs in enumerate(sums.lag_pairs) if np.count_nonzero(pairs) > 1]
    pairs = sums.lag_pairs
    curves = []
    for travelled in sums.travelled / np.maximum(pairs, 1.0):
        entries = [weighted_mean(travelled[lag], pairs[lag]) for lag in seen]
        curves.append(
            DisplacementCurve(
                lags=np.array([lags[lag] for lag in seen], dtype=np.float64),
                mean=np.array([entry.value for entry in entries]),
                standard_error=np.array([entry.standard_error for entry in entries]),
            )
        )
    return tuple(curves)

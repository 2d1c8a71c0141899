"""Every number of many aligned problems at once, from the same formulas as that of a single one.

Problems of one size stand along the first axis.  A point that the theory refuses has no numbers;
a point whose numbers leave double precision is left to the road of a single problem.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError
from symdrift.evaluation.closed_form import formulas as kernels
from symdrift.evaluation.closed_form.axis_kinds import Kinds, imbalance, threshold
from symdrift.evaluation.closed_form.formula_road import AXIS_FORMULAS
from symdrift.evaluation.closed_form.planes import Planes, by_network
from symdrift.evaluation.closed_form.stability_blocks import MeanSquare
from symdrift.evaluation.closed_form.stability_bound import stable_rate
from symdrift.evaluation.conjugate_directions import not_found
from symdrift.evaluation.parts import (
    DEGENERACY_TOLERANCE,
    REPRESENTATION_TOLERANCE,
    THRESHOLD_TOLERANCE,
    moving_planes,
)
from symdrift.evaluation.result import Quantity
from symdrift.evaluation.strict_minima import numbered_minima, refuse_degenerate
from symdrift.evaluation.validity import (
    MEANINGS,
    RUNS_AWAY_ABOVE,
    UNKNOWN_FACTOR,
    WARN_ABOVE,
    Validity,
    require_stable,
)
from symdrift.study.problem import Array
from symdrift.study.varied import DiagonalProblems

Indices = NDArray[np.intp]
Columns = dict[Quantity, Array]
"""Numbers of all points by what they are; the quantity itself has the value 0."""

GROUPS = ("minimum", "fluctuation", "validity", "drift", "stimuli")

_SHARE = "rate_over_critical"
_EXPECTED_ERROR = Quantity("validity", "expected_error", 0.0)

_ORDERS = {
    ("fluctuation", "weight_variance"): 1,
    ("fluctuation", "excess_loss"): 1,
    **dict.fromkeys((("validity", name) for name in (*MEANINGS, _SHARE)), 1),
    ("drift", "covariance"): 3,
    ("drift", "diffusion"): 3,
    ("stimuli", "diffusion"): 3,
    ("stimuli", "decay_rate"): 3,
}
"""Powers of the learning rate; other numbers do not depend on it."""

_TOGETHER = 2**12
"""Pairs of axes of the networks whose critical rates are looked for together."""

_SMALLEST = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class GridNumbers:
    """Numbers of some problems.

    Attributes
    ----------
    columns : dict of Quantity to Array
        Shape ``(points,)``, NaN where there is none.
    refused : dict of int to str
        Points without numbers, and why.
    left : set of int
        Points whose numbers leave double precision, or nearly so.
    warned : Array
        0 where no warning applies, and the same number where the same ones do.
    """

    points: int
    columns: Columns = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    left: set[int] = field(default_factory=set)
    warned: NDArray[np.intp] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "warned", np.zeros(self.points, dtype=np.intp))

    def put(self, points: Indices, found: Columns) -> None:
        """Enter numbers of some of the points."""
        for quantity, values in found.items():
            if quantity not in self.columns:
                self.columns[quantity] = np.full(self.points, np.nan)
            self.columns[quantity][points] = values


def grid_numbers(
    problems: DiagonalProblems, approximation: str, groups: Collection[str], parts: float = 1.0
) -> GridNumbers:
    """Numbers of these groups, one of `GROUPS` each, of every problem.

    Parameters
    ----------
    problems : DiagonalProblems
        Their numbers in the ranges of their fields.
    approximation : {"exact", "white"}
    groups : collection of str
    parts : float
        How many parts of this size the work has, as for `planes.by_network`.
    """
    found = GridNumbers(len(problems.weight_decay))
    for k in np.flatnonzero(_perhaps_degenerate(problems)).tolist():
        given = problems.variances[k, : problems.gains.shape[1]], problems.gains[k]
        try:
            refuse_degenerate(
                AXIS_FORMULAS, float(problems.weight_decay[k]), problems.hidden, *given
            )
        except RequestError as error:
            found.refused[k] = str(error)
    for points, learned in _by_minimum(problems, found):
        with np.errstate(all="ignore"):
            part = _Problems(problems[points], learned, approximation, parts)
            columns = part.columns(groups)
            odd = ~part.in_range(columns)
            checked = part.stability(odd)
        # Those that are unstable are gaps too.
        found.put(points, columns)
        found.refused.update((int(points[place]), why) for place, why in checked.refused.items())
        found.left.update(points[odd].tolist())
        found.warned[points] |= checked.warned
    gaps = [*found.refused, *found.left]
    for values in found.columns.values():
        values[gaps] = np.nan
    found.warned[gaps] = 0
    return found


def _perhaps_degenerate(problems: DiagonalProblems) -> NDArray[np.bool_]:
    """Where `refuse_degenerate` may refuse."""
    gamma, hidden = problems.weight_decay[:, np.newaxis], problems.hidden
    variances = problems.variances[:, : problems.gains.shape[1]]
    strengths = variances * problems.gains
    learnable = strengths > gamma * (1 + THRESHOLD_TOLERANCE)
    met = ~learnable & (strengths >= gamma * (1 - THRESHOLD_TOLERANCE))
    many = learnable.sum(axis=1)
    doubtful: NDArray[np.bool_] = (gamma[:, 0] <= 0) | met.any(axis=1) | (many == 0)
    crowded = np.flatnonzero((many > hidden) & ~doubtful)
    if crowded.size:
        worth = kernels.loss_reductions(variances[crowded], gamma[crowded], problems.gains[crowded])
        worth = -np.sort(-np.where(learnable[crowded], worth, 0.0), axis=1)
        doubtful[crowded] = (
            worth[:, hidden - 1] - worth[:, hidden] < 2 * THRESHOLD_TOLERANCE * worth[:, hidden - 1]
        )
    return doubtful


def _by_minimum(
    problems: DiagonalProblems, found: GridNumbers
) -> Iterator[tuple[Indices, NDArray[np.bool_] | None]]:
    """Points whose minimum learns the same axes, None where it is the lowest; notes where others
    are, and refuses those that are not there.
    """
    kept = np.ones(found.points, dtype=bool)
    kept[list(found.refused)] = False
    variances = problems.variances[:, : problems.gains.shape[1]]
    many = (variances * problems.gains > problems.weight_decay[:, np.newaxis]).sum(axis=1)
    several = kept & ((many > problems.hidden) | (problems.minimum != 1))
    by_mask: dict[bytes, list[int]] = {}
    for k in np.flatnonzero(several).tolist():
        number = int(problems.minimum[k])
        try:
            minima = numbered_minima(
                AXIS_FORMULAS,
                variances[k],
                problems.gains[k],
                float(problems.weight_decay[k]),
                problems.hidden,
                number,
                listed=2,
            )
        except RequestError as error:
            found.refused[k] = str(error)
            kept[k] = False
            continue
        found.warned[k] = number << 8 if len(minima) > 1 else 0
        if number > 1:
            by_mask.setdefault(minima[number - 1].tobytes(), []).append(k)
            kept[k] = False
    if kept.any():
        yield np.flatnonzero(kept), None
    for held, points in by_mask.items():
        yield np.array(points), np.frombuffer(held, dtype=bool)


@dataclass(frozen=True, eq=False)
class _Checked:
    """Where learning rates are unstable, and which warnings apply."""

    refused: dict[int, str]
    warned: NDArray[np.intp]


class _Problems:
    """Problems with strict minima as arguments of the kernels, in natural units.

    Every number is a power of the learning rate times one of the network.  Networks that differ in
    the rate alone are one, with the rate 1, whose numbers are made once; `network` says which of
    them each point has.  Units are those of `natural_units`, by network.
    """

    def __init__(
        self,
        problems: DiagonalProblems,
        learned: NDArray[np.bool_] | None,
        approximation: str,
        parts: float,
    ) -> None:
        first, self.network = problems.alike("learning_rate")
        given = problems[first]
        self.problems, self.given = problems, given
        self.approximation, self.parts = approximation, parts
        inputs, aligned = given.variances.shape[1], given.gains.shape[1]
        slope = (given.gains * given.variances[:, :aligned]).max(axis=1)
        by_input = -np.round(_exponent(given.variances.max(axis=1)) / 2)
        both = -2 * np.round(_exponent(slope) / 2)
        self.inputs, self.outputs = 2.0**by_input, 2.0 ** (both - by_input)
        self.curvature, self.maps = self.inputs * self.outputs, self.outputs / self.inputs
        noise = given.label_noise * self.outputs[:, np.newaxis] ** 2
        self.rate = problems.learning_rate / self.curvature[self.network]
        self.gamma = given.weight_decay * self.curvature
        self.minimum: dict[str, Any] = {
            "covariance": given.variances * self.inputs[:, np.newaxis] ** 2,
            "weight_decay": self.gamma,
            "gains": given.gains * self.maps[:, np.newaxis],
            "inputs": inputs,
            "outputs": noise.shape[1],
            "hidden": given.hidden,
            "learned": learned,
        }
        self.learning: dict[str, Any] = {
            "learning_rate": 1.0, "label_noise": noise, "batch": given.batch
        }  # fmt: skip
        self.values = kernels.singular_values(**self.minimum)
        # What noise there is, and who is looked at, makes no other minimum.
        bare, like = given.alike("learning_rate", "label_noise", "batch", "stimuli")
        few: dict[str, Any] = {
            name: part[bare] if isinstance(part, np.ndarray) and name != "learned" else part
            for name, part in self.minimum.items()
        }
        self.smallest, self.largest = (part[like] for part in kernels.hessian_range(**few))
        size = max(inputs, noise.shape[1])

        def padded(part: Array) -> Array:
            return np.pad(part, ((0, 0), (0, size - part.shape[1])))

        variances, values = padded(self.minimum["covariance"]), padded(self.values)
        residual = np.where(
            values > 0,
            self.gamma[:, np.newaxis] / np.where(values > 0, variances, 1.0),
            padded(self.minimum["gains"]),
        )
        axes, batch = (variances, padded(noise)), given.batch
        self._axes = (*axes, residual, values)
        self.power = variances.sum(axis=1)
        self.by_rate = {
            "rate_times_curvature": self.largest,
            "multiplicative_noise": self.values.max(axis=1) * self.power / batch,
            "imbalance": imbalance(*axes, residual, values, np.ones(size), self.gamma) / batch,
            "threshold": threshold(*axes, values, self.gamma) / batch,
        }
        self.limits = {
            name: self.rate * value[self.network] for name, value in self.by_rate.items()
        }
        self._critical = np.full(len(given.batch), np.nan)

    def columns(self, groups: Collection[str]) -> Columns:
        """Numbers by point, in the order of `listed`."""
        by_order = {1: self.rate, 3: self.rate**3}
        found: Columns = {}
        for quantity, values in self._by_network(groups).items():
            found[quantity] = values[self.network]
            if order := _ORDERS.get((quantity.group, quantity.name)):
                found[quantity] *= by_order[order]
        if "validity" in groups:
            *small, share = (found[Quantity("validity", name, 0.0)] for name in (*MEANINGS, _SHARE))
            # As `Validity.expected_error`; points at or above the critical rate are refused.
            later = share / np.where(share < 1, 1 - share, np.nan)
            found[_EXPECTED_ERROR] = UNKNOWN_FACTOR * np.fmax(sum(small), later)
        return found

    def _by_network(self, groups: Collection[str]) -> Columns:
        """The same by network, at the rate 1."""
        found: Columns = {}
        rank = (self.values > 0).sum(axis=1)
        order = _hidden_order(self.values)
        if "minimum" in groups:
            loss = kernels.loss(**self.minimum, label_noise=self.learning["label_noise"])
            for name, values in (
                ("rank", rank),
                ("loss", loss / self.outputs**2),
                ("hessian_min", self.smallest / self.curvature),
                ("hessian_max", self.largest / self.curvature),
            ):
                found[Quantity("minimum", name, 0.0)] = values
            ordered = np.take_along_axis(self.values, order, axis=1) / self.maps[:, np.newaxis]
            for place, values in enumerate(ordered.T[: rank.max()], start=1):
                label = str(place)
                found[Quantity("minimum", "singular_values", 0.0, "hidden_axis", label)] = np.where(
                    values > 0, values, np.nan
                )
        if "fluctuation" in groups:
            variance, excess = kernels.fluctuation(**self.minimum, **self.learning)
            found[Quantity("fluctuation", "weight_variance", 0.0)] = variance / self.maps
            found[Quantity("fluctuation", "excess_loss", 0.0)] = excess / self.outputs**2
        if "validity" in groups:
            critical = self.critical(np.arange(len(self.given.batch)))
            for name, values in {
                **self.by_rate,
                "critical_rate": critical * self.curvature,
                _SHARE: 1 / critical,
                # Of the others, once they have the learning rate.
                _EXPECTED_ERROR.name: critical,
            }.items():
                found[Quantity("validity", name, 0.0)] = values
        if "drift" in groups or "stimuli" in groups:
            white = self.approximation == "white"
            tensor = by_network(
                Planes.tensor, **self.minimum, **self.learning, white=white, parts=self.parts
            )
            if "drift" in groups:
                found |= self._by_plane(tensor, order, rank)
            if "stimuli" in groups:
                found |= self._by_stimulus(tensor.sum(axis=-1))
        return found

    def _by_plane(self, tensor: Array, order: Indices, rank: NDArray[np.intp]) -> Columns:
        planes = moving_planes(int(rank.max()), int(rank.max()))
        here = np.arange(len(tensor))
        found: Columns = {}
        of = [(order[:, i - 1], order[:, j - 1], rank >= j) for i, j in planes]
        tensor = np.nan_to_num(tensor, nan=np.inf)
        diffusion = [np.where(there, tensor[here, i, j], np.nan) for i, j, there in of]
        for name, factor in (("covariance", 2.0), ("diffusion", 1.0), ("mean_rotation", 0.0)):
            for (i, j), values in zip(planes, diffusion, strict=True):
                found[Quantity("drift", name, 0.0, "plane", f"{i}-{j}")] = factor * values
        return found

    def _by_stimulus(self, rates: Array) -> Columns:
        found: Columns = {}
        # Networks side by side in memory, over which sums and extremes are quick.
        rates, values = (np.ascontiguousarray(part.T) for part in (rates, self.values))
        roots = np.sqrt(values)
        longest = roots.max(axis=0)
        for name, given in self.given.stimuli.items():
            vector = np.ascontiguousarray(given.T) * self.inputs
            representation = roots * vector
            largest = longest * np.abs(vector).max(axis=0)
            none = np.abs(representation).max(axis=0) < REPRESENTATION_TOLERANCE * largest
            squares = np.where(none, 0.0, representation**2)
            norm, diffusion = squares.sum(axis=0), (squares * rates).sum(axis=0)
            for key, values in (
                ("squared_norm", norm / self.curvature),
                ("diffusion", diffusion / self.curvature),
                ("decay_rate", np.where(norm > 0, diffusion / np.where(norm > 0, norm, 1), 0.0)),
                ("mean_speed", np.zeros(len(norm))),
            ):
                found[Quantity("stimuli", key, 0.0, "stimulus", name)] = values
        return found

    def in_range(self, columns: Columns) -> NDArray[np.bool_]:
        """Where all numbers, in either units, are held with all their digits, or are zero."""
        given = [self.given.variances, self.given.gains, self.given.label_noise]
        scaled = [self.minimum[name] for name in ("covariance", "gains", "weight_decay")]
        own = (*given, *scaled, self.learning["label_noise"], self.given.batch)
        fine = np.ones(len(self.given.batch), dtype=bool)
        for value in (self.smallest, self.largest, self.values.max(axis=1)):
            fine &= np.isfinite(value) & (value >= 0)
        for part in own:
            fine &= _held(part)
        fine = fine[self.network]
        # What a point does not have is not out of range.
        there = (
            values
            if quantity.of not in ("plane", "hidden_axis")
            else np.where(np.isnan(values), 0.0, values)
            for quantity, values in columns.items()
        )
        for part in (self.rate, self.rate**3, *there):
            fine &= _held(part)
        for value in self.limits.values():
            fine &= np.isfinite(value) & (value >= 0)
        positive = [
            values
            for quantity, values in columns.items()
            if quantity.group in ("minimum", "fluctuation")
            or (quantity.group == "drift" and quantity.name == "diffusion")
        ]
        for values in positive:
            fine &= (values >= _SMALLEST) | np.isnan(values)
        return fine

    def stable(self) -> Array:
        """Learning rates that are surely stable, in natural units."""
        return stable_rate(*self._axes, self.gamma, self.given.batch, self.largest)

    def critical(self, networks: Indices) -> Array:
        """Critical learning rates in natural units, each computed once."""
        missing = networks[np.isnan(self._critical[networks])]
        learned = self.values[missing] > 0
        _, pattern = np.unique(learned, axis=0, return_inverse=True)
        for kind in range(pattern.max(initial=-1) + 1):
            alike = missing[pattern.reshape(-1) == kind]
            step = max(1, _TOGETHER // self._axes[0].shape[1] ** 2)
            for start in range(0, len(alike), step):
                here = alike[start : start + step]
                lam, noise, residual, values = (part[here] for part in self._axes)
                outputs = self.given.label_noise.shape[1]
                kinds = Kinds.of_networks(lam, noise, residual, values, outputs)
                square = MeanSquare(kinds, self.gamma[here], self.given.batch[here])
                self._critical[here] = square.critical_rates()
        return np.asarray(self._critical[networks])

    def stability(self, odd: NDArray[np.bool_]) -> _Checked:
        """Refusals of learning rates, and what is warned of."""
        # Where half of the critical rate is not reached for sure, neither is what depends on it.
        stable = self.stable()[self.network]
        points = np.flatnonzero(~odd & ~(self.rate < RUNS_AWAY_ABOVE * stable))
        self.critical(np.unique(self.network[points]))
        share = np.zeros(len(self.rate))
        share[points] = self.rate[points] / self._critical[self.network[points]]
        refused = {k: str(not_found()) for k in np.flatnonzero(np.isnan(share)).tolist()}
        for k in np.flatnonzero(share >= 1).tolist():
            limits = {name: float(values[k]) for name, values in self.limits.items()}
            network = self.network[k]
            critical = float(self._critical[network] * self.curvature[network])
            try:
                require_stable(
                    self.problems.problem(k),
                    Validity(**limits, critical_rate=critical, rate_over_critical=float(share[k])),
                )
            except RequestError as error:
                refused[k] = str(error)
        large = np.zeros(len(self.rate), dtype=np.intp)
        for bit, name in enumerate(MEANINGS):
            large |= (self.limits[name] > WARN_ABOVE).astype(np.intp) << bit
        rough = (large > 0).astype(np.intp)
        still = ((self.values > 0).sum(axis=1) <= 1).astype(np.intp)[self.network]
        return _Checked(
            refused,
            large
            | rough * (share > RUNS_AWAY_ABOVE) << 4
            | (self.limits["threshold"] > 1).astype(np.intp) << 5
            | still << 6,
        )


def _held(part: Array) -> NDArray[np.bool_]:
    """Where numbers, by their first axis, have all their digits, or are zero."""
    size = np.abs(part)
    held = (size == 0) | ((size >= _SMALLEST) & (size < np.inf))
    return np.asarray(held if held.ndim == 1 else held.all(axis=1))


def _hidden_order(values: Array) -> Indices:
    """As `hidden_order`, point by point, and those that are not active last."""
    order = np.argsort(-values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    apart = ordered[:, :-1] - ordered[:, 1:] > DEGENERACY_TOLERANCE * ordered[:, :-1]
    runs = np.pad(np.cumsum(apart, axis=1), ((0, 0), (1, 0)))
    within = np.argsort(runs * values.shape[1] + order, axis=1, kind="stable")
    return np.take_along_axis(order, within, axis=1)


def _exponent(values: Array) -> Array:
    """Of two, rounded; 0 for what has none."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(values > 0, np.round(np.log2(values)), 0.0))

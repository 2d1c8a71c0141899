"""The correction of each number of an evaluation, per unit of the learning rate.

``c`` of ``q = q_0 (1 + c eta + ...)``; ``None`` where the number itself is zero, or where its
correction is not computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from types import MappingProxyType
from typing import Any, ClassVar

from symdrift.evaluation.validity import WARN_ABOVE, Validity, percent_off
from symdrift.records import DiagonalRows, Record, plain

Correction = float | None


@dataclass(frozen=True)
class MinimumCorrections(Record):
    """Of the loss at the minimum: its excess, to leading order."""

    loss: Correction


@dataclass(frozen=True)
class FluctuationCorrections(Record):
    """Of the variance of the weights about their mean, and of the excess loss.

    Attributes
    ----------
    by_gradients : (float, float)
        Share of gradient noise in both.  The rest is by synaptic noise, whose own next order is
        not known, and is taken to change it by the same factor.
    """

    unwritten = ("by_gradients",)

    weight_variance: Correction
    excess_loss: Correction
    by_gradients: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class DriftCorrections(Record):
    """By planes, as in `Drift`: of the covariance ``V`` and of the mean rotation."""

    behind = MappingProxyType({"diffusion": "covariance"})

    planes: tuple[tuple[int, int], ...]
    covariance: tuple[tuple[Correction, ...], ...]
    mean_rotation: tuple[Correction, ...]

    @property
    def diffusion(self) -> tuple[Correction, ...]:
        """Of the diagonal of ``D = V / 2``."""
        return tuple(row[place] for place, row in enumerate(self.covariance))


class IndependentDriftCorrections(DriftCorrections):
    """Of planes that turn independently: the rest of ``V`` is zero, and has no correction.

    A record has those of the diagonal, and says so.

    Parameters
    ----------
    planes : tuple of (int, int)
    variances : tuple of float or None
        Of the diagonal of ``V``.
    mean_rotation : tuple of float or None
    """

    behind = MappingProxyType({"diagonal": "covariance", "diffusion": "diagonal"})
    diagonal: ClassVar[bool] = True

    def __init__(
        self,
        planes: tuple[tuple[int, int], ...],
        variances: tuple[Correction, ...],
        mean_rotation: tuple[Correction, ...],
    ) -> None:
        for name, value in (
            ("planes", planes), ("_variances", variances), ("mean_rotation", mean_rotation)
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    @property
    def diffusion(self) -> tuple[Correction, ...]:
        found: tuple[Correction, ...] = self.__dict__["_variances"]
        return found

    @property
    def covariance(self) -> tuple[tuple[Correction, ...], ...]:
        nothing = (None,) * len(self.planes)
        return tuple(
            (*nothing[:place], correction, *nothing[place + 1 :])
            for place, correction in enumerate(self.diffusion)
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON record, in plain Python types."""
        return {
            name: plain(self.diffusion if name == "covariance" else getattr(self, name))
            for name in self.written()
        }

    def full(self) -> FullDriftCorrections:
        """The same with a matrix for ``V`` in records."""
        return FullDriftCorrections(self.planes, self.diffusion, self.mean_rotation)


class FullDriftCorrections(IndependentDriftCorrections):
    """The same, of which a record has those of all of ``V``, row by row: `DiagonalRows`."""

    behind = DriftCorrections.behind

    def to_dict(self) -> dict[str, Any]:
        """The JSON record, in plain Python types but for the rows of ``V``."""
        return super().to_dict() | {"covariance": DiagonalRows(self.diffusion, None)}


@dataclass(frozen=True)
class StimulusCorrections(Record):
    """As `StimulusDrift`.

    Attributes
    ----------
    by_gradients : float or None
        Part of gradient noise in the correction of the squared norm; that of synaptic noise is in
        proportion to its variance over the square of the learning rate.
    turning_rate : float or None
        Of the steady rotation, a speed over a length.
    """

    unwritten = ("by_gradients", "turning_rate")

    name: str
    squared_norm: Correction
    diffusion: Correction
    decay_rate: Correction
    mean_speed: Correction
    by_gradients: Correction
    turning_rate: Correction


@dataclass(frozen=True)
class Corrections(Record):
    """The next order in the learning rate, by the blocks of an evaluation.

    Without ``drift`` where the evaluation leaves the planes out, and without ``minimum`` for what
    is observed of stimuli.

    Attributes
    ----------
    late : tuple of ((int, int), float)
        Planes that stand still at leading order and turn at the next, and their ``V`` over
        ``eta^4``: of these zero has no relative correction.
    """

    unwritten = ("late",)

    minimum: MinimumCorrections | None
    fluctuation: FluctuationCorrections
    drift: DriftCorrections | None
    stimuli: tuple[StimulusCorrections, ...]
    late: tuple[tuple[tuple[int, int], float], ...] = ()

    def written(self) -> tuple[str, ...]:
        """Minimum and planes where there are any."""
        return tuple(name for name in super().written() if getattr(self, name) is not None)

    def listed(self) -> Iterator[tuple[str, float]]:
        """Those that there are, by the dotted name of the number that they correct."""
        found: list[tuple[str, Correction]] = []
        if self.minimum is not None:
            found.append(("minimum.loss", self.minimum.loss))
        found += [(f"fluctuation.{name}", c) for name, c in self.fluctuation.to_dict().items()]
        if self.drift is not None:
            planes = [f"drift.{{}}.{i}-{j}" for i, j in self.drift.planes]
            diffusion, mean_rotation = self.drift.diffusion, self.drift.mean_rotation
            for name, values in (
                ("covariance", diffusion), ("diffusion", diffusion),
                ("mean_rotation", mean_rotation),
            ):  # fmt: skip
                found += zip((plane.format(name) for plane in planes), values, strict=True)
        for stimulus in self.stimuli:
            numbers = stimulus.to_dict()
            own = numbers.pop("name")
            found += [(f"stimuli.{own}.{name}", c) for name, c in numbers.items()]
        return ((name, c) for name, c in found if c is not None)

    def errors(self, learning_rate: float, validity: Validity) -> dict[str, float]:
        """Expected relative error of every number, by its dotted name.

        By how much the next order changes it, ``|c| eta``, and what later orders are expected to:
        those of fluctuation and drift grow towards the critical rate (`Validity.later_orders`),
        that of the loss with the excess loss that it leaves out.  The change of a squared norm is
        fluctuation itself, and what follows is taken as twice its share of the critical rate
        beside it: simulations have shown up to 1.6 times.

        Parameters
        ----------
        learning_rate : float
        validity : Validity
            At that rate.
        """
        ratio = validity.rate_over_critical
        found = {}
        for name, correction in self.listed():
            change = learning_rate * abs(correction)
            if name == "minimum.loss":
                change = change / (1 - ratio) if ratio < 1 else inf
            elif name.endswith(".squared_norm"):
                change *= (1 + ratio) / (1 - ratio) if ratio < 1 else inf
            else:
                change = change_and_later(correction, learning_rate, validity)
            found[name] = change
        return found


def change_and_later(correction: float, learning_rate: float, validity: Validity) -> float:
    """Relative error by the next order of a number of the fluctuation and by those after it."""
    change = learning_rate * abs(correction)
    return change + validity.later_orders(change)


def turning_later(corrections: Corrections, learning_rate: float) -> tuple[str, ...]:
    """Say which planes turn though they stand still at leading order, in one sentence."""
    if not corrections.late:
        return ()
    (i, j), most = max(corrections.late, key=lambda found: found[1])
    others = len(corrections.late) - 1
    return (
        f"plane {i}, {j}{f' and {others} more' if others else ''} stand"
        f"{'' if others else 's'} still at leading order only: the next order turns "
        f"{'the first of them' if others else 'it'} by a variance of "
        f"{most * learning_rate**4:.3g} rad^2 per step, which rates and time scales of leading "
        "order do not have",
    )


def rough_numbers(errors: Mapping[str, float], foreseen: float) -> tuple[str, ...]:
    """Warn where expected errors are large; they are finite.

    Parameters
    ----------
    errors : Mapping of str to float
    foreseen : float
        `Validity.expected_error`, which is exceeded by what nearly cancels at leading order.
    """
    name = max(errors, key=errors.__getitem__, default="")
    if not errors or errors[name] <= WARN_ABOVE:
        return ()
    many = sum(error > WARN_ABOVE for error in errors.values())
    return (
        f"numbers of leading order are expected to be off by more than {100 * WARN_ABOVE:g} %, "
        f"{many} of them, most of all {name}, by {percent_off(errors[name])}: the next orders in "
        "the learning rate are not small"
        + (
            ""
            if errors[name] <= foreseen
            else f"; validity.expected_error, {percent_off(foreseen)}, is that of numbers whose "
            "next order is not computed, and too small where leading terms nearly cancel"
        ),
    )

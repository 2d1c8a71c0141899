"""The correction of each number of an evaluation, per unit of the learning rate.

``c`` of ``q = q_0 (1 + c eta + ...)``; ``None`` where the number itself is zero, or where its
correction is not computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from symdrift.records import Record

Correction = float | None


@dataclass(frozen=True)
class MinimumCorrections(Record):
    """Of the loss at the minimum: its excess, to leading order."""

    loss: Correction


@dataclass(frozen=True)
class FluctuationCorrections(Record):
    """Of the variance of the weights about their mean, and of the excess loss."""

    weight_variance: Correction
    excess_loss: Correction


@dataclass(frozen=True)
class DriftCorrections(Record):
    """By planes, as in `Drift`: of the covariance ``V`` and of the mean rotation."""

    recorded = ("planes", "covariance", "diffusion", "mean_rotation")

    planes: tuple[tuple[int, int], ...]
    covariance: tuple[tuple[Correction, ...], ...]
    mean_rotation: tuple[Correction, ...]

    @property
    def diffusion(self) -> tuple[Correction, ...]:
        """Of the diagonal of ``D = V / 2``."""
        return tuple(row[place] for place, row in enumerate(self.covariance))


@dataclass(frozen=True)
class StimulusCorrections(Record):
    """As `StimulusDrift`."""

    name: str
    squared_norm: Correction
    diffusion: Correction
    decay_rate: Correction
    mean_speed: Correction


@dataclass(frozen=True)
class Corrections(Record):
    """The next order in the learning rate, by the blocks of an evaluation."""

    minimum: MinimumCorrections
    fluctuation: FluctuationCorrections
    drift: DriftCorrections
    stimuli: tuple[StimulusCorrections, ...]

    def listed(self) -> Iterator[tuple[str, float]]:
        """Those that there are, by the dotted name of the number that they correct."""
        found: list[tuple[str, Correction]] = [("minimum.loss", self.minimum.loss)]
        found += [(f"fluctuation.{name}", c) for name, c in self.fluctuation.to_dict().items()]
        planes = [f"{i}-{j}" for i, j in self.drift.planes]
        for name, values in (
            ("covariance", self.drift.diffusion),
            ("diffusion", self.drift.diffusion),
            ("mean_rotation", self.drift.mean_rotation),
        ):
            found += [(f"drift.{name}.{plane}", c) for plane, c in zip(planes, values, strict=True)]
        for stimulus in self.stimuli:
            numbers = stimulus.to_dict()
            own = numbers.pop("name")
            found += [(f"stimuli.{own}.{name}", c) for name, c in numbers.items()]
        return ((name, c) for name, c in found if c is not None)

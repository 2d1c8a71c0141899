"""A finite set of stimuli, each met with its own probability."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from symdrift.errors import RequestError
from symdrift.inputs.distribution import (
    Array,
    NamedVector,
    QuarticMap,
    Recipe,
    checked_rows,
    named_axes,
    read_only,
    weighted_fourth_moments,
    weighted_product_covariance,
    weighted_second_moment,
)

PROBABILITY_TOLERANCE = 1e-9
"""Deviation of a sum of probabilities from 1 that counts as rounding."""


@dataclass(frozen=True, eq=False)
class StimulusSet:
    """A finite set of stimuli, each presented with its probability.

    The second moment may be singular (fewer stimuli than inputs): weight decay keeps
    the minimum strict along inputs that are never seen.

    Attributes
    ----------
    stimuli : Array
        One stimulus per row, shape ``(K, n)``.
    probabilities : Array
        Shape ``(K,)``, positive, summing to 1 (rescaled to do so exactly).

    Raises
    ------
    RequestError
        When shapes disagree, entries are not finite, every stimulus is zero, or the
        probabilities are not positive or do not sum to 1.
    """

    stimuli: Array
    probabilities: Array
    kind: ClassVar[str] = "stimuli"
    full_rank: ClassVar[bool] = False
    source: ClassVar[None] = None
    not_gaussian: ClassVar[str] = "the inputs are not Gaussian"
    kurtosis: ClassVar[None] = None
    always_noisy: ClassVar[bool] = False

    def __post_init__(self) -> None:
        stimuli = checked_rows("inputs.stimuli", self.stimuli)
        probabilities = read_only(self.probabilities)
        if probabilities.shape != (len(stimuli),):
            raise RequestError(
                "inputs.probabilities",
                f"must hold one number for each of the {len(stimuli)} stimuli, "
                f"not an array of shape {probabilities.shape}",
            )
        if not np.all(np.isfinite(probabilities)) or np.any(probabilities <= 0):
            raise RequestError(
                "inputs.probabilities",
                "must be finite and positive; leave out stimuli that are never shown",
            )
        total = float(probabilities.sum())
        if abs(total - 1) > PROBABILITY_TOLERANCE:
            raise RequestError("inputs.probabilities", f"sum to {total:.12g} and must sum to 1")
        if not np.any(stimuli):
            raise RequestError("inputs.stimuli", "are all zero; at least one must not be")
        object.__setattr__(self, "stimuli", stimuli)
        object.__setattr__(self, "probabilities", read_only(probabilities / total))

    @property
    def description(self) -> str:
        return f"{len(self.stimuli)} stimuli"

    @property
    def mean(self) -> Array:
        """``sum_k f_k x_k``, shape ``(n,)``."""
        return np.asarray(self.probabilities @ self.stimuli)

    @property
    def covariance(self) -> Array:
        """Second moment ``sum_k f_k x_k x_k'``, shape ``(n, n)``."""
        return weighted_second_moment(self.stimuli, self.probabilities)

    def product_covariance(self, left: Array, right: Array) -> Array:
        """``sum_k f_k (z_k - E[z]) (z_k - E[z])'`` over the stimuli."""
        return weighted_product_covariance(self.stimuli, self.probabilities, left, right)

    def fourth_moments(self, axes: Array) -> QuarticMap:
        """Sums over the stimuli."""
        return weighted_fourth_moments(self.stimuli, self.probabilities, axes)

    def nodes(self) -> tuple[Array, Array]:
        """The stimuli and their probabilities."""
        return self.stimuli, self.probabilities

    @property
    def node_count(self) -> int:
        """Stimuli."""
        return len(self.stimuli)

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        """Independent presentations, shape ``size + (n,)``."""
        chosen = rng.choice(len(self.stimuli), size=size, p=self.probabilities)
        return np.asarray(self.stimuli[chosen])

    def recipe(self) -> Recipe:
        return Recipe(False, False, self.stimuli, self.probabilities)

    def named_stimuli(self, most: int) -> tuple[NamedVector, ...]:
        if len(self.stimuli) > most:
            return named_axes(self.stimuli.shape[1])
        return tuple((f"stimulus {k + 1}", x) for k, x in enumerate(self.stimuli))

    def scaled(self, factor: float) -> StimulusSet:
        """The same inputs with ``factor`` times the variance in every direction."""
        return replace(self, stimuli=np.sqrt(factor) * self.stimuli)

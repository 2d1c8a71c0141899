"""Input distributions: exact moments on one side, a sampler on the other."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class InputDistribution(Protocol):
    """Zero-mean inputs of dimension ``n``, as moments and as a sampler."""

    @property
    def covariance(self) -> Array:
        """Second moment ``Sigma = E[x x']``, shape ``(n, n)``."""

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        """Independent inputs, shape ``size + (n,)``."""

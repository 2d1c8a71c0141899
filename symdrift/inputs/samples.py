"""Inputs drawn from recorded samples, and where these come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np

from symdrift.errors import RequestError
from symdrift.inputs.distribution import (
    Array,
    InputDistribution,
    NamedVector,
    QuarticMap,
    Recipe,
    SampleSource,
    checked_rows,
    mean_share,
    named_axes,
    percentage,
    weighted_fourth_moments,
    weighted_product_covariance,
    weighted_second_moment,
)


@dataclass(frozen=True, eq=False)
class Samples:
    """The empirical distribution of a data set: every row equally probable.

    Attributes
    ----------
    rows : Array
        One sample per row, shape ``(K, n)``.
    source : SampleSource or None
        Where they come from.

    Raises
    ------
    RequestError
        When the rows are not a finite matrix with at least one non-zero entry.
    """

    rows: Array
    source: SampleSource | None = None
    kind: ClassVar[str] = "samples"
    full_rank: ClassVar[bool] = False
    not_gaussian: ClassVar[str] = "the inputs are not Gaussian"
    kurtosis: ClassVar[None] = None
    always_noisy: ClassVar[bool] = False

    def __post_init__(self) -> None:
        rows = checked_rows("inputs.file", self.rows)
        if not np.any(rows):
            raise RequestError("inputs.file", "holds only zeros; at least one sample must not be 0")
        object.__setattr__(self, "rows", rows)

    @property
    def description(self) -> str:
        return f"{len(self.rows)} samples of a data set"

    @property
    def mean(self) -> Array:
        """``mean_k x_k``, shape ``(n,)``."""
        return np.asarray(self.rows.mean(axis=0))

    @property
    def covariance(self) -> Array:
        """Second moment ``mean_k x_k x_k'``, shape ``(n, n)``."""
        return weighted_second_moment(self.rows, self._weights())

    def product_covariance(self, left: Array, right: Array) -> Array:
        """``mean_k (z_k - E[z]) (z_k - E[z])'`` over the samples."""
        return weighted_product_covariance(self.rows, self._weights(), left, right)

    def fourth_moments(self, axes: Array) -> QuarticMap:
        """Means over the samples."""
        return weighted_fourth_moments(self.rows, self._weights(), axes)

    def nodes(self) -> tuple[Array, Array]:
        """The rows, each with the same weight."""
        return self.rows, self._weights()

    @property
    def node_count(self) -> int:
        """Rows."""
        return len(self.rows)

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        """Rows drawn with replacement, shape ``size + (n,)``."""
        return np.asarray(self.rows[rng.integers(len(self.rows), size=size)])

    def recipe(self) -> Recipe:
        return Recipe(False, False, self.rows, self._weights())

    def named_stimuli(self, most: int) -> tuple[NamedVector, ...]:
        """The axes, by their names in the file."""
        axes = named_axes(self.rows.shape[1])
        if self.source is None:
            return axes
        return tuple((name, axis) for name, (_, axis) in zip(self.source.names, axes, strict=True))

    def _weights(self) -> Array:
        return np.full(len(self.rows), 1 / len(self.rows))

    def scaled(self, factor: float) -> Samples:
        """The same inputs with ``factor`` times the variance in every direction."""
        return replace(self, rows=np.sqrt(factor) * self.rows)


def input_record(inputs: InputDistribution) -> dict[str, Any]:
    """What inputs are and where they come from, in plain Python types."""
    record: dict[str, Any] = {"distribution": inputs.kind, "mean_share": mean_share(inputs)}
    if isinstance(inputs, Samples):
        record["rows"] = len(inputs.rows)
        if inputs.source is not None:
            kept = asdict(inputs.source)
            record |= {name: list(v) if isinstance(v, tuple) else v for name, v in kept.items()}
    return record


def input_facts(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What an :func:`input_record` says of data, in words: what it is about, and what holds."""
    if "rows" in record:
        yield "samples", f"{record['rows']} rows"
    if "file" in record:
        used, columns = len(record["used"]), record["columns"]
        yield "columns", str(used) if used == columns else f"{used} of {columns}"
        header, line = record["header"], record["header_line"]
        yield "header", "none" if header == "none" else f"{header} of the columns, line {line}"
        yield "mean taken out", "yes" if record["centred"] else "no"
    if record.get("components") is not None:
        what = "variance" if record["centred"] else "second moment"
        explained = percentage(record["explained"])
        yield "principal components", f"{record['components']}, {explained} of the {what}"
    if record["distribution"] in ("stimuli", "samples"):
        yield "mean of the inputs, share of their power", percentage(record["mean_share"])
        about = "second moment about zero" if record["mean_share"] else "covariance"
        yield "their matrix Sigma", about

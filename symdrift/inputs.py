"""Input distributions: exact moments on one side, a sampler on the other.

Only the second moment ``Sigma = E[x x']`` and the fourth moment of the inputs enter
the theory (label noise is independent of the inputs, so odd moments drop out).  "Zero
mean" is therefore no restriction: a finite set of stimuli with a mean is covered by
its second moment about zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError

Array = NDArray[np.float64]

SYMMETRY_TOLERANCE = 1e-12
"""Asymmetry of a covariance, relative to its largest entry, that counts as rounding."""

PROBABILITY_TOLERANCE = 1e-9
"""Deviation of a sum of probabilities from 1 that counts as rounding."""

KURTOSIS_TOLERANCE = 1e-9
"""Relative deviation from the least kurtosis that counts as rounding."""

LARGEST_KURTOSIS = 1e6
"""Beyond it all of the variance is in less than one sample of a million."""

ROWS_PER_BLOCK = 4096
"""Samples whose products are held in memory at a time."""

NO_MEAN = 1e-24
"""Share of the power of inputs that a mean has by rounding alone."""


class InputDistribution(Protocol):
    """Inputs of dimension ``n``, as moments and as a sampler."""

    kind: ClassVar[str]
    """What a study calls the distribution."""

    @property
    def mean(self) -> Array:
        """``E[x]``, shape ``(n,)``."""

    @property
    def covariance(self) -> Array:
        """Second moment ``Sigma = E[x x']``, shape ``(n, n)``."""

    def product_covariance(self, left: Array, right: Array) -> Array:
        """Covariance of products of linear forms, ``z_k = (left_k . x)(right_k . x)``.

        Every component of a per-sample gradient is such a product, so this is all that
        the gradient noise needs of the fourth moment, and no ``n**4`` tensor is built.

        Parameters
        ----------
        left, right : Array
            Coefficients of the linear forms, shape ``(K, n)`` each.

        Returns
        -------
        Array
            ``Cov(z)``, shape ``(K, K)``.
        """

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        """Independent inputs, shape ``size + (n,)``."""


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Gaussian inputs; the closed form applies to these when teacher and inputs align.

    Attributes
    ----------
    covariance : Array
        Shape ``(n, n)``, symmetric and positive definite.

    Raises
    ------
    RequestError
        When the covariance is not finite, square, symmetric and positive definite.
    """

    covariance: Array
    kind: ClassVar[str] = "gaussian"

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", _checked_covariance(self.covariance))

    @property
    def mean(self) -> Array:
        """Zero, shape ``(n,)``."""
        return np.zeros(len(self.covariance))

    def product_covariance(self, left: Array, right: Array) -> Array:
        """Isserlis: ``Cov = (L S L')*(R S R') + (L S R')*(R S L')`` (entrywise products)."""
        return _paired_moments(self.covariance, left, right)

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        """Independent inputs, shape ``size + (n,)``."""
        return _gaussian_sample(self.covariance, rng, size)


@dataclass(frozen=True, eq=False)
class Elliptical:
    """Elliptical inputs ``x = r L u``: ``u`` uniform on the unit sphere, ``Sigma = L L'``.

    The squared length ``r^2`` is independent of ``u`` and gamma distributed, with mean ``n`` and
    relative variance ``rho = (2 + kappa (n + 2)) / n``.  So ``E r^4 = (1 + kappa) n (n + 2)``, and
    the fourth moment of ``x`` is ``(1 + kappa)`` times the Gaussian one: with ``kappa = 0`` the
    inputs are Gaussian, and at the least kurtosis that any inputs of this kind can have,
    ``-2 / (n + 2)``, they have one length.

    Attributes
    ----------
    covariance : Array
        Shape ``(n, n)``, symmetric and positive definite.
    kurtosis : float
        Excess ``kappa`` (a third of the excess kurtosis of each component), at least
        ``-2 / (n + 2)``; what misses that by rounding is moved there.

    Raises
    ------
    RequestError
        When the covariance is not symmetric positive definite, or the kurtosis is too small or
        so large that fourth moments are beyond double precision.
    """

    covariance: Array
    kurtosis: float
    kind: ClassVar[str] = "elliptical"

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", _checked_covariance(self.covariance))
        inputs = len(self.covariance)
        require_kurtosis(self.kurtosis, inputs)
        object.__setattr__(self, "kurtosis", max(self.kurtosis, least_kurtosis(inputs)))

    @property
    def length_variance(self) -> float:
        """Relative variance ``rho`` of the squared length ``r^2``."""
        inputs = len(self.covariance)
        return max(0.0, (2 + self.kurtosis * (inputs + 2)) / inputs)

    @property
    def mean(self) -> Array:
        """Zero, shape ``(n,)``."""
        return np.zeros(len(self.covariance))

    def product_covariance(self, left: Array, right: Array) -> Array:
        """Scaled Isserlis: ``(1 + kappa) Cov_gauss(z) + kappa E[z] E[z]'``."""
        means = np.einsum("ka,ab,kb->k", left, self.covariance, right)
        gaussian = _paired_moments(self.covariance, left, right)
        return (1 + self.kurtosis) * gaussian + self.kurtosis * np.outer(means, means)

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        """Independent inputs, shape ``size + (n,)``."""
        inputs, variance = len(self.covariance), self.length_variance
        directions = rng.standard_normal((*size, inputs))
        directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
        squared = np.full(size, float(inputs))
        if variance > 0:
            squared = inputs * variance * rng.gamma(1 / variance, size=size)
        return np.asarray(
            np.sqrt(squared)[..., np.newaxis] * directions @ np.linalg.cholesky(self.covariance).T
        )


def least_kurtosis(inputs: int) -> float:
    """``-2 / (n + 2)``: that of inputs of one length."""
    return -2 / (inputs + 2)


def require_kurtosis(kurtosis: float, inputs: int) -> None:
    """Refuse a kurtosis that no elliptical inputs have, or that cannot be computed with.

    Raises
    ------
    RequestError
        Naming the least one for the number of inputs.
    """
    field, least = "inputs.kurtosis", least_kurtosis(inputs)
    if not kurtosis >= least * (1 + KURTOSIS_TOLERANCE):
        raise RequestError(
            field,
            f"= {kurtosis:.12g} must be at least -2/(n + 2), with {inputs} input"
            f"{'s' if inputs > 1 else ''} {least:.12g}, where all of them have one length; "
            "0 is the Gaussian, more is heavier tails",
        )
    if kurtosis > LARGEST_KURTOSIS:
        raise RequestError(
            field,
            f"= {kurtosis:.12g} must be at most {LARGEST_KURTOSIS:g}; no sample shows more",
        )


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

    def __post_init__(self) -> None:
        stimuli = _checked_rows("inputs.stimuli", self.stimuli)
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
    def mean(self) -> Array:
        """``sum_k f_k x_k``, shape ``(n,)``."""
        return np.asarray(self.probabilities @ self.stimuli)

    @property
    def covariance(self) -> Array:
        """Second moment ``sum_k f_k x_k x_k'``, shape ``(n, n)``."""
        return _weighted_second_moment(self.stimuli, self.probabilities)

    def product_covariance(self, left: Array, right: Array) -> Array:
        """``sum_k f_k (z_k - E[z]) (z_k - E[z])'`` over the stimuli."""
        return _weighted_product_covariance(self.stimuli, self.probabilities, left, right)

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        """Independent presentations, shape ``size + (n,)``."""
        chosen = rng.choice(len(self.stimuli), size=size, p=self.probabilities)
        return np.asarray(self.stimuli[chosen])


@dataclass(frozen=True)
class SampleSource:
    """Where samples come from, and what was made of them.

    Attributes
    ----------
    file : str
        Name of the file.
    header : {"names", "numbers", "none"}
        What stands above the samples: names of the columns, or their numbers.
    header_line : int or None
    columns : int
        Columns of the file.
    used : tuple of str
        Columns that were taken, by name or, without one, by number.
    names : tuple of str
        What the axes of the inputs are called.
    centred : bool
        Whether the mean was taken out.
    components : int or None
        Principal components that the columns were reduced to.
    explained : float or None
        Share of the second moment (centred: of the variance) that they hold.
    remark : str
        What was decided about the first row, where it could have been read otherwise.
    """

    file: str
    header: str
    header_line: int | None
    columns: int
    used: tuple[str, ...]
    names: tuple[str, ...]
    centred: bool
    components: int | None
    explained: float | None
    remark: str


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

    def __post_init__(self) -> None:
        rows = _checked_rows("inputs.file", self.rows)
        if not np.any(rows):
            raise RequestError("inputs.file", "holds only zeros; at least one sample must not be 0")
        object.__setattr__(self, "rows", rows)

    @property
    def mean(self) -> Array:
        """``mean_k x_k``, shape ``(n,)``."""
        return np.asarray(self.rows.mean(axis=0))

    @property
    def covariance(self) -> Array:
        """Second moment ``mean_k x_k x_k'``, shape ``(n, n)``."""
        return _weighted_second_moment(self.rows, self._weights())

    def product_covariance(self, left: Array, right: Array) -> Array:
        """``mean_k (z_k - E[z]) (z_k - E[z])'`` over the samples."""
        return _weighted_product_covariance(self.rows, self._weights(), left, right)

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        """Rows drawn with replacement, shape ``size + (n,)``."""
        return np.asarray(self.rows[rng.integers(len(self.rows), size=size)])

    def _weights(self) -> Array:
        return np.full(len(self.rows), 1 / len(self.rows))


def mean_share(inputs: InputDistribution) -> float:
    """Share ``|E[x]|^2 / E[|x|^2]`` of the power of inputs that their mean has; 0 for rounding."""
    mean = inputs.mean
    share = float(mean @ mean / np.trace(inputs.covariance))
    return share if share > NO_MEAN else 0.0


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


def percentage(share: float) -> str:
    """A share in per cent."""
    if 0 < share < 1e-4:
        return "less than 0.01 %"
    return f"{100 * share:.3g} %"


def scaled_inputs(inputs: InputDistribution, factor: float) -> InputDistribution:
    """The same inputs with ``factor`` times the variance in every direction.

    Raises
    ------
    RequestError
        For a distribution of another kind than those above.
    """
    root = float(np.sqrt(factor))
    if isinstance(inputs, Gaussian | Elliptical):
        return replace(inputs, covariance=factor * inputs.covariance)
    if isinstance(inputs, StimulusSet):
        return replace(inputs, stimuli=root * inputs.stimuli)
    if isinstance(inputs, Samples):
        return replace(inputs, rows=root * inputs.rows)
    raise RequestError("inputs", f"of kind {type(inputs).__name__} cannot be rescaled")


def read_only(values: Array) -> Array:
    """A copy in float64 that cannot be changed, as frozen classes hold it."""
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array


def _checked_covariance(values: Array) -> Array:
    covariance = read_only(values)
    if covariance.ndim != 2 or covariance.shape[0] != covariance.shape[1] or not covariance.size:
        raise RequestError(
            "inputs.covariance", f"must be a square matrix, not of shape {covariance.shape}"
        )
    if not np.all(np.isfinite(covariance)):
        raise RequestError("inputs.covariance", "must be finite")
    asymmetry = np.max(np.abs(covariance - covariance.T))
    if asymmetry > SYMMETRY_TOLERANCE * np.max(np.abs(covariance)):
        raise RequestError(
            "inputs.covariance", f"must be symmetric; entries differ by {asymmetry:.3g}"
        )
    covariance = 0.5 * (covariance + covariance.T)
    require_positive_definite(covariance)
    return read_only(covariance)


def require_positive_definite(covariance: Array) -> None:
    """Refuse a symmetric matrix that is no covariance of inputs which all vary.

    Raises
    ------
    RequestError
        When an eigenvalue is negative, or lost in rounding beside the largest.
    """
    eigenvalues = np.linalg.eigvalsh(covariance)
    smallest, largest = eigenvalues[[0, -1]]
    rounding = len(covariance) * np.finfo(float).eps * max(abs(smallest), abs(largest))
    if smallest > rounding:
        return
    rank = int(np.sum(eigenvalues > rounding))
    if smallest < -rounding:
        problem = (
            f"is not positive definite: its smallest eigenvalue is {smallest:.4g}, and "
            "no inputs have such a covariance; correct the entries"
        )
    elif smallest > 0 and not np.any(covariance - np.diag(covariance.diagonal())):
        problem = (
            f"has variances from {smallest:.4g} to {largest:.4g}, and the smallest is lost in "
            "rounding beside the largest; rescale the inputs, or leave out those that vary so "
            "little"
        )
    elif rank == 0:
        problem = "is zero, and inputs that never vary teach nothing; give their variances"
    else:
        axes = "the one axis along which" if rank == 1 else f"the {rank} axes along which"
        problem = (
            f"is not positive definite: it has rank {rank} of {len(covariance)}, so some "
            "combination of inputs never varies, or so little beside the others that rounding "
            f"hides it; describe the inputs on {axes} they do"
        )
    raise RequestError("inputs.covariance", problem)


def _checked_rows(field: str, values: Array) -> Array:
    rows = read_only(values)
    if rows.ndim != 2 or not rows.size:
        raise RequestError(
            field, f"must be a matrix with one row per sample, not of shape {rows.shape}"
        )
    if not np.all(np.isfinite(rows)):
        raise RequestError(field, "must be finite")
    return rows


def _gaussian_sample(covariance: Array, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
    factor = np.linalg.cholesky(covariance)
    return np.asarray(rng.standard_normal((*size, len(covariance))) @ factor.T)


def _paired_moments(covariance: Array, left: Array, right: Array) -> Array:
    """Covariance of products of linear forms of a Gaussian vector (Isserlis)."""
    crossed = left @ covariance @ right.T
    return (left @ covariance @ left.T) * (right @ covariance @ right.T) + crossed * crossed.T


def _weighted_second_moment(rows: Array, weights: Array) -> Array:
    moment = (rows * weights[:, np.newaxis]).T @ rows
    return 0.5 * (moment + moment.T)


def _weighted_product_covariance(rows: Array, weights: Array, left: Array, right: Array) -> Array:
    means = np.einsum("ka,ab,kb->k", left, _weighted_second_moment(rows, weights), right)
    total = np.zeros((len(left), len(left)))
    for start in range(0, len(rows), ROWS_PER_BLOCK):
        block = slice(start, start + ROWS_PER_BLOCK)
        products = (rows[block] @ left.T) * (rows[block] @ right.T) - means
        products *= np.sqrt(weights[block])[:, np.newaxis]
        total += products.T @ products
    return total

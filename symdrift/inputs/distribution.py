"""What a distribution of inputs is: exact moments on one side, a sampler on the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, product
from math import comb
from typing import ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError

Array = NDArray[np.float64]

SYMMETRY_TOLERANCE = 1e-12
"""Asymmetry of a covariance, relative to its largest entry, that counts as rounding."""

LARGEST_TABLE = 2**22
"""Numbers in a table of fourth moments that is kept, instead of adding over the samples."""

ROWS_PER_BLOCK = 4096
"""Samples whose products are held in memory at a time."""

NO_MEAN = 1e-24
"""Share of the power of inputs that a mean has by rounding alone."""

_SQUARES = (0.0, 3.0, 1.0, 16.0, 6.0)
"""Squared coordinates of the points of the Gaussian formula; to any others belong other weights.

With 3 first some weights vanish, and with these the sizes of the others add up to a few tens.
"""

NamedVector = tuple[str, Array]
QuarticMap = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class Recipe:
    """How a compiled loop draws inputs.

    Attributes
    ----------
    components : bool
        Whether they are Gaussian components along the eigenvectors of the covariance.
    lengths : bool
        Whether these keep their direction only, and the length is a row of the table.
    rows : Array
        Table of inputs or lengths, shape ``(K, n)`` or ``(K, 1)``; unused for Gaussian inputs.
    probabilities : Array
        Of its rows, shape ``(K,)``.
    """

    components: bool
    lengths: bool
    rows: Array
    probabilities: Array


GAUSSIAN_RECIPE = Recipe(True, False, np.zeros((1, 1)), np.ones(1))


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


class InputDistribution(Protocol):
    """Inputs of dimension ``n``, as moments and as a sampler."""

    kind: ClassVar[str]
    """What a study calls the distribution."""

    @property
    def description(self) -> str:
        """What a table calls it, with its numbers."""

    @property
    def source(self) -> SampleSource | None:
        """Where it was read, if it was."""

    @property
    def not_gaussian(self) -> str | None:
        """What keeps its fourth moments from being Gaussian, as a clause; ``None`` if nothing."""

    @property
    def kurtosis(self) -> float | None:
        """``kappa`` where its fourth moments are ``1 + kappa`` times the Gaussian ones."""

    @property
    def always_noisy(self) -> bool:
        """Whether gradients vary from sample to sample whatever is learned."""

    @property
    def full_rank(self) -> bool:
        """Whether inputs vary along every axis, by their kind."""

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

    def fourth_moments(self, axes: Array) -> QuarticMap:
        """How samples weight their own products: ``P -> E[(x'P x) x x']``, exactly.

        Parameters
        ----------
        axes : Array
            Orthogonal, as columns, shape ``(n, n)``; forms ``P``, shape ``(..., n, n)``, and
            results are in coordinates along them.
        """

    def nodes(self) -> tuple[Array, Array]:
        """Points ``(K, n)`` and weights ``(K,)``; averages of polynomials of even degree up to
        eight, weighted sums over the points, are exact.
        """

    @property
    def node_count(self) -> int:
        """Points of `nodes`, known before they are made."""

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        """Independent inputs, shape ``size + (n,)``."""

    def recipe(self) -> Recipe:
        """How a compiled loop draws the inputs."""

    def named_stimuli(self, most: int) -> tuple[NamedVector, ...]:
        """What to follow unless a study says so: its stimuli up to ``most``, or the axes."""

    def scaled(self, factor: float) -> InputDistribution:
        """The same inputs with ``factor`` times the variance in every direction."""


def named_axes(inputs: int) -> tuple[NamedVector, ...]:
    """Axes of the inputs, counted from 1."""
    return tuple((f"axis {k + 1}", axis) for k, axis in enumerate(np.eye(inputs)))


def mean_share(inputs: InputDistribution) -> float:
    """Share ``|E[x]|^2 / E[|x|^2]`` of the power of inputs that their mean has; 0 for rounding."""
    mean = inputs.mean
    share = float(mean @ mean / np.trace(inputs.covariance))
    return share if share > NO_MEAN else 0.0


def varying_share(rows: Array, weights: Array) -> float:
    """Share of the power of weighted rows that is no mean; exact where it is tiny."""
    power = float(weights @ np.sum(rows**2, axis=1))
    return float(weights @ np.sum((rows - weights @ rows) ** 2, axis=1)) / power


def percentage(share: float) -> str:
    """A share in per cent."""
    if 0 < share < 1e-4:
        return "less than 0.01 %"
    return f"{100 * share:.3g} %"


def read_only(values: Array) -> Array:
    """A copy in float64 that cannot be changed, as frozen classes hold it."""
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array


def checked_covariance(values: Array) -> Array:
    """A covariance matrix, exactly symmetric and not to be changed.

    Raises
    ------
    RequestError
        When it is no finite, symmetric, positive definite matrix.
    """
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


def checked_rows(field: str, values: Array) -> Array:
    """Samples or stimuli as rows of a matrix that is not to be changed.

    Raises
    ------
    RequestError
        When they are no finite matrix.
    """
    rows = read_only(values)
    if rows.ndim != 2 or not rows.size:
        raise RequestError(
            field, f"must be a matrix with one row per sample, not of shape {rows.shape}"
        )
    if not np.all(np.isfinite(rows)):
        raise RequestError(field, "must be finite")
    return rows


@dataclass(frozen=True, eq=False)
class AroundZero:
    """Inputs without a mean that vary along every axis.

    Attributes
    ----------
    covariance : Array
        Shape ``(n, n)``, symmetric and positive definite.
    """

    covariance: Array
    full_rank: ClassVar[bool] = True
    source: ClassVar[None] = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", checked_covariance(self.covariance))

    @property
    def mean(self) -> Array:
        """Zero, shape ``(n,)``."""
        return np.zeros(len(self.covariance))

    def named_stimuli(self, most: int) -> tuple[NamedVector, ...]:
        return named_axes(len(self.covariance))

    def scaled(self, factor: float) -> Self:
        """The same inputs with ``factor`` times the variance in every direction."""
        return replace(self, covariance=factor * self.covariance)


def paired_moments(covariance: Array, left: Array, right: Array) -> Array:
    """Covariance of products of linear forms of a Gaussian vector (Isserlis)."""
    crossed = left @ covariance @ right.T
    return (left @ covariance @ left.T) * (right @ covariance @ right.T) + crossed * crossed.T


def gaussian_fourth_moments(covariance: Array, axes: Array) -> QuarticMap:
    """`InputDistribution.fourth_moments` of a Gaussian vector (Isserlis)."""
    turned = axes.T @ covariance @ axes

    def quartic(forms: Array) -> Array:
        power = np.einsum("...ab,ab->...", forms, turned)[..., np.newaxis, np.newaxis]
        return np.asarray(power * turned + turned @ (forms + forms.swapaxes(-1, -2)) @ turned)

    return quartic


def gaussian_nodes(covariance: Array) -> tuple[Array, Array]:
    """Points and weights that average polynomials up to the ninth degree exactly.

    The fully symmetric formula of Genz and Keister (J. Comput. Appl. Math. 71, 299, 1996), whose
    points have up to four coordinates other than zero; of opposite points, which agree, one stands
    here with both weights.  Weights may be negative.
    """
    size = len(covariance)
    distances = np.sqrt(_SQUARES)
    points, weights = [], []
    for steps, share in _gaussian_shares(size):
        axes = np.array(list(combinations(range(size), len(steps))), dtype=int)
        signs = np.array(list(product(*[(1.0, -1.0)] * len(steps))))[: (2 ** len(steps) + 1) // 2]
        found = np.zeros((len(axes), len(signs), size))
        found[
            np.arange(len(axes))[:, np.newaxis, np.newaxis],
            np.arange(len(signs))[:, np.newaxis],
            axes[:, np.newaxis],
        ] = signs * distances[list(steps)]
        points.append(found.reshape(-1, size))
        weights.append(np.full(len(points[-1]), share / len(signs)))
    return np.concatenate(points) @ np.linalg.cholesky(covariance).T, np.concatenate(weights)


@cache
def gaussian_node_count(size: int) -> int:
    """Points of `gaussian_nodes` in so many dimensions."""
    return sum(
        comb(size, len(steps)) * ((2 ** len(steps) + 1) // 2) for steps, _ in _gaussian_shares(size)
    )


def _gaussian_shares(size: int) -> Iterator[tuple[tuple[int, ...], float]]:
    """Distances of the coordinates that are not zero, and the weight on these coordinates.

    Along one axis, polynomials of degree ``2 k`` that vanish at the first ``k`` distances have the
    averages ``means[k]``; a product over the axes counts up to the eighth degree in all.
    """
    squares, most = np.array(_SQUARES), len(_SQUARES) - 1
    moments = np.cumprod([1.0, *(2.0 * k + 1 for k in range(most))])
    means, vanishing = [], np.ones(1)
    for square in squares:
        means.append(vanishing @ moments[: len(vanishing)])
        vanishing = np.convolve(vanishing, [-square, 1.0])
    shares = np.zeros((most + 1, most + 1))
    for step in range(most + 1):
        for further in range(most + 1 - step):
            others = np.delete(squares[: step + further + 1], step)
            shares[step, further] = means[step + further] / np.prod(squares[step] - others)
    for count in range(min(size, most) + 1):
        for steps in product(range(1, most + 1), repeat=count):
            if (left := most - sum(steps)) < 0:
                continue
            total = np.ones(1)
            for step in (*steps, *[0] * (size - count)):
                total = np.convolve(total, shares[step])[: left + 1]
            if (share := float(total[: left + 1].sum())) != 0:
                yield steps, share


def weighted_second_moment(rows: Array, weights: Array) -> Array:
    """``E[x x']`` of rows with probabilities, shape ``(n, n)``."""
    moment = (rows * weights[:, np.newaxis]).T @ rows
    return 0.5 * (moment + moment.T)


def weighted_product_covariance(rows: Array, weights: Array, left: Array, right: Array) -> Array:
    """`InputDistribution.product_covariance` of rows with probabilities."""
    means = np.einsum("ka,ab,kb->k", left, weighted_second_moment(rows, weights), right)
    total = np.zeros((len(left), len(left)))
    for start in range(0, len(rows), ROWS_PER_BLOCK):
        block = slice(start, start + ROWS_PER_BLOCK)
        products = (rows[block] @ left.T) * (rows[block] @ right.T) - means
        products *= np.sqrt(weights[block])[:, np.newaxis]
        total += products.T @ products
    return total


def weighted_fourth_moments(rows: Array, weights: Array, axes: Array) -> QuarticMap:
    """`InputDistribution.fourth_moments` of rows with probabilities."""
    turned = rows @ axes
    size = turned.shape[1]
    first, second = np.triu_indices(size)
    # A form has its coefficients on both sides of the diagonal.
    shares = np.where(first == second, 0.5, 1.0)
    place = np.empty((size, size), dtype=np.intp)
    place[first, second] = place[second, first] = np.arange(len(first))

    def products(block: slice) -> Array:
        return np.asarray(turned[block, first] * turned[block, second])

    blocks = [slice(k, k + ROWS_PER_BLOCK) for k in range(0, len(rows), ROWS_PER_BLOCK)]
    table: Array | None = None
    if len(first) <= len(rows) and len(first) ** 2 <= LARGEST_TABLE:
        table = np.zeros((len(first), len(first)))
        for block in blocks:
            table += (products(block).T * weights[block]) @ products(block)

    def quartic(forms: Array) -> Array:
        flat = forms.reshape(-1, size**2)
        folded = flat.take(first * size + second, axis=1)
        folded += flat.take(second * size + first, axis=1)
        folded *= shares
        if table is not None:
            moments = folded @ table
        else:
            moments = np.zeros(folded.shape)
            for block in blocks:
                found = products(block)
                moments += (folded @ found.T * weights[block]) @ found
        return np.asarray(moments.take(place.ravel(), axis=1).reshape(forms.shape))

    return quartic

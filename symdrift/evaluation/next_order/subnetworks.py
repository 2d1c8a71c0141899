"""The next order of aligned networks of any size, from small ones.

Where teacher, Gaussian inputs and label noise share their axes, a number that belongs to some of
these axes is a sum over the others, to leading order over one at a time, and at the next over one
more: the rotation of axes ``i`` and ``j`` over pairs ``(k, l)``, what belongs to one axis or to
none over triples.  Hence it is found from networks that have these axes and a few others alone:
with ``q(T)`` for that with others ``T``, and ``M`` others in all,

``q = sum_(m <= K) (-1)^(K - m) binom(M - m - 1, K - m) sum_(|T| = m) q(T)``.

Axes of the same kind, with equal eigenvalues, are counted and not told apart, so that the work
grows with the number of different kinds only, as its fourth power.

Into silent hidden units axes turn by synaptic noise alone, and one other axis at a time has a part
in it.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import comb

import numpy as np

from symdrift.evaluation.alignment import Alignment, align
from symdrift.evaluation.closed_form import AlignedNetwork
from symdrift.evaluation.next_order.alike_axes import alike_orders
from symdrift.evaluation.next_order.cost import (
    LONGEST,
    Cost,
    expansion_cost,
    require_affordable,
)
from symdrift.evaluation.next_order.expansion import (
    expand,
    mean_layer,
    mean_layer_by_synapses,
    noise_node_count,
    two_times,
)
from symdrift.evaluation.next_order.orders import Orders, Pair, Synaptic, general_orders
from symdrift.evaluation.parts import moving_planes
from symdrift.evaluation.strict_minima import active_axes
from symdrift.inputs import Gaussian
from symdrift.inputs.distribution import gaussian_node_count
from symdrift.study.problem import Array, LearningProblem

ALIKE = 1e-10
"""Relative distance below which eigenvalues count as equal."""

MOST_KINDS = 10
"""Different axes of an aligned network whose mean weights are found in a second or so."""

OTHERS = (3, 3, 2)
"""Other axes that enter together what belongs to no, one, or two axes."""

SECONDS_PER_LAG = 1e-3
"""That a network of three axes takes for its representations at two times."""

Key = tuple[int, ...]
"""Kinds of axes, in increasing order, with repetition."""

_Sort = tuple[bool, bool, bool, bool]

Numbers = dict[Key, Array]
"""By the kinds of the axes that they belong to."""


@dataclass(frozen=True)
class Kind:
    """What axes that are not told apart have in common.

    Attributes
    ----------
    variance : float or None
        Of the input, ``None`` for an output without one.
    gain : float
    noise : float or None
        Variance of the label noise, ``None`` for an input without an output.
    learned : float
        Singular value; 0 where the axis is not learned.
    """

    variance: float | None
    gain: float
    noise: float | None
    learned: float

    @property
    def sort(self) -> _Sort:
        """Whether it has an input, an output, noise, and is learned."""
        return (
            self.variance is not None, self.noise is not None, bool(self.noise), self.learned > 0
        )  # fmt: skip

    def alike(self, other: Kind) -> bool:
        pairs = zip(
            (self.variance, self.gain, self.noise, self.learned),
            (other.variance, other.gain, other.noise, other.learned),
            strict=True,
        )
        return all(
            a is b or (a is not None and b is not None and math.isclose(a, b, rel_tol=ALIKE))
            for a, b in pairs
        )


def require_few_axes(problem: LearningProblem, longest: float = LONGEST) -> None:
    """Refuse what `aligned_orders` refuses, before other work."""
    network = _Network.of(problem)
    if network.alike is None:
        _require_few(network, longest)


def aligned_orders(problem: LearningProblem, longest: float = LONGEST) -> Orders:
    """Both orders of an aligned problem with Gaussian inputs.

    Parameters
    ----------
    problem : LearningProblem

    Returns
    -------
    Orders
        In natural units.

    Raises
    ------
    RequestError
        When the minimum is refused, or the network has too many different axes.
    """
    network = _Network.of(problem)
    if (in_closed_form := network.alike) is not None:
        return in_closed_form
    _require_few(network, longest)
    sums = _Sums(network, _numbers, OTHERS)
    whole = sums.of(())
    values, axes, places = network.values, network.alignment.input_axes, network.places
    active = active_axes(values)
    single = np.array([sums.of((kind,)) for kind in places[: len(axes)]])
    roots = np.sqrt(values[active])[:, np.newaxis]
    rows, columns = np.triu_indices(len(active), 1)
    pairs = [tuple(sorted((places[active[i]], places[active[j]])))
             for i, j in zip(rows, columns, strict=True)]  # fmt: skip
    turned = np.array([sums.of(pair) for pair in pairs]).reshape(-1, 2)
    decay = single[active, 2:]
    silent = problem.hidden - len(active) if problem.synaptic_noise > 0 else 0
    if silent:
        into = _Sums(network, _silent_numbers, (0, 1, 0))
        leaving = np.array([into.of((places[axis],)) for axis in active])
        decay = decay + 0.5 * silent * leaving
        own = dict(zip(moving_planes(len(active), len(active)), turned, strict=True))
        planes = moving_planes(len(active), problem.hidden)
        turned = np.array([own.get((i, j), leaving[i - 1]) for i, j in planes])
    still = np.zeros((len(active), len(active)))
    return Orders(
        weight_variance=(whole[0], whole[1]),
        excess_loss=(whole[2], whole[3]),
        first_layer=Pair(roots * axes[:, active].T, single[active, 1:2] * axes[:, active].T),
        spread=np.asarray((axes * single[:, 0]) @ axes.T),
        variances=Pair(turned[:, 0], turned[:, 1]),
        covariance=None,
        mean_rotation=Pair(still, still),
        decay=Pair(np.diag(decay[:, 0]), np.diag(decay[:, 1])),
        by_synapses=_by_synapses(network) if problem.synaptic_noise > 0 else None,
    )


def affordable_mean(problem: LearningProblem) -> bool:
    """Whether an aligned network has so few different axes that all pairs take a second or so."""
    return len(_Network.of(problem).kinds) <= MOST_KINDS


def aligned_mean_layer(problem: LearningProblem) -> tuple[Array, Array, Array]:
    """``W*``, the displacement of its mean and its spread, at order ``eta``: sums over pairs.

    Returns
    -------
    still, shift, spread : Array
        In natural units, as in `orders.Orders`.

    Raises
    ------
    RequestError
        When the minimum is refused.
    """
    network = _Network.of(problem)
    sums = _Sums(network, _mean_numbers, (0, 1, 0))
    values, axes = network.values, network.alignment.input_axes
    active = active_axes(values)
    single = np.array([sums.of((kind,)) for kind in network.places[: len(axes)]])
    return (
        np.sqrt(values[active])[:, np.newaxis] * axes[:, active].T,
        single[active, 1:] * axes[:, active].T,
        np.asarray((axes * single[:, 0]) @ axes.T),
    )


def aligned_by_synapses(problem: LearningProblem) -> Synaptic:
    """The same by synaptic noise alone, silent hidden units included.

    Raises
    ------
    RequestError
        When the minimum is refused.
    """
    return _by_synapses(_Network.of(problem))


def _by_synapses(network: _Network) -> Synaptic:
    values, axes = network.values, network.alignment.input_axes
    active = active_axes(values)
    silent = network.problem.hidden - len(active)
    sums = _Sums(network, lambda small: _synaptic_numbers(small, silent), (0, 1, 0))
    single = np.array([sums.of((kind,)) for kind in network.places[: len(axes)]])
    return Synaptic(
        single[active, 1:] * axes[:, active].T, np.asarray((axes * single[:, 0]) @ axes.T)
    )


def aligned_two_times(problem: LearningProblem, lags: Array, longest: float = LONGEST) -> Array:
    """Next order of products of representations at two times, by gradient noise.

    Parameters
    ----------
    problem : LearningProblem
    lags : Array
        ``eta tau`` in natural units, shape ``(T,)``.
    longest : float

    Returns
    -------
    Array
        As `two_times.TwoTimes` gives it, shape ``(T, n, n)``.

    Raises
    ------
    RequestError
        As for `aligned_orders`.
    """
    network = _Network.of(problem)
    others = 2
    _require_few(network, longest, 1 + others, SECONDS_PER_LAG * len(lags))

    def numbers(small: _Small) -> Numbers:
        found: Numbers = {(kind,): np.zeros(len(lags)) for kind in small.own}
        if small.learned:
            products = two_times(*small.problem())(lags)
            for place in range(products.shape[1]):
                found[small.own[place],] = products[:, place, place]
        return found

    sums = _Sums(network, numbers, (0, others, 0))
    axes = network.alignment.input_axes
    single = np.array([sums.of((kind,)) for kind in network.places[: len(axes)]])
    return np.asarray((axes * single.T[:, np.newaxis]) @ axes.T)


@dataclass(frozen=True, eq=False)
class _Network:
    """An aligned problem in natural units, its axes by their kinds."""

    problem: LearningProblem
    alignment: Alignment
    values: Array
    kinds: list[Kind]
    places: list[int]

    @classmethod
    def of(cls, problem: LearningProblem) -> _Network:
        given = AlignedNetwork.of(problem)
        alignment = align(given.natural)
        assert isinstance(alignment, Alignment)
        values = given.singular_values
        return cls(given.natural, alignment, values, *_kinds(alignment, values))

    @property
    def alike(self) -> Orders | None:
        """Both orders where SGD alone makes axes of one kind, all learned, turn: a closed form."""
        kind = self.kinds[0]
        if len(self.kinds) > 1 or self.problem.synaptic_noise > 0:
            return None
        if not kind.learned or kind.variance is None or kind.noise is None:
            return None
        return alike_orders(
            self.alignment.input_axes,
            input_variance=kind.variance,
            gain=kind.gain,
            label_noise=kind.noise,
            weight_decay=self.problem.weight_decay,
            batch=self.problem.batch,
        )

    @property
    def counts(self) -> Counter[int]:
        """Axes of each kind."""
        return Counter(self.places)


def _kinds(alignment: Alignment, values: Array) -> tuple[list[Kind], list[int]]:
    """Kinds of axes, and which of them each axis is."""
    kinds: list[Kind] = []
    places = []
    inputs, outputs = len(alignment.input_variances), len(alignment.label_noise)
    known = np.full(max(inputs, outputs), np.nan)
    for axis in range(max(inputs, outputs)):
        own = Kind(
            float(alignment.input_variances[axis]) if axis < inputs else None,
            float(alignment.gains[axis]) if axis < min(inputs, outputs) else 0.0,
            float(alignment.label_noise[axis]) if axis < outputs else None,
            float(values[axis]) if axis < len(values) else 0.0,
        )
        # Of many kinds few are near.
        near = np.flatnonzero(np.isclose(known, own.variance or 0.0, rtol=2 * ALIKE, atol=0.0))
        place = next((int(k) for k in near if kinds[k].alike(own)), len(kinds))
        if place == len(kinds):
            known[place] = own.variance or 0.0
            kinds.append(own)
        places.append(place)
    return kinds, places


def _choices(counts: Mapping[int, int], number: int) -> Iterator[Key]:
    """All ways to take so many axes, of kinds of which there are so many."""
    for key in itertools.combinations_with_replacement(sorted(counts), number):
        if all(counts[kind] >= taken for kind, taken in Counter(key).items()):
            yield key


def _ways(counts: Iterable[int], most: int) -> Array:
    """In how many ways 0, 1, ... axes can be taken of kinds of which there are so many."""
    ways = np.eye(1, most + 1)[0]
    for count in counts:
        ways = np.convolve(ways, np.ones(min(count, most) + 1))[: most + 1]
    return np.asarray(ways)


def _require_few(
    network: _Network, longest: float, most: int = 1 + max(OTHERS), more: float = 0.0
) -> None:
    """Refuse what takes too long with networks of up to so many axes; four must have a plane.

    What one of them costs depends on the sorts of its axes alone, of which there are few.

    Parameters
    ----------
    more : float
        Seconds that each network takes beside its expansion.
    """
    of_sort: dict[_Sort, list[int]] = {}
    for kind, count in network.counts.items():
        of_sort.setdefault(network.kinds[kind].sort, []).append(count)
    ways = {sort: _ways(counts, most) for sort, counts in of_sort.items()}
    seconds = memory = 0.0
    for number in range(1, most + 1):
        for own in itertools.combinations_with_replacement(of_sort, number):
            times = math.prod(ways[sort][taken] for sort, taken in Counter(own).items())
            inputs, outputs, noisy, learned = map(sum, zip(*own, strict=True))
            if times and learned >= (2 if number == 4 else 1):
                points = gaussian_node_count(inputs) * noise_node_count(noisy)
                cost = expansion_cost(inputs, outputs, learned, points)
                seconds, memory = seconds + times * (cost.seconds + more), max(memory, cost.memory)
    kinds = len(network.kinds)
    require_affordable(
        Cost(seconds, memory),
        f"{kinds} different axes",
        f"the time grows with their fourth power: about {kinds * (longest / seconds) ** 0.25:.0f} "
        "are possible, and any number of equal ones; leave --order out",
        longest,
    )


class _Sums:
    """Numbers of the whole network, each network of a few axes being expanded once."""

    def __init__(
        self, network: _Network, numbers: Callable[[_Small], Numbers], others: tuple[int, int, int]
    ) -> None:
        self._network, self._counts = network, network.counts
        self._numbers, self._others = numbers, others
        self._expanded: dict[Key, Numbers] = {}
        self._found: dict[Key, Array] = {}

    def of(self, own: Key) -> Array:
        """What belongs to some axes, as `_numbers` orders it."""
        if own not in self._found:
            self._found[own] = self._sum(own)
        return self._found[own]

    def _sum(self, own: Key) -> Array:
        left = Counter(self._counts)
        left.subtract(own)
        everything = sum(left.values())
        together = min(self._others[len(own)], everything)
        total = np.zeros(1)
        for number in range(together + 1):
            factor = (-1) ** (together - number) * (
                comb(everything - number - 1, together - number) if number < everything else 1
            )
            for others in _choices(left, number):
                ways = 1
                for kind, taken in Counter(others).items():
                    ways *= comb(left[kind], taken)
                numbers = self._of_network(tuple(sorted((*own, *others))))
                total = total + float(factor * ways) * numbers[own]
        return total

    def _of_network(self, key: Key) -> Numbers:
        if key not in self._expanded:
            self._expanded[key] = self._numbers(_Small.of(self._network, key))
        return self._expanded[key]


@dataclass(frozen=True, eq=False)
class _Small:
    """A network of a few axes.

    Attributes
    ----------
    network : _Network
    own : list of int
        Kinds of its axes, inputs with an output first, as the teacher has them.
    """

    network: _Network
    own: list[int]

    @classmethod
    def of(cls, network: _Network, key: Key) -> _Small:
        def missing(kind: int) -> tuple[bool, bool]:
            axis = network.kinds[kind]
            return axis.variance is None, axis.noise is None

        return cls(network, sorted(key, key=missing))

    @property
    def axes(self) -> list[Kind]:
        return [self.network.kinds[kind] for kind in self.own]

    @property
    def learned(self) -> list[int]:
        """Which of the axes the hidden units learn."""
        return [place for place, axis in enumerate(self.axes) if axis.learned > 0]

    def problem(self, silent: int = 0) -> tuple[LearningProblem, tuple[Array, Array]]:
        """Its problem, some axes being learned, with ``W*`` and ``U*`` of the hidden units."""
        axes, learned = self.axes, self.learned
        variances = [axis.variance for axis in axes if axis.variance is not None]
        noise = [axis.noise for axis in axes if axis.noise is not None]
        units = range(len(learned))
        hidden = len(units) + silent
        first, second = np.zeros((hidden, len(variances))), np.zeros((len(noise), hidden))
        first[units, learned] = second[learned, units] = np.sqrt(
            [axes[place].learned for place in learned]
        )
        teacher = np.zeros((len(noise), len(variances)))
        np.fill_diagonal(teacher, [axis.gain for axis in axes])
        problem = replace(
            self.network.problem,
            hidden=hidden,
            inputs=Gaussian(np.diag(variances)),
            teacher=teacher,
            label_noise=np.array(noise),
            stimuli=(),
        )
        return problem, (first, second)


def _numbers(small: _Small) -> Numbers:
    """Numbers of a network of a few axes, by the kinds of axes that they belong to.

    Of none: weight variance and excess loss, both orders of each.  Of one: its spread, its shift,
    and both orders of its decay.  Of two: both orders of the variance of their rotation.  Where
    nothing is learned all are zero.
    """
    own, learned = small.own, small.learned
    found: Numbers = {(): np.zeros(4)}
    found |= {(kind,): np.zeros(4) for kind in own}
    found |= {tuple(sorted(pair)): np.zeros(2) for pair in itertools.combinations(own, 2)}
    if not learned:
        return found
    orders = general_orders(expand(*small.problem()))
    found[()] = np.array([*orders.weight_variance, *orders.excess_loss])
    for place, spread in enumerate(np.diagonal(orders.spread)):
        found[own[place],][0] = spread
    for unit, place in enumerate(learned):
        decay = [part[unit, unit] for part in orders.decay]
        found[own[place],][1:] = [orders.first_layer.following[unit, place], *decay]
    planes = itertools.combinations(learned, 2)
    for (i, j), variances in zip(planes, np.transpose(orders.variances), strict=True):
        found[min(own[i], own[j]), max(own[i], own[j])][:] = variances
    return found


def _silent_numbers(small: _Small) -> Numbers:
    """Of each axis both orders of the variance of its rotation into a silent hidden unit."""
    found: Numbers = {(kind,): np.zeros(2) for kind in small.own}
    if not small.learned:
        return found
    variances = general_orders(expand(*small.problem(1)), 1).variances
    silent = len(small.learned) + 1
    for (unit, other), pair in zip(
        moving_planes(silent - 1, silent), np.transpose(variances), strict=True
    ):
        if other == silent:
            found[small.own[small.learned[unit - 1]],][:] = pair
    return found


def _mean_numbers(small: _Small) -> Numbers:
    """Of each axis its spread and its shift."""
    if not small.learned:
        return {(kind,): np.zeros(2) for kind in small.own}
    return _by_axis(small, *mean_layer(*small.problem()))


def _synaptic_numbers(small: _Small, silent: int) -> Numbers:
    """The same by synaptic noise, of so many silent units too."""
    if not small.learned:
        # Silent units alone: two weights per axis, which what is not learned couples.
        problem = small.network.problem
        each = silent * problem.synaptic_noise / (2 * problem.learning_rate**2)
        decay, coupled = problem.weight_decay, [
            0.0 if axis.variance is None else axis.gain * axis.variance for axis in small.axes
        ]  # fmt: skip
        return {
            (kind,): np.array([each * decay / (decay**2 - pull**2), 0.0])
            for kind, pull in zip(small.own, coupled, strict=True)
        }
    return _by_axis(small, *mean_layer_by_synapses(*small.problem(min(silent, 1)), silent))


def _by_axis(small: _Small, shift: Array, spread: Array) -> Numbers:
    found: Numbers = {(kind,): np.zeros(2) for kind in small.own}
    for place, variance in enumerate(np.diagonal(spread)):
        found[small.own[place],][0] = variance
    for unit, place in enumerate(small.learned):
        found[small.own[place],][1] = shift[unit, place]
    return found

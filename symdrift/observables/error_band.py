"""How far the curves of an observation can be off, and to which lag they say anything.

Where the next order in the learning rate is known the process has it; what is left is of the order
of its square, or what later orders are expected to add towards the critical rate, where that is
more.  Where it is not, or is as large as the numbers themselves and says nothing, the numbers of
`Validity` say how large it may be.  An error of the rates stretches the lag: the band of a curve
is what it sweeps between ``(1 - e) tau`` and ``(1 + e) tau``.  A band at a lag is the same
whatever other lags are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError
from symdrift.evaluation.corrections import rough_numbers
from symdrift.evaluation.next_order.corrected import (
    mean_first_layer,
    observed_corrections,
    orders,
)
from symdrift.evaluation.next_order.cost import QUICK
from symdrift.evaluation.next_order.orders import Orders, Pair
from symdrift.evaluation.parts import Drift, moving_planes
from symdrift.evaluation.units import natural_units
from symdrift.evaluation.validity import Validity, at_most_off, percent_off
from symdrift.observables.angle import (
    PopulationAngle,
    mean_direction,
    relative_change,
    rotation_cosine,
)
from symdrift.observables.decoding import DecoderDecay, decoder_decay, lost_to_fluctuation
from symdrift.observables.displacement import (
    NEUTRAL,
    autocorrelation,
    mean_squared_displacement,
    rotation_losses,
)
from symdrift.observables.layer import forgotten
from symdrift.observables.process import DriftProcess, NextProducts
from symdrift.observables.rotations import (
    CorrelatedPlanes,
    IndependentPlanes,
    SilentAxes,
    extended_decay,
)
from symdrift.observables.similarity import RepresentationalSimilarity, squared_activity
from symdrift.records import Record
from symdrift.study.learner import Learner
from symdrift.study.problem import Array, LearningProblem, Stimulus

FADED = 4.0
"""Times of its decay after which the sense of a turn does not matter: 2 % are left."""

SHORTEST_STRETCH = 1e-6
"""Of a lag where rates may be zero: lags stay apart."""

RESOLVED = 1e-9
"""Smallest rate, over the largest, whose correction counts."""

SAME_FRAME = 1e-6
"""How far two frames of the hidden axes may differ from a rotation into each other."""


@dataclass(frozen=True)
class ExpectedError(Record):
    """Relative errors that the bands of an observation show.

    Attributes
    ----------
    next_order : bool
        Whether the curves carry the next order in the learning rate.
    rotation : float
        Of rates of decay and turning, and of squared representations.
    fluctuation : float
        Of the variance of the fluctuation.
    known_until : float or None
        Lag in SGD steps from which on the band covers everything; None where it never does.
    """

    next_order: bool
    rotation: float
    fluctuation: float
    known_until: float | None


@dataclass(frozen=True, eq=False)
class Band(Record):
    """Between which values a curve is expected, shape ``(T,)`` each, or a number, shape ``()``.

    Attributes
    ----------
    observable, subject, part : str
        Which curve, as in CSV.
    low, high : Array
    """

    observable: str
    subject: str
    part: str
    low: Array
    high: Array


def with_next_order(
    process: DriftProcess, approximation: str
) -> tuple[DriftProcess, ExpectedError]:
    """The process to the highest order that is known, and what it is still off by.

    A next order that changes numbers by as much as they are is left out: a sum of two terms says
    nothing where the second is no smaller, and can be negative where no such number is.  Where
    only the mean weights are known to the next order the process has these.

    Parameters
    ----------
    process : DriftProcess
        Of leading order.
    approximation : str
        Of that process; only ``"exact"`` has a next order.
    """
    problem = process.problem
    if isinstance(problem, Learner):
        return _leading(process)
    found = _orders(problem) if approximation == "exact" else None
    if found is None:
        return _leading(_displaced(process, problem))
    assert isinstance(process.validity, Validity)
    change = _natural_rate(problem) * _largest_change(found)
    corrections = observed_corrections(problem, found)
    errors = corrections.errors(problem.learning_rate, process.validity)
    if change >= 1:
        left_out = (
            f"the next order in the learning rate changes numbers by {at_most_off(change)} "
            "and says nothing: it is left out, and the curves are those of leading order"
        )
        rough = rough_numbers(errors, process.validity.expected_error)
        process = replace(process, warnings=(*process.warnings, *rough, left_out))
        return _leading(process, _without(change))
    corrected = _corrected(process, problem, found)
    if corrected is None:
        return _leading(process)
    error = max(change**2, process.validity.later_orders(change))
    if corrections.late:
        # What follows the first order that turns a plane is not known.
        error = max(error, process.validity.expected_error)
    carried = _carried(rough_numbers(errors, process.validity.expected_error), error)
    corrected = replace(corrected, warnings=(*process.warnings, *carried))
    moved = errors.get("fluctuation.weight_variance", 0.0)
    return corrected, ExpectedError(True, error, moved, known_until(corrected, error))


def _leading(process: DriftProcess, least: float = 0.0) -> tuple[DriftProcess, ExpectedError]:
    """The process of leading order, and what the numbers that should be small say of it."""
    error = max(process.validity.expected_error, least)
    return process, ExpectedError(False, error, error, known_until(process, error))


def _without(change: float) -> float:
    """Error of what the next order changes by so much and does not carry it."""
    return change + change**2


def _carried(warnings: Iterable[str], left: float) -> Iterator[str]:
    """The warning of an evaluation, where curves carry what it warns of."""
    for text in warnings:
        yield (
            f"{text}; the curves carry the next, and of rates and squared representations "
            f"{percent_off(left)} is expected to be left"
        )


def with_two_times(
    process: DriftProcess, error: ExpectedError, longest: float = QUICK
) -> tuple[DriftProcess, ExpectedError]:
    """The process with the next order of its products at two times.

    Without it where the process does not have the next order, where it would take longer than
    that, or where it doubles a displacement by fluctuation at some lag: it says nothing then but
    how far off leading order may be.
    """
    if isinstance(process.problem, Learner) or not error.next_order:
        return process, error
    later = NextProducts(process.problem)
    try:
        later.matrices(np.append(0.0, process.every_lag), longest)
    except RequestError:
        return process, error
    carrying = replace(process, later=later)
    lags, stimuli = process.every_lag, process.problem.stimuli
    changes = [_changes(carrying, item, lags) for item in stimuli]
    # What hardly moves beside the others has no digits.
    least = RESOLVED * max((leading.max() for leading, _ in changes), default=0.0)
    change = max((relative_change(*both, least) for both in changes), default=0.0)
    if change < 1:
        return carrying, error
    left_out = (
        "the next order in the learning rate changes what representations move by fluctuation by "
        f"{at_most_off(change)} and says nothing of it: there the curves are those of leading order"
    )
    return (
        replace(process, warnings=(*process.warnings, left_out)),
        replace(error, fluctuation=max(error.fluctuation, _without(change))),
    )


def _changes(process: DriftProcess, stimulus: Stimulus, lags: Array) -> tuple[Array, Array]:
    """Half a displacement by fluctuation and what the next order adds, shape ``(T,)`` each."""
    rates, weights = process.relaxation(stimulus)
    start, kept = process.following(stimulus, lags)
    return forgotten(rates, weights, lags), start - kept


def _following(process: DriftProcess, stimulus: Stimulus) -> float:
    """Largest relative change of a displacement by fluctuation at any lag."""
    return relative_change(*_changes(process, stimulus, process.every_lag))


def known_until(process: DriftProcess, error: float) -> float | None:
    """Lag at which rates of a relative error leave a curve undetermined; None if they never do.

    A turn is undetermined when its angle may be a quarter turn off, unless it has faded before.
    Decay is undetermined from its own time on when its rate is not known to a factor.
    """
    decay, turning = np.abs(process.eigenvalues.real), np.abs(process.eigenvalues.imag)
    turns = turning > NEUTRAL * turning.max(initial=0.0)
    lags = 0.5 * np.pi / (max(error, np.finfo(float).tiny) * turning[turns])
    ends = lags[decay[turns] * lags < FADED].tolist()
    if error >= 1 and decay.max() > 0:
        ends.append(1 / (error * float(decay.max())))
    return min(ends, default=None)


def bands(
    process: DriftProcess,
    error: ExpectedError,
    lags: Array,
    angles: Iterable[PopulationAngle],
    similarity: RepresentationalSimilarity,
    decoders: tuple[DecoderDecay, ...],
) -> tuple[Band, ...]:
    """Bands of all curves but those that are sampled.

    Parameters
    ----------
    process : DriftProcess
    error : ExpectedError
    lags : Array
        Shape ``(T,)``.
    angles : iterable of PopulationAngle
    similarity : RepresentationalSimilarity
    decoders : tuple of DecoderDecay
        Of this process at these lags.
    """
    stimuli = process.problem.stimuli
    moved = [_displacement(process, item, lags, error) for item in stimuli]
    found = list(moved)
    found += [_autocorrelation(process, item, lags, error) for item in stimuli]
    named = {item.name: item for item in stimuli}
    found += [_angle(process, named[angle.stimulus], angle, error) for angle in angles]
    found += [_variance(process, item, error) for item in stimuli]
    left = _left(process, similarity.following, error)
    gram, everything = similarity.gram_change, squared_activity(process)
    found.append(
        Band("similarity", "all stimuli", "gram_change", (1 - min(left, 1)) * gram,
             (1 + left) * gram)
    )  # fmt: skip
    if everything > 0:
        low, high = (
            np.sum([getattr(band, side) for band in moved], axis=0) / everything
            for side in ("low", "high")
        )
        found.append(Band("similarity", "all stimuli", "representation_change", low, high))
    found += [_decoder(process, decoder.target, lags, error) for decoder in decoders]
    return tuple(found)


def _orders(problem: LearningProblem) -> Orders | None:
    """Both orders, where they are known and cheap."""
    try:
        return orders(problem, longest=QUICK)
    except RequestError:
        return None


def _largest_change(found: Orders) -> float:
    """Largest relative correction of decay, of turning, and of a squared representation."""
    squared = _squares(Pair(found.first_layer.leading, _shift(found)))
    changes = [_relative_size(*found.decay), _relative_size(*squared)]
    turning, following = found.mean_rotation
    if turning.any():
        changes.append(float(np.linalg.norm(following) / np.linalg.norm(turning)))
    return max(changes)


def _squares(first_layer: Pair) -> Pair:
    """``E[W] E[W]'``, shape ``(r, r)``."""
    still, shift = first_layer
    crossed = still @ shift.T
    return Pair(still @ still.T, crossed + crossed.T)


def _relative_size(leading: Array, following: Array) -> float:
    """Largest relative correction of a quadratic form."""
    return float(np.abs(np.linalg.eigvals(np.linalg.pinv(leading, RESOLVED) @ following)).max())


def _natural_rate(problem: LearningProblem) -> float:
    units = natural_units(problem.teacher, problem.input_covariance)
    return float(problem.learning_rate / units.curvature)


def _corrected(
    process: DriftProcess, problem: LearningProblem, found: Orders
) -> DriftProcess | None:
    """The process with both orders, in its own frame of hidden axes and its own units.

    None where frames are no rotation of each other: axes of nearly equal singular values.
    """
    rate = _natural_rate(problem)
    still = found.first_layer.leading
    rank = len(still)
    silent = len(process.first_layer) - rank
    framed = _framed(process, Pair(still, _shift(found)), rate)
    if framed is None:
        return None
    turn, shift = framed

    def both(pair: tuple[Array, Array], power: int) -> Array:
        return np.asarray(rate**power * (pair[0] + rate * pair[1]))

    turning = turn @ both(found.mean_rotation, 2) @ turn.T
    variances = both(found.variances, 3)

    def covariance(chosen: NDArray[np.bool_]) -> Array:
        # Of independent planes the whole matrix is never made: wide layers have thousands.
        if found.covariance is None:
            return np.diag(variances[chosen])
        return np.asarray(both(found.covariance, 3)[np.ix_(chosen, chosen)])

    named = np.array(moving_planes(rank, rank + silent), dtype=int).reshape(-1, 2)
    active, leaving = named[:, 1] <= rank, named[:, 1] == rank + 1
    places = named[active].T - 1
    axes = SilentAxes(silent, np.zeros((rank, rank)))
    if silent:
        axes = replace(axes, covariance=turn @ covariance(leaving) @ turn.T)
    planes = process.planes
    if isinstance(planes, IndependentPlanes):
        square = np.zeros((rank, rank))
        square[tuple(places)] = variances[active]
        planes = IndependentPlanes(square + square.T, axes)
    elif isinstance(planes, CorrelatedPlanes):
        (a, b), (c, d) = (np.meshgrid(row, row, indexing="ij") for row in places)
        minors = turn[a, b] * turn[c, d] - turn[a, d] * turn[c, b]
        own = minors @ covariance(active) @ minors.T
        planes = CorrelatedPlanes(Drift(planes.drift.planes, own, turning[tuple(places)]), axes)
    # The planes of silent axes are in the decay already.
    fading = turn @ both(found.decay, 3) @ turn.T - 0.5 * silent * axes.covariance
    return replace(
        process,
        first_layer=process.first_layer + shift,
        turning=np.pad(turning, (0, silent)),
        decay=extended_decay(fading, axes) if planes is None else planes.decay,
        planes=planes,
        shift=shift,
    )


def _framed(process: DriftProcess, first_layer: Pair, rate: float) -> tuple[Array, Array] | None:
    """Turn into the frame of the process, and there the shift of its first layer."""
    still, shift = first_layer
    rank = len(still)
    scale = float(np.linalg.norm(process.first_layer) / np.linalg.norm(still))
    turn = process.first_layer[:rank] @ np.linalg.pinv(scale * still)
    if np.abs(turn @ turn.T - np.eye(rank)).max() > SAME_FRAME:
        return None
    silent = len(process.first_layer) - rank
    return turn, np.pad(scale * rate * turn @ shift, ((0, silent), (0, 0)))


def _displaced(process: DriftProcess, problem: LearningProblem) -> DriftProcess:
    """The process with the mean weights of the next order, where they are known and resolved."""
    rate, first_layer = _natural_rate(problem), mean_first_layer(problem)
    if first_layer is None or rate * _relative_size(*_squares(first_layer)) >= 1:
        return process
    framed = _framed(process, first_layer, rate)
    if framed is None:
        return process
    return replace(process, first_layer=process.first_layer + framed[1], shift=framed[1])


def _shift(found: Orders) -> Array:
    """Of the mean first layer, at ``eta``."""
    shift = found.first_layer.following
    return shift if found.by_synapses is None else shift + found.by_synapses.shift


def _swept(
    curve: Callable[[Array], Array], lags: Array, process: DriftProcess, error: ExpectedError
) -> tuple[Array, Array]:
    """Least and largest value between ``(1 - e) tau`` and ``(1 + e) tau``, shape ``(T,)`` each.

    Decay is monotone: its ends suffice.  A turn has an extremum between them.
    """
    between = 5 if process.turning.any() else 2
    least = max(1 - error.rotation, SHORTEST_STRETCH)
    values = [curve(stretch * lags) for stretch in np.linspace(least, 1 + error.rotation, between)]
    values.append(curve(lags))
    return np.min(values, axis=0), np.max(values, axis=0)


def _displacement(
    process: DriftProcess, stimulus: Stimulus, lags: Array, error: ExpectedError
) -> Band:
    def turned(at: Array) -> Array:
        return 2 * rotation_losses(process, stimulus, at)[1]

    low, high = _swept(turned, lags, process, error)
    moving = mean_squared_displacement(process, stimulus, lags).fluctuation
    left = _of_fluctuation(process, stimulus, lags, error)
    return Band(
        "displacement", stimulus.name, "total",
        (1 - min(error.rotation, 1.0)) * np.maximum(low, 0.0) + (1 - np.minimum(left, 1)) * moving,
        (1 + error.rotation) * high + (1 + left) * moving,
    )  # fmt: skip


def _of_fluctuation(
    process: DriftProcess, stimulus: Stimulus, lags: Array, error: ExpectedError
) -> Array:
    """Relative error of its products at two times, shape ``(T,)``.

    Later orders are expected to go on from the next by the largest ratio ``C`` that it has to the
    leading one at any lag: together they are ``C / (1 - C)`` of the next, or ``C^2`` of the number
    where that is less.  Of simulated networks at a tenth of the critical rate most were within
    that, and some off by two to three times as much.
    """
    if process.later is None:
        return np.full(len(lags), error.fluctuation)
    leading, more = _changes(process, stimulus, lags)
    largest = _following(process, stimulus)
    change = np.divide(more, leading, out=np.zeros_like(more), where=leading > 0)
    if largest >= 1:
        return np.full(len(lags), _without(largest))
    going_on = np.abs(change) / (1 + change) * largest / (1 - largest)
    towards = [process.validity.later_orders(abs(float(own))) for own in change]
    return np.asarray(np.maximum(np.minimum(going_on, largest**2), towards))


def _left(process: DriftProcess, following: float | None, error: ExpectedError) -> float:
    """The same of a part that the next order, where it is known, changes by so much at most."""
    if following is None:
        return error.fluctuation
    if following >= 1:
        return _without(following)
    return max(following**2, process.validity.later_orders(following))


def _autocorrelation(
    process: DriftProcess, stimulus: Stimulus, lags: Array, error: ExpectedError
) -> Band:
    """Of the normalised one, in which all errors cancel at lag 0.

    Where the variance is right, it may be forgotten sooner or later by as much.
    """
    still = float(np.sum(process.representation(stimulus) ** 2))

    def turned(at: Array) -> Array:
        return still - rotation_losses(process, stimulus, at)[1]

    low, high = _swept(turned, lags, process, error)
    kept = autocorrelation(process, stimulus, lags)
    left = _of_fluctuation(process, stimulus, lags, error)
    values = []
    own, less, more = np.ones_like(lags), 1 - np.minimum(left, 1.0), 1 + left
    relaxing = process.relaxation(stimulus)
    for factor, stretch in ((less, own), (more, own), (own, less), (own, more)):
        variance = still + factor * (kept.variance - still)
        sooner = forgotten(*relaxing, stretch * lags) - forgotten(*relaxing, lags)
        for part in (low, high):
            total = part + factor * kept.fluctuation - sooner
            values.append(np.divide(total, variance, out=np.zeros_like(total), where=variance > 0))
    return Band("autocorrelation", stimulus.name, "normalised",
                np.min(values, axis=0), np.max(values, axis=0))  # fmt: skip


def _variance(process: DriftProcess, stimulus: Stimulus, error: ExpectedError) -> Band:
    """Of ``E|h|^2``: the variance is what is forgotten in the end."""
    still = float(np.sum(process.representation(stimulus) ** 2))
    total = process.squared_activity(stimulus)
    left = float(_of_fluctuation(process, stimulus, process.every_lag[-1:], error)[0])
    off = error.rotation * still + left * (total - still)
    return Band("autocorrelation", stimulus.name, "variance",
                np.array(max(total - off, 0.0)), np.array(total + off))  # fmt: skip


def _angle(
    process: DriftProcess, stimulus: Stimulus, angle: PopulationAngle, error: ExpectedError
) -> Band:
    direction = mean_direction(process, stimulus)
    low, high = _swept(
        lambda at: rotation_cosine(process, direction, at), angle.lags, process, error
    )
    moved = angle.cosine - angle.rotation_cosine
    spread = _left(process, angle.following, error) * np.abs(moved)
    edges = (high + moved + spread, low + moved - spread)
    nearest, furthest = (np.arccos(np.clip(edge, -1.0, 1.0)) for edge in edges)
    return Band("angle", stimulus.name, "angle", nearest, furthest)


def _decoder(process: DriftProcess, target: str, lags: Array, error: ExpectedError) -> Band:
    low, high = _swept(
        lambda at: decoder_decay(process, at, target).r_squared, lags, process, error
    )
    # The decoder has the fluctuation at leading order, beside representations that may be longer.
    off = (error.fluctuation + error.rotation) * lost_to_fluctuation(process, target)
    return Band("decoder", target, "r_squared", low - off, np.minimum(high + off, 1.0))

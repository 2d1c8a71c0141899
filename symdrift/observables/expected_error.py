"""The highest known order in the learning rate of an observation, and what it is still off by.

Where the next order is known the process has it; what is left is of the order of its square, or
what later orders are expected to add towards the critical rate, where that is more.  Where it is
as large as the numbers themselves it only says how far off these are, and where it is not known
the numbers of `Validity` do.  Diffusion, steady rotation, squared representations and the
fluctuation of a stimulus have each its own error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError
from symdrift.evaluation.corrections import Corrections, change_and_later, rough_numbers
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
from symdrift.observables.angle import relative_change, stays_positive
from symdrift.observables.displacement import NEUTRAL
from symdrift.observables.layer import forgotten
from symdrift.observables.process import DriftProcess, NextProducts
from symdrift.observables.rotations import (
    CorrelatedPlanes,
    IndependentPlanes,
    SilentAxes,
    extended_decay,
)
from symdrift.records import Record
from symdrift.study.learner import Learner
from symdrift.study.problem import Array, LearningProblem, Stimulus

FADED = 4.0
"""Times of its decay after which the sense of a turn does not matter: 2 % are left."""

NEARLY = 1 - 1e-9
"""Ratio of two orders from which on their sum is not known."""

RESOLVED = 1e-9
"""Smallest rate, over the largest, whose correction counts."""

_CARRIED = {
    "decay": "rates of diffusion",
    "turning": "rates of steady rotation",
    "squared": "squared representations",
}
"""What the next order says something of or not, by the name of its error."""

SAME_FRAME = 1e-6
"""How far two frames of the hidden axes may differ from a rotation into each other."""


@dataclass(frozen=True)
class StimulusError(Record):
    """Relative errors of what the curves of one stimulus are made of.

    Attributes
    ----------
    stimulus : str
    decay, turning : float
        Of the rates of diffusion and of steady rotation.
    squared : float
        Of its squared mean representation.
    fluctuation : float
        Of the variance around that.
    """

    stimulus: str
    decay: float
    turning: float
    squared: float
    fluctuation: float


@dataclass(frozen=True)
class ExpectedError(Record):
    """Relative errors that the bands of an observation show.

    Attributes
    ----------
    next_order : bool
        Whether the curves carry the next order in the learning rate, of all of which it says
        something.
    fluctuation : float
        Of the variance of all weights at leading order, which decoders and tuning have.
    known_until : float or None
        Lag in SGD steps from which on the band covers everything; None where it never does.
    stimuli : tuple of StimulusError
    """

    next_order: bool
    fluctuation: float
    known_until: float | None
    stimuli: tuple[StimulusError, ...]

    def of(self, stimulus: str) -> StimulusError:
        """Of the stimulus with this name."""
        return next(item for item in self.stimuli if item.stimulus == stimulus)

    @property
    def largest(self) -> StimulusError:
        """The largest of all stimuli."""
        names = [own.name for own in fields(StimulusError)][1:]
        most = (max((getattr(item, name) for item in self.stimuli), default=0.0) for name in names)
        return StimulusError("all stimuli", *most)


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
    problem, limits = process.problem, process.validity
    if isinstance(problem, Learner):
        return _leading(process)
    found = _orders(problem) if approximation == "exact" else None
    if found is None:
        return _leading(_displaced(process, problem))
    assert isinstance(limits, Validity)
    changes = _largest_changes(found, _natural_rate(problem))
    corrected = _corrected(process, problem, _of_which_it_says_something(found, changes))
    if corrected is None:
        return _leading(process)
    if _says_nothing(changes, "squared"):
        corrected = replace(corrected, shift=None)
    corrections = observed_corrections(problem, found)
    errors = corrections.errors(problem.learning_rate, limits)
    variance = errors.get("fluctuation.weight_variance", 0.0)
    told = _of_stimuli(corrected, found, changes, corrections)
    if corrections.late:
        # What follows the first order that turns a plane is not known.
        told = (replace(own, decay=max(own.decay, limits.expected_error)) for own in told)
    carried = any(change < 1 for change in changes.values())
    error = ExpectedError(carried, variance, None, tuple(told))
    rough = rough_numbers(errors, limits.expected_error)
    if carried:
        rough = tuple(_carried(rough, changes, error.largest))
    corrected = replace(corrected, warnings=(*process.warnings, *rough, *_leaves_out(changes)))
    return corrected, replace(error, known_until=known_until(corrected, error.largest))


def _leading(process: DriftProcess) -> tuple[DriftProcess, ExpectedError]:
    """The process of leading order, and what the numbers that should be small say of it."""
    error = process.validity.expected_error
    turning = error if process.turning.any() else 0.0
    told = tuple(
        StimulusError(item.name, error, turning, error, error) for item in process.problem.stimuli
    )
    of_all = ExpectedError(False, error, None, told)
    return process, replace(of_all, known_until=known_until(process, of_all.largest))


def _of_stimuli(
    process: DriftProcess, found: Orders, changes: Mapping[str, float], corrections: Corrections
) -> Iterator[StimulusError]:
    """Errors of each stimulus, of a process with the next order where that says something."""
    problem, limits = process.problem, process.validity
    assert isinstance(problem, LearningProblem) and isinstance(limits, Validity)
    errors = corrections.errors(problem.learning_rate, limits)

    def left(name: str, change: float, correction: float | None) -> float:
        if not _says_nothing(changes, name):
            return max(change**2, limits.later_orders(change))
        if correction is None:
            return change + limits.later_orders(change)
        return change_and_later(correction, problem.learning_rate, limits)

    for own, lengthened in zip(corrections.stimuli, _lengthened(problem, found), strict=True):
        squared = left("squared", lengthened, None)
        if _says_nothing(changes, "squared"):
            squared = max(squared, errors.get(f"stimuli.{own.name}.squared_norm", 0.0))
        turns = "turning" in changes
        yield StimulusError(
            stimulus=own.name,
            decay=left("decay", changes.get("decay", 0.0), own.decay_rate),
            turning=left("turning", changes["turning"], own.turning_rate) if turns else 0.0,
            squared=squared,
            fluctuation=errors.get("fluctuation.weight_variance", 0.0),
        )


def left_out(change: float) -> float:
    """Error of a displacement that the next order changes by so much and does not carry it.

    All later orders are taken to change it by as much again.
    """
    return 2 * change


def _carried(
    warnings: Iterable[str], changes: Mapping[str, float], error: StimulusError
) -> Iterator[str]:
    """The warning of an evaluation, where curves carry what it warns of."""
    names = [name for name, change in changes.items() if change < 1]
    left = max(getattr(error, name) for name in names)
    carried = " and ".join(_CARRIED[name] for name in names)
    for text in warnings:
        yield (
            f"{text}; the curves carry the next of {carried}, of which {percent_off(left)} is "
            "expected to be left"
        )


def _leaves_out(changes: Mapping[str, float]) -> Iterator[str]:
    """Say of what the next order says nothing."""
    for name, change in changes.items():
        if change >= 1:
            yield (
                f"the next order in the learning rate changes {_CARRIED[name]} by "
                f"{at_most_off(change)}, which only says that they are not known: there the curves "
                "are those of leading order"
            )


def with_two_times(
    process: DriftProcess, error: ExpectedError, longest: float = QUICK
) -> tuple[DriftProcess, ExpectedError]:
    """The process with the next order of its products at two times.

    Without it where the process does not have the next order, or where it would take longer than
    that; and of each stimulus whose displacement by fluctuation it would make negative at some
    lag: it says nothing then but how far off leading order may be.  One that is larger than what
    it corrects is better than none where it adds to that: displacements of simulated bottlenecks,
    up to 0.4 of the critical rate, are up to 26 times the leading ones, and 0.8 to 2.2 times the
    sum.
    """
    if isinstance(process.problem, Learner) or not error.next_order:
        return process, error
    later = NextProducts(process.problem)
    try:
        later.matrices(np.append(0.0, process.every_lag), longest)
    except RequestError:
        return process, error
    carrying = replace(process, later=later)
    stimuli = process.problem.stimuli
    both = [_changes(carrying, item, process.every_lag) for item in stimuli]
    # What hardly moves beside the others has no digits.
    least = RESOLVED * max((leading.max() for leading, _ in both), default=0.0)
    changes = {
        item.name: relative_change(*pair, least) for item, pair in zip(stimuli, both, strict=True)
    }
    negative = {
        item.name
        for item, pair in zip(stimuli, both, strict=True)
        if not stays_positive(*pair, least)
    }
    warnings = (*process.warnings, *_large(changes, negative))
    later = replace(later, without=frozenset(negative))
    carrying = replace(carrying, later=later, warnings=warnings)
    told = []
    for item in stimuli:
        own = replace(error.of(item.name), fluctuation=left_out(changes[item.name]))
        if item.name not in negative:
            last = fluctuation_error(carrying, item, process.every_lag[-1:], own)
            own = replace(own, fluctuation=float(last[0]))
        told.append(own)
    return carrying, replace(error, stimuli=tuple(told))


def _large(changes: Mapping[str, float], negative: Collection[str]) -> Iterator[str]:
    """Say of which stimuli the next order is larger than their displacement by fluctuation."""
    for left, does in (
        (True, "would make it negative, and is left out"),
        (False, "is carried, though it may be off by as much as it is"),
    ):
        large = [name for name in changes if changes[name] >= 1 and (name in negative) == left]
        if large:
            name = max(large, key=changes.__getitem__)
            others = f" and {len(large) - 1} more" if len(large) > 1 else ""
            yield (
                "the next order in the learning rate changes what fluctuation moves the "
                f'representation of "{name}"{others} by {at_most_off(changes[name])} at some lag: '
                f"it {does}"
            )


def _changes(process: DriftProcess, stimulus: Stimulus, lags: Array) -> tuple[Array, Array]:
    """Half a displacement by fluctuation and what the next order adds, shape ``(T,)`` each."""
    rates, weights = process.relaxation(stimulus)
    start, kept = process.following(stimulus, lags)
    return forgotten(rates, weights, lags), start - kept


def fluctuation_error(
    process: DriftProcess, stimulus: Stimulus, lags: Array, error: StimulusError
) -> Array:
    """Relative error of its products at two times, shape ``(T,)``.

    Later orders are expected to go on from the next by the largest ratio ``C`` that it has to the
    leading one at any lag: together they are ``C / (1 - C)`` of the next.  Where that is less they
    are ``C^2`` of the number, or what the next order changes at that lag or a longer one; they are
    no more than the number itself but towards the critical rate.  Of simulated networks at a tenth
    of that most were within this, and some off by two to three times as much.
    """
    if process.later is None or stimulus.name in process.later.without:
        return np.full(len(lags), error.fluctuation)

    def changed(at: Array) -> Array:
        leading, more = _changes(process, stimulus, at)
        return np.divide(more, leading, out=np.zeros_like(more), where=leading > 0)

    change, every = changed(lags), np.abs(changed(process.every_lag))
    largest = min(float(every.max(initial=0.0)), NEARLY)
    from_here = np.where(process.every_lag >= lags[:, np.newaxis], every, 0.0).max(axis=1)
    most = np.minimum(np.maximum(np.abs(change), from_here), largest**2)
    going_on = np.abs(change) / (1 + change) * largest / (1 - largest)
    towards = [process.validity.later_orders(abs(float(own))) for own in change]
    return np.asarray(np.maximum(np.minimum(going_on, most), towards))


def known_until(process: DriftProcess, error: StimulusError) -> float | None:
    """Lag at which rates of these errors leave a curve undetermined; None if they never do.

    A turn is undetermined when its angle may be a quarter turn off, unless it has faded before.
    Decay is undetermined from its own time on when its rate is not known to a factor.
    """
    decay, turning = np.abs(process.eigenvalues.real), np.abs(process.eigenvalues.imag)
    turns = turning > NEUTRAL * turning.max(initial=0.0)
    lags = 0.5 * np.pi / (max(error.turning, np.finfo(float).tiny) * turning[turns])
    ends = lags[decay[turns] * lags < FADED].tolist()
    if error.decay >= 1 and decay.max() > 0:
        ends.append(1 / (error.decay * float(decay.max())))
    return min(ends, default=None)


def _orders(problem: LearningProblem) -> Orders | None:
    """Both orders, where they are known and cheap."""
    try:
        return orders(problem, longest=QUICK)
    except RequestError:
        return None


def _largest_changes(found: Orders, rate: float) -> dict[str, float]:
    """Largest relative corrections of decay, of turning and of squared representations.

    Of those that there are at leading order.
    """
    squared = _squares(Pair(found.first_layer.leading, _shift(found)))
    turning, following = map(np.linalg.norm, found.mean_rotation)
    changes = {}
    if found.decay.leading.any():
        changes["decay"] = rate * _relative_size(*found.decay)
    if turning > 0:
        changes["turning"] = float(rate * following / turning)
    return changes | {"squared": rate * _relative_size(*squared)}


def _says_nothing(changes: Mapping[str, float], name: str) -> bool:
    """Whether the next order is as large as what it corrects."""
    return changes.get(name, 0.0) >= 1


def _of_which_it_says_something(found: Orders, changes: Mapping[str, float]) -> Orders:
    """Both orders without the next of what it changes by as much as there is."""

    def leading(pair: Pair) -> Pair:
        return Pair(pair.leading, np.zeros_like(pair.following))

    if _says_nothing(changes, "decay"):
        found = replace(
            found,
            decay=leading(found.decay),
            variances=leading(found.variances),
            covariance=None if found.covariance is None else leading(found.covariance),
        )
    if _says_nothing(changes, "turning"):
        found = replace(found, mean_rotation=leading(found.mean_rotation))
    if _says_nothing(changes, "squared"):
        found = replace(found, first_layer=leading(found.first_layer), by_synapses=None)
    return found


def _lengthened(problem: LearningProblem, found: Orders) -> Iterator[float]:
    """Relative change of the squared mean representation of each stimulus by the next order."""
    units = natural_units(problem.teacher, problem.input_covariance)
    for item in units.problem(problem).stimuli:
        still, shift = found.first_layer.leading @ item.vector, _shift(found) @ item.vector
        if still @ still > RESOLVED**2 * np.sum(found.first_layer.leading**2) * np.sum(
            item.vector**2
        ):
            yield float(_natural_rate(problem) * 2 * abs(still @ shift) / (still @ still))
        else:
            yield 0.0


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

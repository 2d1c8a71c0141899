"""Every observable of a problem at once, over times that the theory chooses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from symdrift.datasets import Coordinate, Entry, dataset
from symdrift.errors import RequestError
from symdrift.evaluation.lifetimes import TimeErrors, days_record, lifetimes_table
from symdrift.evaluation.next_order.cost import expected_duration
from symdrift.evaluation.sweep_axes import linear_axis, logarithmic_axis, parse_range
from symdrift.evaluation.validity import percent_off
from symdrift.memory import available_memory, size_left, size_needed
from symdrift.observables.angle import PopulationAngle, angle_seconds, population_angle
from symdrift.observables.decoding import TARGETS, DecoderDecay, decoder_decay
from symdrift.observables.displacement import (
    Autocorrelation,
    Displacement,
    autocorrelation,
    decorrelation_time,
    mean_squared_displacement,
    slowest_rate,
)
from symdrift.observables.error_band import Band, bands, stretch, time_errors
from symdrift.observables.expected_error import ExpectedError, with_next_order, with_two_times
from symdrift.observables.persistence import Persistence, persistence
from symdrift.observables.process import (
    SHORTEST,
    DriftProcess,
    checked_lags,
    drift_process,
)
from symdrift.observables.rotations import LARGEST_SQUARE
from symdrift.observables.rule_process import rule_process
from symdrift.observables.sampling import path_steps
from symdrift.observables.similarity import (
    RepresentationalSimilarity,
    representational_similarity,
)
from symdrift.observables.tuning import (
    FEWEST_STIMULI,
    MOST_PATH_STEPS,
    QUANTILES,
    TOO_FAR,
    TuningChange,
    tuning_change,
    tuning_seconds,
)
from symdrift.precision import double_precision
from symdrift.progress import Progress, log_stage
from symdrift.quoting import shown
from symdrift.records import Record
from symdrift.study.learner import Learner
from symdrift.study.problem import Array, LearningProblem
from symdrift.tables import Row, Table, printed, record_table, with_band, with_error

if TYPE_CHECKING:
    from xarray import Dataset

_LAGS = 10
"""Lags that a table shows."""
_ERRORS = "After ± the expected error to the farther side of the band that JSON and CSV have."
_TIME_ERRORS = (
    "In brackets the expected error; of all together those of the rates and of the fluctuation by "
    "what they take until then."
)
_SAMPLED = (
    " That of tuning is the standard error of the networks that are followed; how fast it is lost "
    "may be off by {} besides, at the last lag."
)

DEFAULT_TIMES = 61
MOST_DEFAULT_TIMES = 160
POINTS_PER_TURN = 16
MOST_TIMES = 2000
MATRICES = 6
"""Matrices of all hidden axes that are held for each lag."""
MODES = 3
"""Numbers that are held for each lag and mode of the fluctuation."""
CURVES = 22
"""Numbers of the result for each lag and stimulus, the lag itself with every observable."""
PRINTED_BYTES = 250
"""Memory that a number takes as an object of Python and as text."""
LONGEST = 4.0
"""Last default time in units of the longest decorrelation time."""
FASTEST_DECAY = 1.0
"""Decay by rotation, per step, beyond which a step is no small part of anything."""
COLUMNS = ("observable", "subject", "part", "time", "value")


@dataclass(frozen=True, eq=False)
class Observation(Record):
    """What an experimenter would measure on one problem.

    Attributes
    ----------
    study, approximation : str
    times : Array
        In SGD steps, shape ``(T,)``.
    displacement : tuple of Displacement
        By stimulus; so are `autocorrelation` and `angle`.
    autocorrelation : tuple of Autocorrelation
    angle : tuple of PopulationAngle
        Of the stimuli that have a representation.
    similarity : RepresentationalSimilarity
    decoder : tuple of DecoderDecay
        By target; empty with too many hidden axes.
    tuning : TuningChange or None
        None with too few stimuli.
    expected_error : ExpectedError
        How far the curves can be off; they end where they say nothing any more.
    bands : tuple of Band
        What it makes of each curve that is not sampled.
    warnings : tuple of str
        Limits of validity, and what is missing and why.
    time_scales : tuple of Persistence
        By stimulus, in SGD steps.
    steps_per_day : float or None
        Where it is known tables and figures have days, and the record a block of times in days.
    layer : str or None
        Name of the hidden layer, where there are several.
    time_errors : Mapping
        Expected errors of time scales, by stimulus.
    """

    unwritten = ("time_errors",)

    study: str
    approximation: str
    times: Array
    displacement: tuple[Displacement, ...]
    autocorrelation: tuple[Autocorrelation, ...]
    angle: tuple[PopulationAngle, ...]
    similarity: RepresentationalSimilarity
    decoder: tuple[DecoderDecay, ...]
    tuning: TuningChange | None
    expected_error: ExpectedError
    bands: tuple[Band, ...]
    warnings: tuple[str, ...]
    time_scales: tuple[Persistence, ...] = ()
    steps_per_day: float | None = None
    layer: str | None = None
    time_errors: TimeErrors = field(default_factory=dict)

    @property
    def days(self) -> dict[str, Any]:
        """Time scales in days."""
        return days_record(self.time_scales, self.steps_per_day or 1.0, self.time_errors)

    @property
    def rates_off(self) -> Array:
        """Relative error of each lag by that of both rates, of what changes fastest; ``(T,)``."""
        times = ("turning_time", "decay_time")
        scales = ((getattr(scale, name) or np.inf for scale in self.time_scales) for name in times)
        speed, fading = (1 / min(own, default=np.inf) for own in scales)
        return stretch(self.expected_error.largest, speed, fading, self.times)

    def written(self) -> tuple[str, ...]:
        """Days where it is known how long they are, and the layer where there are several."""
        left_out = ("steps_per_day",) if self.layer else ("steps_per_day", "layer")
        names = tuple(name for name in super().written() if name not in left_out)
        return names if self.steps_per_day is None else (*names, "days")

    def to_dataset(self) -> Dataset:
        """Every observable as an array over lags and stimuli, targets, quantiles or neurons.

        What does not exist is NaN: the angle of a stimulus without a representation, the
        decorrelation time of one that never decorrelates.

        Raises
        ------
        RequestError
            Without xarray.
        """
        stimuli = self.similarity.stimuli
        tuning = self.tuning
        labels: dict[str, ArrayLike] = {"stimulus": stimuli, "other_stimulus": stimuli}
        if self.decoder:
            labels["target"] = [decoder.target for decoder in self.decoder]
        if tuning is not None:
            labels["quantile"] = QUANTILES
            labels["neuron"] = np.arange(1, 1 + tuning.neurons.shape[1])
        return dataset(
            map(_entry, series(self)),
            {"lag": Coordinate(("lag",), self.times, "step")}
            | {axis: Coordinate((axis,), values) for axis, values in labels.items()},
            {"study": self.study, "approximation": self.approximation}
            | ({"layer": self.layer} if self.layer else {}),
        )


@double_precision()
def observe(
    problem: LearningProblem | Learner,
    times: Array | None = None,
    approximation: str = "exact",
    seed: int = 0,
    progress: Progress | None = None,
    layer: str | None = None,
) -> Observation:
    """Every observable of a problem's stimuli.

    Parameters
    ----------
    problem : LearningProblem or Learner
    times : Array, optional
        Lags in SGD steps, shape ``(T,)``, increasing; default: see `default_times`.
    approximation : {"exact", "white"}
    seed : int
        Of the random networks whose neurons are followed.
    progress : callable, optional
        Called with the number of finished parts and of all: planes of the hidden layer, then
        lags of the random networks, then population vectors.
    layer : str, optional
        Of a learner the hidden layer that is observed; default: its first.

    Raises
    ------
    RequestError
        When an argument is refused, the problem is outside the theory, numbers leave double
        precision, or memory does not suffice for them and for their print.
    """
    log_stage(f"evaluating the drift of {problem.study}")
    if isinstance(problem, Learner):
        leading = rule_process(problem, layer, approximation, progress)
    elif layer is None:
        leading = drift_process(problem, approximation, progress)
    else:
        raise RequestError("--layer", f'= "{layer[:80]}" must be left out: there is one layer')
    _require_small_rotations(leading)
    lags = None if times is None else checked_lags(times)
    # Of large layers the next order takes a while.
    _require_memory(leading, DEFAULT_TIMES if lags is None else len(lags))
    process, error = with_next_order(leading, approximation)
    if lags is None:
        lags = default_times(process)
        _require_memory(process, len(lags))
    stimuli = problem.stimuli
    lags, cut = _known(lags, error, problem)
    process, error = with_two_times(process, error)
    warnings = [*process.warnings, *cut]
    represented = [item for item in stimuli if process.representation(item).any()]
    log_stage(f"observing {len(stimuli)} stimuli at {len(lags)} lags")
    decoder: tuple[DecoderDecay, ...] = ()
    tuning = None
    if process.planes is None:
        axes = len(process.decay)
        warnings.append(
            f"{axes} hidden axes: no spread of angles, no decay of a decoder and no tuning of "
            f"neurons; these need the covariance of rotations between all {axes * (axes - 1) // 2} "
            f"planes, which is computed for at most {LARGEST_SQUARE} active axes: lower "
            "network.hidden or raise learning.weight_decay to have them"
        )
    else:
        decoder = tuple(decoder_decay(process, lags, target) for target in _targets(problem))
        steps = path_steps(process, lags)
        if steps > MOST_PATH_STEPS:
            warnings.append(f"no tuning of neurons: it takes {steps} steps of paths, {TOO_FAR}")
        elif len(stimuli) >= FEWEST_STIMULI:
            foreseen = expected_duration(tuning_seconds(process, lags))
            log_stage(f"following the tuning of neurons{foreseen}")
            tuning = tuning_change(process, lags, seed=seed, progress=progress)
        else:
            warnings.append(f"tuning curves need at least {FEWEST_STIMULI} stimuli")
    log_stage(f"comparing {len(stimuli)} stimuli with each other")
    similarity = representational_similarity(process, lags)
    foreseen = expected_duration(angle_seconds(process, len(lags)) * len(represented))
    log_stage(f"comparing population vectors with those of other days{foreseen}")
    angles = []
    for item in represented:
        angles.append(population_angle(process, item, lags))
        if progress is not None:
            progress(len(angles), len(represented))
    return Observation(
        study=problem.study,
        approximation=approximation,
        times=lags,
        displacement=tuple(mean_squared_displacement(process, item, lags) for item in stimuli),
        autocorrelation=tuple(autocorrelation(process, item, lags) for item in stimuli),
        angle=tuple(angles),
        similarity=similarity,
        decoder=decoder,
        tuning=tuning,
        expected_error=error,
        bands=bands(process, error, lags, angles, similarity, decoder),
        warnings=tuple(warnings),
        time_scales=tuple(persistence(process, item) for item in stimuli),
        layer=process.layer,
        time_errors=time_errors(process, error),
    )


def _targets(problem: LearningProblem | Learner) -> Iterator[str]:
    """What there is to read out."""
    return (target for target in TARGETS if target != "teacher" or problem.teacher is not None)


def _known(
    lags: Array, error: ExpectedError, problem: LearningProblem | Learner
) -> tuple[Array, tuple[str, ...]]:
    """The lags at which curves say something, and a warning where some are left out."""
    if error.known_until is None or lags[-1] <= error.known_until:
        return lags, ()
    turning = f", {percent_off(off)} of steady rotation" if (off := error.largest.turning) else ""
    reason = (
        f"the expected error of the rates, {percent_off(error.largest.decay)} of diffusion"
        f"{turning}, covers everything from lag {error.known_until:.3g} on"
    )
    if lags[0] > error.known_until:
        raise RequestError(
            "--times",
            f"from {lags[0]:g} on: {reason}; give smaller ones, or lower learning.rate = "
            f"{problem.learning_rate:g}",
        )
    return lags[lags <= error.known_until], (f"{reason}: curves end there",)


def _require_small_rotations(process: DriftProcess) -> None:
    """Refuse rotations that are not small within one step."""
    fastest = float(np.linalg.norm(process.decay, 2))
    if fastest > FASTEST_DECAY:
        raise RequestError(
            "learning.rate",
            f"= {process.problem.learning_rate:g} makes representations decay at a rate of "
            f"{fastest:.3g} per step, beyond the theory of small steps and, at long times, beyond "
            "double precision; lower it, or the noise",
        )


def observed_memory(process: DriftProcess, lags: int) -> int:
    """Bytes of all observables at so many lags.

    Every lag has a few matrices of all hidden axes, and the memory of every mode of the
    fluctuation; every number of the result is held, and takes `PRINTED_BYTES` when printed.
    """
    axes, stimuli = len(process.decay), len(process.problem.stimuli)
    working = lags * (MATRICES * axes**2 + MODES * len(process.rates))
    numbers = lags * (CURVES * stimuli + process.units) + 3 * stimuli**2
    return 8 * working + PRINTED_BYTES * numbers


def _require_memory(process: DriftProcess, lags: int) -> None:
    """Refuse what does not fit."""
    axes, stimuli = len(process.decay), len(process.problem.stimuli)
    needed, available = observed_memory(process, lags), available_memory()
    if needed > available:
        raise RequestError(
            "--times",
            f"of {lags} lags with {axes} hidden axes and {stimuli} stimuli would need about "
            f"{size_needed(needed)} of memory (available: {size_left(available)}); fewer lags, "
            "hidden units (network.hidden) or [[stimulus]] tables fit",
        )


def default_times(process: DriftProcess) -> Array:
    """Times from a fraction of the fastest relaxation to a few decorrelation times.

    Equal ratios, in SGD steps, and where those would leave out turns of a steady rotation equal
    distances, `POINTS_PER_TURN` to a turn, up to `MOST_DEFAULT_TIMES`.  Where no stimulus
    decorrelates the slowest time scale of the process takes the place.
    """
    decorrelation = [decorrelation_time(process, item) for item in process.problem.stimuli]
    longest = max((time for time in decorrelation if time is not None), default=0.0)
    if not longest:
        longest = 1 / slowest_rate(process)
    first, last = SHORTEST / process.rates.max(), LONGEST * max(longest, 1 / process.rates.min())
    times = np.geomspace(first, last, DEFAULT_TIMES)
    fastest_turn = float(np.abs(process.eigenvalues.imag).max())
    distance = 2 * np.pi / (POINTS_PER_TURN * fastest_turn) if fastest_turn > 0 else np.inf
    fine = times[: 1 + int(np.sum(np.diff(times) <= distance))]
    if len(fine) == len(times):
        return times
    more = min(math.ceil((last - fine[-1]) / distance), MOST_DEFAULT_TIMES - len(fine))
    return np.concatenate([fine, fine[-1] + distance * np.arange(1, more + 1)])


def parse_times(text: str) -> Array:
    """Times of a ``--times`` argument, ``LO:HI:NUM`` or ``LO:HI:NUM:log``, in SGD steps.

    Raises
    ------
    RequestError
        When the text has another form, or the times do not increase from 0 or more.
    """
    field = "--times"
    parts = [part.strip() for part in text.split(":")]
    if len(parts) not in (3, 4) or parts[3:] not in ([], ["log"]):
        raise RequestError(field, f'"{text[:80]}" must have the form LO:HI:NUM or LO:HI:NUM:log')
    low, high, count = parse_range(parts, field, "times", 2, MOST_TIMES)
    logarithmic = len(parts) == 4
    if low < 0 or high <= low or (logarithmic and low == 0):
        least = "above 0" if logarithmic else "at least 0"
        raise RequestError(
            field,
            f"from {shown(parts[0])} to {shown(parts[1])} must increase, and begin at a number of "
            f"steps {least}",
        )
    axis = (logarithmic_axis if logarithmic else linear_axis)("times", low, high, count)
    return np.array(axis.values)


class Series(NamedTuple):
    """A curve against the lag, or a single number, of an observation.

    ``place`` is where the subject stands on each axis of its own.
    """

    observable: str
    subject: str
    part: str
    place: dict[str, int]
    values: Array


def series(observation: Observation) -> Iterator[Series]:
    """Every curve and number, in the order of the record."""
    for k, moved in enumerate(observation.displacement):
        yield from _curves("displacement", moved.stimulus, {"stimulus": k}, moved)
    for k, kept in enumerate(observation.autocorrelation):
        place, last = {"stimulus": k}, kept.decorrelation_time
        yield from _curves("autocorrelation", kept.stimulus, place, kept)
        if last is not None:
            yield Series("decorrelation_time", kept.stimulus, "total", place, np.array(last))
    places = {moved.stimulus: k for k, moved in enumerate(observation.displacement)}
    for angle in observation.angle:
        yield from _curves("angle", angle.stimulus, {"stimulus": places[angle.stimulus]}, angle)
    yield from _similarity_series(observation.similarity)
    for k, decoder in enumerate(observation.decoder):
        yield from _curves("decoder", decoder.target, {"target": k}, decoder)
    if observation.tuning is not None:
        yield from _tuning_series(observation.tuning)
    targets = {decoder.target: k for k, decoder in enumerate(observation.decoder)}
    for band in observation.bands:
        place = {"decoder": {"target": targets.get(band.subject, 0)}, "similarity": {}}.get(
            band.observable, {"stimulus": places.get(band.subject, 0)}
        )
        for side in ("low", "high"):
            part = f"{band.part}_{side}"
            yield Series(band.observable, band.subject, part, place, getattr(band, side))
    error = observation.expected_error
    if error.known_until is not None:
        yield Series(
            "expected_error", "all stimuli", "known_until", {}, np.array(error.known_until)
        )
    for own in error.stimuli:
        for part in own.written()[1:]:
            place = {"stimulus": places[own.stimulus]}
            yield Series("expected_error", own.stimulus, part, place, np.array(getattr(own, part)))


def _curves(
    observable: str, subject: str, place: dict[str, int], record: Record
) -> Iterator[Series]:
    """What a record holds against the lag, by its names."""
    for part, values in _arrays(record, 1):
        if part != "lags":
            yield Series(observable, subject, part, place, values)


def _arrays(record: Record, dimensions: int) -> Iterator[tuple[str, Array]]:
    for part in record.written():
        values = getattr(record, part)
        if isinstance(values, np.ndarray) and values.ndim == dimensions:
            yield part, values


def _similarity_series(similarity: RepresentationalSimilarity) -> Iterator[Series]:
    names = similarity.stimuli
    for part, matrix in _arrays(similarity, 2):
        for (a, b), value in np.ndenumerate(matrix):
            place = {"stimulus": a, "other_stimulus": b}
            pair = f"{names[a]} / {names[b]}"
            yield Series("similarity", pair, part, place, np.array(value))
    yield from _curves("similarity", "all stimuli", {}, similarity)


def _tuning_series(tuning: TuningChange) -> Iterator[Series]:
    yield from _curves("tuning", "all neurons", {}, tuning)
    for k, (level, values) in enumerate(zip(QUANTILES, tuning.quantiles.T, strict=True)):
        place = {"quantile": k}
        yield Series("tuning", "all neurons", f"quantile_{level:g}", place, values)
    for k, values in enumerate(tuning.neurons.T):
        place = {"neuron": k}
        yield Series("tuning", f"neuron {k + 1}", "correlation", place, values)


def observation_rows(observation: Observation) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Columns, and one row per observable, subject (stimulus, pair, target, neuron), part, time."""
    times = observation.times.tolist()
    return COLUMNS, (
        dict(zip(COLUMNS, (*found[:3], time, value), strict=True))
        for found in series(observation)
        for time, value in zip(
            times if found.values.ndim else [None], found.values.ravel().tolist(), strict=True
        )
    )


def _entry(found: Series) -> Entry:
    """Quantiles are one variable; the rest is named as the rows are."""
    part = "quantile" if "quantile" in found.place else found.part
    name = f"{found.observable}_{part}"
    if found.observable == "decorrelation_time":
        return Entry(found.observable, "step", found.place, found.values)
    unit = "rad" if name.startswith("angle_angle") else ""
    if name == "expected_error_known_until":
        unit = "step"
    return Entry(name, unit, found.place, found.values, ("lag",) if found.values.ndim else ())


def observation_tables(observation: Observation) -> list[Table]:
    """What each stimulus keeps, then a few lags of all observables."""
    times = observation.times
    if (per_day := observation.steps_per_day) is not None:
        times = times / per_day
    cells = _with_bands(observation)
    count = len(times)
    places = sorted({round(row * (count - 1) / (_LAGS - 1)) for row in range(_LAGS)})
    activity = record_table(
        "Activity of each stimulus",
        {"stimulus": "stimulus", "variance": "squared activity"},
        (
            {
                "stimulus": kept.stimulus,
                "variance": cells(
                    np.array([kept.variance]), "autocorrelation", kept.stimulus, "variance"
                )[0],
            }
            for kept in observation.autocorrelation
        ),
    )
    lasting = lifetimes_table(
        observation.time_scales,
        per_day,
        observation.time_errors,
        decorrelation_time="all together\ndecorrelate in",
    )
    lag = {f"lag\n{'steps' if per_day is None else 'days'}": list(map(printed, times.tolist()))}
    moved, kept = observation.displacement[0], observation.autocorrelation[0]
    similarity, everything = observation.similarity, ("similarity", "all stimuli")
    curves = lag | {
        f"displacement\n{moved.stimulus}": cells(
            moved.total, "displacement", moved.stimulus, "total"
        ),
        f"autocorrelation\n{kept.stimulus}": cells(
            kept.normalised, "autocorrelation", kept.stimulus, "normalised"
        ),
        "change of\nGram matrix": cells(similarity.gram_change, *everything, "gram_change"),
        "change of\nrepresentations": cells(
            similarity.representation_change, *everything, "representation_change"
        ),
    }
    read = {
        f"R^2 of decoder\n{TARGETS[decoder.target]}": cells(
            decoder.r_squared, "decoder", decoder.target, "r_squared"
        )
        for decoder in observation.decoder
    }
    tuning, sampled = observation.tuning, ""
    if tuning is not None:
        read["tuning\ncorrelation"] = list(
            map(with_error, tuning.mean.tolist(), tuning.standard_error.tolist())
        )
        # As for a decoder: what fluctuates is followed at leading order.
        off = float(observation.rates_off[-1]) + observation.expected_error.fluctuation
        sampled = _SAMPLED.format(percent_off(off))
    tables = [("Against the lag", curves)]
    if read:
        tables.append(("Read out against the lag", lag | read))
    return [
        activity,
        replace(lasting, caption=_TIME_ERRORS),
        *(
            Table(
                title,
                tuple(columns),
                tuple(tuple(column[place] for column in columns.values()) for place in places),
                _ERRORS + (sampled if columns is not curves else ""),
            )
            for title, columns in tables
        ),
    ]


def _with_bands(observation: Observation) -> Callable[..., list[str]]:
    """How values of a curve are shown: with how far off they can be to the farther side."""
    known = {(band.observable, band.subject, band.part): band for band in observation.bands}

    def cells(values: Array, observable: str, subject: str, part: str) -> list[str]:
        band = known[observable, subject, part]
        far = np.atleast_1d(np.maximum(band.high - values, values - band.low))
        return list(map(with_band, values.tolist(), far.tolist()))

    return cells

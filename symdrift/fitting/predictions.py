"""What the theory predicts of each measurement, and how that changes with the free numbers.

Derivatives of rates are those of the formulas, where these apply.  All others are interpolated
(`symdrift.evaluation.interpolation`): on both roads, for every number of a study; the tests hold
them to 1e-8 against the derivatives of the formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from symdrift.errors import RequestError, counted
from symdrift.evaluation.alignment import Alignment, align
from symdrift.evaluation.closed_form import applies, formulas
from symdrift.evaluation.closed_form.axis_kinds import different_axes
from symdrift.evaluation.closed_form.changing_numbers import changing_numbers
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.interpolation import interpolated_slopes
from symdrift.evaluation.next_order.cost import duration
from symdrift.evaluation.sensitivities import formula_changes
from symdrift.fitting.free_numbers import FreeNumber, at
from symdrift.fitting.measurements import RATES, Measurement
from symdrift.memory import require_memory
from symdrift.observables.displacement import mean_squared_displacement
from symdrift.observables.process import drift_process
from symdrift.study import Study
from symdrift.study.problem import Array, LearningProblem
from symdrift.study.reader import checked

_AT_A_TIME = 2**21
"""Numbers of an array of the closed form."""

_MATRICES = 40
"""Matrices between all axes that one prediction takes; two more with each free number."""

_SECONDS_PER_TERM, _DERIVATIVES = 4e-6, 20
"""Of derivatives: what a term of three axes takes, and how often a free number needs them."""

_LONGEST = 3600.0
"""Seconds that a fit may take, as foreseen."""


class _Asked(NamedTuple):
    """A measurement in the units of the theory: ``factor`` times a number per step."""

    stimulus: str
    kind: str
    lag: float
    factor: float


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of some measurements as functions of the free numbers.

    Attributes
    ----------
    study : Study
        With a symbol in the place of each free number.
    numbers : tuple of FreeNumber
    measurements : tuple of Measurement
        Their stimuli and quantities; their values play no part.
    steps_per_day : float or None
        Where it is given rates are per day and lags in days.
    """

    study: Study
    numbers: tuple[FreeNumber, ...]
    measurements: tuple[Measurement, ...]
    steps_per_day: float | None = None

    def problem(self, place: Array) -> LearningProblem:
        """The learning problem at some coordinates, shape ``(k,)``.

        Raises
        ------
        RequestError
            Where the study refuses the numbers.
        """
        return checked(self._at(place)).problem()

    def _at(self, place: Array) -> Study:
        return at(
            self.study,
            {
                each.symbol: each.at(coordinate)
                for each, coordinate in zip(self.numbers, place.tolist(), strict=True)
            },
        )

    def require_affordable(self, problem: LearningProblem) -> None:
        """Refuse a network that is too large for a fit, by one of its problems.

        Raises
        ------
        RequestError
        """
        size, free = max(problem.teacher.shape), len(self.numbers)
        require_memory(
            "network", 8 * (_MATRICES + 2 * free) * size**2,
            f"has {size} axes, whose predictions in a fit would take", "fewer axes fit",
        )  # fmt: skip
        aligned = align(problem)
        # Full matrices are refused with the first prediction.
        if not (self._by_formulas and isinstance(aligned, Alignment)):
            return
        differ = different_axes(aligned.input_variances, aligned.gains, aligned.label_noise)
        seconds = _SECONDS_PER_TERM * _DERIVATIVES * free * differ**3
        if seconds > _LONGEST:
            most = int((_LONGEST / (_SECONDS_PER_TERM * _DERIVATIVES * free)) ** (1 / 3))
            raise RequestError(
                "network",
                f"has {differ} axes that differ, with which a fit of {counted(free, 'number')} "
                f"would take about {duration(seconds)} (allowed: {duration(_LONGEST)}); about "
                f"{most} are possible, and any number of equal ones",
            )

    def values(self, places: Array) -> Array:
        """Predictions at points, shape ``(N, k)``.

        Returns
        -------
        Array
            Shape ``(N, M)``, in the units of the measurements; a row of ``nan`` where the study
            cannot be evaluated.
        """
        return self._evaluated(self.problem, places)

    def _evaluated(self, made: Callable[[Array], LearningProblem], places: Array) -> Array:
        found = np.full((len(places), len(self._asked)), np.nan)
        rows: list[int] = []
        together: list[tuple[LearningProblem, Alignment]] = []

        def evaluate_those() -> None:
            if together:
                found[rows] = _closed_form(together, self._asked)
            rows.clear()
            together.clear()

        for row, place in enumerate(places):
            try:
                problem = made(place)
                aligned = align(problem) if self._by_formulas else ""
                if isinstance(aligned, Alignment):
                    # Problems have full matrices: no more of them are held than belong together.
                    most = _AT_A_TIME // (len(self._asked) * problem.teacher.size)
                    if len(together) >= max(1, most):
                        evaluate_those()
                    rows.append(row)
                    together.append((problem, aligned))
                else:
                    found[row] = _matrix_road(problem, self._asked)
            except RequestError:
                continue
        evaluate_those()
        found *= [asked.factor for asked in self._asked]
        return np.where(np.isfinite(found).all(axis=1, keepdims=True), found, np.nan)

    def jacobian(self, place: Array, columns: Sequence[int] | None = None) -> Array:
        """Derivatives of the predictions by the coordinates, or by some, shape ``(M, k)``.

        ``nan`` in a column where the study cannot be evaluated close by on either side.
        """
        wanted = list(range(len(self.numbers)) if columns is None else columns)
        exact = self._exact_jacobian(place)
        if exact is not None:
            return exact[:, wanted]
        # Close to a place that was checked: the formulas go on where a study ends.
        return interpolated_slopes(
            lambda nodes: self._evaluated(lambda node: self._at(node).problem(), nodes),
            place,
            np.array([each.box for each in self.numbers]),
            wanted,
        ).slopes

    def _exact_jacobian(self, place: Array) -> Array | None:
        """Derivatives of the formulas, where rates are all that was measured."""
        if not self._by_formulas or not all(each.kind in RATES for each in self._asked):
            return None
        study = self._at(place)
        try:
            problem = study.problem()
            changes = formula_changes(study, problem, [each.symbol for each in self.numbers])
            if changes is None:
                return None
            found = changing_numbers(problem, changes, "stimuli")
        except RequestError:
            # At the edge of the theory numbers close by may say more.
            return None
        slopes = [
            each.slope(coordinate)
            for each, coordinate in zip(self.numbers, place.tolist(), strict=True)
        ]
        rows = [
            each.factor * found[f"stimuli.{each.stimulus}.{each.kind}"].change
            for each in self._asked
        ]
        return np.array(rows) * slopes

    @cached_property
    def _by_formulas(self) -> bool:
        """Whether the closed form applies where teacher and inputs share axes."""
        middle = np.array([sum(each.box) / 2 for each in self.numbers])
        try:
            problem = self._at(middle).problem()
        except RequestError:
            return False
        return problem.minimum == 1 and applies(problem) is None

    @cached_property
    def _asked(self) -> tuple[_Asked, ...]:
        return tuple(_in_steps(each, self.steps_per_day) for each in self.measurements)


def _in_steps(measurement: Measurement, steps_per_day: float | None) -> _Asked:
    days = steps_per_day or 1.0
    if measurement.lag is None:
        return _Asked(measurement.stimulus, measurement.quantity, 0.0, days)
    return _Asked(measurement.stimulus, "", measurement.lag * days, 1.0)


def _matrix_road(problem: LearningProblem, asked: Sequence[_Asked]) -> list[float]:
    """Predictions of any problem, per step."""
    drift = {each.name: each for each in evaluate(problem, quantities="stimuli").stimuli}
    lags: dict[str, list[float]] = {}
    for each in asked:
        if each.kind not in RATES:
            lags.setdefault(each.stimulus, []).append(each.lag)
    moved: dict[tuple[str, float], float] = {}
    if lags:
        process = drift_process(problem)
        for name, own in lags.items():
            times = np.unique(own)
            curve = mean_squared_displacement(process, process.stimulus(name), times)
            moved |= {
                (name, lag): total
                for lag, total in zip(times.tolist(), curve.total.tolist(), strict=True)
            }
    return [
        getattr(drift[each.stimulus], each.kind)
        if each.kind in RATES
        else moved[each.stimulus, each.lag]
        for each in asked
    ]


def _closed_form(
    given: Sequence[tuple[LearningProblem, Alignment]], asked: Sequence[_Asked]
) -> Array:
    """Predictions of aligned problems by the formulas, all at once, shape ``(N, M)``."""
    problems, aligned = zip(*given, strict=True)
    outputs, inputs = problems[0].teacher.shape
    minimum: dict[str, Any] = {
        "covariance": np.array([each.input_variances for each in aligned])[:, np.newaxis],
        "weight_decay": np.array([each.weight_decay for each in problems])[:, np.newaxis],
        "gains": np.array([each.gains for each in aligned])[:, np.newaxis],
        "inputs": inputs,
        "outputs": outputs,
        "hidden": problems[0].hidden,
    }
    learning: dict[str, Any] = {
        "learning_rate": np.array([each.learning_rate for each in problems])[:, np.newaxis],
        "label_noise": np.array([each.label_noise for each in aligned])[:, np.newaxis],
        "batch": problems[0].batch,
    }
    vectors = [{item.name: item.vector for item in problem.stimuli} for problem in problems]
    stimuli = np.array(
        [
            [own[each.stimulus] @ found.input_axes for each in asked]
            for own, found in zip(vectors, aligned, strict=True)
        ]
    )
    kinds = np.array([each.kind for each in asked])
    found = np.full(stimuli.shape[:2], np.nan)
    rates = {"decay_rate": formulas.decay_rate, "diffusion": formulas.representation_diffusion}
    with np.errstate(all="ignore"):
        for kind, formula in rates.items():
            which = np.flatnonzero(kinds == kind)
            if which.size:
                found[:, which] = formula(stimuli[:, which], **minimum, **learning)
        which = np.flatnonzero(kinds == "")
        if which.size:
            lags = np.array([each.lag for each in asked])[which]
            found[:, which] = formulas.mean_squared_displacement(
                lags, stimuli[:, which], **minimum, **learning
            )
        learned = formulas.singular_values(**minimum)
    # Where nothing is learned there is no representation to measure.
    return np.where((learned > 0).any(axis=-1), found, np.nan)

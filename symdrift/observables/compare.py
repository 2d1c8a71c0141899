"""A study beside something simpler: synaptic noise, white noise, isotropic inputs.

Each comparison evaluates the study and its counterpart and sets their rates side by side, by
plane of the hidden layer and by stimulus.  All rates are per SGD step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from types import MappingProxyType
from typing import Any

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.closed_form import applies
from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.parts import stimulus_drift
from symdrift.evaluation.result import Evaluation
from symdrift.evaluation.synapses import synaptic_decay, synaptic_drift
from symdrift.evaluation.validity import percent_off
from symdrift.inputs import Gaussian
from symdrift.observables.aligned_layer import aligned_layer
from symdrift.observables.side_by_side import UNITS
from symdrift.precision import double_precision
from symdrift.progress import log_stage
from symdrift.records import Record, written_names
from symdrift.study.problem import Array, LearningProblem
from symdrift.tables import Row, Table, printed, record_table

_EXPECTED = (
    "In brackets: by how much the leading order is expected to be off at the learning rate of the "
    "study, or may be where its next order is not computed"
)

STEP = 1e-3
"""Change of a logarithm across which exponents are measured."""


@dataclass(frozen=True)
class RatePair(Record):
    """One rate of the study and of its counterpart, with the relative error expected of each.

    The errors are those of the leading order at the learning rate of the study
    (`Evaluation.expected_error`); ``None`` where that order is not what a rate lacks most: in the
    white-noise approximation, under synaptic noise alone, under other learning rules.
    """

    behind = MappingProxyType({"ratio": "counterpart"})

    name: str
    study: float
    counterpart: float
    study_expected_error: float | None = None
    counterpart_expected_error: float | None = None

    @property
    def errors(self) -> tuple[float, ...]:
        """Those that are expected."""
        both = (self.study_expected_error, self.counterpart_expected_error)
        return tuple(error for error in both if error)

    @property
    def ratio(self) -> float | None:
        """Counterpart over study; ``None`` where the study's rate is 0."""
        return self.counterpart / self.study if self.study else None


Rate = tuple[float, float | None]
"""A rate and its expected error."""


def _pair(name: str, study: Rate, counterpart: Rate) -> RatePair:
    return RatePair(name, study[0], counterpart[0], study[1], counterpart[1])


@dataclass(frozen=True)
class DriftComparison(Record):
    """Rates of a study beside those of a counterpart.

    Attributes
    ----------
    study, counterpart : str
        What is compared, for headings: ``"gradient noise"``, ``"synaptic noise"``.
    mean_decay : RatePair
        Mean rotational decay rate of the active hidden axes, ``tr(Delta) / r``, per step.
    steady_rotation : RatePair
        Fastest steady rotation of the hidden layer, the spectral norm of ``sum_k mu_k Omega_k``,
        rad/step; 0 where inputs are symmetric and share axes with the teacher.
    planes : tuple of RatePair
        Rotation variance ``V_kk``, rad^2/step, in the planes that both share.
    stimuli : tuple of RatePair
        Decay rate of each stimulus, per step.
    """

    study: str
    counterpart: str
    mean_decay: RatePair
    steady_rotation: RatePair
    planes: tuple[RatePair, ...]
    stimuli: tuple[RatePair, ...]

    def rows(self) -> tuple[tuple[str, RatePair], ...]:
        """Kind of quantity and rates, row by row, for a table.

        The steady rotation is left out where neither rotates.
        """
        turning = self.steady_rotation
        return (
            ("mean decay rate", self.mean_decay),
            *([("steady rotation", turning)] if turning.study or turning.counterpart else []),
            *(("rotation variance", pair) for pair in self.planes),
            *(("decay rate", pair) for pair in self.stimuli),
        )


@dataclass(frozen=True)
class ScalingRow(Record):
    """How the mean decay rate answers to a parameter, by gradient and by synaptic noise.

    ``gradient`` and ``synaptic`` are exponents ``d ln(rate) / d ln(parameter)``.
    """

    parameter: str
    gradient: float
    synaptic: float


@dataclass(frozen=True)
class SizeRow(Record):
    """Mean decay rates of an isotropic network with ``inputs`` learned directions, per step."""

    inputs: int
    hidden: int
    gradient: float
    synaptic: float


@dataclass(frozen=True)
class SynapticComparison(Record):
    """Drift by gradient noise beside drift by synaptic noise of equal mean decay rate.

    Attributes
    ----------
    comparison : DriftComparison
        Planes of an active with a silent hidden unit, which gradient noise leaves alone,
        come last.
    synaptic_variance : float
        ``varsigma^2`` per step and weight at which the mean decay rates agree.
    scaling : tuple of ScalingRow
    sizes : tuple of SizeRow
        Isotropic networks of the same mean gain, input variance, label noise and synaptic
        variance, wider or with silent units; empty where such a network learns nothing.
    """

    comparison: DriftComparison
    synaptic_variance: float
    scaling: tuple[ScalingRow, ...]
    sizes: tuple[SizeRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """The rates side by side, then what is known of synaptic noise."""
        record = super().to_dict()
        return {**record.pop("comparison"), **record}


@dataclass(frozen=True)
class ComparedStudy(Record):
    """Every comparison of one problem.

    Attributes
    ----------
    study : str
    synaptic : SynapticComparison or None
        None for a hidden layer that cannot rotate.
    white : DriftComparison or None
        None under another rule than two-layer SGD.
    isotropic : DriftComparison or None
        None where isotropic inputs leave the task no strict minimum.
    warnings : tuple of str
        Of the study at its learning rate, and why a comparison is missing.
    """

    study: str
    synaptic: SynapticComparison | None
    white: DriftComparison | None
    isotropic: DriftComparison | None
    warnings: tuple[str, ...]

    def comparisons(self) -> dict[str, DriftComparison]:
        """Rates side by side, by the name of what the study is compared with."""
        synaptic = None if self.synaptic is None else self.synaptic.comparison
        named = {"synaptic": synaptic, "white": self.white, "isotropic": self.isotropic}
        return {name: compared for name, compared in named.items() if compared is not None}


@double_precision()
def compare_study(problem: LearningProblem) -> ComparedStudy:
    """The study beside synaptic noise, the white-noise approximation and isotropic inputs.

    Parameters
    ----------
    problem : LearningProblem

    Returns
    -------
    ComparedStudy
        All rates per SGD step; a comparison that does not apply is ``None`` and has a warning.

    Raises
    ------
    RequestError
        When the problem cannot be evaluated.
    """
    log_stage("comparing with white noise")
    white = white_noise_comparison(problem)
    synaptic, isotropic = None, None
    warnings = list(evaluate(problem, order=None).warnings)
    log_stage("comparing with synaptic noise")
    try:
        synaptic = synaptic_comparison(problem)
    except RequestError as error:
        warnings.append(f"no comparison with synaptic noise: {error}")
    log_stage("comparing with isotropic inputs")
    try:
        isotropic = isotropic_comparison(problem)
    except RequestError as error:
        warnings.append(f"no comparison with isotropic inputs: {error}")
    return ComparedStudy(problem.study, synaptic, white, isotropic, tuple(warnings))


def comparison_rows(compared: ComparedStudy) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Columns, and one row per comparison and rate."""
    rows = (
        {"comparison": name, "quantity": quantity} | pair.to_dict()
        for name, comparison in compared.comparisons().items()
        for quantity, pair in comparison.rows()
    )
    return ("comparison", "quantity", *written_names(RatePair)), rows


def synaptic_comparison(problem: LearningProblem) -> SynapticComparison:
    """The study's gradient noise beside synaptic noise alone.

    Gradient noise turns the hidden layer by the area that its fluctuation sweeps, at a rate
    of the order ``eta^3``; synaptic noise turns it directly, ``V = varsigma^2 G^-1``, whatever
    the stimuli are, and into silent hidden units too.

    Parameters
    ----------
    problem : LearningProblem
        Its own synaptic noise is left out.

    Raises
    ------
    RequestError
        When the problem cannot be evaluated, or its hidden layer does not rotate: one
        active axis and no silent one.
    """
    problem = replace(problem, synaptic_noise=0.0)
    gradient = evaluate(problem, order=None)
    values = gradient.minimum.singular_values
    unit_decay = float(np.mean(synaptic_decay(values, problem.hidden, 1.0)))
    if not unit_decay > 0:
        raise RequestError(
            "network.hidden",
            f"= {problem.hidden} leaves one hidden axis, which cannot rotate; a comparison of "
            "drifts needs at least two hidden units",
        )
    decay = _mean_decay(gradient)
    variance = decay[0] / unit_decay
    synaptic = synaptic_drift(values, problem.hidden, variance)
    by_gradient = dict(zip(gradient.drift.planes, _variances(gradient), strict=True))
    order = sorted(synaptic.planes, key=lambda plane: (plane not in by_gradient, plane))
    by_synapses = dict(zip(synaptic.planes, synaptic.variances, strict=True))
    unit_rates = _decay_rates(problem, synaptic_decay(values, problem.hidden, 1.0))
    pairs = tuple(
        _pair(name, one, (variance * rate, None))
        for (name, one), rate in zip(_decay(gradient), unit_rates, strict=True)
    )
    return SynapticComparison(
        comparison=DriftComparison(
            study="gradient noise",
            counterpart="synaptic noise",
            mean_decay=_pair("hidden axes", decay, (variance * unit_decay, None)),
            steady_rotation=_pair("hidden layer", _steady_rotation(gradient), (0.0, None)),
            planes=tuple(
                _pair(
                    f"{i}, {j}",
                    by_gradient.get((i, j), (0.0, None)),
                    (float(by_synapses[i, j]), None),
                )
                for i, j in order
            ),
            stimuli=pairs,
        ),
        synaptic_variance=variance,
        scaling=_scaling(problem),
        sizes=_sizes(problem, variance),
    )


def _decay_rates(problem: LearningProblem, decay: Array) -> list[float]:
    """Decay rate of each stimulus where hidden axes decay on their own, at given rates.

    Matrices of the reached directions, of which full roads are made, are not needed for it.
    """
    layer = (
        aligned_layer(problem)
        if applies(problem) is None
        else minimum_of(problem)
    )
    delta, still = np.diag(decay), np.zeros((decay.size, decay.size))
    return [
        stimulus_drift(stimulus, layer.first_layer, delta, still).decay_rate
        for stimulus in problem.stimuli
    ]


def white_noise_comparison(problem: LearningProblem) -> DriftComparison:
    """The exact statistics beside the white-noise approximation.

    The approximation takes noise and fluctuation as uncorrelated in time: ``Y`` is replaced by
    the rotation itself in ``V = eta^2 tr(Y' C Y Gamma) / G^2``.

    Parameters
    ----------
    problem : LearningProblem

    Returns
    -------
    DriftComparison
        Rates per SGD step, by plane and by stimulus.

    Raises
    ------
    RequestError
        When the problem cannot be evaluated.
    """
    exact, white = evaluate(problem, order=None), evaluate(problem, approximation="white")
    return DriftComparison(
        study="exact",
        counterpart="white noise",
        mean_decay=_pair("hidden axes", _mean_decay(exact), _mean_decay(white)),
        steady_rotation=_steady_rotations(exact, white),
        planes=tuple(
            _pair(f"{i}, {j}", *rates)
            for (i, j), *rates in zip(
                exact.drift.planes, _variances(exact), _variances(white), strict=True
            )
        ),
        stimuli=_stimulus_pairs(exact, white),
    )


def isotropic_comparison(problem: LearningProblem) -> DriftComparison:
    """The study beside isotropic Gaussian inputs of equal total variance ``tr(Sigma)``.

    Hidden axes of the two have nothing in common: planes are not compared.

    Parameters
    ----------
    problem : LearningProblem

    Returns
    -------
    DriftComparison
        Rates per SGD step, by stimulus.

    Raises
    ------
    RequestError
        When the problem cannot be evaluated, or isotropic inputs leave it no strict minimum.
    """
    study = evaluate(problem, order=None)
    size = len(problem.input_covariance)
    variance = float(np.trace(problem.input_covariance)) / size
    try:
        inputs = Gaussian(variance * np.eye(size))
        counterpart = evaluate(replace(problem, inputs=inputs, minimum=1), order=None)
    except RequestError as error:
        raise RequestError(
            "inputs", f"have no isotropic counterpart of equal total variance: {error}"
        ) from None
    return DriftComparison(
        study="study",
        counterpart="isotropic inputs",
        mean_decay=_pair("hidden axes", _mean_decay(study), _mean_decay(counterpart)),
        steady_rotation=_steady_rotations(study, counterpart),
        planes=(),
        stimuli=_stimulus_pairs(study, counterpart),
    )


def _stimulus_pairs(one: Evaluation, other: Evaluation) -> tuple[RatePair, ...]:
    return tuple(
        _pair(name, first, second)
        for (name, first), (_, second) in zip(_decay(one), _decay(other), strict=True)
    )


def _steady_rotations(one: Evaluation, other: Evaluation) -> RatePair:
    return _pair("hidden layer", _steady_rotation(one), _steady_rotation(other))


def _decay(evaluation: Evaluation) -> list[tuple[str, Rate]]:
    """Decay rate by stimulus."""
    return [
        (each.name, (each.decay_rate, _error(evaluation, f"stimuli.{each.name}.decay_rate")))
        for each in evaluation.stimuli
    ]


def _variances(evaluation: Evaluation) -> list[Rate]:
    """``V_kk`` by plane."""
    return [
        (variance, _error(evaluation, f"drift.diffusion.{i}-{j}"))
        for (i, j), variance in zip(
            evaluation.drift.planes, evaluation.drift.variances.tolist(), strict=True
        )
    ]


def _steady_rotation(evaluation: Evaluation) -> Rate:
    """Spectral norm of ``sum_k mu_k Omega_k``: its fastest plane, whatever the hidden frame."""
    means = (f"drift.mean_rotation.{i}-{j}" for i, j in evaluation.drift.planes)
    rate = float(np.linalg.norm(evaluation.mean_rotation, 2))
    errors = [_error(evaluation, mean) for mean in means] if rate else []
    return rate, max((error for error in errors if error is not None), default=None)


def _mean_decay(evaluation: Evaluation) -> Rate:
    """``tr(Delta) / r``: each plane of two active axes turns both of them.

    Errors of planes add up.
    """
    rank, variances = evaluation.minimum.rank, _variances(evaluation)
    axes = (2 if j <= rank else 1 for _, j in evaluation.drift.planes)
    shares = [0.5 * count / rank for count in axes]
    rate = sum((share * one for share, (one, _) in zip(shares, variances, strict=True)), 0.0)
    if not rate or any(error is None for _, error in variances):
        return rate, None
    off = (share * one * (by or 0.0) for share, (one, by) in zip(shares, variances, strict=True))
    return rate, sum(off) / rate


def _error(evaluation: Evaluation, column: str) -> float | None:
    """Expected error; that of the white-noise approximation is no matter of the rate."""
    return evaluation.expected_error(column) if evaluation.approximation == "exact" else None


def _scaling(problem: LearningProblem) -> tuple[ScalingRow, ...]:
    """Exponents of both mean decay rates at the study's parameters."""

    def input_power(factor: float) -> LearningProblem:
        return replace(problem, inputs=problem.inputs.scaled(factor))

    def weight_decay(factor: float) -> LearningProblem:
        return replace(problem, weight_decay=factor * problem.weight_decay)

    def learning_rate(factor: float) -> LearningProblem:
        return replace(problem, learning_rate=factor * problem.learning_rate)

    small, twice = float(np.exp(STEP)), replace(problem, batch=2 * problem.batch)
    return (
        _exponents("learning rate", learning_rate(1 / small), learning_rate(small), 2 * STEP),
        _exponents("batch size", problem, twice, float(np.log(2))),
        _exponents("weight decay", weight_decay(1 / small), weight_decay(small), 2 * STEP),
        _exponents("input variance", input_power(1 / small), input_power(small), 2 * STEP),
    )


def _exponents(
    parameter: str, before: LearningProblem, after: LearningProblem, step: float
) -> ScalingRow:
    gradients, synapses = [], []
    for problem in (before, after):
        evaluation = evaluate(problem, quantities="stimuli")
        rank = evaluation.minimum.rank
        gradients.append(float(np.trace(evaluation.decay_matrix)) / rank)
        values = evaluation.minimum.singular_values
        synapses.append(float(np.mean(synaptic_decay(values, problem.hidden, 1.0))))
    return ScalingRow(parameter, slope(gradients, step), slope(synapses, step))


def slope(rates: list[float], step: float) -> float:
    """Exponent of a rate that a change of a logarithm takes from one value to another."""
    return float(np.log(rates[1] / rates[0])) / step if min(rates) > 0 else 0.0


def _sizes(problem: LearningProblem, variance: float) -> tuple[SizeRow, ...]:
    """Isotropic networks of growing width, then with growing numbers of silent units."""
    inputs = problem.teacher.shape[1]
    power = float(np.trace(problem.input_covariance)) / inputs
    gain = float(np.linalg.norm(problem.teacher)) / np.sqrt(min(problem.teacher.shape))
    if power * gain <= problem.weight_decay * (1 + 1e-6):
        return ()

    def row(size: int, hidden: int) -> SizeRow:
        network = replace(
            problem,
            hidden=hidden,
            inputs=Gaussian(power * np.eye(size)),
            teacher=gain * np.eye(size),
            label_noise=np.full(size, float(np.mean(problem.label_noise))),
            stimuli=(),
            minimum=1,
        )
        evaluation = evaluate(network, quantities="stimuli")
        values = evaluation.minimum.singular_values
        return SizeRow(
            inputs=size,
            hidden=hidden,
            gradient=float(np.trace(evaluation.decay_matrix)) / size,
            synaptic=float(np.mean(synaptic_decay(values, hidden, variance))),
        )

    sizes = [(inputs, inputs), (2 * inputs, 2 * inputs), (4 * inputs, 4 * inputs)]
    return tuple(row(*size) for size in (*sizes, (inputs, 2 * inputs), (inputs, 4 * inputs)))


def rate_tables(compared: ComparedStudy) -> list[Table]:
    """Rates of a study beside those of its counterparts, then how the two noises scale."""
    synaptic = compared.synaptic
    tables = [_comparison_table(comparison) for comparison in compared.comparisons().values()]
    if synaptic is None:
        return tables
    added = (
        "Synaptic noise of the variance at which the mean decay rates agree: "
        f"{printed(synaptic.synaptic_variance)} per weight and step"
    )
    columns = {"of": "", "gradient": synaptic.comparison.study, "synaptic": "synaptic noise"}
    exponents = (
        {"of": f"exponent of the {row.parameter}"}
        | {noise: exponent(getattr(row, noise)) for noise in ("gradient", "synaptic")}
        for row in synaptic.scaling
    )
    sizes = (
        {"of": f"{row.inputs} inputs, {row.hidden} hidden units, 1/step"} | row.to_dict()
        for row in synaptic.sizes
    )
    scaling = record_table(
        "Mean decay rate: exponents"
        + (", and values in isotropic networks of other sizes" if synaptic.sizes else ""),
        columns,
        chain(exponents, sizes),
    )
    first = replace(tables[0], caption=f"{added}. {tables[0].caption}".removesuffix(". "))
    return [first, *tables[1:], scaling]


def _comparison_table(comparison: DriftComparison) -> Table:
    return record_table(
        f"{comparison.study.capitalize()} beside {comparison.counterpart}",
        {
            "quantity": "quantity",
            "name": "of",
            "study": comparison.study,
            "counterpart": comparison.counterpart,
            "ratio": "ratio",
        },
        (
            pair.to_dict()
            | {
                "study": _cell(pair.study, pair.study_expected_error),
                "counterpart": _cell(pair.counterpart, pair.counterpart_expected_error),
            }
            | {"quantity": f"{quantity}, {UNITS.get(quantity, '1/step')}"}
            | ({"name": f"plane {pair.name}"} if quantity == "rotation variance" else {})
            for quantity, pair in comparison.rows()
        ),
        {"ratio": ".4g"},
        caption=_EXPECTED if any(pair.errors for _, pair in comparison.rows()) else "",
    )


def _cell(rate: float, error: float | None) -> str:
    return printed(rate) + (f" ({percent_off(error)})" if error else "")


def exponent(value: float) -> str:
    """Two decimals, which is what a difference quotient gives; rounding is no exponent."""
    return f"{value:.2f}" if abs(value) >= 0.005 else "0"

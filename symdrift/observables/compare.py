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
from symdrift.evaluation.any_rule import RuleEvaluation
from symdrift.evaluation.closed_form import applies
from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.parts import stimulus_drifts
from symdrift.evaluation.result import Evaluation
from symdrift.evaluation.synapses import synaptic_decay, synaptic_drift
from symdrift.inputs import Gaussian
from symdrift.observables.aligned_layer import aligned_layer
from symdrift.observables.layer_rates import (
    EXPECTED,
    UNITS,
    Rate,
    layer_rates,
    mean_decay,
    rate_cell,
    steady_rotation,
)
from symdrift.precision import double_precision
from symdrift.progress import log_stage
from symdrift.records import Record, written_names
from symdrift.study.problem import Array, LearningProblem
from symdrift.tables import Row, Table, printed, record_table

STEP = 1e-3
"""Change of a logarithm across which exponents are measured."""


@dataclass(frozen=True)
class RatePair(Record):
    """One rate of the study and of its counterpart, with the error expected of each (`Rate`)."""

    behind = MappingProxyType({"ratio": "counterpart"})

    name: str
    study: float
    counterpart: float
    study_expected_error: float | None = None
    counterpart_expected_error: float | None = None

    @classmethod
    def of(cls, name: str, study: Rate, counterpart: Rate) -> RatePair:
        """From both with their errors."""
        errors = (study.expected_error, counterpart.expected_error)
        return cls(name, study.value, counterpart.value, *errors)

    @property
    def errors(self) -> tuple[float, ...]:
        """Those that are expected."""
        both = (self.study_expected_error, self.counterpart_expected_error)
        return tuple(error for error in both if error)

    @property
    def ratio(self) -> float | None:
        """Counterpart over study; ``None`` where the study's rate is 0."""
        return self.counterpart / self.study if self.study else None


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

    ``gradient`` and ``synaptic`` are exponents ``d ln(rate) / d ln(parameter)``, None of a rate
    that is zero.
    """

    parameter: str
    gradient: float | None
    synaptic: float | None


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
    layers = layer_rates(gradient)
    decay = mean_decay(layers)
    variance = decay.value / unit_decay
    synaptic = synaptic_drift(values, problem.hidden, variance)
    by_gradient = layers[0].planes
    planes = dict(zip(synaptic.planes, synaptic.variances.tolist(), strict=True))
    unit_rates = _decay_rates(problem, synaptic_decay(values, problem.hidden, 1.0))
    return SynapticComparison(
        comparison=DriftComparison(
            study="gradient noise",
            counterpart="synaptic noise",
            mean_decay=RatePair.of("hidden axes", decay, Rate(variance * unit_decay)),
            steady_rotation=RatePair.of("hidden layer", steady_rotation(layers), Rate(0.0)),
            planes=tuple(
                RatePair.of(name, by_gradient.get(name, Rate(0.0)), Rate(rate))
                for name, rate in sorted(
                    ((f"{i}, {j}", rate) for (i, j), rate in sorted(planes.items())),
                    key=lambda plane: plane[0] not in by_gradient,
                )
            ),
            stimuli=tuple(
                RatePair.of(name, rate, Rate(variance * unit))
                for (name, rate), unit in zip(layers[0].stimuli.items(), unit_rates, strict=True)
            ),
        ),
        synaptic_variance=variance,
        scaling=_scaling(problem),
        sizes=_sizes(problem, variance),
    )


def _decay_rates(problem: LearningProblem, decay: Array) -> list[float]:
    """Decay rate of each stimulus where hidden axes decay on their own, at given rates.

    Matrices of the reached directions, of which full roads are made, are not needed for it.
    """
    layer = aligned_layer(problem) if applies(problem) is None else minimum_of(problem)
    delta, still = np.diag(decay), np.zeros((decay.size, decay.size))
    followed = stimulus_drifts(problem.stimuli, layer.first_layer, delta, still)
    return [stimulus.decay_rate for stimulus in followed]


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
    return compared(exact, white, "exact", "white noise")


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
    return compared(study, counterpart, "study", "isotropic inputs", planes=False)


def compared(
    one: Evaluation | RuleEvaluation,
    other: Evaluation | RuleEvaluation,
    study: str,
    counterpart: str,
    *,
    planes: bool = True,
) -> DriftComparison:
    """Rates of two evaluations side by side.

    Parameters
    ----------
    one, other : Evaluation or RuleEvaluation
        With layers and stimuli of the same names.
    study, counterpart : str
        What they are called.
    planes : bool
        Whether their hidden axes, and with them planes, have something in common.
    """
    first, second = layer_rates(one), layer_rates(other)

    def pairs(part: str) -> tuple[RatePair, ...]:
        return tuple(
            RatePair.of(name, rate, getattr(there, part)[name])
            for here, there in zip(first, second, strict=True)
            for name, rate in getattr(here, part).items()
        )

    return DriftComparison(
        study=study,
        counterpart=counterpart,
        mean_decay=RatePair.of("hidden axes", mean_decay(first), mean_decay(second)),
        steady_rotation=RatePair.of(
            "hidden layer", steady_rotation(first), steady_rotation(second)
        ),
        planes=pairs("planes") if planes else (),
        stimuli=pairs("stimuli"),
    )


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


def slope(rates: list[float], step: float) -> float | None:
    """Exponent of a rate that a change of a logarithm takes from one value to another.

    To ten decimals: the next depend on the processor.
    """
    return round(float(np.log(rates[1] / rates[0])) / step, 10) + 0.0 if min(rates) > 0 else None


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
        f"{printed(synaptic.synaptic_variance)} per weight and step."
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
        caption="At leading order in the learning rate; the expected error of that is not shown.",
    )
    first = replace(tables[0], caption=f"{added} {tables[0].caption}".rstrip())
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
                "study": rate_cell(Rate(pair.study, pair.study_expected_error)),
                "counterpart": rate_cell(Rate(pair.counterpart, pair.counterpart_expected_error)),
            }
            | {"quantity": f"{quantity}, {UNITS.get(quantity, '1/step')}"}
            | ({"name": f"plane {pair.name}"} if quantity == "rotation variance" else {})
            for quantity, pair in comparison.rows()
        ),
        {"ratio": ".4g"},
        caption=EXPECTED if any(pair.errors for _, pair in comparison.rows()) else "",
    )


def exponent(value: float | None) -> str:
    """Two decimals, which is what a difference quotient gives; rounding is no exponent."""
    if value is None:
        return ""
    return f"{value:.2f}" if abs(value) >= 0.005 else "0"

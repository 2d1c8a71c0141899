"""The report of a study: derivation, numbers, simulation and figures in one document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from symdrift.derivation.steps import Derivation
from symdrift.documents.comparison_tables import Comparisons, compare, comparison_tables
from symdrift.documents.computed import Computed, computed
from symdrift.documents.drawings import Drawing, write_drawings
from symdrift.documents.findings import Findings
from symdrift.documents.fitted_tables import fitted_tables
from symdrift.documents.levels import at_level
from symdrift.documents.number_tables import parameter_table, result_table, simulation_table
from symdrift.documents.numbers import NO_NUMBERS, Numbers, Table
from symdrift.documents.pages import FORMATS, REPORT_FILES, page_of, require_level
from symdrift.documents.rule_report import rule_findings
from symdrift.documents.sensitivity_tables import report_sensitivities, sensitivity_tables
from symdrift.documents.writing import require_passed, write_document
from symdrift.errors import CheckFailed, RequestError
from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.evaluate import corrected_at_once, evaluate
from symdrift.evaluation.next_order.cost import QUICK
from symdrift.evaluation.parts import IndependentDrift
from symdrift.evaluation.result import Evaluation
from symdrift.evaluation.sensitivities import Sensitivities
from symdrift.figures import (
    blocks,
    counterparts,
    decay_rates,
    fitted_rates,
    fluctuation_spectrum,
    frequency,
    learning_rate,
    observables,
    scaling,
    slopes,
    standstill,
    swept_area,
    validation,
    weight_decay,
)
from symdrift.figures.simulated import FEW_WEIGHTS, weights_of
from symdrift.files import replacing, require_places, together
from symdrift.fitting import Fit
from symdrift.kernels.standalone import write_kernels
from symdrift.memory import PLANE_ENTRY, record_memory, require_memory
from symdrift.observables import observe
from symdrift.progress import Progress, Stages, log_stage
from symdrift.records import json_parts
from symdrift.rounding import THEORY_DIGITS, quiet, rounded
from symdrift.study import Study
from symdrift.study.learning_rules import is_derived_on_axes, require_plain
from symdrift.study.problem import LearningProblem
from symdrift.study.symbol_names import letters_of
from symdrift.theory.derive import derive, require_free_names
from symdrift.validation.extrapolate import Extrapolation, extrapolate
from symdrift.validation.plan import at_learning_rate, linear_rate, require_time

_CORRECTION_DIGITS = 6
_EXPONENT_DECIMALS = 5
_RATE_FACTORS = (0.25, 0.5, 1.0)
_RATE_PRECISION, _COARSE_PRECISION = 0.02, 0.03
_SEED = 0

Simulated: TypeAlias = tuple[Extrapolation, frequency.FrequencySweep | None, Comparisons | None]
"""Of two-layer SGD: at several learning rates, against the frequency of a stimulus, and what is
compared."""


def write_report(
    study: Study,
    directory: Path,
    progress: Progress | None = None,
    *,
    simulated: bool = True,
    fitted: Fit | None = None,
    level: str = "full",
) -> list[Path]:
    """Write everything about a study in one document: derivation, numbers, figures.

    Parameters
    ----------
    study : Study
        Symbols without a value leave the report without numbers.  A rule without a derivation
        leaves it without that, and the report says why.
    directory : Path
        Made when missing; receives ``report.tex``, ``.html``, ``.pdf``, ``numbers.json``,
        ``figures/`` and, of two-layer SGD, ``kernels.py``, all at the end, when what an earlier
        report left of such files, and this one does not have, is removed.
    progress : callable, optional
        Receives how much of how many is done.
    simulated : bool
        Whether simulations stand beside the theory; without, nothing else is missing.
    fitted : Fit, optional
        What measurements say about the study, as a section of its own.
    level : {"full", "paper", "outline", "results"}
        How much of the derivation is told, as :func:`symdrift.documents.levels.at_level` says.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    RequestError
        When the study's numbers are outside the theory, a level of a derivation is asked for that
        is not there, or a file cannot be written.
    CheckFailed
        When a step of the derivation, the validation or the compilation fails; what was
        computed has then been written.
    """
    require_level(level)
    directory = Path(directory)
    require_places(directory, REPORT_FILES)
    stages = Stages(progress)
    log_stage(f"evaluating {study.name}")
    # Numbers first: a request outside the theory is then refused before the long work.
    find = _evaluated(study, fitted, simulated)
    derivation = _derived(study, stages.stage(0, 18))
    if derivation.underived and level != "full":
        raise RequestError(
            "--level", f'= "{level}" has nothing to tell less of: {derivation.underived}'
        )
    require_passed(derivation)
    with together(directory, REPORT_FILES, "report.tex") as place:
        written = write_kernels(study, place) if study.is_plain else []
        stages.reach(20)
        numbers, found = NO_NUMBERS, None
        if find is not None:
            found = find(stages)
            letters = letters_of(study)
            log_stage("drawing figures")
            drawn, files = write_drawings(found.drawings(), place / "figures", letters)
            numbers = Numbers(
                tables=found.tables(letters),
                figures=drawn,
                warnings=(*found.warnings, *found.undecided),
                simulated=found.extrapolation is not None,
            )
            written += [_write_numbers(found, place / "numbers.json"), *files]
        stages.reach(90)
        derivation = at_level(derivation, level)
        page = page_of("article", level)
        written += write_document(derivation, place, "report", FORMATS, numbers, page)
    stages.reach(100)
    if found is not None and found.objection is not None:
        raise CheckFailed(
            f"the validation of {study.name} failed: {found.objection}; the report was written to "
            f"{directory}"
        )
    return [directory / path.relative_to(place) for path in written]


def _evaluated(
    study: Study, fitted: Fit | None, simulated: bool
) -> Callable[[Stages], Findings] | None:
    """What finds all numbers, begun with those of the theory; None where symbols lack values."""
    if fitted is not None:
        require_plain(study)
    if study.is_plain:
        return None if study.missing and fitted is None else _layers(study, fitted, simulated)
    if study.missing and is_derived_on_axes(study):
        return None
    return rule_findings(study, simulated)


def _derived(study: Study, progress: Progress) -> Derivation:
    """The derivation of a study, or why it has none, which a report of numbers then says."""
    if study.is_plain:
        return derive(study, progress)
    require_free_names(study)
    try:
        return derive(study, progress)
    except RequestError as refusal:
        return Derivation(study.name, study.title, (), (), {}, underived=str(refusal))


def _layers(study: Study, fitted: Fit | None, simulated: bool) -> Callable[[Stages], Results]:
    """What finds the numbers of two-layer SGD."""
    problem = study.problem()
    exact = corrected_at_once(problem, evaluate(problem), QUICK)
    white = evaluate(problem, "auto", "white")
    _require_record_memory(exact)
    if simulated:
        slowest = min(_rates(problem, exact))
        require_time(at_learning_rate(problem, slowest), minimum_of(problem))

    def find(stages: Stages) -> Results:
        extrapolation, frequencies, comparisons = (
            _simulate(study, problem, exact, stages)
            if simulated
            else (None, frequency.numbers(study, None), compare(problem))
        )
        return Results(
            extrapolation=extrapolation,
            comparisons=comparisons,
            problem=problem,
            exact=exact,
            white=white,
            frequencies=frequencies,
            fitted=fitted,
            sensitivities=report_sensitivities(study, exact),
        )

    return find


@dataclass(frozen=True, kw_only=True)
class Results(Findings):
    """Those of two-layer SGD, and what was fitted to measurements."""

    problem: LearningProblem
    exact: Evaluation
    white: Evaluation
    frequencies: frequency.FrequencySweep | None
    fitted: Fit | None = None
    sensitivities: Sensitivities | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        return (*self.exact.warnings, *(() if self.fitted is None else self.fitted.warnings))

    def tables(self, notation: Mapping[str, str]) -> tuple[Table, ...]:
        moved, validated, compared = self.sensitivities, self.validation, self.comparisons
        return (
            parameter_table(self.problem, notation),
            result_table(self.exact, self.white, notation),
            *(() if moved is None else sensitivity_tables(moved, notation)),
            *(() if validated is None else (simulation_table(validated, notation),)),
            *(() if compared is None else comparison_tables(compared)),
            *(() if self.fitted is None else fitted_tables(self.fitted)),
        )

    def record(self) -> dict[str, Any]:
        return {
            "exact": _Rates(self.exact),
            "white": _Rates(self.white),
            **self.beside_theory,
            **_exponents(self.sensitivities),
            **({} if self.fitted is None else {"fit": self.fitted.to_dict()}),
        }

    def drawings(self) -> Iterator[Drawing]:
        problem, exact = self.problem, self.exact
        limits, validated = self.extrapolation, self.validation

        def kept(name: str, compute: Callable[[], Computed]) -> Computed:
            return computed(name, problem, compute, _SEED, limits is not None)

        if limits is not None:
            still = kept("standstill", lambda: standstill.numbers(problem, exact))
            yield Drawing("standstill", standstill, still)
            spectrum = kept("fluctuation", lambda: fluctuation_spectrum.numbers(problem, exact))
            yield Drawing("fluctuation", fluctuation_spectrum, spectrum)
            area = kept("area", lambda: swept_area.numbers(problem, exact))
            yield Drawing("area", swept_area, area)
        yield Drawing("blocks", blocks, blocks.numbers(problem, exact.minimum.rank))
        if exact.drift.variances.any():
            sweep = kept("weight_decay", lambda: weight_decay.numbers(problem, exact, limits))
            yield Drawing("weight_decay", weight_decay, sweep)
            laws = kept("scaling", lambda: scaling.numbers(problem, exact, limits))
            yield Drawing("scaling", scaling, laws)
            yield Drawing("decay_rates", decay_rates, decay_rates.numbers(exact, self.white))
        if exact.drift.planes:
            observation = kept("observables", lambda: observe(problem, seed=_SEED))
            yield Drawing("observables", observables, observation)
        if validated is not None:
            yield Drawing("validation", validation, validation.numbers(validated))
        if limits is not None:
            yield Drawing("learning_rate", learning_rate, learning_rate.numbers(limits))
            changes = kept("slopes", lambda: slopes.numbers(problem, _SEED))
            yield Drawing("slopes", slopes, changes)
        yield Drawing("frequency", frequency, self.frequencies)
        if (compared := self.comparisons) is not None:
            beside = counterparts.numbers(compared.synaptic, compared.isotropic)
            yield Drawing("counterparts", counterparts, beside)
        yield Drawing("fit", fitted_rates, self.fitted)


def _exponents(found: Sensitivities | None) -> dict[str, Any]:
    """Exponents with the decimals that hold on either road, where there are any."""
    if found is None:
        return {}
    exponents = {
        number: {
            name: value if value is None else round(value, _EXPONENT_DECIMALS)
            for name, value in row.items()
        }
        for number, row in found.to_dict()["exponents"].items()
    }
    return {"sensitivities": {"method": found.method, "exponents": exponents}}


@dataclass(frozen=True)
class _Rates:
    """The record of an evaluation, made when it is written: only one is held at a time."""

    evaluation: Evaluation

    def to_dict(self) -> dict[str, Any]:
        record = _without_noise(self.evaluation).to_dict()
        following = record.pop("next_order", None)
        if following is not None:
            record["next_order"] = rounded(following, _CORRECTION_DIGITS)
        found: dict[str, Any] = rounded(record, THEORY_DIGITS)
        return found


def _require_record_memory(evaluation: Evaluation) -> None:
    """Refuse an evaluation whose record would not fit beside its rounded copy."""
    drift = evaluation.drift
    planes = len(drift.planes)
    independent = isinstance(drift, IndependentDrift)
    require_memory(
        "network",
        2 * (PLANE_ENTRY * planes if independent else record_memory(planes)),
        f"with {evaluation.minimum.rank} active hidden units has {planes} planes, and "
        "numbers.json holds the covariance of their rotations, which would need",
        "fewer hidden units fit, and evaluate --csv has the diagonal",
    )


def _write_numbers(found: Findings, path: Path) -> Path:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        stream.writelines(json_parts(found.record(), 1, ascii_only=False))
        stream.write("\n")
    return path


def _precision(problem: LearningProblem) -> float:
    """Relative standard error of rotation variances in the simulations of a report."""
    return _RATE_PRECISION if weights_of(problem) <= FEW_WEIGHTS else _COARSE_PRECISION


def _rates(problem: LearningProblem, theory: Evaluation) -> tuple[float, ...]:
    """Learning rates from which ratios are extrapolated to zero."""
    largest = linear_rate(problem, theory, _precision(problem))
    return tuple(factor * largest for factor in _RATE_FACTORS)


def _simulate(
    study: Study, problem: LearningProblem, exact: Evaluation, stages: Stages
) -> Simulated:
    """Simulations of a report, or those of the same problem that were made before."""
    precision = _precision(problem)
    own = problem.learning_rate
    rates = _rates(problem, exact)

    def simulate() -> Simulated:
        extrapolation = extrapolate(
            problem,
            rates,
            seed=_SEED,
            progress=stages.stage(20, 70),
            precision=precision,
            unfitted=() if own in rates else (own,),
        )
        if extrapolation.interrupted:
            raise KeyboardInterrupt
        return extrapolation, frequency.numbers(study, _SEED), compare(problem)

    found = computed("simulation", problem, simulate, study.document, _SEED, rates, precision)
    stages.reach(80)
    return found


def _without_noise(evaluation: Evaluation) -> Evaluation:
    """Rates that vanish up to rounding as exact zeros: their digits would not be stable."""
    drift = evaluation.drift
    if isinstance(drift, IndependentDrift):
        return evaluation
    largest = float(np.abs(drift.covariance).max(initial=0.0))
    covariance = quiet(drift.covariance, largest)
    mean = quiet(drift.mean_rotation, float(np.sqrt(largest)))
    fastest = float(np.abs(mean).max(initial=0.0))
    certificate = evaluation.minimum.certificate
    if certificate is not None:
        gap = certificate.duality_gap
        certificate = replace(
            certificate,
            gradient_norm=float(quiet(certificate.gradient_norm, 1.0)),
            duality_gap=None if gap is None else float(quiet(gap, 1.0)),
        )
    stimuli = tuple(
        replace(entry, mean_speed=entry.mean_speed if fastest > 0 else 0.0)
        for entry in evaluation.stimuli
    )
    return replace(
        evaluation,
        minimum=replace(evaluation.minimum, certificate=certificate),
        drift=replace(drift, covariance=covariance, mean_rotation=mean),
        stimuli=stimuli,
    )

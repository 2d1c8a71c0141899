"""Tables of a report: parameters, results, validation; formulas as LaTeX, text as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from symdrift.documents.numbers import Cell, Formula, Table
from symdrift.evaluation.overview import SIGNS
from symdrift.evaluation.result import Evaluation
from symdrift.figures.style import symbol_of_quantity, words_of_quantity
from symdrift.inputs import StimulusSet, input_facts, input_record, mean_share
from symdrift.study.letters import in_notation
from symdrift.study.problem import LearningProblem
from symdrift.study.roles import ROLES
from symdrift.typesetting.scripts import with_index
from symdrift.validation.validate import Row, Validation

DIGITS = 5
"""Significant digits of numbers in tables."""

_MOST_ROWS = 12
_MOST_VANISHING = 3


def number(value: float, digits: int = DIGITS) -> Formula:
    r"""A number with the given significant digits, such as ``1.3977 \times 10^{-11}``."""
    if value == 0 or not np.isfinite(value):
        return Formula("0" if value == 0 else r"\text{undefined}")
    exponent = int(np.floor(np.log10(abs(value))))
    if -3 <= exponent < digits:
        return Formula(f"{value:.{digits}g}")
    mantissa, power = f"{value:.{digits - 1}e}".split("e")
    return Formula(rf"{mantissa} \times 10^{{{int(power)}}}")


def parameter_table(problem: LearningProblem, notation: Mapping[str, str]) -> Table:
    """What the study fixes: symbol, meaning, value."""
    outputs, inputs = problem.teacher.shape
    sizes = {"inputs": inputs, "outputs": outputs, "hidden": problem.hidden}
    rows: list[tuple[Cell, ...]] = []

    def row(role: str, latex: str, value: Cell, meaning: str = "") -> None:
        rows.append((Formula(latex), meaning or ROLES[role].meaning, value))

    def name(role: str) -> str:
        return notation.get(role, ROLES[role].latex)

    for role, size in sizes.items():
        row(role, name(role), Formula(str(size)))
    row("input", name("input"), problem.inputs.description, "distribution of the inputs")
    rows += [("", what, value) for what, value in input_facts(input_record(problem.inputs))]
    if isinstance(problem.inputs, StimulusSet):
        shown = [number(value, 3).latex for value in problem.inputs.probabilities[:5]]
        more = [r"\ldots"] if len(problem.inputs.probabilities) > 5 else []
        meaning = "probabilities of the stimuli"
        rows.append((Formula("f_{k}"), meaning, Formula(r",\; ".join(shown + more))))
    covariance, teacher = problem.input_covariance, problem.teacher
    has_mean = mean_share(problem.inputs) > 0
    if _is_diagonal(covariance):
        symbol, variances = with_index(name("input_variance"), "i"), np.diagonal(covariance)
        meaning = f"{'second moment' if has_mean else 'input variance'} on each axis"
        row("input_variance", symbol, _list(variances), meaning)
    else:
        meaning = "second moment of the inputs about zero" if has_mean else ""
        row("input_covariance", name("input_covariance"), _matrix(covariance), meaning)
    if _is_diagonal(teacher):
        row("gain", with_index(name("gain"), "i"), _list(np.diagonal(teacher)),
            "gain of the teacher on each axis")  # fmt: skip
    else:
        row("teacher", name("teacher"), _matrix(teacher))
    row("label_noise", f"{with_index(name('label_noise'), 'o')}^{{2}}", _list(problem.label_noise),
        "label-noise variance of each output")  # fmt: skip
    row("weight_decay", name("weight_decay"), number(problem.weight_decay))
    row("learning_rate", name("learning_rate"), number(problem.learning_rate))
    row("batch", name("batch"), Formula(str(problem.batch)))
    if problem.synaptic_noise > 0:
        rows.append(
            ("", "variance of the synaptic noise, per weight", number(problem.synaptic_noise))
        )
    return Table("Parameters.", ("symbol", "meaning", "value"), tuple(rows))


def result_table(exact: Evaluation, white: Evaluation, notation: Mapping[str, str]) -> Table:
    """What follows from the parameters, beside the white-noise approximation."""

    def name(role: str) -> str:
        return notation.get(role, ROLES[role].latex)

    rows = [*_minimum_rows(exact, name("singular_value"), name("hessian"), name("fluctuation"))]
    rows += _plane_rows(exact, white, name("diffusion_tensor"), name("mean_rotation"))
    rows += _stimulus_rows(exact, white, name("mean_rotation"))
    signs = f" {SIGNS}" if exact.drift.mean_rotation.any() else ""
    return Table(
        "Results, exact at leading order in the learning rate, beside the white-noise "
        f"approximation where it differs. Rates are per step.{signs}",
        ("symbol", "meaning", "exact", "white noise", "ratio"),
        tuple(rows),
    )


def _minimum_rows(
    evaluation: Evaluation, singular: str, hessian: str, fluctuation: str
) -> Iterator[tuple[Cell, ...]]:
    minimum = evaluation.minimum
    for index, value in enumerate(minimum.singular_values[:_MOST_ROWS], start=1):
        yield (
            Formula(with_index(singular, str(index))),
            f"singular value {index}",
            number(value),
            "",
            "",
        )
    yield Formula("L"), "loss at the minimum", number(minimum.loss), "", ""
    smallest = number(minimum.hessian_min)
    yield Formula(rf"\min {hessian}"), "smallest Hessian eigenvalue", smallest, "", ""
    largest = number(minimum.hessian_max)
    yield Formula(rf"\max {hessian}"), "largest Hessian eigenvalue", largest, "", ""
    variance, excess = evaluation.fluctuation.weight_variance, evaluation.fluctuation.excess_loss
    yield (
        Formula(rf"\operatorname{{tr}} {fluctuation}"),
        "variance of all weights",
        number(variance),
        "",
        "",
    )
    yield Formula(r"\Delta L"), "excess loss", number(excess), "", ""


def _plane_rows(
    exact: Evaluation, white: Evaluation, diffusion: str, mean: str
) -> Iterator[tuple[Cell, ...]]:
    planes = exact.drift.planes[:_MOST_ROWS]
    for k, plane in enumerate(planes):
        yield (
            Formula(with_index(diffusion, _index(plane))),
            f"diffusion, plane ({plane[0]}, {plane[1]}), rad²",
            *_compared(exact.drift.diffusion[k], white.drift.diffusion[k]),
        )
    noise = 1e-12 * np.sqrt(exact.drift.variances.max(initial=0.0))
    for k, plane in enumerate(planes):
        if abs(exact.drift.mean_rotation[k]) > noise:
            value = number(exact.drift.mean_rotation[k])
            meaning = f"mean rotation, plane ({plane[0]}, {plane[1]}), rad"
            yield Formula(with_index(mean, _index(plane))), meaning, value, "", ""
    if len(exact.drift.planes) > _MOST_ROWS:
        rest = len(exact.drift.planes) - _MOST_ROWS
        yield "", f"and {rest} more planes, listed in numbers.json", "", "", ""


def _stimulus_rows(
    exact: Evaluation, white: Evaluation, mean: str
) -> Iterator[tuple[Cell, ...]]:
    pairs = list(zip(exact.stimuli, white.stimuli, strict=True))
    noise = 1e-12 * np.sqrt(exact.drift.variances.max(initial=0.0))
    for one, other in pairs[:_MOST_ROWS]:
        if one.squared_norm > 0:
            meaning = f"decay rate of “{one.name}”"
            yield (
                Formula("D_{h}/w^{2}"),
                meaning,
                *_compared(one.decay_rate, other.decay_rate),
            )
        else:
            yield Formula("w"), f"“{one.name}” is not represented", number(0.0), "", ""
    for one, _ in pairs[:_MOST_ROWS]:
        # In radians per step: by how much the steady rotation alone turns the representation.
        if one.squared_norm > 0 and one.mean_speed > noise * np.sqrt(one.squared_norm):
            speed = number(one.mean_speed / np.sqrt(one.squared_norm))
            yield (
                Formula(rf"\lvert {mean} w\rvert/\lvert w\rvert"),
                f"steady rotation of “{one.name}”, rad",
                speed,
                "",
                "",
            )


def _compared(exact: float, white: float) -> tuple[Cell, Cell, Cell]:
    ratio: Cell = number(white / exact, 4) if exact != 0 else ""
    return number(exact), number(white), ratio


def validation_table(validation: Validation, notation: Mapping[str, str]) -> Table:
    """Theory beside simulation."""
    return Table(
        f"Theory beside a simulation of {validation.replicas} networks over {validation.steps} "
        f"steps each (windows of {validation.window} steps, seed {validation.seed}): "
        f"{validation.rule}.",
        ("quantity", "theory", "simulation", "standard error", "ratio", "z"),
        _validation_rows(validation.rows, notation),
    )


def _validation_rows(
    rows: Sequence[Row], notation: Mapping[str, str]
) -> tuple[tuple[Cell, ...], ...]:
    """Rows of the table; many quantities that vanish in theory share one."""
    vanishing = [row for row in rows if row.ratio is None]
    if len(vanishing) <= _MOST_VANISHING:
        return tuple(_validation_row(row, notation) for row in rows)
    largest = max((row.z for row in vanishing), key=abs)
    summary = (f"{len(vanishing)} that vanish", Formula("0"), "", "", "largest:",
               Formula(f"{largest:+.1f}"))  # fmt: skip
    shown = [_validation_row(row, notation) for row in rows if row.ratio is not None]
    return (*shown, summary)


def _validation_row(row: Row, notation: Mapping[str, str]) -> tuple[Cell, ...]:
    return (
        _quantity_in(row.quantity, notation),
        number(row.theory),
        number(row.simulation, 4),
        number(row.standard_error, 2),
        "" if row.ratio is None else Formula(f"{row.ratio:.3f}"),
        Formula(f"{row.z:+.1f}"),
    )


def _quantity_in(label: str, notation: Mapping[str, str]) -> Cell:
    found = quantity(label)
    return Formula(in_notation(found.latex, notation)) if isinstance(found, Formula) else found


def quantity(label: str) -> Cell:
    """Typeset name of a validated quantity in default letters; names of stimuli stay text."""
    symbol = symbol_of_quantity(label)
    return words_of_quantity(label) if symbol is None else Formula(symbol)


def _index(plane: Sequence[int]) -> str:
    return "".join(map(str, plane)) if max(plane) < 10 else ",".join(map(str, plane))


def _is_diagonal(matrix: np.ndarray[Any, np.dtype[np.float64]]) -> bool:
    off = matrix.copy()
    np.fill_diagonal(off, 0.0)
    return not np.any(off)


def _list(values: Sequence[float] | np.ndarray[Any, np.dtype[np.float64]]) -> Formula:
    entries = [float(value) for value in values]
    if len(entries) > 1 and len(set(entries)) == 1:
        return Formula(rf"{number(entries[0]).latex} \text{{ each}}")
    shown = [number(value).latex for value in entries[:6]]
    return Formula(r",\; ".join(shown + ([r"\ldots"] if len(entries) > 6 else [])))


def _matrix(matrix: np.ndarray[Any, np.dtype[np.float64]]) -> Cell:
    if max(matrix.shape) > 4:
        return f"{matrix.shape[0]} by {matrix.shape[1]}, listed in numbers.json"
    rows = (" & ".join(number(value, 4).latex for value in row) for row in matrix)
    return Formula(r"\left(\begin{matrix} " + r" \\ ".join(rows) + r" \end{matrix}\right)")

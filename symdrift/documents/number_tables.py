"""Tables of a report: parameters, results, validation; formulas as LaTeX, text as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from symdrift.documents.numbers import Cell, Table
from symdrift.evaluation.result import SIGNS, Evaluation
from symdrift.evaluation.validity import percent_off
from symdrift.figures.style import symbol_of_quantity, words_of_quantity
from symdrift.inputs import StimulusSet, input_facts, input_record, mean_share
from symdrift.quoting import printable
from symdrift.study.letters import in_notation
from symdrift.study.problem import LearningProblem
from symdrift.study.roles import ROLES
from symdrift.typesetting.formula import (
    BLANK,
    COMMA,
    Formula,
    function,
    joined,
    letter,
    matrix,
    numeral,
    row,
    scientific,
    space,
    word,
)
from symdrift.typesetting.reading import read, with_index
from symdrift.validation.rows import Row
from symdrift.validation.validate import Validation

DIGITS = 5
"""Significant digits of numbers in tables."""

_MOST_ROWS = 12
_MOST_VANISHING = 3


def number(value: float, digits: int = DIGITS) -> Formula:
    r"""A number with the given significant digits, such as ``1.3977 \times 10^{-11}``."""
    if value == 0 or not np.isfinite(value):
        return numeral("0") if value == 0 else word("text", "undefined")
    exponent = int(np.floor(np.log10(abs(value))))
    if -3 <= exponent < digits:
        return numeral(f"{value:.{digits}g}")
    mantissa, power = f"{value:.{digits - 1}e}".split("e")
    return scientific(mantissa, letter(r"\times"), int(power))


def parameter_table(problem: LearningProblem, notation: Mapping[str, str]) -> Table:
    """What the study fixes: symbol, meaning, value."""
    outputs, inputs = problem.teacher.shape
    sizes = {"inputs": inputs, "outputs": outputs, "hidden": problem.hidden}
    rows: list[tuple[Cell, ...]] = []

    def add(role: str, latex: str, value: Cell, meaning: str = "") -> None:
        rows.append((read(latex), meaning or ROLES[role].meaning, value))

    def name(role: str) -> str:
        return notation.get(role, ROLES[role].latex)

    for role, size in sizes.items():
        add(role, name(role), numeral(str(size)))
    add("input", name("input"), problem.inputs.description, "distribution of the inputs")
    rows += [("", what, value) for what, value in input_facts(input_record(problem.inputs))]
    if isinstance(problem.inputs, StimulusSet):
        shown = [number(value, 3) for value in problem.inputs.probabilities[:5]]
        listed = _listed(shown, len(problem.inputs.probabilities))
        rows.append((read("f_{k}"), "probabilities of the stimuli", listed))
    covariance, teacher = problem.input_covariance, problem.teacher
    has_mean = mean_share(problem.inputs) > 0
    if _is_diagonal(covariance):
        symbol, variances = with_index(name("input_variance"), "i"), np.diagonal(covariance)
        meaning = f"{'second moment' if has_mean else 'input variance'} on each axis"
        add("input_variance", symbol, _list(variances), meaning)
    else:
        meaning = "second moment of the inputs about zero" if has_mean else ""
        add("input_covariance", name("input_covariance"), _matrix(covariance), meaning)
    if _is_diagonal(teacher):
        add("gain", with_index(name("gain"), "i"), _list(np.diagonal(teacher)),
            "gain of the teacher on each axis")  # fmt: skip
    else:
        add("teacher", name("teacher"), _matrix(teacher))
    add("label_noise", f"{with_index(name('label_noise'), 'o')}^{{2}}", _list(problem.label_noise),
        "label-noise variance of each output")  # fmt: skip
    add("weight_decay", name("weight_decay"), number(problem.weight_decay))
    add("learning_rate", name("learning_rate"), number(problem.learning_rate))
    add("batch", name("batch"), numeral(str(problem.batch)))
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
    errors = (
        "with the expected error of each: by how much the next order changes it, and what later "
        "orders are expected to, which grow towards the critical rate"
        if exact.next_order
        else "whose next order is not computed here and may change them by "
        f"{percent_off(exact.validity.expected_error)}"
    )
    return Table(
        f"Results, exact at leading order in the learning rate, {errors}; beside the white-noise "
        f"approximation where it differs. Rates are per step.{signs}",
        ("symbol", "meaning", "exact", "error", "white noise", "ratio"),
        tuple(rows),
    )


def _minimum_rows(
    evaluation: Evaluation, singular: str, hessian: str, fluctuation: str
) -> Iterator[tuple[Cell, ...]]:
    minimum = evaluation.minimum
    for index, value in enumerate(minimum.singular_values[:_MOST_ROWS], start=1):
        yield _alone(read(with_index(singular, str(index))), f"singular value {index}", value)
    error = _error(evaluation, "minimum.loss")
    yield _alone(read("L"), "loss at the minimum", minimum.loss, error)
    smallest = row(function("min"), read(hessian))
    yield _alone(smallest, "smallest Hessian eigenvalue", minimum.hessian_min)
    largest = row(function("max"), read(hessian))
    yield _alone(largest, "largest Hessian eigenvalue", minimum.hessian_max)
    variance, excess = evaluation.fluctuation.weight_variance, evaluation.fluctuation.excess_loss
    trace = row(function("tr"), read(fluctuation))
    error = _error(evaluation, "fluctuation.weight_variance")
    yield _alone(trace, "variance of all weights", variance, error)
    error = _error(evaluation, "fluctuation.excess_loss")
    yield _alone(read(r"\Delta L"), "excess loss", excess, error)


def _plane_rows(
    exact: Evaluation, white: Evaluation, diffusion: str, mean: str
) -> Iterator[tuple[Cell, ...]]:
    planes = exact.drift.planes[:_MOST_ROWS]
    for k, (i, j) in enumerate(planes):
        yield (
            read(with_index(diffusion, _index((i, j)))),
            f"diffusion, plane ({i}, {j}), rad²",
            *_compared(
                exact.drift.diffusion[k],
                white.drift.diffusion[k],
                _error(exact, f"drift.diffusion.{i}-{j}"),
            ),
        )
    noise = 1e-12 * np.sqrt(exact.drift.variances.max(initial=0.0))
    for k, (i, j) in enumerate(planes):
        if abs(exact.drift.mean_rotation[k]) > noise:
            yield _alone(
                read(with_index(mean, _index((i, j)))),
                f"mean rotation, plane ({i}, {j}), rad",
                exact.drift.mean_rotation[k],
                _error(exact, f"drift.mean_rotation.{i}-{j}"),
            )
    if len(exact.drift.planes) > _MOST_ROWS:
        rest = len(exact.drift.planes) - _MOST_ROWS
        yield "", f"and {rest} more planes, listed in numbers.json", "", "", "", ""


def _stimulus_rows(
    exact: Evaluation, white: Evaluation, mean: str
) -> Iterator[tuple[Cell, ...]]:
    pairs = list(zip(exact.stimuli, white.stimuli, strict=True))
    noise = 1e-12 * np.sqrt(exact.drift.variances.max(initial=0.0))
    for one, other in pairs[:_MOST_ROWS]:
        if one.squared_norm > 0:
            meaning = f"decay rate of “{one.name}”"
            error = _error(exact, f"stimuli.{one.name}.decay_rate")
            yield (
                read("D_{h}/w^{2}"),
                meaning,
                *_compared(one.decay_rate, other.decay_rate, error),
            )
        else:
            yield _alone(read("w"), f"“{one.name}” is not represented", 0.0)
    for one, _ in pairs[:_MOST_ROWS]:
        # In radians per step: by how much the steady rotation alone turns the representation.
        if one.squared_norm > 0 and one.mean_speed > noise * np.sqrt(one.squared_norm):
            yield _alone(
                read(rf"\lvert {mean} w\rvert/\lvert w\rvert"),
                f"steady rotation of “{one.name}”, rad",
                one.mean_speed / np.sqrt(one.squared_norm),
            )


def _alone(symbol: Cell, meaning: str, value: float, error: Cell = "") -> tuple[Cell, ...]:
    """A row without a white-noise approximation."""
    return symbol, meaning, number(value), error, "", ""


def _error(evaluation: Evaluation, column: str) -> Cell:
    """Expected error of a number, where the next order is known."""
    error = evaluation.expected_error(column) if evaluation.next_order else 0.0
    return percent_off(error) if error else ""


def _compared(exact: float, white: float, error: Cell) -> tuple[Cell, Cell, Cell, Cell]:
    ratio: Cell = number(white / exact, 4) if exact != 0 else ""
    return number(exact), error, number(white), ratio


def simulation_table(validation: Validation, notation: Mapping[str, str]) -> Table:
    """Theory beside simulation."""
    rule = validation.rule
    for name in validation.shown_only:
        rule = rule.replace(printable(name), words_of_quantity(name))
    return Table(
        f"Theory beside a simulation of {validation.replicas} networks over {validation.steps} "
        f"steps each (windows of {validation.window} steps, seed {validation.seed}): "
        f"{rule}. z is from the theory with its next order, where that is known.",
        ("quantity", "theory", "simulation", "standard error", "ratio", "z", "verdict"),
        _simulation_rows(validation, notation),
    )


def _simulation_rows(
    validation: Validation, notation: Mapping[str, str]
) -> tuple[tuple[Cell, ...], ...]:
    """Rows of the table; many quantities that vanish in theory, and are said the same, share one.

    A row has the deviation from what it is judged by: the theory with its next order, where that is
    known.
    """
    rows = validation.rows
    vanishing = [row for row in rows if row.ratio is None]
    said = {str(validation.said(row)) for row in vanishing}
    if len(vanishing) <= _MOST_VANISHING or len(said) > 1:
        return tuple(_simulation_row(validation, row, notation) for row in rows)
    largest = max((row.predicted_z for row in vanishing), key=abs)
    summary: tuple[Cell, ...] = (
        f"{len(vanishing)} that vanish", numeral("0"), "", "", "largest:",
        numeral(f"{largest:+.1f}"), *said,
    )  # fmt: skip
    shown = [_simulation_row(validation, row, notation) for row in rows if row.ratio is not None]
    return (*shown, summary)


def _simulation_row(
    validation: Validation, found: Row, notation: Mapping[str, str]
) -> tuple[Cell, ...]:
    return (
        quantity(found.quantity, notation),
        number(found.theory),
        number(found.simulation, 4),
        number(found.standard_error, 2),
        "" if found.ratio is None else numeral(f"{found.ratio:.3f}"),
        numeral(f"{found.predicted_z:+.1f}"),
        str(validation.said(found)),
    )


def quantity(label: str, notation: Mapping[str, str]) -> Cell:
    """A validated quantity in the letters of a study; names of stimuli stay text."""
    symbol = symbol_of_quantity(label)
    return words_of_quantity(label) if symbol is None else read(in_notation(symbol, notation))


def _index(plane: Sequence[int]) -> str:
    return "".join(map(str, plane)) if max(plane) < 10 else ",".join(map(str, plane))


def _is_diagonal(matrix: np.ndarray[Any, np.dtype[np.float64]]) -> bool:
    off = matrix.copy()
    np.fill_diagonal(off, 0.0)
    return not np.any(off)


def _list(values: Sequence[float] | np.ndarray[Any, np.dtype[np.float64]]) -> Formula:
    entries = [float(value) for value in values]
    if len(entries) > 1 and len(set(entries)) == 1:
        return row(number(entries[0]), word("text", " each"))
    return _listed([number(value) for value in entries[:6]], len(entries))


def _listed(shown: Sequence[Formula], count: int) -> Formula:
    """The first of ``count`` numbers."""
    more = [letter(r"\ldots")] if count > len(shown) else []
    return joined(COMMA + space(r"\;") + BLANK, [*shown, *more])


def _matrix(values: np.ndarray[Any, np.dtype[np.float64]]) -> Cell:
    if max(values.shape) > 4:
        return f"{values.shape[0]} by {values.shape[1]}, listed in numbers.json"
    return matrix([[number(value, 4) for value in line] for line in values])

"""Tables of a report: parameters, results, validation; formulas as LaTeX, text as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from typing import Any, TypeAlias

import numpy as np

from symdrift.documents.numbers import Cell, Table
from symdrift.evaluation.parts import Drift, StimulusDrift
from symdrift.evaluation.result import SIGNS, Evaluation
from symdrift.evaluation.validity import error_cell, percent_off
from symdrift.figures.style import symbol_of_quantity, words_of_quantity
from symdrift.inputs import (
    InputDistribution,
    StimulusSet,
    input_facts,
    input_record,
    mean_share,
)
from symdrift.quoting import printable
from symdrift.rounding import THEORY_DIGITS, rounded
from symdrift.simulation.estimators import Estimate
from symdrift.study.letters import in_notation
from symdrift.study.problem import Array, LearningProblem
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
from symdrift.validation.extrapolate import Extrapolation
from symdrift.validation.rows import Row
from symdrift.validation.validate import Validation
from symdrift.validation.verdict import AGREED

DIGITS = 5
"""Significant digits of numbers in tables."""

PARAMETER_HEAD = ("symbol", "meaning", "value")

ErrorOf: TypeAlias = Callable[[str], Cell]
"""Expected error of a number by its dotted name; empty where it is not known."""

_MOST_ROWS = 12
_MOST_VANISHING = 3


def number(value: float, digits: int = DIGITS) -> Formula:
    r"""A number with the given significant digits, such as ``1.3977 \times 10^{-11}``."""
    if value == 0 or not np.isfinite(value):
        return numeral("0") if value == 0 else word("text", "undefined")
    # Halves are rounded alike on all processors.
    value = rounded(float(value), THEORY_DIGITS)
    exponent = int(np.floor(np.log10(abs(value))))
    if -3 <= exponent < digits:
        return numeral(f"{value:.{digits}g}")
    mantissa, power = f"{value:.{digits - 1}e}".split("e")
    return scientific(mantissa, letter(r"\times"), int(power))


def parameter_table(problem: LearningProblem, notation: Mapping[str, str]) -> Table:
    """What the study fixes: symbol, meaning, value."""
    outputs, inputs = problem.teacher.shape
    sizes = {"inputs": inputs, "outputs": outputs, "hidden": problem.hidden}
    return Table(
        "Parameters.",
        PARAMETER_HEAD,
        (
            *(role_row(notation, role, numeral(str(size))) for role, size in sizes.items()),
            *input_rows(problem.inputs, notation),
            *task_rows(problem.teacher, problem.label_noise, notation),
            role_row(notation, "weight_decay", number(problem.weight_decay)),
            role_row(notation, "learning_rate", number(problem.learning_rate)),
            role_row(notation, "batch", numeral(str(problem.batch))),
            *synaptic_rows(problem.synaptic_noise),
        ),
    )


def role_row(
    notation: Mapping[str, str], role: str, value: Cell, meaning: str = "", index: str = ""
) -> tuple[Cell, ...]:
    """A parameter in the letter of its role, with an index where it has one."""
    latex = notation.get(role, ROLES[role].latex)
    symbol = with_index(latex, index) if index else latex
    if role == "label_noise":
        symbol = f"{symbol}^{{2}}"
    return read(symbol), meaning or ROLES[role].meaning, value


def input_rows(
    inputs: InputDistribution, notation: Mapping[str, str]
) -> Iterator[tuple[Cell, ...]]:
    """What learning is from."""
    yield role_row(notation, "input", inputs.description, "distribution of the inputs")
    for what, value in input_facts(input_record(inputs)):
        yield "", what, value
    if isinstance(inputs, StimulusSet):
        shown = [number(value, 3) for value in inputs.probabilities[:5]]
        listed = _listed(shown, len(inputs.probabilities))
        yield read("f_{c}"), "probabilities of the stimuli", listed
    has_mean, covariance = mean_share(inputs) > 0, inputs.covariance
    if _is_diagonal(covariance):
        variances = _list(np.diagonal(covariance))
        meaning = f"{'second moment' if has_mean else 'input variance'} on each axis"
        yield role_row(notation, "input_variance", variances, meaning, "i")
    else:
        meaning = "second moment of the inputs about zero" if has_mean else ""
        yield role_row(notation, "input_covariance", _matrix(covariance), meaning)


def task_rows(
    teacher: Array, label_noise: Array, notation: Mapping[str, str]
) -> Iterator[tuple[Cell, ...]]:
    """What is to be learned."""
    if _is_diagonal(teacher):
        gains = _list(np.diagonal(teacher))
        yield role_row(notation, "gain", gains, "gain of the teacher on each axis", "i")
    else:
        yield role_row(notation, "teacher", _matrix(teacher))
    meaning = "label-noise variance of each output"
    yield role_row(notation, "label_noise", _list(label_noise), meaning, "i")


def synaptic_rows(variance: float) -> Iterator[tuple[Cell, ...]]:
    """Noise on the weights, where there is some."""
    if variance > 0:
        yield "", "variance of the synaptic noise, per weight", number(variance)


def result_table(exact: Evaluation, white: Evaluation, notation: Mapping[str, str]) -> Table:
    """What follows from the parameters, beside the white-noise approximation."""

    def name(role: str) -> str:
        return notation.get(role, ROLES[role].latex)

    rows = [*_minimum_rows(exact, name("singular_value"), name("hessian"), name("fluctuation"))]
    rows += plane_rows(exact.drift, notation, white=white.drift, error=partial(_error, exact))
    rows += stimulus_rows(
        exact.drift, exact.stimuli, notation, white=white.stimuli, error=partial(_error, exact)
    )
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
        yield alone(read(with_index(singular, str(index))), f"singular value {index}", value)
    error = _error(evaluation, "minimum.loss")
    yield alone(read("L"), "loss at the minimum", minimum.loss, error)
    smallest = row(function("min"), read(hessian))
    yield alone(smallest, "smallest Hessian eigenvalue", minimum.hessian_min)
    largest = row(function("max"), read(hessian))
    yield alone(largest, "largest Hessian eigenvalue", minimum.hessian_max)
    variance, excess = evaluation.fluctuation.weight_variance, evaluation.fluctuation.excess_loss
    trace = row(function("tr"), read(fluctuation))
    error = _error(evaluation, "fluctuation.weight_variance")
    yield alone(trace, "variance of all weights", variance, error)
    error = _error(evaluation, "fluctuation.excess_loss")
    yield alone(read(r"\Delta L"), "excess loss", excess, error)


def plane_rows(
    drift: Drift,
    notation: Mapping[str, str],
    layer: str = "",
    white: Drift | None = None,
    error: ErrorOf = lambda column: "",
) -> Iterator[tuple[Cell, ...]]:
    """Rotation of a hidden layer by plane, beside the white-noise approximation.

    Parameters
    ----------
    drift : Drift
    notation : Mapping of str to str
        LaTeX by role.
    layer : str
        What the words name, where there are several.
    white : Drift or None
    error : callable
        Expected error of a number by its dotted name.
    """
    planes, of = drift.planes[:_MOST_ROWS], f" of {layer}" if layer else ""
    for k, (i, j) in enumerate(planes):
        yield (
            _indexed(notation, "diffusion_tensor", (i, j)),
            f"diffusion, plane ({i}, {j}){of}, rad²",
            *_compared(
                drift.diffusion[k],
                None if white is None else white.diffusion[k],
                error(f"drift.diffusion.{i}-{j}"),
            ),
        )
    noise = 1e-12 * np.sqrt(drift.variances.max(initial=0.0))
    for k, (i, j) in enumerate(planes):
        if abs(drift.mean_rotation[k]) > noise:
            yield alone(
                _indexed(notation, "mean_rotation", (i, j)),
                f"mean rotation, plane ({i}, {j}){of}, rad",
                drift.mean_rotation[k],
                error(f"drift.mean_rotation.{i}-{j}"),
            )
    if len(drift.planes) > _MOST_ROWS:
        rest = len(drift.planes) - _MOST_ROWS
        yield "", f"and {rest} more planes{of}, listed in numbers.json", "", "", "", ""


def stimulus_rows(
    drift: Drift,
    stimuli: Sequence[StimulusDrift],
    notation: Mapping[str, str],
    layer: str = "",
    white: Sequence[StimulusDrift] = (),
    error: ErrorOf = lambda column: "",
) -> Iterator[tuple[Cell, ...]]:
    """What is seen of a hidden layer, by stimulus; parameters as those of `plane_rows`."""
    noise = 1e-12 * np.sqrt(drift.variances.max(initial=0.0))
    shown, where = stimuli[:_MOST_ROWS], f" in {layer}" if layer else ""
    for one, other in zip_longest(shown, white[:_MOST_ROWS]):
        if one.squared_norm > 0:
            yield (
                read("D_{h}/w^{2}"),
                f"decay rate of “{one.name}”{where}",
                *_compared(
                    one.decay_rate,
                    None if other is None else other.decay_rate,
                    error(f"stimuli.{one.name}.decay_rate"),
                ),
            )
        else:
            yield alone(read("w"), f"“{one.name}” is not represented{where}", 0.0)
    mean = notation.get("mean_rotation", ROLES["mean_rotation"].latex)
    for one in shown:
        # In radians per step: by how much the steady rotation alone turns the representation.
        if one.squared_norm > 0 and one.mean_speed > noise * np.sqrt(one.squared_norm):
            yield alone(
                read(rf"\lvert {mean} w\rvert/\lvert w\rvert"),
                f"steady rotation of “{one.name}”{where}, rad",
                one.mean_speed / np.sqrt(one.squared_norm),
            )


def _indexed(notation: Mapping[str, str], role: str, plane: Sequence[int]) -> Formula:
    return read(with_index(notation.get(role, ROLES[role].latex), _index(plane)))


def alone(symbol: Cell, meaning: str, value: float, error: Cell = "") -> tuple[Cell, ...]:
    """A row without a white-noise approximation."""
    return symbol, meaning, *_compared(value, None, error)


def _error(evaluation: Evaluation, column: str) -> Cell:
    """Expected error of a number, where the next order is known."""
    error = evaluation.expected_error(column) if evaluation.next_order else 0.0
    return error_cell(error)


def _compared(exact: float, white: float | None, error: Cell) -> tuple[Cell, Cell, Cell, Cell]:
    if white is None:
        return number(exact), error, "", ""
    ratio: Cell = number(white / exact, 4) if exact != 0 else ""
    return number(exact), error, number(white), ratio


def simulation_table(
    validation: Validation, notation: Mapping[str, str], limit: Extrapolation | None = None
) -> Table:
    """Theory beside simulation.

    Where no next order is known, the ratio of both at the learning rate of the study says little;
    its ``limit`` at rate zero then takes the place of the deviation.
    """
    rule, layered = validation.rule, any("hidden_" in row.quantity for row in validation.rows)
    again = [] if limit is None or limit.looked_again is None else [limit.looked_again]
    for name in validation.shown_only:
        rule = rule.replace(printable(name), words_of_quantity(name))
    return Table(
        f"Theory beside a simulation of {validation.replicas} networks over {validation.steps} "
        f"steps each (windows of {validation.window} steps, seed {validation.seed}). "
        f"{rule} "
        + (
            "z is from the theory with its next order, where that is known."
            if limit is None
            else "The limit is that of the ratio at a vanishing learning rate, where the leading "
            f"order must be right: 1. There, {'; '.join([limit.objection or AGREED, *again])}."
        )
        + (" Raised numbers are those of hidden layers." if layered else ""),
        (
            "quantity", "theory", "simulation", "standard error", "ratio",
            "z" if limit is None else "limit", "verdict",
        ),
        _simulation_rows(validation, notation, limit),
    )  # fmt: skip


def _simulation_rows(
    validation: Validation, notation: Mapping[str, str], limit: Extrapolation | None
) -> tuple[tuple[Cell, ...], ...]:
    """Rows of the table; many quantities that vanish in theory, and are said the same, share one.

    A row has the deviation from what it is judged by: the theory with its next order, where that is
    known.
    """
    rows = validation.rows
    ratios = None if limit is None else {row.quantity: row.ratio for row in limit.rows}
    vanishing = [row for row in rows if row.ratio is None]
    said = {str(validation.said(row)) for row in vanishing}
    if len(vanishing) <= _MOST_VANISHING or len(said) > 1:
        return tuple(_simulation_row(validation, row, notation, ratios) for row in rows)
    largest = max((row.predicted_z for row in vanishing), key=abs)
    summary: tuple[Cell, ...] = (
        f"{len(vanishing)} that vanish", numeral("0"), "", "", "largest:",
        numeral(f"{largest:+.1f}") if limit is None else f"z = {largest:+.1f}", *said,
    )  # fmt: skip
    shown = [
        _simulation_row(validation, row, notation, ratios) for row in rows if row.ratio is not None
    ]
    return (*shown, summary)


def _simulation_row(
    validation: Validation,
    found: Row,
    notation: Mapping[str, str],
    ratios: Mapping[str, Estimate | None] | None,
) -> tuple[Cell, ...]:
    last: Cell = numeral(f"{found.predicted_z:+.1f}")
    if ratios is not None:
        limit = ratios.get(found.quantity)
        last = "" if limit is None else f"{limit.value:.3f} ± {limit.standard_error:.3f}"
    return (
        quantity(found.quantity, notation),
        number(found.theory),
        number(found.simulation, 4),
        number(found.standard_error, 2),
        "" if found.ratio is None else numeral(f"{found.ratio:.3f}"),
        last,
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

"""The numbers of a study: that they make sense together, and as arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, assert_never

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError
from symdrift.expressions import Expression
from symdrift.inputs import require_kurtosis
from symdrift.study.fields import held_numbers
from symdrift.study.kinds import leaves
from symdrift.study.learning_rules import check_rule, hidden_units, require_plain, rule_of
from symdrift.study.model import (
    MOST_STIMULI,
    EllipticalInputs,
    GaussianInputs,
    SampleInputs,
    Specification,
    StimulusInputs,
    Teacher,
)

if TYPE_CHECKING:
    from symdrift.inputs import InputDistribution
    from symdrift.study.learner import Learner
    from symdrift.study.problem import LearningProblem, Stimulus

Array = NDArray[np.float64]
_MOST_NAMED = 20
"""Symbols without a value that a message names."""
_PROBABILITY_TOLERANCE = 1e-9
_SYMMETRY_TOLERANCE = 1e-12
_SPAN_TOLERANCE = 1e-9
"""Response of a teacher to an unseen direction that counts as none."""


def check_numbers(study: Specification) -> None:
    """Check shapes, ranges and the input covariance, as far as values are known.

    Raises
    ------
    RequestError
        Naming the field, the value and what is allowed.
    """
    numbers = _known_numbers(study)
    check_rule(study)
    _check_ranges(study, numbers)
    check_shapes(study)
    match study.inputs:
        case GaussianInputs() | EllipticalInputs():
            _check_covariance(study, study.inputs.covariance, numbers)
        case StimulusInputs():
            _check_stimuli(study, study.inputs, numbers)
        case SampleInputs():
            _check_samples(study.inputs, numbers)
        case _:
            assert_never(study.inputs)


def learning_problem(study: Specification) -> LearningProblem:
    """The study with every number filled in; see :meth:`Study.problem`."""
    from symdrift.study.problem import LearningProblem

    require_plain(study)
    require_values(study)
    numbers = _known_numbers(study)
    inputs, outputs = int(numbers["network.inputs"]), int(numbers["network.outputs"])
    distribution = _distribution(study, numbers, inputs)
    return LearningProblem(
        study=study.name,
        hidden=int(numbers["network.hidden"]),
        inputs=distribution,
        teacher=_teacher_map(study.teacher, numbers, outputs, inputs),
        label_noise=_label_noise(study, numbers, outputs),
        learning_rate=numbers["learning.rate"],
        weight_decay=numbers["learning.weight_decay"],
        batch=int(numbers["learning.batch"]),
        synaptic_noise=numbers["learning.synaptic_noise"],
        minimum=int(numbers["learning.minimum"]),
        stimuli=_stimuli(study, numbers, distribution),
    )


def learner(study: Specification) -> Learner:
    """Rule and inputs with every number filled in; see :meth:`Study.learner`."""
    from symdrift.study.learner import Learner

    require_values(study)
    numbers = _known_numbers(study)
    inputs, outputs = int(numbers["network.inputs"]), int(numbers.get("network.outputs", 0))
    distribution = _distribution(study, numbers, inputs)
    teacher = _teacher_map(study.teacher, numbers, outputs, inputs) if outputs else None
    rule, settings = rule_of(study, numbers, teacher)
    return Learner(
        rule=rule,
        hidden=hidden_units(study, rule, numbers),
        inputs=distribution,
        label_noise=_label_noise(study, numbers, outputs),
        learning_rate=numbers["learning.rate"],
        batch=int(numbers["learning.batch"]),
        study=study.name,
        stimuli=_stimuli(study, numbers, distribution),
        minimum=int(numbers["learning.minimum"]),
        teacher=teacher,
        settings=settings,
    )


def require_values(study: Specification) -> None:
    """Refuse a study whose symbols lack values; all are named."""
    if study.missing:
        named = study.missing[:_MOST_NAMED]
        examples = " ".join(f"--set {name}=..." for name in named)
        more = len(study.missing) - len(named)
        raise RequestError(
            "study",
            f'"{study.name}" needs values for {", ".join(named)}'
            f"{f' and {more} more symbols' if more else ''}; give them with "
            f"{examples} or in its [values] table",
        )


def _stimuli(
    study: Specification, numbers: dict[str, float], inputs: InputDistribution
) -> tuple[Stimulus, ...]:
    """Those that the study names, or those of its inputs."""
    from symdrift.study.problem import Stimulus

    named = (
        (stimulus.name, _array(numbers, f"stimulus.{index}.vector", stimulus.vector))
        for index, stimulus in enumerate(study.stimulus)
    )
    return tuple(Stimulus(*each) for each in named) or tuple(
        Stimulus(*each) for each in inputs.named_stimuli(MOST_STIMULI)
    )


def _label_noise(study: Specification, numbers: dict[str, float], outputs: int) -> Array:
    noise = _array(numbers, "teacher.label_noise", study.teacher.label_noise)
    return np.broadcast_to(noise, (outputs,)).copy()


def _known_numbers(study: Specification) -> dict[str, float]:
    """Numbers of the fields whose symbols all have values, by dotted field."""
    values = {name: value.evaluate({}, f"values.{name}") for name, value in study.values.items()}
    return {
        field: expression.evaluate(values, field)
        for field, expression in study.numbers.items()
        if all(name in values for name in expression.symbols)
    }


def check_shapes(study: Specification) -> None:
    """Refuse lists and matrices that are not as long as the sizes of the network say."""
    entries: Any
    for field, kind, entries in held_numbers(study):
        shape = next(axes for axes in kind.shapes if len(axes) == _depth(entries))
        for axis, size_field in enumerate(shape):
            along = entries[0] if axis else entries
            if size_field and len(along) != _fixed_size(study, size_field, field + ".0" * axis):
                needed = f"{size_field} = {study.numbers[size_field]}"
                raise RequestError(
                    field + ".0" * axis, f"has {len(along)} entries; {needed} are needed"
                )
    gains = study.teacher.map
    if _depth(gains) == 1:
        sizes = [
            _fixed_size(study, size_field, "teacher.map")
            for size_field in ("network.inputs", "network.outputs")
        ]
        if len(gains) != min(sizes):
            raise RequestError(
                "teacher.map",
                f"has {len(gains)} gains; {min(sizes):g} are needed, the smaller of "
                "network.inputs and network.outputs",
            )
    if isinstance(study.inputs, StimulusInputs):
        probabilities, stimuli = len(study.inputs.probabilities), len(study.inputs.stimuli)
        if probabilities != stimuli:
            raise RequestError(
                "inputs.probabilities",
                f"has {probabilities} entries; one for each of the {stimuli} stimuli is needed",
            )


def _depth(entries: object) -> int:
    """How many indices an entry has."""
    return 1 + _depth(entries[0]) if isinstance(entries, tuple) else 0


def _fixed_size(study: Specification, size_field: str, field: str) -> float:
    """Size that a list in a field must have."""
    size = study.numbers[size_field]
    if size.symbols:
        raise RequestError(
            field,
            f'is a list and fixes the size, so {size_field} = "{size}" must be a number',
        )
    return size.evaluate({}, size_field)


def _check_ranges(study: Specification, numbers: dict[str, float]) -> None:
    for field, kind, entries in held_numbers(study):
        places = () if _depth(entries) > 1 else [path for path, _ in leaves(entries, field)]
        for path in places:
            if path in numbers and not kind.range.holds(numbers[path]):
                raise RequestError(path, f"= {numbers[path]:.12g} must {kind.range.words}")
    if "inputs.kurtosis" in numbers:
        # Where the number of inputs is a symbol without value, the bound of one input holds.
        require_kurtosis(numbers["inputs.kurtosis"], int(numbers.get("network.inputs", 1)))


def _check_samples(inputs: SampleInputs, numbers: dict[str, float]) -> None:
    if "network.inputs" not in numbers:
        return
    needed = numbers["network.inputs"]
    given, field = numbers.get("inputs.components"), "inputs.components"
    if inputs.components is None and inputs.columns:
        given, field = len(inputs.columns), "inputs.columns"
    if given is not None and given != needed:
        raise RequestError(
            field, f"leads to {given:.12g} inputs; network.inputs = {needed:.12g} are needed"
        )


def _check_stimuli(study: Specification, inputs: StimulusInputs, numbers: dict[str, float]) -> None:
    fields = [f"inputs.probabilities.{k}" for k in range(len(inputs.probabilities))]
    for index, field in enumerate(fields):
        if numbers.get(field) == 0:
            raise RequestError(
                field,
                "= 0 stands for a stimulus that is never shown; leave it and "
                f"inputs.stimuli.{index} out (a [[stimulus]] table follows it all the same)",
            )
    if all(field in numbers for field in fields):
        total = math.fsum(numbers[field] for field in fields)
        if abs(total - 1) > _PROBABILITY_TOLERANCE:
            raise RequestError(
                "inputs.probabilities",
                f"sum to {total:.12g} and must sum to 1; divide each by that sum",
            )
    if _complete(numbers, study, "inputs.") and _complete(numbers, study, "teacher.map"):
        _require_span(study, _second_moment(inputs, numbers), numbers)


def _check_covariance(study: Specification, covariance: object, numbers: dict[str, float]) -> None:
    field = "inputs.covariance"
    if not isinstance(covariance, tuple) or not isinstance(covariance[0], tuple):
        return
    _require_symmetric(covariance, numbers)
    if _complete(numbers, study, field):
        from symdrift.inputs import require_positive_definite

        require_positive_definite(_array(numbers, field, covariance))


def _complete(numbers: dict[str, float], study: Specification, prefix: str) -> bool:
    return all(path in numbers for path in study.numbers if path.startswith(prefix))


def _require_symmetric(covariance: tuple[object, ...], numbers: dict[str, float]) -> None:
    rows = [row for row in covariance if isinstance(row, tuple)]
    for i, row in enumerate(rows):
        for j in range(i):
            upper, lower = f"inputs.covariance.{j}.{i}", f"inputs.covariance.{i}.{j}"
            if upper in numbers and lower in numbers:
                # What another program has computed differs by rounding.
                same = math.isclose(numbers[upper], numbers[lower], rel_tol=_SYMMETRY_TOLERANCE)
            else:
                same = _is_same(row[j], rows[j][i])
            if not same:
                raise RequestError(
                    lower,
                    f"= {_quoted(row[j])} must equal {upper} = {_quoted(rows[j][i])}: covariances "
                    "are symmetric",
                )


def _quoted(expression: Expression) -> str:
    return f'"{expression}"' if expression.symbols else str(expression)


def _is_same(first: Expression, second: Expression) -> bool:
    """Whether two expressions agree, symbols without values included: at points of no form."""
    if first == second:
        return True
    names = sorted({*first.symbols, *second.symbols})
    for seed in (0.7, 1.3):
        point = {name: seed * math.sqrt(2 + place) for place, name in enumerate(names)}
        try:
            one, other = first.evaluate(point), second.evaluate(point)
        except RequestError:
            return False
        if not math.isclose(one, other, rel_tol=1e-12):
            return False
    return True


def _require_span(study: Specification, second_moment: Array, numbers: dict[str, float]) -> None:
    """Refuse a teacher that responds to a direction in which no stimulus has a component."""
    inputs = len(second_moment)
    eigenvalues, axes = np.linalg.eigh(second_moment)
    unseen = axes[:, eigenvalues <= inputs * np.finfo(float).eps * eigenvalues[-1]]
    outputs = numbers.get("network.outputs")
    if not unseen.shape[1] or outputs is None:
        return
    response = _teacher_map(study.teacher, numbers, int(outputs), inputs) @ unseen
    if np.abs(response).max() > _SPAN_TOLERANCE:
        raise RequestError(
            "inputs.stimuli",
            f"span {inputs - unseen.shape[1]} of the {inputs} dimensions of the inputs, and the "
            "teacher responds to others, which cannot be learned; add stimuli, or set a "
            "teacher.map that is zero where they have no component",
        )


def _require_different(stimuli: Array, probabilities: Array) -> None:
    """Refuse stimuli whose differences are lost beside what they share; equal ones have none."""
    from symdrift.inputs import varying_share
    from symdrift.study.data_file import SMALLEST_SPREAD

    if 1e-24 < (share := varying_share(stimuli, probabilities)) < SMALLEST_SPREAD:
        raise RequestError(
            "inputs.stimuli",
            f"have a mean so large that only {share:.1e} of their power is variation about it, and "
            f"{SMALLEST_SPREAD:g} is the least that is told from rounding; subtract it from them",
        )


def _array(numbers: dict[str, float], field: str, part: object) -> Array:
    """Numbers of a scalar, a vector or a matrix of expressions."""
    if not isinstance(part, tuple):
        return np.array(numbers[field])
    return np.array([_array(numbers, f"{field}.{i}", entry) for i, entry in enumerate(part)])


def _second_moment(inputs: StimulusInputs, numbers: dict[str, float]) -> Array:
    stimuli = _array(numbers, "inputs.stimuli", inputs.stimuli)
    probabilities = _array(numbers, "inputs.probabilities", inputs.probabilities)
    moment: Array = (stimuli.T * probabilities) @ stimuli
    return moment


def _teacher_map(teacher: Teacher, numbers: dict[str, float], outputs: int, inputs: int) -> Array:
    if not isinstance(teacher.map, tuple):
        return np.eye(outputs, inputs)
    given = _array(numbers, "teacher.map", teacher.map)
    if given.ndim == 2:
        return given
    gains = np.zeros((outputs, inputs))
    np.fill_diagonal(gains, given)
    return gains


def _distribution(
    study: Specification, numbers: dict[str, float], inputs: int
) -> InputDistribution:
    from symdrift.inputs import Elliptical, Gaussian, StimulusSet

    def covariance(given: object) -> Array:
        values = _array(numbers, "inputs.covariance", given)
        return values if values.ndim == 2 else np.diag(np.broadcast_to(values, (inputs,)))

    match study.inputs:
        case GaussianInputs():
            return Gaussian(covariance(study.inputs.covariance))
        case EllipticalInputs():
            return Elliptical(covariance(study.inputs.covariance), numbers["inputs.kurtosis"])
        case StimulusInputs():
            stimuli = _array(numbers, "inputs.stimuli", study.inputs.stimuli)
            probabilities = _array(numbers, "inputs.probabilities", study.inputs.probabilities)
            _require_different(stimuli, probabilities)
            return StimulusSet(stimuli, probabilities)
        case SampleInputs():
            from symdrift.study.data_file import read_samples

            components, center = numbers.get("inputs.components"), study.inputs.center
            return read_samples(
                study.inputs.file,
                inputs,
                study.inputs.columns,
                # Principal components are those about the mean, unless it is asked to stay.
                components is not None if center is None else center,
                None if components is None else int(components),
            )

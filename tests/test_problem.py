"""A problem and its numbers stay what they were, whoever holds them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from symdrift.evaluation.evaluate import evaluate
from symdrift.study import read_study
from symdrift.study.problem import Array, LearningProblem, Stimulus

PROBLEM = read_study("misaligned_teacher").problem()
EVALUATION = evaluate(PROBLEM)
STIMULI = evaluate(PROBLEM, quantities="stimuli")

HELD: dict[str, Callable[[], Array]] = {
    "teacher": lambda: PROBLEM.teacher,
    "label noise": lambda: PROBLEM.label_noise,
    "input covariance": lambda: PROBLEM.input_covariance,
    "stimulus": lambda: PROBLEM.stimuli[0].vector,
    "singular values": lambda: EVALUATION.minimum.singular_values,
    "covariance of rotations": lambda: EVALUATION.drift.covariance,
    "mean rotation": lambda: EVALUATION.drift.mean_rotation,
    "decay matrix": lambda: STIMULI.decay_matrix,
}


@pytest.mark.parametrize("name", HELD)
def test_arrays_of_frozen_objects_cannot_be_changed(name: str) -> None:
    with pytest.raises(ValueError, match="read-only"):
        HELD[name]()[...] = 0.0


def test_a_problem_keeps_a_copy_of_what_it_was_made_from() -> None:
    vector, teacher = np.ones(2), np.eye(2)
    stimulus = Stimulus("both", vector)
    problem = LearningProblem(
        study="copy",
        hidden=2,
        inputs=PROBLEM.inputs,
        teacher=teacher,
        label_noise=np.zeros(2),
        learning_rate=0.005,
        weight_decay=0.15,
        batch=1,
        synaptic_noise=0.0,
        stimuli=(stimulus,),
    )
    before = evaluate(problem).to_dict()
    vector[:] = 7.0
    teacher[:] = 7.0
    assert evaluate(problem).to_dict() == before


def test_what_holds_arrays_can_be_compared_and_kept_in_a_set() -> None:
    """Arrays have no single truth value: such objects are equal when they are the same."""
    again = evaluate(PROBLEM)
    assert (again == EVALUATION) is False
    assert len({PROBLEM, PROBLEM.stimuli[0], EVALUATION, EVALUATION.drift, STIMULI, PROBLEM}) == 5

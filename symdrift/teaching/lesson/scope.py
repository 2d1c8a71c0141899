"""Which studies a lesson can be about."""

from __future__ import annotations

from symdrift.errors import RequestError
from symdrift.evaluation.alignment import Alignment, align
from symdrift.evaluation.closed_form import applies, evaluate
from symdrift.study.problem import LearningProblem

MOST_AXES = 6
"""Inputs or outputs of the largest network that the page simulates."""


def teachable(problem: LearningProblem) -> Alignment | RequestError:
    """Axes that a lesson about a problem follows, or why there can be none.

    Parameters
    ----------
    problem : LearningProblem

    Returns
    -------
    Alignment or RequestError
        The refusal is returned, not raised: whoever writes lessons for many studies leaves
        out those that cannot have one.
    """
    obstacle = applies(problem)
    if obstacle is not None:
        return RequestError(
            "study",
            f'"{problem.study}" cannot become a lesson, which is about Gaussian inputs on the '
            f"axes of the teacher: {obstacle}",
        )
    if problem.minimum != 1:
        return RequestError(
            "learning.minimum",
            f"= {problem.minimum} cannot be taught: a lesson is about the lowest minimum, 1",
        )
    aligned = align(problem)
    if isinstance(aligned, str):
        return RequestError("study", f'"{problem.study}" cannot become a lesson: {aligned}')
    largest = max(aligned.input_variances.size, aligned.label_noise.size)
    if largest > MOST_AXES:
        return RequestError(
            "network.inputs",
            f"or network.outputs = {largest} is too many for a lesson, which has a slider for "
            f"each axis; at most {MOST_AXES} are allowed",
        )
    rank = evaluate(problem).minimum.rank
    if rank < 2:
        return RequestError(
            "study",
            f'"{problem.study}" learns {rank} direction; a lesson about drift needs at least 2, '
            "for a single hidden axis cannot rotate",
        )
    return aligned

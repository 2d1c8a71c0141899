"""Problem sheets: the same exercises for every student, with numbers of one's own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp

from symdrift.errors import RequestError
from symdrift.evaluation.alignment import align
from symdrift.evaluation.closed_form import applies
from symdrift.study.problem import LearningProblem
from symdrift.teaching.exercises.drawing import Draw, Flavour
from symdrift.teaching.exercises.exercise import Exercise
from symdrift.teaching.exercises.problems import PROBLEMS
from symdrift.teaching.exercises.statements import Theory

FARTHEST = 1e9
"""Largest number of an exercise; one over it is the smallest."""


@dataclass(frozen=True)
class Sheet:
    """The exercises of one student, counted from 1."""

    student: int
    exercises: tuple[Exercise, ...]


def problem_sheet(problem: LearningProblem, theory: Theory, seed: int, student: int) -> Sheet:
    """Draw the exercises of one student and check every answer.

    Parameters
    ----------
    problem : LearningProblem
        The numbers of the exercises are drawn around its own.
    theory : Theory
        Source of the formulas in the solutions.
    seed : int
    student : int
        Counted from 1; a student's numbers do not depend on how many there are.

    Raises
    ------
    RequestError
        When the study is not aligned with Gaussian inputs, or networks with numbers about as large
        as its own are outside the theory.
    CheckFailed
        When an answer disagrees with the dense engine.
    """
    flavour = _flavour(problem)
    try:
        posed = tuple(
            pose(Draw(seed, student, name, flavour), theory).checked() for name, pose in PROBLEMS
        )
    except RequestError as refusal:
        raise RequestError(
            "study",
            f'"{problem.study}" has numbers around which no exercises can be drawn, with label '
            f"noise and weight decays of their own: {refusal}",
        ) from None
    return Sheet(student, posed)


def _flavour(problem: LearningProblem) -> Flavour:
    obstacle = applies(problem)
    aligned = align(problem)
    if obstacle is not None or isinstance(aligned, str):
        raise RequestError(
            "study", f'"{problem.study}" has no exercises, which need exact formulas: {obstacle}'
        )
    count = min(aligned.input_variances.size, aligned.gains.size)
    taught = [k for k in range(count) if aligned.gains[k] != 0]
    for value in (*aligned.input_variances, *aligned.gains, problem.weight_decay,
                  problem.learning_rate, float(np.mean(aligned.label_noise))):  # fmt: skip
        if value and not FARTHEST**-1 <= abs(value) <= FARTHEST:
            raise RequestError(
                "study",
                f'"{problem.study}" has the number {value:g}; exercises are drawn with numbers '
                f"from {1 / FARTHEST:g} to {FARTHEST:g}, which can be written out",
            )
    return Flavour(
        variances=tuple(_plain(aligned.input_variances[k]) for k in taught),
        gains=tuple(_plain(abs(aligned.gains[k])) for k in taught),
        label_noise=_plain(float(np.mean(aligned.label_noise))),
        weight_decay=_plain(problem.weight_decay),
        learning_rate=_plain(problem.learning_rate),
        batch=problem.batch,
    )


def _plain(value: float) -> sp.Rational:
    """A number to two significant digits."""
    return sp.Rational(f"{value:.1e}")

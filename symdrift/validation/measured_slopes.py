"""How fast simulations leave the leading order, beside what the next order says.

At rates so small that the leading order holds, hardly anything is left of what follows it.  Here
rates are as large as one more order allows, and the leading order is taken for granted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.result import Evaluation
from symdrift.study.problem import LearningProblem
from symdrift.validation.expected import theory_at, theory_of
from symdrift.validation.one_look import planned_rate
from symdrift.validation.plan import SINGLE_BUDGET_SECONDS, at_learning_rate
from symdrift.validation.rounds import seed_of_run
from symdrift.validation.rows import Row
from symdrift.validation.validate import Validation

LARGEST_CORRECTION = 0.15
"""What the next order adds at the largest rate, to the number that it changes most."""

SHARES = (0.25, 0.5, 0.75, 1.0)
"""Rates, relative to the largest."""


@dataclass(frozen=True)
class Slope:
    """Relative change of one quantity with ``eta h_max``, at rate zero.

    Of its own size, or of its natural one where it vanishes or nearly so; what is negative grows
    where it becomes more so.

    Attributes
    ----------
    quantity : str
        As in a validation.
    predicted : float
        By the next order in the learning rate.
    fitted, standard_error : float
        From simulations.
    """

    quantity: str
    predicted: float
    fitted: float
    standard_error: float

    @property
    def z(self) -> float:
        """Difference in standard errors."""
        return (self.fitted - self.predicted) / self.standard_error


def measured_slopes(
    problem: LearningProblem,
    *,
    precision: float,
    seed: int = 0,
    seconds: float = SINGLE_BUDGET_SECONDS,
    theory: Evaluation | None = None,
) -> tuple[Slope, ...]:
    """Slopes of all quantities whose next order is known, predicted and simulated.

    Deviations from the leading order, relative to the number, are fitted by
    ``c eta + b eta^2 + a eta^3``; the slope is ``c / h_max``.  Too few rates tell the third power
    from the others: ``a`` is taken to be zero up to the cube of the steepest correction, and what
    that leaves uncertain of the slope is in its standard error.

    Parameters
    ----------
    problem : LearningProblem
    precision : float
        Standard error of the rotation variances at each rate, as far as time allows.
    seed : int
    seconds : float
        That each rate may take on two cores, by a rough model of the speed.
    theory : Evaluation, optional
        Of the problem, with its next order.  Default: that order where it takes a few seconds.

    Returns
    -------
    tuple of Slope
        Empty where the next order is not known, or a network turns too far in one window.
    """
    theory = theory_of(problem) if theory is None else theory
    if theory.next_order is None:
        return ()
    steepest = steepest_correction(theory)
    top = LARGEST_CORRECTION / steepest

    def run(index: int, rate: float) -> Validation:
        given = at_learning_rate(problem, rate)
        leading = theory_at(given, theory)
        return planned_rate(given, precision, seed_of_run(seed, index), leading, seconds)

    with suppress(RequestError):
        runs = [run(index, share * top) for index, share in enumerate(SHARES)]
        return tuple(
            slopes_of_rows(
                [run.learning_rate for run in runs],
                [(*run.rows, *run.displacement_rows) for run in runs],
                theory.minimum.hessian_max,
                steepest,
            )
        )
    return ()


def steepest_correction(theory: Evaluation) -> float:
    """Relative change of a number with the rate, at most: by the next order, and by stability."""
    assert theory.next_order is not None
    steepest = max(abs(correction) for _, correction in theory.next_order.listed())
    return float(max(steepest, 1 / theory.validity.critical_rate))


def slopes_of_rows(
    rates: Sequence[float], measured: Sequence[Sequence[Row]], stiffness: float, steepest: float
) -> Iterator[Slope]:
    """Slopes of all quantities whose next order is known, from their rows at each rate.

    Parameters
    ----------
    rates : sequence of float
    measured : sequence of sequences of Row
        The same quantities at each rate.
    stiffness : float
        ``h_max``.
    steepest : float
        Relative correction of the numbers of the theory per unit of the rate, at most.
    """
    tables = [{row.quantity: row for row in rows} for rows in measured]
    for quantity in tables[0]:
        rows = [table[quantity] for table in tables]
        correction = rows[0].correction
        if correction is None:
            continue
        errors = np.array([row.standard_error / row.scale for row in rows])
        deviations = np.array([(row.simulation - row.theory) / row.scale for row in rows])
        # In units of the steepest correction, or of its own where that is steeper, whose cube
        # stands below as one more observation; what vanishes by a symmetry has no cube either.
        unit = max(steepest, abs(correction))
        powers = (unit * np.array(rates)[:, np.newaxis]) ** [1, 2, 3] / errors[:, np.newaxis]
        powers[:, 2] *= correction != 0
        design = np.vstack([powers, [0, 0, 1]])
        covariance = unit**2 * np.linalg.inv(design.T @ design)
        fitted = (covariance @ design.T @ np.append(deviations / errors, 0))[0] / unit
        sign = math.copysign(1.0, rows[0].theory) / stiffness
        yield Slope(
            quantity,
            correction * sign,
            float(fitted * sign),
            float(np.sqrt(covariance[0, 0]) * abs(sign)),
        )

"""Slopes by networks beside the perturbation series of their own deviations.

What `measured_slopes` finds is limited by what fluctuates at leading order.  Beside the series
(`symdrift.simulation.perturbation_series`) that is gone: the standard error of a deviation now
falls with the rate, that of a slope no longer grows as the rate falls, and rates may be as small as
the orders behind ask for.

The means of the series are exact at each rate and know nothing of the next order, which is left to
the networks (`symdrift.simulation.perturbation_means`).  Diffusion of stimuli is what the rotation
makes of their mean representation; as it is seen it is that of `measured_slopes`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.dense.landscape import MinimumPoint, minimum_of
from symdrift.evaluation.result import Evaluation
from symdrift.execution import Diverged
from symdrift.simulation.estimators import observables
from symdrift.simulation.perturbation_means import perturbation_means, sample_node_count
from symdrift.simulation.perturbation_series import (
    displacements_beside_series,
    estimate_beside_series,
    run_beside_series,
)
from symdrift.simulation.setup import model_of, padded_layers, rows_of_stimuli, simulated_hidden
from symdrift.simulation.timescales import relaxation
from symdrift.study.problem import LearningProblem
from symdrift.validation.expected import theory_at
from symdrift.validation.measured_slopes import (
    LARGEST_CORRECTION,
    SHARES,
    Slope,
    slopes_of_rows,
    steepest_correction,
)
from symdrift.validation.plan import at_learning_rate, schedule_of
from symdrift.validation.rows import Row, rows_of
from symdrift.validation.validate import displacement_row, expected_displacements

WINDOW_DEVIATION = 7.5
"""Standard error of a slope from one window at each rate, over the steepest slope: roughly."""

REPLICAS = 256

CUBE = 2.0
"""Square of the largest correction, over the error that is asked for: the rest is the cube's."""

MOST_NODES = 2**16
MOST_WEIGHTS = 96
"""Up to which the means of the series take no longer than its simulation."""


def has_series(problem: LearningProblem, minimum: MinimumPoint) -> bool:
    """Whether there is one: one sample per step, and not too many weights."""
    return (
        problem.batch == 1
        and simulated_hidden(problem, minimum) * sum(problem.teacher.shape) <= MOST_WEIGHTS
        and sample_node_count(problem) <= MOST_NODES
    )


def slopes_beside_series(
    problem: LearningProblem, theory: Evaluation, *, error: float, seed: int = 0
) -> tuple[Slope, ...]:
    """Slopes of all quantities, predicted and simulated.

    Parameters
    ----------
    problem : LearningProblem
    theory : Evaluation
        Of the problem, with its next order.
    error : float
        Standard error to aim at, relative to the steepest correction of any number.
    seed : int

    Returns
    -------
    tuple of Slope
        Empty where the next order is not known, there is no series, or networks turn too far in one
        window.
    """
    minimum = minimum_of(problem)
    found = theory.next_order
    if found is None or not has_series(problem, minimum):
        return ()
    steepest = steepest_correction(theory)
    top = min(LARGEST_CORRECTION, math.sqrt(CUBE * error)) / steepest
    rates = tuple(share * top for share in SHARES)
    windows = math.ceil((WINDOW_DEVIATION / error) ** 2 / REPLICAS)
    stimuli = rows_of_stimuli(problem)
    # Norms of representations are no rates of change, and have no slope.
    without_norms = tuple(
        replace(stimulus, squared_norm=None, by_gradients=None) for stimulus in found.stimuli
    )
    following = replace(found, stimuli=without_norms)
    hidden = simulated_hidden(problem, minimum)
    observed = observables(minimum.rank, hidden)
    slowest = relaxation(problem, minimum).slowest

    def rows(index: int, rate: float) -> tuple[Row, ...]:
        given = at_learning_rate(problem, rate)
        schedule = schedule_of(given, minimum, rate, windows, REPLICAS)
        lag, model = schedule.window // 2, model_of(given, hidden)
        means = perturbation_means(given, minimum, lag)
        sums = run_beside_series(
            model,
            minimum,
            means,
            schedule.burn_in,
            schedule.window,
            schedule.windows,
            REPLICAS,
            int(np.random.SeedSequence((seed, index, 1)).generate_state(1)[0]),
            stimuli,
        )
        measured = estimate_beside_series(
            observed,
            sums,
            schedule.window,
            means,
            padded_layers(minimum, hidden)[0] @ model.basis,
            stimuli @ model.basis,
        )
        leading = theory_at(given, replace(theory, next_order=following))
        own = tuple(
            replace(row, quantity=f"{row.quantity} by rotation")
            if row.quantity.startswith("D_h")
            else row
            for row in rows_of(leading, observed, measured, rate, rate * slowest)
        )
        stiffness = rate * theory.minimum.hessian_max
        displaced = zip(
            problem.stimuli,
            expected_displacements(given, minimum, np.array([float(lag)])),
            displacements_beside_series(sums, means),
            strict=False,
        )
        return own + tuple(
            displacement_row(stimulus.name, (total[0], still[0], after[0]), found, rate, stiffness)
            for stimulus, (total, still, after), found in displaced
            if still[0] > 0
        )

    with suppress(RequestError, Diverged):
        measured = [rows(index, rate) for index, rate in enumerate(rates)]
        return tuple(slopes_of_rows(rates, measured, theory.minimum.hessian_max, steepest))
    return ()


def joined_slopes(better: Iterable[Slope], others: Iterable[Slope]) -> tuple[Slope, ...]:
    """Both, and of a quantity that both have the better one."""
    found = {slope.quantity: slope for slope in others}
    return tuple((found | {slope.quantity: slope for slope in better}).values())

"""The same process under any learning rule: one hidden layer, around the orbit that it ends at.

``h_t = Q_t (h* + D h*[n_t])`` with the activity ``h*`` of the layer on the orbit and its slope in
the weights, which fluctuate by ``n``, ``dn = eta J n + noise`` in the space that returns to the
orbit.  Of leading order in the learning rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.any_rule import RuleEvaluation
from symdrift.evaluation.any_rule.engine import orbit_space
from symdrift.evaluation.evaluate import evaluate_any_rule, require_any_rule_has
from symdrift.evaluation.validity import percent_off
from symdrift.observables.layer import ModeFluctuation
from symdrift.observables.process import DriftProcess
from symdrift.observables.rotations import CorrelatedPlanes, SilentAxes
from symdrift.progress import Progress
from symdrift.study.learner import Learner

SHARED = 1e-8
"""Correlation of what one noise turns and moves that counts as none."""

NOT_YET = 10.0
"""Slowest relaxation times up to which a rotation that is an area moves by much more than later."""

NO_NEXT_ORDER = (
    "curves are of leading order in the learning rate: under this rule the next order is not "
    "known, and bands show how large it may be, {error} of rates and variances"
)


def rule_process(
    learner: Learner,
    layer: str | None = None,
    approximation: str = "exact",
    progress: Progress | None = None,
) -> DriftProcess:
    """Solve for everything that the observables of one hidden layer are made of.

    Parameters
    ----------
    learner : Learner
    layer : str, optional
        Name of the hidden axis; default: the first one.
    approximation : {"exact"}
    progress : callable, optional
        Called with the number of finished planes and of all.

    Raises
    ------
    RequestError
        As `evaluate_any_rule`, when there is no such layer, or when curves against the lag are no
        sum of exponentials.
    """
    require_any_rule_has(approximation=approximation)
    names = tuple(learner.hidden)
    chosen = names[0] if layer is None else layer
    if chosen not in names:
        raise RequestError(
            "--layer", f'= "{chosen[:80]}" is no hidden layer; there is {", ".join(names)}'
        )
    found = evaluate_any_rule(learner, progress)
    response = found.minimum.orbit.responses[chosen]
    if not response.any():
        raise RequestError(
            "learning.rule",
            f"ends where no unit of {chosen} responds to anything, and there is nothing to observe",
        )
    planes = CorrelatedPlanes(
        found.drift.of_layer(chosen, len(response)), SilentAxes(0, np.zeros((len(response),) * 2))
    )
    (own,) = (each for each in found.layers if each.layer == chosen)
    warnings = [
        *found.warnings,
        NO_NEXT_ORDER.format(error=percent_off(found.validity.expected_error)),
    ]
    if len(names) > 1 and layer is None:
        others = " or ".join(names[1:])
        warnings.append(f"curves are those of {chosen}; --layer {others} gives those of another")
    process = DriftProcess(
        problem=learner,
        first_layer=response,
        planes=planes,
        decay=planes.decay,
        turning=own.mean_rotation,
        fluctuation=_fluctuation(learner, found, chosen),
        validity=found.validity,
        warnings=tuple(warnings),
        layer=chosen if len(names) > 1 else None,
    )
    return replace(process, warnings=(*warnings, *_quiet(process)))


def _quiet(process: DriftProcess) -> Iterator[str]:
    """Stimuli that turn more within a relaxation time than they fluctuate: a warning."""
    slowest = float(process.rates.min())
    named = []
    for item in process.problem.stimuli:
        seen = process.representation(item)
        weights = process.fluctuation.relaxation(item.vector)[1]
        if seen @ process.decay @ seen > slowest * weights.sum().real:
            named.append(item.name)
    if named:
        yield (
            f"no fluctuation of {', '.join(named)} is of leading order, and what turns them is no "
            f"diffusion yet within a relaxation time: they move by more than their curves say up "
            f"to lags of some {NOT_YET / slowest:.2g} steps"
        )


def _fluctuation(learner: Learner, found: RuleEvaluation, layer: str) -> ModeFluctuation:
    """What the fluctuation of the weights makes of the activity of a layer."""
    point, share = found.minimum.orbit.point, learner.rule.core[1]
    traced, space = orbit_space(learner, point)
    if space.flow.ndim > 1:
        raise RequestError(
            "learning.rule",
            f"returns to its orbit at rates that tie, {space.rates[0].real:.4g} and up, in fewer "
            "directions than rates: what is forgotten is no sum of exponentials; where variances "
            "or gains tie, part them",
        )
    _require_apart(found)
    covariance = space.coordinates @ found.drift.fluctuation @ space.coordinates.T
    changes = traced.activity_changes(point, space.directions)[layer]
    rates = -share * learner.learning_rate * space.flow
    return ModeFluctuation(rates, np.moveaxis(changes, 0, -1), covariance)


def _require_apart(found: RuleEvaluation) -> None:
    """Refuse noise that turns the layer and moves its weights at once."""
    drift = found.drift
    sizes = np.sqrt(np.outer(np.diagonal(drift.direct), np.diagonal(drift.fluctuation)))
    rate = found.validity.rate_times_curvature
    if np.any(np.abs(drift.shared_noise) > SHARED * np.sqrt(rate) * sizes):
        raise RequestError(
            "learning.rule",
            "turns its hidden layer by noise that moves the weights across the orbit too, and "
            "curves of such a rule are not known; without learning.synaptic_noise, or with "
            "symdrift evaluate, there are numbers",
        )

"""Tables of a report under any learning rule: parameters, and results of leading order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from symdrift.documents.number_tables import (
    PARAMETER_HEAD,
    alone,
    input_rows,
    number,
    plane_rows,
    role_row,
    stimulus_rows,
    synaptic_rows,
    task_rows,
)
from symdrift.documents.numbers import Cell, Table
from symdrift.evaluation.any_rule import RuleEvaluation
from symdrift.evaluation.any_rule.fixed_orbit import STARTS
from symdrift.evaluation.any_rule.rule_result import SIGNS
from symdrift.evaluation.validity import percent_off
from symdrift.rules.own_rule import OwnRule
from symdrift.study.learner import Learner
from symdrift.study.roles import ROLES
from symdrift.study.symbol_names import plain_latex
from symdrift.typesetting.formula import function, numeral, row
from symdrift.typesetting.reading import read

_MOST_RESPONSES = 6


def rule_parameters(learner: Learner, notation: Mapping[str, str]) -> Table:
    """What the study fixes: symbol, meaning, value."""
    return Table("Parameters.", PARAMETER_HEAD, tuple(_parameters(learner, notation)))


def _parameters(learner: Learner, notation: Mapping[str, str]) -> Iterator[tuple[Cell, ...]]:
    sizes, several = learner.sizes, len(learner.hidden) > 1
    yield role_row(notation, "inputs", numeral(str(sizes["inputs"])))
    if sizes["outputs"]:
        yield role_row(notation, "outputs", numeral(str(sizes["outputs"])))
    for place, (layer, units) in enumerate(learner.hidden.items(), start=1):
        index, meaning = (str(place), f"number of units of {layer}") if several else ("", "")
        yield role_row(notation, "hidden", numeral(str(units)), meaning, index)
    yield from input_rows(learner.inputs, notation)
    if learner.teacher is not None:
        yield from task_rows(learner.teacher, learner.label_noise, notation)
    yield from _rule(learner)
    if "weight_decay" in learner.settings:
        yield role_row(notation, "weight_decay", number(learner.settings["weight_decay"]))
    yield role_row(notation, "learning_rate", number(learner.learning_rate))
    yield role_row(notation, "batch", numeral(str(learner.batch)))
    yield from synaptic_rows(learner.settings["synaptic_noise"])


def _rule(learner: Learner) -> Iterator[tuple[Cell, ...]]:
    """The rule, as the study names or writes it, and the numbers that no other has."""
    settings, core = learner.settings, learner.rule.core[0]
    yield "", "learning rule", str(settings["learning_rule"])
    if isinstance(core, OwnRule):
        text = core.text
        yield from (("", f"in it, {name} is", term) for name, term in text.define.items())
        yield from (("", f"update of {name}", term) for name, term in text.update.items())
        if text.loss:
            yield "", "loss of a sample", text.loss
        yield from (("", f"activity of {layer}", term) for layer, term in text.activity.items())
        for name, value in text.parameters.items():
            yield read(plain_latex(name)), "parameter of the rule", number(value)
    if "tau" in settings:
        meaning = "how many times slower the weights within the layer learn"
        yield read(r"\tau_M"), meaning, number(settings["tau"])
    if settings["momentum"]:
        meaning = "momentum: share of a step that the next one adds"
        yield read(r"\beta"), meaning, number(settings["momentum"])


def rule_results(found: RuleEvaluation, notation: Mapping[str, str]) -> Table:
    """What follows from the parameters, at leading order in the learning rate."""
    several = len(found.layers) > 1
    rows = [*_orbit(found, notation)]
    for layer in found.layers:
        name, units = layer.layer if several else "", len(layer.decay_matrix)
        drift = found.drift.of_layer(layer.layer, units)
        rows += plane_rows(drift, notation, name)
        rows += stimulus_rows(drift, layer.stimuli, notation, name)
    rows += _validity(found)
    signs = f" {SIGNS}" if found.drift.mean_rotation.any() else ""
    return Table(
        "Results, exact at leading order in the learning rate. The next order is not known under "
        f"this rule and may change them by {percent_off(found.validity.expected_error)}, by the "
        f"numbers that should be small, which stand last. Rates are per step.{signs}",
        PARAMETER_HEAD,
        # Without the columns of next order and white noise, which are known of two-layer SGD only.
        tuple(cells[: len(PARAMETER_HEAD)] for cells in rows),
    )


def _orbit(found: RuleEvaluation, notation: Mapping[str, str]) -> Iterator[tuple[Cell, ...]]:
    """Where learning ends, and the fluctuation around it."""
    orbit, several = found.minimum, len(found.layers) > 1
    if orbit.orbits > 1:
        meaning = f"orbit at which learning has ended, of {orbit.orbits}"
        yield "", meaning, numeral(str(orbit.number))
    if (reached := orbit.orbit.reached) is not None:
        yield "", f"starting points that lead there, of {STARTS}", numeral(str(reached))
    for layer, response in orbit.orbit.responses.items():
        axes, of = ("axis", f" of {layer}") if several else ("hidden axis", "")
        sizes = np.linalg.norm(response, axis=1).tolist()
        for axis, size in enumerate(sizes[:_MOST_RESPONSES], start=1):
            yield alone("", f"response of {axes} {axis}{of}", size)
        if (more := len(sizes) - _MOST_RESPONSES) > 0:
            yield "", f"and {more} more hidden axes{of}, listed in numbers.json", ""
    yield alone("", "slowest rate of return to the orbit, per learning rate", orbit.slowest_return)
    yield alone("", "fastest rate of return to the orbit, per learning rate", orbit.fastest_return)
    trace = row(function("tr"), read(notation.get("fluctuation", ROLES["fluctuation"].latex)))
    yield alone(trace, "variance of all weights", found.fluctuation.weight_variance)


def _validity(found: RuleEvaluation) -> Iterator[tuple[Cell, ...]]:
    """The numbers that should be small."""
    validity = found.validity
    stiffness = validity.rate_times_curvature
    yield alone("", "learning rate times the fastest rate of return", stiffness)
    yield alone("", "fluctuation over the squared weights", validity.relative_variance)
    if (share := validity.rate_over_critical) is None:
        yield "", "learning rate over the critical rate", "not computed"
    else:
        yield alone("", "learning rate over the critical rate", share)

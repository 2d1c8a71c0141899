"""How the numbers of an aligned network change with parameters of its study: exact derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdrift.evaluation.closed_form.changing_network import (
    Changing,
    ChangingNetwork,
    chained,
    changing_directions,
)
from symdrift.evaluation.closed_form.formula_road import AlignedNetwork
from symdrift.evaluation.closed_form.network_axes import network_axes
from symdrift.evaluation.closed_form.printed_gradients import _squared_component_gradient
from symdrift.evaluation.strict_minima import active_axes
from symdrift.study.problem import Array, LearningProblem


@dataclass(frozen=True, eq=False)
class Changes:
    """Changes of the arguments of an aligned network with ``k`` parameters.

    Attributes
    ----------
    variances, gains, label_noise : Array
        On the axes that teacher and inputs share, shape ``(k, n)``, ``(k, min(n, m))`` and
        ``(k, m)``; those of the gains' magnitudes.
    weight_decay, learning_rate, batch : Array
        Shape ``(k,)``.
    stimuli : mapping of str to Array
        By name, shape ``(k, n)``.
    """

    variances: Array
    gains: Array
    label_noise: Array
    weight_decay: Array
    learning_rate: Array
    batch: Array
    stimuli: dict[str, Array]


def changing_numbers(
    problem: LearningProblem, changes: Changes, quantities: str = "all"
) -> dict[str, Changing]:
    """Numbers of an evaluation, by their dotted names, with their changes.

    Parameters
    ----------
    problem : LearningProblem
        Whose axes do not turn.
    changes : Changes
        In the units of the problem.
    quantities : {"all", "stimuli"}
        With "stimuli" loss and fluctuation are left out.

    Raises
    ------
    RequestError
        When the minimum is not strict, or no direction is active.
    """
    given = AlignedNetwork.of(problem)
    units, back = given.units, given.units.inverse
    learning = [
        Changing(np.asarray(float(value)), change * factor)
        for value, change, factor in (
            (given.minimum["weight_decay"], changes.weight_decay, units.curvature),
            (given.learning["learning_rate"], changes.learning_rate, back.curvature),
            (given.learning["batch"], changes.batch, 1.0),
        )
    ]
    directions = changing_directions(
        network_axes(**given.minimum, label_noise=given.learning["label_noise"]),
        changes.variances * units.inputs**2,
        Changing(given.minimum["gains"], changes.gains * units.maps),
        changes.label_noise * units.loss,
        learning[0],
    )
    network = ChangingNetwork(directions, *learning)
    found: dict[str, Changing] = {}
    value = directions.singular_value
    order = active_axes(value.value[: changes.variances.shape[1]])
    for place, axis in enumerate(order, start=1):
        found[f"minimum.singular_values.{place}"] = value.at(axis).scaled(back.maps)
    if quantities == "all":
        found["minimum.loss"] = network.loss().scaled(back.loss)
        weight_variance, excess = network.fluctuation(order)
        found["fluctuation.weight_variance"] = weight_variance.scaled(back.maps)
        found["fluctuation.excess_loss"] = excess.scaled(back.loss)
    diffusion = network.diffusion(order)
    for i in range(order.size):
        for j in range(i + 1, order.size):
            found[f"drift.diffusion.{i + 1}-{j + 1}"] = diffusion.at(i, j)
    rates = diffusion.sum()
    axes = given.alignment.input_axes
    for stimulus in given.natural.stimuli:
        name = f"stimuli.{stimulus.name}"
        component = chained(
            _squared_component_gradient,
            Changing(
                stimulus.vector @ axes, changes.stimuli[stimulus.name] @ axes * units.inputs
            ).at(order),
            value.at(order),
        )
        norm, moved = component.sum(), component.times(rates).sum()
        found[f"{name}.squared_norm"] = norm.scaled(back.curvature)
        found[f"{name}.diffusion"] = moved.scaled(back.curvature)
        found[f"{name}.decay_rate"] = moved.over(norm)
    return found

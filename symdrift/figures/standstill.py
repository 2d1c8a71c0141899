"""Drift at constant loss: what stands still in one network, and what does not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure

from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.dense.operator import expected_loss
from symdrift.evaluation.result import Evaluation
from symdrift.figures.style import (
    COLOURS,
    WIDTH,
    colour,
    drawing,
    label_in_units,
    literal,
    short_names,
)
from symdrift.figures.trajectories import SEED, SHOWN_STIFFNESS, at_stiffness, completed, points
from symdrift.rounding import first_largest
from symdrift.simulation.trajectory import Trajectory, simulate
from symdrift.study.problem import Array, LearningProblem

LARGEST_STIFFNESS = 0.15
"""Like ``SHOWN_STIFFNESS``, of networks that would drift too slowly otherwise."""

MOST_STEPS = 4_000_000
MOST_WEIGHT_STEPS = 6e7
"""Steps times weights of the network whose drift is shown: about a second."""

SHOWN_SIMILARITIES = 3
SHOWN_RECORDS = 350
"""Records of a long run that are drawn."""

_VISIBLE = 0.3
"""Part of the drift wanted with which a figure is content."""
_DRIFT_SHOWN = 1.5
"""Length of the drift that is shown, in units of the time in which memory is lost."""

_MOST_AXES = 6
_LONGEST_NAME = 12
"""Letters that leave room for the curves beside the names of two stimuli."""


@dataclass(frozen=True)
class Standstill:
    """One network over a long time: its loss, similarities, and one representation.

    Attributes
    ----------
    stimulus : str
        Whose representation is followed.
    learning_rate : float
        Of this network.
    time : Array
        Steps, shape ``(records,)``.
    loss : Array
        Expected loss of the network, shape ``(records,)``.
    smallest_loss, excess_loss : float
        At the minimum, and what the theory adds to it on average.
    similarities : tuple of (str, str, Array)
        Two stimuli and the scalar product of their representations, ``(records,)``.
    representation : Array
        By hidden axis, shape ``(records, axes)``.
    """

    stimulus: str
    learning_rate: float
    time: Array
    loss: Array
    smallest_loss: float
    excess_loss: float
    similarities: tuple[tuple[str, str, Array], ...]
    representation: Array


def numbers(problem: LearningProblem, evaluation: Evaluation) -> Standstill | None:
    """One network for as long as its fastest stimulus takes to forget its direction.

    None without a stimulus that drifts.
    """
    rates = [entry.decay_rate for entry in evaluation.stimuli]
    if not max(rates, default=0.0) > 0:
        return None
    fastest = first_largest(np.array(rates))
    chosen = problem.stimuli[fastest]
    minimum = minimum_of(problem)
    longest = min(MOST_WEIGHT_STEPS / minimum.point.size, MOST_STEPS)
    for stiffness in (SHOWN_STIFFNESS, LARGEST_STIFFNESS):
        fast = at_stiffness(problem, minimum, stiffness)
        # The decay rate is of third order in the learning rate.
        speed = (fast.learning_rate / problem.learning_rate) ** 3
        wanted = _DRIFT_SHOWN / (speed * rates[fastest])
        if _VISIBLE * wanted <= longest:
            break
    steps = min(wanted, longest)
    run = _thinned(completed(simulate(fast, max(int(steps), 1000), 1, SEED, threads=1)))
    loss = [_loss(problem, point) for point in points(run, problem.hidden)[:, 0]]
    return Standstill(
        stimulus=chosen.name,
        learning_rate=fast.learning_rate,
        time=run.steps.astype(np.float64),
        loss=np.array(loss),
        smallest_loss=_loss(problem, minimum.point),
        excess_loss=evaluation.fluctuation.excess_loss * fast.learning_rate / problem.learning_rate,
        similarities=_similarities(run),
        representation=run.representation(chosen)[:, 0, : minimum.rank],
    )


def draw(data: Standstill) -> Figure:
    """Loss and similarities, which stay, above a representation, which does not."""
    with drawing():
        figure = Figure(figsize=(WIDTH, 5.4), layout="constrained")
        loss, similarity, moving = figure.subplots(3, 1, sharex=True, height_ratios=(2, 3, 4))
        loss.plot(data.time, data.loss, color="0.4", linewidth=0.7)
        loss.axhline(
            data.smallest_loss + data.excess_loss, color=COLOURS[1], label="mean, by theory"
        )
        loss.axhline(data.smallest_loss, color=COLOURS[0], linestyle="--", label="minimum")
        loss.set_ylim(bottom=data.smallest_loss - data.excess_loss)
        loss.set_ylabel("expected\nloss")
        loss.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.2)
        names = list(dict.fromkeys(name for pair in data.similarities for name in pair[:2]))
        short = dict(zip(names, map(literal, short_names(names, _LONGEST_NAME)), strict=True))
        for place, (one, other, values) in enumerate(data.similarities):
            pair = f"{short[one]} · {short[other]}"
            similarity.plot(data.time, values, color=colour(place), linewidth=0.8, label=pair)
        similarity.set_ylabel("similarity\n$h_a \\cdot h_b$")
        similarity.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.2)
        for axis, values in enumerate(data.representation.T[:_MOST_AXES]):
            moving.plot(
                data.time,
                values,
                color=colour(axis),
                linewidth=0.8,
                label=f"hidden axis {axis + 1}",
            )
        moving.set_ylabel("representation $h$")
        label_in_units(moving, "x", "time", "SGD steps")
        moving.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.2)
    return figure


def caption(data: Standstill) -> str:
    """What the figure shows."""
    return (
        "Drift at constant loss, in one simulated network. Top: the expected loss stays near the "
        "level that the theory gives to leading order. Middle: the scalar products of the "
        "representations of pairs of stimuli, their similarity matrix, stay as well. Bottom: the "
        "representation of "
        f"“{data.stimulus}”, a line for each hidden axis, wanders all the same. Learning rate "
        f"{data.learning_rate:.2g}, at which drift is fast enough to be seen."
    )


def _similarities(run: Trajectory) -> tuple[tuple[str, str, Array], ...]:
    """Scalar products of the representations of the first stimuli, shape ``(records,)`` each."""
    shown = run.problem.stimuli[:SHOWN_SIMILARITIES]
    represented = [run.representation(stimulus)[:, 0] for stimulus in shown]
    return tuple(
        (shown[a].name, shown[b].name, np.sum(represented[a] * represented[b], axis=-1))
        for a in range(len(shown))
        for b in range(a, len(shown))
    )


def _thinned(run: Trajectory) -> Trajectory:
    """Every so many records."""
    stride = max(1, len(run.steps) // SHOWN_RECORDS)
    return replace(
        run,
        steps=run.steps[::stride],
        first_layer=run.first_layer[::stride],
        second_layer=run.second_layer[::stride],
    )


def _loss(problem: LearningProblem, point: Array) -> float:
    """Expected loss, with the label noise that no network can learn."""
    learnable = expected_loss(
        point, problem.teacher, problem.input_covariance, problem.weight_decay
    )
    return learnable + 0.5 * float(np.sum(problem.label_noise))

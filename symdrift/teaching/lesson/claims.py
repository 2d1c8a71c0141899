"""What the page says about its study, found by walking the sliders over their detents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdrift.evaluation.alignment import Alignment
from symdrift.evaluation.closed_form import formulas as kernels
from symdrift.study.problem import Array, LearningProblem, Stimulus
from symdrift.teaching.lesson.controls import Control

_EQUAL = 1e-9
"""Relative difference below which two rates are one."""


@dataclass(frozen=True)
class Setting:
    """The detent nearest to the study's value that a slider, moved alone, answers at.

    ``number`` is what the page shows there; None when no detent of the slider answers.
    """

    control: Control
    number: float | None


@dataclass(frozen=True)
class Order:
    """The drift of the first stimulus against that of the second, and what turns it around.

    Attributes
    ----------
    quantity : str
        What is compared, in words.
    ratio : float
        First over second in the study.
    question : {"level", "turn", "shift"}
        Whether equal rates are to be parted, an order turned around or, where it cannot be,
        the ratio moved.
    above : bool
        Whether a ratio above or below ``bound`` is asked for.
    bound : float
    settings : tuple of Setting
        For each slider of the last step.
    frequent_is_slower : bool
        Whether, at every detent of the frequency, the stimulus of the larger input variance
        and the steeper walls is the slower one.
    noise_turns : bool
        Whether label noise that grows alone makes the slower of the two the faster for good.
    """

    quantity: str
    ratio: float
    question: str
    above: bool
    bound: float
    settings: tuple[Setting, ...]
    frequent_is_slower: bool
    noise_turns: bool


def quantity_compared(rank: int) -> str:
    """With two learned directions all representations decorrelate at one rate."""
    return "decay rate" if rank > 2 else "diffusion of the representation"


def frequent_axis(stimulus: Stimulus) -> int:
    """The axis that is met more often where a stimulus is."""
    return int(np.argmax(np.abs(stimulus.vector)))


def on_axis(stimulus: Stimulus) -> bool:
    """Whether a stimulus is a multiple of one axis, up to rounding."""
    parts = np.abs(stimulus.vector)
    return int(np.count_nonzero(parts > _EQUAL * parts.max())) == 1


def errs_without_decay(problem: LearningProblem, aligned: Alignment) -> bool:
    """Whether a direction of the teacher has no hidden unit, and so an error of its own."""
    return bool(np.count_nonzero(aligned.gains) > problem.hidden)


def order(
    problem: LearningProblem,
    aligned: Alignment,
    stimuli: list[Stimulus],
    rank: int,
    sliders: list[Control],
) -> Order | None:
    """Compare the first two stimuli over each of the sliders.

    Returns
    -------
    Order or None
        None when no slider moves their ratio.
    """
    start = _network(problem, aligned)
    axis = frequent_axis(stimuli[0])
    walks = {slider.key: _walk(start, slider, axis) for slider in sliders}
    ratios = {key: _ratios(walk, stimuli, rank) for key, walk in walks.items()}
    (ratio,) = _ratios({**start, "covariance": start["covariance"][None]}, stimuli, rank)
    question = _question(float(ratio), np.concatenate(list(ratios.values())))
    if question is None:
        return None
    kind, above, bound = question

    def answers(found: Array) -> NDArray[np.bool_]:
        return found > bound if above else found < bound

    return Order(
        quantity_compared(rank),
        float(ratio),
        kind,
        above,
        bound,
        tuple(
            Setting(slider, _nearest(slider, answers(ratios[slider.key]), walks[slider.key], axis))
            for slider in sliders
        ),
        rank > 2
        and all(on_axis(stimulus) for stimulus in stimuli[:2])
        and _frequent_is_slower(walks["frequency"], ratios["frequency"], stimuli),
        "label_noise" in ratios and _turns(ratios["label_noise"]),
    )


def _question(start: float, reached: Array) -> tuple[str, bool, float] | None:
    """What to ask for, whether above, and the bound; a ratio that some slider reaches alone."""
    reached = reached[np.isfinite(reached)]
    low, high = float(reached.min(initial=start)), float(reached.max(initial=start))
    if abs(np.log(start)) < _EQUAL:
        wanted = [("level", False, 0.9)]
    else:
        wanted = [("turn", start < 1, 1.02 if start < 1 else 0.98)]
    # Half of the way that can be gone, as the page prints it.
    wanted += [
        ("shift", reach > start, float(f"{np.sqrt(start * reach):.3g}")) for reach in (high, low)
    ]
    for kind, above, bound in wanted:
        if start < bound < high if above else low < bound < start:
            return kind, above, bound
    return None


_SIZES = ("inputs", "outputs", "hidden")


def _network(problem: LearningProblem, aligned: Alignment) -> dict[str, Any]:
    """Arguments of the kernels."""
    outputs, inputs = problem.teacher.shape
    return {
        "covariance": aligned.input_variances,
        "gains": aligned.gains,
        "label_noise": aligned.label_noise,
        "weight_decay": problem.weight_decay,
        "learning_rate": problem.learning_rate,
        "batch": problem.batch,
        "inputs": inputs,
        "outputs": outputs,
        "hidden": problem.hidden,
    }


def _walk(start: dict[str, Any], slider: Control, frequent: int) -> dict[str, Any]:
    """The networks of all detents of a slider, along the leading axis of what it moves."""
    name, _, index = slider.key.partition(".")
    values = slider.values
    if name == "frequency":
        return {**start, "covariance": shared(start["covariance"], frequent, values)}
    if np.ndim(start[name]) == 0:
        return {**start, name: values}
    moved = np.tile(start[name], (values.size, 1))
    moved.T[int(index) if index else slice(None)] = values
    return {**start, name: moved}


def shared(covariance: Array, frequent: int, odds: Array) -> Array:
    """Input variances of the same sum, one axis met so many times as often against the others.

    Returns
    -------
    Array, shape (odds, n)
    """
    moved = np.tile(covariance, (odds.size, 1))
    moved[:, frequent] *= odds
    return np.asarray(moved * (covariance.sum() / moved.sum(axis=1))[:, None])


def _ratios(walk: dict[str, Any], stimuli: list[Stimulus], rank: int) -> Array:
    """Drift of the first stimulus over that of the second; NaN where one is not learned."""
    rate = kernels.decay_rate if rank > 2 else kernels.representation_diffusion
    first, second = (rate(stimulus.vector, **walk) for stimulus in stimuli[:2])
    known = (first > 0) & (second > 0) & _strict(walk)
    return np.where(known, first, np.nan) / np.where(known, second, 1.0)


def _strict(walk: dict[str, Any]) -> NDArray[np.bool_]:
    """Where no direction is on its threshold and none ties for the last hidden unit."""
    gains, hidden = walk["gains"], walk["hidden"]
    variance = walk["covariance"][..., : gains.shape[-1]]
    decay = np.asarray(walk["weight_decay"])[..., None]
    off = ~np.isclose(variance * gains, decay, rtol=_EQUAL, atol=0).any(axis=-1)
    worth = np.where(variance * gains > decay, kernels.loss_reductions(variance, decay, gains), 0.0)
    if hidden >= worth.shape[-1]:
        return np.asarray(off)
    last, next_one = np.moveaxis(-np.sort(-worth)[..., hidden - 1 : hidden + 1], -1, 0)
    return np.asarray(off & ((next_one == 0) | ~np.isclose(last, next_one, rtol=_EQUAL, atol=0)))


def _nearest(
    slider: Control, met: NDArray[np.bool_], walk: dict[str, Any], frequent: int
) -> float | None:
    """Number shown at the nearest detent where a question is answered."""
    if not met.any():
        return None
    found = min(np.flatnonzero(met), key=lambda k: abs(slider.positions[k]))
    if slider.key == "frequency":
        covariance = walk["covariance"][found]
        return float(100 * covariance[frequent] / covariance.sum())
    return float(slider.values[found])


def _frequent_is_slower(walk: dict[str, Any], ratio: Array, stimuli: list[Stimulus]) -> bool:
    """Whether more variance goes with steeper walls and slower drift wherever planes differ."""
    learned = kernels.singular_values(
        **{name: walk[name] for name in ("covariance", "gains", "weight_decay", *_SIZES)}
    )
    compared = np.isfinite(ratio) & (np.count_nonzero(learned, axis=-1) > 2)
    first, second = (frequent_axis(stimulus) for stimulus in stimuli[:2])
    variances, gains = walk["covariance"], walk["gains"]
    variance = variances[:, first] / variances[:, second]
    walls = variance * gains[first] / gains[second]
    more, steeper, faster = (_sign(found[compared]) for found in (variance, walls, ratio))
    return bool(np.any(more) and np.all(more == steeper) and np.all(more == -faster))


def _turns(ratio: Array) -> bool:
    """Whether the order at the last detent is the opposite of that at the first."""
    signs = _sign(ratio[np.isfinite(ratio)])
    return bool(signs.size and signs[0] * signs[-1] < 0)


def _sign(ratio: Array) -> Array:
    """1 above one, -1 below, 0 at one."""
    logarithm = np.log(ratio)
    return np.where(np.abs(logarithm) < _EQUAL, 0.0, np.sign(logarithm))

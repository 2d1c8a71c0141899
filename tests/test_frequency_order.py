"""A frequent stimulus among rare ones: the derived orders against the dense road."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import sympy as sp

from symdrift.derivation.steps import Equation
from symdrift.derivation.symbols import ETA, GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import OUTPUTS, RANK
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.parts import StimulusDrift
from symdrift.inputs import Gaussian
from symdrift.study.problem import LearningProblem, Stimulus
from symdrift.theory.examples import Examples
from symdrift.theory.frequency_order import QUIET, frequency_order
from symdrift.theory.stimulus_frequency import FREQUENT_VARIANCE

SMALL = 0.002
"""Weight decay where leading orders in it are good to about a percent."""


@cache
def equations() -> dict[str, Equation]:
    steps = frequency_order(Examples())
    return {equation.label: equation for step in steps for equation in step.equations}


def number(label: str, sizes: tuple[int, int], first: float, noise: float = 0.0) -> float:
    """Right side of an equation at ``n, m`` and the variances ``first, 1, ...``."""
    whole = equations()[label].expression.rhs
    for part in ("quiet", "crossed", "loud"):
        stated = equations()[f"lead-{part}"].expression
        whole = whole.xreplace({stated.lhs: stated.rhs})
    inputs, outputs = sizes
    values = {INPUTS: inputs, OUTPUTS: outputs, RANK: min(sizes), symbol("input_variance"): 1,
              FREQUENT_VARIANCE: first, GAMMA: SMALL, ETA: 1,
              symbol("label_noise"): noise, symbol("batch"): 1}  # fmt: skip
    return float(whole.subs(values))


def stimuli(
    sizes: tuple[int, int],
    first: float,
    noise: float = 0.0,
    *,
    decay: float = SMALL,
    others: float = 1.0,
) -> tuple[StimulusDrift, StimulusDrift]:
    """Frequent and rare, by an engine that knows no formula; the learning rate is one."""
    inputs, outputs = sizes
    eye = np.eye(inputs)
    problem = LearningProblem(
        study="example",
        hidden=max(sizes),
        inputs=Gaussian(np.diag([first, *[others] * (inputs - 1)])),
        teacher=np.eye(outputs, inputs),
        label_noise=np.full(outputs, noise),
        learning_rate=1e-3,
        weight_decay=decay,
        batch=1,
        synaptic_noise=0.0,
        stimuli=(Stimulus("frequent", eye[0]), Stimulus("rare", eye[1])),
    )
    frequent, rare = evaluate(problem, "dense").stimuli
    return frequent, rare


@pytest.mark.parametrize("sizes", [(4, 4), (5, 3), (3, 5)])
@pytest.mark.parametrize("first", [1.3, 6.0])
def test_label_noise_turns_the_order_of_the_decay_rates_where_it_is_said_to(
    sizes: tuple[int, int], first: float
) -> None:
    turning = number("turning-noise", sizes, first)
    for share, slower in ((0.0, True), (0.9, True), (1.1, False)):
        frequent, rare = stimuli(sizes, first, share * turning)
        assert (frequent.decay_rate < rare.decay_rate) is slower
        assert (frequent.diffusion < rare.diffusion) is slower


def test_a_very_rare_stimulus_drifts_more_slowly_than_the_others_again() -> None:
    quiet = equations()["lead-quiet"].expression
    assert quiet.lhs == QUIET
    sizes = (4, 4)
    polynomial = quiet.rhs.subs({INPUTS: 4, RANK: 4, symbol("input_variance"): 1})
    (turning,) = sp.Poly(polynomial, FREQUENT_VARIANCE).real_roots(multiple=True)[-1:]
    for factor, faster in ((0.9, False), (1.1, True)):
        single, other = stimuli(sizes, factor * float(turning), decay=1e-4)
        assert (single.decay_rate > other.decay_rate) is faster


@pytest.mark.parametrize("inputs", [3, 4, 8])
def test_the_order_of_the_diffusions_turns_at_a_weight_decay(inputs: int) -> None:
    """Next to equal variances; far from it, below the bound for any number of axes, never."""
    turning = (inputs - 2) * (inputs + 4) / (4 * (inputs - 1) * (inputs + 2))
    for factor, smaller in ((0.98, True), (1.02, False)):
        frequent, rare = stimuli((inputs, inputs), 1.001, decay=factor * turning)
        assert frequent.decay_rate < rare.decay_rate
        assert (frequent.diffusion < rare.diffusion) is smaller
    for first in (1.1, 2.0, 20.0):
        frequent, rare = stimuli((inputs, inputs), first, decay=0.17)
        assert frequent.diffusion < rare.diffusion


@pytest.mark.parametrize(("learned", "inputs"), [(3, 4), (3, 5), (4, 8)])
def test_where_they_turn_depends_on_the_inputs_without_output(learned: int, inputs: int) -> None:
    """At a zero of [eq:diffusion-near], by the dense road."""
    slope = equations()["diffusion-near"].expression.rhs.subs(
        {INPUTS: inputs, RANK: learned, symbol("input_variance"): 1, ETA: 1, symbol("batch"): 1}
    )
    zeros = sp.Poly(sp.fraction(sp.cancel(slope))[0], GAMMA).real_roots(multiple=False)
    (turning,) = (float(zero) for zero, _ in zeros if 0 < zero < 1)
    for factor, smaller in ((0.98, True), (1.02, False)):
        frequent, rare = stimuli((inputs, learned), 1.001, decay=factor * turning)
        assert (frequent.diffusion < rare.diffusion) is smaller


@pytest.mark.parametrize("share", [0.0, 3.0])
def test_slopes_at_fixed_others_and_at_fixed_total_variance(share: float) -> None:
    """Their values and so their signs, without label noise and with more than turns them."""
    inputs, change = 5, 1e-4
    noise = share * SMALL**2
    for kept in ("others", "total"):
        ends = []
        for sign in (-1, 1):
            others = 1.0 if kept == "others" else 1 - sign * change / (inputs - 1)
            ends.append(stimuli((inputs, inputs), 1 + sign * change, noise, others=others))
        for stimulus in (1, 2):
            below, above = (end[stimulus - 1].decay_rate for end in ends)
            expected = number(f"slopes-{stimulus}{kept}", (inputs, inputs), 1, noise**0.5)
            assert (above - below) / (2 * change) / 1e-9 == pytest.approx(expected, rel=0.05)

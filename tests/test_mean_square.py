"""What the chapters on stability and balance display is what the numbers are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import I_INDEX, STEP_FIRST
from symdrift.errors import CheckFailed
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.next_order import printed_orders
from symdrift.evaluation.next_order.corrected import mean_first_layer
from symdrift.evaluation.units import natural_units
from symdrift.inputs import Elliptical, Gaussian
from symdrift.study.problem import LearningProblem, Stimulus
from symdrift.theory import critical_rate, imbalance, mean_square, seven_moments, small_numbers
from symdrift.theory.drift import DIRECTIONS
from symdrift.theory.examples import EXAMPLE_KURTOSIS, Examples
from symdrift.theory.linear.equal_axes import LABEL_NOISE, VALUE, VARIANCE, Pairings, inverse_rates
from symdrift.theory.linear.second_moments import SEEN, StationaryMeans

RATE = 0.001


def autoencoder(
    variances: Iterable[float],
    weight_decay: float,
    label_noise: float = 0.0,
    hidden: int | None = None,
    batch: int = 1,
) -> LearningProblem:
    values = np.array(list(variances))
    size = len(values)
    return LearningProblem(
        "study", hidden or size, Gaussian(np.diag(values)), np.eye(size),
        np.full(size, label_noise), RATE, weight_decay, batch, 0.0,
        (Stimulus("axis 1", np.eye(size)[0]),),
    )  # fmt: skip


def equal_numbers(size: int, gamma: float, noise: float, batch: int) -> dict[sp.Basic, Any]:
    """Of the autoencoder with variances 1.4."""
    return {
        VARIANCE: 1.4, VALUE: 1 - gamma / 1.4, GAMMA: gamma, LABEL_NOISE: np.sqrt(noise),
        INPUTS: size, BATCH: batch, ETA: RATE,
    }  # fmt: skip


def shown(steps: Iterable[Step], label: str) -> sp.Eq:
    (found,) = (e.expression for step in steps for e in step.equations if e.label == label)
    assert isinstance(found, sp.Eq)
    return found


def shown_together(steps: Iterable[Step], label: str) -> list[sp.Eq]:
    """Equations that stand beside each other."""
    (found,) = (e.expression for step in steps for e in step.equations if e.label == label)
    return [part for part in found.args if isinstance(part, sp.Eq)]


@pytest.mark.parametrize("method", ["closed-form", "dense"])
@pytest.mark.parametrize(
    ("size", "gamma", "noise", "batch"),
    [(2, 0.3, 0.0, 1), (3, 0.05, 0.2, 3), (6, 0.6, 0.09, 1), (5, 0.01, 0.5, 1)],
)
def test_seven_numbers_have_the_critical_rate_of_equal_axes(
    method: str, size: int, gamma: float, noise: float, batch: int
) -> None:
    given = autoencoder([1.4] * size, gamma, noise, batch=batch)
    matrix = inverse_rates(BATCH).subs(equal_numbers(size, gamma, noise, batch))
    inverse = max(np.linalg.eigvals(np.array(matrix.tolist(), float)).real)
    assert evaluate(given, method).validity.critical_rate == pytest.approx(1 / inverse, rel=1e-7)


@pytest.mark.parametrize(("size", "gamma", "noise", "batch"), [(2, 0.3, 0.0, 1), (6, 0.6, 0.09, 2)])
def test_the_displayed_equation_of_seventh_degree_has_the_critical_rate_for_its_root(
    size: int, gamma: float, noise: float, batch: int
) -> None:
    steps = [seven_moments._seven_numbers()]
    letters = {
        part.lhs: part.rhs
        for label in ("seven-letters", "seven-curvatures")
        for part in shown_together(steps, label)
    }
    numbers = equal_numbers(size, gamma, noise, batch)

    def number(formula: sp.Basic) -> sp.Basic:
        for _ in range(4):
            formula = formula.xreplace(letters)
        return formula.subs(numbers)

    relaxed, mean = (
        np.array(number(shown(steps, f"seven-{name}").rhs).tolist(), float)[0]
        for name in ("relaxed", "mean")
    )
    samples = np.array(number(shown(steps, "seven-samples").rhs.doit()).tolist(), float)
    grown = (np.diag(mean) + samples / batch) / relaxed[:, np.newaxis]
    found = evaluate(autoencoder([1.4] * size, gamma, noise, batch=batch), "dense").validity
    assert 1 / max(np.linalg.eigvals(grown).real) == pytest.approx(found.critical_rate, rel=1e-7)


@pytest.mark.parametrize(("label", "noise", "order"), [
    ("critical-quiet", 0.0, 2), ("critical-labels", 0.5, 1),
])  # fmt: skip
def test_displayed_critical_rates_are_approached(label: str, noise: float, order: int) -> None:
    """At a tenth of the weight decay the error falls by the order of what is left out."""
    formula = shown([critical_rate._equal_axes()], label).rhs
    errors = []
    for gamma in (1e-3, 1e-4):
        given = replace(autoencoder([1.4] * 4, gamma, noise, batch=2), learning_rate=1e-6)
        found = 1 / evaluate(given, "closed-form").validity.critical_rate
        expected = float(formula.subs(equal_numbers(4, gamma, noise, 2)))
        errors.append(abs(found / expected - 1))
    assert errors[0] < 0.01
    assert errors[1] == pytest.approx(errors[0] / 10**order, rel=0.15)


@pytest.mark.parametrize("method", ["closed-form", "dense"])
def test_displayed_small_numbers_are_those_of_the_tables(method: str) -> None:
    """The largest of all learned axes, in a bottleneck with label noise."""
    variances, gamma, noise, batch = [2.0, 1.5, 0.7], 0.3, 0.2, 2
    found = evaluate(autoencoder(variances, gamma, noise, hidden=2, batch=batch), method).validity
    steps = [small_numbers._on_axes(Examples())]
    fed = shown(steps, "imbalance-own").rhs.xreplace({DIRECTIONS: sp.Integer(3)}).doit()
    lost = shown(steps, "lost-own").rhs
    values = [1 - gamma / v for v in variances[:2]]
    numbers: dict[sp.Basic, Any] = {GAMMA: gamma, BATCH: batch, ETA: RATE}
    for k, (v, e) in enumerate(zip(variances, [*(1 - s for s in values), 1.0], strict=True), 1):
        numbers[sp.IndexedBase(mean_square.VARIANCES)[k]] = v
        numbers[sp.IndexedBase(small_numbers.RESIDUALS)[k]] = e
        numbers[sp.IndexedBase(small_numbers.LABELS)[k]] = np.sqrt(noise)
    unbalanced = [float(fed.subs(I_INDEX, k).subs(numbers)) for k in (1, 2)]
    own = []
    for v, s in zip(variances, values, strict=False):
        axis = {
            symbol("input_variance", "i"): v,
            symbol("label_noise", "i"): np.sqrt(noise),
            symbol("singular_value", "i"): s,
        }
        own.append(float(lost.subs({**numbers, **axis})))
    assert found.imbalance == pytest.approx(max(map(abs, unbalanced)), rel=1e-9)
    assert found.threshold == pytest.approx(max(own), rel=1e-9)


@pytest.mark.parametrize(("size", "noise", "batch"), [(2, 0.0, 1), (4, 0.3, 2)])
def test_the_displayed_length_is_that_of_the_next_order(
    size: int, noise: float, batch: int
) -> None:
    gamma = 0.3
    found = evaluate(autoencoder([1.4] * size, gamma, noise, batch=batch), order=2).next_order
    assert found is not None
    length = shown([imbalance._mean_length()], "mean-length").rhs.args[0]
    value = 1 - gamma / 1.4
    relative = float(length.subs(equal_numbers(size, gamma, noise, batch))) / value - 1
    correction = found.stimuli[0].squared_norm
    assert correction is not None
    assert correction * RATE == pytest.approx(relative, rel=1e-8)


@pytest.mark.parametrize(("size", "batch", "gamma", "noise"), [(2, 1, 0.3, 0.0), (5, 3, 0.1, 0.7)])
def test_the_displayed_length_is_that_of_the_expansion(
    size: int, batch: int, gamma: float, noise: float
) -> None:
    """In the chapter on the next order: twice the shift of the mean, and the spread about it."""
    length = shown([imbalance._mean_length()], "mean-length").rhs.args[0]
    given = {INPUTS: size, BATCH: batch, VARIANCE: 1, LABEL_NOISE: noise**0.5, VALUE: 1 - gamma}
    displayed = sp.diff(length.subs({**given, GAMMA: gamma}), ETA)
    numbers = [np.asarray(float(number)) for number in (size, batch, gamma, noise)]
    expanded = 2 * np.sqrt(1 - gamma) * printed_orders._mean_shift(*numbers)
    expanded += printed_orders._spread(*numbers)
    assert float(displayed) == pytest.approx(float(expanded), rel=1e-12)


def test_the_mean_of_the_weights_is_that_of_the_expansion() -> None:
    """For a teacher that shares no axes with elliptical inputs."""
    (means,) = (StationaryMeans(space) for space in Examples().weight_spaces[:1])
    shift, minimum = means.shift(imbalance.BENDING)[0], means.minimum
    exact = minimum.first_layer.T * shift + shift.T * minimum.first_layer
    network = minimum.network
    teacher, covariance = (
        np.array(matrix.tolist(), float) for matrix in (network.teacher, network.input_covariance)
    )
    given = replace(
        autoencoder([1.0] * 3, float(minimum.weight_decay), hidden=network.hidden),
        inputs=Elliptical(covariance, float(EXAMPLE_KURTOSIS)),
        teacher=teacher,
        label_noise=np.array([float(v) for v in network.label_noise]),
    )
    found = mean_first_layer(given)
    assert found is not None
    crossed = found.leading.T @ found.following
    units = natural_units(given.teacher, given.input_covariance)
    np.testing.assert_allclose(
        (crossed + crossed.T) / (units.maps * units.curvature),
        np.array(exact.tolist(), float),
        rtol=1e-8,
    )


SECTIONS: dict[str, Callable[[Examples], Iterable[Step]]] = {
    "mean square": mean_square.mean_square,
    "mean square on axes": mean_square.mean_square_on_axes,
    "critical rate": critical_rate.critical_rate,
    "imbalance": imbalance.imbalance,
    "equal axes": imbalance.imbalance_of_equal_axes,
    "small numbers": small_numbers.small_numbers,
    "small numbers on axes": small_numbers.small_numbers_on_axes,
}


@pytest.mark.parametrize(("target", "replacement", "section", "step"), [
    ("mean_square.SEEN", (SEEN[0] - GAMMA * STEP_FIRST, SEEN[1]), "mean square", "sample-hessian"),
    ("mean_square.covariance_of", lambda vector, sample: sp.zeros(len(vector)),
     "mean square", "read-by-samples"),
    ("mean_square._paired", lambda variance, a, c, b, d: variance[a] * variance[c] * int(a == b),
     "mean square on axes", "moments-on-axes"),
    ("linear.equal_axes.Pairings.sampled", property(lambda pairs: pairs),
     "critical rate", "equal-axes"),
    ("imbalance.FEEDING", imbalance.FROM_TASK + imbalance.FROM_LABELS,
     "imbalance", "mean-imbalance"),
    ("imbalance.BENDING", tuple(2 * part for part in imbalance.BENDING),
     "imbalance", "mean-shift"),
    ("linear.second_moments.StationaryMeans.mean", lambda means, quadratic: 0 * quadratic,
     "imbalance", "mean-shift"),
    ("imbalance.Pairings", lambda *moments: Pairings(*reversed(moments)),
     "equal axes", "mean-length"),
    ("small_numbers.covariance_of", lambda vector, sample: sp.zeros(len(vector)),
     "small numbers", "multiplicative-noise"),
    ("small_numbers.feeding", lambda minimum, kurtosis: 2 * imbalance.feeding(minimum, kurtosis),
     "small numbers on axes", "on-axes"),
])  # fmt: skip
def test_a_wrong_stage_stops_the_derivation(
    target: str, replacement: Any, section: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"symdrift.theory.{target}", replacement)
    with pytest.raises(CheckFailed, match=f'^step "{step}"(: the chain| failed its check: )'):
        list(SECTIONS[section](Examples()))

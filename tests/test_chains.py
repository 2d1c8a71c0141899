"""Chains of equalities in the theory: each line is wrong once, and is found."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import Chain
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import ETA
from symdrift.derivation.vocabulary import CENTRED_NOISE, METRIC, MINIMUM_POINT, TURN
from symdrift.theory import (
    area,
    correlations,
    coupled_blocks,
    critical_rate,
    drift,
    fixed_points,
    fluctuation,
    frequency_order,
    hessian,
    hessian_blocks,
    imbalance,
    later_orders,
    learned_axes,
    mean_square,
    misaligned,
    noise,
    noise_blocks,
    representation,
    step_orders,
    stimulus_frequency,
    strictness,
    symmetry,
)
from symdrift.theory.examples import Examples
from symdrift.theory.later_moments import PLANE
from symdrift.theory.linear.limits import isotropic_diffusion
from symdrift.theory.linear.step_series import StationaryPolynomials
from symdrift.theory.mean_square import SAMPLE_HESSIAN
from symdrift.theory.rules.deep_area import deep_area
from symdrift.theory.rules.deep_fluctuation import deep_fluctuation
from symdrift.theory.rules.deep_orbit import deep_orbit
from symdrift.theory.rules.deep_terms import deep_terms
from symdrift.theory.rules.left_out_axis import left_out_axis
from symdrift.theory.rules.momentum import momentum
from symdrift.theory.rules.rule_orbit import rule_orbit
from symdrift.theory.small_weight_decay import small_weight_decay
from symdrift.theory.special_cases import _irrelevant, _isotropic

EXAMPLES = Examples()


def alike() -> Step:
    return _isotropic(EXAMPLES, isotropic_diffusion(EXAMPLES.representative))


STEPS: dict[str, Callable[[], Iterable[Step]]] = {
    "minimum": lambda: [
        fixed_points._factored(EXAMPLES),
        *learned_axes.learned_axes(EXAMPLES),
        symmetry._tangent(EXAMPLES.indexed),
    ],
    "hessian on maps": lambda: [hessian._map_hessian(EXAMPLES)],
    "hessian": lambda: [hessian_blocks._hessian_entries()],
    "strict minima": lambda: strictness.strictness(EXAMPLES),
    "noise on maps": lambda: [noise._map_noise(EXAMPLES)],
    "noise": lambda: [noise_blocks._noise_entries()],
    "fluctuation": lambda: [
        fluctuation._excess_loss(EXAMPLES),
        fluctuation._fluctuation_blocks(EXAMPLES),
    ],
    "area": lambda: [area._area(EXAMPLES.generic)],
    "one step": lambda: step_orders.one_step(EXAMPLES),
    "corrector": lambda: [area._corrector(), area._statistics()],
    "correlations": lambda: correlations.correlations(EXAMPLES),
    "coupled blocks": lambda: [
        *coupled_blocks.coupled_blocks(EXAMPLES),
        drift._terms(EXAMPLES),
    ],
    "representation": lambda: [
        *representation.representation(EXAMPLES),
        representation._displacement(EXAMPLES),
    ],
    "equal axes": lambda: [alike()],
    "second moments": lambda: [mean_square._second_moments(EXAMPLES)],
    "critical rate": lambda: critical_rate.critical_rate(EXAMPLES),
    "balance": lambda: [imbalance._mean_imbalance(EXAMPLES), imbalance._mean_length()],
    "misaligned axes": lambda: misaligned.two_axes(()),
    "bottleneck": lambda: [_irrelevant(EXAMPLES)],
    "small weight decay": lambda: [small_weight_decay(EXAMPLES)],
    "frequency": lambda: stimulus_frequency.frequent_stimulus(EXAMPLES),
    "any frequency": lambda: frequency_order.frequency_order(EXAMPLES),
    "rotation at the next order": lambda: [
        later_orders._rotation_in_powers(StationaryPolynomials(PLANE))
    ],
    "orbit of Oja": lambda: rule_orbit("oja"),
    "orbit of a tied autoencoder": lambda: rule_orbit("tied_autoencoder"),
    "orbit of similarity matching": lambda: rule_orbit("similarity_matching"),
    "drift of Oja": lambda: left_out_axis("oja"),
    "drift of a tied autoencoder": lambda: left_out_axis("tied_autoencoder"),
    "drift of similarity matching": lambda: left_out_axis("similarity_matching"),
    "momentum": momentum,
    "orbit of three layers": deep_orbit,
    "fluctuation of three layers": deep_fluctuation,
    "areas of three layers": deep_area,
    "terms of three layers": deep_terms,
}
ORBIT = ["rule-sample-W", "rule-mean-W", "rule-axis-W", "rule-rest-W", "rule-shape"]
DRIFT = [
    "rule-return", "rule-kick", "rule-kicks", "rule-spread", "rule-scale", "rule-slope",
    "rule-bend", "rule-corrector", "rule-answer-i", "rule-answer-j", "rule-term",
]  # fmt: skip
CHAINS = {
    "minimum": ["learned-map", "weights-above", "reduction", "completed", "dimension"],
    "hessian on maps": ["pull-first", "pull-second"],
    "hessian": ["hessian-first", "hessian-cross", "hessian-axis"],
    "strict minima": [
        "stretched-first", "stretched-second", "all-weights", "determinant", "turning", "exchange",
    ],
    "noise on maps": ["map-noise-gaussian"],
    "fluctuation": ["excess-loss", "lyapunov-bracket"],
    "area": ["rotation-step"],
    "noise": ["noise-push", "noise-first", "noise-cross", "noise-axis"],
    "one step": ["gauge-slope", "tangent-step", "rotation-orders", "normal-orders"],
    "corrector": [
        "without-pull", "sylvester", "martingale", "covariance", "mean", "mean-kicked",
    ],
    "coupled blocks": [
        "overlap", "own-overlap", "cayley-left", "cayley-inverse", "solution-left",
        "own-solution-left",
    ],
    "representation": ["one-turn", "displaced", "memory"],
    "correlations": ["kick-and-pull", "pull-and-pull", "lags", "summed"],
    "equal axes": ["isotropic-other", "isotropic-own", "isotropic", "isotropic-quiet"],
    "second moments": ["moments-solved"],
    "critical rate": ["powers-again", "critical-quiet"],
    "balance": ["imbalance-fed", "alike-bent", "mean-length"],
    "misaligned axes": ["response-rate", "angle-between"],
    "bottleneck": ["irrelevant-term", "unseen"],
    "small weight decay": ["small-own", "small-other"],
    "frequency": [
        "varied-moved",
        "varied-term",
        "varied-own",
        "frequency-plane",
        "frequency-apart",
        "frequency-rate",
        "frequency-difference",
        "frequency-diffusion",
        "frequency-noise",
    ],
    "any frequency": ["frequency-lead", "diffusion-near", "total-kept"],
    "rotation at the next order": ["poisson-sixth"],
    "orbit of Oja": ORBIT,
    "orbit of a tied autoencoder": ORBIT,
    "orbit of similarity matching": [
        "rule-sample-W", "rule-sample-M", "rule-mean-W", "rule-mean-M", "rule-axis-W",
        "rule-axis-M", "rule-rest-M", "rule-rest-W", "rule-lateral", "rule-shape",
    ],
    "drift of Oja": ["rule-linear-W", *DRIFT, "rule-pair-kick-W"],
    "drift of a tied autoencoder": [
        "rule-linear-W", *DRIFT, "rule-pair-kick-W", "rule-pair-return-ij", "rule-pair-return-ii",
        "rule-pair-push-ij", "rule-pair-push-ii", "rule-pair-noise-ij", "rule-pair-noise-ii",
        "rule-pair-slope", "rule-pair-area", "rule-third-term", "rule-own-term",
    ],
    "drift of similarity matching": [
        "rule-linear-W", "rule-linear-M", *DRIFT, "rule-pair-kick-W", "rule-pair-kick-M",
        "lateral-still", "rule-third-term", "rule-own-term",
    ],
    "momentum": ["momentum-learning", "momentum-speeds", "momentum-together", "momentum-lag"],
    "orbit of three layers": [
        "deep-sample-1", "deep-sample-2", "deep-sample-3", "deep-mean-errors", "deep-mean-1",
        "deep-mean-2", "deep-mean-3", "deep-kept-1", "deep-kept-2", "deep-axis", "deep-rest",
        "deep-small-rest", "deep-balanced",
    ],
    "fluctuation of three layers": [
        "deep-map", "deep-along", "deep-reached", "deep-flow", "deep-single-ii", "deep-single-il",
        "deep-rate", "deep-kick-ij", "deep-kick-ii", "deep-noise-ij", "deep-noise-ii",
        "deep-noise-both", "deep-spread",
    ],
    "areas of three layers": [
        "deep-read-1", "deep-read-2", "deep-changed-1", "deep-changed-2", "deep-changed-3",
        "deep-rows-1", "deep-rows-2", "deep-columns-1", "deep-columns-2", "deep-turned-by",
        "deep-bend", "deep-corrector", "deep-answer-ik", "deep-answer-jk",
    ],
    "terms of three layers": [
        "deep-other", "deep-left-11", "deep-left-12", "deep-left-22", "deep-third",
        "deep-equal-third", "deep-equal-own", "deep-equal-11", "deep-equal-12", "deep-equal-22",
        "deep-alike-11", "deep-alike-12", "deep-alike-22",
    ],
}  # fmt: skip
LONG = {
    "any frequency", "drift of a tied autoencoder", "drift of similarity matching", "frequency",
    "misaligned axes", "orbit of three layers", "rotation at the next order",
    "terms of three layers",
}  # fmt: skip
"""Places whose chains take seconds."""


@pytest.mark.parametrize(
    "place",
    [pytest.param(place, marks=pytest.mark.slow) if place in LONG else place for place in STEPS],
)
def test_a_wrong_line_is_found_between_the_lines_that_it_parts(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice what it should be: the chain breaks before the line, wherever it stands."""
    chains: list[Chain] = []
    whole = Chain.broken

    def noted(chain: Chain) -> str:
        chains.append(chain)
        return whole(chain)

    monkeypatch.setattr(Chain, "broken", noted)
    steps = list(STEPS[place]())
    monkeypatch.setattr(Chain, "broken", whole)
    assert pickle.loads(pickle.dumps(steps)) == steps
    labels = [equation.label for step in steps for equation in step.equations if equation.links]
    assert labels == CHAINS[place]
    assert len(chains) == len(labels)
    for chain in chains:
        lines = replace(chain, value=cache(chain.value))
        assert not lines.broken()
        for position, link in enumerate(chain.links):
            wrong = list(chain.links)
            wrong[position] = replace(link, expression=2 * link.expression)
            found = replace(lines, links=tuple(wrong)).broken()
            assert found.startswith(f"between its lines {position + 1} and {position + 2}: ")
            assert f'by "{link.reason}"' in found


def test_the_angle_of_a_step_is_that_of_the_nearest_copy() -> None:
    """A step of a network, turned back by the orthogonal polar factor, in floating point."""
    rng = np.random.default_rng(3)
    values, variances, decay = np.array([2.25, 1.0]), np.array([2.0, 0.5]), 0.1
    roots = np.diag(np.sqrt(values))
    teacher = np.diag(values + decay / variances)
    omega = np.array([[0.0, 1.0], [-1.0, 0.0]])
    turn = np.block(
        [
            [np.kron(omega, np.eye(2)), np.zeros((4, 4))],
            [np.zeros((4, 4)), np.kron(np.eye(2), omega)],
        ]
    )
    point = np.concatenate([roots.ravel(), roots.ravel()])
    tangent = turn @ point
    deviation = rng.standard_normal(8)
    deviation -= tangent * (tangent @ deviation) / (tangent @ tangent)
    x, noise = rng.standard_normal(2), rng.standard_normal(2)

    def gradient(weights: np.ndarray) -> np.ndarray:
        first, second = weights[:4].reshape(2, 2), weights[4:].reshape(2, 2)
        error = teacher @ x + noise - second @ first @ x
        return np.concatenate(
            [
                (decay * first - np.outer(second.T @ error, x)).ravel(),
                (decay * second - np.outer(error, first @ x)).ravel(),
            ]
        )

    rate = 1e-4
    root = np.sqrt(rate)
    weights = point + root * deviation
    stepped = weights - rate * gradient(weights)
    first, second = stepped[:4].reshape(2, 2), stepped[4:].reshape(2, 2)
    left, _, right = np.linalg.svd(first @ roots + second.T @ roots)
    frame = left @ right
    measured = np.arctan2(frame[0, 1], frame[0, 0])
    (derived,) = (
        equation.expression.rhs
        for step in step_orders.one_step(EXAMPLES)
        for equation in step.equations
        if equation.label == "rotation-orders"
    )
    small = 1e-5
    bent = np.array(
        [(gradient(point + small * e) - gradient(point - small * e)) / (2 * small)
         for e in np.eye(8)]
    )  # fmt: skip
    entries: dict[sp.Basic, Any] = {
        TURN: turn,
        MINIMUM_POINT: point[:, None],
        step_orders.SCALED: deviation[:, None],
        CENTRED_NOISE: gradient(point)[:, None],
        SAMPLE_HESSIAN: bent,
    }
    explicit = {name: sp.ImmutableMatrix(entry) for name, entry in entries.items()}
    numbers = {ETA: rate, METRIC: tangent @ tangent, step_orders.REST: 0}
    predicted = float(evaluate_matrix(derived, explicit).xreplace(numbers))
    leading = rate * root * (gradient(point) @ turn @ deviation) / (tangent @ tangent)
    # What is left is of relative order eta, and what the second order says is more than that.
    assert measured == pytest.approx(predicted, rel=100 * rate)
    assert abs(predicted / leading - 1) > 10 * abs(predicted / measured - 1)

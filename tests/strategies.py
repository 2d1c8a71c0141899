"""Hypothesis strategies for random learning problems."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from symdrift.evaluation.evaluate import validity
from symdrift.inputs import Gaussian
from symdrift.study.problem import Array, LearningProblem, Stimulus

INACTIVE = st.integers(5, 85)
ACTIVE = st.integers(120, 800)


@st.composite
def aligned_problems(draw: st.DrawFn, largest: int = 8) -> LearningProblem:
    """Random problems whose teacher and Gaussian inputs share the coordinate axes.

    Up to ``largest`` inputs and outputs in unequal numbers, fewer and more hidden units
    than active directions, repeated directions, inactive directions, label noise per
    output and batches; a stimulus on every input axis and one across all of them.  Every
    slope ``lambda_i a_i`` stays 15 % away from the weight decay, the loss reductions on
    both sides of a bottleneck differ by 5 %, singular values are equal or differ by 1e-6,
    and the learning rate stays below a tenth of the stability limit of the mean and half of that
    of the mean square at any batch.
    """
    inputs = draw(st.integers(1, largest), label="inputs")
    outputs = draw(st.integers(1, largest), label="outputs")
    hidden = draw(st.integers(1, largest + 2), label="hidden")
    weight_decay = draw(st.integers(5, 50), label="100 weight_decay") / 100
    shared = min(inputs, outputs)
    directions = [(draw(st.integers(30, 300)), draw(ACTIVE))]
    for _ in range(shared - 1):
        repeated = st.sampled_from(directions)
        fresh = st.tuples(st.integers(30, 300), ACTIVE | ACTIVE | INACTIVE)
        directions.append(draw(fresh | fresh | repeated, label="100 (lambda, slope / gamma)"))
    directions = draw(st.permutations(directions))
    variances = np.array([variance / 100 for variance, _ in directions])
    slopes = np.array([slope / 100 for _, slope in directions])
    gains = slopes * weight_decay / variances
    unpaired = [draw(st.integers(30, 300)) / 100 for _ in range(inputs - shared)]

    values = np.maximum(gains - weight_decay / variances, 0)
    reductions = np.sort(variances * values**2)[::-1]
    if hidden < shared:
        assume(reductions[hidden] < 0.95 * reductions[hidden - 1])
    for i in range(shared):
        for j in range(i):
            same = directions[i] == directions[j]
            assume(same or values[i] == 0 or abs(values[i] - values[j]) > 1e-6 * values.max())

    teacher = np.zeros((outputs, inputs))
    teacher[np.arange(shared), np.arange(shared)] = gains
    spectrum = np.concatenate([variances, unpaired])
    stiffest = 2 * values.max() * spectrum.max() + weight_decay + (variances * gains).max()
    label_noise = [draw(st.integers(0, 100)) / 100 for _ in range(outputs)]
    axes = np.eye(inputs)
    across = np.arange(1.0, inputs + 1)
    problem = LearningProblem(
        study="random",
        hidden=hidden,
        inputs=Gaussian(np.diag(spectrum)),
        teacher=teacher,
        label_noise=np.array(label_noise),
        learning_rate=draw(st.integers(1, 100)) / 500 / stiffest,
        weight_decay=weight_decay,
        batch=draw(st.integers(1, 16)),
        synaptic_noise=0.0,
        stimuli=(
            *(Stimulus(f"axis {axis + 1}", axes[axis]) for axis in range(inputs)),
            Stimulus("across", across),
        ),
    )
    critical = validity(replace(problem, batch=1)).critical_rate
    return replace(problem, learning_rate=min(problem.learning_rate, critical / 2))


def orthogonal_matrices(size: int) -> st.SearchStrategy[Array]:
    """Random orthogonal matrices, reflections included."""

    def orthogonal(seed: int) -> Array:
        normal = np.random.default_rng(seed).standard_normal((size, size))
        rotation, _ = np.linalg.qr(normal)
        return rotation

    return st.integers(0, 2**32 - 1).map(orthogonal)


@st.composite
def general_problems(draw: st.DrawFn, largest: int = 4) -> LearningProblem:
    """Random problems in which teacher and inputs share no axes.

    Correlated Gaussian inputs, a dense teacher, label noise per output, batches; enough
    hidden units for every active direction, so that the minimum is the convex one.
    """
    inputs = draw(st.integers(2, largest), label="inputs")
    outputs = draw(st.integers(2, largest), label="outputs")
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    mixing = generator.standard_normal((inputs, inputs))
    covariance = mixing @ mixing.T / inputs + 0.3 * np.eye(inputs)
    teacher = generator.standard_normal((outputs, inputs)) + np.eye(outputs, inputs)
    return LearningProblem(
        study="random",
        hidden=largest + draw(st.integers(0, 2), label="spare hidden units"),
        inputs=Gaussian(covariance),
        teacher=teacher,
        label_noise=generator.uniform(0, 0.5, outputs),
        learning_rate=0.002,
        weight_decay=0.2,
        batch=draw(st.integers(1, 4), label="batch"),
        synaptic_noise=0.0,
        stimuli=(Stimulus("first input", np.eye(inputs)[0]),),
    )

"""Setting: network, loss and gradient."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import step, vanishes
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import ETA, GAMMA
from symdrift.derivation.vocabulary import (
    ERROR,
    EXPECTED_LOSS,
    FIRST_LAYER,
    GRADIENT,
    GRADIENT_FIRST,
    GRADIENT_SECOND,
    INPUT,
    INPUT_COVARIANCE,
    LABEL_NOISE,
    LOSS,
    MEAN_FIRST,
    MEAN_SECOND,
    NEXT_WEIGHTS,
    NOISE_COVARIANCE,
    RESIDUAL,
    SECOND_LAYER,
    TEACHER,
    WEIGHTS,
)
from symdrift.rules.linear import TwoLayerLinear
from symdrift.theory.linear.network import LinearNetwork


def explicit_network(inputs: int, outputs: int, hidden: int) -> LinearNetwork:
    """A network of explicit size whose teacher and covariance are full of symbols."""
    return LinearNetwork(
        hidden=hidden,
        teacher=sp.ImmutableMatrix(outputs, inputs, lambda i, j: sp.Symbol(f"A_{i + 1}{j + 1}")),
        input_covariance=sp.ImmutableMatrix(
            inputs, inputs, lambda i, j: sp.Symbol(f"Sigma_{min(i, j) + 1}{max(i, j) + 1}")
        ),
        label_noise=tuple(sp.Symbol(f"S_{o + 1}") for o in range(outputs)),
    )


def instantiate(expression: sp.MatrixExpr, network: LinearNetwork) -> sp.ImmutableMatrix:
    """A matrix formula with the entries of an explicit network in the place of its symbols."""
    residual_map = network.teacher - network.second_layer * network.first_layer
    entries = {
        FIRST_LAYER: network.first_layer,
        SECOND_LAYER: network.second_layer,
        INPUT: network.sample_input,
        LABEL_NOISE: network.sample_label_noise,
        TEACHER: network.teacher,
        INPUT_COVARIANCE: network.input_covariance,
        NOISE_COVARIANCE: sp.ImmutableMatrix(sp.diag(*network.label_noise)),
        RESIDUAL: residual_map,
        ERROR: network.residual,
    }
    return evaluate_matrix(expression, entries)


ZERO_MEAN = "Inputs have zero mean and covariance {Sigma}"
ABOUT_ZERO = (
    "Inputs have the second moment {Sigma} about zero, which is their covariance only where they "
    "have no mean"
)


def setting(network: LinearNetwork, inputs: str) -> Iterator[Step]:
    """Per-sample loss, gradient, update and expected loss.

    Parameters
    ----------
    network : LinearNetwork
        Generic network of explicit size on which the matrix formulas are checked.
    inputs : str
        What {Sigma} is of the inputs: `ZERO_MEAN` or `ABOUT_ZERO`.
    """
    size = f"{network.inputs} inputs, {network.outputs} outputs and {network.hidden} hidden units"
    yield _loss(network, inputs, size)
    yield _gradient(network, size)
    yield _expected_loss(network, size)


RULE = TwoLayerLinear(TEACHER, GAMMA)
LAYERS = (FIRST_LAYER, SECOND_LAYER)


def _loss(network: LinearNetwork, inputs: str, size: str) -> Step:
    """Network and loss

    A network with {n} inputs, {p} hidden units and {m} outputs maps an input {x} through the
    weights {W} and {U}. The teacher {A} gives the target, with label noise {epsilon} on top;
    the error of one sample is [eq:error]. Its loss [eq:sample-loss] adds weight decay of
    strength {gamma}.
    """
    sample_loss = RULE.loss(LAYERS, ERROR, sp.Trace)
    return step(
        error=(ERROR, RULE.error(LAYERS, INPUT, LABEL_NOISE)),
        sample_loss=(LOSS, sample_loss),
        checks=(
            vanishes(
                f"The loss, written out for {size} with every weight, teacher entry and sample a "
                "symbol, equals the matrix formula.",
                (network.sample_loss, instantiate(sample_loss, network)),
            ),
        ),
        assumptions=(
            f"{inputs}; label noise has no mean and is independent of inputs and between outputs.",
        ),
    )


def _gradient(network: LinearNetwork, size: str) -> Step:
    """Gradient of one sample

    Differentiating [eq:sample-loss] by every weight gives the gradients of the two layers. With all
    weights in one vector {theta}, and their gradients in {g}, online gradient descent takes one
    step [eq:update] for each fresh sample, with learning rate {eta}; a batch of {batch} samples
    uses the mean of their gradients, and what follows is written for single samples, except where
    {batch} is displayed.
    """
    gradient_first, gradient_second = RULE.gradient(LAYERS, INPUT, ERROR)
    explicit_gradient = sp.Matrix(
        [*instantiate(gradient_first, network), *instantiate(gradient_second, network)]
    )
    slopes = sp.Matrix([sp.diff(network.sample_loss, w) for w in network.coordinates])
    return step(
        gradient_first=(GRADIENT_FIRST, gradient_first),
        gradient_second=(GRADIENT_SECOND, gradient_second),
        update=(NEXT_WEIGHTS, WEIGHTS - ETA * GRADIENT),
        symbols={"g": GRADIENT},
        checks=(
            vanishes(
                f"Derivatives by each of the weights of a network with {size} equal the matrix "
                "formulas, entry by entry.",
                (slopes, explicit_gradient),
            ),
        ),
    )


def _expected_loss(network: LinearNetwork, size: str) -> Step:
    """Expected loss

    The expected loss {L} needs the second moments of inputs and label noise only, and contains the
    residual map {E} of [eq:residual], what the network misses of the teacher. In the residual map
    the error of a sample is [eq:error-split]. Error times input has the mean {mean}, and so the
    gradients of the two layers have the means [eq:mean-first] and [eq:mean-second]. The label
    noise, of covariance {noise_covariance}, adds a constant to the loss.
    """
    quadratic = sp.Trace(RESIDUAL * INPUT_COVARIANCE * RESIDUAL.T) / 2
    expected = quadratic + sp.Trace(NOISE_COVARIANCE) / 2 + RULE.penalty(LAYERS, sp.Trace)
    mean_first = -SECOND_LAYER.T * RESIDUAL * INPUT_COVARIANCE + GAMMA * FIRST_LAYER
    mean_second = -RESIDUAL * INPUT_COVARIANCE * FIRST_LAYER.T + GAMMA * SECOND_LAYER
    explicit_mean = sp.Matrix(
        [*instantiate(mean_first, network), *instantiate(mean_second, network)]
    )
    slopes = sp.Matrix([sp.diff(network.expected_loss, w) for w in network.coordinates])
    return step(
        residual=(RESIDUAL, TEACHER - SECOND_LAYER * FIRST_LAYER),
        error_split=(ERROR, RESIDUAL * INPUT + LABEL_NOISE),
        expected_loss=(EXPECTED_LOSS, expected),
        mean_first=(MEAN_FIRST, mean_first),
        mean_second=(MEAN_SECOND, mean_second),
        symbols={"noise_covariance": NOISE_COVARIANCE, "mean": RESIDUAL * INPUT_COVARIANCE},
        checks=(
            vanishes(
                f"The average of the sample loss for {size}, moment by moment, equals "
                "[eq:expected-loss].",
                (network.expected_loss, instantiate(expected, network)),
            ),
            vanishes(
                "Its derivatives equal [eq:mean-first] and [eq:mean-second].",
                (slopes, explicit_mean),
            ),
            vanishes(
                "The error of a sample is [eq:error-split] in every output.",
                (network.residual, instantiate(RESIDUAL * INPUT + LABEL_NOISE, network)),
            ),
        ),
    )

"""From one sample to balanced layers: update, balance, and where three layers come to rest."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import chain, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.derivation.vocabulary import (
    ERROR,
    INPUT,
    INPUT_COVARIANCE,
    LOSS,
    TEACHER,
)
from symdrift.theory.rules.deep_network import (
    AT_REST,
    ERRORS,
    FIRST,
    IMBALANCE,
    IMBALANCE_CHANGE,
    LAYERS,
    LEARNED_MAP,
    MEAN,
    MEAN_ERRORS,
    ROTATIONS,
    SAMPLE,
    SECOND,
    WEIGHTS,
    ExplicitLayers,
    any_layers,
    layers_on_axes,
    resting_gain,
)
from symdrift.theory.rules.shipped_rules import weight
from symdrift.typesetting.printer import MeanMatrix

ON_AXIS = sp.Symbol("deep_update_on_axis", real=True)
PULL, LARGEST = sp.symbols("deep_pull deep_largest", positive=True)

LATEX: dict[sp.Basic, str] = {
    ON_AXIS: "(f_1)_{ii}",
    PULL: r"\gamma_i",
    LARGEST: r"\gamma_i^{\max}",
}

MEANINGS = ((PULL, "weight decay at which the weights of axis i rest", "scalar"),)

_W1, _W2, _W3 = (WEIGHTS[k] for k in LAYERS)
_W, _LAMBDA, _GAIN = weight("W", "i"), symbol("input_variance", "i"), symbol("gain", "i")
BACK = {1: _W2.T * _W3.T * ERRORS, 2: _W3.T * ERRORS * _W1.T, 3: ERRORS * _W1.T * _W2.T}
"""What an error, times its input, makes of each layer."""


def deep_orbit() -> Iterator[Step]:
    """The chapter, for three layers."""
    yield _deep_sample()
    yield _deep_mean()
    yield _deep_balance()
    yield _deep_axis()
    yield _deep_turned()


def _deep_sample() -> Step:
    """The update of one sample

    A network of three linear layers answers an input {x} with the activities [eq:deep-first] and
    [eq:deep-second] of two hidden layers of {p} units each, and an output that misses the answer of
    the teacher by [eq:deep-error]. Learning descends the loss [eq:deep-loss]: half the squared
    error, and weight decay of strength {gamma} on all layers. Per unit of the learning rate one
    sample changes the layers by [eq:deep-sample-1], [eq:deep-sample-2] and [eq:deep-sample-3].
    Beside the weights these depend on the sample only through one matrix, [eq:deep-errors], the
    error times the input.
    """
    network = any_layers()
    written = {
        1: _W2.T * _W3.T * ERROR * INPUT.T,
        2: _W3.T * ERROR * FIRST.T,
        3: ERROR * SECOND.T,
    }
    penalty = sum((sp.Trace(letter * letter.T) for letter in WEIGHTS.values()), sp.S.Zero)
    loss = sp.Trace(ERROR * ERROR.T) / 2 + GAMMA * penalty / 2
    found = network.value(loss)
    return step(
        under={"deep_error": [Premise.QUIET_LABELS]},
        deep_first=(FIRST, _W1 * INPUT),
        deep_second=(SECOND, _W2 * FIRST),
        deep_error=(ERROR, TEACHER * INPUT - _W3 * SECOND),
        deep_loss=(LOSS, loss),
        deep_errors=(ERRORS, ERROR * INPUT.T),
        deep_sample={
            k: chain(
                SAMPLE[k],
                ("minus the derivative of [eq:deep-loss]", written[k] - GAMMA * WEIGHTS[k]),
                ("[eq:deep-errors]" if k == 1 else "[eq:deep-first] and [eq:deep-errors]"
                 if k == 2 else "[eq:deep-second] and [eq:deep-errors]",
                 BACK[k] - GAMMA * WEIGHTS[k]),
                value=network.value,
            )
            for k in LAYERS
        },
        checks=(
            vanishes(
                "The update is minus the derivative of [eq:deep-loss] by each weight, with two "
                "inputs, outputs and units in each layer and a symbol for each entry.",
                *(
                    sp.diff(found, entry) + changed
                    for k in LAYERS
                    for entry, changed in zip(
                        network.entries[WEIGHTS[k]], network.values[SAMPLE[k]], strict=True
                    )
                ),
            ),
        ),
        assumptions=("Labels have no noise.",),
    )  # fmt: skip


def _deep_mean() -> Step:
    """The mean update

    Weights were made by earlier samples, and the next one does not depend on them. So the mean of
    [eq:deep-errors] is [eq:deep-mean-errors], what the network as a whole still misses of the
    teacher, weighted by the covariance {Sigma} of the inputs, and the mean updates [eq:deep-mean-1]
    to [eq:deep-mean-3] are the updates with this mean in the place of the sample.
    """
    network = any_layers()
    missed = TEACHER - LEARNED_MAP
    return step(
        deep_mean_errors=chain(
            MEAN_ERRORS,
            ("[eq:deep-error] and [eq:deep-errors]", MeanMatrix(missed * INPUT * INPUT.T)),
            ("the weights do not depend on the sample", missed * MeanMatrix(INPUT * INPUT.T)),
            ("the covariance of the inputs, which have no mean", missed * INPUT_COVARIANCE),
            value=network.value,
        ),
        deep_mean={
            k: chain(
                MEAN[k],
                (
                    f"the mean of [eq:deep-sample-{k}]",
                    BACK[k].xreplace({ERRORS: MEAN_ERRORS}) - GAMMA * WEIGHTS[k],
                ),
                value=network.value,
            )
            for k in LAYERS
        },
        assumptions=("Inputs have zero mean.",),
    )


def _deep_balance() -> Step:
    """No sample unbalances the layers

    Between two layers stands the imbalance [eq:deep-imbalance-1] and [eq:deep-imbalance-2]: what
    a unit receives, less what it sends. At first order in the learning rate a sample changes it by
    [eq:deep-kept-1] and [eq:deep-kept-2]. The errors cancel, of every sample and at any weights;
    what is left is weight decay, by which all imbalance is forgotten at the rate {forgotten}. So
    learning ends where the layers are balanced, and noise does not drive them out of it.
    """
    network = any_layers()
    products = {k: WEIGHTS[k] * WEIGHTS[k].T - WEIGHTS[k + 1].T * WEIGHTS[k + 1] for k in (1, 2)}
    moved = {
        k: SAMPLE[k] * WEIGHTS[k].T
        + WEIGHTS[k] * SAMPLE[k].T
        - SAMPLE[k + 1].T * WEIGHTS[k + 1]
        - WEIGHTS[k + 1].T * SAMPLE[k + 1]
        for k in (1, 2)
    }
    known = {IMBALANCE_CHANGE[k]: evaluate_matrix(moved[k], network.values) for k in (1, 2)}

    def value(line: sp.Basic) -> sp.ImmutableMatrix:
        return evaluate_matrix(line, {**network.values, **known})

    return step(
        deep_imbalance={k: (IMBALANCE[k], products[k]) for k in (1, 2)},
        deep_kept={
            k: chain(
                IMBALANCE_CHANGE[k],
                (f"the product rule on [eq:deep-imbalance-{k}]", moved[k]),
                (
                    f"[eq:deep-sample-{k}] and [eq:deep-sample-{k + 1}]: errors cancel",
                    -2 * GAMMA * products[k],
                ),
                value=value,
            )
            for k in (1, 2)
        },
        symbols={"forgotten": 2 * GAMMA},
    )


def _deep_axis() -> Step:
    """Where an axis comes to rest

    Let teacher and inputs share axes: along axis {i} the inputs have the variance {lambda_i} and
    the teacher the gain {a_i}. Give a learned axis one unit of each hidden layer for itself, with
    the same weight {w_i} in all three layers, and no other weight. The mean update of each layer
    then has no entry between two axes, and on the axis {i} it is [eq:deep-axis]. An
    axis rests where the network misses of its gain what [eq:deep-rest] says.

    Read as the weight decay at which the weight {w_i} rests, this is [eq:deep-pull]. It has a
    largest value, [eq:deep-largest], where the cube of the weight is {quarter}. With less weight
    decay there are two weights at which an axis may rest, and the larger one is where it is
    learned; with small weight decay its cube is the gain, [eq:deep-small-rest]. A weight of zero
    stays there too, since errors reach a layer only through the others: a deep network may end
    with an axis not learned, unlike two layers.
    """
    network = layers_on_axes("ij", "l")
    pull = _LAMBDA * (_GAIN - _W**3) * _W
    line = _LAMBDA * (_GAIN - _W**3) * _W**2 - GAMMA * _W
    at = {symbol("gain", index): resting_gain(index) for index in "ij"}
    means = [network.values[MEAN[k]] for k in LAYERS]
    silent = any_layers()
    nothing = {entry: sp.S.Zero for k in LAYERS for entry in silent.entries[WEIGHTS[k]]}
    quarter = _GAIN / 4
    return step(
        under={
            "deep_axis": [Premise.SHARED_AXES],
            "deep_rest": [Premise.SHARED_AXES, Premise.POSITIVE_DECAY],
            "deep_small_rest": [Premise.SMALL_DECAY],
        },
        deep_axis=chain(
            ON_AXIS,
            ("[eq:deep-mean-1] and [eq:deep-mean-errors]", line, {ON_AXIS: means[0][0, 0]}),
            ("factored", _W * (pull - GAMMA)),
        ),
        deep_rest=chain(
            _GAIN - _W**3,
            (
                "[eq:deep-axis] divided by the square of the weight and the variance",
                (ON_AXIS + GAMMA * _W) / (_LAMBDA * _W**2),
                {ON_AXIS: means[0][0, 0]},
            ),
            ("the mean update vanishes", GAMMA / (_LAMBDA * _W), {ON_AXIS: sp.S.Zero}),
        ),
        deep_pull=(PULL, pull),
        deep_largest=(LARGEST, sp.Rational(3, 4) * _LAMBDA * _GAIN * sp.cbrt(quarter)),
        deep_small_rest=chain(
            _W**3,
            ("[eq:deep-rest]", _GAIN - GAMMA / (_LAMBDA * _W), {_GAIN: resting_gain("i")}),
            ("at leading order in the weight decay", _GAIN, {GAMMA: sp.S.Zero}),
        ),
        symbols={"w_i": _W, "a_i": _GAIN, "quarter": quarter},
        checks=(
            vanishes(
                "With two learned axes and one that is not, the mean update of all three layers "
                "vanishes where [eq:deep-rest] holds on each learned axis.",
                *(mean.xreplace(at) for mean in means),
            ),
            vanishes(
                "At a cube of {quarter} [eq:deep-pull] has the value [eq:deep-largest], and its "
                "derivative vanishes.",
                (pull.subs(_W, sp.cbrt(quarter)), sp.Rational(3, 4) * _LAMBDA * _GAIN
                 * sp.cbrt(quarter)),
                pull.diff(_W).subs(_GAIN, 4 * _W**3),
            ),
            vanishes(
                "Where all weights are zero the derivative of the mean update of each by each is "
                "minus the weight decay, or zero.",
                *(
                    (entry.diff(other).xreplace(nothing), -GAMMA if one == (k, place) else 0)
                    for k in LAYERS
                    for place, entry in enumerate(silent.values[MEAN[k]])
                    for one, other in _entries(silent)
                ),
            ),
        ),
    )  # fmt: skip


def _entries(network: ExplicitLayers) -> Iterator[tuple[tuple[int, int], sp.Symbol]]:
    """Layer and place of each weight, and its symbol."""
    for k in LAYERS:
        for place, entry in enumerate(network.entries[WEIGHTS[k]]):
            yield (k, place), entry


def _deep_turned() -> Step:
    """The fixed orbit

    The two hidden layers can be turned each by a rotation of its own, {Q_1} and {Q_2}: the update
    of turned weights is the turned update, so that the mean update vanishes at all points
    [eq:deep-turned-1], [eq:deep-turned-2] and [eq:deep-turned-3]. These are the fixed orbit. The
    learned map is the same in all of them, and between the layers they are balanced,
    [eq:deep-balanced].
    """
    network = layers_on_axes("ij", "l")
    halves = sp.symbols("half_angle_1:3", real=True)
    turns = {k: _turn(half) for k, half in zip((1, 2), halves, strict=True)}
    turned = {
        1: ROTATIONS[1] * AT_REST[1],
        2: ROTATIONS[2] * AT_REST[2] * ROTATIONS[1].T,
        3: AT_REST[3] * ROTATIONS[2].T,
    }
    entries = {
        **{ROTATIONS[k]: turn for k, turn in turns.items()},
        **{AT_REST[k]: network.entries[WEIGHTS[k]] for k in LAYERS},
    }
    there = {WEIGHTS[k]: evaluate_matrix(turned[k], entries) for k in LAYERS}
    moved = ExplicitLayers({**network.entries, **there})
    updates = {AT_REST[k]: network.values[SAMPLE[k]] for k in LAYERS} | {
        ROTATIONS[k]: turn for k, turn in turns.items()
    }

    def value(line: sp.Basic) -> sp.ImmutableMatrix:
        return evaluate_matrix(line, {**entries, **there})

    back = WEIGHTS[2].T * WEIGHTS[2]
    return step(
        deep_turned={k: (WEIGHTS[k], at) for k, at in turned.items()},
        deep_balanced=chain(
            WEIGHTS[1] * WEIGHTS[1].T,
            ("[eq:deep-turned-1]", ROTATIONS[1] * AT_REST[1] * AT_REST[1].T * ROTATIONS[1].T),
            (
                "the weights of an axis are the same in all layers",
                ROTATIONS[1] * AT_REST[2].T * AT_REST[2] * ROTATIONS[1].T,
            ),
            ("[eq:deep-turned-2]", back),
            value=value,
        ),
        symbols={f"Q_{k}": letter for k, letter in ROTATIONS.items()},
        checks=(
            vanishes(
                "With rotations of two units in each layer by any two angles, the update of turned "
                "weights is the turned update, for every input.",
                *(
                    moved.values[SAMPLE[k]] - evaluate_matrix(turned[k], updates)
                    for k in LAYERS
                ),
            ),
        ),
    )  # fmt: skip


def _turn(half: sp.Symbol) -> sp.ImmutableMatrix:
    """Rotation by an angle, in the tangent of half of it."""
    cosine, sine = (1 - half**2) / (1 + half**2), 2 * half / (1 + half**2)
    return sp.ImmutableMatrix([[cosine, sine], [-sine, cosine]])

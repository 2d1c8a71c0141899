"""Momentum: in the long run only the effective learning rate counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.rational import cancel, solve_linear
from symdrift.derivation.chapter import chain, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import ETA
from symdrift.derivation.vocabulary import (
    FLUCTUATION,
    NEXT_WEIGHTS,
    NOISE,
    NORMAL,
    SIZE,
    WEIGHTS,
)
from symdrift.rules.heavy_ball import HeavyBall
from symdrift.rules.linear import TwoLayerLinear
from symdrift.rules.oja import Oja
from symdrift.theory.examples import Examples
from symdrift.theory.rules.general_rule import SLOPE_OF_MEAN, UPDATE
from symdrift.theory.rules.rule_area import sylvester
from symdrift.theory.subject import Subject

MOMENTUM = sp.Symbol("momentum", positive=True)
EFFECTIVE = sp.Symbol("effective_rate", positive=True)
VELOCITY, NEXT_VELOCITY, SHIFTED, NEXT_SHIFTED = (
    sp.MatrixSymbol(name, SIZE, 1)
    for name in ("velocity", "velocity_next", "shifted", "shifted_next")
)
TOGETHER, SPEEDS, OF_WEIGHTS = (
    sp.MatrixSymbol(f"momentum_{name}", SIZE, SIZE) for name in ("together", "speeds", "weights")
)
LAG = sp.Symbol("t", integer=True, nonnegative=True)

LATEX: dict[sp.Basic, str] = {
    MOMENTUM: "q",
    EFFECTIVE: r"\tilde\eta",
    VELOCITY: "v_t",
    NEXT_VELOCITY: "v_{t+1}",
    SHIFTED: r"\tilde\theta_t",
    NEXT_SHIFTED: r"\tilde\theta_{t+1}",
    TOGETHER: r"\Gamma_{v}",
    SPEEDS: r"\Gamma_{vv}",
    OF_WEIGHTS: r"\Gamma_{\theta}",
    LAG: "t",
}

MEANINGS = (
    (MOMENTUM, "momentum: share of the velocity that a step keeps", "scalar"),
    (EFFECTIVE, "effective learning rate, which momentum puts in the place of the other", "scalar"),
    (VELOCITY, "velocity of all weights", "vector"),
    (SPEEDS, "covariance of the velocity", "matrix"),
    (TOGETHER, "covariance of the deviation of the shifted weights with the velocity", "matrix"),
    (OF_WEIGHTS, "covariance of the deviation of the weights themselves", "matrix"),
    (SHIFTED, "weights where their velocity carries them", "vector"),
)


def momentum() -> Iterator[Step]:
    """The chapter: heavy-ball momentum over any rule."""
    yield _shifted_weights()
    yield _forgotten_velocity()


def two_layers(examples: Examples, subject: Subject) -> Iterator[Step]:
    """What momentum makes of a study of two layers."""
    yield _two_layers(examples, subject)


def _two_layers(examples: Examples, subject: Subject) -> Step:
    """Two layers with momentum

    Two linear layers are the rule that takes the step [eq:update]: its update is minus the
    gradient. All that stands above of them is of the leading order in {eta}, and with momentum it
    holds with {effective} in the place of {eta}: the fluctuation of [eq:lyapunov] is larger by the
    factor {factor}, the variance [eq:total] and with it every decay rate by its cube. For this
    study the effective learning rate is [eq:study-effective], and its results, which follow, have
    that. What plain SGD does beyond the leading order, from the learning rate at which its mean
    square diverges to the next order of the drift, has not been derived with momentum, and is left
    out.
    """
    factor = 1 / (1 - MOMENTUM)
    drift = examples.representative
    terms = [ETA**2 * area.exact for area in (drift.own_term, drift.other_term)]
    letters = sorted(set().union(*(t.free_symbols for t in terms)) - {ETA}, key=lambda s: s.name)
    point = {letter: sp.Rational(k + 3, 2 * k + 2) for k, letter in enumerate(letters)}
    return step(
        under=[Premise.LEADING_ORDER],
        study_effective=(EFFECTIVE, subject.learning_rate),
        symbols={"effective": EFFECTIVE, "factor": factor},
        checks=(
            vanishes(
                "The heavy ball over two layers, with a symbol for each weight, velocity and "
                "input, has the velocity [eq:momentum-velocity], with minus the slope of the loss "
                "[eq:sample-loss] as its update.",
                *_slopes(),
            ),
            vanishes(
                "With rational numbers for all that axes have, the terms of [eq:total], for the "
                "two axes of a plane and for another one, grow with the third power of the "
                "learning rate.",
                *(
                    term.xreplace(point | {ETA: factor * ETA}) - factor**3 * term.xreplace(point)
                    for term in terms
                ),
                method=Method.POINTS,
            ),
        ),
    )


def _slopes() -> Iterator[sp.Expr]:
    """Velocities of two layers after a step, less what the slope of the loss makes of them."""
    weights, velocities = (
        tuple(
            sp.ImmutableMatrix(*shape, sp.symbols(f"{name}_1:3"))
            for name, shape in zip(names, ((1, 2), (2, 1)), strict=True)
        )
        for names in (("W", "U"), ("v", "u"))
    )
    inputs, noise = (sp.ImmutableMatrix(sp.symbols(f"{name}_1:3")) for name in ("x", "e"))
    plain = TwoLayerLinear(sp.ImmutableMatrix(2, 2, sp.symbols("a_1:5")), sp.Symbol("g"))
    loss = plain.loss(weights, plain.error(weights, inputs, noise), sp.trace)
    moves = HeavyBall(plain, MOMENTUM, ETA).update((*weights, *velocities), inputs, noise)[:2]
    for layer, velocity, moved in zip(weights, velocities, moves, strict=True):
        for weight, before, after in zip(layer, velocity, moved, strict=True):
            yield after - (MOMENTUM * before - sp.diff(loss, weight))


def _shifted_weights() -> Step:
    """Weights where their velocity carries them

    With momentum {q}, often called beta, a sample does not move the weights as in [eq:rule-step].
    It changes their velocity, [eq:momentum-velocity], by which they move, [eq:momentum-step]. Left
    alone, a velocity would carry them on by a geometric series of steps, to [eq:momentum-shifted].
    These shifted weights learn as without momentum, [eq:momentum-learning], at the effective rate
    [eq:momentum-rate]. So far nothing has been neglected.
    """
    carried = ETA * MOMENTUM / (1 - MOMENTUM)
    weights, velocity = (sp.ImmutableMatrix(1, 2, sp.symbols(f"{name}_1:3")) for name in ("W", "v"))
    sample = sp.ImmutableMatrix(sp.symbols("x_1:3"))
    plain = Oja()
    (changed,) = plain.update((weights,), sample, sp.zeros(0, 1))
    moves, gains = HeavyBall(plain, MOMENTUM, ETA).update(
        (weights, velocity), sample, sp.zeros(0, 1)
    )
    entries: dict[sp.Basic, sp.ImmutableMatrix] = {
        WEIGHTS: weights.T,
        VELOCITY: velocity.T,
        UPDATE: sp.ImmutableMatrix(changed.T),
        NEXT_WEIGHTS: sp.ImmutableMatrix((weights + ETA * moves).T),
        NEXT_VELOCITY: sp.ImmutableMatrix((velocity + ETA * gains).T),
    }
    entries[SHIFTED] = entries[WEIGHTS] + carried * entries[VELOCITY]
    entries[NEXT_SHIFTED] = entries[NEXT_WEIGHTS] + carried * entries[NEXT_VELOCITY]

    def value(line: sp.Basic) -> sp.ImmutableMatrix:
        return evaluate_matrix(line.xreplace({EFFECTIVE: ETA / (1 - MOMENTUM)}), entries)

    faster = MOMENTUM * VELOCITY + UPDATE
    return step(
        momentum_velocity=(NEXT_VELOCITY, faster),
        momentum_step=(NEXT_WEIGHTS, WEIGHTS + ETA * NEXT_VELOCITY),
        momentum_shifted=(SHIFTED, WEIGHTS + carried * VELOCITY),
        momentum_learning=chain(
            NEXT_SHIFTED,
            ("[eq:momentum-shifted], a step later", NEXT_WEIGHTS + carried * NEXT_VELOCITY),
            ("[eq:momentum-step], collected", WEIGHTS + ETA / (1 - MOMENTUM) * NEXT_VELOCITY),
            ("[eq:momentum-velocity]", WEIGHTS + ETA / (1 - MOMENTUM) * faster),
            ("[eq:momentum-shifted] and [eq:momentum-rate]", SHIFTED + EFFECTIVE * UPDATE),
            value=value,
        ),
        momentum_rate=(EFFECTIVE, ETA / (1 - MOMENTUM)),
        symbols={"q": MOMENTUM},
        checks=(
            vanishes(
                "The heavy ball over Oja's rule, with a symbol for each weight, velocity and "
                "input, takes the steps [eq:momentum-velocity] and [eq:momentum-step].",
                entries[NEXT_VELOCITY] - value(faster),
                entries[NEXT_WEIGHTS] - value(WEIGHTS + ETA * NEXT_VELOCITY),
            ),
        ),
    )


def _forgotten_velocity() -> Step:
    """What the velocity adds is of higher order

    The update in [eq:momentum-learning] is still that of the weights themselves, which lag behind
    the shifted ones by {lag}. Let {n_t} be the deviation of the shifted weights from the orbit. The
    velocity is a sum of the noise of earlier samples, weighted by powers of {q}: its covariance is
    [eq:momentum-speeds], whatever the learning rate. One step of both gives its covariance with the
    deviation, [eq:momentum-together], which is of the order of {Gamma}, that is, of {eta}. A
    rotation responds to the deviation of the weights themselves, and what the lag does to the
    covariance of that is by a factor {eta} smaller than {Gamma}, [eq:momentum-lag].

    So is what the lag does to the noise of the shifted weights, because the velocity forgets within
    a number of steps that does not grow as {eta} tends to zero; and what it does to the mean of a
    rotation vanishes by [eq:rule-null]. At leading order all that was derived holds with
    {effective} in the place of {eta}.
    """
    at = {MOMENTUM: _KEPT, EFFECTIVE: ETA / (1 - _KEPT)}
    moments = _leading_moments()
    lag = EFFECTIVE * MOMENTUM

    def value(line: sp.Basic) -> sp.ImmutableMatrix:
        """Up to first order in the learning rate."""
        return evaluate_matrix(line.xreplace(at), moments).applyfunc(
            lambda entry: sum(sp.expand(entry.doit()).coeff(ETA, k) * ETA**k for k in (0, 1))
        )

    return step(
        under=[Premise.LEADING_ORDER],
        momentum_speeds=chain(
            SPEEDS,
            (
                "noise of different steps is uncorrelated",
                sp.MatMul(sp.Sum(MOMENTUM ** (2 * LAG), (LAG, 0, sp.oo)), NOISE),
            ),
            ("a geometric series", NOISE / (1 - MOMENTUM**2)),
            value=value,
            method=Method.POINTS,
        ),
        momentum_together=chain(
            TOGETHER,
            (
                "[eq:momentum-velocity] and [eq:rule-normal] at the effective rate",
                MOMENTUM * TOGETHER + FLUCTUATION * SLOPE_OF_MEAN.T + EFFECTIVE * NOISE,
            ),
            (
                "[eq:rule-lyapunov] at the effective rate",
                MOMENTUM * TOGETHER - SLOPE_OF_MEAN * FLUCTUATION,
            ),
            ("solved", -SLOPE_OF_MEAN * FLUCTUATION / (1 - MOMENTUM)),
            value=value,
            method=Method.POINTS,
        ),
        momentum_lag=chain(
            OF_WEIGHTS,
            (
                "the covariance of {lagging}, multiplied out",
                FLUCTUATION - lag * (TOGETHER + TOGETHER.T) + lag**2 * SPEEDS,
            ),
            (
                "[eq:momentum-together] and [eq:momentum-speeds], at leading order",
                FLUCTUATION,
            ),
            value=value,
            method=Method.POINTS,
        ),
        symbols={
            "q": MOMENTUM,
            "lag": lag * VELOCITY,
            "lagging": NORMAL - lag * VELOCITY,
            "effective": EFFECTIVE,
        },
        checks=(
            vanishes(
                "In two dimensions, the covariance of the shifted weights that solves the "
                "stationary equation of weights and velocity together satisfies [eq:rule-lyapunov] "
                "at the effective rate.",
                _leading(_stationary()[1][:2, :2], 1) * ETA - moments[FLUCTUATION],
                method=Method.POINTS,
            ),
        ),
    )


_KEPT = sp.Rational(2, 3)
_FLOW = sp.ImmutableMatrix([[-2, 1], [-3, -5]])
_KICKS = sp.ImmutableMatrix([[3, 1], [1, 2]])


def _leading_moments() -> Mapping[sp.Basic, sp.ImmutableMatrix]:
    """Of a deviation in two dimensions, at leading order, and what else its equations name."""
    weights, shifted = _stationary()
    return {
        SLOPE_OF_MEAN: _FLOW,
        NOISE: _KICKS,
        FLUCTUATION: ETA / (1 - _KEPT) * sp.ImmutableMatrix(sylvester(_FLOW, _FLOW.T, _KICKS)),
        TOGETHER: ETA * _leading(shifted[:2, 2:], 1),
        SPEEDS: _leading(shifted[2:, 2:], 0),
        OF_WEIGHTS: ETA * _leading(weights[:2, :2], 1),
    }


@cache
def _stationary() -> tuple[sp.ImmutableMatrix, sp.ImmutableMatrix]:
    """Covariance of deviation and velocity at any learning rate, and that of shifted weights.

    The state is multiplied by ``A`` and kicked by ``N``: ``S = A S A' + N``.
    """
    one = sp.eye(2)
    moved = sp.Matrix(
        sp.BlockMatrix([[one + ETA * _FLOW, ETA * _KEPT * one], [_FLOW, _KEPT * one]])
    )
    kicked = sp.Matrix(sp.BlockMatrix([[ETA**2 * _KICKS, ETA * _KICKS], [ETA * _KICKS, _KICKS]]))
    system = sp.eye(16) - sp.kronecker_product(moved, moved)
    found = sp.ImmutableMatrix(4, 4, solve_linear(system, sp.Matrix(list(kicked))))
    carried = ETA * _KEPT / (1 - _KEPT)
    shift = sp.Matrix(sp.BlockMatrix([[one, carried * one], [sp.zeros(2), one]]))
    return found, sp.ImmutableMatrix(shift * found * shift.T)


def _leading(matrix: sp.MatrixBase, order: int) -> sp.ImmutableMatrix:
    """Coefficients of an order in the learning rate, below which there is nothing."""
    return sp.ImmutableMatrix(
        matrix.applyfunc(lambda entry: cancel(entry / ETA**order).subs(ETA, 0))
    )

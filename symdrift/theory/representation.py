"""Drift of representations: what a stimulus sees of the rotation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.wick import expectation
from symdrift.derivation.chapter import Side, chain, step, vanishes
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import BATCH, ETA, INPUTS, TIME, symbol
from symdrift.derivation.vocabulary import (
    BLOCK_HESSIAN,
    CANONICAL_FIRST,
    GENERATOR,
    HIDDEN,
    I_INDEX,
    INPUT,
    J_INDEX,
    L_INDEX,
    PLANE_GENERATOR,
    RANK,
    UNIT_I,
    UNIT_J,
)
from symdrift.theory.examples import Examples
from symdrift.theory.hessian_blocks import NORMAL_IL
from symdrift.theory.linear.network import generator
from symdrift.theory.linear.propagator import (
    decay_matrix,
    drift_displacement,
    propagator,
    splitting,
)
from symdrift.typesetting.printer import Mean

MEAN_ROTATION = sp.MatrixSymbol("Q_mean", RANK, RANK)
DECAY = sp.MatrixSymbol("Delta", RANK, RANK)
PLANE_DIFFUSION = sp.IndexedBase("D")
COMPONENT = sp.Symbol("w_i", real=True)
STIMULUS = sp.Symbol("x_i", real=True)
DIFFUSION = sp.Symbol("D_h", positive=True)
RATE = sp.Symbol("decay_rate", positive=True)
AUTOCORRELATION, DISPLACEMENT = sp.symbols("autocorrelation displacement", positive=True)
INDEXED_COMPONENT, INDEXED_STIMULUS, INDEXED_DECAY = (
    sp.IndexedBase(name) for name in ("w", "x", "Delta")
)
MEMORY = sp.IndexedBase("f")
FORGOTTEN = sp.Symbol("forgotten", positive=True)
HIDDEN_VECTOR = sp.MatrixSymbol("w_hidden", RANK, 1)
MEAN_MATRIX = sp.MatrixSymbol("mean_matrix", RANK, RANK)
EXPONENTIAL = sp.MatrixSymbol("exponential", RANK, RANK)
DECAYED = sp.MatrixSymbol("decayed", RANK, RANK)
SPEED = sp.Symbol("mean_speed", nonnegative=True)
PLANE_ANGLE = sp.Symbol("plane_angle", real=True)
MEAN_TURN = sp.MatrixSymbol("mean_turn", RANK, RANK)
DISPLACED = sp.Symbol("displaced", positive=True)
ROTATION_NOW = sp.MatrixSymbol("rotation_now", RANK, RANK)
STEP_OF_FIRST = sp.MatrixSymbol("step_of_first", RANK, INPUTS)
WEIGHT_NOW, WEIGHT_LATER = sp.symbols("weight_now weight_later", real=True)
SUMMED_PLANES = sp.MatrixSymbol("summed_planes", RANK, RANK)
SUMMED_MEANS = sp.MatrixSymbol("summed_means", RANK, RANK)

LATEX = {
    MEAN_ROTATION: r"\mathbb{E}[Q_\tau]",
    RATE: "k",
    DIFFUSION: "D_h",
    AUTOCORRELATION: r"\operatorname{ACF}_h(\tau)",
    DISPLACEMENT: r"\operatorname{MSD}_h(\tau)",
    HIDDEN_VECTOR: "w",
    MEAN_MATRIX: r"\bar\mu",
    PLANE_ANGLE: r"\xi_{\Omega}",
    MEAN_TURN: r"\mathbb{E}[\mathrm{e}^{\sum_{\Omega} \xi_{\Omega} \Omega}]",
    DISPLACED: r"\mathbb{E}[\lVert Q_\tau w - w \rVert^2]",
    ROTATION_NOW: "Q_t",
    STEP_OF_FIRST: r"\delta W_t",
    WEIGHT_NOW: r"(\delta W_t)_{il}",
    WEIGHT_LATER: r"(\delta W_{t+\tau})_{il}",
    EXPONENTIAL: r"\mathrm{e}^{\tau(\bar\mu - \Delta)}",
    DECAYED: r"\mathrm{e}^{-\Delta\tau}",
    SPEED: "v_h",
    SUMMED_PLANES: r"\sum_{\Omega, \Omega'} V_{\Omega\Omega'}\, \Omega\, \Omega'",
    SUMMED_MEANS: r"\sum_{\Omega} \mu_{\Omega}\, \Omega",
    FORGOTTEN: r"\bigl[(I - \mathrm{e}^{-\eta\tau H_{il}})\,\Gamma_{il}\bigr]_{11}",
}

MADE_OF = dict.fromkeys((SUMMED_PLANES, SUMMED_MEANS), (GENERATOR, HIDDEN))

MEANINGS = (
    (MEMORY[I_INDEX, L_INDEX], "forgotten part of the variance of a weight", "scalar"),
    (HIDDEN_VECTOR, "representation of a stimulus in the canonical frame", "r"),
    (COMPONENT, "representation along a hidden axis", "scalar"),
    (PLANE_ANGLE, "angle of a rotation in the plane of a generator", "rad"),
    (MEAN_MATRIX, "matrix of the mean rotations of all planes", "rad per step"),
    (DIFFUSION, "diffusion of a hidden (h) representation", "length^2 per step"),
    (RATE, "decay rate of a representation", "per step"),
    (AUTOCORRELATION, "autocorrelation of a representation", "length^2"),
    (DISPLACEMENT, "mean-squared displacement of a representation", "length^2"),
    (SPEED, "speed of a representation by steady rotation", "length per step"),
)


def representation(_: Examples) -> Iterator[Step]:
    """Average rotation and what one stimulus sees, for any rotation statistics."""
    yield _average_rotation()
    yield _stimulus_quantities()


def representation_on_axes(examples: Examples) -> Iterator[Step]:
    """Decay, diffusion, autocorrelation and displacement axis by axis, on shared axes."""
    yield _decay()
    yield _stimulus(examples)
    yield _displacement(examples)


@dataclass(frozen=True)
class _Turn:
    """A small random rotation of three hidden axes, with any means and covariances.

    ``angle``, ``mean`` and ``covariance`` are those of its planes; ``rotation`` is first order
    in the angles, ``steady`` its mean and ``decay`` minus half the mean of its square.
    """

    angle: tuple[sp.Symbol, ...]
    mean: tuple[sp.Symbol, ...]
    covariance: sp.Matrix
    rotation: sp.Matrix
    steady: sp.Matrix
    decay: sp.Matrix

    def average(self, polynomial: sp.Expr) -> sp.Expr:
        """Average of terms of first and second order in the angles."""
        total = sp.Integer(0)
        for exponents, coefficient in sp.Poly(sp.expand(polynomial), *self.angle).terms():
            present = [k for k, power in enumerate(exponents) for _ in range(power)]
            moment = (
                self.covariance[present[0], present[1]]
                if len(present) == 2
                else sp.Mul(*(self.mean[k] for k in present))
            )
            total += coefficient * moment
        return total


def _small_turn() -> _Turn:
    generators = [generator(3, *plane) for plane in ((0, 1), (0, 2), (1, 2))]
    angle, mean = sp.symbols("xi_0:3"), sp.symbols("mu_0:3")
    covariance = sp.Matrix(3, 3, lambda a, b: sp.Symbol(f"V_{min(a, b)}{max(a, b)}"))
    products = (
        covariance[k, q] * generators[k] * generators[q] for k, q in product(range(3), repeat=2)
    )
    nothing = sp.zeros(3, 3)
    return _Turn(
        angle,
        mean,
        covariance,
        sum((value * g for value, g in zip(angle, generators, strict=True)), nothing),
        sum((value * g for value, g in zip(mean, generators, strict=True)), nothing),
        -sum(products, nothing) / 2,
    )


def _average_rotation() -> Step:
    """Average rotation

    The hidden layer starts in the canonical frame and turns by small rotations with mean and
    covariance as derived, independent from step to step beyond a few relaxation times. Planes with
    a silent hidden unit do not rotate, since neither noise nor deviation has a part there; the
    rotation is that of the active units. Over {tau} steps, many relaxation times but still with
    small angles {angle}, the means of these add up to {tau} times [eq:mean] and their covariances
    to {tau} times [eq:covariance], in which correlations between near steps are summed up; the
    square of the mean of one step is of higher order. To first order in both the average rotation
    of such a group of steps is {group}. This is [eq:one-turn].

    Groups of many relaxation times are independent, and their means and covariances add up: after
    {tau} steps the average rotation is [eq:mean-rotation], with the mean rotations of all planes
    times their generators in {mean_matrix}, and in the decay matrix {Delta} minus half the products
    of any two generators times the covariances. The former is [eq:mean-matrix], with a generator
    {generator} for each plane, the latter [eq:decay-matrix]. The square of the mean of a group is
    the next term of [eq:mean-rotation]; what its steps fail to commute by is skew and of the next
    order of the mean rotation. Planes may be correlated, and the decay matrix need not be diagonal.
    """
    turn = _small_turn()
    second_order = turn.rotation + turn.rotation**2 / 2
    unit = sp.Identity(RANK)
    group = unit + TIME * (MEAN_MATRIX - DECAY)
    entries = {
        unit: sp.ImmutableMatrix(sp.eye(3)),
        # Means and covariances of all steps together.
        MEAN_TURN: sp.ImmutableMatrix(sp.eye(3) + TIME * second_order.applyfunc(turn.average)),
        SUMMED_MEANS: turn.steady,
        SUMMED_PLANES: -2 * turn.decay,
        MEAN_MATRIX: turn.steady,
        DECAY: turn.decay,
    }
    return step(
        one_turn=chain(
            MEAN_TURN,
            (
                "to second order, the square of the means left out",
                unit + TIME * (SUMMED_MEANS + SUMMED_PLANES / 2),
            ),
            ("by [eq:mean-matrix] and [eq:decay-matrix]", group),
            value=lambda line: evaluate_matrix(line, entries),
            method=Method.ORDER,
        ),
        mean_rotation=(MEAN_ROTATION, EXPONENTIAL),
        mean_matrix=(MEAN_MATRIX, SUMMED_MEANS),
        decay_matrix=(DECAY, -SUMMED_PLANES / 2),
        symbols={
            "generator": GENERATOR,
            "angle": PLANE_ANGLE,
            "group": group,
            "mean_matrix": MEAN_MATRIX,
            "Delta": DECAY,
        },
        checks=(
            vanishes(
                "The mean rotation is skew-symmetric and the decay matrix symmetric.",
                turn.steady + turn.steady.T,
                (turn.decay, turn.decay.T),
            ),
        ),
    )


def _stimulus_quantities() -> Step:
    """Diffusion, decay and speed of one stimulus

    A stimulus {x} has the representation [eq:hidden-vector] in the canonical frame. Diffusion is
    half of what the mean squared distance from where it was gains per step, at first order in the
    lag, where the skew {mean_matrix} drops out, [eq:displaced]: the representation diffuses by
    [eq:diffusion], a squared length per step, loses its autocorrelation at first with the rate
    [eq:rate], and moves steadily with the speed [eq:speed]. The steady motion {mean} of a step adds
    its own square to the distance, which grows with the square of the lag and is not part of
    diffusion. The autocorrelation {correlation} is lost at the pace of diffusion, relative to the
    squared norm with which it begins. Scalar products of representations are not affected by the
    rotation: while each of them drifts, their similarity stays.
    """
    turn = _small_turn()
    vector = sp.Matrix(sp.symbols("w_1:4", real=True))
    moved, carried = turn.rotation * vector, turn.steady * vector
    entries = {
        HIDDEN_VECTOR: sp.ImmutableMatrix(vector),
        MEAN_ROTATION: sp.ImmutableMatrix(sp.eye(3) + TIME * (turn.steady - turn.decay)),
        DECAY: turn.decay,
    }
    correlation = sp.Trace(HIDDEN_VECTOR.T * MEAN_ROTATION * HIDDEN_VECTOR)
    spread = TIME * turn.average((moved.T * moved)[0])
    return step(
        hidden_vector=(HIDDEN_VECTOR, CANONICAL_FIRST * INPUT),
        displaced=chain(
            DISPLACED,
            (
                "a rotation keeps the norm",
                2 * (sp.Trace(HIDDEN_VECTOR.T * HIDDEN_VECTOR) - correlation),
                {DISPLACED: spread},
            ),
            (
                "by [eq:mean-rotation] to first order in {tau}; {mean_matrix} is skew",
                2 * TIME * sp.Trace(HIDDEN_VECTOR.T * DECAY * HIDDEN_VECTOR),
            ),
            value=lambda line: evaluate_matrix(line, entries),
            method=Method.ORDER,
        ),
        diffusion=(DIFFUSION, sp.Trace(HIDDEN_VECTOR.T * DECAY * HIDDEN_VECTOR)),
        rate=(RATE, DIFFUSION / sp.Trace(HIDDEN_VECTOR.T * HIDDEN_VECTOR)),
        speed=(SPEED**2, -sp.Trace(HIDDEN_VECTOR.T * MEAN_MATRIX * MEAN_MATRIX * HIDDEN_VECTOR)),
        symbols={
            "correlation": correlation,
            "mean": MEAN_MATRIX * HIDDEN_VECTOR,
            "mean_matrix": MEAN_MATRIX,
        },
        checks=(
            vanishes(
                "The squared length of the steady change is [eq:speed].",
                (carried.T * carried)[0] + (vector.T * turn.steady * turn.steady * vector)[0],
            ),
        ),
    )


def _decay() -> Step:
    """Decay along the hidden axes

    On shared axes no plane rotates steadily, [eq:no-mean], and different planes are uncorrelated,
    since they share no pair of blocks. Of [eq:mean-rotation] the decay matrix {Delta} is left, in
    which the generator of each plane is squared, {square}. It is therefore diagonal: along the
    hidden axis {i} it is the sum of the diffusion coefficients of all planes through that axis,
    [eq:axis-decay].
    """
    i, j, plane = I_INDEX, J_INDEX, PLANE_DIFFUSION[I_INDEX, J_INDEX]
    others = sp.Sum(plane, (j, 1, i - 1)) + sp.Sum(plane, (j, i + 1, RANK))
    variances = {(a, b): sp.Symbol(f"V_{a + 1}{b + 1}") for a in range(3) for b in range(a + 1, 3)}
    expected = sp.diag(
        *(
            sum(value / 2 for plane, value in variances.items() if axis in plane)
            for axis in range(3)
        )
    )
    turn = _small_turn()
    uncorrelated = {
        turn.covariance[k, q]: value if k == q else sp.Integer(0)
        for k, value in enumerate(variances.values())
        for q in range(3)
    }
    return step(
        axis_decay=(INDEXED_DECAY[i], others),
        symbols={
            "Delta": DECAY,
            "square": sp.Eq(PLANE_GENERATOR**2, -UNIT_I * UNIT_I.T - UNIT_J * UNIT_J.T),
        },
        checks=(
            vanishes(
                "Minus half the sum of variance times squared generator is the diagonal matrix "
                "of [eq:axis-decay], for three hidden axes.",
                (decay_matrix(variances, 3), expected),
            ),
            vanishes(
                "The square of a generator takes both of its axes to their negatives.",
                (generator(3, 0, 1) ** 2, sp.diag(-1, -1, 0)),
            ),
            vanishes(
                "It is what [eq:decay-matrix] is without correlations between planes.",
                (turn.decay.xreplace(uncorrelated), expected),
            ),
        ),
    )


def _stimulus(examples: Examples) -> Step:
    """One stimulus, axis by axis

    Along the hidden axis {i} the representation of a stimulus is [eq:component], its diffusion per
    step, half of what its mean squared distance from where it was gains, is the sum
    [eq:representation-diffusion], and its autocorrelation [eq:autocorrelation] starts at the
    squared norm and falls axis by axis, at first with the rate [eq:decay-rate], a mean. With the
    diagonal {Delta} diffusion and rate are [eq:diffusion] and [eq:rate], and the autocorrelation is
    {correlated}; the steady motion [eq:speed] vanishes.
    """
    s_i = symbol("singular_value", "i")
    minimum = examples.bottleneck.minimum
    network = minimum.network
    stimulus = sp.Matrix(sp.symbols("x_1:4", real=True))
    hidden = network.first_layer.xreplace(minimum.weights) * stimulus
    quadratic = sp.Sum(INDEXED_DECAY[I_INDEX] * INDEXED_COMPONENT[I_INDEX] ** 2, (I_INDEX, 1, RANK))
    norm = sp.Sum(INDEXED_COMPONENT[I_INDEX] ** 2, (I_INDEX, 1, RANK))
    correlation = sp.Sum(
        INDEXED_COMPONENT[I_INDEX] ** 2 * sp.exp(-INDEXED_DECAY[I_INDEX] * TIME),
        (I_INDEX, 1, RANK),
    )
    decays = sp.symbols("Delta_1:3", positive=True)
    weights = sp.symbols("w_1:3", positive=True)
    explicit = sum(w**2 * sp.exp(-d * TIME) for w, d in zip(weights, decays, strict=True))
    return step(
        component=(COMPONENT, sp.sqrt(s_i) * STIMULUS),
        representation_diffusion=(DIFFUSION, quadratic),
        autocorrelation=(AUTOCORRELATION, correlation),
        decay_rate=(RATE, quadratic / norm),
        symbols={
            "Delta": DECAY,
            "correlated": sp.Trace(HIDDEN_VECTOR.T * DECAYED * HIDDEN_VECTOR),
        },
        checks=(
            vanishes(
                "The canonical first layer maps a stimulus to [eq:component], with one axis left "
                "out by a bottleneck.",
                *(
                    (hidden[k], sp.sqrt(minimum.directions[k].singular_value) * stimulus[k])
                    for k in range(minimum.rank)
                ),
            ),
            vanishes(
                "Minus the derivative of the autocorrelation at zero lag is the diffusion, "
                "for two hidden axes.",
                (
                    -sp.diff(explicit, TIME).subs(TIME, 0),
                    sum(d * w**2 for w, d in zip(weights, decays, strict=True)),
                ),
            ),
        ),
    )


def _displacement(examples: Examples) -> Step:
    """Mean-squared displacement

    A representation is {seen} at each time, and between two times a lag {tau} apart it moves by
    drift and by fluctuation of the first layer, [eq:displacement]; at this order their products
    average to zero: by [eq:rotation-step] rotations are of second degree in kicks and deviations,
    the fluctuation is of first, and at leading order the odd moments of a sum of many small
    independent kicks vanish. By drift it moves as in [eq:autocorrelation]: twice the squared norm,
    less twice the autocorrelation. The incoming weights of one hidden unit lie in different blocks,
    and their fluctuations are uncorrelated. That of the weight from input {l} to hidden axis {i},
    which has a part in the unit vector {u_il} of [eq:reached] alone, is remembered for a few
    relaxation times; what is lost of its variance is [eq:memory], with the blocks of a single
    sample and the batch size {batch}. Drift takes over at long lags and saturates at twice the
    squared norm.
    """
    drift = sp.Sum(
        drift_displacement(INDEXED_COMPONENT[I_INDEX] ** 2, INDEXED_DECAY[I_INDEX]),
        (I_INDEX, 1, RANK),
    )
    fluctuation = 2 * sp.Sum(
        sp.Sum(
            INDEXED_STIMULUS[L_INDEX] ** 2 * MEMORY[I_INDEX, L_INDEX],
            (L_INDEX, 1, symbol("inputs", positive=True, integer=True)),
        ),
        (I_INDEX, 1, RANK),
    )
    s_i, s_l = symbol("singular_value", "i"), symbol("singular_value", "l")
    pair = examples.representative.pair_block
    vector = pair.directions[0].vector
    share = sum(entry**2 for entry in vector[: vector.rows // 2]) / pair.squared_norm
    a, b, d = sp.symbols("h_11 h_12 h_22", positive=True)
    block = sp.ImmutableMatrix([[a, b], [b, d]])
    half = sp.Symbol("rho", positive=True)
    forward = propagator(block, half)
    shaken = sp.ImmutableMatrix(2, 2, lambda k, q: sp.Symbol(f"Gamma_{min(k, q)}{max(k, q)}"))
    kept = sp.ImmutableMatrix(2, 2, sp.symbols("kept_1:5"))
    forgotten = (shaken - kept * shaken)[0]
    at_lags = {
        (WEIGHT_NOW, WEIGHT_NOW): share * shaken[0] / BATCH,
        (WEIGHT_LATER, WEIGHT_LATER): share * shaken[0] / BATCH,
        (WEIGHT_NOW, WEIGHT_LATER): share * (kept * shaken)[0] / BATCH,
    }

    def averaged(line: sp.Basic) -> sp.Expr:
        """A line with the moments of a weight at two times in a stationary fluctuation."""
        moments = line.replace(Mean, lambda part: expectation(sp.expand(part), at_lags))
        return moments.xreplace({FORGOTTEN: forgotten})

    def solves() -> Iterator[Side | tuple[Side, Side]]:
        """d/dtau exp(-eta tau H) = -eta H exp(-eta tau H), and the identity at zero lag."""
        residue = forward.diff(TIME) + ETA * block * forward
        slow, fast = sp.symbols("E_slow E_fast")
        mean = (a + d) / 2
        exponentials = {
            sp.exp(-ETA * TIME * (mean - half)): slow,
            sp.exp(-ETA * TIME * (mean + half)): fast,
        }
        plain = residue.xreplace(exponentials)
        # The half distance of the eigenvalues fixes one entry of the block.
        defect = splitting(block) ** 2 - half**2
        (coupling,) = sp.solve(defect.subs(b**2, sp.Symbol("b2")), sp.Symbol("b2"))
        yield plain.applyfunc(lambda entry: sp.expand(sp.expand(entry).subs(b**2, coupling)))
        yield forward.xreplace({TIME: sp.Integer(0)}), sp.eye(2)

    return step(
        displacement=(DISPLACEMENT, drift + fluctuation),
        symbols={
            "seen": ROTATION_NOW * (CANONICAL_FIRST + STEP_OF_FIRST) * INPUT,
            "u_il": NORMAL_IL,
            "power": (sp.Identity(2) - ETA * BLOCK_HESSIAN["il"]) ** TIME,
        },
        memory=chain(
            MEMORY[I_INDEX, L_INDEX],
            (
                "half of the mean squared change of the weight",
                Mean((WEIGHT_LATER - WEIGHT_NOW) ** 2) / 2,
                {MEMORY[I_INDEX, L_INDEX]: share * forgotten / BATCH},
            ),
            (
                "the fluctuation is stationary",
                Mean(WEIGHT_NOW**2) - Mean(WEIGHT_NOW * WEIGHT_LATER),
            ),
            (
                "its part along [eq:reached], of which [eq:normal-step] leaves the power {power} "
                "or, at leading order, the exponential",
                share * FORGOTTEN / BATCH,
            ),
            value=averaged,
        ),
        checks=(
            vanishes(
                "The share of the first layer in the unit vector [eq:reached] is that of "
                "[eq:memory].",
                (share, s_i / (s_i + s_l)),
            ),
            vanishes(
                "The exponential of a block of two rows solves its differential equation and "
                "starts at the identity.",
                *solves(),
            ),
        ),
        assumptions=(
            "The drift within a relaxation time is small, so that rotation and fluctuation add.",
        ),
    )

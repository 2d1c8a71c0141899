"""Drift of representations: what happens to the representation of a stimulus."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.algebra.rational import is_zero
from symdrift.derivation.chapter import holds, step, vanishes
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import ETA, TIME, symbol
from symdrift.derivation.vocabulary import I_INDEX, J_INDEX, L_INDEX, RANK
from symdrift.theory.examples import Examples
from symdrift.theory.linear.network import generator
from symdrift.theory.linear.propagator import (
    decay_matrix,
    drift_displacement,
    propagator,
    splitting,
)

MEAN_ROTATION = sp.MatrixSymbol("Q_mean", RANK, RANK)
DECAY = sp.MatrixSymbol("Delta", RANK, RANK)
AXIS_DECAY = symbol("decay", "i")
PLANE_DIFFUSION = sp.IndexedBase("D")
COMPONENT = sp.Symbol("w_i", real=True)
STIMULUS = sp.Symbol("x_i", real=True)
DIFFUSION = sp.Symbol("D_h", positive=True)
RATE = sp.Symbol("decay_rate", positive=True)
AUTOCORRELATION = sp.Function("A_h")
DISPLACEMENT = sp.Function("M")
INDEXED_COMPONENT, INDEXED_STIMULUS, INDEXED_DECAY = (
    sp.IndexedBase(name) for name in ("w", "x", "Delta")
)
MEMORY = sp.IndexedBase("F")
FORGOTTEN = sp.Symbol("forgotten", positive=True)
MEAN_DECAY = sp.MatrixSymbol("exp_decay", RANK, RANK)

LATEX = {
    MEAN_ROTATION: r"\mathbb{E}[Q_\tau]",
    RATE: "k",
    DIFFUSION: "D_h",
    MEAN_DECAY: r"e^{-\tau\Delta}",
    FORGOTTEN: r"\bigl[(I - e^{-\eta\tau H_{il}})\,\Gamma_{il}\bigr]_{11}",
}


def representation(examples: Examples) -> Iterator[Step]:
    """Decay matrix, diffusion and decay rate, autocorrelation and displacement."""
    yield _decay()
    yield _stimulus(examples)
    yield _displacement(examples)


def _decay() -> Step:
    """Average rotation

    Hidden units start in the canonical frame and rotate by independent small angles at each
    step. Their average over the noise is [eq:mean-rotation]; with different planes
    uncorrelated the decay matrix {Delta} is diagonal, and along the hidden axis {i} it is the
    sum of the diffusion coefficients of all planes through that axis, [eq:axis-decay].
    """
    variances = {(i, j): sp.Symbol(f"V_{i + 1}{j + 1}") for i in range(3) for j in range(i + 1, 3)}
    found = decay_matrix(variances, 3)
    expected = sp.diag(
        *(
            sum(value / 2 for plane, value in variances.items() if axis in plane)
            for axis in range(3)
        )
    )

    def small_rotation() -> bool:
        """Second-order expansion of exp(xi Omega), averaged over independent angles."""
        angles = {plane: sp.Symbol(f"xi_{plane[0]}{plane[1]}") for plane in variances}
        turn = sum(
            (angle * generator(3, *plane) for plane, angle in angles.items()), sp.zeros(3, 3)
        )
        second = (turn**2 / 2).applyfunc(sp.expand)
        averaged = second.applyfunc(lambda entry: sp.Poly(entry, *angles.values()).as_expr())
        for plane, angle in angles.items():
            averaged = averaged.xreplace({angle**2: variances[plane]})
        averaged = averaged.xreplace(dict.fromkeys(angles.values(), sp.Integer(0)))
        return all(is_zero(entry) for entry in averaged + found)

    return step(
        mean_rotation=(MEAN_ROTATION, MEAN_DECAY),
        axis_decay=(AXIS_DECAY, sp.Sum(PLANE_DIFFUSION[I_INDEX, J_INDEX], (J_INDEX, 1, RANK))),
        symbols={"Delta": DECAY},
        checks=(
            vanishes(
                "Minus half the sum of variance times squared generator is the diagonal matrix "
                "of [eq:axis-decay], for three hidden axes.",
                found - expected,
            ),
            holds(
                "It is what the second-order expansion of a random rotation averages to.",
                "expansion",
                small_rotation,
            ),
        ),
    )


def _stimulus(examples: Examples) -> Step:
    """Diffusion and decay of one stimulus

    A stimulus {x} has the representation [eq:component] along the hidden axis {i}. Its
    diffusion per step is [eq:representation-diffusion]; its autocorrelation
    [eq:autocorrelation] starts at the squared norm of the representation and falls, at first,
    with the rate [eq:decay-rate]. Scalar products of representations are not affected by the
    rotation: similarity stays, which makes this drift.
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
        autocorrelation=(AUTOCORRELATION(TIME), correlation),
        decay_rate=(RATE, DIFFUSION / norm),
        checks=(
            vanishes(
                "The canonical first layer maps a stimulus to [eq:component], with one axis left "
                "out by a bottleneck.",
                *(
                    hidden[k] - sp.sqrt(minimum.directions[k].singular_value) * stimulus[k]
                    for k in range(minimum.rank)
                ),
            ),
            vanishes(
                "Minus the derivative of the autocorrelation at zero lag is the diffusion, "
                "for two hidden axes.",
                -sp.diff(explicit, TIME).subs(TIME, 0)
                - sum(d * w**2 for w, d in zip(weights, decays, strict=True)),
            ),
        ),
    )


def _displacement(examples: Examples) -> Step:
    """Mean-squared displacement

    Between two times a lag {tau} apart a representation moves by drift and by fluctuation of
    the first layer, [eq:displacement]. The fluctuation of the weight from input {l} to hidden
    axis {i} is remembered for a few relaxation times; what is forgotten is [eq:memory]. Drift
    takes over at long lags and saturates at twice the squared norm.
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

    def solves() -> bool:
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
        entries = [sp.expand(sp.expand(entry).subs(b**2, coupling)) for entry in plain]
        start = forward.xreplace({TIME: sp.Integer(0)})
        return all(is_zero(entry) for entry in entries) and all(
            is_zero(entry) for entry in start - sp.eye(2)
        )

    return step(
        displacement=(DISPLACEMENT(TIME), drift + fluctuation),
        memory=(MEMORY[I_INDEX, L_INDEX], share * FORGOTTEN),
        checks=(
            vanishes(
                "The share of the first layer in the unit vector [eq:reached] is that of "
                "[eq:memory].",
                share - s_i / (s_i + s_l),
            ),
            holds(
                "The exponential of a block of two rows solves its differential equation and "
                "starts at the identity.",
                "numerator expanded to zero",
                solves,
            ),
        ),
        assumptions=(
            "The drift within a relaxation time is small, so that rotation and fluctuation add.",
        ),
    )

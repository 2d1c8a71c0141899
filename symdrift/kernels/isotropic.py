"""The scalar formulas of an isotropic network whose size is a symbol."""

from __future__ import annotations

import sympy as sp

from symdrift.derivation.symbols import BATCH, ETA, GAMMA, INPUTS, TIME, symbol
from symdrift.kernels.area_terms import weight_share
from symdrift.kernels.scalar import Argument, ScalarFunction
from symdrift.theory.linear.aligned import RepresentativeDrift, renaming
from symdrift.theory.linear.limits import isotropic_diffusion, isotropic_direction
from symdrift.theory.linear.normal_space import NormalBlock
from symdrift.theory.linear.points import learned_value
from symdrift.theory.linear.propagator import drift_displacement, forgotten_variance

SIZE = Argument(INPUTS, "inputs")
ARGUMENTS = (
    Argument(symbol("input_variance"), "covariance"),
    Argument(GAMMA, "weight_decay"),
    Argument(ETA, "learning_rate"),
    Argument(symbol("gain"), "gains"),
    Argument(symbol("label_noise") ** 2, "label_noise"),
    Argument(BATCH, "batch"),
)
COVARIANCE, WEIGHT_DECAY, LEARNING_RATE, GAINS, LABEL_NOISE, BATCH_SIZE = ARGUMENTS


def isotropic_kernels(drift: RepresentativeDrift) -> tuple[ScalarFunction, ...]:
    """The scalar functions behind the kernels of an isotropic study of symbolic size."""
    axis = isotropic_direction()
    learned = learned_value(symbol("gain"), axis.input_variance)
    value = {symbol("singular_value"): learned}
    own = drift.diagonal_block.fluctuation[0].xreplace(renaming(i=axis))
    pair = drift.pair_block.fluctuation.xreplace(renaming(i=axis, l=axis))
    noise = INPUTS * drift.diagonal_block.noise[0].xreplace(renaming(i=axis)) + INPUTS * (
        INPUTS - 1
    ) * drift.pair_block.noise[0, 0].xreplace(renaming(i=axis, l=axis))
    weight_variance = INPUTS * own + INPUTS * (INPUTS - 1) * pair[0, 0]
    diffusion = isotropic_diffusion(drift)
    squared_norm = sp.Symbol("squared_norm", positive=True)
    stimulus = Argument(squared_norm, "stimulus_squared_norm")
    component = symbol("singular_value") * squared_norm
    rate = (INPUTS - 1) * diffusion
    lag = Argument(TIME, "time")
    moved = (
        drift_displacement(component, rate)
        + squared_norm
        * (
            _weight_change(drift.diagonal_block, renaming(i=axis), sp.Integer(0))
            + (INPUTS - 1)
            * _weight_change(drift.pair_block, renaming(i=axis, l=axis), axis.coupling)
        )
        / BATCH
    )

    def function(
        name: str, summary: str, formula: str, result: sp.Expr, *extra: Argument
    ) -> ScalarFunction:
        expression = result.xreplace(value)
        used = expression.free_symbols
        taken = [
            argument
            for argument in (*extra, SIZE, *ARGUMENTS)
            if argument.value.free_symbols & used
        ]
        return ScalarFunction(name, summary, formula, tuple(taken), {name: expression})

    return (
        function(
            "_singular_value",
            "Singular value of every direction.",
            "s = a - gamma / lambda",
            symbol("singular_value"),
        ),
        function(
            "_weight_variance",
            "Total fluctuation tr(Gamma).",
            "n Gamma_ii + n (n - 1) Gamma_il, divided by B",
            weight_variance / BATCH,
        ),
        function("_excess_loss", "Excess loss.", "(eta / 4) tr(C) / B", ETA * noise / (4 * BATCH)),
        function(
            "_diffusion", "Diffusion coefficient of every plane.", _isotropic_text(), diffusion
        ),
        function(
            "_representation_diffusion",
            "Diffusion of the representation of a stimulus.",
            "s |x|^2 (n - 1) D",
            component * rate,
            stimulus,
        ),
        function("_decay_rate", "Decay rate of every representation.", "(n - 1) D", rate),
        function(
            "_displacement",
            "Mean-squared displacement of a representation.",
            "2 s |x|^2 (1 - exp(-(n - 1) D tau)) plus the fluctuation of the first layer",
            moved,
            lag,
            stimulus,
        ),
    )


def _isotropic_text() -> str:
    return (
        "D = eta^3 / (64 B^2) ((n + 2) (2 gamma^2 + sigma^2 lambda)^2 / (lambda s) "
        "+ (n - 2) sigma^4 lambda / a)"
    )


def _weight_change(
    block: NormalBlock, names: dict[sp.Symbol, sp.Expr], half_distance: sp.Expr
) -> sp.Expr:
    hessian, fluctuation = block.hessian.xreplace(names), block.fluctuation.xreplace(names)
    share = weight_share(block).xreplace(names)
    return 2 * share * forgotten_variance(hessian, fluctuation, half_distance)

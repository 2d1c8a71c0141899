"""Gradient noise: its covariance in the blocks of the Hessian."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.algebra.wick import expectation
from symdrift.derivation.chapter import holds, step, vanishes
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import BATCH, GAMMA, symbol
from symdrift.derivation.vocabulary import BLOCK_NOISE, NOISE, OWN_NOISE
from symdrift.theory.examples import Examples
from symdrift.theory.linear.aligned import block_of
from symdrift.theory.linear.points import active_direction, inactive_direction

BATCH_NOISE = sp.MatrixSymbol("C_batch", *NOISE.shape)
FOURTH_MOMENT, MIXED_MOMENT = sp.symbols("fourth_moment mixed_moment", positive=True)

LATEX = {
    BATCH_NOISE: "C_B",
    FOURTH_MOMENT: r"\mathbb{E}[x_i^4]",
    MIXED_MOMENT: r"\mathbb{E}[x_i^2 x_l^2]",
}


def noise(examples: Examples) -> Iterator[Step]:
    """Fourth moments, the noise blocks and batches."""
    yield _moments()
    yield _noise_blocks(examples)
    yield batches(examples)


def _moments() -> Step:
    """Fourth moments

    The covariance of the gradient needs fourth moments of the inputs. For Gaussian inputs they
    are sums over pairings, which gives [eq:moments].
    """
    x, y = sp.symbols("x_i x_l", real=True)
    lam, mu = symbol("input_variance", "i"), symbol("input_variance", "l")
    covariance = {(x, x): lam, (y, y): mu}
    mixed = expectation(x**2 * y**2, covariance)
    fourth = expectation(x**4, covariance)

    def generating_function() -> bool:
        """Moments are derivatives of ``exp(lambda t^2 / 2 + mu u^2 / 2)`` at zero."""
        t, u = sp.symbols("t u", real=True)
        function = sp.exp(lam * t**2 / 2 + mu * u**2 / 2)
        return all(
            sp.expand(sp.diff(function, t, j, u, k).subs({t: 0, u: 0}) - moment) == 0
            for j, k, moment in ((4, 0, fourth), (2, 2, mixed))
        )

    return step(
        moments=[(FOURTH_MOMENT, fourth), (MIXED_MOMENT, mixed)],
        checks=(
            holds(
                "Both agree with derivatives of the moment generating function.",
                "differentiation",
                generating_function,
            ),
        ),
        assumptions=("Inputs are Gaussian.",),
    )


def _noise_blocks(examples: Examples) -> Step:
    """Noise blocks

    At the minimum the gradient of a sample is quadratic in input and label noise. Its
    covariance in the unit vectors [eq:reached] is [eq:noise-pair] for two axes and
    [eq:noise-own] for one, with residuals {E_i} and {E_l} and label-noise variances
    {variance_i} and {variance_l}. Without label noise the block of two axes has rank one; what
    an axis does not explain of its target is noise for the others.
    """
    representative = examples.representative
    pair, own = representative.pair_block, representative.diagonal_block
    lam_i, e_i = symbol("input_variance", "i"), symbol("residual_map", "i")
    s_i, s_l = symbol("singular_value", "i"), symbol("singular_value", "l")
    to_residual = {GAMMA: lam_i * e_i}
    inner = pair.noise.xreplace(to_residual).applyfunc(
        lambda entry: sp.expand(sp.cancel(entry / (s_i + s_l)))
    )
    displayed = sp.MatMul(s_i + s_l, inner, evaluate=False)
    own_displayed = sp.factor(own.noise[0].xreplace(to_residual))

    def explicit(other_active: bool) -> sp.ImmutableMatrix:
        other = active_direction("3") if other_active else inactive_direction("3")
        first = active_direction("1")
        values: dict[sp.Basic, sp.Expr] = {}
        for index, direction in (("i", first), ("l", other)):
            values |= {
                symbol("input_variance", index): direction.input_variance,
                symbol("singular_value", index): direction.singular_value,
                symbol("residual_map", index): direction.residual,
                symbol("label_noise", index): symbol("label_noise", direction.index),
            }
        return displayed.doit().xreplace(values)

    return step(
        noise_pair=(BLOCK_NOISE["il"], displayed),
        noise_own=(OWN_NOISE, own_displayed),
        symbols={
            "variance_i": symbol("label_noise", "i") ** 2,
            "variance_l": symbol("label_noise", "l") ** 2,
        },
        checks=(
            vanishes(
                "With three learned axes, the block found in the full covariance of all weights "
                "is the displayed one.",
                explicit(True) - block_of(examples.all_active, 0, 2).noise,
            ),
            vanishes(
                "With one axis left out, too.",
                explicit(False) - block_of(examples.bottleneck, 0, 2).noise,
            ),
            vanishes(
                "Projecting the full covariance on the reached directions loses nothing: traces "
                "agree, with three learned axes and with a bottleneck.",
                *(
                    space.noise - space.minimum.reach * space.map_noise * space.minimum.reach.T
                    for space in (examples.all_active, examples.bottleneck, examples.silent_unit)
                ),
            ),
        ),
    )


def batches(examples: Examples) -> Step:
    """Batches

    The mean over a batch of {batch} independent samples has the covariance [eq:batch]. Below,
    {C} is that of the batch; formulas in terms of the network's parameters are written for
    single samples, and the batch size is restored where a result is stated.
    """
    space = examples.bottleneck
    network = space.minimum.network
    first = dict(zip(network.sample_input, sp.symbols("b_1:4", real=True), strict=True))
    noise_copy = sp.symbols("d_1:4", real=True)
    second = first | dict(zip(network.sample_label_noise, noise_copy, strict=True))
    gradient = space.minimum.sample_gradient

    def halves() -> bool:
        """Covariance of the mean of two independent gradients, entry by entry."""
        copy = gradient.xreplace(second)
        variances = dict(
            zip(
                (*network.sample_input, *network.sample_label_noise),
                (*network.input_covariance.diagonal(), *network.label_noise),
                strict=True,
            )
        )
        covariance = {(v, v): value for v, value in variances.items()} | {
            (second[v], second[v]): value for v, value in variances.items()
        }
        mean = (gradient + copy) / 2
        picked = [k for k in range(gradient.rows) if gradient[k] != 0][:4]
        for a in picked:
            for b in picked:
                moment = expectation(sp.expand(mean[a] * mean[b]), covariance)
                average = expectation(sp.expand(mean[a]), covariance) * expectation(
                    sp.expand(mean[b]), covariance
                )
                if sp.expand(moment - average - space.noise[a, b] / 2) != 0:
                    return False
        return True

    return step(
        batch=(BATCH_NOISE, NOISE / BATCH),
        checks=(
            holds(
                "The covariance of the mean of two independent gradients is half of that of one.",
                "expansion",
                halves,
            ),
        ),
    )

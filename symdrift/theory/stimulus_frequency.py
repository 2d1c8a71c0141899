"""Special cases and limits: a stimulus that is shown more often than the others."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.algebra.forms import FACTOR, simplify_by, substitute
from symdrift.algebra.rational import leading_term, replaced
from symdrift.derivation.chapter import holds, step, vanishes
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, INPUTS, symbol
from symdrift.theory.examples import Examples
from symdrift.theory.linear.limits import FrequencyEffect, frequency_effect
from symdrift.theory.linear.stochastic_area import rotation_variance

FREQUENT_VARIANCE = symbol("input_variance", 1)
FREQUENT_RATE = sp.Symbol("decay_rate_1", positive=True)
RATE_SLOPE, DIFFERENCE_SLOPE, DIFFUSION_SLOPE = sp.symbols(
    "slope_rate slope_difference slope_diffusion", real=True
)
CRITICAL_NOISE = sp.Symbol("sigma_critical", positive=True)

LATEX: dict[sp.Basic, str] = {
    FREQUENT_RATE: "k_1",
    RATE_SLOPE: r"\frac{\partial k_1}{\partial \lambda_1}",
    DIFFERENCE_SLOPE: r"\frac{\partial (k_1 - k_2)}{\partial \lambda_1}",
    DIFFUSION_SLOPE: r"\frac{\partial D_h(x_1)}{\partial \lambda_1}",
    CRITICAL_NOISE: r"\sigma_{\mathrm{c}}",
}


def frequent_stimulus(examples: Examples) -> Iterator[Step]:
    """What its frequency does to the drift of a stimulus, without and with label noise."""
    effect = frequency_effect(examples.representative)
    yield _frequency(examples, effect)
    yield _frequency_label_noise(effect)


def _frequency(examples: Examples, effect: FrequencyEffect) -> Step:
    """A more frequent stimulus drifts more slowly

    Let one of {n} equal inputs of an autoencoder appear more often, so that its variance {first}
    exceeds the variance {lambda} of the others. At the isotropic point, and without label noise,
    its decay rate {own_rate} changes by [eq:frequency-rate], and its lead over any other stimulus
    by [eq:frequency-difference]. Both are negative: the frequent stimulus drifts more slowly, and
    more slowly than the others when there are more than two. The diffusion of its representation,
    which also grows with the learned weights, changes by [eq:frequency-diffusion]; it falls as long
    as {bound}.
    """
    quiet = substitute("no label noise", {symbol("label_noise"): sp.Integer(0)})
    forms = {
        RATE_SLOPE: simplify_by(effect.decay_rate, quiet, FACTOR),
        DIFFERENCE_SLOPE: simplify_by(effect.decay_rate_difference, quiet, FACTOR),
        DIFFUSION_SLOPE: simplify_by(effect.representation_diffusion, quiet, FACTOR),
    }
    silent = {name: form.expression for name, form in forms.items()}
    lam = symbol("input_variance")
    return step(
        frequency_rate=(RATE_SLOPE, silent[RATE_SLOPE]),
        frequency_difference=(DIFFERENCE_SLOPE, silent[DIFFERENCE_SLOPE]),
        frequency_diffusion=(DIFFUSION_SLOPE, silent[DIFFUSION_SLOPE]),
        symbols={
            "first": FREQUENT_VARIANCE,
            "own_rate": FREQUENT_RATE,
            "bound": sp.Lt(4 * GAMMA * (INPUTS + 2), lam * (INPUTS + 6)),
        },
        checks=(
            holds(
                "For three axes the slope of the decay rate agrees with exact differences of the "
                "result for an explicit network, with label noise.",
                "exact evaluation at rational points",
                lambda: _slope_agrees(examples, effect.decay_rate),
            ),
            vanishes(
                "The slope of the diffusion vanishes at the stated bound.",
                silent[DIFFUSION_SLOPE].subs(GAMMA, lam * (INPUTS + 6) / (4 * (INPUTS + 2))),
            ),
        ),
        assumptions=("All axes are active: the weight decay is smaller than every variance.",),
        simplified=tuple(forms.values()),
    )


def _frequency_label_noise(effect: FrequencyEffect) -> Step:
    """Label noise reverses the order

    With label noise the lead of the frequent stimulus changes by [eq:frequency-noise]. The
    terms in the fourth power of {sigma} have the opposite sign for small weight decay: a frequent
    input multiplies the label noise more often. There the order turns at the critical
    label-noise variance [eq:critical-noise]; above it the frequent stimulus drifts faster than
    the others.
    """
    scaled = sp.Symbol("scaled_noise", positive=True)
    numerator, _ = sp.fraction(
        effect.decay_rate_difference.xreplace({symbol("label_noise"): GAMMA * sp.sqrt(scaled)})
    )
    leading, _ = leading_term(numerator / (INPUTS - 2), GAMMA)
    (root,) = [r for r in sp.solve(leading, scaled) if r.is_positive is not False]
    critical = GAMMA**2 * root
    return step(
        frequency_noise=(DIFFERENCE_SLOPE, effect.decay_rate_difference),
        critical_noise=(CRITICAL_NOISE**2, critical),
        checks=(
            vanishes(
                "At the critical variance the leading order of the slope vanishes.",
                sp.expand(leading.subs(scaled, root)),
            ),
            holds(
                "At a rational point the slope is negative well below the critical variance and "
                "positive well above it.",
                "exact evaluation at rational points",
                lambda: _order_turns(effect.decay_rate_difference, critical),
            ),
        ),
    )


def _slope_agrees(examples: Examples, slope: sp.Expr) -> bool:
    lam, gamma, noise = sp.Rational(3), sp.Rational(1, 3), sp.Rational(1, 5)
    tiny = sp.Rational(1, 10**6)
    planes = [rotation_variance(examples.all_active, plane) for plane in ((0, 1), (0, 2))]

    def rate(first: sp.Expr) -> sp.Expr:
        variances = {1: first, 2: lam, 3: lam}
        values = {GAMMA: gamma, ETA: sp.Integer(1)}
        for k, variance in variances.items():
            values |= {
                symbol("input_variance", k): variance,
                symbol("singular_value", k): 1 - gamma / variance,
                symbol("label_noise", k): noise,
            }
        return sum(replaced(plane, values) for plane in planes) / 2

    difference = (rate(lam + tiny) - rate(lam - tiny)) / (2 * tiny)
    expected = slope.xreplace(
        {
            INPUTS: sp.Integer(3),
            symbol("input_variance"): lam,
            GAMMA: gamma,
            symbol("label_noise"): noise,
            ETA: sp.Integer(1),
            BATCH: sp.Integer(1),
        }
    )
    return bool(abs(difference / expected - 1) < sp.Rational(1, 10**9))


def _order_turns(slope: sp.Expr, critical: sp.Expr) -> bool:
    point = {
        INPUTS: sp.Integer(5),
        symbol("input_variance"): sp.Integer(2),
        GAMMA: sp.Rational(1, 100),
        ETA: sp.Integer(1),
        BATCH: sp.Integer(1),
    }
    noise = symbol("label_noise")
    values = [
        slope.subs(noise, sp.sqrt(factor_) * sp.sqrt(critical)).xreplace(point)
        for factor_ in (sp.Rational(1, 2), sp.Integer(2))
    ]
    return bool(values[0].evalf() < 0 < values[1].evalf())

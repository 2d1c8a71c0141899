"""Special cases and limits: a frequent stimulus among rare ones, at any frequency."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.algebra.rational import cancel, factor, leading_term
from symdrift.derivation.chapter import chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import BLOCK_HESSIAN, BLOCK_NOISE, OUTPUTS, RANK, TERM
from symdrift.theory.examples import Examples
from symdrift.theory.linear.aligned import RepresentativeDrift
from symdrift.theory.linear.limits import autoencoder_direction, other_term, own_term, unmatched
from symdrift.theory.small_weight_decay import (
    SmallBlock,
    small_axis,
    small_block,
    small_lonely,
    small_own_term,
    small_term,
)
from symdrift.theory.stimulus_frequency import (
    APART_SLOPE,
    FREQUENT_DIFFUSION,
    FREQUENT_RATE,
    FREQUENT_VARIANCE,
    OTHER_RATE,
    PLANE_SLOPE,
)

_SMALL = (Premise.GAUSSIAN, Premise.SHARED_AXES, Premise.SMALL_DECAY)

RARE_DIFFUSION = sp.Symbol("representation_diffusion_2", positive=True)
DIFFUSION_LAG_SLOPE = sp.Symbol("slope_diffusion_lag", real=True)
MIXED, APART = (symbol("diffusion_tensor", plane) for plane in ("12", "23"))
INPUT_TERMS, OUTPUT_TERMS = (
    {plane: sp.Symbol(f"term_{kind}_{plane}", positive=True) for plane in (12, 23)}
    for kind in ("input", "output")
)
QUIET, CROSSED, LOUD = sp.symbols("numerator_0 numerator_2 numerator_4", real=True)
TURNING_NOISE = sp.Symbol("sigma_turning", positive=True)
TOTAL = sp.Symbol("total_variance", positive=True)
OTHERS_SLOPE = sp.Symbol("rate_slope_by_others", real=True)
SLOPES = {
    (stimulus, kept): sp.Symbol(f"rate_slope_{stimulus}_{kept}", real=True)
    for stimulus in (1, 2)
    for kept in ("others", "total")
}

LATEX: dict[sp.Basic, str] = {
    RARE_DIFFUSION: "D_h^{(2)}",
    DIFFUSION_LAG_SLOPE: r"\frac{\partial (D_h^{(2)} - D_h^{(1)})}{\partial \lambda_1}"
    r"\big|_{\lambda_1 = \lambda}",
    **{item: rf"T_{{{plane}}}^{{\mathrm{{in}}}}" for plane, item in INPUT_TERMS.items()},
    **{item: rf"T_{{{plane}}}^{{\mathrm{{out}}}}" for plane, item in OUTPUT_TERMS.items()},
    QUIET: r"\mathcal{N}_0",
    CROSSED: r"\mathcal{N}_2",
    LOUD: r"\mathcal{N}_4",
    TURNING_NOISE: r"\sigma_{\mathrm{t}}",
    OTHERS_SLOPE: r"\frac{\partial k_1}{\partial \lambda}",
    TOTAL: r"\lambda_{\mathrm{tot}}",
    **{
        item: rf"\frac{{\partial k_{stimulus}}}{{\partial \lambda_1}}\big|_"
        + (r"{\lambda}" if kept == "others" else r"{\lambda_{\mathrm{tot}}}")
        for (stimulus, kept), item in SLOPES.items()
    },
}
MEANINGS = (
    (RARE_DIFFUSION, "diffusion for a rarer stimulus", "length^2 per step"),
    (INPUT_TERMS[12], "term of an input without output", "scalar"),
    (OUTPUT_TERMS[12], "term of an output without input", "scalar"),
    (QUIET, "numerator of a difference: part without label noise", "scalar"),
    (CROSSED, "part in the square of the label noise", "scalar"),
    (LOUD, "part in its fourth power", "scalar"),
    (TURNING_NOISE, "label noise at which the order of two stimuli turns", "scalar"),
    (TOTAL, "sum of all input variances", "scalar"),
)

_OTHERS = symbol("input_variance")
_NOISE = symbol("label_noise")
_PREFACTOR = ETA**2 / (32 * BATCH**2)
_SCALED_NOISE = sp.Symbol("scaled_noise", positive=True)
_EXCESS, _SLACK = sp.symbols("excess slack", positive=True)
_MORE = sp.symbols("more_axes more_inputs more_outputs", nonnegative=True)
_COUNTS = {
    RANK: 3 + _MORE[0],
    INPUTS: 3 + _MORE[0] + _MORE[1],
    OUTPUTS: 3 + _MORE[0] + _MORE[2],
}
"""At least three learned axes, and any number of inputs and outputs beside them."""
_ALL_LEARNED: dict[sp.Basic, sp.Expr] = {RANK: INPUTS, OUTPUTS: INPUTS}
_MORE_FREQUENT = {FREQUENT_VARIANCE: _OTHERS + _EXCESS}


def frequency_order(examples: Examples) -> Iterator[Step]:
    """Which of a frequent and a rare stimulus drifts faster, and what moves both."""
    drift = examples.representative
    small = {item: _small(term) for item, term in _terms(drift, _SCALED_NOISE * GAMMA**2).items()}
    yield _any_frequency(drift, small)
    yield _total_variance(small)


def _terms(drift: RepresentativeDrift, noise: sp.Expr) -> dict[sp.Basic, sp.Expr]:
    """The exact terms of two planes of an autoencoder with a label-noise variance."""
    first, other = autoencoder_direction("1", noise), autoencoder_direction("", noise)
    beside = zip(unmatched(other), (INPUT_TERMS, OUTPUT_TERMS), strict=True)
    found = {
        TERM[1, 2, 1]: own_term(drift, first, other),
        TERM[1, 2, 2]: own_term(drift, other, first),
        TERM[1, 2, 3]: other_term(drift, first, other, other),
        TERM[2, 3, 1]: other_term(drift, other, other, first),
        TERM[2, 3, 2]: own_term(drift, other, other),
        TERM[2, 3, 4]: other_term(drift, other, other, other),
    }
    for axis, terms in beside:
        found[terms[12]] = other_term(drift, first, other, axis)
        found[terms[23]] = other_term(drift, other, other, axis)
    return {item: cancel(term) for item, term in found.items()}


def _small(term: sp.Expr) -> sp.Expr:
    """Leading order where the label noise is of the order of the weight decay."""
    coefficient, order = leading_term(term, GAMMA)
    return factor((coefficient * GAMMA**order).xreplace({_SCALED_NOISE: _NOISE**2 / GAMMA**2}))


_REST = {
    plane: (INPUTS - RANK) * INPUT_TERMS[plane] + (OUTPUTS - RANK) * OUTPUT_TERMS[plane]
    for plane in (12, 23)
}
_MIXED_SUM = TERM[1, 2, 1] + TERM[1, 2, 2] + (RANK - 2) * TERM[1, 2, 3] + _REST[12]
_APART_SUM = TERM[2, 3, 1] + 2 * TERM[2, 3, 2] + (RANK - 3) * TERM[2, 3, 4] + _REST[23]
_RATES = ((RANK - 1) * MIXED, MIXED + (RANK - 2) * APART)
"""Of the frequent stimulus and of another one, by the planes that turn it."""


def _any_frequency(drift: RepresentativeDrift, small: dict[sp.Basic, sp.Expr]) -> Step:
    """Frequent and rare stimuli at any frequency

    The order of a frequent and a rare stimulus can be told for any {first}, not only next to equal
    variances. Let all axes that have a gain be learned, {r} in number and at least three, all of
    gain one: one of variance {first}, all others of variance {lambda}, which inputs without gain
    have too. There are {n} inputs and {m} outputs; an axis of gain zero with both counts as one
    without output and one without input, since its blocks are diagonal. Hidden units beyond {r}
    change nothing. There are only two kinds of planes, those of axis 1 and those without it, and by
    [eq:axis-decay] the frequent stimulus and a rare one decay at [eq:frequency-rates]. The plane
    that they share drops out of their difference: their order is that of two planes.

    Let weight decay and label noise be small together: {noise} is the same at every output, and of
    the order of {gamma}. Singular values are then one, and label noise adds {square} times the
    Hessian to the noise in [eq:small-blocks], [eq:small-noise]; for an axis by itself Hessian and
    noise are {own_stiff} and {own_noise}. Beside [eq:small-noise] there are blocks of one row: with
    the hidden axis {i} an input {l} without output has {in_stiff} and {in_noise}, and an output
    without input {out_stiff} and {out_noise}; their overlap is one. Inserted into [eq:term] and
    [eq:own-term], with solutions as in [eq:small-solutions] and [eq:white-rows], these blocks give
    the terms [eq:small-terms-121] to [eq:small-terms-23out]: {in_term} is that of an input without
    output in the plane of the axes 1 and 2, {out_term} that of an output without input.

    With [eq:total] for the two planes at leading order in {gamma}, where singular values are one,
    the difference of the decay rates is [eq:frequency-lead], with [eq:lead-quiet] to
    [eq:lead-loud]. For {frequent} both {quiet} and {loud} are positive, since all of their
    coefficients are when they are written in powers of {excess}. Without label noise the frequent
    stimulus therefore drifts more slowly, whatever its frequency. With label noise the last factor
    is quadratic in {square}, and its terms with {quiet} and with {loud} have opposite signs, so
    that it has one positive zero, [eq:turning-noise]: above it the frequent stimulus drifts faster.
    For {rare} the axis 1 is the rarer one and drifts faster without label noise, until {first}
    falls below a zero of {quiet}: the residual {residual} of this axis then shakes the planes of
    the others more than its own. There is one such zero, as the coefficients of {quiet} by powers
    of {first} change their sign once.

    Singular values tend to one, so that the diffusions of the representations have the same order
    as the decay rates. At a finite weight decay the two orders can differ, as a frequent stimulus
    also has the longer representation. Without label noise computer algebra decides what is left:
    by powers of {excess} and of the excess of {inverse} over {least}, all coefficients of the
    difference of the exact decay rates have one sign, so that their order holds for every {gamma}
    below {lambda} and every {first} above it. In the same way the diffusion {own_diffusion} of the
    frequent stimulus is smaller than the {rare_diffusion} of a rare one for every {first} above
    {lambda} when {bound}. Next to equal variances, and with all inputs learned, it is the smaller
    one when {near}, which for three axes is the bound just stated. With further inputs, too, this
    order turns once between the weight decays zero and {lambda}, where [eq:diffusion-near] changes
    its sign; an input {l} without output has there {row_stiff} and {row_noise}, by
    [eq:hessian-pair] and [eq:noise-pair].
    """
    mixed, apart = (_PREFACTOR * total.xreplace(small) for total in (_MIXED_SUM, _APART_SUM))
    scale = (
        ETA**3
        * (_OTHERS - FREQUENT_VARIANCE)
        / (64 * BATCH**2 * _OTHERS**2 * FREQUENT_VARIANCE**2 * (FREQUENT_VARIANCE + _OTHERS) ** 2)
    )
    bracket = sp.Poly(cancel((mixed - apart) / scale), _NOISE)
    quiet, crossed, loud = (
        _by_powers(sign * bracket.coeff_monomial(_NOISE**power) / GAMMA ** (4 - power))
        for power, sign in ((0, 1), (2, 1), (4, -1))
    )
    lead = QUIET * GAMMA**4 + CROSSED * GAMMA**2 * _NOISE**2 - LOUD * _NOISE**4
    numerators = {QUIET: quiet, CROSSED: crossed, LOUD: loud}
    turning = GAMMA**2 * (CROSSED + sp.sqrt(CROSSED**2 + 4 * QUIET * LOUD)) / (2 * LOUD)
    planes = {MIXED: mixed, APART: apart}
    exact = _exact_planes(drift)
    isotropic = {FREQUENT_VARIANCE: _OTHERS, **_ALL_LEARNED}
    known = GAMMA**2 * sp.sqrt(2 * (INPUTS + 4) / INPUTS) / _OTHERS
    slope = ETA**3 * GAMMA**4 / (64 * BATCH**2 * _OTHERS**4 * (_OTHERS - GAMMA))
    lag = cancel(_diffusion_lag(exact) / (slope * (FREQUENT_VARIANCE - _OTHERS)))
    lag = _by_powers(lag.xreplace({FREQUENT_VARIANCE: _OTHERS}))
    near_planes = _near_equal_variances(exact)
    size, near = INPUTS, 4 * GAMMA * (INPUTS - 1) * (INPUTS + 2)
    il = BLOCK_NOISE["il"]
    lam_i, lam_l = symbol("input_variance", "i"), symbol("input_variance", "l")
    quiet_noise = small_block(lam_i, lam_l).noise
    lonely_input, lonely_output = small_lonely(lam_i, lam_l, _NOISE**2)
    alone = small_axis(lam_i, _NOISE**2)
    return step(
        under=dict.fromkeys(("small_noise", "small_terms", "turning_noise"), _SMALL),
        frequency_rates=list(zip((FREQUENT_RATE, OTHER_RATE), _RATES, strict=True)),
        small_noise=(il, sp.MatAdd(quiet_noise, _NOISE**2 * BLOCK_HESSIAN["il"], evaluate=False)),
        small_terms={_name(item): (item, term) for item, term in small.items()},
        frequency_lead=chain(
            FREQUENT_RATE - OTHER_RATE,
            (
                "by [eq:frequency-rates]",
                (RANK - 2) * (MIXED - APART),
                dict(zip((FREQUENT_RATE, OTHER_RATE), _RATES, strict=True)),
            ),
            (
                "half of [eq:total] for both planes, {metric}",
                (RANK - 2) * _PREFACTOR * (_MIXED_SUM - _APART_SUM),
                {**planes, **small},
            ),
            (
                "by [eq:small-terms-121] to [eq:small-terms-23out]",
                (RANK - 2) * scale * lead,
                {**small, **numerators},
            ),
        ),
        lead_quiet=(QUIET, quiet),
        lead_crossed=(CROSSED, crossed),
        lead_loud=(LOUD, loud),
        turning_noise=(TURNING_NOISE**2, turning),
        diffusion_near=chain(
            DIFFUSION_LAG_SLOPE,
            (
                "of {rare_product} and {own_product}, where both rates are {own_rate}",
                symbol("singular_value") * (RANK - 2) * (APART_SLOPE - PLANE_SLOPE)
                - GAMMA / _OTHERS**2 * FREQUENT_RATE,
                {DIFFUSION_LAG_SLOPE: slope * lag, **near_planes},
            ),
            (
                "the planes as in [step:frequency], with inputs without output beside the axes",
                slope * lag,
                near_planes,
            ),
        ),
        symbols={
            "own_stiff": alone.hessian[0],
            "own_noise": alone.noise[0],
            "in_stiff": lonely_input.hessian[0],
            "in_noise": lonely_input.noise[0],
            "out_stiff": lonely_output.hessian[0],
            "out_noise": lonely_output.noise[0],
            "in_term": INPUT_TERMS[12],
            "out_term": OUTPUT_TERMS[12],
            "inverse": 1 / GAMMA,
            "least": 1 / _OTHERS,
            "own_diffusion": FREQUENT_DIFFUSION,
            "rare_diffusion": RARE_DIFFUSION,
            "rare_product": symbol("singular_value") * OTHER_RATE,
            "own_product": symbol("singular_value", 1) * FREQUENT_RATE,
            "own_rate": FREQUENT_RATE,
            "row_stiff": GAMMA + lam_l * symbol("singular_value", "i"),
            "row_noise": GAMMA**2 * lam_l * symbol("singular_value", "i") / lam_i,
            "first": FREQUENT_VARIANCE,
            "noise": _NOISE,
            "square": _NOISE**2,
            "quiet": QUIET,
            "loud": LOUD,
            "excess": FREQUENT_VARIANCE - _OTHERS,
            "frequent": sp.Gt(FREQUENT_VARIANCE, _OTHERS),
            "rare": sp.Lt(FREQUENT_VARIANCE, _OTHERS),
            "residual": GAMMA / FREQUENT_VARIANCE,
            "metric": sp.Eq(symbol("metric", "12"), 4),
            "bound": sp.Lt(40 * GAMMA, 7 * _OTHERS),
            "near": sp.Lt(near, _OTHERS * (size - 2) * (size + 4), evaluate=False),
        },
        checks=(
            vanishes(
                "These blocks give [eq:small-terms-121] to [eq:small-terms-23out], which were "
                "found as the leading orders of the exact terms.",
                *((term, small[item]) for item, term in _by_blocks().items()),
            ),
            holds(
                "In the excess of the frequent variance and in the numbers of axes beyond three "
                "learned ones, all coefficients of [eq:lead-quiet] and [eq:lead-loud] are "
                "positive.",
                Method.IDENTITY,
                lambda: all(_positive(part, _MORE_FREQUENT) for part in (quiet, loud)),
            ),
            holds(
                "By powers of the frequent variance the coefficients of [eq:lead-quiet] change "
                "their sign once, so that it has one positive zero.",
                Method.IDENTITY,
                lambda: _one_sign_change(quiet),
            ),
            vanishes(
                "At equal variances, all axes learned, [eq:turning-noise] is [eq:critical-noise].",
                (
                    (2 * LOUD * known - GAMMA**2 * CROSSED).xreplace(numerators).xreplace(isotropic)
                    ** 2,
                    GAMMA**4
                    * (CROSSED**2 + 4 * QUIET * LOUD).xreplace(numerators).xreplace(isotropic),
                ),
            ),
            holds(
                "Without label noise, at any weight decay below the variance of the others, all "
                "coefficients of the difference of the exact decay rates are of one sign in the "
                "excess of the frequent variance, in that of the inverse of the weight decay, and "
                "in the numbers of axes beyond three learned ones.",
                Method.IDENTITY,
                lambda: _positive(exact[APART] - exact[MIXED], _MORE_FREQUENT | _decay_below(1)),
            ),
            holds(
                "The same for the diffusions of the representations under the stated bound.",
                Method.IDENTITY,
                lambda: _positive(
                    _diffusion_lag(exact), _MORE_FREQUENT | _decay_below(sp.Rational(40, 7))
                ),
            ),
            vanishes(
                "When all inputs are learned, [eq:diffusion-near] vanishes at the stated weight "
                "decay.",
                lag.xreplace(isotropic).subs(
                    GAMMA, _OTHERS * (size - 2) * (size + 4) / (near / GAMMA)
                ),
            ),
            holds(
                "The last factor of [eq:diffusion-near], with the sign before it, is positive "
                "without weight decay and negative where that is the variance of the others; no "
                "coefficient of its second derivative by the weight decay is negative.",
                Method.IDENTITY,
                lambda: _turns_once(lag),
            ),
        ),
        assumptions=("Axes with a gain can be learned: weight decay is below their variances.",),
    )


def _by_powers(expression: sp.Expr) -> sp.Expr:
    """Factored, and each factor by powers of variances, decay and noise, whose signs are read."""
    powers = (FREQUENT_VARIANCE, _OTHERS, GAMMA, _NOISE)
    return sp.Mul(
        *(
            sp.collect(sp.expand(part), powers, sp.factor) if part.is_Add else part
            for part in sp.Mul.make_args(factor(expression))
        )
    )


def _name(item: sp.Basic) -> str:
    """The indices of a term, for its label."""
    if isinstance(item, sp.Indexed):
        return "".join(str(index) for index in item.indices)
    _, kind, plane = str(item).split("_")
    return plane + kind.removesuffix("put")


def _by_blocks() -> dict[sp.Basic, sp.Expr]:
    """The terms of two planes from the leading orders of the blocks."""
    first, other = FREQUENT_VARIANCE, _OTHERS

    def block(i: sp.Expr, l: sp.Expr) -> SmallBlock:
        return small_block(i, l, _NOISE**2)

    def own(i: sp.Expr, j: sp.Expr) -> sp.Expr:
        return small_own_term(small_axis(i, _NOISE**2), block(j, i))

    found = {
        TERM[1, 2, 1]: own(first, other),
        TERM[1, 2, 2]: own(other, first),
        TERM[1, 2, 3]: small_term(block(first, other), block(other, other)),
        TERM[2, 3, 1]: small_term(block(other, first), block(other, first)),
        TERM[2, 3, 2]: own(other, other),
        TERM[2, 3, 4]: small_term(block(other, other), block(other, other)),
    }
    for plane, axis in ((12, first), (23, other)):
        pairs = zip(*(small_lonely(k, other, _NOISE**2) for k in (axis, other)), strict=True)
        for terms, pair in zip((INPUT_TERMS, OUTPUT_TERMS), pairs, strict=True):
            found[terms[plane]] = small_term(*pair)
    return found


def _turns_once(lag: sp.Expr) -> bool:
    """Whether it has one zero between no weight decay and the variance of the others."""
    reduced = lag.xreplace({_OTHERS: sp.S.One})
    curved = sp.Poly(sp.diff(reduced, GAMMA, 2).xreplace(_COUNTS), GAMMA, *_MORE).coeffs()
    start, end = (
        sign * reduced.xreplace({GAMMA: sp.Integer(at)}) for at, sign in ((0, 1), (1, -1))
    )
    return all(c >= 0 for c in curved) and _positive(start, {}) and _positive(end, {})


def _exact_planes(drift: RepresentativeDrift) -> dict[sp.Basic, sp.Expr]:
    """Diffusion in the two planes without label noise, at any weight decay."""
    exact = _terms(drift, sp.Integer(0))
    first, other = (autoencoder_direction(k, sp.Integer(0)).singular_value for k in ("1", ""))
    return {
        plane: ETA**2 / (2 * BATCH**2 * length**2) * total.xreplace(exact)
        for plane, total, length in (
            (MIXED, _MIXED_SUM, 2 * (first + other)),
            (APART, _APART_SUM, 4 * other),
        )
    }


def _near_equal_variances(exact: dict[sp.Basic, sp.Expr]) -> dict[sp.Basic, sp.Expr]:
    """Slopes of both planes where all variances are equal, and the rate that all axes have."""
    equal = {FREQUENT_VARIANCE: _OTHERS}
    return {
        PLANE_SLOPE: sp.diff(exact[MIXED], FREQUENT_VARIANCE).xreplace(equal),
        APART_SLOPE: sp.diff(exact[APART], FREQUENT_VARIANCE).xreplace(equal),
        FREQUENT_RATE: ((RANK - 1) * exact[MIXED]).xreplace(equal),
        symbol("singular_value"): 1 - GAMMA / _OTHERS,
    }


def _diffusion_lag(exact: dict[sp.Basic, sp.Expr]) -> sp.Expr:
    """Diffusion of a rare representation minus that of the frequent one, for unit stimuli."""
    first, other = (autoencoder_direction(k, sp.Integer(0)).singular_value for k in ("1", ""))
    frequent, rare = _RATES
    return sp.sympify((other * rare - first * frequent).xreplace(exact))


def _decay_below(ratio: sp.Expr | int) -> dict[sp.Basic, sp.Expr]:
    """Any weight decay whose ``ratio``-fold is below the variance of the others."""
    return {GAMMA: 1 / (ratio + _SLACK), _OTHERS: sp.Integer(1), FREQUENT_VARIANCE: 1 + _EXCESS}


def _positive(expression: sp.Expr, chosen: dict[sp.Basic, sp.Expr]) -> bool:
    """All coefficients of numerator and denominator are positive, in the symbols chosen."""
    for part in sp.fraction(cancel(expression.xreplace(chosen).xreplace(_COUNTS))):
        coefficients = sp.Poly(part, *(part.free_symbols | {GAMMA})).coeffs()
        if not all(coefficient > 0 for coefficient in coefficients):
            return False
    return True


def _one_sign_change(numerator: sp.Expr) -> bool:
    """As a polynomial in the frequent variance: from negative to positive coefficients, once."""
    signs = []
    for coefficient in reversed(sp.Poly(numerator, FREQUENT_VARIANCE).all_coeffs()):
        if coefficient != 0:
            positive, negative = (_positive(sign * coefficient, {}) for sign in (1, -1))
            if positive is negative:
                return False
            signs.append(positive)
    return signs == sorted(signs) and len(set(signs)) == 2


def _total_variance(small: dict[sp.Basic, sp.Expr]) -> Step:
    """What is held fixed decides which way the rates move

    A stimulus becomes more frequent while the variances {lambda} of the others stay, or at the cost
    of the others, while the sum {total} of all variances stays. The order of two stimuli at given
    variances knows nothing of this; how their rates change does, by [eq:total-kept], where the
    other derivative is that by the common variance {lambda} of the others. Let all inputs be
    learned and no output be without input, {equal}, with label noise and weight decay small
    together. Next to equal variances, the
    planes change as in [eq:frequency-plane] and [eq:frequency-apart], with [eq:noise-terms-121] to
    [eq:noise-terms-231] at leading order, and the decay rates by [eq:slopes-1others] and
    [eq:slopes-2others] at fixed other variances. Both derivatives of {own_rate} add up to
    [eq:common-slope], the slope of {others_count} times [eq:isotropic] with singular value and gain
    one, and this gives [eq:slopes-1total] at fixed total variance. The changes of all {n} rates
    then add up to zero, so that [eq:slopes-2total] is minus this over {others_count}.

    Without label noise both rates fall at fixed other variances, that of the frequent stimulus more
    for more than two axes. At fixed total variance the frequent stimulus still drifts more slowly,
    but the rare ones faster: the rate of a rare stimulus has the other sign, because its own
    variance has gone down and the residual {residual} of each rare axis has grown. That all changes
    add up to zero must be: at equal variances none of the axes is singled out. With much label
    noise, the fourth power of {noise}, all four signs are reversed, since noise of the labels
    enters the gradient multiplied by the input and so with its variance.

    At any frequency, without label noise and for three to twelve axes, Sturm's theorem counts the
    zeros of these slopes. The rate of the frequent
    stimulus falls at fixed other variances for every {first}. At fixed total variance it falls up
    to one value of {first} over {lambda} and rises beyond it, where all other stimuli have become
    too rare; at fixed other variances a rare stimulus, too, has one such minimum.
    """
    planes = {
        plane: _PREFACTOR * total.xreplace(small).xreplace(_ALL_LEARNED)
        for plane, total in ((MIXED, _MIXED_SUM), (APART, _APART_SUM))
    }
    rates = [cancel(rate.xreplace(_ALL_LEARNED).xreplace(planes)) for rate in _RATES]
    slopes = {}
    for stimulus, rate in enumerate(rates, start=1):
        for kept in ("others", "total"):
            slopes[stimulus, kept] = cancel(_slope(rate, kept))
    equal = {
        place: _by_powers(slope.xreplace({FREQUENT_VARIANCE: _OTHERS}))
        for place, slope in slopes.items()
    }
    counted = {INPUTS: 3 + _MORE[0], _NOISE: sp.Integer(0)}
    # The isotropic result where singular values and gains are one.
    driving, noise = _OTHERS * _NOISE**2 + 2 * GAMMA**2, _NOISE**4 * _OTHERS
    isotropic = (INPUTS + 2) * driving**2 / _OTHERS + (INPUTS - 2) * noise
    common = _by_powers(sp.diff((INPUTS - 1) * ETA**3 / (64 * BATCH**2) * isotropic, _OTHERS))
    silent = {
        place: sp.fraction(cancel(slope.xreplace(counted)))[0] for place, slope in slopes.items()
    }
    return step(
        under={"slopes": _SMALL},
        total_kept=chain(
            SLOPES[1, "total"],
            (
                "as {others} is {spread}",
                SLOPES[1, "others"] - OTHERS_SLOPE / (INPUTS - 1),
                {
                    SLOPES[1, "total"]: slopes[1, "total"],
                    SLOPES[1, "others"]: slopes[1, "others"],
                    OTHERS_SLOPE: sp.diff(rates[0], _OTHERS),
                },
            ),
        ),
        common_slope=(SLOPES[1, "others"] + OTHERS_SLOPE, common),
        slopes={
            f"{stimulus}{kept}": (SLOPES[stimulus, kept], equal[stimulus, kept])
            for stimulus, kept in slopes
        },
        symbols={
            "own_rate": FREQUENT_RATE,
            "others_count": INPUTS - 1,
            "total": TOTAL,
            "equal": sp.Eq(RANK, INPUTS),
            "residual": GAMMA / _OTHERS,
            "noise": _NOISE,
            "first": FREQUENT_VARIANCE,
            "others": _OTHERS,
            "spread": (TOTAL - FREQUENT_VARIANCE) / (INPUTS - 1),
        },
        checks=(
            vanishes(
                "[eq:common-slope] is the sum of both derivatives of the exact leading order.",
                (
                    (sp.diff(rates[0], FREQUENT_VARIANCE) + sp.diff(rates[0], _OTHERS)).xreplace(
                        {FREQUENT_VARIANCE: _OTHERS}
                    ),
                    common,
                ),
            ),
            vanishes(
                "At fixed total variance the changes of all decay rates next to equal variances "
                "add up to zero.",
                equal[1, "total"] + (INPUTS - 1) * equal[2, "total"],
            ),
            vanishes(
                "At fixed total variance, with {others} as a function of {first}, a difference "
                "quotient of the rates has these slopes as its limit.",
                *(
                    (
                        sp.diff(
                            rate.xreplace({_OTHERS: (TOTAL - FREQUENT_VARIANCE) / (INPUTS - 1)}),
                            FREQUENT_VARIANCE,
                        ).xreplace({TOTAL: INPUTS * _OTHERS, FREQUENT_VARIANCE: _OTHERS}),
                        equal[stimulus, "total"],
                    )
                    for stimulus, rate in enumerate(rates, start=1)
                ),
            ),
            holds(
                "Without label noise, for three to twelve axes, by Sturm's theorem: the slope of "
                "the frequent rate at fixed other variances has no zero at a positive variance, "
                "its slope at fixed total variance and that of the rare rate at fixed other "
                "variances have one.",
                Method.CASES,
                lambda: all(
                    _positive_zeros(silent[place].xreplace({_MORE[0]: sp.Integer(more)})) == zeros
                    for place, zeros in (((1, "others"), 0), ((1, "total"), 1), ((2, "others"), 1))
                    for more in range(10)
                ),
            ),
        ),
    )


def _slope(rate: sp.Expr, kept: str) -> sp.Expr:
    """Derivative by the frequent variance, at fixed other variances or at a fixed sum of all."""
    own = sp.diff(rate, FREQUENT_VARIANCE)
    return own if kept == "others" else own - sp.diff(rate, _OTHERS) / (INPUTS - 1)


def _positive_zeros(numerator: sp.Expr) -> int:
    """How many positive frequent variances, in units of the others, make it vanish."""
    polynomial = sp.Poly(
        numerator.xreplace({_OTHERS: sp.Integer(1), GAMMA: sp.Integer(1), ETA: sp.Integer(1)}),
        FREQUENT_VARIANCE,
    )
    return int(polynomial.count_roots(0, None))

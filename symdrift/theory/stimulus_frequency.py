"""Special cases and limits: a stimulus that is shown more often than the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sympy as sp

from symdrift.algebra.equations import solve_lyapunov
from symdrift.algebra.forms import FACTOR, simplify_by, substitute
from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.rational import factor, leading_term, replaced
from symdrift.derivation.chapter import Chain, Stated, chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import (
    BLOCK_FLUCTUATION,
    BLOCK_NOISE,
    OWN_FLUCTUATION,
    OWN_NOISE,
)
from symdrift.theory.block_solutions import ONES
from symdrift.theory.examples import Examples
from symdrift.theory.linear.aligned import renaming
from symdrift.theory.linear.limits import (
    FrequencyEffect,
    autoencoder_direction,
    frequency_effect,
    frequency_terms,
    isotropic_diffusion,
)
from symdrift.theory.linear.stochastic_area import rotation_variance
from symdrift.theory.varied_terms import (
    CHANGE_OF_OWN_TERM,
    CHANGE_OF_TERM,
    OWN_CHANGES,
    VARIED_HESSIAN,
    VARIED_NOISE,
    VARIED_OVERLAP,
    VARIED_OWN_OVERLAP,
    product_rule,
)

FREQUENT_VARIANCE = symbol("input_variance", 1)
FREQUENT_RATE = sp.Symbol("decay_rate_1", positive=True)
FREQUENT_DIFFUSION = sp.Symbol("representation_diffusion_1", positive=True)
RATE_SLOPE, DIFFERENCE_SLOPE, DIFFUSION_SLOPE = sp.symbols(
    "slope_rate slope_difference slope_diffusion", real=True
)
TERM_SLOPES = sp.symbols("slope_term_121 slope_term_122 slope_term_123 slope_term_231", real=True)
PLANE_SLOPE, APART_SLOPE = sp.symbols("slope_plane_12 slope_plane_23", real=True)
OTHER_RATE = sp.Symbol("decay_rate_2", positive=True)
OVERLAP_SLOPES = sp.symbols(
    "slope_overlap_121 slope_overlap_122 slope_overlap_123 slope_overlap_231", real=True
)
DIFFUSION = symbol("diffusion_tensor")
CRITICAL_NOISE = sp.Symbol("sigma_critical", positive=True)

LATEX: dict[sp.Basic, str] = {
    FREQUENT_RATE: "k_1",
    OTHER_RATE: "k_2",
    **{item: rf"\partial o_{{{str(item)[-3:]}}}^2" for item in OVERLAP_SLOPES},
    RATE_SLOPE: r"\frac{\partial k_1}{\partial \lambda_1}",
    DIFFERENCE_SLOPE: r"\frac{\partial (k_1 - k_2)}{\partial \lambda_1}",
    FREQUENT_DIFFUSION: "D_h^{(1)}",
    DIFFUSION_SLOPE: r"\frac{\partial D_h^{(1)}}{\partial \lambda_1}",
    **{
        slope: rf"\frac{{\partial T_{{{str(slope)[-3:]}}}}}{{\partial \lambda_1}}"
        for slope in TERM_SLOPES
    },
    PLANE_SLOPE: r"\frac{\partial D_{12}}{\partial \lambda_1}",
    APART_SLOPE: r"\frac{\partial D_{23}}{\partial \lambda_1}",
    CRITICAL_NOISE: r"\sigma_{\mathrm{c}}",
}

MEANINGS = (
    (FREQUENT_RATE, "decay rate of a frequent stimulus", "per step"),
    (OTHER_RATE, "that of a rarer stimulus", "per step"),
    (FREQUENT_DIFFUSION, "diffusion for a frequent stimulus", "length^2 per step"),
    (
        CRITICAL_NOISE,
        "label noise at which the order of two stimuli turns next to equal variances",
        "scalar",
    ),
)


def frequent_stimulus(examples: Examples) -> Iterator[Step]:
    """What its frequency does to the drift of a stimulus, without and with label noise."""
    effect = frequency_effect(examples.representative)
    yield product_rule()
    yield _frequency(examples, effect)
    yield _frequency_label_noise(examples, effect)


@dataclass(frozen=True)
class _Slopes:
    """What the slopes of two planes are made of, and their values, with a label noise or none."""

    values: Mapping[sp.Basic, sp.Expr]
    plane: Chain
    apart: Chain


_PREFACTOR = ETA**2 / (32 * BATCH**2 * symbol("singular_value") ** 2)
_LENGTHENED = GAMMA / (symbol("input_variance") ** 2 * symbol("singular_value"))
"""Derivative of a singular value by its variance, over the singular value."""
_AUTOENCODER = {symbol("singular_value"): 1 - GAMMA / symbol("input_variance")}


def _at_the_point(line: sp.Expr) -> sp.Expr:
    return line.xreplace(_AUTOENCODER)


def _by_indices(values: Mapping[sp.Basic, sp.Expr]) -> dict[object, Stated]:
    """The slopes of the terms, by the indices of these."""
    return {str(slope)[-3:]: (slope, values[slope]) for slope in TERM_SLOPES}


def _slopes(examples: Examples, noise: sp.Expr, terms: str) -> _Slopes:
    """The slopes of two planes, by the equations that state the slopes of their ``terms``."""
    found = frequency_terms(examples.representative, noise)
    first, second, third, apart = TERM_SLOPES
    isotropic = isotropic_diffusion(examples.representative).xreplace(
        {symbol("label_noise"): sp.sqrt(noise)}
    )
    values = {
        first: found.frequent,
        second: found.other,
        third: found.third,
        apart: found.apart,
        DIFFUSION: isotropic.xreplace(_AUTOENCODER),
    }
    plane = _PREFACTOR * (first + second + (INPUTS - 2) * third) - _LENGTHENED * DIFFUSION
    values[PLANE_SLOPE] = factor(_at_the_point(plane).xreplace(values))
    values[APART_SLOPE] = factor(_at_the_point(_PREFACTOR * apart).xreplace(values))
    return _Slopes(
        values,
        chain(
            PLANE_SLOPE,
            ("half of [eq:total], in which {length} grows too", plane, values),
            (f"by [eq:{terms}-121] to [eq:{terms}-123]", values[PLANE_SLOPE], values),
            value=_at_the_point,
        ),
        chain(
            APART_SLOPE,
            ("of the terms of [eq:total] one has {first} in it", _PREFACTOR * apart, values),
            (f"by [eq:{terms}-231]", values[APART_SLOPE], values),
            value=_at_the_point,
        ),
    )


@dataclass(frozen=True)
class _VariedBlock:
    """Block of two equal axes, and its derivatives by the variance of the first.

    Attributes
    ----------
    whole : tuple of sympy.Matrix
        Hessian and noise at the isotropic point.
    hessian, noise : sympy.ImmutableMatrix
        Their derivatives there.
    own : tuple of sympy.Expr
        Those of Hessian and noise of the frequent axis with itself.
    """

    whole: tuple[sp.Matrix, sp.Matrix]
    hessian: sp.ImmutableMatrix
    noise: sp.ImmutableMatrix
    own: tuple[sp.Expr, sp.Expr]

    def slopes(self) -> tuple[sp.Expr, ...]:
        """Of the four terms, by the displayed changes of a term and of one of equal indices."""
        hessian, noise = self.whole
        swap, none = sp.ImmutableMatrix([[0, 1], [1, 0]]), sp.ImmutableMatrix(sp.zeros(2))
        # The block of the frequent axis and another one, that of the other and it, and a third.
        before, behind, apart = (
            (self.hessian, self.noise),
            (swap * self.hessian * swap, swap * self.noise * swap),
            (none, none),
        )
        fluctuation = solve_lyapunov(hessian, ETA * noise)
        entries: dict[sp.Basic, sp.ImmutableMatrix] = {
            BLOCK_NOISE["il"]: sp.ImmutableMatrix(noise),
            BLOCK_FLUCTUATION["il"]: sp.ImmutableMatrix(fluctuation),
            ONES: sp.ImmutableMatrix([[1, 1]]),
        }
        numbers = {OWN_NOISE: sum(noise[0, :]), OWN_FLUCTUATION: sum(fluctuation[0, :])}
        overlaps = [_overlap_slopes()[item] for item in OVERLAP_SLOPES]
        changes = (
            (CHANGE_OF_OWN_TERM, {"ji": behind}, self.own),
            (CHANGE_OF_OWN_TERM, {"ji": before}, (0, 0)),
            (CHANGE_OF_TERM, {"il": before, "jl": apart}, (0, 0)),
            (CHANGE_OF_TERM, {"il": behind, "jl": behind}, (0, 0)),
        )
        return tuple(
            _at_the_point(
                evaluate_matrix(
                    change.xreplace(
                        {
                            **numbers,
                            **dict(zip(OWN_CHANGES, map(sp.sympify, own), strict=False)),
                            VARIED_OVERLAP: overlap,
                            VARIED_OWN_OVERLAP: overlap,
                        }
                    ),
                    entries
                    | {VARIED_HESSIAN[index]: block[0] for index, block in blocks.items()}
                    | {VARIED_NOISE[index]: block[1] for index, block in blocks.items()},
                )
            )
            for (change, blocks, own), overlap in zip(changes, overlaps, strict=True)
        )


def _over(matrix: sp.ImmutableMatrix, denominator: sp.Expr) -> sp.MatMul:
    """A matrix with what its entries are divided by in front of it."""
    entries = matrix.applyfunc(lambda entry: factor(entry * denominator))
    return sp.MatMul(1 / denominator, entries, evaluate=False)


def _overlap_slopes() -> dict[sp.Symbol, sp.Expr]:
    """Of the squared overlaps, a quarter where all axes are alike."""
    eighth = _LENGTHENED / 8
    return dict(zip(OVERLAP_SLOPES, (-eighth, eighth, eighth, -2 * eighth), strict=True))


def _missed_overlaps() -> tuple[sp.Expr, ...]:
    """Derivatives of [eq:overlap] and [eq:own-overlap], squared, less the displayed slopes."""
    first, other = sp.symbols("s_1 s", positive=True)
    squares = (
        other / (2 * (first + other)),
        first / (2 * (first + other)),
        first / (2 * (first + other)),
        other**2 / (first + other) ** 2,
    )
    longer = _LENGTHENED * symbol("singular_value")
    return tuple(
        (square.diff(first) * longer).subs(first, other).subs(other, symbol("singular_value"))
        - slope
        for square, slope in zip(squares, _overlap_slopes().values(), strict=True)
    )


def _varied_block(examples: Examples, noise: sp.Expr) -> _VariedBlock:
    """The block of the frequent axis and another one of an autoencoder, with a label noise."""
    first, other = autoencoder_direction("1", noise), autoencoder_direction("", noise)
    block = examples.representative.pair_block
    equal = {first.input_variance: other.input_variance}

    def derivative(entry: sp.Expr) -> sp.Expr:
        changed = sp.diff(entry.xreplace(renaming(i=first, l=other)), first.input_variance)
        return factor(changed.xreplace(equal))

    def slope(matrix: sp.MatrixBase) -> sp.ImmutableMatrix:
        return sp.ImmutableMatrix(matrix.applyfunc(derivative))

    whole = (
        sp.Matrix(part.xreplace(renaming(i=other, l=other)))
        for part in (block.hessian, block.noise)
    )
    own = examples.representative.diagonal_block
    return _VariedBlock(
        (next(whole), next(whole)),
        slope(block.hessian),
        slope(block.noise),
        (derivative(own.hessian[0]), derivative(own.noise[0])),
    )


def _frequency(examples: Examples, effect: FrequencyEffect) -> Step:
    """A more frequent stimulus drifts more slowly

    Let the first of {n} equal inputs of an autoencoder appear more often, so that its variance
    {first} exceeds the variance {lambda} of the others. The stimulus of an axis is the unit vector
    along it, and decays by [eq:decay-rate] with the rate {own_rate} of the axis, here the first. At
    the isotropic point {at}, and without label noise, this rate changes by [eq:frequency-rate], and
    its difference from the rate {other_rate} of any other stimulus by [eq:frequency-difference],
    both negative with more than two axes. The frequent stimulus drifts more slowly, and more slowly
    than the others; two axes share their only plane. The diffusion {own_diffusion} of its
    representation, which also grows with the learned weights, changes by [eq:frequency-diffusion];
    it falls as long as {bound}.

    The block of axis 1, here {i}, and another one changes by [eq:varied-hessian] and
    [eq:varied-quiet], with rows and columns exchanged where axis 1 is its second, and so do, by
    [eq:hessian-own] and [eq:noise-own], Hessian and noise of axis 1 with itself; other blocks stay.
    As {first_value} changes by {longer}, the squared overlaps [eq:overlap] and [eq:own-overlap]
    change by [eq:varied-overlaps]. Put into [eq:varied-term] and [eq:varied-own], with noise and
    fluctuation of equal axes from [step:isotropic], this gives the slopes [eq:frequency-terms-121]
    to [eq:frequency-terms-231] of the terms of the axes 1, 2 and 3. They change the plane of the
    axes 1 and 2 by [eq:frequency-plane], where {D} is [eq:isotropic-quiet], and that of the axes 2
    and 3 by [eq:frequency-apart]. By [eq:axis-decay] the planes of an axis add up to its rate:
    with what blocks, overlaps and {length} change by, [eq:varied-term] and [eq:varied-own] in
    [eq:total] give [eq:frequency-rate] to [eq:frequency-diffusion].
    """
    slopes = _slopes(examples, sp.Integer(0), "frequency-terms")
    varied = _varied_block(examples, sp.Integer(0))
    known = slopes.values
    quiet = substitute("no label noise", {symbol("label_noise"): sp.Integer(0)})
    forms = {
        RATE_SLOPE: simplify_by(effect.decay_rate, quiet, FACTOR),
        DIFFERENCE_SLOPE: simplify_by(effect.decay_rate_difference, quiet, FACTOR),
        DIFFUSION_SLOPE: simplify_by(effect.representation_diffusion, quiet, FACTOR),
    }
    silent = {name: form.expression for name, form in forms.items()}
    lam, shared = symbol("input_variance"), (Premise.GAUSSIAN, Premise.SHARED_AXES)
    moving = {
        RATE_SLOPE: silent[RATE_SLOPE],
        FREQUENT_RATE: (INPUTS - 1) * known[DIFFUSION],
    }
    return step(
        under=dict.fromkeys(("varied_hessian", "varied_overlaps"), shared)
        | dict.fromkeys(
            (
                "varied_quiet",
                "frequency_terms",
                "frequency_plane",
                "frequency_apart",
                "frequency_rate",
                "frequency_difference",
                "frequency_diffusion",
            ),
            (*shared, Premise.QUIET_LABELS),
        ),
        varied_hessian=[
            (VARIED_HESSIAN["il"], _over(varied.hessian, lam)),
            (OWN_CHANGES[0], varied.own[0]),
        ],
        varied_quiet=[
            (VARIED_NOISE["il"], _over(varied.noise, lam**2 / GAMMA**2)),
            (OWN_CHANGES[1], varied.own[1]),
        ],
        varied_overlaps=list(_overlap_slopes().items()),
        frequency_terms=_by_indices(known),
        frequency_plane=slopes.plane,
        frequency_apart=slopes.apart,
        frequency_rate=chain(
            RATE_SLOPE,
            (
                "its planes in [eq:axis-decay] are all alike",
                (INPUTS - 1) * PLANE_SLOPE,
                {**known, RATE_SLOPE: silent[RATE_SLOPE]},
            ),
            ("by [eq:frequency-plane]", silent[RATE_SLOPE], known),
        ),
        frequency_difference=chain(
            DIFFERENCE_SLOPE,
            (
                "the plane of both drops out",
                (INPUTS - 2) * (PLANE_SLOPE - APART_SLOPE),
                {**known, DIFFERENCE_SLOPE: silent[DIFFERENCE_SLOPE]},
            ),
            (
                "by [eq:frequency-plane] and [eq:frequency-apart]",
                silent[DIFFERENCE_SLOPE],
                known,
            ),
        ),
        frequency_diffusion=chain(
            DIFFUSION_SLOPE,
            (
                "of {product}, by [eq:representation-diffusion]",
                symbol("singular_value") * RATE_SLOPE + GAMMA / lam**2 * FREQUENT_RATE,
                {**moving, DIFFUSION_SLOPE: silent[DIFFUSION_SLOPE]},
            ),
            ("by [eq:frequency-rate]", silent[DIFFUSION_SLOPE], moving),
            value=_at_the_point,
        ),
        symbols={
            "first": FREQUENT_VARIANCE,
            "at": sp.Eq(FREQUENT_VARIANCE, lam),
            "first_value": symbol("singular_value", 1),
            "longer": GAMMA / lam**2,
            "other_rate": OTHER_RATE,
            "own_diffusion": FREQUENT_DIFFUSION,
            "own_rate": FREQUENT_RATE,
            "D": DIFFUSION,
            "length": symbol("metric", "12"),
            "product": symbol("singular_value", 1) * FREQUENT_RATE,
            "bound": sp.Lt(4 * GAMMA * (INPUTS + 2), lam * (INPUTS + 6)),
        },
        checks=(
            holds(
                "For three axes the slope of the decay rate agrees with exact differences of the "
                "result for an explicit network, with label noise.",
                Method.POINTS,
                lambda: _slope_agrees(examples, effect.decay_rate),
            ),
            vanishes(
                "[eq:varied-overlaps] are the derivatives of the squares of [eq:overlap] and "
                "[eq:own-overlap].",
                *_missed_overlaps(),
            ),
            vanishes(
                "Put into [eq:varied-term] and [eq:varied-own], these changes give "
                "[eq:frequency-terms-121] to [eq:frequency-terms-231], which were found by "
                "differentiating the exact terms.",
                *zip(varied.slopes(), map(known.get, TERM_SLOPES), strict=True),
            ),
            vanishes(
                "The slope of the diffusion vanishes at the stated bound.",
                silent[DIFFUSION_SLOPE].subs(GAMMA, lam * (INPUTS + 6) / (4 * (INPUTS + 2))),
            ),
        ),
        assumptions=("All axes are active: the weight decay is smaller than every variance.",),
        simplified=tuple(forms.values()),
    )


def _frequency_label_noise(examples: Examples, effect: FrequencyEffect) -> Step:
    """Label noise reverses the order

    With label noise the difference of the rates of a frequent stimulus and another one changes by
    [eq:frequency-noise]. The terms in the fourth power of {sigma} have the opposite sign for small
    weight decay: a frequent input multiplies the label noise more often. There the order turns at
    the critical label-noise variance [eq:critical-noise]; above it the frequent stimulus drifts
    faster than the others.

    The noise of the block of axis 1 and another one now changes by [eq:varied-noise], and Hessian
    and overlaps as before. By [eq:varied-term] and [eq:varied-own] the terms then change by
    [eq:noise-terms-121] to [eq:noise-terms-231], and the planes change with them as in
    [step:frequency], where {D} is now [eq:isotropic]. When label noise and weight decay are small
    together, {noise} of the order of {gamma}, the leading order of the numerator of
    [eq:frequency-noise] vanishes where [eq:noise-turning] holds.
    """
    noise = symbol("label_noise") ** 2
    slopes, varied = _slopes(examples, noise, "noise-terms"), _varied_block(examples, noise)
    first, second, third, apart = TERM_SLOPES
    lam = symbol("input_variance")
    bracket = first + second - apart + (INPUTS - 2) * third
    scaled = sp.Symbol("scaled_noise", positive=True)
    numerator, _ = sp.fraction(
        effect.decay_rate_difference.xreplace({symbol("label_noise"): GAMMA * sp.sqrt(scaled)})
    )
    leading, _ = leading_term(numerator / (INPUTS - 2), GAMMA)
    (root,) = [r for r in sp.solve(leading, scaled) if r.is_positive is not False]
    critical = GAMMA**2 * root
    quartic = sp.Poly(leading, scaled)
    against, weight = sp.fraction(factor(-quartic.nth(0) / quartic.nth(2)))
    return step(
        under=[Premise.GAUSSIAN, Premise.SHARED_AXES],
        varied_noise=[
            (VARIED_NOISE["il"], _over(varied.noise, lam**2)),
            (OWN_CHANGES[1], varied.own[1]),
        ],
        noise_terms=_by_indices(slopes.values),
        frequency_noise=chain(
            DIFFERENCE_SLOPE,
            (
                "the plane of both drops out",
                (INPUTS - 2)
                * (_PREFACTOR * bracket - GAMMA / (lam**2 * symbol("singular_value")) * DIFFUSION),
                {**slopes.values, DIFFERENCE_SLOPE: effect.decay_rate_difference},
            ),
            (
                "by [eq:noise-terms-121] to [eq:noise-terms-231], and [eq:isotropic]",
                effect.decay_rate_difference,
                slopes.values,
            ),
            value=_at_the_point,
        ),
        noise_turning=(weight * CRITICAL_NOISE**4, against * GAMMA**4),
        critical_noise=(CRITICAL_NOISE**2, critical),
        symbols={"D": DIFFUSION, "noise": symbol("label_noise")},
        checks=(
            vanishes(
                "With [eq:varied-noise] in them, [eq:varied-term] and [eq:varied-own] give "
                "[eq:noise-terms-121] to [eq:noise-terms-231], which were found by differentiating "
                "the exact terms.",
                *zip(varied.slopes(), map(slopes.values.get, TERM_SLOPES), strict=True),
            ),
            vanishes(
                "The leading order of the numerator has no other terms than those of "
                "[eq:noise-turning], which [eq:critical-noise] solves.",
                (quartic.as_expr() - quartic.nth(2) * scaled**2, quartic.nth(0)),
                sp.expand(weight * root**2 - against),
            ),
            vanishes(
                "At the critical variance the leading order of the slope vanishes.",
                sp.expand(leading.subs(scaled, root)),
            ),
            holds(
                "At a rational point the slope is negative well below the critical variance and "
                "positive well above it.",
                Method.POINTS,
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

"""Special cases and limits: closed forms, expansions and scaling laws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import sympy as sp

from symdrift.algebra.equations import solve_lyapunov
from symdrift.algebra.forms import FACTOR, Simplified, partial_fractions, simplify_by, substitute
from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.rational import cancel, is_zero, leading_term, replaced
from symdrift.derivation.chapter import Given, Side, chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import (
    BLOCK_FLUCTUATION,
    BLOCK_HESSIAN,
    BLOCK_NOISE,
    HIDDEN,
    I_INDEX,
    J_INDEX,
    L_INDEX,
    PLANE_METRIC,
    RANK,
    TERM,
)
from symdrift.theory.block_solutions import ONES
from symdrift.theory.coupled_blocks import OVERLAP
from symdrift.theory.examples import Examples
from symdrift.theory.frequency_order import frequency_order
from symdrift.theory.linear.aligned import DriftTerm
from symdrift.theory.linear.limits import (
    isotropic_diffusion,
    isotropic_direction,
    other_term,
    own_term,
)
from symdrift.theory.linear.normal_space import NormalBlock
from symdrift.theory.linear.stochastic_area import couplings, rotation_variance
from symdrift.theory.small_weight_decay import small_weight_decay
from symdrift.theory.stimulus_frequency import frequent_stimulus

DIFFUSION = symbol("diffusion_tensor")
WIDER_VARIANCE, PLANE_VARIANCE = sp.symbols("V_wider V_plane", positive=True)
QUIET_DIFFUSION = sp.Symbol("D_quiet", positive=True)
EXTRA_DIFFUSION = sp.Symbol("D_extra", positive=True)
IRRELEVANT_VARIANCE = sp.Symbol("nu_irrelevant", positive=True)
IRRELEVANT = sp.Symbol("n_irrelevant", positive=True, integer=True)
EXPONENTS = {
    name: sp.Symbol(f"exponent_{name}", integer=True) for name in ("eta", "gamma", "B", "n")
}

LATEX = {
    WIDER_VARIANCE: r"V_{ij}^{(p + 1)}",
    PLANE_VARIANCE: r"V_{ij}^{(p)}",
    QUIET_DIFFUSION: r"D\big|_{\sigma = 0}",
    EXTRA_DIFFUSION: r"\delta D",
    IRRELEVANT_VARIANCE: r"\nu",
    IRRELEVANT: r"n_{\perp}",
    EXPONENTS["eta"]: r"\frac{\partial \ln D}{\partial \ln \eta}",
    EXPONENTS["gamma"]: r"\frac{\partial \ln D|_{\sigma = 0}}{\partial \ln \gamma}",
    EXPONENTS["B"]: r"\frac{\partial \ln D}{\partial \ln B}",
    EXPONENTS["n"]: r"\deg_n D",
}

MEANINGS = (
    (IRRELEVANT, "number of irrelevant axes", "scalar"),
    (IRRELEVANT_VARIANCE, "input variance along an irrelevant axis", "scalar"),
    (EXPONENTS["n"], "degree of the diffusion in the number of inputs", "scalar"),
    (EXTRA_DIFFUSION, "what irrelevant axes add to the diffusion tensor", "rad^2 per step"),
    (PLANE_VARIANCE, "covariance of the rotation with this many hidden units", "rad^2 per step"),
)


def special(examples: Examples) -> Iterator[Step]:
    """Isotropic inputs, small weight decay, irrelevant inputs, exponents, frequency."""
    isotropic = isotropic_diffusion(examples.representative)
    yield _isotropic(examples, isotropic)
    yield small_weight_decay(examples)
    yield _irrelevant(examples)
    yield _hidden_units(examples)
    yield _exponents(examples, isotropic)
    yield from frequent_stimulus(examples)
    yield from frequency_order(examples)


def grouped_isotropic(found: sp.Expr) -> Simplified:
    """The isotropic result as one term for each kind of noise.

    Partial fractions in ``s`` separate them; ``gamma + lambda s`` is ``lambda a``.
    """
    s, variance = symbol("singular_value"), symbol("input_variance")
    gain = {GAMMA + variance * s: variance * symbol("gain")}
    rule = "gain in the place of singular value plus weight decay over input variance"
    return simplify_by(found, partial_fractions(s), substitute(rule, gain))


def _isotropic(examples: Examples, found: sp.Expr) -> Step:
    """Isotropic inputs

    Let all {n} axes be active, with the same input variance {lambda}, gain {a} and label noise
    {sigma}. Then the identity solves [eq:sylvester-left] and [eq:sylvester-right], and every plane
    diffuses by [eq:isotropic], without label noise by [eq:isotropic-quiet].

    The blocks of all pairs of axes are the same. The sum and the difference of the two unit vectors
    of a pair are eigenvectors of both blocks, [eq:hessian-pair] and [eq:noise-pair]: the sum has
    the stiffness {stiff_sum} and the noise {noise_sum}, the difference {stiff_difference} and
    {noise_difference}. In an eigenvector the fluctuation is {eta} times noise over twice the
    stiffness, by [eq:lyapunov], and both orders of the blocks in [eq:term] give the same, so that
    the term of any other axis is [eq:isotropic-other]. The unit vector of one axis has stiffness
    and noise of the sum. The rotation joins it to the sum alone, of which the row {ones} in
    [eq:own-sylvester] is {root} times the unit vector, so that the term of equal indices is
    [eq:isotropic-own]. Two of these and {others} of the others add up to [eq:isotropic].
    """
    s, noise, gain = symbol("singular_value"), symbol("label_noise"), symbol("gain")
    variance = symbol("input_variance")
    grouped_form = grouped_isotropic(found)
    quiet_form = simplify_by(found, substitute("no label noise", {noise: sp.Integer(0)}), FACTOR)
    grouped, quiet = grouped_form.expression, quiet_form.expression
    equal = {
        symbol(role, k): symbol(role)
        for k in (1, 2, 3)
        for role in ("input_variance", "singular_value", "label_noise")
    }
    explicit = replaced(rotation_variance(examples.all_active, (0, 1)), equal)
    axis = isotropic_direction()
    other_sum, own_sum = (TERM[I_INDEX, J_INDEX, index] for index in (L_INDEX, I_INDEX))
    terms = {
        other_sum: other_term(examples.representative, axis, axis, axis),
        own_sum: own_term(examples.representative, axis, axis),
    }
    with_gain = {gain: s + GAMMA / variance}
    driving = 2 * GAMMA**2 + noise**2 * variance
    stiff_sum, stiff_difference = 2 * variance * s, 2 * variance * gain
    noise_sum, noise_difference = 2 * s * driving, 2 * s * noise**2 * variance
    prefactor = ETA**2 / (2 * BATCH**2 * PLANE_METRIC**2)
    alike = (Premise.GAUSSIAN, Premise.SHARED_AXES, Premise.EQUAL_AXES)
    return step(
        under={
            **dict.fromkeys(("isotropic_other", "isotropic_own", "isotropic"), alike),
            "isotropic_quiet": (*alike, Premise.QUIET_LABELS),
        },
        isotropic_other=chain(
            other_sum,
            (
                "noise times fluctuation in both eigenvectors; {overlap} is {quarter}",
                ETA * s / 2 * (driving**2 / variance + s * noise**4 * variance / gain),
                terms,
            ),
            value=lambda line: line.xreplace(with_gain),
        ),
        isotropic_own=chain(
            own_sum,
            (
                "noise times fluctuation in the sum alone, times the square of {root}",
                ETA * s * driving**2 / variance,
                terms,
            ),
            value=lambda line: line.xreplace(with_gain),
        ),
        isotropic=chain(
            DIFFUSION,
            (
                "half of [eq:total]",
                prefactor * (2 * own_sum + (INPUTS - 2) * other_sum),
                {DIFFUSION: found, PLANE_METRIC: 4 * s, **terms},
            ),
            (
                "by [eq:isotropic-own], [eq:isotropic-other] and {metric}",
                ETA**3
                / (32 * BATCH**2 * s)
                * (
                    2 * driving**2 / variance
                    + (INPUTS - 2) * (driving**2 / variance + s * noise**4 * variance / gain) / 2
                ),
                {PLANE_METRIC: 4 * s, **terms},
            ),
            ("collected by kinds of noise", grouped),
            value=lambda line: line.xreplace(with_gain),
        ),
        isotropic_quiet=chain(
            QUIET_DIFFUSION,
            (
                "[eq:isotropic] without label noise",
                quiet,
                {QUIET_DIFFUSION: grouped.xreplace({noise: sp.Integer(0)})},
            ),
        ),
        symbols={
            "ones": ONES,
            "root": sp.sqrt(2),
            "others": INPUTS - 2,
            "stiff_sum": stiff_sum,
            "noise_sum": noise_sum,
            "stiff_difference": stiff_difference,
            "noise_difference": noise_difference,
            "overlap": OVERLAP**2,
            "quarter": sp.Rational(1, 4),
            "metric": sp.Eq(PLANE_METRIC, 4 * s),
        },
        checks=(
            vanishes(
                "At three axes it is half the rotation variance that an explicit network gives.",
                (2 * found.xreplace({INPUTS: sp.Integer(3), BATCH: sp.Integer(1)}), explicit),
            ),
        ),
        simplified=(grouped_form, quiet_form),
    )


def _irrelevant(examples: Examples) -> Step:
    """A bottleneck with irrelevant inputs

    Axes that do not fit through the bottleneck keep their whole gain as residual, and this is noise
    for those that do. For an autoencoder, with gain one on every axis, whose learned axes have
    input variance {lambda}, each of {count} irrelevant axes, left out for their smaller variance
    {nu}, adds the same to the diffusion of every plane; at leading order in {gamma} the sum is
    [eq:irrelevant], half of [eq:total] with {metric}. It does not vanish with {gamma}, it grows
    with the number of irrelevant axes and, while they are weak, with the square of their variance,
    and it diverges where they begin to compete for a hidden unit. In a network with fewer outputs,
    irrelevant inputs that no output asks for are milder: they add [eq:unseen], linear in their
    variance.

    Without weight decay the blocks of a learned axis and of one that is left out are
    [eq:irrelevant-blocks], the same for both axes of a plane. The overlap is one, the identity
    solves [eq:sylvester-left] and [eq:sylvester-right], and the error of the axis that is
    left out, which shakes the second unit vector alone, gives [eq:irrelevant-term]. The block of an
    input without output has one row, with the entries {nu} of the Hessian and {unseen_noise} of the
    noise at leading order.
    """
    limits = examples.small_weight_decay
    lam = symbol("input_variance")
    renamed = {
        symbol("input_variance", "i"): lam,
        symbol("input_variance", "j"): lam,
        symbol("input_variance", "l"): IRRELEVANT_VARIANCE,
    }
    # Learned singular values tend to one, so that the squared length of a plane tends to four.
    prefactor = ETA**2 * IRRELEVANT / (2 * BATCH**2 * 4**2)
    equal = substitute("equal variances of the learned axes", renamed)
    term = simplify_by(limits.left_out[0], equal, FACTOR).expression
    extra_form = simplify_by(prefactor * limits.left_out[0], equal, FACTOR)
    unseen_form = simplify_by(
        prefactor * limits.unseen[0] * GAMMA ** limits.unseen[1], equal, FACTOR
    )
    extra, unseen = extra_form.expression, unseen_form.expression
    curved = sp.ImmutableMatrix(
        [[IRRELEVANT_VARIANCE, -IRRELEVANT_VARIANCE], [-IRRELEVANT_VARIANCE, lam]]
    )
    shaken = sp.ImmutableMatrix(sp.diag(0, lam * IRRELEVANT_VARIANCE))
    blocks = {
        BLOCK_NOISE["il"]: shaken,
        BLOCK_FLUCTUATION["il"]: sp.ImmutableMatrix(
            solve_lyapunov(sp.Matrix(curved), ETA * sp.Matrix(shaken))
        ),
    }
    lonely_noise = GAMMA**2 * IRRELEVANT_VARIANCE / lam
    lonely = {
        BLOCK_NOISE["il"]: sp.ImmutableMatrix([[lonely_noise]]),
        BLOCK_FLUCTUATION["il"]: sp.ImmutableMatrix(
            [[ETA * lonely_noise / (2 * IRRELEVANT_VARIANCE)]]
        ),
    }
    left_out = TERM[I_INDEX, J_INDEX, L_INDEX]
    growth = leading_term(extra, IRRELEVANT_VARIANCE)
    unseen_growth = leading_term(unseen, IRRELEVANT_VARIANCE)
    return step(
        under=[
            Premise.GAUSSIAN,
            Premise.SHARED_AXES,
            Premise.SMALL_DECAY,
            Premise.QUIET_LABELS,
        ],
        irrelevant_blocks=[(BLOCK_HESSIAN["il"], curved), (BLOCK_NOISE["il"], shaken)],
        irrelevant_term=chain(
            left_out,
            (
                "by [eq:term], twice the same without weight decay",
                2 * sp.Trace(BLOCK_NOISE["il"] * BLOCK_FLUCTUATION["il"]),
                {left_out: term},
            ),
            (
                "the noise has one entry",
                2 * lam * IRRELEVANT_VARIANCE * BLOCK_FLUCTUATION["il"][1, 1],
                {BLOCK_FLUCTUATION["il"][1, 1]: blocks[BLOCK_FLUCTUATION["il"]][1, 1]},
            ),
            (
                "by [eq:lyapunov-solution] for these blocks",
                ETA * lam**3 * IRRELEVANT_VARIANCE**2 / (lam**2 - IRRELEVANT_VARIANCE**2),
                {BLOCK_FLUCTUATION["il"][1, 1]: blocks[BLOCK_FLUCTUATION["il"]][1, 1]},
            ),
            value=lambda line: evaluate_matrix(line, blocks),
        ),
        irrelevant=Given((EXTRA_DIFFUSION, extra), sp.Lt(IRRELEVANT_VARIANCE, lam)),
        unseen=chain(
            EXTRA_DIFFUSION,
            (
                "half of [eq:total], as for [eq:irrelevant-term]",
                prefactor * 2 * sp.Trace(BLOCK_NOISE["il"] * BLOCK_FLUCTUATION["il"]),
                {EXTRA_DIFFUSION: unseen},
            ),
            (
                "by [eq:lyapunov] for one row",
                unseen,
            ),
            value=lambda line: evaluate_matrix(line, lonely),
        ),
        symbols={
            "count": IRRELEVANT,
            "nu": IRRELEVANT_VARIANCE,
            "unseen_noise": lonely_noise,
            "metric": sp.Eq(PLANE_METRIC, 4),
        },
        checks=(
            holds(
                "The power of the weight decay is zero for axes that are left out and four for "
                "inputs without output; the powers of their variance are two and one.",
                Method.ORDER,
                lambda: (
                    (limits.left_out[1], limits.unseen[1], growth[1], unseen_growth[1])
                    == (0, 4, 2, 1)
                ),
            ),
            holds(
                "The exact term of an explicit network with a bottleneck approaches the leading "
                "order, and ten times smaller weight decay leaves about a tenth of the error.",
                Method.POINTS,
                lambda: _irrelevant_approached(examples, term),
            ),
        ),
        assumptions=("The network is an autoencoder without label noise.",),
        simplified=(extra_form, unseen_form),
    )


def _irrelevant_approached(examples: Examples, term: sp.Expr) -> bool:
    """Variance of the explicit bottleneck minus that of its learned axes alone."""
    representative = examples.representative
    lam, nu = sp.Integer(3), sp.Integer(2)
    errors = []
    for size in (6, 7):
        gamma = sp.Rational(1, 10**size)
        values = {
            symbol("input_variance", 1): lam,
            symbol("input_variance", 2): lam,
            symbol("input_variance", 3): nu,
            symbol("gain", 3): sp.Integer(1),
            symbol("singular_value", 1): 1 - gamma / lam,
            symbol("singular_value", 2): 1 - gamma / lam,
            **{symbol("label_noise", k): sp.Integer(0) for k in (1, 2, 3)},
            GAMMA: gamma,
            ETA: sp.Integer(1),
        }
        whole = replaced(rotation_variance(examples.bottleneck, (0, 1)), values)
        pair = examples.bottleneck.minimum.directions[:2]
        alone = replaced(representative.rotation_variance(pair, 0, 1), values)
        expected = (
            term.xreplace(
                {symbol("input_variance"): lam, IRRELEVANT_VARIANCE: nu, ETA: sp.Integer(1)}
            )
            / 4**2
        )
        errors.append(abs((whole - alone) / expected - 1))
    return bool(errors[0] < sp.Rational(1, 10**4) and 9 * errors[1] < errors[0])


def _hidden_units(examples: Examples) -> Step:
    """More hidden units than needed

    One silent hidden unit more or less leaves the drift of every learned plane as it is,
    [eq:hidden-units], where all directions that can be learned are learned: no noise reaches a
    silent unit, and neither the blocks of [eq:term] nor {metric} contain {p}.
    """
    wide, narrow = (
        [(c.left, c.right, c.overlap) for c in couplings(space, (0, 1))]
        for space in (examples.silent_unit, examples.bottleneck)
    )

    def ingredients() -> Iterator[tuple[Side, Side]]:
        """Blocks and overlaps of the learned plane, label noise included."""
        yield len(wide), len(narrow)
        for (*first, overlap), (*second, other) in zip(wide, narrow, strict=False):
            yield overlap**2, other**2
            for a, b in zip(first, second, strict=True):
                yield from ((a.hessian, b.hessian), (a.noise, b.noise))

    return step(
        hidden_units=Given((WIDER_VARIANCE, PLANE_VARIANCE), sp.Ge(HIDDEN, RANK)),
        symbols={"metric": PLANE_METRIC},
        checks=(
            vanishes(
                "Two learned axes and one that is left out, once with two and once with three "
                "hidden units: everything that the rotation of the learned plane couples is the "
                "same.",
                *ingredients(),
            ),
        ),
    )


def _exponents(examples: Examples, isotropic: sp.Expr) -> Step:
    """Scaling laws

    The scaling exponents of the isotropic result are [eq:exponents]: drift is of third order
    in the learning rate {eta}, falls with the square of the batch size {batch}, grows linearly
    with the number of inputs {n}, of which it is a polynomial of the degree {degree}, and without
    label noise it has the fourth power of the weight decay {gamma} at fixed singular value. The
    first two hold for every plane: each term of [eq:total] is of first order in the noise and of
    first order in the fluctuation, which is proportional to learning rate and noise.
    """
    noise = symbol("label_noise")
    quiet = isotropic.xreplace({noise: sp.Integer(0)})

    def exponent(expression: sp.Expr, variable: sp.Symbol) -> sp.Expr:
        return cancel(sp.diff(expression, variable) * variable / expression)

    in_eta = exponent(isotropic, ETA)
    in_batch = exponent(isotropic, BATCH)
    in_gamma = exponent(quiet, GAMMA)
    in_inputs = sp.Poly(sp.fraction(isotropic)[0], INPUTS).degree()

    def thinned(block: NormalBlock) -> NormalBlock:
        return replace(block, noise=block.noise / BATCH)

    blocks = [
        block
        for term in (examples.representative.own_term, examples.representative.other_term)
        for coupling in term.couplings
        for block in (coupling.left, coupling.right)
    ]

    def batch_law() -> bool:
        """Dividing the noise blocks by the batch size divides each term by its square."""
        for term in (examples.representative.own_term, examples.representative.other_term):
            forward, backward = (
                replace(c, left=thinned(c.left), right=thinned(c.right)) for c in term.couplings
            )
            scaled = DriftTerm((forward, backward))
            symbols = sorted(scaled.exact.free_symbols - {BATCH}, key=lambda item: item.name)
            point = {item: sp.Rational(2 * k + 3, k + 2) for k, item in enumerate(symbols)}
            ratio = replaced(scaled.exact, point) * BATCH**2 - replaced(term.exact, point)
            if not is_zero(ratio):
                return False
        return True

    return step(
        exponents=[
            (EXPONENTS["eta"], in_eta),
            (EXPONENTS["B"], in_batch),
            (EXPONENTS["gamma"], in_gamma),
            (EXPONENTS["n"], sp.Integer(in_inputs)),
        ],
        symbols={"degree": EXPONENTS["n"]},
        checks=(
            holds(
                "Dividing the gradient noise by the batch size divides every term by its square.",
                Method.POINTS,
                batch_law,
            ),
            vanishes(
                "The fluctuation of each block in the terms is proportional to its noise and to "
                "the learning rate, for arbitrary directions.",
                *((thinned(block).fluctuation * BATCH, block.fluctuation) for block in blocks),
                *((block.fluctuation.diff(ETA) * ETA, block.fluctuation) for block in blocks),
            ),
            holds(
                "Noise and curvature of these blocks do not contain the learning rate.",
                Method.CASES,
                lambda: not any(block.noise.has(ETA) or block.hessian.has(ETA) for block in blocks),
            ),
        ),
    )

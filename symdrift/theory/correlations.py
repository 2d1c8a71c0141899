"""Drift as a stochastic area: correlations between steps, summed over their lags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.rational import cancel
from symdrift.algebra.wick import expectation
from symdrift.derivation.chapter import chain, step
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import ETA, TIME, symbol
from symdrift.derivation.vocabulary import (
    CENTRED_NOISE,
    COLOURED,
    CORRECTOR,
    FLUCTUATION,
    HESSIAN,
    METRIC,
    NOISE,
    NORMAL,
    SIZE,
    TURN,
)
from symdrift.theory.examples import Examples
from symdrift.typesetting.printer import Mean

ROTATION_COVARIANCE = symbol("rotation_covariance")
PULL, KEPT, KEPT_BEFORE = (
    sp.MatrixSymbol(name, *FLUCTUATION.shape) for name in ("pull", "kept", "kept_before")
)
LATER = sp.MatrixSymbol("n_later", SIZE, 1)
KICK_AND_PULL, PULL_AND_PULL = sp.symbols("kick_and_pull pull_and_pull", real=True)
FIRST, SECOND = sp.symbols("h_b h_c", positive=True)

LATEX: dict[sp.Basic, str] = {
    PULL: r"(H \tilde\Omega)_{+}",
    KEPT: r"(I - \eta H)^{\tau}",
    KEPT_BEFORE: r"(I - \eta H)^{\tau - 1}",
    LATER: r"\delta_{t+\tau}",
    KICK_AND_PULL: (
        r"\mathbb{E}[\zeta_t^{\mathsf{T}} \tilde\Omega \delta_t\, "
        r"\delta_{t+\tau}^{\mathsf{T}} (H \tilde\Omega)_{+} \delta_{t+\tau}]"
    ),
    PULL_AND_PULL: (
        r"\operatorname{Cov}(\delta_t^{\mathsf{T}} (H \tilde\Omega)_{+} \delta_t,\, "
        r"\delta_{t+\tau}^{\mathsf{T}} (H \tilde\Omega)_{+} \delta_{t+\tau})"
    ),
}

MEANINGS = ((PULL, "pull on the rotation, a quadratic form of the deviation", "matrix"),)


def correlations(_: Examples) -> Iterator[Step]:
    """The covariance of rotations once more, without a corrector."""
    yield _correlations()
    yield _summed_over_lags()


def _correlations() -> Step:
    """Correlations between steps

    The variance can be had without a corrector, by adding up how the rotation of one step is
    correlated with those of all others. A step rotates by a kick, {eta} {kick}, and by a pull,
    {eta} {pull_form}, over {G}, where {pull} is the right side of [eq:corrector]: what the
    quadratic form sees of Hessian times rotation. A kick is correlated with itself, and with the
    pulls that follow, because these pull back what it has moved: after {tau} steps of
    [eq:normal-step] the deviation is {kept} times the old one, less {eta} {kept_before} times the
    noise of that step, plus younger noise, which gives [eq:kick-and-pull]. A pull is correlated
    with the pulls that follow because the deviation lasts, [eq:pull-and-pull]; as a sum of many
    small and independent kicks the deviation is Gaussian at leading order, and its fourth moments
    are sums over three pairings. Kicks are correlated with no pull before them. In the eigenbasis
    of the Hessian, with eigenvalues {h_b} and {h_c}, the sum over all lags is the geometric series
    [eq:lags]. At leading order it divides the entries of {pull} by {eta} times the sum of two
    eigenvalues, and so turns {pull} into {K} over {eta}, by [eq:corrector]. The power that is less
    by one in [eq:kick-and-pull] and whether a sum begins at lag zero or one do not matter at this
    order. Lags of both signs count: [eq:pull-and-pull] twice, and [eq:kick-and-pull] twice as well,
    as kick and pull and as pull and kick.
    """
    h = sp.diag(*sp.symbols("h_1:3", positive=True))
    power = sp.symbols("b_1:3", positive=True)
    turn = sp.ImmutableMatrix([[0, 1], [-1, 0]]) * sp.Symbol("w")
    covariances = {
        name: sp.ImmutableMatrix(
            2, 2, lambda a, b, s=name: sp.Symbol(f"{s}_{min(a, b)}{max(a, b)}")
        )
        for name in ("C", "F")
    }
    n, z = (sp.ImmutableMatrix(sp.symbols(f"{name}_1:3", real=True)) for name in "nz")
    moments = {
        (vector[a], vector[b]): covariances[name][a, b]
        for vector, name in ((z, "C"), (n, "F"))
        for a in range(2)
        for b in range(2)
    }
    before = sp.diag(*(power[a] / (1 - ETA * h[a, a]) for a in range(2)))
    entries: dict[Any, Any] = {
        NORMAL: n,
        CENTRED_NOISE: z,
        TURN: turn,
        NOISE: covariances["C"],
        FLUCTUATION: covariances["F"],
        PULL: (h * turn - turn * h) / 2,
        KEPT: sp.ImmutableMatrix(sp.diag(*power)),
        KEPT_BEFORE: sp.ImmutableMatrix(before),
    }
    entries[LATER] = entries[KEPT] * n - ETA * entries[KEPT_BEFORE] * z

    def averaged(line: sp.Basic) -> sp.Expr:
        return expectation(sp.expand(evaluate_matrix(line, entries)), moments)

    def value(line: sp.Basic) -> Any:
        """A line for two directions, with the noise that is younger than the lag left out."""
        return evaluate_matrix(line.replace(Mean, averaged), entries)

    kick, pull = sp.Trace(CENTRED_NOISE.T * TURN * NORMAL), sp.Trace(NORMAL.T * PULL * NORMAL)
    later = sp.Trace(LATER.T * PULL * LATER)
    lasting = sp.Trace(NORMAL.T * KEPT * PULL * KEPT * NORMAL)
    ratio = sp.Symbol("ratio", positive=True)
    (series, _), *_ = sp.summation(ratio**TIME, (TIME, 0, sp.oo)).args
    kept = (1 - ETA * FIRST) * (1 - ETA * SECOND)
    lags = sp.Sum(((1 - ETA * FIRST) * (1 - ETA * SECOND)) ** TIME, (TIME, 0, sp.oo))
    both = FIRST + SECOND
    return step(
        kick_and_pull=chain(
            KICK_AND_PULL,
            (
                "{zeta} and {n_t} are independent, without mean: of {later} only the product of "
                "both is left, twice",
                -2
                * ETA
                * Mean(kick * sp.Trace(NORMAL.T * KEPT * PULL * KEPT_BEFORE * CENTRED_NOISE)),
                {KICK_AND_PULL: averaged(kick * later)},
            ),
            (
                "kick and deviation are independent, with covariances {C} and {Gamma}",
                -2 * ETA * sp.Trace(TURN.T * NOISE * KEPT_BEFORE * PULL * KEPT * FLUCTUATION),
            ),
            value=value,
        ),
        pull_and_pull=chain(
            PULL_AND_PULL,
            (
                "what has come later is independent of the old deviation",
                Mean(pull * lasting) - Mean(pull) * Mean(lasting),
                {PULL_AND_PULL: averaged(pull * later) - averaged(pull) * averaged(later)},
            ),
            (
                "the product of means takes one of three pairings away; the other two are equal",
                2 * sp.Trace(PULL * FLUCTUATION * KEPT * PULL * KEPT * FLUCTUATION),
            ),
            value=value,
        ),
        lags=chain(
            lags,
            ("geometric series", 1 / (1 - kept), {lags: series.subs(ratio, kept)}),
            ("multiplied out", 1 / (ETA * both - ETA**2 * FIRST * SECOND)),
            (
                "the second factor is one at leading order",
                1 / (ETA * both) / (1 - ETA * FIRST * SECOND / both),
            ),
        ),
        symbols={
            "kick": kick,
            "pull_form": pull,
            "pull": PULL,
            "later": LATER,
            "kept": KEPT,
            "kept_before": KEPT_BEFORE,
            "h_b": FIRST,
            "h_c": SECOND,
        },
    )


def _summed_over_lags() -> Step:
    """The same variance by summing correlations

    Kicks with themselves, twice kicks with later pulls, and pulls with pulls at all lags of either
    sign add up to the first line of [eq:summed]. The equations of the corrector and of the
    fluctuation turn it into [eq:covariance] of one plane: both roads lead to the same variance, and
    it is seen what the corrector does. The last term of that line alone would be the variance of
    kicks without memory; {Y} in the place of {Omega} accounts for what is pulled back.
    """
    size = 3
    h = sp.symbols(f"h_1:{size + 1}", positive=True)
    w = sp.symbols("w_12 w_13 w_23")
    turn = sp.ImmutableMatrix([[0, w[0], w[1]], [-w[0], 0, w[2]], [-w[1], -w[2], 0]])
    noise = sp.ImmutableMatrix(size, size, lambda a, b: sp.Symbol(f"c_{min(a, b)}{max(a, b)}"))
    hessian = sp.ImmutableMatrix(sp.diag(*h))
    pull = (hessian * turn - turn * hessian) / 2

    def divided(matrix: sp.ImmutableMatrix) -> sp.ImmutableMatrix:
        return sp.ImmutableMatrix(size, size, lambda a, b: matrix[a, b] / (h[a] + h[b]))

    corrector, fluctuation = divided(pull), ETA * divided(noise)
    entries: dict[Any, Any] = {
        HESSIAN: hessian,
        TURN: turn,
        NOISE: noise,
        FLUCTUATION: fluctuation,
        CORRECTOR: corrector,
        PULL: pull,
        COLOURED: turn - 2 * corrector,
    }

    def at_finite_rate() -> sp.Expr:
        """All correlations summed over all lags, and then the leading order in the rate."""
        kept = [1 - ETA * value for value in h]
        behind, lasting = (
            sp.ImmutableMatrix(
                size, size, lambda a, b, left=left: pull[a, b] * (kept[a] if left else 1) * kept[b]
                / (1 - kept[a] * kept[b])
            )
            for left in (False, True)
        )  # fmt: skip
        kicks = (turn.T * noise * turn * fluctuation).trace()
        pulled = -2 * ETA * (turn.T * noise * behind * fluctuation).trace()
        pulls = 2 * (pull * fluctuation * (pull + 2 * lasting) * fluctuation).trace()
        per_order = cancel((kicks + 2 * pulled + pulls) / ETA)
        return ETA**3 * per_order.subs(ETA, 0)

    whole = sp.Trace(TURN.T * NOISE * TURN * FLUCTUATION)
    mixed = sp.Trace(TURN.T * NOISE * CORRECTOR * FLUCTUATION)
    kept_apart = TURN - 2 * CORRECTOR
    return step(
        summed=chain(
            METRIC**2 * ROTATION_COVARIANCE,
            (
                "by [eq:kick-and-pull] and [eq:pull-and-pull], summed by [eq:lags]",
                ETA**2 * whole
                - 4 * ETA**2 * mixed
                + 4 * ETA * sp.Trace(CORRECTOR * FLUCTUATION * PULL * FLUCTUATION),
                {ROTATION_COVARIANCE: at_finite_rate() / METRIC**2},
            ),
            (
                "by [eq:corrector]; the trace is cyclic",
                ETA**2 * whole
                - 4 * ETA**2 * mixed
                + 4
                * ETA
                * sp.Trace(
                    CORRECTOR
                    * (HESSIAN * FLUCTUATION + FLUCTUATION * HESSIAN)
                    * CORRECTOR
                    * FLUCTUATION
                ),
            ),
            (
                "by [eq:lyapunov]",
                ETA**2 * whole
                - 4 * ETA**2 * mixed
                + 4 * ETA**2 * sp.Trace(CORRECTOR * NOISE * CORRECTOR * FLUCTUATION),
            ),
            (
                "{K} is symmetric, and a trace is that of the transpose",
                ETA**2 * sp.Trace(kept_apart.T * NOISE * kept_apart * FLUCTUATION),
            ),
            ("by [eq:coloured]", ETA**2 * sp.Trace(COLOURED.T * NOISE * COLOURED * FLUCTUATION)),
            value=lambda line: evaluate_matrix(line, entries),
        ),
    )

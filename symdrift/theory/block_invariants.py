"""Results for this study: long terms by traces and determinants of the blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import starmap

import sympy as sp

from symdrift.algebra.equations import solve_lyapunov
from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.rational import cancel, is_zero, replaced
from symdrift.derivation.chapter import Given, holds, step, vanishes
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import ETA, GAMMA, symbol
from symdrift.derivation.vocabulary import (
    BLOCK_HESSIAN,
    BLOCK_NOISE,
    LEFT_SOLUTION,
    OWN_HESSIAN,
    RIGHT_SOLUTION,
)
from symdrift.theory.drift import MIXED_HESSIAN, ONES, ROW_LEFT, ROW_RIGHT
from symdrift.theory.examples import Examples
from symdrift.theory.linear.aligned import RepresentativeDrift, renaming
from symdrift.theory.linear.limits import other_term, own_term
from symdrift.theory.linear.normal_space import NormalBlock
from symdrift.theory.linear.points import Direction
from symdrift.theory.subject import Subject

RESULTANT, OWN_RESULTANT = sp.symbols("resultant own_resultant", positive=True)

LATEX: dict[sp.Basic, str] = {
    RESULTANT: r"\mathcal{R}_{ijl}",
    OWN_RESULTANT: r"\mathcal{R}_{iji}",
}

_P, _Q, _OWN = BLOCK_HESSIAN["il"], BLOCK_HESSIAN["jl"], MIXED_HESSIAN
_UNIT = sp.Identity(2)


def _left() -> tuple[sp.Expr, sp.MatrixExpr]:
    """Resultant of two blocks, and the solution of [eq:sylvester-left]."""
    t_p, t_q, d_p, d_q = sp.Trace(_P), sp.Trace(_Q), sp.Determinant(_P), sp.Determinant(_Q)
    mixed, adjugate = t_p * d_q + t_q * d_p, t_p * _UNIT - _P
    solution = (2 / RESULTANT) * (
        mixed * _Q + (t_p + t_q) * d_q * adjugate + (d_p - d_q) * (adjugate * _Q - d_q * _UNIT)
    )
    return (t_p + t_q) * mixed + (d_p - d_q) ** 2, solution


def _own_left() -> tuple[sp.Expr, sp.MatrixExpr]:
    """The same for the block of an axis with itself, [eq:own-sylvester]."""
    trace, determinant = sp.Trace(_OWN), sp.Determinant(_OWN)
    row = (2 / OWN_RESULTANT) * ONES * (OWN_HESSIAN * _OWN + determinant * _UNIT)
    return OWN_HESSIAN**2 + OWN_HESSIAN * trace + determinant, row


def invariant_terms(
    examples: Examples, subject: Subject, terms: Sequence[tuple[tuple[int, int], int]]
) -> Step:
    """Terms by traces and determinants

    The terms of this study that are not written out have the same few parts. Two learned axes
    {i} and {l} have the blocks [eq:study-hessian-learned] and [eq:study-noise-learned], with
    trace [eq:study-trace-learned] and determinant [eq:study-determinant-learned]; {lambda_i},
    {a_i} and {sigma_i} stand for the numbers of this study on the axis {i}.<left_out> In these
    invariants the Sylvester equation of two blocks needs no solving: with [eq:resultant] the
    matrices {Y} and {Z} of [eq:term] are [eq:invariant-left] and [eq:invariant-right]. For
    equal indices the rows {y} and {z} of [eq:own-term] are [eq:invariant-own-left] and
    [eq:invariant-own-right], with [eq:own-resultant]. Together with [eq:lyapunov-solution] this
    is every term of the study, and nothing is left to be solved.
    """
    drift = examples.representative
    kinds = _kinds(drift)
    left_out = any(not direction.active for direction in subject.directions)
    shown = {kind: block for kind, block in kinds.items() if left_out or kind == "learned"}
    s_l = symbol("singular_value", "l", nonnegative=True)
    conditions = {
        "learned": sp.Gt(s_l, 0, evaluate=False),
        "left-out": sp.Eq(s_l, 0, evaluate=False),
    }
    resultant, left = _left()
    own_resultant, own_left = _own_left()
    return step(
        study_hessian={
            kind: Given((_P, block.hessian), conditions[kind]) for kind, block in shown.items()
        },
        study_noise={
            kind: Given(
                (BLOCK_NOISE["il"], sp.MatMul(block.length, block.inner, evaluate=False)),
                conditions[kind],
            )
            for kind, block in shown.items()
        },
        study_trace={
            kind: Given((sp.Trace(_P), block.invariants[0]), conditions[kind])
            for kind, block in shown.items()
        },
        study_determinant={
            kind: Given((sp.Determinant(_P), block.invariants[1]), conditions[kind])
            for kind, block in shown.items()
        },
        resultant=(RESULTANT, resultant),
        invariant_left=(LEFT_SOLUTION, left),
        invariant_right=(RIGHT_SOLUTION, 2 * _UNIT - LEFT_SOLUTION),
        own_resultant=(OWN_RESULTANT, own_resultant),
        invariant_own_left=(ROW_LEFT, own_left),
        invariant_own_right=(ROW_RIGHT, 2 * ONES - ROW_LEFT),
        symbols={"Y": LEFT_SOLUTION, "Z": RIGHT_SOLUTION, "y": ROW_LEFT, "z": ROW_RIGHT},
        words={
            "left_out": (
                " Where {l} is left out, they are [eq:study-hessian-left-out], "
                "[eq:study-noise-left-out], [eq:study-trace-left-out] and "
                "[eq:study-determinant-left-out]."
                if left_out
                else ""
            )
        },
        checks=(
            vanishes(
                "Blocks, traces and determinants are those of [eq:hessian-pair] and "
                "[eq:noise-pair].",
                *(defect for block in shown.values() for defect in _defects(drift, block)),
            ),
            holds(
                "With arbitrary symmetric blocks in their places, the matrices and rows solve "
                "[eq:sylvester-left], [eq:sylvester-right] and [eq:own-sylvester].",
                "numerator expanded to zero",
                _solved,
            ),
            holds(
                "With the numbers of the study, and others where it leaves them open, each of "
                "these terms equals that of the representative indices.",
                "exact evaluation at a rational point",
                lambda: all(starmap(_Numeric(drift, kinds, *_numbers(subject)).same, terms)),
            ),
        ),
    )


@dataclass(frozen=True)
class _Block:
    """Hessian and noise of a learned axis ``i`` and another one ``l``.

    ``inner`` times ``length``, the sum of the two singular values, is the noise.
    """

    hessian: sp.ImmutableMatrix
    inner: sp.ImmutableMatrix
    length: sp.Expr

    @classmethod
    def of(cls, pair: NormalBlock, residual: sp.Expr, s_l: sp.Expr) -> _Block:
        known = {symbol("residual_map", "l"): residual, symbol("singular_value", "l"): s_l}
        length = symbol("singular_value", "i") + s_l
        return cls(
            pair.hessian.xreplace(known).applyfunc(lambda entry: _by(length, entry)),
            pair.noise.xreplace(known).applyfunc(lambda entry: sp.expand(cancel(entry / length))),
            length,
        )

    @property
    def invariants(self) -> tuple[sp.Expr, sp.Expr]:
        """Trace and determinant of the Hessian."""
        return _by(self.length, self.hessian.trace()), _by(self.length, self.hessian.det())


def _by(length: sp.Expr, expression: sp.Expr) -> sp.Expr:
    """A polynomial in the length of a block and the input variances, in powers of the former."""
    whole, s_i = sp.Dummy(positive=True), symbol("singular_value", "i")
    inside = sp.expand(expression.xreplace({s_i: whole - length + s_i}))
    return sp.collect(inside, whole, sp.factor).xreplace({whole: length})


def _kinds(drift: RepresentativeDrift) -> dict[str, _Block]:
    """The blocks with ``l`` learned and left out."""
    pair, variance = drift.pair_block, symbol("input_variance", "l")
    return {
        "learned": _Block.of(pair, GAMMA / variance, symbol("singular_value", "l")),
        "left-out": _Block.of(pair, symbol("gain", "l"), sp.Integer(0)),
    }


def _defects(drift: RepresentativeDrift, block: _Block) -> Iterator[sp.Expr]:
    """What the displayed parts of a block of axes ``i`` and ``l`` miss of the general one."""
    pair, learned = drift.pair_block, block.length != symbol("singular_value", "i")
    variance, s_l = symbol("input_variance", "l"), symbol("singular_value", "l")
    known = {symbol("residual_map", "l"): GAMMA / variance if learned else symbol("gain", "l")}
    known |= {} if learned else {s_l: sp.Integer(0)}
    hessian, noise = (matrix.xreplace(known) for matrix in (pair.hessian, pair.noise))
    trace, determinant = block.invariants
    yield from hessian - block.hessian
    yield from noise - block.length * block.inner
    yield from (hessian.trace() - trace, hessian.det() - determinant)


def _solved() -> bool:
    entries = sp.symbols("a b d e f g h")
    a, b, d, e, f, g, h = entries
    p, q = sp.ImmutableMatrix([[a, b], [b, d]]), sp.ImmutableMatrix([[e, f], [f, g]])
    left = _evaluated(*_left(), RESULTANT, {_P: p, _Q: q})
    right = 2 * sp.eye(2) - left
    row = _evaluated(*_own_left(), OWN_RESULTANT, {_OWN: q}, {OWN_HESSIAN: h})
    ones = sp.ones(1, 2)
    other = 2 * ones - row
    residues = (
        p * left + left * q - 2 * q,
        p * right + right * q - 2 * p,
        h * row + row * q - 2 * ones * q,
        h * other + other * q - 2 * h * ones,
    )
    return all(is_zero(entry) for residue in residues for entry in residue)


def _evaluated(
    resultant: sp.Expr,
    solution: sp.MatrixExpr,
    name: sp.Symbol,
    blocks: Mapping[sp.MatrixSymbol, sp.ImmutableMatrix],
    numbers: Mapping[sp.Symbol, sp.Expr] | None = None,
) -> sp.ImmutableMatrix:
    """A displayed solution with blocks in the place of their symbols."""
    entries = {**blocks, ONES: sp.ImmutableMatrix(sp.ones(1, 2))}
    known = dict(numbers or {})
    value = evaluate_matrix(resultant.xreplace(known), entries)
    return evaluate_matrix(solution.xreplace(known | {name: value}), entries)


def _numbers(subject: Subject) -> tuple[tuple[Direction, ...], sp.Rational]:
    """Axes and weight decay of the study as rational numbers.

    Symbols without a value get one; numbers that are not rational are rounded, for the same
    formulas hold beside them.
    """
    gains = [direction.gain for direction in subject.directions]
    parts = [*gains, subject.weight_decay]
    parts += [part for d in subject.directions for part in (d.input_variance, d.label_noise)]
    names = sorted(set().union(*(part.free_symbols for part in parts)), key=lambda s: s.name)
    point = {item: sp.Rational(k + 5, k + 3) for k, item in enumerate(names)}
    point |= subject.values

    def number(part: sp.Expr) -> sp.Rational:
        value = part.xreplace(point)
        return value if value.is_Rational else sp.Rational(float(value))

    decay = number(subject.weight_decay)
    axes = []
    for direction, gain in zip(subject.directions, map(number, gains), strict=True):
        variance = number(direction.input_variance)
        residual = decay / variance if direction.active else gain
        axes.append(
            replace(
                direction,
                input_variance=variance,
                label_noise=number(direction.label_noise),
                singular_value=gain - residual,
                residual=residual,
            )
        )
    return tuple(axes), decay


@dataclass(frozen=True)
class _Numeric:
    """The displayed parts at rational numbers, for a unit learning rate."""

    drift: RepresentativeDrift
    kinds: Mapping[str, _Block]
    axes: Sequence[Direction]
    decay: sp.Rational

    def same(self, plane: tuple[int, int], l: int) -> bool:
        """Whether the displayed parts give the general term."""
        i, j = plane if l == plane[0] else plane[::-1]
        if l in plane:
            general, found = own_term(self.drift, self.axes[i], self.axes[j]), self._own(i, j)
        else:
            general = other_term(self.drift, *(self.axes[k] for k in (i, j, l)))
            found = self._other(i, j, l)
        return bool(self._at(general) == found)

    def _other(self, i: int, j: int, l: int) -> sp.Expr:
        """[eq:term] by [eq:invariant-left] and [eq:invariant-right]."""
        (p, noise_p, moved_p), (q, noise_q, moved_q) = self._block(i, l), self._block(j, l)
        y = _evaluated(*_left(), RESULTANT, {_P: p, _Q: q})
        z = 2 * sp.eye(2) - y
        area = (y.T * noise_p * y * moved_q).trace() + (z * noise_q * z.T * moved_p).trace()
        overlap = self.drift.other_term.couplings[0].overlap
        return self._at(overlap**2, i=i, j=j, l=l) * area

    def _own(self, i: int, j: int) -> sp.Expr:
        """[eq:own-term] by [eq:invariant-own-left] and [eq:invariant-own-right]."""
        block = self.drift.diagonal_block
        own, noise, moved = (
            self._at(matrix[0], i=i) for matrix in (block.hessian, block.noise, block.fluctuation)
        )
        other, other_noise, other_moved = self._block(j, i)
        y = _evaluated(*_own_left(), OWN_RESULTANT, {_OWN: other}, {OWN_HESSIAN: own})
        z = 2 * sp.ones(1, 2) - y
        area = noise * (y * other_moved * y.T)[0] + moved * (z * other_noise * z.T)[0]
        return self._at(self.drift.own_term.couplings[0].overlap ** 2, i=i, j=j) * area

    def _block(self, i: int, l: int) -> tuple[sp.Matrix, sp.Matrix, sp.Matrix]:
        """Hessian, noise and fluctuation of two axes, the first of them learned."""
        block = self.kinds["learned" if self.axes[l].active else "left-out"]
        hessian, noise = (
            matrix.applyfunc(lambda entry: self._at(entry, i=i, l=l))
            for matrix in (block.hessian, block.length * block.inner)
        )
        return hessian, noise, solve_lyapunov(hessian, noise)

    def _at(self, expression: sp.Expr, **places: int) -> sp.Expr:
        values = renaming(**{index: self.axes[place] for index, place in places.items()})
        gains = {symbol("gain", index): self.axes[place].gain for index, place in places.items()}
        return replaced(expression, {**values, **gains, GAMMA: self.decay, ETA: sp.Integer(1)})

"""Results for this study: its blocks, with their traces and determinants, in its own letters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import starmap

import sympy as sp

from symdrift.algebra.equations import solve_lyapunov
from symdrift.algebra.rational import cancel, is_zero, replaced
from symdrift.derivation.chapter import Given, Side, holds, step, vanishes
from symdrift.derivation.steps import Method, Sides, Step
from symdrift.derivation.symbols import ETA, GAMMA, symbol
from symdrift.derivation.vocabulary import (
    BLOCK_HESSIAN,
    BLOCK_NOISE,
    LEFT_SOLUTION,
    OWN_FLUCTUATION,
    OWN_HESSIAN,
    OWN_NOISE,
    RIGHT_SOLUTION,
)
from symdrift.theory.block_solutions import (
    MIXED_HESSIAN,
    OF_ONE_AXIS,
    OF_TWO_BLOCKS,
    ROW_LEFT,
    ROW_RIGHT,
)
from symdrift.theory.examples import Examples
from symdrift.theory.linear.aligned import RepresentativeDrift, renaming
from symdrift.theory.linear.limits import other_term, own_term
from symdrift.theory.linear.normal_space import NormalBlock
from symdrift.theory.linear.points import Direction
from symdrift.theory.subject import Subject

_P = BLOCK_HESSIAN["il"]

Place = tuple[tuple[int, int], int]
"""A plane and the axis of a term."""


def blocks_of_study(examples: Examples, subject: Subject, terms: Sequence[Place]) -> Step:
    """The blocks of its terms

    Two learned axes {i} and {l} of this study have the blocks [eq:study-hessian-learned] and
    [eq:study-noise-learned], with trace [eq:study-trace-learned] and determinant
    [eq:study-determinant-learned].<left_out><letters> An axis with itself has
    [eq:study-own-hessian], [eq:study-own-noise] and [eq:study-own-fluctuation]. The rest of a term
    follows from these: the fluctuation of two axes by [eq:lyapunov-solution], the solutions {Y} and
    {Z} of two blocks by [eq:solution-left] and [eq:solution-right], the rows {y} and {z} of the
    plane of the first two indices of a term by [eq:own-solution-left] and [eq:own-solution-right],
    and the overlaps by [eq:overlap] and [eq:own-overlap]. These are all terms of the study. The
    trace of {C} is that of all these blocks, each pair of axes once.
    """
    drift = examples.representative
    kinds = _kinds(drift)
    left_out = any(not direction.active for direction in subject.directions)
    blocks = {kind: block for kind, block in kinds.items() if left_out or kind == "learned"}
    letters = _letters(subject)
    s_l = symbol("singular_value", "l", nonnegative=True)
    conditions = {
        "learned": sp.Gt(s_l, 0, evaluate=False),
        "left-out": sp.Eq(s_l, 0, evaluate=False),
    }
    shown = {kind: block.renamed(letters) for kind, block in blocks.items()}
    own = _own_blocks(drift)

    def stated(kind: str, left: sp.Basic, right: sp.Basic) -> Given | Sides:
        return Given((left, right), conditions[kind]) if left_out else (left, right)

    return step(
        study_hessian={kind: stated(kind, _P, block.hessian) for kind, block in shown.items()},
        study_noise={
            kind: stated(
                kind,
                BLOCK_NOISE["il"],
                sp.MatMul(block.length, block.inner, evaluate=False),
            )
            for kind, block in shown.items()
        },
        study_trace={
            kind: stated(kind, sp.Trace(_P), block.trace) for kind, block in shown.items()
        },
        study_determinant={
            kind: stated(kind, sp.Determinant(_P), block.determinant)
            for kind, block in shown.items()
        },
        study_own={
            kind: (left, value.xreplace(letters | {ETA: subject.learning_rate}))
            for kind, (left, value) in own.items()
        },
        symbols={
            "Y": LEFT_SOLUTION,
            "Z": RIGHT_SOLUTION,
            "y": ROW_LEFT,
            "z": ROW_RIGHT,
            **{f"letter_{k}": item for k, item in enumerate(_of_axes(letters))},
        },
        words={
            "left_out": (
                " Where {l} is left out, they are [eq:study-hessian-left-out], "
                "[eq:study-noise-left-out], [eq:study-trace-left-out] and "
                "[eq:study-determinant-left-out]."
                if left_out
                else ""
            ),
            "letters": _about_letters(subject, letters),
        },
        checks=(
            vanishes(
                "Blocks, traces and determinants are those of [eq:hessian-pair] and "
                "[eq:noise-pair].",
                *(pair for block in blocks.values() for pair in _compared(drift, block)),
            ),
            vanishes(
                "An axis with itself has these three by [eq:hessian-own], [eq:noise-own] and "
                "[eq:fluctuation-own].",
                *(
                    (
                        getattr(drift.diagonal_block, kind)[0].xreplace(_LEARNED),
                        value.xreplace(_LEARNED),
                    )
                    for kind, (_, value) in own.items()
                ),
            ),
            holds(
                "With the numbers of each pair of axes of the study in the place of the indices, "
                "its letters give the same blocks as those of the theory.",
                Method.IDENTITY,
                lambda: _same_in_letters(subject, blocks, letters),
            ),
            holds(
                "With the numbers of the study, and others where it leaves them open, traces and "
                "determinants give each term that the representative indices give.",
                Method.POINTS,
                lambda: all(starmap(_Numeric(drift, kinds, *_numbers(subject)).same, terms)),
            ),
        ),
    )


def counted(
    examples: Examples, subject: Subject, plane: tuple[int, int], counts: Mapping[int, int]
) -> bool:
    """Whether the terms of a plane, each so many times, are its variance, at rational numbers."""
    drift = examples.representative
    axes, decay = _numbers(subject)
    numeric = _Numeric(drift, _kinds(drift), axes, decay)
    i, j = plane
    total = sum(count * numeric.general(plane, l) for l, count in counts.items())
    metric = 2 * (axes[i].singular_value + axes[j].singular_value)
    return bool(numeric.at(drift.rotation_variance(axes, i, j)) == total / metric**2)


def _letters(subject: Subject) -> dict[sp.Basic, sp.Expr]:
    """What stands in the study for the numbers of an axis ``i`` or ``l``, and for all axes.

    A number that all axes share stands for itself; numbers that bear the numbers of their axes, as
    ``kappa_1``, with an index in its place.  Others keep the letters of the theory.
    """
    found: dict[sp.Basic, sp.Expr] = {GAMMA: subject.weight_decay}
    numbers = {
        "input_variance": [direction.input_variance for direction in subject.directions],
        "label_noise": [sp.sqrt(direction.label_noise) for direction in subject.directions],
        "gain": [direction.gain for direction in subject.directions],
    }
    for role, values in numbers.items():
        for index in "il":
            forms = {with_index(value, k + 1, index) for k, value in enumerate(values)}
            if len(forms) == 1:
                found[symbol(role, index)] = forms.pop()
    return found


def with_index(value: sp.Expr, number: int, index: str) -> sp.Expr:
    """A number of an axis with an index in the place of the number of the axis."""

    def assumed(item: sp.Symbol) -> dict[str, bool]:
        """The strongest assumption alone: what follows from it would be written out beside it."""
        known, kinds = item.assumptions0, ("positive", "nonnegative", "real")
        return {next((kind for kind in kinds if known.get(kind)), "complex"): True}

    own = {
        item: sp.Symbol(f"{stem}_{index}", **assumed(item))
        for item in value.free_symbols
        for stem, _, place in [item.name.rpartition("_")]
        if place == str(number)
    }
    return value.xreplace(own)


def _of_axes(letters: Mapping[sp.Basic, sp.Expr]) -> list[sp.Expr]:
    """Letters of the study, not of the theory, that bear the index ``i``."""
    own = (item for value in letters.values() for item in value.free_symbols)
    return sorted(
        {item for item in own if item.name.endswith("_i") and item not in letters},
        key=lambda item: item.name,
    )


def _about_letters(subject: Subject, letters: Mapping[sp.Basic, sp.Expr]) -> str:
    """A sentence about the letters that bear an index."""
    named = [f"{{letter_{k}}}" for k in range(len(_of_axes(letters)))]
    kept = [
        f"{{{letter}_i}}"
        for role, letter in (("input_variance", "lambda"), ("label_noise", "sigma"), ("gain", "a"))
        if symbol(role, "i") not in letters
    ]
    text = ""
    if named:
        text += f" An index of {_listed(named)} is the number of an axis, as that of {{s_i}} is."
    if kept:
        verb = "stands" if len(kept) == 1 else "stand"
        text += f" For the numbers of this study on the axis {{i}} {verb} {_listed(kept)}."
    return text


def _listed(items: Sequence[str]) -> str:
    *others, last = items
    return f"{', '.join(others)} and {last}" if others else last


def _same_in_letters(
    subject: Subject, blocks: Mapping[str, _Block], letters: Mapping[sp.Basic, sp.Expr]
) -> bool:
    """Whether the displayed blocks are the theory's for each two axes of the study."""
    own: dict[tuple[int, str], dict[sp.Basic, sp.Expr]] = {}
    for k, direction in enumerate(subject.directions):
        for index in "il":
            theory = {
                symbol("input_variance", index): direction.input_variance,
                symbol("label_noise", index): sp.sqrt(direction.label_noise),
                symbol("gain", index): direction.gain,
                GAMMA: subject.weight_decay,
            }
            named = {
                with_index(item, k + 1, index): item
                for value in theory.values()
                for item in value.free_symbols
            }
            own[k, index] = named | theory
    for i in subject.active:
        for l, direction in enumerate(subject.directions):
            if l == i or direction.input_variance == 0:
                continue
            block = blocks["learned" if direction.active else "left-out"]
            values = own[i, "i"] | own[l, "l"]
            plain, renamed = block.entries, block.renamed(letters).entries
            if not all(
                is_zero(first.xreplace(values) - second.xreplace(values))
                for first, second in zip(plain, renamed, strict=True)
            ):
                return False
    return True


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
    def trace(self) -> sp.Expr:
        """Of the Hessian."""
        return _by(self.length, self.hessian.trace())

    @property
    def determinant(self) -> sp.Expr:
        """Of the Hessian."""
        return _by(self.length, self.hessian.det())

    @property
    def entries(self) -> tuple[sp.Expr, ...]:
        """All that is displayed."""
        return (*self.hessian, *self.inner, self.trace, self.determinant)

    def renamed(self, letters: Mapping[sp.Basic, sp.Expr]) -> _Block:
        """The block in other letters."""
        hessian, inner = self.hessian.xreplace(letters), self.inner.xreplace(letters)
        return _Block(hessian, inner, self.length)


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


_LEARNED: Mapping[sp.Basic, sp.Expr] = {
    symbol("residual_map", "i"): GAMMA / symbol("input_variance", "i")
}
"""Residual of a learned axis."""


def _own_blocks(drift: RepresentativeDrift) -> dict[str, tuple[sp.Expr, sp.Expr]]:
    """Hessian, noise and fluctuation of a learned axis with itself."""
    block, s_i = drift.diagonal_block, symbol("singular_value", "i")
    noise = block.noise[0].xreplace(_LEARNED)
    return {
        "hessian": (OWN_HESSIAN, block.hessian[0]),
        "noise": (OWN_NOISE, 2 * s_i * sp.expand(cancel(noise / (2 * s_i)))),
        "fluctuation": (OWN_FLUCTUATION, sp.factor(block.fluctuation[0])),
    }


def _compared(drift: RepresentativeDrift, block: _Block) -> Iterator[tuple[Side, Side]]:
    """Parts of the general block of axes ``i`` and ``l``, and the displayed ones."""
    pair, learned = drift.pair_block, block.length != symbol("singular_value", "i")
    variance, s_l = symbol("input_variance", "l"), symbol("singular_value", "l")
    known = {symbol("residual_map", "l"): GAMMA / variance if learned else symbol("gain", "l")}
    known |= {} if learned else {s_l: sp.Integer(0)}
    hessian, noise = (matrix.xreplace(known) for matrix in (pair.hessian, pair.noise))
    yield hessian, block.hessian
    yield noise, block.length * block.inner
    yield from ((hessian.trace(), block.trace), (hessian.det(), block.determinant))


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
        found = self._own(i, j) if l in plane else self._other(i, j, l)
        return bool(self.general(plane, l) == found)

    def general(self, plane: tuple[int, int], l: int) -> sp.Expr:
        """The term of the representative indices."""
        i, j = plane if l == plane[0] else plane[::-1]
        if l in plane:
            return self.at(own_term(self.drift, self.axes[i], self.axes[j]))
        return self.at(other_term(self.drift, *(self.axes[k] for k in (i, j, l))))

    def _other(self, i: int, j: int, l: int) -> sp.Expr:
        """[eq:term] by [eq:solution-left] and [eq:solution-right]."""
        (p, noise_p, moved_p), (q, noise_q, moved_q) = self._block(i, l), self._block(j, l)
        y, z = OF_TWO_BLOCKS.at({_P: p, BLOCK_HESSIAN["jl"]: q})
        area = (y.T * noise_p * y * moved_q).trace() + (z * noise_q * z.T * moved_p).trace()
        overlap = self.drift.other_term.couplings[0].overlap
        return self.at(overlap**2, i=i, j=j, l=l) * area

    def _own(self, i: int, j: int) -> sp.Expr:
        """[eq:own-term] by [eq:own-solution-left] and [eq:own-solution-right]."""
        block = self.drift.diagonal_block
        own, noise, moved = (
            self.at(matrix[0], i=i) for matrix in (block.hessian, block.noise, block.fluctuation)
        )
        other, other_noise, other_moved = self._block(j, i)
        y, z = OF_ONE_AXIS.at({MIXED_HESSIAN: other}, {OWN_HESSIAN: own})
        area = noise * (y * other_moved * y.T)[0] + moved * (z * other_noise * z.T)[0]
        return self.at(self.drift.own_term.couplings[0].overlap ** 2, i=i, j=j) * area

    def _block(self, i: int, l: int) -> tuple[sp.Matrix, sp.Matrix, sp.Matrix]:
        """Hessian, noise and fluctuation of two axes, the first of them learned."""
        block = self.kinds["learned" if self.axes[l].active else "left-out"]
        hessian, noise = (
            matrix.applyfunc(lambda entry: self.at(entry, i=i, l=l))
            for matrix in (block.hessian, block.length * block.inner)
        )
        return hessian, noise, solve_lyapunov(hessian, noise)

    def at(self, expression: sp.Expr, **places: int) -> sp.Expr:
        """An expression with the numbers of axes in the place of indices."""
        values = renaming(**{index: self.axes[place] for index, place in places.items()})
        gains = {symbol("gain", index): self.axes[place].gain for index, place in places.items()}
        return replaced(expression, {**values, **gains, GAMMA: self.decay, ETA: sp.Integer(1)})

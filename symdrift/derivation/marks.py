"""What the notation of the theory has beside symbols: signs, and letters of indices.

A sign stands in an expression of its own kind, such as a trace, or in the print of a symbol, as
that of a norm does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sympy as sp

from symdrift.typesetting.printer import Mean, MeanMatrix, Stationary, is_number


@dataclass(frozen=True)
class Mark:
    """A sign, or letters of indices.

    Attributes
    ----------
    latex : str
        How the table of notation shows it, in the default letters.
    meaning : str
    pattern : str
        Expression for what the print of a symbol with this sign contains, in the default letters.
    kinds : tuple of type
        Expressions that are printed with it.
    shape : str
    """

    latex: str
    meaning: str
    pattern: str = "(?!)"
    kinds: tuple[type[sp.Basic], ...] = ()
    shape: str = ""

    @property
    def symbol(self) -> sp.Symbol:
        """What stands for it in the table."""
        return sp.Symbol(f"mark {self.latex}")


INDICES = (
    Mark("i, j", "indices of axes, hidden units or outputs"),
    Mark("k", "index of another axis"),
    Mark("l", "index of any axis, hidden unit, input, output or weight, or a power"),
    Mark("b, c, d", "indices of inputs, outputs, stimuli, weights or eigenvectors"),
    Mark("t", "number of a step"),
)
"""Letters of indices, each with what it counts."""

SIGNS = (
    Mark(r"\mathbb{E}[\,\cdot\,]", "mean over samples", r"mathbb\{E\}\[", (Mean, MeanMatrix)),
    Mark(
        r"\langle\,\cdot\,\rangle",
        "mean over the stationary fluctuation",
        r"\\langle(?! xxxx)",
        (Stationary,),
    ),
    Mark("I", "identity", r"(?<![A-Za-z\\])I(?![A-Za-z_^])", (sp.Identity,)),
    Mark(r"\operatorname{tr}", "trace", r"\{tr\}(?!_)", (sp.Trace,)),
    Mark(r"\det", "determinant", r"\\det", (sp.Determinant,)),
    Mark(r"\operatorname{rank}(\cdot)", "rank of a matrix", r"\{rank\}"),
    Mark(r"\operatorname{diag}", "diagonal of a matrix as a row", r"\{diag\}"),
    Mark(r"\operatorname{Cov}", "covariance of two numbers", r"\{Cov\}"),
    Mark(r"\lVert\,\cdot\,\rVert_{*}", "sum of the singular values", r"\\rVert_\{\*\}"),
    Mark(r"\lVert\,\cdot\,\rVert_{2}", "largest singular value", r"\\rVert_\{2\}"),
    Mark(
        r"\lVert\,\cdot\,\rVert",
        "root of the sum of all squared entries",
        r"\\lVert(?! ?M|\\Lambda)",
    ),
    Mark(r"\cdot^{\mathsf{T}}", "transposed", r"mathsf\{T\}", (sp.Transpose,)),
    Mark(r"\cdot\,'", "another of the same kind", r"'"),
    Mark(r"\partial", "derivative, by what stands below", r"\\partial"),
    Mark(r"(\,\cdot\,)_W", "part in one layer", r"\)_\{?[WU]|^[gF]_\{?[WU]"),
    Mark(
        r"(\,\cdot\,)_{+}, (\,\cdot\,)_{\perp}",
        "part in the sum, in the difference of the layers",
        r"\\delta_\S+\)_\{(\+|\\perp)",
    ),
    Mark(r"\cdot\,|_{\lambda}", "with this held fixed", r"\|_\{\\lambda(_\{|\})"),
    Mark(r"\cdot\,|_{\sigma = 0}", "value where this holds", r"\|_\{[^{}]*="),
    Mark(r"\delta_{ij}", "one for equal indices, else zero", kinds=(sp.KroneckerDelta,)),
    Mark(r"O(\cdot)", "terms of this order and beyond", r"^O\("),
    Mark(r"Q_\tau", "rotation over a time lag", r"Q_\{?\\tau", shape="r by r"),
    Mark(
        r"\mu_\Omega",
        "mean rotation in the plane of a generator",
        r"\\mu_\{?\\Omega",
        shape="rad per step",
    ),
    Mark(
        r"V_{\Omega\Omega'}",
        "covariance of the rotations in two planes",
        r"V_\{\\Omega",
        shape="rad^2 per step",
    ),
)
"""Signs, in the order of the table."""

MARKS = (*INDICES, *SIGNS)
LATEX = {mark.symbol: mark.latex for mark in MARKS}
"""How the table shows them."""
MEANINGS = tuple((mark.symbol, mark.meaning, mark.shape) for mark in MARKS)
"""Their rows of the table: symbol, meaning, shape."""

_COUNTING = {letter: mark.symbol for mark in INDICES for letter in mark.latex.split(", ")}
_PRINTED_AS = {kind: mark.symbol for mark in MARKS for kind in mark.kinds}
_KINDS = (sp.Symbol, sp.MatrixSymbol, sp.IndexedBase)
_SUBSCRIPT = re.compile(r"_(?:\{([^{}]*)\}|(\w))")
_BESIDE_INDICES = re.compile(r"\\tau|[\d,+ ]")


def shown_in(expressions: Iterable[sp.Basic]) -> set[sp.Basic]:
    """The symbols that stand in expressions, and the marks with which these are printed."""
    return {
        mark
        for expression in expressions
        for item in expression.atoms(*_KINDS, *_PRINTED_AS)
        for mark in _of_item(item)
    }


def _of_item(item: sp.Basic) -> Iterator[sp.Basic]:
    mark = _PRINTED_AS.get(type(item))
    if mark is None:
        yield item
        # A gain or a singular value, by the same letter, is no whole number.
        if getattr(item, "is_integer", False) and str(item) in _COUNTING:
            yield _COUNTING[str(item)]
    elif not is_number(item):
        yield mark


def marks_of(latex: str) -> Iterator[sp.Symbol]:
    """The marks in a print in the default letters."""
    yield from (mark.symbol for mark in SIGNS if re.search(mark.pattern, latex))
    for braced, single in _SUBSCRIPT.findall(latex):
        letters = _BESIDE_INDICES.sub("", braced or single)
        if _COUNTING.keys() >= set(letters):
            yield from (_COUNTING[letter] for letter in letters)

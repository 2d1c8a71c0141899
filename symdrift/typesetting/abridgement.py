"""Equations too long to read, said in words: what kind of polynomial stands where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sympy as sp

from symdrift.typesetting.formula import COMMA, EMPTY, Formula, numeral, row, word
from symdrift.typesetting.lines import GROUP_ABOVE, Layout, Names, lay_out
from symdrift.typesetting.printer import QUAD, RELATIONS, TheoryPrinter

LONGEST = 12
"""Rows of the article, definitions of named parts included, that a reader will read."""


def is_too_long(layout: Layout) -> bool:
    """Whether an equation, laid out for the article, has more rows than :data:`LONGEST`."""
    return sum(len(part.rows) for part in (layout, *layout.all_definitions())) > LONGEST


def abridged(
    expression: sp.Basic,
    printer: TheoryPrinter,
    width: float,
    names: Names,
    condition: sp.Basic | None = None,
) -> Layout | None:
    """An equation with its long polynomials named and described instead of displayed.

    The description is computed from the polynomial: degree, number of terms, symbols, signs
    of the coefficients, powers of the small parameter.

    Parameters
    ----------
    expression : sympy.Basic
    printer : TheoryPrinter
        Its first ascending symbol in a polynomial is the small parameter.
    width : float
        Room for the rows, in em.
    names : Names
        Source of names for the polynomials.
    condition : sympy.Basic or None
        Printed behind the equation.

    Returns
    -------
    Layout or None
        None when the expression is no equation or has no long polynomial.
    """
    if not isinstance(expression, sp.Eq):
        return None
    left, right = expression.args
    if _is_long_polynomial(right):
        return _described(printer.doprint(left), right, printer, width)
    named = {part: names.repeated("P", printer.doprint(part)) for part in _long_parts(right)}
    if not named:
        return None
    stand_ins = {part: sp.Symbol(name.latex) for part, name in named.items()}
    shown = sp.Eq(left, right.xreplace(stand_ins), evaluate=False)
    wider = printer.with_names({stand_ins[part]: name.latex for part, name in named.items()})
    layout = lay_out(shown, wider, width, names, condition)
    described = tuple(_described(name, part, printer, width) for part, name in named.items())
    return Layout(layout.rows, (*layout.definitions, *described), layout.remark)


def _is_long_polynomial(expression: sp.Basic) -> bool:
    """Whether this is a sum of many terms, polynomial in symbols."""
    if not isinstance(expression, sp.Add) or len(expression.args) <= GROUP_ABOVE:
        return False
    symbols = expression.free_symbols
    return bool(expression.is_polynomial(*symbols))


def _long_parts(expression: sp.Basic) -> tuple[sp.Expr, ...]:
    """The long polynomials in an expression, outermost only, numerator first."""

    def walk(part: sp.Basic) -> Iterator[sp.Expr]:
        if _is_long_polynomial(part):
            yield part
        else:
            for argument in part.args:
                yield from walk(argument)

    return tuple(dict.fromkeys(part for side in sp.fraction(expression) for part in walk(side)))


def _described(name: Formula, polynomial: sp.Expr, printer: TheoryPrinter, width: float) -> Layout:
    """``name`` and what kind of polynomial it is, in rows no wider than ``width``."""
    symbols = printer.ordered_factors(list(polynomial.free_symbols))
    terms = sp.Poly(polynomial, *symbols)
    signs = {bool(coefficient > 0) for coefficient in terms.coeffs()}
    pieces = [
        RELATIONS[sp.Eq],
        _text("a polynomial of degree ") + _count(terms.total_degree()),
        _text(" with ") + _count(len(terms.coeffs())) + _text(" terms in "),
        *(printer.doprint(symbol) + COMMA for symbol in symbols),
        _text(" with coefficients ") + _text("of both signs" if len(signs) == 2 else "of one sign"),
    ]
    small = next((symbol for symbol in printer.ascending if symbol in symbols), None)
    if small is not None:
        powers = sorted({monomial[symbols.index(small)] for monomial in terms.monoms()})
        order = _text(" of order ") + _count(powers[0]) + _text(" to ") + _count(powers[-1])
        pieces[-1] += COMMA
        pieces.append(order + _text(" in ") + printer.doprint(small))
    return Layout(tuple(_filled(name, pieces, width - name.width - 0.3)))


def _text(words: str) -> Formula:
    return word("text", words)


def _count(value: int) -> Formula:
    return numeral(str(value))


def _filled(
    left: Formula, pieces: Sequence[Formula], room: float
) -> Iterator[tuple[Formula, Formula]]:
    """Pieces in rows no wider than ``room``, the first row behind ``left``."""
    line = EMPTY
    for piece in pieces:
        longer = row(line, piece)
        if line and longer.width > room:
            yield left, line
            left, longer = EMPTY, row(QUAD, piece)
        line = longer
    yield left, line

"""SymPy expressions as formulas, in the order in which the theory writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.printing.precedence import PRECEDENCE, precedence_traditional
from sympy.printing.printer import Printer

from symdrift.typesetting.formula import (
    BLANK,
    COMMA,
    EMPTY,
    MINUS,
    PLUS,
    Form,
    Formula,
    brackets,
    cases,
    delimiter,
    delimiter_size,
    fence,
    fraction,
    function,
    group,
    joined,
    letter,
    matrix,
    numeral,
    root,
    row,
    scientific,
    scripts,
    space,
    word,
)
from symdrift.typesetting.glyphs import Kind
from symdrift.typesetting.reading import read, with_superscript

_FLAT_REACH = 0.75
"""Formulas that reach no further than this (scripts, but no fractions) get plain brackets."""
_LONG_NUMERATOR, _NUMERATOR_EXCESS = 8.0, 4.0
"""A bracket wider than this (em, and times the denominator) leaves the fraction."""

RELATIONS = {
    sp.Eq: letter("="), sp.Ne: letter(r"\neq"), sp.Lt: letter("<"), sp.Le: letter(r"\leq"),
    sp.Gt: letter(">"), sp.Ge: letter(r"\geq"),
}  # fmt: skip
"""Signs between the two sides of a relation."""
TIMES, DOT, SUM, ONE = letter(r"\times"), letter(r"\cdot"), letter(r"\sum"), numeral("1")
THIN, QUAD = space(r"\,"), space(r"\quad")
AND, OR = word("text", "and"), word("text", "or")
TRACE = function("tr")
_EXPECTATION = word("mathbb", "E")
_E, _DELTA, _IDENTITY = word("mathrm", "e"), letter(r"\delta"), letter("I")
_TRANSPOSED = word("mathsf", "T")
_IF, _OTHERWISE = word("text", "if "), word("text", "otherwise")


Mean, Stationary = sp.Function("Mean"), sp.Function("Stationary")
"""Means over samples and in the stationary state: functions by their names alone, which SymPy
rebuilds anywhere."""


class MeanMatrix(sp.MatrixExpr):  # type: ignore[misc]  # SymPy ships no types
    """Expectation of a matrix over samples."""

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        """That of the matrix."""
        rows, columns = self.args[0].shape
        return rows, columns


class TheoryPrinter(Printer):  # type: ignore[misc]  # SymPy ships no types
    r"""Printer with the notation of a derivation and a fixed, readable order.

    Factors of a product: number, symbols in the order in which their stems (``\lambda`` of
    ``\lambda_{i}``) first appear in ``symbol_names`` and then by index, other symbols by
    name, functions and sums, brackets.  Terms of a sum: ascending powers of
    the ``ascending`` symbols, then SymPy's own (deterministic) order; a sum never opens
    with a minus sign when one of its terms has none.

    Parameters
    ----------
    symbol_names : mapping of sympy.Basic to str
        LaTeX of each symbol; the order of the mapping is the order of factors.
    ascending : sequence of sympy.Symbol
        Small parameters, such as the weight decay.
    """

    def __init__(
        self, symbol_names: Mapping[sp.Basic, str], ascending: Sequence[sp.Basic] = ()
    ) -> None:
        super().__init__()
        self._names = dict(symbol_names)
        stems: dict[str, int] = {}
        for latex in symbol_names.values():
            stems.setdefault(_stem(latex), len(stems))
        self._rank = {
            symbol: (stems[_stem(latex)], latex) for symbol, latex in symbol_names.items()
        }
        self._ascending = tuple(ascending)
        self._printed: dict[sp.Basic, Formula] = {}

    @property
    def ascending(self) -> tuple[sp.Basic, ...]:
        """The small parameters."""
        return self._ascending

    def with_names(self, names: Mapping[sp.Basic, str]) -> TheoryPrinter:
        """The same printer with names for further symbols."""
        return TheoryPrinter({**self._names, **names}, self._ascending)

    def doprint(self, expr: Any) -> Formula:
        """The formula that shows an expression.

        Raises
        ------
        TypeError
            For kinds of expressions that the theory does not use.
        NotMathematics
            When the name of a symbol cannot be read.
        """
        return self._print(expr)

    def _print(self, expr: Any, **kwargs: Any) -> Formula:
        # Breaking an equation prints its parts again and again.
        kept = isinstance(expr, sp.Basic) and not kwargs
        if kept and expr in self._printed:
            return self._printed[expr]
        found: Formula = super()._print(expr, **kwargs)
        if kept:
            self._printed[expr] = found
        return found

    def emptyPrinter(self, expr: Any) -> Formula:
        """Refuse what no method prints."""
        raise TypeError(f"{type(expr).__name__} has no print in the theory: {expr}")

    # -- order ------------------------------------------------------------------

    def ordered_terms(self, expression: sp.Expr) -> list[sp.Expr]:
        """Terms of a sum in the order in which they are printed, what is left out at the end."""
        matrices = isinstance(expression, sp.MatAdd)
        terms = list(expression.args if matrices else expression.as_ordered_terms(order="lex"))
        terms.sort(key=lambda term: tuple(_degree(term, s) for s in self._ascending))
        terms.sort(key=self._is_left_out)
        if self.split_sign(terms[0])[0]:
            first = next((k for k, term in enumerate(terms) if not self.split_sign(term)[0]), 0)
            terms.insert(0, terms.pop(first))
        return terms

    def _is_left_out(self, term: sp.Basic) -> bool:
        """Whether a term stands for all of an order, as ``O(eta^2)`` does by its name."""
        opening = self._print(term).atoms[:2] if term in self._names else ()
        return [atom.text for atom in opening] == ["O", "("]

    def split_sign(self, expression: sp.Basic) -> tuple[bool, sp.Basic]:
        """Whether a term is printed with a minus sign, and the term without it.

        A bracket in a product counts as negative when all of its terms of lowest order in
        the small parameters are, so that ``(gamma - lambda)`` becomes ``-(lambda - gamma)``.
        """
        if isinstance(expression, sp.Number):
            return bool(expression.is_negative), abs(expression)
        if isinstance(expression, sp.MatMul):
            negative = expression.as_coeff_mmul()[0].could_extract_minus_sign()
            return negative, -expression if negative else expression
        if not isinstance(expression, sp.Mul | sp.Pow):
            return False, expression
        negative = False
        factors = []
        for factor in sp.Mul.make_args(expression):
            flipped, size = self._factor_sign(factor)
            negative ^= flipped
            if size != 1:
                factors.append(size)
        if not factors:
            return negative, sp.S.One
        # Not evaluated: SymPy would multiply numbers into sums.
        return negative, factors[0] if len(factors) == 1 else sp.Mul(*factors, evaluate=False)

    def _factor_sign(self, factor: sp.Basic) -> tuple[bool, sp.Basic]:
        if isinstance(factor, sp.Number):
            return bool(factor.is_negative), abs(factor)
        base, exponent = factor.as_base_exp() if isinstance(factor, sp.Pow) else (factor, sp.S.One)
        if not (isinstance(base, sp.Add) and exponent.is_Integer and self._opens_negative(base)):
            return False, factor
        return bool(exponent.is_odd), sp.Pow(sp.Add(*[-term for term in base.args]), exponent)

    def _opens_negative(self, total: sp.Add) -> bool:
        degrees = [tuple(_degree(term, s) for s in self._ascending) for term in total.args]
        lowest = min(degrees)
        return all(
            self.split_sign(term)[0]
            for term, degree in zip(total.args, degrees, strict=True)
            if degree == lowest
        )

    def grouped_terms(self, terms: Sequence[sp.Expr]) -> list[sp.Expr]:
        """Terms of a long sum collected by powers of the first small parameter in it.

        Terms without the parameter come first and stay as they are.
        """
        for symbol in self._ascending:
            groups: dict[sp.Expr, list[sp.Expr]] = {}
            for term in terms:
                groups.setdefault(_degree(term, symbol), []).append(term)
            if 1 < len(groups) < len(terms):
                powers = sorted(power for power in groups if power != 0)
                return groups.get(sp.Integer(0), []) + [
                    _group(symbol, power, groups[power]) for power in powers
                ]
        return list(terms)

    def ordered_factors(self, factors: Sequence[sp.Expr]) -> list[sp.Expr]:
        """Commuting factors in the order in which they are printed."""
        return sorted(factors, key=self._factor_key)

    def _factor_key(self, factor: sp.Expr) -> tuple[Any, ...]:
        base = factor.base if isinstance(factor, sp.Pow) else factor
        if base.is_number:
            return (0, 0, "", factor.sort_key())
        if base in self._rank:
            return (1, *self._rank[base], factor.sort_key())
        if isinstance(base, sp.Indexed) and base.base.label in self._rank:
            return (1, self._rank[base.base.label][0], str(base), factor.sort_key())
        if isinstance(base, sp.Symbol | sp.Indexed):
            return (1, len(self._rank), str(base), factor.sort_key())
        if isinstance(base, sp.Add):
            return (3, 0, "", factor.sort_key())
        if isinstance(base, sp.Sum | sp.Integral | sp.Product | Mean | Stationary):
            return (4, 0, "", factor.sort_key())
        return (2, 0, "", factor.sort_key())

    def parenthesize(self, expr: Any, level: float, strict: bool = False) -> Formula:
        """An expression, bracketed when it binds less than ``level`` (or, not strict, as much)."""
        body, binding = self._print(expr), precedence_traditional(expr)
        return _bracketed(body) if binding < level or (not strict and binding <= level) else body

    # -- sums, products, quotients ----------------------------------------------

    def _print_Add(self, expr: sp.Add) -> Formula:
        pieces: list[Formula] = []
        for position, term in enumerate(self.ordered_terms(expr)):
            negative, size = self.split_sign(term)
            pieces += [MINUS if negative else PLUS if position else EMPTY, self.term(size)]
        return row(*pieces)

    _print_MatAdd = _print_Add

    def term(self, term: sp.Expr) -> Formula:
        """A term of a sum, bracketed when it would otherwise be misread."""
        body = self._print(term)
        loose = isinstance(term, sp.Add | sp.Piecewise) or getattr(term, "is_Relational", False)
        return _bracketed(body) if loose else body

    def quotient(self, expr: sp.Expr) -> tuple[list[sp.Expr], list[sp.Expr]]:
        """Ordered factors of numerator and denominator of a product without its sign."""
        numerator: list[sp.Expr] = []
        denominator: list[sp.Expr] = []
        for factor in sp.Mul.make_args(expr):
            if isinstance(factor, sp.Rational):
                if factor.p != 1:
                    numerator.append(sp.Integer(factor.p))
                if factor.q != 1:
                    denominator.append(sp.Integer(factor.q))
            elif (
                isinstance(factor, sp.Pow)
                and factor.exp.is_Rational
                and factor.exp.is_negative
                and factor.base.is_commutative
            ):
                denominator.append(sp.Pow(factor.base, -factor.exp, evaluate=False)
                                   if factor.exp != -1 else factor.base)  # fmt: skip
            else:
                numerator.append(factor)
        return self.ordered_factors(numerator), self.ordered_factors(denominator)

    def product(self, factors: Sequence[sp.Expr]) -> Formula:
        """Factors side by side, bracketed where needed; ``1`` when there is none."""
        if len(factors) == 1:
            return self._print(factors[0])
        return self._side_by_side(factors) if factors else ONE

    def _side_by_side(self, factors: Sequence[sp.Expr]) -> Formula:
        pieces: list[Formula] = []
        previous = EMPTY
        for position, factor in enumerate(factors):
            body = self.factor(factor, last=position == len(factors) - 1)
            words = _opens_with(body, Form.WORD) or _opens_with(previous, Form.WORD)
            if pieces and _opens_with(body, Form.NUMBER):
                pieces.append(DOT)
            elif pieces and (words or is_number(factor)):
                # Words that touch would read as one, and so would products of matrices.
                pieces.append(THIN)
            pieces.append(body)
            previous = body
        return row(*pieces)

    def factor(self, factor: sp.Expr, last: bool) -> Formula:
        """One factor of a product, bracketed where needed."""
        loose = precedence_traditional(factor) < PRECEDENCE["Mul"]
        if isinstance(factor, sp.Sum):
            loose = not last
        body = self._print(factor)
        return _bracketed(body) if loose else body

    def matrix_factor(self, factor: sp.Basic) -> Formula:
        """One factor of an ordered product, bracketed when it is a sum or a derivative."""
        body = self._print(factor)
        derivative = body.opening is not None and body.opening.text == "∂"
        loose = derivative or isinstance(factor, sp.Add | sp.MatAdd)
        return _bracketed(body) if loose else body

    def sum_sign(self, expression: sp.Sum) -> Formula:
        """The summation sign with its ranges."""
        signs = []
        for index, *bounds in expression.limits:
            if len(bounds) == 2:
                low, high = (self._print(bound) for bound in bounds)
                signs.append(scripts(SUM, self._print(index) + RELATIONS[sp.Eq] + low, high))
            else:
                signs.append(scripts(SUM, self._print(index)))
        return row(*signs)

    def _print_Sum(self, expr: sp.Sum) -> Formula:
        body = self._print(expr.function)
        return row(
            self.sum_sign(expr), _bracketed(body) if isinstance(expr.function, sp.Add) else body
        )

    def _print_Mul(self, expr: sp.Mul) -> Formula:
        negative, size = self.split_sign(expr)
        if negative:
            return row(MINUS, self.term(size))
        if not expr.is_commutative:
            return row(*(self.factor(factor, last=True) for factor in expr.as_ordered_factors()))
        numerator, denominator = self.quotient(size)
        if not denominator:
            return self.product(numerator)
        bottom = self.product(denominator)
        simple = [factor for factor in numerator if is_simple(factor)]
        large = [factor for factor in numerator if not is_simple(factor)]
        long = max(_LONG_NUMERATOR, _NUMERATOR_EXCESS * bottom.width)
        if large and (isinstance(large[-1], sp.Sum) or self.product(large).width > long):
            # A sign of summation, or a long bracket over a short denominator, reads better
            # behind the fraction: c/q * sum.
            return row(fraction(self.product(simple), bottom), self._side_by_side(large))
        return fraction(self.product(numerator), bottom)

    def _print_Pow(self, expr: sp.Pow) -> Formula:
        negative, size = self.split_sign(expr)
        if negative or size != expr:
            return row(MINUS, self._print(size)) if negative else self._print(size)
        base, exponent = expr.base, expr.exp
        if exponent.is_Rational and exponent.q != 1 and abs(exponent.p) == 1:
            index = None if exponent.q == 2 else numeral(str(exponent.q))
            body = root(self._print(base), index)
            return fraction(ONE, body) if exponent.is_negative else body
        if exponent.is_Rational and exponent.is_negative and base.is_commutative:
            return self._print_Mul(expr)
        if base.is_Function:
            return self._print(base, exp=self._print(exponent))
        body = self.parenthesize(base, PRECEDENCE["Pow"])
        if (base.is_Symbol and body.superscripted) or is_number(base):
            body = _bracketed(body)
        elif base.is_Float:
            body = group(body)
        over, under = exponent.as_numer_denom()
        if over.is_Atom and under.is_Integer and under != 1:
            power = self._print(over) + letter("/") + self._print(under)
            return scripts(body, sup=power)
        return scripts(body, sup=self._print(exponent))

    def _print_MatMul(self, expr: Any) -> Formula:
        coefficient, factors = expr.as_coeff_matrices()
        if coefficient.could_extract_minus_sign():
            return row(MINUS, self._print(-expr))
        head = EMPTY if coefficient == 1 else self._print(coefficient)
        loose = isinstance(coefficient, sp.Add) or is_number(coefficient)
        head = _bracketed(head) if loose else head
        body = row(*(self.matrix_factor(factor) for factor in factors))
        return row(head, DOT if head and body.atoms[0].text.isdigit() else EMPTY, body)

    def _print_MatPow(self, expr: Any) -> Formula:
        body = self._print(expr.base)
        plain = isinstance(expr.base, sp.MatrixSymbol) or not expr.base.is_MatrixExpr
        if not plain or body.superscripted:
            body = fence("(", body, ")")
        return scripts(body, sup=self._print(expr.exp))

    # -- numbers and letters ----------------------------------------------------

    def _print_Rational(self, expr: sp.Rational) -> Formula:
        if expr.q == 1:
            return numeral(str(expr.p))
        size = fraction(numeral(str(abs(expr.p))), numeral(str(expr.q)))
        return row(MINUS, size) if expr.p < 0 else size

    def _print_Float(self, expr: sp.Float) -> Formula:
        return decimal(sp.sstr(expr, full_prec=False))

    def _print_Atom(self, expr: sp.Basic) -> Formula:
        return read(self._name(expr))

    def _name(self, expr: sp.Basic) -> str:
        """LaTeX of a symbol, given or SymPy's own."""
        return self._names.get(expr) or str(sp.latex(expr))

    _print_MatrixSymbol = _print_Atom

    def _print_ZeroMatrix(self, expr: Any) -> Formula:
        return numeral("0")

    # -- functions, relations, lists --------------------------------------------

    def _print_Function(self, expr: Any, exp: Formula | None = None) -> Formula:
        if isinstance(expr, Mean):
            return self._averaged(expr, exp)
        if isinstance(expr, Stationary):
            return self._averaged(expr, exp, (r"\langle", r"\rangle"))
        name = read(sp.latex(expr.func))
        if exp is not None:
            name = scripts(_bracketed(name) if name.superscripted else name, sup=exp)
        arguments = joined(COMMA, map(self._print, expr.args))
        return name + group(fence("(", arguments + BLANK, ")"))

    def _averaged(
        self, expr: Any, exp: Formula | None = None, signs: Sequence[str] = "[]"
    ) -> Formula:
        name = _EXPECTATION if signs == "[]" else EMPTY
        inside = self._print(expr.args[0])
        size = 0 if inside.box.reach <= _FLAT_REACH else delimiter_size(inside.box.reach)
        opening, closing = map(delimiter, signs, (size, size), "lr")
        # A letter behind a command would be part of it.
        body = name + group(opening + (EMPTY if name else BLANK) + inside + closing)
        return body if exp is None else scripts(body, sup=exp)

    _print_MeanMatrix = _averaged

    def _print_Min(self, expr: sp.Min | sp.Max) -> Formula:
        name = r"\min" if isinstance(expr, sp.Min) else r"\max"
        arguments = joined(COMMA, map(self._print, expr.args))
        return read(name) + group(fence("(", arguments + BLANK, ")"))

    _print_Max = _print_Min

    def _print_ExpBase(self, expr: Any, exp: Formula | None = None) -> Formula:
        body = scripts(_E, sup=self._print(expr.args[0]))
        return body if exp is None else scripts(fence("(", body, ")"), sup=exp)

    def _print_Abs(self, expr: Any, exp: Formula | None = None) -> Formula:
        body = fence("|", group(self._print(expr.args[0])), "|")
        return body if exp is None else scripts(body, sup=exp)

    def _print_Relational(self, expr: Any) -> Formula:
        return row(self._print(expr.lhs), RELATIONS[expr.func], self._print(expr.rhs))

    def _print_Tuple(self, expr: sp.Tuple) -> Formula:
        joint = COMMA + BLANK + space("\\ ") + BLANK
        return fence("(", BLANK + joined(joint, map(self._print, expr)), ")")

    def _print_MatrixBase(self, expr: Any) -> Formula:
        return matrix([[self._print(entry) for entry in line] for line in expr.tolist()], gap="")

    # -- objects of the theory --------------------------------------------------

    def _print_IndexedBase(self, expr: sp.IndexedBase) -> Formula:
        return read(self._names[expr]) if expr in self._names else self._print(expr.label)

    def _print_Indexed(self, expr: sp.Indexed) -> Formula:
        return self._indexed(self._print(expr.base), expr.indices)

    def _print_MatrixElement(self, expr: Any) -> Formula:
        base = self.parenthesize(expr.parent, PRECEDENCE["Atom"], strict=True)
        # SymPy counts rows and columns from 0, the theory from 1.
        places = [k + 1 if k.is_Integer else k for k in (expr.i, expr.j)]
        # A product stands in brackets already.
        single = isinstance(expr.parent, sp.MatrixSymbol)
        return self._indexed(base, places) if single else self._scripted(base, places)

    def _indexed(self, base: Formula, indices: Sequence[sp.Basic]) -> Formula:
        # What closes with a delimiter, such as a mean, needs no other brackets.
        closed = bool(base.atoms) and base.atoms[-1].kind is Kind.CLOSE
        if not closed and (base.subscripted or base.superscripted):
            base = _bracketed(base)
        return self._scripted(base, indices)

    def _scripted(self, base: Formula, indices: Sequence[sp.Basic]) -> Formula:
        printed = [self._print(index) for index in indices]
        separator = EMPTY if all(map(_is_character, printed)) else COMMA
        return scripts(base, joined(separator, printed))

    def _print_Determinant(self, expr: Any) -> Formula:
        # Brackets even around a letter: what follows is no part of the determinant.
        return function("det") + _bracketed(self._print(expr.arg))

    def _print_Trace(self, expr: sp.Trace) -> Formula:
        if is_number(expr):
            return self.matrix_factor(expr.arg)
        return TRACE + _bracketed(self._print(expr.arg))

    def _print_KroneckerDelta(self, expr: Any, exp: Formula | None = None) -> Formula:
        body = self._indexed(_DELTA, expr.args[:2])
        return body if exp is None else scripts(body, sup=exp)

    def _print_Transpose(self, expr: Any) -> Formula:
        base = self.parenthesize(expr.arg, precedence_traditional(expr), strict=True)
        if isinstance(expr.arg, sp.MatrixSymbol) and base.superscripted:
            return read(with_superscript(self._name(expr.arg), _TRANSPOSED.latex))
        return scripts(base, sup=_TRANSPOSED)

    def _print_Identity(self, expr: Any) -> Formula:
        return _IDENTITY

    def _print_And(self, expr: sp.And | sp.Or) -> Formula:
        parts = sorted(expr.args, key=sp.default_sort_key)
        joint = BLANK + QUAD + (AND if isinstance(expr, sp.And) else OR) + QUAD + BLANK
        return joined(joint, map(self._print, parts))

    _print_Or = _print_And

    def _print_Piecewise(self, expr: sp.Piecewise) -> Formula:
        return cases(
            [
                (
                    self._print(value),
                    _OTHERWISE if condition == sp.true else row(_IF, self._print(condition)),
                )
                for value, condition in expr.args
            ]
        )


def decimal(text: str) -> Formula:
    r"""A number in decimals: ``1.3e-07`` is printed ``1.3 \cdot 10^{-7}``."""
    mantissa, _, exponent = text.partition("e")
    return scientific(mantissa, DOT, int(exponent)) if exponent else numeral(mantissa)


def _bracketed(body: Formula) -> Formula:
    """A formula between parentheses that are as tall as it is."""
    if body.box.reach <= _FLAT_REACH:
        return brackets(body, min(body.nesting, 2))
    return fence("(", body, ")")


def _stem(latex: str) -> str:
    return latex.split("_", 1)[0]


def _opens_with(body: Formula, form: Form) -> bool:
    return body.opening is not None and body.opening.form is form


def _is_character(body: Formula) -> bool:
    """Whether a formula is one letter or digit."""
    (first, *others) = body.atoms
    return not others and first.form in (Form.LETTER, Form.NUMBER) and len(first.text) == 1


def is_simple(factor: sp.Basic) -> bool:
    """Whether a factor is a number, a symbol or a power of one: never worth breaking."""
    base = factor.base if isinstance(factor, sp.Pow) else factor
    return bool(base.is_Symbol or base.is_number or isinstance(base, sp.Indexed))


def is_number(expr: sp.Basic) -> bool:
    """Whether this is the trace of a number with no factor in front, and printed as that number."""
    plain = isinstance(expr, sp.Trace) and expr.arg.shape == (1, 1)
    return bool(plain and expr.arg.as_coeff_mmul()[0] == 1)


def _group(symbol: sp.Basic, power: sp.Expr, terms: Sequence[sp.Expr]) -> sp.Expr:
    """``symbol**power * (terms)``, not expanded."""
    if len(terms) == 1:
        return terms[0]
    rest = sp.Add(*[term / symbol**power for term in terms])
    return sp.Mul(symbol**power, rest, evaluate=False)


def _factors(term: sp.Basic) -> Sequence[sp.Basic]:
    if isinstance(term, sp.MatMul):
        return tuple(sp.Mul.make_args(term.as_coeff_matrices()[0]))
    return () if isinstance(term, sp.MatrixExpr) else tuple(sp.Mul.make_args(term))


def _degree(term: sp.Expr, symbol: sp.Basic) -> Any:
    """Power of ``symbol`` in a product (0 when it sits inside something else)."""
    for factor in _factors(term):
        base, exponent = factor.as_base_exp()
        if base == symbol and exponent.is_Rational:
            return exponent
    return sp.Integer(0)

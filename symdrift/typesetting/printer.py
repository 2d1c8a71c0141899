"""Printing SymPy expressions as LaTeX in the order in which the theory writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE, precedence_traditional

from symdrift.typesetting.metrics import measure
from symdrift.typesetting.scripts import with_superscript

_FLAT_REACH = 0.75
"""Formulas that reach no further than this (scripts, but no fractions) get plain brackets."""
_LONG_NUMERATOR, _NUMERATOR_EXCESS = 8.0, 4.0
"""A bracket wider than this (em, and times the denominator) leaves the fraction."""

_WORD = re.compile(r"\\mathrm\{")
_SINGLE = re.compile(r"(\\[A-Za-z]+ ?|[A-Za-z0-9])$")


class TheoryPrinter(LatexPrinter):  # type: ignore[misc]  # SymPy ships no types
    r"""LaTeX printer with the notation of a derivation and a fixed, readable order.

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
        super().__init__(
            {"symbol_names": dict(symbol_names), "mat_str": "matrix", "mat_delim": "("}
        )
        self._names = dict(symbol_names)
        stems: dict[str, int] = {}
        for latex in symbol_names.values():
            stems.setdefault(_stem(latex), len(stems))
        self._rank = {
            symbol: (stems[_stem(latex)], latex) for symbol, latex in symbol_names.items()
        }
        self._ascending = tuple(ascending)
        self._printed: dict[sp.Basic, str] = {}

    @property
    def ascending(self) -> tuple[sp.Basic, ...]:
        """The small parameters."""
        return self._ascending

    def with_names(self, names: Mapping[sp.Basic, str]) -> TheoryPrinter:
        """The same printer with names for further symbols."""
        return TheoryPrinter({**self._names, **names}, self._ascending)

    def _print(self, expr: Any, **kwargs: Any) -> str:
        # Breaking an equation prints its parts again and again.
        if kwargs or not isinstance(expr, sp.Basic):
            return str(super()._print(expr, **kwargs))
        if expr not in self._printed:
            self._printed[expr] = str(super()._print(expr))
        return self._printed[expr]

    # -- order ------------------------------------------------------------------

    def ordered_terms(self, expression: sp.Expr) -> list[sp.Expr]:
        """Terms of a sum in the order in which they are printed."""
        matrices = isinstance(expression, sp.MatAdd)
        terms = list(expression.args if matrices else expression.as_ordered_terms(order="lex"))
        terms.sort(key=lambda term: tuple(_degree(term, s) for s in self._ascending))
        if self.split_sign(terms[0])[0]:
            first = next((k for k, term in enumerate(terms) if not self.split_sign(term)[0]), 0)
            terms.insert(0, terms.pop(first))
        return terms

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
        if isinstance(base, sp.Sum | sp.Integral | sp.Product):
            return (4, 0, "", factor.sort_key())
        return (2, 0, "", factor.sort_key())

    def _add_parens(self, s: str) -> str:
        if measure(s).reach <= _FLAT_REACH:
            depth = _nesting(s)
            size = (r"\big", r"\Big")[min(depth, 2) - 1] if depth else ""
            return f"{size}l({s}{size}r)" if depth else f"({s})"
        return rf"\left({s}\right)"

    # -- sums, products, quotients ----------------------------------------------

    def _print_Add(self, expr: sp.Add, order: object = None) -> str:
        pieces = []
        for position, term in enumerate(self.ordered_terms(expr)):
            negative, size = self.split_sign(term)
            body = self.term(size)
            if position:
                pieces.append("- " if negative else "+ ")
            elif negative:
                pieces.append("- ")
            pieces.append(body + " ")
        return "".join(pieces).rstrip()

    def term(self, term: sp.Expr) -> str:
        """A term of a sum, bracketed when it would otherwise be misread."""
        body = self._print(term)
        loose = isinstance(term, sp.Add | sp.Piecewise) or getattr(term, "is_Relational", False)
        return self._add_parens(body) if loose else body

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

    def product(self, factors: Sequence[sp.Expr]) -> str:
        """Factors side by side, bracketed where needed; ``1`` when there is none."""
        if len(factors) == 1:
            return str(self._print(factors[0]))
        return self._side_by_side(factors) if factors else "1"

    def _side_by_side(self, factors: Sequence[sp.Expr]) -> str:
        pieces: list[str] = []
        written = ""
        for position, factor in enumerate(factors):
            body = self.factor(factor, last=position == len(factors) - 1)
            if pieces and body[:1].isdigit() and pieces[-1][-1:] in "0123456789}":
                body = r"\cdot " + body
            elif pieces and any(map(_WORD.match, (body, written))):
                # Words that touch would read as one.
                body = r"\, " + body
            written = body.removeprefix(r"\, ")
            pieces.append(body)
        return " ".join(pieces)

    def factor(self, factor: sp.Expr, last: bool) -> str:
        """One factor of a product, bracketed where needed."""
        body = self._print(factor)
        open_ended = isinstance(factor, sp.Sum | sp.Integral | sp.Product | sp.Limit) and not last
        loose = precedence_traditional(factor) < PRECEDENCE["Mul"] or open_ended
        if isinstance(factor, sp.Sum) and last:
            loose = False
        return self._add_parens(body) if loose else body

    def matrix_factor(self, factor: sp.Basic) -> str:
        """One factor of an ordered product, bracketed when it is a sum or a derivative."""
        body = str(self._print(factor))
        loose = isinstance(factor, sp.Add | sp.MatAdd) or body.startswith(r"\partial")
        return self._add_parens(body) if loose else body

    def sum_sign(self, expression: sp.Sum) -> str:
        """The summation sign with its ranges."""
        signs = []
        for index, *bounds in expression.limits:
            if len(bounds) == 2:
                low, high = (self._print(bound) for bound in bounds)
                signs.append(rf"\sum_{{{self._print(index)}={low}}}^{{{high}}}")
            else:
                signs.append(rf"\sum_{{{self._print(index)}}}")
        return " ".join(signs)

    def _print_Sum(self, expr: sp.Sum) -> str:
        body = self._print(expr.function)
        if isinstance(expr.function, sp.Add):
            body = self._add_parens(body)
        return f"{self.sum_sign(expr)} {body}"

    def _print_Mul(self, expr: sp.Mul) -> str:
        if not expr.is_commutative:
            return str(super()._print_Mul(expr))
        negative, size = self.split_sign(expr)
        if negative:
            return f"- {self.term(size)}"
        numerator, denominator = self.quotient(size)
        if not denominator:
            return self.product(numerator)
        bottom = self.product(denominator)
        simple = [factor for factor in numerator if is_simple(factor)]
        large = [factor for factor in numerator if not is_simple(factor)]
        long = max(_LONG_NUMERATOR, _NUMERATOR_EXCESS * measure(bottom).width)
        if large and (isinstance(large[-1], sp.Sum) or measure(self.product(large)).width > long):
            # A sign of summation, or a long bracket over a short denominator, reads better
            # behind the fraction: c/q * sum.
            head = rf"\frac{{{self.product(simple)}}}{{{bottom}}}"
            return f"{head} {self._side_by_side(large)}"
        return rf"\frac{{{self.product(numerator)}}}{{{bottom}}}"

    def _print_Pow(self, expr: sp.Pow) -> str:
        negative, size = self.split_sign(expr)
        if negative or size != expr:
            return f"- {self._print(size)}" if negative else self._print(size)
        return str(super()._print_Pow(expr))

    def _print_MatAdd(self, expr: sp.MatAdd) -> str:
        return self._print_Add(expr)

    def _print_MatMul(self, expr: Any) -> str:
        coefficient, factors = expr.as_coeff_matrices()
        if coefficient.could_extract_minus_sign():
            return f"- {self._print(-expr)}"
        body = " ".join(self.matrix_factor(factor) for factor in factors)
        if coefficient == 1:
            return body
        head = self._print(coefficient)
        return f"{self._add_parens(head) if isinstance(coefficient, sp.Add) else head} {body}"

    # -- objects of the theory --------------------------------------------------

    def _print_IndexedBase(self, expr: sp.IndexedBase) -> str:
        return self._names.get(expr) or str(self._print(expr.label))

    def _print_Indexed(self, expr: sp.Indexed) -> str:
        return self._indexed(self._print(expr.base), expr.indices)

    def _print_MatrixElement(self, expr: Any) -> str:
        base = self.parenthesize(expr.parent, PRECEDENCE["Atom"], strict=True)
        # SymPy counts rows and columns from 0, the theory from 1.
        places = [k + 1 if k.is_Integer else k for k in (expr.i, expr.j)]
        return self._indexed(base, places)

    def _indexed(self, base: str, indices: Sequence[sp.Basic]) -> str:
        printed = [self._print(index) for index in indices]
        separator = "" if all(_SINGLE.match(text) for text in printed) else ","
        if "_" in base or "^" in base:
            base = self._add_parens(base)
        return f"{base}_{{{separator.join(printed)}}}"

    def _print_Determinant(self, expr: Any, exp: str | None = None) -> str:
        # Brackets even around a letter: what follows is no part of the determinant.
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"\det{power}{self._add_parens(self._print(expr.arg))}"

    def _print_KroneckerDelta(self, expr: Any, exp: str | None = None) -> str:
        body = self._indexed(r"\delta", expr.args[:2])
        return body if exp is None else f"{body}^{{{exp}}}"

    def _print_Transpose(self, expr: Any) -> str:
        base = self.parenthesize(expr.arg, precedence_traditional(expr), strict=True)
        if isinstance(expr.arg, sp.MatrixSymbol) and "^" in base:
            return with_superscript(base, r"\mathsf{T}")
        return rf"{base}^{{\mathsf{{T}}}}"

    def _print_Identity(self, expr: Any) -> str:
        return "I"

    def _print_Trace(self, expr: Any, exp: str | None = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"\operatorname{{tr}}{power}{self._add_parens(self._print(expr.arg))}"

    def _print_And(self, expr: Any) -> str:
        parts = sorted(expr.args, key=sp.default_sort_key)
        return r" \quad\text{and}\quad ".join(self._print(part) for part in parts)

    def _print_Or(self, expr: Any) -> str:
        parts = sorted(expr.args, key=sp.default_sort_key)
        return r" \quad\text{or}\quad ".join(self._print(part) for part in parts)

    def _print_Piecewise(self, expr: sp.Piecewise) -> str:
        branches = []
        for value, condition in expr.args:
            when = r"\text{otherwise}" if condition == sp.true else (
                rf"\text{{if }} {self._print(condition)}"
            )  # fmt: skip
            branches.append(f"{self._print(value)} & {when}")
        return r"\begin{cases} " + r" \\ ".join(branches) + r" \end{cases}"


def _stem(latex: str) -> str:
    return latex.split("_", 1)[0]


def _nesting(latex: str) -> int:
    """How deep the round brackets of a formula are nested."""
    deepest = depth = 0
    for character in latex:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    return deepest


def is_simple(factor: sp.Basic) -> bool:
    """Whether a factor is a number, a symbol or a power of one: never worth breaking."""
    base = factor.base if isinstance(factor, sp.Pow) else factor
    return bool(base.is_Symbol or base.is_number or isinstance(base, sp.Indexed))


def _group(symbol: sp.Basic, power: sp.Expr, terms: Sequence[sp.Expr]) -> sp.Expr:
    """``symbol**power * (terms)``, not expanded."""
    if len(terms) == 1:
        return terms[0]
    rest = sp.Add(*[term / symbol**power for term in terms])
    return sp.Mul(symbol**power, rest, evaluate=False)


def _factors(term: sp.Basic) -> Sequence[sp.Basic]:
    if isinstance(term, sp.MatMul):
        return tuple(factor for factor in term.args if not isinstance(factor, sp.MatrixExpr))
    return () if isinstance(term, sp.MatrixExpr) else sp.Mul.make_args(term)


def _degree(term: sp.Expr, symbol: sp.Basic) -> Any:
    """Power of ``symbol`` in a product (0 when it sits inside something else)."""
    for factor in _factors(term):
        base, exponent = factor.as_base_exp()
        if base == symbol and exponent.is_Rational:
            return exponent
    return sp.Integer(0)

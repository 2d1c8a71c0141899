"""Exact rational functions: cancel, factor and decide zero with FLINT.

SymPy's ``cancel`` takes minutes on the contribution of one index to the diffusion
tensor; FLINT's multivariate polynomials take milliseconds, and a numerator that is
the zero polynomial is a proof.  Square roots, cosines and sines are adjoined as generators,
so everything stays in a field of rational functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import flint
import sympy as sp

Fraction = tuple[Any, Any]
"""Numerator and denominator, ``fmpz_mpoly`` without common factor."""


class RationalField:
    """Field of rational functions in the symbols of some expressions.

    Parameters
    ----------
    expressions : iterable of sympy.Expr
        Their symbols, and the square roots, cosines and sines in them, are the generators.
        Roots of sums, cosines and sines are taken as independent of each other and of the
        symbols, so that zero is always zero, but what vanishes by a relation between them
        (``cos(x)**2 + sin(x)**2 - 1``) is not seen to.

    Raises
    ------
    TypeError
        When an expression is not rational in these.
    """

    def __init__(self, expressions: Iterable[sp.Expr]) -> None:
        parts = distinct_parts(sp.sympify(expression, strict=True) for expression in expressions)
        symbols = sorted(
            (part for part in parts if isinstance(part, sp.Symbol)), key=lambda item: item.name
        )
        roots = [
            part.base for part in parts if part.is_Pow and part.exp.is_Rational and part.exp.q == 2
        ]
        adjoined = sorted(
            {
                *(part for part in parts if isinstance(part, sp.cos | sp.sin)),
                *(sp.sqrt(base) for base in roots if not base.is_Symbol),
            },
            key=sp.default_sort_key,
        )
        self.has_roots_of_sums = any(part.is_Pow for part in adjoined)
        rooted = {base for base in roots if base.is_Symbol}
        generators = [*symbols, *adjoined]
        self._context = flint.fmpz_mpoly_ctx.get(
            [f"x{position}" for position in range(max(1, len(generators)))], flint.Ordering.lex
        )
        self._one = self._context.constant(1)
        self._zero = self._context.constant(0)
        self.one: Fraction = self._one, self._one
        self.zero: Fraction = self._zero, self._one
        self._generators: dict[sp.Expr, Any] = {}
        self._back: list[sp.Expr] = []
        for item, generator in zip(generators, self._context.gens(), strict=False):
            self._generators[item] = generator
            self._back.append(sp.sqrt(item) if item in rooted else item)
        self._rooted = rooted
        self._places = {item: place for place, item in enumerate(generators)}
        self._known: dict[sp.Expr, Fraction] = {}

    def fraction(self, expression: sp.Expr) -> Fraction:
        """Numerator and denominator in lowest terms."""
        known = self._known.get(expression)
        if known is None:
            known = self._known[expression] = self._convert(expression)
        return known

    def _convert(self, expression: sp.Expr) -> Fraction:
        if expression.is_Rational:
            return (
                self._context.constant(int(expression.p)),
                self._context.constant(int(expression.q)),
            )
        if expression in self._generators:
            generator = self._generators[expression]
            return (generator**2 if expression in self._rooted else generator), self._one
        if expression.is_Add:
            return self._fold(expression.args, self.add)
        if expression.is_Mul:
            return self._fold(expression.args, self.multiply)
        if expression.is_Pow and expression.exp.is_Rational:
            base, exponent = expression.base, expression.exp
            if exponent.is_Integer:
                return self._power(self.fraction(base), int(exponent))
            if exponent.q == 2 and base.is_Symbol:
                return self._power((self._generators[base], self._one), int(exponent.p))
            if exponent.q == 2:
                whole = self._power(self.fraction(base), (int(exponent.p) - 1) // 2)
                return self.multiply(whole, self.fraction(sp.sqrt(base)))
        raise TypeError(f"not a rational function: {expression}")

    def _fold(self, arguments: tuple[sp.Expr, ...], combine: Any) -> Fraction:
        result = self.fraction(arguments[0])
        for argument in arguments[1:]:
            result = combine(result, self.fraction(argument))
        return result

    def _power(self, value: Fraction, exponent: int) -> Fraction:
        numerator, denominator = value
        if exponent >= 0:
            return numerator**exponent, denominator**exponent
        if numerator == 0:
            raise ZeroDivisionError("division by an expression that is identically zero")
        return denominator**-exponent, numerator**-exponent

    def collected(
        self, expression: sp.Expr, variables: Sequence[sp.Symbol]
    ) -> dict[tuple[int, ...], Fraction]:
        """Coefficients of a polynomial in some of the symbols, by the exponents of these.

        Raises
        ------
        ValueError
            When a variable stands in a denominator.
        """
        numerator, denominator = self.fraction(expression)
        places = [self._places[variable] for variable in variables]
        degrees = denominator.degrees()
        if any(degrees[place] for place in places) or self._rooted.intersection(variables):
            raise ValueError(f"not a polynomial in {variables}: {expression}")
        parts: dict[tuple[int, ...], dict[tuple[int, ...], Any]] = {}
        for exponents, coefficient in numerator.terms():
            rest = list(exponents)
            for place in places:
                rest[place] = 0
            powers = tuple(int(exponents[place]) for place in places)
            parts.setdefault(powers, {})[tuple(rest)] = coefficient
        inverse = self._one, denominator
        return {
            powers: self.multiply((self._context.from_dict(part), self._one), inverse)
            for powers, part in parts.items()
        }

    def multiply(self, first: Fraction, second: Fraction) -> Fraction:
        """Product in lowest terms."""
        (a, b), (c, d) = first, second
        if a == 0 or c == 0:
            return self.zero
        left, right = a.gcd(d), c.gcd(b)
        return (a // left) * (c // right), (b // right) * (d // left)

    def add(self, first: Fraction, second: Fraction) -> Fraction:
        """Sum in lowest terms."""
        (a, b), (c, d) = first, second
        common = b.gcd(d)
        b_rest, d_rest = b // common, d // common
        numerator = a * d_rest + c * b_rest
        if numerator == 0:
            return self.zero
        # Only the common part of the denominators can cancel against the sum.
        cancelled = numerator.gcd(common)
        return numerator // cancelled, b_rest * d_rest * (common // cancelled)

    def subtract(self, first: Fraction, second: Fraction) -> Fraction:
        """Difference in lowest terms."""
        return self.add(first, (-second[0], second[1]))

    def contract(self, first: Iterable[sp.Expr], second: Iterable[sp.Expr]) -> Fraction:
        """Sum of products, without an expression in between."""
        total = self.zero
        for left, right in zip(first, second, strict=True):
            total = self.add(total, self.multiply(self.fraction(left), self.fraction(right)))
        return total

    def divide(self, first: Fraction, second: Fraction) -> Fraction:
        """Quotient in lowest terms."""
        return self.multiply(first, second[::-1])

    def solve(self, rows: list[list[Fraction]], right: list[Fraction]) -> list[Fraction]:
        """Solution of a square linear system, by elimination with the shortest pivots.

        Raises
        ------
        ValueError
            When the matrix is singular.
        """
        size = len(rows)
        system = [[*row, entry] for row, entry in zip(rows, right, strict=True)]
        for k in range(size):
            usable = [i for i in range(k, size) if system[i][k][0] != 0]
            if not usable:
                raise ValueError("the matrix is singular")
            shortest = min(usable, key=lambda i: len(system[i][k][0]) + len(system[i][k][1]))
            system[k], system[shortest] = system[shortest], system[k]
            numerator, denominator = system[k][k]
            for i in range(k + 1, size):
                if system[i][k][0] != 0:
                    factor = self.multiply(system[i][k], (-denominator, numerator))
                    system[i] = [
                        self.add(old, self.multiply(factor, pivot))
                        for old, pivot in zip(system[i], system[k], strict=True)
                    ]
        solution: list[Fraction] = []
        for k in reversed(range(size)):
            total = system[k][size]
            for known, (numerator, denominator) in zip(
                solution, reversed(system[k][k + 1 : size]), strict=True
            ):
                total = self.add(total, self.multiply((-numerator, denominator), known))
            numerator, denominator = system[k][k]
            solution.append(self.multiply(total, (denominator, numerator)))
        return solution[::-1]

    def expression(self, value: Fraction) -> sp.Expr:
        """A fraction as a sum of terms."""
        numerator, denominator = value
        return sp.expand(self.expand(numerator) / self.expand(denominator))

    def expand(self, polynomial: Any) -> sp.Expr:
        """A FLINT polynomial as an expanded SymPy expression."""
        return sp.Add(
            *(
                sp.Integer(int(coefficient)) * self._monomial(exponents)
                for exponents, coefficient in polynomial.terms()
            )
        )

    def _monomial(self, exponents: Iterable[int]) -> sp.Expr:
        return sp.Mul(
            *(base ** int(k) for base, k in zip(self._back, exponents, strict=False) if int(k))
        )

    def factors(self, polynomial: Any) -> sp.Expr:
        """A FLINT polynomial as a product of irreducible factors."""
        try:
            content, parts = polynomial.factor()
        except OverflowError:
            # FLINT finds the factors, but python-flint 0.9 sorts them by coefficients as machine
            # integers.
            return sp.factor(self.expand(polynomial))
        return sp.Mul(
            sp.Integer(int(content)),
            *(self.expand(part) ** int(multiplicity) for part, multiplicity in parts),
        )


def distinct_parts(expressions: Iterable[sp.Basic]) -> set[sp.Basic]:
    """All that stands in some expressions, they included.

    What stands in many places is walked through once: written out, the formulas of this theory
    are a hundred times longer than their distinct parts.
    """
    found: set[sp.Basic] = set()
    waiting = list(expressions)
    while waiting:
        part = waiting.pop()
        if part not in found:
            found.add(part)
            waiting.extend(part.args)
    return found


def replaced(expression: sp.Expr, rules: Mapping[sp.Expr, sp.Expr]) -> sp.Expr:
    """``expression.xreplace(rules)``, with each distinct part replaced once."""
    known: dict[sp.Basic, sp.Basic] = dict(rules)

    def result(part: sp.Basic) -> sp.Basic:
        found = known.get(part)
        if found is None:
            arguments = [result(argument) for argument in part.args]
            same = all(new is old for new, old in zip(arguments, part.args, strict=True))
            found = known[part] = part if same else part.func(*arguments)
        return found

    return result(expression)


def is_zero(expression: sp.Expr) -> bool:
    """Decide exactly whether a rational expression is identically zero.

    Cosine and sine of the same angle are related by the tangent of half of it, and the square of
    the root of a sum is that sum.
    """
    expression = sp.sympify(expression, strict=True)
    halved: dict[sp.Expr, sp.Expr] = {}
    functions = {part for part in distinct_parts([expression]) if isinstance(part, sp.cos | sp.sin)}
    for angle in {function.args[0] for function in functions}:
        tangent = sp.Dummy(f"tangent_{len(halved)}")
        halved[sp.cos(angle)] = (1 - tangent**2) / (1 + tangent**2)
        halved[sp.sin(angle)] = 2 * tangent / (1 + tangent**2)
    rational = replaced(expression, halved) if halved else expression
    field = RationalField([rational])
    numerator, _ = field.fraction(rational)
    if numerator == 0 or not field.has_roots_of_sums:
        return bool(numerator == 0)
    # SymPy squares the roots in a product by itself.
    squared = field.expand(numerator)
    return bool(RationalField([squared]).fraction(squared)[0] == 0)


def cancel(expression: sp.Expr) -> sp.Expr:
    """Quotient of two expanded polynomials without common factor."""
    field = RationalField([expression])
    numerator, denominator = field.fraction(sp.sympify(expression, strict=True))
    return field.expand(numerator) / field.expand(denominator)


def factor(expression: sp.Expr) -> sp.Expr:
    """Quotient of two products of irreducible polynomials without common factor."""
    field = RationalField([expression])
    numerator, denominator = field.fraction(sp.sympify(expression, strict=True))
    if numerator == 0:
        return sp.Integer(0)
    return field.factors(numerator) / field.factors(denominator)


def solve_linear(matrix: sp.MatrixBase, right: sp.MatrixBase) -> list[sp.Expr]:
    """Solve a regular square system of rational functions by elimination.

    Parameters
    ----------
    matrix : sympy.Matrix
        Shape ``(k, k)``.
    right : sympy.Matrix
        Shape ``(k, 1)``.

    Returns
    -------
    list of sympy.Expr
        Quotients of expanded polynomials without common factor.

    Raises
    ------
    ValueError
        When the matrix is singular.
    """
    field = RationalField([*matrix, *right])
    return [
        field.expand(numerator) / field.expand(denominator)
        for numerator, denominator in field.solve(
            [[field.fraction(entry) for entry in row] for row in matrix.tolist()],
            [field.fraction(entry) for entry in right],
        )
    ]


def leading_term(expression: sp.Expr, small: sp.Symbol) -> tuple[sp.Expr, int]:
    """Leading order as ``small`` tends to zero.

    Returns
    -------
    coefficient : sympy.Expr
        Factored, free of ``small``.
    exponent : int
        So that the expression is ``coefficient * small**exponent`` to leading order.
    """
    field = RationalField([expression])
    numerator, denominator = field.fraction(sp.sympify(expression, strict=True))
    (top, top_order) = _lowest(field.expand(numerator), small)
    (bottom, bottom_order) = _lowest(field.expand(denominator), small)
    return factor(top / bottom), top_order - bottom_order


def _lowest(polynomial: sp.Expr, small: sp.Symbol) -> tuple[sp.Expr, int]:
    terms = sp.Poly(polynomial, small).terms()
    (order,), coefficient = terms[-1]
    return coefficient, int(order)

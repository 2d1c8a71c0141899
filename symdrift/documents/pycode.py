"""Equations as Python that rebuilds them: the same SymPy object, not one like it.

An expression is written with operators where these give back exactly the expression, and
with constructors where SymPy's automatic evaluation would change it.  Which of the two it is
gets decided on the objects themselves; no text is evaluated here.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Callable, Iterable
from functools import lru_cache, reduce
from operator import mul
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.matrices import MatrixBase

from symdrift.derivation.steps import Equation

_SUM, _PRODUCT, _POWER, _ATOM = range(4)
"""How tightly a piece of source binds."""

_Source = tuple[str, int]

_SHORT = {
    "Equality": "Eq", "Unequality": "Ne", "StrictGreaterThan": "Gt", "GreaterThan": "Ge",
    "StrictLessThan": "Lt", "LessThan": "Le",
}  # fmt: skip


def python_source(equation: Equation) -> str:
    """Python that binds ``equation`` (and ``condition``) to the expression of an equation.

    It needs nothing but SymPy: symbols come with their assumptions, so that the rebuilt
    expression is equal to the original.

    Raises
    ------
    TypeError
        When the equation holds an object that cannot be written.
    """
    return _rebuilding(sp.sympify(equation.expression), equation.condition)


@lru_cache(maxsize=2**11)
def _rebuilding(expression: sp.Basic, condition: sp.Basic | None) -> str:
    """Kept: to see whether SymPy evaluates an equality takes longer than all else of a page."""
    writer = _PythonWriter(part for part in (expression, condition) if part is not None)
    lines = [f"equation = {writer.source(expression)}"]
    if condition is not None:
        lines.append(f"condition = {writer.source(condition)}")
    return "\n".join([*writer.preamble(), "", *lines, ""])


class _PythonWriter:
    """Source of expressions that share their symbols."""

    def __init__(self, expressions: Iterable[sp.Basic]) -> None:
        self._imports: set[str] = set()
        self._definitions: dict[sp.Basic, tuple[str, str]] = {}
        nodes = [node for part in expressions for node in sp.preorder_traversal(part)]
        # A symbol must not take the name of what is imported.
        self._taken = {
            "equation", "condition", "sqrt", "Rational", "ImmutableMatrix", "Function", "matrices"
        }  # fmt: skip
        for node in nodes:
            name = type(node).__name__
            self._taken.add(_SHORT.get(name, name) if not isinstance(node, AppliedUndef) else "")

    def source(self, expression: sp.Basic) -> str:
        return self._source(expression)[0]

    def preamble(self) -> list[str]:
        """Import of what the source so far uses, and its symbols."""
        return [
            f"from sympy import {', '.join(sorted(self._imports))}",
            "",
            *(f"{name} = {text}" for name, text in self._definitions.values()),
        ]

    def _source(self, node: sp.Basic) -> _Source:
        match node:
            case sp.Symbol():
                self._imports.add(type(node).__name__)
                return self._named(node, node.name, lambda: _constructor(node))
            case sp.MatrixSymbol():
                return self._named(node, node.name, lambda: self._call(node, quoted=node.name))
            case sp.IndexedBase():
                return self._named(node, str(node.label), lambda: self._base(node))
            case AppliedUndef():
                return self._undefined(node)
            case sp.Rational():
                return self._number(node)
            case sp.core.numbers.Infinity():
                self._imports.add("oo")
                return "oo", _ATOM
            case sp.Float():
                self._imports.add("Float")
                return _constructor(node), _ATOM
            case sp.Add() | sp.MatAdd():
                return self._sum(node)
            case sp.Mul() | sp.MatMul():
                return self._product(node)
            case sp.Pow():
                return self._power(node)
            case sp.Transpose() if node == node.arg.T:
                return f"{self._bound(node.arg, _ATOM)}.T", _ATOM
            case sp.Indexed():
                return f"{self._bound(node.base, _ATOM)}[{self._list(node.indices)}]", _ATOM
            case sp.matrices.expressions.matexpr.MatrixElement():
                place = self._list(node.args[1:])
                if node == node.parent[node.args[1:]]:
                    return f"{self._bound(node.parent, _ATOM)}[{place}]", _ATOM
                # An index would be carried into the product.
                self._imports.add("matrices")
                of = self._list(node.args[:1])
                return f"matrices.expressions.matexpr.MatrixElement({of}, {place})", _ATOM
            case sp.Tuple() | sp.functions.elementary.piecewise.ExprCondPair():
                inner = self._list(node.args)
                return f"({inner}{',' if len(node.args) == 1 else ''})", _ATOM
            case MatrixBase():
                self._imports.add("ImmutableMatrix")
                rows = ", ".join(f"[{self._list(row)}]" for row in node.tolist())
                return f"ImmutableMatrix([{rows}])", _ATOM
            case sp.logic.boolalg.BooleanAtom():
                return str(node), _ATOM
        return self._call(node), _ATOM

    # -- names -------------------------------------------------------------------------

    def _named(self, node: sp.Basic, name: str, define: Callable[[], str]) -> _Source:
        """Variable of a symbol, defined once."""
        if node not in self._definitions:
            text = define()
            self._definitions[node] = (self._identifier(name), text)
        return self._definitions[node][0], _ATOM

    def _identifier(self, name: str) -> str:
        """Name of a variable: free, and no word of Python's."""
        plain = re.sub(r"\W", "_", name)
        plain = f"_{plain}" if plain[:1].isdigit() else plain
        while keyword.iskeyword(plain) or plain in self._taken:
            plain += "_"
        self._taken.add(plain)
        return plain

    def _base(self, node: sp.IndexedBase) -> str:
        self._imports.add("IndexedBase")
        name = str(node.label)
        return f'IndexedBase("{name}")' if sp.IndexedBase(name) == node else self._call(node)

    def _undefined(self, node: Any) -> _Source:
        self._imports.add("Function")
        function, _ = self._named(node.func, node.func.__name__, lambda: _constructor(node.func))
        return f"{function}({self._list(node.args)})", _ATOM

    # -- calls -------------------------------------------------------------------------

    def _call(self, node: sp.Basic, quoted: str = "") -> str:
        """Constructor of a node; evaluation is switched off where it would change the node."""
        name = type(node).__name__
        name = _SHORT.get(name, name)
        if getattr(sp, name, None) is None:
            raise TypeError(f"{name} cannot be written as Python")
        self._imports.add(name)
        if quoted:
            return f"{name}({json.dumps(quoted)}, {self._list(node.args[1:])})"
        text = self._list(node.args)
        if node.func(*node.args) == node:
            return f"{name}({text})"
        if node.func(*node.args, evaluate=False) == node:
            return f"{name}({text}, evaluate=False)"
        raise TypeError(f"{node} cannot be rebuilt from its arguments")

    def _list(self, nodes: Iterable[Any]) -> str:
        return ", ".join(self.source(sp.sympify(node, strict=True)) for node in nodes)

    def _bound(self, node: sp.Basic, binding: int) -> str:
        """Source of an operand, in brackets when it binds less tightly."""
        text, own = self._source(node)
        return text if own >= binding else f"({text})"

    # -- arithmetic --------------------------------------------------------------------

    def _number(self, node: sp.Rational) -> _Source:
        if node.q == 1:
            return str(node.p), _ATOM if node.p >= 0 else _SUM
        self._imports.add("Rational")
        return f"Rational({node.p}, {node.q})", _ATOM

    def _sum(self, node: Any) -> _Source:
        terms = node.as_ordered_terms() if isinstance(node, sp.Add) else node.args
        text = ""
        total: Any = None
        for term in terms:
            negative = total is not None and _coefficient(term) < 0
            size = -term if negative else term
            if total is None:
                text, total = self._bound(size, _SUM), size
            elif negative:
                text, total = f"{text} - {self._bound(size, _PRODUCT)}", total - size
            else:
                text, total = f"{text} + {self._bound(size, _PRODUCT)}", total + size
        return (text, _SUM) if total == node else (self._call(node), _ATOM)

    def _product(self, node: Any) -> _Source:
        above, below = _quotient(node)
        sign = _coefficient(node) < 0

        def built(first: Any) -> Any:
            """What Python makes of the source, of which this is the first factor."""
            product = reduce(mul, above[1:], first)
            return product / reduce(mul, below) if below else product

        leading = above[0] if above else sp.S.One
        whole = -built(leading) if sign else built(leading)
        if whole != node or not (above or below):
            return self._call(node), _ATOM
        text = "*".join(self._bound(factor, _POWER) for factor in above) or "1"
        if below:
            divisor = "*".join(self._bound(factor, _POWER) for factor in below)
            text += f"/({divisor})" if len(below) > 1 else f"/{divisor}"
        if not sign:
            return text, _PRODUCT
        # A sign that stands before a sum would be multiplied into it.
        return f"-{text}" if built(-leading) == node else f"-({text})", _SUM

    def _power(self, node: sp.Pow) -> _Source:
        base, exponent = node.args
        if exponent == sp.S.Half and sp.sqrt(base) == node:
            self._imports.add("sqrt")
            return f"sqrt({self.source(base)})", _ATOM
        if exponent == -1 and base.free_symbols and 1 / base == node:
            return f"1/{self._bound(base, _POWER)}", _PRODUCT
        if node.free_symbols and base**exponent == node:
            return f"{self._bound(base, _ATOM)}**{self._bound(exponent, _ATOM)}", _POWER
        return self._call(node), _ATOM


def _constructor(node: Any) -> str:
    """A symbol, function or decimal number with all that makes it what it is."""
    return str(sp.srepr(node)).replace("'", '"')


def _coefficient(node: sp.Basic) -> sp.Rational:
    """Number in front of a term."""
    if isinstance(node, sp.Rational):
        return node
    if isinstance(node, sp.Mul):
        leading = node.args[0]
        return leading if isinstance(leading, sp.Rational) else sp.S.One
    if isinstance(node, sp.MatMul):
        leading = node.args[0]
        return leading if isinstance(leading, sp.Rational) else _coefficient(leading)
    return sp.S.One


def _quotient(node: Any) -> tuple[list[Any], list[Any]]:
    """Factors above and below the line, without the sign; sums last, numbers around them."""
    above: list[Any] = []
    below: list[Any] = []
    for factor in node.args:
        if isinstance(factor, sp.Rational):
            if abs(factor.p) != 1:
                above.append(sp.Integer(abs(factor.p)))
            if factor.q != 1:
                below.append(sp.Integer(factor.q))
        elif (
            isinstance(factor, sp.Pow)
            and isinstance(factor.exp, sp.Rational)
            and factor.exp < 0
            and factor.base.free_symbols
        ):
            below.append(sp.Pow(factor.base, -factor.exp))
        else:
            above.append(factor)
    if not isinstance(node, sp.MatMul):
        above.sort(key=lambda factor: isinstance(factor, sp.Add))
    return above, below

"""The number that a piece of printed mathematics stands for: an oracle for the typesetting.

It reads what a reader sees (brackets of any size, fractions, powers, rows one after the
other) and knows nothing of the expression that was printed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from latex_tree import Delimiter, Fenced, Fraction, Node, Root, Row, Scripts, Symbol, parse

Value = float


class Reader:
    """Evaluates formulas in symbols of known value."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = {parse(name).nodes: value for name, value in values.items()}

    def define(self, name: str, value: Value) -> None:
        """Learn what another name stands for."""
        self._values[parse(name).nodes] = value

    def value(self, latex: str) -> Value:
        """Value of a formula, or of the right-hand side of an equation without a left one."""
        nodes = list(_flat(parse(latex)))
        if isinstance(nodes[0], Symbol) and nodes[0].character == "=":
            nodes = nodes[1:]
        value, rest = self._sum(nodes)
        assert not rest, f"read only a part of {latex}"
        return value

    def _row(self, row: Row) -> Value:
        value, rest = self._sum(list(_flat(row)))
        assert not rest
        return value

    def _sum(self, nodes: Sequence[Node]) -> tuple[Value, Sequence[Node]]:
        total, sign = 0.0, 1.0
        if _is(nodes[0], "−+"):
            sign = -1.0 if _is(nodes[0], "−") else 1.0
            nodes = nodes[1:]
        while True:
            term, nodes = self._product(nodes)
            total += sign * term
            if not nodes or not _is(nodes[0], "−+"):
                return total, nodes
            sign = -1.0 if _is(nodes[0], "−") else 1.0
            nodes = nodes[1:]

    def _product(self, nodes: Sequence[Node]) -> tuple[Value, Sequence[Node]]:
        value, nodes = self._factor(nodes)
        while nodes and not _is(nodes[0], "−+") and not _closes(nodes[0]):
            if _is(nodes[0], "×⋅"):
                nodes = nodes[1:]
            factor, nodes = self._factor(nodes)
            value *= factor
        return value, nodes

    def _factor(self, nodes: Sequence[Node]) -> tuple[Value, Sequence[Node]]:
        first = nodes[0]
        if isinstance(first, Symbol) and first.character.isdigit():
            return self._number(nodes)
        if isinstance(first, Delimiter) and first.side == "l":
            value, nodes = self._sum(nodes[1:])
            closing = nodes[0]
            base, power = _power(closing)
            assert isinstance(base, Delimiter) and base.side == "r"
            assert (first.character + base.character) in ("()", "[]", "{}")
            assert isinstance(first, Delimiter) and first.size == base.size
            return self._raised(value, power), nodes[1:]
        return self._atom(first), nodes[1:]

    def _number(self, nodes: Sequence[Node]) -> tuple[Value, Sequence[Node]]:
        digits = ""
        while nodes and isinstance(nodes[0], Symbol) and nodes[0].character.isdigit():
            digits += nodes[0].character
            nodes = nodes[1:]
        if nodes and isinstance(nodes[0], Scripts):
            base, power = _power(nodes[0])
            if isinstance(base, Symbol) and base.character.isdigit():
                return self._raised(float(digits + base.character), power), nodes[1:]
        return float(digits), nodes

    def _atom(self, node: Node) -> Value:
        if (node,) in self._values:
            return self._values[(node,)]
        match node:
            case Fraction(numerator=numerator, denominator=denominator):
                return self._row(numerator) / self._row(denominator)
            case Root(body=body, index=None):
                return math.sqrt(self._row(body))
            case Fenced(left="(", body=body, right=")"):
                return self._row(body)
            case Row():
                return self._row(node)
            case Scripts(base=Symbol(character="e"), sub=None, sup=Row() as power):
                return math.exp(self._row(power))
            case Scripts(base=Symbol(character=digit), sub=None, sup=power) if digit.isdigit():
                return self._raised(float(digit), power)
            case Scripts():
                base, power = _power(node)
                assert power is not None, f"unknown symbol {node}"
                return self._raised(self._atom(base), power)
        raise AssertionError(f"unknown mathematics {node}")

    def _raised(self, value: Value, power: Row | None) -> Value:
        return value if power is None else value ** self._row(power)


def _flat(row: Row) -> Iterable[Node]:
    """Nodes with groups of nothing (``{}``) removed."""
    return (node for node in row.nodes if not (isinstance(node, Row) and not node.nodes))


def _is(node: Node, characters: str) -> bool:
    return isinstance(node, Symbol) and node.character in characters


def _closes(node: Node) -> bool:
    base, _ = _power(node)
    return isinstance(base, Delimiter) and base.side == "r"


def _power(node: Node) -> tuple[Node, Row | None]:
    """Base (with its subscript) and exponent of a node."""
    if not isinstance(node, Scripts):
        return node, None
    if node.sub is None:
        return node.base, node.sup
    return Scripts(node.base, node.sub, None), node.sup

"""One SymPy expression as one NumPy function: common subexpressions, names, docstring."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sympy as sp
from sympy.printing.numpy import NumPyPrinter
from sympy.printing.precedence import precedence


@dataclass(frozen=True)
class Argument:
    """An argument of a generated function.

    Attributes
    ----------
    value : sympy.Expr
        What the argument is in the expressions: a symbol, or the square of one.
    name : str
        Its name in the source.
    """

    value: sp.Expr
    name: str


@dataclass(frozen=True)
class ScalarFunction:
    """A generated function of scalars that broadcasts over arrays.

    Attributes
    ----------
    name : str
    summary : str
        The docstring.
    formula : str
        The formula in words and plain symbols, a comment of the source.
    arguments : tuple of Argument
    results : Mapping of str to sympy.Expr
        Name of each result and its expression.
    intermediates : Mapping of sympy.Symbol to sympy.Expr
        Named quantities that the results contain, in order of evaluation.
    """

    name: str
    summary: str
    formula: str
    arguments: tuple[Argument, ...]
    results: Mapping[str, sp.Expr]
    intermediates: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict)

    def statements(self) -> tuple[tuple[str, sp.Expr], ...]:
        """Assignments in order of evaluation, in the names of the arguments.

        Intermediates, common subexpressions, results; every language prints these.  A result
        that is an intermediate of its name is not assigned again.

        Raises
        ------
        ValueError
            When an expression contains a symbol that is neither argument nor
            intermediate.
        """
        renamed = {
            root: value for argument in self.arguments for root, value in [_substitution(argument)]
        }
        expressions = [
            expression.xreplace(renamed)
            for expression in (*self.intermediates.values(), *self.results.values())
        ]
        known = {sp.Symbol(argument.name, positive=True) for argument in self.arguments}
        unknown = set().union(*(e.free_symbols for e in expressions))
        unknown -= known | set(self.intermediates)
        if unknown:
            names = ", ".join(sorted(item.name for item in unknown))
            raise ValueError(f"{self.name}: no argument for {names}")
        # Intermediates are opaque to the search, so that its names follow theirs.
        count = len(self.intermediates)
        shared, reduced = sp.cse(
            expressions[count:], symbols=(sp.Symbol(f"t{k}") for k in range(10**6))
        )
        return (
            *((k.name, e) for k, e in zip(self.intermediates, expressions[:count], strict=True)),
            *((item.name, expression) for item, expression in shared),
            *(
                (name, expression)
                for name, expression in zip(self.results, reduced, strict=True)
                if expression not in self.intermediates or str(expression) != name
            ),
        )

    def source(self) -> str:
        """Python source of the function, in a module that knows ``np`` and ``Array``.

        Raises
        ------
        ValueError
            When an expression contains a symbol that is neither argument nor
            intermediate.
        """
        lines = [f"{name} = {_code(expression)}" for name, expression in self.statements()]
        lines.append(f"return {', '.join(self.results)}")
        formula = [f"# {line}" for line in textwrap.wrap(self.formula, 94)]
        count = operations("\n".join(lines[:-1]))
        summary = [f'"""{self.summary}', "", f"{count} operation{'s' * (count != 1)}.", '"""']
        body = "\n".join([*summary, *formula, *(_wrapped(line) for line in lines)])
        arguments = [f"{argument.name}: Array" for argument in self.arguments]
        kinds = ["float" if value.is_Number else "Array" for value in self.results.values()]
        result = kinds[0] if len(kinds) == 1 else _tuple(kinds)
        head = definition(self.name, arguments, result)
        return head + "\n" + textwrap.indent(body, "    ") + "\n"


def definition(name: str, arguments: Sequence[str], result: str) -> str:
    """First line of a function with type hints; one per argument where that is too long."""
    head = f"def {name}({', '.join(arguments)}) -> {result}:"
    if len(head) <= 100:
        return head
    rows = "".join(f"    {argument},\n" for argument in arguments)
    return f"def {name}(\n{rows}) -> {result}:"


def _tuple(kinds: Sequence[str]) -> str:
    if len(kinds) < 8:
        return f"tuple[{', '.join(kinds)}]"
    return f"tuple[{' | '.join(sorted(set(kinds)))}, ...]"


def _substitution(argument: Argument) -> tuple[sp.Expr, sp.Expr]:
    named = sp.Symbol(argument.name, positive=True)
    if argument.value.is_Pow:
        return argument.value.base, named ** (1 / argument.value.exp)
    return argument.value, named


def operations(source: str) -> int:
    """Arithmetic operations and calls in Python source."""
    counted = (ast.BinOp, ast.UnaryOp, ast.Call)
    return sum(isinstance(node, counted) for node in ast.walk(ast.parse(source)))


class _Printer(NumPyPrinter):  # type: ignore[misc]
    """NumPy without its slow way to a reciprocal."""

    def _print_Pow(self, expr: sp.Pow, rational: bool = False) -> str:
        if expr.exp == -1:
            return f"1/{self.parenthesize(expr.base, precedence(expr))}"
        text: str = super()._print_Pow(expr, rational)
        return text


def _code(expression: sp.Expr) -> str:
    printer = _Printer({"fully_qualified_modules": False, "allow_unknown_functions": False})
    text: str = printer.doprint(expression)
    for function in ("sqrt", "exp", "expm1"):
        text = text.replace(f"{function}(", f"np.{function}(")
    return text


def _wrapped(line: str) -> str:
    if len(line) <= 94:
        return line
    if line.startswith("return "):
        rows = textwrap.wrap(line.removeprefix("return "), 90)
        return "\n".join(["return (", *(f"    {row}" for row in rows), ")"])
    name, _, expression = line.partition(" = ")
    rows = textwrap.wrap(expression, 86, break_long_words=False, break_on_hyphens=False)
    return "\n".join([f"{name} = (", *(f"    {row}" for row in rows), ")"])

"""The formulas of an aligned network as JavaScript, for pages that compute."""

from __future__ import annotations

import re
import textwrap
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined
from sympy.printing.jscode import JavascriptCodePrinter

from symdrift.kernels.aligned_network import aligned_kernels
from symdrift.kernels.loop import loop_rotation
from symdrift.kernels.scalar import ScalarFunction
from symdrift.theory.linear.aligned import RepresentativeDrift

TEMPLATE = "aligned.js.jinja"


def javascript_kernels(drift: RepresentativeDrift) -> str:
    """JavaScript of the kernels of aligned networks of any size.

    The same scalar formulas as in the NumPy kernels, printed from the same statements;
    those that only displacements need are left out.
    The source is one expression: an object with a function per quantity.

    Parameters
    ----------
    drift : RepresentativeDrift

    Raises
    ------
    ValueError
        When a formula contains a symbol that is no argument of its function.
    """
    functions = [
        function
        for function in (*aligned_kernels(drift), loop_rotation(drift))
        if re.search(rf"\b{camel_case(function.name)}\b", _template(TEMPLATE))
    ]
    environment = Environment(
        loader=FunctionLoader(_template), undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template(TEMPLATE).render(
        functions=[javascript_function(function) for function in functions]
    )


def javascript_function(function: ScalarFunction) -> str:
    """JavaScript source of one function; several results are returned as an array.

    Raises
    ------
    ValueError
        When an expression contains a symbol that is neither argument nor
        intermediate.
    """
    printer = JavascriptCodePrinter({"allow_unknown_functions": False})
    signature = ", ".join(argument.name for argument in function.arguments)
    results = ", ".join(function.results)
    lines = [f"// {function.summary}"]
    lines += [f"// {line}" for line in textwrap.wrap(function.formula, 90)]
    lines += [f"function {camel_case(function.name)}({signature}) {{"]
    lines += [
        f"  const {name} = {printer.doprint(expression)};"
        for name, expression in function.statements()
    ]
    lines += [f"  return {f'[{results}]' if len(function.results) > 1 else results};", "}"]
    return "\n".join(lines)


def camel_case(name: str) -> str:
    """JavaScript name of a Python function: ``_own_term`` becomes ``ownTerm``."""
    first, *rest = name.strip("_").split("_")
    return first + "".join(part.capitalize() for part in rest)


def _template(name: str) -> str:
    return (resources.files("symdrift.kernels") / "templates" / name).read_text("utf-8")

"""The formulas of an aligned network as JavaScript, for pages that compute."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from importlib import resources

from sympy.printing.jscode import JavascriptCodePrinter

from symdrift.kernels.aligned_network import aligned_kernels
from symdrift.kernels.loop import loop_rotation
from symdrift.kernels.scalar import ScalarFunction
from symdrift.theory.linear.aligned import RepresentativeDrift

_MODULE = "aligned.js"
_PRINTED = "printed_aligned.js"
_IMPORT = re.compile(rf'import {{([^}}]*)}} from "\./{re.escape(_PRINTED)}";\n')


def page_kernels(drift: RepresentativeDrift) -> list[ScalarFunction]:
    """The scalar formulas that `aligned.js` imports, the same as those of the NumPy kernels."""
    (names,) = _IMPORT.findall(_text(_MODULE))
    wanted = {name.strip() for name in names.split(",")}
    functions = (*aligned_kernels(drift), loop_rotation(drift))
    return [function for function in functions if camel_case(function.name) in wanted]


def javascript_module(header: str, functions: Sequence[ScalarFunction]) -> str:
    """Source of a module of printed formulas.

    Raises
    ------
    ValueError
        When a formula contains a symbol that is no argument of its function.
    """
    comment = "\n".join(f"// {line}" for line in header.splitlines() if line)
    formulas = "\n\n".join(map(javascript_function, functions))
    names = "".join(f"  {camel_case(function.name)},\n" for function in functions)
    return f"{comment}\n\n\n{formulas}\n\n\nexport {{\n{names}}};\n"


def javascript_kernels() -> str:
    """One expression for a page: `aligned.js` with the printed formulas in place of their import.

    It is an object with a function per quantity, of networks of any size.
    """
    _, formulas, _ = _text(_PRINTED).split("\n\n\n")
    source = _IMPORT.sub(lambda _: f"{formulas}\n", _text(_MODULE))
    return f'(() => {{\n"use strict";\n{source.replace("export default {", "return {")}}})()\n'


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


def _text(name: str) -> str:
    return (resources.files("symdrift.kernels") / name).read_text("utf-8")

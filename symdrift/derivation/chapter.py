"""Building a step: its checks are run here, and a check that fails stops everything."""

from __future__ import annotations

import ast
import inspect
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from string import Formatter
from types import CodeType

import sympy as sp

from symdrift.algebra.forms import Simplified
from symdrift.algebra.rational import is_zero
from symdrift.derivation.steps import Check, Equation, Shown, Source, Step, relation
from symdrift.derivation.vocabulary import COMMON
from symdrift.errors import CheckFailed


@dataclass(frozen=True)
class Test:
    """A check to be run: what it verifies, how, and the computation that decides it."""

    statement: str
    method: str
    decide: Callable[[], bool]


def vanishes(statement: str, *expressions: sp.Expr | sp.MatrixBase) -> Test:
    """All expressions, or all entries of matrices, are identically zero.

    Each is brought over one denominator and its numerator expanded, in exact arithmetic.
    """

    def decide() -> bool:
        entries = [
            entry
            for expression in expressions
            for entry in (expression if isinstance(expression, sp.MatrixBase) else [expression])
        ]
        return all(is_zero(entry) for entry in entries)

    return Test(statement, "numerator expanded to zero", decide)


def holds(statement: str, method: str, decide: Callable[[], bool]) -> Test:
    """Anything else that can be decided exactly."""
    return Test(statement, method, decide)


@dataclass(frozen=True)
class Given:
    """An equation and the condition under which it holds."""

    shown: Shown
    condition: sp.Basic


def step(
    *,
    checks: Iterable[Test],
    symbols: Mapping[str, sp.Basic] | None = None,
    assumptions: Iterable[str] = (),
    simplified: Iterable[Simplified] = (),
    words: Mapping[str, str] | None = None,
    identifier: str | None = None,
    **equations: Shown | Given | Mapping[object, Shown | Given] | None,
) -> Step:
    """The step that the calling function describes, with its checks run.

    The first line of the function's docstring is the title and the rest the prose; the
    section is the first line of its module's, up to the colon.  The name of the function is
    the identifier of the step.

    Parameters
    ----------
    checks : iterable of Test
    symbols : Mapping, optional
        Inline mathematics of prose, assumptions and statements, by name.
    assumptions : iterable of str
    simplified : iterable of Simplified
        How the equations came into their form.
    words : Mapping, optional
        What stands for ``<name>`` in the docstring, where the study decides.
    identifier : str, optional
        Where several functions describe one step, each for some studies.
    **equations
        The displayed equations by label, with ``_`` for ``-``.  A mapping is a family of
        equations whose labels end in its keys; None leaves the equation out.

    Raises
    ------
    CheckFailed
        Naming the step and the statement that did not hold.
    KeyError
        When the prose names a symbol that does not exist.
    """
    frame = inspect.currentframe()
    assert frame is not None and frame.f_back is not None
    place, code = frame.f_back.f_globals, frame.f_back.f_code
    name = identifier or code.co_name.strip("_").replace("_", "-")
    described = place[code.co_name].__doc__
    if described is None:
        raise CheckFailed(f'step "{name}" has lost its prose: run Python without -OO')
    for slot, text in (words or {}).items():
        described = described.replace(f"<{slot}>", text)
    title, *paragraphs = re.split(r"\n\s*\n", described.strip())
    prose = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    results = []
    for test in checks:
        start = time.perf_counter()
        if not test.decide():
            raise CheckFailed(f'step "{name}" failed its check: {test.statement}')
        results.append(Check(test.statement, test.method, True, time.perf_counter() - start))
    if not results:
        raise CheckFailed(f'step "{name}" has no check')
    assumptions = tuple(assumptions)
    known = COMMON | dict(symbols or {})
    texts = (prose, *assumptions, *(check.statement for check in results))
    named = {key: known[key] for text in texts for _, key, _, _ in Formatter().parse(text) if key}
    return Step(
        identifier=name,
        section=place["__doc__"].partition(":")[0],
        title=" ".join(title.split()),
        prose=prose,
        symbols=named,
        equations=tuple(_labelled(equations, code)),
        assumptions=assumptions,
        checks=tuple(results),
        simplifications=tuple(rule for form in simplified for rule in form.applied),
        source=Source(_within_package(code.co_filename), code.co_firstlineno),
    )


def _labelled(
    equations: Mapping[str, Shown | Given | Mapping[object, Shown | Given] | None], code: CodeType
) -> Iterator[Equation]:
    """The equations of a step, each with the line on which its label stands."""
    lines = _keyword_lines(code.co_filename, code.co_name)
    for keyword, value in equations.items():
        if value is None:
            continue
        source = Source(_within_package(code.co_filename), lines[keyword])
        family = value if isinstance(value, Mapping) else {None: value}
        for key, member in family.items():
            label = keyword.replace("_", "-") + ("" if key is None else f"-{key}")
            shown, condition = member, None
            if isinstance(member, Given):
                shown, condition = member.shown, member.condition
            yield Equation(label, relation(shown), condition, source=source)


@lru_cache
def _keyword_lines(file: str, function: str) -> Mapping[str, int]:
    """Where the keywords of the calls of `step` in a function of a file stand."""
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    (body,) = (
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function
    )
    return {
        keyword.arg: keyword.lineno
        for call in ast.walk(body)
        if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] == "step"
        for keyword in call.keywords
        if keyword.arg
    }


def _within_package(file: str) -> str:
    package = Path(__file__).parents[2]
    return Path(file).resolve().relative_to(package.resolve()).as_posix()


def timed(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps with the time that deriving and checking each of them took."""
    start = time.perf_counter()
    for step in steps:
        yield replace(step, seconds=time.perf_counter() - start)
        start = time.perf_counter()

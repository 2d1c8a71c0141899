"""A derivation: an ordered list of steps, each with equations and an exact check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from html import escape
from typing import Any, TypeAlias, TypeVar

import sympy as sp

from symdrift.algebra.forms import AppliedRule
from symdrift.derivation.marks import shown_in
from symdrift.derivation.premises import Premise
from symdrift.errors import RequestError, did_you_mean, require_known
from symdrift.quoting import shown
from symdrift.typesetting.lines import Names, lay_out, lay_out_chain
from symdrift.typesetting.printer import TheoryPrinter

NOTEBOOK_WIDTH = 50.0
"""Room for an equation in a notebook, in em."""


@dataclass(frozen=True)
class Source:
    """A line of a file of the package: where a step begins, or the label of an equation stands."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


Sides: TypeAlias = tuple[object, object]
"""Left and right of an equation."""

Shown: TypeAlias = sp.Basic | Sides | list[Sides]
"""An expression, two sides of an equation, or several equations beside each other."""


def relation(shown: Shown) -> sp.Basic:
    """What is printed: equations are kept as they stand, unevaluated."""
    if isinstance(shown, tuple):
        left, right = shown
        return sp.Eq(left, right, evaluate=False)
    if isinstance(shown, list):
        return sp.And(*(relation(pair) for pair in shown))
    return shown


def taken_apart(expression: sp.Basic) -> Shown:
    """What `relation` makes of it is the expression."""
    if isinstance(expression, sp.Eq):
        return expression.lhs, expression.rhs
    if isinstance(expression, sp.And) and all(isinstance(e, sp.Eq) for e in expression.args):
        return [(e.lhs, e.rhs) for e in expression.args]
    return expression


@dataclass(frozen=True)
class Link:
    """A line of a chain of equalities: what the line above it equals.

    Attributes
    ----------
    reason : str
        Why, in the mark-up of the prose of a step.
    expression : sympy.Basic
    """

    reason: str
    expression: sp.Basic


@dataclass(frozen=True)
class Equation:
    """One displayed equation, or a chain of them.

    Attributes
    ----------
    label : str
        Unique in the derivation; prose refers to it as ``[eq:label]``.
    expression : sympy.Basic
        A relation or expression, printed as it stands.
    condition : sympy.Basic or None
        Where it holds, printed behind it.
    brief : sympy.Basic or None
        What is read in the place of an expression that is too long: the same in named
        quantities.
    symbol_names : Mapping[sympy.Basic, str]
        LaTeX of its symbols; filled in when the derivation is complete.
    source : Source or None
        The line on which it is stated.
    links : tuple of Link
        The lines of a chain, whose expression says that it begins with what it ends with.
    premises : tuple of Premise
        What is assumed where it is stated.
    rests_on : tuple of str
        Labels of the equations that it uses; filled in when the derivation is complete.
    needs : tuple of Premise
        The premises of it and of all that it rests on; filled in together with these.
    """

    label: str
    expression: sp.Basic
    condition: sp.Basic | None = None
    symbol_names: Mapping[sp.Basic, str] = field(default_factory=dict, repr=False)
    source: Source | None = None
    links: tuple[Link, ...] = ()
    brief: sp.Basic | None = None
    premises: tuple[Premise, ...] = ()
    rests_on: tuple[str, ...] = field(default=(), compare=False, repr=False)
    needs: tuple[Premise, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.expression in (sp.true, sp.false):
            raise ValueError(f"equation {self.label} was evaluated to {self.expression}")

    def __getstate__(self) -> dict[str, Any]:
        """Without relations, which SymPy evaluates again when it reads them."""
        brief = None if self.brief is None else taken_apart(self.brief)
        return {**vars(self), "expression": taken_apart(self.expression), "brief": brief}

    def __setstate__(self, state: dict[str, Any]) -> None:
        brief = None if state["brief"] is None else relation(state["brief"])
        vars(self).update(state, expression=relation(state["expression"]), brief=brief)

    @property
    def told(self) -> sp.Basic:
        """What a reader sees of it."""
        return self.expression if self.brief is None else self.brief

    def latex(self) -> str:
        """The equation as one line of LaTeX, in the notation of its derivation."""
        names = dict(self.symbol_names)
        text = sp.latex(self.expression, symbol_names=names)
        if self.condition is not None:
            text += r",\qquad " + sp.latex(self.condition, symbol_names=names)
        return str(text)

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {_aligned((self,))}$"


def _aligned(equations: Iterable[Equation]) -> str:
    """Equations below each other, broken to the width of a notebook."""
    names = Names()
    rows = []
    for equation in equations:
        printer = TheoryPrinter(equation.symbol_names)
        if equation.links:
            start, parts = equation.expression.args[0], [link.expression for link in equation.links]
            layouts = lay_out_chain(start, parts, printer, NOTEBOOK_WIDTH, names)
        else:
            condition = equation.condition
            layouts = [lay_out(equation.expression, printer, NOTEBOOK_WIDTH, names, condition)]
        for layout in layouts:
            rows += [row for part in (layout, *layout.all_definitions()) for row in part.rows]
    lines = r" \\[0.5ex] ".join(f"{left.latex} & {right.latex}" for left, right in rows)
    return rf"\begin{{aligned}} {lines} \end{{aligned}}"


class Method(StrEnum):
    """What it means that a check was passed."""

    IDENTITY = "exact identity"
    POINTS = "exact at rational points"
    ORDER = "by order"
    CASES = "every case"
    DIGITS = "to nine digits"

    @property
    def meaning(self) -> str:
        """For whoever reads the checks."""
        return _MEANINGS[self]


_MEANINGS = {
    Method.IDENTITY: "both sides agree for all values of their symbols",
    Method.POINTS: "both sides are the same number where every symbol is replaced by a fraction",
    Method.ORDER: "the coefficients of the powers of a small number agree",
    Method.CASES: "there are finitely many cases, and each was looked at",
    Method.DIGITS: "decimal numbers agree",
}


@dataclass(frozen=True)
class Compared:
    """Two expressions that a check found to be equal.

    Attributes
    ----------
    name : str
        Which of those of the check: ``2-entry-1-3``, or empty where there is one.
    left, right : sympy.Expr
    """

    name: str
    left: sp.Expr
    right: sp.Expr


@dataclass(frozen=True)
class Check:
    """A check that was run when the step was derived.

    Attributes
    ----------
    statement : str
        What was verified, in prose (same markup as the prose of a step).
    method : Method
    passed : bool
    seconds : float
    compared : tuple of Compared
        What it compared, where it compares expressions.  A certificate has use for it and nothing
        else: it is kept apart from the check (:func:`symdrift.theory.derive.derive`).
    """

    statement: str
    method: Method
    passed: bool
    seconds: float = field(compare=False)
    compared: tuple[Compared, ...] = field(default=(), compare=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "compared": ()}


@dataclass(frozen=True)
class Step:
    """One step of a derivation.

    Attributes
    ----------
    identifier : str
        Unique, ``[a-z0-9-]+``; other steps refer to it as ``[step:identifier]``.
    section : str
        Heading under which a document groups the step.
    title : str
    prose : str
        Paragraphs separated by blank lines.  ``{name}`` stands for ``symbols[name]``
        typeset inline, ``[eq:label]`` and ``[step:identifier]`` for cross-references.
        No other mark-up: a back end escapes everything else.
    symbols : Mapping[str, sympy.Basic]
        Inline mathematics of the prose and of the assumptions.
    equations : tuple of Equation
        Displayed after the prose.
    assumptions : tuple of str
        In the same mark-up as the prose.
    checks : tuple of Check
    simplifications : tuple of AppliedRule
        Rules that brought the equations into their form, in the order of application.
    source : Source or None
        The function that derives it.
    seconds : float
        Time that deriving and checking the step took.
    """

    identifier: str
    section: str
    title: str
    prose: str
    symbols: Mapping[str, sp.Basic] = field(default_factory=dict)
    equations: tuple[Equation, ...] = ()
    assumptions: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    simplifications: tuple[AppliedRule, ...] = ()
    source: Source | None = None
    seconds: float = field(default=0.0, compare=False)

    @property
    def shown(self) -> Iterator[sp.Basic]:
        """All mathematics in it that a reader sees."""
        yield from self.symbols.values()
        for equation in self.equations:
            yield from (equation.told, *(link.expression for link in equation.links))
            if equation.condition is not None:
                yield equation.condition

    @property
    def rests_on(self) -> tuple[str, ...]:
        """Labels of the equations of other steps that its own use."""
        own = {equation.label for equation in self.equations}
        used = dict.fromkeys(name for equation in self.equations for name in equation.rests_on)
        return tuple(name for name in used if name not in own)

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {_aligned(self.equations)}$" if self.equations else ""


@dataclass(frozen=True)
class Notation:
    """One row of the notation table: a symbol, its role, what it means, its shape."""

    role: str
    symbol: sp.Basic
    meaning: str
    shape: str = ""


Stem: TypeAlias = tuple[str, bool]
"""What tells letters apart but for their index."""


@dataclass(frozen=True)
class Derivation:
    """Everything derived for one study, in the order in which a paper would tell it.

    Attributes
    ----------
    study : str
        Name of the study.
    title : str
    notation : tuple of Notation
    steps : tuple of Step
    symbol_names : Mapping[sympy.Symbol, str]
        LaTeX of each symbol, for ``sympy.latex(..., symbol_names=...)``.
    in_study : Mapping[sympy.Symbol, sympy.Expr]
        What the study has in the place of a symbol of the theory.
    parts : Mapping[sympy.Basic, tuple of sympy.Basic]
        Marks and other symbols that stand in the print of a symbol.
    results_only : bool
        Whether the derivation was left out.
    underived : str
        Why there is none, for a document of numbers alone.
    """

    study: str
    title: str
    notation: tuple[Notation, ...]
    steps: tuple[Step, ...]
    symbol_names: Mapping[sp.Basic, str]
    in_study: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict)
    parts: Mapping[sp.Basic, tuple[sp.Basic, ...]] = field(default_factory=dict)
    results_only: bool = False
    underived: str = ""

    @property
    def of_any_rule(self) -> bool:
        """Whether it is about another rule than two-layer SGD, whose update is no gradient."""
        # The last steps of such derivations, which stand at every level.
        planes = {"rule-planes", "deep-planes", "own-drift"}
        return bool(self.underived) or any(step.identifier in planes for step in self.steps)

    def stem(self, item: sp.Basic) -> Stem:
        """Print of a symbol without its index, and whether it counts: an index is no gain."""
        name = self.symbol_names.get(item, str(item)).partition("_")[0]
        return name, bool(getattr(item, "is_integer", False))

    def shown_in(self, expressions: Iterable[sp.Basic]) -> set[sp.Basic]:
        """Symbols and marks that a reader of some expressions sees."""
        found = shown_in(expressions)
        return found.union(*(self.parts.get(item, ()) for item in found))

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(step.section)}</td><td>{escape(step.title)}</td>"
            f"<td>{escape(step.identifier)}</td><td>{len(step.equations)}</td>"
            f"<td>{len(step.checks)}</td><td>{step.seconds:.2f}</td></tr>"
            for step in self.steps
        )
        head = "".join(
            f"<th>{name}</th>"
            for name in ("section", "step", "identifier", "equations", "checks", "seconds")
        )
        return (
            f"<p><b>{escape(self.title)}</b></p>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )

    def __getitem__(self, name: str) -> Step:
        """The step of this name, or the one that states the equation of this label."""
        return _found(
            name,
            {label: step for label, (step, _) in self._equations.items()}
            | {step.identifier: step for step in self.steps},
        )

    def equation(self, label: str) -> Equation:
        """The equation with this label."""
        return _found(label, self._equations)[1]

    def used_by(self, label: str) -> tuple[str, ...]:
        """Labels of the equations that rest on this one directly."""
        name = self.equation(label).label
        return tuple(e.label for _, e in self._equations.values() if name in e.rests_on)

    def needing(self, premise: Premise | str) -> tuple[str, ...]:
        """Labels of the equations that hold under a premise only, such as "Gaussian inputs".

        Raises
        ------
        RequestError
            When it is no premise.
        """
        require_known("premise", premise, tuple(map(str, Premise)))
        return tuple(e.label for _, e in self._equations.values() if premise in e.needs)

    def source(self, label: str, field: str = "label") -> Source | None:
        """Where the equation of a label is stated, or the step of ``step:NAME`` derived.

        Raises
        ------
        RequestError
            When it is neither; ``field`` is what asked.
        """
        places = {label: equation.source for label, (_, equation) in self._equations.items()}
        places |= {f"step:{step.identifier}": step.source for step in self.steps}
        return _found(label, places, field)

    @cached_property
    def _equations(self) -> dict[str, tuple[Step, Equation]]:
        """Each equation by its label, with the step that states it."""
        return {
            equation.label: (step, equation) for step in self.steps for equation in step.equations
        }


_Named = TypeVar("_Named")

_MOST_LABELS = 12
"""That a refusal lists."""


def _found(label: str, known: Mapping[str, _Named], field: str = "label") -> _Named:
    """What a label names, with or without the prefix that it has in documents."""
    name = label.removeprefix("eq:")
    if name not in known:
        rest = len(known) - _MOST_LABELS
        more = f" and {rest} more, which its LaTeX source and page have" if rest > 0 else ""
        raise RequestError(
            field,
            f'= "{shown(label)}" is no label of this derivation; {did_you_mean(name, known)}labels '
            f"are {', '.join(list(known)[:_MOST_LABELS])}{more}",
        )
    return known[name]

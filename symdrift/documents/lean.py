"""Identities of a derivation as theorems for Lean 4 and Mathlib, which prove them again.

What a check compared as two rational functions becomes a statement over the real numbers: for all
values of its symbols at which no denominator vanishes, the one side is the other.  It is written
without Lean.  What cannot be stated so is counted and listed at the head of the file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from textwrap import wrap

import sympy as sp

from symdrift.algebra.rational import RationalField, distinct_parts
from symdrift.derivation.steps import Check, Compared, Derivation, Method, Step
from symdrift.quoting import lean_comment, lean_name

LONGEST = 2_500
"""Operations in the two sides of a theorem; what is longer is left to other means."""

_WIDTH = 100
_SUM, _PRODUCT, _POWER, _ATOM = range(4)
"""How tightly a piece of text binds."""

_Text = tuple[str, int]
_REFERENCE = re.compile(r"\[(?:eq|step):([^\]]*)\]|\{([^{}]*)\}")


class Omission(StrEnum):
    """Why what a check found is not stated, or not all of it."""

    ALIKE = "both sides came out as the same expression, so that nothing is left to prove"
    LONG = f"a side is too long: more than {LONGEST:,} operations in both"
    ROOTS = "they hold by a relation between square roots, or are not rational"
    OTHERWISE = "exact, but decided otherwise than by comparing two expressions"


@dataclass(frozen=True)
class Theorem:
    """An identity over the real numbers, in the language of Lean.

    Attributes
    ----------
    name : str
    variables : tuple of str
    nonzero : tuple of str
        Factors of denominators, assumed not to vanish.
    roots : tuple of (str, str)
        Variables that stand for square roots, and of what.
    left, right : str
    """

    name: str
    variables: tuple[str, ...]
    nonzero: tuple[str, ...]
    roots: tuple[tuple[str, str], ...]
    left: str
    right: str

    def source(self) -> str:
        """The theorem with its proof."""
        names = (name for place in count(1) if (name := f"h_{place}") not in self.variables)
        assumed = [f"({next(names)} : {factor} ≠ 0)" for factor in self.nonzero]
        head = [f"theorem {self.name}", f"({' '.join(self.variables)} : ℝ)", *assumed]
        tactic = "field_simp <;> ring" if assumed else "ring"
        lines = [
            f"-- {lean_comment(f'{root} is the square root of {of}')}" for root, of in self.roots
        ]
        lines += _folded(" ".join(head) + " :", "    ")
        lines += _folded(f"    {self.left} =", "      ")
        lines += _folded(f"    {self.right} := by", "      ")
        return "\n".join([*lines, f"  {tactic}", ""])


@dataclass(frozen=True)
class Examined:
    """A check and what becomes of it.

    Attributes
    ----------
    step : str
    number : int
        Place among the checks of its step, from one.
    statement : str
    method : Method
    theorems : tuple of Theorem
    omitted : Counter
        How many of the comparisons are not stated, by the `Omission`.
    """

    step: str
    number: int
    statement: str
    method: Method
    theorems: tuple[Theorem, ...]
    omitted: Counter[Omission | Method]

    @property
    def settled(self) -> bool:
        """Whether nothing of it is left to other means than Lean."""
        return self.method == Method.IDENTITY and set(self.omitted) <= {Omission.ALIKE}


def examined(derivation: Derivation) -> Iterator[Examined]:
    """Each check of a derivation in which checks have what they compared."""
    for step in derivation.steps:
        for number, check in enumerate(step.checks, start=1):
            exact = check.method == Method.IDENTITY
            found = _stated(_names(step, check, number), check) if exact else ((), Counter())
            text = _REFERENCE.sub(lambda part: part[1] or part[2], check.statement)
            yield Examined(step.identifier, number, text, check.method, *found)


def lean_certificate(derivation: Derivation) -> str:
    """The file of all theorems of a derivation, whose checks have what they compared."""
    checks = list(examined(derivation))
    parts = [*_head(derivation, checks), "import Mathlib", "", "set_option maxHeartbeats 4000000"]
    parts += ["set_option maxRecDepth 100000", "", "namespace Certificate", ""]
    for check in checks:
        if check.theorems:
            parts += [*_comment(f"{check.step}, check {check.number}: {check.statement}"), ""]
            parts += [theorem.source() for theorem in check.theorems]
    return "\n".join([*parts, "end Certificate", ""])


def _head(derivation: Derivation, checks: list[Examined]) -> Iterator[str]:
    exact = [check for check in checks if check.method == Method.IDENTITY]
    stated = [check for check in exact if check.theorems]
    whole = sum(check.settled for check in stated)
    yield from _comment(f"{derivation.title} ({derivation.study})")
    yield "--"
    yield from _comment(
        "Identities of its derivation, as theorems about real numbers: at all values of the "
        "symbols at which no denominator vanishes, the left side is the right side. Matrices are "
        "compared entry by entry; entries that were written alike, or were compared before within "
        "the same check, are left out. That the two sides are what the derivation says they are "
        "is not proved here, only that they are equal. A symbol under a root stands as the square "
        "of a variable. The file was written without Lean, which proves it in a project that has "
        "Mathlib: lake env lean certificate.lean."
    )
    yield "--"
    yield from _comment(
        f"Of {len(checks)} checks {len(exact)} are exact identities. {len(stated)} of these are "
        f"stated below, {whole} of them whole, in "
        f"{sum(len(check.theorems) for check in stated)} theorems."
    )
    for omission in Omission:
        found = [check for check in exact if check.omitted[omission]]
        if omission == Omission.ALIKE:
            found = [check for check in found if check.settled and not check.theorems]
        yield from _listed(omission, found)
    for method in list(Method)[1:]:
        yield from _listed(method, [check for check in checks if check.method == method])
    yield ""


def _listed(omission: Omission | Method, checks: list[Examined]) -> Iterator[str]:
    """The checks that are not stated, or not whole, for one reason."""
    if not checks:
        return
    yield "--"
    yield from _comment(f"Not stated, {len(checks)}: {omission}:")
    for check in checks:
        some = f" ({check.omitted[omission]} of its comparisons)" if check.theorems else ""
        yield from _comment(f"{check.step}, check {check.number}{some}: {check.statement}", "  ")


def _comment(text: str, indent: str = "") -> Iterator[str]:
    for line in wrap(lean_comment(text), _WIDTH - 3 - len(indent), subsequent_indent="  "):
        yield f"-- {indent}{line}"


def _folded(text: str, indent: str) -> list[str]:
    """Lines at most as wide as the page, broken between words."""
    return wrap(
        text,
        _WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _names(step: Step, check: Check, number: int) -> Callable[[str], str]:
    """Names of the theorems of a check: by the equation of its step that it names, or the step."""
    own = [equation.label for equation in step.equations]
    cited = [label for label in re.findall(r"\[eq:([^\]]*)\]", check.statement) if label in own]
    base = f"eq_{cited[0]}_check_{number}" if cited else f"step_{step.identifier}_check_{number}"
    lines = {f"{label}-line-" for label in own}

    def named(name: str) -> str:
        of_chain = any(name.startswith(line) for line in lines)
        return lean_name(f"eq_{name}" if of_chain else f"{base}_{name}".rstrip("_"))

    return named


def _stated(
    named: Callable[[str], str], check: Check
) -> tuple[tuple[Theorem, ...], Counter[Omission | Method]]:
    """The theorems of a check, and how many of its comparisons have none, by reason."""
    omitted = Counter[Omission | Method]()
    if not check.compared:
        omitted[Omission.OTHERWISE] += 1
    theorems: dict[tuple[sp.Expr, sp.Expr], Theorem] = {}
    sizes: dict[sp.Basic, int] = {}
    for part in check.compared:
        sides = part.left, part.right
        if part.left == part.right:
            omitted[Omission.ALIKE] += 1
        elif sum(_operations(side, sizes) for side in sides) > LONGEST:
            omitted[Omission.LONG] += 1
        elif sides not in theorems:
            try:
                theorems[sides] = _theorem(named(part.name), part)
            except _NotRational:
                omitted[Omission.ROOTS] += 1
    return tuple(theorems.values()), omitted


def _operations(expression: sp.Basic, known: dict[sp.Basic, int]) -> int:
    """Operations of an expression written out, each distinct part of it counted once."""
    found = known.get(expression)
    if found is None:
        below = sum(_operations(part, known) for part in expression.args)
        found = known[expression] = below + max(0, len(expression.args) - 1)
    return found


class _NotRational(ValueError):
    """Field operations do not prove it."""


def _theorem(name: str, part: Compared) -> Theorem:
    writer = _Writer((part.left, part.right))
    if not writer.variables() or (writer.has_other_roots and not _holds_for_any_roots(part)):
        raise _NotRational
    left, right = writer.text(part.left), writer.text(part.right)
    return Theorem(name, writer.variables(), tuple(writer.nonzero), writer.roots(), left, right)


def _holds_for_any_roots(part: Compared) -> bool:
    """Whether roots of sums and numbers can be any numbers."""
    field = RationalField([part.left, part.right])
    return bool(field.subtract(field.fraction(part.left), field.fraction(part.right))[0] == 0)


class _Writer:
    """Text of expressions that share their variables."""

    def __init__(self, expressions: Iterable[sp.Expr]) -> None:
        parts = distinct_parts(expressions)
        symbols = {part for part in parts if isinstance(part, sp.Symbol)}
        self._rooted = {
            part.base for part in parts if part.is_Pow and part.exp.is_Rational and part.exp.q == 2
        }
        self.has_other_roots = not self._rooted <= symbols
        self.nonzero: dict[str, None] = {}
        self._names: dict[sp.Basic, str] = {}
        self._known: dict[sp.Expr, _Text] = {}
        for item in sorted(symbols | self._rooted, key=sp.default_sort_key):
            wanted = item.name if item.is_Symbol else "of_sum"
            self._names[item] = self._free(f"sqrt_{wanted}" if item in self._rooted else wanted)

    def _free(self, wanted: str) -> str:
        """A name that nothing else has."""
        while (name := lean_name(wanted)) in self._names.values():
            wanted += "_"
        return name

    def variables(self) -> tuple[str, ...]:
        """Their names in order."""
        return tuple(sorted(self._names.values()))

    def roots(self) -> tuple[tuple[str, str], ...]:
        """Variables that stand for roots, and of what."""
        return tuple(sorted((self._names[base], str(base)) for base in self._rooted))

    def text(self, expression: sp.Expr) -> str:
        """An expression, in which every quotient has its assumption in `nonzero`."""
        return self._text(expression)[0]

    def _text(self, expression: sp.Expr) -> _Text:
        known = self._known.get(expression)
        if known is None:
            known = self._known[expression] = self._written(expression)
        return known

    def _bound(self, expression: sp.Expr, tightness: int) -> str:
        text, found = self._text(expression)
        return text if found >= tightness else f"({text})"

    def _written(self, expression: sp.Expr) -> _Text:
        if expression.is_Add:
            return self._sum(expression)
        if expression.is_Integer and expression >= 0:
            return str(expression), _ATOM
        if expression.is_Symbol and expression not in self._rooted:
            return self._names[expression], _ATOM
        return self._product(expression)

    def _sum(self, expression: sp.Expr) -> _Text:
        signed = ((term, term.as_coeff_Mul()[0].is_negative) for term in expression.args)
        terms = sorted(
            (negative, self._bound(-term if negative else term, _PRODUCT))
            for term, negative in signed
        )
        (negative, first), *others = terms
        text = "".join(f" {'-' if less else '+'} {term}" for less, term in others)
        return f"{f'-({first})' if negative else first}{text}", _SUM

    def _product(self, expression: sp.Expr) -> _Text:
        sides: tuple[list[str], list[str]] = [], []
        for factor in sp.Mul.make_args(expression):
            for text, inverse in self._factors(factor):
                sides[inverse].append(text)
        above, below = (" * ".join(sorted(side)) for side in sides)
        text, tight = above or "1", _POWER if len(sides[0]) == 1 else _PRODUCT
        if below:
            text, tight = f"{text} / {below if len(sides[1]) == 1 else f'({below})'}", _PRODUCT
        negative = expression.as_coeff_Mul()[0].is_negative
        return (f"-({text})", _SUM) if negative else (text, tight)

    def _factors(self, factor: sp.Expr) -> Iterator[tuple[str, bool]]:
        """What a factor, but for its sign, puts above and below the line."""
        if factor.is_Rational:
            for number, inverse in ((abs(factor.p), False), (factor.q, True)):
                if number != 1:
                    yield str(number), inverse
        elif factor in self._rooted or factor.is_Pow:
            base, exponent = factor.as_base_exp()
            if not exponent.is_Rational or exponent.q > 2:
                raise _NotRational
            if base not in self._rooted:
                yield from self._power(self._text(base), exponent)
            elif base.is_Symbol:
                yield from self._power((self._names[base], _ATOM), 2 * exponent)
            else:
                yield from self._power(self._text(base), sp.floor(exponent))
                if exponent.q == 2:
                    yield self._names[base], False
        elif factor.is_Add or factor.is_Symbol:
            yield self._bound(factor, _POWER), False
        else:
            raise _NotRational

    def _power(self, base: _Text, exponent: sp.Integer) -> Iterator[tuple[str, bool]]:
        text, tightness = base
        if exponent < 0 and not text.isdecimal():
            self.nonzero.setdefault(text)
        bound = text if tightness == _ATOM else f"({text})"
        if exponent != 0:
            yield bound if abs(exponent) == 1 else f"{bound} ^ {abs(exponent)}", bool(exponent < 0)

"""A reader of certificates that knows neither SymPy nor the code that writes them.

It reads the few words of Lean of which the theorems are made, and decides them in the field of
rational functions, on polynomials of FLINT.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import flint

_TOKEN = re.compile(
    r"\s*(?:--[^\n]*|(?P<token>«\w+»|[A-Za-z_]\w*|ℝ|\d+|:=|<;>|[-+*/^():=≠]))|\s+\Z", re.ASCII
)
_PREAMBLE = re.compile(
    r"import Mathlib set_option maxHeartbeats \d+ set_option maxRecDepth \d+ namespace Certificate"
)
_TACTICS = {("ring",): False, ("field_simp", "<;>", "ring"): True}
"""Whether it is one for quotients."""

Term = Any
"""A number, a name, or an operation on two terms: ``("+", left, right)``."""


@dataclass(frozen=True)
class Statement:
    """A theorem: for all values at which these terms do not vanish, two terms are equal."""

    name: str
    variables: tuple[str, ...]
    nonzero: tuple[Term, ...]
    left: Term
    right: Term


def statements(text: str) -> list[Statement]:
    """The theorems of a certificate, of which every word has to be understood."""
    return list(_Reader(text).certificate())


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        place = 0
        while place < len(text):
            found = _TOKEN.match(text, place)
            assert found is not None and found.end() > place, text[place : place + 60]
            place = found.end()
            if found["token"]:
                self.tokens.append(found["token"])
        self.tokens.reverse()

    def peek(self) -> str:
        return self.tokens[-1]

    def take(self, *expected: str) -> str:
        token = self.tokens.pop()
        assert not expected or token in expected, f"{token} where {expected} should stand"
        return token

    def certificate(self) -> Iterator[Statement]:
        assert _PREAMBLE.fullmatch(" ".join(self.take() for _ in range(10)))
        while self.take("theorem", "end") == "theorem":
            yield self.theorem()
        self.take("Certificate")
        assert not self.tokens

    def theorem(self) -> Statement:
        name, variables, nonzero = self.take(), [], []
        self.take("(")
        while (variable := self.take()) != ":":
            assert re.fullmatch(r"«\w+»|[A-Za-z]\w*", variable)
            variables.append(variable)
        self.take("ℝ"), self.take(")")
        named = set(variables)
        while self.take("(", ":") == "(":
            assumption = self.take()
            assert assumption not in named
            named.add(assumption)
            self.take(":")
            nonzero.append(self.sum())
            self.take("≠"), self.take("0"), self.take(")")
        assert len(named) == len(variables) + len(nonzero)
        left = self.sum()
        self.take("=")
        right = self.sum()
        self.take(":="), self.take("by")
        tactic = []
        while self.peek() not in ("theorem", "end"):
            tactic.append(self.take())
        assert _TACTICS[tuple(tactic)] == bool(nonzero)
        return Statement(name, tuple(variables), tuple(nonzero), left, right)

    def sum(self) -> Term:
        found = self.product()
        while self.peek() in "+-":
            found = self.take(), found, self.product()
        return found

    def product(self) -> Term:
        found = self.power()
        while self.peek() in "*/":
            found = self.take(), found, self.power()
        return found

    def power(self) -> Term:
        token = self.take()
        if token == "-":
            # What follows a sign is in parentheses, so that nobody has to know how it binds.
            assert self.peek() == "("
            return "-", 0, self.power()
        if token == "(":
            base: Term = self.sum()
            self.take(")")
        else:
            base = int(token) if token.isdecimal() else token
        if self.peek() == "^":
            self.take()
            return "^", base, int(self.take())
        return base


@dataclass
class Decided:
    """What becomes of the two sides of a statement, as quotients of polynomials."""

    statement: Statement
    known: dict[Term, tuple[Any, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = self.statement.variables
        context = flint.fmpz_mpoly_ctx.get([f"x{k}" for k in range(len(names))], "lex")
        self.variables: Mapping[str, Any] = dict(zip(names, context.gens(), strict=True))
        self.one = context.constant(1)
        for term in self.statement.nonzero:
            assert self.value(term)[0] != 0, "an assumption that nothing fulfils"

    @property
    def holds(self) -> bool:
        """Whether the sides are equal wherever no denominator vanishes."""
        (a, b), (c, d) = self.value(self.statement.left), self.value(self.statement.right)
        return bool(a * d == b * c)

    def value(self, term: Term) -> tuple[Any, Any]:
        """Numerator and denominator, by operations with as little common as comes cheaply."""
        if term not in self.known:
            self.known[term] = self._value(term)
        return self.known[term]

    def _value(self, term: Term) -> tuple[Any, Any]:
        if isinstance(term, int):
            return self.one * term, self.one
        if isinstance(term, str):
            return self.variables[term], self.one
        sign, left, right = term
        a, b = self.value(left)
        if sign == "^":
            return a**right, b**right
        c, d = self.value(right)
        if sign == "/":
            self._require_assumed(right)
            c, d = d, c
        if sign in "*/":
            first, second = a.gcd(d), c.gcd(b)
            return (a // first) * (c // second), (b // second) * (d // first)
        common = b.gcd(d)
        rest = d // common
        top = a * rest + (c if sign == "+" else -c) * (b // common)
        cancelled = top.gcd(common)
        return top // cancelled, (b // cancelled) * rest

    def _require_assumed(self, divisor: Term) -> None:
        """Each factor of a divisor is a number or assumed not to vanish, as it is written."""
        if isinstance(divisor, tuple) and divisor[0] in "*^":
            self._require_assumed(divisor[1])
            self._require_assumed(divisor[2])
        elif not isinstance(divisor, int):
            assert divisor in self.statement.nonzero, f"divides by {divisor}"
        else:
            assert divisor != 0

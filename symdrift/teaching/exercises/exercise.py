"""What an exercise is: a task, a worked solution, and answers that were checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sympy as sp

from symdrift.errors import CheckFailed

TOLERANCE = 1e-9
"""Relative distance between an exact answer and the dense engine that is rounding."""


LONGEST_NUMBER = 10**6
"""Numerators and denominators from here on are not written out."""


def is_plain(value: sp.Basic) -> bool:
    """Whether all numbers in an expression are short."""
    return all(
        abs(number.p) < LONGEST_NUMBER and number.q < LONGEST_NUMBER
        for number in value.atoms(sp.Rational)
    )


@dataclass(frozen=True)
class Passage:
    """Prose with inline mathematics, and equations displayed behind it.

    Attributes
    ----------
    prose : str
        ``{name}`` stands for ``symbols[name]`` typeset inline.
    symbols : Mapping of str to sympy.Basic
    equations : tuple of sympy.Basic
    """

    prose: str
    symbols: Mapping[str, sp.Basic] = field(default_factory=dict)
    equations: tuple[sp.Basic, ...] = ()

    @property
    def inline(self) -> dict[str, sp.Basic]:
        """Those of the symbols that the prose shows."""
        return {name: item for name, item in self.symbols.items() if f"{{{name}}}" in self.prose}


@dataclass(frozen=True)
class Answer:
    """One number that an exercise asks for.

    Attributes
    ----------
    symbol : sympy.Basic
        What the number is called.
    value : sympy.Expr
        Exact.
    reference : float
        The same number by the dense engine.
    """

    symbol: sp.Basic
    value: sp.Expr
    reference: float

    @property
    def exact(self) -> sp.Expr | None:
        """The value, unless it is a fraction that nobody would write down."""
        return self.value if is_plain(self.value) else None

    @property
    def decimal(self) -> float:
        """The exact value in double precision."""
        return float(self.value)


@dataclass(frozen=True)
class Exercise:
    """One exercise with drawn parameters.

    Attributes
    ----------
    identifier, title : str
    difficulty : int
        From 1, a definition to apply, to 5, a result to derive.
    task : Passage
    solution : tuple of Passage
    answers : tuple of Answer
    """

    identifier: str
    title: str
    difficulty: int
    task: Passage
    solution: tuple[Passage, ...]
    answers: tuple[Answer, ...]

    def checked(self) -> Exercise:
        """The exercise itself, once its answers agree with the dense engine.

        Raises
        ------
        CheckFailed
            When an answer does not; the message names exercise and answer.
        """
        for answer in self.answers:
            scale = max(abs(answer.decimal), abs(answer.reference))
            if not abs(answer.decimal - answer.reference) <= TOLERANCE * scale:
                raise CheckFailed(
                    f'exercise "{self.title}": {answer.symbol} is {answer.decimal:.12g} by the '
                    f"derivation and {answer.reference:.12g} by full matrices"
                )
        return self

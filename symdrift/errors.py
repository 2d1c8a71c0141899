"""The two ways in which symdrift says no."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from symdrift.quoting import LONGEST_SHOWN, printable, shown


class RequestError(ValueError):
    """A request that cannot be met: bad input, or a case outside the theory.

    The message is one sentence that names the field, the value and what is
    allowed, and can be printed on any terminal.  The command line prints it and exits
    with code 2.

    Parameters
    ----------
    field : str
        Dotted path of the study field (``"learning.rate"``) or the name of the
        argument at fault.
    problem : str
        What is wrong and what is allowed, as the rest of the sentence.
    """

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"{shown(field)} {printable(problem)}".lstrip())

    def __reduce__(self) -> tuple[type[RequestError], tuple[object, ...]]:
        """Travels between processes, field included."""
        return type(self), (self.field, self.problem)


class CheckFailed(AssertionError):
    """An exact check of a derivation, or a validation, did not hold.

    The message names the step.  The command line exits with code 1.
    """


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The known word that comes closest, as the beginning of a hint; empty where none does."""
    from difflib import get_close_matches

    close = get_close_matches(word, list(known), n=1) if len(word) <= LONGEST_SHOWN else []
    return f'did you mean "{shown(close[0])}"? ' if close and close[0] not in ("", word) else ""


def require_known(field: str, value: str, allowed: Iterable[str]) -> None:
    """Refuse a choice that is none of those allowed.

    Raises
    ------
    RequestError
        The message lists them.
    """
    allowed = tuple(allowed)
    if value not in allowed:
        raise RequestError(field, f'= "{value}" is unknown; allowed are {", ".join(allowed)}')


def counted(number: int, noun: str, several: str = "") -> str:
    """The number and the noun, in the plural where there is not one."""
    return f"{number} {noun}" if number == 1 else f"{number} {several or f'{noun}s'}"


def enumerated(items: Sequence[str], word: str = "and") -> str:
    """Items as a sentence lists them: the last one behind a word."""
    *most, last = items
    return f"{', '.join(most)} {word} {last}" if most else last

r"""The LaTeX of a symbol: read once, and given indices and marks.

What a study calls its symbols, and what the theory calls its own, is LaTeX.  Only what the
constructors of :mod:`symdrift.typesetting.formula` can build is understood; anything else is
refused, so nothing reaches a document unmeasured.
"""

from __future__ import annotations

import re
from functools import lru_cache

from symdrift.typesetting.formula import (
    EMPTY,
    Formula,
    accent,
    delimiter,
    fence,
    fraction,
    function,
    group,
    letter,
    numeral,
    root,
    scripts,
    space,
    word,
)
from symdrift.typesetting.glyphs import (
    ACCENTS,
    BARE_DELIMITERS,
    DELIMITERS,
    FONTS,
    FUNCTIONS,
    GLYPHS,
    SPACES,
    Kind,
)

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)
_BIG = re.compile(r"\\(big|Big|bigg|Bigg)([lrm]?)$")
_BIG_SIZES = ("", "big", "Big", "bigg", "Bigg")
_SIDES = {Kind.OPEN: "l", Kind.CLOSE: "r", Kind.ORD: ""}
_FRACTIONS = frozenset([r"\frac", r"\dfrac", r"\tfrac"])


class NotMathematics(ValueError):
    """The text is not LaTeX mathematics that symdrift understands."""


@lru_cache(maxsize=4096)
def read(latex: str) -> Formula:
    """The formula that the LaTeX of a symbol shows.

    Raises
    ------
    NotMathematics
        For an unknown command, unbalanced groups or characters outside mathematics.
    """
    reader = _Reader(latex)
    found = reader.row(frozenset())
    reader.expect_end()
    return Formula(latex, found.atoms)


def tokens_of(latex: str) -> list[str]:
    """Commands, single characters and stretches of space, in their order."""
    return _TOKEN.findall(latex)


class _Reader:
    """Recursive descent over the tokens of one symbol; the LaTeX of what it builds is unused."""

    def __init__(self, latex: str) -> None:
        self._tokens = tokens_of(latex)
        self._source = latex
        self._at = 0

    def row(self, stop: frozenset[str]) -> Formula:
        """Everything up to (not including) one of the tokens in ``stop``."""
        found = EMPTY
        while (token := self._peek()) is not None and token not in stop:
            if token.isspace():
                self._at += 1
            elif token in ("^", "_"):
                found = self._scripted(found)
            else:
                found += self._atom()
        return found

    def expect_end(self) -> None:
        """Refuse what is left over."""
        if self._at < len(self._tokens):
            raise self._refusal(self._tokens[self._at])

    def _peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self) -> str:
        while (token := self._peek()) is not None and token.isspace():
            self._at += 1
        if token is None:
            raise NotMathematics(f"ends too early: {self._source!r}")
        self._at += 1
        return token

    def _expect(self, wanted: str) -> None:
        token = self._next()
        if token != wanted:
            raise self._refusal(token)

    def _refusal(self, token: str) -> NotMathematics:
        return NotMathematics(f"{token!r} is not understood in {self._source!r}")

    def _scripted(self, base: Formula) -> Formula:
        above = self._next() == "^"
        script = self._argument()
        try:
            return scripts(
                base or group(EMPTY), None if above else script, script if above else None
            )
        except ValueError as error:
            raise NotMathematics(f"double script in {self._source!r}") from error

    def _argument(self) -> Formula:
        """What is in the next braces, or the next single token."""
        if self._next() == "{":
            found = self.row(frozenset("}"))
            self._expect("}")
            return found
        self._at -= 1
        return self._atom(alone=True)

    def _word(self) -> str:
        self._expect("{")
        rest = self._tokens[self._at :]
        text = take_argument(rest)
        self._at = len(self._tokens) - len(rest)
        plain = re.sub(r"\\([%#&_$ ])", r"\1", text[:-1]).replace("~", " ")
        if re.search(r"[\\{}^$]", plain):
            raise NotMathematics(f"{text[:-1]!r} is not plain text")
        return plain

    def _delimiter(self) -> str:
        token = self._next()
        if token not in DELIMITERS:
            raise self._refusal(token)
        return token

    def _atom(self, alone: bool = False) -> Formula:
        token = self._next()
        name = token[1:]
        if token in GLYPHS:
            return letter(token)
        if token == "{":
            self._at -= 1
            return group(self._argument())
        if re.fullmatch("[0-9.]", token):
            return numeral(token if alone else token + self._more_digits())
        if token in BARE_DELIMITERS:
            return delimiter(token, 0, _SIDES[BARE_DELIMITERS[token]])
        if token in SPACES:
            return space(token)
        if not token.startswith("\\"):
            raise self._refusal(token)
        if name in FUNCTIONS:
            return function(name)
        if name in FONTS:
            return word(name, self._word())
        if name in ACCENTS:
            return accent(name, ACCENTS[name], self._argument())
        if name == "boldsymbol":
            return group(self._argument())
        if token in _FRACTIONS:
            return fraction(self._argument(), self._argument())
        if name == "sqrt":
            return self._root()
        if name == "left":
            left, body = self._delimiter(), self.row(frozenset([r"\right"]))
            self._expect(r"\right")
            return fence(left, body, self._delimiter())
        if sized := _BIG.match(token):
            return delimiter(self._delimiter(), _BIG_SIZES.index(sized[1]), sized[2])
        raise self._refusal(token)

    def _more_digits(self) -> str:
        digits = ""
        while (token := self._peek()) is not None and re.fullmatch("[0-9.]", token):
            digits += token
            self._at += 1
        return digits

    def _root(self) -> Formula:
        index = None
        if self._peek() == "[":
            self._at += 1
            index = self.row(frozenset("]"))
            self._expect("]")
        return root(self._argument(), index)


def with_index(latex: str, index: str) -> str:
    """A symbol with an index, which joins the subscript that the symbol has already.

    >>> with_index("W_1", "il")
    'W_{1,il}'
    """
    head, sub, sup = _parts(latex)
    inside = f"{sub},{index}" if sub else index
    return f"{head}{f'^{{{sup}}}' if sup else ''}_{{{inside}}}"


def with_superscript(latex: str, mark: str) -> str:
    """A symbol with a mark above, which joins the superscript that the symbol has already.

    >>> with_superscript("W^{(1)}", "*")
    'W^{(1)*}'
    """
    head, sub, sup = _parts(latex)
    return f"{head}{f'_{{{sub}}}' if sub else ''}^{{{sup}{mark}}}"


def _parts(latex: str) -> tuple[str, str, str]:
    """A symbol without its scripts, its subscript and its superscript."""
    tokens = tokens_of(latex)
    head, sub, sup = "", "", ""
    while tokens:
        token = tokens.pop(0)
        if token not in ("_", "^"):
            head += token + (take_argument(tokens) if token == "{" else "")
        elif token == "_":
            sub = take_script(tokens)
        else:
            sup = take_script(tokens)
    return head, sub, sup


def take_script(tokens: list[str]) -> str:
    """Takes the argument of a script off the tokens and returns it without its braces."""
    token = tokens.pop(0)
    return take_argument(tokens)[:-1] if token == "{" else token


def take_argument(tokens: list[str]) -> str:
    """Takes everything up to the brace that closes the open group off the tokens.

    Raises
    ------
    NotMathematics
        When no brace does.
    """
    text, depth = "", 1
    while depth:
        if not tokens:
            raise NotMathematics(f"no brace closes {text!r}")
        token = tokens.pop(0)
        depth += (token == "{") - (token == "}")
        text += token
    return text

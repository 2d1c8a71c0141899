r"""The LaTeX of a symbol: read once, and given indices and marks.

What a study calls its symbols, and what the theory calls its own, is LaTeX.  Only what the
constructors of :mod:`symdrift.typesetting.formula` can build is understood; anything else is
refused, so nothing reaches a document unmeasured.
"""

from __future__ import annotations

import re
from functools import lru_cache

from symdrift.typesetting.formula import (
    BIG,
    EMPTY,
    Formula,
    accent,
    bare_atom,
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
_BIG = re.compile(r"\\(big|Big|bigg|Bigg)([lrm]?)")
_SIDES = {Kind.OPEN: "l", Kind.CLOSE: "r", Kind.ORD: ""}


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
    return Formula(latex, _Reader(latex).row("").atoms)


def tokens_of(latex: str) -> list[str]:
    """Commands, single characters and stretches of space, in their order."""
    return _TOKEN.findall(latex)


class _Reader:
    """Takes the tokens of a symbol off one by one; the LaTeX of what it builds is unused."""

    def __init__(self, latex: str) -> None:
        self._source = latex
        self._tokens = tokens_of(latex)

    def row(self, end: str) -> Formula:
        """Everything before and including the token ``end``, or the whole rest for none."""
        found = EMPTY
        while self._tokens or end:
            token = self._next(end)
            if token == end:
                break
            if token in ("^", "_"):
                found = self._scripted(found, token)
            elif not token.isspace():
                found += self._atom(token)
        return found

    def _next(self, wanted: str = "") -> str:
        while self._tokens:
            token = self._tokens.pop(0)
            if not token.isspace():
                return token
        if wanted:
            raise NotMathematics(f"ends too early: {self._source!r}")
        return " "

    def _scripted(self, base: Formula, sign: str) -> Formula:
        sub, sup = (None, self._argument()) if sign == "^" else (self._argument(), None)
        try:
            return scripts(base or group(EMPTY), sub, sup)
        except ValueError as error:
            raise NotMathematics(f"double script in {self._source!r}") from error

    def _argument(self) -> Formula:
        """What is in the next braces, or the next single token."""
        token = self._next("argument")
        if token != "{":
            return self._atom(token)
        body = self.row("}")
        bare = bare_atom(body.atoms)
        return body if bare is None else Formula(body.latex, (bare,))

    def _word(self) -> str:
        if self._next("{") != "{":
            raise NotMathematics(f"a word without braces in {self._source!r}")
        text = take_argument(self._tokens)[:-1]
        plain = re.sub(r"\\([%#&_$ ])", r"\1", text).replace("~", " ")
        if re.search(r"[\\{}^$]", plain):
            raise NotMathematics(f"{text!r} is not plain text")
        return plain

    def _delimiter(self) -> str:
        token = self._next("delimiter")
        if token not in DELIMITERS:
            raise self._refusal(token)
        return token

    def _refusal(self, token: str) -> NotMathematics:
        return NotMathematics(f"{token!r} is not understood in {self._source!r}")

    def _atom(self, token: str) -> Formula:
        name = token[1:] if token.startswith("\\") else ""
        if token in GLYPHS:
            return letter(token)
        if token in "0123456789.":
            return numeral(token)
        if token in BARE_DELIMITERS:
            return delimiter(token, 0, _SIDES[BARE_DELIMITERS[token]])
        if token in SPACES:
            return space(token)
        if token == "{":
            return group(self.row("}"))
        if name == "boldsymbol":
            return group(self._argument())
        if name in FUNCTIONS:
            return function(name)
        if name in FONTS:
            return word(name, self._word())
        if name in ACCENTS:
            return accent(name, ACCENTS[name], self._argument())
        if name in ("frac", "dfrac", "tfrac"):
            return fraction(self._argument(), self._argument())
        if name == "sqrt":
            index = None
            if self._tokens[:1] == ["["]:
                self._next()
                index = self.row("]")
            return root(self._argument(), index)
        if name == "left":
            left, body = self._delimiter(), self.row(r"\right")
            return fence(left, body, self._delimiter())
        if (sized := _BIG.fullmatch(token)) is not None:
            return delimiter(self._delimiter(), BIG.index(sized[1]), sized[2])
        raise self._refusal(token)


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

"""Indices and marks on the symbols of a formula, as text."""

from __future__ import annotations

from symdrift.typesetting.mathlist import tokens_of


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
    """Takes everything up to the brace that closes the open group off the tokens."""
    text, depth = "", 1
    while depth:
        token = tokens.pop(0)
        depth += (token == "{") - (token == "}")
        text += token
    return text

r"""How the letters of a study's notation are checked, indexed and put into formulas.

Nothing here needs SymPy, so that a study can be read without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from symdrift.errors import RequestError
from symdrift.study.roles import AT_HOME, FIELD_ROLES, INDICES, PRESETS, ROLES, VOCABULARY
from symdrift.typesetting.mathlist import (
    FONT_COMMANDS,
    Accented,
    Kind,
    Letters,
    Node,
    NotMathematics,
    Row,
    Scripts,
    Symbol,
    parse,
    tokens_of,
)
from symdrift.typesetting.metrics import width
from symdrift.typesetting.scripts import take_argument, take_script, with_index, with_superscript

WIDEST_SYMBOL = 4.0
"""Widest symbol of a role, in em: formulas contain dozens of them."""

FREE_LETTERS = ("alpha", "beta", "rho", "chi", "psi", "omega", "phi", "vartheta")
"""Letters that stand for nothing in a derivation, for the symbols of a study."""

_ACCENT_COMMANDS = frozenset([r"\bar", r"\hat", r"\tilde", r"\dot", r"\ddot", r"\vec", r"\sqrt"])
_OTHER_MEANING = frozenset([("n", "t"), ("n", "t+1"), ("D", "h")])
"""Letters with a subscript that only look like a role: they keep their letter."""

Shape = tuple[Node, Row | None, Row | None]


def resolve_notation(presets: Sequence[str], own: Mapping[str, str]) -> dict[str, str]:
    r"""LaTeX by role from presets, in their order, and the study's own letters on top.

    Parameters
    ----------
    presets : sequence of str
        Names from :data:`symdrift.study.roles.PRESETS`.
    own : Mapping of str to str
        LaTeX by role; every role is one of :data:`symdrift.study.roles.ROLES`.

    Raises
    ------
    RequestError
        When a preset is unknown, a symbol does not typeset as one symbol, or two roles,
        or a role and a letter with another meaning, look the same.
    """
    notation: dict[str, str] = {}
    for preset in presets:
        if preset not in PRESETS:
            raise RequestError(
                "notation.preset", f'= "{preset}" is unknown; presets are {", ".join(PRESETS)}'
            )
        notation |= PRESETS[preset]
    notation |= own
    shapes = {role: _shape(role, latex) for role, latex in notation.items()}
    for role in notation:
        _refuse_vocabulary(role, notation[role], shapes[role])
    printed = {role: notation.get(role, entry.latex) for role, entry in ROLES.items()}
    for first, second in combinations(ROLES, 2):
        if not (first in notation or second in notation):
            continue
        pair = [shapes.get(role) or _shape(role, printed[role]) for role in (first, second)]
        if _look_alike(*pair):
            changed, other = (first, second) if first in notation else (second, first)
            raise RequestError(
                f"notation.{changed}",
                f'= "{printed[changed]}" looks like "{printed[other]}", the symbol of the '
                f"{ROLES[other].meaning}; choose another letter for notation.{changed} or "
                f"notation.{other}",
            )
    return notation


def refuse_borrowed_letters(notation: Mapping[str, str], symbols: Sequence[str]) -> None:
    """Refuse a letter of the notation that also names one of the study's own symbols.

    Raises
    ------
    RequestError
        When a symbol, which prints as its name, looks like a role that was given its letter.
    """
    stems = {role.name for role in ROLES.values()}
    for name in symbols:
        stem = name.partition("_")[0]
        if stem in stems:
            continue
        own = next((tree for text in (f"\\{stem}", stem) if (tree := _read(text))), None)
        for role, latex in notation.items():
            if own is not None and _shape(role, latex)[0] == _base(own):
                raise RequestError(
                    f"notation.{role}",
                    f'= "{latex}" looks like the symbol "{name}" of the study; choose another '
                    "letter for one of them",
                )


def refuse_letters_of_the_theory(
    notation: Mapping[str, str], uses: Iterable[tuple[str, str, str]]
) -> None:
    """Refuse symbols of a study whose letter means something else in a derivation.

    Parameters
    ----------
    notation : Mapping of str to str
        LaTeX by role, from the study's ``[notation]``.
    uses : iterable of (str, str, str)
        Fields of the study, each with a symbol that its number names, and the symbol in LaTeX.

    Raises
    ------
    RequestError
        When a symbol would print like a role that it does not play, like a letter of the
        vocabulary, like an index, or like another symbol of the study.
    """
    stems = {role.name: key for key, role in ROLES.items()}
    printed: dict[str, str] = {}
    borrowed: dict[str, tuple[str, str]] = {}
    for field, name, latex in uses:
        other = printed.setdefault(latex, name)
        if other != name:
            raise RequestError(
                field, f'names the symbol "{name}", which prints like "{other}"; rename one of them'
            )
        own = next((roles for place, roles in FIELD_ROLES.items() if field.startswith(place)), ())
        role = stems.get(name.partition("_")[0])
        if role is not None:
            # A number may be called an entry of the matrix that it stands in, not the matrix.
            whole = " by " in ROLES[role].shape and "_" not in name
            meaning = "" if role in own and not whole else f"the {ROLES[role].meaning}"
        else:
            meaning = _other_meaning(notation, latex, field, own)
        if meaning:
            borrowed.setdefault(name, (field, meaning))
    if not borrowed:
        return
    (name, (field, meaning)), *others = borrowed.items()
    also = ", ".join(f'"{other}" for {its}' for other, (_, its) in others)
    free = [
        f'"{letter}"'
        for letter in FREE_LETTERS
        if f"\\{letter}" not in printed and not _other_meaning(notation, f"\\{letter}", field, ())
    ]
    raise RequestError(
        field,
        f'names the symbol "{name}", whose letter stands for {meaning} in the derivation'
        f"{f', as does {also}' if also else ''}; choose other names, such as "
        f"{', '.join(free[: len(borrowed) + 2])}",
    )


def _other_meaning(notation: Mapping[str, str], latex: str, field: str, own: Sequence[str]) -> str:
    """What the theory uses the letter of a symbol for in another field; empty for nothing."""
    letter = _base(parse(latex))
    indexed = isinstance(letter, Scripts)
    letter = _base(letter.base) if isinstance(letter, Scripts) else letter
    for role, entry in ROLES.items():
        if letter == _shape(role, notation.get(role, entry.latex))[0]:
            whole = " by " in entry.shape and not indexed
            return "" if role in own and not whole else f"the {entry.meaning}"
    reserved = VOCABULARY if indexed else {**VOCABULARY, **INDICES}
    for text, meaning in reserved.items():
        if letter == _base(parse(text)) and not field.startswith(AT_HOME.get(text, "\0")):
            return meaning
    return ""


def _read(latex: str) -> Row | None:
    try:
        return parse(latex)
    except NotMathematics:
        return None


def _refuse_vocabulary(role: str, latex: str, shape: Shape) -> None:
    if shape[0] == _shape(role, ROLES[role].latex)[0]:
        return
    indices = INDICES if shape[1:] == (None, None) else {}
    for letter, meaning in (*VOCABULARY.items(), *indices.items()):
        if _base(parse(letter)) == shape[0]:
            raise RequestError(
                f"notation.{role}",
                f'= "{latex}" uses the letter of {meaning}; choose another letter',
            )


def _look_alike(first: Shape, second: Shape) -> bool:
    """Whether two symbols could be taken for each other, one of them with an index perhaps."""
    if first[0] != second[0]:
        return False
    plain = (None, None)
    return first[1:] == second[1:] or plain in (first[1:], second[1:])


def _shape(role: str, latex: str) -> Shape:
    """Base, subscript and superscript of a symbol."""
    field = f"notation.{role}"
    try:
        row = parse(latex)
        wide = width(latex)
    except NotMathematics as error:
        raise RequestError(field, f'= "{latex}" cannot be typeset: {error}') from error
    node = _base(row)
    sub: Row | None = None
    sup: Row | None = None
    if isinstance(node, Scripts):
        sub, sup = node.sub, node.sup
        node = _base(node.base)
    if not _is_letter(node):
        raise RequestError(
            field,
            f'= "{latex}" must be one letter, with accent, subscript or superscript if need be; '
            r"write a word as \mathrm{word}",
        )
    if wide > WIDEST_SYMBOL:
        raise RequestError(
            field,
            f'= "{latex}" is {wide:.0f} em wide; a symbol may take {WIDEST_SYMBOL:g} em',
        )
    return node, sub, sup


def _base(node: Node) -> Node:
    """A node without the groups around it; an italic letter is the letter."""
    while isinstance(node, Row) and len(node.nodes) == 1:
        node = node.nodes[0]
    if isinstance(node, Letters) and node.font == "it" and len(node.text) == 1:
        return _base(parse(node.text))
    if isinstance(node, Accented):
        return Accented(Row((_base(node.body),)), node.accent)
    return node


def _is_letter(node: Node) -> bool:
    match node:
        case Symbol(character=character, kind=Kind.ORD):
            return character.isalpha()
        case Letters(text=text):
            return bool(text.strip())
        case Accented(body=body):
            return _is_letter(_base(body))
        case _:
            return False


def in_notation(latex: str, notation: Mapping[str, str]) -> str:
    r"""A formula written in the default letters, in the letters of a study.

    >>> in_notation(r"\delta U_{il}", {"second_layer": "W_2"})
    '\\delta W_{2,il}'
    """
    letters = {ROLES[role].latex: own for role, own in notation.items()}
    return "".join(_rewritten(tokens_of(latex), letters))


def _rewritten(tokens: list[str], letters: Mapping[str, str]) -> Iterator[str]:
    previous = ""
    while tokens:
        token = tokens.pop(0)
        if token[1:] in FONT_COMMANDS and token.startswith("\\"):
            yield token + _upto_group(tokens)
        elif token not in letters:
            yield token
        else:
            own = letters[token]
            if tokens and tokens[0] == "_":
                tokens.pop(0)
                index = take_script(tokens)
                if (token, index) in _OTHER_MEANING:
                    own = f"{token}_{{{index}}}" if len(index) > 1 else f"{token}_{index}"
                else:
                    own = with_index(own, "".join(_rewritten(tokens_of(index), letters)))
            if tokens and tokens[0] == "^" and "^" in own:
                tokens.pop(0)
                own = with_superscript(own, take_script(tokens))
            if previous in ("_", "^", *_ACCENT_COMMANDS) and len(tokens_of(own)) > 1:
                own = f"{{{own}}}"
            joined = own[-1].isalpha() and "\\" in own and tokens and tokens[0][0].isalpha()
            yield f"{own} " if joined else own
        previous = token if not token.isspace() else previous


def _upto_group(tokens: list[str]) -> str:
    """Takes the argument of a font command off the tokens, braces included."""
    text = ""
    while tokens and tokens[0].isspace():
        text += tokens.pop(0)
    if tokens and tokens[0] == "{":
        text += tokens.pop(0) + take_argument(tokens)
    return text

r"""How the letters of a study's notation are checked, indexed and put into formulas.

Nothing here needs SymPy, so that a study can be read without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import NamedTuple

from symdrift.errors import RequestError, enumerated
from symdrift.quoting import shown
from symdrift.study.roles import (
    AT_HOME,
    FIELD_ROLES,
    INDICES,
    LOCAL,
    PRESETS,
    ROLES,
    SPARE,
    VOCABULARY,
)
from symdrift.typesetting.formula import LETTERS, bare_atom
from symdrift.typesetting.glyphs import FONTS
from symdrift.typesetting.reading import (
    NotMathematics,
    read,
    take_argument,
    take_script,
    tokens_of,
    with_index,
    with_superscript,
)

WIDEST_SYMBOL = 4.0
"""Widest symbol of a role, in em: formulas contain dozens of them."""
WIDEST_NAME = 8.0
"""Widest symbol of a study, in em: a term of two has room in an equation of the narrowest page."""

FREE_LETTERS = ("alpha", "beta", "rho", "chi", "psi", "omega", "phi", "vartheta")
"""Letters that stand for nothing in a derivation, for the symbols of a study."""

_MOST_NAMED = 6
"""Symbols that a refusal names."""

_ACCENT_COMMANDS = frozenset([r"\bar", r"\hat", r"\tilde", r"\dot", r"\ddot", r"\vec", r"\sqrt"])
_OTHER_MEANING = frozenset([("n", "t"), ("n", "t+1"), ("D", "h")])
"""Letters with a subscript that only look like a role: they keep their letter."""

_STEMS: Mapping[str, str] = MappingProxyType({role.name: key for key, role in ROLES.items()})


class Shape(NamedTuple):
    """How a symbol looks without its scripts, and these; None where it has none."""

    letter: str
    sub: str | None
    sup: str | None

    @property
    def scripted(self) -> bool:
        """Whether it has any."""
        return (self.sub, self.sup) != (None, None)


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


def replaced_letters(
    notation: Mapping[str, str], uses: Iterable[tuple[str, str, str]]
) -> dict[str, str]:
    """What the derivation calls those of its local letters that symbols of a study have.

    Parameters
    ----------
    notation : Mapping of str to str
        LaTeX by role, from the study's ``[notation]``.
    uses : iterable of (str, str, str)
        Fields of the study, each with a symbol that its number names, and the symbol in LaTeX.

    Returns
    -------
    dict of str to str
        LaTeX by letter of :data:`symdrift.study.roles.LOCAL`, to stand beside the notation.
    """
    uses = tuple(uses)
    taken = {_letter(latex) for latex in notation.values()}
    wanted: dict[str, None] = {}
    for field, name, latex in uses:
        taken.add(letter := _letter(latex))
        parts = name.strip("_").split("_")[1:]
        taken |= {_letter(part) or _letter(f"\\{part}") for part in parts}
        # A size is a whole number, as the indices are, and SymPy could not tell them apart.
        if field.startswith("network."):
            continue
        for text in LOCAL:
            at_home = field.startswith(AT_HOME.get(text, "\0"))
            if (text in INDICES and text in parts) or (letter == _letter(text) and not at_home):
                wanted[text] = None
    # In braces, so that no command runs into the index behind it.
    free = [f"{{{text}}}" for text in SPARE if _letter(text) not in taken]
    return dict(zip(wanted, free, strict=False))


def refuse_borrowed_letters(
    notation: Mapping[str, str], uses: Iterable[tuple[str, str, bool]]
) -> None:
    """Refuse a letter of the notation that also names one of the study's own symbols.

    Parameters
    ----------
    notation : Mapping of str to str
        LaTeX by role.
    uses : iterable of (str, str, bool)
        Fields of the study, each with a symbol that its number names, and whether it is the
        symbol alone: where that plays the role, both letters mean the same.

    Raises
    ------
    RequestError
        When a symbol, which prints as its name, looks like a role that was given its letter.
    """
    stems = {role.name for role in ROLES.values()}
    for field, name, alone in uses:
        stem = name.partition("_")[0]
        if stem in stems:
            continue
        # Of a rate, a decay or a batch: a variance of labels is the square of what its role is.
        meant = FIELD_ROLES.get(field, ()) if alone and field.startswith("learning.") else ()
        own = next((found for text in (f"\\{stem}", stem) if (found := _looks(text))), None)
        for role, latex in notation.items():
            if role in meant:
                continue
            if own is not None and _shape(role, latex).letter == own.letter:
                raise RequestError(
                    f"notation.{role}",
                    f'= "{latex}" looks like the symbol "{name}" of the study; choose another '
                    "letter for one of them",
                )


def refuse_letters_of_the_theory(
    notation: Mapping[str, str], uses: Iterable[tuple[str, str, str]]
) -> None:
    """Refuse symbols of a study whose letter or subscript means something else in a derivation.

    Parameters
    ----------
    notation : Mapping of str to str
        LaTeX by role, from the study's ``[notation]``, and by letter that is replaced.
    uses : iterable of (str, str, str)
        Fields of the study, each with a symbol that its number names, and the symbol in LaTeX.

    Raises
    ------
    RequestError
        When a symbol would print like a role that it does not play, like a letter of the
        vocabulary, like an index or with one, or like another symbol of the study.
    """
    uses = tuple(uses)
    printed: dict[str, str] = {}
    borrowed: dict[str, tuple[str, str]] = {}
    for field, name, latex in uses:
        other = printed.setdefault(latex, name)
        if other != name:
            raise RequestError(
                field, f'names the symbol "{name}", which prints like "{other}"; rename one of them'
            )
        meaning = other_meaning(notation, field, name, latex) or _other_size(uses, field, name)
        if meaning:
            borrowed.setdefault(name, (field, meaning))
    if not borrowed:
        _refuse_indices(notation, uses)
        return
    field = next(iter(borrowed.values()))[0]
    named: dict[str, list[str]] = {}
    for name, (_, meaning) in borrowed.items():
        named.setdefault(meaning, []).append(name)
    (meaning, names), *others = named.items()
    also = ", ".join(f"{_few_quoted(its)} for {other}" for other, its in others)
    free = [
        f'"{letter}"'
        for letter in FREE_LETTERS
        if f"\\{letter}" not in printed and not _other_meaning(notation, f"\\{letter}", field, ())
    ]
    raise RequestError(
        field,
        f"names the symbol{'s' * (len(names) > 1)} {_few_quoted(names)}, whose letter stands for "
        f"{meaning} in the derivation{f', as does that of {also}' if also else ''}; choose other "
        f"names, such as {', '.join(free[: len(borrowed) + 2])}",
    )


def refuse_wide_symbols(uses: Iterable[tuple[str, str, str]]) -> None:
    """Refuse symbols of a study for which formulas have no room.

    Parameters
    ----------
    uses : iterable of (str, str, str)
        Fields of the study, each with a symbol that its number names, and the symbol in LaTeX.
    """
    for field, name, latex in uses:
        if (width := read(latex).width) > WIDEST_NAME:
            raise RequestError(
                field,
                f'names the symbol "{shown(name)}", which is {width:.1f} em wide; a symbol of a '
                f"study may take {WIDEST_NAME:g} em, about 14 letters: choose a shorter name",
            )


def _few_quoted(names: Sequence[str]) -> str:
    """Names in quotes, the first few of many."""
    quoted = [f'"{name}"' for name in names[:_MOST_NAMED]]
    if len(names) > _MOST_NAMED:
        return f"{', '.join(quoted)} and {len(names) - _MOST_NAMED} more"
    return enumerated(quoted)


def other_meaning(notation: Mapping[str, str], field: str, name: str, latex: str) -> str:
    """What the letter of a symbol in a field stands for in a derivation; empty for no other."""
    own = _roles_of(field)
    role = _STEMS.get(name.partition("_")[0])
    if role is None:
        return _other_meaning(notation, latex, field, own)
    # A number may be called an entry of the matrix that it stands in, not the matrix.
    whole = " by " in ROLES[role].shape and "_" not in name
    return "" if role in own and not whole else f"the {ROLES[role].meaning}"


def _roles_of(field: str) -> tuple[str, ...]:
    return next((roles for place, roles in FIELD_ROLES.items() if field.startswith(place)), ())


def _refuse_indices(notation: Mapping[str, str], uses: Iterable[tuple[str, str, str]]) -> None:
    for field, name, _ in uses:
        if indices := _letters_of_indices(notation, name):
            raise RequestError(
                field,
                f'names the symbol "{name}", whose subscript has {indices} in the derivation; '
                f'number it, as in "{name.strip("_").partition("_")[0]}_1"',
            )


def _letters_of_indices(notation: Mapping[str, str], name: str) -> str:
    """A letter of the subscript that is an index in the theory, and of what; or empty."""
    for part in name.strip("_").split("_")[1:]:
        # As these are printed: further letters make a word of them.
        letters = [part] if part in INDICES else list(part) if set(part) <= set("ijkl") else []
        for letter in letters:
            if letter in INDICES and letter not in notation:
                return f"{letter}, the letter of {INDICES[letter]}"
    return ""


def _other_size(uses: Iterable[tuple[str, str, str]], field: str, name: str) -> str:
    """The size that a symbol has the letter of, where another size is called by it alone."""
    role = _STEMS.get(name.partition("_")[0])
    if not field.startswith("network.") or field == f"network.{role}":
        return ""
    at_home = any((place, other) == (f"network.{role}", name) for place, other, _ in uses)
    return "" if role is None or at_home else f"the {ROLES[role].meaning}"


def _other_meaning(
    notation: Mapping[str, str], latex: str, field: str, roles: Sequence[str]
) -> str:
    """What the theory uses the letter of a symbol for in another field; empty for nothing."""
    own = _looks(latex)
    if own is None:
        return ""
    for role, entry in ROLES.items():
        if own.letter == _shape(role, notation.get(role, entry.latex)).letter:
            whole = " by " in entry.shape and not own.scripted
            return "" if role in roles and not whole else f"the {entry.meaning}"
    reserved = VOCABULARY if own.scripted else {**VOCABULARY, **INDICES}
    for text, meaning in reserved.items():
        if text in notation:
            continue
        if own.letter == _letter(text) and not field.startswith(AT_HOME.get(text, "\0")):
            return meaning
    return ""


def _refuse_vocabulary(role: str, latex: str, shape: Shape) -> None:
    if shape.letter == _letter(ROLES[role].latex):
        return
    indices = {} if shape.scripted else INDICES
    for text, meaning in (*VOCABULARY.items(), *indices.items()):
        if _letter(text) == shape.letter:
            raise RequestError(
                f"notation.{role}",
                f'= "{latex}" uses the letter of {meaning}; choose another letter',
            )


def _look_alike(first: Shape, second: Shape) -> bool:
    """Whether two symbols could be taken for each other, one of them with an index perhaps."""
    if first.letter != second.letter:
        return False
    return first == second or not (first.scripted and second.scripted)


def _shape(role: str, latex: str) -> Shape:
    """Base, subscript and superscript of a symbol.

    Raises
    ------
    RequestError
        When it does not typeset, is more than one letter, or too wide.
    """
    field = f"notation.{role}"
    try:
        formula = read(latex)
    except NotMathematics as error:
        raise RequestError(field, f'= "{latex}" cannot be typeset: {error}') from error
    shape = _looks(latex)
    if shape is None:
        raise RequestError(
            field,
            f'= "{latex}" must be one letter, with accent, subscript or superscript if need be; '
            r"write a word as \mathrm{word}",
        )
    if formula.width > WIDEST_SYMBOL:
        raise RequestError(
            field,
            f'= "{latex}" is {formula.width:.0f} em wide; a symbol may take {WIDEST_SYMBOL:g} em',
        )
    return shape


def _letter(latex: str) -> str | None:
    """How the letter of a symbol looks; None for anything else."""
    shape = _looks(latex)
    return None if shape is None else shape.letter


def _looks(latex: str) -> Shape | None:
    """How a symbol looks; None for what cannot be read or is more than one letter."""
    try:
        atom = bare_atom(read(latex).atoms)
    except NotMathematics:
        return None
    sub = sup = None
    if atom is not None and atom.scripts is not None:
        nucleus, sub, sup = atom.scripts
        atom = bare_atom((nucleus,))
    if atom is None or atom.form not in LETTERS or atom.scripts is not None:
        return None
    return Shape(
        atom.mathml,
        None if sub is None else sub.mathml,
        None if sup is None else sup.mathml,
    )


def in_notation(latex: str, notation: Mapping[str, str]) -> str:
    r"""A formula written in the default letters, in the letters of a study.

    >>> in_notation(r"\delta U_{il}", {"second_layer": "W_2"})
    '\\delta W_{2,il}'
    """
    letters = {ROLES[role].latex if role in ROLES else role: own for role, own in notation.items()}
    return "".join(_rewritten(tokens_of(latex), letters))


def _rewritten(tokens: list[str], letters: Mapping[str, str]) -> Iterator[str]:
    previous = ""
    while tokens:
        token = tokens.pop(0)
        if token[1:] in FONTS and token.startswith("\\"):
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

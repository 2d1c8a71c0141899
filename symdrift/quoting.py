r"""Text from outside, made harmless: one function for each kind of output.

Titles, names of stimuli, studies and files, keys and values come from files of unknown origin.
What is written as Python, JavaScript, LaTeX, CSV, a figure or on a terminal passes the function
here; HTML passes :func:`markupsafe.escape`, by the environment that renders it, and JSON
:func:`json.dumps`.  Each output then says what the text says, and the text is never part of its
language.
"""

from __future__ import annotations

import json
import re
import unicodedata
from itertools import zip_longest

LONGEST_SHOWN = 60
"""Characters of a value that a message quotes."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
LONGEST_WORD = 24
"""Room of a word that needs no place to break, in letters of usual width."""
_WIDE = "mw@%œæ"
_WORDS = re.compile(r"\s+|\S+")
_PERCENT = re.compile(r"([0-9]) %")
# What pdfTeX's UTF-8 input and the T1 encoding print: Latin letters and common punctuation.
_PRINTABLE = re.compile(r"[ -~¡-¬®-ÿĀ-ąĆ-ćČ-ěĞ-ğİ-ıĹ-ŉŐ-ŕŘ-śŞ-ťŮ-űŸ-ž]")

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "–": "--", "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''", "…": r"\ldots{}",
    "\u00a0": "~", "\u2009": r"\,", "\u202f": r"\,", "−": "$-$", "×": r"$\times$",
    "±": r"$\pm$", "·": r"$\cdot$", "²": "$^2$", "³": "$^3$", "⁴": "$^4$", "½": r"$\frac{1}{2}$",
    "≤": r"$\leq$", "≥": r"$\geq$", "≠": r"$\neq$", "≈": r"$\approx$", "→": r"$\to$",
    "∞": r"$\infty$", "∝": r"$\propto$", "√": r"$\surd$", "∂": r"$\partial$", "°": r"$^\circ$",
    "ᵀ": r"$^{\mathsf{T}}$", "‖": r"$\Vert$", "⟨": r"$\langle$", "⟩": r"$\rangle$",
    "≪": r"$\ll$", "≫": r"$\gg$", "∈": r"$\in$", "∑": r"$\sum$",
}  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu",
    "ξ": "xi", "π": "pi", "ρ": "rho", "ς": "varsigma", "σ": "sigma", "τ": "tau",
    "υ": "upsilon", "φ": "varphi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma",
    "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma",
    "Υ": "Upsilon", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_SPECIAL |= {letter: rf"$\{name}$" for letter, name in _GREEK.items()}
_LIKE_LATIN = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧ", "ABEZHIKMNOPTX", strict=True)) | {"ο": "$o$"}
_SPECIAL |= _LIKE_LATIN
"""Greek letters for which TeX has no command."""
_ACCENTS = {"\u0300": "grave", "\u0301": "acute", "\u0308": "ddot", "\u0342": "tilde"}


_LEAN_STEM = "|".join(
    ["eq", "step", "sqrt", "[A-Za-z]", *(name.removeprefix("var") for name in _GREEK.values())]
)
_LEAN_WORD = re.compile(rf"(?:{_LEAN_STEM})(?:_?[0-9]|_[A-Za-z0-9_]*)*")


class Latex(str):
    """LaTeX that is ready to be printed."""

    __slots__ = ()


def printable(text: str) -> str:
    r"""Text for a terminal: what would control it appears by its code, ``\x1b``."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def shown(text: str) -> str:
    """Text as a message quotes it: one line, not too long."""
    line = printable(text)
    return line if len(line) <= LONGEST_SHOWN else f"{line[: LONGEST_SHOWN - 3]}..."


def docstring_text(text: str) -> str:
    """Text within a docstring of Python."""
    return printable(text.replace("\\", r"\\")).replace('"', r"\"")


def lean_comment(text: str) -> str:
    """Text of a comment of Lean, which it can neither end nor begin another one in."""
    return printable(text).replace("-/", "- /").replace("/-", "/ -")


def lean_name(text: str) -> str:
    """Name of a variable or theorem of Lean, in which no word is a keyword.

    Letters and Greek ones by their names, with or without an index, stand as they are; any other
    word is in guillemets, which make a name of it.
    """
    name = re.sub("[^A-Za-z0-9_]", "_", text)
    return name if _LEAN_WORD.fullmatch(name) else f"«{name or '_'}»"


def script_json(data: object) -> str:
    """JSON that cannot end the ``<script>`` that it stands in."""
    written = json.dumps(data, ensure_ascii=True, allow_nan=False, indent=1)
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def csv_cell(value: object) -> object:
    """Cell of a CSV file; text that a spreadsheet would run as a formula begins with ``'``."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def figure_text(text: str) -> str:
    """Text in which Matplotlib sees no mathematics; what its font lacks appears by its code.

    Matplotlib leaves labels that begin with an underscore out of legends: a space goes before it.
    """
    from matplotlib.font_manager import FontProperties, findfont, get_font

    letters = get_font(findfont(FontProperties()))

    def drawn(character: str) -> str:
        if character == "$":
            return r"\$"
        there = character.isspace() or letters.get_char_index(ord(character))
        return character if there else f"U+{ord(character):04X}"

    return " " * text.startswith("_") + "".join(map(drawn, text))


def escape_latex(text: str) -> Latex:
    """Plain text as LaTeX text; characters that LaTeX lacks appear by their code point.

    No line ends between a number and its per cent sign; in a word of more than
    :data:`LONGEST_WORD` letters, such as the name of a file, it may end anywhere.
    """
    return Latex("".join(_escape_word(word) for word in _WORDS.findall(_bound(text))))


def printed_length(text: str) -> int:
    """Room that LaTeX gives a text, in letters of usual width: wide ones take that of two."""
    return sum(
        6
        if "U+" in _escape_character(character)
        else 1 + (character.isupper() or character in _WIDE)
        for character in text
    )


def unbroken_latex(text: str) -> Latex:
    """Plain text as LaTeX text without line breaks, for the properties of a file.

    These know neither mathematics nor ligatures: what is no Latin letter goes by its number.
    """
    escaped = "".join(map(_escape_in_property, _bound(text)))
    return Latex(escaped.replace("--", "-{}-"))


def _escape_in_property(character: str) -> str:
    latin = _PRINTABLE.fullmatch(character) and (character.isascii() or character not in _SPECIAL)
    if latin or character.isspace():
        return _escape_character(character)
    return rf"\unichar{{{ord(character)}}}"


def _accented_greek(character: str) -> str:
    """LaTeX of a Greek letter with accents, one inside the other; empty for anything else."""
    letter, *marks = list(unicodedata.normalize("NFD", character))
    if not marks or letter not in (_GREEK | _LIKE_LATIN) or not set(marks) <= set(_ACCENTS):
        return ""
    inner = _SPECIAL[letter].strip("$")
    for mark in marks:
        inner = rf"\{_ACCENTS[mark]}{{{inner}}}"
    return f"${inner}$"


def _bound(text: str) -> str:
    return _PERCENT.sub("\\g<1>\u00a0%", text)


def _escape_word(word: str) -> str:
    # \hspace and not \allowbreak: in the title of slides it also becomes a property of the file.
    # Two hyphens of an option would become a dash.
    pieces = (
        "-{}" if f"{character}{after}" == "--" else _escape_character(character)
        for character, after in zip_longest(word, word[1:])
    )
    return (r"\hspace{0pt}" if printed_length(word) > LONGEST_WORD else "").join(pieces)


def _escape_character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isspace():
        return " "
    if _PRINTABLE.fullmatch(character):
        return character
    return _accented_greek(character) or rf"\texttt{{U+{ord(character):04X}}}"

"""Characters of formulas, by what stands for them in LaTeX: class, width, Unicode.

Widths are those of Latin Modern, in em of the text size.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """TeX's classes of atoms, which decide the space between neighbours."""

    ORD = 0
    OP = 1
    BIN = 2
    REL = 3
    OPEN = 4
    CLOSE = 5
    PUNCT = 6
    INNER = 7


class Glyph(NamedTuple):
    """One character: ``character`` is Unicode, ``width`` in em of the text size."""

    character: str
    width: float
    kind: Kind = Kind.ORD
    upright: bool = True


_GREEK = {
    "alpha": ("α", 0.64), "beta": ("β", 0.62), "gamma": ("γ", 0.57), "delta": ("δ", 0.48),
    "epsilon": ("ϵ", 0.41), "varepsilon": ("ε", 0.47), "zeta": ("ζ", 0.51), "eta": ("η", 0.54),
    "theta": ("θ", 0.5), "vartheta": ("ϑ", 0.6), "iota": ("ι", 0.36), "kappa": ("κ", 0.58),
    "lambda": ("λ", 0.59), "mu": ("μ", 0.61), "nu": ("ν", 0.56), "xi": ("ξ", 0.49),
    "pi": ("π", 0.61), "varpi": ("ϖ", 0.86), "rho": ("ρ", 0.52), "varrho": ("ϱ", 0.52),
    "sigma": ("σ", 0.61), "varsigma": ("ς", 0.45), "tau": ("τ", 0.56), "upsilon": ("υ", 0.58),
    "phi": ("ϕ", 0.6), "varphi": ("φ", 0.66), "chi": ("χ", 0.63), "psi": ("ψ", 0.69),
    "omega": ("ω", 0.66), "partial": ("∂", 0.59), "ell": ("ℓ", 0.42),
}  # fmt: skip
_UPRIGHT = {
    "Gamma": ("Γ", 0.63), "Delta": ("Δ", 0.84), "Theta": ("Θ", 0.78), "Lambda": ("Λ", 0.7),
    "Xi": ("Ξ", 0.67), "Pi": ("Π", 0.75), "Sigma": ("Σ", 0.73), "Upsilon": ("Υ", 0.78),
    "Phi": ("Φ", 0.73), "Psi": ("Ψ", 0.78), "Omega": ("Ω", 0.73), "infty": ("∞", 1.0),
    "nabla": ("∇", 0.84), "top": ("⊤", 0.78), "bot": ("⊥", 0.78), "forall": ("∀", 0.56),
    "exists": ("∃", 0.56), "emptyset": ("∅", 0.5), "prime": ("′", 0.28), "dagger": ("†", 0.45),
    "hbar": ("ℏ", 0.54), "neg": ("¬", 0.67), "bullet": ("•", 0.5), "ast": ("∗", 0.5),
    "%": ("%", 0.83), "#": ("#", 0.83), "&": ("&", 0.83), "_": ("_", 0.83), "$": ("$", 0.83),
}  # fmt: skip
_BINARY = {
    "times": "×", "cdot": "⋅", "pm": "±", "mp": "∓", "otimes": "⊗", "oplus": "⊕",
    "circ": "∘", "wedge": "∧", "vee": "∨", "cap": "∩", "cup": "∪", "setminus": "∖",
}  # fmt: skip
_RELATIONS = {
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "in": "∈",
    "approx": "≈", "equiv": "≡", "sim": "∼", "propto": "∝", "ll": "≪", "gg": "≫",
    "perp": "⊥", "mid": "∣", "subset": "⊂", "subseteq": "⊆", "notin": "∉", "simeq": "≃",
}  # fmt: skip
_ARROWS = {
    "to": "→", "rightarrow": "→", "leftarrow": "←", "mapsto": "↦", "Rightarrow": "⇒",
    "Leftrightarrow": "⇔", "leftrightarrow": "↔", "implies": "⟹", "iff": "⟺",
}  # fmt: skip
_LARGE = {"sum": ("∑", 1.45), "prod": ("∏", 1.28), "int": ("∫", 1.0)}
_DOTS = {"ldots": "…", "dots": "…", "cdots": "⋯"}
_PLAIN = {
    "+": ("+", 0.78, Kind.BIN), "-": ("−", 0.78, Kind.BIN), "*": ("∗", 0.5, Kind.BIN),
    "=": ("=", 0.78, Kind.REL), "<": ("<", 0.78, Kind.REL), ">": (">", 0.78, Kind.REL),
    ":": (":", 0.28, Kind.REL), ",": (",", 0.28, Kind.PUNCT), ";": (";", 0.28, Kind.PUNCT),
    "/": ("/", 0.5, Kind.ORD), "!": ("!", 0.28, Kind.CLOSE), "'": ("′", 0.28, Kind.ORD),
    "?": ("?", 0.48, Kind.CLOSE),
}  # fmt: skip
_ITALIC = dict(zip(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    (0.53, 0.43, 0.44, 0.52, 0.47, 0.6, 0.52, 0.58, 0.35, 0.47, 0.56, 0.32, 0.88, 0.6, 0.49, 0.51,
     0.49, 0.48, 0.47, 0.37, 0.58, 0.53, 0.75, 0.58, 0.53, 0.51,
     0.75, 0.81, 0.79, 0.86, 0.8, 0.79, 0.79, 0.92, 0.52, 0.66, 0.93, 0.69, 1.08, 0.92, 0.8, 0.79,
     0.8, 0.77, 0.68, 0.73, 0.8, 0.81, 1.09, 0.91, 0.81, 0.76),
    strict=True,
))  # fmt: skip
# With their italic correction.


def _glyphs() -> Iterator[tuple[str, Glyph]]:
    for letter, width in _ITALIC.items():
        yield letter, Glyph(letter, width, upright=False)
    for name, (character, width) in _GREEK.items():
        yield f"\\{name}", Glyph(character, width, upright=False)
    for name, (character, width) in _UPRIGHT.items():
        yield f"\\{name}", Glyph(character, width)
    for name, character in _BINARY.items():
        yield f"\\{name}", Glyph(character, 0.28 if name == "cdot" else 0.78, Kind.BIN)
    for name, character in _RELATIONS.items():
        yield f"\\{name}", Glyph(character, 1.0 if name in ("ll", "gg") else 0.78, Kind.REL)
    for name, character in _ARROWS.items():
        yield f"\\{name}", Glyph(character, 1.0 if character == "→" else 1.8, Kind.REL)
    for name, (character, width) in _LARGE.items():
        yield f"\\{name}", Glyph(character, width, Kind.OP)
    for name, character in _DOTS.items():
        yield f"\\{name}", Glyph(character, 1.17, Kind.INNER)
    for character, glyph in _PLAIN.items():
        yield character, Glyph(*glyph)


GLYPHS = dict(_glyphs())
"""Characters by their LaTeX, digits and delimiters apart."""


FUNCTIONS = frozenset([
    "exp", "log", "ln", "sin", "cos", "tan", "sinh", "cosh", "tanh", "det", "tr", "dim", "ker",
    "arg", "deg", "asin", "acos", "atan", "lim", "max", "min", "sup", "inf",
])  # fmt: skip
"""Names of functions that are commands."""

LIMITS = frozenset(["∑", "∏", "lim", "max", "min", "sup", "inf"])
"""What a display puts scripts above and below of."""

SPACES = {
    r"\quad": 1.0, r"\qquad": 2.0, r"\,": 0.167, r"\:": 0.222, r"\>": 0.222, r"\;": 0.278,
    r"\!": -0.167, "\\ ": 0.333, r"\enspace": 0.5,
}  # fmt: skip
"""Widths of explicit space, in em."""

DELIMITERS = {
    "(": "(", ")": ")", "[": "[", "]": "]", "|": "|", "/": "/", ".": "", r"\{": "{", r"\}": "}",
    r"\|": "‖", r"\langle": "⟨", r"\rangle": "⟩", r"\lvert": "|", r"\rvert": "|",
    r"\lVert": "‖", r"\rVert": "‖", r"\lfloor": "⌊", r"\rfloor": "⌋", r"\lceil": "⌈",
    r"\rceil": "⌉", r"\lbrack": "[", r"\rbrack": "]", r"\vert": "|", r"\Vert": "‖",
}  # fmt: skip
"""Delimiters by their LaTeX."""

BARE_DELIMITERS = {
    **dict.fromkeys(["(", "[", r"\{", r"\langle", r"\lvert", r"\lVert", r"\lfloor", r"\lceil"],
                    Kind.OPEN),
    **dict.fromkeys([")", "]", r"\}", r"\rangle", r"\rvert", r"\rVert", r"\rfloor", r"\rceil"],
                    Kind.CLOSE),
    **dict.fromkeys(["|", r"\|", r"\vert", r"\Vert"], Kind.ORD),
}  # fmt: skip
"""Class of the delimiters that stand for themselves, without a size."""

ACCENTS = {
    "hat": "^", "tilde": "~", "bar": "¯", "dot": "˙", "ddot": "¨", "vec": "→", "check": "ˇ",
    "overline": "‾", "underline": "_", "widehat": "^", "widetilde": "~", "mathring": "˚",
}  # fmt: skip
"""Accents by their command."""

FONTS = {
    "mathrm": "rm", "mathsf": "sf", "mathbf": "bf", "mathcal": "cal", "mathbb": "bb",
    "text": "text", "textrm": "text", "operatorname": "rm", "mathit": "it",
}  # fmt: skip
"""Fonts of words by the command whose argument is the word."""

_THIN, _MEDIUM, _THICK = 0.167, 0.222, 0.278
SPACING = (
    # left neighbour in rows, right neighbour in columns: ORD OP BIN REL OPEN CLOSE PUNCT INNER;
    # negative entries vanish in scripts.
    (0, _THIN, -_MEDIUM, -_THICK, 0, 0, 0, -_THIN),
    (_THIN, _THIN, 0, -_THICK, 0, 0, 0, -_THIN),
    (-_MEDIUM, -_MEDIUM, 0, 0, -_MEDIUM, 0, 0, -_MEDIUM),
    (-_THICK, -_THICK, 0, 0, -_THICK, 0, 0, -_THICK),
    (0, 0, 0, 0, 0, 0, 0, 0),
    (0, _THIN, -_MEDIUM, -_THICK, 0, 0, 0, -_THIN),
    (-_THIN, -_THIN, 0, -_THIN, -_THIN, -_THIN, -_THIN, -_THIN),
    (-_THIN, _THIN, -_MEDIUM, -_THICK, -_THIN, 0, -_THIN, -_THIN),
)
NO_BINARY_AFTER = frozenset([Kind.BIN, Kind.OP, Kind.REL, Kind.OPEN, Kind.PUNCT])
NO_BINARY_BEFORE = frozenset([Kind.REL, Kind.CLOSE, Kind.PUNCT])
NO_SPACE_AFTER = frozenset([Kind.BIN, Kind.REL, Kind.OPEN, Kind.PUNCT, None])
NO_SPACE_BEFORE = frozenset([Kind.BIN, Kind.REL, Kind.OPEN, Kind.CLOSE, Kind.PUNCT, None])
"""TeX's space between neighbours, in em, and what has none or joins nothing beside which."""

_LETTER_WIDTH = {"rm": 0.53, "text": 0.53, "sf": 0.52, "bf": 0.62, "cal": 0.62, "bb": 0.54,
                 "it": 0.56}  # fmt: skip
_NARROW, _BROAD = frozenset("fijlrt ,.;:'()[]I|!1"), frozenset("mwMW")
ALPHABETS = {"cal": 0x1D49C, "bb": 0x1D538}
"""Where the capitals of a mathematical alphabet begin; older ones stand elsewhere."""
_OLDER = {
    "cal": dict(zip("BEFHILMR", "ℬℰℱℋℐℒℳℛ", strict=True)),
    "bb": dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True)),
}


def word_width(text: str, font: str) -> float:
    """Width of a word in em, in a font of `FONTS`."""
    base = _LETTER_WIDTH[font]
    return sum(
        (0.4 if c in _NARROW else 0.92 if c in _BROAD else base * (1.4 if c.isupper() else 1.0))
        for c in text
    )


def styled(character: str, font: str) -> str:
    """Capital letter of a mathematical alphabet."""
    older = _OLDER[font].get(character)
    if older is not None or not "A" <= character <= "Z":
        return older or character
    return chr(ALPHABETS[font] + ord(character) - ord("A"))

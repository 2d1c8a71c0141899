"""LaTeX mathematics as a tree, for measuring it and for turning it into MathML.

Only the mathematics that the printer writes and that a study's notation may use is
understood; anything else is refused, so nothing reaches a document unmeasured.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


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


@dataclass(frozen=True)
class Symbol:
    """One character: ``character`` is Unicode, ``width`` in em of the text size."""

    character: str
    width: float
    kind: Kind = Kind.ORD
    upright: bool = False


@dataclass(frozen=True)
class Space:
    """Explicit space, in em."""

    width: float


@dataclass(frozen=True)
class Row:
    """Atoms side by side (a TeX group, when nested)."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Letters:
    """A word in one font: ``font`` is ``rm``, ``sf``, ``bf``, ``cal``, ``bb`` or ``text``."""

    text: str
    font: str
    kind: Kind = Kind.ORD


@dataclass(frozen=True)
class Scripts:
    """A base with subscript and superscript, beside it or as limits above and below."""

    base: Node
    sub: Row | None
    sup: Row | None
    limits: bool = False


@dataclass(frozen=True)
class Fraction:
    """Numerator over denominator; without a bar it is the body of a binomial."""

    numerator: Row
    denominator: Row
    bar: bool = True


@dataclass(frozen=True)
class Root:
    """Square root, or the root of the given ``index``."""

    body: Row
    index: Row | None = None


@dataclass(frozen=True)
class Fenced:
    r"""``\left( body \right)``: delimiters as tall as the body."""

    left: str
    body: Row
    right: str


@dataclass(frozen=True)
class Delimiter:
    r"""Delimiter of fixed size: 0 plain, 1 to 4 for ``\big`` to ``\Bigg``."""

    character: str
    size: int
    kind: Kind


@dataclass(frozen=True)
class Grid:
    """Rows of cells: a matrix or the branches of ``cases``."""

    rows: tuple[tuple[Row, ...], ...]
    cases: bool = False


@dataclass(frozen=True)
class Accented:
    """A body under an accent or over or under a line."""

    body: Row
    accent: str


Node = (
    Symbol
    | Space
    | Row
    | Letters
    | Scripts
    | Fraction
    | Root
    | Fenced
    | Delimiter
    | Grid
    | Accented
)


class NotMathematics(ValueError):
    """The text is not LaTeX mathematics that symdrift understands."""


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
_CAPITALS = {
    "Gamma": ("Γ", 0.63), "Delta": ("Δ", 0.84), "Theta": ("Θ", 0.78), "Lambda": ("Λ", 0.7),
    "Xi": ("Ξ", 0.67), "Pi": ("Π", 0.75), "Sigma": ("Σ", 0.73), "Upsilon": ("Υ", 0.78),
    "Phi": ("Φ", 0.73), "Psi": ("Ψ", 0.78), "Omega": ("Ω", 0.73), "infty": ("∞", 1.0),
    "nabla": ("∇", 0.84), "top": ("⊤", 0.78), "bot": ("⊥", 0.78), "forall": ("∀", 0.56),
    "exists": ("∃", 0.56), "emptyset": ("∅", 0.5), "prime": ("′", 0.28), "dagger": ("†", 0.45),
    "hbar": ("ℏ", 0.54), "neg": ("¬", 0.67), "bullet": ("•", 0.5), "ast": ("∗", 0.5),
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
_WORDS = (
    "exp", "log", "ln", "sin", "cos", "tan", "sinh", "cosh", "tanh", "det", "tr", "dim", "ker",
    "arg", "deg", "asin", "acos", "atan",
)  # fmt: skip
_LIMIT_WORDS = ("lim", "max", "min", "sup", "inf")
_SPACES = {
    "quad": 1.0, "qquad": 2.0, ",": 0.167, ":": 0.222, ">": 0.222, ";": 0.278, "!": -0.167,
    " ": 0.333, "enspace": 0.5,
}  # fmt: skip
_DELIMITERS = {
    "(": "(", ")": ")", "[": "[", "]": "]", "|": "|", "/": "/", ".": "", r"\{": "{", r"\}": "}",
    r"\|": "‖", r"\langle": "⟨", r"\rangle": "⟩", r"\lvert": "|", r"\rvert": "|",
    r"\lVert": "‖", r"\rVert": "‖", r"\lfloor": "⌊", r"\rfloor": "⌋", r"\lceil": "⌈",
    r"\rceil": "⌉", r"\lbrack": "[", r"\rbrack": "]", r"\vert": "|", r"\Vert": "‖",
}  # fmt: skip
_OPENING = frozenset(["(", "[", r"\{", r"\langle", r"\lvert", r"\lVert", r"\lfloor", r"\lceil"])
_CLOSING = frozenset([")", "]", r"\}", r"\rangle", r"\rvert", r"\rVert", r"\rfloor", r"\rceil"])
_SIZES = {"big": 1, "Big": 2, "bigg": 3, "Bigg": 4}
_SIZED = {
    name + suffix: (size, kind)
    for name, size in _SIZES.items()
    for suffix, kind in (("l", Kind.OPEN), ("r", Kind.CLOSE), ("m", Kind.REL), ("", Kind.ORD))
}
_FONTS = {
    "mathrm": "rm", "mathsf": "sf", "mathbf": "bf", "mathcal": "cal", "mathbb": "bb",
    "text": "text", "textrm": "text", "operatorname": "rm", "mathit": "it",
}  # fmt: skip
FONT_COMMANDS = frozenset(_FONTS)
"""Commands (without backslash) whose argument is a word in one font."""
_ACCENTS = {
    "hat": "^", "tilde": "~", "bar": "¯", "dot": "˙", "ddot": "¨", "vec": "→", "check": "ˇ",
    "overline": "‾", "underline": "_", "widehat": "^", "widetilde": "~", "mathring": "˚",
}  # fmt: skip
_FRACTIONS = frozenset(["frac", "dfrac", "tfrac"])
_ENVIRONMENTS = {
    "matrix": ("", ""), "pmatrix": ("(", ")"), "bmatrix": ("[", "]"), "vmatrix": ("|", "|"),
    "cases": ("{", ""), "array": ("", ""), "smallmatrix": ("", ""),
}  # fmt: skip

ITALIC = dict(zip(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    (0.53, 0.43, 0.44, 0.52, 0.47, 0.6, 0.52, 0.58, 0.35, 0.47, 0.56, 0.32, 0.88, 0.6, 0.49, 0.51,
     0.49, 0.48, 0.47, 0.37, 0.58, 0.53, 0.75, 0.58, 0.53, 0.51,
     0.75, 0.81, 0.79, 0.86, 0.8, 0.79, 0.79, 0.92, 0.52, 0.66, 0.93, 0.69, 1.08, 0.92, 0.8, 0.79,
     0.8, 0.77, 0.68, 0.73, 0.8, 0.81, 1.09, 0.91, 0.81, 0.76),
    strict=True,
))  # fmt: skip
"""Widths of math italic letters with their italic correction, in em (Latin Modern)."""

_PLAIN = {
    "+": ("+", 0.78, Kind.BIN), "-": ("−", 0.78, Kind.BIN), "*": ("∗", 0.5, Kind.BIN),
    "=": ("=", 0.78, Kind.REL), "<": ("<", 0.78, Kind.REL), ">": (">", 0.78, Kind.REL),
    ":": (":", 0.28, Kind.REL), ",": (",", 0.28, Kind.PUNCT), ";": (";", 0.28, Kind.PUNCT),
    ".": (".", 0.28, Kind.ORD), "/": ("/", 0.5, Kind.ORD), "!": ("!", 0.28, Kind.CLOSE),
    "'": ("′", 0.28, Kind.ORD), "?": ("?", 0.48, Kind.CLOSE),
}  # fmt: skip
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)


def parse(latex: str) -> Row:
    """Tree of a piece of LaTeX mathematics.

    Raises
    ------
    NotMathematics
        For an unknown command, unbalanced groups or characters outside mathematics.
    """
    parser = _Parser(tokens_of(latex), latex)
    row = parser.row(frozenset())
    parser.expect_end()
    return row


def tokens_of(latex: str) -> list[str]:
    """Commands, single characters and stretches of space, in their order."""
    return _TOKEN.findall(latex)


class _Parser:
    """Recursive descent over the tokens of one formula."""

    def __init__(self, tokens: list[str], source: str) -> None:
        self._tokens = tokens
        self._source = source
        self._at = 0

    def row(self, stop: frozenset[str]) -> Row:
        """Everything up to (not including) one of the tokens in ``stop``."""
        nodes: list[Node] = []
        while (token := self._peek()) is not None and token not in stop:
            if token.isspace():
                self._at += 1
            elif token in ("^", "_"):
                self._script(nodes)
            elif token in ("}", r"\right", r"\end", "&", r"\\"):
                raise self._refusal(token)
            else:
                nodes.append(self._node())
        return Row(tuple(nodes))

    def expect_end(self) -> None:
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

    def _group(self) -> Row:
        token = self._next()
        if token == "{":
            row = self.row(frozenset("}"))
            self._expect("}")
            return row
        self._at -= 1
        return Row((self._node(),))

    def _raw_group(self) -> str:
        self._expect("{")
        start, depth = self._at, 1
        while depth:
            token = self._peek()
            if token is None:
                raise NotMathematics(f"ends too early: {self._source!r}")
            depth += (token == "{") - (token == "}")
            self._at += 1
        return "".join(self._tokens[start : self._at - 1])

    def _script(self, nodes: list[Node]) -> None:
        above = self._next() == "^"
        script = self._group()
        base = nodes.pop() if nodes else Row(())
        scripts = base if isinstance(base, Scripts) else Scripts(base, None, None, _is_limit(base))
        if (scripts.sup if above else scripts.sub) is not None:
            raise NotMathematics(f"double script in {self._source!r}")
        nodes.append(
            Scripts(scripts.base, scripts.sub, script, scripts.limits)
            if above
            else Scripts(scripts.base, script, scripts.sup, scripts.limits)
        )

    def _node(self) -> Node:
        token = self._next()
        if token == "{":
            self._at -= 1
            return self._group()
        if token in _OPENING:
            return Delimiter(_DELIMITERS[token], 0, Kind.OPEN)
        if token in _CLOSING:
            return Delimiter(_DELIMITERS[token], 0, Kind.CLOSE)
        if token in ("|", r"\|", r"\vert", r"\Vert"):
            return Delimiter(_DELIMITERS[token], 0, Kind.ORD)
        if token.startswith("\\"):
            return self._command(token[1:])
        if token in ITALIC:
            return Symbol(token, ITALIC[token])
        if token.isascii() and token.isdigit():
            return Symbol(token, 0.5, upright=True)
        if token in _PLAIN:
            character, width, kind = _PLAIN[token]
            return Symbol(character, width, kind, upright=True)
        raise self._refusal(token)

    def _command(self, name: str) -> Node:
        symbol = _symbol(name)
        if symbol is not None:
            return symbol
        if name in _SPACES:
            return Space(_SPACES[name])
        if name in _FRACTIONS:
            return Fraction(self._group(), self._group())
        if name == "binom":
            body = Fraction(self._group(), self._group(), bar=False)
            return Fenced("(", Row((body,)), ")")
        if name == "sqrt":
            return self._root()
        if name == "left":
            return self._fenced()
        if name in _SIZED:
            size, kind = _SIZED[name]
            return Delimiter(self._delimiter(), size, kind)
        if name in _FONTS:
            kind = Kind.OP if name == "operatorname" else Kind.ORD
            return Letters(_plain_text(self._raw_group()), _FONTS[name], kind)
        if name == "boldsymbol":
            return self._group()
        if name in _ACCENTS:
            return Accented(self._group(), _ACCENTS[name])
        if name == "begin":
            return self._environment()
        raise self._refusal("\\" + name)

    def _root(self) -> Root:
        index = None
        if self._peek() == "[":
            self._at += 1
            index = self.row(frozenset("]"))
            self._expect("]")
        return Root(self._group(), index)

    def _delimiter(self) -> str:
        token = self._next()
        if token not in _DELIMITERS:
            raise self._refusal(token)
        return _DELIMITERS[token]

    def _fenced(self) -> Fenced:
        left = self._delimiter()
        body = self.row(frozenset([r"\right"]))
        self._expect(r"\right")
        return Fenced(left, body, self._delimiter())

    def _environment(self) -> Node:
        name = self._raw_group()
        if name not in _ENVIRONMENTS:
            raise self._refusal(rf"\begin{{{name}}}")
        if name == "array":
            self._raw_group()
        rows: list[tuple[Row, ...]] = []
        cells: list[Row] = []
        while True:
            cells.append(self.row(frozenset(["&", r"\\", r"\end"])))
            token = self._next()
            if token == "&":
                continue
            if token == r"\end" and not rows and not cells[0].nodes:
                raise self._refusal(token)
            if any(cell.nodes for cell in cells):
                rows.append(tuple(cells))
            cells = []
            if token == r"\end":
                break
        if self._raw_group() != name:
            raise self._refusal(r"\end")
        grid = Grid(tuple(rows), cases=name == "cases")
        left, right = _ENVIRONMENTS[name]
        return Fenced(left, Row((grid,)), right) if left else grid


def _symbol(name: str) -> Node | None:
    """The single symbol that a command without arguments stands for, if it is one."""
    if name in _GREEK:
        return Symbol(*_GREEK[name])
    if name in _CAPITALS:
        return Symbol(*_CAPITALS[name], upright=True)
    if name in _BINARY:
        return Symbol(_BINARY[name], 0.28 if name == "cdot" else 0.78, Kind.BIN)
    if name in _RELATIONS:
        return Symbol(_RELATIONS[name], 0.78 if name not in ("ll", "gg") else 1.0, Kind.REL)
    if name in _ARROWS:
        return Symbol(_ARROWS[name], 1.0 if name in ("to", "rightarrow") else 1.8, Kind.REL)
    if name in _LARGE:
        return Symbol(*_LARGE[name], Kind.OP)
    if name in _WORDS or name in _LIMIT_WORDS:
        return Letters(name, "rm", Kind.OP)
    if name in ("ldots", "dots", "cdots"):
        return Symbol("⋯" if name == "cdots" else "…", 1.17, Kind.INNER)
    if name in ("%", "#", "&", "_", "$"):
        return Symbol(name, 0.83, upright=True)
    return None


def _is_limit(base: Node) -> bool:
    if isinstance(base, Symbol):
        return base.kind is Kind.OP and base.character != "∫"
    return isinstance(base, Letters) and base.text in _LIMIT_WORDS


def _plain_text(latex: str) -> str:
    r"""Text of ``\text{...}`` and the like; further commands are refused."""
    text = re.sub(r"\\([%#&_$ ])", r"\1", latex).replace("~", " ")
    if re.search(r"[\\{}^$]", text):
        raise NotMathematics(f"{latex!r} is not plain text")
    return text

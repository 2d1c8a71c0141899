"""Works that a document cites, as BibTeX and as items of a list of references."""

from __future__ import annotations

from dataclasses import dataclass

from symdrift import __version__


@dataclass(frozen=True)
class Reference:
    r"""One work.

    Attributes
    ----------
    key : str
        What ``\cite`` names.
    kind : str
        Type of the BibTeX entry.
    fields : tuple of (str, str)
        Fields of the entry, in LaTeX.
    item : str
        The work as an item of a list of references, in LaTeX.
    """

    key: str
    kind: str
    fields: tuple[tuple[str, str], ...]
    item: str

    def bibtex(self) -> str:
        """The entry of a BibTeX file."""
        width = max(len(name) for name, _ in self.fields)
        lines = "".join(f"  {name:<{width}} = {{{value}}},\n" for name, value in self.fields)
        return f"@{self.kind}{{{self.key},\n{lines}}}\n"


SOURCE = Reference(
    key="pashakhanloo2023",
    kind="inproceedings",
    fields=(
        ("author", "Pashakhanloo, Farhad and Koulakov, Alexei"),
        (
            "title",
            "Stochastic Gradient Descent-Induced Drift of Representation in a Two-Layer "
            "Neural Network",
        ),
        ("booktitle", "Proceedings of the 40th International Conference on Machine Learning"),
        ("series", "Proceedings of Machine Learning Research"),
        ("volume", "202"),
        ("pages", "27401--27419"),
        ("publisher", "PMLR"),
        ("year", "2023"),
    ),
    item=(
        "F.~Pashakhanloo and A.~Koulakov.\n"
        "Stochastic gradient descent-induced drift of representation in a two-layer neural "
        "network.\n"
        "In \\emph{Proceedings of the 40th International Conference on Machine Learning},\n"
        "Proceedings of Machine Learning Research, volume 202, pages 27401--27419, 2023."
    ),
)
"""Where the drift that symdrift derives was described first."""

SOFTWARE = Reference(
    key="symdrift",
    kind="misc",
    fields=(
        ("author", "{symdrift contributors}"),
        ("title", "{symdrift}: drift of representations in a two-layer linear network, derived"),
        ("note", f"Python package, version {__version__}"),
        ("year", "2026"),
    ),
    item=(
        "symdrift contributors.\n"
        "\\textsf{symdrift}: drift of representations in a two-layer linear network, derived.\n"
        f"Python package, version {__version__}, 2026."
    ),
)
"""The package itself."""

REFERENCES = (SOURCE, SOFTWARE)
"""Everything that a document cites."""


def bibtex() -> str:
    """Content of a ``.bib`` file."""
    return "\n".join(reference.bibtex() for reference in REFERENCES)

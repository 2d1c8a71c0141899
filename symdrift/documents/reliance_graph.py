"""What rests on what, as one picture: a node for each equation, a column for each section."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from textwrap import wrap

from markupsafe import Markup

from symdrift.derivation.premises import Premise
from symdrift.derivation.reliance import nearest_only
from symdrift.derivation.steps import Derivation, Equation, Step
from symdrift.documents.levels import essential_labels
from symdrift.documents.rendering import render_html

_HIGHEST = 30
"""Nodes in a column; a longer section has several columns."""

_CHARACTER, _ROW, _HEIGHT, _GAP, _MARGIN = 5.6, 21.0, 16.0, 62.0, 14.0
"""Width of a letter, distance of nodes, height of one, room for lines between columns, in px."""

_TITLE_ROW, _TITLE_WIDTH = 13.0, 24
"""Height of a line of a heading in px, and its length in letters."""


@dataclass(frozen=True)
class Node:
    """An equation in the picture, at its left upper corner."""

    label: str
    number: int
    name: str
    premises: str
    words: str
    essential: bool
    used: bool
    left: float
    top: float
    width: float

    @property
    def middle(self) -> float:
        """Height at which lines begin and end, in px."""
        return self.top + _HEIGHT / 2


@dataclass(frozen=True)
class _Column:
    heading: tuple[str, ...]
    equations: tuple[tuple[Step, Equation], ...]


def reliance_graph(derivation: Derivation, page: str = "") -> Markup:
    """Picture of a derivation as SVG: every equation, and lines to it from what it rests on.

    Sections are columns, in the order of the text, so that what is used stands to the left or in
    the same column.  A line that others imply is left out; the words of a node name all that its
    equation rests on.

    Parameters
    ----------
    derivation : Derivation
    page : str
        Address of the HTML page with the equations to which nodes lead; in that page it is empty.
    """
    columns = list(_columns(derivation))
    if not columns:
        return Markup()
    equations = [pair for column in columns for pair in column.equations]
    numbers = {equation.label: place for place, (_, equation) in enumerate(equations, start=1)}
    used = {premise for _, equation in equations for premise in equation.needs}
    letters = dict(zip((p for p in Premise if p in used), ascii_lowercase, strict=False))
    essential = essential_labels(derivation)
    leaned_on = {name for _, equation in equations for name in equation.rests_on}
    top = _MARGIN + _TITLE_ROW * (max(len(column.heading) for column in columns) + 0.5)
    left, nodes, headings = _MARGIN, dict[str, Node](), []
    for column in columns:
        if column.heading:
            headings.append((left, column.heading))
        left += _GAP / 2
        names = [f"({numbers[e.label]}) {e.label}" for _, e in column.equations]
        marks = ["".join(letters[p] for p in e.needs) for _, e in column.equations]
        width = _CHARACTER * max(len(n) + len(m) + 2.5 for n, m in zip(names, marks, strict=True))
        for row, (step, equation) in enumerate(column.equations):
            nodes[equation.label] = Node(
                equation.label,
                numbers[equation.label],
                names[row],
                marks[row],
                _words(step, equation, numbers),
                equation.label in essential,
                equation.label in leaned_on,
                left,
                top + _ROW * row,
                width,
            )
        left += width + _GAP / 2
    bottom = top + _ROW * max(len(column.equations) for column in columns)
    uses = nearest_only({e.label: e.rests_on for _, e in equations})
    return Markup(
        render_html(
            "reliance_graph.svg.jinja",
            title=f"{derivation.title}: what rests on what",
            nodes=nodes.values(),
            lines={
                label: [_line(nodes[name], nodes[label]) for name in names]
                for label, names in uses.items()
            },
            headings=headings,
            title_row=_TITLE_ROW,
            margin=_MARGIN,
            height=_HEIGHT,
            bottom=bottom,
            size=(math.ceil(left + _MARGIN), math.ceil(bottom + 4 * _TITLE_ROW)),
            premises=[(letter, premise) for premise, letter in letters.items()],
            page=page,
        )
    )


def _columns(derivation: Derivation) -> Iterable[_Column]:
    """The equations of each section, in as few columns of about the same height as they need."""
    sections: dict[str, list[tuple[Step, Equation]]] = {}
    for step in derivation.steps:
        sections.setdefault(step.section, []).extend((step, e) for e in step.equations)
    for number, (title, pairs) in enumerate(sections.items(), start=1):
        heading = tuple(wrap(f"{number} {title}", _TITLE_WIDTH))
        rows = math.ceil(len(pairs) / max(1, math.ceil(len(pairs) / _HIGHEST)))
        for first in range(0, len(pairs), max(1, rows)):
            yield _Column(heading if first == 0 else (), tuple(pairs[first : first + rows]))


def _words(step: Step, equation: Equation, numbers: Mapping[str, int]) -> str:
    """What a node says of its equation."""
    parts = [f"({numbers[equation.label]}) {equation.label}: {step.title}."]
    if equation.rests_on:
        parts.append(f"Rests on {_numbered(equation.rests_on, numbers)}.")
    if equation.needs:
        parts.append(f"Needs: {', '.join(equation.needs)}.")
    return " ".join(parts)


def _numbered(labels: Sequence[str], numbers: Mapping[str, int]) -> str:
    return ", ".join(f"({numbers[label]})" for label in labels)


def _line(start: Node, end: Node) -> str:
    """Path from an equation to one that rests on it: across, or around within a column."""
    if start.left == end.left:
        bend = min(_GAP / 2 - 4, 6 + abs(end.top - start.top) / 14)
        left = start.left - bend
        return (
            f"M{start.left:.1f} {start.middle:.1f}C{left:.1f} {start.middle:.1f} "
            f"{left:.1f} {end.middle:.1f} {end.left:.1f} {end.middle:.1f}"
        )
    right = start.left + start.width
    bend = max(_GAP / 2, abs(end.left - right) / 3)
    return (
        f"M{right:.1f} {start.middle:.1f}C{right + bend:.1f} {start.middle:.1f} "
        f"{end.left - bend:.1f} {end.middle:.1f} {end.left:.1f} {end.middle:.1f}"
    )

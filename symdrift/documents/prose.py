"""The small mark-up of a derivation's prose, read into fragments.

``{name}`` is inline mathematics, ``[eq:label]`` and ``[step:identifier]`` are
references, a blank line ends a paragraph; all the rest is plain text.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass

import sympy as sp

from symdrift.derivation.steps import Derivation


class DocumentError(LookupError):
    """A document refers to something that does not exist, or names something twice."""


@dataclass(frozen=True)
class Text:
    """Plain text."""

    text: str


@dataclass(frozen=True)
class Inline:
    """Inline mathematics."""

    expression: sp.Basic


@dataclass(frozen=True)
class EquationReference:
    """Reference to the number of an equation."""

    label: str


@dataclass(frozen=True)
class StepReference:
    """Reference to the number of a step."""

    identifier: str


Fragment = Text | Inline | EquationReference | StepReference
Paragraph = tuple[Fragment, ...]

_MARK = re.compile(r"\{(?P<name>[^{}]*)\}|\[eq:(?P<label>[^\]]*)\]|\[step:(?P<step>[^\]]*)\]")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")


def read_prose(
    prose: str,
    symbols: Mapping[str, sp.Basic],
    labels: Container[str],
    steps: Container[str],
) -> tuple[Paragraph, ...]:
    """Paragraphs of a piece of prose.

    Raises
    ------
    DocumentError
        For a name, an equation label or a step that is not known.
    """
    paragraphs = re.split(r"\n\s*\n", prose.strip())
    return tuple(_paragraph(text, symbols, labels, steps) for text in paragraphs if text.strip())


def _paragraph(
    text: str, symbols: Mapping[str, sp.Basic], labels: Container[str], steps: Container[str]
) -> Paragraph:
    text = re.sub(r"\s+", " ", text.strip())
    fragments: list[Fragment] = []
    end = 0
    for match in _MARK.finditer(text):
        if match.start() > end:
            fragments.append(Text(text[end : match.start()]))
        end = match.end()
        fragments.append(_fragment(match, text, symbols, labels, steps))
    if end < len(text):
        fragments.append(Text(text[end:]))
    return tuple(fragments)


def _fragment(
    match: re.Match[str],
    text: str,
    symbols: Mapping[str, sp.Basic],
    labels: Container[str],
    steps: Container[str],
) -> Fragment:
    name, label, step = match.group("name", "label", "step")
    if name is not None:
        if name not in symbols:
            raise DocumentError(f"prose uses the unknown symbol {{{name}}}: {text!r}")
        return Inline(symbols[name])
    if label is not None:
        if label not in labels:
            raise DocumentError(f"prose refers to the unknown equation [eq:{label}]: {text!r}")
        return EquationReference(label)
    if step not in steps:
        raise DocumentError(f"prose refers to the unknown step [step:{step}]: {text!r}")
    return StepReference(step)


@dataclass(frozen=True)
class Index:
    """What the prose of a derivation may refer to."""

    labels: frozenset[str]
    steps: frozenset[str]


def index(derivation: Derivation) -> Index:
    """Labels and step identifiers of a derivation.

    Raises
    ------
    DocumentError
        When a label or an identifier occurs twice or is malformed.
    """
    labels: set[str] = set()
    steps: set[str] = set()
    for step in derivation.steps:
        _register(step.identifier, steps, "step")
        for equation in step.equations:
            _register(equation.label, labels, "equation label")
    return Index(frozenset(labels), frozenset(steps))


def _register(name: str, known: set[str], kind: str) -> None:
    if not _LABEL.fullmatch(name):
        raise DocumentError(f"the {kind} {name!r} is malformed")
    if name in known:
        raise DocumentError(f"the {kind} {name!r} occurs twice")
    known.add(name)

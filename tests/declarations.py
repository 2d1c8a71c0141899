"""What the model of a study declares, for tests that hold lists to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from symdrift.study.fields import Part, Variant, declared, dotted
from symdrift.study.kinds import Numbers
from symdrift.study.model import Specification

DISTRIBUTIONS: Mapping[str, type] = declared(Specification)["inputs"].kind.parts
"""Distributions of inputs by their names in a study's file."""


def number_fields(part: type = Specification, path: str = "") -> Iterator[str]:
    """Every field that may hold numbers, and so symbols, whatever the distribution."""
    for name, (kind, _, _) in declared(part).items():
        place = dotted(path, name)
        if isinstance(kind, Numbers):
            yield place
        elif isinstance(kind, Part):
            parts = kind.parts.values() if isinstance(kind, Variant) else [kind.part]
            yield from dict.fromkeys(found for own in parts for found in number_fields(own, place))

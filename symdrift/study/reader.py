"""From a TOML table to a study: every field is known, of the right kind and in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from symdrift.errors import RequestError
from symdrift.expressions import Symbol as Named
from symdrift.study.fields import read_fields
from symdrift.study.kinds import key, quoted, suggest
from symdrift.study.model import SampleInputs, Specification
from symdrift.study.values import check_numbers

Kind = TypeVar("Kind", bound=Specification)


def study_from_document(
    document: Mapping[str, Any], name: str, source: Path, kind: type[Kind]
) -> Kind:
    """Study of a parsed TOML table, validated as a whole.

    Parameters
    ----------
    document : Mapping
        The table.
    name : str
        Name of the study.
    source : Path
        File that relative paths in the study start from.
    kind : type
        What to make of it.

    Raises
    ------
    RequestError
        When anything is wrong; the message names the field, the value and what is allowed.
    """
    return checked(read_parts(document, name, source, kind))


def read_parts(document: Mapping[str, Any], name: str, source: Path, kind: type[Kind]) -> Kind:
    """Study of a parsed TOML table whose fields were looked at one by one."""
    found = read_fields(kind, {"title": name, **document})
    if isinstance(inputs := found["inputs"], SampleInputs):
        found["inputs"] = replace(inputs, file=_found(inputs.file, source))
    return kind(name=name, source=source, document=document, **found)


def checked(study: Kind) -> Kind:
    """The study, whose fields fit each other.

    Raises
    ------
    RequestError
        When they do not.
    """
    for symbol in study.values:
        if symbol not in study.symbols:
            raise RequestError(
                f"values.{key(symbol)}",
                f"belongs to no symbol of the study; {suggest(symbol, study.symbols, 'symbols')}",
            )
    if study.notation:
        # Looks at letters as they are typeset, which most studies do not need.
        from symdrift.study.letters import refuse_borrowed_letters

        uses = [
            (field, name, isinstance(number, Named))
            for field, number in study.numbers.items()
            for name in number.symbols
        ]
        refuse_borrowed_letters(study.notation, uses)
    check_numbers(study)
    return study


def _found(file: Path, source: Path) -> Path:
    path = source.parent / file
    try:
        obstacle = "" if path.is_file() else "is no file" if path.exists() else "is not there"
    except OSError as error:
        obstacle = f"cannot be read ({error.strerror})"
    if obstacle:
        raise RequestError(
            "inputs.file", f"= {quoted(str(file))} {obstacle}; give a path relative to the study"
        )
    return path

"""What a study's file may hold, for editors and for readers: ``python -m symdrift.study``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from symdrift.files import write_text
from symdrift.study.fields import table_schema
from symdrift.study.learning_rules import DECAY, NEEDS, OUTPUTS, TAU, TEACHER
from symdrift.study.model import Specification

SCHEMA_FILE = Path(__file__).with_name("study.schema.json")
TABLE_FILE = Path(__file__).parents[2] / "docs" / "study_file.md"

_PAGE = """\
# The study file

A study is a TOML file; `derivations/` holds commented examples. Every number may be a quoted
expression in symbols, `"lambda_1"` or `"1/n"`. Rates are per SGD step. Editors that know JSON
Schema complete and check fields: with Taplo, or Even Better TOML, the first line of a study is
`#:schema PATH/symdrift/study/study.schema.json`.

This page and that file are written by `python -m symdrift.study` from `symdrift/study/model.py`.

| field | what it is, and what it may hold | default |
| --- | --- | --- |
"""


def study_schema() -> dict[str, Any]:
    """JSON Schema of a study's file.

    It tells what each field may hold; that lists fit each other, only the reader does.
    """
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "symdrift study",
        **table_schema(Specification),
        "allOf": [*_by_rule()],
    }


def _by_rule() -> Iterator[dict[str, Any]]:
    """Which optional fields each learning rule needs, and which it has no use for."""
    for field in (OUTPUTS, DECAY, TEACHER, TAU):
        table, _, name = field.partition(".")
        has = [rule for rule, needs in NEEDS.items() if field in needs.fields]
        others = [rule for rule in NEEDS if rule not in has]
        if field in (OUTPUTS, DECAY):
            # A study that names no rule has the first.
            needed = {"properties": {"rule": {"enum": has}}}
            yield {
                "if": {"properties": {"learning": needed}},
                "then": {"properties": {table: {"required": [name]}}},
            }
        absent = {"properties": {name: False}} if name else False
        named = {"properties": {"rule": {"enum": others}}, "required": ["rule"]}
        yield {
            "if": {"properties": {"learning": named}},
            "then": {"properties": {table: absent}},
        }


def fields_page() -> str:
    """Page of the documentation with a table of all fields, in Markdown."""
    return _PAGE + "".join(f"| {' | '.join(row)} |\n" for row in _rows(study_schema(), ""))


def _rows(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    for name, entry in schema.get("properties", {}).items():
        field = f"{path}{name}"
        tables = [entry, entry.get("items", {}), *entry.get("anyOf", [])]
        if any("properties" in table for table in tables) and name != "notation":
            for table in tables:
                yield from _rows(table, f"{field}.")
        elif "const" in entry:
            default = "" if name in schema["required"] else entry["const"]
            yield f"`{field}`", f'"{entry["const"]}", with the fields that follow', default
        else:
            default = "required" if name in schema["required"] else str(entry.get("default", ""))
            yield f"`{field}`", entry["description"], default


def write_schema() -> list[Path]:
    """Write the schema and the page, and say where they are."""
    write_text(SCHEMA_FILE, json.dumps(study_schema(), indent=1) + "\n")
    write_text(TABLE_FILE, fields_page())
    return [SCHEMA_FILE, TABLE_FILE]

"""The parts that a study's file has, as dataclasses that declare each field once.

A field is annotated with the kind of what it may hold and with what it means::

    rate: Annotated[Expression, Numbers(POSITIVE), "learning rate"]

Reading with its refusals, the numbers of a study by dotted field, the JSON Schema for editors and
the table of fields in the documentation come from that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Annotated, Any, NamedTuple, get_origin, get_type_hints

from symdrift.errors import RequestError
from symdrift.expressions import Expression
from symdrift.study.kinds import (
    Entries,
    NamedNumbers,
    Numbers,
    Schema,
    as_table,
    key,
    leaves,
    quoted,
    suggest,
)


class Field(NamedTuple):
    """What a part declares of one of its fields; without a default, a file must give it."""

    kind: Any
    meaning: str
    default: Any


@cache
def declared(part: type[Any]) -> Mapping[str, Field]:
    """Fields that a part of a study takes from its file, in order."""
    hints = get_type_hints(part, include_extras=True)
    found = {}
    for field in fields(part):
        if get_origin(hints[field.name]) is Annotated:
            default = field.default if field.default_factory is MISSING else None
            kind, meaning = hints[field.name].__metadata__
            found[field.name] = Field(kind, meaning, default)
    return found


def read_fields(part: type, table: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Values of the fields of a part that a TOML table gives.

    Raises
    ------
    RequestError
        When a field is unknown, missing, or holds what it may not.
    """
    known, found = declared(part), {}
    refuse_unknown(table, known, path)
    for name, (kind, _, default) in known.items():
        field = dotted(path, name)
        if name in table:
            found[name] = kind.read(table[name], field)
        elif default is MISSING:
            raise RequestError(field, f"is missing{kind.advice.format(field=field)}")
    return found


def held_numbers(part: Any, path: str = "") -> Iterator[tuple[str, Numbers, Entries]]:
    """Fields of a part that hold numbers: dotted field, what it may hold, and what it holds."""
    for name, field in declared(part.__class__).items():
        value, place = getattr(part, name), dotted(path, name)
        if isinstance(field.kind, Numbers) and isinstance(value, (Expression, tuple)):
            yield place, field.kind, value
        elif isinstance(field.kind, Parts):
            for index, entry in enumerate(value):
                yield from held_numbers(entry, f"{place}.{index}")
        elif isinstance(field.kind, NamedNumbers):
            yield from ((dotted(place, own), field.kind.each, value[own]) for own in value)
        elif isinstance(field.kind, Part) and value is not None:
            yield from held_numbers(value, place)


def meaning_of(part: Any, path: str) -> str:
    """What a dotted field of a part, or an entry of it, means; empty for what is no field."""
    name, _, rest = path.partition(".")
    if name not in declared(part.__class__):
        return ""
    field, value = declared(part.__class__)[name], getattr(part, name)
    if isinstance(field.kind, Parts):
        place, _, own = rest.partition(".")
        return meaning_of(value[int(place)], own)
    if isinstance(field.kind, Part) and value is not None:
        return meaning_of(value, rest)
    meaning: str = field.meaning.partition(";")[0]
    return f"{meaning}, entry {rest}" if rest else meaning


def whole_numbers(part: Any, but: str = "") -> set[str]:
    """Dotted fields of a part that hold whole numbers, but for one, and the symbols in them."""
    found: set[str] = set()
    for path, kind, entries in held_numbers(part):
        if kind.range.schema.get("type") == "integer" and path != but:
            for place, expression in leaves(entries, path):
                found |= {place, *expression.symbols}
    return found


def table_schema(part: type, tag: Schema | None = None) -> Schema:
    """JSON Schema of the table of a part; ``tag`` is the field that says which part it is."""
    properties = dict(tag or {})
    for name, (kind, meaning, default) in declared(part).items():
        value = int(default.evaluate({})) if isinstance(default, Expression) else default
        properties[name] = {
            "description": f"{meaning}: {kind.allowed}" if kind.allowed else meaning,
            **({"default": value} if isinstance(value, (str, int)) else {}),
            **kind.schema,
        }
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name, field in declared(part).items() if field.default is MISSING],
        "additionalProperties": False,
    }


class Part:
    """A table that holds a part of a study."""

    allowed = ""
    advice = "; write a [{field}] table"

    def __init__(self, part: type) -> None:
        self.part = part

    @property
    def schema(self) -> Schema:
        return table_schema(self.part)

    def read(self, value: Any, field: str) -> Any:
        """The part; see :class:`Kind`."""
        return self.part(**read_fields(self.part, as_table(value, field), field))


class Variant(Part):
    """A table that holds one of several parts, the first where it does not say which.

    ``tag`` is the field that says it, and the variable of a class that holds its name.
    """

    def __init__(self, tag: str, *parts: type) -> None:
        super().__init__(parts[0])
        self.tag = tag
        self.parts = {getattr(part, tag): part for part in parts}

    @property
    def schema(self) -> Schema:
        choices = []
        for name, part in self.parts.items():
            choices.append(table_schema(part, {self.tag: {"const": name}}))
            if part is not self.part:
                choices[-1]["required"].append(self.tag)
        return {"anyOf": choices}

    def read(self, value: Any, field: str) -> Any:
        table = dict(as_table(value, field))
        name = table.pop(self.tag, getattr(self.part, self.tag))
        if not isinstance(name, str) or name not in self.parts:
            raise RequestError(
                f"{field}.{self.tag}",
                f"= {quoted(name)} is unknown; allowed are {', '.join(self.parts)}",
            )
        own = declared(self.parts[name])
        for entry in table:
            owners = [other for other, part in self.parts.items() if entry in declared(part)]
            if owners and entry not in own:
                raise RequestError(
                    dotted(field, key(entry)),
                    f'does not belong to {self.tag} = "{name}"; it belongs to '
                    f"{' and '.join(owners)}",
                )
            if entry in self.parts and entry not in own:
                raise RequestError(
                    dotted(field, key(entry)),
                    f'is no field; write {dotted(field, self.tag)} = "{entry}", whose fields are '
                    f"{', '.join(declared(self.parts[entry]))}",
                )
        refuse_unknown(table, (self.tag, *own), field)
        return self.parts[name](**read_fields(self.parts[name], table, field))


class Parts(Part):
    """Tables that each hold a part, with a name of its own, at most so many."""

    def __init__(self, part: type, most: int) -> None:
        super().__init__(part)
        self.most = most

    @property
    def schema(self) -> Schema:
        return {"type": "array", "maxItems": self.most, "items": table_schema(self.part)}

    def read(self, value: Any, field: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
            raise RequestError(field, f"must be written as [[{field}]] tables")
        if len(value) > self.most:
            raise RequestError(
                field, f"has {len(value)} tables; at most {self.most} stimuli can be followed"
            )
        found: dict[str, Any] = {}
        for index, table in enumerate(value):
            place = f"{field}.{index}"
            part = self.part(**read_fields(self.part, table, place))
            if part.name in found:
                raise RequestError(
                    f"{place}.name", f"= {quoted(part.name)} is taken; names must differ"
                )
            found[part.name] = part
        return tuple(found.values())


def refuse_unknown(table: Mapping[str, Any], known: Collection[str], path: str) -> None:
    """Refuse a field of a table that is none of those known."""
    for name in table:
        if name not in known:
            raise RequestError(
                dotted(path, key(name)),
                f"is not a field of a study; {suggest(name, known, 'fields here')}",
            )


def dotted(path: str, name: str) -> str:
    """The field of that name in the table at a path, which is empty for the whole file."""
    return f"{path}.{name}" if path else name

"""Setting fields and symbols of a study, as ``--set`` does."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from symdrift.errors import RequestError, did_you_mean
from symdrift.study.fields import declared
from symdrift.study.kinds import VALUES
from symdrift.study.model import Specification
from symdrift.study.reader import Kind, checked, read_parts

_TOP_LEVEL = tuple(declared(Specification))


def assigned(study: Kind, assignments: Mapping[str, str | float]) -> Kind:
    """The study after all assignments, validated again; see :meth:`Study.with_values`."""
    return checked(unchecked(study, assignments))


def unchecked(study: Kind, assignments: Mapping[str, str | float]) -> Kind:
    """The study after all assignments, whose numbers may not fit each other.

    Raises
    ------
    RequestError
        When there is no such field, or a value cannot be read.
    """
    document: dict[str, Any] = deepcopy(dict(study.document))
    values = dict(document.pop("values", {}))
    named = {}
    for path, value in assignments.items():
        steps = path.split(".")
        if len(steps) == 1:
            named[path] = _toml(path, value)
        elif steps[0] == "values":
            named[".".join(steps[1:])] = _toml(path, value)
        else:
            _assign(document, steps, _toml(path, value))
            mirror = mirrored(path)
            if mirror != path and mirror not in assignments:
                _assign(document, mirror.split("."), _toml(path, value))
    changed = read_parts(document, study.name, study.source, type(study))
    symbols = changed.symbols
    for name in named:
        if name in study.symbols and name not in symbols:
            raise RequestError(
                name,
                "cannot be set beside a value for the field that alone contains it; leave "
                "one of the two out",
            )
        if name not in symbols:
            raise _unknown(name, symbols)
    # A symbol whose last use was replaced takes its value along.
    values = {name: value for name, value in values.items() if name in symbols} | named
    if values:
        document["values"] = values
    return replace(changed, values=VALUES.read(values, "values"))


def mirrored(path: str) -> str:
    """Path of the transposed entry for an entry of a covariance; other paths are their own."""
    steps = path.split(".")
    if steps[:2] == ["inputs", "covariance"] and len(steps) == 4:
        return ".".join([*steps[:2], steps[3], steps[2]])
    return path


def _toml(path: str, value: str | float) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text.startswith("["):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        raise RequestError(
            path, f'= {text[:60]} is not a list such as [2, 0.7] or ["a", "b"]'
        ) from None


def _assign(document: dict[str, Any], steps: list[str], value: Any) -> None:
    if steps[0] not in _TOP_LEVEL:
        raise _unknown(".".join(steps), ())
    node: Any = document
    for depth, step in enumerate(steps[:-1]):
        if depth == 0:
            node = node.setdefault(step, [] if step == "stimulus" else {})
        elif isinstance(node, list):
            node = node[_index(node, step, steps[:depth])]
        elif isinstance(node, dict) and step in node:
            node = node[step]
        else:
            node = None
        if not isinstance(node, (dict, list)):
            whole = ".".join(steps[: depth + 1])
            raise RequestError(".".join(steps), f"cannot be set: {whole} is not a list")
    if isinstance(node, list):
        node[_index(node, steps[-1], steps[:-1])] = value
    else:
        node[steps[-1]] = value


def _index(entries: list[Any], step: str, steps: list[str]) -> int:
    path = ".".join(steps)
    if not (step.isascii() and step.isdigit() and len(step) < 10 and int(step) < len(entries)):
        raise RequestError(
            f"{path}.{step}", f"is not an entry; {path} has {len(entries)}, counted from 0"
        )
    return int(step)


def _unknown(name: str, symbols: tuple[str, ...]) -> RequestError:
    known = (*symbols, *_TOP_LEVEL) if "." not in name else _TOP_LEVEL
    hint = did_you_mean(name.split(".")[0], known)
    return RequestError(
        name,
        f"cannot be set; {hint}allowed are dotted fields such as learning.rate"
        + (f" and the symbols {', '.join(symbols)}" if symbols else ""),
    )

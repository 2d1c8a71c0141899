"""What every run of a command must keep, whatever it is given: the contract of the command line."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from fuzz_worker import MEMORY, Outcome, Request

from symdrift.quoting import printable

LONGEST_SENTENCE = 1500
SPARE_MEMORY = 2**28
"""Bytes of code and small arrays beside what the commands announce."""

_FIELDS = re.compile(
    r"(the )?(--?[a-z][\w-]*|study|title|file|network|inputs|teacher|learning|stimulus|notation"
    r"|values|seed|steps|replicas|threads|students|method|approximation|quantities|precision"
    r"|budget|windows|width|format|out|plot|times|rates|networks|target|expression)\b"
)
_PARSER = re.compile(
    r"No such (option|command)|Missing (argument|option|parameter|command)|Invalid value for "
    r"|Got unexpected extra argument|Option '?-|Could not consume"
)
_EVALUATION = ("study", "method", "approximation", "parameters", "minimum", "fluctuation")
_FAILABLE = ("derive", "report", "lesson", "validate")
"""Commands with checks that may fail."""
_NOT_FINITE = re.compile(r"(?<![\w.])[-+]?(nan|inf|infinity)(?![\w.])", re.IGNORECASE)
_STAGE = re.compile(r" *\d+ s  \w")
"""A line that says how far a long command has come."""
_FORMULA = re.compile(r"[=@+\-\t\r]")


def breaches(request: Request, outcome: Outcome) -> list[tuple[str, str]]:
    """Kind and description of each breach; a kind stands for whatever has one cause."""
    if outcome.killed:
        return [(f"killed: {_where(outcome.killed)}", outcome.killed)]
    if outcome.raised:
        last = outcome.raised.strip().splitlines()[-1]
        return [(f"raised: {last.split(':')[0]} {_where(outcome.raised)}", outcome.raised)]
    return list(_breaches(request, outcome))


def _breaches(request: Request, outcome: Outcome) -> Iterator[tuple[str, str]]:
    command = request.arguments[0] if request.arguments else ""
    allowed = (0, 1, 2) if command in _FAILABLE else (0, 2)
    if outcome.code not in allowed:
        yield f"code {outcome.code}", outcome.err
    for warning in outcome.warned:
        yield f"warning: {re.sub('[0-9.]+', '#', warning)[:80]}", warning
    if outcome.seconds > request.seconds:
        yield "time", f"{outcome.seconds:.1f} s of {request.seconds}"
    if outcome.memory > MEMORY + SPARE_MEMORY:
        yield "memory", f"{outcome.memory / 2**30:.2f} GiB"
    if outcome.lost:
        yield "files lost", ", ".join(outcome.lost)
    for name, text in (("out", outcome.out), ("err", outcome.err)):
        control = re.findall(r"[^\t\r\n -~\xa0-\U0010ffff]", text)
        if control:
            yield f"control characters on std{name}", repr(control[:5])
    if "Traceback" in outcome.err:
        yield "traceback", outcome.err
    if outcome.code == 2:
        yield from _refusal(request, outcome)
    elif outcome.code == 0 and request.kind != "expression":
        yield from _done(request, outcome)


def _refusal(request: Request, outcome: Outcome) -> Iterator[tuple[str, str]]:
    if outcome.out:
        yield "refused with output", outcome.out[:500]
    if outcome.written:
        yield "refused and written", ", ".join(outcome.written)
    lines = [line for line in outcome.err.splitlines() if not _STAGE.match(line)]
    if len(lines) != 1 or not lines[0].startswith("symdrift: ") or lines[0][-1] not in ".?!":
        yield "not one sentence", outcome.err
        return
    sentence = lines[0].removeprefix("symdrift: ")
    if len(sentence) > LONGEST_SENTENCE:
        yield "a long sentence", f"{len(sentence)} characters: {sentence[:300]}"
    if not sentence.isprintable():
        yield "sentence with unprintable characters", ascii(sentence)
    if "too little memory for this request" in sentence:
        yield "memory not foreseen", sentence
    if not (_FIELDS.match(sentence) or _PARSER.match(sentence) or _names_own(request, sentence)):
        yield f"names no field: {' '.join(sentence.split()[1:5])}", sentence


def _names_own(request: Request, sentence: str) -> bool:
    """Whether a sentence begins with a field that the request itself has named."""
    if re.search(r" (is not a field of a study|cannot be set); ", sentence):
        return True
    first = sentence.split(" ")[0].strip('"')
    own = f"{request} {' '.join(map(printable, request.arguments))}"
    return first[:20] in own


def _done(request: Request, outcome: Outcome) -> Iterator[tuple[str, str]]:
    arguments = request.arguments
    if {"--help", "--version"} & set(arguments):
        # Answered before what else is asked for.
        arguments = ()
    if "--json" in arguments:
        try:
            document = json.loads(outcome.out, parse_constant=_refuse_constant)
        except ValueError as error:
            yield "no JSON", f"{error}: {outcome.out[:200]}"
        else:
            yield from _record(request, document)
    elif "--csv" in arguments:
        yield from _table(outcome.out)
    else:
        # A word of the request may look like a number that is none.
        given = str(request).lower()
        if not re.search("nan|inf", given.replace("--", "")):
            for found in _NOT_FINITE.finditer(outcome.out + outcome.err):
                yield "not finite on screen", outcome.out[max(found.start() - 200, 0) :][:400]
                break
    announced = re.findall(r"^wrote (.*)$", outcome.out, re.MULTILINE)
    for name in outcome.written:
        if name.rsplit("/", 1)[-1].startswith("."):
            yield "temporary file left", name
    for name in announced:
        if name not in outcome.written:
            yield "announced and not written", name
    for name, content in outcome.written.items():
        yield from _file(name, content)


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _record(request: Request, document: Any) -> Iterator[tuple[str, str]]:
    for path, value in _leaves("", document):
        if isinstance(value, float) and not math.isfinite(value):
            yield "not finite in JSON", path
    command = request.arguments[0]
    if command == "evaluate" and "--sensitivities" not in request.arguments:
        for record in document if isinstance(document, list) else [document]:
            refused = isinstance(document, list) and "refused" in record
            fields = ["parameters"] if refused else [*_EVALUATION, "stimuli", "warnings"]
            missing = [name for name in fields if name not in record]
            if missing:
                yield "JSON without a field", ", ".join(missing)
    if command == "validate" and "rows" not in document:
        yield "JSON without a field", "rows"


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, entry in value.items():
            yield from _leaves(f"{path}.{name}", entry)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _leaves(f"{path}.{index}", entry)
    else:
        yield path, value


def _table(text: str) -> Iterator[tuple[str, str]]:
    rows = list(csv.reader(io.StringIO(text, newline="")))
    if len({len(row) for row in rows}) != 1:
        yield "CSV of uneven rows", text[:300]
    for row in rows:
        for cell in row:
            try:
                value = float(cell)
            except ValueError:
                if _FORMULA.match(cell):
                    yield "CSV cell that is a formula", cell
            else:
                if not math.isfinite(value) and row is not rows[0]:
                    yield "not finite in CSV", ",".join(row)


def _file(name: str, content: bytes) -> Iterator[tuple[str, str]]:
    suffix = name.rsplit(".", 1)[-1]
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "npz": b"PK"}
    if not content or not content.startswith(begins.get(suffix, b"")):
        yield f"{suffix} file of another kind", name
    elif suffix == "json":
        try:
            json.loads(content, parse_constant=_refuse_constant)
        except ValueError as error:
            yield "no JSON", f"{name}: {error}"
    elif suffix == "py":
        try:
            compile(content, name, "exec")
        except (SyntaxError, ValueError) as error:
            yield "Python that does not compile", f"{name}: {error}"
    elif suffix == "npz":
        with np.load(io.BytesIO(content)) as stored:
            for entry in stored:
                values = stored[entry]
                if values.dtype.kind == "f" and not np.isfinite(values).all():
                    yield "not finite in NPZ", entry


def _where(trace: str) -> str:
    """Innermost place of the package that a traceback names."""
    places = re.findall(r'File "[^"]*/(symdrift/[^"]+)", line \d+,? in (\S+)', trace)
    if not places:
        return "outside"
    # The dump of a killed process has the innermost place first.
    path, function = places[0] if "most recent call first" in trace else places[-1]
    return f"{path} {function}"

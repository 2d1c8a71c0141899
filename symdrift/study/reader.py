"""From a TOML table to a study: every field is known, of the right kind and in its place."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from symdrift.errors import RequestError
from symdrift.expressions import Expression, is_name, number, parse
from symdrift.quoting import LONGEST_SHOWN, shown
from symdrift.study.data_file import LONGEST_NAME
from symdrift.study.letters import refuse_borrowed_letters, resolve_notation
from symdrift.study.model import (
    EllipticalInputs,
    GaussianInputs,
    InputsSpecification,
    Learning,
    Matrix,
    NamedStimulus,
    Network,
    SampleInputs,
    Specification,
    StimulusInputs,
    Teacher,
    Vector,
)
from symdrift.study.roles import ROLES
from symdrift.study.values import MOST_STIMULI, check_numbers

_INPUT_FIELDS: Mapping[str, tuple[str, ...]] = {
    "gaussian": ("covariance",),
    "elliptical": ("covariance", "kurtosis"),
    "stimuli": ("stimuli", "probabilities"),
    "samples": ("file", "columns", "center", "components"),
}
_TABLES: Mapping[str, tuple[str, ...]] = {
    "network": ("inputs", "outputs", "hidden"),
    "teacher": ("map", "label_noise"),
    "learning": ("rate", "weight_decay", "batch", "synaptic_noise"),
    "stimulus": ("name", "vector"),
}
TOP_LEVEL = (
    "title",
    "network",
    "inputs",
    "teacher",
    "learning",
    "stimulus",
    "notation",
    "values",
)
_SAMPLE_SUFFIXES = (".csv", ".npy")
_LONGEST_LABEL = 200
# A command takes all the letters behind it and gives none back: linear in the text.
_LATEX = re.compile(r"(?:\\[A-Za-z]++|[A-Za-z0-9 {}^_,'()*+-]|\\[,;!])*+")
# Notation comes from files of unknown origin and ends up in a document that TeX runs.
_ALLOWED_COMMANDS = """
alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda mu
nu xi pi varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega
Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell hbar imath jmath
star ast prime dagger top perp parallel circ bullet infty
hat widehat tilde widetilde bar overline vec dot ddot check breve
mathrm mathbf mathit mathsf mathcal mathbb mathfrak boldsymbol operatorname text
"""
_LATEX_COMMANDS = frozenset(_ALLOWED_COMMANDS.split())


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
    study = _structure(document, name, source, kind)
    for symbol in study.values:
        if symbol not in study.symbols:
            raise RequestError(
                f"values.{_key(symbol)}",
                f"belongs to no symbol of the study; {_suggest(symbol, study.symbols, 'symbols')}",
            )
    refuse_borrowed_letters(study.notation, study.symbols)
    check_numbers(study)
    return study


def symbols_of(document: Mapping[str, Any], name: str, source: Path) -> tuple[str, ...]:
    """Symbols that a parsed TOML table uses, whatever values it gives them."""
    return _structure(document, name, source, Specification).symbols


def _structure(document: Mapping[str, Any], name: str, source: Path, kind: type[Kind]) -> Kind:
    _refuse_unknown(document, TOP_LEVEL, "")
    return kind(
        name=name,
        title=_label(document.get("title", name), "title"),
        source=source,
        network=_network(_table(document, "network")),
        inputs=_inputs(_table(document, "inputs"), source),
        teacher=_teacher(_table(document, "teacher", {})),
        learning=_learning(_table(document, "learning")),
        stimulus=_stimuli(document.get("stimulus", [])),
        notation=_notation(_table(document, "notation", {})),
        values=_values(_table(document, "values", {})),
        document=document,
    )


def _network(table: Mapping[str, Any]) -> Network:
    _refuse_unknown(table, _TABLES["network"], "network")
    return Network(
        inputs=_scalar(_required(table, "inputs", "network"), "network.inputs"),
        outputs=_scalar(_required(table, "outputs", "network"), "network.outputs"),
        hidden=_scalar(_required(table, "hidden", "network"), "network.hidden"),
    )


def _inputs(table: Mapping[str, Any], source: Path) -> InputsSpecification:
    distribution = table.get("distribution", "gaussian")
    if not isinstance(distribution, str) or distribution not in _INPUT_FIELDS:
        raise RequestError(
            "inputs.distribution",
            f"= {_shown(distribution)} is unknown; allowed are {', '.join(_INPUT_FIELDS)}",
        )
    own = ("distribution", *_INPUT_FIELDS[distribution])
    for field in table:
        owners = [kind for kind, theirs in _INPUT_FIELDS.items() if field in theirs]
        if owners and field not in own:
            raise RequestError(
                f"inputs.{_key(field)}",
                f'does not belong to distribution = "{distribution}"; '
                f"it belongs to {' and '.join(owners)}",
            )
    _refuse_unknown(table, own, "inputs")
    if distribution == "samples":
        return _samples(table, source)
    if distribution == "stimuli":
        stimuli = _matrix(_required(table, "stimuli", "inputs"), "inputs.stimuli")
        advice = "; give the probability of each stimulus, together 1"
        probabilities = _required(table, "probabilities", "inputs", advice)
        return StimulusInputs(stimuli, _vector(probabilities, "inputs.probabilities"))
    covariance = _scalar_vector_or_matrix(
        _required(table, "covariance", "inputs"), "inputs.covariance"
    )
    if distribution == "gaussian":
        return GaussianInputs(covariance)
    kurtosis = _required(table, "kurtosis", "inputs")
    return EllipticalInputs(covariance, _scalar(kurtosis, "inputs.kurtosis"))


def _samples(table: Mapping[str, Any], source: Path) -> SampleInputs:
    columns = table.get("columns", [])
    if not isinstance(columns, list) or ("columns" in table and not columns):
        raise RequestError("inputs.columns", f"= {_shown(columns)} must be a list of columns")
    for index, column in enumerate(columns):
        number = isinstance(column, int) and not isinstance(column, bool) and 0 < column < 10**9
        if not number and not isinstance(column, str):
            raise RequestError(
                f"inputs.columns.{index}",
                f"= {_shown(column)} must be the name of a column, or its number, counted from 1",
            )
    components = table.get("components")
    # Principal components are those about the mean, unless it is asked to stay.
    center = table.get("center", components is not None)
    if isinstance(center, str):
        # Set on the command line.
        center = {"true": True, "false": False}.get(center.lower(), center)
    if not isinstance(center, bool):
        raise RequestError("inputs.center", f"= {_shown(center)} must be true or false")
    return SampleInputs(
        _samples_file(_required(table, "file", "inputs"), source),
        tuple(columns),
        center,
        None if components is None else _scalar(components, "inputs.components"),
    )


def _samples_file(value: Any, source: Path) -> Path:
    if not isinstance(value, str) or "\0" in value:
        raise RequestError("inputs.file", f"= {_shown(value)} must be the path of a file")
    path = source.parent / value
    if path.suffix.lower() not in _SAMPLE_SUFFIXES:
        allowed = " or ".join(_SAMPLE_SUFFIXES)
        raise RequestError("inputs.file", f"= {_shown(value)} must be a {allowed} file")
    try:
        obstacle = "" if path.is_file() else "is no file" if path.exists() else "is not there"
    except OSError as error:
        obstacle = f"cannot be read ({error.strerror})"
    if obstacle:
        raise RequestError(
            "inputs.file", f"= {_shown(value)} {obstacle}; give a path relative to the study"
        )
    return path


def _teacher(table: Mapping[str, Any]) -> Teacher:
    _refuse_unknown(table, _TABLES["teacher"], "teacher")
    teacher_map = table.get("map", "identity")
    gains: str | Vector | Matrix
    if isinstance(teacher_map, list):
        gains = _vector_or_matrix(teacher_map, "teacher.map")
    elif teacher_map == "identity":
        gains = "identity"
    else:
        raise RequestError(
            "teacher.map",
            f'= {_shown(teacher_map)} must be "identity", a list of gains or a matrix',
        )
    label_noise = table.get("label_noise", 0)
    if isinstance(label_noise, list):
        return Teacher(gains, _vector(label_noise, "teacher.label_noise"))
    return Teacher(gains, _scalar(label_noise, "teacher.label_noise"))


def _learning(table: Mapping[str, Any]) -> Learning:
    _refuse_unknown(table, _TABLES["learning"], "learning")
    return Learning(
        rate=_scalar(_required(table, "rate", "learning"), "learning.rate"),
        weight_decay=_scalar(_required(table, "weight_decay", "learning"), "learning.weight_decay"),
        batch=_scalar(table.get("batch", 1), "learning.batch"),
        synaptic_noise=_scalar(table.get("synaptic_noise", 0), "learning.synaptic_noise"),
    )


def _stimuli(tables: Any) -> tuple[NamedStimulus, ...]:
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise RequestError("stimulus", "must be written as [[stimulus]] tables")
    if len(tables) > MOST_STIMULI:
        raise RequestError(
            "stimulus", f"has {len(tables)} tables; at most {MOST_STIMULI} stimuli can be followed"
        )
    stimuli: dict[str, NamedStimulus] = {}
    for index, table in enumerate(tables):
        path = f"stimulus.{index}"
        _refuse_unknown(table, _TABLES["stimulus"], path)
        name = _label(_required(table, "name", path), f"{path}.name", LONGEST_NAME)
        if name in stimuli:
            raise RequestError(f"{path}.name", f"= {_shown(name)} is taken; names must differ")
        vector = _vector(_required(table, "vector", path), f"{path}.vector")
        stimuli[name] = NamedStimulus(name, vector)
    return tuple(stimuli.values())


def _notation(table: Mapping[str, Any]) -> Mapping[str, str]:
    presets = table.get("preset", [])
    presets = [presets] if isinstance(presets, str) else presets
    if not isinstance(presets, list) or not all(isinstance(name, str) for name in presets):
        raise RequestError(
            "notation.preset", f"= {_shown(presets)} must be the name of a preset, or a list"
        )
    own = {role: latex for role, latex in table.items() if role != "preset"}
    for role, latex in own.items():
        field = f"notation.{_key(role)}"
        if role not in ROLES:
            raise RequestError(field, f"is no role; {_suggest(role, ROLES, 'roles')}")
        if not isinstance(latex, str) or not latex.strip() or len(latex) > _LONGEST_LABEL:
            raise RequestError(
                field, f"= {_shown(latex)} must be LaTeX of 1 to {_LONGEST_LABEL} characters"
            )
        if not _balanced(latex):
            raise RequestError(field, f"= {_shown(latex)} must close every brace that it opens")
        if rest := _LATEX.sub("", latex, count=1):
            raise RequestError(
                field,
                f"= {_shown(latex)} holds {_shown(rest[0])}; it must be LaTeX mathematics: "
                "letters, digits, spaces, commands and {}^_,'()*+-",
            )
        for command in re.findall(r"\\([A-Za-z]+)", latex):
            if command not in _LATEX_COMMANDS:
                raise RequestError(
                    field,
                    f"= {_shown(latex)} uses \\{command}; only Greek letters, accents and "
                    "alphabets are allowed",
                )
    return resolve_notation(presets, own)


def _balanced(latex: str) -> bool:
    depth = 0
    for character in latex:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0


def _values(table: Mapping[str, Any]) -> Mapping[str, Expression]:
    values = {}
    for symbol, value in table.items():
        field = f"values.{_key(symbol)}"
        if not is_name(symbol):
            raise RequestError(field, "is not a name: letters, digits and underscores are allowed")
        values[symbol] = _scalar(value, field)
        if values[symbol].symbols:
            raise RequestError(field, f"= {_shown(value)} must be a number without symbols")
    return values


def _table(
    document: Mapping[str, Any], name: str, default: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    table = document.get(name, default)
    if table is None:
        raise RequestError(name, f"is missing; write a [{name}] table")
    if not isinstance(table, Mapping):
        raise RequestError(name, f"= {_shown(table)} must be a [{name}] table")
    return table


def _required(table: Mapping[str, Any], field: str, path: str, advice: str = "") -> Any:
    if field not in table:
        raise RequestError(f"{path}.{field}", f"is missing{advice}")
    return table[field]


def _refuse_unknown(table: Mapping[str, Any], known: Collection[str], path: str) -> None:
    for field in table:
        if field not in known:
            raise RequestError(
                f"{path}.{_key(field)}" if path else _key(field),
                f"is not a field of a study; {_suggest(field, known, 'fields here')}",
            )


def _suggest(word: str, known: Collection[str], what: str) -> str:
    close = get_close_matches(word, known, n=1) if len(word) <= LONGEST_SHOWN else []
    hint = f'did you mean "{close[0]}"? ' if close else ""
    return f"{hint}{what} are {', '.join(known) or 'none'}"


def _label(value: Any, field: str, longest: int = _LONGEST_LABEL) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise RequestError(field, f"= {_shown(value)} must be text of 1 to {longest} characters")
    if not value.isprintable():
        raise RequestError(field, f"= {_shown(value)} must be one line of printable text")
    return value


def _scalar(value: Any, field: str) -> Expression:
    if isinstance(value, str):
        return parse(value, field)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(value, field)
    raise RequestError(
        field, f"= {_shown(value)} must be a number, or a quoted symbol or expression"
    )


def _vector(value: Any, field: str) -> Vector:
    if not isinstance(value, list) or not value:
        raise RequestError(field, f"= {_shown(value)} must be a list of numbers")
    return tuple(_scalar(entry, f"{field}.{index}") for index, entry in enumerate(value))


def _matrix(value: Any, field: str) -> Matrix:
    if not isinstance(value, list) or not value or not all(isinstance(row, list) for row in value):
        raise RequestError(field, f"= {_shown(value)} must be a matrix: a list of rows")
    rows = tuple(_vector(row, f"{field}.{index}") for index, row in enumerate(value))
    for index, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise RequestError(
                f"{field}.{index}",
                f"has {len(row)} entries and the first row has {len(rows[0])}; "
                "all rows must be equally long",
            )
    return rows


def _vector_or_matrix(value: Any, field: str) -> Vector | Matrix:
    is_matrix = isinstance(value, list) and any(isinstance(entry, list) for entry in value)
    return _matrix(value, field) if is_matrix else _vector(value, field)


def _scalar_vector_or_matrix(value: Any, field: str) -> Expression | Vector | Matrix:
    if isinstance(value, list):
        return _vector_or_matrix(value, field)
    return _scalar(value, field)


def _key(key: str) -> str:
    """A key as messages name it: quoted where it would not be seen for what it is."""
    bare = key == shown(key).strip() != "" and "." not in key
    return key if bare else shown(f'"{key}"')


class _Short(reprlib.Repr):
    """Values as messages show them, in bounded time however deep and long they are."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxdict = LONGEST_SHOWN
        self.maxstring = self.maxother = 2 * LONGEST_SHOWN

    def repr_int(self, value: int, level: int) -> str:
        return repr(value) if value.bit_length() < LONGEST_SHOWN * 4 else hex(value)


def _shown(value: Any) -> str:
    """A value as an error message quotes it: one line, not too long."""
    return shown(f'"{value}"' if isinstance(value, str) else _Short().repr(value))

"""Which parameter moves which rate, as a table of a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from symdrift.documents.numbers import Cell, Table
from symdrift.errors import RequestError
from symdrift.evaluation.result import Evaluation
from symdrift.evaluation.sensitivities import ROADS, Sensitivities, sensitivities
from symdrift.study import Study
from symdrift.study.letters import in_notation
from symdrift.study.roles import FIELD_ROLES, ROLES
from symdrift.study.symbol_names import plain_latex
from symdrift.typesetting.reading import read, with_index

_MOST_ROWS, _MOST_COLUMNS = 12, 9
_MOST_PLANES: Mapping[str, int] = {"closed-form": 2000, "dense": 66}
"""Planes of networks whose derivatives take seconds, by the method of the evaluation."""


def report_sensitivities(study: Study, evaluation: Evaluation) -> Sensitivities | None:
    """The sensitivities of a report; None where nothing rotates, or they would take long."""
    planes = len(evaluation.drift.planes)
    if not 0 < planes <= _MOST_PLANES[evaluation.method]:
        return None
    try:
        return sensitivities(study)
    except RequestError:
        # Close to the edge of the theory a parameter may not be moved.
        return None


def sensitivity_tables(found: Sensitivities, notation: Mapping[str, str]) -> Iterator[Table]:
    """Exponents of decay rates and diffusion by parameter."""
    exponents = found.exponents
    kinds: list[list[tuple[Cell, int]]] = [[], []]
    for row, name in enumerate(found.numbers):
        if name.startswith("stimuli.") and name.endswith(".decay_rate"):
            label = name.removeprefix("stimuli.").removesuffix(".decay_rate")
            kinds[0].append((f"decay rate of “{label}”", row))
        elif name.startswith("drift.diffusion."):
            plane = name.rpartition(".")[2].replace("-", ", ")
            kinds[1].append((f"diffusion, plane ({plane})", row))
    rows = [
        each
        for kind in kinds
        for each in [entry for entry in kind if np.isfinite(exponents[entry[1]]).any()][:_MOST_ROWS]
    ]
    sizes = np.abs(np.nan_to_num(exponents[[row for _, row in rows]])).max(axis=0, initial=0.0)
    moving = np.argsort(-sizes, kind="stable")[:_MOST_COLUMNS]
    columns = sorted(moving[sizes[moving] > 0].tolist())
    if not rows or not columns:
        return
    names, more = list(found.parameters), int((sizes > 0).sum()) - len(columns)
    left = f" {more} more parameters, which move rates less, are in numbers.json." if more else ""
    yield Table(
        f"Which parameter moves this rate: exponents, {ROADS[found.method]}. "
        f"{found.explanation}{left}",
        ("rate", *(_letter(names[column], notation) for column in columns)),
        tuple(
            (label, *(_exponent(found, exponents[row, column]) for column in columns))
            for label, row in rows
        ),
    )


def _exponent(found: Sensitivities, exponent: float) -> Cell:
    text = found.shown(float(exponent))
    return read(text) if text else ""


def _letter(name: str, notation: Mapping[str, str]) -> Cell:
    """A symbol as it prints; the letter of a number that is no symbol."""
    if "." not in name:
        roles = {role: latex for role, latex in notation.items() if role in ROLES}
        return read(in_notation(plain_latex(name), roles))
    field = next((field for field in FIELD_ROLES if f"{name}.".startswith(f"{field}.")), None)
    if field is None or not FIELD_ROLES[field]:
        return name.rpartition(".")[2].replace("_", " ")
    places = name.removeprefix(field).split(".")[1:]
    role = FIELD_ROLES[field][max(len(places), 1) - 1]
    latex = notation.get(role, ROLES[role].latex)
    if places:
        latex = with_index(latex, "".join(str(int(place) + 1) for place in places))
    return read(f"{latex}^{{2}}" if role == "label_noise" else latex)

"""Results as HTML tables for a notebook, with the content that a terminal shows."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from rich.table import Table

from symdrift.tables import evaluation_tables, validation_table
from symdrift.validation_report import extrapolation_table, summary

if TYPE_CHECKING:
    from symdrift.evaluation import Evaluation, StimulusEvaluation
    from symdrift.extrapolation import Extrapolation
    from symdrift.validation import Validation


def evaluation_html(evaluation: Evaluation | StimulusEvaluation) -> str:
    """Tables of an evaluation, and its warnings."""
    head = (
        f"{evaluation.study}: {evaluation.method} method, {evaluation.approximation} statistics; "
        "rates per SGD step"
    )
    return _page(head, evaluation_tables(evaluation), evaluation.warnings)


def validation_html(validation: Validation) -> str:
    """Theory beside simulation, and what decides."""
    return _page(_verdict(validation.passed), [validation_table(validation)], [validation.rule])


def extrapolation_html(extrapolation: Extrapolation) -> str:
    """Theory beside simulations at several learning rates, and what they say together."""
    tables = [extrapolation_table(extrapolation)]
    return _page(_verdict(extrapolation.passed), tables, [summary(extrapolation)])


def _verdict(passed: bool) -> str:
    return f"theory and simulation {'agree' if passed else 'disagree'}"


def _page(head: str, tables: Iterable[Table], remarks: Iterable[str]) -> str:
    parts = [f"<p><b>{escape(head)}</b></p>", *map(_table, tables)]
    return "".join([*parts, *(f"<p>{escape(remark)}</p>" for remark in remarks)])


def _table(table: Table) -> str:
    heads = "".join(f"<th>{_plain(column.header)}</th>" for column in table.columns)
    rows = zip(*(column.cells for column in table.columns), strict=True)
    body = "".join(
        "<tr>" + "".join(f"<td>{_plain(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f"<table><caption>{_plain(table.title)}</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    )


def _plain(cell: object) -> str:
    return escape(str(cell)).replace("\n", "<br>")

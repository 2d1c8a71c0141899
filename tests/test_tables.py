"""Tables of results are text first: a terminal and a notebook show the same."""

from __future__ import annotations

import re

import pytest

from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.overview import evaluation_tables
from symdrift.study import read_study, shipped_studies
from symdrift.tables import Table, html_page


def test_text_of_a_table_is_no_html() -> None:
    page = html_page("<b>", [Table("a < b", ("x\ny",), (("<script>",),), "c & d")], ["<i>"])
    assert "<script>" not in page and "<i>" not in page
    assert "x<br>y" in page and "<p>c &amp; d</p>" in page and "a &lt; b" in page


@pytest.mark.parametrize("study", ["anisotropic_autoencoder", "misaligned_teacher", "digits"])
def test_a_notebook_shows_every_cell_of_an_evaluation(study: str) -> None:
    assert study in shipped_studies()
    evaluation = evaluate(read_study(study).problem())
    tables = evaluation_tables(evaluation)
    cells = re.findall("<td>(.*?)</td>", evaluation._repr_html_())
    assert cells == [cell for table in tables for row in table.rows for cell in row]
    planes = next(table for table in tables if table.title.startswith("Drift by plane"))
    variances = [float(row[1]) for row in planes.rows]
    assert variances == pytest.approx(evaluation.drift.variances.tolist(), rel=1e-4)

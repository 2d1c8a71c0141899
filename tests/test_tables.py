"""Tables of results are text first: a terminal and a notebook show the same."""

from __future__ import annotations

import csv
import io
import re

import pytest
from rich.console import Console

from symdrift.cli.terminal import print_tables
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.result import evaluation_tables
from symdrift.study import read_study, shipped_studies
from symdrift.tables import Table, html_page, record_table, with_band, with_error, write_csv


def test_text_of_a_table_is_no_html() -> None:
    page = html_page("<b>", [Table("a < b", ("x\ny",), (("<script>",),), "c & d")], ["<i>"])
    assert "<script>" not in page and "<i>" not in page
    assert "x<br>y" in page and "<p>c &amp; d</p>" in page and "a &lt; b" in page


ROWS = ({"name": "=a", "rate": 0.123456789, "of": 3}, {"name": "b,c", "rate": None})


def test_records_are_rows_of_a_table() -> None:
    table = record_table("T", {"name": "", "rate": "rate\n1/step", "of": "of"}, ROWS)
    assert table.head == ("", "rate\n1/step", "of")
    assert table.rows == (("=a", "0.12346", "3"), ("b,c", "", ""))
    assert record_table("T", {"rate": "r"}, ROWS, {"rate": ".2f"}).rows == (("0.12",), ("",))


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (188.7, 203.0, "200 ± 200"),
        (-8.8, 21.0, "-10 ± 20"),
        (-3.0, 212.0, "0 ± 200"),
        (1.4963, 0.0711, "1.50 ± 0.07"),
        (0.99832, 0.00114, "0.9983 ± 0.0011"),
        (2.0, 0.0996, "2.00 ± 0.10"),
        (12345.0, 1500.0, "12300 ± 1500"),
        (1.25, 0.0, "1.25 ± 0"),
        (0.99999746, 4.3e-09, "0.99999746 ± 4.3e-09"),
        (1.23456789e-20, 2e-24, "1.2346e-20 ± 2e-24"),
        (3.0, 2e9, "not known"),
        (3.0, float("nan"), "not known"),
    ],
)
def test_a_number_has_the_digits_that_its_error_leaves(
    value: float, error: float, shown: str
) -> None:
    assert with_error(value, error) == shown


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (2.3144, 80.2, "2.31 ± 80"),
        (1.07, 15.0, "1.07 ± 20"),
        (11.2, 31000.0, "11.2 ± 30000"),
        (1.4963, 0.0711, "1.50 ± 0.07"),
        (3.0, 2e9, "not known"),
    ],
)
def test_a_computed_number_is_shown_however_far_off_it_may_be(
    value: float, error: float, shown: str
) -> None:
    assert with_band(value, error) == shown


@pytest.mark.parametrize("width", [160, 20])
@pytest.mark.parametrize("name", ["1, 2", "\N{GREEK SMALL LETTER ALPHA}", "two\nlines"])
def test_long_tables_are_printed_as_short_ones_are(
    monkeypatch: pytest.MonkeyPatch, width: int, name: str
) -> None:
    rows = ((name, "0.1 (2 %)", "0"), ("10, 11", "12.25", "-1e-09"), ("3, 4", "", "0.5"))
    table = Table("Drift by plane", ("plane", "covariance V\nrad^2", "mean"), rows, "Caption.")
    printed = []
    for many in (3, 2):
        monkeypatch.setattr("symdrift.cli.terminal._MANY", many)
        stream = io.StringIO()
        print_tables(Console(file=stream, width=width), [table, table])
        printed.append(stream.getvalue())
    assert printed[0] == printed[1]


def test_records_are_lines_of_csv_that_no_spreadsheet_runs() -> None:
    stream = io.StringIO()
    write_csv(("name", "rate"), ROWS, stream)
    read = list(csv.reader(io.StringIO(stream.getvalue())))
    assert read == [["name", "rate"], ["'=a", "0.123456789"], ["b,c", ""]]


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

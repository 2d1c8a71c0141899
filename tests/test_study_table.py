"""Tables in files: what is a header, what is a number, and the sentence for what is neither."""

from __future__ import annotations

import re
import struct
import time
from pathlib import Path

import numpy as np
import pytest

from symdrift.study.table import Table, read_table

ROWS = np.random.default_rng(1).normal(size=(12, 6)).round(3)


def table_of(folder: Path, text: str, name: str = "x.csv") -> Table:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_table(path)


def lines_of(rows: np.ndarray[tuple[int, int], np.dtype[np.float64]], delimiter: str = ",") -> str:
    return "".join(delimiter.join(f"{x:.3f}" for x in row) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("header", "width"),
    [
        ("0,1,2,3,4,5", 6),
        ("1,2,3,4,5,6", 6),
        ("0.0,1.0,2.0,3.0,4.0,5.0", 6),
        ("400,410,420,430,440,450", 6),
        ("10,20,30,40", 4),
        ("8,6,4", 3),
        ("2.5,2.0,1.5,1.0,0.5,0.0", 6),
        ("0,1", 2),
        ("1.0,2.0,3.0", 3),
        (",0,1,2", 4),
        ("trial,0,1,2", 4),
        ('"0","1","2"', 3),
    ],
)
def test_a_row_that_numbers_the_columns_is_a_header(
    tmp_path: Path, header: str, width: int
) -> None:
    found = table_of(tmp_path, f"{header}\n{lines_of(ROWS[:, :width])}")
    np.testing.assert_array_equal(found.values, ROWS[:, :width])
    assert found.header is not None
    assert found.header.kind == "numbers"
    assert list(found.header.names) == header.replace('"', "").split(",")
    assert found.lines[0] == 2
    assert "line 1 (" in found.remark
    assert "was taken as a header that numbers the columns" in found.remark


@pytest.mark.parametrize(
    "header",
    ["1_0,1_1,1_2", "n0,n1,n2", "2021-01,2021-02,2021-03", "0x1,0x2,0x3", "inf,a,b", "١,٢,٣"],
)
def test_a_row_without_a_decimal_number_holds_names(tmp_path: Path, header: str) -> None:
    found = table_of(tmp_path, f"{header}\n{lines_of(ROWS[:, :3])}")
    np.testing.assert_array_equal(found.values, ROWS[:, :3])
    assert found.header is not None
    assert (found.header.kind, found.remark) == ("names", "")
    assert list(found.header.names) == header.split(",")


@pytest.mark.parametrize(
    ("first", "remark"),
    [
        ("3,1,4,1,5,9", "it alone holds whole numbers only"),
        ("0.1,0.2,0.3,0.4,0.5,0.7", "it alone holds numbers of at most 1 decimal"),
        ("2,2,2,2,2,2", "it alone holds whole numbers only"),
        ("5,6,7,9,10,11", "it alone holds whole numbers only"),
        ("0,1,2,0.1,1.1,2.1", "it alone holds numbers of at most 1 decimal"),
        ("0.25,1.5,2.0,1,1,1", "it alone holds numbers of at most 2 decimals"),
        ("0.123,1.5,2.0,1,1,1", ""),
    ],
)
def test_a_row_of_other_numbers_is_a_sample(tmp_path: Path, first: str, remark: str) -> None:
    found = table_of(tmp_path, f"{first}\n{lines_of(ROWS)}")
    assert found.header is None
    assert len(found.values) == len(ROWS) + 1
    assert found.values[0].tolist() == [float(entry) for entry in first.split(",")]
    assert remark in found.remark and bool(remark) == bool(found.remark)


@pytest.mark.parametrize(
    "text",
    [
        "1,2\n-0.5,0.25\n3,-1\n",
        "0,1\n1,0\n1,1\n0,0\n",
        "0,1,2,3,4,5\n1,2,3,4,5,6\n5,4,3,2,1,0\n",
    ],
)
def test_where_counting_may_be_a_sample_it_stays_one_and_says_so(tmp_path: Path, text: str) -> None:
    found = table_of(tmp_path, text)
    assert found.header is None
    assert len(found.values) == text.count("\n")
    assert "was taken as a sample, although it numbers the columns" in found.remark


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\na;b;c\n{rows}",
        "\ufeffsep=;\r\na;b;c\r\n{rows}",
        '"sep=;"\na;b;c\n{rows}',
        "SEP=;\n\na;b;c\n{rows}",
        "# made by hand\na;b;c\n{rows}",
        '"a";"b";"c"\n{rows}',
        'a;"b, left; or right";c\n{rows}',
        '"a\nfirst";b;"c\r\n\nlast"\n{rows}',
        "a;b;c;\n{trailing}",
        "a;b;c\n{trailing}",
        "a;b;c;\n{rows}",
        "a;b;c;;;\n{rows};;;;;\n;;;;;\n",
        "a;b;c\n{rows}\n\n;;\n",
    ],
)
def test_what_spreadsheets_write_is_read(tmp_path: Path, text: str) -> None:
    rows = lines_of(ROWS[:, :3], ";")
    found = table_of(
        tmp_path, text.format(rows=rows, trailing=rows.replace("\n", ";\n")).replace("\r\n", "\n")
    )
    np.testing.assert_array_equal(found.values, ROWS[:, :3])
    assert not found.missing
    assert not found.wrong
    assert found.header is not None
    assert len(found.header.names) == 3
    assert all("\n" not in name for name in found.header.names)


@pytest.mark.parametrize("mark", ["|", "\t", ":", " "])
def test_a_first_line_names_any_separator(tmp_path: Path, mark: str) -> None:
    found = table_of(tmp_path, f"sep={mark}\n{lines_of(ROWS[:, :3], mark)}")
    np.testing.assert_array_equal(found.values, ROWS[:, :3])


def test_a_header_of_r_lacks_the_name_of_the_row_names(tmp_path: Path) -> None:
    text = '"a","b"\n' + "".join(f'"m{k}",{x},{y}\n' for k, (x, y) in enumerate(ROWS[:, :2]))
    found = table_of(tmp_path, text)
    assert found.header is not None
    assert found.header.names == ("", "a", "b")
    np.testing.assert_array_equal(found.values[:, 1:], ROWS[:, :2])
    assert found.wrong[0].count == len(ROWS)


@pytest.mark.parametrize(
    "entry",
    ["", "  ", "NA", "n/a", "N/A", "#N/A", "NaN", "nan", "NAN", "null", "NULL", "None", "missing",
     "-", "--", "?", ".", "<NA>", "1.#QNAN", "#DIV/0!"],
)  # fmt: skip
def test_values_are_missing_by_their_usual_names(tmp_path: Path, entry: str) -> None:
    found = table_of(tmp_path, f"a,b\n1.5,2\n3,{entry}\n5,{entry}\n7,8\n")
    assert not found.wrong
    assert found.missing[1].line == 3
    assert found.missing[1].count == 2
    assert found.missing[1].entry == entry.strip()


@pytest.mark.parametrize(
    "entry",
    ["1_5", "1_000", "infinity", "-inf", "Inf", "0x10", "１２", "٣", "1,5", "1e", "1.5.2", "−1.5",
     "1 000", "1'000", "five", "1e5_0", "+-1", "1f", "1d5"],
)  # fmt: skip
def test_what_is_no_decimal_number_is_none(tmp_path: Path, entry: str) -> None:
    found = table_of(tmp_path, f'a;b\n1.5;2\n3;"{entry}"\n5;6\n')
    assert found.wrong[1].line == 3
    assert found.wrong[1].entry == entry
    assert not found.missing


@pytest.mark.parametrize("entry", ["1e-400", "-0.0001e-330", "0." + "0" * 400 + "1"])
def test_a_number_too_small_for_a_double_is_not_zero(tmp_path: Path, entry: str) -> None:
    assert table_of(tmp_path, f"a,b\n0.0,0e5\n{entry},1\n").values[1, 0] != 0


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a,b,c\n1,2,3\n0.1,"0.2,0.3\n4,5,6\n7,8,9\n', 3),
        ('a,b,c\n1,2,3\n0.1,"0.2,0.3\n4,5,6\n7,"8,9\n', 3),
        ('1,2,3\n\n# a note\n4,5,"6\n', 4),
        ('"a,b,c\n1,2,3\n', 1),
        ('a,b\n1,2\n3,"4' + 50_000 * "\n1.5,2.5", 3),
    ],
)
def test_an_open_quote_is_named_by_its_line(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(ValueError, match=f"^line {line} opens a quote that is not closed"):
        table_of(tmp_path, text)


def test_many_quotes_are_looked_through_at_once(tmp_path: Path) -> None:
    start = time.process_time()
    with pytest.raises(ValueError, match=r"line 1 "):
        table_of(tmp_path, 'a,"b' * 100_000)
    assert time.process_time() - start < 5


def stored(folder: Path, content: bytes, name: str = "x.npy") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def npy(header: bytes, body: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


@pytest.mark.parametrize("left", [0, 8, 772, 4799])
def test_an_npy_file_without_all_its_numbers_is_cut_short(tmp_path: Path, left: int) -> None:
    np.save(tmp_path / "whole.npy", np.ones((200, 3)))
    whole = (tmp_path / "whole.npy").read_bytes()
    path = stored(tmp_path, whole[: len(whole) - 4800 + left])
    with pytest.raises(ValueError, match=f"cut short: {left} bytes .* promises more, 4800 bytes"):
        read_table(path)


def test_bytes_behind_the_numbers_of_an_npy_file_are_said(tmp_path: Path) -> None:
    with (tmp_path / "x.npy").open("wb") as stream:
        np.save(stream, np.ones((9, 2)))
        np.save(stream, np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"^176 bytes follow the numbers that its header promises"):
        read_table(tmp_path / "x.npy")


@pytest.mark.parametrize("telling", ["0,026", "-0,326", "12,05", "+1,00"])
@pytest.mark.parametrize("header", ["", "a,b\n"])
def test_a_column_with_decimal_commas_is_not_two_columns(
    tmp_path: Path, telling: str, header: str
) -> None:
    with pytest.raises(ValueError, match=r"^line \d reads as one number with a decimal comma"):
        table_of(tmp_path, f"{header}1,126\n{telling}\n0,640\n")
    assert table_of(tmp_path, "1,126\n0,0\n-3,640\n10,0.026\n").values.shape == (4, 2)


@pytest.mark.parametrize("left", [1, 4, 7, 9, 10, 60, 127])
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_an_npy_file_that_ends_in_its_header_is_cut_short(
    tmp_path: Path, version: tuple[int, int], left: int
) -> None:
    with (tmp_path / "whole.npy").open("wb") as stream:
        np.lib.format.write_array(stream, np.ones((9, 2)), version)
    path = stored(tmp_path, (tmp_path / "whole.npy").read_bytes()[:left])
    with pytest.raises(ValueError, match=r"^it is cut short: it ends within its header; copy"):
        read_table(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no array at all",
        npy(b"(" * 2000),
        npy(b"{" * 200),
        npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 2)}", b"0" * 32),
        npy(b"{'descr': '|O', 'fortran_order': False, 'shape': (1, 2)}", b"0" * 32),
        npy(b"{'descr': '<f8', 'fortran_order': False}", b"0" * 32),
        npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + b"9" * 5000 + b",)}"),
        npy(b"__import__('os')"),
        npy(b"'\\N{' L"),
        b"\x93NUMPY\x09\x00" + b"\xff" * 8,
    ],
)
def test_a_broken_npy_header_is_no_npy_file(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"^it is no NPY file of numbers; write one"):
        read_table(stored(tmp_path, content))


def test_sizes_of_thousands_of_digits_are_promises(tmp_path: Path) -> None:
    size = b"9" * 4000
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + size + b"," + size + b")}"
    with pytest.raises(ValueError, match=r"^it is cut short: 8 bytes"):
        read_table(stored(tmp_path, npy(header, b"0" * 8)))


def test_values_that_are_missing_in_an_npy_file_are_counted(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[[3, 7], 2] = np.nan
    np.save(tmp_path / "x.npy", rows)
    found = read_table(tmp_path / "x.npy")
    assert (found.missing[2].line, found.missing[2].count, found.place) == (4, 2, "row")


@pytest.mark.parametrize("mark", ["#DIV/0!", "#N/A", "#VALUE!", "#NAME?", "#REF!"])
def test_a_row_that_begins_with_an_error_of_a_spreadsheet_is_no_comment(
    tmp_path: Path, mark: str
) -> None:
    table = read_table(stored(tmp_path, f"a,b\n0.1,0.2\n{mark},0.3\n# none\n".encode(), "x.csv"))
    assert list(table.lines) == [2, 3]
    assert table.missing[0].line == 3


@pytest.mark.parametrize("first", ["14,7,23", "1,2,5", "101,-3,40"])
def test_whole_numbers_above_rows_of_fractions_are_doubtful(tmp_path: Path, first: str) -> None:
    rows = "\n".join(f"0.{k:03d},1.{k:03d},2.{k:03d}" for k in range(1, 200) if k % 10)
    table = read_table(stored(tmp_path, f"{first}\n{rows}\n".encode(), "x.csv"))
    assert table.header is None
    assert "was taken as a sample, although it alone holds whole numbers only" in table.remark
    written = read_table(stored(tmp_path, f"14.000,7.000,23.000\n{rows}\n".encode(), "x.csv"))
    assert not written.remark


@pytest.mark.parametrize(
    ("second", "doubt"),
    [
        ("0,1,2", "it numbers the columns"),
        ("1,2,3", "it numbers the columns"),
        ("10,20,30", "it numbers the columns"),
        ("14,7,23", "it alone holds whole numbers only"),
        ("4,4,5", "it alone holds whole numbers only"),
    ],
)
def test_a_row_of_whole_numbers_below_names_is_doubtful(
    tmp_path: Path, second: str, doubt: str
) -> None:
    """Such as a table of several levels of names has."""
    rows = lines_of(np.random.default_rng(1).normal(size=(60, 3)))
    table = table_of(tmp_path, f"a,b,c\n{second}\n{rows}")
    assert (list(table.values[0]), table.lines[0]) == ([float(n) for n in second.split(",")], 2)
    shown = second.replace(",", ", ")
    assert table.remark == (
        f"line 2 ({shown}) was taken as a sample, although {doubt}; delete it if it is a header"
    )


@pytest.mark.parametrize("second", ["0,0,0", "0.31,-1.2,0.44"])
def test_a_usual_row_below_names_is_not(tmp_path: Path, second: str) -> None:
    rows = lines_of(np.random.default_rng(1).normal(size=(60, 3)).round(2))
    assert not table_of(tmp_path, f"a,b,c\n{second}\n{rows}").remark


@pytest.mark.parametrize("first", ["0.1,0.2,0.4", "1.0,1.1,1.2", "1000,250,100"])
def test_a_first_row_that_alone_rises_or_falls_is_doubtful(tmp_path: Path, first: str) -> None:
    drawn = np.random.default_rng(1).normal(size=(400, 3))
    values = drawn[np.sign(np.diff(drawn)).sum(axis=1) == 0]
    table = table_of(tmp_path, f"{first}\n{lines_of(values)}")
    assert table.header is None
    assert re.search("was taken as a sample, although it alone (rises|falls|holds)", table.remark)
    # Where others do so too, it says nothing.
    table = table_of(tmp_path, f"{first}\n{lines_of(np.sort(values))}")
    assert "from column to column" not in table.remark


@pytest.mark.parametrize("lines", ["{} {}", "  {}   {} ", "{} \t{}"])
def test_spaces_separate_where_nothing_else_does(tmp_path: Path, lines: str) -> None:
    """As ``numpy.savetxt`` writes without being asked for another delimiter."""
    values = np.random.default_rng(2).normal(size=(30, 2))
    text = "\n".join(lines.format(*map(repr, row)) for row in values.tolist())
    np.testing.assert_array_equal(table_of(tmp_path, text).values, values)
    named = table_of(tmp_path, f"{lines.format('one', 'two')}\n{text}")
    np.testing.assert_array_equal(named.values, values)
    assert named.header is not None
    assert named.header.names == ("one", "two")


def test_a_single_column_under_a_number_is_doubtful(tmp_path: Path) -> None:
    rows = lines_of(np.random.default_rng(4).normal(size=(200, 1)))
    assert "it alone holds whole numbers only" in table_of(tmp_path, f"0\n{rows}").remark
    assert not table_of(tmp_path, rows).remark


@pytest.mark.parametrize("mark", ["#NV", "#WERT!", "NaT"])
def test_missing_values_of_other_languages_are_missing(tmp_path: Path, mark: str) -> None:
    assert table_of(tmp_path, f"a,b\n1,2\n{mark},3\n").missing[0].entry == mark


def test_bars_separate(tmp_path: Path) -> None:
    found = table_of(tmp_path, "a|b\n1|2\n3|4\n")
    np.testing.assert_array_equal(found.values, [[1, 2], [3, 4]])

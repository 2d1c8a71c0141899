"""A reader sees the old file or the new one, never half of one, and no debris."""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from symdrift.errors import CheckFailed, RequestError
from symdrift.files import (
    replacing,
    require_directory,
    require_file,
    together,
    write_bytes,
    write_text,
)


def test_text_is_written_as_utf8_without_translation_of_line_ends(tmp_path: Path) -> None:
    target = write_text(tmp_path / "deep" / "note.txt", "γ = 1\nη = 2\n")
    assert target.read_bytes() == "γ = 1\nη = 2\n".encode()
    assert [path.name for path in target.parent.iterdir()] == ["note.txt"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = write_bytes(tmp_path / "data.bin", b"old")
    with pytest.raises(ZeroDivisionError), replacing(target) as temporary:
        temporary.write_bytes(b"half of the new")
        raise ZeroDivisionError
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["data.bin"]


def contents(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): path.read_text()
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("failure", [None, CheckFailed, KeyboardInterrupt])
def test_files_take_their_places_together(
    tmp_path: Path, failure: type[BaseException] | None
) -> None:
    """But not those of what was interrupted; a check may fail of what was written."""
    out = tmp_path / "out"
    for content in ("old", "new"):
        with ExitStack() as failing, together(out) as place:
            write_text(place / "figures" / "one.svg", content)
            write_text(place / "report.tex", content)
            if content == "new" and failure is not None:
                said = failing.enter_context(pytest.raises(failure))
                raise failure(f"faults in {place / 'report.tex'}")
    expected = "old" if failure is KeyboardInterrupt else "new"
    assert contents(out) == {"figures/one.svg": expected, "report.tex": expected}
    assert [path.name for path in sorted(out.iterdir())] == ["figures", "report.tex"]
    if failure is CheckFailed:
        assert str(said.value) == f"faults in {out / 'report.tex'}"


def test_a_folder_that_is_a_file_takes_no_files(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "here")
    with pytest.raises(RequestError, match="file cannot be written"), together(tmp_path / "file"):
        pytest.fail("begun")


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "new.txt") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_the_target_is_untouched_until_the_body_ends(tmp_path: Path) -> None:
    target = write_text(tmp_path / "a.txt", "old")
    with replacing(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
        assert temporary.suffix == ".txt"
        assert temporary.parent == target.parent
    assert target.read_text() == "new"


def test_the_mode_follows_the_umask(tmp_path: Path) -> None:
    previous = os.umask(0o022)
    try:
        target = write_text(tmp_path / "a.txt", "x")
    finally:
        os.umask(previous)
    assert target.stat().st_mode & 0o777 == 0o644


def test_a_parent_that_is_a_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    write_text(tmp_path / "plain", "x")
    with pytest.raises(RequestError, match=r"cannot be written") as caught:
        write_text(tmp_path / "plain" / "b.txt", "y")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]


def test_a_directory_as_target_is_refused_and_no_temporary_stays(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(RequestError, match=r"taken cannot be written"):
        write_text(tmp_path / "taken", "y")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("require", [require_file, require_directory])
def test_a_place_that_can_be_written_to_is_left_as_it_is(
    tmp_path: Path, require: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "old.txt", "x")
    monkeypatch.chdir(tmp_path)
    for target in ("new", "deep/er/new", tmp_path / "deep" / "new"):
        require(target)
    require_file("old.txt")
    require_directory(".")
    assert [path.name for path in tmp_path.iterdir()] == ["old.txt"]


def test_a_place_that_cannot_be_written_to_is_refused_under_the_name_of_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "plain", "x")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError, match=r"--out = plain/b/c .*: plain is not a directory"):
        require_file("plain/b/c", "--out")
    with pytest.raises(RequestError, match=r"out = plain .*: plain is not a directory"):
        require_directory("plain")
    with pytest.raises(RequestError, match=r"out = \. is a directory; give a file"):
        require_file(".")
    with pytest.raises(RequestError, match="File name too long"):
        require_file("x" * 300)
    if sys.platform == "linux":
        # Where even the administrator, who may write anywhere, can make no file.
        for require, target in ((require_directory, "/proc/x"), (require_file, "/proc/x.csv")):
            with pytest.raises(RequestError, match=r"= /proc/x\S* cannot be written: no "):
                require(target)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(RequestError, match=r"no permission to write to \."):
        require_file("new")


def test_a_name_that_is_too_long_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot be written: File name too long"):
        write_text(tmp_path / ("x" * 300), "y")

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


NAMES = ("report.tex", "report.pdf", "figures/one.svg", "figures/layer_[0-9].svg")


def test_what_an_earlier_run_left_goes_where_it_has_no_successor(tmp_path: Path) -> None:
    """By its names, and only where the mark shows that it was here; all else is somebody's own."""
    left = {"report.pdf": "old", "figures/layer_2.svg": "old"}
    own = {"figures/mine.svg": "own", "figures/layer_2b.svg": "own", "note.txt": "own"}
    for marked in (False, True):
        out = tmp_path / str(marked)
        for name, content in {**left, **own, **({"report.tex": "old"} if marked else {})}.items():
            write_text(out / name, content)
        before = contents(out)
        with pytest.raises(KeyboardInterrupt), together(out, NAMES, "report.tex"):
            raise KeyboardInterrupt
        assert contents(out) == before
        with together(out, NAMES, "report.tex") as place:
            write_text(place / "report.tex", "new")
            write_text(place / "figures" / "one.svg", "new")
        new = {"report.tex": "new", "figures/one.svg": "new"}
        assert contents(out) == new | own | ({} if marked else left)


@pytest.mark.parametrize("taken", ["report.tex", "figures/layer_2.svg", "figures"])
def test_files_that_cannot_all_take_their_places_leave_all_as_it_was(
    taken: str, tmp_path: Path
) -> None:
    """Refused before the work begins, and where it comes to be so while it lasts behind it."""
    write_text(tmp_path / "report.pdf", "old")

    def take() -> None:
        if taken == "figures":
            write_text(tmp_path / taken, "a file")
        else:
            (tmp_path / taken).mkdir(parents=True)

    with (
        pytest.raises(RequestError, match=f"{taken} is (a|not a) directory") as late,
        together(tmp_path, NAMES) as place,
    ):
        for name in ("report.pdf", "report.tex", "figures/layer_2.svg"):
            write_text(place / name, "new")
        take()
    with pytest.raises(RequestError) as early, together(tmp_path, NAMES):
        pytest.fail("begun")
    assert str(early.value) == str(late.value)
    assert "\n" not in str(late.value)
    expected = {"report.pdf": "old"} | ({"figures": "a file"} if taken == "figures" else {})
    assert contents(tmp_path) == expected


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

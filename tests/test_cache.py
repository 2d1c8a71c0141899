"""What is unpickled was put there by the user: other folders are left alone, and it is said."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from symdrift import cache
from symdrift.cache import cache_directory, cached, digest_of, trusted_directory

needs_users = pytest.mark.skipif(not hasattr(os, "getuid"), reason="users as Unix has them")


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


def kept(number: int = 1) -> int:
    return cached("number", None, lambda: number, lambda found: isinstance(found, int))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "kept"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("SYMDRIFT_CACHE", str(path))
    return path


def test_a_folder_of_ones_own_is_used(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert kept(1) == kept(2) == 1
    assert len(list(folder.iterdir())) == 1
    assert caplog.text == ""


def test_folders_that_are_made_are_the_users_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMDRIFT_CACHE", str(folder / "a" / "b"))
    previous = os.umask(0)
    try:
        assert kept(1) == kept(2) == 1
    finally:
        os.umask(previous)
    assert {(folder / name).stat().st_mode & 0o777 for name in ("a", "a/b")} == {0o700}


@needs_users
@pytest.mark.parametrize("case", ["group", "others", "sticky", "parent", "link", "owner", "file"])
def test_nothing_is_unpickled_where_others_may_write(
    case: str, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mark = folder.parent / "mark"
    own = folder / f"{cache.cache_key('number', None)}.pickle"
    own.write_bytes(pickle.dumps(Trap(mark)))
    modes = {"group": 0o770, "others": 0o707, "sticky": 0o1777, "link": 0o777}
    folder.chmod(modes.get(case, 0o700))
    if case == "parent":
        folder.parent.chmod(0o777)
    elif case == "link":
        link = folder.parent / "link"
        link.symlink_to(folder)
        monkeypatch.setenv("SYMDRIFT_CACHE", str(link))
    elif case in ("owner", "file"):
        if os.getuid() != 0:
            pytest.skip("only the superuser gives files away")
        os.chown(folder if case == "owner" else own, 54321, 54321)
    before = own.read_bytes()
    assert kept(1) == 1
    assert not mark.exists()
    if case != "file":
        assert own.read_bytes() == before
        assert kept(2) == 2
        assert caplog.text.count("other users may write") == 1
        assert "\n" not in caplog.records[0].getMessage()
    folder.parent.chmod(0o700)
    folder.chmod(0o700)


def test_the_trap_of_this_test_snaps(folder: Path) -> None:
    mark = folder.parent / "mark"
    own = folder / f"{cache.cache_key('number', None)}.pickle"
    own.write_bytes(pickle.dumps(Trap(mark)))
    kept(1)
    assert mark.exists()


def test_a_digest_is_that_of_every_copy() -> None:
    once = ["a text"]
    twice = pickle.loads(pickle.dumps(once))
    assert pickle.dumps((once, once)) != pickle.dumps((once, twice))
    assert digest_of((once, once)) == digest_of((once, twice)) != digest_of((once, ["another"]))


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HOME": "/home/x"}, "/home/x/.cache/symdrift"),
        ({"HOME": "/home/x", "XDG_CACHE_HOME": "/var/x"}, "/var/x/symdrift"),
        ({"HOME": "/home/x", "XDG_CACHE_HOME": "relative"}, "/home/x/.cache/symdrift"),
        ({"HOME": "relative"}, None),
        ({"HOME": "relative", "SYMDRIFT_CACHE": "/var/y"}, "/var/y"),
    ],
)
@needs_users
def test_where_the_cache_is(
    environment: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SYMDRIFT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_directory() == (None if expected is None else Path(expected))


def test_without_a_home_everything_is_derived_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "cache_directory", lambda: None)
    assert trusted_directory() is None
    assert kept(1) == 1
    assert kept(2) == 2


def test_a_home_that_cannot_be_written_to_costs_only_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SYMDRIFT_CACHE", str(tmp_path / "file" / "kept"))
    assert kept(1) == 1
    assert kept(2) == 2

"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import os
import secrets
import unicodedata
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from symdrift.errors import CheckFailed, RequestError


def require_file(target: str | Path, field: str = "out") -> None:
    """Refuse a file that cannot be written, before long work is done for it.

    Raises
    ------
    RequestError
        When it is a directory, or its directory is none or must not be written to.
    """
    path = Path(target)
    _require_place(path, path.parent, field)
    if path.is_dir():
        raise RequestError(field, f"= {path} is a directory; give a file")


def require_directory(target: str | Path, field: str = "out") -> None:
    """Refuse a directory that cannot be made or written to, before long work is done for it.

    Raises
    ------
    RequestError
        When what is there of the path is no directory, or must not be written to.
    """
    path = Path(target)
    _require_place(path, path, field)


def require_places(target: str | Path, names: Collection[str], field: str = "out") -> None:
    """Refuse a directory in which not all files of such names can be written, before long work.

    Parameters
    ----------
    target : str or Path
    names : collection of str
        Patterns of what lies in it, as for `Path.glob`.
    field : str
        What a refusal calls it.

    Raises
    ------
    RequestError
        Where a directory has such a name, or no file can be made beside it.
    """
    directory = Path(target)
    for folder in sorted({(directory / name).parent for name in names}):
        require_directory(folder, field)
    for place in _found(directory, names):
        if place.is_dir():
            raise RequestError(
                field,
                f"= {directory} cannot be written to: its {place.relative_to(directory)} is a "
                "directory, where a file has to be; move that away, or give another one",
            )


def _found(directory: Path, names: Collection[str]) -> list[Path]:
    return [place for name in names for place in directory.glob(name)]


def has_controls(name: str) -> bool:
    """Whether a name has characters that end a line or control a terminal."""
    return any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in name)


def _require_place(path: Path, directory: Path, field: str) -> None:
    """Refuse a path whose directory cannot be made or written to."""
    if has_controls(str(path)):
        raise RequestError(field, f"= {str(path)!a} must have no control characters")
    try:
        # Asks for the path itself too: its name may be too long.
        exists = {place: place.exists() for place in (path, *path.parents)}
    except OSError as error:
        raise RequestError(field, f"= {path} cannot be written: {error.strerror}") from None
    there = next((place for place in (directory, *directory.parents) if exists[place]), directory)
    if not there.is_dir():
        raise RequestError(field, f"= {path} cannot be written: {there} is not a directory")
    if not os.access(there, os.W_OK | os.X_OK):
        raise RequestError(field, f"= {path} cannot be written: no permission to write to {there}")
    # The administrator has every permission, and some file systems take no files all the same.
    probe = there / f".{secrets.token_hex(6)}"
    try:
        os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        probe.unlink()
    except OSError as error:
        reason = f"no file can be made in {there} ({error.strerror})"
        raise RequestError(field, f"= {path} cannot be written: {reason}") from None


@contextmanager
def replacing(target: str | Path, field: str = "out") -> Iterator[Path]:
    """Path of a temporary file that takes the place of ``target`` on success.

    The temporary file lies beside the target (the rename is then atomic) and keeps
    its suffix (savers that look at the suffix work).  Missing parent directories are
    made.  When the body raises, the temporary file is removed and an existing target
    stays as it was.

    Parameters
    ----------
    target : str or Path
    field : str
        What a refusal calls it.

    Raises
    ------
    RequestError
        When the file cannot be written.
    """
    path = Path(target)
    # A leading dot keeps the temporary file out of globs and listings.
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(6)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Opened here, not by tempfile: the mode then follows the umask of the user.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise _unwritable(path, error, field) from error
    finally:
        # Not there after a successful rename; never made when its path is impossible.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError, field: str) -> RequestError:
    reason = error.strerror or str(error)
    if isinstance(error, FileExistsError | NotADirectoryError):
        reason = "one of its directories is a file"
    return RequestError(field, f"= {path} cannot be written: {reason}")


@contextmanager
def together(target: str | Path, names: Collection[str] = (), mark: str = "") -> Iterator[Path]:
    """Folder whose files take their places in ``target`` together, once all are written.

    When the body raises, those that were there stay as they were, all of one time.  Where a check
    fails, the files are good and take their places; what it says names these.

    Parameters
    ----------
    target : str or Path
    names : collection of str
        Patterns of the names of all files that may be written, as for `require_places`.
    mark : str
        Name of a file that shows that an earlier run was here: what else it left, of such names,
        goes where it has no successor.

    Raises
    ------
    RequestError
        When files cannot be written; where that is seen from what is there nothing has changed.
    """
    directory = Path(target)
    require_places(directory, names)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        made = TemporaryDirectory(prefix=".", dir=directory)
    except OSError as error:
        raise _unwritable(directory, error, "out") from error
    with made as name:
        failure = None
        try:
            yield Path(name)
        except CheckFailed as fault:
            failure = CheckFailed(str(fault).replace(name, str(directory)))
        require_places(directory, names)
        left = set(_found(directory, names) if (directory / mark).is_file() else ())
        places = {path: directory / path.relative_to(name) for path in Path(name).rglob("*")}
        try:
            for path, place in sorted(places.items()):
                if path.is_dir():
                    place.mkdir(exist_ok=True)
                else:
                    os.replace(path, place)
            for place in left.difference(places.values()):
                place.unlink()
        except OSError as error:
            raise _unwritable(place, error, "out") from error
        if failure is not None:
            raise failure


def write_bytes(target: str | Path, content: bytes, field: str = "out") -> Path:
    """Write ``content`` to ``target``, all or nothing; returns the path.

    Raises
    ------
    RequestError
        When the file cannot be written.
    """
    with replacing(target, field) as temporary:
        temporary.write_bytes(content)
    return Path(target)


def write_text(target: str | Path, content: str) -> Path:
    """Write ``content`` as UTF-8, line ends as they are, all or nothing; returns the path.

    Raises
    ------
    RequestError
        When the file cannot be written.
    """
    return write_bytes(target, content.encode("utf-8"))

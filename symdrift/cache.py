"""Derived things on disk: found again only when nothing that made them has changed."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import pickle
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from symdrift.errors import RequestError
from symdrift.files import write_bytes

Kept = TypeVar("Kept")

COMPUTED_WITH = ("sympy", "python-flint", "numpy")

_LOGGER = logging.getLogger("symdrift")


def cache_directory() -> Path | None:
    """``$SYMDRIFT_CACHE``, or a folder of symdrift's in the user's cache; None without a home."""
    chosen = os.environ.get("SYMDRIFT_CACHE")
    if chosen:
        return Path(chosen)
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        # The standard has relative paths ignored, and an unknown user has no home.
        base = Path(os.path.expanduser("~/.cache"))
    return base / "symdrift" if base.is_absolute() else None


def writable_by_others(directory: Path) -> bool:
    """Whether other users may put files into a directory, or another one in its place.

    What is unpickled runs as a program, so nothing is read from such a directory.  The
    superuser, who may write anywhere, is no other user.
    """
    if not hasattr(os, "getuid"):
        return False
    found = directory.stat()
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or found.st_uid not in (0, os.getuid()):
        return True
    above = {*directory.absolute().parents, *directory.resolve().parents}
    return any(
        mode & stat.S_IWOTH and not mode & stat.S_ISVTX
        for mode in (place.stat().st_mode for place in above)
    )


@lru_cache
def refuse_cache(directory: Path) -> None:
    """Say, once, that a directory is not used."""
    _LOGGER.warning(
        "nothing is kept in %s, where other users may write; chmod go-w helps if it is yours",
        directory,
    )


def trusted_directory() -> Path | None:
    """The cache directory, made when missing; None where others may write or the user may not."""
    directory = cache_directory()
    if directory is None:
        return None
    with suppress(OSError):
        for place in reversed((directory, *directory.parents)):
            place.mkdir(mode=0o700, exist_ok=True)
        if not writable_by_others(directory):
            return directory
        refuse_cache(directory)
    return None


def _own(path: Path) -> bytes:
    """Content of a file that belongs to the user."""
    with path.open("rb") as file:
        if hasattr(os, "getuid") and os.fstat(file.fileno()).st_uid not in (0, os.getuid()):
            raise PermissionError
        return file.read()


def cache_key(name: str, document: object) -> str:
    """Digest of what is derived, the package's source and the versions it computes with.

    Parameters
    ----------
    name : str
        What is derived.
    document : object
        What it is derived from; anything that prints as JSON.
    """
    digest = _made_by().copy()
    digest.update(json.dumps([name, document], sort_keys=True, default=str).encode())
    return digest.hexdigest()


@lru_cache
def _made_by() -> hashlib._Hash:
    """Digest of what derives in this process, which loads its source once."""
    digest = hashlib.sha256(sys.version.encode())
    for package in COMPUTED_WITH:
        digest.update(f"{package} {version(package)}".encode())
    root = Path(__file__).parent
    for source in sorted(p for kind in ("py", "js", "jinja") for p in root.rglob(f"*.{kind}")):
        digest.update(source.relative_to(root).as_posix().encode())
        digest.update(source.read_bytes())
    return digest


def cached(
    name: str, document: object, derive: Callable[[], Kept], accepts: Callable[[object], bool]
) -> Kept:
    """What is in the cache, or what is derived now and kept.

    A file that cannot be read is derived again; a cache that cannot be written is no
    reason to fail.  A folder that others may write to is not used: pickles are programs.

    Parameters
    ----------
    name : str
        What is derived.
    document : object
        What it is derived from; anything that prints as JSON.
    derive : callable
    accepts : callable
        Whether an object from the cache is what ``derive`` returns.
    """
    directory = trusted_directory()
    if directory is None:
        return derive()
    path = directory / f"{cache_key(name, document)}.pickle"
    # Whatever is wrong with a cache file, the remedy is the same: derive again.
    with suppress(Exception):
        kept: Kept = pickle.loads(_own(path))
        if accepts(kept):
            return kept
    found = derive()
    content = pickle.dumps(found)
    # SymPy may evaluate an expression while it is unpickled: what changes is not kept.
    if pickle.loads(content) == found:
        with suppress(OSError, RequestError):
            write_bytes(path, content)
    return found

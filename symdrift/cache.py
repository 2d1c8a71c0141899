"""Derived things on disk: found again only when nothing that made them has changed."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from symdrift.errors import RequestError
from symdrift.files import write_bytes

Kept = TypeVar("Kept")

COMPUTED_WITH = ("sympy", "python-flint", "numpy")


def cache_directory() -> Path:
    """``$SYMDRIFT_CACHE``, or a folder of symdrift's in the user's cache."""
    chosen = os.environ.get("SYMDRIFT_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "symdrift"


def cache_key(name: str, document: object) -> str:
    """Digest of what is derived, the package's source and the versions it computes with.

    Parameters
    ----------
    name : str
        What is derived.
    document : object
        What it is derived from; anything that prints as JSON.
    """
    digest = hashlib.sha256()
    digest.update(json.dumps([name, document], sort_keys=True, default=str).encode())
    digest.update(sys.version.encode())
    for package in COMPUTED_WITH:
        digest.update(f"{package} {version(package)}".encode())
    root = Path(__file__).parent
    for source in sorted((*root.rglob("*.py"), *root.rglob("*.jinja"))):
        digest.update(source.relative_to(root).as_posix().encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()


def cached(
    name: str, document: object, derive: Callable[[], Kept], accepts: Callable[[object], bool]
) -> Kept:
    """What is in the cache, or what is derived now and kept.

    A file that cannot be read is derived again; a cache that cannot be written is no
    reason to fail.  The folder is private to the user: pickles are programs.

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
    path = cache_directory() / f"{cache_key(name, document)}.pickle"
    # Whatever is wrong with a cache file, the remedy is the same: derive again.
    with suppress(Exception):
        kept: Kept = pickle.loads(path.read_bytes())
        if accepts(kept):
            return kept
    found = derive()
    content = pickle.dumps(found)
    # SymPy may evaluate an expression while it is unpickled: what changes is not kept.
    if pickle.loads(content) == found:
        with suppress(OSError, RequestError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_bytes(path, content)
    return found

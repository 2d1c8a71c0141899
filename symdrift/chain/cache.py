"""Derivations on disk: found again only when nothing that made them has changed."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from symdrift.derivation import Derivation
from symdrift.errors import RequestError
from symdrift.files import write_bytes
from symdrift.study import Study

COMPUTED_WITH = ("sympy", "python-flint", "numpy")


def cache_directory() -> Path:
    """``$SYMDRIFT_CACHE``, or a folder of symdrift's in the user's cache."""
    chosen = os.environ.get("SYMDRIFT_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "symdrift"


def cache_key(study: Study) -> str:
    """Digest of the study, the package's source and the versions it computes with."""
    digest = hashlib.sha256()
    digest.update(json.dumps([study.name, study.document], sort_keys=True, default=str).encode())
    digest.update(sys.version.encode())
    for package in COMPUTED_WITH:
        digest.update(f"{package} {version(package)}".encode())
    root = Path(__file__).parents[1]
    for source in sorted(root.rglob("*.py")):
        digest.update(source.relative_to(root).as_posix().encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()


def cached(study: Study, derive: Callable[[], Derivation]) -> Derivation:
    """The derivation of a study from the cache, or derived now and kept.

    A file that cannot be read is derived again; a cache that cannot be written is no
    reason to fail.  The folder is private to the user: pickles are programs.
    """
    path = cache_directory() / f"{cache_key(study)}.pickle"
    try:
        derivation = pickle.loads(path.read_bytes())
        if isinstance(derivation, Derivation):
            return derivation
    except Exception:  # any damage to a cache file means that it has to be made again
        pass
    derivation = derive()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_bytes(path, pickle.dumps(derivation))
    except (OSError, RequestError):
        return derivation
    return derivation

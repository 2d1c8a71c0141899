"""Functions compiled by Numba, with compiled code kept on disk where nobody else may write.

Numba is loaded when something is compiled.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from symdrift.cache import refuse_cache, trusted_directory, writable_by_others

Function = TypeVar("Function", bound=Callable[..., Any])

SAFE = {"error_model": "numpy"}
"""Division as NumPy has it, and no operation in another order."""


def digest(sources: Iterable[Path]) -> str:
    """Digest of files whose functions compile into one another."""
    return hashlib.sha256(b"".join(source.read_bytes() for source in sorted(sources))).hexdigest()


def compiled(function: Function, sources: str, **options: Any) -> Function:
    """Compile when first called, cached on disk; releases the interpreter lock.

    Parameters
    ----------
    function : callable
    sources : str
        Digest of all files that its pieces come from: Numba only notices changes in the file of the
        outermost function.
    **options
        Of Numba.
    """
    import numba

    result = numba.njit(nogil=True, **SAFE, **options)(function)
    # Without one, Numba keeps the code in memory only.
    if (cache := _cache_of(function, sources)) is not None:
        result._cache = cache
    kernel: Function = result
    return kernel


def inlined(function: Function, **options: Any) -> Function:
    """Compile as a part of its caller."""
    import numba

    result: Function = numba.njit(forceinline=True, **SAFE, **options)(function)
    return result


def _cache_of(function: Callable[..., Any], sources: str) -> Any:
    """Cache in the directory that the user has told Numba, beside the source, or in symdrift's.

    Numba's own choice for lack of others may be a directory that other users may write to, and
    what lies there would run.
    """
    import numba
    from numba.core.caching import FunctionCache

    class SourceCache(FunctionCache):  # type: ignore[misc]
        """An entry counts for the same sources."""

        def _index_key(self, signature: Any, codegen: Any) -> Any:
            return (*super()._index_key(signature, codegen), sources)

    chosen = numba.config.CACHE_DIR
    beside = Path(function.__code__.co_filename).parent / "__pycache__"
    with contextlib.suppress(RuntimeError, OSError):
        try:
            if chosen:
                Path(chosen).mkdir(mode=0o700, parents=True, exist_ok=True)
                if writable_by_others(Path(chosen)):
                    refuse_cache(Path(chosen))
                    return None
            elif not os.access(beside if beside.exists() else beside.parent, os.W_OK):
                if (trusted := trusted_directory()) is None:
                    return None
                numba.config.CACHE_DIR = str(trusted / "compiled")
            return SourceCache(function)
        finally:
            numba.config.CACHE_DIR = chosen
    return None

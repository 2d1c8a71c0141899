"""How much memory this process may still take, asked before anything large is begun."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from symdrift.errors import RequestError

UNKNOWN_MEMORY = 2 * 2**30
"""Bytes assumed where the system does not tell."""

RECORD_ENTRY = 56
"""Bytes of a number in an array, in the lists of a JSON record, and of its text in passing."""

DIAGONAL_TEXT, MATRIX_TEXT = 14, 32
"""Bytes of JSON of an entry of a matrix, where all but the diagonal is zero and elsewhere."""

LARGEST_TEXT = 2**36
"""Bytes of JSON that are written at most."""

PLANE_ENTRY = 450
"""Bytes of a plane of its own: its numbers, in arrays, in the lists of a record, in passing."""

LARGEST_SAID = 1000 * 2.0**50
"""Bytes that no machine has, beyond which nobody asks how many."""

_UNITS = ("", "", "MiB", "GiB", "TiB", "PiB")

_MEMORY = Path("/proc/meminfo")
_SIZES = Path("/proc/self/statm")
_GROUPS = Path("/proc/self/cgroup")
_MOUNTS = Path("/sys/fs/cgroup")


def available_memory() -> int:
    """Bytes that this process can take without swapping or being stopped.

    The least of what the machine has left and what control groups (containers, batch systems)
    and the limits of the process (``ulimit -v``) leave; `UNKNOWN_MEMORY` where nothing can be
    read.
    """
    left = [_machine_memory(_MEMORY), *_group_memory(_GROUPS, _MOUNTS), _process_memory(_SIZES)]
    return max(0, min((size for size in left if size is not None), default=UNKNOWN_MEMORY))


def require_memory(field: str, needed: int, problem: str, advice: str) -> None:
    """Refuse what does not fit, before it is begun.

    Parameters
    ----------
    field : str
        What is at fault.
    needed : int
        Bytes.
    problem, advice : str
        What is too large, up to the number that follows, and what fits.

    Raises
    ------
    RequestError
        When more is needed than `available_memory`.
    """
    available = available_memory()
    if needed > available:
        raise RequestError(
            field,
            f"{problem} about {size_needed(needed)} (available: {size_left(available)}); {advice}",
        )


def size_needed(amount: float) -> str:
    """An amount of memory in bytes with two digits, as well as it is foreseen, rounded up."""
    if amount > LARGEST_SAID:
        return "1000 PiB or more"
    return _size(amount, math.ceil)


def size_left(amount: float) -> str:
    """The same rounded down: what needs more than is left is seen to need more."""
    return _size(amount, math.floor)


def _size(amount: float, rounded: Callable[[float], int]) -> str:
    power = min(max(int(math.log2(max(amount, 1))) // 10, 2), 5)
    value = amount / 2.0 ** (10 * power)
    unit = 10.0 ** (math.floor(math.log10(value)) - 1) if value > 0 else 1.0
    return f"{rounded(round(value / unit, 9)) * unit:.12g} {_UNITS[power]}"


def record_memory(planes: int) -> int:
    """Bytes of the covariance of rotations between all planes, and of its JSON record."""
    return RECORD_ENTRY * planes**2


def _machine_memory(table: Path) -> int | None:
    """What the machine has left: Linux tells by file, other systems their installed memory."""
    for line in _lines(table):
        if line.startswith("MemAvailable:"):
            return 1024 * int(line.split()[1])
    if sys.platform != "win32" and "SC_PHYS_PAGES" in os.sysconf_names:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        return pages * size if pages > 0 and size > 0 else None
    return None


def _process_memory(sizes: Path) -> int | None:
    """What the limit on the address space of this process leaves; None without a limit."""
    if sys.platform == "win32":
        return None
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    words = " ".join(_lines(sizes)).split()
    if limit == resource.RLIM_INFINITY or not words:
        return None
    return limit - int(words[0]) * resource.getpagesize()


def _group_memory(groups: Path, mounts: Path) -> Iterator[int]:
    """What each control group above this process leaves of its limit."""
    for line in _lines(groups):
        _, controllers, path = line.split(":", 2)
        if not controllers:
            limit, usage, cache, root = "memory.max", "memory.current", "inactive_file", mounts
        elif "memory" in controllers.split(","):
            limit, usage = "memory.limit_in_bytes", "memory.usage_in_bytes"
            cache, root = "total_inactive_file", mounts / "memory"
        else:
            continue
        own = PurePosixPath(path).relative_to("/")
        # Inside a container the path may be that of the host, and the limit is at the root.
        for group in (own, *own.parents):
            most, used = _number(root / group / limit), _number(root / group / usage)
            if most is not None and used is not None:
                # Cached files are given back when memory is needed.
                yield most - used + _entry(root / group / "memory.stat", cache)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return []


def _number(file: Path) -> int | None:
    lines = _lines(file)
    return int(lines[0]) if lines and lines[0].isdecimal() else None


def _entry(file: Path, name: str) -> int:
    values = (line.split() for line in _lines(file))
    return next((int(value) for key, value in values if key == name), 0)

"""What commands print: files written, tables, progress."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from symdrift.quoting import printable

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 160
"""Columns of a table that goes to a file or a pipe."""


def announce(paths: Sequence[Path]) -> None:
    """Say which files were written."""
    for path in paths:
        typer.echo(f"wrote {printable(str(path))}")


def output_console() -> Console:
    """Console for tables; where nobody watches, wide enough for all columns."""
    from rich.console import Console

    # Names are printed as they are: neither brackets nor colons have a meaning.
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDE
    return console


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal, for whoever reports how much of how many is done."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

"""What commands print: files written, tables, progress."""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from symdrift.quoting import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Grid

    from symdrift.progress import Progress
    from symdrift.tables import Row, Table

_WIDE = 160
"""Columns of a table that goes to a file or a pipe."""

_SILENCE = 60.0
"""Seconds after which long work says how far it is."""

_SHORTEST = 0.1
"""Seconds between two looks at the clock, at least."""

_MANY = 1000
"""Rows from which on a table takes long to be drawn."""

_SOON = 1.0
"""Seconds from which work is long."""


def announce(paths: Sequence[Path]) -> None:
    """Say which files were written."""
    for path in paths:
        click.echo(f"wrote {printable(str(path))}")


def print_json(result: object) -> None:
    """Print the record of a result, or of a sequence of results, without holding its text."""
    from symdrift.records import json_parts

    sys.stdout.writelines(json_parts(result))
    click.echo()


def csv_output() -> TextIO:
    r"""Standard output for data: what its encoding lacks is written by its code, ``\u03b1``.

    Names that differ stay different, which a question mark for each would not leave them.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    return sys.stdout


def say_warnings(warnings: Iterable[str]) -> None:
    """Warnings on standard error, a line each."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


def print_result(
    result: object,
    csv_rows: Callable[[], tuple[Iterable[str], Iterable[Row]]],
    print_text: Callable[[], None],
    as_json: bool,
    as_csv: bool,
) -> None:
    """Print a result as JSON, as CSV with these columns and rows, or as text."""
    if as_json:
        print_json(result)
    elif as_csv:
        from symdrift.tables import write_csv

        write_csv(*csv_rows(), csv_output())
    else:
        print_text()


def output_console() -> Console:
    """Console for tables; where nobody watches, wide enough for all columns."""
    from rich.console import Console

    # Names are printed as they are: neither brackets nor colons have a meaning.
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDE
    return console


def print_tables(console: Console, tables: Iterable[Table]) -> None:
    """Print tables, numbers to the right; what is too long is folded."""
    for table in tables:
        if len(table.rows) <= _MANY or not _print_many(console, table):
            console.print(_grid(table, table.rows))


def _print_many(console: Console, table: Table) -> bool:
    """Print a long table as the library does, which draws only its first row; whether it could.

    It could not where cells have several lines or other than plain characters, or are folded.
    """
    cells = [text for row in table.rows for text in row]
    if not all(text.isascii() and text.isprintable() for text in cells):
        return False
    widths = [
        max(len(line) for text in column for line in text.split("\n"))
        for column in zip(table.head, *table.rows, strict=True)
    ]
    places = [f"{{:{'>' if place else '<'}{width}}}" for place, width in enumerate(widths)]
    lines = [*map(f" {'   '.join(places)} ".format, *zip(*table.rows, strict=True))]
    with console.capture() as drawn:
        console.print(_grid(table, table.rows[:1], widths))
    before, first, after = drawn.get().partition(lines[0])
    if first:
        console.file.writelines((before, "\n".join(lines), after))
    return bool(first)


def _grid(table: Table, rows: Iterable[Sequence[str]], widths: Sequence[int] = ()) -> Grid:
    """The table as the library draws it, with columns of these widths at least."""
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    def cell(text: str) -> Text:
        # Lines of plain text: brackets are no markup, and colons no pictures.
        return Text("\n".join(map(printable, text.split("\n"))))

    grid = Grid(
        title=table.title,
        title_justify="left",
        caption=table.caption or None,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for place, heading in enumerate(table.head):
        grid.add_column(
            cell(heading),
            justify="right" if place else "left",
            overflow="fold",
            min_width=widths[place] if widths else None,
        )
    for row in rows:
        grid.add_row(*map(cell, row))
    return grid


@contextmanager
def progress_shown(what: str) -> Iterator[Progress]:
    """Show how far long work is: a bar on a terminal; elsewhere a line for each stage.

    Stages are what the library logs, with its warnings.  A stage that lasts gets a line a minute.
    """
    import logging

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            message = printable(record.getMessage())
            if record.levelno > logging.INFO:
                print(f"warning: {message}", file=sys.stderr)
            else:
                show(message)

    logger, handler = logging.getLogger("symdrift"), Handler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.markup import escape
            from rich.progress import Progress as Bar

            with Bar(console=Console(stderr=True), transient=True) as bar:
                task = bar.add_task(what, total=None)

                def show(stage: str) -> None:
                    bar.update(task, description=escape(stage))

                yield lambda done, total: bar.update(task, completed=done, total=total)
        else:
            lines = _Lines(what)
            show = lines.say
            ended = threading.Event()
            threading.Thread(target=lines.watch, args=(ended,), daemon=True).start()
            try:
                yield lines.progress
            finally:
                ended.set()
            lines.flush()
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class _Lines:
    """Progress for a file or a batch system, each line with the seconds since the beginning.

    Work that is soon done, or refused, says nothing.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._start = self._last = time.monotonic()
        self._held: list[str] = []
        self._stage, self._reached = what, ""

    def watch(self, ended: threading.Event) -> None:
        """Until the end, name what lasts: there are stages in which nobody calls."""
        if not ended.wait(min(1.1 * _SOON, _SILENCE)):
            self.flush()
        while not ended.wait(max(0.25 * _SILENCE, _SHORTEST)):
            if self._last == self._start:
                self.say(self._what)
            elif time.monotonic() - self._last > _SILENCE:
                self._say_again()

    def say(self, stage: str, again: bool = False) -> None:
        if not again:
            self._stage, self._reached = stage, ""
        self._last = time.monotonic()
        self._held.append(f"{self._last - self._start:6.0f} s  {stage}")
        self.flush()

    def progress(self, done: int, total: int) -> None:
        share = done / max(total, 1)
        # A share that is small has two digits too.
        self._reached = f"{share:.0%}" if share >= 0.1 else f"{100 * share:.2g}%"
        if time.monotonic() - self._last > _SILENCE:
            self._say_again()
        self.flush()

    def _say_again(self) -> None:
        reached = (
            f"{self._what}: {self._reached}" if self._reached else f"{self._stage}: not done yet"
        )
        self.say(reached, again=True)

    def flush(self) -> None:
        if self._held and time.monotonic() - self._start > _SOON:
            held, self._held = self._held, []
            print("\n".join(held), file=sys.stderr)

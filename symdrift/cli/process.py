"""The process around a command: streams that may be gone or narrow, signals that end it."""

from __future__ import annotations

import io
import logging
import os
import select
import signal
import sys
import threading
from _thread import interrupt_main
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_ENDING = ("SIGTERM", "SIGHUP")
"""Signals that end a command as an interrupt from the keyboard does."""

_AGAIN = 0.05
"""Seconds after which an interrupt that was lost comes again."""


class Output(io.RawIOBase):
    """A stream of bytes behind which the command goes on when nothing can be written any more.

    So that results which cannot be printed do not take with them those that go to files.

    Parameters
    ----------
    stream : TextIO
        What is opened on the same file.

    Attributes
    ----------
    failure : str or None
        Why output was lost.  A reader who has seen enough, and closed the pipe, is no failure.
    """

    def __init__(self, stream: TextIO) -> None:
        # Kept: it would close the file when nobody refers to it.
        self._stream = stream
        # Unbuffered (python -u), its stream of bytes is the raw one itself.
        self._raw: Any = getattr(stream.buffer, "raw", stream.buffer)
        self._gone = False
        self.failure: str | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def isatty(self) -> bool:
        return bool(self._raw.isatty())

    def write(self, data: ReadableBuffer, /) -> int:
        size = memoryview(data).nbytes
        try:
            while not self._gone:
                written: int | None = self._raw.write(data)
                if written is not None:
                    return written
                # Another program has made a shared terminal non-blocking.
                select.select([], [self._raw], [])
        except OSError as error:
            self._gone = True
            if not isinstance(error, BrokenPipeError):
                self.failure = error.strerror or str(error)
        return size


def prepare_environment() -> None:
    """What a user has set up for other programs does not reach what is computed and drawn here.

    Figures are drawn to files, in one style, whatever window notebooks or settings ask for; the
    simulator is compiled and has its own number of threads.
    """
    os.environ.update(MPLBACKEND="agg", MATPLOTLIBRC=os.devnull)
    # What it says about fonts and folders of its own is of no use to the user of a command.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    for name in ("NUMBA_DISABLE_JIT", "NUMBA_NUM_THREADS"):
        os.environ.pop(name, None)
    # The standard has relative paths ignored; Matplotlib would make a folder here.
    if not os.path.isabs(os.environ.get("XDG_CACHE_HOME", "")):
        os.environ.pop("XDG_CACHE_HOME", None)


def prepare_streams() -> Output:
    """Make the standard streams usable, whatever the process was started with.

    A closed stream is opened on the null device, so that no other file gets its number, and
    characters that an encoding lacks are replaced.

    Returns
    -------
    Output
        Behind ``sys.stdout``; knows afterwards whether anything was lost.
    """
    # Writing to what is open for reading fails: closed output is told from output to nowhere.
    for number, (name, mode) in enumerate(
        (("stdin", os.O_RDONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY))
    ):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, mode)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8"))
    sys.stderr = _text(Output(sys.stderr), sys.stderr, "backslashreplace", True)
    output = Output(sys.stdout)
    sys.stdout = _text(output, sys.stdout, "replace", sys.stdout.isatty())
    return output


def _text(output: Output, stream: TextIO, errors: str, by_lines: bool) -> io.TextIOWrapper:
    """Stream of text over an output, in the encoding of another."""
    bytes_stream = io.BufferedWriter(output)
    return io.TextIOWrapper(bytes_stream, stream.encoding, errors, line_buffering=by_lines)


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """Let the signals that end a process interrupt it as the keyboard does.

    Yields
    ------
    list of int
        Numbers of those that came.
    """
    received: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    def again(lost: sys.UnraisableHookArgs) -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt):
            # Nothing can be raised in what a compiler calls back: it comes again a little later.
            number = received[-1] if received else signal.SIGINT
            threading.Timer(_AGAIN, interrupt_main, (number,)).start()
        else:
            sys.__unraisablehook__(lost)

    handled = []
    sys.unraisablehook = again
    for name in _ENDING:
        number = getattr(signal, name, None)
        # What is ignored, as under nohup, stays so.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, interrupt)
            handled.append(number)
    try:
        yield received
    finally:
        sys.unraisablehook = sys.__unraisablehook__
        for number in handled:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def held_back() -> Iterator[None]:
    """Let an interrupt wait until what was measured is printed; a second one does not wait."""
    waiting: list[int] = []
    ending = (getattr(signal, name, None) for name in ("SIGINT", *_ENDING))
    # What is ignored, as under nohup, stays so; other threads than the first get no signals.
    own = threading.current_thread() is threading.main_thread()
    handlers = {
        number: handler
        for number in ending
        if own and number is not None and callable(handler := signal.getsignal(number))
    }

    def wait(number: int, frame: FrameType | None) -> None:
        if waiting:
            handlers[number](number, frame)
        waiting.append(number)

    for number in handlers:
        signal.signal(number, wait)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if waiting:
            signal.raise_signal(waiting[0])

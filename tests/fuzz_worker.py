"""A process in which commands run one after another, each in an empty folder and within bounds.

The process believes that the machine has `MEMORY` left, so that what a command may take is known,
and is killed by the system when one run takes more than its processor time.
"""

from __future__ import annotations

import faulthandler
import io
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

MEMORY = 2**30
"""Bytes that the machine pretends to have left."""
ADDRESSES = 12 * 2**30
"""Bytes of addresses; libraries reserve far more than they use."""
SILENCE = 600.0
"""Seconds on the clock after which a run that takes no processor time counts as hung."""


@dataclass(frozen=True)
class Request:
    """A command line and the files that it finds in the folder it runs in.

    ``kind`` says what is tried; ``seconds`` is the processor time that it may take.
    """

    kind: str
    arguments: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    seconds: int = 30

    def __str__(self) -> str:
        shown = ["symdrift " + " ".join(map(_shown, self.arguments))]
        for name, content in self.files.items():
            text = content.decode("utf-8", "backslashreplace")
            shown.append(f"--- {name}\n{text if len(text) < 4000 else text[:4000] + ' ...'}")
        return "\n".join(shown)


def _shown(word: str) -> str:
    text = ascii(word)
    return text if len(text) < 400 else f"{text[:300]} ... ({len(word)} characters)"


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    ``raised`` is the traceback of what came out of it, ``killed`` says why it did not end,
    ``written`` are the files that differ from the request's, ``memory`` is in bytes beyond what
    the process held before.
    """

    code: int | None = None
    out: str = ""
    err: str = ""
    raised: str = ""
    killed: str = ""
    warned: tuple[str, ...] = ()
    written: Mapping[str, bytes] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    seconds: float = 0.0
    memory: int = 0


Run = Callable[[Sequence[str]], int]


class Worker:
    """Runs requests in a process of its own, which it replaces when a request kills it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fuzz_")
        self._process: Any = None
        self._pipe: Connection[Request, Outcome] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._folder.cleanup()

    def run(self, request: Request) -> Outcome:
        """Outcome of a request, whatever it does."""
        if self._pipe is None:
            self._start()
        assert self._pipe is not None
        try:
            self._pipe.send(request)
            if self._pipe.poll(SILENCE):
                return self._pipe.recv()
            reason = f"silent for {SILENCE:g} seconds"
        except (EOFError, OSError):
            self._process.join(10)
            reason = f"ended with {self._process.exitcode}"
        stack = self._stack.read_text(encoding="utf-8") if self._stack.exists() else ""
        self._stop()
        return Outcome(killed=f"{reason}\n{stack}")

    @property
    def _stack(self) -> Path:
        return Path(self._folder.name) / "stack"

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, end = context.Pipe()
        self._process = context.Process(target=_serve, args=(end, self._folder.name), daemon=True)
        self._process.start()
        end.close()

    def _stop(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._process.kill()
            self._process.join()
            self._pipe = None


def _serve(pipe: Connection[Outcome, Request], folder: str) -> None:
    # Tests share what they have derived; by hand, nothing in the user's own cache is relied on.
    os.environ.setdefault("SYMDRIFT_CACHE", os.path.join(folder, "cache"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    meminfo = Path(folder) / "meminfo"
    meminfo.write_text(f"MemAvailable: {MEMORY // 1024} kB\n", encoding="ascii")
    from symdrift.cli import program

    with (
        open(os.path.join(folder, "stack"), "w", encoding="utf-8") as stack,
        patch("symdrift.memory._MEMORY", meminfo),
        suppress(EOFError, BrokenPipeError),
    ):
        faulthandler.register(signal.SIGXCPU, stack, chain=True)
        while True:
            request = pipe.recv()
            run = _expression if request.kind == "expression" else program.run
            with tempfile.TemporaryDirectory(prefix="run_", dir=folder) as place:
                pipe.send(_outcome(run, request, Path(place)))


def _outcome(run: Run, request: Request, place: Path) -> Outcome:
    for name, content in request.files.items():
        (place / name).write_bytes(content)
    os.chdir(place)
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    err.reconfigure(errors="backslashreplace")
    code, raised = None, ""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, start = _memory("VmRSS"), time.process_time()
    used = time.process_time()
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + request.seconds + 1, -1))
    with (
        warnings.catch_warnings(record=True) as warned,
        patch.object(sys, "stdout", out),
        patch.object(sys, "stderr", err),
    ):
        warnings.simplefilter("always")
        # As in the settings of pytest: Matplotlib calls its parser by deprecated names.
        for module in ("matplotlib", "pyparsing"):
            warnings.filterwarnings("ignore", category=DeprecationWarning, module=module)
        try:
            code = run(request.arguments)
        except BaseException:
            raised = traceback.format_exc()
    seconds, memory = time.process_time() - start, _memory("VmHWM") - before
    os.chdir(place.parent)
    after = {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file()
    }
    return Outcome(
        code=code,
        out=_text(out),
        err=_text(err),
        raised=raised,
        warned=tuple(f"{entry.category.__name__}: {entry.message}" for entry in warned),
        written={name: after[name] for name in after if request.files.get(name) != after[name]},
        lost=tuple(name for name in request.files if name not in after),
        seconds=seconds,
        memory=memory,
    )


def _text(stream: io.TextIOWrapper[io.BytesIO]) -> str:
    with suppress(ValueError):
        stream.flush()
        return stream.buffer.getvalue().decode("utf-8", "backslashreplace")
    return ""


def _memory(entry: str) -> int:
    """Bytes that the process holds (``VmRSS``), or held at most (``VmHWM``)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(entry):
            return 1024 * int(line.split()[1])
    return 0


def _expression(arguments: Sequence[str]) -> int:
    """Read an expression, print it and read that: the same symbols and the same value."""
    from symdrift.errors import RequestError
    from symdrift.expressions import parse

    try:
        expression = parse(arguments[0], "inputs.covariance")
    except RequestError as error:
        print(f"symdrift: {error}.", file=sys.stderr)
        return 2
    again = parse(str(expression))
    assert again.symbols == expression.symbols, f"{expression} has other symbols than it had"
    for base in (0.7, 1.3, 2.1):
        values = {name: base + 0.1 * k for k, name in enumerate(expression.symbols)}
        here, there = (_value(entry, values) for entry in (expression, again))
        assert here == there, f'{here} was "{expression}", which is {there}'
    return 0


def _value(expression: Any, values: Mapping[str, float]) -> float | None:
    from symdrift.errors import RequestError

    try:
        return float(expression.evaluate(values))
    except RequestError:
        return None

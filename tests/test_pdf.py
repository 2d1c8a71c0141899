"""TeX that fails, hangs or is interrupted: its own words are shown, and nothing is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from documents_example import example_derivation

from symdrift.cli import run
from symdrift.documents import pdf, writing
from symdrift.documents.pdf import compile_pdf, compile_pdfs
from symdrift.files import write_text

EXAMPLE = example_derivation()
LOG = r"""This is pdfTeX
! Undefined control sequence.
l.12 \nonsense
               {x}
!  ==> Fatal error occurred, no output PDF file produced!
"""
FORMAT = "I can't find the format file `pdflatex.fmt'!"
FAILURES = {
    "error": (
        f"cat > \"$build/$stem.log\" <<'EOF'\n{LOG}EOF\n",
        r"! Undefined control sequence. (l.12 \nonsense)",
    ),
    "format": (f"cat <<'EOF'\n{FORMAT}\nsee the manual\nEOF", FORMAT),
    "silent": ("echo one; echo two >&2; echo three; echo four", "two three four"),
}


@pytest.fixture
def fake_tex(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where ``pdflatex`` is a shell script, and ``latexmk`` is missing."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("cat", "sleep", "touch", "sh"):
        found = next(
            Path(place, name) for place in ("/bin", "/usr/bin") if Path(place, name).exists()
        )
        (programs / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("SYMDRIFT_CACHE", str(tmp_path / "kept"))
    return programs / "pdflatex"


def script(path: Path, body: str) -> None:
    path.write_text(
        "#!/bin/sh\n"
        'for word; do case "$word" in -output-directory=*) build="${word#*=}";; esac; done\n'
        f'stem="${{word%.tex}}"\n{body}\nexit 1\n'
    )
    path.chmod(0o755)


@pytest.mark.parametrize("kind", sorted(FAILURES))
def test_the_words_of_tex_are_shown_and_what_needs_no_tex_is_written(
    kind: str,
    fake_tex: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    body, words = FAILURES[kind]
    script(fake_tex, body)
    monkeypatch.setattr(writing, "derive", lambda study, *progress, certified: EXAMPLE)
    out = tmp_path / "out"
    arguments = ["derive", "bottleneck", "--out", str(out), "--format"]
    assert run([*arguments, "tex,html,pdf,fragment,sheet"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("symdrift: ")
    assert "derivation.tex does not compile cleanly" in error
    assert "sheet.tex does not compile cleanly" in error
    assert words in error
    assert f"what needs no TeX was written to {out}" in error
    assert {path.name for path in out.iterdir()} == {
        *("derivation.html", "derivation.tex", "fragment.tex", "sheet.tex", "references.bib"),
        "kernels.py",
    }


def test_a_missing_package_is_named_and_no_error(
    fake_tex: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = "! LaTeX Error: File `longtable.sty' not found."
    script(fake_tex, f'echo "{log.replace("`", chr(92) + "`")}" > "$build/$stem.log"')
    monkeypatch.setattr(writing, "derive", lambda study, *progress, certified: EXAMPLE)
    assert run(["derive", "bottleneck", "--out", str(tmp_path / "out")]) == 0
    assert log in caplog.text
    assert "derivation.pdf was not built" in caplog.text


def running(mark: str) -> bool:
    """Whether a process has this as an argument."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "cmdline").read_text(errors="replace").split("\0"):
                return True
        except OSError:
            continue
    return False


def gone(mark: str) -> bool:
    """Whether no process has this as an argument, soon."""
    end = time.monotonic() + 10
    while running(mark):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")


@needs_proc
def test_what_takes_too_long_is_stopped_with_all_that_it_has_started(
    fake_tex: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(fake_tex, "sleep 3217 & sleep 3217")
    monkeypatch.setattr(pdf, "_TIMEOUT", 1.0)
    result = compile_pdf(write_text(tmp_path / "a.tex", "x"))
    assert result.errors == ("pdflatex did not finish within 1 s",)
    assert gone("3217")


@needs_proc
def test_stopping_one_of_several_stops_all(fake_tex: Path, tmp_path: Path) -> None:
    """A signal reaches the main thread alone; TeX runs in others."""
    script(fake_tex, "sleep 4217")
    sources = [write_text(tmp_path / f"{name}.tex", "x") for name in "abcd"]
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        compile_pdfs(sources)
    assert time.monotonic() - start < 30
    assert gone("4217")


@pytest.mark.slow
@needs_proc
def test_sigterm_stops_tex_and_leaves_no_temporary_files(fake_tex: Path, tmp_path: Path) -> None:
    script(fake_tex, f'touch "{tmp_path}/begun"; sleep 5217 & sleep 5217')
    folder = tmp_path / "temporary"
    folder.mkdir()
    code = (
        "import sys\n"
        "from symdrift.cli import main\n"
        "from symdrift.documents import writing\n"
        "from documents_example import example_derivation\n"
        "writing.derive = lambda study, *progress, certified: example_derivation()\n"
        "sys.argv = ['symdrift', 'derive', 'bottleneck', '--out', sys.argv[1]]\n"
        "main()\n"
    )
    out = tmp_path / "out"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(out)],
        cwd=Path(__file__).parent,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not (tmp_path / "begun").exists() and process.poll() is None:
            time.sleep(0.05)
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    assert said.endswith("before it was done; files that were written are whole.\n")
    assert gone("5217")
    assert list(folder.iterdir()) == []
    assert not [path for path in out.iterdir() if path.name.startswith(".")]

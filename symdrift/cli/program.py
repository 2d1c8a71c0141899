"""The program ``symdrift``: its commands, and how failures end it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from symdrift.cli.compare import compare
from symdrift.cli.derive import derive
from symdrift.cli.evaluate import evaluate
from symdrift.cli.lesson import lesson
from symdrift.cli.observe import observe
from symdrift.cli.process import interruptible, prepare_environment, prepare_streams
from symdrift.cli.report import report
from symdrift.cli.simulate import simulate
from symdrift.cli.studies import list_studies
from symdrift.cli.validate import validate
from symdrift.errors import CheckFailed, RequestError
from symdrift.quoting import printable

_LONGEST_WORD = 300
"""Characters of a word in a refusal; paths may be as long."""

app = typer.Typer(
    name="symdrift",
    help="Derive, evaluate and check how the hidden representations of a trained two-layer "
    "linear network drift under SGD noise.",
    epilog="Example: symdrift evaluate anisotropic_autoencoder.  Exit codes: 0 done, 1 a check or "
    "validation failed, 2 the request was wrong or its output could not be printed, 130 "
    "interrupted, 143 ended by SIGTERM.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from symdrift import __version__

        typer.echo(f"symdrift {__version__}")
        raise typer.Exit


@app.callback()
def _symdrift(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Options that stand before a command."""


app.command("list", epilog="Example: symdrift list")(list_studies)
app.command(epilog="Example: symdrift derive anisotropic_autoencoder --format tex,html")(derive)
app.command(
    epilog="Example: symdrift evaluate anisotropic_autoencoder --set gamma=0.2 "
    "--sweep lambda_3=0.4:0.9:6 --csv"
)(evaluate)
app.command(
    epilog="Example: symdrift simulate bottleneck --steps 100000 --replicas 64 --out bottleneck.npz"
)(simulate)
app.command(epilog="Example: symdrift validate anisotropic_autoencoder --precision 0.02 --json")(
    validate
)
app.command(epilog="Example: symdrift observe digits --times 1e3:4e7:121:log --plot digits.pdf")(
    observe
)
app.command(epilog="Example: symdrift compare synaptic_noise --csv")(compare)
app.command(epilog="Example: symdrift report anisotropic_autoencoder")(report)
app.command(epilog="Example: symdrift lesson anisotropic_autoencoder --students 20")(lesson)


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str
        What follows ``symdrift`` on the command line; nothing stands for ``--help``.

    Returns
    -------
    int
        Exit code: 0 done, 1 a check or validation failed, 2 the request was wrong,
        130 interrupted.
    """
    try:
        code = app(list(arguments) or ["--help"], prog_name="symdrift", standalone_mode=False)
    except RequestError as error:
        return _refuse(str(error), 2)
    except CheckFailed as error:
        return _refuse(str(error), 1)
    except MemoryError as error:
        return _refuse(f"there is too little memory for this request: {error}", 2)
    except typer.TyperException as error:
        return _refuse(error.format_message(), 2)
    except OSError as error:
        return _refuse(f"the system refused: {error}", 2)
    if code == 130:
        return _refuse("interrupted before it was done; files that were written are whole", 130)
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the command that the process was started with.

    A signal that ends the process saves what an interrupt saves; the exit code is then 128 and
    its number.  Output that nobody can read is an error, but for a reader who has left.
    """
    prepare_environment()
    output = prepare_streams()
    with interruptible() as received:
        try:
            code = run(sys.argv[1:])
            sys.stdout.flush()
        except KeyboardInterrupt:
            code = _refuse("interrupted before it was done; files that were written are whole", 130)
    if code == 130 and received:
        code = 128 + received[0]
    if output.failure is not None:
        code = _refuse(f"standard output cannot be written to: {output.failure}", code or 2)
    sys.exit(code)


def _refuse(message: str, code: int) -> int:
    # The parser of arguments quotes them in full.
    words = (word if len(word) <= _LONGEST_WORD else f"{word[:57]}..." for word in message.split())
    sentence = printable(" ".join(words))
    print(f"symdrift: {sentence}{'' if sentence[-1:] in '.?!' else '.'}", file=sys.stderr)
    return code

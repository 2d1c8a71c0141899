"""The program ``symdrift``: its commands, and how failures end it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

import click

from symdrift import __version__
from symdrift.cli.compare import compare
from symdrift.cli.derive import derive
from symdrift.cli.evaluate import evaluate
from symdrift.cli.fit import fit
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


@click.group(
    help="Derive, evaluate and check how the hidden representations of a trained two-layer linear "
    "network drift under SGD noise.",
    epilog="Example: symdrift evaluate anisotropic_autoencoder.  Exit codes: 0 done, 1 a check or "
    "validation failed, 2 the request was wrong or its output could not be printed, 130 "
    "interrupted, 143 ended by SIGTERM.",
    context_settings={"show_default": True},
)
@click.version_option(__version__, message="symdrift %(version)s", help="Print the version.")
def app() -> None:
    """Commands, below the options that stand before one."""


for command in (
    list_studies,
    derive,
    evaluate,
    simulate,
    validate,
    observe,
    compare,
    fit,
    report,
    lesson,
):
    app.add_command(command)


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
        with app.make_context("symdrift", list(arguments) or ["--help"]) as context:
            app.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except RequestError as error:
        return _refuse(str(_by_option(error, arguments)), 2)
    except CheckFailed as error:
        return _refuse(str(error), 1)
    except MemoryError as error:
        return _refuse(f"there is too little memory for this request: {error}", 2)
    except click.ClickException as error:
        return _refuse(error.format_message(), 2)
    except OSError as error:
        return _refuse(f"the system refused: {error}", 2)
    except KeyboardInterrupt:
        return _refuse("interrupted before it was done; files that were written are whole", 130)
    return 0


def _by_option(error: RequestError, arguments: Sequence[str]) -> RequestError:
    """The refusal of an argument of the library under the name of its option, dashes included."""
    command = app.commands.get(arguments[0]) if arguments else None
    names = [name for option in command.params for name in option.opts] if command else []
    given = {name for name in names if name in {word.partition("=")[0] for word in arguments}}
    # A minimum is a field of a study; the option sets it.
    field = "minimum" if error.field == "learning.minimum" else error.field
    name = f"--{field.replace('_', '-')}"
    known = given if field != error.field else names
    return RequestError(name, error.problem) if name in known else error


def main() -> None:
    """Run the command that the process was started with.

    A signal that ends the process saves what an interrupt saves; the exit code is then 128 and
    its number.  Output that nobody can read is an error, but for a reader who has left.
    """
    # Modules and pictures are many objects, few of which are ever dropped: to look through them
    # after each 700 new ones takes a twentieth of a short command.
    gc.set_threshold(10_000)
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

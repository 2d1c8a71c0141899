"""From what stands on the command line to objects of the library."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from symdrift.errors import RequestError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from symdrift.study import Study


def chosen_study(name: str, assignments: Sequence[str], minimum: int | None = None) -> Study:
    """Study of that name or path, with the assignments ``PATH=VALUE`` made, at that minimum.

    Raises
    ------
    RequestError
        When the study or an assignment is refused.
    """
    from symdrift.study import read_study

    values: dict[str, str | float] = {}
    if minimum is not None:
        values["learning.minimum"] = minimum
    for text in assignments:
        path, equals, value = text.partition("=")
        if not equals or not path.strip() or not value.strip():
            raise RequestError("--set", f'"{text[:80]}" must have the form PATH=VALUE')
        if path.strip() in values:
            raise RequestError("--set", f"sets {path.strip()} twice")
        values[path.strip()] = value.strip()
    study = read_study(name)
    return study.with_values(values) if values else study


def plain_study(name: str, assignments: Sequence[str], minimum: int | None = None) -> Study:
    """The same, for what takes two-layer SGD only: refused before anything is begun."""
    from symdrift.study.learning_rules import require_plain

    study = chosen_study(name, assignments, minimum)
    require_plain(study)
    return study


def require_one_format(as_json: bool, as_csv: bool) -> None:
    """Refuse JSON and CSV at once."""
    if as_json and as_csv:
        raise RequestError("--json", "and --csv exclude each other; give one of them")


def require_alone(option: str, allowed: Collection[str]) -> None:
    """Refuse all options of this command beside one, but for those whose parameters are allowed."""
    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name) is not ParameterSource.DEFAULT
        if given and name not in allowed and parameter.opts[0] != option:
            raise RequestError(option, f"has no use for {parameter.opts[0]}; leave one of them out")


def require_days(steps_per_day: float | None, as_csv: bool) -> None:
    """Refuse days in CSV, which is per step."""
    if steps_per_day is not None and as_csv:
        raise RequestError("--steps-per-day", "and --csv exclude each other: CSV is per step")


def require_json(option: str, given: bool, as_json: bool) -> None:
    """Refuse an option about JSON where no JSON is printed."""
    if given and not as_json:
        raise RequestError(option, "is about JSON: give --json too")


def output_directory(out: Path | None, study: Study, names: Collection[str] = ()) -> Path:
    """Directory that the documents of a study go to, files of such names.

    Raises
    ------
    RequestError
        When nothing, or not all of these, can be written there.
    """
    from symdrift.files import require_directory, require_places

    directory = out if out is not None else Path("generated") / study.name
    require_directory(directory, "--out")
    require_places(directory, names, "--out")
    return directory


@contextmanager
def dask_executor(address: str | None) -> Iterator[Executor | None]:
    """The workers of a Dask cluster; without an address none."""
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise RequestError("--dask", "needs Dask: pip install 'symdrift[executors]'") from None
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise RequestError("--dask", f'= "{address}" cannot be reached: {error}') from error
    with client:
        yield client.get_executor()

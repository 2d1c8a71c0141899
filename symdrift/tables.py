"""Evaluations as tables: flat records, CSV, and what a terminal shows."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from symdrift.evaluation import SIGNS, Drift, Evaluation, StimulusDrift, StimulusEvaluation
from symdrift.inputs import input_facts
from symdrift.quoting import csv_cell, printable

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from symdrift.comparisons import ComparedStudy
    from symdrift.observables import Observation
    from symdrift.sweeps import SweepPoint
    from symdrift.validation import Validation

_LAGS = 10
_UNITS_OF_RATES = {"rotation variance": "rad^2/step", "steady rotation": "rad/step"}
"""Of a comparison; other rates are per step."""
"""Lags that the table of an observation shows."""
_INDEX = re.compile(r"\.\d+(-\d+)?$")
Record = dict[str, float | int | str]


def quantities(evaluation: Evaluation | StimulusEvaluation) -> Record:
    """Every number of an evaluation by a dotted name, in the order of the theory.

    Of the covariance of rotations only the diagonal is listed, by plane (``1-2``).
    """
    minimum, fluctuation = evaluation.minimum, evaluation.fluctuation
    record: Record = {
        "minimum.rank": minimum.rank,
        "minimum.loss": minimum.loss,
        "minimum.hessian_min": minimum.hessian_min,
        "minimum.hessian_max": minimum.hessian_max,
    }
    for index, value in enumerate(minimum.singular_values, start=1):
        record[f"minimum.singular_values.{index}"] = float(value)
    record["fluctuation.weight_variance"] = fluctuation.weight_variance
    record["fluctuation.excess_loss"] = fluctuation.excess_loss
    if isinstance(evaluation, Evaluation):
        record |= _drift_quantities(evaluation.drift)
    for stimulus in evaluation.stimuli:
        record[f"stimuli.{stimulus.name}.squared_norm"] = stimulus.squared_norm
        record[f"stimuli.{stimulus.name}.diffusion"] = stimulus.diffusion
        record[f"stimuli.{stimulus.name}.decay_rate"] = stimulus.decay_rate
        record[f"stimuli.{stimulus.name}.mean_speed"] = stimulus.mean_speed
    return record


def _drift_quantities(drift: Drift) -> Record:
    record: Record = {}
    for name, values in (
        ("covariance", drift.variances),
        ("diffusion", drift.diffusion),
        ("mean_rotation", drift.mean_rotation),
    ):
        for (i, j), value in zip(drift.planes, values, strict=True):
            record[f"drift.{name}.{i}-{j}"] = float(value)
    return record


def parameters(point: SweepPoint) -> Record:
    """Parameters of a point: where it lies, its symbols, and the single-valued settings."""
    settings = {
        name: value
        for name, value in point.evaluation.parameters.items()
        if isinstance(value, (int, float, str))
    }
    return {**point.swept, **point.symbols, **settings}


def write_csv(points: Sequence[SweepPoint], stream: TextIO) -> None:
    """Write one row per point, one column per parameter and per quantity.

    Quantities that exist at some points only (the rank may change) are blank elsewhere.
    """
    # Made twice rather than held: a row takes many times the memory of its numbers.
    columns = _columns(map(_row, points))
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(csv_cell, columns))
    for row in map(_row, points):
        writer.writerow([csv_cell(row.get(name, "")) for name in columns])


def _row(point: SweepPoint) -> Record:
    evaluation = point.evaluation
    return {
        **parameters(point),
        "method": evaluation.method,
        "approximation": evaluation.approximation,
        **quantities(evaluation),
    }


def _columns(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """Names of all rows: kinds in order of appearance, indices of one kind in order."""
    kinds: dict[str, int] = {}
    order: dict[str, tuple[int, list[int]]] = {}
    for row in rows:
        for name in row:
            index = _INDEX.search(name)
            kind = name[: index.start()] if index else name
            numbers = [int(part) for part in index.group()[1:].split("-")] if index else []
            order[name] = (kinds.setdefault(kind, len(kinds)), numbers)
    return sorted(order, key=order.__getitem__)


def evaluation_tables(evaluation: Evaluation | StimulusEvaluation) -> list[Table]:
    """Tables of one evaluation for a terminal."""
    tables = [*_inputs_table(evaluation), _overview_table(evaluation)]
    if isinstance(evaluation, Evaluation):
        tables.append(_drift_table(evaluation.drift))
    return [*tables, _stimulus_table(evaluation.stimuli)]


def _inputs_table(evaluation: Evaluation | StimulusEvaluation) -> Iterator[Table]:
    """What was read, and which share of the inputs is their mean, where they are data."""
    record = evaluation.parameters["input_distribution"]
    facts = list(input_facts(record))
    if facts:
        table = _table("Inputs", ("what", "value"))
        if "file" in record:
            _add(table, "file", record["file"])
        for what, value in facts:
            _add(table, what, value)
        yield table


def _overview_table(evaluation: Evaluation | StimulusEvaluation) -> Table:
    minimum, fluctuation = evaluation.minimum, evaluation.fluctuation
    overview = _table("Minimum and fluctuation", ("quantity", "value", "unit"))
    _add(overview, "rank", str(minimum.rank), "")
    singular_values = ", ".join(_shown(value) for value in minimum.singular_values)
    _add(overview, "singular values", singular_values, "")
    _add(overview, "loss at the minimum", _shown(minimum.loss), "")
    _add(overview, "smallest normal Hessian eigenvalue", _shown(minimum.hessian_min), "")
    _add(overview, "largest Hessian eigenvalue", _shown(minimum.hessian_max), "")
    if minimum.certificate is not None:
        for quantity, number in (
            ("gradient left, relative", minimum.certificate.gradient_norm),
            ("duality gap, relative", minimum.certificate.duality_gap),
            ("next best stationary point, relative", minimum.certificate.runner_up),
        ):
            if number is not None:
                _add(overview, quantity, f"{number:.1g}", "")
    _add(overview, "weight variance, tr Gamma", _shown(fluctuation.weight_variance), "")
    _add(overview, "excess loss", _shown(fluctuation.excess_loss), "")
    return overview


def _drift_table(drift: Drift) -> Table:
    planes = _table(
        "Drift by plane of the hidden layer",
        (
            "plane",
            "covariance V\nrad^2/step",
            "diffusion V/2\nrad^2/step",
            "mean rotation\nrad/step",
        ),
    )
    rows = zip(
        drift.planes, drift.variances, drift.diffusion, drift.mean_rotation, strict=True
    )
    for (i, j), *values in rows:
        _add(planes, f"{i}, {j}", *(_shown(value) for value in values))
    if drift.mean_rotation.any():
        planes.caption, planes.caption_justify = SIGNS, "left"
    return planes


def _stimulus_table(stimuli: Sequence[StimulusDrift]) -> Table:
    table = _table(
        "Drift by stimulus",
        (
            "stimulus",
            "squared norm",
            "diffusion\n1/step",
            "decay rate\n1/step",
            "mean speed\n1/step",
        ),
    )
    for stimulus in stimuli:
        _add(
            table,
            stimulus.name,
            _shown(stimulus.squared_norm),
            _shown(stimulus.diffusion),
            _shown(stimulus.decay_rate),
            _shown(stimulus.mean_speed),
        )
    return table


def sweep_table(points: Sequence[SweepPoint], most_columns: int) -> tuple[Table, int]:
    """Table of a sweep, and how many of its quantities did not fit.

    One row per point: where it lies, then the diffusion of each plane (rad^2/step) and
    the decay rate of each stimulus (1/step).
    """
    rows = [
        {
            name: value
            for name, value in quantities(point.evaluation).items()
            if name.startswith("drift.diffusion") or name.endswith(".decay_rate")
        }
        for point in points
    ]
    names = _columns(rows)
    axes = list(points[0].swept)
    shown = names[: max(most_columns - len(axes), 1)]
    table = _table("Diffusion and decay rates", (*axes, *map(_heading, shown)))
    for point, row in zip(points, rows, strict=True):
        cells = [_shown(point.swept[axis]) for axis in axes]
        _add(table, *cells, *(_cell(row, name) for name in shown))
    return table, len(names) - len(shown)


def validation_table(validation: Validation) -> Table:
    """Theory beside simulation for a terminal."""
    table = _table(
        "Theory and simulation",
        ("quantity", "theory", "simulation", "standard error", "z", "ratio"),
    )
    for row in validation.rows:
        _add(
            table,
            row.quantity,
            _shown(row.theory),
            _shown(row.simulation),
            _shown(row.standard_error),
            f"{row.z:.2f}",
            "" if row.ratio is None else f"{row.ratio:.4f}",
        )
    return table


def observation_tables(observation: Observation) -> list[Table]:
    """Observables for a terminal: what each stimulus keeps, then a few lags of all of them."""
    memory = _table(
        "Memory of each stimulus", ("stimulus", "squared activity", "decorrelation time\nsteps")
    )
    for kept in observation.autocorrelation:
        time = "never" if kept.decorrelation_time is None else _shown(kept.decorrelation_time)
        _add(memory, kept.stimulus, _shown(kept.variance), time)
    moved = observation.displacement[0]
    columns = {
        f"displacement\n{moved.stimulus}": moved.total,
        f"autocorrelation\n{moved.stimulus}": observation.autocorrelation[0].normalised,
        "change of\nGram matrix": observation.similarity.gram_change,
        "change of\nrepresentations": observation.similarity.representation_change,
    }
    for decoder in observation.decoder:
        columns[f"R^2 of decoder\n{decoder.target}"] = decoder.r_squared
    if observation.tuning is not None:
        columns["tuning\ncorrelation"] = observation.tuning.mean
    against_lag = _table("Against the lag", ("lag\nsteps", *columns))
    count = len(observation.times)
    for place in sorted({round(row * (count - 1) / (_LAGS - 1)) for row in range(_LAGS)}):
        values = [float(values[place]) for values in columns.values()]
        _add(against_lag, _shown(float(observation.times[place])), *map(_shown, values))
    return [memory, against_lag]


def comparison_tables(compared: ComparedStudy) -> list[Table]:
    """Rates of a study beside those of its counterparts, then how the two noises scale."""
    tables = []
    for comparison in compared.comparisons().values():
        table = _table(
            f"{comparison.study.capitalize()} beside {comparison.counterpart}",
            ("quantity", "of", comparison.study, comparison.counterpart, "ratio"),
        )
        for quantity, pair in comparison.rows():
            unit = _UNITS_OF_RATES.get(quantity, "1/step")
            name = f"plane {pair.name}" if quantity == "rotation variance" else pair.name
            ratio = "" if pair.ratio is None else f"{pair.ratio:.4g}"
            rates = (_shown(pair.study), _shown(pair.counterpart))
            _add(table, f"{quantity}, {unit}", name, *rates, ratio)
        tables.append(table)
    if compared.synaptic is not None:
        tables[0].caption = (
            "Synaptic noise of the variance at which the mean decay rates agree: "
            f"{_shown(compared.synaptic.synaptic_variance)} per weight and step"
        )
        scaling = _table(
            "Mean decay rate: exponents, and values in isotropic networks of other sizes",
            ("", "gradient noise", "synaptic noise"),
        )
        for row in compared.synaptic.scaling:
            exponents = (_exponent(row.gradient), _exponent(row.synaptic))
            _add(scaling, f"exponent of the {row.parameter}", *exponents)
        for size in compared.synaptic.sizes:
            name = f"{size.inputs} inputs, {size.hidden} hidden units, 1/step"
            _add(scaling, name, _shown(size.gradient), _shown(size.synaptic))
        tables.append(scaling)
    return tables


def _table(title: str, headings: Sequence[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, heading in enumerate(headings):
        table.add_column(
            _cell_text(heading), justify="right" if place else "left", overflow="fold"
        )
    return table


def _add(table: Table, *cells: str) -> None:
    table.add_row(*map(_cell_text, cells))


def _cell_text(text: str) -> Text:
    """Lines of plain text: brackets are no markup, and colons no pictures."""
    from rich.text import Text

    return Text("\n".join(map(printable, text.split("\n"))))


def _heading(name: str) -> str:
    if name.startswith("drift.diffusion."):
        return f"D {name.removeprefix('drift.diffusion.')}\nrad^2/step"
    stimulus = name.removeprefix("stimuli.").removesuffix(".decay_rate")
    return f"{stimulus}\n1/step"


def _cell(row: Mapping[str, float | int | str], name: str) -> str:
    return _shown(row[name]) if name in row else ""


def _exponent(value: float) -> str:
    """Two decimals, which is what a difference quotient gives; rounding is no exponent."""
    return f"{value:.2f}" if abs(value) >= 0.005 else "0"


def _shown(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)

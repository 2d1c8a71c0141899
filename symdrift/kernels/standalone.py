"""Kernel files: layout by template, formulas by the derivation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined

from symdrift.cache import cached
from symdrift.expressions import Expression
from symdrift.files import write_text
from symdrift.kernels.aligned_network import aligned_kernels
from symdrift.kernels.isotropic import isotropic_kernels
from symdrift.kernels.misaligned_pair import two_axes_kernels
from symdrift.kernels.scalar import ScalarFunction
from symdrift.quoting import Source, docstring_text
from symdrift.study import GaussianInputs, Study
from symdrift.theory.linear.aligned import representative_drift
from symdrift.theory.linear.two_axes import TwoAxes
from symdrift.theory.subject import has_explicit_rate, is_aligned

ARGUMENTS = ("covariance", "weight_decay", "learning_rate", "gains", "label_noise", "batch")
SIZES = ("inputs", "outputs", "hidden")
GENERAL_DEFAULTS: Mapping[str, str] = {"gains": "1.0", "label_noise": "0.0", "batch": "1"}


def kernel_source(
    template: str,
    title: str,
    functions: Sequence[ScalarFunction],
    defaults: Mapping[str, str],
) -> str:
    """Source of a kernel module.

    Parameters
    ----------
    template : {"aligned", "isotropic"}
        Layout: array handling and the sum over directions.
    title : str
        First line of the module docstring.
    functions : sequence of ScalarFunction
    defaults : Mapping of str to str
        Python source of the default of an argument, for what the study fixes.
    """
    by_name = {function.name: function for function in functions}

    def signature(names: Sequence[str], sizes: Sequence[str] = SIZES) -> Source:
        # A default may not stand before an argument without one.
        plain = [name for name in names if name not in defaults]
        given = [f"{name}={defaults[name]}" for name in names if name in defaults]
        only = [f"{name}={defaults[name]}" if name in defaults else name for name in sizes]
        return Source(", ".join([*plain, *given, *(["*", *only] if only else [])]))

    def call(name: str) -> Source:
        names = (argument.name for argument in by_name[name].arguments)
        return Source(f"{name}({', '.join(names)})")

    environment = _environment()
    environment.globals |= {"signature": signature, "call": call, "arguments": list(ARGUMENTS)}
    source = environment.get_template(f"{template}.py.jinja").render(
        title=title,
        defaults=bool(defaults),
        functions=[Source(function.source().rstrip()) for function in functions],
    )
    compile(source, f"{template}.py", "exec")
    return source


def shipped_source() -> str:
    """Source of the kernels behind ``symdrift evaluate``: aligned networks of any size."""
    return kernel_source(
        "aligned",
        "Drift in aligned networks of any size.",
        aligned_kernels(representative_drift()),
        GENERAL_DEFAULTS,
    )


def two_axes_source(title: str) -> str:
    """Source of the kernels of two misaligned axes."""
    environment = _environment()
    source = environment.get_template("two_axes.py.jinja").render(
        title=title,
        functions=[Source(f.source().rstrip()) for f in two_axes_kernels(TwoAxes())],
    )
    compile(source, "two_axes.py", "exec")
    return source


def study_source(study: Study) -> str:
    """Source of the kernels of one study; what the study fixes becomes a default.

    Kept in the cache, as the derivation is.
    """
    document = [study.name, study.document]
    return cached(
        "kernels", document, lambda: _study_source(study), lambda found: isinstance(found, str)
    )


def _study_source(study: Study) -> str:
    title = f"{study.title}."
    if not is_aligned(study):
        return two_axes_source(title)
    drift = representative_drift()
    defaults = _fixed(study)
    if study.network.inputs.symbols:
        return kernel_source("isotropic", title, isotropic_kernels(drift), defaults)
    sizes = {name: str(int(getattr(study.network, name).evaluate({}))) for name in SIZES}
    return kernel_source("aligned", title, aligned_kernels(drift), defaults | sizes)


def write_kernels(study: Study, directory: Path) -> list[Path]:
    """Write ``kernels.py`` of a study into a directory, where it has formulas to evaluate.

    A study that is not aligned, and has more than two axes or other inputs than Gaussian
    and elliptical ones, has none: the dense road solves its matrix equations.
    """
    if not (is_aligned(study) or has_explicit_rate(study)):
        return []
    return [write_text(Path(directory) / "kernels.py", study_source(study))]


def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_template),
        undefined=StrictUndefined,
        finalize=_finalize,
        keep_trailing_newline=True,
    )


def _finalize(value: object) -> object:
    """Whatever is no prepared source stands in a docstring."""
    return value if isinstance(value, Source) else docstring_text(str(value))


def _template(name: str) -> str:
    return (resources.files("symdrift.kernels") / "templates" / name).read_text("utf-8")


def _fixed(study: Study) -> dict[str, str]:
    """Arguments for which the study has numbers, as Python source."""
    values: dict[str, object] = {
        "weight_decay": study.learning.weight_decay,
        "learning_rate": study.learning.rate,
        "batch": study.learning.batch,
        "label_noise": study.teacher.label_noise,
    }
    if isinstance(study.inputs, GaussianInputs):
        values["covariance"] = _diagonal(study.inputs.covariance)
    if not isinstance(study.teacher.map, str):
        values["gains"] = _diagonal(study.teacher.map)
    literals = {name: _literal(value) for name, value in values.items()}
    # An autoencoder has the gain 1; what else has no number stays an argument.
    fixed = {"gains": "1.0"} if isinstance(study.teacher.map, str) else {}
    return fixed | {name: literal for name, literal in literals.items() if literal is not None}


def _diagonal(value: object) -> object:
    """The diagonal of a diagonal matrix; a full matrix fixes no argument of the kernels."""
    if not (isinstance(value, tuple) and isinstance(value[0], tuple)):
        return value
    for k, row in enumerate(value):
        if any(l != k and (entry.symbols or entry.evaluate({})) for l, entry in enumerate(row)):
            return None
    return tuple(row[k] for k, row in enumerate(value) if k < len(row))


def _literal(value: object) -> str | None:
    if isinstance(value, Expression):
        if value.symbols:
            return None
        number = value.evaluate({})
        return repr(int(number)) if number == int(number) else repr(float(number))
    if isinstance(value, tuple):
        parts = [_literal(part) for part in value]
        texts = [part for part in parts if part is not None]
        return f"({', '.join(texts)},)" if len(texts) == len(parts) else None
    return None

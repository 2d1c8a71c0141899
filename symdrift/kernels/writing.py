"""The kernel file of a study: layout by template, formulas by the derivation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined

from symdrift.aligned import representative_drift
from symdrift.kernels.aligned import aligned_kernels
from symdrift.kernels.scalar import ScalarFunction

ARGUMENTS = ("covariance", "weight_decay", "learning_rate", "gains", "label_noise", "batch")
SIZES = ("inputs", "outputs", "hidden")


def _template(name: str) -> str:
    return (resources.files("symdrift.kernels") / "templates" / name).read_text("utf-8")


def kernel_source(
    template: str,
    title: str,
    functions: Sequence[ScalarFunction],
    defaults: Mapping[str, str],
) -> str:
    """Source of a kernel module.

    Parameters
    ----------
    template : {"aligned.py.jinja", "isotropic.py.jinja"}
        Layout: array handling and the sum over directions.
    title : str
        First line of the module docstring.
    functions : sequence of ScalarFunction
    defaults : Mapping of str to str
        Python source of the default of an argument, for what the study fixes.
    """

    def signature(names: Sequence[str], sizes: Sequence[str] = SIZES) -> str:
        plain = [name for name in names if name not in defaults]
        given = [f"{name}={defaults[name]}" for name in names if name in defaults]
        only = [f"{name}={defaults[name]}" if name in defaults else name for name in sizes]
        # A default may not stand before an argument without one.
        return ", ".join([*plain, *given, *(["*", *only] if only else [])])

    environment = Environment(
        loader=FunctionLoader(_template), undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.globals["signature"] = signature
    source = environment.get_template(template).render(
        title=title,
        defaults=bool(defaults),
        functions=[function.source().rstrip() for function in functions],
    )
    compile(source, template, "exec")
    return source


def shipped_source() -> str:
    """Source of the kernels behind ``symdrift evaluate``: aligned networks of any size."""
    return kernel_source(
        "aligned.py.jinja",
        "Drift in aligned networks of any size.",
        aligned_kernels(representative_drift()),
        {"gains": "1.0", "label_noise": "0.0", "batch": "1"},
    )

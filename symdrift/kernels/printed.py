"""The modules of printed formulas, which closed forms evaluate.

They are made without being imported: the derivation does not need its own output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from symdrift.files import write_text
from symdrift.kernels.aligned_network import aligned_kernels
from symdrift.kernels.gradients import gradient_kernels
from symdrift.kernels.isotropic import isotropic_kernels
from symdrift.kernels.isotropic_orders import isotropic_order_kernels
from symdrift.kernels.misaligned_pair import two_axes_kernels
from symdrift.kernels.scalar import ScalarFunction
from symdrift.theory.linear.aligned import representative_drift
from symdrift.theory.linear.isotropic_expansion import isotropic_expansion
from symdrift.theory.linear.two_axes import TwoAxes

FOLDER = Path(__file__).parents[1] / "evaluation"

PRINTED: Mapping[str, tuple[str, Callable[[], Sequence[ScalarFunction]]]] = MappingProxyType(
    {
        "closed_form/printed_aligned": (
            "Formulas of single directions, blocks and planes of an aligned network.",
            lambda: aligned_kernels(representative_drift()),
        ),
        "closed_form/printed_gradients": (
            "Derivatives of the formulas of single directions, blocks and planes.",
            lambda: gradient_kernels(representative_drift()),
        ),
        "closed_form/printed_isotropic": (
            "Formulas of an isotropic network whose size is an argument.",
            lambda: isotropic_kernels(representative_drift()),
        ),
        "closed_form/printed_two_axes": (
            "Formulas of the rotation of two misaligned axes.",
            lambda: two_axes_kernels(TwoAxes()),
        ),
        "next_order/printed_orders": (
            "Formulas of both orders of an isotropic autoencoder whose size is an argument.",
            lambda: isotropic_order_kernels(isotropic_expansion(label_noise=True)),
        ),
    }
)
"""What each module is, by its place in `FOLDER`, and its functions."""

_MODULE = '''"""{summary}

Printed by ``python -m symdrift.kernels`` from the symbolic derivation: do not edit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
'''


def printed_source(name: str) -> str:
    """Source of a module of printed formulas.

    Parameters
    ----------
    name : str
        One of :data:`PRINTED`.
    """
    summary, functions = PRINTED[name]
    header = _MODULE.format(summary=summary)
    return "\n\n".join([header, *(function.source() for function in functions())])


def write_printed() -> list[Path]:
    """Print the formulas into the package that evaluates them."""
    return [write_text(FOLDER / f"{name}.py", printed_source(name)) for name in PRINTED]

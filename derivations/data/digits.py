"""Makes ``digits.csv`` and the stimuli of ``digits.toml`` from scikit-learn's digits.

Run as ``python derivations/data/digits.py`` where scikit-learn is installed.  The leading
principal components of the 64 pixels, with the mean over all images removed; the sign of each
component makes its largest pixel positive, one unit is ten grey levels, three decimals are kept.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

Array = NDArray[np.float64]

COMPONENTS = 8
GREY_LEVELS = 10.0
DECIMALS = 3
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def components() -> tuple[Array, NDArray[np.int64]]:
    """Principal components of every image, shape ``(1797, COMPONENTS)``, and its digit."""
    pixels, digits = load_digits(return_X_y=True)
    centred = pixels - pixels.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    leading = axes[:, ::-1][:, :COMPONENTS]
    largest = np.argmax(np.abs(leading), axis=0)
    leading = leading * np.sign(leading[largest, range(COMPONENTS)])
    return centred @ leading / GREY_LEVELS, digits


def samples_text() -> str:
    """Content of ``digits.csv``: column names, then an image per row."""
    rows, _ = components()
    head = ",".join(f"component {index + 1}" for index in range(COMPONENTS))
    return "\n".join([head, *(",".join(map(_decimal, row)) for row in rows)]) + "\n"


def stimuli_text() -> str:
    """The mean image of each digit as the ``[[stimulus]]`` tables of ``digits.toml``."""
    rows, digits = components()
    tables = []
    for digit, name in enumerate(NAMES):
        mean = ", ".join(map(_decimal, rows[digits == digit].mean(axis=0)))
        tables.append(f'[[stimulus]]\nname = "{name}"\nvector = [{mean}]\n')
    return "\n".join(tables)


def _decimal(value: float) -> str:
    text = f"{value:.{DECIMALS}f}"
    return text.removeprefix("-") if float(text) == 0 else text


if __name__ == "__main__":
    Path(__file__).with_suffix(".csv").write_text(samples_text(), encoding="utf-8", newline="\n")
    print(stimuli_text(), end="")

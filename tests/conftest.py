"""What several test modules share."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Machines that run the tests are shared: how long one example takes says nothing.  What CI tries
# is the same each time for the same tests; on a desk, and in the long campaign, it is new.
settings.register_profile("symdrift", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("symdrift")

# SymPy keeps a thousand results of each function, which is less than one derivation asks for again:
# with more, tests of derivations take a seventh less time.  Read when SymPy is first loaded.
os.environ.setdefault("SYMPY_CACHE_SIZE", "30000")

# Shells start what runs in the background with interrupts ignored, and tests send them.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Expressions are millions of small objects which live as long as the caches that hold them: to
# look among these for what is gone as often as Python does takes a twentieth of the time.
gc.set_threshold(50_000, 20, 50)

ANISOTROPIC = """
title = "Three inputs"
[network]
inputs = 3
outputs = 3
hidden = 3
[inputs]
covariance = ["lambda_1", "lambda_2", "lambda_3"]
[learning]
rate = "eta"
weight_decay = "gamma"
[values]
lambda_1 = 2.0
lambda_2 = 1.0
lambda_3 = 0.7
gamma = 0.3
eta = 0.005
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole studies come first: with what is short left, all processes of a run end together."""
    items.sort(key=lambda item: item.path.name != "test_generated.py")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder, empty at first, in which all processes of a run keep what the code has derived."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYMDRIFT_CACHE", str(folder / "cache"))
        yield folder / "cache"


@pytest.fixture
def write_study(tmp_path: Path) -> Callable[[str], Path]:
    """Writer of a study file; returns its path."""

    def write(text: str) -> Path:
        path = tmp_path / "example.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def anisotropic(write_study: Callable[[str], Path]) -> Path:
    """File of a valid symbolic study whose symbols all have values."""
    return write_study(ANISOTROPIC)

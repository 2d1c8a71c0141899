"""Regenerate the kernels that ``symdrift evaluate`` ships with: ``python -m symdrift.kernels``."""

from pathlib import Path

from symdrift.files import write_text
from symdrift.kernels import shipped_source

if __name__ == "__main__":
    target = Path(__file__).parents[1] / "evaluation" / "closed_form" / "formulas.py"
    write_text(target, shipped_source())
    print(target)

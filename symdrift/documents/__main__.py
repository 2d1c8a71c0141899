"""Make ``generated/`` again, a report per shipped study: ``python -m symdrift.documents``."""

import json
from importlib.metadata import version
from pathlib import Path

from symdrift.documents import write_report
from symdrift.files import write_text
from symdrift.study import read_study, shipped_studies

DRAWN_WITH = ("matplotlib",)
"""Packages whose version decides the bytes of the figures."""

if __name__ == "__main__":
    target = Path("generated")
    for name in shipped_studies():
        for path in write_report(read_study(name), target / name):
            print(path)
    versions = {package: version(package) for package in DRAWN_WITH}
    write_text(target / "versions.json", json.dumps(versions, indent=1) + "\n")

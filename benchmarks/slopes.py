"""What the next order predicts beside what simulations show, for every shipped study.

    python benchmarks/slopes.py [STUDY ...] [--precision P]

The table is Markdown: for each quantity the relative change per unit of ``eta h_max`` as predicted
and as simulated with its standard error, and their difference in standard errors.
"""

from __future__ import annotations

import argparse

from symdrift.study import read_study, shipped_studies
from symdrift.validation.measured_slopes import measured_slopes

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("studies", nargs="*", default=sorted(shipped_studies()))
    parser.add_argument("--precision", type=float, default=0.002)
    arguments = parser.parse_args()
    print("| study | quantity | predicted | simulated | z |\n| --- | --- | --- | --- | --- |")
    furthest = []
    for name in arguments.studies:
        for slope in measured_slopes(read_study(name).problem(), precision=arguments.precision):
            furthest.append(abs(slope.z))
            print(
                f"| {name} | {slope.quantity} | {slope.predicted:.3g} | "
                f"{slope.fitted:.3g} ± {slope.standard_error:.2g} | {slope.z:.1f} |",
                flush=True,
            )
    print(f"\n{len(furthest)} slopes, the furthest {max(furthest):.1f} standard errors away.")

"""Print the formulas that the numbers are evaluated with: ``python -m symdrift.kernels``."""

from symdrift.kernels.printed import write_printed

if __name__ == "__main__":
    for path in write_printed():
        print(path)

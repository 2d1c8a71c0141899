"""The command line.  Commands only translate: arguments in, library call, output.

Heavy modules are imported inside the commands, so that help comes at once and no
numerical command loads SymPy.
"""

import sys

try:
    from symdrift.cli.program import main, run
except KeyboardInterrupt:
    # Before `main` can say so.
    print("symdrift: interrupted before it was done.", file=sys.stderr)
    sys.exit(130)

__all__ = ["main", "run"]

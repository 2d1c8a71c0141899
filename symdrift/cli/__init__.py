"""The command line.  Commands only translate: arguments in, library call, output.

Heavy modules are imported inside the commands, so that help comes at once and no
numerical command loads SymPy.
"""

from symdrift.cli.program import main, run

__all__ = ["main", "run"]

"""``python -m symdrift`` is the command line."""

from symdrift.cli import main

main()

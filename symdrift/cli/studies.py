"""``symdrift list``."""

from __future__ import annotations

import click


@click.command("list", epilog="Example: symdrift list")
def list_studies() -> None:
    """List the shipped studies, one line each."""
    from symdrift.study import read_study, shipped_studies

    shipped = shipped_studies()
    width = max(map(len, shipped), default=0)
    for name in shipped:
        click.echo(f"{name:<{width}}  {read_study(name).title}")

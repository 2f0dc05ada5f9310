"""What is made of DBC files for boards."""

from __future__ import annotations

from pathlib import Path

import click

from packseal.cli.root import BIND_OPTION, FILE, main


@main.group()
def dbc() -> None:
    """Prepare DBC files for boards."""


@dbc.command("compile")
@click.argument("dbc_file", metavar="DBC", type=FILE)
@BIND_OPTION
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The table.")
def dbc_compile(dbc_file: Path, bind: Path, output: Path) -> None:
    """Make the table by which a board decodes its CAN bus, and say what is in it.

    \b
    packseal dbc compile pack.dbc --bind pack.toml -o pack.pst
    """
    from hashlib import sha256

    from packseal.apps.window_records import BoundSignals, naming
    from packseal.io.files import write_whole
    from packseal.signals.compile import compile_table

    bound = BoundSignals.load(dbc_file, bind)
    with naming(bind):
        table = compile_table(bound.binding, bound.decoder)
    write_whole(output, table.content)
    click.echo("\n".join([*bound.decoder.notes, *table.lines()]))
    click.echo(f'in the board\'s configuration: "can": {{"table": "{sha256(table.content).hexdigest()}", …}}')

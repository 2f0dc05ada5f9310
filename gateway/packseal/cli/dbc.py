"""DBC files: checked, shown, bound to quantities, and compiled for boards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from packseal.cli.root import BIND_OPTION, EXIT_REFUSED, FILE, main

if TYPE_CHECKING:
    from packseal.signals import Decoder


@main.group()
def dbc() -> None:
    """Check and show DBC files, bind them to quantities, compile them for boards."""


@dbc.command("check")
@click.argument("files", metavar="DBC…", type=FILE, nargs=-1, required=True)
@click.option("--strict", is_flag=True, help="End with 1 on warnings, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def dbc_check(files: tuple[Path, ...], strict: bool, as_json: bool) -> None:
    """Say what is wrong or odd in DBC files: line, problem and cure. Ends with 1 where one cannot be used.

    \b
    packseal dbc check pack.dbc
    """
    from packseal.apps.dbc_words import findings_as_json, findings_in_words
    from packseal.io.files import read_bounded
    from packseal.io.limited_dbc import check_dbc_limited
    from packseal.records.printable import printable
    from packseal.signals.dbc_text import MAX_DBC_BYTES

    found = {str(path): check_dbc_limited(read_bounded(path, MAX_DBC_BYTES)) for path in files}
    if as_json:
        click.echo(json.dumps([findings_as_json(name, findings) for name, findings in found.items()], indent=1))
    else:
        for name, findings in found.items():
            click.echo("\n".join(printable(line) for line in findings_in_words(name, findings)))
    refused = {"error", "warning"} if strict else {"error"}
    if any(one.severity in refused for findings in found.values() for one in findings):
        raise SystemExit(EXIT_REFUSED)


@dbc.command("show")
@click.argument("dbc_file", metavar="DBC", type=FILE)
@click.argument("wanted", metavar="[MESSAGE|SIGNAL|ID]", required=False)
def dbc_show(dbc_file: Path, wanted: str | None) -> None:
    """List the messages of a DBC, or the signals of one message.

    \b
    packseal dbc show pack.dbc
    packseal dbc show pack.dbc 0x1DB
    """
    from packseal.apps.dbc_words import shown
    from packseal.records.printable import printable

    for line in shown(_loaded(dbc_file), wanted):
        click.echo(printable(line))


@dbc.command("bind")
@click.argument("dbc_file", metavar="DBC", type=FILE)
@click.option("--name", help="Name of the binding; the file's name where not given.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write it there; else print it.")
def dbc_bind(dbc_file: Path, name: str | None, output: Path | None) -> None:
    """Suggest a binding from the names, units and ranges of the signals. It is a start: read and correct it.

    A file that is there is never written over: it may have been corrected.

    \b
    packseal dbc bind pack.dbc -o pack.toml
    """
    from packseal.errors import ConfigError
    from packseal.io.files import write_whole
    from packseal.records.printable import printable
    from packseal.signals.dbc_suggestion import binding_name, suggest_binding

    if output and output.exists():
        raise ConfigError(f"{output}: is there already, and may have been corrected; name another file, or remove it")
    text = suggest_binding(_loaded(dbc_file), binding_name(name or dbc_file.stem), dbc_file.name)
    if output:
        write_whole(output, text.encode())
    else:
        click.echo("\n".join(printable(line) for line in text.split("\n")), nl=False)


def _loaded(path: Path) -> Decoder:
    from packseal.apps.window_records import naming
    from packseal.io.files import read_bounded
    from packseal.io.limited_dbc import load_dbc_limited
    from packseal.signals.dbc_text import MAX_DBC_BYTES

    content = read_bounded(path, MAX_DBC_BYTES)
    with naming(path):
        return load_dbc_limited(content)


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
    from packseal.records.printable import printable
    from packseal.signals.compile import compile_table

    bound = BoundSignals.load(dbc_file, bind)
    with naming(bind):
        table = compile_table(bound.binding, bound.decoder)
    write_whole(output, table.content)
    click.echo("\n".join(printable(line) for line in [*bound.decoder.notes, *table.lines()]))
    click.echo(f'in the board\'s configuration: "can": {{"table": "{sha256(table.content).hexdigest()}", …}}')

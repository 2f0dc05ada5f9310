"""`packseal exchange ouranos`: a battery and its carbon footprint in the Ouranos ecosystem."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from packseal.cli.authority import NEW_FILE
from packseal.cli.root import FILE

if TYPE_CHECKING:
    from packseal.exchange.ouranos import OuranosAdapter


@click.group("ouranos")
def ouranos() -> None:
    """Register a battery and its carbon footprint in the Ouranos ecosystem, ask suppliers, answer buyers.

    \b
    packseal exchange ouranos show ouranos.toml
    packseal exchange ouranos register ouranos.toml battery.json --plant 1234567890123000001
    """


@ouranos.command("show")
@click.argument("settings", type=FILE)
def show(*, settings: Path) -> None:
    """Say who SETTINGS (ouranos.toml) makes us there: our plants, our parts, and what we are asked for."""
    from packseal.apps.exchange.ouranos import lines

    for line in lines(_adapter(settings)):
        click.echo(line)


@ouranos.command("register")
@click.argument("settings", type=FILE)
@click.argument("battery", type=FILE)
@click.option("--plant", required=True, metavar="ID", help="The plant that made it, by its open plant id.")
@click.option("--bundle", type=FILE, help="Evidence bundle to anchor: its digest goes with the part.")
@click.option("--terminated", is_flag=True, help="No supplier is asked behind this part.")
def register(*, settings: Path, battery: Path, plant: str, bundle: Path | None, terminated: bool) -> None:
    """Register BATTERY (of `packseal exchange export --to ouranos-battery`) and print its trace id: keep it.

    What is registered already is compared, and parts below it stay.
    """
    from packseal.apps.exchange import ouranos as app

    click.echo(app.register(_adapter(settings), battery, plant, bundle=bundle, is_terminated=terminated))


@ouranos.command("declare")
@click.argument("settings", type=FILE)
@click.argument("footprint", type=FILE)
def declare(*, settings: Path, footprint: Path) -> None:
    """Declare FOOTPRINT (of `packseal exchange bridge --to ouranos`) and print its id there."""
    from packseal.apps.exchange import ouranos as app

    click.echo(app.declare(_adapter(settings), footprint).footprint_id)


@ouranos.command("ask")
@click.argument("settings", type=FILE)
@click.argument("trace_id")
@click.option("--supplier", required=True, metavar="NUMBER", help="Its corporate number.")
@click.option("--due", required=True, metavar="DATE", help="By when, such as 2027-03-31.")
@click.option("--message", help="Words to the supplier.")
def ask(*, settings: Path, trace_id: str, supplier: str, due: str, message: str | None) -> None:
    """Ask a supplier for the footprint of our part TRACE_ID, once: an open request is not doubled."""
    from packseal.apps.exchange import ouranos as app

    asked = app.ask(_adapter(settings), trace_id, supplier, due, message)
    click.echo(f"{asked.trade.trade_id}  {asked.status.answered or '-'}")


@ouranos.command("answer")
@click.argument("settings", type=FILE)
@click.argument("trade_id")
@click.argument("trace_id")
def answer(*, settings: Path, trade_id: str, trace_id: str) -> None:
    """Answer the request TRADE_ID of a buyer with our part TRACE_ID."""
    from packseal.apps.exchange import ouranos as app

    click.echo(app.answer(_adapter(settings), trade_id, trace_id).trade_id)


@ouranos.command("fetch")
@click.argument("settings", type=FILE)
@click.argument("trace_ids", nargs=-1, required=True)
@click.option("--out", "-o", type=NEW_FILE, help="File to write; else it is printed.")
def fetch(*, settings: Path, trace_ids: tuple[str, ...], out: Path | None) -> None:
    """Write what is told of the footprints of parts, as `packseal exchange bridge --to catena-x` reads it."""
    from packseal.apps.exchange import ouranos as app
    from packseal.apps.exchange.bridge import write_text

    text = json.dumps(app.fetch(_adapter(settings), trace_ids), ensure_ascii=False, indent=1)
    if out is None:
        click.echo(text)
    else:
        write_text(out, text)
        click.echo(str(out))


def _adapter(settings: Path) -> OuranosAdapter:
    from packseal.apps.exchange.sent import kept
    from packseal.io.ouranos import open_ouranos
    from packseal.io.ouranos_settings import OuranosSettings
    from packseal.io.settings_file import load_settings

    return open_ouranos(load_settings(settings, OuranosSettings), kept(settings))

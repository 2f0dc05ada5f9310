"""`packseal exchange bridge`: what one ecosystem says of a carbon footprint, as the other takes it."""

from __future__ import annotations

from pathlib import Path

import click

from packseal.cli.authority import NEW_FILE
from packseal.cli.root import FILE


@click.command("bridge")
@click.argument("file", type=FILE)
@click.option("--to", type=click.Choice(["catena-x", "ouranos"]), required=True, help="Where it goes.")
@click.option(
    "--decisions", type=FILE, help="bridge.toml: which names are one company, what a piece weighs, and so on."
)
@click.option("--out", "-o", type=NEW_FILE, help="File to write the document to; else it is printed.")
@click.option("--losses", type=NEW_FILE, help="File to write the losses to, as JSON.")
def bridge(*, file: Path, to: str, decisions: Path | None, out: Path | None, losses: Path | None) -> None:
    """Carry FILE (carbon footprint, names, certificates) from one ecosystem to the other, and say what was lost.

    \b
    FILE is JSON: for --to catena-x the answers of Ouranos, each under the name of its call (cfp, cfpCertification,
    operator, plant, parts), or the list that cfp answers; for --to ouranos carbonFootprint (the aspect), pcf and
    identifiers. What was lost goes to standard error, a line each. Nothing is invented: what only a person can say
    stands in bridge.toml, or among the losses.

    \b
    packseal exchange bridge cfp.json --to catena-x --decisions bridge.toml -o footprint.json
    """
    from packseal.apps.exchange.bridge import Side, bridged, document_text, losses_json, write_text
    from packseal.exchange.loss import losses_text

    export = bridged(file, Side(to), decisions)
    if export.losses:
        click.echo(losses_text(export.losses), err=True)
    if losses is not None:
        write_text(losses, losses_json(export))
    if out is None:
        click.echo(document_text(export))
    else:
        write_text(out, document_text(export))
        click.echo(str(out))

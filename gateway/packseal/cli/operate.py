"""For who looks after a gateway or a service: are its settings good, and how is it?"""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from packseal.cli.root import FILE, main
from packseal.errors import ConfigError, PackSealError

PLACES = (Path("gateway.toml"), Path("/etc/packseal/gateway.toml"))
KINDS = ("gateway", "passport", "policy", "witness", "monitor", "partner", "names", "catenax", "ouranos", "bridge")


@main.group()
def config() -> None:
    """Settings files."""


@config.command("check")
@click.argument("file", type=FILE)
@click.option("--kind", type=click.Choice(KINDS), help="Which file it is, where neither its name nor its keys say it.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def config_check(file: Path, kind: str | None, *, as_json: bool) -> None:
    """Check a settings FILE with the files that it names: every mistake with its line and its cure. Starts nothing.

    \b
    packseal config check gateway.toml
    packseal config check new.toml && systemctl reload packseal-gateway
    """
    from packseal.apps.config_check import check_config

    report = check_config(file, kind)
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=1))
    elif report.mistakes:
        raise ConfigError("\n".join(_line(report.path, one.line, one.words) for one in report.mistakes))
    else:
        click.echo(f"{file}: good ({report.kind})")
    if report.mistakes:
        raise click.exceptions.Exit(2)


@main.command()
@click.argument("file", type=FILE, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print all that is known as JSON.")
def status(file: Path | None, *, as_json: bool) -> None:
    """Say how the gateway of FILE (gateway.toml, or /etc/packseal/gateway.toml) is, or the service of a passport.toml.

    Asks it at [local]; where it does not run or has no [local], reads its outbox, and says so. Exit code 0: all is
    well; 1: there are problems; 2: it cannot be known.

    \b
    packseal status
    packseal status gateway.toml --json
    """
    from packseal.apps.status import Known, settings_file, status_lines, status_of
    from packseal.records.printable import printable

    try:
        found = status_of(file or settings_file(PLACES))
    except PackSealError as error:
        click.echo(f"packseal: {printable(str(error))}", err=True)
        raise click.exceptions.Exit(Known.UNKNOWN.value) from None
    lines = map(printable, status_lines(found, time.time_ns() // 1_000_000))
    click.echo(json.dumps(found.as_json(), indent=1) if as_json else "\n".join(lines))
    raise click.exceptions.Exit(found.known.value)


def _line(path: Path, line: int | None, words: str) -> str:
    return f"{path}:{line}: {words}" if line else words

"""Who watches a passport service's log: witnesses and monitors."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

import click

from packseal.cli.root import EXIT_REFUSED, FILE, main
from packseal.cli.running import LOG_OPTION, InWords, run_until_told, saying


@main.command()
@click.argument("settings", type=FILE)
@LOG_OPTION
def witness(settings: Path, log_form: str) -> None:
    """Run a witness of SETTINGS (witness.toml): it cosigns what continues all that it has seen, and nothing else.

    \b
    packseal witness witness.toml
    """
    from packseal.apps.witness import WitnessServer
    from packseal.io.settings_file import load_settings
    from packseal.io.witness_settings import WitnessSettings

    with saying(log_form) as lines:
        server = WitnessServer(load_settings(settings, WitnessSettings), lambda: time.time_ns() // 1_000_000_000)
        server.start()
        run_until_told(InWords(server.problems), lines, "witness running; end with Ctrl-C")
        server.stop()


@main.command()
@click.argument("settings", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def monitor(settings: Path, *, as_json: bool) -> None:
    """Look once at the log of SETTINGS (monitor.toml): does it go on from what was seen, and what is new about my keys?

    Exit code 1 when there is an act about a watched battery that its owner does not know, or a contradiction. Run it
    from a timer.

    \b
    packseal monitor monitor.toml
    """
    from packseal.apps.monitor import monitor_of
    from packseal.io.settings_file import load_settings
    from packseal.io.witness_settings import MonitorSettings

    look = monitor_of(load_settings(settings, MonitorSettings)).look()
    if as_json:
        click.echo(json.dumps(asdict(look), default=_plain, indent=1))
    else:
        click.echo("\n".join(look.lines()))
    if look.rogue:
        raise click.exceptions.Exit(EXIT_REFUSED)


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else str(value)

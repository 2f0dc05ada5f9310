"""The gateway's commands: run it, check its settings, its key, a board's key."""

from __future__ import annotations

from pathlib import Path

import click

from packseal.cli.root import FILE, main
from packseal.cli.running import LOG_OPTION, run_until_told, saying


@main.group()
def gateway() -> None:
    """Collect boards, keep everything until it is receipted."""


@gateway.command("run")
@click.argument("settings", type=FILE)
@LOG_OPTION
def gateway_run(settings: Path, log_form: str) -> None:
    """Run the gateway of SETTINGS (gateway.toml) until it is told to end.

    SIGHUP: it reads SETTINGS again, and replaces the boards, buses and offers that changed; all others go on.

    \b
    packseal gateway run gateway.toml
    """
    from packseal.apps.gateway import Gateway
    from packseal.apps.gateway_files import checked_gateway

    with saying(log_form) as lines:
        files = checked_gateway(settings)
        running = Gateway(files.settings, files=files)
        running.start()
        words = "gateway running; end with Ctrl-C"
        run_until_told(running, lines, words, lambda: f"settings read again: {running.reload(settings)}")
        running.stop()


@gateway.command("check")
@click.argument("settings", type=FILE)
def gateway_check(settings: Path) -> None:
    """Check SETTINGS (gateway.toml) with the files that it names, and start nothing."""
    from packseal.apps.gateway_files import checked_gateway

    checked_gateway(settings)
    click.echo(f"{settings}: good")


@gateway.command("key")
@click.argument("settings", type=FILE)
def gateway_public_key(settings: Path) -> None:
    """Print the gateway's public key, for the passport service; made if there is none yet."""
    from packseal.apps.gateway_files import gateway_key
    from packseal.io.settings import GatewaySettings
    from packseal.io.settings_file import load_settings

    click.echo(f'public_key = "{gateway_key(load_settings(settings, GatewaySettings)).public_key.hex()}"')


@gateway.command("identify")
@click.argument("port")
@click.option("--baud", default=115_200, show_default=True)
def gateway_identify(port: str, baud: int) -> None:
    """Ask the board on PORT for its key, to enrol it.

    \b
    packseal gateway identify /dev/ttyUSB0
    """
    from packseal.io.enrol import hello_of
    from packseal.records.entries import genesis_key, log_id_of

    hello = hello_of(port, baud)
    click.echo(f'public_key = "{genesis_key(hello.genesis).public_key.hex()}"')
    click.echo(f'log_id = "{log_id_of(hello.genesis).hex()}"')

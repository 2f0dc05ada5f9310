"""The programs of a site, the demo and imports."""

from __future__ import annotations

import json
import re
import signal
import sys
from pathlib import Path
from typing import Any

import click

from packseal.cli.root import BIND_OPTION, EXIT_REFUSED, FILE, FOLDER, main
from packseal.cli.running import LOG_OPTION, run_until_told, saying, wait_for_signal
from packseal.errors import ConfigError, EvidenceError


@main.command()
@click.option(
    "--check",
    is_flag=True,
    help="Run until 200 records are verified and receipted and a state of health is known, print figures, end.",
)
@click.option("--tamper", is_flag=True, help="Then alter one stored record, and see who notices.")
@click.option("--broker", metavar="URL", help="An MQTT broker outside, mqtt://host:port, instead of the built-in one.")
@click.option("--listen", default="127.0.0.1:8420", show_default=True, help="Where the page is served.")
@click.option("--data", type=FOLDER, default="packseal-demo", show_default=True, help="Folder for the demo's files.")
def demo(*, check: bool, tamper: bool, broker: str | None, listen: str, data: Path) -> None:
    """Run the whole line on this machine: pack, board, gateway, passport, page.

    \b
    packseal demo                  then open http://127.0.0.1:8420
    packseal demo --check          as CI runs it
    packseal demo --tamper         one stored record is altered; the page and `verify` name it
    """
    from packseal.apps.demo import CHECKED_RECORDS, TAMPERED_RECORDS, Demo, DemoOptions
    from packseal.io.mqtt import broker_address
    from packseal.io.setting_types import checked_listen

    options = DemoOptions(data, checked_listen(listen), broker_address(broker) if broker else None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # also then end the board
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what runs in the background without it
    running = Demo(options, click.echo)
    try:
        running.start()
        if check or tamper:
            running.wait_for_records(TAMPERED_RECORDS if tamper else CHECKED_RECORDS)
            if not tamper:
                running.wait_for_state_of_health()
            click.echo(json.dumps(running.figures()))
        else:
            click.echo("within a minute the state of health will be known")
            running.wait_for_state_of_health()
        is_named = _show_verdict(running, tamper=tamper)
        if not check:
            click.echo(f"\nthe page is on {running.line.passport.url}; end with Ctrl-C")
            wait_for_signal()
    finally:
        running.stop()
    if not is_named:
        raise click.exceptions.Exit(EXIT_REFUSED)


@main.group()
def passport() -> None:
    """Verify what arrives, keep each battery's passport, show it."""


@passport.command("serve")
@click.argument("settings", type=FILE)
@LOG_OPTION
def passport_serve(settings: Path, log_form: str) -> None:
    """Run the passport service of SETTINGS (passport.toml) until it is told to end.

    \b
    packseal passport serve passport.toml
    """
    from packseal.apps.passport_files import checked_passport
    from packseal.apps.passport_server import PassportServer

    with saying(log_form) as lines:
        server = PassportServer(checked_passport(settings))
        server.start()
        what = f"passport service on {server.url}" if server.url else "passport worker without pages"
        run_until_told(server, lines, f"{what}; end with Ctrl-C")
        server.stop()


@passport.command("check")
@click.argument("settings", type=FILE)
def passport_check(settings: Path) -> None:
    """Check SETTINGS (passport.toml) with the files that it names, and start nothing."""
    from packseal.apps.passport_files import checked_passport

    checked_passport(settings)
    click.echo(f"{settings}: good")


@passport.command("key")
@click.argument("settings", type=FILE)
def passport_key(settings: Path) -> None:
    """Print the service's public key, for gateways, boards and policies; made if there is none yet."""
    from packseal.apps.passport_terms import service_key
    from packseal.io.settings import PassportFileSettings
    from packseal.io.settings_file import load_settings

    key = service_key(load_settings(settings, PassportFileSettings))
    click.echo(f'service_public_key = "{key.public_key.hex()}"')


@passport.command("reader-key")
@click.option("--name", required=True, help="Whose key it is; what is read with it is logged under this name.")
@click.option(
    "--role", required=True, help="legitimate-interest, authority, notified-body, commission, operator or owner."
)
@click.option("--battery", "batteries", multiple=True, metavar="ID", help="Only for this one; repeatable.")
def passport_reader_key(name: str, role: str, batteries: tuple[str, ...]) -> None:
    """Make a key for a reader: print it once, and the table for passport.toml that lets it in.

    \b
    The reader sends it as Authorization: Bearer; the service keeps its SHA-256 alone.
    packseal passport reader-key --name "Market surveillance" --role authority
    packseal passport reader-key --name "Depot" --role owner --battery pack-1
    """
    from packseal.io.access_settings import reader_toml
    from packseal.io.keys import new_reader_key

    key, digest = new_reader_key()
    table = reader_toml(name, role, batteries, digest)
    click.echo(f"key: {key}\n\n{table}")
    click.echo("the key is shown this once; the table goes into passport.toml", err=True)


@main.command("import")
@click.argument("log", type=FILE)
@click.option("--dbc", type=FILE, help="DBC file or OBDb signal set; a binding with requests of its own needs none.")
@BIND_OPTION
@click.option("--battery", default="imported-pack", show_default=True, help="Battery the values belong to.")
@click.option("--rated-capacity-mah", type=click.IntRange(1), help="Its rated capacity, where known.")
@click.option("--window-s", default=10, show_default=True, type=click.IntRange(1, 3600), help="Length of a window.")
@click.option("--gateway", "settings", type=FILE, help="Send through this gateway's outbox and broker (gateway.toml).")
@click.option(
    "--data", type=FOLDER, default="packseal-import", show_default=True, help="Folder when there is no gateway."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def import_(**arguments: Any) -> None:
    """Bring a CAN log file into a passport, as a replay of evidence class D.

    \b
    packseal import drive.log --dbc pack.dbc --bind pack.toml
    packseal import drive.log --dbc pack.dbc --bind pack.toml --gateway gateway.toml
    packseal import drive.log --bind hyundai_kona
    """
    from packseal.apps.import_run import ImportOptions, import_run

    as_json = arguments.pop("as_json")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", arguments["battery"]):
        raise ConfigError(f"--battery {arguments['battery']}: expected lower case letters, digits, _ and -")
    if arguments["settings"] and arguments["rated_capacity_mah"]:
        raise ConfigError("--rated-capacity-mah goes without --gateway; there the passport.toml of the service says it")
    report = import_run(ImportOptions(**arguments))
    click.echo(json.dumps(report.as_json(), indent=1) if as_json else "\n".join(report.lines()))


def _show_verdict(running: Any, *, tamper: bool) -> bool:
    """Exports a bundle and verifies it; after tampering the right answer is a refusal that names the record."""
    from packseal.apps.export import load_policy
    from packseal.apps.verify import verify_file

    seq, bundle = running.tamper() if tamper else (None, running.export())
    if tamper:
        click.echo(f"\none bit of stored record {seq} was altered in the passport's database")
    click.echo(f"\n$ packseal verify {bundle}")
    try:
        click.echo("\n".join(verify_file(bundle, load_policy(bundle.parent / "policy.toml")).lines()))
    except EvidenceError as error:
        click.echo(f"packseal: {error}")
        if not tamper:
            return False
        click.echo(f"\nthe page says: {running.page_names(seq)}")
        return f"record {seq}" in str(error)
    return not tamper

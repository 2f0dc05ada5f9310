"""The command line: arguments -> apps -> exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from packseal import __version__
from packseal.errors import ConfigError, EvidenceError, MicroPythonError, PackSealError, UnavailableError

EXIT_REFUSED, EXIT_USAGE, EXIT_UNAVAILABLE, EXIT_FAULT = 1, 2, 3, 4

EPILOG = (
    "Exit codes: 0 done; 1 evidence refused; 2 wrong arguments or configuration; 3 something does not answer;"
    " 4 a fault of packseal's own."
)


class _Commands(click.Group):
    """Our errors end in one line on standard error and an exit code, never in a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PackSealError as error:
            click.echo(f"packseal: {error}", err=True)
            sys.exit(_exit_code(error))
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if os.environ.get("PACKSEAL_TRACEBACK"):
                raise
            words = f"{type(error).__name__}: {error}; run again with PACKSEAL_TRACEBACK=1 and send us what it says"
            click.echo(f"packseal: a fault of packseal's own: {words}", err=True)
            sys.exit(EXIT_FAULT)


def _exit_code(error: PackSealError) -> int:
    if isinstance(error, EvidenceError):
        return EXIT_REFUSED
    return EXIT_UNAVAILABLE if isinstance(error, UnavailableError | MicroPythonError) else EXIT_USAGE


@click.group(cls=_Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="packseal %(version)s")
def main() -> None:
    """Carries what a battery pack measured to its passport, with proof.

    \b
    packseal demo                          a simulated pack, the real firmware, a page to look at
    packseal verify record.bundle          is this record true to what the board signed?
    packseal import drive.log --dbc pack.dbc --bind pack.toml
    packseal gateway run gateway.toml      beside the packs
    packseal passport serve passport.toml  where the passports live
    """


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


@main.command()
@click.option("--check", is_flag=True, help="Run until 200 records are verified and receipted, print figures, end.")
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
    from packseal.io.settings import checked_listen

    options = DemoOptions(data, checked_listen(listen), broker_address(broker) if broker else None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # also then end the board
    running = Demo(options, click.echo)
    try:
        running.start()
        if check or tamper:
            running.wait_for_records(CHECKED_RECORDS if check and not tamper else TAMPERED_RECORDS)
            click.echo(json.dumps(running.figures()))
        else:
            click.echo("within a minute the state of health will be known")
            running.wait_for_state_of_health()
        is_named = _show_verdict(running, tamper=tamper)
        if not check:
            click.echo(f"\nthe page is on {running.line.passport.url}; end with Ctrl-C")
            _wait_for_signal()
    finally:
        running.stop()
    if not is_named:
        raise click.exceptions.Exit(EXIT_REFUSED)


@main.group()
def gateway() -> None:
    """Collect boards, keep everything until it is receipted."""


@gateway.command("run")
@click.argument("settings", type=FILE)
def gateway_run(settings: Path) -> None:
    """Run the gateway of SETTINGS (gateway.toml) until it is told to end.

    \b
    packseal gateway run gateway.toml
    """
    from packseal.apps.gateway import Gateway
    from packseal.io.settings import GatewaySettings, load_settings

    running = Gateway(load_settings(settings, GatewaySettings))
    running.start()
    click.echo("gateway running; end with Ctrl-C", err=True)
    _wait_for_signal(running.problems)
    running.stop()


@gateway.command("check")
@click.argument("settings", type=FILE)
def gateway_check(settings: Path) -> None:
    """Check SETTINGS (gateway.toml) and start nothing."""
    from packseal.io.settings import GatewaySettings, load_settings

    load_settings(settings, GatewaySettings)
    click.echo(f"{settings}: good")


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


@main.group()
def passport() -> None:
    """Verify what arrives, keep each battery's passport, show it."""


@passport.command("serve")
@click.argument("settings", type=FILE)
def passport_serve(settings: Path) -> None:
    """Run the passport service of SETTINGS (passport.toml) until it is told to end.

    \b
    packseal passport serve passport.toml
    """
    from packseal.apps.passport_server import PassportServer
    from packseal.io.settings import PassportFileSettings, load_settings

    server = PassportServer(load_settings(settings, PassportFileSettings))
    server.start()
    click.echo(f"passport service on {server.url}; end with Ctrl-C", err=True)
    _wait_for_signal(server.problems)
    server.stop()


@passport.command("check")
@click.argument("settings", type=FILE)
def passport_check(settings: Path) -> None:
    """Check SETTINGS (passport.toml) and start nothing."""
    from packseal.io.settings import PassportFileSettings, load_settings

    load_settings(settings, PassportFileSettings)
    click.echo(f"{settings}: good")


@passport.command("key")
@click.argument("settings", type=FILE)
def passport_key(settings: Path) -> None:
    """Print the service's public key, for gateways, boards and policies; made if there is none yet."""
    from packseal.apps.passport_server import service_key
    from packseal.io.settings import PassportFileSettings, load_settings

    key = service_key(load_settings(settings, PassportFileSettings))
    click.echo(f'service_public_key = "{key.public_key.hex()}"')


@main.command("import")
@click.argument("log", type=FILE)
@click.option("--dbc", type=FILE, required=True, help="DBC file that describes the messages.")
@click.option("--bind", type=FILE, required=True, help="TOML file: which signal is which quantity.")
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
    """
    from packseal.apps.import_run import ImportOptions, import_run

    as_json = arguments.pop("as_json")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", arguments["battery"]):
        raise ConfigError(f"--battery {arguments['battery']}: expected lower case letters, digits, _ and -")
    if arguments["settings"] and arguments["rated_capacity_mah"]:
        raise ConfigError("--rated-capacity-mah goes without --gateway; there the passport.toml of the service says it")
    report = import_run(ImportOptions(**arguments))
    click.echo(json.dumps(report.as_json(), indent=1) if as_json else "\n".join(report.lines()))


@main.command()
@click.argument("bundle", type=FILE)
@click.option("--policy", type=FILE, help="Whom to trust; policy.toml beside the bundle unless given.")
def verify(bundle: Path, policy: Path | None) -> None:
    """Check one record against the signatures in its BUNDLE. Needs no network.

    \b
    packseal verify record-57.bundle
    packseal verify record-57.bundle --policy trusted.toml
    """
    from packseal.apps.verify import report, verify_file

    chosen = policy or bundle.parent / "policy.toml"
    if not chosen.is_file():
        raise ConfigError(f"no policy: {chosen} is missing; say whom you trust with --policy FILE")
    click.echo("\n".join(report(verify_file(bundle, chosen))))


@main.command()
@click.argument("settings", type=FILE)
@click.option("--battery", required=True, help="Id of the battery.")
@click.option("--record", "seq", type=click.IntRange(0, (1 << 24) - 1), help="Its number; else the newest estimate.")
@click.option("--log", "log_id", help="Its log's log_id, where the battery has several; else the newest log.")
@click.option("--out", type=FOLDER, default=".", show_default=True, help="Folder for the bundle and its policy.toml.")
def export(settings: Path, battery: str, seq: int | None, log_id: str | None, out: Path) -> None:
    """Write one record with its proof to a file that anyone can verify.

    \b
    packseal export passport.toml --battery demo-pack
    packseal export passport.toml --battery demo-pack --record 57
    """
    from packseal.apps.export import Wanted, exported
    from packseal.apps.passport_server import passport_settings
    from packseal.io.keys import load_key
    from packseal.io.passport_store import PassportStore
    from packseal.io.settings import PassportFileSettings, load_settings

    loaded = load_settings(settings, PassportFileSettings)
    if not loaded.store.is_file():
        raise ConfigError(f"{loaded.store} does not exist; has this service received anything yet?")
    store = PassportStore(loaded.store)
    wanted = Wanted(battery, seq, _hex(log_id) if log_id else None)
    done = exported(store, load_key(loaded.key).public_key, passport_settings(loaded), wanted, out)
    store.close()
    click.echo(done.bundle)
    if not done.is_policy_new:
        click.echo(f"packseal: {done.policy} was there already and is left as it is", err=True)


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ConfigError(f"--log {text}: expected 32 hexadecimal digits") from None


def _show_verdict(running: Any, *, tamper: bool) -> bool:
    """Exports a bundle and verifies it; after tampering the right answer is a refusal that names the record."""
    from packseal.apps.verify import report, verify_file

    seq, bundle = running.tamper() if tamper else (None, running.export())
    if tamper:
        click.echo(f"\none bit of stored record {seq} was altered in the passport's database")
    click.echo(f"\n$ packseal verify {bundle}")
    try:
        click.echo("\n".join(report(verify_file(bundle, bundle.parent / "policy.toml"))))
    except EvidenceError as error:
        click.echo(f"packseal: {error}")
        if not tamper:
            return False
        click.echo(f"\nthe page says: {running.page_names(seq)}")
        return f"record {seq}" in str(error)
    return not tamper


def _wait_for_signal(problems: Callable[[], list[str]] = list) -> None:
    """Until told to end; says each problem once, and again when it has been gone in between."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    said: set[str] = set()
    while not ended.wait(1):
        present = set(problems())
        for words in sorted(present - said):
            click.echo(f"packseal: {words}", err=True)
        for words in sorted(said - present):
            click.echo(f"packseal: no more: {words}", err=True)
        said = present


if __name__ == "__main__":
    main()

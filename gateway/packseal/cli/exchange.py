"""The passport for partners: which forms there are, one of them for one partner, what left, evidence that is shown."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import click

from packseal.cli.authority import TO_OPTION
from packseal.cli.bridge import bridge
from packseal.cli.catena_x import catena_x
from packseal.cli.ouranos import ouranos
from packseal.cli.root import FILE, hex_bytes, main
from packseal.errors import ConfigError

NONCE_LENGTHS = tuple(range(16, 65))
AUDIENCE_OPTION = click.option("--audience", required=True, help="Who it is for, in the words that this one uses.")


@main.group()
def exchange() -> None:
    """Give a passport to partners and to other ecosystems, and see what left.

    \b
    packseal exchange targets
    packseal exchange export passport.toml 3f… --to product-condition --partner depot.toml -o condition.json
    packseal exchange left 3f… --to http://127.0.0.1:8420 --reader-key owner.key
    """


@exchange.command("targets")
def targets() -> None:
    """List the forms in which a passport can leave, each with its model."""
    from packseal.exchange.targets import TARGETS

    for name, one in TARGETS.items():
        click.echo(f"{name:28} {one.ecosystem:24} {one.target.model}")


@exchange.command("export")
@click.argument("settings", type=FILE)
@click.argument("passports", metavar="PASSPORT...", nargs=-1, required=True)
@click.option("--to", "target", required=True, metavar="TARGET", help="The form, as `packseal exchange targets` says.")
@click.option("--partner", type=FILE, required=True, help="TOML file: who the partner is, and what it may be told.")
@click.option("--names", type=FILE, help="TOML file: what battery, maker and plant are called elsewhere.")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 3650), help="sd-jwt: how long it holds.")
@click.option("--holder", type=FILE, help="sd-jwt: JWK file of who alone may present it.")
@click.option("--out", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File to write; else it is printed.")
@click.option("--check", is_flag=True, help="Only say what would be lost: nothing leaves.")
def export(
    *, settings: Path, passports: tuple[str, ...], target: str, partner: Path, names: Path | None, days: int,
    holder: Path | None, out: Path | None, check: bool,
) -> None:  # fmt: skip
    """Write a PASSPORT of the service of SETTINGS (passport.toml) in one form for one partner.

    What the form cannot carry, and what the partner may not be told, goes to standard error, a line each. The log of
    what left has its line before a byte is written. Several passports go into one table.

    \b
    packseal exchange export passport.toml 3f… --to product-condition --partner depot.toml -o condition.json
    packseal exchange export passport.toml 3f… --to evidence --partner depot.toml --check
    packseal exchange export passport.toml 3f… --to aas --partner depot.toml --names names.toml -o pack.aasx
    packseal exchange export passport.toml 3f… 77… --to table --partner lab.toml -o packs.parquet
    """
    from packseal.apps.exchange.exporting import Wanted, read_names, read_partner, run
    from packseal.exchange.loss import losses_text
    from packseal.io.settings import PassportFileSettings
    from packseal.io.settings_file import load_settings

    if out is not None and out.exists():
        raise ConfigError(f"{out} is there already; choose another name")
    wanted = Wanted(passports, target, read_partner(partner), read_names(names), days, holder)
    ending = out.suffix.lower() if out else ""
    with run(load_settings(settings, PassportFileSettings), wanted) as made:
        if lost := made.losses(ending):
            click.echo(losses_text(lost), err=True)
        if not check:
            _give(out, made.sent(ending))


@exchange.command("left")
@click.argument("passport")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 500), help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@TO_OPTION
@click.option("--reader-key", type=FILE, required=True, help="File with the key of its operator or owner.")
def left(*, passport: str, limit: int, as_json: bool, url: str, reader_key: Path) -> None:
    """Say what left of a passport: when, to whom, under which contract and by which rules.

    \b
    packseal exchange left 3f… --to http://127.0.0.1:8420 --reader-key owner.key
    """
    from packseal.apps.life_desk import LifeDesk
    from packseal.apps.passport_text import outgoing_lines
    from packseal.io.files import read_bounded
    from packseal.io.http_client import checked_url

    key = read_bounded(reader_key, 200).decode("ascii", "replace").strip()
    found = LifeDesk(checked_url(url), None, key).outgoing(passport, limit)
    click.echo(json.dumps(found, indent=1) if as_json else "\n".join(outgoing_lines(found) or ["nothing left yet"]))


@exchange.command("sent")
@click.argument("settings", type=FILE)
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000), help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def sent(*, settings: Path, limit: int, as_json: bool) -> None:
    """Say what `catena-x` and `ouranos` sent by SETTINGS (catenax.toml, ouranos.toml): when, where to, and of what.

    \b
    packseal exchange sent catenax.toml
    """
    from dataclasses import asdict

    from packseal.apps.exchange.sent import sent_lines
    from packseal.io.sent_log import log_path, read_sent

    found = read_sent(log_path(settings), limit)
    as_text = "\n".join(sent_lines(found) or ["nothing was sent yet"])
    click.echo(json.dumps([asdict(one) for one in found], indent=1) if as_json else as_text)


@exchange.command("nonce")
def nonce() -> None:
    """Print a nonce for somebody who is to show evidence: 16 random bytes, to be used once."""
    click.echo(secrets.token_hex(16))


@exchange.command("present")
@click.argument("bundle", type=FILE)
@AUDIENCE_OPTION
@click.option("--nonce", "nonce_hex", required=True, metavar="HEX", help="Sent by the recipient, 16 to 64 bytes.")
@click.option("--key", "key_path", type=FILE, required=True, help="Key file of who presents.")
@click.option("--out", "-o", type=click.Path(dir_okay=False, path_type=Path), required=True)
def present(*, bundle: Path, audience: str, nonce_hex: str, key_path: Path, out: Path) -> None:
    """Show BUNDLE to one recipient: bound to its name and its nonce, so that nobody else can use it, and it not twice.

    What of the record is shown, and what is only a bound, is decided before: by `packseal disclose` and `prove`.

    \b
    packseal prove record-128.bundle --at-least soh_capacity_cpct=8000
    packseal exchange present record-128.proof.bundle --audience depot.example --nonce 8c… --key operator.key
        -o for-depot.cose
    """
    from packseal.apps.exchange.presenting import asked, presented
    from packseal.apps.wall_clock import now_unix_ms
    from packseal.io.keys import load_key

    question = asked(audience, hex_bytes("--nonce", nonce_hex, *NONCE_LENGTHS))
    if out.exists():
        raise ConfigError(f"{out} is there already; choose another name")
    _give(out, presented(bundle, question, load_key(key_path), now_unix_ms()))


@exchange.command("check")
@click.argument("presentation", type=FILE)
@AUDIENCE_OPTION
@click.option("--nonce", "nonce_hex", required=True, metavar="HEX", help="Which was sent to the presenter.")
@click.option("--policy", type=FILE, required=True, help="Whom you trust: boards, services, and who may present.")
@click.option("--max-age-s", default=600, show_default=True, type=click.IntRange(1, 86_400), help="How old it may be.")
def check(*, presentation: Path, audience: str, nonce_hex: str, policy: Path, max_age_s: int) -> None:
    """Check what was presented to you: for you, to your nonce, by whom you trust, and true to what a board signed.

    \b
    packseal exchange check for-depot.cose --audience depot.example --nonce 8c… --policy policy.toml
    """
    from packseal.apps.exchange.presenting import asked, checked
    from packseal.apps.wall_clock import now_unix_ms
    from packseal.records.report import report

    question = asked(audience, hex_bytes("--nonce", nonce_hex, *NONCE_LENGTHS))
    found, trusted = checked(presentation, question, policy, now_unix_ms(), 1000 * max_age_s)
    click.echo("\n".join(report(trusted)))
    click.echo(f"Presented to {audience} by key {found.by.public_key.hex()[:16]}")


def _give(out: Path | None, content: bytes) -> None:
    if out is None:
        click.echo(content)
        return
    try:
        out.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from None
    click.echo(str(out))


for command in (bridge, catena_x, ouranos):
    exchange.add_command(command)

"""What integrators and operators do: make keys, enrol and bind boards, revoke and rotate keys."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from packseal.cli.root import FILE, hex_bytes, main
from packseal.errors import ConfigError

if TYPE_CHECKING:
    from packseal.apps.authority import Signatory

KEY_OPTION = click.option("--key", "key_path", type=FILE, required=True, help="Key file of who signs.")
TO_OPTION = click.option("--to", "url", required=True, metavar="URL", help="The passport service, http(s)://host:port.")
BATTERY_OPTION = click.option("--battery", required=True, help="Id of the battery.")
NEW_FILE = click.Path(exists=False, dir_okay=False, path_type=Path)


@main.group()
def key() -> None:
    """Keys of integrators, operators, witnesses and gateways."""


@key.command("make")
@click.argument("path", type=NEW_FILE)
def key_make(path: Path) -> None:
    """Make a key file at PATH, readable by its owner alone, and print its public key.

    \b
    packseal key make integrator.key
    """
    from packseal.io.keys import load_or_make_key

    if path.exists():
        raise ConfigError(f"{path} is there already; packseal key show {path} prints its public key")
    click.echo(f'public_key = "{load_or_make_key(path).public_key.hex()}"')


@key.command("show")
@click.argument("path", type=FILE)
def key_show(path: Path) -> None:
    """Print the public key of the key file at PATH; the secret is never printed."""
    from packseal.io.keys import load_key

    click.echo(f'public_key = "{load_key(path).public_key.hex()}"')


@key.command("enrol-board")
@click.argument("port")
@click.option("--baud", default=115_200, show_default=True)
@BATTERY_OPTION
@click.option("--class", "evidence_class", type=click.Choice(["A", "B"]), default="B", show_default=True)
@KEY_OPTION
@TO_OPTION
def key_enrol_board(port: str, baud: int, battery: str, evidence_class: str, key_path: Path, url: str) -> None:
    """Have the board on PORT prove its key, enrol it and bind it to a battery.

    \b
    packseal key enrol-board /dev/ttyUSB0 --battery pack-1 --key integrator.key --to http://127.0.0.1:8420
    """
    from packseal.apps.authority import checked_battery, submit
    from packseal.io.enrol import possession_of
    from packseal.records.acts import Role
    from packseal.records.checkpoint import SALT_BYTES
    from packseal.records.entries import genesis_key

    checked_battery(battery)
    nonce = secrets.token_bytes(SALT_BYTES)
    hello, possession = possession_of(port, nonce, baud)
    board = genesis_key(hello.genesis).verifying_key
    signatory = _signatory(key_path)
    enrolled = submit(url, signatory.enrol(Role.BOARD, board, nonce, possession))
    bound = submit(url, signatory.bind(board.public_key, battery, evidence_class, secrets.token_bytes(SALT_BYTES)))
    click.echo(f"board {board.public_key.hex()[:16]} enrolled as entry {enrolled}, bound to {battery} as entry {bound}")


@key.command("enrol-gateway")
@click.argument("gateway_key", type=FILE)
@KEY_OPTION
@TO_OPTION
def key_enrol_gateway(gateway_key: Path, key_path: Path, url: str) -> None:
    """Enrol the gateway whose key file is GATEWAY_KEY, so that its attestations count.

    \b
    packseal key enrol-gateway gateway.key --key operator.key --to http://127.0.0.1:8420
    """
    from packseal.io.keys import load_key
    from packseal.records.acts import Role

    signer = load_key(gateway_key)
    index = _submitted(url, key_path, lambda signatory, salt: signatory.enrol_file(Role.GATEWAY, signer, salt))
    click.echo(f"enrolled as entry {index}")


@key.command("bind")
@click.argument("public_key")
@BATTERY_OPTION
@click.option("--class", "evidence_class", type=click.Choice(["A", "B", "C", "D"]), default="B", show_default=True)
@KEY_OPTION
@TO_OPTION
def key_bind(public_key: str, battery: str, evidence_class: str, key_path: Path, url: str) -> None:
    """Bind an enrolled PUBLIC_KEY to a battery, once and for ever: to move, the board changes its key and is sealed."""
    from packseal.apps.authority import checked_battery

    bound, name = hex_bytes("PUBLIC_KEY", public_key, 32, 64), checked_battery(battery)
    index = _submitted(url, key_path, lambda signatory, salt: signatory.bind(bound, name, evidence_class, salt))
    click.echo(f"bound as entry {index}")


@key.command("revoke")
@click.argument("public_key")
@click.option("--reason", type=click.Choice(["unspecified", "stolen", "out-of-use"]), default="unspecified")
@KEY_OPTION
@TO_OPTION
def key_revoke(public_key: str, reason: str, key_path: Path, url: str) -> None:
    """Revoke PUBLIC_KEY: what has no receipt by then counts no more, whatever time it claims."""
    from packseal.records.acts import Cause

    revoked, cause = hex_bytes("PUBLIC_KEY", public_key, 32, 64), Cause[reason.replace("-", "_").upper()]
    index = _submitted(url, key_path, lambda signatory, salt: signatory.revoke(revoked, cause, salt))
    click.echo(f"revoked as entry {index}")


@key.command("rotate")
@click.argument("new_key", type=FILE)
@KEY_OPTION
@TO_OPTION
def key_rotate(new_key: Path, key_path: Path, url: str) -> None:
    """Let the key file NEW_KEY take the place of the one that signs. Boards rotate by an order."""
    from packseal.io.keys import load_key

    signer = load_key(new_key)
    index = _submitted(url, key_path, lambda signatory, salt: signatory.rotate(signer, salt))
    click.echo(f"rotated as entry {index}")


@key.command("order")
@click.argument("port")
@click.argument("order", type=click.Choice(["seal", "rotate"]))
@click.option("--cause", type=click.Choice(["reset", "hand-over", "removal"]), default="reset", show_default=True)
@click.option("--baud", default=115_200, show_default=True)
@click.option("--board-key", help="Public key the board signs with now, where it has rotated since it opened its log.")
@KEY_OPTION
def key_order(port: str, order: str, cause: str, baud: int, board_key: str | None, key_path: Path) -> None:
    """Give the board on PORT an order, signed with the key that it knows as its operator's. The gateway must let go of
    the port for so long.

    seal ends its log, which the next one names, once the end is receipted; rotate has it make a new key.

    \b
    packseal key order /dev/ttyUSB0 seal --cause hand-over --key operator.key
    """
    from packseal.apps.authority import order_for
    from packseal.io.enrol import give_order
    from packseal.records.report import words_of

    signed_with = hex_bytes("--board-key", board_key, 32, 64) if board_key else None
    number = ["reset", "hand-over", "removal"].index(cause) + 1 if order == "seal" else 0
    signatory = _signatory(key_path)
    done = give_order(port, lambda hello: order_for(signatory, hello, order, number, signed_with), baud)
    click.echo(f"record {done.seq}: {words_of(done)[0]}")


def _signatory(path: Path) -> Signatory:
    from packseal.apps.authority import Signatory
    from packseal.io.keys import load_key

    return Signatory(load_key(path), time.time_ns() // 1_000_000)


def _submitted(url: str, key_path: Path, act_of: Callable[[Signatory, bytes], bytes]) -> int:
    """The index of the act that the key's owner makes with a fresh salt."""
    from packseal.apps.authority import submit
    from packseal.records.checkpoint import SALT_BYTES

    return submit(url, act_of(_signatory(key_path), secrets.token_bytes(SALT_BYTES)))

"""What one does with a board on the bench: build its firmware, lay it on, look after it, bring it a new one."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path

import click

from packseal.cli.authority import key_enrol_board
from packseal.cli.root import FILE, FOLDER, main

BOARD = click.argument("board", type=click.Choice(["stm32", "rp2", "esp32"]))
ARCHITECTURE = click.option(
    "--arch", help="Of the processor, as mpy-cross names it; the board's usual one if left out."
)
BAUD = click.option("--baud", default=115_200, show_default=True)


@main.group()
def board() -> None:
    """Boards on the bench: firmware, configuration, console. Needs: pip install 'packseal[board]'"""


@board.command("build")
@BOARD
@ARCHITECTURE
@click.option("--out", type=FOLDER, default="packseal-firmware", show_default=True, help="Folder for what is made.")
def board_build(board: str, arch: str | None, out: Path) -> None:
    """Compile the firmware for a BOARD into a folder: slot/ and root/, as they lie on it.

    \b
    packseal board build rp2 --arch armv7emsp
    """
    from packseal.apps.board_tools import build, write

    with tempfile.TemporaryDirectory() as work:
        firmware = build(board, arch, Path(work))
    write(firmware, out)
    size = sum(map(len, firmware.slot.values()))
    click.echo(f"version {'.'.join(map(str, firmware.version))}: {len(firmware.slot)} files, {size} bytes, in {out}")
    click.echo(f"firmware_hash {firmware.firmware_hash.hex()}")


@board.command("flash")
@BOARD
@click.argument("console")
@ARCHITECTURE
@click.option("--config", type=FILE, help="Becomes the board's config.json.")
@click.option("--can-table", type=FILE, help="What `packseal dbc compile` made for it.")
def board_flash(board: str, console: str, arch: str | None, config: Path | None, can_table: Path | None) -> None:
    """Lay the firmware on the BOARD whose MicroPython console is the port CONSOLE. Its key, if it has one, stays.

    \b
    packseal board flash rp2 /dev/ttyACM0 --config board.json
    """
    from packseal.apps.board_tools import build, flash
    from packseal.io.board_console import BoardConsole

    with tempfile.TemporaryDirectory() as work:
        firmware = build(board, arch, Path(work))
        flash(firmware, BoardConsole(console), config, Path(work), click.echo, can_table)
    click.echo(f"flashed; firmware_hash {firmware.firmware_hash.hex()}")


@board.command("status")
@click.argument("port")
@BAUD
def board_status(port: str, baud: int) -> None:
    """Ask the board on PORT, the one of its link, how it is; its logging goes on.

    \b
    packseal board status /dev/ttyUSB0
    """
    from packseal.io.board_status import status_of
    from packseal.records.entries import genesis_key, log_id_of

    hello, status = status_of(port, baud)
    click.echo(f"key {genesis_key(hello.genesis).public_key.hex()}")
    click.echo(f"log {log_id_of(hello.genesis).hex()}")
    click.echo(f"boot {hello.boot}")
    for name, value in asdict(status).items():
        click.echo(f"{name} {value}")


@board.command("logs")
@click.argument("console")
@click.option("--seconds", default=60, show_default=True, type=click.IntRange(1), help="How long to listen.")
@BAUD
def board_logs(console: str, seconds: int, baud: int) -> None:
    """Show what the board says on its CONSOLE from now on, without interrupting it."""
    from packseal.io.board_console import console_lines
    from packseal.records.printable import printable

    for line in console_lines(console, seconds, baud):
        click.echo(printable(line))


@board.command("update")
@BOARD
@click.argument("console", required=False)
@ARCHITECTURE
@click.option("--key", "key_path", type=FILE, required=True, help="Key file of who may update: update_public_key.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the signed update there as well.")
def board_update(board: str, console: str | None, arch: str | None, key_path: Path, out: Path | None) -> None:
    """Sign a new firmware and bring it to the BOARD by its CONSOLE. The board checks it, tries it, and goes back to the
    one before unless the new one works.

    \b
    packseal board update rp2 /dev/ttyACM0 --key update.key
    packseal board update rp2 --key update.key --out update.bin
    """
    from packseal.apps.board_tools import build, lay_update, update_package
    from packseal.io.board_console import BoardConsole
    from packseal.io.files import write_whole
    from packseal.io.keys import load_key

    with tempfile.TemporaryDirectory() as work:
        firmware = build(board, arch, Path(work))
        package = update_package(firmware, load_key(key_path))
        if out is not None:
            write_whole(out, package)
        if console is not None:
            lay_update(package, board, BoardConsole(console), Path(work))
    version = ".".join(map(str, firmware.version))
    click.echo(f"version {version}: {len(package)} bytes, firmware_hash {firmware.firmware_hash.hex()}")


board.add_command(key_enrol_board, "enrol")

"""The store of a passport service, on its own machine: rebuild, backup, restore."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from packseal.cli.root import EXIT_REFUSED, FILE
from packseal.cli.site import passport

if TYPE_CHECKING:
    from packseal.io.store_place import StorePlace


@passport.command("rebuild")
@click.argument("settings", type=FILE)
@click.option("--battery", metavar="ID", help="Only this one.")
def rebuild(*, settings: Path, battery: str | None) -> None:
    """Fold passports again from the stored records of SETTINGS (passport.toml), and compare with what is shown.

    \b
    packseal passport rebuild passport.toml
    packseal passport rebuild passport.toml --battery pack-1
    """
    from packseal.apps.passport_rebuild import rebuild_stored
    from packseal.io.settings import PassportFileSettings
    from packseal.io.settings_file import load_settings
    from packseal.passport.words import plural

    count, differing = 0, 0
    for one in rebuild_stored(load_settings(settings, PassportFileSettings), battery):
        count += 1
        differing += not one.is_same
        logs = ", ".join(log.hex()[:8] for log in one.logs)
        said = "the same" if one.is_same else f"another passport; it differs in log {logs or 'order'}"
        click.echo(f"{one.battery}: {plural(one.records, 'record')}, {said}")
    click.echo(f"{count} rebuilt, {differing} of them not what is shown")
    if differing:
        raise click.exceptions.Exit(EXIT_REFUSED)


@passport.command("backup")
@click.argument("settings", type=FILE)
@click.option("--out", "-o", type=click.Path(dir_okay=False, path_type=Path), required=True)
def backup(*, settings: Path, out: Path) -> None:
    """Write the whole store of SETTINGS (passport.toml) to one new file, as one moment has it, also while it runs.

    The file holds secrets of logs: keep it as you keep keys. The service's key is not in it, nor are the tiles, which
    are made again from it.

    \b
    packseal passport backup passport.toml --out 2027-03-31.backup
    """
    from packseal.io.store_backup import back_up

    count = back_up(_store_of(settings), out)
    click.echo(f"{count} rows of all tables, {out.stat().st_size} bytes: {out}")


@passport.command("restore")
@click.argument("backup_file", metavar="BACKUP", type=FILE)
@click.argument("settings", type=FILE)
def restore(*, backup_file: Path, settings: Path) -> None:
    """Make the store that SETTINGS (passport.toml) names out of BACKUP, whole or not at all.

    There must be none yet. It can be of the other kind: a backup of a file becomes a PostgreSQL database, and back.

    \b
    packseal passport restore 2027-03-31.backup passport.toml
    """
    from packseal.io.store_backup import restore as restored

    place = _store_of(settings)
    count = restored(backup_file, place)
    click.echo(f"{count} rows of all tables are in {place}")
    click.echo("what came after the backup is not in it, and who has a receipt for it may no longer keep it")


def _store_of(settings: Path) -> StorePlace:
    from packseal.io.settings import PassportFileSettings
    from packseal.io.settings_file import load_settings

    return load_settings(settings, PassportFileSettings).store

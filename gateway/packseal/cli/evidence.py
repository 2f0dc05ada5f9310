"""Evidence in files: export it, verify it, show less of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from packseal.cli.root import EXIT_REFUSED, FILE, FOLDER, hex_bytes, main
from packseal.errors import ConfigError, EvidenceError


@main.command()
@click.argument("evidence", type=FILE)
@click.option("--policy", type=FILE, help="Whom to trust; policy.toml or policy.json beside EVIDENCE unless given.")
@click.option("--battery", help="Refuse what is of another battery.")
@click.option("--nonce", metavar="HEX", help="Refuse what does not answer this nonce, 32 hexadecimal digits.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON, with a stable reason code.")
def verify(evidence: Path, policy: Path | None, battery: str | None, nonce: str | None, *, as_json: bool) -> None:
    """Check a bundle or an archive against the signatures in it. Needs no network.

    \b
    packseal verify record-57.bundle
    packseal verify record-57.bundle --policy trusted.toml --battery pack-1
    packseal verify 224cb6f3c60bb31e.archive
    """
    from packseal.apps.export import load_policy
    from packseal.apps.verify import is_archive, verify_file
    from packseal.records.report import refusal_json

    asked = hex_bytes("--nonce", nonce, 16) if nonce is not None else None
    trusted = load_policy(policy or _policy_beside(evidence))
    try:
        progress = _progress(evidence) if is_archive(evidence) else None
        verdict = verify_file(evidence, trusted, battery, progress, asked)
    except EvidenceError as error:
        if not as_json:
            raise
        click.echo(json.dumps(refusal_json(error), indent=1))
        raise click.exceptions.Exit(EXIT_REFUSED) from None
    click.echo(json.dumps(verdict.as_json(), indent=1) if as_json else "\n".join(verdict.lines()))


def _progress(archive: Path) -> Callable[[int], None]:
    """A bar on standard error, of the bytes of the file."""
    bar = click.progressbar(length=archive.stat().st_size, label="checking", file=sys.stderr)
    return lambda at: bar.update(at - bar.pos)


def _policy_beside(evidence: Path) -> Path:
    for name in ("policy.toml", "policy.json"):
        if (evidence.parent / name).is_file():
            return evidence.parent / name
    raise ConfigError(f"no policy: {evidence.parent / 'policy.toml'} is missing; say whom you trust with --policy FILE")


@main.command()
@click.argument("bundle", type=FILE)
@click.option("--fields", default="", help="Names of the values to show, with commas between them.")
@click.option("--cells", default="", help="Numbers of the cell blocks to show, with commas between them.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write; else beside BUNDLE.")
def disclose(bundle: Path, fields: str, cells: str, out: Path | None) -> None:
    """Make a bundle that shows only some values of its record, and still checks against the board's signature.

    \b
    packseal disclose record-128.bundle --fields soh_capacity_cpct,remaining_capacity_mah
    packseal disclose record-57.bundle --fields soc_cpct --cells 0,11
    """
    from packseal.apps.disclose import Choice

    choice = Choice(_listed(fields), [_block(text) for text in _listed(cells)])
    _write_shown(bundle, choice, out or bundle.with_suffix(".shown.bundle"))


@main.command()
@click.argument("bundle", type=FILE)
@click.option("--at-least", metavar="soh_capacity_cpct=N", help="Show that the state of health is at least N/100 %.")
@click.option("--at-most", metavar="soh_capacity_cpct=N", help="Show that it is at most N/100 %.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write; else beside BUNDLE.")
def prove(bundle: Path, at_least: str | None, at_most: str | None, out: Path | None) -> None:
    """Make a bundle that shows a bound of the state of health and hides its value. N is a multiple of 50.

    \b
    packseal prove record-128.bundle --at-least soh_capacity_cpct=8000
    packseal prove record-128.bundle --at-least soh_capacity_cpct=8000 --at-most soh_capacity_cpct=9500
    """
    from packseal.apps.disclose import Choice

    if at_least is None and at_most is None:
        raise ConfigError("nothing to prove: give --at-least, --at-most or both")
    _write_shown(bundle, Choice(at_least=at_least, at_most=at_most), out or bundle.with_suffix(".proof.bundle"))


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _block(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ConfigError(f"--cells {text}: expected the number of a cell block")
    return int(text[:6])


def _write_shown(bundle: Path, choice: Any, out: Path) -> None:
    from packseal.apps.disclose import shown_bundle
    from packseal.io.files import read_bounded
    from packseal.records.bundle import MAX_BUNDLE_BYTES

    content = shown_bundle(read_bounded(bundle, MAX_BUNDLE_BYTES), choice)
    try:
        out.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from None
    click.echo(out)


@main.command()
@click.argument("settings", type=FILE)
@click.option("--battery", required=True, help="Id of the battery.")
@click.option("--record", "seq", type=click.IntRange(0, (1 << 24) - 1), help="Its number; else the newest estimate.")
@click.option("--log", "log_id", help="Its log's log_id, where the battery has several; else the newest log.")
@click.option("--archive", is_flag=True, help="The whole log in one file, in place of one record.")
@click.option("--cose-receipt", is_flag=True, help="Write a COSE Receipt (RFC 9942) of the record's receipt as well.")
@click.option("--out", type=FOLDER, default=".", show_default=True, help="Folder for the file and its policy.toml.")
def export(
    settings: Path, battery: str, seq: int | None, log_id: str | None, out: Path, *, archive: bool, cose_receipt: bool
) -> None:
    """Write one record, or a whole log, with its proof to a file that anyone can verify.

    \b
    packseal export passport.toml --battery demo-pack
    packseal export passport.toml --battery demo-pack --record 57
    packseal export passport.toml --battery demo-pack --archive
    """
    from packseal.apps.export import Wanted
    from packseal.apps.export_run import ExportKind, export_run
    from packseal.io.settings import PassportFileSettings
    from packseal.io.settings_file import load_settings

    if archive and (seq is not None or cose_receipt):
        raise ConfigError("--archive takes the whole log: leave out --record and --cose-receipt")
    kind = ExportKind.ARCHIVE if archive else ExportKind.BUNDLE_AND_RECEIPT if cose_receipt else ExportKind.BUNDLE
    wanted = Wanted(battery, seq, hex_bytes("--log", log_id, 16) if log_id else None)
    done = export_run(load_settings(settings, PassportFileSettings), wanted, kind, out)
    click.echo(done.path)
    for words in done.left_out:
        click.echo(f"packseal: no room for {words}, which is left out", err=True)
    if not done.is_policy_new:
        click.echo(f"packseal: {done.policy} was there already and is left as it is", err=True)

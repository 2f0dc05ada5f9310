"""A fleet's archive: made from a store, and verified again years later."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from packseal.cli.root import EXIT_REFUSED, EXIT_USAGE, FILE, FOLDER, hex_bytes, main
from packseal.cli.site import passport
from packseal.errors import ConfigError, PackSealError

if TYPE_CHECKING:
    from packseal.apps.fleet_archive_audit import Audit, Engine
    from packseal.io.store_place import StorePlace
    from packseal.records.policy import Policy

MAX_PRINTED = 20


@passport.command("archive")
@click.argument("settings", type=FILE)
@click.argument("folder", type=FOLDER)
@click.option("--shards", type=int, help="Parts of a new archive: a power of two, at most 256; 16 unless given.")
def archive(settings: Path, folder: Path, *, shards: int | None) -> None:
    """Add what is new in the store of SETTINGS (passport.toml) to the Parquet files of FOLDER, also while it runs.

    The files hold closed values and secrets of logs: keep them as you keep the store. `packseal audit` verifies them.

    \b
    packseal passport archive passport.toml /srv/fleet-archive
    """
    _needs("pyarrow")
    from packseal.apps.fleet_archive import archive_store
    from packseal.io.settings import PassportFileSettings
    from packseal.io.settings_file import load_settings

    added = archive_store(load_settings(settings, PassportFileSettings).store, folder, shards)
    if not added.run:
        click.echo(f"{folder}: nothing new")
        return
    click.echo(
        f"{folder}: run {added.run} added {added.records} records in {added.deliveries} deliveries, {added.logs} logs"
        f" begun; {added.files} files, {added.size_bytes} bytes"
    )


@main.command("audit")
@click.argument("folder", type=FOLDER)
@click.option("--policy", "policy_path", type=FILE, help="Whom to trust: policy.toml or policy.json.")
@click.option("--service-key", type=FILE, help="File with the service's public key, where nobody else is trusted.")
@click.option("--store", help="Compare with it: passport.toml, the path of a store, or postgresql://host/database.")
@click.option("--engine", type=click.Choice(["duckdb", "dask"]), default="duckdb", show_default=True)
@click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster; its workers see FOLDER under the same path.")
@click.option("--workers", type=click.IntRange(1, 1024), help="Processes; as many as there are cores unless given.")
@click.option("--json", "as_json", is_flag=True, help="Print counts and findings as JSON.")
def audit(*, folder: Path, policy_path: Path | None, service_key: Path | None, store: str | None, engine: str,
          scheduler: str | None, workers: int | None, as_json: bool) -> None:  # fmt: skip
    """Verify every record of a fleet archive again: leaves, trees, signatures, receipts, and that nothing is missing.

    Exit code 0 when all of it holds, 1 with findings, 2 for what is no archive.

    \b
    packseal audit /srv/fleet-archive --policy policy.toml
    packseal audit /srv/fleet-archive --policy policy.toml --store passport.toml --json
    """
    _needs("pyarrow", "duckdb", *(["distributed"] if engine == "dask" else []))
    from packseal.apps.fleet_archive_audit import audit_archive
    from packseal.records.printable import printable

    if scheduler and engine != "dask":
        raise ConfigError("--scheduler goes with --engine dask")
    try:
        trusted, place = _trusted(policy_path, service_key), _place(store)
        found = audit_archive(folder, trusted, _engine(engine, scheduler, workers or os.cpu_count() or 1), place)
    except PackSealError as error:
        click.echo(f"packseal: {printable(str(error))}", err=True)
        raise click.exceptions.Exit(EXIT_USAGE) from None
    click.echo(_as_json(found) if as_json else "\n".join(_lines(found)))
    if not found.holds:
        raise click.exceptions.Exit(EXIT_REFUSED)


def _needs(*modules: str) -> None:
    """Before anything of them is imported: they are no part of a plain installation. Raises ConfigError."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ConfigError(f"needs {', '.join(missing)}: pip install 'packseal[audit]'")


def _trusted(policy_path: Path | None, service_key: Path | None) -> Policy:
    from packseal.apps.export import load_policy
    from packseal.io.files import read_bounded
    from packseal.records.policy import Policy

    if (policy_path is None) == (service_key is None):
        raise ConfigError("say whom you trust: --policy FILE, or --service-key FILE with the service's public key")
    if policy_path:
        return load_policy(policy_path)
    text = read_bounded(service_key, 200).decode("ascii", "replace").strip() if service_key else ""
    return Policy({}, {hex_bytes("--service-key", text, 32): ""})


def _place(store: str | None) -> StorePlace | None:
    from packseal.io.settings import PassportFileSettings
    from packseal.io.settings_file import load_settings
    from packseal.io.store_place import store_place

    if store is None:
        return None
    if store.endswith(".toml"):
        return load_settings(Path(store), PassportFileSettings).store
    try:
        return store_place(store)
    except ValueError as error:
        raise ConfigError(f"--store {store}: {error}") from None


def _engine(name: str, scheduler: str | None, workers: int) -> Engine:
    from packseal.apps.fleet_archive_audit import DaskEngine, LocalEngine

    return DaskEngine(scheduler, workers) if name == "dask" else LocalEngine(workers)


def _lines(found: Audit) -> Sequence[str]:
    from packseal.records.printable import printable

    lines = [printable(finding.words) for finding in found.findings[:MAX_PRINTED]]
    if found.total > len(lines):
        lines.append(f"and {found.total - len(lines)} more; --json names up to 200 of each part")
    counts = found.counts
    said = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    verdict = "all of it holds" if found.holds else f"{found.total} findings"
    return [*lines, f"verified: {said or 'nothing'}", f"{verdict}; the archive of {found.runs} runs"]


def _as_json(found: Audit) -> str:
    findings = [{"where": one.where, "what": one.what} for one in found.findings]
    head = {"holds": found.holds, "runs": found.runs, "counts": found.counts, "findings_total": found.total}
    return json.dumps(head | {"findings": findings}, indent=1)

"""Bundles and policies as files."""

from __future__ import annotations

from pathlib import Path

from packseal.errors import UnavailableError
from packseal.io.passport_store import PassportStore
from packseal.io.settings import PolicyFileSettings, load_settings
from packseal.records.bundle import Policy, PolicyLog
from packseal.records.entries import EntryType


def load_policy(path: Path) -> Policy:
    """Whom to trust, from a policy.toml. Raises ConfigError."""
    settings = load_settings(path, PolicyFileSettings)
    logs = {log.log_id: PolicyLog(log.battery, log.evidence_class) for log in settings.log}
    return Policy(logs, tuple(service.public_key for service in settings.service))


def policy_text(store: PassportStore, service_key: bytes) -> str:
    """A policy.toml that trusts what this service trusts."""
    text = '# whom "packseal verify" trusts; get it from someone you trust, not from who sent the bundle\n'
    text += f'[[service]]\npublic_key = "{service_key.hex()}"\n'
    for log in store.logs():
        text += f'\n[[log]]\nlog_id = "{log.log_id.hex()}"\nbattery = "{log.battery}"\n'
        text += f'evidence_class = "{log.evidence_class}"\n'
    return text


def exported(store: PassportStore, service_key: bytes, battery: str, folder: Path, seq: int | None = None) -> Path:
    """Writes record-<seq>.bundle and policy.toml; without a seq the newest state of health, else the newest window.

    Raises UnavailableError where there is no such record with a receipt.
    """
    for log in store.logs():
        if log.battery != battery:
            continue
        for wanted in [seq] if seq is not None else store.newest(log.log_id, (EntryType.SOH, EntryType.WINDOW)):
            path = folder / f"record-{wanted}.bundle"
            path.write_bytes(store.bundle(log.log_id, wanted))
            (folder / "policy.toml").write_text(policy_text(store, service_key))
            return path
    raise UnavailableError(f"no record to export for battery {battery!r}; see its page for what has arrived")

"""Bundles and policies as files."""

from __future__ import annotations

from pathlib import Path

from packseal.errors import UnavailableError
from packseal.io.passport_store import PassportStore
from packseal.io.settings import PolicyFileSettings, load_settings
from packseal.records.bundle import Policy, PolicyLog


def load_policy(path: Path) -> Policy:
    """Whom to trust, from a policy.toml. Raises ConfigError."""
    settings = load_settings(path, PolicyFileSettings)
    logs = {log.log_id: PolicyLog(log.battery, log.evidence_class) for log in settings.log}
    return Policy(logs, tuple(service.public_key for service in settings.service))


def policy_text(store: PassportStore, service_key: bytes) -> str:
    """A policy.toml that trusts what this service trusts."""
    text = '# whom "packseal verify" trusts; get it from someone you trust, not from who sent the bundle\n'
    text += f'[[service]]\npublic_key = "{service_key.hex()}"\n'
    for head in store.heads():
        text += f'\n[[log]]\nlog_id = "{head.log.log_id.hex()}"\nbattery = "{head.battery}"\n'
        text += f'evidence_class = "{head.evidence_class}"\n'
    return text


def exported(store: PassportStore, service_key: bytes, battery: str, folder: Path, seq: int | None = None) -> Path:
    """Writes record-<seq>.bundle and policy.toml; without a seq the newest state of health, else the newest record.

    Raises UnavailableError where there is no such record with a receipt.
    """
    for head in store.heads():
        log_id = head.log.log_id
        wanted = _newest(store, log_id) if seq is None else seq
        bundle = store.bundle(log_id, wanted) if head.battery == battery else None
        if bundle:
            path = folder / f"record-{wanted}.bundle"
            path.write_bytes(bundle)
            (folder / "policy.toml").write_text(policy_text(store, service_key))
            return path
    which = "no record" if seq is None else f"no record {seq}"
    raise UnavailableError(f"{which} to export for battery {battery!r}; its page shows what has arrived")


def _newest(store: PassportStore, log_id: bytes) -> int:
    records = store.plotted_statements(log_id)[-1:] or store.recent_records(log_id, 1)
    return records[0].seq if records else 0

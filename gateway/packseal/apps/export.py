"""Bundles and policies as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from packseal.errors import ConfigError, UnavailableError
from packseal.io.passport_store import LogHead, PassportStore
from packseal.io.settings import PolicyFileSettings, load_settings
from packseal.passport.settings import PassportSettings
from packseal.records.bundle import Policy, PolicyLog
from packseal.records.entries import genesis_key


@dataclass(frozen=True, slots=True)
class Wanted:
    """One record of a battery: without a seq the newest state of health, else the newest record, of the newest log."""

    battery: str
    seq: int | None = None
    log_id: bytes | None = None


def load_policy(path: Path) -> Policy:
    """Whom to trust, from a policy.toml. Raises ConfigError."""
    settings = load_settings(path, PolicyFileSettings)
    logs = {log.log_id: PolicyLog(log.battery, log.evidence_class) for log in settings.log}
    return Policy(logs, tuple(service.public_key for service in settings.service))


@dataclass(frozen=True, slots=True)
class Exported:
    bundle: Path
    policy: Path
    is_policy_new: bool


def exported(
    store: PassportStore, public_key: bytes, settings: PassportSettings, wanted: Wanted, folder: Path
) -> Exported:
    """Writes record-<seq>.bundle, and policy.toml where there is none yet.

    Raises UnavailableError where there is no such record with a receipt, ConfigError where nothing can be written.
    """
    heads = _enrolled(store, settings)
    candidates = [(head, _seq(store, head, wanted)) for head in heads if head.battery == wanted.battery]
    found = [(head, seq) for head, seq in candidates if seq is not None and wanted.log_id in (None, head.log_id)]
    head, seq = max(found, key=lambda pair: _received_unix_ms(store, pair[0]), default=(None, None))
    content = store.bundle(head.log_id, seq) if head and seq is not None else None
    if content is None:
        which = "no record" if wanted.seq is None else f"no record {wanted.seq}"
        raise UnavailableError(f"{which} to export for battery {wanted.battery!r}; its page shows what has arrived")
    bundle, policy = folder / f"record-{seq}.bundle", folder / "policy.toml"
    is_policy_new = not policy.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        bundle.write_bytes(content)
        if is_policy_new:
            policy.write_text(_policy_text(heads, public_key))
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written: {error.strerror}") from None
    return Exported(bundle, policy, is_policy_new)


def _enrolled(store: PassportStore, settings: PassportSettings) -> list[LogHead]:
    keys = {source.public_key for battery in settings.batteries for source in battery.sources}
    return [head for head in store.heads() if head.has_own_genesis and genesis_key(head.genesis).public_key in keys]


def _seq(store: PassportStore, head: LogHead, wanted: Wanted) -> int | None:
    if wanted.seq is not None:
        return wanted.seq if wanted.seq < head.size else None
    records = store.plotted_statements(head.log_id)[-1:] or store.recent_records(head.log_id, 1)
    return records[0].seq if records else None


def _received_unix_ms(store: PassportStore, head: LogHead) -> int:
    return max((record.received_unix_ms for record in store.recent_records(head.log_id, 1)), default=0)


def _policy_text(heads: list[LogHead], public_key: bytes) -> str:
    text = '# whom "packseal verify" trusts; get it from someone you trust, not from who sent the bundle\n'
    text += f'[[service]]\npublic_key = "{public_key.hex()}"\n'
    for head in heads:
        text += f'\n[[log]]\nlog_id = "{head.log_id.hex()}"\nbattery = "{head.battery}"\n'
        text += f'evidence_class = "{head.evidence_class}"\n'
    return text

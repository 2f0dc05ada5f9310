"""Bundles, archives and policies as files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from packseal.apps.bundles import BundleMaker, Made
from packseal.errors import ConfigError, UnavailableError
from packseal.io.files import read_bounded
from packseal.io.passport_rows import LogHead
from packseal.io.passport_storing import PassportStoring
from packseal.io.settings import PolicyFileSettings, PolicyRevokedTable
from packseal.io.settings_file import MAX_CONFIG_BYTES, load_settings
from packseal.records.policy import Policy


@dataclass(frozen=True, slots=True)
class Wanted:
    """One record of a battery: without a seq the newest state of health, else the newest record, of the newest log."""

    battery: str
    seq: int | None = None
    log_id: bytes | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    path: Path
    policy: Path
    is_policy_new: bool
    left_out: tuple[str, ...] = ()


def load_policy(path: Path) -> Policy:
    """Whom to trust, from a policy.toml or a policy.json as a service gives it. Raises ConfigError."""
    try:
        if path.suffix == ".json":
            return Policy.from_bytes(read_bounded(path, MAX_CONFIG_BYTES))
        return Policy.from_json(_parts(load_settings(path, PolicyFileSettings)))
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None


def _parts(settings: PolicyFileSettings) -> dict[str, object]:
    """The same policy in the form of JSON, whose rules hold for both. Raises ValueError."""
    logs = {log.log_id.hex(): {"battery": log.battery, "evidence_class": log.evidence_class} for log in settings.log}
    if len(logs) < len(settings.log):
        raise ValueError("policy: a log is listed twice")
    keys = [table.authority for table in settings.key]
    return {
        "services": [{"origin": one.origin, "public_key": one.public_key.hex()} for one in settings.service],
        "logs": logs,
        "keys": [
            {"public_key": one.key.public_key.hex(), "algorithm": one.key.algorithm, "role": one.role.name.lower()}
            for one in keys
        ],
        "witnesses": [{"name": table.name, "public_key": table.public_key.hex()} for table in settings.witness],
        "witnesses_needed": settings.witnesses_needed,
        "revoked": [_revoked(table) for table in settings.revoked],
    }


def _revoked(table: PolicyRevokedTable) -> dict[str, object]:
    parts: dict[str, object] = {"public_key": table.public_key.hex(), "index": table.index}
    return parts if table.service is None else parts | {"service": table.service.hex()}


def exported(store: PassportStoring, maker: BundleMaker, policy: Policy, wanted: Wanted, folder: Path) -> Exported:
    """Writes record-<seq>.bundle, and policy.toml where there is none yet.

    Raises UnavailableError where there is no such record with a receipt, ConfigError where nothing can be written.
    """
    head, seq = _chosen(store, wanted)
    made = maker.bundle(head.log_id, seq)
    if made is None:
        raise _nothing(wanted)
    return _written(folder, f"record-{seq}.bundle", made, policy)


def exported_archive(
    store: PassportStoring, maker: BundleMaker, policy: Policy, wanted: Wanted, folder: Path
) -> Exported:
    """Writes the whole log as <log_id>.archive. Raises as `exported` does."""
    head, _ = _chosen(store, wanted)
    path = folder / f"{head.log_id.hex()[:16]}.archive"
    unfinished = path.with_name(path.name + ".new")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            _write_all(file, maker, head)
        unfinished.replace(path)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written: {error.strerror}") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return _with_policy(folder, path, policy, ())


def policy_text(policy: Policy) -> str:
    """As policy.toml."""
    text = '# whom "packseal verify" trusts; get it from someone you trust, not from who sent the bundle\n'
    text += f"witnesses_needed = {policy.witnesses_needed}\n"
    for public_key, origin in policy.services.items():
        text += f'\n[[service]]\norigin = {_quoted(origin)}\npublic_key = "{public_key.hex()}"\n'
    for one in policy.keys:
        text += f'\n[[key]]\npublic_key = "{one.key.public_key.hex()}"\nrole = "{one.role.name.lower()}"\n'
    for name, public_key in policy.witnesses.items():
        text += f'\n[[witness]]\nname = {_quoted(name)}\npublic_key = "{public_key.hex()}"\n'
    for log_id, log in policy.logs.items():
        text += f'\n[[log]]\nlog_id = "{log_id.hex()}"\nbattery = {_quoted(log.battery)}\n'
        text += f'evidence_class = "{log.evidence_class}"\n'
    for public_key, revoked in policy.revoked.items():
        text += f'\n[[revoked]]\npublic_key = "{public_key.hex()}"\nindex = {revoked.index}\n'
        text += f'service = "{revoked.service.hex()}"\n'
    return text


def _quoted(text: str) -> str:
    """As a basic string of TOML, which has JSON's escapes and forbids one character more."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _chosen(store: PassportStoring, wanted: Wanted) -> tuple[LogHead, int]:
    heads = [head for head in store.heads() if head.battery == wanted.battery and head.has_own_genesis]
    candidates = [(head, _seq(store, head, wanted)) for head in heads if wanted.log_id in (None, head.log_id)]
    found = [(head, seq) for head, seq in candidates if seq is not None]
    if not found:
        raise _nothing(wanted)
    return max(found, key=lambda pair: _received_unix_ms(store, pair[0]))


def _nothing(wanted: Wanted) -> UnavailableError:
    which = "no record" if wanted.seq is None else f"no record {wanted.seq}"
    return UnavailableError(f"{which} to export for battery {wanted.battery!r}; its page shows what has arrived")


def _seq(store: PassportStoring, head: LogHead, wanted: Wanted) -> int | None:
    if wanted.seq is not None:
        return wanted.seq if wanted.seq < head.size else None
    records = store.plotted_statements(head.log_id)[-1:] or store.recent_records(head.log_id, 1)
    return records[0].seq if records else None


def _received_unix_ms(store: PassportStoring, head: LogHead) -> int:
    return max((record.received_unix_ms for record in store.recent_records(head.log_id, 1)), default=0)


def _write_all(file: BinaryIO, maker: BundleMaker, head: LogHead) -> None:
    for piece in maker.archive(head.log_id):
        file.write(piece)


def _written(folder: Path, name: str, made: Made, policy: Policy) -> Exported:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(made.content)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written: {error.strerror}") from None
    return _with_policy(folder, folder / name, policy, made.left_out)


def _with_policy(folder: Path, path: Path, policy: Policy, left_out: tuple[str, ...]) -> Exported:
    policy_path = folder / "policy.toml"
    is_new = not policy_path.exists()
    if is_new:
        try:
            policy_path.write_text(policy_text(policy), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{folder}: cannot be written: {error.strerror}") from None
    return Exported(path, policy_path, is_new, left_out)

"""What `packseal verify` says of a bundle, for a person who has only the file and a policy."""

from __future__ import annotations

import datetime
from pathlib import Path

from packseal.apps.export import load_policy
from packseal.io.files import read_bounded
from packseal.records.bundle import CLASSES, MAX_BUNDLE_BYTES, TrustedBundle, verify_bundle
from packseal.records.entries import METHODS, Boot, Config, Entry, EntryType, Estimate, Gap, Key, StateOfHealth, Window


def verify_file(bundle: Path, policy: Path) -> TrustedBundle:
    """Raises ConfigError where a file cannot be read, EvidenceError where the bundle does not hold."""
    return verify_bundle(read_bounded(bundle, MAX_BUNDLE_BYTES), load_policy(policy))


def report(trusted: TrustedBundle) -> list[str]:
    entry, checkpoint = trusted.entry, trusted.checkpoint
    received = datetime.datetime.fromtimestamp(trusted.receipt.received_unix_ms / 1000, datetime.UTC)
    return [
        f"OK  record {entry.seq} ({EntryType(entry.type).name}) of battery {trusted.battery}",
        *(f"    {line}" for line in words_of(entry)),
        "This proves:",
        f" 1. the record is unchanged since key {trusted.key.public_key.hex()[:16]} signed it,",
        f"    as number {entry.seq} of the {checkpoint.size} records of log {trusted.log_id.hex()};",
        f" 2. that log belongs to battery {trusted.battery}, with evidence class {trusted.evidence_class}"
        f" ({CLASSES[trusted.evidence_class]}), says your policy;",
        f" 3. the passport service stored all {checkpoint.size} records by {received:%Y-%m-%d %H:%M:%S} UTC"
        f" (receipt {trusted.receipt.service_index}).",
        "It does not prove that the sensors told the truth, nor when the record was made, only that it was not later.",
    ]


def words_of(entry: Entry) -> list[str]:
    """What an entry says, a line each, with units."""
    match entry.body:
        case StateOfHealth() as soh:
            return [
                f"state of health {_percent(soh.soh_capacity_cpct)}, remaining capacity"
                f" {_amp_hours(soh.remaining_capacity_mah)} of rated {soh.rated_capacity_mah / 1000:g} Ah",
                f"by {METHODS.get(soh.method, str(soh.method))}, from records {soh.inputs[0]} to {soh.inputs[1]}",
            ]
        case Window() as window:
            return [", ".join(_window_words(window)) or "no value available"]
        case Boot() as boot:
            return [f"start of the board, firmware {boot.firmware_hash.hex()[:16]}"]
        case Key() as key:
            return [f"opens the log with key {key.public_key.hex()[:16]}"]
        case Gap() as gap:
            return [f"{gap.windows} windows could not be kept: the log was full"]
        case Config() as config:
            return [f"import of the file with SHA-256 {config.source_digest.hex()[:16]}…"]
    return ["a record of a kind that this version does not read"]


def _window_words(window: Window) -> list[str]:
    words = [f"{window.duration_ms / 1000:g} s"]
    if window.pack_voltage_mv:
        words.append(f"{window.pack_voltage_mv.mean / 1000:.2f} V")
    if window.pack_current_ma:
        words.append(f"{window.pack_current_ma.mean / 1000:+.2f} A")
    if window.soc_cpct is not None:
        words.append(f"charged {window.soc_cpct / 100:.1f} %")
    if window.soc_reported_cpct is not None:
        words.append(f"charged {window.soc_reported_cpct / 100:.1f} % says the BMS")
    if window.soh_reported_cpct is not None:
        words.append(f"healthy {window.soh_reported_cpct / 100:.1f} % says the BMS")
    return words


def _percent(value: Estimate) -> str:
    return f"{value.value / 100:.1f} % ± {2 * value.uncertainty / 100:.1f} %"


def _amp_hours(value: Estimate) -> str:
    return f"{value.value / 1000:.2f} Ah ± {2 * value.uncertainty / 1000:.2f} Ah"

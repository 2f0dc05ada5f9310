"""`packseal import`: one log file through decoding, records, outbox, MQTT and passport, with an exact loss report."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from packseal.apps.gateway import Gateway
from packseal.apps.importer import ImportedLog, imported_log
from packseal.apps.line import Line, LineBattery, own_folder
from packseal.apps.window_records import BoundSignals, naming, record_window
from packseal.errors import FramesError, UnavailableError
from packseal.frames import LossReport, read_log
from packseal.frames.dialects import MAX_LOG_BYTES
from packseal.io.files import read_bounded
from packseal.io.keys import Signer, load_or_make_key
from packseal.io.mf4_file import is_mf4, read_mf4
from packseal.io.outbox_store import only_new
from packseal.io.ports import free_port
from packseal.io.settings import GatewaySettings
from packseal.io.settings_file import load_settings
from packseal.records.bodies import Window
from packseal.records.log import TrustedLog
from packseal.signals import Absence, DecodeReport, windows
from packseal.signals.diagnostics import DiagnosticAccount

RECEIPT_TIMEOUT_S = 60  # without any progress


@dataclass(frozen=True, slots=True)
class ImportOptions:
    log: Path
    dbc: Path | None
    bind: Path
    battery: str
    rated_capacity_mah: int | None
    window_s: int
    settings: Path | None
    data: Path


@dataclass(frozen=True, slots=True)
class Decoded:
    """A log file as windows of quantities, and the account of every line, frame and value.

    values: of each quantity, how many by absence.
    """

    files: tuple[bytes, bytes, bytes]
    loss: LossReport
    decode: DecodeReport
    values: Mapping[str, Mapping[Absence, int]]
    windows: tuple[tuple[int, Window], ...]
    diagnostics: DiagnosticAccount

    @property
    def unavailable(self) -> int:
        return sum(sum(counts.values()) - counts[Absence.NONE] for counts in self.values.values())

    @property
    def losses(self) -> tuple[int, ...]:
        """CONFIG field 4 (docs/record.md)."""
        refused_lines = sum(self.loss.refused.values())
        unknown = sum(self.decode.unknown_ids.values()) + self.decode.without_signals
        return (self.loss.lines, self.loss.frames, unknown, refused_lines, self.decode.too_short, self.unavailable)


@dataclass(frozen=True, slots=True)
class ImportReport:
    decoded: Decoded
    log_id: bytes
    records: int
    records_before: int
    passport: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        loss, decode = self.decoded.loss, self.decoded.decode
        return {
            "dialect": loss.dialect,
            "unit": loss.unit,
            "clock": loss.clock.name.lower(),
            "lines": loss.lines,
            "lines_by_verdict": {verdict.name.lower(): count for verdict, count in loss.counts.items()},
            "frames": decode.frames,
            "frames_decoded": decode.decoded,
            "frames_of_unknown_ids": {f"0x{key & 0x1FFFFFFF:03X}": n for key, n in decode.unknown_ids.items()},
            "frames_without_signals": decode.without_signals,
            "frames_too_short": decode.too_short,
            "values": {name: _by_word(counts) for name, counts in self.decoded.values.items()},
            "diagnostics": _diagnostics_as_json(self.decoded.diagnostics),
            "log_id": self.log_id.hex(),
            "records": self.records,
            "records_imported_before": self.records_before,
            "passport": self.passport,
        }

    def lines(self) -> list[str]:
        loss, decode = self.decoded.loss, self.decoded.decode
        text = [f"{loss.lines} {loss.unit}s of dialect {loss.dialect!r}; times: {loss.clock.value}:"]
        text += [f"  {count:>8} {verdict.meaning}" for verdict, count in loss.counts.items()]
        text += [f"  {loss.unit} {number}: {verdict.meaning}" for number, verdict in loss.first_refused]
        unknown = sum(decode.unknown_ids.values())
        text += [
            f"{decode.frames} frames: {decode.decoded} decoded, {unknown} of {len(decode.unknown_ids)} ids that the DBC"
            f" does not have, {decode.without_signals} of messages without signals, {decode.too_short} too short",
            *_diagnostics_in_words(self.decoded.diagnostics),
            *(f"  {name}: {_in_words(counts)}" for name, counts in self.decoded.values.items()),
            f"{self.records} records, class D, log {self.log_id.hex()}; all receipted"
            + (f" ({self.records_before} of them in an earlier run)" if self.records_before else ""),
        ]
        return text + [f"  {name}: {value}" for name, value in self.passport.items()]


def import_run(options: ImportOptions) -> ImportReport:
    """Returns when every record is receipted. Raises PackSealErrors that name file and cure."""
    decoded = decode_log(options)
    if options.settings:
        return _sent_to_site(options, options.settings, decoded)
    return _sent_through_own_line(options, decoded)


def decode_log(options: ImportOptions) -> Decoded:
    """Raises FramesError, DBCError, BindingError, each with the file's name before it."""
    log = read_bounded(options.log, MAX_LOG_BYTES)
    with naming(options.log):
        frames, loss = read_mf4(log) if is_mf4(log) else read_log(log)
        if not loss.has_times:
            raise FramesError("the log has no times, so no charge can be counted; record it with times (candump -l)")
    signals = BoundSignals.load(options.dbc, options.bind)
    listener = signals.listener()
    samples, decoded = signals.samples(*listener.take(frames))
    summaries = windows(samples, options.window_s * 1_000_000_000)
    first_ns = summaries[0].start_ns if summaries else 0
    entries = tuple(
        ((summary.start_ns + summary.duration_ns - first_ns) // 1_000_000, record_window(summary))
        for summary in summaries
    )
    report = listener.account.in_frames(decoded.report)
    return Decoded((log, signals.dbc, signals.bind), loss, report, samples.counts, entries, listener.account)


def _sent_to_site(options: ImportOptions, path: Path, decoded: Decoded) -> ImportReport:
    """Through the broker of a gateway.toml, with an outbox and a key of its own beside that gateway's.

    A key of its own, because a key speaks for one battery and one class; the gateway's key attests.
    """
    site = load_settings(path, GatewaySettings)
    signer = load_or_make_key(site.outbox.with_name("import.key"))
    own = {"outbox": site.outbox.with_name("import-outbox.db"), "board": (), "can": (), "local": None}
    gateway = Gateway(site.model_copy(update=own), role="import")
    gateway.start()
    try:
        return _sent_through(gateway, decoded, signer, options.battery)
    finally:
        gateway.stop()


def _sent_through_own_line(options: ImportOptions, decoded: Decoded) -> ImportReport:
    folder = own_folder(own_folder(options.data, "import").path / options.battery, "import").path
    signer = load_or_make_key(folder / "import.key")
    service_key = load_or_make_key(folder / "service.key").public_key
    line = Line(folder, "import")
    try:
        line.start_broker()
        battery = LineBattery(options.battery, options.battery, "other_industrial", options.rated_capacity_mah)
        gateway_key = load_or_make_key(folder / "gateway.key").public_key
        authorities = {"gateway": gateway_key}
        line.start_passport(f"127.0.0.1:{free_port()}", battery, authorities, signer.public_key)
        line.start_gateway(service_key)
        report = _sent_through(line.gateway, decoded, signer, options.battery)
        return replace(report, passport=_known_values(line.passport.service.document(options.battery) or {}))
    finally:
        line.stop()


def _sent_through(gateway: Gateway, decoded: Decoded, signer: Signer, battery: str) -> ImportReport:
    log = imported_log(signer.public_key, signer.secret, decoded.files, decoded.losses, decoded.windows)
    before = _submit(gateway, log, signer, battery)
    size, deadline_s = 0, time.monotonic() + RECEIPT_TIMEOUT_S
    while (now := gateway.receipted_size(log.log_id)) < len(log.entries):
        if now > size:
            size, deadline_s = now, time.monotonic() + RECEIPT_TIMEOUT_S
        if time.monotonic() > deadline_s:
            raise UnavailableError(_no_receipt(gateway, signer))
        time.sleep(0.05)
    return ImportReport(decoded, log.log_id, len(log.entries), before)


def _no_receipt(gateway: Gateway, signer: Signer) -> str:
    said = "; ".join(gateway.problems()) or "no answer"
    key = f'evidence_class = "D" and public_key = "{signer.public_key.hex()}" under [[battery.source]]'
    return f"no receipt after {RECEIPT_TIMEOUT_S} s ({said}); the records wait. Does passport.toml have {key}?"


def _submit(gateway: Gateway, log: ImportedLog, signer: Signer, battery: str) -> int:
    """Puts what the outbox has not seen yet of this log into it; returns how many records it had seen."""
    stored = gateway.stored_log(log.log_id)
    trusted = stored.log if stored else TrustedLog(log.entries[0], log.seed)
    before = trusted.size
    for delivery in log.deliveries(before, signer):
        verified = trusted.verified(delivery, only_new(trusted))
        gateway.submit(battery, delivery, verified, is_live=False, counts={})
        trusted = verified.log
    return before


def _known_values(document: dict[str, Any]) -> dict[str, Any]:
    """name -> "value unit" of what the passport now knows from this import."""
    values = document["values"]
    return {name: f"{value['value']} {value['unit']}" for name, value in values.items() if value["value"] is not None}


def _diagnostics_as_json(account: DiagnosticAccount) -> dict[str, dict[str, int]]:
    """Counts of answers by definition, refusals, answers nobody defined, and losses by reason."""
    losses = {loss.name.lower(): count for loss, count in account.transport.losses.items()}
    return {
        "answers": dict(account.answers),
        "refused": dict(account.negative),
        "unknown": dict(account.unknown),
        "lost": losses,
    }


def _diagnostics_in_words(account: DiagnosticAccount) -> list[str]:
    text = [f"  {count} answers of {name}" for name, count in account.answers.items()]
    text += [f"  {count} refusals of {name}" for name, count in account.negative.items()]
    text += [f"  {count} answers that nobody defined, {name}" for name, count in account.unknown.items()]
    return text + [f"  diagnostics lost, {count} times: {loss}" for loss, count in account.transport.losses.items()]


def _by_word(counts: Mapping[Absence, int]) -> dict[str, int]:
    return {("valid" if absence is Absence.NONE else absence.name.lower()): n for absence, n in counts.items()}


def _in_words(counts: Mapping[Absence, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in _by_word(counts).items() if count)

"""Entries as bytes, for logs that a gateway signs itself and for imports (docs/record.md section 2)."""

from __future__ import annotations

from dataclasses import astuple

from packseal.records.bodies import (
    BlockEstimate,
    Boot,
    Config,
    EntryType,
    Estimate,
    Event,
    Gap,
    Key,
    MeanMinMax,
    QuantityEstimate,
    Rotation,
    Time,
    Window,
)
from packseal.records.cbor import Value, encode
from packseal.records.columns import encode_column
from packseal.records.entries import ACT_OPEN, ACT_ROTATE


def encode_key(seq: int, boot: int, uptime_ms: int, key: Key) -> bytes:
    body: dict[int, Value] = {0: ACT_OPEN, 1: key.algorithm, 2: key.public_key, 3: int(key.origin), 4: key.label}
    body[5] = key.seed_digest
    if key.previous:
        body[6] = [key.previous.log_id, key.previous.size, key.previous.root]
    return encode([EntryType.KEY, seq, boot, uptime_ms, body])


def encode_rotation(seq: int, boot: int, uptime_ms: int, rotation: Rotation) -> bytes:
    new = rotation.key
    body: dict[int, Value] = {0: ACT_ROTATE, 1: new.algorithm, 2: new.public_key, 7: rotation.possession}
    return encode([EntryType.KEY, seq, boot, uptime_ms, body])


def encode_boot(seq: int, boot: int, uptime_ms: int, start: Boot) -> bytes:
    body: dict[int, Value] = {
        1: start.firmware_hash,
        2: start.reset_cause,
        3: start.source,
        4: start.clock_rate,
        5: start.cell_blocks,
        6: start.strings,
        7: start.rated_capacity_mah,
    }
    return encode([EntryType.BOOT, seq, boot, uptime_ms, body])


def encode_event(seq: int, boot: int, uptime_ms: int, event: Event) -> bytes:
    body: dict[int, Value] = {1: event.event, 2: event.phase, 3: event.value, 4: event.place}
    return encode([EntryType.EVENT, seq, boot, uptime_ms, _without_absent(body)])


def encode_time(seq: int, boot: int, uptime_ms: int, time: Time) -> bytes:
    return encode([EntryType.TIME, seq, boot, uptime_ms, {1: time.receipt_digest, 2: time.received_unix_ms}])


def encode_config(seq: int, boot: int, uptime_ms: int, config: Config) -> bytes:
    body: dict[int, Value] = {
        1: config.source_digest,
        2: config.dbc_digest,
        3: config.binding_digest,
        4: list(config.losses) or None,
        5: config.settings_digest,
    }
    return encode([EntryType.CONFIG, seq, boot, uptime_ms, _without_absent(body)])


def encode_gap(seq: int, boot: int, uptime_ms: int, gap: Gap) -> bytes:
    body: dict[int, Value] = {1: gap.cause, 2: gap.windows, 3: list(gap.span_ms)}
    if gap.bare:
        body[4] = list(gap.bare)
    return encode([EntryType.GAP, seq, boot, uptime_ms, body])


def encode_window(seq: int, boot: int, uptime_ms: int, window: Window) -> bytes:
    body: dict[int, Value] = {
        1: window.duration_ms,
        2: window.samples,
        3: window.slots_missed or None,
        4: _column_of_three(window.pack_current_ma),
        5: _column_of_three(window.pack_voltage_mv),
        6: encode_column(window.cell_mv) or None,
        7: encode_column(window.temperature_ddegc) or None,
        8: window.soc_cpct,
        9: list(window.counters) if window.counters else None,
        10: window.soc_reported_cpct,
        11: window.soh_reported_cpct,
        12: window.values_unavailable or None,
        13: window.values_missing or None,
    }
    return encode([EntryType.WINDOW, seq, boot, uptime_ms, _without_absent(body)])


def encode_estimate(seq: int, boot: int, uptime_ms: int, said: QuantityEstimate) -> bytes:
    body: dict[int, Value] = {
        1: said.quantity,
        2: said.method,
        3: _listed(said.inputs),
        4: _listed(said.value),
        5: _listed(said.lacking or None),
        6: said.temperature_ddegc,
        7: _listed(said.soc_span_cpct),
        8: said.age_ms,
        9: _listed(said.least),
        10: _listed(said.most),
    }
    return encode([EntryType.ESTIMATE, seq, boot, uptime_ms, _without_absent(body)])


def _listed(numbers: tuple[int, ...] | Estimate | BlockEstimate | None) -> Value:
    if numbers is None:
        return None
    return list(numbers if isinstance(numbers, tuple) else astuple(numbers))


def _without_absent(body: dict[int, Value]) -> Value:
    return {key: value for key, value in body.items() if value is not None}


def _column_of_three(value: MeanMinMax | None) -> bytes | None:
    return encode_column((value.mean, value.minimum, value.maximum)) if value else None

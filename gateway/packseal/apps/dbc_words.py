"""DBC files for people: findings, tables of messages and signals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from packseal.errors import DBCError
from packseal.signals.binding import did_you_mean
from packseal.signals.dbc_report import Finding
from packseal.signals.decoder import Decoder
from packseal.signals.layout import MessageLayout, SignalLayout

MAX_VALUES = 8  # of a multiplexer, shown of one signal


def findings_in_words(name: str, findings: Sequence[Finding]) -> list[str]:
    counts = {severity: sum(one.severity == severity for one in findings) for severity in ("error", "warning", "note")}
    parts = [f"{count} {severity}{'s' * (count != 1)}" for severity, count in counts.items() if count]
    verdict = "cannot be used" if counts["error"] else "can be used"
    return [*(one.words(name) for one in findings), f"{name}: {verdict}; {', '.join(parts) or 'nothing odd'}"]


def findings_as_json(name: str, findings: Sequence[Finding]) -> dict[str, Any]:
    is_usable = all(one.severity != "error" for one in findings)
    return {"file": name, "is_usable": is_usable, "findings": [asdict(one) for one in findings]}


def shown(decoder: Decoder, wanted: str | None) -> Iterator[str]:
    """The messages, one line each; with `wanted`, the signals of that message, of that identifier, or that signal.

    Raises DBCError for a name that the DBC does not have.
    """
    if wanted is None:
        for message in sorted(decoder.messages, key=lambda one: (one.is_extended, one.can_id)):
            yield f"{_identifier(message):>10}  {message.name:32} {message.length:3} bytes  {_count(message)}"
        return
    found = [message for message in decoder.messages if _is_wanted(message, wanted)]
    if not found:
        known = [name for message in decoder.messages for name in (message.name, *(s.name for s in message.signals))]
        raise DBCError(f"the DBC has no message, identifier or signal {wanted}; {did_you_mean(wanted, known)}")
    for message in found:
        yield f"{_identifier(message)} {message.name}, {message.length} bytes{', J1939' if message.is_j1939 else ''}"
        one = [signal for signal in message.signals if wanted in (signal.name, f"{message.name}.{signal.name}")]
        yield from (f"  {_signal(signal)}" for signal in one or message.signals)


def _is_wanted(message: MessageLayout, wanted: str) -> bool:
    names = {message.name, *(signal.name for signal in message.signals)}
    names |= {f"{message.name}.{signal.name}" for signal in message.signals}
    return wanted in names or wanted.lower() in (
        f"0x{message.can_id:x}",
        f"0x{message.can_id:03x}",
        str(message.can_id),
    )


def _identifier(message: MessageLayout) -> str:
    return f"0x{message.can_id:08X}" if message.is_extended else f"0x{message.can_id:03X}"


def _count(message: MessageLayout) -> str:
    return f"{len(message.signals)} signal{'s' * (len(message.signals) != 1)}"


def _signal(signal: SignalLayout) -> str:
    kind = "float" if signal.is_float else "signed" if signal.is_signed else "unsigned"
    order = "little" if signal.is_little_endian else "big"
    place = f"{signal.start_bit}|{signal.bit_length} {order} endian {kind}"
    scale = f"x {signal.factor:g}" + (f" {signal.offset:+g}" if signal.offset else "")
    limits = "" if signal.minimum is None else f" [{signal.minimum:g}|{signal.maximum:g}]"
    return f"{signal.name:32} {place:32} {scale}{limits} {signal.unit}{_switch(signal)}{_codes(signal)}".rstrip()


def _switch(signal: SignalLayout) -> str:
    if signal.multiplexer is None:
        return ""
    values = sorted(signal.multiplexer_values)
    more = f", … {len(values)} values" if len(values) > MAX_VALUES else ""
    return f"  when {signal.multiplexer} is {', '.join(map(str, values[:MAX_VALUES]))}{more}"


def _codes(signal: SignalLayout) -> str:
    if not signal.absent_codes:
        return ""
    codes = [str(first) if first == last else f"{first} to {last}" for first, last in signal.absent_codes]
    return f"  not available: {', '.join(codes)}"

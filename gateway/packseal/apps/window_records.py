"""CAN frames to WINDOW entries: a DBC and the binding that fits it, one way for log files and for a bus."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packseal.errors import ConfigError, PackSealError
from packseal.frames import Frames
from packseal.io.can_receiver import FrameFilter
from packseal.io.files import read_bounded
from packseal.io.limited_dbc import load_dbc_limited
from packseal.io.program import PACKAGE
from packseal.records.bodies import MeanMinMax, Window
from packseal.signals import (
    Binding,
    DecodedSignals,
    Decoder,
    FixedPoint,
    QuantityWindow,
    SampleTable,
    SampleWindow,
    parse_binding,
)
from packseal.signals.binding import MAX_BINDING_BYTES, did_you_mean
from packseal.signals.dbc_text import MAX_DBC_BYTES
from packseal.signals.decoding.lookup import frame_filter
from packseal.signals.diagnostics import (
    Definition,
    DiagnosticListener,
    definitions_decoder,
    is_signalset,
    load_signalset,
)
from packseal.signals.diagnostics.definitions import is_page

SHIPPED_BINDINGS = PACKAGE / "signals/bindings"
_ALL_BITS = (1 << 29) - 1


@dataclass(frozen=True, slots=True)
class BoundSignals:
    """dbc, bind: the content of the two files; no bytes where there is no DBC.

    definitions: what ECUs answer to diagnostic requests, of the binding and of an OBDb signal set in the DBC's place.
    """

    dbc: bytes
    bind: bytes
    decoder: Decoder
    binding: Binding
    fixed_point: FixedPoint
    definitions: tuple[Definition, ...] = ()

    @classmethod
    def load(cls, dbc_path: Path | None, bind_path: Path) -> BoundSignals:
        """dbc_path: a DBC, or an OBDb signal set; None where the binding needs none. bind_path: a file, or the name of
        a shipped binding where there is no such file.

        Raises ConfigError, DBCError, SignalsetError and BindingError, each with the file's name before it.
        """
        bind_path = _shipped_unless_there(bind_path)
        bind = read_bounded(bind_path, MAX_BINDING_BYTES)
        with naming(bind_path):
            binding = parse_binding(bind.decode(errors="replace"))
            if dbc_path is None and binding.dbc is not None:
                raise ConfigError(f"needs the DBC {binding.dbc}; name it with `--dbc`, or `dbc` in gateway.toml")
        dbc = read_bounded(dbc_path, MAX_DBC_BYTES) if dbc_path else b""
        with naming(dbc_path or bind_path):
            decoder, definitions = _described(dbc, binding)
        with naming(bind_path):
            fixed_point = FixedPoint(binding, decoder)
        return cls(dbc, bind, decoder, binding, fixed_point, definitions)

    @property
    def dbc_digest(self) -> bytes:
        return hashlib.sha256(self.dbc).digest()

    @property
    def binding_digest(self) -> bytes:
        return hashlib.sha256(self.bind).digest()

    @property
    def filters(self) -> tuple[FrameFilter, ...]:
        """Which frames the bound signals are in, and which ask for them."""
        messages = [
            message
            for message in self.decoder.messages
            if any(f"{message.name}.{signal.name}" in self.fixed_point.signals for signal in message.signals)
            and not is_page(message.can_id)
        ]
        addresses = {address for one in self.asked for address in (one.request, one.response)}
        return (
            *(FrameFilter(*frame_filter(message), message.is_extended) for message in messages),
            *(FrameFilter(one.can_id, _ALL_BITS, one.is_extended) for one in sorted(addresses, key=str)),
        )

    @property
    def asked(self) -> tuple[Definition, ...]:
        """The definitions that bound signals are in: worth asking for."""
        names = {name.partition(".")[0] for name in self.fixed_point.signals}
        return tuple(one for one in self.definitions if one.name in names)

    def listener(self) -> DiagnosticListener:
        """Of one bus or log: its `take` makes of frames what `samples` takes."""
        return DiagnosticListener(self.definitions)

    def samples(self, *lots: Frames) -> tuple[SampleTable, DecodedSignals]:
        """The bound signals in these frames, and what they come from, with the account of all signals."""
        decoded = DecodedSignals.joined([self.decoder.decode(lot, only=self.fixed_point.signals) for lot in lots])
        return self.fixed_point.samples(decoded), decoded


def _described(dbc: bytes, binding: Binding) -> tuple[Decoder, tuple[Definition, ...]]:
    """The signals of a DBC or of an OBDb signal set, and those that the binding brings."""
    definitions, beside = binding.definitions, None
    if is_signalset(dbc):
        definitions += load_signalset(dbc)[0]
    elif dbc:
        beside = load_dbc_limited(dbc)
    return definitions_decoder(definitions, beside) if definitions or beside is None else beside, definitions


def _shipped_unless_there(path: Path) -> Path:
    if path.suffix or path.exists():
        return path
    shipped = {file.stem: file for file in SHIPPED_BINDINGS.glob("*.toml")}
    if path.name not in shipped:
        words = f"there is no such file, and no shipped binding of that name; {did_you_mean(path.name, [*shipped])}"
        raise ConfigError(f"{path}: {words}")
    return shipped[path.name]


def record_window(summary: SampleWindow) -> Window:
    """The WINDOW of one summary; quantities without a valid value are left out, their values counted."""
    found = summary.quantities
    return Window(
        duration_ms=summary.duration_ns // 1_000_000,
        samples=max(quantity.valid + quantity.not_available for quantity in found.values()),
        pack_current_ma=_mean_min_max(found.get("pack_current_ma")),
        pack_voltage_mv=_mean_min_max(found.get("pack_voltage_mv")),
        cell_mv=_column(found, "cell_voltage_mv"),
        temperature_ddegc=_column(found, "sensor_temperature_ddegc") or _one(found.get("temperature_ddegc")),
        soc_reported_cpct=_last(found.get("soc_reported_cpct")),
        soh_reported_cpct=_last(found.get("soh_reported_cpct")),
        values_unavailable=sum(quantity.not_available for quantity in found.values()),
    )


def _column(found: Mapping[str, QuantityWindow], name: str) -> tuple[int | None, ...]:
    """The means of a numbered quantity, up to the last one that has a value; empty without any."""
    start = f"{name}["
    means = {int(key[len(start) : -1]): one.mean_value for key, one in found.items() if key.startswith(start)}
    valued = [index for index, mean in means.items() if mean is not None]
    return tuple(means.get(index) for index in range(max(valued, default=-1) + 1))


def _one(quantity: QuantityWindow | None) -> tuple[int | None, ...]:
    return (quantity.mean_value,) if quantity and quantity.valid else ()


def _mean_min_max(quantity: QuantityWindow | None) -> MeanMinMax | None:
    if quantity is None or quantity.mean_value is None or quantity.min_value is None or quantity.max_value is None:
        return None
    return MeanMinMax(quantity.mean_value, quantity.min_value, quantity.max_value)


def _last(quantity: QuantityWindow | None) -> int | None:
    return quantity.last_value if quantity else None


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Puts the file's name before what is wrong with it."""
    try:
        yield
    except PackSealError as error:
        raise type(error)(f"{path}: {error}") from None

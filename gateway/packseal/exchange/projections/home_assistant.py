"""Home Assistant's MQTT discovery: one retained message for each battery, and one for the gateway.

Source: home-assistant.io/integrations/mqtt, "Device discovery" (from 2024.11 on), read in the program as well. Decides
which entities there are, their classes and units, and when their values are too old to be shown. The identity of an
entity is the battery's id and the signal's name, so that no port, board or address moves it. What is no longer there is
announced once more with its platform alone, which removes it; an empty message alone does not, seen with 2025.3: under
a topic with a node it does not find what belongs to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from packseal.exchange.projections.documents import Message, interval_key
from packseal.exchange.projections.selection import Selection
from packseal.exchange.projections.signals import SIGNALS, Signal

Config: TypeAlias = "dict[str, object]"
BIRTH = b"online"
BIRTH_TOPIC = "homeassistant/status"
EXPIRE_AFTER_S = 3600
SILENCES = 2  # how many of the longest silences of a signal may pass before its value is too old
_CLASSES = {"V": "voltage", "A": "current", "W": "power", "Wh": "energy", "°C": "temperature"}
_BATTERY = ("soc_cpct", "soc_reported_cpct")  # device class of what is left, in %
_WITH_INTERVAL = ("soh_capacity_cpct", "remaining_capacity_mah", "resistance_uohm")
_ARRAY_OF = {"cell_spread_mv": "cell_mv", "temperature_max_ddegc": "temperature_ddegc"}  # whose attribute it is
_MS_TO_TIME = "/ 1000) | as_datetime"


@dataclass(frozen=True, slots=True)
class Announced:
    """prefix: of Home Assistant's discovery topics. expire_after_s: at the least, for what is said often."""

    prefix: str
    site: str
    selection: Selection
    version: str
    expire_after_s: int = EXPIRE_AFTER_S

    @property
    def birth_topics(self) -> tuple[str, ...]:
        """Home Assistant's own setting, which another discovery prefix does not move; some move both."""
        return tuple(dict.fromkeys((f"{self.prefix}/status", BIRTH_TOPIC)))

    @property
    def batteries_topic(self) -> str:
        """Where all batteries that this site has ever announced are found again."""
        return self.battery_topic("+")

    def battery_topic(self, battery: str) -> str:
        return f"{self.prefix}/device/packseal-{self.site}/{battery}/config"

    def battery(self, battery: str, *, has_board: bool) -> Message:
        """has_board: else it is heard on CAN alone, and has fewer signals."""
        base = f"packseal/{self.site}/{battery}"
        names = self.selection.names()
        found: dict[str, Config] = {
            name: self._entity(signal, battery, names) for name, signal in SIGNALS.items() if not signal.is_array
        }
        lacking = [name for name in found if name not in names or (SIGNALS[name].from_board and not has_board)]
        found |= {name: {"platform": "sensor"} for name in lacking}
        found["measured"] = self._measured(battery)
        found["alarm"] = self._alarm(battery) if has_board else {"platform": "binary_sensor"}
        device = self._device(battery) | {
            "model": "battery with a board" if has_board else "battery on CAN",
            "via_device": self._gateway_id,
        }
        return self._message(self.battery_topic(battery), device, found, f"{base}/state")

    def battery_removed(self, battery: str) -> tuple[Message, Message]:
        """Takes its entities back, and then what is retained of them."""
        topic, names = self.battery_topic(battery), [n for n, signal in SIGNALS.items() if not signal.is_array]
        found: dict[str, Config] = {name: {"platform": "sensor"} for name in (*names, "measured")}
        found["alarm"] = {"platform": "binary_sensor"}
        message = self._message(topic, self._device(battery), found, f"packseal/{self.site}/{battery}/state")
        return message, Message(topic, b"", retain=True)

    def gateway(self) -> Message:
        """Of the gateway itself: what waits for a receipt, and when the last one came."""
        waiting = _sensor("Records waiting", f"{self._gateway_id}.records_waiting", "{{ value_json.records_waiting }}")
        waiting |= {"state_class": "measurement", "entity_category": "diagnostic"}
        template = _time("value_json.last_receipt_unix_ms")
        receipt = _sensor("Last receipt", f"{self._gateway_id}.last_receipt", template)
        receipt |= {"device_class": "timestamp", "entity_category": "diagnostic"}
        return self._gateway({"records_waiting": waiting, "last_receipt": receipt})

    def gateway_removed(self) -> tuple[Message, Message]:
        """Takes the gateway's entities back, and then what is retained of them."""
        message = self._gateway({name: {"platform": "sensor"} for name in ("records_waiting", "last_receipt")})
        return message, Message(message.topic, b"", retain=True)

    @property
    def _gateway_id(self) -> str:
        return f"packseal-{self.site}"

    def _gateway(self, components: Mapping[str, Config]) -> Message:
        device: Config = {
            "identifiers": [self._gateway_id],
            "name": f"PackSeal {self.site}",
            "manufacturer": "PackSeal",
        }
        device |= {"model": "gateway", "sw_version": self.version}
        topic = f"{self.prefix}/device/{self._gateway_id}/config"
        return self._message(topic, device, components, f"packseal/{self.site}/gateway/status")

    def _device(self, battery: str) -> Config:
        return {"identifiers": [f"packseal-{battery}"], "name": battery, "manufacturer": "PackSeal"}

    def _entity(self, signal: Signal, battery: str, names: tuple[str, ...]) -> Config:
        unit = signal.unit
        entity = _sensor(signal.words, _unique_id(battery, signal.name), _scaled(signal)) | {
            "unit_of_measurement": unit.symbol,
            "suggested_display_precision": min(unit.places, 3),
            "state_class": "total_increasing" if signal.is_counter else "measurement",
        }
        if signal.is_measured or signal.is_counter:
            entity["expire_after"] = self._expire_after_s(self.selection.silence_ms(signal.name))
        device_class = "battery" if signal.name in _BATTERY else _CLASSES.get(unit.symbol)
        if device_class:
            entity["device_class"] = device_class
        if signal.name in _WITH_INTERVAL:
            entity |= self._attributes(battery, "state", _interval(signal))
        array = _ARRAY_OF.get(signal.name)
        if array in names:
            entity |= self._attributes(battery, "cells", _array(SIGNALS[array]))
        return entity

    def _expire_after_s(self, silence_ms: int) -> int:
        return max(self.expire_after_s, SILENCES * silence_ms // 1000)

    def _measured(self, battery: str) -> Config:
        template = _time("(value_json.received_unix_ms - value_json.age_ms)")
        entity = _sensor("Measured", _unique_id(battery, "measured"), template)
        return entity | {"device_class": "timestamp", "entity_category": "diagnostic"}

    def _alarm(self, battery: str) -> Config:
        states = "{{ 'None' if value_json.alarms is none else ('ON' if value_json.alarms else 'OFF') }}"
        attributes = self._attributes(battery, "state", "{{ {'alarms': value_json.alarms} | tojson }}")
        entity: Config = {"platform": "binary_sensor", "name": "Alarm", "unique_id": _unique_id(battery, "alarm")}
        entity |= {"value_template": states, "device_class": "problem"} | attributes
        silence_ms = self.selection.state_silence_ms()
        if silence_ms is not None:  # else "off" would stay for ever of a board that is dead
            entity["expire_after"] = self._expire_after_s(silence_ms)
        return entity

    def _attributes(self, battery: str, document: str, template: str) -> Config:
        topic = f"packseal/{self.site}/{battery}/{document}"
        return {"json_attributes_topic": topic, "json_attributes_template": template}

    def _message(
        self, topic: str, device: Mapping[str, object], components: Mapping[str, Config], state: str
    ) -> Message:
        content = {
            "device": device,
            "origin": {"name": "PackSeal", "sw_version": self.version},
            "components": components,
            "state_topic": state,
            "availability_topic": f"packseal/{self.site}/gateway/avail",
            "qos": 1,
        }
        return Message(topic, json.dumps(content, separators=(",", ":")).encode(), retain=True)


def _sensor(words: str, unique_id: str, template: str) -> Config:
    return {"platform": "sensor", "name": words, "unique_id": unique_id, "value_template": template}


def _unique_id(battery: str, name: str) -> str:
    """Battery ids have no dot, so no two of these are the same."""
    return f"packseal-{battery}.{name}"


def _scaled(signal: Signal) -> str:
    """What is not available has no number, and becomes "unknown"."""
    value = f"value_json.{signal.name}"
    scale = f" / {10**signal.unit.places}" if signal.unit.places else ""
    return f"{{{{ {value}{scale} if {value} is number else none }}}}"


def _time(milliseconds: str) -> str:
    return f"{{{{ ({milliseconds} {_MS_TO_TIME} if {milliseconds} is number else none }}}}"


def _interval(signal: Signal) -> str:
    value, scale = f"value_json.{interval_key(signal.name)}", 10**signal.unit.places
    ends = f"{{'low': {value}[0] / {scale}, 'high': {value}[1] / {scale}, 'holds_in_percent': 95}}"
    return f"{{{{ ({ends} if {value} is defined else {{}}) | tojson }}}}"


def _array(signal: Signal) -> str:
    value, scale = f"value_json.{signal.name}", 10**signal.unit.places
    numbers = (
        f"{{% for one in {value} or [] %}}{{% set ns.all = ns.all + [one / {scale} if one is number else none] %}}"
    )
    key = "cells_v" if signal.name == "cell_mv" else "sensors_c"
    begin, end = "{% set ns = namespace(all=[]) %}", "{% endfor %}"
    return f"{begin}{numbers}{end}{{{{ {{'{key}': ns.all}} | tojson }}}}"

"""Home Assistant's discovery held against the rules of its own schemas, written down here as a table.

The rules were read from Home Assistant 2024.3 and 2025.3 (components/mqtt and components/sensor), and the messages held
against the programs themselves, with a broker between: docs/mqtt_projections.md says what was seen.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jinja2
import pytest

from packseal.apps.announcing import Announcer
from packseal.exchange.projections.documents import is_in_cells, state_message
from packseal.exchange.projections.home_assistant import Announced
from packseal.exchange.projections.selection import Rule, Selection
from packseal.exchange.projections.signals import SIGNALS
from packseal.io.settings import GatewaySettings
from packseal.io.settings_file import load_settings
from packseal.records.bodies import Event, Window
from tests.projections.packs import BATTERY, HEALTH, NOW, last_values, window

ROOT = Path(__file__).parents[2]
HEAD = f'site = "north"\nbroker = "mqtts://127.0.0.1"\noutbox = "o"\nservice_public_key = "{"11" * 32}"\n'
TOPIC = re.compile(r"^(?P<prefix>[\w/-]+)/device/(?:[a-zA-Z0-9_-]+/)?[a-zA-Z0-9_-]+/config$")
DEVICE = {"identifiers", "name", "manufacturer", "model", "sw_version", "via_device"}
ENTITY = {
    "platform", "name", "unique_id", "value_template", "device_class", "entity_category", "expire_after",
    "json_attributes_topic", "json_attributes_template",
}  # fmt: skip
SENSOR = ENTITY | {"unit_of_measurement", "state_class", "suggested_display_precision"}
UNITS: dict[str, set[str | None]] = {  # of the device classes of a sensor; None: any, or none
    "voltage": {"V", "mV"}, "current": {"A", "mA"}, "power": {"W", "kW"}, "energy": {"Wh", "kWh"}, "battery": {"%"},
    "temperature": {"°C"}, "timestamp": {None},
}  # fmt: skip
STATE_CLASSES: dict[str, set[str | None]] = {  # which state classes a device class goes with
    "energy": {"total", "total_increasing"}, "timestamp": {None}, "voltage": {"measurement"},
    "current": {"measurement"}, "power": {"measurement"}, "battery": {"measurement"}, "temperature": {"measurement"},
}  # fmt: skip


def announced(**changes: Any) -> Announced:
    made: dict[str, Any] = {"prefix": "homeassistant", "site": "north", "selection": Selection(), "version": "1.0"}
    return Announced(**made | changes)


def battery(announced: Announced, name: str = BATTERY, *, has_board: bool = True) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(announced.battery(name, has_board=has_board).content)
    return read


def entities(message: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Those that are there; the others have their platform alone, which removes them."""
    return {name: one for name, one in message["components"].items() if one.keys() != {"platform"}}


@pytest.mark.parametrize("has_board", [True, False])
def test_messages_follow_the_schemas(has_board: bool) -> None:
    one = announced()
    for message in (one.battery(BATTERY, has_board=has_board), one.gateway()):
        assert TOPIC.match(message.topic)
        assert message.topic.count("/") <= 7
        assert message.retain
        content = json.loads(message.content)
        assert content.keys() == {"device", "origin", "components", "state_topic", "availability_topic", "qos"}
        assert content["device"].keys() <= DEVICE
        assert content["device"]["identifiers"]
        assert content["origin"]["name"] == "PackSeal"
        for entity in entities(content).values():
            assert entity.keys() <= (SENSOR if entity["platform"] == "sensor" else ENTITY)
            assert entity.keys() >= {"name", "unique_id", "value_template"}


def test_classes_go_with_units_and_with_each_other() -> None:
    found = {**entities(battery(announced())), **entities(json.loads(announced().gateway().content))}
    for name, entity in found.items():
        device_class = entity.get("device_class")
        if entity["platform"] == "binary_sensor":
            assert device_class == "problem"
        elif device_class:
            assert entity.get("unit_of_measurement") in UNITS[device_class], name
            assert entity.get("state_class") in STATE_CLASSES[device_class], name
    assert {found[name]["state_class"] for name in ("charge_wh", "full_cycles_cpct")} == {"total_increasing"}


def test_identities_come_from_the_battery_and_differ_for_all() -> None:
    names = ["a", "a-b", "a_b", "pack-1", "pack-1-soc"]
    ids = [one["unique_id"] for name in names for one in entities(battery(announced(), name)).values()]
    assert len(set(ids)) == len(ids)
    here, there = battery(announced(site="north")), battery(announced(site="south", prefix="ha"))
    assert [one["unique_id"] for one in entities(here).values()] == [
        one["unique_id"] for one in entities(there).values()
    ]


def test_arrays_are_attributes_and_no_entities() -> None:
    found = entities(battery(announced()))
    assert not {"cell_mv", "temperature_ddegc"} & found.keys()
    assert found["cell_spread_mv"]["json_attributes_topic"] == "packseal/north/pack-1/cells"
    assert (
        "json_attributes_topic"
        not in entities(battery(announced(selection=Selection(exclude=("cell_mv",)))))["cell_spread_mv"]
    )


def test_what_is_left_out_is_removed_and_a_pack_on_can_has_fewer() -> None:
    chosen = battery(announced(selection=Selection(exclude=("soh_*",))))
    assert chosen["components"]["soh_capacity_cpct"] == {"platform": "sensor"}
    of_can = battery(announced(), has_board=False)
    assert of_can["components"]["alarm"] == {"platform": "binary_sensor"}
    assert entities(of_can).keys() == {n for n, s in SIGNALS.items() if not s.from_board and not s.is_array} | {
        "measured"
    }


def test_a_value_is_not_too_old_before_its_next_one_may_come() -> None:
    rules = (Rule("soc_cpct", every_ms=7_200_000), Rule("pack_*", deadband=1))
    found = entities(battery(announced(selection=Selection(rules=rules), expire_after_s=600)))
    assert found["soc_cpct"]["expire_after"] == 14_400
    assert found["pack_voltage_mv"]["expire_after"] == 1800
    assert found["cell_spread_mv"]["expire_after"] == 600
    assert "expire_after" not in found["soh_capacity_cpct"]


def test_an_alarm_that_is_off_is_not_believed_for_ever() -> None:
    """`state` brings it, with whichever signal is due first: health alone is never due by itself."""

    def expires_s(*rules: Rule, include: tuple[str, ...] = ("*",)) -> object:
        made = announced(selection=Selection(include, rules=rules), expire_after_s=600)
        return entities(battery(made))["alarm"].get("expire_after")

    assert expires_s() == 600
    assert expires_s(Rule("*", every_ms=7_200_000)) == 14_400
    assert expires_s(Rule("*", deadband=5)) == 1800
    assert expires_s(Rule("soc_cpct", every_ms=1), Rule("*", every_ms=7_200_000)) == 600
    assert expires_s(include=("soh_capacity_cpct", "cell_mv")) is None


def test_a_battery_is_removed_by_its_entities_and_then_by_nothing() -> None:
    stubs, empty = announced().battery_removed(BATTERY)
    assert entities(json.loads(stubs.content)) == {}
    assert json.loads(stubs.content)["components"].keys() == battery(announced())["components"].keys()
    assert stubs.topic == empty.topic == announced().battery(BATTERY, has_board=True).topic
    assert (empty.content, empty.retain, stubs.retain) == (b"", True, True)


def environment() -> jinja2.Environment:
    """As much of Home Assistant's templates as ours use."""
    made = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701 - no page is made by it
    made.filters |= {"tojson": json.dumps, "as_datetime": lambda seconds: f"time {seconds}"}
    return made


def shown(body: Window, *more: tuple[int, Any]) -> dict[str, tuple[str, Any]]:
    """name -> (state, attributes), as Home Assistant works them out."""
    last = last_values(body, *more)
    names = {"state": [n for n in SIGNALS if not is_in_cells(n)], "cells": [n for n in SIGNALS if is_in_cells(n)]}
    documents = {
        f"packseal/north/pack-1/{document}": json.loads(
            state_message("", last, names[document], NOW, has_alarms=document == "state").content
        )
        for document in names
    }
    message, found = battery(announced()), {}
    for name, entity in entities(message).items():
        state = _rendered(entity["value_template"], documents[message["state_topic"]])
        topic = entity.get("json_attributes_topic")
        attributes = json.loads(_rendered(entity["json_attributes_template"], documents[topic])) if topic else {}
        found[name] = state, attributes
    return found


def _rendered(template: str, document: dict[str, Any]) -> str:
    return environment().from_string(template).render(value_json=document)


def test_templates_make_units_of_people() -> None:
    found = shown(window(), (90_000, HEALTH), (91_000, Event(2, 1)))
    assert found["pack_voltage_mv"] == ("13.2", {})
    assert found["soc_cpct"] == ("63.25", {})
    assert found["soh_capacity_cpct"] == ("95.1", {"low": 94.31, "high": 95.89, "holds_in_percent": 95})
    assert found["charge_wh"] == ("1500", {})
    assert found["cell_spread_mv"] == ("0.02", {"cells_v": [3.3, 3.31, None, 3.29]})
    assert found["temperature_max_ddegc"] == ("23.1", {"sensors_c": [21.5, None, 23.1]})
    assert found["measured"] == (f"time {(NOW.unix_ms - 2000) / 1000}", {})
    assert found["alarm"] == ("ON", {"alarms": ["overcharge"]})


def test_what_is_not_available_is_unknown_and_never_zero() -> None:
    found = shown(window(None, (), temperature_ddegc=(), soc_cpct=None, counters=None))
    available = {"pack_current_ma", "measured"}
    assert {state for name, (state, _) in found.items() if name not in available} == {"None"}
    assert found["cell_spread_mv"][1] == {"cells_v": []}
    assert found["soh_capacity_cpct"][1] == {}


class Published:
    """The retained messages of a broker, which gives back what it is given to who listens there."""

    def __init__(self, announcer: Announcer) -> None:
        self.announcer, self.retained, self.count = announcer, dict[str, bytes](), 0
        self.is_open = True

    def __call__(self, topic: str, content: bytes, *, retain: bool = False) -> bool:
        if self.is_open and retain:
            self.count += 1
            self.retained = {**self.retained, topic: content} if content else _without(self.retained, topic)
            self.announcer.hear(topic, content, {BATTERY})
        return self.is_open

    def turn(self, now_ms: int, *batteries: str) -> int:
        """-> how many messages left"""
        before = self.count
        self.announcer.turn(self, dict.fromkeys(batteries or (BATTERY,), True), now_ms)
        return self.count - before


def _without(retained: dict[str, bytes], topic: str) -> dict[str, bytes]:
    return {name: content for name, content in retained.items() if name != topic}


def test_announced_at_the_connection_and_again_at_the_birth_message_but_not_for_ever() -> None:
    announcer = Announcer(announced(), takes_back=False)
    broker = Published(announcer)
    announcer.connected()
    assert [broker.turn(now) for now in (0, 1, 5000)] == [2, 0, 0]
    for now in (6000, 6100, 6200):
        announcer.hear("homeassistant/status", b"online", {BATTERY})
        broker.turn(now)
    assert broker.count == 4
    assert broker.turn(9000) == 2
    announcer.hear("homeassistant/status", b"offline", {BATTERY})
    assert broker.turn(20_000) == 0


@pytest.mark.parametrize("prefix", ["homeassistant", "ha"])
def test_the_birth_message_is_heard_where_home_assistant_says_it(prefix: str, tmp_path: Path) -> None:
    """Its birth topic is a setting of its own, which another discovery prefix leaves as it was."""
    path = tmp_path / "gateway.toml"
    path.write_text(f'{HEAD}[home_assistant]\nprefix = "{prefix}"\n')
    topics = Announcer.topics(load_settings(path, GatewaySettings))
    births = {"homeassistant/status", f"{prefix}/status"}
    assert sorted(topics) == sorted({*births, f"{prefix}/device/packseal-north/+/config"})
    for topic in births:
        announcer = Announcer(announced(prefix=prefix), takes_back=False)
        announcer.hear(topic, b"online", {BATTERY})
        assert Published(announcer).turn(0) == 2


def test_what_could_not_be_handed_over_is_announced_later() -> None:
    announcer = Announcer(announced(), takes_back=False)
    broker = Published(announcer)
    announcer.connected()
    broker.is_open = False
    assert broker.turn(0) == 0
    broker.is_open = True
    assert broker.turn(1) == 2


def test_a_battery_that_left_while_the_gateway_was_off_is_taken_back_once() -> None:
    announcer = Announcer(announced(), takes_back=False)
    broker = Published(announcer)
    gone = announced().battery("pack-9", has_board=True)
    announcer.connected()
    announcer.hear(gone.topic, gone.content, {BATTERY})
    assert [broker.turn(now) for now in (0, 3000)] == [4, 0]
    assert gone.topic not in broker.retained
    assert announced().battery_topic(BATTERY) in broker.retained


def test_remove_takes_everything_back() -> None:
    announcer = Announcer(announced(), takes_back=True)
    broker = Published(announcer)
    before = announced().battery(BATTERY, has_board=True)
    announcer.connected()
    announcer.hear(before.topic, before.content, {BATTERY})
    broker.turn(0)
    assert broker.retained == {}


@pytest.mark.parametrize(
    "topic", ["homeassistant/device/packseal-north2/x/config", "homeassistant/device/packseal-north/config"]
)
def test_what_others_have_announced_is_left_alone(topic: str) -> None:
    announcer = Announcer(announced(), takes_back=True)
    announcer.hear(topic, b"{}", ())
    assert Published(announcer).turn(0) == 0


def _tables(document: str) -> list[str]:
    return re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / document).read_text(), re.DOTALL)


@pytest.mark.parametrize("document", ["home-assistant.md", "mqtt_projections.md"])
def test_the_settings_in_the_documents_are_tables_to_add(document: str, tmp_path: Path) -> None:
    """To a gateway.toml that is there: who copied another outbox or key would leave records behind."""
    tables = _tables(document)
    assert tables
    for number, table in enumerate(tables):
        path = tmp_path / f"{number}.toml"
        path.write_text(HEAD + table)
        load_settings(path, GatewaySettings)


def test_the_entities_in_the_document_are_those_that_appear() -> None:
    """Home Assistant makes an entity's id of the device's and the entity's name."""
    text = (ROOT / "docs/home-assistant.md").read_text()
    named = set(re.findall(r"\b(?:binary_)?sensor\.pack_1_[a-z_]+", text))
    made = {
        f"{one['platform']}.pack_1_{re.sub('[^a-z]+', '_', one['name'].lower()).strip('_')}"
        for one in entities(battery(announced())).values()
    }
    assert named
    assert named <= made

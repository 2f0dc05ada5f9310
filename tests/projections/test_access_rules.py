"""The access rules of the documents let a gateway do all that it does for Home Assistant and Sparkplug."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from paho.mqtt.client import topic_matches_sub

from packseal.exchange.projections.home_assistant import Announced
from packseal.exchange.projections.selection import Selection
from packseal.exchange.projections.sparkplug import Node
from tests.projections.packs import BATTERY

DOCS = Path(__file__).parents[2] / "docs"
PROJECTIONS, MQTT = ((DOCS / name).read_text() for name in ("mqtt_projections.md", "mqtt.md"))
EXAMPLE = next(re.finditer(r"```toml\n(\[sparkplug\].*?)```", PROJECTIONS, re.DOTALL))[1]
NODE = Node(tomllib.loads(EXAMPLE)["sparkplug"]["group"], "north")
ANNOUNCED = Announced("homeassistant", "north", Selection(), "1.0")
KINDS = ("NBIRTH", "NDEATH", "DBIRTH", "DDEATH", "DDATA")
RETAINED = [ANNOUNCED.gateway().topic, ANNOUNCED.battery(BATTERY, has_board=True).topic]
PUBLISHED = [*RETAINED, *(NODE.topic(kind, BATTERY if kind.startswith("D") else "") for kind in KINDS)]
FILTERS = [*ANNOUNCED.birth_topics, ANNOUNCED.batteries_topic, NODE.topic("NCMD")]
HEARD = [*ANNOUNCED.birth_topics, ANNOUNCED.battery_topic(BATTERY), NODE.topic("NCMD")]
OF_OTHERS = ["spBv1.0/PackSeal/DDATA/south/pack-1", "homeassistant/device/packseal-south/pack-1/config"]


def mosquitto() -> dict[str, list[str]]:
    found = re.findall(r"(?m)^topic (read|write|readwrite) (.+)$", PROJECTIONS)
    read, write = ([topic for way, topic in found if one in way] for one in ("read", "write"))
    return {"publish": write, "subscribe": read, "receive": read}


def emqx() -> dict[str, list[str]]:
    rules = re.findall(r'"gateway-north"}, (\w+), \[(.*?)\]', MQTT)
    ways = {way: re.findall(r'"(.*?)"', "".join(t for w, t in rules if w == way)) for way in ("publish", "subscribe")}
    return {**ways, "receive": ways["subscribe"]}


def aws() -> dict[str, list[str]]:
    rows = re.findall(r"(?m)^\| (`iot:.*?) \| (.*?) \|$", MQTT)
    return {
        action.lower(): re.findall(r"`topic(?:filter)?/(.*?)`", "".join(on for a, on in rows if f"iot:{action}`" in a))
        for action in ("Publish", "Subscribe", "Receive", "RetainPublish")
    }


def by_filter(rule: str, topic: str) -> bool:
    return rule == topic or topic_matches_sub(rule, topic)


def by_star(rule: str, topic: str) -> bool:
    """`*` is any characters in the policies of AWS; + and # are characters like others."""
    return fnmatchcase(topic, rule)


@pytest.mark.parametrize(("rules", "matches"), [(mosquitto(), by_filter), (emqx(), by_filter), (aws(), by_star)])
def test_all_that_a_gateway_does_is_allowed(rules: dict[str, list[str]], matches: Callable[[str, str], bool]) -> None:
    def allows(way: str, topic: str) -> bool:
        return any(matches(rule, topic) for rule in rules[way])

    wanted = {"publish": PUBLISHED, "subscribe": FILTERS, "receive": HEARD, "retainpublish": RETAINED}
    refused = [(way, topic) for way in rules for topic in wanted[way] if not allows(way, topic)]
    assert refused == []
    assert not [topic for topic in OF_OTHERS if allows("publish", topic) or allows("receive", topic)]

"""Sparkplug B: payloads against the protobuf library, and the order and numbers of messages through every mishap."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from packseal.exchange.projections.documents import Clocks, Message
from packseal.exchange.projections.last_values import LastValues
from packseal.exchange.projections.protobuf import field, fields
from packseal.exchange.projections.selection import Rule, Selection
from packseal.exchange.projections.sparkplug import (
    BOOLEAN,
    DOUBLE,
    MAX_COMMAND_BYTES,
    REBIRTH,
    STRING,
    UINT64,
    Metric,
    Node,
    payload,
    wants_rebirth,
)
from packseal.exchange.projections.sparkplug_node import SparkplugNode
from tests.projections.packs import BATTERY, NOW, UNIX_MS, delivered, last_values, later, window

F = descriptor_pb2.FieldDescriptorProto
NODE = Node("Plant 1", "north")
HEARD = frozenset({BATTERY})
NUMBERS: dict[str, dict[str, tuple[int, Any]]] = {  # of the fields used, as Sparkplug 3.0.0 has them (section 6.4)
    "Payload": {"timestamp": (1, F.TYPE_UINT64), "metrics": (2, "Metric"), "seq": (3, F.TYPE_UINT64)},
    "Metric": {
        "name": (1, F.TYPE_STRING),
        "alias": (2, F.TYPE_UINT64),
        "timestamp": (3, F.TYPE_UINT64),
        "datatype": (4, F.TYPE_UINT32),
        "is_null": (7, F.TYPE_BOOL),
        "properties": (9, "PropertySet"),
        "int_value": (10, F.TYPE_UINT32),
        "long_value": (11, F.TYPE_UINT64),
        "double_value": (13, F.TYPE_DOUBLE),
        "boolean_value": (14, F.TYPE_BOOL),
        "string_value": (15, F.TYPE_STRING),
    },
    "PropertySet": {"keys": (1, F.TYPE_STRING), "values": (2, "PropertyValue")},
    "PropertyValue": {"type": (1, F.TYPE_UINT32), "string_value": (8, F.TYPE_STRING)},
}
REPEATED = {"metrics", "keys", "values"}


def _payload_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug.proto", package="s", syntax="proto2")
    for name, members in NUMBERS.items():
        message = file.message_type.add(name=name)
        for key, (number, kind) in members.items():
            label = F.LABEL_REPEATED if key in REPEATED else F.LABEL_OPTIONAL
            one = message.field.add(name=key, number=number, label=label)
            one.type = F.TYPE_MESSAGE if isinstance(kind, str) else kind
            if isinstance(kind, str):
                one.type_name = f".s.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("s.Payload"))


PAYLOAD = _payload_class()
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
METRICS = st.builds(
    lambda name, kind, unix_ms, unit, alias: Metric(name, kind[0], kind[1], unix_ms, unit, alias),
    TEXTS,
    st.floats(allow_nan=False).map(lambda value: (DOUBLE, value))
    | st.booleans().map(lambda value: (BOOLEAN, value))
    | TEXTS.map(lambda value: (STRING, value))
    | st.sampled_from([(DOUBLE, None), (UINT64, 0), (UINT64, 2**64 - 1)]),
    st.integers(0, 2**63),
    TEXTS,
    st.none() | st.integers(0, 2**64 - 1),
)


def value_of(metric: Any) -> object:
    """As a host reads it: by whichever field of a value is there."""
    there = [name for name in ("long_value", "double_value", "boolean_value", "string_value") if metric.HasField(name)]
    assert len(there) == (not metric.is_null)
    return getattr(metric, there[0]) if there else None


@given(st.lists(METRICS, max_size=5), st.integers(0, 2**64 - 1), st.none() | st.integers(0, 255))
def test_the_protobuf_library_reads_what_is_written(metrics: list[Metric], unix_ms: int, seq: int | None) -> None:
    read = PAYLOAD.FromString(payload(metrics, unix_ms, seq, is_birth=True))
    assert (read.timestamp, read.seq if read.HasField("seq") else None) == (unix_ms, seq)
    for one, metric in zip(read.metrics, metrics, strict=True):
        assert (one.name, one.datatype, value_of(one)) == (metric.name, metric.datatype, metric.value)
        assert (one.alias if one.HasField("alias") else None) == metric.alias
        units = dict(zip(one.properties.keys, (value.string_value for value in one.properties.values), strict=True))
        assert units == ({"engUnit": metric.unit} if metric.unit else {})


@given(st.lists(METRICS.filter(lambda metric: metric.alias is not None), max_size=3))
def test_in_data_the_alias_stands_alone(metrics: list[Metric]) -> None:
    for one in PAYLOAD.FromString(payload(metrics, 1, 1, is_birth=False)).metrics:
        assert not one.HasField("name")
        assert not one.HasField("datatype")
        assert not one.HasField("properties")


@given(st.lists(METRICS, max_size=3))
def test_every_part_of_a_payload_is_refused_or_read_as_the_library_does(metrics: list[Metric]) -> None:
    whole = payload(metrics, UNIX_MS, 7, is_birth=True)
    for end in range(len(whole)):
        try:
            read = PAYLOAD.FromString(whole[:end])
        except DecodeError:
            with pytest.raises(ValueError, match="byte"):
                list(fields(whole[:end]))
        else:
            assert sum(number == 2 for number, _ in fields(whole[:end])) == len(read.metrics)


@given(st.binary(max_size=60))
def test_no_bytes_do_more_than_be_refused(content: bytes) -> None:
    try:
        wants_rebirth(content)
    except ValueError:
        return
    assert all(number > 0 for number, _ in fields(content)), "what is no command is still whole"


def command(name: str = REBIRTH, value: bool = True, count: int = 1) -> bytes:
    made = PAYLOAD(timestamp=1)
    for _ in range(count):
        made.metrics.add(name=name, datatype=BOOLEAN, boolean_value=value)
    content: bytes = made.SerializeToString()
    return content


@pytest.mark.parametrize(
    ("name", "value", "wanted"), [(REBIRTH, True, True), (REBIRTH, False, False), ("x", True, False)]
)
def test_a_rebirth_is_asked_by_its_name_and_by_true(name: str, value: bool, wanted: bool) -> None:
    assert wants_rebirth(command(name, value)) is wanted


@pytest.mark.parametrize(
    "content", [command(count=65), bytes(MAX_COMMAND_BYTES + 1), field(0, 1), b"\x0b", b"\xff" * 11]
)
def test_a_command_beyond_its_limits_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"byte|metrics"):
        wants_rebirth(content)


class Broker:
    """Takes messages in order, as a host hears them; drops while `is_full`."""

    def __init__(self, node: SparkplugNode) -> None:
        self.node, self.is_full = node, False
        self.heard: list[tuple[str, Any]] = []

    def run(self, batteries: dict[str, LastValues], heard: Iterable[str] = HEARD, now: Clocks = NOW) -> list[str]:
        """All that is due. -> the kinds of message"""
        before = len(self.heard)
        self.node.look_at({BATTERY, *batteries})
        while message := self.node.next(batteries, frozenset(heard), now):
            if self.is_full:
                break
            self.take(message)
            self.node.handed_over(batteries, now)
        return [topic.split("/")[2] for topic, _ in self.heard[before:]]

    def take(self, message: Message) -> None:
        assert not message.retain
        self.heard.append((message.topic, PAYLOAD.FromString(message.content)))

    def last(self) -> dict[str, object]:
        """Values of the last message, by the names of the births."""
        names = {m.alias: m.name for _, read in self.heard for m in read.metrics if m.name and m.HasField("alias")}
        return {m.name or names[m.alias]: value_of(m) for m in self.heard[-1][1].metrics}

    def seqs(self) -> list[int]:
        return [read.seq for _, read in self.heard]


@pytest.fixture
def broker() -> Broker:
    node = SparkplugNode(NODE, Selection(), "1.0")
    node.session(3)
    return Broker(node)


def newer(last: LastValues, voltage_mv: int, ms: int, **fields: Any) -> Clocks:
    """Another window, so much later."""
    now = later(NOW, ms)
    last.take(delivered((98_000 + ms, window(voltage_mv, **fields)), end_ms=100_000 + ms), now.ms, is_live=True)
    return now


def test_births_come_first_then_data_by_alias(broker: Broker) -> None:
    last = last_values()
    assert broker.run({BATTERY: last}) == ["NBIRTH", "DBIRTH"]
    (node_topic, node), (device_topic, device) = broker.heard
    assert (node_topic, device_topic) == ("spBv1.0/Plant 1/NBIRTH/north", "spBv1.0/Plant 1/DBIRTH/north/pack-1")
    assert {m.name: value_of(m) for m in node.metrics} == {
        "bdSeq": 3, REBIRTH: False, "Properties/Software": "PackSeal 1.0",
    }  # fmt: skip
    born = {m.name: value_of(m) for m in device.metrics}
    assert born["pack_voltage"] == 13.2
    assert (born["cell_voltage/1"], born["cell_voltage/2"], born["soh_capacity"]) == (3.31, None, None)
    units = {m.name: m.properties.values[0].string_value for m in device.metrics}
    assert (units["pack_current"], units["soc"], units["temperature/0"]) == ("A", "%", "°C")
    assert {m.timestamp for m in device.metrics if m.name == "pack_voltage"} == {UNIX_MS - 2000}
    now = newer(last, 13_100, 10_000)
    assert broker.run({BATTERY: last}, now=now) == ["DDATA"]
    assert broker.last()["pack_voltage"] == 13.1
    assert broker.seqs() == [0, 1, 2]
    assert broker.run({BATTERY: last}, now=now) == []


def test_a_message_that_was_dropped_burns_no_number(broker: Broker) -> None:
    last = last_values()
    broker.run({BATTERY: last})
    for step in range(1, 4):
        now, broker.is_full = newer(last, 13_000 + step, 10_000 * step), step != 3
        broker.run({BATTERY: last}, now=now)
    assert broker.seqs() == [0, 1, 2]
    assert broker.last()["pack_voltage"] == 13.003


def test_numbers_go_round_after_255(broker: Broker) -> None:
    last = last_values()
    broker.run({BATTERY: last})
    for step in range(1, 300):
        broker.run({BATTERY: last}, now=newer(last, step, 10_000 * step))
    assert broker.seqs() == [step % 256 for step in range(301)]


def test_a_rebirth_begins_anew_in_the_same_session(broker: Broker) -> None:
    last = last_values()
    broker.run({BATTERY: last})
    broker.run({BATTERY: last}, now=newer(last, 1, 10_000))
    broker.node.rebirth()
    assert broker.run({BATTERY: last}) == ["NBIRTH", "DBIRTH"]
    assert broker.seqs() == [0, 1, 2, 0, 1]
    assert broker.last()["pack_voltage"] == 0.001
    assert [value_of(m) for m in broker.heard[3][1].metrics if m.name == "bdSeq"] == [3]


def test_a_battery_that_is_heard_no_more_dies_and_is_born_again(broker: Broker) -> None:
    last = last_values()
    broker.run({BATTERY: last})
    assert broker.run({BATTERY: last}, heard=()) == ["DDEATH"]
    assert (broker.heard[-1][0], broker.seqs()) == ("spBv1.0/Plant 1/DDEATH/north/pack-1", [0, 1, 2])
    assert broker.run({BATTERY: last}, heard=()) == []
    assert broker.run({BATTERY: last}) == ["DBIRTH"]
    assert broker.run({}, heard=HEARD) == ["DDEATH"]


def test_a_cell_that_was_not_born_brings_a_birth_and_none_changes_its_alias(broker: Broker) -> None:
    last = last_values()
    broker.run({BATTERY: last})
    before = {m.name: m.alias for m in broker.heard[-1][1].metrics}
    now = newer(last, 13_200, 70_000, cells=(3300, 3310, 3305, 3290, 3333))
    assert broker.run({BATTERY: last}, now=now) == ["DBIRTH"]
    after = {m.name: m.alias for m in broker.heard[-1][1].metrics}
    assert after.keys() - before.keys() == {"cell_voltage/4"}
    assert before.items() <= after.items()
    assert len(set(after.values())) == len(after)


def test_cells_that_are_gone_are_null_in_data_and_in_births(broker: Broker) -> None:
    """As long as a host may have them: by the alias of their birth, also when all are gone, and after a rebirth."""
    last = last_values()
    broker.run({BATTERY: last})
    aliases = {m.name: m.alias for m in broker.heard[-1][1].metrics}
    assert broker.run({BATTERY: last}, now=newer(last, 13_200, 70_000, cells=(3300, 3310))) == ["DDATA"]
    cells = {name: value for name, value in broker.last().items() if name.startswith("cell_voltage/")}
    assert cells == {"cell_voltage/0": 3.3, "cell_voltage/1": 3.31, "cell_voltage/2": None, "cell_voltage/3": None}
    gone = newer(last, 13_200, 140_000, cells=(), temperature_ddegc=())
    assert broker.run({BATTERY: last}, now=gone) == ["DDATA"]
    arrays = {name for name in aliases if "/" in name}
    assert {name for name in arrays if broker.last().get(name, 0) is None} == arrays
    broker.node.rebirth()
    assert broker.run({BATTERY: last}, now=gone) == ["NBIRTH", "DBIRTH"]
    assert {m.name: m.alias for m in broker.heard[-1][1].metrics} == aliases
    assert {name for name, value in broker.last().items() if value is None and "/" in name} == arrays


def test_a_battery_that_never_had_the_chosen_cells_sends_no_empty_data() -> None:
    node = SparkplugNode(NODE, Selection(include=("cell_mv",)), "1.0")
    node.session(0)
    broker, last = Broker(node), last_values(window(cells=()))
    broker.run({BATTERY: last})
    assert broker.run({BATTERY: last}, now=newer(last, 13_200, 1_000_000, cells=())) == []
    assert node.due_ms(BATTERY, last) is None
    assert broker.run({BATTERY: last}, now=newer(last, 13_200, 2_000_000)) == ["DBIRTH"]


def test_only_what_is_due_is_in_the_data() -> None:
    node = SparkplugNode(
        NODE, Selection(rules=(Rule("pack_voltage_mv", deadband=50), Rule("*", deadband=10**9))), "1.0"
    )
    node.session(0)
    broker, last = Broker(node), last_values()
    broker.run({BATTERY: last})
    assert broker.run({BATTERY: last}, now=newer(last, 13_240, 10_000)) == []
    broker.run({BATTERY: last}, now=newer(last, 13_260, 20_000))
    assert broker.last() == {"pack_voltage": 13.26}


def test_a_new_session_has_the_next_number_in_will_and_birth(broker: Broker) -> None:
    for session in (255, 256):
        broker.node.session(session)
        will = broker.node.will(UNIX_MS)
        read = PAYLOAD.FromString(will.content)
        assert will.topic == "spBv1.0/Plant 1/NDEATH/north"
        assert not read.HasField("seq")
        assert [value_of(m) for m in read.metrics] == [session % 256]
        broker.run({})
        assert broker.last()["bdSeq"] == session % 256


def test_nothing_is_handed_over_that_was_not_offered(broker: Broker) -> None:
    with pytest.raises(ValueError, match="nothing was offered"):
        broker.node.handed_over({}, NOW)

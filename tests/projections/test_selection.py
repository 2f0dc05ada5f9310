"""What leaves, how often, and how old it says it is; and the documents that it leaves in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.errors import ConfigError
from packseal.exchange.projections.documents import is_in_cells, state_message
from packseal.exchange.projections.last_values import LastValues, Seen
from packseal.exchange.projections.selection import Gate, Rule, Selection
from packseal.exchange.projections.signals import SIGNALS, Reading, window_readings
from packseal.io.live_file import Kept, KeptBattery, KeptValue, LiveFile
from packseal.io.projection_settings import PublishTable
from packseal.io.settings import GatewaySettings
from packseal.io.settings_file import load_settings
from packseal.records.bodies import Event, Window
from tests.projections.packs import CELLS, HEALTH, NOW, delivered, last_values, window

SECOND, MINUTE = 1000, 60_000


def seen(value: object, measured_ms: int) -> dict[str, Seen]:
    return {"pack_voltage_mv": Seen(Reading(value), measured_ms)}  # type: ignore[arg-type]  # also arrays


def gate(*rules: Rule, **options: Any) -> Gate:
    return Gate(Selection(rules=rules, **options), ("pack_voltage_mv",))


def sent_at(gate: Gate, values: Sequence[tuple[int, object]], every_ms: int = SECOND) -> list[int]:
    """When it is sent, asked each `every_ms` until the last measurement. values: (measured_ms, value)."""
    times = []
    for now in range(0, values[-1][0] + 1, every_ms):
        known = [(ms, value) for ms, value in values if ms <= now]
        if known and gate.due(readings := seen(known[-1][1], known[-1][0]), now):
            gate.sent(["pack_voltage_mv"], readings, now)
            times.append(now)
    return times


def document(last: LastValues, *names: str, has_alarms: bool = True) -> dict[str, Any]:
    message = state_message("t/state", last, names or tuple(SIGNALS), NOW, has_alarms=has_alarms)
    assert message.retain
    read: dict[str, Any] = json.loads(message.content)
    return read


def test_names_are_chosen_by_globs_and_what_is_excluded_stays_out() -> None:
    chosen = Selection(include=("pack_*", "soc_cpct"), exclude=("*_power_*",))
    assert chosen.names() == ("pack_voltage_mv", "pack_current_ma", "soc_cpct")
    assert Selection().names() == tuple(SIGNALS)


def test_without_a_rule_each_new_measurement_leaves_and_none_twice() -> None:
    assert sent_at(gate(), [(0, 1), (2000, 1), (3000, 2), (9000, 2)]) == [0, 2000, 3000, 9000]


def test_a_rate_holds_back_and_the_last_value_leaves_when_its_time_is_over() -> None:
    slow = gate(Rule("pack_*", every_ms=10 * SECOND))
    assert sent_at(slow, [(0, 1), (1000, 2), (4000, 3), (11_000, 4), (20_000, 5)]) == [0, 10_000, 20_000]


def test_a_pack_asleep_has_its_last_value_sent_once() -> None:
    slow = gate(Rule("*", every_ms=10 * SECOND))
    asleep = [(0, 1), (1000, 2)]
    times = [ms for ms in range(0, 120_000, SECOND) if _sent(slow, asleep, ms)]
    assert times == [0, 10_000]


def _sent(gate: Gate, values: Sequence[tuple[int, object]], now: int) -> bool:
    ms, value = [one for one in values if one[0] <= now][-1]
    due = gate.due(seen(value, ms), now)
    gate.sent(due, seen(value, ms), now)
    return bool(due)


def test_a_deadband_holds_back_what_hardly_moves_and_a_heartbeat_says_it_all_the_same() -> None:
    calm = gate(Rule("pack_voltage_mv", deadband=50), heartbeat_ms=MINUTE)
    values = [(second * 1000, 13_200 + (30 if second % 2 else 0)) for second in range(130)]
    assert sent_at(calm, values) == [0, MINUTE, 2 * MINUTE]
    assert sent_at(gate(Rule("*", deadband=50)), [(0, 100), (1000, 150), (2000, 151), (3000, 101)]) == [0, 2000]


@pytest.mark.parametrize("values", [(1, None), (None, 1), ((1, 2), (1, None)), ((1, 2), (1, 2, 3)), ((1, 2), (1, 8))])
def test_what_becomes_available_or_not_is_a_change_at_any_deadband(values: tuple[object, object]) -> None:
    changed = gate(Rule("*", deadband=5))
    assert sent_at(changed, [(0, values[0]), (1000, values[1])]) == [0, 1000]


@given(st.lists(st.tuples(st.integers(1, 20_000), st.integers(-60, 60)), min_size=1, max_size=30), st.integers(0, 40))
def test_never_more_often_than_the_rate_nor_closer_than_the_deadband(steps: list[tuple[int, int]], band: int) -> None:
    """Steps of time and of value; what is sent stands at least 7 s apart, and differs by more than the deadband."""
    one, now, value, sent = gate(Rule("*", every_ms=7000, deadband=band), heartbeat_ms=10**9), 0, 0, []
    for wait_ms, step in steps:
        now, value = now + wait_ms, value + step
        if one.due(seen(value, now), now):
            one.sent(["pack_voltage_mv"], seen(value, now), now)
            sent.append((now, value))
    pairs = list(pairwise(sent))
    assert all(after[0] - before[0] >= 7000 and abs(after[1] - before[1]) > band for before, after in pairs)


def test_of_the_rules_the_first_that_says_it_counts() -> None:
    chosen = Selection(rules=(Rule("cell_*", deadband=3), Rule("cell_mv", every_ms=5000, deadband=9)))
    assert (chosen.every_ms("cell_mv"), chosen.deadband("cell_mv")) == (5000, 3)
    assert (chosen.every_ms("temperature_ddegc"), chosen.deadband("temperature_ddegc")) == (MINUTE, 0)
    assert (chosen.every_ms("soc_cpct"), chosen.deadband("soc_cpct")) == (0, None)


def test_not_available_is_null_and_never_zero() -> None:
    empty = window(None, (), temperature_ddegc=(), soc_cpct=None)
    found = document(last_values(empty, (90_000, HEALTH)))
    lacking = {name for name, value in found.items() if value is None}
    assert lacking >= {"pack_voltage_mv", "pack_power_mw", "soc_cpct", "cell_min_mv", "cell_spread_mv", "cell_mv"}
    assert 0 not in [value for name, value in found.items() if name in lacking]
    assert found["pack_current_ma"] == -5000


def test_what_follows_from_a_window_is_worked_out_from_its_values_alone() -> None:
    read = {name: reading.value for name, reading in window_readings(window()).items()}
    assert read["pack_power_mw"] == -66_000
    assert (read["cell_min_mv"], read["cell_max_mv"], read["cell_spread_mv"]) == (3290, 3310, 20)
    assert (read["temperature_min_ddegc"], read["temperature_max_ddegc"]) == (215, 231)
    assert read["charge_wh"] == 1500
    assert "charge_wh" not in window_readings(window(counters=None))


@given(
    st.builds(window, st.none() | st.integers(-(2**31), 2**31), st.lists(st.none() | st.integers(0, 5000)).map(tuple))
)
def test_every_window_makes_a_document(body: Window) -> None:
    found = document(last_values(body))
    assert found["cell_mv"] == (list(body.cell_mv) or None)
    there = [cell for cell in body.cell_mv if cell is not None]
    assert found["cell_spread_mv"] == (max(there) - min(there) if there else None)


def test_values_keep_their_age() -> None:
    """Health is from 8 s before the window; the window from 2 s before it was received."""
    last = last_values(window(), (90_000, HEALTH))
    found = document(last)
    assert (found["seq"], found["received_unix_ms"], found["age_ms"]) == (8, NOW.unix_ms, 2000)
    assert found["ages_ms"] == {
        "soh_capacity_cpct": 10_000,
        "remaining_capacity_mah": 10_000,
        "resistance_uohm": 10_000,
    }
    assert found["soh_capacity_interval_cpct"] == [9431, 9589]
    last.take(delivered((158_000, window()), end_ms=160_000, first_seq=9), NOW.ms + MINUTE, is_live=True)
    values = last.values(NOW.ms + MINUTE)
    assert (values["pack_voltage_mv"].age_ms, values["soh_capacity_cpct"].age_ms) == (2000, 70_000)
    assert values["soh_capacity_cpct"].interval == (9431, 9589)


def test_what_a_pack_never_said_is_not_among_its_values() -> None:
    assert LastValues().values(NOW.ms) == {}
    assert "soh_capacity_cpct" not in last_values().values(NOW.ms)


def test_a_backlog_tells_health_and_alarms_but_shows_no_value() -> None:
    last = LastValues()
    last.take(
        delivered((90_000, HEALTH), (91_000, Event(2, 1)), (92_000, window()), end_ms=93_000), NOW.ms, is_live=False
    )
    assert last.values(NOW.ms) == {}
    assert last.alarms == frozenset({2})
    last.take(delivered((998_000, window()), end_ms=1_000_000), NOW.ms, is_live=True)
    assert last.values(NOW.ms)["soh_capacity_cpct"].age_ms == 910_000


@pytest.mark.parametrize(
    ("events", "alarms"),
    [
        ([], None),
        ([Event(2, 1)], ["overcharge"]),
        ([Event(2, 1), Event(3, 1), Event(2, 2)], ["too hot"]),
        ([Event(2, 1), Event(2, 2)], []),
        ([Event(8, 3)], None),
        ([Event(77, 1)], ["event 77"]),
    ],
)
def test_alarms_are_what_has_begun_and_not_ended(events: list[Event], alarms: list[str] | None) -> None:
    said = [(1000 * n, event) for n, event in enumerate(events)]
    assert document(last_values(window(), *said))["alarms"] == alarms
    assert "alarms" not in document(last_values(window(), *said), has_alarms=False)


def test_a_log_that_begins_has_no_alarms() -> None:
    last = LastValues()
    last.take(delivered((1000, window()), end_ms=1000, first_seq=0), NOW.ms, is_live=True)
    assert last.alarms == frozenset()


def test_arrays_have_a_document_of_their_own() -> None:
    arrays = [name for name in SIGNALS if is_in_cells(name)]
    assert arrays == ["cell_mv", "temperature_ddegc"]
    assert document(last_values(), *arrays)["cell_mv"] == list(CELLS)


def test_what_a_restart_must_not_lose_comes_back(tmp_path: Path) -> None:
    file = LiveFile(tmp_path / "outbox.db")
    kept = Kept({"pack-1": KeptBattery({"soh_capacity_cpct": KeptValue(9510, (9431, 9589), 1)}, frozenset({2}))}, 255)
    assert file.load() == Kept()
    file.save(kept)
    assert file.load() == kept
    file.save(replace(kept, bd_seq=None))
    assert file.load().bd_seq is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"batteries": {}}', b'{"batteries": {}, "bd_seq": 256}'])
def test_a_damaged_file_is_no_file(tmp_path: Path, content: bytes) -> None:
    file = LiveFile(tmp_path / "outbox.db")
    file.path.write_bytes(content)
    assert file.load() == Kept()


def settings(folder: Path, text: str) -> GatewaySettings:
    path = folder / "gateway.toml"
    key = "11" * 32
    path.write_text(f'site = "s"\nbroker = "mqtt://127.0.0.1"\noutbox = "o"\nservice_public_key = "{key}"\n{text}')
    return load_settings(path, GatewaySettings)


def test_settings_become_a_selection(tmp_path: Path) -> None:
    text = '[publish]\nexclude = ["soh_*"]\n[[publish.signal]]\nname = "cell_*"\nevery_s = 30\ndeadband = 2\n'
    publish = settings(tmp_path, text).publish
    assert publish is not None
    assert publish.selection == Selection(exclude=("soh_*",), rules=(Rule("cell_*", 30_000, 2),))
    assert PublishTable().selection == Selection()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[publish]\nexclude = ["soh"]\n', "'soh' is no signal; known: pack_voltage_mv"),
        ('[publish]\n[[publish.signal]]\nname = "cell_mv"\n', "give every_s, deadband, or both"),
        ('[publish]\n[[publish.signal]]\nname = "cell_mv"\nevery_s = -1\n', "gateway.toml:8: every_s"),
        ("[publish]\nheartbeat_s = 1\n", "heartbeat_s"),
        ('[home_assistant]\nprefix = "home/+"\n', "prefix"),
        ('[sparkplug]\ngroup = "a/b"\n', "group"),
        ("[senml]\nunits = 1\n", "unknown key 'units'"),
    ],
)
def test_a_slip_in_the_settings_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        settings(tmp_path, text)
    assert words in str(refused.value)


def test_health_that_was_said_once_is_due_once() -> None:
    """A later delivery that took longer on its way measures nothing anew."""
    last, gate = last_values(None, (90_000, HEALTH)), Gate(Selection(), ("soh_capacity_cpct",))
    assert gate.due(last.seen, NOW.ms)
    gate.sent(["soh_capacity_cpct"], last.seen, NOW.ms)
    last.take(delivered((158_000, window()), end_ms=160_000, first_seq=9), NOW.ms + MINUTE + 700, is_live=True)
    assert gate.due_ms(last.seen) is None

"""When which battery's values leave a gateway, turn by turn, without a broker."""

from __future__ import annotations

from pathlib import Path

from packseal.apps.live_state import Around, LiveState
from packseal.io.settings import GatewaySettings
from packseal.io.settings_file import load_settings
from packseal.records.bodies import Origin
from tests.projections.packs import BATTERY, NOW, delivered, later, window


class Still:
    """A gateway's surroundings without a broker: what is published is kept, and taken while `is_open`."""

    def __init__(self, folder: Path, boards: int = 1, more: str = "") -> None:
        self.now, self.is_open = NOW, True
        self.published: list[tuple[str, bytes]] = []
        tables = "".join(
            f'[[board]]\nbattery = "pack-{n}"\nport = "{n}"\npublic_key = "{n:064x}"\n' for n in range(1, boards + 1)
        )
        path = folder / "gateway.toml"
        head = f'site = "north"\nbroker = "mqtt://127.0.0.1"\noutbox = "o"\nservice_public_key = "{"11" * 32}"\n'
        path.write_text(f"{head}{more}{tables}")
        around = Around(self._publish, lambda: self.now, lambda: 0, frozenset)
        self.live = LiveState(load_settings(path, GatewaySettings), around)
        self.live.connection_changed(True)

    def _publish(self, topic: str, content: bytes, *, retain: bool = False) -> bool:
        assert retain
        if self.is_open:
            self.published.append((topic.removeprefix("packseal/north/"), content))
        return self.is_open

    def turn(self, after_ms: int = 0) -> list[str]:
        """-> the topics of what was published in it"""
        self.now, before = later(self.now, after_ms), len(self.published)
        self.live.turn()
        return [topic for topic, _ in self.published[before:]]


def test_a_battery_with_a_board_is_shown_by_its_board(tmp_path: Path) -> None:
    still = Still(tmp_path)
    bus = delivered((98_000, window()), end_ms=100_000, origin=Origin.GATEWAY)
    still.live.take(BATTERY, bus, is_live=True)
    assert still.live.values(BATTERY) == {}
    still.live.take(BATTERY, delivered((98_000, window()), end_ms=100_000), is_live=True)
    assert still.live.values(BATTERY)["pack_voltage_mv"].value == 13_200


def test_what_was_held_back_leaves_when_its_time_is_over_and_once(tmp_path: Path) -> None:
    still = Still(tmp_path, more='[[publish.signal]]\nname = "*"\nevery_s = 30\n')
    still.live.take(BATTERY, delivered((98_000, window()), end_ms=100_000), is_live=True)
    assert still.turn() == ["pack-1/state", "pack-1/cells", "gateway/status"]
    still.now = later(still.now, 10_000)
    still.live.take(BATTERY, delivered((108_000, window(1)), end_ms=110_000), is_live=True)
    assert [still.turn(ms) for ms in (0, 19_000, 1_000, 60_000)] == [[], [], ["pack-1/state"], []]


def test_what_could_not_be_handed_over_leaves_with_a_later_turn(tmp_path: Path) -> None:
    still = Still(tmp_path)
    still.live.take(BATTERY, delivered((98_000, window()), end_ms=100_000), is_live=True)
    still.is_open = False
    assert still.turn() == []
    still.is_open = True
    assert still.turn(1) == ["pack-1/state", "pack-1/cells", "gateway/status"]


def test_of_many_batteries_only_what_changed_is_looked_at(tmp_path: Path) -> None:
    still = Still(tmp_path, boards=300)
    for number in range(1, 301):
        still.live.take(f"pack-{number}", delivered((98_000, window()), end_ms=100_000), is_live=True)
    assert len(still.turn()) == 601
    still.now = later(still.now, 1000)
    still.live.take("pack-7", delivered((99_000, window()), end_ms=100_000), is_live=True)
    assert still.turn() == ["pack-7/state"]

"""Configurations: each key and limit, which one a board runs on, why it started, and when its watchdog is fed."""

from __future__ import annotations

import json
import os
import tty
from pathlib import Path
from typing import Any

import pytest

from logger import sources
from logger.core import cbor, config, config_store, ed25519, events, life, link
from logger.core.losses import Losses
from logger.core.progress import LATE_SLOTS, WORK_MS, Progress, Watch
from tests.firmware.conftest import Interpreter
from tests.firmware.test_process import Line, settings, start

CONFIG_REFUSED = 9  # docs/link.md, STATUS

GOOD: dict[str, Any] = {
    "service_public_key": "ab" * 32,
    "rated_capacity_mah": 10_000,
    "cell_blocks": 12,
    "strings": 2,
    "sample_ms": 100,
    "window_ms": 1_000,
    "checkpoint_every": 1,
    "time_every_ms": 600_000,
    "source": "bus",
    "bus": {"bitrate": 500_000},
}
SOURCES: dict[str, Any] = {"none": lambda: None, "bus": lambda: ({"bitrate": (10_000, 1_000_000)}, {})}
TABLES: dict[str, Any] = {"link": lambda: ({"address": (0, 253)}, {})}


def checked(changes: dict[str, Any]) -> dict[str, Any]:
    table = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    found: dict[str, Any] = config.checked("file", table, {"baud": (9600, 921_600)}, {}, SOURCES, ("baud",), TABLES)
    return found


def test_a_good_one_has_its_keys_as_bytes_and_a_digest() -> None:
    done = checked({"baud": 9600, "link": {"address": 3}, "oldest_version": "1.2.3", "update_public_key": "cd" * 32})
    assert done["service_public_key"] == b"\xab" * 32
    assert done["operator_public_key"] is None
    assert done["update_public_key"] == b"\xcd" * 32
    assert done["oldest_version"] == (1, 2, 3)
    assert len(done["settings_digest"]) == 32
    assert done["settings_digest"] != checked({})["settings_digest"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"window_s": 10}, "file: unknown key window_s"),
        ({"strings": None}, "file: missing key strings"),
        ({"service_public_key": None}, "missing key service_public_key"),
        ({"bus": None}, "missing key bus"),
        ({"simulator": {}}, "unknown key simulator"),
        ({"sample_ms": 0}, "sample_ms must be a number from 10 to 60000"),
        ({"sample_ms": True}, "sample_ms must be a number"),
        ({"sample_ms": "100"}, "sample_ms must be a number"),
        ({"baud": 300}, "baud must be a number from 9600 to 921600"),
        ({"source": "other"}, 'source must be "bus" or "none"'),
        ({"source": ["bus"]}, 'source must be "bus" or "none"'),
        ({"bus": {"bitrate": 1}}, "file: bus: bitrate must be a number from 10000 to 1000000"),
        ({"bus": {"bitrate": 500_000, "speed": 1}}, "file: bus: unknown key speed"),
        ({"link": {"address": 254}}, "file: link: address must be a number from 0 to 253"),
        ({"link": {}}, "file: link: missing key address"),
        ({"bus": [1]}, "file: bus: expected an object"),
        ({"update_public_key": "ab"}, "update_public_key must be 64 hexadecimal digits"),
        ({"oldest_version": "1.2"}, 'oldest_version must be like "1.2.3"'),
        ({"oldest_version": 1}, 'oldest_version must be like "1.2.3"'),
        ({"cell_blocks": 13}, "cell_blocks must be a multiple of strings"),
        ({"window_ms": 5_000, "sample_ms": 6_000}, "window_ms must not be below sample_ms"),
        ({"cell_min_mv": 4_200}, "cell_max_mv must be above cell_min_mv by more than hysteresis_mv"),
        ({"temperature_min_ddegc": -700}, "temperature_min_ddegc must be a number from -600 to 2000"),
    ],
)
def test_a_bad_one_is_refused_by_the_name_of_what_is_wrong(change: dict[str, Any], words: str) -> None:
    with pytest.raises(config.ConfigError, match=words.replace(".", r"\.")):
        checked(change)


def test_what_is_no_table_is_refused() -> None:
    for table in ("null", "1", "[]", '"text"'):
        with pytest.raises(config.ConfigError, match="expected an object"):
            config.checked("file", json.loads(table), {}, {}, SOURCES)


def test_every_limit_of_the_events_can_be_set() -> None:
    assert set(config.EVENT_NUMBERS) == set(events.DEFAULTS)


# --- which one runs


class Folder:
    def __init__(self, **content: bytes) -> None:
        self.content = {name.replace("_", "."): value for name, value in content.items()}

    def read(self, name: str) -> bytes | None:
        return self.content.get(name)

    def write(self, name: str, content: bytes) -> None:
        self.content[name] = content


def chosen(folder: Folder, *, with_factory: bool = True) -> config_store.Chosen:
    def check(where: str, table: Any) -> Any:
        return config.checked(where, table, {}, {}, SOURCES)

    factory = (lambda: config.factory({"clock_rate": 1})) if with_factory else None
    return config_store.choose(folder, "/", check, factory)


NEW = json.dumps({**GOOD, "window_ms": 2_000}).encode()
OLD = json.dumps(GOOD).encode()


def test_a_good_one_runs_and_is_kept() -> None:
    folder = Folder(config_json=NEW, config_good_json=OLD)
    now = chosen(folder)
    assert (now.config["window_ms"], now.is_refused, now.words) == (2_000, False, None)
    assert folder.content["config.good.json"] == NEW


@pytest.mark.parametrize("bad", [b"", b"{", b"[]", b"\xff\xfe", json.dumps({**GOOD, "extra": 1}).encode()])
def test_a_bad_one_leaves_the_last_good_one_running(bad: bytes) -> None:
    folder = Folder(config_json=bad, config_good_json=OLD)
    now = chosen(folder)
    assert (now.config["window_ms"], now.is_refused) == (1_000, True)
    assert "going on with config.good.json" in str(now.words)
    assert folder.content == {"config.json": bad, "config.good.json": OLD}


@pytest.mark.parametrize("good", [None, b"{", b'{"of_another_firmware": 1}'])
def test_with_no_good_one_at_all_the_factory_s_runs_or_none(good: bytes | None) -> None:
    folder = Folder(config_json=b"{")
    if good is not None:
        folder.content["config.good.json"] = good
    now = chosen(folder)
    assert now.is_refused
    assert now.config["source"] == "none"
    assert now.config["operator_public_key"] is now.config["update_public_key"] is None
    with pytest.raises(config.ConfigError, match="is not JSON"):
        chosen(folder, with_factory=False)


def test_no_file_is_no_refusal() -> None:
    assert not chosen(Folder()).is_refused


def test_the_factory_s_service_key_verifies_nothing() -> None:
    """A key of small order, and the signature that holds for it by the plain equation: R of that order, S 0."""
    for signature in (bytes(64), config.NO_KEY + bytes(32), b"\x01" + bytes(63)):
        for message in range(8):
            with pytest.raises(ed25519.SignatureError):
                ed25519.verify(config.NO_KEY, bytes([message]), signature)


def test_a_process_says_that_it_runs_on_the_last_good_one(interpreter: Interpreter, tmp_path: Path) -> None:
    """On the console, and in STATUS."""
    board_end, gateway_end = os.openpty()
    tty.setraw(gateway_end)
    said = []
    for given in (settings(board_end), {**settings(board_end), "window_s": 10}):
        (tmp_path / "config.json").write_text(json.dumps(given))
        process = start(interpreter, tmp_path, board_end)
        line = Line(gateway_end)
        line.send(link.ASK)
        line.await_frame(link.HELLO)
        line.send(link.WANT, cbor.encode([0, 0, 1]))
        config_refused = cbor.decode(line.await_frame(link.STATUS))[CONFIG_REFUSED]
        process.kill()
        said.append((config_refused, process.communicate()[1].decode()))
    os.close(board_end)
    os.close(gateway_end)
    assert said[0] == (0, "")
    assert said[1][0] == 1
    assert "unknown key window_s; going on with config.good.json" in said[1][1]


# --- why it started


@pytest.mark.parametrize(
    ("by", "mark", "cause"),
    [
        (life.BY_POWER, 0, life.POWER_ON),
        (life.BY_POWER, 0xDEADBEEF, life.POWER_ON),
        (life.BY_POWER, life.RUNNING, life.BROWN_OUT),
        (life.BY_POWER, life.RESTARTING, life.POWER_ON),
        (life.BY_BROWN_OUT, 0, life.BROWN_OUT),
        (life.BY_WATCHDOG, life.RUNNING, life.WATCHDOG),
        (life.BY_WATCHDOG, life.RESTARTING, life.SOFTWARE),
        (life.BY_PIN, life.RUNNING, life.HARD_FAULT),
        (life.BY_PIN, 0, life.OTHER),
        (life.BY_SOFTWARE, life.RUNNING, life.HARD_FAULT),
        (life.BY_SOFTWARE, life.RESTARTING, life.SOFTWARE),
        (life.BY_SLEEP, life.RUNNING, life.OTHER),
        (life.BY_NOTHING_KNOWN, life.RUNNING, life.UNKNOWN),
    ],
)
def test_the_cause_of_a_start(by: int, mark: int, cause: int) -> None:
    assert life.reset_cause(by, mark) == cause


# --- the watchdog


class Log:
    size = checkpointed_size = 3
    held_checkpoint = None
    losses = Losses()


class Board:
    """As much of a Logger as its progress is seen by."""

    def __init__(self) -> None:
        self.log = Log()
        self.uptime_ms = self.next_slot_ms = self.windows_lost = 0

    def ms_to_next_slot(self) -> int:
        return self.next_slot_ms - self.uptime_ms

    def live(self, duration_ms: int, *, samples: bool = True, keeps: bool = True, signs: bool = True) -> None:
        self.uptime_ms += duration_ms
        self.next_slot_ms = self.uptime_ms if samples else self.next_slot_ms
        self.log.size += keeps
        self.log.checkpointed_size = self.log.size if signs else self.log.checkpointed_size


SETTINGS = {"sample_ms": 1_000, "window_ms": 10_000, "checkpoint_every": 5}


def test_a_board_that_works_is_fed_twice_a_second() -> None:
    board, fed = Board(), []
    watch = Watch(Progress(board, SETTINGS), lambda: fed.append(board.uptime_ms))
    for _ in range(100):
        board.live(100)
        watch.step(board.uptime_ms)
    assert len(fed) == 20


@pytest.mark.parametrize(
    ("stops", "limit_ms"),
    [
        ({"samples": False}, LATE_SLOTS * 1_000),
        ({"keeps": False}, 20_000 + WORK_MS),
        ({"signs": False}, 70_000 + WORK_MS),
    ],
)
def test_a_board_that_does_no_more_what_it_is_for_is_not_fed(stops: dict[str, bool], limit_ms: int) -> None:
    board = Board()
    progress = Progress(board, SETTINGS)
    board.live(1_000)
    assert progress.is_made()
    for _ in range(limit_ms // 1_000):
        board.live(1_000, **stops)
        assert progress.is_made()
    board.live(1_000, **stops)
    assert not progress.is_made()


def test_a_full_log_is_progress_as_long_as_losses_are_counted() -> None:
    board = Board()
    progress = Progress(board, SETTINGS)
    board.log.held_checkpoint = (3, b"")  # type: ignore[assignment]
    board.log.size += 1
    for _ in range(100):
        board.live(10_000, keeps=False, signs=False)
        board.windows_lost += 1
        assert progress.is_made()


class Port:
    HAS_CAN = True


def test_the_example_of_the_documents_is_a_good_one() -> None:
    page = (Path(__file__).parents[2] / "docs/boards.md").read_text()
    example = json.loads(page.partition("```json\n")[2].partition("```")[0])
    assert config.checked("docs/boards.md", example, {}, {}, sources.tables(Port), (), {})["source"] == "jbd"

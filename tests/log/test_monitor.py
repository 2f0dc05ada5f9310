"""A monitor over real files and real HTTP: rogue acts and split views are named, nothing unchecked is believed."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from packseal.apps.monitor import KeyAct, Monitor, MonitorState, Watch, monitor_of
from packseal.apps.witness import WitnessServer
from packseal.errors import ConfigError, EvidenceError, Reason, UnavailableError
from packseal.io.log_client import FolderLog, HTTPLog, LogSource, request_cosignature
from packseal.io.ports import free_port
from packseal.io.settings_file import load_settings
from packseal.io.witness_settings import MonitorSettings, WitnessSettings
from packseal.records.merkle import consistency_proof, leaf_hash
from packseal.records.note import chosen_cosignature, cosign, with_cosignatures
from tests.log.station import (
    LOG_KEY,
    NOW_UNIX_S,
    ORIGIN,
    WITNESS,
    WITNESS_KEY,
    WITNESSES,
    Station,
    contents,
    key_act,
    log_app,
    reader_of,
    served,
    signed_note,
    signer_of,
    statement,
)

ENROLMENT, ROGUE = b"enrolment by the owner", b"enrolment by somebody else"


def digest(statement: bytes) -> bytes:
    return hashlib.sha256(statement).digest()


WATCH = Watch({"pack-1": frozenset({digest(ENROLMENT)})})


class Scene:
    """A log with 300 receipts and one known enrolment, and a monitor of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / "state.json"
        self.station = Station(folder / "log")
        self.station.grow(300)
        self.station.entries[7] = key_act("pack-1", ENROLMENT)
        self.station.publish()

    def add(self, *entries: bytes) -> None:
        self.station.entries += entries
        self.station.publish()

    def monitor(self, watch: Watch = WATCH, source: LogSource | None = None) -> Monitor:
        return Monitor(reader_of(source or FolderLog(self.folder / "log")), self.state, watch)

    def other_branch(self, size: int, parted: int = 5) -> LogSource:
        """The same log's key, another story from entry number `parted` on."""
        other = Station(self.folder / "other")
        other.entries = self.station.entries[:parted]
        other.entries += [key_act("pack-1", b"%d" % number) for number in range(size - parted)]
        other.publish()
        return FolderLog(self.folder / "other")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def refused(act: Callable[[], object]) -> EvidenceError:
    with pytest.raises(EvidenceError) as refusal:
        act()
    return refusal.value


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    before = path.read_bytes() if path.exists() else None
    yield
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_quiet_log(scene: Scene) -> None:
    first = scene.monitor().look()
    assert (first.checkpoint.size, first.new_entries, first.rogue) == (300, 300, ())
    scene.station.grow(300)
    scene.station.publish()
    second = scene.monitor().look()
    assert (second.checkpoint.size, second.new_entries, second.rogue) == (600, 300, ())
    assert scene.monitor().look().new_entries == 0


def test_later_looks_read_new_entries_alone(scene: Scene) -> None:
    scene.monitor().look()
    scene.station.grow(300)
    scene.station.publish()
    read: list[str] = []
    folder = FolderLog(scene.folder / "log")

    class Listed:
        def get(self, path: str, max_bytes: int) -> bytes | None:
            read.append(path)
            return folder.get(path, max_bytes)

    scene.monitor(source=Listed()).look()
    assert "tile/entries/000" not in read
    assert {"tile/entries/001", "tile/entries/002.p/88"} <= set(read)


def test_a_rogue_enrolment_is_named_until_its_owner_knows_it(scene: Scene) -> None:
    scene.monitor().look()
    scene.add(key_act("pack-2", ROGUE), key_act("pack-1", ROGUE))
    rogue = (KeyAct(301, "pack-1", digest(ROGUE)),)
    assert scene.monitor().look().rogue == rogue
    assert scene.monitor().look().rogue == rogue, "an alarm that was missed once comes again"
    both = Watch({"pack-1": frozenset({digest(ENROLMENT), digest(ROGUE)})})
    assert scene.monitor(both).look().rogue == ()
    assert scene.monitor(Watch({})).look().rogue == ()


def test_a_battery_watched_later_is_looked_for_from_the_beginning(scene: Scene) -> None:
    scene.add(key_act("pack-2", ROGUE))
    assert scene.monitor().look().rogue == ()
    wider = Watch({**WATCH.batteries, "pack-2": frozenset()})
    assert scene.monitor(wider).look().rogue == (KeyAct(300, "pack-2", digest(ROGUE)),)


def test_a_statement_that_names_a_watched_battery_is_seen_as_well(scene: Scene) -> None:
    """Of another battery, or about a passport by its id, it is none of this owner's business, and no fault."""
    scene.monitor().look()
    scene.add(statement("pack-2", ROGUE), statement("00" * 16, ROGUE), statement("pack-1", ROGUE))
    look = scene.monitor().look()
    assert look.rogue == (KeyAct(302, "pack-1", digest(ROGUE)),)
    assert "ROGUE  entry 302 is an act or statement about battery pack-1" in look.lines()[2]


@pytest.mark.parametrize("size", [300, 301, 700, 299, 10])
def test_a_split_view_is_named_and_kept(scene: Scene, size: int) -> None:
    scene.monitor().look()
    with unchanged(scene.state):
        error = refused(scene.monitor(source=scene.other_branch(size)).look)
    assert error.reason == Reason.FORK
    assert str(scene.state) in error.detail
    kept = scene.state.with_name("state.json.fork").read_bytes()
    assert kept == (scene.folder / "other/checkpoint").read_bytes()
    assert scene.monitor().look().new_entries == 0


def test_two_roots_of_one_size_are_a_fork_even_without_tiles(scene: Scene) -> None:
    scene.monitor().look()
    source = scene.other_branch(300)
    shutil.rmtree(scene.folder / "other/tile")
    assert refused(scene.monitor(source=source).look).reason == Reason.FORK


def test_a_damaged_tile_is_not_called_a_fork(scene: Scene) -> None:
    scene.monitor().look()
    scene.station.grow(300)
    scene.station.publish()
    tile = scene.folder / "log/tile/0/001"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    assert refused(scene.monitor().look).reason == Reason.ROOT_MISMATCH
    assert not scene.state.with_name("state.json.fork").exists()


def test_an_older_checkpoint_is_stale_and_no_fork(scene: Scene) -> None:
    old = (scene.folder / "log/checkpoint").read_bytes()
    scene.station.grow(400)
    scene.station.publish()
    scene.monitor().look()
    (scene.folder / "log/checkpoint").write_bytes(old)
    with unchanged(scene.state), pytest.raises(UnavailableError, match="its checkpoint of 300, but 700 was seen"):
        scene.monitor().look()
    assert not scene.state.with_name("state.json.fork").exists()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("tile/0/000", Reason.ROOT_MISMATCH),
        ("tile/0/001.p/44", Reason.ROOT_MISMATCH),
        ("tile/1/000.p/1", Reason.ROOT_MISMATCH),
        ("tile/entries/000", Reason.ROOT_MISMATCH),
        ("tile/entries/001.p/44", Reason.ROOT_MISMATCH),
        ("checkpoint", Reason.BAD_SIGNATURE),
    ],
)
def test_one_changed_bit_of_any_file_is_refused(scene: Scene, path: str, reason: Reason) -> None:
    file = scene.folder / "log" / path
    content = bytearray(file.read_bytes())
    content[23 if path == "checkpoint" else 20] ^= 1
    file.write_bytes(content)
    with unchanged(scene.state):
        assert refused(scene.monitor().look).reason == reason


@pytest.mark.parametrize("path", ["tile/0/000", "tile/1", "tile/entries/000", "tile/entries/001.p"])
def test_a_file_that_is_withheld_is_missing(scene: Scene, path: str) -> None:
    file = scene.folder / "log" / path
    if file.is_dir():
        shutil.rmtree(file)
    else:
        file.unlink()
    with unchanged(scene.state):
        assert refused(scene.monitor().look).reason == Reason.MISSING_ENTRIES


def test_another_log_by_the_same_key_is_refused(scene: Scene) -> None:
    (scene.folder / "log/checkpoint").write_bytes(signed_note(scene.station.entries, "other.example/log"))
    assert refused(scene.monitor().look).reason == Reason.WRONG_LOG


def test_a_quorum_of_witnesses(scene: Scene) -> None:
    keys = {name: signer_of(name) for name in ("w1", "w2", "w3")}
    watch = Watch(WATCH.batteries, {name: signer.public_key for name, signer in keys.items()}, 2)
    note = (scene.folder / "log/checkpoint").read_bytes()
    for number, (name, signer) in enumerate(keys.items()):
        if number < 2:
            with unchanged(scene.state):
                assert refused(scene.monitor(watch).look).reason == Reason.TOO_FEW_WITNESSES
        note = with_cosignatures(note, [cosign(note, name, signer.public_key, signer, NOW_UNIX_S + number)])
        scene.station.store.publish(300, scene.station.leaves, note)
    assert scene.monitor(watch).look().cosigned_unix_s == {name: NOW_UNIX_S + n for n, name in enumerate(keys)}


def test_a_forged_cosignature_is_refused(scene: Scene) -> None:
    note = signed_note(scene.station.entries)
    forged = cosign(note, WITNESS, WITNESS_KEY.public_key, signer_of("thief"), NOW_UNIX_S)
    scene.station.store.publish(300, scene.station.leaves, with_cosignatures(note, [forged]))
    assert refused(scene.monitor(Watch({}, WITNESSES)).look).reason == Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-2],
        lambda text: text.replace(b'"size": 300', b'"size": 299'),
        lambda text: text.replace(b'"version": 1', b'"version": 2'),
        lambda text: text.replace(b'"watched"', b'"seen"'),
        lambda _: b"[]",
        lambda _: b"\xff",
        lambda _: b"[" * 100_000,
    ],
)
def test_a_changed_state_is_an_error_and_no_fork(scene: Scene, change: Callable[[bytes], bytes]) -> None:
    scene.monitor().look()
    scene.state.write_bytes(change(scene.state.read_bytes()))
    with unchanged(scene.state), pytest.raises(ConfigError, match="not the state of this log's monitor"):
        scene.monitor().look()


def test_the_state_comes_back() -> None:
    state = MonitorState(3, bytes(32), signed_note([]), ("pack-1",), (KeyAct(2, "pack-1", digest(ROGUE)),))
    assert MonitorState.from_json(state.to_json()) == state
    assert json.loads(state.to_json())["acts"] == [[2, "pack-1", digest(ROGUE).hex()]]


def test_log_witness_and_monitor_over_http(scene: Scene) -> None:
    """The log asks the witness, publishes with its cosignature, and an owner's monitor reads all of it."""
    port = free_port()
    (scene.folder / "witness.toml").write_text(
        f'listen = "127.0.0.1:{port}"\nstore = "witness.db"\nkey = "witness.key"\nname = "{WITNESS}"\n'
        f'[[log]]\norigin = "{ORIGIN}"\npublic_key = "{LOG_KEY.public_key.hex()}"\n'
    )
    witness = WitnessServer(load_settings(scene.folder / "witness.toml", WitnessSettings), lambda: NOW_UNIX_S)
    witness.start()
    with served(log_app(scene.station.store)) as url:
        (scene.folder / "monitor.toml").write_text(
            f'url = "{url}/log/"\norigin = "{ORIGIN}"\npublic_key = "{LOG_KEY.public_key.hex()}"\n'
            f'state = "state.json"\nwitnesses_needed = 1\n[[battery]]\nid = "pack-1"\n'
            f'known = ["{digest(ENROLMENT).hex()}"]\n'
            f'[[witness]]\nname = "{WITNESS}"\npublic_key = "{witness.public_key.hex()}"\n'
        )
        monitor = monitor_of(load_settings(scene.folder / "monitor.toml", MonitorSettings))
        publish_cosigned(scene.station, witness, 0)
        assert monitor.look().cosigned_unix_s == {WITNESS: NOW_UNIX_S}
        scene.station.entries.append(key_act("pack-1", ROGUE))
        publish_cosigned(scene.station, witness, 300)
        assert monitor.look().rogue == (KeyAct(300, "pack-1", digest(ROGUE)),)
    witness.stop()


def publish_cosigned(station: Station, witness: WitnessServer, old_size: int) -> None:
    leaves, note = [leaf_hash(entry) for entry in station.entries], station.note()
    proof = consistency_proof(leaves, old_size) if old_size else []
    answer = request_cosignature(witness.url, old_size, proof, note)
    line = chosen_cosignature(note, answer, WITNESS, witness.public_key)
    station.store.publish(len(station.entries), station.leaves, with_cosignatures(note, [line]))


def test_a_full_tile_stands_in_for_a_partial_one_over_http(scene: Scene) -> None:
    with served(log_app(scene.station.store)) as url:
        reader = reader_of(HTTPLog(f"{url}/log"))
        checkpoint, _ = reader.checkpoint()
        scene.station.grow(300)
        scene.station.publish()
        assert "tile/0/001.p/44" not in contents(scene.folder / "log")
        found = [entry.to_bytes() for _, entry in reader.entries(reader.tiles(checkpoint), 0)]
    assert found == scene.station.entries[:300]


def answering(answer: Response) -> Starlette:
    def serve(_request: Request) -> Response:
        return answer

    return Starlette(routes=[Route("/{path:path}", serve)])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Response(b"x" * 5000), "more than 4096 bytes"),
        (Response(b"", 500), "answers 500"),
        (RedirectResponse("http://169.254.169.254/"), "answers 307"),
        (Response(b"", 404), "has no checkpoint; check its address"),
    ],
)
def test_a_server_that_answers_otherwise_is_unavailable(answer: Response, message: str) -> None:
    with served(answering(answer)) as url, pytest.raises(UnavailableError, match=message):
        reader_of(HTTPLog(url)).checkpoint()


def test_a_log_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    for source in (HTTPLog(f"http://127.0.0.1:{free_port()}"), FolderLog(tmp_path)):
        with pytest.raises(UnavailableError):
            reader_of(source).checkpoint()
    with pytest.raises(ConfigError, match="expected http"):
        HTTPLog("file:///etc")


MONITOR = f"""\
folder = "log"
origin = "{ORIGIN}"
public_key = "{"11" * 32}"
state = "state.json"
witnesses_needed = 1
[[battery]]
id = "pack-1"
known = ["{"22" * 32}"]
[[witness]]
name = "w1"
public_key = "{"33" * 32}"
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('folder = "log"', 'folder = "log"\nurl = "https://log.example"', "either the url of the log or the folder"),
        ('folder = "log"\n', "", "either the url of the log or the folder"),
        ('folder = "log"', 'url = "ftp://log.example"', ":1: url: ftp://log.example: expected http"),
        ("witnesses_needed = 1", "witnesses_needed = 2", "witnesses_needed: 2, but 1 are listed"),
        ("22" * 32, "22" * 31, ": expected 64 hexadecimal digits"),
        ("[[witness]]", '[[witness]]\nname = "w2"\npublic_key = "' + "33" * 32 + '"\n[[witness]]', "stands twice"),
    ],
)
def test_each_mistake_in_monitor_toml_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "monitor.toml"
    path.write_text(MONITOR)
    settings = load_settings(path, MonitorSettings)
    assert (settings.folder, settings.state) == (tmp_path / "log", tmp_path / "state.json")
    path.write_text(MONITOR.replace(old, new))
    with pytest.raises(ConfigError) as refusal:
        load_settings(path, MonitorSettings)
    assert message in str(refusal.value)

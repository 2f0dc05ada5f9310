"""A nonce from a reader to the cells' board and back: broker, gateway, service and board are processes.

And to a log that a gateway signs itself, of a pack on a CAN bus.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import uuid
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import can
import pytest

from packseal.apps.fresh_reads import Why
from packseal.apps.gateway import Gateway
from packseal.apps.passport_server import PassportServer
from packseal.io.keys import load_or_make_key
from packseal.io.outbox_store import OutboxStore
from packseal.io.ports import free_port
from packseal.io.settings import GatewaySettings, PassportFileSettings
from packseal.io.settings_file import load_settings
from packseal.records.bodies import EntryType, Window
from packseal.records.bundle import Bundle
from packseal.records.entries import decode_entry
from tests.apps.can_site import BIND, DBC, PACK_ID, payload
from tests.line.conftest import needs_micropython
from tests.line.rig import BATTERY, PACKSEAL, Rig, broker
from tests.waiting import until

WAIT_S = 30
HOUR_MS = 3_600_000  # of the pack: a minute of ours, longer than any test waits for a window to end by itself
NONCES = [bytes([number]) * 16 for number in range(1, 10)]


READER = "psr_of_the_tests"


@dataclass(frozen=True)
class Refused:
    status: int
    why: str
    words: str
    retry_after_s: int


class FreshRig(Rig):
    """The rig with windows of a minute, and a reader of the service's interface."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, window_ms=HOUR_MS, checkpoint_every=60)

    def write_configuration(self, board_key: bytes) -> None:
        super().write_configuration(board_key)
        digest = hashlib.sha256(READER.encode()).hexdigest()
        (self.folder / "reader.key").write_text(READER)
        with (self.folder / "passport.toml").open("a") as settings:
            settings.write(f'[[reader]]\nname = "Tests"\nrole = "legitimate-interest"\nkey_sha256 = "{digest}"\n')

    def start(self) -> None:
        super().start()
        self.wait_for(lambda: self.store.exists() and bool(self.stored_size()), "the first records")

    def asked(self, nonce: bytes, timeout_s: int = WAIT_S) -> tuple[int, Mapping[str, str], dict[str, Any]]:
        connection = HTTPConnection(self.listen, timeout=2 * WAIT_S)
        headers = {"Authorization": f"Bearer {READER}", "Content-Type": "application/json"}
        body = json.dumps({"nonce": nonce.hex(), "timeout_s": timeout_s})
        with closing(connection):
            connection.request("POST", f"/api/v1/passports/{BATTERY}/fresh", body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), json.loads(answer.read())

    def ask(self, nonce: bytes) -> dict[str, Any]:
        status, _, answer = self.asked(nonce)
        assert status == 200, answer
        return answer

    def refused(self, nonce: bytes, timeout_s: int = WAIT_S) -> Refused:
        status, headers, answer = self.asked(nonce, timeout_s)
        assert status == answer["status"] != 200, answer
        return Refused(status, answer["reason"], answer["detail"], int(headers.get("retry-after", "0")))

    def policy(self) -> Path:
        """As the service says whom it trusts."""
        path = self.folder / "policy.json"
        path.write_text(self.page(f"battery/{BATTERY}/policy.json"))
        return path

    def counts(self) -> dict[str, int]:
        """What the gateway has counted and kept."""
        with closing(OutboxStore(self.folder / "outbox.db")) as store:
            return store.counts()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[FreshRig]:
    needs_micropython()
    made = FreshRig(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def packseal(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [PACKSEAL, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * WAIT_S)


def test_a_nonce_comes_back_from_the_cells_with_evidence_that_a_stranger_verifies(rig: FreshRig) -> None:
    """The window, a minute long, is cut short for it."""
    answer = rig.ask(NONCES[0])
    assert (answer["battery"], answer["nonce"], answer["evidence_class"]) == (BATTERY, NONCES[0].hex(), "B")
    assert answer["asked_unix_ms"] <= answer["received_unix_ms"]
    assert answer["values"]["pack_voltage_mv"]["record"]["seq"] == answer["seq"]
    bundle = rig.folder / "answer.bundle"
    bundle.write_bytes(b64decode(answer["bundle"]))
    window = decode_entry(Bundle.from_bytes(bundle.read_bytes()).entry).body
    assert isinstance(window, Window)
    assert 0 < window.duration_ms < HOUR_MS
    policy = rig.policy()
    good = packseal("verify", bundle, "--nonce", NONCES[0].hex(), "--policy", policy)
    assert good.returncode == 0, good.stderr
    assert f"the checkpoint answers nonce {NONCES[0].hex()}" in good.stdout
    other = packseal("verify", bundle, "--nonce", NONCES[1].hex(), "--policy", policy)
    assert (other.returncode, "wrong-nonce" in other.stderr) == (1, True)
    early = rig.refused(NONCES[1])
    assert (early.status, early.why) == (429, Why.TOO_SOON)
    assert 0 < early.retry_after_s <= 60, "real seconds, though the pack's clock runs sixty times as fast"
    assert rig.stored_records(), "each once, in order, none missing"


def test_a_person_reads_a_battery_with_one_command(rig: FreshRig) -> None:
    bundle = rig.folder / "now.bundle"
    command = ("passport", "fresh", BATTERY, "--to", f"http://{rig.listen}", "--reader-key", rig.folder / "reader.key")
    done = packseal(*command, "--nonce", NONCES[0].hex(), "-o", bundle)
    assert done.returncode == 0, done.stderr
    assert f"{BATTERY}: record " in done.stdout
    good = packseal("verify", bundle, "--nonce", NONCES[0].hex(), "--policy", rig.policy())
    assert good.returncode == 0, good.stderr
    early = packseal(*command, "-o", rig.folder / "early.bundle")
    assert (early.returncode, "it was read just now" in early.stderr) == (3, True)
    assert not (rig.folder / "early.bundle").exists()


def test_what_the_service_has_not_signed_now_asks_no_board_for_anything(rig: FreshRig) -> None:
    rig.ask(NONCES[0])
    (command,) = [message for message in rig.heard if message.kind == "cmd"]
    altered = command.payload[:-1] + bytes([command.payload[-1] ^ 1])
    size = rig.stored_size()
    for content in (command.payload, altered, b"noise", b""):
        rig.publish(command.topic, content)
    for _ in range(500):
        rig.publish(command.topic, altered)
    rig.wait_for(lambda: rig.counts().get("fresh_replayed") == 1, "the count of what was sent again")
    told = [message for message in rig.heard if message.kind == "fresh"]
    assert rig.refused(NONCES[1]).why == Why.TOO_SOON, "the gateway still listens, and so does the board"
    rig.gateway.interrupt()
    counts = rig.counts()
    assert (counts["fresh_bad-signature"], counts["fresh_malformed"], counts["fresh_replayed"]) == (501, 2, 1)
    assert len(told) == 2, "what was refused is answered by nobody"
    assert rig.stored_size() == size, "and the board has signed nothing more"


def test_what_is_away_is_said_in_words(rig: FreshRig) -> None:
    rig.board.kill()
    gone = rig.refused(NONCES[0], 2)
    assert (gone.status, gone.why) == (504, Why.TIME_IS_UP)
    assert "its gateway has asked the board" in gone.words
    rig.gateway.kill()
    gone = rig.refused(NONCES[1], 1)
    assert (gone.status, gone.why) == (504, Why.NO_GATEWAY)
    assert "no gateway has answered" in gone.words
    rig.broker.kill()
    rig.passport.wait_for_output("broker")
    gone = rig.refused(NONCES[2])
    assert (gone.status, gone.why) == (503, Why.NO_BROKER)


# ---- a pack on a CAN bus


@pytest.fixture
def can_server(tmp_path: Path) -> Iterator[PassportServer]:
    """A gateway that hears a pack on a virtual bus, and a service; the bus speaks as long as the fixture lasts."""
    process, address = broker(tmp_path)
    channel = uuid.uuid4().hex
    service_key = load_or_make_key(tmp_path / "service.key").public_key
    gateway_key = load_or_make_key(tmp_path / "gateway.key").public_key
    (tmp_path / "pack.dbc").write_text(DBC)
    (tmp_path / "pack.toml").write_text(BIND)
    (tmp_path / "gateway.toml").write_text(
        f'site = "rig"\nbroker = "{address}"\noutbox = "outbox.db"\nservice_public_key = "{service_key.hex()}"\n'
        f'[[can]]\nbattery = "{BATTERY}"\ninterface = "virtual"\nchannel = "{channel}"\ndbc = "pack.dbc"\n'
        f'bind = "pack.toml"\nwindow_s = 1\ncheckpoint_every = 100\n'
    )
    (tmp_path / "passport.toml").write_text(
        f'broker = "{address}"\nlisten = "127.0.0.1:{free_port()}"\nstore = "passport.db"\nkey = "service.key"\n'
        f'[[battery]]\nid = "{BATTERY}"\nname = "A car"\ncategory = "EV"\n'
        f'[[battery.source]]\npublic_key = "{gateway_key.hex()}"\nevidence_class = "C"\n'
    )
    server = PassportServer(load_settings(tmp_path / "passport.toml", PassportFileSettings))
    gateway = Gateway(load_settings(tmp_path / "gateway.toml", GatewaySettings))
    process.start()
    with can.Bus(channel, "virtual", ignore_config=True) as bus:
        server.start()
        until(lambda: server.is_connected, "the broker")
        gateway.start()
        message = can.Message(arbitration_id=PACK_ID, data=payload(500), is_extended_id=False)
        speaking = bus.send_periodic(message, 0.1)
        try:
            until(lambda: bool(server.store.heads()), "the first records")
            yield server
        finally:
            speaking.stop()
            gateway.stop()
            server.stop()
            process.kill()


def test_a_log_that_the_gateway_signs_itself_answers_with_its_next_window(can_server: PassportServer) -> None:
    before = can_server.store.heads()[0].size
    answer = can_server.fresh.ask(BATTERY, NONCES[0], WAIT_S)
    assert (answer.evidence_class, answer.entry.type) == ("C", EntryType.WINDOW)
    assert answer.entry.seq >= before
    assert answer.received_unix_ms >= answer.asked_unix_ms

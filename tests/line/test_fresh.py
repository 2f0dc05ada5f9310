"""A nonce from a reader to the cells' board and back: broker, gateway and board are processes, the service is this one.

And to a log that a gateway signs itself, of a pack on a CAN bus.
"""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import can
import pytest

from packseal.apps.export import policy_text
from packseal.apps.fresh_reads import FreshAnswer, Why
from packseal.apps.gateway import Gateway
from packseal.apps.passport_server import PassportServer
from packseal.errors import FreshReadError
from packseal.io.keys import load_or_make_key
from packseal.io.outbox_store import OutboxStore
from packseal.io.ports import free_port
from packseal.io.settings import GatewaySettings, PassportFileSettings, load_settings
from packseal.records.bodies import EntryType, Window
from tests.apps.can_site import BIND, DBC, PACK_ID, payload
from tests.line.conftest import needs_micropython
from tests.line.rig import BATTERY, PACKSEAL, Rig, broker
from tests.waiting import until

WAIT_S = 30.0
HOUR_MS = 3_600_000  # of the pack: a minute of ours, longer than any test waits for a window to end by itself
NONCES = [bytes([number]) * 16 for number in range(1, 10)]


class FreshRig(Rig):
    """The rig with windows of a minute, whose passport service is an object of this process."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, window_ms=HOUR_MS, checkpoint_every=60)
        self.server: PassportServer | None = None

    def start(self) -> None:
        super().start()
        self.passport.kill()
        self.server = PassportServer(load_settings(self.folder / "passport.toml", PassportFileSettings))
        self.server.start()
        self.wait_for(lambda: bool(self.server and self.server.store.heads()), "the first records")

    def stop(self) -> None:
        if self.server:
            self.server.stop()
        super().stop()

    def ask(self, nonce: bytes, timeout_s: float = WAIT_S) -> FreshAnswer:
        assert self.server
        return self.server.fresh.ask(BATTERY, nonce, timeout_s)

    def refused(self, nonce: bytes, timeout_s: float = WAIT_S) -> FreshReadError:
        with pytest.raises(FreshReadError) as refusal:
            self.ask(nonce, timeout_s)
        return refusal.value

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


def verified(answer: FreshAnswer, policy: str, folder: Path, nonce: bytes) -> subprocess.CompletedProcess[str]:
    """As a stranger does it, with the program alone."""
    bundle = folder / "answer.bundle"
    bundle.write_bytes(answer.bundle)
    (folder / "policy.toml").write_text(policy)
    command = [PACKSEAL, "verify", str(bundle), "--nonce", nonce.hex()]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=WAIT_S)


def test_a_nonce_comes_back_from_the_cells_with_evidence_that_a_stranger_verifies(rig: FreshRig) -> None:
    """The window, a minute long, is cut short for it."""
    answer = rig.ask(NONCES[0])
    assert isinstance(answer.entry.body, Window)
    assert 0 < answer.entry.body.duration_ms < HOUR_MS
    assert answer.asked_unix_ms <= answer.received_unix_ms
    assert answer.values["pack_voltage_mv"]
    assert rig.server
    policy = policy_text(rig.server.policy())
    good = verified(answer, policy, rig.folder, NONCES[0])
    assert good.returncode == 0, good.stderr
    assert f"the checkpoint answers nonce {NONCES[0].hex()}" in good.stdout
    other = verified(answer, policy, rig.folder, NONCES[1])
    assert (other.returncode, "wrong-nonce" in other.stderr) == (1, True)
    early = rig.refused(NONCES[1])
    assert early.why == Why.TOO_SOON
    assert 0 < early.retry_after_s <= 60, "real seconds, though the pack's clock runs sixty times as fast"
    assert rig.stored_records(), "each once, in order, none missing"


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
    assert (gone.why, "its gateway has asked the board" in str(gone)) == (Why.TIME_IS_UP, True)
    rig.gateway.kill()
    gone = rig.refused(NONCES[1], 1)
    assert (gone.why, "no gateway has answered" in str(gone)) == (Why.NO_GATEWAY, True)
    rig.broker.kill()
    rig.wait_for(lambda: not (rig.server and rig.server.is_connected), "that the broker is missed")
    assert rig.refused(NONCES[2]).why == Why.NO_BROKER


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

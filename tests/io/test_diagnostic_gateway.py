"""A whole gateway that asks a BMS by a shipped binding, without a DBC and a broker; and one that may not."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from packseal.apps.attesting import settings_digest
from packseal.apps.gateway import Gateway
from packseal.apps.gateway_files import bound_signals
from packseal.errors import ConfigError
from packseal.io.outbox_store import OutboxStore, only_new
from packseal.io.settings import GatewaySettings
from packseal.io.settings_file import load_settings
from packseal.records.bodies import MeanMinMax, Window
from packseal.records.log import Delivery, TrustedLog
from tests.io.diagnostic_ecu import Ecu
from tests.waiting import until

STATUS = bytes.fromhex("fff7e7ff49000000008001f40dd9090808080908000007b402b30100007e") + bytes(29)  # 50 A, 354.5 V
HEALTH = bytes(25) + bytes.fromhex("03d4") + bytes(16)
ANSWERS = {bytes.fromhex("220101"): STATUS, bytes.fromhex("220105"): HEALTH}


@pytest.fixture
def ecu() -> Iterator[Ecu]:
    made = Ecu(uuid.uuid4().hex, ANSWERS)
    yield made
    made.close()


def settings_in(folder: Path, ecu: Ecu, transmit: str) -> GatewaySettings:
    path = folder / "gateway.toml"
    path.write_text(
        'site = "test"\nbroker = "mqtt://127.0.0.1:9"\noutbox = "outbox.db"\n'
        f'service_public_key = "{"11" * 32}"\n[[can]]\nbattery = "kona"\ninterface = "virtual"\n'
        f'channel = "{ecu.channel}"\nbind = "hyundai_kona"\nwindow_s = 1\ncheckpoint_every = 1\n{transmit}'
    )
    return load_settings(path, GatewaySettings)


def windows_in(folder: Path) -> list[Window]:
    store = OutboxStore(folder / "outbox.db")
    log: TrustedLog | None = None
    found: list[Window] = []
    for item in store.waiting():
        delivery = Delivery.from_bytes(store.content(item)[1])
        log = log or TrustedLog(delivery.genesis, delivery.seed)
        verified = log.verified(delivery, only_new(log))
        found += [entry.body for entry in verified.entries if isinstance(entry.body, Window)]
        log = verified.log
    store.close()
    return found


def test_a_bms_is_asked_and_its_answers_become_windows(tmp_path: Path, ecu: Ecu) -> None:
    settings = settings_in(tmp_path, ecu, 'transmit = ["7E4:220101", "7E4:220105"]\n')
    assert len(settings_digest(settings, bound_signals(settings))) == 32
    gateway = Gateway(settings)
    gateway.start()
    until(lambda: any(window.soh_reported_cpct for window in windows_in(tmp_path)))
    until(lambda: any(window.pack_current_ma for window in windows_in(tmp_path)))
    gateway.stop()
    windows = windows_in(tmp_path)
    assert {window.pack_current_ma for window in windows} <= {MeanMinMax(-50_000, -50_000, -50_000), None}
    assert {window.soh_reported_cpct for window in windows} <= {9800, None}
    assert {(can_id, data[:4]) for can_id, data in ecu.sent_by_us()} == {
        (0x7E4, bytes.fromhex("03220101")),
        (0x7E4, bytes.fromhex("03220105")),
        (0x7E4, bytes.fromhex("300000cc")),
    }


def test_without_a_list_nothing_is_ever_sent(tmp_path: Path, ecu: Ecu) -> None:
    gateway = Gateway(settings_in(tmp_path, ecu, ""))
    gateway.start()
    until(lambda: gateway.cans[0].state.is_silent)  # a whole window has passed
    gateway.stop()
    assert not ecu.sent_by_us()


def test_an_ecu_that_does_not_answer_is_named(tmp_path: Path, ecu: Ecu) -> None:
    settings = settings_in(tmp_path, ecu, 'transmit = ["7E4:220101"]\n')
    ecu.close()
    gateway = Gateway(settings)
    gateway.start()
    until(lambda: any("7EC does not answer" in words for words in gateway.problems()))
    gateway.stop()
    assert not any(window.soh_reported_cpct for window in windows_in(tmp_path))


@pytest.mark.parametrize(
    ("transmit", "words"),
    [
        ('transmit = ["7E4:2E0101"]', r"gateway\.toml:\d+: transmit: '7E4:2E0101': .*only services that read"),
        ('transmit = "7E4:220101"', r'transmit: expected a list of requests, such as \["7E4:220101"\]'),
        ("transmit = [1]", r"transmit: expected a list of requests"),
        ('transmit = ["7E4"]', "expected who and what"),
    ],
)
def test_settings_refuse_what_may_not_be_sent(tmp_path: Path, ecu: Ecu, transmit: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        settings_in(tmp_path, ecu, transmit)


def test_a_request_of_no_binding_is_refused_at_the_start(tmp_path: Path, ecu: Ecu) -> None:
    settings = settings_in(tmp_path, ecu, 'transmit = ["7E4:220106"]')
    with pytest.raises(ConfigError, match="7E4:220106: the binding reads nothing from that answer"):
        bound_signals(settings)

"""Addresses of brokers, and [mqtt] in the settings files."""

from __future__ import annotations

from pathlib import Path

import pytest

from packseal.errors import ConfigError
from packseal.io.mqtt import broker_address
from packseal.io.settings import GatewaySettings, PassportFileSettings
from packseal.io.settings_file import load_settings

KEY = "11" * 32
GATEWAY = f'site = "north"\nbroker = "BROKER"\noutbox = "outbox.db"\nservice_public_key = "{KEY}"\n'
PASSPORT = 'broker = "BROKER"\nstore = "passport.db"\nkey = "service.key"\n'


@pytest.mark.parametrize(
    ("url", "shown", "is_loopback"),
    [
        ("mqtt://localhost", "mqtt://localhost:1883", True),
        ("mqtts://broker.example.org", "mqtts://broker.example.org:8883", False),
        ("mqtts://broker.example.org:443/", "mqtts://broker.example.org:443", False),
        ("mqtt://[::1]:2000", "mqtt://[::1]:2000", True),
        ("mqtt://127.9.9.9", "mqtt://127.9.9.9:1883", True),
        ("mqtt://localhost.example.org", "mqtt://localhost.example.org:1883", False),
    ],
)
def test_an_address_is_shown_as_it_can_be_written(url: str, shown: str, is_loopback: bool) -> None:
    address = broker_address(url)
    assert str(address) == shown
    assert broker_address(str(address)) == address
    assert address.is_loopback is is_loopback


@pytest.mark.parametrize(
    "url",
    ["", "localhost", "http://a", "mqtt://", "mqtt://a:0", "mqtt://a:70000", "mqtt://a/b", "mqtt://a?b=c", "mqtt://[a"],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="broker"):
        broker_address(url)


@pytest.mark.parametrize("url", ["mqtt://user:hunter2@host", "mqtts://user:hunter2@host:1", "mqtt://u:hunter2@h:x"])
def test_a_password_in_an_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        broker_address(url)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(("model", "text"), [(GatewaySettings, GATEWAY), (PassportFileSettings, PASSPORT)])
@pytest.mark.parametrize(
    ("broker", "table", "words"),
    [
        ("mqtts://far:8883", 'ca = "ca.pem"\nusername = "u"\npassword_file = "p"', ""),
        ("mqtt://localhost", 'username = "u"\npassword_file = "p"', ""),
        ("mqtt://far", 'username = "u"', 'in the clear; write broker = "mqtts://far:8883"'),
        ("mqtt://far", 'ca = "ca.pem"', 'ca needs TLS; write broker = "mqtts://far:8883"'),
        ("mqtts://far", 'certificate = "c.pem"', "certificate and key go together"),
        ("mqtts://far", 'password_file = "p"', "password_file goes with a username"),
        ("mqtts://far", "verify = false", "unknown key 'verify'"),
        ("mqtts://far", 'password = "hunter2"', "unknown key 'password'"),
    ],
)
def test_what_a_broker_is_shown_is_checked_with_its_address(
    model: type[GatewaySettings | PassportFileSettings], text: str, broker: str, table: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text.replace("BROKER", broker) + f"[mqtt]\n{table}\n")
    if words:
        with pytest.raises(ConfigError) as raised:
            load_settings(path, model)
        assert words in str(raised.value)
        assert "hunter2" not in str(raised.value)
        return
    loaded = load_settings(path, model).mqtt
    assert loaded is not None
    assert loaded.password_file == tmp_path / "p"

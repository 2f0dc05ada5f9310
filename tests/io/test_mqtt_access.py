"""TLS, certificates and credentials at a real mosquitto: what is wrong is named, with its cure."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from packseal.errors import ConfigError
from packseal.io.mqtt import BrokerAddress, MQTTConnection
from packseal.io.mqtt_settings import MQTTTable
from tests.apps.certificates import CertificateAuthority, Issued
from tests.io.mosquitto import Mosquitto
from tests.io.mqtt_clients import QUICK, Hearing
from tests.line.rig import tool


@dataclass(frozen=True)
class Site:
    """A broker over TLS, and who vouches for whom."""

    folder: Path
    authority: CertificateAuthority
    own: Issued

    def access(self, **changed: object) -> MQTTTable:
        whole = {"ca": self.authority.path, "certificate": self.own.certificate, "key": self.own.key}
        return MQTTTable.model_validate(whole | changed)

    def broker(self, *lines: str, days: float = 1, asks: bool = True) -> Mosquitto:
        server = self.authority.issue("broker.example.org", days=days, is_client=False)
        tls = [f"cafile {self.authority.path}", f"certfile {server.certificate}", f"keyfile {server.key}"]
        tls += ["require_certificate true"] if asks else []
        return Mosquitto(self.folder, *tls, *lines, is_tls=True)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    authority = CertificateAuthority(tmp_path)
    return Site(tmp_path, authority, authority.issue("gateway"))


def problem_at(broker: Mosquitto, access: MQTTTable, words: str) -> str:
    """Started, tried, and ended: what the connection says once these words are in it, and none was made."""
    broker.start()
    with Hearing(broker.address, "one", access=access, times=replace(QUICK, connect_s=2)) as one:
        problem = one.problem_with(words)
        assert one.states == []
    broker.kill()
    return problem


def test_both_sides_show_certificates_and_messages_pass(site: Site) -> None:
    broker = site.broker().start()
    with Hearing(broker.address, "one", "t/#", access=site.access(), times=QUICK) as one:
        one.subscribed("t/own")
        contents = [bytes([number]) * 3000 for number in range(100)]  # several in one TLS record, and one in several
        for content in contents:
            assert one.connection.publish("t/x", content)
        one.subscribed("t/end")
        assert one.figure("version") == 5
        assert one.figure("dropped_unacknowledged") == 0
    assert str(one.connection.address).startswith("mqtts://127.0.0.1:")
    broker.kill()


def test_a_connection_without_a_certificate_is_refused_and_the_cure_named(site: Site) -> None:
    problem = problem_at(site.broker(), site.access(certificate=None, key=None), "asks for a certificate")
    assert "set certificate and key of [mqtt]" in problem


def test_a_certificate_of_a_stranger_is_refused_by_the_broker(site: Site) -> None:
    stranger = CertificateAuthority(site.folder, "Stranger").issue("gateway")
    access = site.access(certificate=stranger.certificate, key=stranger.key)
    problem = problem_at(site.broker(), access, "does not know who issued our certificate")
    assert "let it know that authority, or check [mqtt] certificate" in problem


def test_a_broker_that_a_stranger_vouches_for_is_not_talked_to(site: Site) -> None:
    stranger = CertificateAuthority(site.folder, "Stranger")
    problem = problem_at(site.broker(), site.access(ca=stranger.path), "of no authority known here")
    assert "set ca of [mqtt] to its authority" in problem


def test_an_expired_certificate_of_the_broker_is_named(site: Site) -> None:
    problem = problem_at(site.broker(days=-1), site.access(), "not valid today")
    assert "renew it, or set the clock" in problem


def test_an_expired_certificate_of_ours_is_named(site: Site) -> None:
    old = site.authority.issue("gateway", days=-1)
    access = site.access(certificate=old.certificate, key=old.key)
    assert "renew the one of [mqtt]" in problem_at(site.broker(), access, "our certificate has expired")


def test_another_name_than_that_in_the_certificate_is_named(site: Site) -> None:
    problem = problem_at(site.broker(), site.access(server_name="other.example.org"), "for another name")
    assert "set server_name of [mqtt]" in problem


def test_a_port_without_tls_is_named(site: Site) -> None:
    plain = Mosquitto(site.folder)
    plain.address = BrokerAddress("127.0.0.1", plain.address.port, is_tls=True)
    problem = problem_at(plain, site.access(), "does this port speak what the address says")
    assert "mqtt:// in the clear or mqtts:// over TLS?" in problem


def test_files_that_cannot_be_used_are_named_before_there_is_a_connection(site: Site) -> None:
    address = BrokerAddress("127.0.0.1", 1, is_tls=True)
    site.own.key.chmod(0o644)
    with pytest.raises(ConfigError, match="everybody can read this key; run: chmod 640"):
        MQTTConnection(address, "one", [], lambda _t, _c: None, access=site.access())
    for changed, words in (
        ({"ca": site.folder / "none.pem"}, "no certificates in PEM"),
        ({"key": site.folder / "none.key"}, "cannot be read"),
        ({"certificate": None, "key": None, "username": "u", "password_file": site.folder / "no"}, "cannot be read"),
    ):
        with pytest.raises(ConfigError, match=words):
            MQTTConnection(address, "one", [], lambda _t, _c: None, access=site.access(**changed))


class Passwords:
    """A broker that asks for one, and our file with one."""

    def __init__(self, folder: Path) -> None:
        self._theirs, self.ours = folder / "passwords", folder / "mqtt.password"
        self.change("first")
        self.tell("first")
        self.broker = Mosquitto(folder, f"password_file {self._theirs}").start()

    def change(self, password: str) -> None:
        self._theirs.write_text("")
        command = [tool("mosquitto_passwd"), "-b", str(self._theirs), "gateway", password]
        subprocess.run(command, check=True, capture_output=True)

    def tell(self, password: str) -> None:
        self.ours.write_text(f"{password}\n")
        self.ours.chmod(0o600)

    @property
    def access(self) -> MQTTTable:
        return MQTTTable(username="gateway", password_file=self.ours)


def test_a_password_that_was_changed_is_read_at_the_next_connect(tmp_path: Path) -> None:
    passwords = Passwords(tmp_path)
    with Hearing(passwords.broker.address, "one", access=passwords.access, times=QUICK) as one:
        one.connected()
        passwords.change("second")
        passwords.broker.kill()
        passwords.broker.start()
        one.problem_with("check username and password_file")
        assert not one.connection.is_connected
        passwords.tell("second")
        one.connected()
        assert one.connection.problem == ""
    passwords.broker.kill()


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (b"", 0o600, "there is no password in it"),
        (b"\xff\n", 0o600, "not UTF-8"),
        (b"secret\n", 0o604, "everybody can read this password; run: chmod 640"),
        (b"s" * 5000, 0o600, "larger than"),
    ],
)
def test_a_password_file_that_cannot_be_used_is_named_and_never_shown(
    tmp_path: Path, content: bytes, mode: int, words: str
) -> None:
    passwords = Passwords(tmp_path)
    passwords.broker.kill()
    passwords.ours.write_bytes(content)
    passwords.ours.chmod(mode)
    with pytest.raises(ConfigError, match=words) as raised:
        MQTTConnection(passwords.broker.address, "one", [], lambda _t, _c: None, access=passwords.access)
    assert "secret" not in str(raised.value)

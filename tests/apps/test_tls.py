"""TLS as the service speaks it, and machines that are known by their certificates."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from packseal.apps.readers import Readers
from packseal.errors import ConfigError
from packseal.io.access_settings import AccessTable, ReaderTable, TLSTable
from packseal.io.http_server import tls_context
from packseal.io.keys import new_reader_key
from tests.apps.asking import TIMEOUT_S, Answer, Clock, ask, ask_on, served
from tests.apps.certificates import CertificateAuthority, Issued
from tests.apps.test_passport_server import Place

PUBLIC = {"role": "public", "name": "", "batteries": None}
DAY_S = 86_400


class Site:
    """A server with a certificate, which lets in what is listed."""

    def __init__(self, folder: Path) -> None:
        self.ca = CertificateAuthority(folder)
        server = self.ca.issue("server", is_client=False)
        self.tls = TLSTable(certificate=server.certificate, key=server.key, client_ca=self.ca.path)
        self.clock = Clock()
        self.readers: list[dict[str, Any]] = []

    def lets_in(self, name: str, **credential: str) -> None:
        self.readers.append({"name": name, "role": "authority", **credential})

    @contextmanager
    def served(self) -> Iterator[int]:
        tables = [ReaderTable.model_validate(one) for one in self.readers]
        readers = Readers(AccessTable(), tables, now_unix_s=self.clock.unix_s, clock_s=self.clock.running_s)
        with served(readers, self.tls) as port:
            yield port

    def ask(self, client: Issued | None = None, *credentials: str) -> Answer:
        with self.served() as port:
            return ask(port, *credentials, context=self.ca.trusting(client))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_machine_is_known_by_its_certificates_fingerprint(site: Site) -> None:
    client = site.ca.issue("machine")
    site.lets_in("Line 1", certificate_sha256=client.sha256.hex())
    assert site.ask(client).json == {"role": "authority", "name": "Line 1", "batteries": None}
    renewed = site.ask(site.ca.issue("machine"))
    assert (renewed.status, "no reader here" in renewed.detail) == (403, True)


def test_a_machine_is_known_by_its_name(site: Site) -> None:
    """Exactly one name, exactly this one."""
    site.lets_in("Line 1", certificate_cn="line-1.example")
    names = [("line-1.example",), ("line-1.example.org",), ("other", "line-1.example"), ()]
    assert [site.ask(site.ca.issue(*one)).status for one in names] == [200, 403, 403, 403]


def test_no_certificate_is_the_public(site: Site) -> None:
    assert site.ask().json == PUBLIC


def test_a_certificate_of_another_authority_is_no_certificate(site: Site, tmp_path: Path) -> None:
    """TLS itself refuses it: nothing is served on that connection."""
    other = CertificateAuthority(tmp_path, "Other CA").issue("line-1.example")
    site.lets_in("Line 1", certificate_cn="line-1.example")
    site.lets_in("Line 2", certificate_sha256=other.sha256.hex())
    with pytest.raises((ssl.SSLError, ConnectionError)):
        site.ask(other)


@pytest.mark.parametrize("wrong", [{"days": -1}, {"is_client": False}])
def test_a_certificate_that_expired_or_is_for_servers_is_refused(site: Site, wrong: dict[str, Any]) -> None:
    site.lets_in("Line 1", certificate_cn="line-1.example")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        site.ask(site.ca.issue("line-1.example", **wrong))


def test_a_certificate_that_expires_while_connected_is_refused(site: Site) -> None:
    client = site.ca.issue("line-1.example")
    site.lets_in("Line 1", certificate_cn="line-1.example")
    with site.served() as port:
        connection = HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT_S, context=site.ca.trusting(client))
        with closing(connection):
            assert ask_on(connection).status == 200
            site.clock.added_s = DAY_S
            answer = ask_on(connection)
    assert (answer.status, "expired" in answer.detail) == (401, True)


def test_a_key_comes_before_a_certificate_and_a_wrong_one_is_refused(site: Site) -> None:
    key, digest = new_reader_key()
    client = site.ca.issue("line-1.example")
    site.lets_in("Line 1", certificate_cn="line-1.example")
    site.lets_in("Depot", key_sha256=digest.hex())
    assert site.ask(client, f"Bearer {key}").json["name"] == "Depot"
    assert site.ask(client, f"Bearer {key}x").status == 401


def test_connections_of_others_do_not_share_a_certificate(site: Site) -> None:
    client = site.ca.issue("line-1.example")
    site.lets_in("Line 1", certificate_cn="line-1.example")
    with site.served() as port:
        contexts = [site.ca.trusting(client), site.ca.trusting()] * 2
        names = [ask(port, context=context).json["name"] for context in contexts]
    assert names == ["Line 1", "", "Line 1", ""]


def test_old_versions_of_tls_are_refused(site: Site) -> None:
    context = site.ca.trusting()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with site.served() as port:
        assert ask(port, context=context).status == 200
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            ask(port, context=context)


# ---- what it does not start with


def test_each_mistake_of_the_files_is_named(site: Site, tmp_path: Path) -> None:
    good, other, locked = site.ca.issue("a"), site.ca.issue("b"), site.ca.issue("c", password=b"secret")
    open_key = site.ca.issue("d")
    open_key.key.chmod(0o644)
    words = tmp_path / "words.pem"
    words.write_text("none")
    words.chmod(0o600)
    for table, expected in (
        (TLSTable(certificate=good.certificate, key=other.key), "no certificate with its key in PEM: .*mismatch"),
        (TLSTable(certificate=words, key=good.key), "no certificate with its key in PEM"),
        (TLSTable(certificate=tmp_path / "none", key=good.key), "no certificate with its key in PEM: .*No such file"),
        (TLSTable(certificate=good.certificate, key=tmp_path / "none"), "none: cannot be read: No such file"),
        (TLSTable(certificate=locked.certificate, key=locked.key), "locked with a password"),
        (TLSTable(certificate=open_key.certificate, key=open_key.key), "everybody can read this key; run: chmod 640"),
        (TLSTable(certificate=good.certificate, key=good.key, client_ca=words), "words.pem: no certificates in PEM"),
    ):
        with pytest.raises(ConfigError, match=expected):
            tls_context(table)


def test_a_service_by_its_settings(tmp_path: Path) -> None:
    ca = CertificateAuthority(tmp_path)
    server, client = ca.issue("server", is_client=False), ca.issue("line-1.example")
    place = Place(tmp_path)
    place.settings_path.write_text(
        f"{place.settings_path.read_text()}"
        f'[tls]\ncertificate = "{server.certificate.name}"\nkey = "{server.key.name}"\nclient_ca = "{ca.path.name}"\n'
        '[[reader]]\nname = "Line 1"\nrole = "authority"\ncertificate_cn = "line-1.example"\n'
    )
    with place.running() as running:
        assert running.url == f"https://{place.settings.listen}"
        port = int(running.url.rpartition(":")[2])
        path = "/battery/pack-1/data.json"
        answers = [ask(port, path=path, context=ca.trusting(one)).status for one in (client, None, ca.issue("other"))]
    assert answers == [200, 200, 403]

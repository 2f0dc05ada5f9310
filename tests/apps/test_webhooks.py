"""Webhooks: what a real receiver is told, and that nothing is lost while it fails, hangs or is away."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from packseal.apps.life_desk import NewPassport
from packseal.apps.webhooks import SIGNATURE, Wait, Webhooks
from packseal.errors import ConfigError
from packseal.io.http_connection import is_public
from packseal.io.settings import PassportFileSettings
from packseal.io.settings_file import load_settings
from packseal.io.store_place import PostgresURL, StorePlace
from packseal.io.stores import open_store
from packseal.io.webhook_settings import MAX_WEBHOOKS, WebhookTable
from packseal.records.statement_bodies import NoteKind
from tests.apps.desk_api import MAKER, Service, served
from tests.apps.receiver import HANG, Receiver, Told
from tests.apps.test_passport_server import Place
from tests.waiting import until

SECRET = b"0123456789abcdef0123456789abcdef"
QUICK = Wait(0.05, 0.2)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with served(tmp_path) as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


def table(folder: Path, url: str, **more: object) -> WebhookTable:
    path = folder / "webhook.secret"
    path.write_bytes(SECRET + b"\n")
    path.chmod(0o600)
    return WebhookTable.model_validate({"url": url, "secret_file": path, "private": True, **more})


@contextmanager
def told(service: Service, *tables: WebhookTable) -> Iterator[Webhooks]:
    made = Webhooks(tables, service.desk.service, QUICK)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def new_passport(service: Service, battery: str = "ev-1") -> bytes:
    return service.of(MAKER).create(NewPassport(battery, "EV", "Pack"))[0]


def note(service: Service, passport: bytes, text: str = "a note") -> int:
    return service.of(MAKER).note(passport, NoteKind.OTHER, text, 1_790_000_000_000, [])


def is_signed(one: Told, secret: bytes = SECRET) -> bool:
    """As docs/api.md tells a receiver to look at it."""
    at, _, digest = one.headers[SIGNATURE].partition(",v1=")
    signed = at.removeprefix("t=").encode() + b"." + one.body
    return hmac.compare_digest(digest, hmac.new(secret, signed, hashlib.sha256).hexdigest())


def test_a_receiver_is_told_in_order_once_and_signed(service: Service, receiver: Receiver, tmp_path: Path) -> None:
    passport = new_passport(service)
    with told(service, table(tmp_path, receiver.url)) as hooks:
        indices = [note(service, passport, f"note {number}") for number in range(5)]
        until(lambda: receiver.indices() == indices, "five notes")
        assert hooks.problems() == []
    changes = [change for one in receiver.taken for change in one.changes]
    assert {(change["passport"], change["kind"]) for change in changes} == {(passport.hex(), "statement")}
    assert all(is_signed(one) and not is_signed(one, b"another secret of theirs") for one in receiver.taken)
    assert all(b"note" not in one.body for one in receiver.taken), "what a change says is asked for, not sent"


def test_only_of_the_batteries_that_it_is_for(service: Service, receiver: Receiver, tmp_path: Path) -> None:
    other, own = new_passport(service, "ev-1"), new_passport(service, "ev-2")
    with told(service, table(tmp_path, receiver.url, batteries=("ev-2",))):
        note(service, other)
        index = note(service, own)
        until(lambda: bool(receiver.taken), "the one")
    assert receiver.indices() == [index]


@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_receiver_that_fails_is_told_again(service: Service, receiver: Receiver, tmp_path: Path, status: int) -> None:
    passport = new_passport(service)
    receiver.answers = [status] * 6
    with told(service, table(tmp_path, receiver.url)) as hooks:
        indices = [note(service, passport)]
        until(lambda: bool(hooks.problems()), "its problem")
        (problem,) = hooks.problems()
        indices.append(note(service, passport, "another"))
        until(lambda: receiver.indices() == indices, "both notes")
        until(lambda: not hooks.problems(), "the end of the problem")
    assert f"answers {status}; what has changed is kept" in problem
    assert SECRET.decode() not in problem


def test_a_receiver_that_was_away_misses_nothing(service: Service, receiver: Receiver, tmp_path: Path) -> None:
    passport = new_passport(service)
    with told(service, table(tmp_path, receiver.url)) as hooks:
        indices = [note(service, passport, "before")]
        until(lambda: receiver.indices() == indices, "the first")
        receiver.stop()
        indices.append(note(service, passport, "meanwhile"))
        until(lambda: any("no answer" in words for words in hooks.problems()), "its problem")
        receiver.start()
        until(lambda: len(receiver.indices()) >= len(indices), "both")
    assert receiver.indices() == indices, "each once, in order"


def test_one_that_hangs_holds_up_nobody_and_what_it_was_told_comes_again(
    service: Service, receiver: Receiver, tmp_path: Path
) -> None:
    passport = new_passport(service)
    hanging = Receiver(HANG)
    tables = table(tmp_path, hanging.url), table(tmp_path, receiver.url)
    with told(service, *tables):
        index = note(service, passport)
        until(lambda: bool(hanging.told), "that one hangs")
        until(lambda: receiver.indices() == [index], "the other one's")
    assert hanging.taken == []  # and it did not hold up the end either
    with told(service, *tables):
        until(lambda: hanging.indices() == [index], "the same again, at a start")
    assert receiver.indices() == [index], "and nothing twice for who took it"
    hanging.stop()


def test_a_service_that_was_stopped_tells_what_came_meanwhile(
    service: Service, receiver: Receiver, tmp_path: Path
) -> None:
    passport = new_passport(service)
    with told(service, table(tmp_path, receiver.url)):
        indices = [note(service, passport, "one")]
        until(lambda: receiver.indices() == indices, "the first")
    indices.append(note(service, passport, "two"))
    with told(service, table(tmp_path, receiver.url)):
        until(lambda: len(receiver.indices()) >= len(indices), "both")
    assert receiver.indices() == indices, "each once, in order"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_address_of_an_own_network_is_refused_unless_the_setting_says_so(
    service: Service, receiver: Receiver, tmp_path: Path, host: str
) -> None:
    passport = new_passport(service)
    with told(service, table(tmp_path, f"https://{host}:{receiver.port}/hook", private=False)) as hooks:
        note(service, passport)
        until(lambda: any("of an own network" in words for words in hooks.problems()), "its problem")
    assert receiver.connections == 0


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3", "127.0.0.1", "169.254.169.254", "192.168.1.1", "172.16.0.1", "100.64.0.1", "240.0.0.1", "224.0.0.1",
        "::1", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "2002:a00:1::", "64:ff9b::a00:1", "ff02::1", "::",
    ],
)  # fmt: skip
def test_addresses_of_own_networks(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
def test_addresses_of_the_internet(address: str) -> None:
    assert is_public(address)


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> StorePlace:
    if request.param == "SQLite":
        return tmp_path / "passport.db"
    return PostgresURL(request.getfixturevalue("cluster").new_store())


def test_of_two_workers_one_tells_and_the_other_goes_on_from_there(place: StorePlace) -> None:
    store = open_store(place)
    hooks, one, other = store.webhooks, b"one", b"other"
    assert hooks.take("https://a", 7, one, 1_000, 2_000) == 7
    assert hooks.take("https://a", 9, other, 1_500, 2_500) is None
    hooks.set_told("https://a", 8, other)
    assert hooks.take("https://a", 9, one, 1_500, 2_500) == 7, "what another one says of it counts for nothing"
    hooks.set_told("https://a", 12, one)
    assert hooks.take("https://a", 0, other, 2_500, 3_000) == 12
    hooks.release("https://a", one)
    assert hooks.take("https://a", 0, one, 2_600, 3_000) is None
    hooks.release("https://a", other)
    assert hooks.take("https://a", 0, one, 2_600, 3_000) == 12
    assert hooks.take("https://b", 3, other, 2_600, 3_000) == 3
    store.close()


def test_the_service_tells_and_says_who_does_not_take_it(tmp_path: Path, receiver: Receiver) -> None:
    place = Place(tmp_path)
    (tmp_path / "hook.secret").write_bytes(SECRET)
    (tmp_path / "hook.secret").chmod(0o640)
    with place.settings_path.open("a") as settings:
        settings.write(f'[[webhook]]\nurl = "{receiver.url}"\nsecret_file = "hook.secret"\nprivate = true\n')
    receiver.answers = [503]
    place.board.windows(1)
    with place.running() as server:
        first = server.store.heads()[0].size
        server.receive("packseal/site/pack-1/rec", place.board.delivery(first).to_bytes())
        until(lambda: any("answers 503" in words for words in server.problems()), "the problem")
        until(lambda: bool(receiver.taken), "the change")
    ((change,),) = [one.changes for one in receiver.taken]
    assert (change["passport"], change["kind"]) == ("pack-1", "records")


# ---- settings


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('url = "http://example.org/hook"\nsecret_file = "s"', "expected https://"),
        ('url = "https://a@example.org/hook"\nsecret_file = "s"', "expected https://, host and path"),
        ('url = "ftp://example.org"\nsecret_file = "s"', "expected http:// or https://"),
        ('url = "https://example.org"', "'secret_file' is missing"),
        ('url = "https://example.org"\nsecret_file = "s"\nbatteries = []', "expected a list of battery ids"),
        ('url = "https://example.org"\nsecret_file = "s"\nprivate = 1', "private"),
        ('url = "https://a.b"\nsecret_file = "s"\n[[webhook]]\nurl = "https://a.b"\nsecret_file = "t"', "the same url"),
        ("\n[[webhook]]\n".join(f'url = "https://a.b/{n}"\nsecret_file = "s"' for n in range(MAX_WEBHOOKS + 1)), "or"),
    ],
)  # fmt: skip
def test_mistakes_in_settings_are_named(tmp_path: Path, lines: str, words: str) -> None:
    text = 'broker = "mqtt://127.0.0.1:9"\nstore = "passport.db"\nkey = "service.key"\n[[webhook]]\n'
    (tmp_path / "passport.toml").write_text(text + lines)
    with pytest.raises(ConfigError, match=words):
        load_settings(tmp_path / "passport.toml", PassportFileSettings)


@pytest.mark.parametrize(
    ("content", "mode", "words"), [(b"short", 0o600, "16 bytes or more"), (SECRET, 0o644, "everybody can read")]
)
def test_a_secret_that_is_none_starts_nothing(
    service: Service, tmp_path: Path, content: bytes, mode: int, words: str
) -> None:
    made = table(tmp_path, "https://example.org")
    made.secret_file.write_bytes(content)
    made.secret_file.chmod(mode)
    with pytest.raises(ConfigError, match=words) as refused:
        Webhooks([made], service.desk.service)
    assert SECRET.decode() not in str(refused.value)

"""packseal passport: what whoever is responsible for a passport types, against a service on a real port."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from packseal.cli import main
from packseal.cli.site import passport as passport_group
from packseal.io.passport_store import PassportStore
from packseal.passport.attributes import ATTRIBUTES
from packseal.records.cbor import encode
from tests.apps.answering import Battery
from tests.apps.desk_api import LAB, MAKER, READERS, RECYCLER, ROLES, STORE, Service, reader_key, served
from tests.apps.test_life_journey import STATIC
from tests.passport.board import key_of
from tests.passport.desk import SERVICE_KEY

OF_SITE = {"serve", "check", "key", "reader-key"}  # test_key_commands.py, test_readers.py and tests/line have these
BATTERY = "ev-1"


class Person:
    """Types commands in a folder with the keys of everybody; `typed`: those that were run, as `act stage`."""

    def __init__(self, folder: Path, service: Service, battery: Battery) -> None:
        self.folder, self.service, self.battery = folder, service, battery
        self.typed: set[str] = set()
        for name in ROLES:
            self._private(f"{name}.key", bytes(key_of(name)))
        for role in READERS:
            self._private(f"{role}.reader", reader_key(role).encode() + b"\n")
        self._private("service.key", bytes(SERVICE_KEY))
        authorities = "".join(
            f'[[authority]]\npublic_key = "{bytes(key_of(name).verify_key).hex()}"\nrole = "{role.name.lower()}"\n'
            for name, role in ROLES.items()
        )
        settings = 'broker = "mqtt://127.0.0.1:9"\nstore = "passport.db"\nkey = "service.key"\n'
        (folder / "passport.toml").write_text(settings + authorities)

    def _private(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)
        (self.folder / name).chmod(0o600)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def run(self, command: str, *arguments: str, by: str = "", reader: str = "operator", to: bool = True) -> Result:
        """by: whose key signs."""
        self.typed.add(command)
        words = ["passport", *command.split(), *arguments]
        words += ["--key", self.path(f"{by}.key")] if by else []
        words += ["--to", self.service.url] if to else []
        words += ["--reader-key", self.path(f"{reader}.reader")] if reader and to and takes_reader(command) else []
        return CliRunner().invoke(main, words)

    def done(self, command: str, *arguments: str, by: str = "", reader: str = "operator", to: bool = True) -> str:
        result = self.run(command, *arguments, by=by, reader=reader, to=to)
        assert result.exit_code == 0, result.output
        return result.output

    def refused(self, code: int, command: str, *arguments: str, by: str = "", reader: str = "operator",
                to: bool = True) -> str:  # fmt: skip
        """-> what is said, in a line"""
        result = self.run(command, *arguments, by=by, reader=reader, to=to)
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.output

    def created(self, battery: str = BATTERY, by: str = MAKER, *more: str) -> str:
        output = self.done("create", "--battery", battery, "--category", "EV", "--name", f"Pack of {battery}",
                           "--rated-capacity-mah", "60000", *more, by=by)  # fmt: skip
        found = re.search(r"passport ([0-9a-f]{32}) created as entry \d+\n", output)
        assert found, output
        assert output.endswith(f"/battery/{found[1]}\n")
        return found[1]


def commands(group: click.Group = passport_group, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"


def takes_reader(name: str) -> bool:
    command: click.Command = passport_group
    for word in name.split():
        assert isinstance(command, click.Group)
        command = command.commands[word]
    return any("--reader-key" in parameter.opts for parameter in command.params)


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    battery = Battery()
    with served(tmp_path, ask_fresh=battery.ask) as service:
        yield Person(tmp_path, service, battery)


def test_two_lives_of_a_pack_from_a_shell(person: Person) -> None:
    first = person.created()
    person.battery.begin(person.service)
    _sold_and_tested(person, first)
    _static_data(person, first)
    _what_is_there(person, first)
    _second_life(person, first)
    _stored_again(person)
    assert person.typed == set(commands()) - OF_SITE, "every command was run"


def _sold_and_tested(person: Person, first: str) -> None:
    assert "stated as entry" in person.done("act stage", first, "original", "--note", "sold", by=MAKER)
    assert "kept as entry" in person.done("act note", first, "repair", "fuse replaced", "--on", "2027-03-31", by=MAKER)
    assert "stated as entry" in person.done(
        "act test", first, "--capacity", "91.25", "--spread", "1.2", "--method", "bench 4", "--on", "2027-04-01", by=LAB
    )


def _static_data(person: Person, first: str) -> None:
    """What is wrong with a file is said, every mistake of it, and nothing is imported."""
    (person.folder / "bad.json").write_text(json.dumps({**STATIC, "mass": "heavy", "colour": "red"}))
    bad = person.refused(2, "state", person.path("bad.json"), "--passport", first, by=MAKER)
    assert all(words in bad for words in ("mass", "colour", "nothing was imported"))
    assert "mass" not in json.loads(person.done("show", first, "--json"))["life"]["values"]
    (person.folder / "pack.json").write_text(json.dumps(STATIC))
    assert f"good; {len(STATIC)} values" in person.done("state", person.path("pack.json"), "--check", to=False)
    said = person.done("state", person.path("pack.json"), "--passport", first, by=MAKER)
    assert f"{len(STATIC)} values stated" in said


def _what_is_there(person: Person, first: str) -> None:
    """By who asks."""
    shown = person.done("show", first)
    for words in ("Pack of ev-1 (", "stage of its life", "412.5", "91.0 %", "Verified"):
        assert words in shown
    public = person.done("show", first, reader="")
    assert "412.5" in public
    assert "stage of its life" not in public
    assert "91.0 %" not in public
    listed = person.done("list")
    assert re.search(rf"^{first} +Pack of ev-1 \(EV\), original, health 91.0 %, 6 records$", listed, re.MULTILINE)
    assert json.loads(person.done("list", "--json"))[0]["passport"] == first
    person.done("export", first, "-o", person.path("pack.export"))
    exported = json.loads((person.folder / "pack.export").read_text())
    assert set(exported) == {"document", "validity", "statements"}
    assert len(exported["statements"]) >= 6
    fresh = person.done("fresh", first, "--wait-s", "20", "-o", person.path("now.bundle"))
    assert "ev-1: record 6 of log" in fresh
    assert (person.folder / "now.bundle").stat().st_size > 500
    assert len(person.done("attributes", to=False).splitlines()) == len(ATTRIBUTES)


def _second_life(person: Person, first: str) -> None:
    """Handed over with the new operator's consent, and taken apart for a storage."""
    person.done("act consent", first, "-o", person.path("over.cose"), by=STORE)
    store_key = bytes(key_of(STORE).verify_key).hex()
    over = ("--operator", store_key, "--consent", person.path("over.cose"))
    assert "handed over as entry" in person.done("act hand-over", first, *over, by=MAKER)
    board = person.battery.board
    board.seal()
    person.service.desk.receipt(board.delivery(board.size - 1).to_bytes())
    second = person.done("new-id", to=False).strip()
    person.done("act consent", first, "--new", second, "-o", person.path("new.cose"), by=STORE)
    taken = person.done(
        "create", "--battery", "store-1", "--category", "SBESS", "--name", "Store 1", "--original", first,
        "--consent", person.path("new.cose"), "--module", f"M1={first}:rack-2", "--id", second, by=RECYCLER,
    )  # fmt: skip
    assert f"passport {second} created" in taken
    document = json.loads(person.done("show", second, "--json"))["life"]
    assert document["originals"][0]["passport_id"] == first
    assert document["modules"] == [{"module": "M1", "original": first, "place": "rack-2"}]
    evidence = ("--evidence", f"{board.log_id.hex()}:5")
    unfit = person.refused(1, "act stage", second, "remanufactured", *evidence, by=RECYCLER)
    assert unfit.startswith("packseal: ")
    assert "stated as entry" in person.done("act stage", second, "repurposed", by=RECYCLER)


def _stored_again(person: Person) -> None:
    """Rebuilt, archived and backed up while the service runs, and restored beside it: the same passports."""
    rebuilt = person.done("rebuild", person.path("passport.toml"), to=False)
    assert rebuilt == "ev-1: 8 records, the same\n1 rebuilt, 0 of them not what is shown\n"
    person.done("archive", person.path("passport.toml"), person.path("archive"), to=False)
    assert list((person.folder / "archive").rglob("*.parquet")), "the service runs meanwhile"
    said = person.done("backup", person.path("passport.toml"), "-o", person.path("today.backup"), to=False)
    assert re.match(r"\d+ rows of all tables, \d+ bytes: ", said)
    assert (person.folder / "today.backup").stat().st_mode & 0o077 == 0, "it holds secrets"
    taken = person.refused(2, "restore", person.path("today.backup"), person.path("passport.toml"), to=False)
    assert "passport.db" in taken
    other = (person.folder / "passport.toml").read_text().replace("passport.db", "other.db")
    (person.folder / "other.toml").write_text(other)
    said = person.done("restore", person.path("today.backup"), person.path("other.toml"), to=False)
    assert "rows of all tables are in" in said
    assert person.done("rebuild", person.path("other.toml"), to=False) == rebuilt


def test_a_file_of_many_passports_and_one_that_names_an_attachment(person: Person) -> None:
    ids = [person.created(f"ev-{number}") for number in range(2)]
    rows = [f"{one},41{number},PS-1\n" for number, one in enumerate(ids)]
    (person.folder / "fleet.csv").write_text("passport,mass,model_id\n" + "".join(rows))
    (person.folder / "one.json").write_text(json.dumps({"mass": "412.5"}))
    output = person.done("state", person.path("fleet.csv"), by=MAKER)
    assert [f"{one}: 2 values stated" in output for one in ids] == [True, True]
    assert "names no passport" in person.refused(2, "state", person.path("one.json"), by=MAKER)


def test_mistakes_name_their_cure(person: Person) -> None:
    passport = person.created()
    person.battery.listen(person.service)
    for code, words, command, arguments, by in (
        (2, "32 hexadecimal digits", "act stage", ("3f", "original"), MAKER),
        (2, "no such passport", "act stage", ("0" * 32, "original"), MAKER),
        (1, "wrong-operator", "act stage", (passport, "original"), STORE),
        (1, "wrong-role", "act test", (passport, "--capacity", "90", "--spread", "1", "--method", "m"), MAKER),
        (2, "two decimals", "act test", (passport, "--capacity", "9.123", "--spread", "1", "--method", "m"), LAB),
        (2, "expected a date", "act note", (passport, "other", "x", "--on", "yesterday"), MAKER),
        (2, "the log's id, a colon", "act note", (passport, "other", "x", "--evidence", "3f"), MAKER),
        (2, "expected NAME=PASSPORT:PLACE", "create",
         ("--battery", "b", "--category", "EV", "--name", "n", "--module", "M1"), MAKER),
        (2, "as many --consent as --original", "create",
         ("--battery", "b", "--category", "EV", "--name", "n", "--consent", person.path("service.key")), MAKER),
        (1, "already-created", "create", ("--battery", BATTERY, "--category", "EV", "--name", "n"), MAKER),
        (2, "no such address", "show", ("../../healthz?",), ""),
        (2, "is there already", "export", (passport, "-o", person.path("service.key")), ""),
        (3, "no log of battery 'ev-1' goes on", "fresh", (passport, "-o", person.path("x.bundle")), ""),
        (2, "32 hexadecimal digits", "fresh", (passport, "--nonce", "00", "-o", person.path("x.bundle")), ""),
    ):  # fmt: skip
        said = person.refused(code, command, *arguments, by=by)
        assert re.search(words, said), said
    assert "operators and owners" in person.refused(2, "list", reader="authority")
    assert not (person.folder / "x.bundle").exists()
    assert "has no passport here" in person.refused(
        2, "rebuild", person.path("passport.toml"), "--battery", "b", to=False
    )


def test_a_record_that_was_altered_since_it_came_is_named(person: Person) -> None:
    person.created()
    person.battery.begin(person.service)
    board = person.battery.board
    with closing(PassportStore(person.folder / "passport.db")) as store, store._database.transaction() as transaction:
        healthier = board.entries[5].replace(encode(9100), encode(9900))
        assert healthier != board.entries[5]
        transaction.execute("UPDATE records SET entry = ? WHERE seq = 5", (healthier,))
    said = person.refused(1, "rebuild", person.path("passport.toml"), "--battery", BATTERY, to=False)
    assert f"another passport; it differs in log {board.log_id.hex()[:8]}" in said
    assert "1 of them not what is shown" in said

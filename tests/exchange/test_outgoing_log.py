"""What left has its line before its bytes leave, in either database, for as long as there is a passport."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from packseal.apps.exchange.leaving import Leaving
from packseal.errors import EgressError, UnavailableError
from packseal.exchange.export import Builder, Export, Field, Target, number, text
from packseal.exchange.rules import Partner, Rule, released
from packseal.io.outgoing_log_table import Outgoing, OutgoingLogTable
from packseal.io.passport_store import PassportStore
from packseal.io.postgres_store import PostgresStore
from packseal.io.sql_store import SQLStore
from tests.exchange.packs import pack

TARGET = Target("plain", "plain", "plain 1", (Field(("m",), "mass", number), Field(("c",), "chemistry", text)))
DEPOT = Partner("depot", "https://depot.example", "public", frozenset({1}), "contract-7",
                (Rule("weight", frozenset({"mass"})), Rule("rest", groups=frozenset({1}))))  # fmt: skip
AT_UNIX_MS = 1_800_000_000_000


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SQLStore]:
    if request.param == "SQLite":
        made: SQLStore = PassportStore(tmp_path / "passport.db")
    else:
        made = PostgresStore(request.getfixturevalue("cluster").new_store())
    with closing(made):
        yield made


def exported(partner: Partner = DEPOT) -> Export:
    builder = Builder(TARGET, released(pack("EV"), partner))
    builder.constant(("version",), "1")
    builder.take_all(TARGET.fields)
    return builder.export()


def line(**changed: object) -> Outgoing:
    made = Outgoing(
        AT_UNIX_MS, "pack-1", "ab" * 16, "depot", "https://depot.example", "contract-7", "plain",
        ("format:plain", "rest"), ("chemistry", "mass"), bytes(range(32)), 40,
    )  # fmt: skip
    return replace(made, **changed)  # type: ignore[arg-type]


def test_lines_come_back_newest_first(store: SQLStore) -> None:
    lines = [line(unix_ms=AT_UNIX_MS + n, target=f"t{n}") for n in (0, 2, 1)]
    for one in (*lines, line(battery="pack-2")):
        store.outgoing.add(one)
    assert store.outgoing.of("pack-1") == [lines[1], lines[2], lines[0]]
    assert store.outgoing.of("pack-1", 1) == [lines[1]]
    assert store.outgoing.of("pack-3") == []


def test_a_document_without_values_has_a_line_too(store: SQLStore) -> None:
    store.outgoing.add(line(keys=(), rules=()))
    assert store.outgoing.of("pack-1") == [line(keys=(), rules=())]


def test_names_cannot_run_into_one_another(store: SQLStore) -> None:
    with pytest.raises(ValueError, match="line break"):
        store.outgoing.add(line(rules=("a\nb",)))
    assert store.outgoing.of("pack-1") == []


def test_the_line_is_that_of_the_bytes(store: SQLStore) -> None:
    export = exported()
    sent = Leaving(store.outgoing, lambda: AT_UNIX_MS).bytes_of(export, DEPOT, "pack-1")
    assert json.loads(sent) == {"version": "1", "m": 412.5, "c": "NMC 811"}
    (kept,) = store.outgoing.of("pack-1")
    assert kept == Outgoing(
        AT_UNIX_MS, "pack-1", export.passport, "depot", "https://depot.example", "contract-7", "plain",
        ("format:plain", "rest", "weight"), ("chemistry", "mass"), hashlib.sha256(sent).digest(), len(sent),
    )  # fmt: skip


def test_a_leaf_of_several_values_names_each(store: SQLStore) -> None:
    builder = Builder(TARGET, released(pack("EV"), DEPOT))
    builder.name(("who",), ("manufacturer_id", "facility_id"), "BPNL00000003AYRE")
    Leaving(store.outgoing, lambda: AT_UNIX_MS).bytes_of(builder.export(), DEPOT, "pack-1")
    assert store.outgoing.of("pack-1")[0].keys == ("facility_id", "manufacturer_id")


def test_equal_documents_are_equal_bytes_and_two_lines(store: SQLStore) -> None:
    leaving = Leaving(store.outgoing, lambda: AT_UNIX_MS)
    first, second = (leaving.bytes_of(exported(), DEPOT, "pack-1") for _ in range(2))
    assert first == second
    assert len(store.outgoing.of("pack-1")) == 2


def test_bytes_of_another_form_have_their_own_digest(store: SQLStore) -> None:
    sent = Leaving(store.outgoing, lambda: AT_UNIX_MS).bytes_of(exported(), DEPOT, "pack-1", b"PK archive")
    assert sent == b"PK archive"
    assert store.outgoing.of("pack-1")[0].digest == hashlib.sha256(b"PK archive").digest()


def test_what_no_rule_lets_out_does_not_leave(store: SQLStore) -> None:
    """Made of a source that was not released, or by the rules of another partner."""
    builder = Builder(TARGET, pack("EV"))
    builder.take_all(TARGET.fields)
    other = replace(DEPOT, id="other", rules=(Rule("rest", groups=frozenset({1})),))
    leaving = Leaving(store.outgoing, lambda: AT_UNIX_MS)
    for export, partner in ((builder.export(), DEPOT), (exported(), other)):
        with pytest.raises(EgressError, match=f"/m is let out by no rule of {partner.id}; nothing left"):
            leaving.bytes_of(export, partner, "pack-1")
    assert store.outgoing.of("pack-1") == []


def test_what_cannot_be_logged_does_not_leave(tmp_path: Path) -> None:
    """A disk that takes nothing."""
    with closing(PassportStore(tmp_path / "passport.db")) as store:
        store._database.rows("PRAGMA query_only = ON")
        leaving = Leaving(OutgoingLogTable(store._database), lambda: AT_UNIX_MS)
        with pytest.raises(UnavailableError):
            leaving.bytes_of(exported(), DEPOT, "pack-1")
        store._database.rows("PRAGMA query_only = OFF")
        assert store.outgoing.of("pack-1") == []

"""A PostgreSQL server as a store: how its place is written, what its failures are called, that it comes back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from packseal.errors import ConfigError, UnavailableError
from packseal.io.postgres_database import PostgresDatabase, translated
from packseal.io.postgres_store import PostgresStore
from packseal.io.settings import PassportFileSettings
from packseal.io.settings_file import load_settings
from packseal.io.store_place import PostgresURL, store_place
from tests.postgres import Cluster

PLACES = ["postgresql://db.example.org/passports", "postgresql:///passports", "postgresql://user@host:5433/passports"]


@pytest.mark.parametrize("text", PLACES)
def test_a_store_can_be_a_database_of_a_server(tmp_path: Path, text: str) -> None:
    assert settings_with(tmp_path, text).store == PostgresURL(text)


def test_another_store_is_a_file_beside_the_settings(tmp_path: Path) -> None:
    assert settings_with(tmp_path, "passport.db").store == tmp_path / "passport.db"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("postgresql://user:secret@host/passports", "password does not belong .* PGPASSFILE"),
        ("postgresql://user:@host/passports", "password does not belong"),
        ("postgresql://host/passports?password=secret", "password does not belong"),
        ("postgresql://host/passports?passfile=/tmp/p", "password does not belong"),
        ("postgresql://host", "expected postgresql://host/database"),
        ("postgres://host/passports", "expected postgresql://host/database"),
        ("mysql://host/passports", "expected postgresql://host/database"),
        ("", "expected a path or postgresql://host/database"),
    ],
)
def test_other_places_are_refused_and_no_secret_is_repeated(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=rf"passport\.toml:2: store: .*{words}") as refused:
        settings_with(tmp_path, text)
    assert "secret" not in str(refused.value)


def settings_with(folder: Path, store: str) -> PassportFileSettings:
    path = folder / "passport.toml"
    path.write_text(f'broker = "mqtt://127.0.0.1"\nstore = "{store}"\nkey = "service.key"\n')
    return load_settings(path, PassportFileSettings)


def test_queries_are_translated() -> None:
    query = "SELECT rowid, 5 % 2 FROM t WHERE a = ? AND b = :name AND c = x'0aff' AND d = '1'::text"
    expected = b"SELECT ctid, 5 %% 2 FROM t WHERE a = %s AND b = %(name)s AND c = '\\x0aff'::bytea AND d = '1'::text"
    assert translated(query) == expected


def test_a_database_that_is_not_there_says_how_it_is_made(cluster: Cluster) -> None:
    with pytest.raises(UnavailableError, match=r"passports_none.*does not exist.*make it with createdb"):
        PostgresStore(cluster.url("passports_none"))


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"postgresql:///p\?host=.*is PostgreSQL running there"):
        PostgresStore(f"postgresql:///p?host={tmp_path}")


def test_a_server_that_was_started_again_is_used_again(own_cluster: Cluster) -> None:
    """What was under way is not done; what comes next is, without a second try."""
    with closing(PostgresDatabase(own_cluster.new_database())) as database:
        with database.transaction() as transaction:
            transaction.execute("CREATE TABLE numbers (value BIGINT NOT NULL)")
        with pytest.raises(UnavailableError, match="is PostgreSQL running there"):
            cut_off(database, own_cluster)
        with pytest.raises(UnavailableError, match="is PostgreSQL running there"):
            database.rows("SELECT value FROM numbers")
        own_cluster.start()
        assert database.rows("SELECT value FROM numbers") == []
        own_cluster.stop()
        own_cluster.start()
        with database.transaction() as transaction:
            transaction.execute("INSERT INTO numbers VALUES (?)", (2,))
        assert database.rows("SELECT value FROM numbers") == [(2,)]


def cut_off(database: PostgresDatabase, cluster: Cluster) -> None:
    with database.transaction() as transaction:
        transaction.execute("INSERT INTO numbers VALUES (?)", (1,))
        cluster.kill()


def test_every_commit_is_on_the_disk(cluster: Cluster) -> None:
    with closing(PostgresDatabase(cluster.new_database())) as database:
        assert database.rows("SELECT current_setting('synchronous_commit'), current_setting('fsync')") == [("on", "on")]


def test_a_number_beyond_64_bits_is_our_error_and_stores_nothing(cluster: Cluster) -> None:
    with closing(PostgresDatabase(cluster.new_database())) as database:
        with database.transaction() as transaction:
            transaction.execute("CREATE TABLE numbers (value BIGINT NOT NULL)")
        with pytest.raises(UnavailableError, match="out of range"), database.transaction() as transaction:
            transaction.executemany("INSERT INTO numbers VALUES (?)", [(1,), (1 << 63,)])
        assert database.rows("SELECT value FROM numbers") == []


def test_a_user_without_rights_is_told_so(cluster: Cluster) -> None:
    url = cluster.new_store()
    with psycopg.connect(url) as connection:
        connection.execute("DROP ROLE IF EXISTS nobody_here")
        connection.execute("CREATE ROLE nobody_here LOGIN")
    with pytest.raises(UnavailableError, match=r"permission denied.*give this user the rights"):
        PostgresStore(url.replace("user=packseal", "user=nobody_here")).heads()


def test_a_place_is_what_it_was() -> None:
    place = store_place("postgresql:///passports")
    assert (store_place(place), str(place)) == (place, "postgresql:///passports")

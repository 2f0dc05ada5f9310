"""A PostgreSQL server of the tests' own: in a folder of its own, on a Unix socket, with everything on that matters."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import psycopg
import pytest

from packseal.io.postgres_store import PostgresStore

PROGRAMS = Path("/usr/lib/postgresql")  # where Debian has them; elsewhere they are on the path
START_S = 60
TABLES = (
    "acts", "passport_log", "log_head", "records", "checkpoints", "inner_checkpoints", "logs", "refusals", "passports",
    "opinions", "webhooks", "outgoing",
)  # fmt: skip


def programs() -> Path | None:
    """The folder of the newest server of version 15 or later; None without one."""
    found = [path.parent for path in PROGRAMS.glob("*/bin/initdb") if int(path.parts[-3]) >= 15]
    on_path = shutil.which("initdb")
    return max(found, default=Path(on_path).parent if on_path else None, key=lambda path: int(path.parts[-2]))


class Cluster:
    """`stop` and `start` are those of a server; `kill` is its sudden end."""

    def __init__(self, bin_folder: Path) -> None:
        self._bin = bin_folder
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        if os.getuid() == 0:  # which no server takes
            shutil.chown(self.folder, self._user)
        self._numbers = count(1)
        self._store: str | None = None
        options = ["--auth=trust", "--username=packseal", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        self._run("initdb", "-D", self._data, *options)
        settings = f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'\nmax_connections = 60\n"
        with (self.folder / "data" / "postgresql.conf").open("a") as file:
            file.write(settings)
        self.start()

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        log = str(self.folder / "server.log")
        self._run("pg_ctl", "-D", self._data, "-l", log, "-w", "-t", str(START_S), "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "-t", str(START_S), "stop")

    def kill(self) -> None:
        """As after a power cut: nothing is written any more."""
        self.stop("immediate")

    def end(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql:///{database}?host={self.folder}&user=packseal"

    def new_database(self) -> str:
        """-> its URL"""
        name = f"passports_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def new_store(self) -> str:
        """The URL of a database with the tables of a store, empty. There is one: emptying it is quick, making it is
        not."""
        if self._store is None:
            self._store = self.new_database()
            PostgresStore(self._store).close()
        with psycopg.connect(self._store) as connection:
            for table in TABLES:
                connection.execute(f"DELETE FROM {table}".encode())  # noqa: S608
        return self._store

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        command: Sequence[str] = [str(self._bin / program), *arguments]
        if os.getuid() == 0:
            command = ["runuser", "-u", self._user, "--", *command]
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def started() -> Cluster:
    """Skips where no server is installed."""
    found = programs()
    if found is None:
        words = "needs PostgreSQL 15 or later: apt-get install postgresql"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    return Cluster(found)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One server for all tests; who stops it starts it again."""
    made = started()
    yield made
    made.end()


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A server that a test may kill."""
    made = started()
    yield made
    made.end()

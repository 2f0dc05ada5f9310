"""One machine or a cluster: the same findings and counts. And the commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from packseal.apps.fleet_archive_audit import DaskEngine, LocalEngine
from packseal.apps.fleet_archive_log import Trusted
from packseal.apps.fleet_archive_shard import ShardTask
from packseal.cli import main
from packseal.io.parquet_manifest import read_archive
from tests.audit.fleet import SHARDS, Fleet, flipped, rewrite
from tests.passport.desk import SERVICE_PUBLIC_KEY

NIGHTLY = bool(os.environ.get("PACKSEAL_NIGHTLY"))
DASK_WORKERS = 2 if NIGHTLY else 1


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    made = Fleet(tmp_path_factory.mktemp("fleet"))
    made.archive()
    return made


def spoil(rows: list[dict[str, Any]]) -> None:
    rows[3]["entry"] = flipped(rows[3]["entry"])


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # distributed leaves sockets to the collector
def test_processes_and_dask_find_the_same_as_one_process(fleet: Fleet, tmp_path: Path) -> None:
    alone = fleet.audit(LocalEngine(1), with_store=True)
    assert alone.holds
    spoilt = Fleet(tmp_path)
    spoilt.archive()
    rewrite(spoilt, spoilt.files("records")[0], spoil)
    one, two, dask = (
        spoilt.audit(engine) for engine in (LocalEngine(1), LocalEngine(2), DaskEngine(None, DASK_WORKERS))
    )
    assert one.total == 1
    assert one == two == dask


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def policy(fleet: Fleet, tmp_path: Path) -> Path:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(fleet.desk.policy().to_json()))
    return path


def test_the_command_says_what_was_verified(fleet: Fleet, policy: Path) -> None:
    done = run("audit", fleet.folder, "--policy", policy, "--store", fleet.desk.path, "--workers", 1)
    assert done.exit_code == 0, done.output
    assert f"{fleet.records} records" in done.output
    assert "all of it holds; the archive of 1 runs" in done.output


def test_a_service_key_alone_will_do_and_says_what_it_leaves_open(fleet: Fleet, tmp_path: Path) -> None:
    key = tmp_path / "service.pub"
    key.write_text(SERVICE_PUBLIC_KEY.hex() + "\n")
    done = run("audit", fleet.folder, "--service-key", key, "--workers", 1, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.output)
    assert (said["holds"], said["counts"]["records"]) == (True, fleet.records)
    for name in ("attestations_by_gateways_not_trusted", "signed_by_keys_not_trusted", "deliveries_of_logs_not_bound"):
        assert said["counts"][name] > 0


def test_findings_are_printed_with_their_number(tmp_path: Path) -> None:
    spoilt = Fleet(tmp_path)
    spoilt.archive()
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(spoilt.desk.policy().to_json()))
    for file in spoilt.files("deliveries"):
        file.unlink()
    done = run("audit", spoilt.folder, "--policy", path, "--workers", 1)
    assert done.exit_code == 1
    assert "is not there" in done.output
    assert " findings; the archive of 1 runs" in done.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--policy", "POLICY", "--service-key", "POLICY"), "say whom you trust"),
        ((), "say whom you trust"),
        (("--policy", "POLICY", "--scheduler", "tcp://127.0.0.1:1"), "--scheduler goes with --engine dask"),
        (("--service-key", "POLICY"), "not a file of this kind"),
        (("--policy", "POLICY", "--store", "/nowhere.db"), "does not exist"),
        (("--policy", "POLICY", "--store", "mysql://x"), "expected postgresql://"),
    ],
)
def test_what_cannot_be_audited_says_why(fleet: Fleet, policy: Path, arguments: tuple[str, ...], words: str) -> None:
    done = run("audit", fleet.folder, "--workers", 1, *(str(policy) if a == "POLICY" else a for a in arguments))
    assert done.exit_code == 2
    assert words in done.output


def test_a_folder_without_an_archive_is_none(tmp_path: Path, policy: Path) -> None:
    done = run("audit", tmp_path, "--policy", policy)
    assert done.exit_code == 2
    assert "no fleet archive; make one with `packseal passport archive`" in done.output


def test_the_archive_command(fleet: Fleet, tmp_path: Path) -> None:
    settings = tmp_path / "passport.toml"
    settings.write_text(f'broker = "mqtt://localhost"\nstore = "{fleet.desk.path}"\nkey = "service.key"\n')
    done = run("passport", "archive", settings, tmp_path / "new")
    assert done.exit_code == 0, done.output
    assert f"run 1 added {fleet.records} records in 7 deliveries, 3 logs begun" in done.output
    assert "nothing new" in run("passport", "archive", settings, tmp_path / "new").output


def test_the_command_line_starts_without_the_engines() -> None:
    code = (
        "import sys, packseal.cli; print([m for m in ('pyarrow', 'duckdb', 'dask', 'distributed') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_what_is_not_installed_is_named(fleet: Fleet, policy: Path) -> None:
    """A Python that has no DuckDB: as after a plain installation."""
    code = (
        "import sys, importlib.util as u; real = u.find_spec;"
        " u.find_spec = lambda name, *a: None if name == 'duckdb' else real(name, *a);"
        " from packseal.cli import main; main()"
    )
    command = [sys.executable, "-c", code, "audit", str(fleet.folder), "--policy", str(policy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "needs duckdb: pip install 'packseal[audit]'" in done.stderr


class Deadly:
    """Ends the process that it is unpacked in, as a fault of a reader in C does."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (3,)


@pytest.mark.skipif(not NIGHTLY, reason="starts eight processes; with PACKSEAL_NIGHTLY")
def test_a_shard_that_ends_its_process_is_a_finding_and_the_others_are_audited(fleet: Fleet) -> None:
    archive = read_archive(fleet.folder)
    public = tuple(part.path for part in archive.files() if part.path.startswith("public_log"))
    tasks = [
        ShardTask(
            str(fleet.folder.resolve()), shard, SHARDS,
            tuple(part for part in archive.files() if f"shard={shard:02x}" in part.path), public, archive.stop,
            Trusted((SERVICE_PUBLIC_KEY,)),
        )
        for shard in range(SHARDS)
    ]  # fmt: skip
    spoilt = replace(tasks[0], shard=99, trusted=Deadly())  # type: ignore[arg-type]
    found = list(LocalEngine(2).each([*tasks, spoilt]))
    assert sum(one.counts["records"] for one in found) == fleet.records
    assert [finding.where for one in found for finding in one.findings] == ["shard 63"]

"""`packseal verify`: what it says of good files, and what it refuses."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from packseal.apps.export import load_policy
from packseal.errors import Reason
from packseal.records.archive import read_items
from packseal.records.cbor import encode
from tests.apps.command import packseal
from tests.apps.exported import LATER, SOH, SOH_CPCT, WINDOW, Stopped
from tests.passport.attested import GATEWAY
from tests.passport.authorities import INTEGRATOR
from tests.passport.desk import ORIGIN, SERVICE_PUBLIC_KEY


def test_a_good_bundle_says_what_was_checked_by_whom_and_what_is_not_proven(stopped: Stopped) -> None:
    done = packseal("verify", stopped.bundle(SOH))
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "OK  record 15 (SOH) of battery pack-1"
    assert "state of health 91.2 %" in lines[1]
    numbers = [line.split(".")[0].strip() for line in lines if line[:3].strip().isdigit()]
    assert numbers == [str(number) for number in range(1, 8)]
    text = done.out
    for words in (
        f"record 15 is unchanged, at its place among the 18 of log {stopped.board.log_id.hex()}",
        f"says passport service {SERVICE_PUBLIC_KEY.hex()[:16]}",
        f"says integrator {INTEGRATOR.key.public_key.hex()[:16]}",
        f"says gateway {GATEWAY.key.public_key.hex()[:16]}",
        "Evidence class: B, key in the board's microcontroller",
        "Made: between 2026-09-21 14:13:20 UTC and 2026-09-21 15:13:20 UTC, an interval of 60.0 minutes",
        "Not proven:",
        "  - that a sensor told the truth",
    ):
        assert words in text


def test_a_good_archive_says_how_many_records_were_checked(stopped: Stopped) -> None:
    done = packseal("verify", stopped.archive)
    assert done.code == 0
    assert done.out.startswith("OK  archive of 18 records of battery pack-1, each one checked\n")
    last = "OK  record 17 (type 31) of battery pack-1\n    a record of a kind that this version does not read\n"
    assert last in done.out
    found = packseal("verify", stopped.archive, "--json").json
    assert found["archive"] == {
        "records": 18,
        "records_by_type": {"KEY": 1, "BOOT": 1, "WINDOW": 12, "SOH": 2, "TIME": 1, "type 31": 1},
        "windows_ms": 120_000,
        "windows_lost": 0,
        "key_changes": 0,
    }


KEYS = {
    "verdict", "reason", "battery", "evidence_class", "bound_by", "log_id", "public_key", "record", "size", "root",
    "service", "service_index", "log", "not_before_unix_ms", "not_after_unix_ms", "attestation", "checked",
    "not_proven", "nonce",
}  # fmt: skip
RECORD_KEYS = {
    "type", "seq", "boot", "uptime_ms", "values", "cells_mv", "at_least_soh_capacity_cpct",
    "at_most_soh_capacity_cpct", "is_disclosure",
}  # fmt: skip


@pytest.mark.parametrize("seq", [SOH, WINDOW, LATER])
def test_json_has_the_keys_that_programs_rely_on(stopped: Stopped, tmp_path: Path, seq: int) -> None:
    packseal("export", stopped.settings, "--battery", "pack-1", "--record", str(seq), "--out", tmp_path)
    done = packseal("verify", tmp_path / f"record-{seq}.bundle", "--json")
    found = done.json
    assert (done.code, set(found), set(found["record"])) == (0, KEYS, RECORD_KEYS)
    assert (found["verdict"], found["reason"], found["battery"]) == ("good", None, "pack-1")
    assert (found["bound_by"], found["record"]["seq"]) == (INTEGRATOR.key.public_key.hex(), seq)
    assert found["not_after_unix_ms"] - found["not_before_unix_ms"] == 3_600_000
    assert set(found["log"]) == {"origin", "size", "witnesses"}
    assert found["attestation"]["counts"] == {"frames_received": 90_000, "frames_lost": 3, "reopened": 1}
    assert all(set(check) == {"what", "by"} for check in found["checked"])


def altered(path: Path, at: int, folder: Path) -> Path:
    content = path.read_bytes()
    changed = folder / path.name
    changed.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    return changed


@pytest.mark.parametrize("name", ["bundle", "archive"])
def test_what_was_altered_is_refused_with_its_reason(stopped: Stopped, tmp_path: Path, name: str) -> None:
    path = stopped.bundle(SOH) if name == "bundle" else stopped.archive
    changed = altered(path, path.read_bytes().index(encode([SOH_CPCT, 50])) + 2, tmp_path)
    done = packseal("verify", changed, "--policy", stopped.policy)
    assert (done.code, done.out) == (1, "")
    reason = Reason.BAD_INCLUSION_PROOF if name == "bundle" else Reason.ROOT_MISMATCH
    assert f"packseal: {reason}: " in done.err
    done = packseal("verify", changed, "--policy", stopped.policy, "--json")
    assert done.code == 1
    assert set(done.json) == {"verdict", "reason", "detail"}
    assert (done.json["verdict"], done.json["reason"]) == ("refused", reason)


@pytest.mark.parametrize("name", ["bundle", "archive"])
def test_evidence_of_another_battery_is_refused(stopped: Stopped, name: str) -> None:
    path = stopped.bundle(SOH) if name == "bundle" else stopped.archive
    assert packseal("verify", path, "--battery", "pack-1").code == 0
    done = packseal("verify", path, "--battery", "pack-2")
    assert done.code == 1
    assert "packseal: wrong-battery: good evidence, but of battery 'pack-1', not of 'pack-2'" in done.err
    assert packseal("verify", path, "--battery", "pack-2", "--json").json["reason"] == "wrong-battery"


@pytest.mark.parametrize("name", ["bundle", "archive"])
def test_evidence_that_answers_no_nonce_is_refused_to_who_has_made_one(stopped: Stopped, name: str) -> None:
    """What does answer one: tests/line/test_fresh.py."""
    path = stopped.bundle(SOH) if name == "bundle" else stopped.archive
    done = packseal("verify", path, "--nonce", "07" * 16)
    assert done.code == 1
    words = f"its checkpoint answers no nonce, and not {'07' * 16}: it may be older than the question"
    assert f"packseal: wrong-nonce: good evidence, but {words}" in done.err
    wrong = packseal("verify", path, "--nonce", "07")
    assert (wrong.code, "--nonce 07: expected 32 hexadecimal digits" in wrong.err) == (2, True)


def test_an_archive_that_was_cut_off_is_refused(stopped: Stopped, tmp_path: Path) -> None:
    content = stopped.archive.read_bytes()
    ends = [0]
    for item in read_items(_reader(content)):
        ends.append(content.index(item, ends[-1]) + len(item))
    for end in (*ends[1:-1], ends[-1] - 1, 1):
        cut = tmp_path / "cut.archive"
        cut.write_bytes(content[:end])
        done = packseal("verify", cut, "--policy", stopped.policy)
        assert (done.code, "packseal: malformed: " in done.err) == (1, True), end


def _reader(content: bytes) -> Callable[[int], bytes]:
    return io.BytesIO(content).read


ASKS_FOR_A_WITNESS = f"""\
witnesses_needed = 1
[[witness]]
name = "witness.example"
public_key = "{INTEGRATOR.key.public_key.hex()}"
[[service]]
origin = "{ORIGIN}"
public_key = "{SERVICE_PUBLIC_KEY.hex()}"
"""
POLICIES = {
    "none at all": (None, 2, "policy.toml is missing; say whom you trust with --policy FILE"),
    "no TOML": ("[[service]", 2, "not TOML"),
    "an unknown key": ("services = []\n", 2, "unknown key 'services'; did you mean 'service'?"),
    "trusts nobody": ("", 1, "unknown-service"),
    "asks for a witness": (ASKS_FOR_A_WITNESS, 1, "too-few-witnesses"),
}


@pytest.mark.parametrize(("text", "code", "words"), POLICIES.values(), ids=POLICIES)
def test_a_policy_decides(stopped: Stopped, tmp_path: Path, text: str | None, code: int, words: str) -> None:
    shutil.copy(stopped.bundle(SOH), tmp_path)
    if text is not None:
        (tmp_path / "policy.toml").write_text(text)
    done = packseal("verify", tmp_path / stopped.bundle(SOH).name)
    assert done.code == code
    assert words in done.err


def test_a_policy_as_a_service_gives_it_away_counts_too(stopped: Stopped, tmp_path: Path) -> None:
    shutil.copy(stopped.bundle(SOH), tmp_path)
    (tmp_path / "policy.json").write_text(json.dumps(load_policy(stopped.policy).to_json()))
    assert packseal("verify", tmp_path / stopped.bundle(SOH).name).code == 0
    (tmp_path / "policy.json").write_text('{"services": [1]}')
    done = packseal("verify", tmp_path / stopped.bundle(SOH).name)
    assert (done.code, "services[0]: expected an object" in done.err) == (2, True)


def test_a_file_that_is_not_there(stopped: Stopped, tmp_path: Path) -> None:
    assert packseal("verify", tmp_path / "none.bundle", "--policy", stopped.policy).code == 2

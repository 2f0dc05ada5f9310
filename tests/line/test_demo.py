"""The demo as a user runs it, and what its bundles are worth."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
from functools import partial
from pathlib import Path

import pytest

from packseal.apps.demo import TRUE_CAPACITY_MAH, Demo
from packseal.apps.export import load_policy
from packseal.errors import EvidenceError
from packseal.io.ports import free_port
from packseal.records.policy import Policy
from packseal.records.verify import verify_bundle
from tests.line.rig import PACKSEAL, tool

# every other value of a byte takes minutes: with PACKSEAL_LONG=1; each of its bits, always
CHANGES = range(1, 256) if os.environ.get("PACKSEAL_LONG") == "1" else [1 << bit for bit in range(8)]


def packseal(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PACKSEAL, *arguments], capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.usefixtures("micropython")
def test_check_ends_with_200_receipted_records_and_a_good_bundle(tmp_path: Path) -> None:
    run = packseal("demo", "--check", "--data", str(tmp_path / "demo"), "--listen", f"127.0.0.1:{free_port()}")
    assert run.returncode == 0, run.stderr
    figures = json.loads(next(line for line in run.stdout.splitlines() if line.startswith("{")))
    assert figures["records_receipted"] >= 200
    assert figures["refused"] == figures["windows_lost"] == 0
    assert "OK  record" in run.stdout


@pytest.mark.usefixtures("micropython")
def test_tamper_is_named_by_page_and_verify(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    run = packseal("demo", "--check", "--tamper", "--data", str(tmp_path / "demo"), "--listen", listen)
    assert run.returncode == 0, run.stdout + run.stderr
    seq = run.stdout.split("one bit of stored record ")[1].split()[0]
    assert f"packseal: bad-inclusion-proof: record {seq}: " in run.stdout
    assert f"the page says: Not verified: record {seq} " in run.stdout


def test_estimate_holds_the_hidden_truth(demo: Demo) -> None:
    health = demo.state_of_health()
    assert health["interval"]["low"] <= TRUE_CAPACITY_MAH / 100 <= health["interval"]["high"]
    assert "rest" in health["method"]


def test_bundle_verifies_in_a_namespace_without_interfaces(demo: Demo) -> None:
    bundle = demo.export()
    command = [tool("unshare"), "--net", "--map-root-user", PACKSEAL, "verify", str(bundle)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("OK  record")


def test_every_single_byte_change_of_the_bundle_is_refused(demo: Demo) -> None:
    bundle = demo.export()
    content, policy = bundle.read_bytes(), load_policy(bundle.parent / "policy.toml")
    verify_bundle(content, policy)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        refused = pool.map(partial(refused_changes, content, policy), range(len(content)), chunksize=16)
    assert refused == [len(CHANGES)] * len(content)


def refused_changes(content: bytes, policy: Policy, index: int) -> int:
    """How many other values of one byte are refused with a reason."""
    refused = 0
    for change in CHANGES:
        altered = content[:index] + bytes([content[index] ^ change]) + content[index + 1 :]
        try:
            verify_bundle(altered, policy)
        except EvidenceError as refusal:
            refused += bool(refusal.reason)
    return refused


def test_verify_names_what_is_wrong_and_ends_with_1(demo: Demo, tmp_path: Path) -> None:
    content = bytearray(demo.export().read_bytes())
    content[-1] ^= 1
    (tmp_path / "altered.bundle").write_bytes(content)
    run = packseal("verify", str(tmp_path / "altered.bundle"), "--policy", str(demo.folder / "policy.toml"))
    assert run.returncode == 1
    assert run.stderr.startswith("packseal: receipt-mismatch: ")  # the gateway's attestation stands last
    assert run.stderr.count("\n") == 1


def test_verify_without_a_policy_says_so(demo: Demo, tmp_path: Path) -> None:
    alone = tmp_path / "alone.bundle"
    alone.write_bytes(demo.export().read_bytes())
    run = packseal("verify", str(alone))
    assert run.returncode == 2
    assert "say whom you trust with --policy FILE" in run.stderr

"""Whole archives in this process and in others: the same verdicts and reasons, and an end in any case."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from packseal.apps.verify import verify_archive, verify_file, workers
from packseal.errors import EvidenceError, Reason
from packseal.records.acts import Bind
from packseal.records.policy import Policy
from tests.records.corpus import POLICIES, vectors
from tests.vectors.scenes import scene, small_log
from tests.vectors.world import INTEGRATOR, Actor

ARCHIVES = vectors("archives.json")
POLICY = Policy.from_json(ARCHIVES["policies"]["acts"])


def test_a_refusal_comes_whole_out_of_another_process() -> None:
    refusal = EvidenceError(Reason.FORK, "two signed roots for size 5")
    again = pickle.loads(pickle.dumps(refusal))  # noqa: S301 - its own bytes
    assert (type(again), again.reason, again.detail, str(again)) == (
        EvidenceError, Reason.FORK, refusal.detail, str(refusal)
    )  # fmt: skip


def written(folder: Path, case: dict[str, Any]) -> Path:
    path = folder / "log.archive"
    path.write_bytes(bytes.fromhex(case["archive"]))
    return path


@pytest.mark.parametrize("good", ARCHIVES["good"], ids=lambda good: good["name"])
def test_a_good_archive(tmp_path: Path, good: dict[str, Any]) -> None:
    verdict = verify_file(written(tmp_path, good), POLICY)
    assert verdict.archive is not None
    assert (verdict.trusted.battery, verdict.archive.records) == ("secure-pack", good["expect"]["records"])


@pytest.mark.parametrize(
    "bad", [bad for bad in ARCHIVES["bad"] if bytes.fromhex(bad["archive"])[:1] >= b"\x40"], ids=lambda bad: bad["name"]
)
def test_a_bad_archive(tmp_path: Path, bad: dict[str, str]) -> None:
    with pytest.raises(EvidenceError) as refused:
        verify_file(written(tmp_path, bad), POLICY)
    assert refused.value.reason == bad["reason"]


def test_other_processes_come_to_the_same(tmp_path: Path) -> None:
    with workers() as opened:
        for good in ARCHIVES["good"]:
            with written(tmp_path, good).open("rb") as file:
                verdict = verify_archive(file, POLICY, opened)
            assert verdict.archive is not None
            assert verdict.archive.records == good["expect"]["records"]
        for bad in ARCHIVES["bad"]:
            with written(tmp_path, bad).open("rb") as file, pytest.raises(EvidenceError) as refused:
                verify_archive(file, POLICY, opened)
            assert refused.value.reason == bad["reason"], bad["name"]


def test_a_fault_in_another_process_ends_the_run_with_its_words() -> None:
    no_head: Any = None
    with workers() as opened, pytest.raises(AttributeError, match="has no attribute 'seed'"):
        list(opened(no_head, [b"\x83\x00\x81\x40\x40"]))


def test_of_two_faults_the_first_counts(tmp_path: Path) -> None:
    """A part that is missing, and behind it one that does not decode: in one piece of work for another process."""
    content = bytes.fromhex(next(bad["archive"] for bad in ARCHIVES["bad"] if bad["name"] == "a part missing"))
    (tmp_path / "log.archive").write_bytes(content + b"\x41\x00" * 3)
    with workers() as opened, (tmp_path / "log.archive").open("rb") as file, pytest.raises(EvidenceError) as refused:
        verify_archive(file, POLICY, opened)
    assert refused.value.reason == "missing-entries"


def test_nothing_in_evidence_steers_the_terminal(tmp_path: Path) -> None:
    evil = "pack\x1b[2J\r\n 99. all of it\u202e\x9b"
    s = scene()
    s.logs["evil"] = small_log(Actor(60))
    s.act("evil", Bind(Actor(60).public_key, evil, "B"), INTEGRATOR).receipt("evil", "evil")
    path = tmp_path / "evil.bundle"
    path.write_bytes(s.bundle("evil", 5, acts=["evil"]).to_bytes())
    lines = verify_file(path, POLICIES["acts"]).lines()
    assert lines[0] == r"OK  record 5 (SOH) of battery pack\x1b[2J\r\n 99. all of it\u202e\x9b"
    assert all(line.isprintable() for line in lines)

"""Evidence in files: exported from a stopped service by the command."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from packseal.apps.bundles import BundleMaker, Made
from packseal.apps.export import Wanted, exported, exported_archive, load_policy
from packseal.records.acts import Role
from packseal.records.bundle import MAX_BUNDLE_BYTES, Bundle
from packseal.records.checkpoint import receipt_leaf_entry, verify_receipt
from packseal.records.cose_receipt import decode_inclusion_receipt, verify_inclusion_receipt
from packseal.records.merkle import leaf_hash
from packseal.records.note import unverified_log_checkpoint
from packseal.records.verify import verify_bundle
from tests.apps.command import packseal
from tests.apps.exported import SOH, Stopped, filled_desk
from tests.passport.board import Board
from tests.passport.desk import ORIGIN, SERVICE_PUBLIC_KEY, Desk


def test_what_was_exported_is_all_there_is(stopped: Stopped) -> None:
    names = {path.name for path in stopped.out.iterdir()}
    assert names == {
        "record-15.bundle", "record-15.receipt.cose", "record-14.bundle", stopped.archive.name, "policy.toml",
    }  # fmt: skip


def test_the_policy_is_what_the_service_trusts(stopped: Stopped) -> None:
    policy = load_policy(stopped.policy)
    assert (policy.logs, policy.services) == ({}, {SERVICE_PUBLIC_KEY: ORIGIN})
    assert {one.role for one in policy.keys} == {Role.INTEGRATOR, Role.GATEWAY}


def test_every_record_can_be_exported(tmp_path: Path) -> None:
    desk, board = filled_desk(tmp_path)
    maker, policy = BundleMaker(desk.store, desk.tiles, SERVICE_PUBLIC_KEY, desk.publisher.publish_now), desk.policy()
    for seq in range(board.size):
        content = exported(desk.store, maker, policy, Wanted("pack-1", seq), tmp_path / "out").path.read_bytes()
        assert len(content) <= MAX_BUNDLE_BYTES
        assert verify_bundle(content, policy).entry.seq == seq
    desk.store.close()


@pytest.mark.parametrize("seq", [0, 17])
def test_a_record_is_exported_by_its_number(stopped: Stopped, tmp_path: Path, seq: int) -> None:
    done = packseal("export", stopped.settings, "--battery", "pack-1", "--record", str(seq), "--out", tmp_path)
    assert (done.code, done.err) == (0, "")
    content = (tmp_path / f"record-{seq}.bundle").read_bytes()
    assert verify_bundle(content, load_policy(tmp_path / "policy.toml")).entry.seq == seq


def test_a_receipt_as_other_programs_know_it(stopped: Stopped) -> None:
    bundle = Bundle.from_bytes(stopped.bundle(SOH).read_bytes())
    content = (stopped.out / "record-15.receipt.cose").read_bytes()
    leaf = leaf_hash(receipt_leaf_entry(bundle.receipt).to_bytes())
    found = verify_inclusion_receipt(content, leaf, SERVICE_PUBLIC_KEY)
    note = unverified_log_checkpoint(bundle.note)
    assert decode_inclusion_receipt(content) == found
    assert (found.index, found.size) == (verify_receipt(bundle.receipt, SERVICE_PUBLIC_KEY).service_index, note.size)
    assert found.root(leaf) == note.root


NOTHING = {
    "no such record": (("--battery", "pack-1", "--record", "18"), 3, "no record 18 to export for battery 'pack-1'"),
    "no such battery": (("--battery", "pack-3"), 3, "no record to export for battery 'pack-3'"),
    "a battery without records": (("--battery", "pack-2", "--archive"), 3, "no record to export"),
    "no such log": (("--battery", "pack-1", "--log", "00" * 16), 3, "no record to export"),
    "no log at all": (("--battery", "pack-1", "--log", "pack"), 2, "--log pack: expected 32 hexadecimal digits"),
    "a record of an archive": (("--battery", "pack-1", "--archive", "--record", "1"), 2, "leave out --record"),
}


@pytest.mark.parametrize(("arguments", "code", "words"), NOTHING.values(), ids=NOTHING)
def test_what_cannot_be_exported_is_said(
    stopped: Stopped, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = packseal("export", stopped.settings, *arguments, "--out", tmp_path / "out")
    assert done.code == code
    assert words in done.err
    assert not (tmp_path / "out").exists()


def test_a_service_that_received_nothing_has_nothing(stopped: Stopped, tmp_path: Path) -> None:
    shutil.copy(stopped.settings, tmp_path)
    done = packseal("export", tmp_path / "passport.toml", "--battery", "pack-1")
    assert (done.code, "has this service received anything yet?" in done.err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["passport.toml"]


@pytest.mark.parametrize("kind", [["--archive"], ["--record", "3"], ["--cose-receipt"]])
def test_what_no_service_has_published_is_published_by_the_export(
    stopped: Stopped, tmp_path: Path, kind: list[str]
) -> None:
    """A service that was killed in the second before."""
    for name in ("passport.toml", "passport.db", "service.key"):
        shutil.copy(stopped.folder / name, tmp_path)
    done = packseal("export", tmp_path / "passport.toml", "--battery", "pack-1", *kind, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    verdict = packseal("verify", done.out.strip(), "--policy", tmp_path / "out" / "policy.toml")
    assert verdict.code == 0, verdict.err
    assert (tmp_path / "passport-log" / "checkpoint").is_file()


def test_a_cose_receipt_that_cannot_be_written_is_said(stopped: Stopped, tmp_path: Path) -> None:
    (tmp_path / f"record-{SOH}.receipt.cose").mkdir()
    done = packseal("export", stopped.settings, "--battery", "pack-1", "--cose-receipt", "--out", tmp_path)
    assert (done.code, f"record-{SOH}.receipt.cose: cannot be written: Is a directory" in done.err) == (2, True)


class BusyMaker(BundleMaker):
    """Each time it is asked for a bundle, a delivery arrives behind it."""

    def __init__(self, desk: Desk, board: Board) -> None:
        super().__init__(desk.store, desk.tiles, SERVICE_PUBLIC_KEY, desk.publisher.publish_now)
        self._desk, self._board = desk, board

    def bundle(self, log_id: bytes, seq: int) -> Made | None:
        made = super().bundle(log_id, seq)
        size = self._board.size
        self._board.windows(1)
        self._desk.receipt(self._board.delivery(size).to_bytes())
        return made


def test_an_archive_exported_while_deliveries_arrive_is_whole(tmp_path: Path) -> None:
    desk, board = filled_desk(tmp_path)
    size = board.size
    done = exported_archive(desk.store, BusyMaker(desk, board), desk.policy(), Wanted("pack-1"), tmp_path / "out")
    verified = packseal("verify", done.path, "--policy", done.policy)
    assert (verified.code, f"{size} records" in verified.out) == (0, True), verified.err + verified.out
    desk.store.close()

"""Evidence in files, by the commands: exported from a stopped service, verified, shown in part, proven in bounds."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from packseal.apps.bundles import BundleMaker, Made
from packseal.apps.export import Wanted, exported_archive, load_policy
from packseal.errors import Reason
from packseal.records.acts import Authority, Role
from packseal.records.answer import ReceiptAnswer, decode_answer
from packseal.records.archive import read_items
from packseal.records.blinding import record_seed
from packseal.records.bundle import MAX_BUNDLE_BYTES, Bundle
from packseal.records.cbor import encode
from packseal.records.checkpoint import receipt_leaf_entry, verify_receipt
from packseal.records.columns import encode_column
from packseal.records.cose_receipt import decode_inclusion_receipt, verify_inclusion_receipt
from packseal.records.merkle import leaf_hash
from packseal.records.note import unverified_log_checkpoint
from packseal.records.verify import verify_bundle
from tests.apps.command import packseal
from tests.passport.attested import GATEWAY, word_of
from tests.passport.authorities import INTEGRATOR, bind, open_settings
from tests.passport.board import Board, a_window, running_board
from tests.passport.desk import ORIGIN, SERVICE_KEY, SERVICE_PUBLIC_KEY, Desk

FIRST = 13  # records of the first delivery; behind it TIME, a window, a state of health, a window, a type unknown
SOH, WINDOW, LATER = 15, 14, 17
SOH_CPCT = 9_120


@dataclass(frozen=True)
class Stopped:
    """The files of a service that was stopped, and what a person exported from them."""

    folder: Path
    board: Board

    @property
    def settings(self) -> Path:
        return self.folder / "passport.toml"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def archive(self) -> Path:
        return self.out / f"{self.board.log_id.hex()[:16]}.archive"

    def bundle(self, seq: int) -> Path:
        return self.out / f"record-{seq}.bundle"

    @property
    def policy(self) -> Path:
        return self.out / "policy.toml"


SETTINGS = f"""\
broker = "mqtt://localhost"
store = "passport.db"
key = "service.key"
origin = "{ORIGIN}"

[[authority]]
public_key = "{INTEGRATOR.key.public_key.hex()}"
role = "integrator"

[[authority]]
public_key = "{GATEWAY.key.public_key.hex()}"
role = "gateway"

[[battery]]
id = "pack-1"
name = "A pack"
category = "SBESS"

[[battery]]
id = "pack-2"
name = "Another pack"
category = "SBESS"
"""


def filled_desk(folder: Path) -> tuple[Desk, Board]:
    """Bound by an integrator, with a gateway's word, and a time that a receipt proves."""
    settings = open_settings()
    settings = replace(settings, authorities=(*settings.authorities, Authority(GATEWAY.key, Role.GATEWAY)))
    desk, board = Desk(folder, settings), running_board()
    bind(desk, board)
    first = desk.service.receive("packseal/site/pack-1/rec", board.delivery().to_bytes())
    board.time(_receipt_in(first), desk.now_unix_ms)
    desk.now_unix_ms += 3_600_000
    board.windows(1)
    board.state_of_health(SOH_CPCT)
    board.windows(1)
    board.append(31, {1: "from a later version"})
    desk.receipt(replace(board.delivery(FIRST), attestation=word_of(board)).to_bytes())
    return desk, board


def _receipt_in(answer: bytes) -> bytes:
    found = decode_answer(answer)
    assert isinstance(found, ReceiptAnswer)
    return found.receipt


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    folder = tmp_path_factory.mktemp("service")
    desk, board = filled_desk(folder)
    desk.publisher.stop()
    desk.store.close()
    (folder / "service.key").write_bytes(bytes(SERVICE_KEY))
    (folder / "service.key").chmod(0o600)
    (folder / "passport.toml").write_text(SETTINGS)
    made = Stopped(folder, board)
    export = ("export", made.settings, "--battery", "pack-1", "--out", made.out)
    assert packseal(*export, "--cose-receipt").out == f"{made.bundle(SOH)}\n", "the newest state of health"
    assert packseal(*export, "--record", "14").out == f"{made.bundle(WINDOW)}\n"
    done = packseal(*export, "--archive")
    assert (done.code, done.out) == (0, f"{made.archive}\n")
    assert done.err == f"packseal: {made.policy} was there already and is left as it is\n"
    return made


# ---- export


def test_what_was_exported_is_all_there_is(stopped: Stopped) -> None:
    names = {path.name for path in stopped.out.iterdir()}
    assert names == {
        "record-15.bundle", "record-15.receipt.cose", "record-14.bundle", stopped.archive.name, "policy.toml",
    }  # fmt: skip


def test_the_policy_is_what_the_service_trusts(stopped: Stopped) -> None:
    policy = load_policy(stopped.policy)
    assert (policy.logs, policy.services) == ({}, {SERVICE_PUBLIC_KEY: ORIGIN})
    assert {one.role for one in policy.keys} == {Role.INTEGRATOR, Role.GATEWAY}


@pytest.mark.parametrize("seq", range(18))
def test_every_record_can_be_exported(stopped: Stopped, tmp_path: Path, seq: int) -> None:
    done = packseal("export", stopped.settings, "--battery", "pack-1", "--record", str(seq), "--out", tmp_path)
    assert (done.code, done.err) == (0, "")
    content = (tmp_path / f"record-{seq}.bundle").read_bytes()
    assert len(content) <= MAX_BUNDLE_BYTES
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


# ---- verify


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
    "not_proven",
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


# ---- disclose and prove


def hidden_of_soh(board: Board) -> list[bytes]:
    """Whatever would give the value away: the number, its estimate, the seed that all salts come from."""
    capacity = board.entries[SOH]
    assert encode([SOH_CPCT, 50]) in capacity
    return [encode(SOH_CPCT), encode(60_000 * SOH_CPCT // 10_000), record_seed(board.seed, SOH), board.seed]


def test_a_bound_is_proven_and_the_value_hidden(stopped: Stopped, tmp_path: Path) -> None:
    bounds = ("--at-least", "soh_capacity_cpct=8000", "--at-most", "soh_capacity_cpct=9500")
    out = tmp_path / "bound.bundle"
    done = packseal("prove", stopped.bundle(SOH), *bounds, "--out", out)
    assert (done.code, done.out) == (0, f"{out}\n")
    content = out.read_bytes()
    original = stopped.bundle(SOH).read_bytes()
    for secret in hidden_of_soh(stopped.board)[:3]:
        assert secret in original
    for secret in hidden_of_soh(stopped.board):
        assert secret not in content
    done = packseal("verify", out, "--policy", stopped.policy, "--battery", "pack-1")
    assert done.code == 0
    assert "state of health at least 80 %" in done.out
    assert "state of health at most 95 %" in done.out
    assert "the other values of this record: they are hidden" in done.out
    assert "91.2" not in done.out
    record = packseal("verify", out, "--policy", stopped.policy, "--json").json["record"]
    assert (record["at_least_soh_capacity_cpct"], record["at_most_soh_capacity_cpct"]) == (8000, 9500)
    assert (record["values"], record["is_disclosure"]) == ({}, True)


def test_some_values_are_shown_and_no_others(stopped: Stopped) -> None:
    done = packseal("disclose", stopped.bundle(WINDOW), "--fields", "soc_cpct,pack_voltage_mv", "--cells", "0,3")
    out = stopped.out / "record-14.shown.bundle"
    assert (done.code, done.out) == (0, f"{out}\n")
    content = out.read_bytes()
    out.unlink()
    window, original = a_window(WINDOW), stopped.bundle(WINDOW).read_bytes()
    current = window.pack_current_ma
    assert current is not None
    secrets = [
        encode_column(window.cell_mv),
        encode_column((current.mean, current.minimum, current.maximum)),
        encode_column(window.temperature_ddegc),
        encode(list(window.counters or ())),
        record_seed(stopped.board.seed, WINDOW),
    ]
    for secret in secrets:
        assert secret in original
        assert secret not in content
    trusted = verify_bundle(content, load_policy(stopped.policy))
    assert trusted.shown is not None
    assert dict(trusted.shown.cells) == {0: window.cell_mv[0], 3: window.cell_mv[3]}
    assert dict(trusted.shown.fields) == {"soc_cpct": window.soc_cpct, "pack_voltage_mv": window.pack_voltage_mv}


SHOWING: dict[str, tuple[int, tuple[str, ...], int, str]] = {
    "an unknown field": (WINDOW, ("disclose", "--fields", "soh"), 2, "--fields soh: this record can show duration_ms,"),
    "a field of another kind": (SOH, ("disclose", "--fields", "soc_cpct"), 2, "this record can show method,"),
    "a field it does not have": (WINDOW, ("disclose", "--fields", "slots_missed"), 1, "bad-disclosure"),
    "a block it does not have": (WINDOW, ("disclose", "--cells", "4"), 1, "the cell blocks of this record are 0 to 3"),
    "no block": (WINDOW, ("disclose", "--cells", "-1"), 2, "--cells -1: expected the number of a cell block"),
    "a bound above it": (SOH, ("prove", "--at-least", "soh_capacity_cpct=9150"), 1, "does not keep the bound 9150"),
    "a bound below it": (SOH, ("prove", "--at-most", "soh_capacity_cpct=9100"), 1, "does not keep the bound 9100"),
    "no bound": (SOH, ("prove", "--at-least", "soh_capacity_cpct=8001"), 1, "take a multiple of 50"),
    "a bound of nothing": (SOH, ("prove", "--at-least", "soh=80"), 2, "expected soh_capacity_cpct=NUMBER"),
    "nothing to prove": (SOH, ("prove",), 2, "nothing to prove"),
    "a bound of a window": (WINDOW, ("prove", "--at-least", "soh_capacity_cpct=50"), 1, "bad-threshold"),
}


@pytest.mark.parametrize(("seq", "words", "code", "says"), SHOWING.values(), ids=SHOWING)
def test_what_cannot_be_shown_is_said_and_nothing_written(
    stopped: Stopped, tmp_path: Path, seq: int, words: tuple[str, ...], code: int, says: str
) -> None:
    done = packseal(words[0], stopped.bundle(seq), *words[1:], "--out", tmp_path / "shown.bundle")
    assert (done.code, says in done.err) == (code, True), done.err
    assert not list(tmp_path.iterdir())


def test_what_is_hidden_cannot_be_shown_again(stopped: Stopped, tmp_path: Path) -> None:
    packseal("disclose", stopped.bundle(SOH), "--fields", "method", "--out", tmp_path / "less.bundle")
    done = packseal("disclose", tmp_path / "less.bundle", "--fields", "soh_capacity_cpct")
    assert (done.code, "the record in this bundle is not open" in done.err) == (2, True)


def test_a_boot_record_has_nothing_to_hide(stopped: Stopped, tmp_path: Path) -> None:
    packseal("export", stopped.settings, "--battery", "pack-1", "--record", "1", "--out", tmp_path)
    done = packseal("disclose", tmp_path / "record-1.bundle", "--fields", "source")
    assert (done.code, "is not open" in done.err) == (2, True)

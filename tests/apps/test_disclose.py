"""Bundles that show some values, or a bound, and nothing else: by the commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from packseal.apps.export import load_policy
from packseal.records.blinding import record_seed
from packseal.records.cbor import encode
from packseal.records.columns import encode_column
from packseal.records.verify import verify_bundle
from tests.apps.command import packseal
from tests.apps.exported import SOH, SOH_CPCT, WINDOW, Stopped
from tests.passport.board import Board, a_window
from tests.records.corpus import POLICIES, good


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


def test_values_of_an_estimate_are_shown_by_name(tmp_path: Path) -> None:
    case = good("an estimate")
    whole, policy, out = tmp_path / "whole.bundle", tmp_path / "policy.json", tmp_path / "shown.bundle"
    whole.write_bytes(bytes.fromhex(case["bundle"]))
    policy.write_text(json.dumps(POLICIES[case["policy"]].to_json()))
    assert packseal("disclose", whole, "--fields", "quantity,value,method", "--out", out).code == 0
    assert encode([4210, 55]) in out.read_bytes()
    assert encode([3000, 8200]) not in out.read_bytes(), "its span of charge"
    done = packseal("verify", out, "--policy", policy, "--battery", "estimated-pack")
    assert "quantity = 3 (usable energy)" in done.out
    assert "value = 4210 ± 108" in done.out
    record = packseal("verify", out, "--policy", policy, "--json").json["record"]
    assert (record["type"], record["is_disclosure"]) == ("ESTIMATE", True)
    assert record["values"] == {"quantity": 3, "method": 4, "value": {"value": 4210, "uncertainty": 55}}
    done = packseal("prove", whole, "--at-least", "soh_capacity_cpct=50")
    assert (done.code, "only a state of health has bounds" in done.err) == (1, True)
    done = packseal("disclose", whole, "--fields", "lacking", "--out", tmp_path / "none.bundle")
    assert (done.code, "record 5 has no such value" in done.err) == (1, True)


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

"""The vectors of this repository, read by the firmware's own code on each interpreter.

They are the contract between board and gateway: tests/records/test_vectors.py has the gateway read the same files.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from packseal.io.link import FrameReader
from packseal.records.bodies import Window
from packseal.records.entries import decode_entry
from tests.firmware.conftest import Interpreter

pytestmark = pytest.mark.on_32_bits

Ask = Callable[..., Any]
VECTORS = Path(__file__).resolve().parents[1] / "vectors"
SCRIPT = Path(__file__).parent / "board_tests" / "vectors.py"


def vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text())


LOG, ESTIMATES = vectors("log.json"), vectors("estimates.json")


@pytest.fixture
def ask(interpreter: Interpreter) -> Ask:
    def answers(file_name: str, question: str, given: object = None) -> Any:
        given_bytes = json.dumps(given).encode()
        return json.loads(interpreter.run(SCRIPT, VECTORS / file_name, question, input_bytes=given_bytes))

    return answers


def test_cbor(ask: Ask) -> None:
    cases = vectors("cbor.json")
    assert ask("cbor.json", "cbor") == {**cases, "refused": dict.fromkeys(cases["refused"], "refused")}


def test_columns(ask: Ask) -> None:
    assert ask("columns.json", "columns") == [row["column"] for row in vectors("columns.json")]


@pytest.mark.parametrize(("file_name", "log"), [("log.json", LOG), ("estimates.json", ESTIMATES)])
def test_leaf_root_and_edge_after_every_entry(ask: Ask, file_name: str, log: Any) -> None:
    expected = [{name: step[name] for name in ("blinded", "leaf", "root", "edge")} for step in log["steps"]]
    assert len([step for step in expected if step["blinded"]]) >= 7
    assert ask(file_name, "tree") == expected


@pytest.mark.parametrize(("file_name", "log"), [("log.json", LOG), ("estimates.json", ESTIMATES)])
def test_seeds_and_salts_of_blinded_entries(ask: Ask, file_name: str, log: Any) -> None:
    expected = [
        [case["record_seed"], case["salts"], case.get("cells", {"salts": []})["salts"]] for case in log["blinding"]
    ]
    assert any(cells for _, _, cells in expected) == (log is LOG)
    assert ask(file_name, "salts") == expected


def test_entries_are_made_again_from_what_they_say(ask: Ask) -> None:
    """WINDOW from samples, KEY with the new key's signature. SOH, which takes a cycle of samples, and what no board
    writes are only encoded again."""
    bodies = [decode_entry(bytes.fromhex(step["entry"])).body for step in LOG["steps"]]
    windows = {seq: body for seq, body in enumerate(bodies) if isinstance(body, Window) and body.cell_mv}
    assert len(windows) == 5
    columns = {seq: [body.cell_mv, body.temperature_ddegc] for seq, body in windows.items()}
    assert ask("log.json", "entries", columns) == [step["entry"] for step in LOG["steps"]]


def test_estimates_are_made_again_from_what_they_say(ask: Ask) -> None:
    """By estimate_body, also what is lacking, in whatever order; a field of a later version no board writes."""
    entries = [step["entry"] for step in ESTIMATES["steps"]]
    columns = {
        seq: [body.cell_mv, body.temperature_ddegc]
        for seq, body in enumerate(decode_entry(bytes.fromhex(entry)).body for entry in entries)
        if isinstance(body, Window)
    }
    assert ask("estimates.json", "entries", columns)[:-1] == entries[:-1]


def test_checkpoints_are_signed_to_the_same_bytes(ask: Ask) -> None:
    """By the log's first key and, beyond the change of key, by the next one."""
    assert {case["key"] for case in LOG["checkpoints"]} == {"board", "board after rotation"}
    assert ask("log.json", "checkpoints") == [case["checkpoint"] for case in LOG["checkpoints"]]


def test_receipt_verifies_and_with_any_byte_changed_does_not(ask: Ask) -> None:
    verdicts = ask("log.json", "receipt")
    assert verdicts["good"] == [len(LOG["steps"]), LOG["steps"][-1]["root"]]
    assert verdicts["others"] == ["refused", "refused"]
    assert verdicts["changed"] == ["refused"] * (len(LOG["receipt"]) // 2)


def test_frames_both_ways(ask: Ask) -> None:
    """Stuffing has more than one form for some contents: each side must read the other's, not write the same."""
    for case, answer in zip(vectors("link.json"), ask("link.json", "link"), strict=True):
        frames = [[case["kind"], case["body"]]]
        assert answer["fed"] == [[frames, 0], [frames, 0], [frames, 1]], case["name"]
        found = FrameReader().feed(bytes.fromhex(answer["frame"]))
        assert [[frame.kind, frame.body.hex()] for frame in found] == frames, case["name"]

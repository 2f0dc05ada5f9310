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
from packseal.records.columns import decode_column
from packseal.records.entries import Window, decode_entry, decode_window
from tests.firmware.conftest import Interpreter

Ask = Callable[..., Any]
VECTORS = Path(__file__).resolve().parents[1] / "vectors"
SCRIPT = Path(__file__).parent / "board_tests" / "vectors.py"


def vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text())


LOG = vectors("log.json")


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


def test_leaf_root_and_edge_after_every_entry(ask: Ask) -> None:
    expected = [{name: step[name] for name in ("leaf", "root", "edge")} for step in LOG["steps"]]
    assert ask("log.json", "tree") == expected

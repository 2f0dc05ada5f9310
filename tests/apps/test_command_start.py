"""What a command loads before it does its work: nobody waits for libraries that it does not use."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.line.rig import PACKSEAL

LARGE = frozenset({"numpy", "can", "cryptography", "aas_core3_1", "starlette", "fastapi", "uvicorn", "lxml", "pygal"})
OURANOS = """[ouranos]
version = 1
auth_url = "http://127.0.0.1:9"
data_url = "http://127.0.0.1:9"
account = "somebody"
password_file = "password.secret"
api_key_file = "key.secret"
"""


def loaded_by(*arguments: str | Path) -> set[str]:
    """The modules, as the interpreter lists them."""
    command = [sys.executable, "-X", "importtime", PACKSEAL, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    found = set(re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE))
    assert "packseal.cli" in found
    return found


def test_help_loads_neither_settings_nor_evidence() -> None:
    assert loaded_by("--help") & {*LARGE, "pydantic", "nacl", "packseal.records.verify"} == set()


@pytest.mark.parametrize("command", [("config", "check"), ("status",), ("exchange", "sent")], ids=" ".join)
def test_settings_are_read_without_large_libraries(command: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / ("ouranos.toml" if command[0] == "exchange" else "gateway.toml")
    file.write_text(OURANOS if command[0] == "exchange" else 'site = "plant-1"\n')
    assert loaded_by(*command, file) & LARGE == set()


def test_who_hears_a_bus_loads_what_reads_it(tmp_path: Path) -> None:
    """Else the others would show nothing."""
    file = tmp_path / "gateway.toml"
    file.write_text('[[can]]\nbattery = "b"\ninterface = "socketcan"\nchannel = "can0"\nbind = "leaf_ze1"\n')
    assert loaded_by("config", "check", file) >= {"numpy", "can"}

"""DBC files of anybody: the process that reads them is stopped, and this one only hears why."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.can import pack_dbc

from packseal.errors import DBCError
from packseal.io import limited_dbc
from packseal.io.limited_dbc import CPU_S, check_dbc_limited, load_dbc_limited
from packseal.signals import load_dbc

HEAD = 'VERSION ""\nNS_ :\nBS_:\nBU_: A\n'


def test_it_is_what_the_core_reads() -> None:
    for text in (pack_dbc.classic(), pack_dbc.flexible()):
        limited, core = load_dbc_limited(text.encode()), load_dbc(text.encode())
        assert limited.messages == core.messages
        assert limited.notes == core.notes


def test_every_real_dbc_is_what_the_core_reads(shared: Path) -> None:
    names = ["joshwardell__model3dbc/Model3CAN.dbc", "dalathegreat__leaf_can_bus_messages/EV-can_ZE1.dbc"]
    for name in [*names, "CSS-Electronics__api-examples/dbc_files/CSS-Electronics-SAE-J1939-DEMO.dbc"]:
        content = next((shared / "data/can").rglob(Path(name).name)).read_bytes()
        assert load_dbc_limited(content).messages == load_dbc(content).messages


def test_hostile_files_end_in_a_clear_error(shared: Path) -> None:
    for path in sorted((shared / "vectors/hostile").glob("*.dbc")):
        if path.name == "dbc-overlap-strict.dbc":  # loads: each signal is read by itself
            assert "shares bits" in check_dbc_limited(path.read_bytes())[0].problem
            continue
        with pytest.raises(DBCError, match=r"^line \d+: .*; |^line \d+: .* must "):
            load_dbc_limited(path.read_bytes())


def many_messages(count: int) -> str:
    return HEAD + "".join(f'BO_ {i} M{i}: 8 A\n SG_ S : 0|8@1+ (1,0) [0|0] "" A\n\n' for i in range(count))


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "(" * 500_000,
        "\x00" * 1_000_000,
        HEAD + 'CM_ "' + "x" * 3_000_000,
        HEAD + "SG_MUL_VAL_ " * 300_000,
        many_messages(2000).replace("BO_ 7 ", "BO_ 6 "),
    ],
    ids=["brackets", "nothing", "open comment", "ranges", "twice"],
)
def test_files_made_to_hurt_end_in_an_error(text: str) -> None:
    with pytest.raises(DBCError, match=r"; |expected|correct"):
        load_dbc_limited(text.encode())


def test_half_a_million_values_of_no_signal_are_passed_over() -> None:
    decoder = load_dbc_limited((pack_dbc.classic() + "VAL_ 1 S " + '1 "x" ' * 500_000 + ";\n").encode())
    assert decoder.messages == load_dbc(pack_dbc.classic().encode()).messages
    assert "passed over" in decoder.notes[0]


@pytest.mark.parametrize(
    "hurt",
    [
        "while True: pass",
        "hoard = []\nwhile True: hoard.append(bytearray(1 << 20))",
        "def fall(): fall()\nfall()",
        "import os; os._exit(3)",
    ],
    ids=["for ever", "memory", "recursion", "death"],
)
def test_limits_hold_whatever_a_parser_does(hurt: str, tmp_path: Path) -> None:
    """A parser that misbehaves, under the limits as a file's process sets them."""
    program = (
        "import sys\nfrom packseal.io import limited_dbc\nimport packseal.signals.database as database\n"
        f"def read_dbc(text):\n    {hurt.replace(chr(10), chr(10) + '    ')}\n"
        "database.read_dbc = read_dbc\nlimited_dbc._main()\n"
    )
    script = tmp_path / "hurt.py"
    script.write_text(program)
    done = subprocess.run(
        [sys.executable, str(script), "load"], input=b"VERSION", capture_output=True, timeout=60, check=False
    )
    assert done.returncode != 0 or "cannot be read" in json.loads(done.stdout)["error"]


def test_a_process_that_is_stopped_is_an_error_with_its_cure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "slow"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "parser.py").write_text("from packseal.io.limited_dbc import _limit\n_limit()\nwhile True: pass\n")
    monkeypatch.setattr(limited_dbc, "_MODULE", "slow.parser")
    monkeypatch.setattr(limited_dbc, "_PACKAGES", f"{limited_dbc._PACKAGES}:{tmp_path}")
    with pytest.raises(DBCError, match=f"more than {CPU_S} s or 256 MB to read; take out messages"):
        load_dbc_limited(b"VERSION")
    (finding,) = check_dbc_limited(b"VERSION")
    assert (finding.severity, finding.line) == ("error", 0)


def test_too_large_a_file_starts_no_process() -> None:
    with pytest.raises(DBCError, match="at most 4194304 are read"):
        load_dbc_limited(b" " * (5 << 20))

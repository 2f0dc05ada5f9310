"""`packseal dbc check|show|bind`: words, exit codes, files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.can import pack_dbc
from click.testing import CliRunner, Result

from packseal.cli.root import main
from packseal.signals import parse_binding

BAD = 'VERSION ""\nNS_ :\nBS_:\nBU_: A\nBO_ 1 M: 8 A\n SG_ S : 0|8@1+ (0,0) [0|0] "" A\n'


def run(*arguments: str | Path) -> Result:
    import packseal.cli  # noqa: F401, PLC0415 - the commands register themselves

    return CliRunner().invoke(main, ["dbc", *map(str, arguments)])


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "My pack.dbc"
    path.write_text(pack_dbc.classic())
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.dbc"
    path.write_text(BAD)
    return path


def test_check(good: Path, bad: Path) -> None:
    done = run("check", good)
    assert (done.exit_code, done.output) == (0, f"{good}: can be used; nothing odd\n")
    done = run("check", good, bad)
    assert done.exit_code == 1
    assert f"{bad}:6: error: signal M.S has factor 0 and offset 0; the factor must not be 0" in done.output
    assert f"{bad}: cannot be used; 1 error" in done.output
    said = json.loads(run("check", "--json", bad).output)
    assert said[0]["is_usable"] is False
    assert said[0]["findings"][0].keys() == {"line", "severity", "problem", "cure"}


def test_check_is_strict_where_it_is_asked_to(tmp_path: Path) -> None:
    odd = tmp_path / "odd.dbc"
    odd.write_text(BAD.replace("(0,0) [0|0]", "(1,0) [9|0]"))
    assert run("check", odd).exit_code == 0
    assert run("check", "--strict", odd).exit_code == 1


def test_show(good: Path) -> None:
    lines = run("show", good).output.splitlines()
    assert lines[0].split() == ["0x100", "PackStatus", "8", "bytes", "8", "signals"]
    assert len(lines) == 8
    for wanted in ("CellVoltages", "0x110", "272"):
        said = run("show", good, wanted).output
        assert "Cell_95" in said
        assert "8|13 little endian unsigned" in said
        assert "when CellGroup is 23" in said
    lines = run("show", good, "PackVoltage").output.splitlines()
    assert [line.split()[0] for line in lines] == ["0x100", "PackVoltage"]
    done = run("show", good, "PakVoltage")
    assert done.exit_code == 2
    assert "has no message, identifier or signal PakVoltage; did you mean PackVoltage?" in done.output


def test_bind(good: Path, bad: Path, tmp_path: Path) -> None:
    output = tmp_path / "pack.toml"
    assert run("bind", good, "-o", output).exit_code == 0
    binding = parse_binding(output.read_text())
    assert (binding.name, binding.dbc, binding.cell_blocks) == ("my_pack", "My pack.dbc", 96)
    assert run("bind", good).output == output.read_text()
    output.write_text("corrected by hand")
    done = run("bind", good, "-o", output)
    assert (done.exit_code, output.read_text()) == (2, "corrected by hand")
    assert "is there already" in done.output
    done = run("bind", bad)
    assert done.exit_code == 2
    assert "bad.dbc: line 6: signal M.S has factor 0" in done.output

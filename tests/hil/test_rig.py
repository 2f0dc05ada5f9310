"""rig.toml: what is taken, and how a mistake is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from packseal.errors import ConfigError
from packseal_hil.rig import (
    DEFAULT_PATIENCE_S,
    ManualTable,
    NgiN83624Table,
    PythonCanTable,
    Rig,
    RigolDP800Table,
    load_rig,
)

IN_THE_TREE = Path(__file__).parents[2] / "hil" / "rig.toml"
SUPPLY = (
    '[power]\ndriver = "scpi-rigol-dp800"\naddress = "192.168.0.50:5555"\nvoltage_mv = 12000\ncurrent_limit_ma = 1000\n'
)
CONSOLE = '[console]\ndriver = "serial"\nport = "/dev/ttyUSB0"\n'
CELLS = '[cell_simulator]\ndriver = "scpi-ngi-n83624"\naddress = "192.168.0.123:7000"\ncell_blocks = 16\n'
BUS = '[[can]]\nname = "pack"\ndriver = "python-can"\ninterface = "socketcan"\nchannel = "can0"\n'
TWO_BUSES = BUS + BUS.replace('"pack"', '"other"')


def loaded(folder: Path, text: str) -> Rig:
    path = folder / "rig.toml"
    path.write_text(text)
    return load_rig(path)


def test_the_rig_in_the_tree_is_the_bench_without_anything_plugged_in() -> None:
    rig = load_rig(IN_THE_TREE)
    tables = (rig.power, *rig.can, rig.cell_simulator, rig.temperature)
    assert [table.driver for table in tables if table] == ["simulated"] * 4
    assert (rig.console, rig.flash, rig.board) == (None, None, None)


def test_every_commented_table_in_the_tree_is_taken(tmp_path: Path) -> None:
    """Each is uncommented alone, in the place of the simulated one."""
    header, count, block = "", 0, ""
    for line in [*IN_THE_TREE.read_text().splitlines(), "#"]:
        match = re.fullmatch(r"# (?P<header>\[+\w+\]+) .*|# (?P<pair>\w+ = .*)", line)
        if match and match["pair"]:
            block += f"{match['pair']}\n"
            continue
        if block:
            name = 'name = "pack"\n' if "can" in header and "[[" in header else ""
            bus = BUS if "can-bms" in block else ""
            loaded(tmp_path, f"{header}\n{name}{block}{bus}")
            count, block = count + 1, ""
        header = match["header"] if match else line if line.startswith("[") else header
    assert count == 11


def test_an_empty_file_is_a_bench_that_has_nothing(tmp_path: Path) -> None:
    assert loaded(tmp_path, "") == Rig()


def test_tables_become_settings(tmp_path: Path) -> None:
    rig = loaded(tmp_path, SUPPLY + CELLS + TWO_BUSES)
    assert rig.power == RigolDP800Table(
        driver="scpi-rigol-dp800", address="192.168.0.50:5555", voltage_mv=12_000, current_limit_ma=1_000
    )
    assert isinstance(rig.cell_simulator, NgiN83624Table)
    assert [(can.name, can.channel) for can in rig.can if isinstance(can, PythonCanTable)] == [
        ("pack", "can0"),
        ("other", "can0"),
    ]


def test_a_path_is_relative_to_the_file(tmp_path: Path) -> None:
    rig = loaded(tmp_path, '[flash]\ndriver = "image"\npath = "read/flash.bin"\n')
    assert rig.flash
    assert getattr(rig.flash, "path", None) == tmp_path / "read" / "flash.bin"


def test_a_person_has_time_to_walk(tmp_path: Path) -> None:
    assert loaded(tmp_path, '[power]\ndriver = "manual"\n').power == ManualTable(
        driver="manual", patience_s=DEFAULT_PATIENCE_S
    )


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('nam = "x"\n', 1, "unknown key 'nam'; did you mean 'name'?"),
        (
            '\n[power]\ndriver = "simulatd"\n',
            2,
            'power: expected driver = one of "simulated", "manual", "scpi-rigol-dp800"',
        ),
        ("[power]\npatience_s = 3\n", 1, "power: expected driver = one of"),
        ('[power]\ndriver = ["simulated"]\n', 1, "power: expected driver = one of"),
        ("power = 3\n", 1, "power: expected driver = one of"),
        (f"{SUPPLY}adress = 3\n", 1, "scpi-rigol-dp800: unknown key 'adress'; did you mean 'address'?"),
        ('[power]\ndriver = "simulated"\nvoltage_mv = 3\n', 1, "simulated: unknown key 'voltage_mv'; it has driver"),
        (SUPPLY.replace("voltage_mv = 12000\n", ""), 1, "the key 'voltage_mv' is missing"),
        (SUPPLY.replace("12000", "12.5"), 4, "voltage_mv: "),
        (SUPPLY.replace("12000", "0"), 4, "voltage_mv: Input should be greater than 0"),
        (SUPPLY.replace(":5555", ""), 3, "address: expected host:port with a port from 1 to 65535"),
        (CELLS.replace("= 16", "= 25"), 4, "cell_blocks: Input should be less than or equal to 24"),
        (f"{CELLS}first_channel = 10\n", 1, "cell_blocks: 16 from channel 10 on; there are 24"),
        ('[can]\nname = "x"\n', 1, "can: expected tables that begin with [[can]]"),
        (BUS + BUS, 1, "two [[can]] tables have the same name"),
        (f"{BUS}{TWO_BUSES}".replace('"pack"', '"one"', 1) + "bitrate = 3\n", 16, "bitrate: Input should be greater"),
        (BUS.replace('channel = "can0"\n', ""), 1, "the key 'channel' is missing; interface 'socketcan' has no"),
        ('[cell_simulator]\ndriver = "can-bms"\nbus = "b"\ncell_blocks = 4\n', 1, "no [[can]] with the name 'b'"),
        (f'{CONSOLE}[board]\nkind = "rp2"\nconsole_port = "/dev/ttyUSB0"\n', 1, "a serial port stands twice"),
        ('[board]\nkind = "avr"\n', 2, "kind: Input should be 'stm32', 'rp2' or 'esp32'"),
        ('[power]\ndriver = "manual"\npatience_s = 0\n', 3, "patience_s: Input should be greater than or equal to 1"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_key(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{tmp_path / 'rig.toml'}:{line}: ")) as refused:
        loaded(tmp_path, text)
    assert words in str(refused.value)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, SUPPLY.replace("12000", "0") + CELLS.replace("= 16", "= 0"))
    assert [text.split(": ")[1] for text in str(refused.value).splitlines()] == ["voltage_mv", "cell_blocks"]

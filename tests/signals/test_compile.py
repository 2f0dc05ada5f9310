"""Compiling for a board: numbered quantities, what is refused and how, and the command."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from packseal.apps.window_records import record_window
from packseal.cli import main
from packseal.errors import BindingError
from packseal.frames import read_log
from packseal.signals import apply_binding, load_dbc, parse_binding, resolve, windows
from packseal.signals.compile import BoardTable, compile_table

HEAD = 'VERSION ""\nNS_ :\nBS_:\nBU_: A\n'
BINDING = """
format = 1
name = "bench"
battery = "Bench pack"
dbc = "bench.dbc"
[quantities.pack_voltage_mv]
signal = "M.V"
factor = 1000
valid = [0, 100000]
"""
CELLS = """
[numbered.cell_voltage_mv]
signals = ["Cell_{1..4}"]
factor = 1
valid = [500, 5000]
"""
VOLTAGE = ' SG_ V : 0|8@1+ (1,0) [0|0] "V" A\n'
FOUR_CELLS = "BO_ 2 C: 8 A\n" + "".join(
    f' SG_ Cell_{number} : {16 * number - 16}|16@1+ (1,0) [0|0] "mV" A\n' for number in range(1, 5)
)


def compiled(binding: str, signals: str = VOLTAGE, more: str = "") -> BoardTable:
    return compile_table(parse_binding(binding), load_dbc(f"{HEAD}BO_ 1 M: 8 A\n{signals}{more}".encode()))


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ('["A", "B"]', ["A", "B"]),
        ('["Cell_{1..3}"]', ["Cell_1", "Cell_2", "Cell_3"]),
        ('["Cell_{08..11}_mV"]', ["Cell_08_mV", "Cell_09_mV", "Cell_10_mV", "Cell_11_mV"]),
        ('["M{0..1}.V{0..1}", "X"]', ["M0.V0", "M0.V1", "M1.V0", "M1.V1", "X"]),
        ('["A_{7..7}"]', ["A_7"]),
    ],
)
def test_names_are_written_out(patterns: str, names: list[str]) -> None:
    binding = parse_binding(BINDING + CELLS.replace('["Cell_{1..4}"]', patterns))
    assert list(binding.numbered["cell_voltage_mv"].names) == names
    assert [bound.signal for bound in binding.every.values()] == ["M.V", *names]
    assert list(binding.every)[1] == "cell_voltage_mv[0]"


WRONG_NUMBERED = [
    ('["Cell_{1..4}"]', "[]", r"numbered.cell_voltage_mv.signals: .*at least 1"),
    ('["Cell_{1..4}"]', '["Cell_{4..1}"]', r"numbered.cell_voltage_mv.signals: 'Cell_\{4..1\}': .*the lower one first"),
    ('["Cell_{1..4}"]', '["Cell_{1..9999}"]', "expected a range of 1 to 128 numbers"),
    ('["Cell_{1..4}"]', '["Cell_{1..}"]', r"'Cell_\{1..\}': a range is written \{1..96\}"),
    ('["Cell_{1..4}"]', '["C{1..100}_{1..2}"]', "expected at most 128 signals, found"),
    ('["Cell_{1..4}"]', '["A", "A"]', "A is there twice"),
    ("cell_voltage_mv", "cel_voltage_mv", r"numbered.cel_voltage_mv: no such quantity; did you mean cell_voltage_mv\?"),
    ("signals =", "signal =", r"numbered.cell_voltage_mv.signal: no such key; did you mean signals\?"),
    ("factor = 1\n", "", "numbered.cell_voltage_mv.factor: missing"),
]


@pytest.mark.parametrize(("old", "new", "expected"), WRONG_NUMBERED)
def test_wrong_numbered_quantities_name_key_and_cause(old: str, new: str, expected: str) -> None:
    with pytest.raises(BindingError, match=expected):
        parse_binding(BINDING + CELLS.replace(old, new))


def test_a_signal_that_is_not_there_names_its_place() -> None:
    decoder = load_dbc(f"{HEAD}BO_ 1 M: 8 A\n{VOLTAGE}".encode())
    with pytest.raises(BindingError, match=r"numbered.cell_voltage_mv.signals: the DBC has no signal Cell_1"):
        resolve(parse_binding(BINDING + CELLS), decoder)


def test_a_log_with_numbered_quantities_is_imported_with_its_cells() -> None:
    decoder = load_dbc(f"{HEAD}BO_ 1 M: 8 A\n{VOLTAGE}{FOUR_CELLS}".encode())
    binding = parse_binding(BINDING + CELLS)
    log = b"(0.1) can0 001#30\n(0.2) can0 002#740E750EFFFF760E\n(0.3) can0 002#760E770EFFFF\n"
    samples = apply_binding(binding, decoder, decoder.decode(read_log(log)[0]))
    assert samples["cell_voltage_mv[1]"].value.tolist() == [3701, 3703]
    (summary,) = windows(samples, 10**10)
    window = record_window(summary)
    assert window.cell_mv == (3701, 3702, None, 3702)
    assert window.temperature_ddegc == ()
    assert window.values_unavailable == 3


def test_what_is_in_a_table_is_said() -> None:
    lines = compiled(BINDING + CELLS, VOLTAGE, FOUR_CELLS).lines()
    assert lines[0] == "pack_voltage_mv: M.V"
    assert lines[1] == "cell_voltage_mv: C.Cell_1 to C.Cell_4, 4 signals"
    assert lines[2] == "4 cell voltages, 0 temperatures, 2 messages: 0x1, 0x2"


def test_what_a_board_has_no_place_for_is_said() -> None:
    binding = BINDING + '[quantities.cell_voltage_min_mv]\nsignal = "V"\nfactor = 1\nvalid = [0, 5000]\n'
    table = compiled(binding)
    assert table.unused == ("cell_voltage_min_mv",)
    assert "cell_voltage_min_mv: not used, a board's sample has no place for it" in table.lines()


MULTIPLEXED = ' SG_ X M : 0|{bits}@1+ (1,0) [0|0] "" A\n SG_ V m{value} : 32|8@1+ (1,0) [0|0] "V" A\n'
FLOAT = VOLTAGE.replace("0|8", "0|32") + 'BA_DEF_ "x" INT 0 1;\nSIG_VALTYPE_ 1 V : 1;\n'

REFUSED = [
    (BINDING, FLOAT, r"pack_voltage_mv: M.V is a float, and boards compute in integers; bind an integer signal"),
    (BINDING.replace("100000]", "2000000000]"), VOLTAGE, r"M.V: valid reaches beyond ±536870911; narrow it"),
    (
        BINDING.replace("[0, 100000]", "[-20, -10]"),
        VOLTAGE,
        r"M.V gives 0 to 255000, never a value in valid \[-20, -10\]",
    ),
    (
        BINDING.replace("factor = 1000", "factor = 0.00123456789012345678"),
        VOLTAGE,
        "M.V: factor and offset together have too many digits for a board; round them",
    ),
    (BINDING, MULTIPLEXED.format(bits=32, value=1), r"M.X: this multiplexer has 32 bits; .*at most 24 bits"),
    (BINDING, MULTIPLEXED.format(bits=4, value=16), r"M.V is in no frame: X never has a value that switches it in"),
    (BINDING.replace("pack_voltage_mv", "cell_voltage_min_mv"), VOLTAGE, "nothing is bound that a board samples"),
    (
        BINDING.replace('dbc = "bench.dbc"', 'dbc = ""\ncell_blocks = 5') + CELLS,
        VOLTAGE + FOUR_CELLS,
        "cell_blocks says 5, numbered.cell_voltage_mv names 4 signals; make them the same",
    ),
    (
        BINDING.replace("factor = 1000", "factor = 0.000001\nnot_available = [8000000000]"),
        VOLTAGE.replace("0|8", "0|64"),
        "a code of not_available is a number beyond 30 bits inside valid; narrow valid",
    ),
]


@pytest.mark.parametrize(("binding", "signals", "expected"), REFUSED)
def test_what_a_board_cannot_do_is_refused_with_a_cure(binding: str, signals: str, expected: str) -> None:
    with pytest.raises(BindingError, match=expected):
        compiled(binding, signals)


def test_too_many_multiplexers() -> None:
    """One more than a board has registers for."""
    chain = ' SG_ X0 M : 0|4@1+ (1,0) [0|0] "" A\n' + "".join(
        f' SG_ X{level} m1M : {4 * level}|4@1+ (1,0) [0|0] "" A\n' for level in range(1, 9)
    )
    ranges = (
        "".join(f"SG_MUL_VAL_ 1 X{level} X{level - 1} 1-1;\n" for level in range(1, 9)) + "SG_MUL_VAL_ 1 V X8 1-1;\n"
    )
    with pytest.raises(BindingError, match="more than 8 multiplexers in one message; bind fewer signals"):
        compiled(BINDING, f'{chain} SG_ V m1 : 48|8@1+ (1,0) [0|0] "V" A\n{ranges}')


def test_the_command(tmp_path: Path) -> None:
    dbc, bind, output = tmp_path / "pack.dbc", tmp_path / "pack.toml", tmp_path / "pack.pst"
    dbc.write_text(f"{HEAD}BO_ 1 M: 8 A\n{VOLTAGE}{FOUR_CELLS}")
    bind.write_text(BINDING + CELLS)
    arguments = ["dbc", "compile", str(dbc), "--bind", str(bind), "-o", str(output)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    content = output.read_bytes()
    assert content == compiled(BINDING + CELLS, VOLTAGE, FOUR_CELLS).content
    assert f"{len(content)} bytes\n" in result.output
    assert hashlib.sha256(content).hexdigest() in result.output
    bind.write_text(BINDING.replace("[0, 100000]", "[-20, -10]"))
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert f"{bind}: pack_voltage_mv: M.V gives" in result.output
    assert output.read_bytes() == content, "a refusal leaves the table that is there"


def test_a_real_dbc_with_pages_of_cells(shared: Path) -> None:
    """foxBMS 2: big endian, four cells a page behind an 8-bit multiplexer, six temperatures a page."""
    decoder = load_dbc((shared / "data/can/foxBMS__foxbms-2/tools/dbc/foxbms.dbc").read_bytes())
    cells = CELLS.replace("Cell_{1..4}", "AFE_CellVoltages.CellVoltage_{000..127}")
    sensors = (
        CELLS.replace("Cell_{1..4}", "AFE_CellTemperatures.CellTemperature_{000..017}")
        .replace("cell_voltage_mv", "sensor_temperature_ddegc")
        .replace("factor = 1", "factor = 10")
        .replace("[500, 5000]", "[-400, 1270]")
    )
    binding = parse_binding(BINDING.replace("M.V", "AFE_CellVoltages.CellVoltage_128") + cells + sensors)
    table = compile_table(binding, decoder)
    assert (table.cells, table.sensors, len(table.ids)) == (128, 18, 2)
    assert len(table.content) < 2500
    assert table.signals["cell_voltage_mv[127]"] == "AFE_CellVoltages.CellVoltage_127"

"""What `packseal dbc check` says of a DBC: every finding with its line, and none where nothing is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.can import pack_dbc
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.signals.dbc_report import MAX_ERRORS, Finding, check_dbc

HEAD = 'VERSION ""\nNS_ :\nBS_:\nBU_: A\n'
ROOT = Path(__file__).resolve().parents[2]


def findings(body: str) -> list[tuple[int, str, str]]:
    """(line of the body, severity, problem)"""
    lines = HEAD.count("\n")
    return [(one.line - lines, one.severity, one.problem) for one in check_dbc((HEAD + body).encode())]


def signal(
    name: str, place: str = "0|8@1+", scale: str = "(1,0)", span: str = "[0|0]", unit: str = "", mark: str = ""
) -> str:
    return f' SG_ {name} {mark}{" " if mark else ""}: {place} {scale} {span} "{unit}" A\n'


def test_nothing_is_said_of_good_files() -> None:
    for content in (pack_dbc.classic(), pack_dbc.flexible(), (ROOT / "dbc/packseal.dbc").read_text()):
        assert check_dbc(content.encode()) == ()


def test_every_error_is_found_in_one_go() -> None:
    body = (
        f"BO_ 100 M: 8 A\n{signal('S', scale='(0,0)')}{signal('T', '8|70@1+')}"
        f"BO_ 100 N: 8 A\n{signal('U')}"
        f"BO_ 101 O: 65 A\n{signal('V')}"
    )
    assert [(line, problem.split(" ")[0:2]) for line, severity, problem in findings(body) if severity == "error"] == [
        (2, ["signal", "M.S"]),
        (3, ["signal", "T"]),
        (4, ["message", "N"]),
        (6, ["message", "O"]),
    ]


def test_no_more_errors_than_somebody_reads() -> None:
    """And that there may be more is said, whichever step finds them."""
    for wrong in ({"scale": "(0,0)"}, {"place": "0|70@1+"}):
        body = "BO_ 100 M: 8 A\n" + "".join(signal(f"S{i}", **wrong) for i in range(MAX_ERRORS + 5))
        found = check_dbc((HEAD + body).encode())
        assert [one.severity for one in found] == ["error"] * MAX_ERRORS + ["note"]
        assert "may be more" in found[-1].problem


def test_errors_of_all_steps_are_found_together() -> None:
    body = (
        f"BO_ 1 M: 8 A\n{signal('S', scale='(0,0)')}{signal('T', '8|8@1+', scale='(0,0)')}"
        f"nonsense here\nBO_ 2 N: 8 A\n{signal('U', '0|70@1+')}more nonsense\n"
    )
    assert [(line, severity) for line, severity, _ in findings(body)] == [
        (2, "error"),
        (3, "error"),
        (4, "error"),
        (6, "error"),
        (7, "error"),
    ]
    assert findings(body)[2][2] == "not DBC syntax, from 'nonsense here' on"


def test_what_follows_from_an_error_is_left_unsaid() -> None:
    """The message has no other signal, the table's signal is there, and what is multiplexed shares no frame."""
    alone = f'BO_ 1 M: 8 A\n{signal("S", "0|70@1+")}VAL_ 1 S 0 "x" ;\n'
    assert [line for line, _, _ in findings(alone)] == [2]
    multiplexed = "".join(signal(f"S{i}", "8|8@1+", mark=f"m{i}") for i in range(3))
    for before, after in (("", multiplexed), (multiplexed, "")):
        body = f"BO_ 1 M: 8 A\n{before}{signal('X', '0|70@1+', mark='M')}{after}"
        assert [severity for _, severity, _ in findings(body)] == ["error"]


def test_a_large_file_with_errors_is_not_parsed_again_and_again() -> None:
    """It would take many times the processor time that it gets (io/limited_dbc.py); that there may be more is said."""
    wrong = f"BO_ 1 M: 8 A\n{signal('S', '0|70@1+')}"
    filler = "".join(f"BO_ {i} M{i}: 8 A\n{signal('S')}" for i in range(3, 15_000))
    assert [severity for _, severity, _ in findings(wrong + "nonsense here\n")] == ["error", "error"]
    assert [severity for _, severity, _ in findings(wrong + filler + "nonsense here\n")] == ["error", "note"]


def test_signals_in_the_same_bits_have_lines_of_their_own() -> None:
    body = f"BO_ 1 M: 8 A\n{signal('X', mark='M')}" + "".join(
        signal(f"S{i}", "8|8@1+", span="[9|1]", mark=f"m{i}") for i in range(3)
    )
    assert [line for line, _, _ in findings(body)] == [3, 4, 5]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"BO_ 1 M: 8 A\n{signal('S', '0|16@1+')}{signal('T', '8|8@1+')}", "signal M.T shares bits with S"),
        (f"BO_ 1 M: 8 A\n{signal('S', '7|16@0+')}{signal('T', '8|8@1+')}", "signal M.T shares bits with S"),
        ("BO_ 1 M: 8 A\n", "message M describes no signal"),
        (
            "".join(f"BO_ {i} M{i}: 8 A\n" for i in range(1, 7)),
            "messages M1, M2, M3 and 3 more describe no signal",
        ),
        (f'BO_ 1 M: 8 A\n{signal("S")}CM_ 1 "of what?" ;\n', "comment passed over, it does not say on what"),
        (
            f"BO_ 2566848510 M: 8 A\n{signal('S')}BO_ 2365521918 N: 8 A\n{signal('T')}"
            'BA_DEF_ "ProtocolType" STRING ;\nBA_DEF_DEF_ "ProtocolType" "J1939";\n',
            "message N has the parameter group and source of M, which gets the frames",
        ),
        (f"BO_ 1 M: 1 A\n{signal('S', '0|16@1+')}", "signal M.S needs 2 bytes, its message has 1"),
        (
            f"BO_ 1 M: 8 A\n{signal('X', '0|2@1+', mark='M')}{signal('S', '8|8@1+', mark='m9')}",
            "signal M.S is in no frame: its multiplexer X has values from 0 to 3",
        ),
        (f"BO_ 1 M: 8 A\n{signal('S')}BO_ 2 M: 8 A\n{signal('T')}", "message M has the name of that in line 5"),
        (f"BO_ 1 M: 8 A\n{signal('S', span='[9|1]')}", "signal M.S has the range [9|1], which is upside down"),
        (
            f"BO_ 1 M: 8 A\n{signal('S', scale='(0.1,0)', span='[0|255]', unit='V')}",
            "signal M.S reaches 25.5 V with its 8 bits, its range is 255 wide",
        ),
        (
            f"BO_ 1 M: 8 A\n{signal('S', '0|16@1+', span='[0|20]')}",
            "signal M.S reaches 65535 with its 16 bits, its range is 20 wide",
        ),
        (
            f"BO_ 1 M: 8 A\n{signal('S', '0|16@1+', '(1,0)', '[0|60000]', '%')}",
            "signal M.S has the range [0|60000] in %",
        ),
        (
            f"BO_ 1 M: 8 A\n{signal('S', '0|16@1+', '(0.1,0)', '[0|65535]', 'V')}",
            "signal M.S reaches 6553.5 V with its 16 bits, its range is 65535 wide",
        ),
        (f'BO_ 1 M: 8 A\n{signal("S")}VAL_ 1 Gone 0 "x" ;\n', "value table of message 1 signal Gone passed over"),
    ],
)
def test_each_oddity_is_named(body: str, expected: str) -> None:
    found = findings(body)
    assert any(problem.startswith(expected) for _, _, problem in found), found
    assert all(line > 0 and severity != "error" for line, severity, _ in found)


@pytest.mark.parametrize(
    "body",
    [
        f"BO_ 1 M: 8 A\n{signal('X', mark='M')}{signal('S', '8|8@1+', mark='m0')}{signal('T', '8|8@1+', mark='m1')}",
        f"BO_ 1 M: 8 A\n{signal('S', '7|16@0+')}{signal('T', '16|8@1+')}",
        f"BO_ 1 M: 8 A\n{signal('Counter', '0|2@1+', span='[0|15]')}",
        f"BO_ 1 M: 8 A\n{signal('S', span='[0|1000000]')}",
        f"BO_ 1 M: 8 A\n{signal('S', '0|18@1-', '(0.1,0)', '[-13107.2|13107.1]', 'degC')}",  # what the bits can hold
    ],
)
def test_no_false_alarm(body: str) -> None:
    assert findings(body) == []


def test_where_there_are_too_many_pairs_of_signals_it_is_said() -> None:
    body = f"BO_ 1 M: 64 A\n{''.join(signal(f'S{i}', f'{i % 500}|2@1+') for i in range(1500))}"
    assert [problem for _, _, problem in findings(body)] == [
        "message M and those behind it are not looked at for signals that share bits"
    ]


def test_real_files_raise_no_alarm_that_was_judged_false(shared: Path) -> None:
    """Each finding in these files was read by hand; more of them in a file would be new ones."""
    counts = {
        "foxBMS__foxbms-2/tools/dbc/foxbms.dbc": 19,  # [0|1] of millivolts, with 16 bits
        "joshwardell__model3dbc/Model3CAN.dbc": 8,  # signals behind their message, a factor, value tables
        "dalathegreat__leaf_can_bus_messages/EV-can_ZE1.dbc": 6,  # what is known of this bus overlaps
        "commaai__opendbc/opendbc/dbc/generator/hyundai/hyundai_can.dbc": 3,  # comments on nothing
        "cantools__cantools/tests/files/dbc/motohawk.dbc": 0,
    }
    for name, count in counts.items():
        found = check_dbc((shared / "data/can" / name).read_bytes())
        assert len([one for one in found if one.severity != "note"]) == count, name
        assert all(one.line > 0 for one in found)


def test_a_factor_beyond_all_measure_is_survived() -> None:
    body = f"BO_ 1 M: 8 A\n{signal('S', '0|64@1+', '(1e300,0)', '[-1e300|1e300]')}{signal('T', '0|64@1+', '(1E200,0)')}"
    assert [problem for _, _, problem in findings(body)] == ["signal M.T shares bits with S"]


def test_words() -> None:
    assert Finding(8, "error", "twice", "keep one").words("a.dbc") == "a.dbc:8: error: twice; keep one"
    assert Finding(0, "error", "too large", "").words("a.dbc") == "a.dbc: error: too large"


@given(st.binary(max_size=400))
@settings(deadline=None, max_examples=60)
def test_garbage_is_a_finding(content: bytes) -> None:
    assert all(isinstance(one, Finding) for one in check_dbc(content))


def test_every_hostile_file_has_a_finding(shared: Path) -> None:
    paths = sorted((shared / "vectors/hostile").glob("*.dbc"))
    assert len(paths) >= 8
    for path in paths:
        found = check_dbc(path.read_bytes())
        is_loaded = path.name == "dbc-overlap-strict.dbc"  # each signal is read by itself, so it does no harm
        assert any(one.severity == ("warning" if is_loaded else "error") and one.line for one in found), path

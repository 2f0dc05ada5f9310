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
    body = "BO_ 100 M: 8 A\n" + "".join(signal(f"S{i}", scale="(0,0)") for i in range(20))
    assert len([one for one in findings(body) if one[1] == "error"]) == MAX_ERRORS


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"BO_ 1 M: 8 A\n{signal('S', '0|16@1+')}{signal('T', '8|8@1+')}", "signal M.T shares bits with S"),
        (f"BO_ 1 M: 8 A\n{signal('S', '7|16@0+')}{signal('T', '8|8@1+')}", "signal M.T shares bits with S"),
        ("BO_ 1 M: 8 A\n", "message M describes no signal"),
        (f"BO_ 1 M: 1 A\n{signal('S', '0|16@1+')}", "signal M.S needs 2 bytes, its message has 1"),
        (
            f"BO_ 1 M: 8 A\n{signal('X', '0|2@1+', mark='M')}{signal('S', '8|8@1+', mark='m9')}",
            "signal M.S is in no frame: its multiplexer X has values up to 3",
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
            f"BO_ 1 M: 8 A\n{signal('S', '0|16@1+', '(1,0)', '[0|65535]', '%')}",
            "signal M.S has the range [0|65535] in %",
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
    ],
)
def test_no_false_alarm(body: str) -> None:
    assert findings(body) == []


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

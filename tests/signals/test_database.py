"""DBC text -> decoder: what loads, with which notes, and what is refused with line and cure."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.errors import DBCError
from packseal.signals import dbc_text, load_dbc

HEAD = 'VERSION ""\nNS_ :\nBS_:\nBU_: A\n'
MESSAGE = HEAD + 'BO_ 100 M: 8 A\n SG_ S : 0|8@1+ (0.5,-40) [0|0] "degC" A\n'

HOSTILE = {
    "dbc-dup-msg-id": "line 8: message N has the identifier 100 of M, line 5",
    "dbc-dup-signal-name": "line 7: message M already has a signal S, line 6",
    "dbc-msg-length-4e9": "line 5: message M has 4000000000 bytes",
    "dbc-mux-cycle-ext": "line 6: signal M.A1 is switched by B1",
    "dbc-scale-0": "line 6: signal M.S has factor 0",
    "dbc-scale-1e-999999999": "line 6: the exponent",
    "dbc-sig-length-1e9": "line 6: signal S has 1000000000 bits",
}

NESTED = "BO_ 1 M: 8 A\n" + "".join(f' SG_ X{i} {"m0" * (i > 0)}M : 0|8@1+ (1,0) [0|0] "" A\n' for i in range(1500))
NESTED += "".join(f"SG_MUL_VAL_ 1 X{i} X{i - 1} 0-0;\n" for i in range(1, 1500))

REFUSED = [
    ("BO_ 2048 M: 8 A\n\nBO_ 2147485696 N: 8 A\n", "line 7: message N has the identifier 2147485696 of M, line 5"),
    ("BO_ 1073741824 M: 8 A\n", "line 5: message M has the identifier 1073741824, expected at most 536870911"),
    ("BO_ 4294967295 M: 8 A\n", r"line 5: .*identifier 4294967295, expected at most 536870911"),
    (' SG_ S : 0|8@1+ (1,0) [0|0] "" A\n', "line 5: signal S stands before any BO_"),
    ('BO_ 1 M: 8 A\n SG_ S : 0|0@1+ (1,0) [0|0] "" A\n', "line 6: signal S has 0 bits"),
    ('BO_ 1 M: 8 A\n SG_ S : 0|65@1+ (1,0) [0|0] "" A\n', "line 6: signal S has 65 bits"),
    ('BO_ 1 M: 8 A\n SG_ S : 505|8@1+ (1,0) [0|0] "" A\n', "line 6: .*ends in byte 65"),
    ('BO_ 1 M: 8 A\n SG_ S : 0|8@1+ (1e999,0) [0|0] "" A\n', "line 6: .*finite"),
    ('BO_ 1 M: 8 A\n SG_ S : 0|16@1+ (1,0) [0|0] "" A\nSIG_VALTYPE_ 1 S : 1;\n', "line 6: .*float of 16 bits"),
    ('BO_ 1 M: 8 A\n SG_ S : 0|8@1+ (1,0) [0|0] "" A\nnonsense here\n', "line 7, column 1: not DBC syntax"),
    ("SG_MUL_VAL_ 1 A B 0-99999999;\n", "line 5: SG_MUL_VAL_ lists more than 65536 values"),
    (f"BA_ {'9' * 50};\n", "line 5: the number"),
    (f"BO_ 1 {'M' * 200}: 8 A\n", "line 5: message M{40}… has a name of 200 characters, expected at most 128; shorten"),
    (f'BO_ 1 M: 8 A\n SG_ {"S" * 999} : 0|8@1+ (1,0) [0|0] "" A\n', "line 6: signal S{40}… has a name of 999"),
    (NESTED, "nested too deeply; write them more simply"),
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_refused_with_its_line(shared: Path, name: str) -> None:
    with pytest.raises(DBCError, match=HOSTILE[name]):
        load_dbc((shared / "vectors/hostile" / f"{name}.dbc").read_bytes())


@pytest.mark.parametrize(("text", "expected"), REFUSED)
def test_refused_with_line_and_cause(text: str, expected: str) -> None:
    with pytest.raises(DBCError, match=expected):
        load_dbc((HEAD + text).encode())


def test_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbc_text, "MAX_DBC_BYTES", 10)
    with pytest.raises(DBCError, match="at most 10"):
        load_dbc(MESSAGE.encode())


def test_a_signal_as_described() -> None:
    signal = load_dbc(MESSAGE.encode()).signals["M.S"]
    assert (signal.start_bit, signal.bit_length, signal.factor, signal.offset) == (0, 8, 0.5, -40)
    assert signal.unit == "degC"


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "cp1252"])
def test_any_of_the_usual_encodings(codec: str) -> None:
    assert load_dbc(MESSAGE.replace("degC", "°C").encode(codec)).signals["M.S"].unit == "°C"


def test_overlapping_signals_load(shared: Path) -> None:
    decoder = load_dbc((shared / "vectors/hostile/dbc-overlap-strict.dbc").read_bytes())
    assert sorted(decoder.signals) == ["M.S", "M.T"]


def test_value_tables_of_nothing_are_passed_over_and_noted() -> None:
    tables = 'VAL_ 352 S 0 "a;b" 1 "c" ;\nVAL_ 100 T 0 "x" ;\nVAL_ 100 S 0 "off" ;\n'
    notes = load_dbc((MESSAGE + tables).encode()).notes
    assert [note.partition(":")[0] for note in notes] == ["line 7", "line 8"]


def test_commented_and_quoted_descriptions_are_not_read() -> None:
    text = MESSAGE + '// SG_ S : 0|8@1+ (1,0) [0|0] "" A\nCM_ BO_ 100 "was\nBO_ 100 N: 4000000000 A\n";\n'
    assert sorted(load_dbc(text.encode()).signals) == ["M.S"]


def test_signal_behind_the_end_of_its_message_is_noted() -> None:
    decoder = load_dbc(MESSAGE.replace("M: 8", "M: 0").encode())
    assert decoder.notes == (
        "line 6: signal M.S needs 1 bytes, its message has 0; it is read from longer frames only, "
        "correct its place or its message's length",
    )


def test_identifier_of_29_bits_without_its_mark_is_read_and_noted() -> None:
    text = (
        HEAD + 'BO_ 419365120 M: 8 A\n SG_ Mux M : 0|8@1+ (1,0) [0|0] "" A\n SG_ S m1 : 8|32@1- (1,0) [0|0] "" A\n'
        'CM_ SG_ 419365120 S "the text 419365120 stays";\nVAL_ 419365120 Mux 1 "one" ;\n'
        "SIG_VALTYPE_ 419365120 S : 1;\nSG_MUL_VAL_ 419365120 S Mux 1-2;\n"
    )
    decoder = load_dbc(text.encode())
    assert [message.key for message in decoder.messages] == [0x98FF0100]
    assert decoder.signals["M.S"].is_float
    assert decoder.signals["M.S"].multiplexer_values == {1, 2}
    assert decoder.notes == (
        "line 5: message M has the identifier 419365120, too large for 11 bits; read as a 29-bit one, "
        "which is written 2566848768",
    )


def test_a_range_that_no_value_lies_in_is_noted_and_passed_over() -> None:
    decoder = load_dbc(MESSAGE.replace("[0|0]", "[1000|2000]").encode())
    assert decoder.signals["M.S"].dbc_range is None
    assert "line 6: signal M.S has the range [1000|2000], in which it has no value" in decoder.notes[0]


def test_multiplexer_with_a_long_name() -> None:
    text = (
        'BO_ 1 M: 8 A\n SG_ Mux_ M : 0|8@1+ (1,0) [0|0] "" A\n SG_ S m1 : 8|8@1+ (1,0) [0|0] "" A\n'
        'BA_DEF_ SG_  "SystemSignalLongSymbol" STRING ;\nBA_DEF_DEF_  "SystemSignalLongSymbol" "";\n'
        'BA_ "SystemSignalLongSymbol" SG_ 1 Mux_ "MultiplexerOfThePack";\n'
    )
    assert load_dbc((HEAD + text).encode()).signals["M.S"].multiplexer == "MultiplexerOfThePack"


def test_every_real_dbc_loads_or_is_refused_with_a_line(shared: Path) -> None:
    refused = {}
    for path in sorted((shared / "data/can").rglob("*.dbc")):
        try:
            load_dbc(path.read_bytes())
        except DBCError as error:
            refused[path.name] = str(error)
    assert set(refused) == {"issue_199_extended.dbc"}
    assert all(text.startswith("line ") for text in refused.values())


@pytest.mark.parametrize("size", range(0, len(MESSAGE), 3))
def test_a_cut_file_raises_only_our_error(size: int) -> None:
    _load_or_refuse(MESSAGE[:size].encode())


@given(st.lists(st.sampled_from([*MESSAGE.split(), "BO_", "SG_", "VAL_", '"', ";", "m1", "M", "SG_MUL_VAL_"])))
@settings(deadline=None)
def test_shuffled_words_raise_only_our_error(words: list[str]) -> None:
    _load_or_refuse(" ".join(words).encode())


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_garbage_raises_only_our_error(content: bytes) -> None:
    _load_or_refuse(content)


@pytest.mark.parametrize(
    "text",
    [
        "VAL_ 1 a\n" * 400_000,
        'BO_ 1 M: 8 A\n SG_ S : 0|8@1+ (1,0) [0|0] "" A\n' * 60_000,
        "BO_ 1 M: 8 A\n" + "".join(f' SG_ S{i} : 0|8@1+ (1,0) [0|0] "" A\n' for i in range(90_000)),
        '"' + '\\"' * 1_000_000,
        "9." * 2_000_000,
        "SG_MUL_VAL_ 1 A B 0-1" * 180_000,
    ],
    ids=["tables without end", "one message for ever", "signals for ever", "quotes", "points", "ranges without end"],
)
def test_the_checks_take_linear_time(text: str) -> None:
    started = time.perf_counter()
    with contextlib.suppress(DBCError):
        dbc_text.check_text(text)
    assert time.perf_counter() - started < 10  # a quadratic one takes minutes


def _load_or_refuse(content: bytes) -> None:
    """Any other error fails, and so does ours without words."""
    refusal = "-"
    try:
        load_dbc(content)
    except DBCError as error:
        refusal = str(error)
    assert refusal.strip()

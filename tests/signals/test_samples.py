"""Bindings: what they may say, and the integers that come of them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal import signals
from packseal.errors import BindingError
from packseal.frames import read_log
from packseal.signals import Absence, SampleTable, apply_binding, load_dbc, parse_binding, resolve

LIMIT = 2**31 - 1
HEAD = 'VERSION ""\nNS_ :\nBS_:\nBU_: A\n'
BINDING = """
format = 1
name = "bench"
battery = "Bench pack"
dbc = "bench.dbc"
[quantities.pack_voltage_mv]
signal = "M.V"
factor = 1000
not_available = [65535]
valid = [0, 100000]
"""
CURRENT = '[quantities.pack_current_ma]\nsignal = "M.I"\nfactor = 1\nvalid = [-9, 9]\n'

WRONG = [
    ("format = 1", "format = 2", r"format: .*1.*found '2'"),
    ("format = 1", "", "format: missing"),
    ("factor = 1000", "facter = 1000", r"quantities.pack_voltage_mv.facter: no such key; did you mean factor\?"),
    ("factor = 1000", "factor = -1", "quantities.pack_voltage_mv.factor: expected more than 0.*positive_when"),
    ("factor = 1000", "factor = nan", "quantities.pack_voltage_mv.factor: .*finite"),
    ("factor = 1000", "factor = 1e99", "quantities.pack_voltage_mv.factor: .*1e20"),
    ("valid = [0, 100000]", "valid = [5, 5]", r"valid: expected \[lowest, highest\], found \[5, 5\]"),
    ("valid = [0, 100000]", "valid = [0]", "quantities.pack_voltage_mv.valid"),
    ("valid = [0, 100000]", "valid = [0, 1.5]", "quantities.pack_voltage_mv.valid.1: .*integer"),
    ("valid = [0, 100000]", "valid = [0, 3000000000]", "quantities.pack_voltage_mv.valid.1: .*2147483647"),
    (
        "pack_voltage_mv",
        "pack_voltage_v",
        r"quantities.pack_voltage_v: no such quantity; did you mean pack_voltage_mv\?",
    ),
    ("factor = 1000", 'factor = 1000\npositive_when = "charging"', "positive_when: only a current"),
    ('name = "bench"', 'name = "Bench pack"', "name: .*found 'Bench pack'"),
    ('name = "bench"', "name = bench", "not TOML: .*line 3"),
    ("not_available = [65535]", 'not_available = ["65535"]', "not_available.0: .*integer"),
    (BINDING, BINDING + CURRENT, 'pack_current_ma.positive_when: expected "charging" or "discharging"'),
    (BINDING, "", "format: missing"),
]


@pytest.mark.parametrize(("old", "new", "expected"), WRONG)
def test_wrong_binding_names_key_and_cause(old: str, new: str, expected: str) -> None:
    with pytest.raises(BindingError, match=expected):
        parse_binding(BINDING.replace(old, new))


@given(st.text(max_size=200))
@settings(deadline=None)
def test_garbage_raises_only_our_error(text: str) -> None:
    with pytest.raises(BindingError):
        parse_binding(text)


def test_nested_garbage_raises_only_our_error() -> None:
    for text in ("a=" + "[" * 10_000, "a=" + "9" * 10_000, "a" * 100_000):
        with pytest.raises(BindingError):
            parse_binding(text)


def applied(binding: str, signals: str, *payloads: str) -> SampleTable:
    """Samples from a message M (identifier 1, 8 bytes) with `signals`, sent with `payloads`."""
    decoder = load_dbc(f"{HEAD}BO_ 1 M: 8 A\n{signals}\n".encode())
    log = "(0.0) can0 7FF#\n" + "".join(f"({i}.0) can0 001#{payload}\n" for i, payload in enumerate(payloads))
    return apply_binding(parse_binding(binding), decoder, decoder.decode(read_log(log.encode())[0]))


def test_every_absence_has_its_reason() -> None:
    voltage = ' SG_ V : 0|16@1+ (0.01,0) [0|0] "V" A\n'
    samples = applied(BINDING, voltage, "E803", "FFFF", "1127", "10", "1027")["pack_voltage_mv"]
    assert samples.value.tolist() == [10_000, 0, 0, 0, 100_000]
    code, out, short = Absence.NOT_AVAILABLE_CODE, Absence.OUT_OF_RANGE, Absence.FRAME_TOO_SHORT
    assert samples.absence.tolist() == [0, code, out, short, 0]
    assert samples.counts == {Absence.NONE: 2, code: 1, out: 1, short: 1, Absence.NOT_A_NUMBER: 0}
    assert samples.time_ns.tolist() == [i * 10**9 for i in range(5)]


def test_float_that_is_no_number() -> None:
    voltage = ' SG_ V : 0|32@1- (1,0) [0|0] "V" A\nSIG_VALTYPE_ 1 V : 1;\n'
    samples = applied(BINDING, voltage, "0000C841", "0000C07F", "0000807F")["pack_voltage_mv"]
    assert samples.value.tolist() == [25_000, 0, 0]
    assert samples.absence.tolist() == [0, Absence.NOT_A_NUMBER, Absence.NOT_A_NUMBER]


@pytest.mark.parametrize(
    ("direction", "is_signed", "expected"),
    [("charging", "true", -3), ("discharging", "true", 3), ("charging", "false", 253)],
)
def test_sign_of_a_current(direction: str, is_signed: str, expected: int) -> None:
    extra = f'positive_when = "{direction}"\nis_signed = {is_signed}\n'
    binding = BINDING + CURRENT.replace("[-9, 9]", "[-999, 999]") + extra
    signals = ' SG_ V : 8|16@1+ (1,0) [0|0] "V" A\n SG_ I : 0|8@1+ (1,0) [0|0] "mA" A\n'
    assert applied(binding, signals, "FD0000")["pack_current_ma"].value.tolist() == [expected]


def test_halves_are_rounded_to_even() -> None:
    binding = BINDING.replace("factor = 1000", "factor = 0.5").replace("[0, 100000]", "[-100, 100]")
    samples = applied(binding, ' SG_ V : 0|8@1- (1,0) [0|0] "V" A\n', "01", "03", "05", "FF", "FD", "FB")
    assert samples["pack_voltage_mv"].value.tolist() == [0, 2, 2, 0, -2, -2]


@given(
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=70),
    st.sampled_from([12, 33, 64]),
    st.booleans(),
    st.sampled_from([None, True, False]),
    st.decimals("1e-6", 1000, places=6),
    st.decimals(-(10**6), 10**6, places=6),
)
@settings(deadline=None)
def test_rounding_is_exact(
    raw: list[int], bits: int, is_signed: bool, override: bool | None, factor: Decimal, offset: Decimal
) -> None:
    """Few frames and many, numbers that fit into 64 bits and those that do not."""
    sign = "" if override is None else f"is_signed = {str(override).lower()}\n"
    numbers = f"factor = {factor}\noffset = {offset}\n{sign}"
    binding = BINDING.replace("factor = 1000\nnot_available = [65535]\n", numbers).replace(
        "[0, 100000]", f"[{-LIMIT}, {LIMIT}]"
    )
    signal = f' SG_ V : 0|{bits}@1{"-" if is_signed else "+"} (0.01,-7) [0|0] "V" A\n'
    found = applied(binding, signal, *(number.to_bytes(8, "little").hex() for number in raw))["pack_voltage_mv"]
    for number, value, absence in zip(raw, found.value.tolist(), found.absence.tolist(), strict=True):
        own = number % 2**bits
        if is_signed if override is None else override:
            own -= (own >> bits - 1) << bits
        expected = round((own * Fraction("0.01") - 7) * Fraction(factor) + Fraction(offset))
        is_inside = -LIMIT <= expected <= LIMIT
        assert (value, absence) == ((expected, 0) if is_inside else (0, Absence.OUT_OF_RANGE))


def test_quantities_that_share_a_signal_are_each_converted() -> None:
    second = BINDING[BINDING.index("[quantities") :].replace("pack_voltage_mv", "cell_voltage_max_mv")
    second = second.replace("factor = 1000", "factor = 500").replace("[65535]", "[1, 2, 65535]")
    samples = applied(BINDING + second, ' SG_ V : 0|16@1+ (1,0) [0|0] "V" A\n', "0100", "0300", "FFFF")
    assert samples["pack_voltage_mv"].value.tolist() == [1000, 3000, 0]
    assert samples["cell_voltage_max_mv"].value.tolist() == [0, 1500, 0]
    assert {name: counts[Absence.NOT_AVAILABLE_CODE] for name, counts in samples.counts.items()} == {
        "pack_voltage_mv": 1,
        "cell_voltage_max_mv": 2,
    }


def test_a_signal_is_found_by_its_own_name_where_one_message_has_it() -> None:
    decoder = load_dbc(f'{HEAD}BO_ 1 M: 8 A\n SG_ V : 0|8@1+ (1,0) [0|0] "" A\n'.encode())
    assert resolve(parse_binding(BINDING.replace('"M.V"', '"V"')), decoder) == {"pack_voltage_mv": "M.V"}


def test_unknown_and_ambiguous_signals() -> None:
    twice = "".join(f'BO_ {i} M{i}: 8 A\n SG_ V : 0|8@1+ (1,0) [0|0] "" A\n' for i in (1, 2))
    decoder = load_dbc((HEAD + twice).encode())
    with pytest.raises(
        BindingError, match=r"pack_voltage_mv.signal: the DBC has no signal M.V; did you mean M[12].V\?"
    ):
        resolve(parse_binding(BINDING), decoder)
    with pytest.raises(BindingError, match=r"in several messages; write one of M1\.V, M2\.V"):
        resolve(parse_binding(BINDING.replace('"M.V"', '"V"')), decoder)


def test_a_message_that_never_came_gives_no_samples() -> None:
    samples = applied(BINDING, ' SG_ V : 0|8@1+ (1,0) [0|0] "" A\n')["pack_voltage_mv"]
    assert len(samples.value) == 0


def test_shipped_bindings_parse() -> None:
    folder = Path(signals.__file__).parent / "bindings"
    for path in folder.glob("*.toml"):
        assert parse_binding(path.read_text()).name == path.stem

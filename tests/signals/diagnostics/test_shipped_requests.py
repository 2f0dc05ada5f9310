"""The shipped bindings that ask: they fit themselves, and recorded responses give the quantities that stand in them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from packseal.apps.window_records import BoundSignals
from packseal.errors import BindingError, ConfigError
from packseal.frames.isotp import address_of
from packseal.signals import Absence, parse_binding
from packseal.signals.diagnostics.transmit import TransmitGate
from tests.signals.diagnostics.obdb_cases import Case, cases_in
from tests.signals.diagnostics.traffic import MS, Row, frames_of

NO_VALUE = "not a value"
SHIPPED = ["hyundai_kona", "hyundai_ioniq5", "kia_ev6"]
# github.com/OBDb/Hyundai-IONIQ-5, tests/test_cases/2022/commands: 7E4.7EC.220101|fc=1.yaml and 7E4.7EC.220105|fc=1.yaml
IONIQ5_STANDS = """7EC103E620101EFFBE7 7EC21EF1A0000000000 7EC2200001834222021 7EC23212121200047AC 7EC2405AC0800007E00
                   7EC2505C8D20005A2A8 7EC26000409370003C6 7EC27E80247425B0000 7EC2830000000000BB8"""
IONIQ5_BRAKES = """7EC103E620101EFFBE7 7EC21EF1A0000000000 7EC22FDF81862212021 7EC23212120200047AD 7EC240DAD0800007F00
                   7EC2505C8D00005A2A5 7EC26000409360003C6 7EC27E7024741E20002 7EC28700C810C9905F0"""
IONIQ5_AGED = """7EC102E620105FFFB74 7EC210F012C00012C17 7EC2219171A1718185A 7EC235562D40000501D 7EC240003A79957AD00
                 7EC2596000000000000 7EC26001B181B19AAAA"""
IONIQ5_UNKNOWN = """7EC102E620105FFFB74 7EC210F012C00012C00 7EC2200000000000058 7EC23F2542600005005 7EC240003E819FFFF00
                    7EC2533000000000000 7EC260000000000AAAA"""
# github.com/OBDb/Kia-EV6, tests/test_cases/2022/commands/7E4.7EC.220101|fc=1.yaml and 2021/…/7E4.7EC.220105|fc=1.yaml
EV6_IN_FROST = """7EC103E620101EFFBE7 7EC21EF6F0000000000 7EC2200071BF501FF00 7EC23010001000024BA 7EC2413BA7100008000
                  7EC25013C0D0001374A 7EC260000EC0D0000E4 7EC2765010080770002 7EC28CD110B00000684"""
EV6_ENERGY = """7EC102E620105FFFB74 7EC210F012C00012C16 7EC221516151616176C 7EC23346A0A00005016 7EC240003E801314E00
                7EC254A000000000000 7EC260015161516AAAA"""
CASES: list[tuple[str, str, dict[str, int | str]]] = [
    (
        "hyundai_ioniq5",
        IONIQ5_STANDS,
        {
            "pack_voltage_mv": 619_600,
            "pack_current_ma": 0,
            "soc_reported_cpct": 1300,
            "temperature_max_ddegc": 340,
            "temperature_min_ddegc": 320,
            "cell_voltage_max_mv": 3440,
            "cell_voltage_min_mv": 3440,
            "sensor_temperature_ddegc[0]": 330,
            "sensor_temperature_ddegc[4]": 320,
        },
    ),
    ("hyundai_ioniq5", IONIQ5_BRAKES, {"pack_current_ma": 52_000, "cell_voltage_max_mv": 3460}),  # it charges
    ("hyundai_ioniq5", IONIQ5_AGED, {"soh_reported_cpct": 9350, "remaining_energy_reported_wh": 44_890}),
    ("hyundai_ioniq5", IONIQ5_UNKNOWN, {"soh_reported_cpct": 10_000, "remaining_energy_reported_wh": NO_VALUE}),
    (
        "kia_ev6",
        EV6_IN_FROST,
        {
            "pack_voltage_mv": 715_700,
            "pack_current_ma": -700,  # it discharges
            "soc_reported_cpct": 5550,
            "temperature_max_ddegc": 10,
            "temperature_min_ddegc": -10,
            "cell_voltage_max_mv": 3720,
            "cell_voltage_min_mv": 3720,
        },
    ),
    ("kia_ev6", EV6_ENERGY, {"soh_reported_cpct": 10_000, "remaining_energy_reported_wh": 25_244}),
]


def values_of(bound: BoundSignals, sent: list[Row]) -> dict[str, int | str]:
    found, _ = bound.samples(*bound.listener().take(frames_of(sent)))
    return {
        name: int(samples.value[-1]) if samples.absence[-1] == Absence.NONE else NO_VALUE
        for name, samples in found.items()
        if len(samples.value)
    }


def rows_of(response: str) -> list[Row]:
    return [
        (number * MS, address_of(int(line[:3], 16)), bytes.fromhex(line[3:]))
        for number, line in enumerate(response.split())
    ]  # fmt: skip


@pytest.mark.parametrize(("binding", "response", "expected"), CASES)
def test_recorded_responses(binding: str, response: str, expected: dict[str, int | str]) -> None:
    values = values_of(BoundSignals.load(None, Path(binding)), rows_of(response))
    assert {name: values[name] for name in expected} == expected


@pytest.mark.parametrize("binding", SHIPPED)
def test_needs_no_dbc_and_may_be_asked(binding: str) -> None:
    bound = BoundSignals.load(None, Path(binding))
    assert (bound.binding.name, bound.dbc) == (binding, b"")
    assert {"pack_voltage_mv", "pack_current_ma", "soh_reported_cpct"} <= set(bound.binding.quantities)
    assert {one.name for one in bound.asked} == {one.name for one in bound.definitions}
    gate = TransmitGate(f"{one.request}:{one.ask.hex()}" for one in bound.asked)
    assert all(gate.allows(one.request, one.ask) for one in bound.asked)
    ids = {(one.can_id, one.mask, one.is_extended) for one in bound.filters}
    assert ids == {(0x7E4, 0x1FFF_FFFF, False), (0x7EC, 0x1FFF_FFFF, False)}


KONA = {  # quantity: OBDb's name of the same, and how many of our units one of its units is
    "pack_voltage_mv": ("KONAEV_HVBAT_VDC", 1000),
    "soc_reported_cpct": ("KONAEV_HVBAT_SOC", 100),
    "soh_reported_cpct": ("KONAEV_HVBAT_SOH", 100),
    "temperature_max_ddegc": ("KONAEV_HVBAT_T_MAX", 10),
    "temperature_min_ddegc": ("KONAEV_HVBAT_T_MIN", 10),
    "cell_voltage_max_mv": ("KONAEV_C_V_MAX", 1000),
    "cell_voltage_min_mv": ("KONAEV_C_V_MIN", 1000),
    "sensor_temperature_ddegc[0]": ("KONAEV_HVBAT_MOD1_T", 10),
    "sensor_temperature_ddegc[3]": ("KONAEV_HVBAT_MOD4_T", 10),
} | {f"cell_voltage_mv[{index}]": (f"KONAEV_HVBAT_CMU{index + 1:03}_VOLT", 1000) for index in range(98)}


def expected_current_ma(case: Case) -> int:
    """OBDb reads it without its sign."""
    ampere = Decimal(case.expected["KONAEV_HVBAT_CURR"])
    return -int((ampere - Decimal("6553.6") if ampere > 3276 else ampere) * 1000)


def test_every_response_of_a_kona(shared: Path) -> None:
    bound = BoundSignals.load(None, Path("hyundai_kona"))
    compared, of_cells_that_are_not_there, charging = 0, 0, 0
    for path in sorted((shared / "data/can/OBDb__Hyundai-Kona-Electric/tests").rglob("*.yaml")):
        for case in cases_in(path):
            values = values_of(bound, case.rows)
            for name, value in values.items():
                if name == "pack_current_ma":
                    assert value == expected_current_ma(case), case
                    charging += isinstance(value, int) and value > 10_000
                    continue
                theirs, scale = KONA.get(name, ("", 0))
                if theirs not in case.expected:
                    continue
                if value == NO_VALUE:  # OBDb moves a cell that is not there to the lowest voltage it believes in
                    assert case.expected[theirs] == "2.8", (name, case)
                    of_cells_that_are_not_there += 1
                else:
                    assert value == int(Decimal(case.expected[theirs]) * scale), (name, case)
                compared += 1
    assert compared > 5000
    assert charging > 10
    assert 0 < of_cells_that_are_not_there < compared / 10


def test_a_set_of_obdb_stands_in_the_place_of_a_dbc(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data/can/OBDb__Nissan-Leaf"
    (tmp_path / "leaf.toml").write_text(
        'format = 1\nname = "leaf"\nbattery = "Leaf"\ndbc = "default.json"\n'
        '[quantities.soh_reported_cpct]\nsignal = "LEAF_HVBAT_SOH"\nfactor = 100\nvalid = [100, 10000]\n'
        '[quantities.pack_voltage_mv]\nsignal = "79B_2101.LEAF_HVBAT_VOLT"\nfactor = 1000\nvalid = [200000, 450000]\n'
    )
    bound = BoundSignals.load(folder / "signalsets/v3/default.json", tmp_path / "leaf.toml")
    assert [one.name for one in bound.asked] == ["79B_2101", "79B_2161"]
    case = next(cases_in(folder / "tests/test_cases/2012/commands/79B.7BB.2161|fc=1.yaml"))
    assert values_of(bound, case.rows) == {"soh_reported_cpct": 4876}


def test_a_binding_that_needs_its_dbc_says_so() -> None:
    with pytest.raises(ConfigError, match=r"leaf_ze1\.toml: needs the DBC EV-can_ZE1\.dbc; name it with `--dbc`"):
        BoundSignals.load(None, Path("leaf_ze1"))


HEAD = 'format = 1\nname = "x"\nbattery = "X"\n'
QUANTITY = '[quantities.pack_voltage_mv]\nsignal = "A.U"\nfactor = 1\nvalid = [0, 10]\n'
REQUEST = '[[requests]]\nname = "A"\nask = "220101"\nrequest_id = 0x7E4\nresponse_id = 0x7EC\n'


def request(signals: str = "U = { bit = 0 }", more: str = "") -> str:
    return f"{HEAD}{QUANTITY}{REQUEST}{more}\n[requests.signals]\n{signals}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD + QUANTITY, r"dbc: expected the name of its DBC, or \[\[requests\]\]"),
        (request("U = { bit = 0, length = 65 }"), "length"),
        (request("U = { bit = 99999 }"), "bit"),
        (request("U = { bit = 32759, length = 8 }"), "U: expected 1 to 64 bits within 4095 bytes"),
        (request("U = { bit = 6, length = 12, is_little_endian = true }"), "U: 12 bits .* begin at a byte"),
        (request("U = { bit = 0, factor = 0 }"), "factor: expected another number than 0"),
        (request('"U{1..2}" = { bit = 0 }\nU2 = { bit = 9 }'), "signals: U2 is there twice"),
        (request('"U.V" = { bit = 0 }'), r"'U\.V': expected letters, digits and _"),
        (request('"U{2..1}" = { bit = 0 }'), "the lower one first"),
        (request(more="every_s = 0"), "every_s"),
        (request().replace("220101", "2E0101"), "only services that read may be asked"),
        (request().replace("220101", "2201"), "one identifier of 4 digits"),
        (request() + REQUEST + "[requests.signals]\nV = { bit = 0 }\n", "requests: A is there twice"),
        (request(more="adress = 7"), r"requests\.0\.adress: no such key; did you mean address\?"),
        (request("U = { bits = 7 }"), r"requests\.0\.signals\.U\.bits: no such key; did you mean bit\?"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(text: str, words: str) -> None:
    with pytest.raises(BindingError, match=words):
        parse_binding(text)


def test_what_a_request_says() -> None:
    signal = "bit = 8, length = 16, step = 24, is_signed = true, factor = 0.1, offset = -5"
    text = request(f'"U{{01..03}}" = {{ {signal} }}', "every_s = 0.5\naddress = 0x07\ndata_bytes = 9")
    (definition,) = parse_binding(text).definitions
    assert [(one.name, one.start_bit, one.factor, one.offset) for one in definition.signals] == [
        ("U01", 15, 0.1, -5), ("U02", 39, 0.1, -5), ("U03", 63, 0.1, -5)
    ]  # fmt: skip
    assert (str(definition.request), str(definition.response)) == ("7E4+07", "7EC+F1")
    assert (definition.every_ns, definition.data_bytes) == (500_000_000, 9)

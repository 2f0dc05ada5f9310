"""The report as JSON: what was counted by its name, what was shown by its number."""

from __future__ import annotations

from packseal.records.bodies import METHODS, margin
from packseal.records.disclosure import Wanted
from packseal.records.estimate_words import LACKING, QUANTITIES
from packseal.records.printable import printable
from packseal.records.report import report_json, said
from packseal.records.verify import verify_bundle
from tests.records.corpus import good
from tests.vectors.scenes import policies, scene


def test_cell_blocks_keep_their_numbers_and_counts_have_names() -> None:
    made = scene()
    bundle = made.shown(6, Wanted(cells=range(6)), attestation=made.attestations["example"])
    found = report_json(verify_bundle(bundle.to_bytes(), policies()["acts"]))
    assert set(found["record"]["cells_mv"]) == {"0", "1", "2", "3", "4", "5"}
    counts = {"frames_received": 60_000, "frames_lost": 3, "error_frames": 0, "link_frames_refused": 1, "reopened": 2}
    assert found["attestation"]["counts"] == counts


def said_of(name: str) -> list[str]:
    found = good(name)
    return said(verify_bundle(bytes.fromhex(found["bundle"]), policies()[found["policy"]]))


def test_estimates_in_words() -> None:
    assert said_of("an estimate") == [
        "usable energy: 4.21 kWh ± 0.11 kWh",
        "by capacity times the mean open-circuit voltage less what resistance takes, from records 2 to 3,"
        " from 30.0 to 82.0 % charge, at 25.2 °C",
        "least in cell block 7, 0.34 kWh ± 0.01 kWh",
        "greatest in cell block 0, 0.36 kWh ± 0.01 kWh",
    ]
    first, *_ = said_of("an estimate that is not yet known")
    assert first == (
        "state of health not yet known: needs a rest of the pack (let the pack rest 10 minutes without current),"
        " a wider span of charge between rests (charge or discharge the pack further before it rests again)"
        " and a full cycle back to the same state of charge (discharge and charge the pack, back to where it began)"
    )
    assert said_of("an estimate below zero")[0] == "self-discharge: -0.12 % in 30 days ± 0.79 % in 30 days"
    health = said_of("a state of health with its weakest and strongest block")
    assert health[2:] == ["weakest is cell block 7, 88.1 % ± 1.2 %", "strongest is cell block 0, 93.3 % ± 1.0 %"]


def test_what_this_version_does_not_know_stays_a_number() -> None:
    first, second = said_of("an estimate of a quantity that version 1 does not know")
    assert first.startswith("quantity 255 not yet known: needs what has code 200 (")
    assert second == f"by method {(1 << 63) - 1}"


def test_what_is_shown_of_an_estimate_in_words() -> None:
    assert said_of("an estimate of which quantity and value are shown") == [
        "quantity = 3 (usable energy)",
        "value = 4210 ± 108",
    ]
    shown = said_of("an estimate of which everything is shown")
    assert "least = cell block 7: 344 ± 12" in shown
    assert said_of("an estimate of which is shown what it lacks")[1] == (
        "lacking = [1, 2, 9] (a rest of the pack, a wider span of charge between rests,"
        " a full cycle back to the same state of charge)"
    )


def test_every_known_number_has_words_and_every_lack_a_cure() -> None:
    assert list(QUANTITIES) == list(range(1, 9))
    assert list(METHODS) == list(range(1, 8))
    assert list(LACKING) == list(range(1, 10))
    assert all(what and cure for what, cure in LACKING.values())


def test_the_interval_is_never_narrower_than_it_should_be() -> None:
    assert [margin(uncertainty) for uncertainty in (0, 1, 25, 50, 51)] == [0, 2, 49, 98, 100]


def test_printable() -> None:
    assert printable("battery ü-1 ✓ 日本") == "battery ü-1 ✓ 日本"
    assert printable("a\x1b[2J\tb\n\x00\x7f\x9b\u2028\u202e\ud800") == r"a\x1b[2J\tb\n\x00\x7f\x9b\u2028\u202e\ud800"

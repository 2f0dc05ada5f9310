"""Battery Pass 1.2: its names and units as they are, in both versions of its aspect of performance."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from packseal.exchange.legacy.consortium import make, make_1_2_0
from packseal.exchange.loss import Why
from packseal.exchange.source import Content
from tests.exchange.legacy_schemas import NAMED
from tests.exchange.packs import REPORT, pack
from tests.exchange.test_legacy_battery_pass import at, losses_of, with_content

NEW, OLD = make(pack("EV"), NAMED), make_1_2_0(pack("EV"), NAMED)
SEEN = "2027-01-15T07:59:00Z"
CONDITION = "/Performance/batteryCondition"
PROPERTIES = "/Performance/batteryTechicalProperties"


@pytest.mark.parametrize(
    ("category", "word"), [("EV", "ev"), ("LMT", "lmt"), ("SBESS", "stationary"), ("other_industrial", "industrial")]
)
def test_each_category_has_its_word(category: str, word: str) -> None:
    assert at(make(pack(category), NAMED).document, "/GeneralProductInformation/batteryCategory") == word


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/GeneralProductInformation/batteryPassportIdentifier", f"urn:packseal:{'0' * 30}a0"),
        ("/GeneralProductInformation/batteryMass", 412.5),
        ("/GeneralProductInformation/manufacturerInformation/contactName", "Cells AG"),
        ("/CarbonFootprint/absoluteCarbonFootprint", 3744),
        ("/CarbonFootprint/carbonFootprintPerLifecycleStage/3", {"lifecycleStage": "Recycling",
                                                                 "carbonFootprint": 3.5}),
        ("/Labels/declarationOfConformity", "ni:///sha-256;zc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc0"),
        ("/Labels/labels/0/labelingMeaning", {"und": "crossed-out bin: to be collected apart"}),
        ("/Labels/labels/2/labelingSubject", "CarbonFootPrint"),
        ("/Circularity/recycledContent/1", {"recycledMaterial": "Nickel", "preConsumerShare": 4,
                                            "postConsumerShare": 8}),
        ("/MaterialComposition/hazardousSubstances/0/hazardousSubstanceClass", "AcuteToxicity"),
        ("/MaterialComposition/hazardousSubstances/0/hazardousSubstanceImpact",
         ["toxic if swallowed; harmful to water"]),
        ("/SupplyChainDueDiligence/supplyChainIndicies", 71),
        (f"{PROPERTIES}/ratedMaximumPower", 120),
        (f"{PROPERTIES}/originalPowerCapability/0", {"atSoC": 80, "powerCapabilityAt": 90000}),
        (f"{PROPERTIES}/initialInternalResistance/1", {"batteryComponent": "pack", "ohmicResistance": 0.05}),
        (f"{CONDITION}/negativeEvents/0", {"negativeEvent": "side impact at 30 km/h",
                                           "lastUpdate": "2027-01-03T10:00:00Z"}),
        (f"{CONDITION}/internalResistanceIncrease/0", {"internalResistanceIncreaseValue": 30, "lastUpdate": SEEN,
                                                       "batteryComponent": "pack"}),
        (f"{CONDITION}/temperatureInformation/timeExtremeLowTempCharging", 7),
    ],
)  # fmt: skip
def test_where_the_values_of_an_ev_pack_stand(path: str, expected: object) -> None:
    assert at(NEW.document, path) == expected
    assert at(OLD.document, path) == expected


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ("remainingEnergy/remainingEnergyValue", "remainingEnergy/remainingEnergyalue", 50.402),
        ("energyThroughput/energyThroughputValue", "energyThroughput", 24310.5),
        ("currentSelfDischargingRate/currentSelfDischargingRateValue",
         "currentSelfDischargingRate/currentSelfDischargingRateEntity", 3),
        ("remainingPowerCapability/remainingPowerCapabilityValue",
         "remainingPowerCapability/0/remainingPowerCapabilityValue",
         {"atSoC": 80, "powerCapabilityAt": 81000, "rPCLastUpdated": SEEN}),
    ],
)  # fmt: skip
def test_the_two_versions_differ_in_names(new: str, old: str, expected: object) -> None:
    assert at(NEW.document, f"{CONDITION}/{new}") == at(OLD.document, f"{CONDITION}/{old}") == expected


def test_power_fades_among_the_properties_in_one_and_among_the_conditions_in_the_other() -> None:
    assert at(NEW.document, f"{PROPERTIES}/powerFade") == at(OLD.document, f"{CONDITION}/powerFade") == 10


def test_the_older_version_has_two_points_of_power_and_the_newer_one() -> None:
    assert at(OLD.document, f"{CONDITION}/remainingPowerCapability/1/remainingPowerCapabilityValue/atSoC") == 20
    assert Why.NO_PLACE in {why for why, _ in losses_of(NEW, "power_at_20")}


def test_the_older_version_has_one_number_for_a_range() -> None:
    assert at(NEW.document, f"{PROPERTIES}/temperatureRangeIdleState") == {"minimum": -20, "maximum": 45}
    for key in ("idle_temp_min", "idle_temp_max"):
        assert losses_of(OLD, key) == [(Why.UNFIT, f"{PROPERTIES}/temperatureRangeIdleState")]


def test_units_that_contradict_their_descriptions_are_for_a_person_to_decide() -> None:
    told = {loss.key: loss.words for loss in OLD.losses if loss.why is Why.DECIDE}
    assert set(told) == {"original_power", "power_at_80", "power_at_20", "power_energy_ratio", "remaining_capacity"}
    assert told["remaining_capacity"] == "written in Ah, as the model describes it; its unit there is kWh"


def test_no_time_of_day_and_no_month_of_a_year_is_made_up() -> None:
    source = with_content(pack("EV"), "manufacturing_date", "2026-11-05")
    lost = [loss for loss in make(source, NAMED).losses if loss.why is Why.UNFIT]
    assert {"manufacturing_date", "into_service_date", "warranty"} <= {loss.key for loss in lost}


def test_of_two_reports_the_first_is_carried_and_the_other_is_lost() -> None:
    assert (Why.COARSER, "/Labels/resultOfTestReport") in losses_of(NEW, "test_reports")


def test_the_type_of_a_manual_is_known_where_it_is_attached() -> None:
    linked = losses_of(NEW, "dismantling_manuals")
    assert (Why.NO_SOURCE, "/Circularity/dismantlingAndRemovalInformation/0/mimeType") in linked
    attached = make(with_content(pack("EV"), "dismantling_manuals", REPORT.sha256), NAMED)
    assert at(attached.document, "/Circularity/dismantlingAndRemovalInformation/0/mimeType") == "application/pdf"


def test_the_earliest_of_four_times_stands_for_them() -> None:
    source = pack("EV")
    earlier = replace(source.values["time_cold"], made_unix_ms=1_700_000_000_000)
    export = make(replace(source, values={**source.values, "time_cold": earlier}), NAMED)
    assert at(export.document, f"{CONDITION}/temperatureInformation/lastUpdate") == "2023-11-14T22:13:20Z"


def test_one_text_on_several_substances_is_not_spread_over_them() -> None:
    two: list[Content] = [{"material": "LiPF6", "share_percent": "1.9"}, {"material": "PVDF", "share_percent": "0.4"}]
    export = make(with_content(pack("EV"), "hazardous_substances", two), NAMED)
    assert [why for why, _ in losses_of(export, "substance_impact")] == [Why.DECIDE, Why.DECIDE]


def test_whole_years_say_what_they_cut_off() -> None:
    source = with_content(pack("EV"), "expected_years", Decimal("12.5"))
    export = make(source, NAMED)
    assert at(export.document, f"{PROPERTIES}/expectedLifetime") == 12
    assert (Why.COARSER, f"{PROPERTIES}/expectedLifetime") in losses_of(export, "expected_years")
    ages = make(with_content(pack("EV"), "expected_years", Decimal(32_768)), NAMED)
    assert (Why.UNFIT, f"{PROPERTIES}/expectedLifetime") in losses_of(ages, "expected_years")

"""Each aspect value by value: units, names, what is not carried and why. Nothing is made up."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from packseal.exchange.aspects import (
    carbon_footprint,
    circularity,
    evidence,
    handover,
    material_composition,
    nameplate,
    product_condition,
    technical_data,
)
from packseal.exchange.export import Export
from packseal.exchange.identifiers import Identifiers, Party, Plant
from packseal.exchange.loss import Loss, Why, missing_fields
from packseal.exchange.source import Bound, Content, Source
from tests.exchange.packs import NOTES, measured, note, pack, sparse_pack, stated

FOUND = "2027-01-15T07:59:00Z"
PLANT = Identifiers(Party("Cells AG", bpnl="BPNL00000003AYRE"), "PS-60", plant=Plant("W", bpns="BPNS00000003AYRE"))


def with_stated(source: Source, **contents: Content | None) -> Source:
    """With other contents under these keys, None for without."""
    values = {key: value for key, value in source.values.items() if key not in contents}
    values |= {key: stated(key, content) for key, content in contents.items() if content is not None}
    return replace(source, values=values)


def document(export: Export) -> Any:
    return export.document


def losses(export: Export, key: str) -> list[tuple[Why, str]]:
    return [(loss.why, loss.field) for loss in export.losses if loss.key == key and loss.field]


def words(export: Export, key: str, why: Why) -> str:
    (found,) = [loss.words for loss in export.losses if loss.key == key and loss.why is why and loss.field]
    return found


# ---- product condition


def test_product_condition_in_the_units_of_the_model() -> None:
    found = document(product_condition.make(pack("EV")))
    said = {name: one.get(f"{name}Value") for name, one in found.items() if isinstance(one, dict)}
    assert {name: one for name, one in said.items() if isinstance(one, int | float)} == {
        "EnergyThroughput": 24310.5, "CapacityThroughput": 64510.25, "StateOfCertifiedEnergy": 86.9,
        "RemainingEnergy": 50.402, "RemainingCapacity": 137.894,
        "RemainingRoundTripEnergyEfficiency": 93.6, "StateOfCharge": 63.25, "NumberOfFullCycles": 212,
        "CurrentSelfDischargingRate": 3,
    }  # fmt: skip
    assert {one["LastUpdate"] for one in found.values() if isinstance(one, dict)} == {FOUND}
    assert found["TemperatureInformation"] == {
        "MeasuredTemp": 24.3, "TimeExtremeHighTemp": 84, "TimeExtremeLowTemp": 320, "TimeExtremeHighTempCharging": 12,
        "TimeExtremeLowTempCharging": 7, "LastUpdate": FOUND,
    }  # fmt: skip


def test_a_rate_of_self_discharge_is_in_thirty_days_and_the_model_cannot_say_so() -> None:
    export = product_condition.make(pack("SBESS"))
    assert document(export)["EvolutionOfSelfDischarge"]["EvolutionOfSelfDischargeValue"] == 50
    assert "30 days" in words(export, "self_discharge", Why.COARSER)


def test_accidents_are_notes_with_the_statements_that_they_are_in() -> None:
    found = document(product_condition.make(pack("LMT")))
    (event,) = found["NegativeEvents"]
    assert event == {"NegativeEventValue": "side impact at 30 km/h", "LastUpdate": "2027-01-03T10:00:00Z"}
    assert found["InformationOnAccidents"] == ["d3" * 32]


def test_where_nobody_noted_an_accident_it_is_not_said_that_there_was_none() -> None:
    export = product_condition.make(with_stated(pack("EV"), negative_events=None))
    assert "InformationOnAccidents" not in export.document
    assert "/InformationOnAccidents" in missing_fields(export.losses)


def test_that_there_was_none_is_carried_where_somebody_stated_it() -> None:
    source = pack("EV")
    none = replace(note("negative_events"), content=[])
    export = product_condition.make(replace(source, values={**source.values, "negative_events": none}))
    assert (export.document["InformationOnAccidents"], export.document["NegativeEvents"]) == ([], [])
    assert missing_fields(export.losses) == []


def test_each_accident_with_a_statement_of_its_own() -> None:
    events: Any = [{"at": 1_799_000_000_000, "text": "fell", "statement": "e1" * 32}, *NOTES["negative_events"]]  # type: ignore[misc]
    source = pack("EV")
    values = {**source.values, "negative_events": replace(note("negative_events"), content=events)}
    found = document(product_condition.make(replace(source, values=values)))
    assert found["InformationOnAccidents"] == ["e1" * 32, "d3" * 32]
    assert found["NegativeEvents"][0]["LastUpdate"] == "2027-01-03T18:13:20Z"


def test_of_several_temperatures_the_oldest_time_stands() -> None:
    source = pack("EV")
    older = replace(measured("time_cold"), made_unix_ms=1_798_761_600_000)
    found = document(product_condition.make(replace(source, values={**source.values, "time_cold": older})))
    assert found["TemperatureInformation"]["LastUpdate"] == "2027-01-01T00:00:00Z"


def test_a_value_whose_time_nobody_knows_is_not_written() -> None:
    source = pack("EV")
    undated = replace(measured("soc"), made_unix_ms=None)
    export = product_condition.make(replace(source, values={**source.values, "soc": undated}))
    assert "StateOfCharge" not in export.document
    assert losses(export, "soc") == [(Why.UNFIT, "/StateOfCharge/StateOfChargeValue")]


def test_what_is_told_as_a_bound_alone_is_withheld_there_and_stands_beside() -> None:
    source = pack("EV")
    told = replace(measured("soce_cpct"), content=None, interval=None, standard_uncertainty=None, details={})
    told = replace(told, bound=Bound(Decimal(80), True), rule="at-least")
    source = replace(source, values={**source.values, "soce_cpct": told})
    export = product_condition.make(source)
    assert "StateOfCertifiedEnergy" not in export.document
    assert losses(export, "soce_cpct") == [(Why.WITHHELD, "/StateOfCertifiedEnergy/StateOfCertifiedEnergyValue")]
    (beside,) = [one for one in document(evidence.make(source))["values"] if one["key"] == "soce_cpct"]
    assert beside["bound"] == {"limit": 80, "isAtLeast": True}
    assert "value" not in beside


def test_remaining_power_is_percent_of_the_power_when_new() -> None:
    export = product_condition.make(pack("EV"))
    power = document(export)["RemainingPowerCapability"]
    assert power["RemainingPowerCapabilityValue"] == {"PowerCapabilityAt": 90, "AtSoC": 80, "RPCLastUpdated": FOUND}
    field = "/RemainingPowerCapability/RemainingPowerCapabilityValue/PowerCapabilityAt"
    assert losses(export, "power_at_80") == losses(export, "power_at_20") == [(Why.UNFIT, field)]


def test_a_cycle_that_is_not_over_does_not_count_and_the_rest_is_said() -> None:
    source = pack("EV")
    export = product_condition.make(
        replace(source, values={**source.values, "full_cycles": measured("full_cycles", "212.9")})
    )
    assert document(export)["NumberOfFullCycles"]["NumberOfFullCyclesValue"] == 212
    assert losses(export, "full_cycles") == [(Why.COARSER, "/NumberOfFullCycles/NumberOfFullCyclesValue")]


# ---- nameplate


def test_an_address_in_one_text_is_not_taken_apart_and_a_month_gets_no_day() -> None:
    export = nameplate.make(pack("EV"))
    assert {field for _, field in losses(export, "manufacturer_id")} == {
        "/AddressInformation/Street", "/AddressInformation/ZipCode", "/AddressInformation/CityTown",
        "/AddressInformation/NationalCode", "/ManufacturerName",
    }  # fmt: skip
    assert losses(export, "manufacturing_date") == [(Why.UNFIT, "/DateOfManufacture")]


def test_what_is_stated_apart_and_to_the_day_is_carried() -> None:
    maker: dict[str, Content] = {"name": "Cells AG", "id": "BPNL00000003AYRE", "street": "Werkstr. 1",
                                 "postal_code": "38440", "city": "Wolfsburg", "country": "DE"}  # fmt: skip
    export = nameplate.make(with_stated(pack("EV"), manufacturer_id=maker, manufacturing_date="2026-11-03"))
    assert document(export)["AddressInformation"] == {
        "Street": [{"und": "Werkstr. 1"}], "ZipCode": [{"und": "38440"}], "CityTown": [{"und": "Wolfsburg"}],
        "NationalCode": [{"und": "DE"}],
    }  # fmt: skip
    assert document(export)["DateOfManufacture"] == "2026-11-03"
    assert missing_fields(export.losses) == []


def test_a_site_without_a_number_takes_the_one_that_a_person_stated() -> None:
    source = with_stated(pack("EV"), facility_id="Halle 3")
    alone, named = nameplate.make(source), nameplate.make(source, identifiers=PLANT)
    assert losses(alone, "facility_id") == [(Why.UNFIT, "/UniqueFacilityIdentifier")]
    assert named.document["UniqueFacilityIdentifier"] == "BPNS00000003AYRE"
    assert losses(named, "facility_id") == [(Why.COARSER, "/UniqueFacilityIdentifier")]


def test_a_number_of_another_kind_or_with_a_slip_is_no_site() -> None:
    for text in ("BPNL00000003AYRE", "BPNS00000003AYRF"):
        export = nameplate.make(with_stated(pack("EV"), facility_id=text))
        assert losses(export, "facility_id") == [(Why.UNFIT, "/UniqueFacilityIdentifier")]


def test_the_passport_s_own_number_goes_before_the_one_that_a_person_stated() -> None:
    with_own, without = pack("EV"), with_stated(pack("EV"), manufacturer_id={"name": "Cells AG"})
    made = [nameplate.make(source, identifiers=PLANT) for source in (with_own, without)]
    assert [export.leaves["/ManufacturerIdentifier"].key for export in made] == ["manufacturer_id"] * 2
    stated = Why.COARSER, "/ManufacturerIdentifier"
    assert [stated in losses(export, "manufacturer_id") for export in made] == [False, True]


def test_the_product_is_where_its_own_address_leads_else_where_its_passport_is() -> None:
    link = "https://passport.example.org/battery/a0"
    assert nameplate.make(pack("EV"), link).document["URIOfTheProduct"] == "https://example.org/b/PS60-000123"
    assert nameplate.make(with_stated(pack("EV"), battery_uid="PS60-000123"), link).document["URIOfTheProduct"] == link
    assert "/URIOfTheProduct" in missing_fields(nameplate.make(sparse_pack("EV")).losses)


# ---- technical data


def test_whole_percents_are_rounded_where_they_are_required_and_stay_out_where_not() -> None:
    export = technical_data.make(with_stated(pack("SBESS"), initial_self_discharge=Decimal("2.5")))
    efficiency = document(export)["TechnicalPropertyAreas"]["RoundTripEnergyEfficiency"]
    assert efficiency["RoundTripEnergyEfficiencyAt50PercentOfCycleLife"] == 94
    assert [why for why, _ in losses(export, "rte_50")] == [Why.COARSER]
    assert losses(export, "initial_rte") == []
    assert "InitialSelfDischargingRate" not in efficiency
    assert [why for why, _ in losses(export, "initial_self_discharge")] == [Why.UNFIT]


def test_resistance_of_cell_pack_and_module_each_where_it_is_stated_once() -> None:
    rows: list[Content] = [{"component": "cell", "ohm": "0.001"}, {"component": "module", "ohm": "0.01"},
                           {"component": "busbar", "ohm": "0.0001"}]  # fmt: skip
    export = technical_data.make(with_stated(pack("EV"), initial_resistance=rows))
    found = document(export)["TechnicalPropertyAreas"]["Resistance"]
    assert found["InitialInternalResistanceAtBatteryCellLevel"] == 0.001
    assert found["InitialInternalResistanceAtBatteryModuleLevel"] == 0.01
    place = "/TechnicalPropertyAreas/Resistance"
    assert losses(export, "initial_resistance") == [
        (Why.NO_SOURCE, f"{place}/InitialInternalResistanceAtBatteryPackLevel"), (Why.COARSER, place)
    ]  # fmt: skip
    assert words(export, "initial_resistance", Why.COARSER).endswith("busbar")


@pytest.mark.parametrize(("warranty", "is_carried"), [("P96M", True), ("P8Y", True), ("P", False), ("8 years", False)])
def test_a_warranty_is_a_duration(warranty: str, is_carried: bool) -> None:
    found = document(technical_data.make(with_stated(pack("EV"), warranty=warranty)))["GeneralInformation"]
    assert ("WarrantyInformation" in found) == is_carried


@pytest.mark.parametrize(
    ("category", "word"), [("EV", "ev"), ("LMT", "lmt"), ("SBESS", "stationary"), ("other_industrial", "industrial")]
)
def test_the_category_in_the_model_s_word(category: str, word: str) -> None:
    assert document(technical_data.make(pack(category)))["GeneralInformation"]["BatteryCategory"] == word


# ---- carbon footprint


def test_each_stage_has_its_phase_and_tonnes_become_kilograms() -> None:
    entries = document(carbon_footprint.make(pack("EV")))["ProductCarbonFootprints"]
    said = [(one["PcfCo2eq"], one["ReferenceImpactUnitForCalculation"], len(one["LifeCyclePhases"])) for one in entries]
    assert said == [(62.4, "kwH", 4), (38.2, "kwH", 1), (18.1, "kwH", 1), (2.6, "kwH", 1), (3.5, "kwH", 1),
                    (3744, "piece", 4)]  # fmt: skip
    assert entries[3]["LifeCyclePhases"] == ["A4 - transport to final destination"]


def test_the_method_of_calculation_is_asked_for_and_not_guessed() -> None:
    export = carbon_footprint.make(with_stated(pack("EV"), cf_total=None))
    assert missing_fields(export.losses) == [
        "/ProductCarbonFootprints",
        *(f"/ProductCarbonFootprints/{number}/PcfCalculationMethods" for number in range(5)),
    ]


# ---- material composition


def materials(source: Source) -> tuple[Export, list[Any]]:
    export = material_composition.make(source)
    return export, document(export)["BatteryMaterials"]


def test_critical_is_what_is_stated_or_has_a_critical_name_in_it() -> None:
    export, found = materials(pack("EV"))
    said = {one["BatteryMaterialName"]: one.get("IsCriticalRawMaterial") for one in found}
    assert said == {
        "lithium nickel manganese cobalt oxide": True, "graphite": None, "lithium hexafluorophosphate": True,
        "cobalt": True, "lithium": True, "nickel": True, "natural graphite": True,
    }  # fmt: skip
    assert "/BatteryMaterials/1/IsCriticalRawMaterial" in missing_fields(export.losses)


def test_an_element_has_its_number_and_of_another_material_it_is_asked_for() -> None:
    export, found = materials(pack("EV"))
    assert found[3]["BatteryMaterialIdentifier"] == "7440-48-4"
    assert "BatteryMaterialIdentifier" not in found[6]
    assert "/BatteryMaterials/6/BatteryMaterialIdentifier" in missing_fields(export.losses)


def test_a_number_of_another_register_is_unfit() -> None:
    rows: list[Content] = [
        {"material": "x", "cas": "EC 231-158-0", "part": "anode", "critical": False, "mass_kg": "1.5"}
    ]
    export, found = materials(with_stated(pack("EV"), detailed_composition=rows, critical_raw_materials=None))
    assert found == [{"BatteryMaterialName": "x", "BatteryMaterialLocation": {"ComponentName": "anode"},
                      "IsCriticalRawMaterial": False, "BatteryMaterialMass": 1.5}]  # fmt: skip
    assert losses(export, "detailed_composition")[0] == (Why.UNFIT, "/BatteryMaterials/0/BatteryMaterialIdentifier")


def test_shares_of_materials_have_no_place_and_those_of_hazardous_ones_do() -> None:
    export, found = materials(pack("EV"))
    assert all("share_percent" not in str(one) for one in found)
    shares = [loss.words for loss in export.losses if "share_percent" in loss.words]
    assert len(shares) == 3
    (substance,) = document(export)["HazardousSubstances"]
    assert (substance["HazardousSubstanceConcentration"], substance["HazardousSubstanceClass"]) == (
        1.9,
        "AcuteToxicity",
    )


def test_an_impact_is_of_the_one_substance_and_of_several_a_person_decides() -> None:
    one = material_composition.make(pack("EV"))
    assert document(one)["HazardousSubstances"][0]["HazardousSubstanceImpact"] == [
        "toxic if swallowed; harmful to water"
    ]
    several = material_composition.make(with_stated(pack("EV"), hazardous_substances=["cobalt", "nickel"]))
    assert losses(several, "substance_impact") == [(Why.DECIDE, "/HazardousSubstances")]


def test_a_chemistry_that_is_not_known_here_has_no_clear_name() -> None:
    export = material_composition.make(with_stated(pack("EV"), chemistry="XYZ"))
    assert export.document["BatteryChemistry"] == {"ShortName": "XYZ"}
    assert losses(export, "chemistry") == [(Why.UNFIT, "/BatteryChemistry/ClearName")]


# ---- circularity


def test_part_numbers_are_the_one_supplier_s_and_of_several_a_person_decides() -> None:
    one = circularity.make(pack("EV"))
    assert document(one)["SparePartSources"][0]["Components"] == [
        {"PartName": "BMS", "PartNumber": "4711-0815"}, {"PartName": "module", "PartNumber": "4712"}
    ]  # fmt: skip
    two: list[Content] = [{"name": "Parts GmbH"}, {"name": "Teile AG"}]
    several = circularity.make(with_stated(pack("EV"), spare_part_sources=two))
    assert [row["NameOfSupplier"] for row in document(several)["SparePartSources"]] == [
        [{"und": "Parts GmbH"}], [{"und": "Teile AG"}]
    ]  # fmt: skip
    assert losses(several, "component_part_numbers") == [(Why.DECIDE, "/SparePartSources")]


def test_recycled_content_of_a_metal_of_which_half_is_stated() -> None:
    export = circularity.make(sparse_pack("EV"))
    assert export.document["RecycledContentInformation"] == [{"RecycledMaterial": "Cobalt", "PreConsumerShare": 6}]
    assert "/RecycledContentInformation/0/PostConsumerShare" in missing_fields(export.losses)


# ---- handover documentation


def test_each_document_is_called_as_the_other_parts_call_it() -> None:
    source = pack("EV")
    found = document(handover.make(source))["Documents"]
    called = {one["DocumentIds"][0]["DocumentIdentifier"] for one in found}
    plate, circle = document(nameplate.make(source)), document(circularity.make(source))
    for named in (
        plate["EUDeclarationOfConformity"], plate["ResultsOfTestReportsProvingCompliance"],
        circle["DismantlingAndRemovalInformation"], circle["SafetyMeasures"]["SafetyInstructions"],
    ):  # fmt: skip
        assert set(named) <= called


def test_a_document_of_no_known_kind_is_not_handed_over() -> None:
    export = handover.make(pack("EV"))
    assert losses(export, "bms_interface") == [(Why.UNFIT, "/Documents")]


# ---- evidence


def test_evidence_of_a_measured_and_of_a_stated_value() -> None:
    said = {one["key"]: one for one in document(evidence.make(pack("EV"), "https://example.org/battery/a0"))["values"]}
    assert said["soce_cpct"] == {
        "key": "soce_cpct", "value": 86.9, "unit": "%", "accessGroup": 4, "origin": "measured",
        "method": "method of soce_cpct", "standardUncertainty": 0.71, "interval": {"low": 85.5084, "high": 88.2916},
        "record": {"logId": "5a" * 16, "seq": 1042}, "madeUnixMs": 1_799_999_940_000, "evidenceClass": "B",
    }  # fmt: skip
    assert said["declaration_of_conformity"]["files"][0]["name"] == "declaration of conformity.pdf"
    assert said["energy_throughput"]["details"] == {"charge": 12360.2, "discharge": 11950.3}


def test_a_log_that_no_value_cites_is_nobody_s_business() -> None:
    source = pack("EV")
    values = {key: value for key, value in source.values.items() if value.record is None}
    assert "logs" not in evidence.make(replace(source, values=values)).document
    assert [one["logId"] for one in document(evidence.make(source))["logs"]] == ["5a" * 16]


def test_what_a_rule_kept_back_is_said_and_digits_that_it_took() -> None:
    kept = Loss(Why.WITHHELD, "", "soc", "no rule lets it out")
    source = replace(sparse_pack("EV"), withheld=(kept,))
    values = {
        key: replace(value, is_coarser=key == "temperature") for key, value in source.values.items() if key != "soc"
    }
    export = evidence.make(replace(source, values=values))
    assert [(loss.why, loss.key) for loss in export.losses] == [(Why.WITHHELD, "soc"), (Why.COARSER, "temperature")]
    (one,) = [one for one in document(export)["values"] if one["key"] == "temperature"]
    assert one["isCoarser"] is True

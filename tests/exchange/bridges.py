"""Two documents that a bridge carries, and the decisions under which it does."""

from __future__ import annotations

from decimal import Decimal

from packseal.exchange.bridge.decisions import Certificate, Decisions, Share, Study
from packseal.exchange.bridge.units import Kind, Product
from packseal.exchange.identifiers import Associations, Party, Plant
from packseal.exchange.loss import Json

TRACE_ID = "2fb97052-250b-44de-acbb-1ba63e28af71"
CFP_ID = "6191188d-6e67-4449-8bd3-e121b8f23a65"
CERTIFICATE_ID = "7e785ae2-e628-42dc-90af-96f91958edc7"
OPERATOR, BPNL = "1180301018771", "BPNL00000003AYRE"
PLANT, BPNS = "1180301018771000001", "BPNS00000003AYRE"
OWN_KINDS = ("preProduction", "mainProduction", "preComponent", "mainComponent")
RAW, PRODUCTION = "A1 - raw material supply (and upstream production)", "A3 - production"
EMISSIONS = {
    "preProduction": Decimal("1.50001"),
    "mainProduction": Decimal("10.25"),
    "preComponent": Decimal("38.2"),
    "mainComponent": Decimal("0.5"),
}
ASSOCIATED = Associations(
    (Party("Cells KK", corporate_number=OPERATOR, bpnl=BPNL),), (Plant("Tochigi", open_plant_id=PLANT, bpns=BPNS),)
)
DECIDED = Decisions(
    associations=ASSOCIATED,
    product=Product(Decimal("412.5"), Decimal(240_000), Decimal(60), Kind.LIFE_ENERGY),
    study=Study(("ISO 14067",), "B", ("doc-17",)),
    undivided=Share.OWN,
    certificates={
        CERTIFICATE_ID: Certificate("PCF 3rd party verification", "ISO 14067", "Verification Framework V2", "Verifier")
    },
    trace_id=TRACE_ID,
    cfp_id=CFP_ID,
)


def line(kind: str, emission: Decimal | None, unit: str = "kilogram", rating: Decimal | None = Decimal(2)) -> Json:
    """As `cfp` answers."""
    quality = ("pre" if kind.startswith("pre") else "main") + "Processing" + ("Total" if kind.endswith("Total") else "")
    return {
        "cfpId": CFP_ID,
        "traceId": TRACE_ID,
        "ghgEmission": emission,
        "ghgDeclaredUnit": f"kgCO2e/{unit}",
        "cfpType": kind,
        "dqrType": quality,
        "dqrValue": {"TeR": rating, "GeR": rating, "TiR": rating},
    }


def of_ouranos(unit: str = "kilogram") -> Json:
    return {
        "operator": {
            "operatorId": "b39e6248-c888-56ca-d9d0-89de1b1adc8e", "openOperatorId": OPERATOR,
            "operatorName": "Cells KK", "operatorAddress": "Toyota", "operatorAttribute": {"globalOperatorId": BPNL},
        },
        "plant": {"openPlantId": PLANT, "plantName": "Tochigi", "plantAttribute": {"globalPlantId": None}},
        "parts": {"traceId": TRACE_ID, "partsName": "PS-60", "supportPartsName": "modelA", "partsAddInfo3": "x" * 43},
        "cfp": [line(kind, emission, unit) for kind, emission in EMISSIONS.items()],
        "cfpCertification": [
            {"cfpCertificationId": CERTIFICATE_ID, "traceId": TRACE_ID, "cfpCertificationDescription": "verified",
             "cfpCertificationFileInfo": [{"fileId": CFP_ID, "fileName": "cfp.pdf", "operatorId": None}]},
        ],
    }  # fmt: skip


def entry(phase: str, emission: Decimal, unit: str = "kwH") -> Json:
    """As the aspect of IDTA 02035-3 has it."""
    return {
        "PcfCo2eq": emission,
        "ReferenceImpactUnitForCalculation": unit,
        "QuantityOfMeasureForCalculation": Decimal(1),
        "LifeCyclePhases": [phase],
        "PcfCalculationMethods": ["ISO 14067"],
        "PerformanceClass": "B",
        "WebLinkToPublicCarbonFootprintStudy": ["doc-17"],
    }


def of_catena_x(unit: str = "kwH") -> Json:
    ratings = {"technologicalDQR": Decimal(2), "geographicalDQR": Decimal("2.5"), "temporalDQR": Decimal(1)}
    return {
        "identifiers": {
            "manufacturerId": BPNL, "manufacturerPartId": "PS-60", "partInstanceId": "PS60-000123",
            "uniqueFacilityIdentifier": BPNS,
        },
        "carbonFootprint": {
            "ProductCarbonFootprints": [
                entry(RAW, Decimal("38.2"), unit), entry(PRODUCTION, Decimal("18.1"), unit),
                entry("A4 - transport to final destination", Decimal("2.6"), unit),
            ]
        },
        "pcf": {
            "pcfAssessmentAndMethodology": [{"dataSourcesAndQuality": [ratings]}],
            "attestationOfConformance": [
                {"attestationOfConformanceId": CERTIFICATE_ID, "attestationType": "PCF Program Certification",
                 "standardName": "ISO 14067", "attestationStandard": "Framework V2", "providerName": "Verifier"},
            ],
        },
    }  # fmt: skip

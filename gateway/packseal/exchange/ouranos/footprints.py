"""Carbon footprints of version 1 on the wire: an array of four, of which all or none is registered (API #14, #15, #18).

Decides what may be sent: four kinds with one identifier, one part and one unit; the same quality for the same process;
five decimals, the sixth rounded up; no quality of a process without any emission; and never null. What is registered is
replaced as a whole, so whoever changes one value sends the others as they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Decimal

from packseal.exchange.export import UnfitError
from packseal.exchange.loss import Json
from packseal.exchange.ouranos.model import Certification, CertificationFile, Footprint, FootprintLine, Quality
from packseal.exchange.ouranos.wire import GREATEST, PLACES, Entry, broken, fit_number, fit_uuid

UNIT_PREFIX = "kgCO2e/"
PRE, MAIN = "preProcessing", "mainProcessing"
# kind -> quality that goes with it
OWN_KINDS = {"preProduction": PRE, "mainProduction": MAIN, "preComponent": PRE, "mainComponent": MAIN}
KINDS = {
    **OWN_KINDS,
    **{f"{kind}Total": f"{quality}Total" for kind, quality in OWN_KINDS.items()},
    "preProductionResponse": f"{PRE}Response",
    "mainProductionResponse": f"{MAIN}Response",
}


def rounded_up(emission: Decimal) -> Decimal:
    """To the five decimals that are registered; the contract rounds the sixth up. Raises UnfitError."""
    if not emission.is_finite() or not 0 <= emission <= GREATEST:
        raise UnfitError(f"ghgEmission: {emission} is not from 0 to {GREATEST} kgCO2e")
    return emission.quantize(PLACES, ROUND_CEILING)


def footprint_json(footprint: Footprint) -> list[Json]:
    """The array of four. Raises UnfitError."""
    emissions = (footprint.own_pre, footprint.own_main, footprint.bought_pre, footprint.bought_main)
    _check_process(PRE, footprint.pre_quality, (footprint.own_pre, footprint.bought_pre))
    _check_process(MAIN, footprint.main_quality, (footprint.own_main, footprint.bought_main))
    qualities = {PRE: footprint.pre_quality, MAIN: footprint.main_quality}
    return [
        {
            "cfpId": None if footprint.footprint_id is None else fit_uuid("cfpId", footprint.footprint_id),
            "traceId": fit_uuid("traceId", footprint.trace_id),
            "ghgEmission": fit_number("ghgEmission", emission),
            "ghgDeclaredUnit": f"{UNIT_PREFIX}{footprint.unit}",
            "cfpType": kind,
            "dqrType": process,
            "dqrValue": _quality_json(qualities[process]),
        }
        for (kind, process), emission in zip(OWN_KINDS.items(), emissions, strict=True)
    ]


def line(found: Entry) -> FootprintLine:
    kind = found.text("cfpType", 50)
    if kind not in KINDS or found.text("dqrType", 50).replace("Prosessing", "Processing") != KINDS[kind]:
        raise broken(f"{found.name}.cfpType", "a kind of the contract with the quality that goes with it")
    told = found.inner("dqrValue")
    return FootprintLine(
        found.uuid("traceId"),
        found.uuid_or_none("cfpId"),
        kind,
        found.unit("ghgDeclaredUnit", UNIT_PREFIX),
        found.number_or_none("ghgEmission"),
        Quality(told.number_or_none("TeR"), told.number_or_none("GeR"), told.number_or_none("TiR")),
    )


def line_json(told: FootprintLine) -> Json:
    """As it was read, for a file."""
    return {
        "cfpId": told.footprint_id,
        "traceId": told.trace_id,
        "ghgEmission": None if told.emission is None else fit_number("ghgEmission", told.emission),
        "ghgDeclaredUnit": f"{UNIT_PREFIX}{told.unit}",
        "cfpType": told.kind,
        "dqrType": KINDS[told.kind],
        "dqrValue": _quality_json(told.quality),
    }


def footprint(lines: Iterable[FootprintLine], trace_id: str) -> Footprint | None:
    """What a part's maker declared of it, from all the lines that are told; None where not all four are."""
    own = {one.kind: one for one in lines if one.trace_id == trace_id and one.kind in OWN_KINDS}
    told = {kind: one.emission for kind, one in own.items() if one.emission is not None}
    if len(told) < len(OWN_KINDS):
        return None
    first = own["preProduction"]
    return Footprint(
        trace_id,
        first.footprint_id,
        first.unit,
        own_pre=told["preProduction"],
        own_main=told["mainProduction"],
        bought_pre=told["preComponent"],
        bought_main=told["mainComponent"],
        pre_quality=first.quality,
        main_quality=own["mainProduction"].quality,
    )


def certification(found: Entry) -> Certification:
    name = "cfpCertificationFileInfo"
    files = tuple(_file(one) for one in found.entries(name)) if name in found else None
    return Certification(
        found.uuid("cfpCertificationId"),
        found.uuid("traceId"),
        found.text_or_none("cfpCertificationDescription", 100),
        files,
    )


def certification_json(told: Certification) -> Json:
    """As it was read, for a file."""
    files = [{"operatorId": one.operator_id, "fileId": one.file_id, "fileName": one.name} for one in told.files or ()]
    return {
        "cfpCertificationId": told.certification_id,
        "traceId": told.trace_id,
        "cfpCertificationDescription": told.description,
        "cfpCertificationFileInfo": None if told.files is None else files,
    }


def _file(found: Entry) -> CertificationFile:
    return CertificationFile(
        found.uuid_or_none("fileId"), found.text_or_none("fileName", 1000), found.uuid_or_none("operatorId")
    )


def _check_process(process: str, quality: Quality, emissions: Sequence[Decimal]) -> None:
    told = (quality.technological, quality.geographical, quality.temporal)
    if any(one for one in told) and not any(emissions):
        raise UnfitError(f"{process}: its quality is told, and no emission above 0; the ecosystem refuses that")


def _quality_json(quality: Quality) -> Json:
    named = {"TeR": quality.technological, "GeR": quality.geographical, "TiR": quality.temporal}
    return {name: None if value is None else fit_number(name, value) for name, value in named.items()}

"""A battery as Ouranos has it: a part, and the carbon footprint of its making. Nothing else of a passport has a place.

The contract knows no single battery, no health and no use. So the part is named by the model, its support name is the
serial number, which gives each battery a trace id of its own, and the third free text anchors its evidence: base64url
of the SHA-256 of the bundle, 43 characters. What stands in no passport (identifiers that the ecosystem minted, whether
the tree ends here, whose the emissions are) is told, or a line of the losses.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from decimal import Decimal

from packseal.exchange.export import Builder, Converted, Export, Field, Path, Target, UnfitError, number, text
from packseal.exchange.loss import Why
from packseal.exchange.ouranos.footprints import MAIN, OWN_KINDS, PRE, UNIT_PREFIX, rounded_up
from packseal.exchange.ouranos.model import Unit
from packseal.exchange.ouranos.wire import fit
from packseal.exchange.source import Content, Source

MODEL = "Ouranos data platform API 3.0.0"
PART, CFP = "partsModel", "cfp"
PER_LIFE = "of one kWh over its life (Article 7); the unit kilowatt-hour of the contract does not say so"


def _short(content: Content) -> Converted:
    return fit("the part", text(content), 1, 50)


def _emission(content: Content) -> Converted:
    if isinstance(content, bool) or not isinstance(content, int | Decimal):
        raise UnfitError("a number is needed")
    return number(rounded_up(Decimal(content)))


NAMES = (
    Field((PART, "partsName"), "model_id", _short, True, "PartsModel", "up to 50 characters"),
    Field((PART, "supportPartsName"), "serial_number", _short, False, "PartsModel", "gives it a trace id of its own"),
    Field((PART, "partsAddInfo2"), "manufacturing_date", _short, False, "PartsModel", "free text 2"),
)
RAW = Field((CFP, 0, "ghgEmission"), "cf_raw", _emission, False, "CfpModel", "before production; the sixth decimal up")
PRODUCTION = Field((CFP, 1, "ghgEmission"), "cf_production", _emission, False, "CfpModel", "in production; the same")
TARGET = Target("ouranos-battery", "Part and carbon footprint", MODEL, (*NAMES, RAW, PRODUCTION))


@dataclass(frozen=True, slots=True)
class Told:
    """operator_id, plant_id, trace_id: as the ecosystem minted them; trace_id None for a part that is new.
    evidence: anchor of a bundle. is_terminated: no supplier is asked behind this part. are_emissions_own: all of both
    stages the maker's (True), all the parts' that it bought (False), None where nobody has said."""

    operator_id: str | None = None
    plant_id: str | None = None
    trace_id: str | None = None
    evidence: str | None = None
    is_terminated: bool | None = None
    are_emissions_own: bool | None = None


NOTHING_TOLD = Told()


def evidence_anchor(bundle: bytes) -> str:
    """43 characters that name exactly this evidence bundle."""
    return base64.urlsafe_b64encode(hashlib.sha256(bundle).digest()).rstrip(b"=").decode()


def make(source: Source, told: Told = NOTHING_TOLD) -> Export:
    builder = Builder(TARGET, source)
    builder.take_all(NAMES)
    _identify(builder, told)
    _take_footprint(builder, told)
    return builder.export()


def _identify(builder: Builder, told: Told) -> None:
    for name, identifier in (("operatorId", told.operator_id), ("plantId", told.plant_id)):
        if identifier is None:
            builder.lose(Why.NO_SOURCE, (PART, name), "", f"{MODEL} requires it; log in, it is shown there")
        else:
            builder.put_made((PART, name), (), identifier, "told:ouranos")
    builder.put_made((PART, "traceId"), (), told.trace_id, "told:ouranos")
    if told.is_terminated is None:
        builder.lose(Why.DECIDE, (PART, "terminatedFlag"), "", "whether suppliers of this part are asked as well")
    else:
        builder.put_made((PART, "terminatedFlag"), (), told.is_terminated, "told:ouranos")
    builder.constant((PART, "amountRequired"), None)  # a parent has no amount
    builder.constant((PART, "amountRequiredUnit"), None)
    if told.evidence is not None:
        builder.put_made((PART, "partsAddInfo3"), (), told.evidence, "told:evidence")


def _take_footprint(builder: Builder, told: Told) -> None:
    """All four, or none: the contract takes no fewer, and 0 for a stage that nobody told would be invented."""
    stages = (RAW, PRODUCTION)
    values = [builder.source.values.get(line.key) for line in stages]
    there = [line for line, value in zip(stages, values, strict=True) if value is not None]
    if len(there) < len(stages):
        _lose_all(builder, there, Why.UNFIT, "all four emissions are registered, or none; the passport lacks some")
    elif told.are_emissions_own is None:
        _lose_all(builder, there, Why.DECIDE, "whether these emissions are the maker's own or of the parts it bought")
    else:
        _write_footprint(builder, told, is_own=told.are_emissions_own)


def _lose_all(builder: Builder, lines: list[Field], why: Why, words: str) -> None:
    for line in lines:
        builder.lose(why, (CFP,), line.key, words)


def _write_footprint(builder: Builder, told: Told, *, is_own: bool) -> None:
    first = 0 if is_own else 2
    stages = [replace(line, path=(CFP, first + place, "ghgEmission")) for place, line in enumerate((RAW, PRODUCTION))]
    trial = [_emission_of(builder, line) for line in stages]
    if None in trial:
        fitting = [line for line, emission in zip(stages, trial, strict=True) if emission is not None]
        _lose_all(builder, fitting, Why.UNFIT, "all four emissions are registered, or none; another does not fit")
        return
    for row, (kind, process) in enumerate(OWN_KINDS.items()):
        path: Path = (CFP, row)
        builder.put_made((*path, "cfpId"), (), None, "told:ouranos")
        builder.put_made((*path, "traceId"), (), told.trace_id, "told:ouranos")
        if first <= row < first + 2:
            line = stages[row - first]
            builder.put(line.path, line.key, trial[row - first])
        else:
            builder.put_made((*path, "ghgEmission"), (), 0, "told:whose-emissions")
        builder.constant((*path, "ghgDeclaredUnit"), f"{UNIT_PREFIX}{Unit.KILOWATT_HOUR}")
        builder.constant((*path, "cfpType"), kind)
        builder.constant((*path, "dqrType"), process)
        builder.constant((*path, "dqrValue"), {"TeR": None, "GeR": None, "TiR": None})
    _say_what_is_lost(builder, told, stages)


def _emission_of(builder: Builder, line: Field) -> Converted:
    """None where it is lost, which is said."""
    value = builder.source.values[line.key]
    if value.content is None:
        builder.lose(Why.WITHHELD, line.path, line.key, "the partner is told a bound alone; none of the four is sent")
        return None
    try:
        return line.convert(value.content)
    except UnfitError as error:
        builder.lose(Why.UNFIT, line.path, line.key, str(error))
        return None


def _say_what_is_lost(builder: Builder, told: Told, stages: list[Field]) -> None:
    for line in stages:
        builder.lose(Why.COARSER, line.path, line.key, PER_LIFE)
        content = builder.source.values[line.key].content
        if isinstance(content, Decimal) and rounded_up(content) != content:
            builder.lose(
                Why.COARSER, line.path, line.key, f"{content} rounded up to five decimals, as the contract has it"
            )
    for line, process in zip(stages, (PRE, MAIN), strict=True):
        words = f"representativeness of {process}; null is sent, the passport has none"
        builder.lose(Why.NO_SOURCE, (*line.path[:2], "dqrValue"), "", words)
    if told.trace_id is None:
        words = "a footprint is of a registered part; register it first"
        builder.lose(Why.NO_SOURCE, (*stages[0].path[:2], "traceId"), "", words)

"""The life of a passport as a document: each stated thing with who said it and where that stands in the passport log.

Decides nothing about who may read what: every value and attachment carries its access group, and access.py chooses.
Equal lives at equal facts give equal documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from packseal.passport.life import Life, Source, StatedAttachment, StatedNote, StatedTest, StatedValue, Step
from packseal.passport.life_rules import Facts
from packseal.passport.life_stages import stage_word
from packseal.passport.settings import CATEGORIES
from packseal.records.report import utc
from packseal.records.statement_bodies import RecordRef, Stated

Json: TypeAlias = dict[str, object]


def life_document(life: Life, facts: Facts) -> Json:
    """JSON-able. `status`: the word of Annex XIII 4(c), null before the battery is on the market. The operator's key is
    the one that counts now; `is_known` says whether it does."""
    return {
        "passport_id": life.passport_id.hex(),
        "battery": life.battery,
        "name": life.name,
        "category": life.category,
        "category_text": CATEGORIES[life.category],
        "rated_capacity_mah": life.rated_capacity_mah,
        "chemistry": life.chemistry,
        "status": life.word,
        "stage": stage_word(life.stage),
        "head": life.head.hex(),
        "operator": _operator(life, facts),
        "originals": _linked((one.passport_id for one in life.originals), facts),
        "successors": _linked(life.successors, facts),
        "modules": [
            {"module": one.module, "original": life.originals[one.original].passport_id.hex(), "place": one.place}
            for one in life.modules
        ],
        "sealed": [{"log_id": one.log_id.hex(), "size": one.size, "root": one.root.hex()} for one in life.sealed],
        "notes": [_note(one) for one in life.notes],
        "tests": [_test(one) for one in life.tests],
        "values": {key: _value(one) for key, one in sorted(life.values.items())},
        "attachments": {digest.hex(): _attachment(one) for digest, one in sorted(life.attachments.items())},
        "history": [_step(one) for one in life.history],
    }


def _operator(life: Life, facts: Facts) -> Json:
    """One who has changed his key is the same one."""
    now = facts.authority(life.operator)
    key = now.key if now else life.operator
    role = now.role.name.lower() if now else None
    return {"public_key": key.public_key.hex(), "role": role, "is_known": now is not None}


def _linked(passport_ids: Iterable[bytes], facts: Facts) -> list[Json]:
    found = [(passport_id, facts.life(passport_id)) for passport_id in passport_ids]
    return [
        {
            "passport_id": passport_id.hex(),
            "status": life.word if life else None,
            "stage": stage_word(life.stage) if life else None,
        }
        for passport_id, life in found
    ]


def _source(source: Source, who: str = "signer") -> Json:
    return {
        who: source.signer.hex(),
        "role": source.role.name.lower(),
        "index": source.index,
        "statement": source.digest.hex(),
    }


def _value(one: StatedValue) -> Json:
    return {"value": _json(one.value), "group": one.group, **_source(one.source, "originator")}


def _attachment(one: StatedAttachment) -> Json:
    file = one.attachment
    named = {"name": file.name, "media_type": file.media_type, "size_bytes": file.size_bytes}
    return {**named, "group": one.group, **_source(one.source, "originator")}


def _note(one: StatedNote) -> Json:
    note = one.note
    said = {"kind": note.kind.name.lower(), "at": _time(note.at_unix_ms), "text": note.text}
    return {**said, "evidence": _records(note.evidence), **_source(one.source)}


def _test(one: StatedTest) -> Json:
    test = one.test
    found = {"capacity_cpct": test.capacity_cpct, "spread_cpct": test.spread_cpct, "method": test.method}
    return {**found, "at": _time(test.at_unix_ms), **_source(one.source)}


def _step(step: Step) -> Json:
    """`issued` is the signer's own word; the order is that of the index."""
    said = {"kind": step.kind.name.lower(), "passport_id": step.passport_id.hex(), "stage": stage_word(step.stage)}
    said_more = {"note": step.note, "evidence": _records(step.evidence), "issued": _time(step.issued_unix_ms)}
    return {**said, **said_more, **_source(step.source)}


def _records(records: Iterable[RecordRef]) -> list[Json]:
    return [{"log_id": record.log_id.hex(), "seq": record.seq} for record in records]


def _time(unix_ms: int) -> Json:
    return {"unix_ms": unix_ms, "text": utc(unix_ms)}


def _json(value: Stated) -> object:
    """A copy in lists and maps, so that whoever gets the document cannot change the life."""
    match value:
        case Mapping():
            return {key: _json(item) for key, item in value.items()}
        case tuple():
            return [_json(item) for item in value]
    return value

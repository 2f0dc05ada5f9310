"""What a passport states and what it lacks: as of a date, for a category, by a version of the Commission's guidance.

A passport is a duty from 18 February 2027 (Article 77(1)): what is absent before is not yet due. What waits for an act
has no date; the report on due diligence has 18 August 2027 (Regulation (EU) 2025/1561). Whether a battery needs a
passport at all (an industrial one does above 2 kWh) is for the caller, and whether what is stated is right is not seen
here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from packseal.passport.attributes import ATTRIBUTES, DOCUMENT_KEYS, Attribute, Duty, Section
from packseal.passport.guidance import VERSION, Point, guidance
from packseal.passport.settings import CATEGORIES
from packseal.records.report import utc


class State(StrEnum):
    PRESENT = "present"
    MISSING = "missing"
    NOT_YET_DUE = "not yet due"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Due:
    """From the beginning of that day, UTC."""

    from_unix_ms: int
    day: str


PASSPORT_DUE = Due(1_802_908_800_000, "18 Feb 2027")
PENDING_DUE: Mapping[str, Due] = {"due_diligence_report": Due(1_818_547_200_000, "18 Aug 2027")}
ACT_TO_COME = "waits for the act that sets its date"
PART_B_WORDS = "its BMS has had to keep it since 18 Aug 2024, Art. 14(1)"
BESIDE_VALUES = {
    "value_date": "made",
    "value_originator": "record",
    "value_uncertainty": "standard_uncertainty",
    "value_method": "method",
}
LIFE_FIELDS = {
    "passport_id": "passport_id",
    "battery_category": "category",
    "status": "status",
    "previous_passports": "originals",
}
NOTE_KINDS = {"repair_history": "repair", "negative_events": "accident"}


@dataclass(frozen=True, slots=True)
class Finding:
    """`is_stated`: all of it is; also of what need not, or ought not, be stated. `words`: one line for a person."""

    state: State
    duty: Duty
    is_stated: bool
    words: str


@dataclass(frozen=True, slots=True)
class Validity:
    """points: by number, in the guidance's order. attributes: by key, all that attributes.py knows."""

    version: str
    category: str
    as_of_unix_ms: int
    points: Mapping[int, Finding]
    attributes: Mapping[str, Finding]

    @property
    def lacking(self) -> tuple[int, ...]:
        """Data points that are missing, whatever the use of the battery; those of a condition are not among them."""
        return tuple(
            number
            for number, finding in self.points.items()
            if finding.state is State.MISSING and finding.duty is not Duty.CONDITIONAL
        )

    @property
    def words(self) -> str:
        found = counts(self.points.values())
        of_condition = found[State.MISSING] - len(self.lacking)
        return (
            f"{CATEGORIES[self.category]}, guidance {self.version}, {utc(self.as_of_unix_ms)[:10]}:"
            f" of {len(self.points)} data points {found[State.PRESENT]} present, {found[State.MISSING]} missing"
            f" ({of_condition} of them only if they apply), {found[State.NOT_YET_DUE]} not yet due,"
            f" {found[State.NOT_APPLICABLE]} not applicable"
        )


def counts(findings: Iterable[Finding]) -> dict[State, int]:
    """Of every state, also those that none has."""
    found = Counter(finding.state for finding in findings)
    return {state: found[state] for state in State}


def validity(
    present: Collection[str],
    as_of_unix_ms: int,
    category: str,
    version: str = VERSION,
    exempt: Collection[str] = (),
) -> Validity:
    """present: keys of the attributes that are stated, and "key.part" of those whose value is a map (present_keys).

    exempt: keys of the attributes whose condition, so the responsible operator says, does not hold; of no effect where
    the duty has no condition. Raises ConfigError for an unknown version; ValueError for an unknown category or key.
    """
    if category not in CATEGORIES:
        raise ValueError(f"category {category!r}: expected one of {', '.join(CATEGORIES)}")
    unknown = sorted(key for key in (*present, *exempt) if key.partition(".")[0] not in ATTRIBUTES)
    if unknown:
        raise ValueError(f"no attributes: {', '.join(unknown)}")
    judge = _Judge(frozenset(present), frozenset(exempt), as_of_unix_ms, category)
    points = {point.number: judge.point(point) for point in guidance(version)}
    attributes = {key: judge.attribute(attribute) for key, attribute in ATTRIBUTES.items()}
    return Validity(version, category, as_of_unix_ms, points, attributes)


@dataclass(frozen=True, slots=True)
class _Judge:
    present: frozenset[str]
    exempt: frozenset[str]
    as_of_unix_ms: int
    category: str

    def point(self, point: Point) -> Finding:
        duty = point.duties[self.category]
        never = "not to be filled by any battery" if point.is_never_filled else "not to be filled for this category"
        return self._finding(duty, point.keys, f"{point.name}; {point.clause}", never)

    def attribute(self, attribute: Attribute) -> Finding:
        duty = attribute.duties[self.category]
        what = f"{attribute.name}; {attribute.clause}"
        if attribute.section is Section.VEHICLE:
            return self._finding(Duty.NOT_APPLICABLE, (attribute.key,), what, "no part of a passport")
        return self._finding(duty, (attribute.key,), what, "not asked for in this category")

    def _finding(self, duty: Duty, keys: tuple[str, ...], what: str, never: str) -> Finding:
        """`what`: its name and clause. `never`: why it does not apply."""
        absent = tuple(key for key in keys if key not in self.present)
        is_stated = bool(keys) and not absent
        due = PENDING_DUE.get(keys[0]) if duty is Duty.PENDING else PASSPORT_DUE
        is_due = due is not None and self.as_of_unix_ms >= due.from_unix_ms
        if duty is Duty.NOT_APPLICABLE:
            return Finding(State.NOT_APPLICABLE, duty, is_stated, f"{never}{', yet stated' * is_stated}: {what}")
        if is_stated:
            ahead = ", before it is asked for" if duty is Duty.PENDING and not is_due else ""
            return Finding(State.PRESENT, duty, True, f"stated{ahead}: {what}")
        if duty is Duty.VOLUNTARY:
            return Finding(State.NOT_APPLICABLE, duty, False, f"voluntary, not stated: {what}")
        if duty is Duty.CONDITIONAL and self.exempt.issuperset(absent):
            return Finding(State.NOT_APPLICABLE, duty, False, f"does not apply, so its operator says: {what}")
        what += f"; {PART_B_WORDS}" * (duty is Duty.PART_B)
        if not is_due:
            return Finding(State.NOT_YET_DUE, duty, False, f"not yet due: {what}; {_when(due)}")
        condition = ", if it applies" if duty is Duty.CONDITIONAL else ""
        return Finding(State.MISSING, duty, False, f"missing{condition}: {what}{_still(absent, keys)}")


def _when(due: Due | None) -> str:
    return f"due from {due.day}" if due else ACT_TO_COME


def _still(absent: tuple[str, ...], keys: tuple[str, ...]) -> str:
    """Which part is missing, where another is there."""
    names = (ATTRIBUTES[key.partition(".")[0]].name for key in absent)
    return f"; still needed: {', '.join(names)}" if len(absent) < len(keys) else ""


_MADE_OF: Mapping[str, frozenset[str]] = {
    attribute: frozenset(key for key, part_of in DOCUMENT_KEYS.items() if part_of == attribute)
    for attribute in DOCUMENT_KEYS.values()
}


def present_keys(document: Mapping[str, object]) -> frozenset[str]:
    """What validity() takes, of a whole document (document.py) with its "life" (life_document.py), where it has one.
    What a reader was shown of a document is not whole.

    An attribute of several document keys, such as remaining_power, is stated when all of them are; what stands beside
    values, when it stands beside every one.
    """
    life = _mapping(document.get("life"))
    values, stated = _stated(document), _stated(life)
    found = {attribute for attribute, parts in _MADE_OF.items() if parts <= values.keys()}
    for key in (values.keys() | stated.keys()) & ATTRIBUTES.keys():
        parts = _mapping((stated.get(key) or values[key])["value"])
        found |= {key, *(f"{key}.{part}" for part, content in parts.items() if _is_stated(content))}
    if values:
        beside = BESIDE_VALUES.items()
        found |= {key for key, name in beside if all(_is_stated(value.get(name)) for value in values.values())}
    if _is_stated(_mapping(document.get("battery")).get("category")):
        found.add("battery_category")
    return frozenset(found | _of_life(life))


def _stated(holder: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    """Its values that say something."""
    values = {key: _mapping(value) for key, value in _mapping(holder.get("values")).items()}
    return {key: value for key, value in values.items() if _is_stated(value.get("value"))}


def _of_life(life: Mapping[str, object]) -> set[str]:
    """What follows from the life cycle, and is stated as no value."""
    found = {key for key, field in LIFE_FIELDS.items() if _is_stated(life.get(field))}
    if _mapping(life.get("operator")).get("is_known") is True:
        found.add("operator_id")
    notes = life.get("notes")
    kinds = {_mapping(note).get("kind") for note in notes} if isinstance(notes, list) else set()
    return found | {key for key, kind in NOTE_KINDS.items() if kind in kinds}


def _mapping(content: object) -> Mapping[str, object]:
    return content if isinstance(content, Mapping) else {}


def _is_stated(content: object) -> bool:
    """0 and False say something; nothing, an empty text and an empty list do not."""
    return content is not None and content not in ("", [], (), {})

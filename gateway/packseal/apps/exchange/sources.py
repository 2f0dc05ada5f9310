"""A passport's document as the source of an exchange: cut to what the partner's tier sees, then by the partner's rules.

The document is that of the pages and of /api/v1, by the same tables of access (passport/access.py): what a reader of
the tier would not be shown is not in the source, whatever a rule says. Each value keeps its record or statement,
method, uncertainty and age; its number is the one of the document, as a decimal. What the passport holds and no
value stands for (notes of other kinds, tests, modules) is among the losses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from packseal.apps.passport_reading import battery_of, with_life
from packseal.apps.passport_service import PassportService
from packseal.exchange.loss import Loss, Why
from packseal.exchange.rules import Partner, released
from packseal.exchange.source import Content, File, Interval, LogEnd, Origin, Source, Value
from packseal.passport.access import visible
from packseal.passport.attributes import ATTRIBUTES, Group, Kind, group_of
from packseal.passport.derived import DERIVED
from packseal.passport.document import Json
from packseal.passport.validity import NOTE_KINDS

_PLACED = frozenset(
    {
        "value", "unit", "name", "text", "missing", "lacking", "method", "standard_uncertainty", "interval",
        "uncertainty", "record", "evidence_class", "evidence", "replay", "simulated", "age_ms", "age_text", "made",
        "statement", "index",
    }
)  # fmt: skip
"""Fields of a document's value that have a place of their own in a Value, or are words for people; all others are
details."""
_FROM_BOTH = frozenset(one.key for one in DERIVED)
_NOT_AVAILABLE = "not available"


class Sources:
    """Of the passports of one service."""

    def __init__(self, service: PassportService) -> None:
        self._service = service

    def battery(self, name: str) -> str | None:
        """Of a passport's public name; None where there is no such passport."""
        return battery_of(self._service, name)

    def for_partner(self, name: str, partner: Partner) -> Source | None:
        """What the partner may be told now. Raises UnavailableError."""
        found = self.of(name, frozenset(Group(group) for group in partner.groups))
        return None if found is None else released(found, partner)

    def of(self, name: str, groups: frozenset[Group]) -> Source | None:
        """What a reader of these groups sees, before any rule. Raises UnavailableError."""
        battery = self.battery(name)
        document = self._service.document(battery) if battery else None
        if battery is None or document is None:
            return None
        lives = self._service.lives
        whole = with_life(document, lives.of_battery(battery), lives)
        ends = [LogEnd(one.log_id.hex(), one.size, one.root.hex()) for one in lives.logs_of(battery)]
        return source_of(visible(whole, groups), ends)


def source_of(document: Json, ends: Iterable[LogEnd] = ()) -> Source:
    """document: with its "life" where it has one, as access.visible leaves it. ends: of the battery's logs."""
    battery, life = _map(document.get("battery")), _map(document.get("life"))
    as_of_unix_ms = _whole_number(document.get("as_of_unix_ms")) or 0
    found = [*_measured(_map(document.get("values")), as_of_unix_ms), *_of_life(battery, life), *_stated(life)]
    return Source(
        passport=str(life.get("passport_id") or battery.get("id")),
        battery=str(battery.get("id")),
        category=str(life.get("category") or battery.get("category")),
        status=_text(life.get("status")),
        as_of_unix_ms=as_of_unix_ms,
        values={value.key: value for value in found},  # of one key, what was stated of this battery comes last
        files=dict(_files(_map(life.get("attachments")))),
        logs=tuple(ends),
        is_simulated=document.get("simulated") is True,
        withheld=tuple(_without_value(life)),
    )


# ---- values of the document


def _measured(values: Mapping[str, object], as_of_unix_ms: int) -> Iterator[Value]:
    for key, item in values.items():
        shown, group = _map(item), group_of(key)
        content = _content(shown.get("value"))
        if group is not None and content is not None:
            yield _value(key, content, int(group), shown, as_of_unix_ms)


def _value(key: str, content: Content, group: int, shown: Mapping[str, object], as_of_unix_ms: int) -> Value:
    record, interval = _map(shown.get("record")), _map(shown.get("interval"))
    age_ms = _whole_number(shown.get("age_ms"))
    details = {name: _content(said) for name, said in shown.items() if name not in _PLACED}
    return Value(
        key,
        _intervals(content) if isinstance(content, list) else content,
        _text(shown.get("unit")) or "",
        group,
        _origin(key, record),
        method=_text(shown.get("method")),
        standard_uncertainty=_decimal(shown.get("standard_uncertainty")),
        interval=Interval(_exact(interval["low"]), _exact(interval["high"])) if interval else None,
        record=(str(record["log_id"]), int(str(record["seq"]))) if record else None,
        statement=_text(shown.get("statement")),
        made_unix_ms=None if age_ms is None else as_of_unix_ms - age_ms,
        evidence_class=_text(shown.get("evidence_class")),
        details={name: said for name, said in details.items() if said is not None},
    )


def _origin(key: str, record: Mapping[str, object]) -> Origin:
    if key in _FROM_BOTH:
        return Origin.DERIVED
    return Origin.MEASURED if record else Origin.SERVICE


def _intervals(content: list[Content]) -> Content:
    """Of a histogram: bounds and whole minutes; the rest says the same in words."""
    kept = ("from", "to", "min")
    return [{name: one[name] for name in kept if name in one} if isinstance(one, dict) else one for one in content]


# ---- values of its life


def _of_life(battery: Mapping[str, object], life: Mapping[str, object]) -> Iterator[Value]:
    """What follows from acts. Without a life the settings say which battery it is, and of which category."""
    origin = Origin.LIFE if life else Origin.SERVICE
    operator = {name: said for name, said in _map(life.get("operator")).items() if name in ("public_key", "role")}
    contents: Mapping[str, object] = {
        "passport_id": life.get("passport_id"),
        "battery_category": life.get("category") or battery.get("category"),
        "operator_id": operator or None,
        "status": life.get("status"),
        "previous_passports": [_map(one).get("passport_id") for one in _list(life.get("originals"))] or None,
    }
    for key, said in contents.items():
        content = _content(said)
        if content is not None:
            yield Value(key, content, "", _group(key), origin)
    for key, kind in NOTE_KINDS.items():
        notes = [_map(note) for note in _list(life.get("notes")) if _map(note).get("kind") == kind]
        if notes:
            yield Value(key, [_note(note) for note in notes], "", _group(key), Origin.STATED, statement=_only(notes))


def _note(note: Mapping[str, object]) -> Content:
    at = str(_map(note.get("at")).get("text")).removesuffix(" UTC").replace(" ", "T") + "Z"
    said: dict[str, Content] = {"kind": str(note.get("kind")), "at": at, "text": str(note.get("text"))}
    statement = _text(note.get("statement"))
    return {**said, "statement": statement} if statement else said


def _only(notes: list[Mapping[str, object]]) -> str | None:
    """The statement, where there is one of them alone."""
    return _text(notes[0].get("statement")) if len(notes) == 1 else None


def _stated(life: Mapping[str, object]) -> Iterator[Value]:
    for key, item in _map(life.get("values")).items():
        said = _map(item)
        attribute = ATTRIBUTES.get(key)
        content = _content(said.get("value"))
        if attribute is None or attribute.group is None or content is None:
            continue
        if attribute.kind is Kind.DECIMAL:
            content = _exact(content)
        yield Value(
            key, content, attribute.unit, int(attribute.group), Origin.STATED, statement=_text(said.get("statement"))
        )


def _files(attachments: Mapping[str, object]) -> Iterator[tuple[str, File]]:
    for digest, item in attachments.items():
        file = _map(item)
        named = (str(file["name"]), str(file["media_type"]), int(str(file["size_bytes"])), int(str(file["group"])))
        yield digest, File(digest, *named)


def _without_value(life: Mapping[str, object]) -> Iterator[Loss]:
    known = set(NOTE_KINDS.values())
    others = [note for note in _list(life.get("notes")) if _map(note).get("kind") not in known]
    counts = {"notes that are neither accident nor repair": len(others)}
    counts |= {"capacity tests": len(_list(life.get("tests"))), "modules": len(_list(life.get("modules")))}
    for what, count in counts.items():
        if count:
            yield Loss(Why.NO_PLACE, "", "", f"{what}: {count}; no attribute of a passport holds them")


# ---- JSON as values


def _content(said: object) -> Content | None:
    """Numbers as they are written, not as they are stored."""
    match said:
        case bool() | str() | int():
            return said
        case float():
            return _exact(said)
        case list() | tuple():
            found = map(_content, said)
            return [_NOT_AVAILABLE if one is None else one for one in found]
        case Mapping():
            named = {str(name): _content(one) for name, one in said.items()}
            return {name: one for name, one in named.items() if one is not None}
    return None


def _exact(said: object) -> Decimal:
    return Decimal(str(said))


def _decimal(said: object) -> Decimal | None:
    return None if said is None else _exact(said)


def _whole_number(said: object) -> int | None:
    return said if isinstance(said, int) and not isinstance(said, bool) else None


def _text(said: object) -> str | None:
    return said if isinstance(said, str) else None


def _map(said: object) -> Mapping[str, object]:
    return said if isinstance(said, Mapping) else {}


def _list(said: object) -> list[object]:
    return said if isinstance(said, list) else []


def _group(key: str) -> int:
    group = ATTRIBUTES[key].group
    if group is None:
        raise KeyError(key)
    return int(group)

"""Who is shown what of a passport's document: by field, and nothing that no table here knows (Article 77(2)).

A role is a set of groups, and the groups are not nested: an authority does not see the values of the individual
battery, a person with a legitimate interest sees no test reports. What tells of the use of the battery is INDIVIDUAL;
that evidence exists, is verified and how complete it is, is PUBLIC. Who a reader is, and the log of what was read, is
for the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from packseal.passport.attributes import Group, group_of


class ReaderRole(StrEnum):
    PUBLIC = "public"
    LEGITIMATE_INTEREST = "legitimate-interest"
    AUTHORITY = "authority"
    NOTIFIED_BODY = "notified-body"
    COMMISSION = "commission"
    OPERATOR = "operator"  # responsible for the passport
    OWNER = "owner"  # of the battery


_OFFICIAL = frozenset({Group.PUBLIC, Group.MODEL, Group.AUTHORITIES})
_INTERESTED = frozenset({Group.PUBLIC, Group.MODEL, Group.INDIVIDUAL})
_GROUPS: Mapping[ReaderRole, frozenset[Group]] = {
    ReaderRole.PUBLIC: frozenset({Group.PUBLIC}),
    ReaderRole.LEGITIMATE_INTEREST: _INTERESTED,
    ReaderRole.AUTHORITY: _OFFICIAL,
    ReaderRole.NOTIFIED_BODY: _OFFICIAL,
    ReaderRole.COMMISSION: _OFFICIAL,
    ReaderRole.OPERATOR: frozenset(Group),
    ReaderRole.OWNER: _INTERESTED,
}
OF_NAMED_BATTERIES = (ReaderRole.OWNER,)


def groups(role: ReaderRole) -> frozenset[Group]:
    return _GROUPS[role]


@dataclass(frozen=True, slots=True)
class Reader:
    """batteries: ids of those that the role holds for; None for all, which an owner cannot have."""

    role: ReaderRole = ReaderRole.PUBLIC
    batteries: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if self.role in OF_NAMED_BATTERIES and self.batteries is None:
            raise ValueError(f"a reader of role {self.role} is that of named batteries")

    def groups(self, battery: str) -> frozenset[Group]:
        """What it may see of this battery: of one that its role does not hold for, what everybody sees."""
        holds = self.batteries is None or battery in self.batteries
        return groups(self.role if holds else ReaderRole.PUBLIC)


@dataclass(frozen=True, slots=True)
class _Fields:
    """A map with these keys and no other."""

    rules: Mapping[str, _Rule]


@dataclass(frozen=True, slots=True)
class _Items:
    """A list, each item by the same rule."""

    rule: _Rule


@dataclass(frozen=True, slots=True)
class _Values:
    """A map whose items have these fields, and are seen by who may see the group of their key, the group that the item
    itself states, or, of both, both."""

    fields: tuple[str, ...]
    has_keys_group: bool
    has_own_group: bool


_Rule: TypeAlias = Group | _Fields | _Items | _Values  # a Group stands for all that is below it


def _all(group: Group, *keys: str) -> dict[str, _Rule]:
    return dict.fromkeys(keys, group)


VALUE_FIELDS = (
    "name", "value", "unit", "text", "missing", "lacking", "method", "standard_uncertainty", "interval", "uncertainty",
    "record", "evidence_class", "evidence", "replay", "simulated", "age_ms", "age_text", "made",
    "inputs", "soc_span", "at_temperature", "of_rated", "weakest", "strongest",
    "minimum", "maximum", "cells_mv", "sensors", "charge", "discharge", "statement", "index",
)  # fmt: skip
_SOURCE = ("originator", "role", "index", "statement")

_COMPLETENESS = _Fields(
    _all(
        Group.PUBLIC,
        "records_present", "records_counted", "records_text", "records_share", "windows_lost",
        "time_covered_ms", "time_elapsed_ms", "time_text", "time_share",
        "samples", "slots_missed", "values_unavailable", "values_missing",
    )
)  # fmt: skip

_LOG = _Fields(
    {
        **_all(
            Group.PUBLIC,
            "log_id", "evidence_class", "evidence", "public_key", "origin", "source", "firmware_hash", "simulated",
            "clock_rate", "replay", "imported_file_sha256", "settings_sha256", "key_changes", "sealed", "goes_on_from",
            "records",
        ),
        **_all(  # how and when it is used
            Group.INDIVIDUAL, "boots", "events", "received_unix_ms", "silent_ms", "contradictions"
        ),
        "completeness": _COMPLETENESS,
    }
)  # fmt: skip

_OPINION = _Fields(
    _all(
        Group.INDIVIDUAL,
        "soh_capacity", "of_first_seen", "remaining_capacity", "weakest", "strongest", "method", "ageing", "missing",
        "cure", "charges", "records", "age_ms",
    )
)  # fmt: skip

_ALARM = _Fields(
    {
        **_all(
            Group.INDIVIDUAL,
            "kind", "severity", "words", "cell_blocks", "since_seq", "since_uptime_ms", "last_uptime_ms",
            "last_received",
        ),
        "evidence": _Items(
            _Fields(
                _all(
                    Group.INDIVIDUAL,
                    "log_id", "seq", "received_unix_ms", "received", "words", "numbers", "numbers_text",
                )
            )
        ),
    }
)  # fmt: skip

_VERIFICATION = _Fields(
    {
        **_all(Group.PUBLIC, "state", "headline", "sentence", "records_checked", "records"),
        "differences": _Items(_Fields(_all(Group.PUBLIC, "log_id", "first_seq", "last_seq", "reason"))),
    }
)

_LIFE = _Fields(  # what shows that there was another life is told to whom its status is told
    {
        **_all(  # head: a hash, which whoever signs the next statement has to name
            Group.PUBLIC,
            "passport_id", "battery", "name", "category", "category_text", "chemistry", "operator", "head",
        ),
        **_all(
            Group.INDIVIDUAL,
            "rated_capacity_mah", "status", "stage", "originals", "successors", "modules", "sealed", "notes",
            "tests", "history",
        ),
        "values": _Values(("value", "group", *_SOURCE), has_keys_group=True, has_own_group=True),
        "attachments": _Values(
            ("name", "media_type", "size_bytes", "group", *_SOURCE), has_keys_group=False, has_own_group=True
        ),
    }
)  # fmt: skip

_DOCUMENT = _Fields(
    {
        "battery": _Fields(_all(Group.PUBLIC, "id", "name", "category", "category_text")),
        **_all(Group.PUBLIC, "as_of_unix_ms", "simulated", "clock_rate", "replay"),
        "values": _Values(VALUE_FIELDS, has_keys_group=True, has_own_group=False),
        "completeness": _COMPLETENESS,
        "logs": _Items(_LOG),
        **_all(Group.PUBLIC, "proven", "not_proven", "age_rule"),
        "second_opinion": _Fields({"opinion": _OPINION, "alarms": _Items(_ALARM)}),
        "verification": _VERIFICATION,
        **_all(Group.PUBLIC, "refused", "stamp"),
        "life": _LIFE,
    }
)


class _Hidden:
    """Stands for what is not shown; None would be a value."""


_HIDDEN = _Hidden()


def visible(document: Mapping[str, object], seen: frozenset[Group]) -> dict[str, object]:
    """What a reader of these groups is shown of a passport's document and of what the page's JSON has beside it.

    "life" holds a life_document.py. A field of another group, and one that no table here knows, is left out with its
    key. The document is not changed.
    """
    return _fields(document, _DOCUMENT.rules, seen)


def _fields(content: Mapping[str, object], rules: Mapping[str, _Rule], seen: frozenset[Group]) -> dict[str, object]:
    shown = ((key, _shown(value, rules[key], seen)) for key, value in content.items() if key in rules)
    return {key: value for key, value in shown if value is not _HIDDEN}


def _shown(content: object, rule: _Rule, seen: frozenset[Group]) -> object:
    if not _is_open(rule, seen):
        return _HIDDEN
    match rule, content:
        case (Group(), _) | (_, None):
            return content
        case _Fields(rules), Mapping():
            return _fields(content, rules, seen)
        case _Items(of_each), list():
            return [item for item in (_shown(item, of_each, seen) for item in content) if item is not _HIDDEN]
        case _Values(), Mapping():
            return {key: _value(item, rule) for key, item in content.items() if _is_seen(key, item, rule, seen)}
    return _HIDDEN  # not of the shape that the table knows


def _is_open(rule: _Rule, seen: frozenset[Group]) -> bool:
    """Whether anything of it can be seen: an empty map or list also tells that there is one."""
    match rule:
        case Group():
            return rule in seen
        case _Fields(rules):
            return any(_is_open(below, seen) for below in rules.values())
        case _Items(of_each):
            return _is_open(of_each, seen)
    return True


def _is_seen(key: str, item: object, rule: _Values, seen: frozenset[Group]) -> bool:
    if not isinstance(item, Mapping) or (rule.has_keys_group and group_of(key) not in seen):
        return False
    return not rule.has_own_group or any(item.get("group") == group for group in seen)


def _value(item: Mapping[str, object], rule: _Values) -> dict[str, object]:
    return {field: content for field, content in item.items() if field in rule.fields}

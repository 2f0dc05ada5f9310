"""What a person may state of a battery, attribute by attribute: shape, limits, and who else decides it.

Decides whether one value fits its attribute. What boards measure and what the life cycle decides is nobody's to type in
(Article 78(f) of Regulation (EU) 2023/1542, read both ways). Decimals are text, so that a signed value has one form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from packseal.passport.attributes import ATTRIBUTES, DOCUMENT_KEYS, Attribute, Group, Kind
from packseal.passport.derived import DERIVED

MAX_TEXT = 2000
MAX_ITEMS = 500
MAX_DEPTH = 3
MAX_COUNT = 10**9
OF_LIFE = frozenset({"passport_id", "battery_category", "operator_id", "status", "previous_passports"})
OF_NOTES = frozenset({"negative_events", "repair_history", "bms_reset_log", "protection_trips"})
STATED_TOO = frozenset({"rated_capacity_item"})  # measured at the factory, not by the board
MEASURED = (
    frozenset(DOCUMENT_KEYS.values())
    | {one.key for one in DERIVED}
    | {"temperature_histogram", "soc_histogram", "c_rate_histogram"}
) - STATED_TOO

_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?")
_DATE = re.compile(r"[12][0-9]{3}-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?")
_TIME = re.compile(r"[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z")
_LINK = re.compile(r"https://[!-~]{1,500}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def problem_of(key: str, value: object) -> str:
    """What is wrong with a value, with its cure; "" when it may be stated."""
    attribute = ATTRIBUTES.get(key)
    if attribute is None:
        return f"{key!r} is no attribute of a passport; `packseal passport attributes` lists them"
    if key in OF_LIFE:
        return f"{key} follows from the life cycle; it is changed by an act, not by a value"
    if key in OF_NOTES:
        return f"{key} is kept as notes; add one with `packseal passport act note`"
    if key in MEASURED:
        return f"{key} comes from signed records alone; leave it out"
    if attribute.group is None:
        return f"{key} is no part of a passport; leave it out"
    return _CHECKS[attribute.kind](attribute, value)


def group_to_state(key: str) -> Group:
    """The group whose statement carries the value. Raises KeyError for what may not be stated."""
    group = ATTRIBUTES[key].group
    if group is None:
        raise KeyError(key)
    return group


def by_group(values: Mapping[str, object]) -> dict[Group, dict[str, object]]:
    """Values apart by who may see them: each group's goes into a statement of its own."""
    found: dict[Group, dict[str, object]] = {}
    for key, value in values.items():
        found.setdefault(group_to_state(key), {})[key] = value
    return dict(sorted(found.items()))


def _text(_attribute: Attribute, value: object) -> str:
    return "" if _is_text(value) else f"expected text of 1 to {MAX_TEXT} characters"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable() and value == value.strip()


def _decimal(attribute: Attribute, value: object) -> str:
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        unit = f" in {attribute.unit}" if attribute.unit else ""
        return f'expected a number{unit} as text, such as "12.5", with at most 6 decimals'
    if attribute.unit == "%" and not 0 <= float(value) <= 100:
        return "expected 0 to 100 %"
    return ""


def _count(_attribute: Attribute, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_COUNT:
        return f"expected a whole number from 0 to {MAX_COUNT}"
    return ""


def _of_pattern(pattern: re.Pattern[str], expected: str) -> Callable[[Attribute, object], str]:
    def check(_attribute: Attribute, value: object) -> str:
        return "" if isinstance(value, str) and pattern.fullmatch(value) else f"expected {expected}"

    return check


def _party(_attribute: Attribute, value: object) -> str:
    if not isinstance(value, Mapping) or not _is_text(value.get("name")):
        return 'expected a table with at least a name, such as {"name": "…", "address": "…", "web": "…"}'
    return "" if _is_plain(value, MAX_DEPTH) else "expected texts alone in its table"


def _list(_attribute: Attribute, value: object) -> str:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_ITEMS or not _is_plain(value, MAX_DEPTH):
        return f"expected a list of 1 to {MAX_ITEMS} texts, whole numbers or tables of them"
    return ""


def _file(_attribute: Attribute, value: object) -> str:
    """A link, or the digest of an attachment."""
    if isinstance(value, str):
        return "" if _LINK.fullmatch(value) or _DIGEST.fullmatch(value) else _FILE_EXPECTED
    if not isinstance(value, list) or not 0 < len(value) <= MAX_ITEMS:
        return _FILE_EXPECTED
    return next((words for one in value if (words := _file(_attribute, one))), "")


def _is_plain(value: object, depth: int) -> bool:
    if isinstance(value, str):
        return _is_text(value)
    if isinstance(value, bool | int):
        return abs(value) <= MAX_COUNT
    if depth == 0 or not isinstance(value, list | Mapping) or len(value) > MAX_ITEMS:
        return False
    if isinstance(value, Mapping):
        return all(_is_text(key) for key in value) and all(_is_plain(one, depth - 1) for one in value.values())
    return all(_is_plain(one, depth - 1) for one in value)


_FILE_EXPECTED = "expected an https:// link, or the SHA-256 of an attached file, or a list of these"
_CHECKS: Mapping[Kind, Callable[[Attribute, object], str]] = MappingProxyType(
    {
        Kind.IDENTIFIER: _text,
        Kind.PARTY: _party,
        Kind.TEXT: _text,
        Kind.CHOICE: _text,
        Kind.DATE: _of_pattern(_DATE, "a date such as 2027-02 or 2027-02-18"),
        Kind.TIME: _of_pattern(_TIME, "a time such as 2027-02-18T08:00:00Z"),
        Kind.DECIMAL: _decimal,
        Kind.COUNT: _count,
        Kind.LIST: _list,
        Kind.FILE: _file,
        Kind.LINK: _of_pattern(_LINK, "an https:// link"),
    }
)

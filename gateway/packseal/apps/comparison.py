"""Used packs side by side: which stand there, in which order, and where the page's links lead.

Decides nothing about who may see what: a column's document is what its reader is shown, and None where that is nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlencode

from packseal.passport.access import ReaderRole
from packseal.passport.document import Json
from packseal.passport.grading import Grading, grading
from packseal.passport.grading_rows import ROWS

MAX_PASSPORTS = 20
BY_GRADE = "grade"
SORTABLE = {BY_GRADE: True, **{row.key: row.is_more_better for row in ROWS if row.is_more_better is not None}}

ROLES: Mapping[ReaderRole, str] = MappingProxyType(
    {
        ReaderRole.PUBLIC: "the public",
        ReaderRole.LEGITIMATE_INTEREST: "a person with a legitimate interest",
        ReaderRole.AUTHORITY: "an authority",
        ReaderRole.NOTIFIED_BODY: "a notified body",
        ReaderRole.COMMISSION: "the Commission",
        ReaderRole.OPERATOR: "the operator who is responsible for the passport",
        ReaderRole.OWNER: "the owner of the battery",
    }
)


@dataclass(frozen=True, slots=True)
class Column:
    """grading: None for what is not shown to this reader, whether or not there is such a passport."""

    name: str
    title: str = ""
    category: str = ""
    link: str = ""
    grading: Grading | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """By a line of the table, best first or last; key "" is the order of the address."""

    key: str = ""
    is_reversed: bool = False

    @property
    def text(self) -> str:
        return f"{'-' * self.is_reversed}{self.key}"


@dataclass(frozen=True, slots=True)
class Sheet:
    """role: of the reader, for whom the columns were cut. origin, public_url: of the service."""

    columns: tuple[Column, ...]
    order: Order
    role: ReaderRole
    as_of_unix_ms: int
    origin: str
    public_url: str

    @property
    def service(self) -> str:
        return f"{self.origin} ({self.public_url})"

    @property
    def role_text(self) -> str:
        return ROLES[self.role]


def order_of(asked: str | None) -> Order:
    """The order of the address for what is not to be sorted by."""
    text = asked or ""
    key = text.removeprefix("-")
    return Order(key, text.startswith("-")) if key in SORTABLE else Order()


def column(name: str, document: Json, link: str) -> Column:
    """document: as its reader is shown it."""
    battery = document.get("battery")
    said = battery if isinstance(battery, dict) else {}
    title, category = str(said.get("name") or ""), str(said.get("category_text") or "")
    return Column(name, title, category, link, grading(document))


def ordered(columns: Sequence[Column], order: Order) -> tuple[Column, ...]:
    """Equal ones stay as they were, and what has no number there stands last either way."""
    if not order.key:
        return tuple(columns)
    numbers = [(_number(one, order.key), one) for one in columns]
    is_downward = bool(SORTABLE[order.key]) is not order.is_reversed
    known = [(number, one) for number, one in numbers if number is not None]
    known.sort(key=lambda pair: -pair[0] if is_downward else pair[0])
    return (*(one for _, one in known), *(one for number, one in numbers if number is None))


def _number(one: Column, key: str) -> float | None:
    if one.grading is None:
        return None
    return float(one.grading.grade) if key == BY_GRADE else one.grading.cells[key].number


def query_of(names: Sequence[str], order: Order, language: str = "") -> str:
    """Of an address that shows the same passports."""
    more = [("sort", order.text)] if order.key else []
    more += [("lang", language)] if language else []
    return urlencode([*(("passport", name) for name in names), *more])


def turned(order: Order, key: str) -> Order:
    """What a press on a line's name asks for: best first, and then the other way round."""
    return Order(key, order.key == key and not order.is_reversed)

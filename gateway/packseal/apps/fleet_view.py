"""What the fleet page says of many batteries: a line for each of a page, and what stands out of all of them.

Texts are English and short; the template translates them. Every count is a link to the batteries that it counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from packseal.apps.fleet_asked import BANDS, EMPTY, ROWS, STALE_DAYS, FleetAsked
from packseal.io.fleet_table import FleetCounts, FleetRow
from packseal.passport import words
from packseal.passport.life_stages import stage_word
from packseal.passport.settings import CATEGORIES
from packseal.records.bodies import margin
from packseal.records.statement_bodies import Stage

STEP_CPCT = 500
TOP_CPCT = 12_000  # of a rated capacity that is stated too small; all above are one bar
COLUMNS: Mapping[str, str] = {
    "name": "Name",
    "battery": "Battery id",
    "category": "Category",
    "stage": "Stage",
    "soh_cpct": "State of health",
    "spread_cpct": "Spread of cells",
    "evidence_class": "Evidence class",
    "completeness": "Records here",
    "records_lost": "Records lost",
    "received_unix_ms": "Last heard of",
}


@dataclass(frozen=True, slots=True)
class Counted:
    """How many batteries are like this, and where they are listed. share_percent: of all, rounded down."""

    text: str
    count: str
    url: str
    share_percent: int
    is_asked: bool


@dataclass(frozen=True, slots=True)
class Column:
    """order: "ascending", "descending", or "" for a column that the list is not sorted by."""

    text: str
    url: str
    order: str


@dataclass(frozen=True, slots=True)
class Line:
    """Texts in English. name: of the passport in addresses."""

    name: str
    battery: str
    title: str
    category: str
    stage: str
    health: str
    interval: str
    spread: str
    evidence_class: str
    complete: str
    records: str
    heard: str
    is_simulated: bool
    is_replay: bool


@dataclass(frozen=True, slots=True)
class Paging:
    first: str
    last: str
    of: str
    links: tuple[tuple[str, str], ...]


def number(count: int) -> str:
    return f"{count:,}".replace(",", " ")


def line(row: FleetRow, now_unix_ms: int) -> Line:
    counted = row.records + row.records_lost
    return Line(
        name=row.passport_id.hex() if row.passport_id else row.battery,
        battery=row.battery,
        title=row.name or row.battery,
        category=CATEGORIES.get(row.category, row.category),
        stage="" if row.stage is None else stage_word(Stage(row.stage)),
        health=_percent(row.soh_cpct),
        interval=_interval(row),
        spread=_percent(row.spread_cpct),
        evidence_class=row.evidence_class or "",
        complete=words.share(row.records, counted) if counted else "",
        records=f"{number(row.records)} of {words.plural(counted, 'record')}" if counted else "",
        heard=words.age(max(0, now_unix_ms - row.received_unix_ms)) if row.received_unix_ms else "",
        is_simulated=row.is_simulated,
        is_replay=row.is_replay,
    )


def _percent(cpct: int | None) -> str:
    return "" if cpct is None else words.number(words.rounded(cpct, 1), "%", 1)


def _interval(row: FleetRow) -> str:
    if row.soh_cpct is None or row.soh_uncertainty_cpct is None:
        return ""
    beside = margin(row.soh_uncertainty_cpct)
    low, high = (words.rounded(row.soh_cpct + sign * beside, 1) for sign in (-1, 1))
    return f"{words.number(low, '', 1)} to {words.number(high, '%', 1)}"


def bars(counts: FleetCounts) -> list[tuple[int, int]]:
    """(lower end in 0.01 %, how many) in steps of 5 %, without gaps between them; from 120 % on one. Boards may state
    any number: what is below the first is in it."""
    found: dict[int, int] = {}
    for lower, batteries in counts.by_health:
        place = max(0, min(lower, TOP_CPCT))
        found[place] = found.get(place, 0) + batteries
    return [(at, found.get(at, 0)) for at in range(min(found), max(found) + 1, STEP_CPCT)] if found else []


def bar_text(lower_cpct: int) -> str:
    """The step's beginning in percent, as under a bar."""
    return str(lower_cpct // 100)


def by_health(counts: FleetCounts, asked: FleetAsked) -> list[Counted]:
    return [_health(lower, batteries, counts, asked) for lower, batteries in bars(counts) if batteries]


def _health(lower: int, batteries: int, counts: FleetCounts, asked: FleetAsked) -> Counted:
    upper = None if lower >= TOP_CPCT else lower + STEP_CPCT
    text = f"{lower // 100} % and more" if upper is None else f"{lower // 100} to under {upper // 100} %"
    to = None if upper is None else upper - 1
    there = replace(asked.group(), health_from_cpct=lower or None, health_to_cpct=to)
    text = text if lower else f"under {STEP_CPCT // 100} %"
    return _counted(text, batteries, counts, there, _is_same_health(asked, there))


def by_completeness(counts: FleetCounts, asked: FleetAsked) -> list[Counted]:
    """Every band, also where it holds none: a map keeps its places."""
    held = {
        key: sum(batteries for share, batteries in counts.by_completeness if band.least <= share <= band.most)
        for key, band in BANDS.items()
    }
    texts = {**{key: band.text for key, band in BANDS.items()}, EMPTY: "no record yet"}
    return [
        _counted(
            texts[key], batteries, counts, replace(asked.group(), complete=key, sort="completeness"),
            asked.complete == key,
        )
        for key, batteries in {**held, EMPTY: counts.empty}.items()
    ]  # fmt: skip


def stale(counts: FleetCounts, asked: FleetAsked) -> Counted:
    there = replace(asked.group(), silent_days=STALE_DAYS, sort="received_unix_ms")
    return _counted(f"{STALE_DAYS} days", counts.silent, counts, there, asked.silent_days == STALE_DAYS)


def outlying(counts: FleetCounts, asked: FleetAsked) -> list[Counted]:
    """Below and above, where there are any."""
    if counts.outliers is None:
        return []
    found, group = counts.outliers, asked.group()
    low = replace(group, health_to_cpct=found.most_low_cpct, sort="soh_cpct")
    high = replace(group, health_from_cpct=found.least_high_cpct, sort="soh_cpct", is_descending=True)
    made = [
        _counted(f"{_exactly(found.most_low_cpct)} and less", found.low, counts, low, _is_same_health(asked, low)),
        _counted(f"{_exactly(found.least_high_cpct)} and more", found.high, counts, high, _is_same_health(asked, high)),
    ]
    is_there = found.low and found.most_low_cpct >= 0, found.high  # no address asks for less than nothing
    return [one for one, is_shown in zip(made, is_there, strict=True) if is_shown]


def _exactly(cpct: int) -> str:
    return words.number(cpct, "%", 2)


def _is_same_health(asked: FleetAsked, there: FleetAsked) -> bool:
    return (asked.health_from_cpct, asked.health_to_cpct) == (there.health_from_cpct, there.health_to_cpct)


def _counted(text: str, batteries: int, counts: FleetCounts, there: FleetAsked, is_asked: bool) -> Counted:
    share = 100 * batteries // counts.batteries if counts.batteries else 0
    return Counted(text, number(batteries), there.url(), share, is_asked)


def columns(asked: FleetAsked) -> dict[str, Column]:
    return {key: _column(key, asked) for key in COLUMNS}


def _column(key: str, asked: FleetAsked) -> Column:
    is_sorted = asked.sort == key
    is_descending = is_sorted and not asked.is_descending
    order = ("descending" if asked.is_descending else "ascending") if is_sorted else ""
    there = replace(asked, sort=key, is_descending=is_descending, page=1)
    return Column(COLUMNS[key], there.url(), order)


def paging(asked: FleetAsked, shown: int, of: int) -> Paging:
    """shown: rows on this page."""
    pages = max(1, -(-of // ROWS))
    before, behind = asked.page > 1, asked.page < pages
    places: Sequence[tuple[str, int, bool]] = (
        ("First page", 1, before),
        ("Previous page", asked.page - 1, before),
        ("Next page", asked.page + 1, behind),
        ("Last page", pages, behind),
    )
    links = tuple((text, replace(asked, page=page).url()) for text, page, is_there in places if is_there)
    first = (asked.page - 1) * ROWS
    return Paging(number(first + bool(shown)), number(first + shown), number(of), links)


def without_page_beyond(asked: FleetAsked, of: int) -> FleetAsked:
    """A page that is no longer there is the last one."""
    return replace(asked, page=min(asked.page, max(1, -(-of // ROWS))))

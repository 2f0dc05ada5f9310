"""What the installer's page shows of a gateway: which packs, in which order, and their values as text.

Decides that packs with problems come first, and that of thousands only MAX_SHOWN are shown, which a search narrows.
Everything is from the gateway's status (gateway_status.py) and the last values of its packs (live_state.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packseal.apps.clock_watch import in_words
from packseal.apps.live_state import LiveState
from packseal.exchange.projections.last_values import LiveValue
from packseal.exchange.projections.signals import SIGNALS, Interval, Unit
from packseal.records.estimate_words import needs
from packseal.records.report import EVENTS

MAX_SHOWN = 50  # packs, and problems, on one page
BAR_HEIGHT = 50
LEAST_SPAN_MV = 50  # cells that differ by a few millivolts look alike, as they are
HEALTH = "soh_capacity_cpct"
TILES = (
    "pack_voltage_mv", "pack_current_ma", "soc_cpct", "soc_reported_cpct", HEALTH, "soh_reported_cpct",
    "temperature_ddegc", "cell_spread_mv",
)  # fmt: skip
FROM_BOARD = "needs a board: a pack that is only heard on CAN has none"
NOT_STATED = "the board has not stated it yet; what it lacks stands here with its next statement"


@dataclass(frozen=True, slots=True)
class Tile:
    """One value. note: its interval, or what is lacking where it is not known."""

    name: str
    words: str
    text: str
    note: str
    age: str


@dataclass(frozen=True, slots=True)
class Bar:
    """Of one cell block, in a plot that is BAR_HEIGHT high."""

    kind: str
    height: float


@dataclass(frozen=True, slots=True)
class Cells:
    """words: the plot in words. texts: the voltage of each block."""

    bars: tuple[Bar, ...]
    words: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pack:
    """problems: words, each with its cure. alarms: in words. boards, buses: as the status has them."""

    battery: str
    problems: tuple[str, ...]
    alarms: str
    tiles: tuple[Tile, ...]
    cells: Cells | None
    boards: tuple[Mapping[str, object], ...]
    buses: tuple[Mapping[str, object], ...]


@dataclass(frozen=True, slots=True)
class Packs:
    """shown: of this many that the search finds, of all that there are."""

    shown: tuple[Pack, ...]
    found: int
    number: int


def packs_of(status: Mapping[str, object], live: LiveState, search: str) -> Packs:
    """search: a part of the battery's name; all where it is empty."""
    boards, buses = _by_battery(status, "boards"), _by_battery(status, "cans")
    problems = _by_battery(status, "problems")
    names = boards.keys() | buses.keys()
    found = sorted((name for name in names if search in name), key=lambda name: (name not in problems, name))
    shown = tuple(
        _pack(name, problems.get(name, ()), boards.get(name, ()), buses.get(name, ()), live)
        for name in found[:MAX_SHOWN]
    )
    return Packs(shown, len(found), len(names))


def share_of_limit(outbox: Mapping[str, object]) -> str:
    """Of the nearest limit of the outbox, such as `12 %`."""
    by_bytes = _number(outbox, "bytes") / max(1.0, _number(outbox, "limit_bytes"))
    limit_hours = _number(outbox, "limit_hours")
    by_hours = _number(outbox, "hours") / limit_hours if limit_hours else 0.0
    return f"{max(by_bytes, by_hours):.0%}".replace("%", " %")


def rows_of(status: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    """A list of tables of the status."""
    found = status.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def table_of(status: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = status.get(name)
    return found if isinstance(found, Mapping) else {}


def _by_battery(status: Mapping[str, object], name: str) -> dict[str, list[Mapping[str, object]]]:
    found: dict[str, list[Mapping[str, object]]] = {}
    for row in rows_of(status, name):
        if row["battery"]:
            found.setdefault(str(row["battery"]), []).append(row)
    return found


def _pack(
    battery: str,
    problems: Sequence[Mapping[str, object]],
    boards: Sequence[Mapping[str, object]],
    buses: Sequence[Mapping[str, object]],
    live: LiveState,
) -> Pack:
    values = live.values(battery)
    words = tuple(str(one["words"]) for one in problems)
    tiles = tuple(_tiles(values, live.lacking(battery), has_board=bool(boards)))
    alarms = _alarms(live.alarms(battery), has_board=bool(boards))
    return Pack(battery, words, alarms, tiles, _cells(values), tuple(boards), tuple(buses))


def _alarms(events: Sequence[int] | None, *, has_board: bool) -> str:
    if not has_board:
        return FROM_BOARD
    if events is None:
        return "not known: this gateway has not heard the board's log from its beginning"
    return ", ".join(EVENTS.get(event, f"event {event}") for event in events) or "none"


def _tiles(values: Mapping[str, LiveValue], lacking: Sequence[int], *, has_board: bool) -> Iterator[Tile]:
    """Those of which something was said; the state of health also where nothing was."""
    for name in TILES:
        seen = values.get(name)
        if seen is not None:
            yield _tile(seen)
        elif name == HEALTH:
            note = (needs(lacking) if lacking else NOT_STATED) if has_board else FROM_BOARD
            yield Tile(name, SIGNALS[name].words, "not yet known", note, "")


def _tile(seen: LiveValue) -> Tile:
    signal = SIGNALS[seen.name]
    note = _interval(signal.unit, seen.interval) if seen.interval else ""
    return Tile(seen.name, signal.words, _text(seen), note, f"{in_words(seen.age_ms / 1000)} ago")


def _text(seen: LiveValue) -> str:
    unit = SIGNALS[seen.name].unit
    if isinstance(seen.value, tuple):
        texts = ", ".join("?" if one is None else _number_text(unit, one) for one in seen.value)
        return f"{texts} {unit.symbol}"
    return "not available" if seen.value is None else f"{_number_text(unit, seen.value)} {unit.symbol}"


def _interval(unit: Unit, interval: Interval) -> str:
    low, high = interval
    return f"{_number_text(unit, low)} to {_number_text(unit, high)} {unit.symbol}"


def _number_text(unit: Unit, value: int) -> str:
    return f"{value / 10**unit.places:.{unit.places}f}".replace("-", "\u2212")


def _cells(values: Mapping[str, LiveValue]) -> Cells | None:
    seen = values.get("cell_mv")
    blocks = seen.value if seen and isinstance(seen.value, tuple) else ()
    there = [mv for mv in blocks if mv is not None]
    if not there:
        return None
    low, high = min(there), max(there)
    texts = tuple("not available" if mv is None else _volts(mv) for mv in blocks)
    words = f"{len(blocks)} cell blocks, lowest {_volts(low)} (block {blocks.index(low)}), highest {_volts(high)}"
    return Cells(tuple(_bar(mv, low, high) for mv in blocks), words, texts)


def _volts(mv: int) -> str:
    return f"{mv / 1000:.3f} V"


def _bar(mv: int | None, low: int, high: int) -> Bar:
    """From half of LEAST_SPAN_MV below the lowest block, not from zero."""
    if mv is None:
        return Bar("none", 2.0)
    begin_mv, span_mv = low - LEAST_SPAN_MV / 2, high - low + LEAST_SPAN_MV
    kind = "mid" if low < mv < high or low == high else "low" if mv == low else "high"
    return Bar(kind, round(BAR_HEIGHT * (mv - begin_mv) / span_mv, 2))


def _number(table: Mapping[str, object], name: str) -> float:
    found = table.get(name)
    return float(found) if isinstance(found, int | float) else 0.0

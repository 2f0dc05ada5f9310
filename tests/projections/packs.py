"""Deliveries as a gateway hands them on once they are verified, of a small made-up pack."""

from __future__ import annotations

from packseal.exchange.projections.documents import Clocks
from packseal.exchange.projections.last_values import LastValues
from packseal.records.bodies import (
    Body,
    EntryType,
    Estimate,
    Event,
    Key,
    MeanMinMax,
    Origin,
    QuantityEstimate,
    StateOfHealth,
    Window,
)
from packseal.records.checkpoint import Checkpoint
from packseal.records.entries import Entry
from packseal.records.log import TrustedLog, Verified
from packseal.records.writing import encode_key

BATTERY = "pack-1"
UNIX_MS = 1_790_000_000_000
NOW = Clocks(5_000_000, UNIX_MS)
CELLS = (3300, 3310, None, 3290)
SENSORS = (215, None, 231)
HEALTH = StateOfHealth(1, (2, 9), 100_000, Estimate(95_100, 400), Estimate(9510, 40), 0, Estimate(52_000, 900))


def window(voltage_mv: int | None = 13_200, cells: tuple[int | None, ...] = CELLS, **fields: object) -> Window:
    """Of ten seconds; a pack that discharges 5 A. fields: of Window."""
    made: dict[str, object] = {
        "pack_current_ma": MeanMinMax(-5000, -5100, -4900),
        "pack_voltage_mv": None if voltage_mv is None else MeanMinMax(voltage_mv, voltage_mv - 9, voltage_mv + 9),
        "cell_mv": cells,
        "temperature_ddegc": SENSORS,
        "soc_cpct": 6325,
        "counters": (120_000, 118_000, 1500, 1450),
        **fields,
    }
    return Window(10_000, 100, **made)  # type: ignore[arg-type]  # names of its own fields


def delivered(*said: tuple[int, Body], end_ms: int, first_seq: int = 7, origin: Origin = Origin.BOARD) -> Verified:
    """said: (uptime_ms, body) in order. end_ms: the uptime of the checkpoint."""
    genesis = encode_key(0, 1, 0, Key(bytes(32), origin, bytes(16), bytes(32)))
    log = TrustedLog(genesis, bytes(16))
    entries = tuple(Entry(_type(body), first_seq + n, 1, ms, body) for n, (ms, body) in enumerate(said))
    checkpoint = Checkpoint(log.log_id, first_seq + len(said), bytes(32), 1, end_ms)
    return Verified(log, checkpoint, first_seq, (), entries, ())


def last_values(body: Window | None = None, *more: tuple[int, Body], now: Clocks = NOW) -> LastValues:
    """Of one live delivery: what more there is, and a window that ended two seconds before it."""
    last = LastValues()
    last.take(delivered(*more, (98_000, body or window()), end_ms=100_000), now.ms, is_live=True)
    return last


def later(now: Clocks, ms: int) -> Clocks:
    return Clocks(now.ms + ms, now.unix_ms + ms)


def _type(body: Body) -> EntryType:
    types = {
        Window: EntryType.WINDOW,
        StateOfHealth: EntryType.SOH,
        Event: EntryType.EVENT,
        QuantityEstimate: EntryType.ESTIMATE,
    }
    return next(kind for made, kind in types.items() if isinstance(body, made))

"""What can happen to a pack, done to a simulated one; each from one window to the next, without a restart as a hint."""

from __future__ import annotations

import numpy as np

from packseal.records.bodies import Boot, Config, EntryType
from packseal.records.entries import Entry
from tests.estimate.plant import Fleet, put_cells
from tests.estimate.use import Life


def swap_blocks(life: Life, pack: int, first: int, count: int, other: Fleet, other_pack: int) -> None:
    """Blocks [first, first + count) come from another pack; whoever puts them in brings them to the voltage of the
    rest."""
    fleet = life.fleet
    rows = np.arange(fleet.starts[pack] + first, fleet.starts[pack] + first + count)
    other_rows = np.arange(other.starts[other_pack] + first, other.starts[other_pack] + first + count)
    before_mv = float(fleet.open_mv(fleet.inside_ah)[fleet.pack == pack].mean())
    scatter = other.inside_ah[other_rows] - other.inside_ah[other_rows].mean()
    put_cells(fleet, rows, other, other_rows)
    fleet.inside_ah[rows] = _inside_at(fleet, before_mv)[rows] + scatter
    life.refresh()


def _inside_at(fleet: Fleet, target_mv: float) -> np.ndarray:
    low = np.maximum(0, fleet.lithium_ah - fleet.positive_ah)
    high = np.minimum(fleet.negative_ah, fleet.lithium_ah)
    for _ in range(30):
        middle = (low + high) / 2
        is_above = fleet.open_mv(middle) > target_mv
        low, high = np.where(is_above, low, middle), np.where(is_above, middle, high)
    return (low + high) / 2


def swap_pack(life: Life, pack: int, other: Fleet, other_pack: int) -> None:
    swap_blocks(life, pack, 0, int(life.fleet.sizes[pack]), other, other_pack)


def reset_bms(life: Life, pack: int) -> None:
    """It claims to be half full, and new."""
    soc = life.soc()[pack]
    life.claims.soc_shift[pack] = (0.5 if abs(soc - 0.5) > 0.25 else 0.9 if soc < 0.5 else 0.1) - soc
    life.claims.soh_fixed_cpct[pack] = 10_000
    life.refresh()


def inflate_claim(life: Life, pack: int, points: float) -> None:
    life.claims.soh_fixed_cpct[pack] = min(life.claimed_soh_cpct[pack] + 100 * points, 10_000) // 100 * 100
    life.refresh()


def edit_inside_bms(life: Life, pack: int, factor: float) -> None:
    """It counts with another capacity: its state of charge moves by less, or more."""
    soc = life.soc()[pack]
    life.claims.soc_scale[pack] = 1 / factor
    life.claims.soc_shift[pack] = soc - soc / factor


def leak(life: Life, pack: int, block: int, part_per_day: float) -> None:
    fleet = life.fleet
    fleet.leak_ma[fleet.starts[pack] + block] = part_per_day * fleet.rated_ah[pack] * 1000 / 24


def drift_sensor(life: Life, pack: int, rate: float) -> None:
    """rate: in parts of rated capacity per hour."""
    life.fleet.offset_ma[pack] += rate * life.fleet.rated_ah[pack] * 1000


def boot_entry(life: Life, pack: int, rated_mah: int, firmware: bytes = bytes(32)) -> Entry:
    """The board starts anew, with this setting."""
    life.boot[pack] += 1
    blocks = int(life.fleet.sizes[pack])
    return _next(life, pack, EntryType.BOOT, Boot(firmware, 1, 3, 1, blocks, 1, rated_mah))


def config_entry(life: Life, pack: int, digest: bytes) -> Entry:
    return _next(life, pack, EntryType.CONFIG, Config(settings_digest=digest))


def _next(life: Life, pack: int, kind: EntryType, body: Boot | Config) -> Entry:
    seq = life.next_seq[pack]
    life.next_seq[pack] += 1
    return Entry(kind, seq, life.boot[pack], life.uptime_ms[pack], body)

"""Claims on recorded buses of Nissan Leafs (dalathegreat/EV-CANlogs), and what the board makes of the same seconds.

The battery controller says current and voltage every 10 ms, its state of charge every 100 ms and its state of health,
in whole percent, every 100 to 500 ms. The board's own estimator gets current, voltage and temperature, as `packseal
replay` would give them; what is claimed is kept from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from benchmarks.health.claimed_line import CAPACITY, RESISTANCE, Line, counter_text
from numpy.typing import NDArray

from packseal.apps.replay import board_line
from packseal.apps.replay_statements import Output
from packseal.frames import Frames, read_log
from packseal.io.replay_board import CPYTHON, ReplayBoard
from packseal.records.bodies import QuantityEstimate
from packseal.records.estimate_words import headline, lacks
from packseal.signals import Binding, QuantityBinding, Samples, apply_binding, load_dbc, parse_binding
from packseal.signals.table_rows import Row

ROOT = Path(__file__).resolve().parents[2]
BINDINGS = ROOT / "gateway" / "packseal" / "signals" / "bindings"
LEAF_BUSES, LEAF_DBCS = "dalathegreat__EV-CANlogs/leaf", "dalathegreat__leaf_can_bus_messages"

BLOCKS = 96  # in series, in every Leaf
CURRENT_ID, CURRENT_MS = 0x1DB, 10  # of the battery controller's message with the current, and how often it comes
LACKS_REST, LACKS_STEPS, LACKS_CURVE = 1, 3, 8
STEP_RATE = 5  # firmware/logger/core/resistance.py: a step of rated_capacity / 5 h counts
LEAF_SOC_STEP_PCT = 0.1

Series = NDArray[np.int64]


@dataclass(frozen=True)
class Pack:
    """new_mah: the charge that this BMS calls 100 % health: of 40 and 62 kWh as its answers show (capacity over health,
    `leaf_answers` prints it), of 24 and 30 kWh as OVMS has it (vehicle_nissanleaf.h). chemistry: None where the board
    has no curve of such cells (lithium manganese oxide in a blend). energy: the signal of what is left, and its Wh."""

    new_mah: int
    chemistry: str | None
    binding: str
    dbc: str
    energy: tuple[str, int] = ("x59E.LB_Remain_Capacity_for_QC", 1)
    full_energy: str = ""


OLD_ENERGY = "x5BC.LB_Remain_Capacity", 80
PACKS = {
    24: Pack(66_000, None, "leaf_ze0", "EV-can_ZE0.dbc", OLD_ENERGY),
    30: Pack(79_000, None, "leaf_ze0", "EV-can_ZE0.dbc", OLD_ENERGY),
    40: Pack(115_000, "nmc", "leaf_aze0", "EV-can_AZE0.dbc", full_energy="x59E.LB_Full_Capacity_for_QC"),
    62: Pack(176_000, "nmc", "leaf_aze0", "EV-can_ZE1.dbc", full_energy="x59E.LB_Full_Capacity_for_QC_62"),
}


def leaf_buses(folder: Path) -> Iterator[Line]:
    for path in sorted((folder / LEAF_BUSES).glob("*")):
        size = re.search(r"(24|30|40|62)(?=kWh|_ZE1)", path.name)
        if size:
            yield bus_line(path, int(size[1]), folder / LEAF_DBCS)


def bus_line(path: Path, kwh: int, dbcs: Path) -> Line:
    pack = PACKS[kwh]
    frames, has_times = frames_of(path)
    samples, energies_kwh = samples_of(frames, pack, dbcs)
    rows = rows_of(samples)
    soh, soc = (valid(samples[name]) / 100 for name in ("soh_reported_cpct", "soc_reported_cpct"))
    ends, moved_ah, said = (float(soc[0]), float(soc[-1])), charge_ah(rows), told_by_board(rows, pack)
    notes = [
        f"board: capacity {said_text(said, CAPACITY, lacks_for_capacity(pack))}",
        f"board: resistance {said_text(said, RESISTANCE, lacks_for_resistance(rows, pack))}",
        f"counter: {counter_text(moved_ah, ends[1] - ends[0], LEAF_SOC_STEP_PCT)}",
        energy_text(energies_kwh, ends[1], kwh),
    ]
    if not has_times:
        notes.append("the log has no times: 10 ms a message of current; none is missing, by its counter of two bits")
    claims = tuple(float(value) for value in soh)
    known = frozenset(one.quantity for one in said if one.value)
    return Line(path.name, f"{kwh} kWh", claims, tuple(notes), rows[-1].t_ms / 1000, ends, moved_ah, known=known)


def energy_text(energies_kwh: Mapping[str, float], soc_pct: float, kwh: int) -> str:
    """The BMS's other claims of the same thing."""
    left = energies_kwh["left"]
    full = 100 * left / soc_pct
    text = f"also claimed: {left:.1f} kWh left, which at {soc_pct:.1f} % is {full / kwh:.0%} of {kwh} kWh when full"
    if "full" in energies_kwh:
        text += f"; {energies_kwh['full']:.1f} kWh when full, which is {energies_kwh['full'] / kwh:.0%}"
    return text


def frames_of(path: Path) -> tuple[Frames, bool]:
    """And whether the log has times. Raises ValueError where it has none and a line of it is no frame."""
    frames, loss = read_log(path.read_bytes())
    if loss.has_times:
        return frames, True
    if loss.refused:
        raise ValueError(f"{sum(loss.refused.values())} of {loss.lines} lines of {path.name} are no frames")
    return timed_by_current(frames), False


def timed_by_current(frames: Frames) -> Frames:
    """The message of current is the clock; its two bits of counter show that none is missing: raises ValueError where
    one is."""
    is_current = frames.can_id == CURRENT_ID
    counters = (frames.data[is_current, 6] & 3).astype(int)
    if ((np.diff(counters) - 1) % 4).any():
        raise ValueError("a message of current is missing, and the log has no times")
    return replace(frames, time_ns=(np.cumsum(is_current) * CURRENT_MS * 10**6).astype(np.int64))


def samples_of(frames: Frames, pack: Pack, dbcs: Path) -> tuple[Mapping[str, Samples], dict[str, float]]:
    """And the energies in kWh that it claims last: what is left, and where there is one, what it holds when full."""
    decoder = load_dbc((dbcs / pack.dbc).read_bytes())
    decoded = decoder.decode(frames)
    (name, wh), full = pack.energy, decoded.values.get(pack.full_energy)
    energies = {"left": float(decoded.values[name].physical[-1]) * wh / 1000}
    if full:
        energies["full"] = float(full.physical[-1]) / 1000
    return apply_binding(binding_of(pack), decoder, decoded), energies


def binding_of(pack: Pack) -> Binding:
    """Of a Leaf from 2018 on: as the one before, but its DBC has temperatures in whole degrees."""
    bound = parse_binding((BINDINGS / f"{pack.binding}.toml").read_text())
    if pack.dbc != "EV-can_ZE1.dbc":
        return bound
    warmth = bound.quantities["temperature_ddegc"].model_dump() | {"factor": 10, "offset": 0}
    kept = {name: one for name, one in bound.quantities.items() if not name.startswith("temperature")}
    changed = kept | {"temperature_ddegc": QuantityBinding.model_validate(warmth)}
    return bound.model_copy(update={"quantities": changed})


def valid(samples: Samples) -> Series:
    result: Series = samples.value[samples.is_valid]
    return result


def rows_of(samples: Mapping[str, Samples]) -> list[Row]:
    """As a table would give them: one for every message of current, without what is claimed."""
    current, voltage, warmth = (samples[name] for name in ("pack_current_ma", "pack_voltage_mv", "temperature_ddegc"))
    newest = np.searchsorted(warmth.time_ns, current.time_ns, side="right") - 1
    first_ns, rows = int(current.time_ns[0]), []
    for i, at in enumerate(newest):
        pack_mv = _value(voltage, i)
        cell_mv = (None if pack_mv is None else round(pack_mv / BLOCKS),) * BLOCKS
        t_ms = (int(current.time_ns[i]) - first_ns) // 10**6
        rows.append(Row(t_ms, _value(current, i), pack_mv, cell_mv, (_value(warmth, at),), None, None, None, None))
    return rows


def _value(samples: Samples, i: int) -> int | None:
    return int(samples.value[i]) if i >= 0 and samples.is_valid[i] else None


def charge_ah(rows: Sequence[Row]) -> float:
    parts = [
        (after.t_ms - before.t_ms) * (after.current_ma + before.current_ma) / 2
        for before, after in pairwise(rows)
        if before.current_ma is not None and after.current_ma is not None
    ]
    return sum(parts) / 3.6e9


# ---- the board


def told_by_board(rows: Iterable[Row], pack: Pack) -> list[QuantityEstimate]:
    """All that the firmware's estimator says of these rows, oldest first."""
    config: dict[str, object] = {
        "rated_capacity_mah": pack.new_mah,
        "cell_blocks": BLOCKS,
        "strings": 1,
        "sample_ms": CURRENT_MS,
        "window_ms": 60_000,
        "temperature_sensors": 1,
    }
    if pack.chemistry:
        config["chemistry"] = pack.chemistry
    with TemporaryDirectory() as folder:
        output = Path(folder, "statements.jsonl")
        with ReplayBoard(CPYTHON, config, output) as board:
            for row in rows:
                board.feed(board_line(row))
            board.finish()
        return [said for _, said in Output(CPYTHON, output).estimates()]


def said_text(said: Sequence[QuantityEstimate], quantity: int, lacking: str) -> str:
    """lacking: what the board would say once a day; these logs are shorter."""
    found = [one for one in said if one.quantity == quantity]
    return headline(found[-1]) if found else f"not yet known: needs {lacking}"


def lacks_for_capacity(pack: Pack) -> str:
    return lacks(LACKS_REST if pack.chemistry else LACKS_CURVE)[0]


def lacks_for_resistance(rows: Sequence[Row], pack: Pack) -> str:
    known = [row.current_ma for row in rows if row.current_ma is not None]
    largest_ma = max((abs(after - before) for before, after in pairwise(known)), default=0)
    least_a = pack.new_mah / STEP_RATE / 1000
    text = f"{lacks(LACKS_STEPS)[0]} of {least_a:.0f} A (the largest is {largest_ma / 1000:.1f} A)"
    is_warmth_known = any(row.temperature_ddegc[0] is not None for row in rows)
    return text if is_warmth_known else f"{text} and a temperature"

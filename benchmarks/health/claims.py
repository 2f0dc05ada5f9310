"""What a BMS claims of itself in logs that others recorded, beside what the board and a naive counter make of them.

    python benchmarks/health/claims.py

Three kinds of log, in $PACKSEAL_CAN; none of them is part of this repository:

- buses of Nissan Leafs (dalathegreat/EV-CANlogs). The battery controller says current and voltage every 10 ms, its
  state of charge every 100 ms and its state of health, in whole percent, every 100 to 500 ms. The board's own estimator
  gets current, voltage and temperature, as `packseal replay` would give them; what is claimed is kept from it.
- answers of Nissan Leafs and Hyundai Konas to a diagnostic tool, with what they decode to (OBDb): single moments, from
  which no estimator can tell anything. A Kona counts its charge itself, so a naive counter has something to say.
- the ageing cells of `make bench-health`, which have no BMS.

Left out: logs in ASAM MF4, which nothing here reads.

The counter: charge that moved, by what the claimed state of charge moved. Its interval is of the claim's resolution
alone. The last line is the figures as JSON.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
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
DEFAULT_FOLDER = ROOT.parent / "shared" / "data" / "can"
BINDINGS = ROOT / "gateway" / "packseal" / "signals" / "bindings"
LEAF_BUSES, LEAF_DBCS = "dalathegreat__EV-CANlogs/leaf", "dalathegreat__leaf_can_bus_messages"
LEAF_ANSWERS, KONA_ANSWERS = "OBDb__Nissan-Leaf/tests/test_cases", "OBDb__Hyundai-Kona-Electric/tests/test_cases"

BLOCKS = 96  # in series, in every Leaf
CURRENT_ID, CURRENT_MS = 0x1DB, 10  # of the battery controller's message with the current, and how often it comes
CAPACITY, RESISTANCE = 1, 2  # docs/record.md, ESTIMATE
LACKS_REST, LACKS_STEPS, LACKS_CURVE = 1, 3, 8
STEP_RATE = 5  # firmware/logger/core/resistance.py: a step of rated_capacity / 5 h counts
LEAST_SPAN_PCT = 1.0  # of the claimed state of charge; below it, a counter says nothing
COUNTED_FROM_PCT = (LEAST_SPAN_PCT, 8.0)
LEAF_SOC_STEP_PCT, KONA_SOC_STEP_PCT = 0.1, 0.5
MOST_AH = 200.0  # no Leaf has more
SAME_DRIVE_S = 3600

_CANDUMP = re.compile(r"\s*\S+\s+([0-9A-F]{3})\s+\[(\d)\] ((?: [0-9A-F]{2})+)\s*")
_VALUE = re.compile(r"^ +([A-Z0-9_]+): (-?[0-9.]+)$", re.MULTILINE)

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


@dataclass(frozen=True)
class Line:
    """One log. `seconds`, `soc_pct` and `moved_ah` are there where it is one of a bus. counted: (points of claimed
    charge, Ah by the counter); known: quantities that the board has a value of."""

    name: str
    pack: str
    claims_pct: tuple[float, ...]
    notes: tuple[str, ...]
    seconds: float | None = None
    soc_pct: tuple[float, float] = (0, 0)
    moved_ah: float = 0
    counted: tuple[tuple[float, float], ...] = ()
    known: frozenset[int] = frozenset()


# ---- buses


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
    """And whether the log has times."""
    content = path.read_bytes()
    frames, loss = read_log(content)
    return (frames, True) if loss.has_times else (untimed_frames(content.decode("ascii")), False)


def untimed_frames(text: str) -> Frames:
    """What `candump` prints without times. The message of current is the clock; its two bits of counter show that none
    is missing: raises ValueError where one is."""
    lines = [line for line in text.splitlines() if line.strip()]
    found = [match for match in map(_CANDUMP.fullmatch, lines) if match]
    if len(found) < len(lines):
        raise ValueError(f"{len(lines) - len(found)} of {len(lines)} lines are no frames")
    can_id = np.array([int(match[1], 16) for match in found], np.uint32)
    data = np.zeros((len(found), 8), np.uint8)
    for row, match in enumerate(found):
        some = bytes.fromhex(match[3])
        data[row, : len(some)] = list(some)
    counters = data[can_id == CURRENT_ID, 6] & 3
    if ((np.diff(counters.astype(int)) - 1) % 4).any():
        raise ValueError("a message of current is missing, and the log has no times")
    time_ns = np.cumsum(can_id == CURRENT_ID) * CURRENT_MS * 10**6
    length = np.array([int(match[2]) for match in found], np.uint8)
    empty = np.zeros(len(found), np.uint8)
    return Frames(can_id, empty.astype(np.bool_), time_ns.astype(np.int64), empty, length, data)


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


# ---- the counter


def counter_text(moved_ah: float, span_pct: float, step_pct: float) -> str:
    if abs(span_pct) < LEAST_SPAN_PCT:
        return f"nothing: the claimed charge moved by {abs(span_pct):.1f} points"
    return f"{100 * moved_ah / span_pct:.0f} ± {abs(100 * moved_ah / span_pct**2 * step_pct):.0f} Ah"


# ---- answers


def answers(path: Path) -> list[dict[str, float]]:
    """The decoded values of each answer in a file of OBDb."""
    blocks = path.read_text(encoding="utf-8").split("\n- ")[1:]
    return [{name: float(value) for name, value in _VALUE.findall(block)} for block in blocks]


def by_year(folder: Path, asked: str) -> Iterator[tuple[str, list[dict[str, float]]]]:
    for path in sorted(folder.glob(f"*/commands/*.{asked}*.yaml")):
        yield path.parts[-3], answers(path)


def leaf_answers(folder: Path) -> Iterator[Line]:
    """Model years have several cars in them, and nothing says which answer is whose."""
    others = dict(by_year(folder / LEAF_ANSWERS, "2101"))
    for year, found in by_year(folder / LEAF_ANSWERS, "2161"):
        claims = tuple(one["LEAF_HVBAT_SOH"] for one in found)
        held_ah = sorted({one["LEAF_HVBAT_CAP"] for one in others.get(year, ())})
        yield Line(f"Leaf {year}, answers: {len(found)}", "not told", claims, (capacity_note(held_ah, claims),))


def capacity_note(held_ah: Sequence[float], claims_pct: Sequence[float]) -> str:
    """What charge the BMS calls 100 %."""
    if held_ah[-1] > MOST_AH:
        return f"its capacity decodes to {held_ah[-1]:.0f} Ah, which no Leaf has: these years have another layout"
    ends = zip(_ends(held_ah), _ends(claims_pct), strict=True)
    new = sorted({f"{100 * ah / pct:.1f}" for ah, pct in ends})
    held = sorted({f"{ah:.1f}" for ah in held_ah}, key=float)
    return f"health is its capacity, {' and '.join(held)} Ah, over {' and '.join(new)} Ah"


def _ends(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)


@dataclass(frozen=True)
class Count:
    """What a Kona had counted after so many seconds of use."""

    t_s: float
    soc_pct: float
    in_ah: float
    out_ah: float


def kona_answers(folder: Path) -> Iterator[Line]:
    counts = dict(by_year(folder / KONA_ANSWERS, "220101"))
    for year, found in by_year(folder / KONA_ANSWERS, "220105"):
        claims = tuple(one["KONAEV_HVBAT_SOH"] for one in found)
        stretches = [drive for drive in drives(counts[year]) if abs(_span_pct(drive)) >= LEAST_SPAN_PCT]
        given_ah = max(one["KONAEV_HVBAT_DSCH_TOT_C"] for one in counts[year])
        notes = [f"with up to {given_ah:.0f} Ah given out before", *map(stretch_note, stretches)]
        counted = [(abs(_span_pct(drive)), 100 * _moved_ah(drive) / _span_pct(drive)) for drive in stretches]
        yield Line(f"Kona {year}, answers: {len(found)}", "not told", claims, tuple(notes), counted=tuple(counted))


def drives(found: Iterable[dict[str, float]]) -> Iterator[list[Count]]:
    """Stretches of use of one car, with less than an hour between two answers."""
    names = "KONAEV_DRIVE_TIME", "KONAEV_HVBAT_SOC", "KONAEV_HVBAT_CHRG_TOT_C", "KONAEV_HVBAT_DSCH_TOT_C"
    counts = sorted((Count(*(one[name] for name in names)) for one in found), key=lambda count: count.t_s)
    drive: list[Count] = []
    for count in counts:
        if drive and not _is_next(drive[-1], count):
            yield drive
            drive = []
        drive.append(count)
    if drive:
        yield drive


def _is_next(before: Count, after: Count) -> bool:
    is_one_car = after.in_ah >= before.in_ah and after.out_ah >= before.out_ah
    return is_one_car and after.t_s - before.t_s < SAME_DRIVE_S


def _span_pct(drive: Sequence[Count]) -> float:
    return drive[-1].soc_pct - drive[0].soc_pct


def _moved_ah(drive: Sequence[Count]) -> float:
    first, last = drive[0], drive[-1]
    return last.in_ah - first.in_ah - last.out_ah + first.out_ah


def stretch_note(drive: Sequence[Count]) -> str:
    moved_ah, first, last = _moved_ah(drive), drive[0], drive[-1]
    counted = counter_text(moved_ah, _span_pct(drive), KONA_SOC_STEP_PCT)
    spent = f"{moved_ah:+.1f} Ah in {(last.t_s - first.t_s) / 60:.0f} min"
    return f"counter: {first.soc_pct:.1f} to {last.soc_pct:.1f} %, {spent}: {counted}"


# ---- the table


HEAD = f"{'log':31}{'pack':10}{'s':>6}  {'claimed health, %':26}{'claimed charge, %':18}{'Ah moved':>9}"


def shown(line: Line) -> Iterator[str]:
    text = f"{line.name:31}{line.pack:10}"
    if line.seconds is None:
        yield f"{text}{'':6}  {claimed(line)}"
    else:
        charge = f"{line.soc_pct[0]:.1f}, {line.soc_pct[1]:.1f}"
        yield f"{text}{line.seconds:6.1f}  {claimed(line):26}{charge:18}{line.moved_ah:+9.4f}"
    yield from (f"    {note}" for note in line.notes)


def claimed(line: Line) -> str:
    """First and last where the log is one of a bus; else least and most: answers have no order."""
    if line.seconds is not None:
        return f"{line.claims_pct[0]:g}, {line.claims_pct[-1]:g}"
    least, most = _ends(line.claims_pct)
    return f"{least:g}" if least == most else f"{least:g} to {most:g} ({len(set(line.claims_pct))} values)"


def figures(lines: Sequence[Line]) -> dict[str, float]:
    claims = [claim for line in lines for claim in line.claims_pct]
    counted = [value for line in lines for value in line.counted]
    buses = [line for line in lines if line.seconds is not None]
    found: dict[str, float] = {
        "logs": len(lines),
        "buses": len(buses),
        "with_claim": sum(bool(line.claims_pct) for line in lines),
        "claim_least_pct": min(claims),
        "claim_most_pct": max(claims),
        "buses_whose_claim_moved": sum(len(set(line.claims_pct)) > 1 for line in buses),
        "capacity_known": sum(CAPACITY in line.known for line in lines),
        "resistance_known": sum(RESISTANCE in line.known for line in lines),
    }
    for least_pct in COUNTED_FROM_PCT:
        some = [ah for span_pct, ah in counted if span_pct >= least_pct]
        head = f"counter_from_{least_pct:g}_points"
        found[f"{head}_stretches"] = len(some)
        if some:
            found[f"{head}_least_ah"], found[f"{head}_most_ah"] = round(min(some)), round(max(some))
    return found


def main() -> int:
    folder = Path(os.environ.get("PACKSEAL_CAN", str(DEFAULT_FOLDER)))
    lines = [line for read in (leaf_buses, leaf_answers, kona_answers) for line in read(folder)]
    if not lines:
        print(f"no logs with a BMS's claim in {folder}; set PACKSEAL_CAN to the folder that has them")
        print(json.dumps({}))
        return 0
    print(HEAD)
    for line in lines:
        print(*shown(line), sep="\n", flush=True)
    print("CALCE CS2, NASA B00xx: cells on a tester; no recording has a BMS or a claim")
    print(json.dumps(figures(lines)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Claims in answers of Nissan Leafs and Hyundai Konas to a diagnostic tool, with what they decode to (OBDb).

They are single moments, from which no estimator can tell anything. A Kona counts its charge itself, so a naive counter
has something to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.health.claimed_line import LEAST_SPAN_PCT, Line, counter_text, least_and_most

LEAF_ANSWERS, KONA_ANSWERS = "OBDb__Nissan-Leaf/tests/test_cases", "OBDb__Hyundai-Kona-Electric/tests/test_cases"
KONA_SOC_STEP_PCT = 0.5
MOST_AH = 200.0  # no Leaf has more
SAME_DRIVE_S = 3600

_VALUE = re.compile(r"^ +([A-Z0-9_]+): (-?[0-9.]+)$", re.MULTILINE)


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
    ends = zip(least_and_most(held_ah), least_and_most(claims_pct), strict=True)
    new = sorted({f"{100 * ah / pct:.1f}" for ah, pct in ends})
    held = sorted({f"{ah:.1f}" for ah in held_ah}, key=float)
    return f"health is its capacity, {' and '.join(held)} Ah, over {' and '.join(new)} Ah"


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

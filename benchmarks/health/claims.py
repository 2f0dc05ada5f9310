"""What a BMS claims of itself in logs that others recorded, beside what the board and a naive counter make of them.

    python benchmarks/health/claims.py

Three kinds of log, in $PACKSEAL_CAN; none of them is part of this repository:

- buses of Nissan Leafs (claims_of_buses.py)
- answers of Nissan Leafs and Hyundai Konas to a diagnostic tool (claims_of_answers.py)
- the ageing cells of `make bench-health`, which have no BMS.

Left out: logs in ASAM MF4, which hold answers of the same cars.

The counter: charge that moved, by what the claimed state of charge moved. Its interval is of the claim's resolution
alone. The last line is the figures as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "gateway"), str(ROOT / "firmware")]

from benchmarks.health.claimed_line import CAPACITY, LEAST_SPAN_PCT, RESISTANCE, Line, least_and_most  # noqa: E402
from benchmarks.health.claims_of_answers import kona_answers, leaf_answers  # noqa: E402
from benchmarks.health.claims_of_buses import leaf_buses  # noqa: E402

DEFAULT_FOLDER = ROOT.parent / "shared" / "data" / "can"
COUNTED_FROM_PCT = (LEAST_SPAN_PCT, 8.0)

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
    least, most = least_and_most(line.claims_pct)
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

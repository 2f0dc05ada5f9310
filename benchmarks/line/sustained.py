"""A line that runs for an hour: records with their receipts, how long these take, memory; by minute.

    PYTHONPATH=. python benchmarks/line/sustained.py [--seconds 3600] [--rate 1010] [--boards 20]

Boards on pseudo-terminals -> one gateway -> mosquitto -> one passport service on PostgreSQL, and each receipt all the
way back; at the broker everybody shows a certificate. A unit is 15 windows of 16 cells under one signature. The time of
a record is from its signature until the board holds its verified receipt.

All of it shares the machine's cores: the simulated boards too, whose records were signed beforehand (logs.py; for the
hour that takes some minutes, and half a gigabyte in the folder of temporary files, which later runs use again).
--cores 2 keeps everything to two cores where there are more. The last line is the figures as JSON. What was
missed of the bars is said, and the exit status is 1 then; growth of memory is that from the fifth minute to the end,
and in a run of less than ten minutes that of its second half, without a bar.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks.line.measured import Latencies, Span
from benchmarks.line.site import Plan, Site, running

UNIT = 15
MINUTE_S = 60
SETTLED_MINUTES = 5
RATE = 1010  # a minute's edge cuts a unit of each board: what is left of it is still the bar
EDGE = 0.99  # of a lower rate
BARS: dict[str, float] = {"records_per_s": 1000, "p99_ms": 1000, "rss_growth_percent": 5.0}
OWN = ("gateway", "service")  # whose memory has a bar


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--boards", type=int, default=20)
    parser.add_argument("--cores", type=int, default=2)
    chosen = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: chosen.cores])
    units = int(chosen.seconds * chosen.rate / chosen.boards / UNIT) + 2 * UNIT
    with running(Plan(chosen.boards, chosen.rate, UNIT, units)) as site:
        figures = measured(site, chosen.seconds, min(MINUTE_S, max(5, chosen.seconds // 6)))
    bars = BARS | {"records_per_s": min(BARS["records_per_s"], EDGE * chosen.rate)}
    figures |= {"rate": chosen.rate, "boards": chosen.boards, "cores_used": chosen.cores, "bars": bars}
    missed = list(misses(figures))
    print("\n".join(f"missed: {words}" for words in missed or ["none"]))
    print(json.dumps(figures))
    return 1 if missed else 0


def misses(found: dict[str, Any]) -> Iterator[str]:
    """In words, also by whoever makes a page of the figures. Growth has a bar where memory had time to settle."""
    bars, slowest = found["bars"], min(one["records_per_s"] for one in found["minutes"])
    if slowest < bars["records_per_s"]:
        yield f"{slowest:,} records a second in one span"
    if found["p99_ms"] > bars["p99_ms"]:
        yield f"{found['p99_ms']:,} ms to 99 of 100 receipts"
    for name in OWN if is_settled(found) else ():
        if found["rss_growth_percent"][name] > bars["rss_growth_percent"]:
            yield f"memory of {name}: {found['rss_growth_percent'][name]} % more"


def is_settled(found: dict[str, Any]) -> bool:
    return bool(found["seconds"] >= 2 * SETTLED_MINUTES * MINUTE_S)


def measured(site: Site, seconds: int, span_s: int) -> dict[str, Any]:
    site.until(lambda report: report["with_receipt"] == len(site.boards.ports), "the first receipts")
    site.boards.go()
    report = site.until(lambda one: one["at_s"] < MINUTE_S and one["latencies"], "records")
    head = f"{'s':>6} {'records':>9} {'/s':>6} {'p50':>6} {'p99':>6} {'max ms':>7} {'waiting':>8}"
    print(head + "".join(f"{name:>24}" for name in site.pids()) + "   MB, cores")
    minutes, every = [], Latencies()
    for _ in range(max(1, seconds // span_s)):
        found, report = one_span(site, report, span_s)
        minutes.append(found.figures())
        every.add(list(found.latencies.counts.items()))
        show(minutes[-1], span_s * len(minutes))
    return summary(minutes, every) | {"minutes": minutes, "span_s": span_s, "refused": report["refused"]}


def one_span(site: Site, report: dict[str, Any], span_s: int) -> tuple[Span, dict[str, Any]]:
    span, begun_s = Span(site, report), report["at_s"]
    while report["at_s"] - begun_s < span_s - 0.5:
        report = site.next()
        span.add(report)
    return span, report


def show(found: dict[str, Any], at_s: int) -> None:
    line = f"{at_s:6} {found['records']:9,} {found['records_per_s']:6,} {found['p50_ms']:6} {found['p99_ms']:6}"
    line += f" {found['max_ms']:7} {found['waiting']:8}"
    cells = [f"{found['rss_mb'][name]:16.1f} {found['cores'][name]:7.2f}" for name in found["rss_mb"]]
    print(line + "".join(cells), flush=True)


def summary(minutes: list[dict[str, Any]], every: Latencies) -> dict[str, Any]:
    settled = minutes[min(SETTLED_MINUTES, len(minutes) // 2) :]
    first, last = settled[0]["rss_mb"], settled[-1]["rss_mb"]
    took_s = sum(one["seconds"] for one in minutes)
    names = list(last)
    return {
        "seconds": round(took_s),
        "records_per_s": round(sum(one["records"] for one in minutes) / took_s),
        **every.figures(),
        "rss_growth_percent": {name: round(100 * (last[name] / first[name] - 1), 1) for name in names if first[name]},
        "cores": {name: round(sum(one["cores"][name] for one in minutes) / len(minutes), 2) for name in names},
    }


if __name__ == "__main__":
    sys.exit(main())

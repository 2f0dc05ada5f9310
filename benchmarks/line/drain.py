"""What has waited while the broker or the service was away: how fast it drains while new records go on coming.

    PYTHONPATH=. python benchmarks/line/drain.py [--rate 200] [--away-s 300] [--what broker,service] [--boards 20]

The line of sustained.py. The one that is away is killed, and started again after so many seconds. From then on the
clock runs, its own start included, until no more waits than waited before. Drained is all that got its receipt
meanwhile, what came new as well; "times real time" is that by the clock, divided by the rate at which records come. The
last line is the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from benchmarks.line.site import Plan, Site, running
from tests.io.mosquitto import Mosquitto
from tests.line.rig import Process

UNIT = 15
BEFORE_S, LONGEST_S = 10, 1800
BAR = 5.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--away-s", type=int, default=300)
    parser.add_argument("--what", default="broker,service")
    parser.add_argument("--boards", type=int, default=20)
    chosen = parser.parse_args()
    figures: dict[str, Any] = {"rate": chosen.rate, "away_s": chosen.away_s, "boards": chosen.boards}
    print(f"{'away':10} {'s':>6} {'waited':>9} {'drained':>9} {'in s':>7} {'/s':>7} {'times real time':>16} {'bar':>5}")
    for what in chosen.what.split(","):
        seconds = chosen.away_s + BEFORE_S + LONGEST_S // 10
        units = int(seconds * chosen.rate / chosen.boards / UNIT) + UNIT
        with running(Plan(chosen.boards, chosen.rate, UNIT, units)) as site:
            figures[what] = found = drained(site, what, chosen.away_s, chosen.rate)
        line = f"{what:10} {chosen.away_s:6} {found['waited']:9,} {found['drained']:9,} {found['seconds']:7.1f}"
        print(f"{line} {found['records_per_s']:7,} {found['times_real_time']:16.1f} {BAR:5.1f}", flush=True)
    print(json.dumps(figures | {"bars": {"times_real_time": BAR}}))
    return 0


def drained(site: Site, what: str, away_s: int, rate: float) -> dict[str, float]:
    part: Mosquitto | Process = site.broker if what == "broker" else site.service
    site.until(lambda report: report["with_receipt"] == len(site.boards.ports), "the first receipts")
    site.boards.go()
    site.until(lambda report: bool(report["latencies"]) and report["records"] > BEFORE_S * rate, "records")
    usual = max(waiting(site.next()) for _ in range(3))
    part.kill()
    begun = site.next()
    back = site.until(lambda report: report["at_s"] >= begun["at_s"] + away_s, "the end of the outage")
    part.start()
    end = site.until(lambda report: waiting(report) <= usual, "the last receipt", LONGEST_S)
    took_s = end["at_s"] - back["at_s"]
    count = end["receipted"] - back["receipted"]
    return {
        "waited": waiting(back), "drained": count, "seconds": round(took_s, 1), "records_per_s": round(count / took_s),
        "times_real_time": round(count / took_s / rate, 2),
    }  # fmt: skip


def waiting(report: dict[str, Any]) -> int:
    """Records without a receipt."""
    found: int = report["records"] - report["receipted"]
    return found


if __name__ == "__main__":
    sys.exit(main())

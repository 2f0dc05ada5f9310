"""One host with thousands of boards: until each has its first receipt, and what the gateways take for them.

    PYTHONPATH=. python benchmarks/line/many_boards.py [--boards 5000] [--gateways 8] [--every-s 60] [--seconds 120]

The line of sustained.py, each board on a pseudo-terminal of its own with the real link, and a STATUS each second as the
firmware says one. At first all come at once, each with the two records that open its log; then every board gives a
window of 16 cells and its checkpoint every so many seconds. A gateway has a thread for each board, which sleeps until
its board speaks; so many gateways share the boards. As root the kernel's limit of pseudo-terminals is raised, and put
back. Where not all boards have a receipt after --longest-s, that is what it says. The last line is the figures as
JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from benchmarks.line.measured import Span
from benchmarks.line.site import Plan, Site, running

LOOK_S = 10
LONGEST_S = 900


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boards", type=int, default=5000)
    parser.add_argument("--gateways", type=int, default=8)
    parser.add_argument("--every-s", type=float, default=60)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--longest-s", type=int, default=LONGEST_S, help="to wait for the first receipts")
    chosen = parser.parse_args()
    units = int(chosen.seconds / chosen.every_s) + 5
    plan = Plan(chosen.boards, chosen.boards / chosen.every_s, 1, units, chosen.gateways)
    with running(plan) as site:
        figures = {"boards": chosen.boards, "gateways": chosen.gateways, "every_s": chosen.every_s}
        figures |= greeted(site, chosen.longest_s)
        if figures["with_receipt"] == chosen.boards:
            figures["lived"] = lived(site, chosen.seconds)
    print(json.dumps(figures))
    return 0


def greeted(site: Site, longest_s: int) -> dict[str, Any]:
    """Until every board has a receipt, or for so long."""
    report, boards, looked_s = site.next(), len(site.boards.ports), 0
    span, begun_s = Span(site, report), report["at_s"]
    while report["with_receipt"] < boards and report["at_s"] - begun_s < longest_s:
        report = site.next()
        span.add(report)
        if report["at_s"] - begun_s >= looked_s:
            print(f"  {looked_s:5} s: {report['with_receipt']:,} boards with a receipt", flush=True)
            looked_s += LOOK_S
    found, with_receipt = taken(span), report["with_receipt"]
    print(f"{with_receipt:,} of {boards:,} boards have a receipt after {found['seconds']:.0f} s; "
          f"gateways {found['gateway_cores']} cores, {found['gateway_kb_per_board']} kB a board")  # fmt: skip
    return {"with_receipt": with_receipt, "waited_s": found["seconds"], "greeted": found}


def lived(site: Site, seconds: int) -> dict[str, Any]:
    site.boards.go()
    report = site.until(lambda one: one["at_s"] < 60 and bool(one["latencies"]), "records")
    span, until_s = Span(site, report), report["at_s"] + seconds
    while report["at_s"] < until_s:
        report = site.next()
        span.add(report)
    found = taken(span)
    print(f"{found['records_per_s']} records/s, p50 {found['p50_ms']} ms, p99 {found['p99_ms']} ms, longest "
          f"{found['max_ms']} ms; gateways {found['gateway_cores']} cores, {found['gateway_kb_per_board']} kB a board; "
          f"without a receipt now: {found['waiting']}")  # fmt: skip
    return found


def taken(span: Span) -> dict[str, Any]:
    """With what all gateways took together."""
    found = span.figures()
    names = [name for name in found["cores"] if name.startswith("gateway")]
    cores, mb = sum(found["cores"][name] for name in names), sum(found["rss_mb"][name] for name in names)
    per_board = {"gateway_cores": round(cores, 2), "gateway_kb_per_board": round(1024 * mb / span.boards, 1)}
    return found | per_board


if __name__ == "__main__":
    sys.exit(main())

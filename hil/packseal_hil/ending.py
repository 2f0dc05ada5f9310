"""How a test on the bench ends: what is observed for the health check, and the files that are left of the run.

Files, in a folder of the test's own: trace.npz (trace.py), run.json (what ran, on what, and how it ended), and a bundle
of the newest state of health with the policy.toml to check it by, where there is a record with a receipt.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from packseal.errors import PackSealError, UnavailableError
from packseal_hil.bench import Bench
from packseal_hil.health import Observed, Verdict
from packseal_hil.opening import OpenBench
from packseal_hil.protocols import BenchError
from packseal_hil.recording import Journal, Line
from packseal_hil.replay import ReplayedPack


@dataclass(frozen=True, slots=True)
class RigEnd:
    """What only the rig can say; of a replay, what it said when it was recorded. host_late_ms: how long the machine has
    let board and bench wait."""

    starts: int
    board_words: str
    bench_words: str
    bus_words: dict[str, str]
    bus_counters: dict[str, dict[str, int]]
    host_late_ms: int = 0


def rig_end(bench: OpenBench) -> RigEnd:
    """Raises BenchError where a replay ends before its recording."""
    if isinstance(bench.pack, ReplayedPack):
        return _recorded_end(bench.pack.cursor.end())
    words = {name: bus.problem() for name, bus in bench.buses.items()}
    if bench.can:
        words["the board's adapter"] = bench.can.problem()
    counters = {name: bus.counters() for name, bus in bench.buses.items()}
    late_ms = bench.pack.host_late_ms if isinstance(bench.pack, Bench) else 0
    return RigEnd(bench.board.starts, bench.board.problem(), bench.pack.problem(), words, counters, late_ms)


def write_end(end: RigEnd, journal: Journal) -> None:
    """The last line of a recording."""
    journal.line(
        "end",
        starts=end.starts,
        board_words=end.board_words,
        bench_words=end.bench_words,
        bus_words=end.bus_words,
        bus_counters=end.bus_counters,
        host_late_ms=end.host_late_ms,
    )


def observed(bench: OpenBench, end: RigEnd) -> Observed:
    """Of the real services, and of the rig as it ended."""
    gateway, passport = bench.services.gateway, bench.services.passport
    status = gateway.status()
    board = {name: value for name, value in gateway.board().items() if isinstance(value, int)}
    differences = passport.differences()
    return Observed(
        starts=end.starts,
        entries=() if differences else tuple(passport.entries()),  # an altered record is not given out
        slot_ms=bench.pack.setup.sample_ms / bench.board.clock_rate,
        host_late_ms=end.host_late_ms,
        bench_words=end.bench_words,
        board_words=end.board_words,
        bus_words=end.bus_words,
        bus_counters=end.bus_counters,
        board_counters=board,
        counts=gateway.counts(),
        gateway_words=tuple(gateway.problems()),
        passport_words=tuple(passport.problems()),
        refusals=tuple(passport.refusals()),
        differences=differences,
        oldest_waiting_s=int(status.get("oldest_waiting_s", 0)),
    )


def counters_of(seen: Observed) -> dict[str, int]:
    """For the trace and the report, one name for each."""
    buses = {f"{bus}.{name}": count for bus, named in seen.bus_counters.items() for name, count in named.items()}
    board = {f"board.{name}": count for name, count in seen.board_counters.items()}
    gateway = {f"gateway.{name}": count for name, count in seen.counts.items()}
    return {**buses, **board, **gateway, "board.starts": seen.starts, "passport.records": len(seen.entries)}


def write_run(bench: OpenBench, seen: Observed, verdict: Verdict, said: dict[str, str], folder: Path) -> None:
    """said: what else is to stand in run.json (test, rig, outcome). Raises BenchError where nothing can be written."""
    run = {
        **said,
        "target": bench.board.name,
        "clock_rate": bench.board.clock_rate,
        "host_late_ms": seen.host_late_ms,
        "seed": bench.pack.setup.seed,
        "firmware_hash": bench.board.firmware_hash.hex(),
        "is_replayed": bench.is_replayed,
        "failing": [str(problem) for problem in verdict.failing],
        "explained": [str(problem) for problem in verdict.explained],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace(bench.pack.trace(), counters=counters_of(seen)).write(folder / "trace.npz")
        with suppress(UnavailableError):  # a run so short that nothing has a receipt leaves no bundle
            run["bundle"] = bench.services.passport.export(folder).path.name
        (folder / "run.json").write_text(json.dumps(run, indent=2) + "\n")
    except (PackSealError, OSError) as error:
        raise BenchError(f"{folder}: {error}; choose another with --bench-output") from None


def _recorded_end(line: Line) -> RigEnd:
    words = {name: str(said) for name, said in line.table("bus_words").items()}
    counters = {
        name: {str(key): int(count) for key, count in counts.items()}
        for name, counts in line.table("bus_counters").items()
        if isinstance(counts, dict)
    }
    said = (line.number("starts"), line.text("board_words"), line.text("bench_words"))
    return RigEnd(*said, words, counters, line.number("host_late_ms"))

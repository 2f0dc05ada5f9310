"""What of the benchmarks' figures docs/performance.md shows, by area. All numbers come from the figures; none is here.

A line is one thing that was measured: ours, a peer's and how many times as good ours is. Where a benchmark has a bar,
it is in its figures, and a line that misses it says so. What an area's figures do not have has no line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """ours, theirs: in `unit`; ratio: how many times as good ours is; bar: in words; is_missed: the bar."""

    what: str
    ours: float
    unit: str
    peer: str = ""
    theirs: float | None = None
    is_less_better: bool = False
    bar: str = ""
    is_missed: bool = False
    spread: str = ""

    @property
    def ratio(self) -> float | None:
        if not self.theirs or not self.ours:
            return None
        return self.theirs / self.ours if self.is_less_better else self.ours / self.theirs


def board(found: Figures) -> Iterator[Line]:
    for what, name, peer, theirs in (
        ("Ed25519 signature of 150 bytes", "sign_us", "libsodium on the PC, for scale", "libsodium_sign_us"),
        ("Ed25519 verified", "verify_us", "libsodium on the PC, for scale", "libsodium_verify_us"),
        ("SHA-512, a block", "sha512_us", "plain Python on the same interpreter", "sha512_plain_us"),
        ("longest step of a signature", "sign_longest_step_us", "", ""),
    ):
        if name in found:
            yield Line(what, found[name] / 1000, "ms", peer, _by(found.get(theirs), 1000), is_less_better=True)
    for what, name in (("heap with the table", "resident_bytes"), ("beside it while signing", "live_bytes")):
        if name in found:
            yield Line(what, found[name], "bytes", is_less_better=True)


_PLAIN = "cbor2, one signature a record"


def evidence(found: Figures) -> Iterator[Line]:
    for what, name, peer, unit in (
        ("record of 16 cells, signed", "record_bytes", "peer_record_bytes", "bytes"),
        ("made: blinded, hashed, signed", "record_sign_us", "peer_sign_us", "µs"),
        ("verified in its log", "record_verify_us", "peer_verify_us", "µs"),
        ("checkpoint verified", "checkpoint_verify_us", "", "µs"),
        ("open bundle", "bundle_open_bytes", "", "bytes"),
        ("open bundle verified", "bundle_open_verify_us", "", "µs"),
        ("two values shown, verified", "bundle_disclosed_verify_us", "", "µs"),
        ("health at least 80 %, verified", "bundle_threshold_verify_us", "", "µs"),
    ):
        if name in found:
            theirs = found.get(peer)
            yield Line(what, found[name], unit, _PLAIN if theirs else "", theirs, is_less_better=True)
    if "archive_1_process_records_per_s" in found:
        yield Line("archive verified, one process", found["archive_1_process_records_per_s"], "records/s")
    if "records_per_s" in found:
        yield Line("service in one process, SQLite", found["records_per_s"], "records/s")


def health(found: Figures) -> Iterator[Line]:
    for name, one in found.get("real_cells", {}).items():
        spread = f"95 % below {number(one['known_p95'])}"
        yield Line(f"recorded cells, {name}: capacity", one["known_median"], "points RMSE", "AWTLS",
                   one["awtls"], is_less_better=True, spread=spread)  # fmt: skip
    for name, one in found.get("fleet", {}).items():
        whole = one.get("all")
        if whole:
            yield Line(f"packs over their lives, {name}: capacity", whole["rmse"], "points RMSE", "AWTLS",
                       whole["awtls_rmse"], is_less_better=True)  # fmt: skip
            yield Line(f"the same: SOCE within 5 points (UN GTR 22), {name}", whole["soce_within_5_percent"], "%")
    for name, one in found.get("resistance_rise", {}).items():
        if name.startswith("all"):
            yield Line(f"rise of resistance, {name}", one["rmse"], "points RMSE", "told that it is always 25 °C",
                       one.get("naive"), is_less_better=True)  # fmt: skip
    alarms = found.get("alarms", {})
    if alarms:
        yield Line("faults flagged within 24 h, the least of any kind", 100 * alarms["least_share_in_bar"], "%")
        yield Line("false alarms", alarms["false_alarms_per_pack_year"], "a pack-year", is_less_better=True)


def can(found: Figures) -> Iterator[Line]:
    yield from _decoding(found.get("decoding", {}))
    for kind, key, bars in (
        ("read", "reading", found.get("reading", {}).get("bars", {})),
        ("received", "receiving", found.get("receiving", {}).get("bars", {})),
    ):
        for name, one in found.get(key, {}).get(key, {}).items():
            ratio = one["packseal_per_s"] / one["python_can_per_s"]
            yield Line(f"{kind}: {name}", one["packseal_per_s"], "frames/s", "python-can", one["python_can_per_s"],
                       **_times(ratio, bars.get(name)))  # fmt: skip
    yield from _importing(found.get("importing", {}))
    yield from _live(found.get("live", {}))


def _decoding(found: Figures) -> Iterator[Line]:
    for dbc, batches in found.get("frames_per_s", {}).items():
        for batch, rates in batches.items():
            ours = rates["PackSeal"]
            for peer in ("cantools", "asammdf"):
                theirs = rates.get(peer)
                if isinstance(theirs, float | int):
                    words = f"{dbc} at {batch}: "
                    bar = next((one for one in found["bars"] if one.startswith(words) and one.endswith(peer)), "")
                    yield Line(f"decoded, {dbc}, {int(batch):,} at once", ours, "frames/s", peer, theirs,
                               bar=bar.removeprefix(words).split("x")[0] + " times" if bar else "",
                               is_missed=bool(bar) and not found["bars"][bar])  # fmt: skip


def _importing(found: Figures) -> Iterator[Line]:
    rates = found.get("frames_per_s", {})
    for way, theirs in rates.items():
        if way != "PackSeal":
            bar = found.get("bars", {}).get(way)
            yield Line("log to verified passport", rates["PackSeal"], "frames/s", f"by hand: {way}", theirs,
                       **_times(rates["PackSeal"] / theirs, bar))  # fmt: skip


def _live(found: Figures) -> Iterator[Line]:
    bars = found.get("bars", {})
    for rate, one in found.get("live", {}).items():
        head = f"live bus, {int(rate):,} frames/s"
        for what, value, unit, bar in (
            ("processor of the gateway", 100 * one["core"], "% of a core", f"core at {int(rate):,} frames/s"),
            ("99 of 100 frames to their receipt", one["p99_s"], "s", f"99 of 100 at {int(rate):,} frames/s, s"),
            ("sent", one["bytes_a_frame"], "bytes/frame", "bytes a frame"),
        ):
            most = bars.get(bar)
            most = 100 * most if most is not None and unit.startswith("%") else most
            yield Line(f"{head}: {what}", value, unit, is_less_better=True, **_at_most(value, most))
        yield Line(f"{head}: frames lost", one["lost"], "frames", is_less_better=True)


def passport(found: Figures) -> Iterator[Line]:
    ingest = found.get("ingest", {})
    for name, rate in ingest.items():
        if name.endswith("workers"):
            store = name.split(",")[0]
            yield Line(f"taken in: {name}", rate, "records/s", "JSON, unsigned, a row each",
                       ingest.get(f"peer, {store}"))  # fmt: skip
    for name, rate in found.get("workers", {}).items():
        yield Line(f"from connection to receipt: {name}", rate, "records/s")
    pages = found.get("pages", {})
    for name, ms in pages.get("ms", {}).items():
        target = pages.get("target_ms") if name.startswith("page") else None
        yield Line(f"{name}, {pages['windows']:,} windows", ms, "ms", is_less_better=True, **_at_most(ms, target))
    fleet = found.get("fleet", {})
    for store, one in fleet.get("stores", {}).items():
        for name in ("default order", "by health, last page", "words"):
            yield Line(f"list of {fleet['batteries']:,}, {name}, {store}", one[name], "ms", is_less_better=True,
                       **_at_most(one[name], fleet["target_ms"]))  # fmt: skip
    yield from _growth(found.get("growth", {}))


def _growth(found: Figures) -> Iterator[Line]:
    for size, one in found.get("sizes", {}).items():
        head = f"fleet of {int(size):,}"
        yield Line(f"{head}: taken in", one["ingest_records_per_s"], "records/s")
        yield Line(f"{head}: a battery's page", one["battery_page_ms"], "ms", is_less_better=True)
        yield Line(f"{head}: the list", one["list_page_ms"], "ms", is_less_better=True)
        yield Line(f"{head}: database", one["bytes_per_battery"], "bytes a battery", is_less_better=True)
        yield Line(f"{head}: database", one["bytes_per_record"], "bytes a record", is_less_better=True)


def mqtt(found: Figures) -> Iterator[Line]:
    clients = found.get("clients", {})
    for window in sorted(clients.get("packseal", {}), key=int):
        ours = clients["packseal"][window]
        spread = f"{number(ours['cpu_us_least'])} to {number(ours['cpu_us_most'])}"
        for peer, windows in clients.items():
            if peer != "packseal" and window in windows:
                yield Line(f"a message, {window} under way", ours["cpu_us"], "µs of processor", peer,
                           windows[window]["cpu_us"], is_less_better=True, spread=spread)  # fmt: skip


def hil(found: Figures) -> Iterator[Line]:
    bars = found.get("bars", {})
    for name, one in found.get("accuracy", {}).items():
        yield Line(f"voltage beside PyBaMM's DFN: {name}", one["rmse_mv"], "mV RMSE", is_less_better=True,
                   spread=f"largest {number(one['largest_mv'])}",
                   **_at_most(one["rmse_mv"], bars["rmse_mv"]))  # fmt: skip
    for name, times in found.get("times_real_time", {}).items():
        yield Line(name, times, "times real time", **_at_least(times, bars["times_real_time"]))
    if "years_s" in found:
        seconds = found["years_s"]
        yield Line(f"{found['years']} years of storage", seconds, "s", is_less_better=True,
                   **_at_most(seconds, bars["years_s"]))  # fmt: skip


def line(found: Figures) -> Iterator[Line]:
    yield from hour(found.get("sustained", {}))
    drain = found.get("drain", {})
    for what in ("broker", "service"):
        if what in drain:
            times = drain[what]["times_real_time"]
            words = f"{what} away for {drain['away_s']:,} s at {number(drain['rate'])} records/s: drained"
            yield Line(words, times, "times real time", **_at_least(times, drain["bars"]["times_real_time"]))
    many = found.get("many_boards", {})
    if many:
        head = f"{many['boards']:,} boards, {many['gateways']} gateways"
        words = f"{head}: with a receipt after {number(many['waited_s'])} s"
        is_missed = many["with_receipt"] < many["boards"]
        yield Line(words, many["with_receipt"], "boards", bar="all", is_missed=is_missed)
        for phase, key in (("while all come", "greeted"), (f"a window every {number(many['every_s'])} s", "lived")):
            if key in many:
                one = many[key]
                yield Line(f"{head}, {phase}: processor of the gateways", one["gateway_cores"], "cores")
                yield Line(f"{head}, {phase}: memory of the gateways", one["gateway_kb_per_board"], "kB a board")
                yield Line(f"{head}, {phase}: 99 of 100 receipts within", one["p99_ms"], "ms")


def hour(found: Figures) -> Iterator[Line]:
    if not found:
        return
    bars, head = found["bars"], f"{number(found['seconds'])} s of {number(found['rate'])} records/s over mTLS"
    bar = f"at least {number(bars['records_per_s'])}, in every minute"
    slowest = min(one["records_per_s"] for one in found["minutes"])
    yield Line(f"{head}: receipted", found["records_per_s"], "records/s", bar=bar, spread=f"slowest span {slowest:,}",
               is_missed=slowest < bars["records_per_s"])  # fmt: skip
    spread = f"median {number(found['p50_ms'])}, longest {number(found['max_ms'])}"
    yield Line(f"{head}: 99 of 100 receipts within", found["p99_ms"], "ms", is_less_better=True, spread=spread,
               **_at_most(found["p99_ms"], bars["p99_ms"]))  # fmt: skip
    is_settled = found["seconds"] >= 600
    since = "from the fifth minute" if is_settled else "in the second half of a short run"
    for name, percent in found["rss_growth_percent"].items():
        most = bars["rss_growth_percent"] if is_settled and name in {"gateway", "service"} else None
        yield Line(f"memory of {name}: growth {since}", percent, "%", is_less_better=True,
                   **_at_most(percent, most))  # fmt: skip
    for name, cores in found["cores"].items():
        yield Line(f"processor of {name}", cores, "cores", is_less_better=True)


TABLES = {
    "board": ("The board's cryptography, with MicroPython on this machine", board),
    "evidence": ("Records, bundles, archives", evidence),
    "health": ("State of health", health),
    "can": ("The CAN path", can),
    "passport": ("The passport service", passport),
    "mqtt": ("MQTT", mqtt),
    "hil": ("The bench's plant", hil),
    "line": ("The whole line", line),
    "hour": ("The whole line, for an hour", hour),
}


def _times(ratio: float, bar: float | None) -> dict[str, Any]:
    return {"bar": f"{number(bar)} times", "is_missed": ratio < bar} if bar else {}


def _at_most(value: float, bar: float | None) -> dict[str, Any]:
    return {"bar": f"at most {number(bar)}", "is_missed": value > bar} if bar is not None else {}


def _at_least(value: float, bar: float) -> dict[str, Any]:
    return {"bar": f"at least {number(bar)}", "is_missed": value < bar}


def _by(value: float | None, divisor: float) -> float | None:
    return None if value is None else value / divisor


def number(value: float) -> str:
    """Three digits that count; whole from a hundred on."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    text = f"{value:.3g}"
    return f"{value:.6f}".rstrip("0") if "e" in text else text

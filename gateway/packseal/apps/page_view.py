"""What the passport page shows of one battery: the document, the verdict on what is stored, records and refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from packseal.apps import plot_drawing
from packseal.apps.auditor import Auditor, Verdict
from packseal.apps.passport_service import PassportService
from packseal.apps.plots import PLOTS, Plotted
from packseal.errors import EvidenceError, Reason
from packseal.io.refusals_table import Refusal
from packseal.passport import words
from packseal.passport.audit import Difference, StoredRecord
from packseal.passport.document import Json
from packseal.passport.fold import LogState
from packseal.records.bare import is_bare
from packseal.records.emptied import is_emptied
from packseal.records.entries import decode_entry
from packseal.records.policy import Policy
from packseal.records.report import utc

RECORDS_SHOWN = 20
DIFFERENCES_NAMED = 3
LIVE = ("soc", "pack_voltage_mv", "pack_current_ma", "temperature", "cell_spread_mv")
ABLE = (
    "usable_energy", "soce_cpct", "power_at_80", "power_at_20", "ohmic_resistance", "round_trip_efficiency",
    "self_discharge",
)  # fmt: skip
LIFETIME = (
    "remaining_capacity", "capacity_fade", "full_cycles", "energy_throughput", "capacity_throughput",
    "deep_discharge_events", "overcharge_events", "time_hot", "time_cold", "rated_capacity_item",
)  # fmt: skip
CLAIMED = ("soc_reported_cpct", "soh_reported_cpct")
HISTOGRAMS = ("temperature_histogram", "soc_histogram")


@dataclass(frozen=True, slots=True)
class Badge:
    """state: verified, altered, checking or empty."""

    state: str
    headline: str
    sentence: str


class PageView:
    def __init__(self, service: PassportService, auditor: Auditor, policy: Callable[[], Policy]) -> None:
        self._service = service
        self._auditor = auditor
        self._policy = policy

    def data(self, battery_id: str) -> Json:
        """The document, with the verdict; `stamp` changes when more than ages has changed."""
        verdicts = self._verdicts(battery_id)
        badge = self._badge(verdicts)
        refusals = self._service.refusals(battery_id)
        return {
            **(self._service.document(battery_id) or {}),
            "second_opinion": self._service.opinions.view(battery_id, self._live_log(battery_id)),
            "verification": {
                "state": badge.state,
                "headline": badge.headline,
                "sentence": badge.sentence,
                "records_checked": sum(verdict.checked for _, verdict in verdicts),
                "records": sum(verdict.size for _, verdict in verdicts),
                "differences": [
                    {"log_id": log.log_id.hex(), "first_seq": d.first_seq, "last_seq": d.last_seq, "reason": d.reason}
                    for log, verdict in verdicts
                    for d in verdict.differences
                ],
            },
            "refused": sum(refusal.count for refusal in refusals),
            "stamp": [badge.headline, [log.size for log, _ in verdicts], [refusal.count for refusal in refusals]],
        }

    def policy(self, battery_id: str) -> Json:
        """Whom this service trusts for this battery, for a verifier that has nobody better to ask."""
        policy = self._policy()
        logs = {log_id: log for log_id, log in policy.logs.items() if log.battery == battery_id}
        return replace(policy, logs=logs).to_json()

    def battery(self, battery_id: str, document: Json, *, sees_use: bool) -> Json:
        """document: as the reader is shown it. sees_use: also what tells of the individual battery's use."""
        now_unix_ms = self._service.now_unix_ms()
        logs = _listed(document["logs"])
        return {
            "document": document,
            "logs_by_id": {str(log["log_id"]): log for log in logs},
            "silences": [words.age(_number(log.get("silent_ms"))) for log in logs],
            "events": _events(logs),
            "badge": self._badge(self._verdicts(battery_id)),
            "records": self._records(battery_id, now_unix_ms) if sees_use else [],
            "refusals": [_refusal(refusal, now_unix_ms) for refusal in self._refusals(battery_id, sees_use=sees_use)],
            "plots": {name: plot.title for name, plot in PLOTS.items()},
            "live": LIVE,
            "able": ABLE,
            "lifetime": LIFETIME,
            "claimed": CLAIMED,
            "histograms": HISTOGRAMS,
            "as_of": utc(now_unix_ms),
        }

    def _refusals(self, battery_id: str, *, sees_use: bool) -> list[Refusal]:
        return self._service.refusals(battery_id) if sees_use else []

    def table(self, battery_id: str, name: str, found: Plotted) -> Json:
        """The points of a plot. name: the public one of its passport."""
        return {
            "name": name,
            "document": {"battery": {"id": battery_id, "name": self._name(battery_id)}},
            "title": found.plot.title,
            "names": found.plot.lines,
            "x_title": "Time since the log was opened",
            "rows": plot_drawing.rows(found),
            "gaps": len(found.gaps_ms),
        }

    def _name(self, battery_id: str) -> str:
        battery = self._service.battery(battery_id)
        return battery.name if battery else ""

    def plotted_log(self, battery_id: str) -> bytes | None:
        log = self._live_log(battery_id)
        return log.log_id if log else None

    def _live_log(self, battery_id: str) -> LogState | None:
        """The log that the live values rest on: real before simulated, the best class, heard of last."""

        def preference(log: LogState) -> tuple[bool, str, int]:
            return log.is_simulated, log.evidence_class, -log.received_unix_ms

        return min(self._logs(battery_id), key=preference, default=None)

    def _logs(self, battery_id: str) -> tuple[LogState, ...]:
        passport = self._service.passport(battery_id)
        return passport.logs if passport else ()

    def _verdicts(self, battery_id: str) -> list[tuple[LogState, Verdict]]:
        return [(log, self._auditor.verdict(log.log_id, log.size)) for log in self._logs(battery_id)]

    def _badge(self, verdicts: list[tuple[LogState, Verdict]]) -> Badge:
        size = sum(verdict.size for _, verdict in verdicts)
        checked = sum(verdict.checked for _, verdict in verdicts)
        differences = [(log, d) for log, verdict in verdicts for d in verdict.differences]
        problem = next((verdict.problem for _, verdict in verdicts if verdict.problem), "")
        if differences:
            return _altered(differences)
        if problem:
            return Badge("altered", "Not verified: the store cannot be read", "Who runs this page has to look.")
        if not size:
            return Badge("empty", "Nothing received yet", "No record of this battery has arrived here.")
        if not all(verdict.is_verified for _, verdict in verdicts):
            return Badge("checking", "Checking", f"{checked:,} of {size:,} records checked so far.".replace(",", " "))
        return Badge("verified", "Verified", _verified_words(size, checked))

    def _records(self, battery_id: str, now_unix_ms: int) -> list[Json]:
        """The newest of all logs; every one is hashed again each time it is shown."""
        rows = []
        for log in self._logs(battery_id):
            differences = self._auditor.verdict(log.log_id, log.size).differences
            for record in self._service.store.recent_records(log.log_id, RECORDS_SHOWN):
                rows.append((record.received_unix_ms, log, record, differences))
        rows.sort(key=lambda row: (row[0], row[2].seq), reverse=True)
        return [_record(log, record, differences, now_unix_ms) for _, log, record, differences in rows[:RECORDS_SHOWN]]


def _listed(value: object) -> list[Json]:
    """Of a part of a document that is a list of objects."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _events(logs: list[Json]) -> list[Json]:
    """Of all logs, each with the log it stands in."""
    kept = ("log_id", "evidence_class")
    return [{**event, **{key: log[key] for key in kept}} for log in logs for event in _listed(log.get("events"))]


def _verified_words(size: int, checked: int) -> str:
    """A record that came since the last check was checked when it came in."""
    records = "The one record" if size == 1 else f"All {words.plural(max(size, checked), 'record')}"
    return f"{records} stored here: byte for byte what this battery's enrolled keys signed, in order, none missing."


def _altered(differences: list[tuple[LogState, Difference]]) -> Badge:
    named = ", ".join(difference.words for _, difference in differences[:DIFFERENCES_NAMED])
    more = f" and {len(differences) - DIFFERENCES_NAMED} more" if len(differences) > DIFFERENCES_NAMED else ""
    log, first = differences[0]
    sentence = f"In log {log.log_id.hex()[:8]}, {first.words}: {first.detail} ({first.reason})."
    sentence += " Do not rely on this page until that is put right."
    return Badge("altered", f"Not verified: {named}{more}", sentence)


def _record(log: LogState, record: StoredRecord, differences: tuple[Difference, ...], now_unix_ms: int) -> Json:
    reason = "" if record.is_unaltered else "its bytes are not those that were signed"
    for difference in differences:
        if difference.first_seq <= record.seq <= difference.last_seq:
            reason = reason or difference.detail
    kind, says = _said(record)
    return {
        "log_id": log.log_id.hex(),
        "seq": record.seq,
        "kind": kind,
        "says": says,
        "reason": reason,
        "received": words.age(max(0, now_unix_ms - record.received_unix_ms)),
    }


def _said(record: StoredRecord) -> tuple[str, str]:
    if is_bare(record.entry):
        return "?", words.BARE
    try:
        entry = decode_entry(record.entry)
    except EvidenceError:
        return "?", words.REASONS[Reason.MALFORMED]
    return words.kind(entry.type), words.EMPTIED if is_emptied(record.entry) else words.record(entry)


def _refusal(refusal: Refusal, now_unix_ms: int) -> Json:
    known = {str(reason): text for reason, text in words.REASONS.items()}
    return {
        "words": known.get(refusal.reason, refusal.reason),
        "reason": refusal.reason,
        "detail": refusal.detail,
        "topic": refusal.topic,
        "count": refusal.count,
        "last": words.age(max(0, now_unix_ms - refusal.last_unix_ms)),
    }

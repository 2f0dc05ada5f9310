"""How the program of a settings file is: asked at its local address, or where nobody answers, read from its outbox.

Decides what is known. A gateway that runs and has no [local] can say nothing, and its outbox shows only what waits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeAlias

from packseal.apps.clock_watch import in_words
from packseal.apps.config_check import kind_of
from packseal.errors import ConfigError, UnavailableError
from packseal.io.http_client import ask
from packseal.io.local_settings import LOCAL_GATEWAY
from packseal.io.outbox_reading import is_held, look_at_outbox
from packseal.io.settings import GatewaySettings, PassportFileSettings
from packseal.io.settings_file import load_settings

MAX_STATUS_BYTES = 64 << 20  # of thousands of boards
TIMEOUT_S = 5
Json: TypeAlias = Mapping[str, object]


class Known(Enum):
    """How it is, as the exit code of `packseal status` says it."""

    WELL, PROBLEMS, UNKNOWN = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Status:
    """status: as the program says it (gateway_status.py), or what of it an outbox shows. source: where it is from, in
    words."""

    status: Json
    source: str
    known: Known

    def as_json(self) -> dict[str, object]:
        return {"known": self.known.name.lower(), "source": self.source, **self.status}


def status_of(path: Path) -> Status:
    """Raises ConfigError for a file that is none of a gateway or a service, UnavailableError where nothing is known."""
    if kind_of(path) == "passport":
        service = load_settings(path, PassportFileSettings)
        if service.local is None:
            raise UnavailableError(
                f'{path} has no [local]; add listen = "127.0.0.1:8422" to it and restart the service'
            )
        return _asked(service.local.listen)
    settings = load_settings(path, GatewaySettings)
    if settings.local:
        try:
            return _asked(settings.local.listen)
        except UnavailableError:
            if is_held(settings.outbox):
                raise
    return _read(settings)


def _asked(listen: str) -> Status:
    url = f"http://{listen}/status"
    code, _, content = ask(url, None, MAX_STATUS_BYTES, TIMEOUT_S)
    try:
        status = json.loads(content)
    except (ValueError, RecursionError):
        status = None
    if code != 200 or not isinstance(status, dict) or not isinstance(status.get("problems"), list):
        raise UnavailableError(f"{url}: another program answers there ({code}); check [local] in the settings")
    return Status(status, f"asked at {listen}", Known.PROBLEMS if status["problems"] else Known.WELL)


def _read(settings: GatewaySettings) -> Status:
    seen, is_running = look_at_outbox(settings.outbox), is_held(settings.outbox)
    words = "the gateway does not run: start it (systemctl start packseal-gateway)"
    if is_running:
        words = f'the gateway runs without [local], so only its outbox is known: add [local] listen = "{LOCAL_GATEWAY}"'
    status = {
        "program": "gateway",
        "site": settings.site,
        "broker": {"address": str(settings.broker)},
        "outbox": {
            "records": seen.records,
            "deliveries": seen.deliveries,
            "bytes": seen.used_bytes,
            "oldest_unix_ms": seen.oldest_unix_ms,
            "counts": seen.counts,
        },
        "logs": [{"battery": one, "log_id": log.hex(), "receipted_size": size} for one, log, size in seen.receipted],
        "problems": [{"event": "not-asked", "battery": "", "port": "", "words": words}],
    }
    known = Known.UNKNOWN if is_running else Known.PROBLEMS
    return Status(status, f"read from {settings.outbox}", known)


def status_lines(found: Status, now_unix_ms: int) -> list[str]:
    """A table for a person."""
    status = found.status
    rows = [*_head(status), *_sources(status), *_outbox(_table(status, "outbox"), now_unix_ms), *_others(status)]
    width = max((len(name) for name, _ in rows), default=0)
    problems = _tables(status, "problems")
    lines = [f"{status.get('program', 'gateway')} {status.get('site', '')}".rstrip() + f" ({found.source})"]
    lines += [f"  {name.ljust(width)}  {words}" for name, words in rows]
    lines += [f"{len(problems)} problem{'s' * (len(problems) > 1)}:"] if problems else ["all is well"]
    return lines + [f"  - {one.get('words', '')}" for one in problems]


def _head(status: Json) -> Iterator[tuple[str, str]]:
    broker = _table(status, "broker")
    states = {True: "connected", False: "not connected", None: "not known"}
    is_connected = broker.get("is_connected")
    yield "broker", f"{broker.get('address', '')} {states[is_connected if isinstance(is_connected, bool) else None]}"


def _sources(status: Json) -> Iterator[tuple[str, str]]:
    for one in _tables(status, "boards"):
        figures = f"{one.get('receipted_size')} of {one.get('size')} records receipted, {one.get('windows_lost')} lost"
        yield f"board {one.get('battery')}", f"{one.get('port')} {one.get('line')}; {figures}"
    for one in _tables(status, "cans"):
        heard = "silent" if one.get("is_silent") else f"{one.get('frames_received')} frames"
        lost = f"{one.get('frames_lost')} lost, opened again {one.get('reopened')} times"
        yield f"bus {one.get('battery')}", f"{one.get('channel')} {one.get('bus')}; {heard}, {lost}"
    for one in _tables(status, "logs"):
        yield f"log {one.get('battery')}", f"{one.get('receipted_size')} records receipted"


def _outbox(outbox: Json, now_unix_ms: int) -> Iterator[tuple[str, str]]:
    if not outbox:
        return
    megabytes, oldest = _number(outbox, "bytes") / 1e6, _number(outbox, "oldest_age_s")
    if outbox.get("oldest_unix_ms"):
        oldest = max(0.0, now_unix_ms - _number(outbox, "oldest_unix_ms")) / 1000
    hours = f", {_number(outbox, 'hours'):.1f} hours" if "hours" in outbox else ""
    limit = f" of {_number(outbox, 'limit_bytes') / 1e6:.0f}" if "limit_bytes" in outbox else ""
    waits = f"{outbox.get('records')} records wait, {megabytes:.1f}{limit} MB{hours}"
    yield "outbox", waits + (f", the oldest for {in_words(oldest)}" if outbox.get("records") else "")
    for name, count in _table(outbox, "counts").items():
        yield f"  {name}", str(count)


def _others(status: Json) -> Iterator[tuple[str, str]]:
    lag, clock, deliveries = (_table(status, name) for name in ("receipts", "clock", "deliveries"))
    if isinstance(lag.get("last_lag_s"), int | float):
        yield "receipts", f"the last one after {_number(lag, 'last_lag_s'):.2f} s"
    if deliveries:
        yield "deliveries", f"{deliveries.get('came')} came, {deliveries.get('receipts')} receipts given"
    if clock:
        behind_s = _number(clock, "behind_s")
        state = str(clock.get("state", "")).replace("_", " ")
        yield "clock", f"{state}".strip() + (f", {in_words(behind_s)} behind" if behind_s >= 1 else "")


def _table(status: Json, name: str) -> Json:
    found = status.get(name)
    return found if isinstance(found, Mapping) else {}


def _tables(status: Json, name: str) -> list[Json]:
    found = status.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _number(status: Json, name: str) -> float:
    found = status.get(name)
    return float(found) if isinstance(found, int | float) else 0.0


def settings_file(places: tuple[Path, ...]) -> Path:
    """The first that is there. Raises ConfigError."""
    for place in places:
        if place.is_file():
            return place
    raise ConfigError(f"there is no {' and no '.join(map(str, places))}; name the settings file")

"""What a gateway says of itself: what is wrong with its cure, and its figures, in one form for every reader.

The command line, the journal, the local page and the metrics all read this; none of them asks the parts themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

from packseal import __version__
from packseal.apps.can_collector import CanCollector
from packseal.apps.clock_watch import ClockWatch
from packseal.apps.collector import CONNECTED, BoardCollector
from packseal.apps.live_state import LiveState
from packseal.apps.local_server import LocalServer
from packseal.apps.outgoing import Outgoing
from packseal.apps.problem_counts import problems_json
from packseal.apps.receipt_lag import ReceiptLag
from packseal.apps.sources import Sources
from packseal.errors import PackSealError
from packseal.io.clock import read_clock
from packseal.io.log_lines import Event, Problem
from packseal.io.mqtt import MQTTConnection
from packseal.io.outbox_store import OutboxStore
from packseal.io.settings import GatewaySettings
from packseal.records.attestation import Clock

REFUSED_CONFIGURATION = "the board runs its last good configuration: its console says what is wrong with the newest"
NO_LINE = "check its cable, its power, and its port in gateway.toml"
STANDSTILL = "a thread of its line has stood still for over a minute: the driver of its port hangs; restart the gateway"
STUCK = "its bus does not end as it was set before, so it cannot begin as it is set now; restart the gateway"


@dataclass(slots=True)
class GatewayParts:
    """What is looked at. settings: as they are now. reload_problem: why the newest settings were not taken."""

    settings: Callable[[], GatewaySettings]
    unix_ms: Callable[[], int]
    store: OutboxStore
    mqtt: MQTTConnection
    outgoing: Outgoing
    sources: Sources
    clock: ClockWatch
    lag: ReceiptLag
    live: LiveState
    local: LocalServer | None
    reload_problem: str = ""
    reloads: int = 0
    reloads_refused: int = 0


class GatewayStatus:
    def __init__(self, parts: GatewayParts) -> None:
        self._parts = parts

    @property
    def live(self) -> LiveState:
        return self._parts.live

    @property
    def settings(self) -> GatewaySettings:
        """As they are now."""
        return self._parts.settings()

    def findings(self) -> list[Problem]:
        """What keeps records from moving, or their times from being right, with the cures; none when all is well."""
        parts = self._parts
        found = [
            Problem("broker", parts.mqtt.problem),
            Problem("broker-message", parts.mqtt.message_problem),
            Problem("sender", parts.outgoing.problem),
            *(Problem("outbox", words) for words in parts.outgoing.problems()),
        ]
        for board in parts.sources.boards:
            found += of_board(board)
        for can in parts.sources.cans:
            found += [_of_battery("can", can, words, can.table.channel) for words in can.problems]
        found += [Problem("refused", f"the service refused {words}") for words in parts.outgoing.refusals()]
        found += [Problem("standstill", f"battery {one}: {STANDSTILL}", one) for one in parts.sources.standing_still()]
        found += [Problem("standstill", f"battery {one}: {STUCK}", one) for one in parts.sources.stuck]
        found += [Problem("clock", parts.clock.problem), Problem("reload", parts.reload_problem)]
        found += [
            Problem("dashboards", parts.live.problem),
            Problem("local", parts.local.problem if parts.local else ""),
        ]
        return [problem for problem in found if problem.words]

    def notices(self) -> list[str]:
        """What goes on beside the records, and is as it should be: updates on their way to boards."""
        boards = [
            board for board in self._parts.sources.boards if board.state.update and not board.state.update_failure
        ]
        return [f"battery {board.table.battery}: {board.state.update}" for board in boards]

    def line(self, found: Sequence[Problem]) -> str:
        """One line for `systemctl status`. found: what `findings` said just now."""
        parts = self._parts
        waiting = parts.outgoing.depth().records
        sources = f"{len(parts.sources.boards)} boards, {len(parts.sources.cans)} buses"
        wrong = f"{len(found)} problems: {found[0].words}" if found else "all is well"
        return f"{sources}, {waiting} records wait; {wrong}"

    def as_json(self) -> dict[str, object]:
        """All of it, of values that JSON has, with bytes in hexadecimal digits."""
        parts = self._parts
        return {
            "program": "gateway",
            "version": __version__,
            "site": parts.settings().site,
            "broker": self._broker(),
            "mqtt": dict(parts.mqtt.figures()),
            "boards": [_board_json(board) for board in parts.sources.boards],
            "cans": [_can_json(can) for can in parts.sources.cans],
            "outbox": self.outbox(),
            "receipts": self._receipts(),
            "clock": self._clock(),
            "reloads": {"taken": parts.reloads, "refused": parts.reloads_refused},
            **problems_json(self.findings()),
        }

    def outbox(self) -> dict[str, object]:
        """Its depth, its limits, its age and its counts; these are missing while the disk does not answer."""
        depth = self._parts.outgoing.depth()
        left_out = ("used_bytes", "oldest_stored_ms")
        known: dict[str, object] = {name: value for name, value in asdict(depth).items() if name not in left_out}
        known |= {"bytes": depth.used_bytes, "hours": round(depth.hours, 3)}
        known |= {"oldest_age_s": depth.oldest_age_s(self._parts.unix_ms())}
        counts = dict.fromkeys(("records_stored", "records_receipted"), 0)
        with suppress(PackSealError):
            known["counts"] = counts | self._parts.store.counts()
        return known

    def _broker(self) -> dict[str, object]:
        mqtt = self._parts.mqtt
        return {"address": str(self._parts.settings().broker), "is_connected": mqtt.is_connected}

    def _receipts(self) -> dict[str, object]:
        buckets, sum_s = self._parts.lag.durations.buckets()
        return {"last_lag_s": self._parts.lag.last_s, "lag_buckets": buckets, "lag_sum_s": sum_s}

    def _clock(self) -> dict[str, object]:
        state, error_ms = read_clock(self._parts.unix_ms())
        behind_s = self._parts.clock.behind_ms() / 1000
        states = {one.name.lower(): int(one is state) for one in Clock}
        return {"state": state.name.lower(), "states": states, "error_ms": error_ms, "behind_s": behind_s}


def of_board(board: BoardCollector) -> Iterator[Problem]:
    state = board.state
    found = [state.problem, "" if state.port == CONNECTED else f"{state.port}; {NO_LINE}"]
    found += [REFUSED_CONFIGURATION if state.config_refused else "", state.update if state.update_failure else ""]
    events: tuple[Event, ...] = ("board", "board-port", "board-configuration", "board-update")
    for event, words in zip(events, found, strict=True):
        if words:
            yield _of_battery(event, board, words, board.table.port)


def _of_battery(event: Event, source: BoardCollector | CanCollector, words: str, port: str) -> Problem:
    return Problem(event, f"battery {source.battery}: {words}", source.battery, port)


def _board_json(board: BoardCollector) -> dict[str, object]:
    state = asdict(board.state)
    is_connected = board.state.port == CONNECTED
    known = {"battery": board.battery, "is_connected": is_connected, "line": state.pop("port")}
    return known | {"port": board.table.port} | _plain(state)


def _can_json(can: CanCollector) -> dict[str, object]:
    known = {"battery": can.battery, "channel": can.table.channel, "is_connected": can.state.bus == CONNECTED}
    return known | _plain(asdict(can.state))


def _plain(state: Mapping[str, object]) -> dict[str, object]:
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in state.items()}

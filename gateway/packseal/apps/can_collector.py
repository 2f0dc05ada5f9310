"""A pack without a board: its CAN bus read, recorded and signed by this gateway (evidence class C)."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from packseal.apps.can_recorder import CanRecorder, CanRecorderSettings
from packseal.apps.fresh import Tell
from packseal.apps.own_log import OwnLog, Submit
from packseal.apps.window_records import BoundSignals
from packseal.errors import PackSealError
from packseal.frames import Frames
from packseal.io.beat import Beat
from packseal.io.can_bus import CanBus, OpenReceiver
from packseal.io.diagnostic_poller import DiagnosticPoller
from packseal.io.keys import Signer
from packseal.io.outbox_store import OutboxStore
from packseal.io.settings import CanTable
from packseal.records.checkpoint import Receipt
from packseal.records.fresh import FreshNotice, Step

TAKE_TIMEOUT_S = 0.2
LAG_MS = 500  # what was received longer ago has been handed over
RETRY_S = 5.0
CONNECTED = "connected"
T = TypeVar("T")


@dataclass(slots=True)
class CanState:
    """What a person wants to know of one bus; `problem` names the cure."""

    bus: str = "not connected"
    problem: str = ""
    log_id: bytes = b""
    is_silent: bool = False
    frames_received: int = 0
    frames_lost: int = 0
    frames_unread: int = 0
    error_frames: int = 0
    reopened: int = 0
    requests_asked: int = 0
    requests_answered: int = 0
    requests_unanswered: int = 0
    requests_refused: dict[str, int] = field(default_factory=dict)  # by request and reason
    other_tester_frames: int = 0


@dataclass(frozen=True, slots=True)
class CanPlan:
    """How one bus is read, and by whose key its log is signed."""

    table: CanTable
    signals: BoundSignals
    signer: Signer
    open_receiver: OpenReceiver
    poller: DiagnosticPoller
    program_hash: bytes
    settings_digest: bytes

    @property
    def identity(self) -> tuple[str, bytes, bytes, bytes]:
        """What makes it another bus or another log: its table, its files and its key."""
        return repr(self.table), self.signals.dbc, self.signals.bind, self.signer.public_key

    @property
    def recorder_settings(self) -> CanRecorderSettings:
        table = self.table
        hashes = (self.program_hash, self.settings_digest)
        return CanRecorderSettings(*hashes, table.window_ms, table.checkpoint_every, table.rated_capacity_mah or 0)


class CanCollector:
    def __init__(self, plan: CanPlan, store: OutboxStore, submit: Submit) -> None:
        self.table = plan.table
        self.state = CanState()
        self.plan, self._store, self._submit = plan, store, submit
        self._recorder: CanRecorder | None = None
        self._receipt: tuple[Receipt, bytes] | None = None
        self._bus = CanBus(f"{plan.table.interface} {plan.table.channel}", plan.open_receiver, self._on_bus_state)
        self._beat = Beat()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"record {plan.table.battery}", daemon=True)

    @property
    def problems(self) -> list[str]:
        bus = [] if self.state.bus == CONNECTED else [f"bus {self.table.channel}: {self.state.bus}"]
        silent = [f"bus {self.table.channel}: none of the bound signals is heard"] if self.state.is_silent else []
        mute = [f"bus {self.table.channel}: {ecu} does not answer" for ecu in self.plan.poller.poller.resting]
        refused = [f"bus {self.table.channel}: the ECU refuses {words}" for words in self.plan.poller.poller.refusals]
        return bus + silent + mute + refused + ([self.state.problem] if self.state.problem else [])

    def start(self) -> None:
        self._bus.start()
        self._thread.start()

    def stop(self) -> None:
        self._bus.stop()
        self._stopping.set()
        self._thread.join(10)

    @property
    def has_ended(self) -> bool:
        """After `stop`: nothing is written to its log any more."""
        return not self._thread.is_alive()

    @property
    def silent_s(self) -> float:
        """Since the slower one of its two threads came round."""
        return max(self._bus.beat.silent_s, self._beat.silent_s)

    @property
    def battery(self) -> str:
        return self.table.battery

    def ask_fresh(self, log_id: bytes, nonce: bytes, _tell: Tell) -> FreshNotice:
        """Has the window under way signed for with this nonce when it ends; from any thread."""
        recorder = self._recorder
        if recorder is None or recorder.is_silent or self.state.bus != CONNECTED:
            return FreshNotice(nonce, Step.AWAY)
        if self.state.log_id != log_id:
            return FreshNotice(nonce, Step.OTHER_LOG)
        if recorder.ask_fresh(nonce, _now_ms()):
            return FreshNotice(nonce, Step.TAKEN)
        return FreshNotice(nonce, Step.TOO_SOON, self.table.window_ms)

    def receipted(self, receipt: Receipt, content: bytes) -> None:
        """A verified receipt; from any thread."""
        if receipt.log_id == self.state.log_id:
            self._receipt = (receipt, content)

    def _on_bus_state(self, words: str) -> None:
        self.state.bus = words

    def _run(self) -> None:
        recorder = None
        while recorder is None and not self._stopping.is_set():
            self._beat()
            recorder = self._guarded(self._opened)
            if recorder is None:
                self._stopping.wait(RETRY_S)
        if recorder is None:
            return
        self._recorder = recorder
        self._guarded(recorder.begin)
        while not self._stopping.is_set():
            self._beat()
            frames, until_ms = self._next_frames()
            self._guarded(lambda: self._record(recorder, frames, until_ms))  # noqa: B023 - called at once
        self._guarded(lambda: self._end(recorder))

    def _opened(self) -> CanRecorder:
        log = OwnLog(self.table.battery, self.plan.signer, self._store, self._submit)
        self.state.log_id = log.log_id
        summed = lambda: self._store.windows_summed  # noqa: E731 - asked anew with each window
        return CanRecorder(self.plan.signals, log, self.plan.recorder_settings, self._counts, _now_ms(), summed)

    def _counts(self) -> dict[int, int]:
        return self._bus.counts.by_key() | self.plan.poller.by_key()

    def _next_frames(self) -> tuple[Frames, int]:
        try:
            frames, until_ns = self._bus.batches.get(timeout=TAKE_TIMEOUT_S)
        except queue.Empty:
            return Frames.empty(), _now_ms() - LAG_MS
        return frames, until_ns // 1_000_000

    def _record(self, recorder: CanRecorder, frames: Frames, until_ms: int) -> None:
        receipt, self._receipt = self._receipt, None
        if receipt:
            recorder.receipted(*receipt)
        try:
            if recorder.take(frames, until_ms):
                self.state.problem = ""
        finally:
            self.state.is_silent = recorder.is_silent
            self._show_counts()

    def _show_counts(self) -> None:
        state, of_bus, of_poller = self.state, self._bus.counts, self.plan.poller.poller.counts
        state.frames_received, state.frames_lost = of_bus.frames_received, of_bus.frames_lost
        state.frames_unread, state.error_frames = of_bus.frames_unread, of_bus.error_frames
        state.reopened = of_bus.reopened
        state.requests_asked, state.requests_answered = of_poller.asked, of_poller.answered
        state.requests_unanswered, state.requests_refused = of_poller.unanswered, dict(of_poller.refused)
        state.other_tester_frames = of_poller.other_tester

    def _end(self, recorder: CanRecorder) -> None:
        while not self._bus.batches.empty():
            self._record(recorder, *self._next_frames())
        recorder.end()

    def _guarded(self, action: Callable[[], T]) -> T | None:
        """Nothing that goes wrong here ends the thread: it is shown, and recording goes on."""
        try:
            return action()
        except PackSealError as error:
            self.state.problem = str(error)
        except Exception as error:
            self.state.problem = f"a fault of ours, recording goes on: {error!r}"
        return None


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000

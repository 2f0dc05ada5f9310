"""Frames of a bus to the entries of a log: what a board would record of a pack that has none (evidence class C).

Decides windows, silence and gaps; no threads and no clock here: `take` is told what time it is. A window begins where
the one before it ended, by a clock that nobody sets. A window without one value of the bound signals makes no WINDOW:
the first of them makes an EVENT that the source is silent, the next window with values one that this has ended.

While the outbox has little room, several windows become one before they are signed, and a GAP of cause 3 behind them
says how many have no record of their own. Both stay at the end of the log, and are written anew with each window, until
something else follows or they are signed for: so after a kill what is there is told rightly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from packseal.apps.own_log import MakeEntry, OwnLog
from packseal.apps.window_records import BoundSignals, record_window
from packseal.frames import Frames
from packseal.outbox.summing import summed
from packseal.records.attestation import attestation_digest
from packseal.records.bodies import Boot, Config, Event, Gap, Time, Window
from packseal.records.checkpoint import Receipt
from packseal.records.writing import encode_boot, encode_config, encode_event, encode_gap, encode_time, encode_window
from packseal.signals import windows

SOURCE_CAN = 1  # BOOT key 3
RESET_UNKNOWN = 0
SOURCE_SILENT, BEGINS, ENDED = 6, 1, 2  # EVENT keys 1 and 2
LOG_FULL, SUMMED = 1, 3  # GAP key 1
MAX_WAITING = 256  # entries that no checkpoint could be stored for; they fit into one delivery
TIME_EVERY_MS = 600_000
KEEP_EVERY_MS = 1_000  # what a power cut may take of shorter windows: a commit for each costs more than they do

Said = TypeVar("Said")  # a body


@dataclass(frozen=True, slots=True)
class CanRecorderSettings:
    program_hash: bytes
    settings_digest: bytes
    window_ms: int
    checkpoint_every: int
    rated_capacity_mah: int = 0


class CanRecorder:
    def __init__(
        self,
        signals: BoundSignals,
        log: OwnLog,
        settings: CanRecorderSettings,
        counts: Callable[[], Mapping[int, int]],
        now_ms: int,
        windows_summed: Callable[[], int] = lambda: 1,
    ) -> None:
        """Begins with BOOT and CONFIG. counts: of the bus, for the attestation. now_ms: of a clock that nobody sets.

        windows_summed: how many windows become one, now; 1 where there is room.
        """
        self._windows_summed = windows_summed
        self._summing: list[Window] = []  # what the last WINDOW of the log consists of, while it may grow
        self._told: Gap | None = None  # the GAP of cause 3 at the end of the log, while it may grow
        self._signals, self._log, self._settings, self._counts = signals, log, settings, counts
        self._uptime_offset_ms = log.uptime_ms - now_ms
        self._window_start_ms = now_ms
        self._listener = signals.listener()
        self._frames: list[Frames] = []
        self._windows_unsigned = 0
        self._kept_ms = now_ms
        self._receipt: Time | None = None
        self._next_time_ms = log.uptime_ms
        self._lost: Gap | None = None
        self.is_silent = False
        self._asked: tuple[bytes, int] | None = None
        self._answered: bytes | None = None
        self._append(encode_boot, self._boot(), log.uptime_ms)
        config = Config(
            dbc_digest=signals.dbc_digest,
            binding_digest=signals.binding_digest,
            settings_digest=settings.settings_digest,
        )
        self._append(encode_config, config, log.uptime_ms)
        self._is_due = True

    def begin(self) -> None:
        """Signs the start. Raises UnavailableError; the next window tries again."""
        self._write()

    def take(self, frames: Frames, now_ms: int) -> int:
        """How many windows have ended. Frames are in order, their time_ns on the clock of now_ms; all of those before
        now_ms have come.

        Raises UnavailableError where something could not be stored; it is tried again with the next window.
        """
        self._frames += [lot for lot in self._listener.take(frames) if len(lot)]
        ended = 0
        while now_ms >= self._window_start_ms + self._settings.window_ms:
            self._close_window()
            ended += 1
        if ended:
            self._write()
        return ended

    def end(self) -> None:
        """Signs what waits; the frames of the window that has not ended are dropped. Raises UnavailableError."""
        self._is_due = True
        self._close_sum()
        self._write()

    def ask_fresh(self, nonce: bytes, now_ms: int) -> bool:
        """From any thread: the first window with a value that ends from now_ms on is signed for with this nonce.

        False while another one waits for that: so nobody makes a gateway sign more than once a window.
        """
        self._asked = self._asked or (nonce, now_ms)
        return self._asked[0] == nonce

    def receipted(self, receipt: Receipt, content: bytes) -> None:
        """A verified receipt has come: with the next window the log says so, now and then (TIME)."""
        if receipt.log_id == self._log.log_id:
            self._receipt = Time(attestation_digest(content), receipt.received_unix_ms)

    def _write(self) -> None:
        now_ms = self._window_start_ms
        if not self._is_due or (self._is_growing and self._answered is None):
            if now_ms - self._kept_ms >= KEEP_EVERY_MS:
                self._log.keep()
                self._kept_ms = now_ms
            return
        self._close_sum()  # whatever comes of it: two roots for one size must never be signed
        self._log.deliver(self._counts(), self._answered)
        self._is_due, self._answered = False, None
        self._windows_unsigned, self._kept_ms = 0, now_ms

    def _close_window(self) -> None:
        start_ms = self._window_start_ms
        end_ms = self._window_start_ms = start_ms + self._settings.window_ms
        window = self._window(self._taken(end_ms), start_ms)
        uptime_ms = end_ms + self._uptime_offset_ms
        if self._log.waiting >= MAX_WAITING:
            self._lose(window, uptime_ms)
            return
        self._close_gap(uptime_ms)
        if (window is None) != self.is_silent:
            self.is_silent = window is None
            phase = BEGINS if self.is_silent else ENDED
            self._append(encode_event, Event(SOURCE_SILENT, phase), uptime_ms)
            self._is_due = True
        if window:
            self._append_window(window, uptime_ms)
        self._answer(end_ms, has_values=window is not None)

    def _taken(self, end_ms: int) -> Frames:
        """The frames before end_ms; the rest waits."""
        frames = Frames.concatenate(self._frames)
        is_inside = frames.time_ns < end_ms * 1_000_000
        rest = frames.select(~is_inside)
        self._frames = [rest] if len(rest) else []
        return frames.select(is_inside)

    def _window(self, frames: Frames, start_ms: int) -> Window | None:
        """As an import makes it, over all these frames; None where none of them has a value of the binding."""
        window_ns = self._settings.window_ms * 1_000_000
        time_ns = np.clip(frames.time_ns - start_ms * 1_000_000, 0, window_ns - 1)
        samples, _ = self._signals.samples(replace(frames, time_ns=time_ns))
        summaries = windows(samples, window_ns)
        return record_window(summaries[0]) if summaries else None

    def _append_window(self, window: Window, uptime_ms: int) -> None:
        if self._receipt and uptime_ms >= self._next_time_ms:
            self._append(encode_time, self._receipt, uptime_ms)
            self._receipt, self._next_time_ms = None, uptime_ms + TIME_EVERY_MS
        if self._is_growing:
            self._sum_up([*self._summing, window], 1, uptime_ms)
        elif self._told and self._windows_summed() > 1:
            self._sum_up([window], 0, uptime_ms)
        else:
            self._append(encode_window, window, uptime_ms)
            self._summing = [window]
        if not self._is_growing:
            self._windows_unsigned += 1
            self._is_due |= self._windows_unsigned >= self._settings.checkpoint_every

    @property
    def _is_growing(self) -> bool:
        """Whether the last WINDOW takes one more before the next one begins."""
        return 0 < len(self._summing) < self._windows_summed()

    def _sum_up(self, windows: list[Window], replaced: int, uptime_ms: int) -> None:
        """One WINDOW of these, in the place of the last `replaced`, and the GAP behind it."""
        told, window = self._told, summed(windows)
        first_ms = told.span_ms[0] if told else uptime_ms - window.duration_ms
        gap = Gap(SUMMED, (told.windows if told else 0) + replaced, (first_ms, uptime_ms))
        makes = [_maker(encode_window, window), _maker(encode_gap, gap)]
        self._log.amend(replaced + (told is not None), makes, uptime_ms)
        self._summing, self._told = windows, gap

    def _close_sum(self) -> None:
        self._summing, self._told = [], None

    def _answer(self, end_ms: int, *, has_values: bool) -> None:
        """Of a silent bus nobody can be told anything: the nonce is dropped, and the next one is asked for anew."""
        if self._asked is None or end_ms < self._asked[1]:
            return
        nonce, self._asked = self._asked[0], None
        if has_values:
            self._answered, self._is_due = nonce, True

    def _lose(self, window: Window | None, uptime_ms: int) -> None:
        """Nothing more can be stored: only how much was lost is kept."""
        if window:
            windows_lost, first_ms = (self._lost.windows, self._lost.span_ms[0]) if self._lost else (0, 0)
            first_ms = first_ms if windows_lost else uptime_ms - window.duration_ms
            self._lost = Gap(LOG_FULL, windows_lost + 1, (first_ms, uptime_ms))

    def _close_gap(self, uptime_ms: int) -> None:
        if self._lost:
            self._append(encode_gap, self._lost, uptime_ms)
            self._lost, self._is_due = None, True

    def _boot(self) -> Boot:
        binding = self._signals.binding
        return Boot(
            self._settings.program_hash, RESET_UNKNOWN, SOURCE_CAN, 1,
            binding.cell_blocks, binding.strings, self._settings.rated_capacity_mah,
        )  # fmt: skip

    def _append(self, encode: Callable[[int, int, int, Said], bytes], said: Said, uptime_ms: int) -> None:
        self._close_sum()
        self._log.append(_maker(encode, said), uptime_ms)


def _maker(encode: Callable[[int, int, int, Said], bytes], said: Said) -> MakeEntry:
    return lambda seq, boot, at_ms: encode(seq, boot, at_ms, said)

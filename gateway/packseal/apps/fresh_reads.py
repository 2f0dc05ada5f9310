"""Reads a battery now: a reader's nonce goes to the gateways, and comes back in a checkpoint of the battery's log.

Decides who waits for what, how often one battery is asked, and what a waiting reader is told. The answer is evidence as
any other, verified and stored before it gets here; what else is heard (docs/fresh.md, notices) only chooses words.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from threading import Condition

from packseal.apps.bundles import BundleMaker, Made
from packseal.apps.passport_service import PassportService
from packseal.errors import FreshReadError
from packseal.passport.document import Json
from packseal.passport.fold import LogState
from packseal.records.bodies import EntryType
from packseal.records.checkpoint import unverified_size, verify_checkpoint
from packseal.records.cose import Sign
from packseal.records.entries import Entry, decode_entry
from packseal.records.fresh import NONCE_BYTES, FreshCommand, FreshNotice, Step, decode_notice, sign_command

MAX_A_MINUTE = 6  # reads of one battery
MINUTE_S = 60.0
MAX_SITES = 64
MAX_READERS = 16  # that wait at a time, each with a thread
MAX_TIMEOUT_S = 3_700.0  # a window of an hour, which is the longest
LAST_WORD_S = 1.0  # behind one gateway's "no", for another one of the same battery that says "yes"
LOOK_S = 0.5  # between two looks for what another worker has stored
LOOKED_BACK = 32  # records below the checkpoint, among which the newest window is looked for


class Why(StrEnum):
    """Why nothing came of a fresh read."""

    TOO_SOON = "too-soon"
    NO_LIVE_LOG = "no-live-log"
    NO_BROKER = "no-broker"
    NO_GATEWAY = "no-gateway"
    NO_ROOM = "no-room"
    AWAY = "away"
    MUTE = "mute"
    OTHER_LOG = "other-log"
    STALE = "stale"
    TIME_IS_UP = "time-is-up"
    NO_WINDOW = "no-window"


_NO = {
    Step.TOO_SOON: (Why.TOO_SOON, "it was read just now, and answers once in the time of a window"),
    Step.NO_ROOM: (Why.NO_ROOM, "the log of its board is full or at its end; see that receipts reach the board"),
    Step.AWAY: (Why.AWAY, "its gateway runs, and hears no board and no bus; check their power and wiring"),
    Step.MUTE: (Why.MUTE, "its board has not answered to a nonce; where its firmware is an older one, update it"),
    Step.OTHER_LOG: (Why.OTHER_LOG, "its board has begun another log, which has not arrived here; try again"),
    Step.STALE: (Why.STALE, "the clocks of its gateway and of this service are more than a minute apart; set them"),
}
_TIME_IS_UP = {
    None: (
        Why.NO_GATEWAY,
        "no gateway has answered; is it running, connected, and allowed to read \u2026/cmd at the broker?",
    ),
    Step.PASSED_ON: (Why.TIME_IS_UP, "its gateway has asked the board, which has not answered; check their line"),
    Step.TAKEN: (Why.TIME_IS_UP, "the nonce was taken, and is signed for with the next window; give it more time"),
}
_WEIGHT = {Step.PASSED_ON: 1, Step.TOO_SOON: 2, Step.NO_ROOM: 2, Step.MUTE: 2, Step.TAKEN: 3}  # others: 0


@dataclass(frozen=True, slots=True)
class FreshAnswer:
    """What a battery says now, whose window ended between asked_unix_ms and received_unix_ms, by this service's clock.

    That it was signed behind asked_unix_ms the nonce shows; that its window ended behind that too, the firmware says.
    entry: that window. values: as the passport has all of them now (passport/document.py), each with its own age.
    bundle: of the window, for `packseal verify`; left_out: what found no room there, in words.
    """

    battery: str
    evidence_class: str
    log_id: bytes
    nonce: bytes
    asked_unix_ms: int
    received_unix_ms: int
    entry: Entry
    values: Json
    checkpoint: bytes
    receipt: bytes
    bundle: bytes
    left_out: tuple[str, ...]


@dataclass(slots=True)
class _Reader:
    """Waits until its checkpoint is stored, or until until_s."""

    nonce: bytes
    full_s: float
    until_s: float
    seen: int  # records of its log, in which the nonce is not
    step: Step | None = None
    wait_ms: int = 0
    size: int | None = None

    def hear(self, notice: FreshNotice, now_s: float) -> None:
        """Of several gateways and their boards the one that has more to say; none of them can end the wait at once."""
        if self.step and _WEIGHT.get(notice.step, 0) < _WEIGHT.get(self.step, 0):
            return
        self.step, self.wait_ms = notice.step, notice.wait_ms
        self.until_s = self.full_s if notice.step.is_good else min(self.until_s, now_s + LAST_WORD_S)


class FreshReads:
    """`ask` blocks its thread; `delivered` and `noticed` come from the broker's."""

    def __init__(
        self,
        service: PassportService,
        sign: Sign,
        bundles: BundleMaker,
        publish: Callable[[str, bytes], bool],
        site: str | None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """publish: hands topic and command to the broker; False where there is none now. site: that of the settings."""
        self._service, self._sign, self._bundles, self._publish = service, sign, bundles, publish
        self._now_s = now_s
        self._topics: dict[bytes, str] = {}  # log_id -> where its last delivery came from, without its last level
        self._sites: set[str] = set() if site is None else {site}  # where else gateways have said that they are
        self._readers: dict[bytes, _Reader] = {}  # by log_id: one at a time
        self._asked_s: dict[str, deque[float]] = {}  # by battery
        self._last_issued_unix_ms = 0
        self._heard = Condition()

    def ask(self, battery: str, nonce: bytes, timeout_s: float) -> FreshAnswer:
        """Has the battery's newest log sign this nonce of 16 bytes, and waits for that.

        Raises FreshReadError, UnavailableError where the disk or the published log does not answer, and ValueError for
        a nonce of another length or a timeout of more than an hour.
        """
        if len(nonce) != NONCE_BYTES or not 0 < timeout_s <= MAX_TIMEOUT_S:
            raise ValueError(f"a nonce has {NONCE_BYTES} bytes, and a timeout is at most {MAX_TIMEOUT_S:.0f} s")
        log = self._live_log(battery)
        reader, asked_unix_ms = self._begun(battery, log, nonce, timeout_s)
        try:
            size = self._waited(battery, log.log_id, reader, timeout_s)
        finally:
            with self._heard:
                del self._readers[log.log_id]
        return self._answer(battery, log, reader.nonce, asked_unix_ms, size)

    def delivered(self, topic: str, log_id: bytes, size: int) -> None:
        """Everything of this log below size is stored and has its receipt."""
        self._topics[log_id] = topic.rpartition("/")[0]
        with self._heard:
            reader = self._readers.get(log_id)
        if reader is None or self._nonce_at(log_id, size) != reader.nonce:
            return
        with self._heard:
            reader.size = size
            self._heard.notify_all()

    def gateway_heard(self, topic: str) -> None:
        """A gateway of that site is there: where a battery is asked of which nothing has come since the start."""
        with self._heard:
            if len(self._sites) < MAX_SITES:
                self._sites.add(topic.split("/")[1])

    def noticed(self, payload: bytes) -> None:
        """A message on `\u2026/fresh`. Raises EvidenceError for what is no notice."""
        notice = decode_notice(payload)
        with self._heard:
            for reader in self._readers.values():
                if reader.nonce == notice.nonce:
                    reader.hear(notice, self._now_s())
                    self._heard.notify_all()

    def _live_log(self, battery: str) -> LogState:
        """The one that has most lately grown."""
        passport = self._service.passport(battery)
        logs = [log for log in passport.logs if log.seal is None and not log.is_replay and log.size] if passport else []
        if not logs:
            words = f"no log of battery {battery!r} goes on; records have to arrive before anything can be asked for"
            raise FreshReadError(Why.NO_LIVE_LOG, words)
        return max(logs, key=lambda log: log.received_unix_ms)

    def _begun(self, battery: str, log: LogState, nonce: bytes, timeout_s: float) -> tuple[_Reader, int]:
        """Publishes the command. -> who waits now, and since when"""
        log_id = log.log_id
        with self._heard:
            topics = self._command_topics(battery, log_id)
            self._check_rate(battery, log_id)
            issued_unix_ms = max(self._service.now_unix_ms(), self._last_issued_unix_ms + 1)
            command = FreshCommand(log_id, nonce, issued_unix_ms)
            content = sign_command(command, self._sign, self._service.public_key)
            if not all(self._publish(topic, content) for topic in topics):
                raise FreshReadError(Why.NO_BROKER, "this service is not connected to its broker; try again")
            self._last_issued_unix_ms = issued_unix_ms
            now_s = self._now_s()
            self._asked_s.setdefault(battery, deque(maxlen=MAX_A_MINUTE)).append(now_s)
            reader = self._readers[log_id] = _Reader(nonce, now_s + timeout_s, now_s + timeout_s, log.size)
        return reader, issued_unix_ms

    def _command_topics(self, battery: str, log_id: bytes) -> list[str]:
        """A command is for one log: on the topics of others it has no effect."""
        known = self._topics.get(log_id)
        bases = [known] if known else [f"packseal/{site}/{battery}" for site in sorted(self._sites)]
        if not bases:
            words = "nothing has come from it, and no gateway is there; start its gateway, or set `site` where it is"
            raise FreshReadError(Why.NO_GATEWAY, f"battery {battery}: {words}")
        return [f"{base}/cmd" for base in bases]

    def _check_rate(self, battery: str, log_id: bytes) -> None:
        now_s, asked_s = self._now_s(), self._asked_s.get(battery, deque())
        if log_id in self._readers or len(self._readers) >= MAX_READERS:
            raise FreshReadError(Why.TOO_SOON, "others are being answered; try again in a few seconds", 5)
        if len(asked_s) == MAX_A_MINUTE and now_s - asked_s[0] < MINUTE_S:
            wait_s = int(MINUTE_S - (now_s - asked_s[0])) + 1
            words = f"battery {battery} is asked {MAX_A_MINUTE} times a minute at most; try again in {wait_s} s"
            raise FreshReadError(Why.TOO_SOON, words, wait_s)

    def _waited(self, battery: str, log_id: bytes, reader: _Reader, timeout_s: float) -> int:
        while reader.size is None:
            with self._heard:
                left_s = reader.until_s - self._now_s()
                if left_s <= 0:
                    raise self._nothing_came(battery, reader, timeout_s)
                if reader.size is None:
                    self._heard.wait(min(left_s, LOOK_S))
            if reader.size is None:
                self._look(log_id, reader)
        return reader.size

    def _look(self, log_id: bytes, reader: _Reader) -> None:
        """Another worker may have stored the answer, of which nobody tells this one."""
        for span in self._service.store.spans(log_id, reader.seen):
            reader.seen = span.size
            if self._nonce_at(log_id, span.size) == reader.nonce:
                reader.size = span.size
                return

    def _nothing_came(self, battery: str, reader: _Reader, timeout_s: float) -> FreshReadError:
        if reader.step in _NO:
            why, words = _NO[reader.step]
            wait_s = -(-reader.wait_ms // 1000)
            words += f"; try again in {wait_s} s" if wait_s else ""
            return FreshReadError(why, f"battery {battery}: {words}", wait_s)
        why, words = _TIME_IS_UP[reader.step]
        return FreshReadError(why, f"battery {battery}: nothing came in {timeout_s:.0f} s; {words}")

    def _nonce_at(self, log_id: bytes, size: int) -> bytes | None:
        """Of the stored checkpoint of this size, verified again."""
        content, log = self._service.store.checkpoint(log_id, size), self._service.store.trusted_log(log_id)
        return verify_checkpoint(content, log_id, log.key_at(size)).nonce if content and log else None

    def _answer(self, battery: str, log: LogState, nonce: bytes, asked_unix_ms: int, size: int) -> FreshAnswer:
        made, entry, received_unix_ms = self._bundle(log.log_id, size)
        document = self._service.document(battery) or {}
        values = document["values"]
        return FreshAnswer(
            battery, log.evidence_class, log.log_id, nonce, asked_unix_ms, received_unix_ms, entry,
            values if isinstance(values, dict) else {},
            made.bundle.checkpoint, made.bundle.receipt, made.content, made.left_out,
        )  # fmt: skip

    def _bundle(self, log_id: bytes, size: int) -> tuple[Made, Entry, int]:
        """Of the newest window below size, which no earlier checkpoint may cover."""
        for seq in range(size - 1, max(size - LOOKED_BACK, 0), -1):
            record = self._service.store.record(log_id, seq)
            if record and record.entry[1] == EntryType.WINDOW:
                made = self._bundles.bundle(log_id, seq)
                if made and unverified_size(made.bundle.checkpoint) == size:
                    return made, decode_entry(record.entry), record.received_unix_ms
                break
        raise FreshReadError(Why.NO_WINDOW, "the checkpoint with the nonce came without a new window; try again")

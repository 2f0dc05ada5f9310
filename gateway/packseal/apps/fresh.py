"""The gateway's part in a fresh read (docs/fresh.md): which commands it believes, and how it asks a board.

Decides by the service's signature, the time in it and the log it names. What is refused is counted and has no other
effect; what was good once is not good again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from packseal.errors import EvidenceError
from packseal.io.link import FreshState, FreshStep
from packseal.records.fresh import FreshCommand, FreshNotice, Step, encode_notice, verify_command

MAX_SKEW_MS = 60_000  # between the clocks of service and gateway, with the time on the way
MAX_A_MINUTE = 6  # commands for one log: boards have a limit of their own, for whoever else asks them
MINUTE_MS = 60_000
COUNTED_EVERY_MS = 1_000  # who floods a broker must not make a gateway write to its disk for each message
STATUSES_TO_ASK_AGAIN, STATUSES_TO_GIVE_UP = 3, 8  # a board at work says STATUS once a second

Tell = Callable[[FreshNotice], None]
_STEPS = {FreshStep.TAKEN: Step.TAKEN, FreshStep.TOO_SOON: Step.TOO_SOON, FreshStep.NO_ROOM: Step.NO_ROOM}


class FreshSource(Protocol):
    """A log of one battery that this gateway collects."""

    @property
    def battery(self) -> str: ...

    def ask_fresh(self, log_id: bytes, nonce: bytes, tell: Tell) -> FreshNotice:
        """From any thread. tell: whoever hears what becomes of it later."""
        ...


class BoardNonce:
    """The nonce that a board on a line was asked for, until it has said what it does with it; the newest alone."""

    def __init__(self) -> None:
        self._asked: tuple[bytes, Tell] | None = None
        self._statuses = 0

    def asked(self, nonce: bytes, tell: Tell) -> None:
        self._asked, self._statuses = (nonce, tell), 0

    def heard(self, state: FreshState) -> None:
        nonce, tell = self._asked or (b"", None)
        step = _STEPS.get(FreshStep(state.step)) if state.step in set(FreshStep) else None
        if tell and step and state.nonce == nonce:
            self._asked = None
            tell(FreshNotice(nonce, step, state.wait_ms))

    def again(self) -> bytes | None:
        """With each STATUS: the nonce where it is to be sent again, since a frame may be lost."""
        nonce, tell = self._asked or (b"", None)
        if tell is None:
            return None
        self._statuses += 1
        if self._statuses >= STATUSES_TO_GIVE_UP:
            self._asked = None
            tell(FreshNotice(nonce, Step.MUTE))
        return nonce if self._statuses == STATUSES_TO_ASK_AGAIN else None


@dataclass(slots=True)
class _LogAsked:
    """issued_unix_ms: of the newest good command. taken_ms: when the last few were passed on."""

    issued_unix_ms: int = -1
    taken_ms: deque[int] = field(default_factory=lambda: deque(maxlen=MAX_A_MINUTE))


class FreshDesk:
    """Commands in, questions to boards and notices out. Usable from any thread."""

    def __init__(
        self,
        service_public_key: bytes,
        sources: Iterable[FreshSource],
        publish: Callable[[str, bytes], object],
        count: Callable[[str, int], None],
        now_unix_ms: Callable[[], int],
        now_ms: Callable[[], int],
    ) -> None:
        """sources: looked at anew with each command. publish: topic and content of a notice. count: keeps how often
        something was refused. now_ms: of a clock that nobody sets."""
        self._service_public_key, self._sources = service_public_key, sources
        self._publish, self._count = publish, count
        self._now_unix_ms, self._now_ms = now_unix_ms, now_ms
        self._logs: dict[bytes, _LogAsked] = {}  # those that the service has signed for
        self._refused: Counter[str] = Counter()
        self._counted_ms = -COUNTED_EVERY_MS
        self._lock = Lock()

    def take(self, topic: str, payload: bytes) -> None:
        """A message on `…/<battery>/cmd`. One for a battery that is not collected here is another gateway's."""
        base, _, _ = topic.rpartition("/")
        battery = base.rpartition("/")[2]
        sources = [source for source in self._sources if source.battery == battery]
        if not sources:
            return
        with self._lock:
            judged = self._judged(payload)
        if isinstance(judged, FreshNotice):
            self._tell(base, judged)
        elif judged is not None:
            self._ask(base, sources, judged)

    def flush(self) -> None:
        """Has the counts kept. Raises UnavailableError where they cannot be."""
        with self._lock:
            self._keep_counts()

    def _judged(self, payload: bytes) -> FreshCommand | FreshNotice | None:
        """The command where it is to be passed on, what its reader is told where not, None where nobody is to be told:
        whoever sends others' bytes again must not make us speak."""
        try:
            command = verify_command(payload, self._service_public_key)
        except EvidenceError as error:
            return self._refused_for(error.reason)
        asked = self._logs.setdefault(command.log_id, _LogAsked())
        if command.issued_unix_ms <= asked.issued_unix_ms:
            return self._refused_for("replayed")
        if abs(self._now_unix_ms() - command.issued_unix_ms) > MAX_SKEW_MS:
            return self._refused_for("stale", FreshNotice(command.nonce, Step.STALE))
        asked.issued_unix_ms = command.issued_unix_ms
        now_ms = self._now_ms()
        if len(asked.taken_ms) == MAX_A_MINUTE and now_ms - asked.taken_ms[0] < MINUTE_MS:
            wait_ms = MINUTE_MS - (now_ms - asked.taken_ms[0])
            return self._refused_for("too-many", FreshNotice(command.nonce, Step.TOO_SOON, wait_ms))
        asked.taken_ms.append(now_ms)
        return command

    def _ask(self, base: str, sources: Sequence[FreshSource], command: FreshCommand) -> None:
        """Of several sources of one battery the one that has this log speaks."""
        notices = [
            source.ask_fresh(command.log_id, command.nonce, lambda notice: self._tell(base, notice))
            for source in sources
        ]
        self._tell(base, min(notices, key=lambda notice: (not notice.step.is_good, notice.step is Step.OTHER_LOG)))

    def _tell(self, base: str, notice: FreshNotice) -> None:
        self._publish(f"{base}/fresh", encode_notice(notice))

    def _refused_for(self, word: str, notice: FreshNotice | None = None) -> FreshNotice | None:
        self._refused[f"fresh_{word}"] += 1
        if self._now_ms() - self._counted_ms >= COUNTED_EVERY_MS:
            self._keep_counts()
        return notice

    def _keep_counts(self) -> None:
        self._counted_ms = self._now_ms()
        while self._refused:
            name, number = next(iter(self._refused.items()))
            self._count(name, number)
            del self._refused[name]

"""What a running program says: sentences for a person at a terminal, else one JSON object a line for programs.

Decides that nothing floods a journal: what is wrong for the same reason is said once a minute at most, with how often
it came in between. Numbers in a sentence do not make it another one. Control characters move no cursor: they stand
there escaped. Secrets and payloads are kept out by those who make the words.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TextIO

from packseal.records.printable import printable

EVERY_S = 60.0
MAX_REMEMBERED = 1_000  # different problems; of more, the one not said for longest is forgotten
MAX_WORDS = 1_000  # characters of one line
Form = Literal["text", "json"]
Level = Literal["info", "warning", "error"]
Event = Literal[
    "started", "stopping", "ended", "notice", "reload", "reloaded", "library", "fault", "problem",
    "broker", "broker-message", "clock", "local", "standstill",
    "sender", "outbox", "refused", "board", "board-port", "board-configuration", "board-update", "can", "dashboards",
    "share", "intake", "log", "pages", "provider", "webhook",
]  # fmt: skip
"""What a line is of, for programs. For ever: docs/operate.md lists each, and a test compares."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong, with its cure."""

    event: Event
    words: str
    battery: str = ""
    port: str = ""

    @property
    def sort(self) -> tuple[str, ...]:
        """What makes it the same one again: all but the numbers in its words."""
        return self.event, self.battery, self.port, re.sub(r"\d+", "#", self.words)

    def as_json(self) -> dict[str, str]:
        return {"event": self.event, "battery": self.battery, "port": self.port, "words": self.words}


@dataclass(slots=True)
class _Said:
    at_s: float
    times: int = 0  # that it came since then


class LogLines:
    """Usable from any thread."""

    def __init__(
        self,
        stream: TextIO,
        form: Form,
        unix_ns: Callable[[], int] = time.time_ns,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """clock_s: seconds that never run back."""
        self.form = form
        self._stream, self._unix_ns, self._clock_s = stream, unix_ns, clock_s
        self._said: OrderedDict[tuple[str, ...], _Said] = OrderedDict()
        self._lock = threading.Lock()
        self.kept_back = 0  # lines since the start that the limit held back, or that nobody took

    def say(self, event: Event, words: str, level: Level = "info") -> None:
        """Something that happens seldom: not limited."""
        self._write(level, Problem(event, words))

    def problem(self, problem: Problem, level: Level = "warning", *, has_come: bool = True) -> bool:
        """Whether it is said now: once a minute at most, with how often it has come since it was last said.

        has_come: false where it is still there from the last time."""
        with self._lock:
            times = self._due(problem, has_come)
        if times:
            self._write(level, problem, times)
        return times > 0

    def gone(self, problem: Problem) -> None:
        """Of one that was said."""
        self._write("info", Problem(problem.event, f"no more: {problem.words}", problem.battery, problem.port))

    def _due(self, problem: Problem, has_come: bool) -> int:
        """How many times it has come; 0: it is kept back."""
        now_s, known = self._clock_s(), self._said.get(problem.sort)
        if known:
            known.times += has_come
            if now_s - known.at_s < EVERY_S:
                self.kept_back += has_come
                return 0
        self._said[problem.sort] = _Said(now_s)
        self._said.move_to_end(problem.sort)
        while len(self._said) > MAX_REMEMBERED:
            self._said.popitem(last=False)
        return max(1, known.times) if known else 1

    def _write(self, level: Level, problem: Problem, times: int = 1) -> None:
        words = problem.words if len(problem.words) <= MAX_WORDS else problem.words[:MAX_WORDS] + "…"
        line = self._json(level, problem, words, times) if self.form == "json" else _text(words, times)
        with self._lock:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):  # whoever read has gone, or the journal's disk is full: the work goes on
                self.kept_back += 1

    def _json(self, level: Level, problem: Problem, words: str, times: int) -> str:
        moment = datetime.fromtimestamp(self._unix_ns() / 1e9, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {"time": moment.replace("+00:00", "Z"), "level": level, "event": problem.event}
        line |= {"battery": problem.battery} if problem.battery else {}
        line |= {"port": problem.port} if problem.port else {}
        line |= {"times": times} if times > 1 else {}
        return json.dumps(line | {"words": words})


def _text(words: str, times: int) -> str:
    more = f" ({times} times since it was last said)" if times > 1 else ""
    return f"packseal: {printable(words)}{more}"


@dataclass(slots=True)
class Changes:
    """Looks again and again at what is wrong: what is new is said, and what has gone of what was said."""

    lines: LogLines
    _present: frozenset[tuple[str, ...]] = frozenset()
    _told: dict[tuple[str, ...], Problem] = field(default_factory=dict)
    _noticed: frozenset[str] = frozenset()

    def show(self, problems: Sequence[Problem], notices: Sequence[str] = ()) -> None:
        for words in sorted(set(notices) - self._noticed):
            self.lines.say("notice", words)
        self._noticed = frozenset(notices)
        present = {problem.sort: problem for problem in problems}
        for key in sorted(present.keys() - self._told.keys()):
            if self.lines.problem(present[key], has_come=key not in self._present):
                self._told[key] = present[key]
        for key in sorted(self._told.keys() - present.keys()):
            self.lines.gone(self._told.pop(key))
        self._present = frozenset(present)


class LibraryLines(logging.Handler):
    """What libraries log from warnings on, and what ends a thread, among the lines of the program."""

    def __init__(self, lines: LogLines) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        try:
            words = record.getMessage()
        except Exception:  # a library's own mistake in what it logs
            words = str(record.msg)
        if record.exc_info and record.exc_info[1]:
            words += f": {record.exc_info[1]!r}"
        level: Level = "error" if record.levelno >= logging.ERROR else "warning"
        self._lines.problem(Problem("library", f"{record.name}: {words}"), level)

    def thread_ended(self, ended: threading.ExceptHookArgs) -> None:
        name = ended.thread.name if ended.thread else "unknown"
        words = f"the thread {name!r} has ended by a fault of packseal's own: {ended.exc_value!r}"
        self._lines.problem(Problem("fault", words), "error")


def lines_to_stderr(wanted: str) -> LogLines:
    """wanted: text, json, or auto: text at a terminal, else JSON. JSON takes what libraries log with it."""
    form: Form = "json" if wanted == "json" or (wanted == "auto" and not sys.stderr.isatty()) else "text"
    lines = LogLines(sys.stderr, form)
    if form == "json":
        libraries = LibraryLines(lines)
        logging.getLogger().addHandler(libraries)
        threading.excepthook = libraries.thread_ended
    return lines

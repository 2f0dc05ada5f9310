"""An instrument on TCP, as instruments are there: one connection at a time, lines in, lines out, a list of errors.

What it understands is a table of headers as manuals write them (":OUTPut[:STATe]"): the long form or the short one,
nothing between (SCPI-1999 volume 1, 6.2.1). Faults are told from outside: a line that is dropped with its connection,
an answer that is held back until the test lets it go, an answer that is none.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable
from types import TracebackType

UNDEFINED_HEADER = '-113,"Undefined header"'
QUEUE_OVERFLOW = '-350,"Queue overflow"'
NO_ERROR = '0,"No error"'
MAX_ERRORS = 20
_NODE = re.compile(r"(?P<short>[*A-Z]+)(?P<rest>[a-z]*)(?P<suffix><n>)?")

Action = Callable[[str, str], str | None]  # (suffix, parameters) -> answer


def header(written: str) -> re.Pattern[str]:
    """Of a header as a manual writes it: a pattern that takes its long and its short forms."""
    pattern = ""
    for piece in re.findall(r"\[|\]|:|\?|[*A-Z]+[a-z]*(?:<n>)?", written):
        node = _NODE.fullmatch(piece)
        if node:
            short, rest = re.escape(node["short"]), node["rest"]
            pattern += f"(?:{short}{rest}|{short})" if rest else short
            pattern += r"(?P<suffix>\d*)" if node["suffix"] else ""
        else:
            pattern += {"[": "(?:", "]": ")?", ":": ":", "?": r"\?"}[piece]
    return re.compile(pattern.removeprefix(":"), re.IGNORECASE)


class ScpiError(Exception):
    """What goes to the list of errors."""


class Instrument:
    """commands: by header. Unknown ones go to the list of errors, and are answered by nothing."""

    def __init__(self, commands: dict[str, Action], error_query: str = ":SYSTem:ERRor?") -> None:
        self.errors: list[str] = []
        self.said: list[str] = []
        self._commands = [(header(written), action) for written, action in commands.items()]
        if error_query:
            self._commands.append((header(error_query), lambda _suffix, _words: self._next_error()))

    def receive(self, line: str) -> list[str]:
        """The answers to one message, whose units are joined by ;:"""
        self.said.append(line)
        answers = [self._unit(unit.strip()) for unit in line.split(";:")]
        return [answer for answer in answers if answer is not None]

    def refuse(self, error: str) -> None:
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(error)
        else:
            self.errors[-1] = QUEUE_OVERFLOW

    def _unit(self, unit: str) -> str | None:
        head, _, words = re.sub(r"\(@", " (@", unit.removeprefix(":"), count=1).partition(" ")
        for pattern, action in self._commands:
            match = pattern.fullmatch(head)
            if match:
                try:
                    return action(match.groupdict().get("suffix") or "", words.strip())
                except ScpiError as error:
                    self.refuse(str(error))
                    return None
        self.refuse(UNDEFINED_HEADER)
        return None

    def _next_error(self) -> str:
        return self.errors.pop(0) if self.errors else NO_ERROR


class Served:
    """An instrument on a free loopback port. connections: how many there were."""

    def __init__(self, instrument: Instrument) -> None:
        self.connections = 0
        self.drops_at: set[int] = set()  # numbers of lines, from 0, at which the connection goes instead
        self.answers: dict[int, bytes] = {}  # raw ones, by the number of the line
        self.holds_at: set[int] = set()  # lines whose answer waits for `release`
        self.release = threading.Event()
        self._instrument = instrument
        self.heard = 0  # lines
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Served:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.hang_up()
        self._thread.join(10)

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    def speak(self, content: bytes) -> None:
        """Without having been asked."""
        assert self._connection, "nobody is connected"
        self._connection.sendall(content)

    def hang_up(self) -> None:
        """Closes the connection, as an instrument does to one that was idle for long."""
        connection = self._connection
        if connection:
            with contextlib.suppress(OSError):  # it may just have been closed
                connection.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while True:
            try:
                self._connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            try:
                with self._connection, self._connection.makefile("rb") as lines:
                    for line in lines:
                        if not self._answer(self._connection, line):
                            break
            except OSError:
                continue
            finally:
                self._connection = None

    def _answer(self, connection: socket.socket, line: bytes) -> bool:
        """False: hang up."""
        number = self.heard
        self.heard += 1
        if number in self.drops_at:
            return False
        answers = self._instrument.receive(line.decode("ascii").strip())
        if number in self.holds_at:
            self.release.wait(30)
        if number in self.answers:
            connection.sendall(self.answers[number])
        elif answers:
            connection.sendall((";".join(answers) + "\n").encode())
        return True

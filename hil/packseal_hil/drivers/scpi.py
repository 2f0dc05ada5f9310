"""An instrument that speaks SCPI over a TCP connection: lines out, lines in, and its list of errors after each command.

Decides how long an answer may be and take, and what a lost connection means. Sources: IEEE 488.2 (common commands, a
line feed ends a message) and SCPI-1999 volume 2, 21.8 (:SYSTem:ERRor?: the oldest first, 0 when there are no more).
A connection that was closed meanwhile, as instruments do to idle ones, is opened once more, and counted; commands here
set something to a value, so that saying one twice does no harm. One that does not answer in time is closed and not
asked again: its late answer would be taken for that to the next question. Between two lines there is a pause, because
simple instruments lose what comes while they work; where there is no list of errors, *IDN? is what says that the lines
before it were read.
"""

from __future__ import annotations

import re
import select
import socket
import threading
from collections.abc import Sequence
from typing import NoReturn

from packseal_hil.protocols import BenchError

ANSWER_S = 5.0  # of the slowest common one, a supply that switches relays
MAX_ANSWER_BYTES = 4096
MAX_ERRORS = 32  # more than instruments keep (20 to 30)
MAX_ERROR_CHARACTERS = 200
PAUSE_S = 0.01
SYSTEM_ERROR = ":SYST:ERR?"
IDENTITY = "*IDN?"
_ERROR = re.compile(r"\s*(?P<code>[+-]?\d{1,6})\s*(,|\s)\s*(?P<words>.*)")


class ScpiLine:
    """`reconnected`: how often the connection was gone when it was needed. Everything raises BenchError."""

    def __init__(
        self, name: str, address: str, *, error_query: str = SYSTEM_ERROR, timeout_s: float = ANSWER_S
    ) -> None:
        """name: for error texts. address: host:port. error_query: "" of what has no list of errors to ask for."""
        self.reconnected = 0
        host, _, port = address.rpartition(":")
        self._place = (host.strip("[]"), int(port))
        self._name, self._error_query, self._timeout_s = f"{name} at {address}", error_query, timeout_s
        self._identity = ""
        self._socket: socket.socket | None = None

    def identify(self, maker: str, model: str) -> str:
        """What *IDN? says, in which maker and the beginning of the model have to be right."""
        said = self.query(IDENTITY)
        fields = [field.strip() for field in said.split(",")]
        if len(fields) < 2 or not (fields[0].startswith(maker) and fields[1].startswith(model)):
            self._fail(f"is {_shown(said)}, not {maker} {model}", "correct the address in rig.toml")
        self._identity = said
        return said

    def query(self, question: str) -> str:
        """The answer, without its end of line."""
        return self._asked([question])

    def command(self, *commands: str) -> None:
        """Sends them, then reads its list of errors to the end; of what has none, after `identify`, its identity."""
        answer = self._asked([*commands, self._error_query or IDENTITY])
        if self._error_query:
            self._check_errors(answer, "; ".join(commands))
        elif answer != self._identity:
            self._fail(f"answered {IDENTITY} with {_shown(answer)}", "check that nobody else talks to it")

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = None

    def _check_errors(self, answer: str, commands: str) -> None:
        errors: list[str] = []
        while (match := _ERROR.fullmatch(answer)) and int(match["code"]) and len(errors) < MAX_ERRORS:
            errors.append(_shown(answer))
            answer = self._asked([self._error_query])
        if match is None:
            self._fail(f"answered {self._error_query} with {_shown(answer)}", "check that it is what rig.toml says")
        if errors:
            raise BenchError(f"{self._name} refused {commands!r}: {'; '.join(errors)}")

    def _asked(self, lines: Sequence[str]) -> str:
        """The answer to the last of them."""
        was_open = self._socket is not None
        try:
            return self._exchange(lines)
        except ConnectionError as error:
            self.close()
            if not was_open:
                raise BenchError(f"{self._name}: {error}; check its power, its cable and its address") from None
        self.reconnected += 1
        return self._asked(lines)

    def _exchange(self, lines: Sequence[str]) -> str:
        try:
            line = self._socket = self._socket or socket.create_connection(self._place, self._timeout_s)
            if select.select([line], [], [], 0)[0]:
                raise ConnectionResetError("it closed the connection, or spoke without being asked")
            for number, one in enumerate(lines):
                threading.Event().wait(PAUSE_S if number else 0)
                line.sendall(f"{one}\n".encode("ascii"))
            return self._answer(line, lines[-1])
        except TimeoutError:
            self._fail(f"did not answer {lines[-1]!r} within {self._timeout_s:g} s", "check its power and its cable")
        except ConnectionError:
            raise
        except OSError as error:
            self._fail(f"cannot be reached: {error}", "check its address in rig.toml")

    def _answer(self, line: socket.socket, question: str) -> str:
        content = b""
        while not content.endswith(b"\n"):
            chunk = line.recv(MAX_ANSWER_BYTES)
            if not chunk:
                raise ConnectionResetError("it closed the connection")
            content += chunk
            if len(content) > MAX_ANSWER_BYTES:
                self._fail(f"answered {question!r} with more than {MAX_ANSWER_BYTES} bytes", "check what it is")
        answer = content.strip()
        if not answer.isascii() or any(byte < 0x20 for byte in answer):  # a second line, or no text at all
            self._fail(f"answered {question!r} with {_shown(repr(content))}", "check that nobody else talks to it")
        return answer.decode("ascii")

    def _fail(self, what: str, cure: str) -> NoReturn:
        self.close()
        raise BenchError(f"{self._name} {what}; {cure}")


def _shown(said: str) -> str:
    return said[:MAX_ERROR_CHARACTERS] if said.isprintable() else repr(said)[:MAX_ERROR_CHARACTERS]

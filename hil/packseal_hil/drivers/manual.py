"""What a person does: they are asked at the terminal, for so long, and what they did not do has not happened.

At the terminal itself and not at standard input, which pytest keeps to itself. Enter says done, n says that it cannot
be done. Nothing is taken for done because nobody contradicts.
"""

from __future__ import annotations

import errno
import math
import os
import select
import termios
import time
from pathlib import Path

from packseal_hil.protocols import BenchError

TERMINAL = Path("/dev/tty")
MAX_LINE_BYTES = 200
TRIES = 3
LEAST_C, MOST_C = -60.0, 200.0
_NO = ("n", "no")


class Person:
    """Somebody at this terminal."""

    def __init__(self, patience_s: int, terminal: Path = TERMINAL) -> None:
        """Raises BenchError where there is no terminal."""
        self._patience_s = patience_s
        try:
            self._terminal = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
        except OSError as error:
            cure = 'run it in a terminal, or give rig.toml another driver than "manual"'
            raise BenchError(f"there is no terminal to ask anybody at ({error.strerror}); {cure}") from None

    def ask(self, words: str) -> str:
        """What they typed, without spaces around it. Raises BenchError for "n", and when nobody answers."""
        try:
            termios.tcflush(self._terminal, termios.TCIFLUSH)  # what was typed before is no answer to this
            os.write(self._terminal, f"\nbench: {words}\n> ".encode())
            answer = self._line(words).strip()
        except (OSError, termios.error):
            raise BenchError(f"the terminal has ended before anybody answered: {words}") from None
        if answer.lower() in _NO:
            raise BenchError(f"the person at the bench said no to: {words}")
        return answer

    def do(self, words: str) -> None:
        self.ask(f"please {words}, then press Enter (n: it cannot be done)")

    def close(self) -> None:
        os.close(self._terminal)

    def _line(self, words: str) -> str:
        content, deadline_s = b"", time.monotonic() + self._patience_s
        while not content.endswith(b"\n"):
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not select.select([self._terminal], [], [], left_s)[0]:
                cure = "start again with somebody at the bench, or set patience_s in rig.toml"
                raise BenchError(f"nobody answered within {self._patience_s} s: {words}; {cure}")
            typed = os.read(self._terminal, MAX_LINE_BYTES)
            if not typed:
                raise OSError(errno.EIO, "end of file")
            content = (content + typed)[-MAX_LINE_BYTES:]
        return content.decode(errors="replace")


class ManualPower:
    def __init__(self, person: Person) -> None:
        self._person = person

    def on(self) -> None:
        self._person.do("switch the board's power ON")

    def off(self) -> None:
        self._person.do("switch the board's power OFF")

    def close(self) -> None:
        self._person.close()


class ManualChamber:
    def __init__(self, person: Person) -> None:
        self._person = person

    def set_temperature_c(self, temperature_c: float) -> None:
        self._person.do(f"bring the pack to {temperature_c:.1f} °C and wait until its thermometer shows that")

    def temperature_c(self) -> float:
        """As they read it; asked TRIES times for a number that a pack can have."""
        for _ in range(TRIES):
            read_c = _number(self._person.ask("what does the thermometer at the pack show, in °C?"))
            if LEAST_C <= read_c <= MOST_C:
                return read_c
        raise BenchError(f"no temperature in {TRIES} answers; expected a number such as 24.5")

    def close(self) -> None:
        self._person.close()


def _number(answer: str) -> float:
    """Not a number where it is none."""
    try:
        return float(answer.replace(",", ".").removesuffix("C").removesuffix("°"))
    except ValueError:
        return math.nan

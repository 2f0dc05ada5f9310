"""Runs a program until it is told to end: says what is wrong, follows SIGHUP, and tells the service manager."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import click

from packseal.cli.root import EXIT_FAULT, exit_code, fault_words
from packseal.errors import PackSealError
from packseal.io.log_lines import Changes, LogLines, Problem, lines_to_stderr
from packseal.io.sd_notify import ServiceManager

LOOK_EVERY_S = 1.0
LOG_OPTION = click.option(
    "--log",
    "log_form",
    type=click.Choice(["auto", "text", "json"]),
    default="auto",
    show_default=True,
    help="How to say what goes on: sentences, or JSON line by line; auto: sentences at a terminal.",
)


class Running(Protocol):
    """A program that has started."""

    def findings(self) -> list[Problem]:
        """What is wrong, each with its cure."""

    def notices(self) -> list[str]:
        """What goes on, and is as it should be."""

    def standing_still(self) -> list[str]:
        """What does not come round any more; the watchdog is fed while this is empty."""

    def line(self, found: Sequence[Problem]) -> str:
        """How it is, in one line. found: what `findings` said just now."""


class InWords:
    """A program that says what is wrong in words alone."""

    def __init__(self, problems: Callable[[], list[str]]) -> None:
        self._problems = problems

    def findings(self) -> list[Problem]:
        return [Problem("problem", words) for words in self._problems()]

    def notices(self) -> list[str]:
        return []

    def standing_still(self) -> list[str]:
        return []

    def line(self, found: Sequence[Problem]) -> str:
        return "; ".join(problem.words for problem in found) or "all is well"


def nothing_to_reload() -> str:
    """What to say of a SIGHUP to a program that reads its settings at its start."""
    return "the settings are read at a start alone: restart"


@contextmanager
def saying(log_form: str) -> Iterator[LogLines]:
    """Lines for standard error; where they are JSON, what ends the program is one of them."""
    lines = lines_to_stderr(log_form)
    try:
        yield lines
    except PackSealError as error:
        if lines.form == "text":
            raise
        lines.say("ended", str(error), "error")
        sys.exit(exit_code(error))
    except Exception as error:
        if lines.form == "text" or os.environ.get("PACKSEAL_TRACEBACK"):
            raise
        lines.say("fault", fault_words(error), "error")
        sys.exit(EXIT_FAULT)


def run_until_told(
    running: Running, lines: LogLines, words: str, reload: Callable[[], str] = nothing_to_reload
) -> None:
    """words: said when it runs. reload: called for a SIGHUP; returns what to say of it."""
    asked = _Asked()
    manager, changes = ServiceManager(), Changes(lines)
    lines.say("started", words)
    manager.ready()
    while not asked.to_end.is_set():
        if asked.wait(LOOK_EVERY_S):
            manager.reloading()
            _reload(lines, reload)
            manager.ready()
        found = running.findings()
        changes.show(found, running.notices())
        manager.status(running.line(found))
        if not running.standing_still():
            manager.feed()
    lines.say("stopping", "told to end")
    manager.stopping()


def _reload(lines: LogLines, reload: Callable[[], str]) -> None:
    try:
        lines.say("reloaded", reload())
    except PackSealError as error:
        lines.say("reload", f"nothing has changed: {error}", "warning")


def wait_for_signal() -> None:
    """Until told to end, of what says nothing meanwhile."""
    asked = _Asked()
    asked.to_end.wait()


class _Asked:
    """What signals ask for. A handler sets a flag and wakes the loop, which does the work."""

    def __init__(self) -> None:
        self.to_end = threading.Event()
        self._to_reload = False
        self._wake = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)
        signal.signal(signal.SIGHUP, self._reload)

    def wait(self, longest_s: float) -> bool:
        """Until a signal comes or the time is up. -> whether to reload."""
        self._wake.wait(longest_s)
        self._wake.clear()
        asked, self._to_reload = self._to_reload, False
        return asked and not self.to_end.is_set()

    def _end(self, *_: object) -> None:
        self.to_end.set()
        self._wake.set()

    def _reload(self, *_: object) -> None:
        self._to_reload = True
        self._wake.set()

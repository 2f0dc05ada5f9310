"""What a running program says: JSON line by line, quiet, bounded, and without what nobody else may read."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.io.log_lines import (
    EVERY_S,
    MAX_REMEMBERED,
    MAX_WORDS,
    Changes,
    Event,
    Form,
    LibraryLines,
    LogLines,
    Problem,
)

OPERATE = (Path(__file__).parents[2] / "docs/operate.md").read_text()
BROKER = Problem("broker", "broker mqtt://a:1883: does not answer; is it running?")
TEXTS = st.text(max_size=300)


class Journal:
    """Lines, and a clock that a test moves."""

    def __init__(self, form: Form = "json") -> None:
        self.now_s = 0.0
        self.stream = io.StringIO()
        self.lines = LogLines(self.stream, form, lambda: 1_790_000_000_123_000_000, lambda: self.now_s)
        self.changes = Changes(self.lines)

    def text(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    def json(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text()]

    def words(self) -> list[str]:
        return [line["words"] for line in self.json()]


def test_a_line_has_time_level_event_battery_port_and_words() -> None:
    journal = Journal()
    journal.lines.problem(Problem("board-port", "battery b: gone", "b", "/dev/ttyUSB0"))
    assert journal.json() == [
        {
            "time": "2026-09-21T14:13:20.123Z",
            "level": "warning",
            "event": "board-port",
            "battery": "b",
            "port": "/dev/ttyUSB0",
            "words": "battery b: gone",
        }
    ]


@given(TEXTS, TEXTS, TEXTS)
def test_whatever_is_said_is_one_line_of_ascii_that_gives_it_back(words: str, battery: str, port: str) -> None:
    journal = Journal()
    journal.lines.problem(Problem("board", words, battery, port))
    (line,) = journal.stream.getvalue().split("\n")[:-1]
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["words"] == words


@given(TEXTS)
def test_a_sentence_moves_no_cursor(words: str) -> None:
    journal = Journal("text")
    journal.lines.problem(Problem("board", words))
    assert journal.stream.getvalue().endswith("\n")
    assert journal.stream.getvalue()[:-1].isprintable()


def test_a_problem_that_comes_and_goes_is_said_once_a_minute_and_counted() -> None:
    journal = Journal()
    for second in range(180):
        journal.now_s = float(second)
        journal.changes.show([BROKER] if second % 2 == 0 else [])
    came = [line for line in journal.json() if line["level"] == "warning"]
    assert [line.get("times", 1) for line in came] == [1, 30, 30], "one a minute, with how often it came"
    assert len(journal.text()) == 2 * len(came), "and each has gone once"
    assert journal.lines.kept_back == 90 - 3


def test_a_problem_that_stays_is_said_at_last_where_the_minute_held_it_back() -> None:
    journal = Journal()
    for second, is_there in enumerate([True, False, *[True] * 70]):
        journal.now_s = float(second)
        journal.changes.show([BROKER] if is_there else [])
    assert journal.words() == [BROKER.words, f"no more: {BROKER.words}", BROKER.words]
    assert journal.now_s > EVERY_S


def test_numbers_in_the_words_make_no_other_problem() -> None:
    journal = Journal()
    for size in range(50):
        journal.changes.show([Problem("refused", f"missing-entries: records 5 to {size}")])
    assert len(journal.text()) == 1
    journal.changes.show([Problem("refused", "fork: another story")])
    assert journal.words()[1] == "fork: another story"


def test_what_is_remembered_has_a_limit() -> None:
    journal = Journal()
    for number in range(2 * MAX_REMEMBERED):
        journal.lines.problem(Problem("board", "gone", battery=f"{number}"))
    assert len(journal.lines._said) == MAX_REMEMBERED


def test_a_long_sentence_is_cut() -> None:
    journal = Journal()
    journal.lines.say("notice", "x" * 10_000)
    assert journal.words() == ["x" * MAX_WORDS + "…"]


def test_a_reader_that_has_gone_ends_nothing() -> None:
    journal = Journal()
    journal.stream.close()
    journal.lines.say("started", "running")
    assert journal.lines.kept_back == 1


def test_what_libraries_log_and_what_ends_a_thread_are_lines_too() -> None:
    journal = Journal()
    libraries = LibraryLines(journal.lines)
    logger = logging.Logger("can.socketcan")
    logger.addHandler(libraries)
    logger.info("of no interest")
    logger.warning("odd %s", "frame")
    try:
        raise ValueError("what nobody thought of")
    except ValueError as error:
        logger.exception("failed")
        libraries.thread_ended(threading.ExceptHookArgs((ValueError, error, None, threading.current_thread())))
    said = [(line["level"], line["event"]) for line in journal.json()]
    assert said == [("warning", "library"), ("error", "library"), ("error", "fault")]
    assert journal.words()[0] == "can.socketcan: odd frame"
    assert "what nobody thought of" in journal.words()[1]


@pytest.mark.parametrize("form", ["text", "json"])
def test_notices_are_said_once(form: Form) -> None:
    journal = Journal(form)
    for _ in range(3):
        journal.changes.show([], ["battery b: update 0.2.0: 10 % taken"])
    assert len(journal.text()) == 1


def test_every_event_stands_in_the_documents_and_no_other() -> None:
    listed = OPERATE.partition("\nEvents of both programs: ")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z-]+)`", listed)) == set(get_args(Event))

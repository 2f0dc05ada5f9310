"""OBDb's own test cases: recorded responses, and what its reader makes of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from packseal.frames.isotp import address_of
from tests.signals.diagnostics.traffic import MS, Row


class Case(NamedTuple):
    """response: its lines, an identifier of three digits and the data. expected: numbers, or names of raw values."""

    command: str
    expected: dict[str, str]
    response: list[str]

    @property
    def rows(self) -> list[Row]:
        """As frames, a millisecond apart."""
        return [
            (number * MS, address_of(int(line[:3], 16)), bytes.fromhex(line[3 : 3 + (len(line) - 3) // 2 * 2]))
            for number, line in enumerate(self.response)
        ]


def cases_in(path: Path) -> Iterator[Case]:
    """Of a file in the shape that OBDb's tools write: no other YAML is read."""
    text = path.read_text()
    found = re.match(r"command_id: (\S+)\ntest_cases:\n", text)
    assert found, path
    for part in text[found.end() :].split("- expected_values:\n")[1:]:
        values, _, response = part.partition("  response: ")
        expected = dict(re.findall(r"^    (\w+): (.+)$", values, re.MULTILINE))
        lines = re.findall(r"^ *([0-9A-F]+)$", response.removeprefix("|-"), re.MULTILINE)
        lines = lines or re.findall(r"[0-9A-F]+", response)
        assert expected, path
        assert lines, path
        yield Case(found[1], expected, lines)

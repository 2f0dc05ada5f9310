"""Static data as people have it: a CSV table or a JSON file -> values for each passport, or every mistake in it.

CSV: the first row names the columns. Either `key` and `value` (with `passport` where the file is of several), or one
column for each attribute. JSON: {"key": value, …} of one passport, or a list of {"passport": …, "values": {…}}. A file
with one mistake gives nothing but its mistakes: what is half right must not be half imported.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from packseal.errors import TableError
from packseal.passport.attributes import ATTRIBUTES, Kind
from packseal.passport.stated_values import problem_of

MAX_FILE_BYTES = 16 << 20
MAX_ROWS = 200_000
MAX_PROBLEMS = 1000  # shown; all are counted
MAX_JSON_DEPTH = 8
_TEXTS = re.compile(r'"(?:[^"\\]|\\.)*"')
OF_ONE = ""  # the passport that the command line names


@dataclass(frozen=True, slots=True)
class Problem:
    """place: `row 7` of a table, or the path in a JSON file."""

    place: str
    key: str
    words: str

    def __str__(self) -> str:
        return f"{self.place}: {self.key}: {self.words}" if self.key else f"{self.place}: {self.words}"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """values: passport (hex; "" where the file names none) -> attribute key -> value; empty where problems are."""

    values: Mapping[str, Mapping[str, object]]
    problems: tuple[Problem, ...]
    problem_count: int


@dataclass(frozen=True, slots=True)
class _Cell:
    place: str
    passport: str
    key: str
    value: object
    words: str = ""  # what was wrong before the value could be looked at


def read_static(content: bytes, name: str) -> StaticFile:
    """name: of the file, whose ending says what it is. Raises TableError for what cannot be read at all."""
    if len(content) > MAX_FILE_BYTES:
        raise TableError(f"{name}: {len(content)} bytes; the limit is {MAX_FILE_BYTES}; split it by passports")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(f"{name}: byte {error.start} is no UTF-8; save the file as UTF-8") from None
    if name.endswith(".json"):
        return _checked(_json_cells(text, name))
    if name.endswith(".csv"):
        return _checked(_csv_cells(text, name))
    raise TableError(f"{name}: expected a file that ends in .csv or .json")


def _checked(cells: Iterator[_Cell]) -> StaticFile:
    values: dict[str, dict[str, object]] = {}
    problems: list[Problem] = []
    count = 0
    for cell in cells:
        words = cell.words or problem_of(cell.key, cell.value)
        if not words and cell.key in values.get(cell.passport, {}):
            words = "stands twice; keep one"
        if words:
            count += 1
            problems += [Problem(cell.place, cell.key, words)] if len(problems) < MAX_PROBLEMS else []
        else:
            values.setdefault(cell.passport, {})[cell.key] = cell.value
    if OF_ONE in values and len(values) > 1:
        count += 1
        problems.append(Problem("file", "", "some rows name a passport and some do not; name it in each"))
    if not values and not problems:
        count, problems = 1, [Problem("file", "", "it holds no value")]
    found = {} if problems else {passport: MappingProxyType(one) for passport, one in values.items()}
    return StaticFile(MappingProxyType(found), tuple(problems), count)


# ---- CSV


def _csv_cells(text: str, name: str) -> Iterator[_Cell]:
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [column.strip() for column in next(rows, [])]
        if len(set(header)) < len(header) or not any(header):
            raise TableError(f"{name}: the first row has to name each column once")
        is_long = {"key", "value"} <= set(header)
        for number, row in enumerate(rows, 2):
            if number > MAX_ROWS:
                raise TableError(f"{name}: more than {MAX_ROWS} rows; split it by passports")
            if any(cell.strip() for cell in row):
                yield from _row_cells(f"row {number}", header, row, is_long=is_long)
    except csv.Error as error:
        raise TableError(
            f"{name}: row {rows.line_num}: {error}; quote texts that hold quotes or the separator"
        ) from None


def _row_cells(place: str, header: list[str], row: list[str], *, is_long: bool) -> Iterator[_Cell]:
    if len(row) != len(header):
        yield _Cell(place, OF_ONE, "", None, f"{len(row)} cells under {len(header)} columns")
        return
    cells = dict(zip(header, (cell.strip() for cell in row), strict=True))
    passport = cells.pop("passport", OF_ONE).lower()
    if is_long:
        key = cells["key"]
        yield _Cell(place, passport, key, *_from_text(key, cells["value"]))
        return
    for key, cell in cells.items():
        if cell:  # an empty cell of a wide table states nothing
            yield _Cell(place, passport, key, *_from_text(key, cell))


def _from_text(key: str, text: str) -> tuple[object, str]:
    """The value that a cell stands for, and what is wrong with it. Lists and tables stand in a cell as JSON."""
    attribute = ATTRIBUTES.get(key)
    kind = attribute.kind if attribute else Kind.TEXT
    if kind is Kind.COUNT and text.isascii() and text.isdigit() and len(text) < 12:
        return int(text), ""
    if kind in (Kind.LIST, Kind.PARTY) or (kind is Kind.FILE and text.startswith("[")):
        try:
            return _plain_json(text), ""
        except ValueError as error:
            if kind is Kind.LIST and text[:1] not in "[{":
                return [part.strip() for part in text.split("|")], ""
            if kind is Kind.PARTY and text[:1] != "{":
                return {"name": text}, ""
            return None, f"no JSON: {error}"
    return text, ""


# ---- JSON


def _json_cells(text: str, name: str) -> Iterator[_Cell]:
    try:
        whole = _plain_json(text)
    except ValueError as error:
        raise TableError(f"{name}: no JSON: {error}") from None
    if isinstance(whole, dict):
        yield from (_Cell("file", OF_ONE, key, value) for key, value in whole.items())
        return
    if not isinstance(whole, list):
        raise TableError(f"{name}: expected an object of values, or a list of passports with their values")
    for number, one in enumerate(whole):
        place = f"[{number}]"
        match one:
            case {"passport": str(passport), "values": dict(values), **rest} if not rest:
                yield from (_Cell(place, passport.lower(), key, value) for key, value in values.items())
            case _:
                yield _Cell(place, OF_ONE, "", None, 'expected {"passport": "…", "values": {…}}')


def _plain_json(text: str) -> object:
    """Decimals stay the text that they are. Raises ValueError, also for keys that stand twice."""
    depth = _depth(text)
    if depth > MAX_JSON_DEPTH:
        raise ValueError(f"nested {depth} deep; at most {MAX_JSON_DEPTH}")
    return json.loads(text, parse_float=str, parse_constant=_refused, object_pairs_hook=_each_once)


def _depth(text: str) -> int:
    deepest = depth = 0
    for character in _TEXTS.sub("", text):
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    return deepest


def _refused(constant: str) -> object:
    raise ValueError(f"{constant} is no number")


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found

"""Faults by a script: a TOML file of [[fault]] tables, checked as a whole before a run begins.

    [[fault]]
    at_s = 600
    kind = "open-wire"
    where = "3"
    for_s = 120

A mistake is named with file and line, what was expected and what was found, as in every file of settings
(packseal.io.settings_file). What kinds there are and what they take is in kinds.py.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from packseal.errors import ConfigError
from packseal.io.files import read_bounded
from packseal.io.setting_types import Table
from packseal.io.settings_file import MAX_CONFIG_BYTES, load_settings
from packseal_hil.faults.kinds import MAX_FAULTS, amount_problem, conflict, length_problem, start_problem, where_problem
from packseal_hil.readings import Fault, FaultKind

_HEADER = re.compile(r"\s*\[\[\s*fault\s*\]\]")


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number, not {value!r}")
    return float(value)


Number = Annotated[float, BeforeValidator(_number)]


def _kind(word: object) -> FaultKind:
    words = [kind.value for kind in FaultKind]
    if isinstance(word, str) and word in words:
        return FaultKind(word)
    near = difflib.get_close_matches(str(word), words, 1)
    raise ValueError(f"no such fault {word!r}; " + (f"did you mean {near[0]!r}?" if near else ", ".join(words)))


def _start(at_s: float) -> float:
    _refuse(start_problem(at_s))
    return at_s


def _refuse(words: str) -> None:
    if words:
        raise ValueError(words.partition(": ")[2])


class FaultTable(Table):
    """[[fault]]"""

    at_s: Annotated[Number, AfterValidator(_start)]
    kind: Annotated[FaultKind, BeforeValidator(_kind)]
    where: str = Field("", validate_default=True)
    amount: Number = Field(0, validate_default=True)
    for_s: Number = Field(0, validate_default=True)

    @field_validator("where")
    @classmethod
    def _where_fits(cls, where: str, known: ValidationInfo) -> str:
        _refuse(where_problem(known.data["kind"], where) if "kind" in known.data else "")
        return where

    @field_validator("amount")
    @classmethod
    def _amount_fits(cls, amount: float, known: ValidationInfo) -> float:
        _refuse(amount_problem(known.data["kind"], amount) if "kind" in known.data else "")
        return amount

    @field_validator("for_s")
    @classmethod
    def _length_fits(cls, for_s: float, known: ValidationInfo) -> float:
        _refuse(length_problem(known.data["kind"], for_s) if "kind" in known.data else "")
        return for_s

    @property
    def fault(self) -> Fault:
        return Fault(self.at_s, self.kind, self.where, self.amount, self.for_s)


class FaultScript(Table):
    """The file"""

    fault: Annotated[tuple[FaultTable, ...], Field(max_length=MAX_FAULTS)] = ()


def load_script(path: Path) -> tuple[Fault, ...]:
    """In the order of the file. Raises ConfigError."""
    faults = tuple(table.fault for table in load_settings(path, FaultScript).fault)
    lines = _lines(path)
    for later, one in enumerate(faults):
        for earlier in range(later):
            words = conflict(faults[earlier], one)
            if words:
                raise ConfigError(f"{path}:{lines[later]}: with that of line {lines[earlier]}: {words}")
    return faults


def script_text(faults: tuple[Fault, ...]) -> str:
    """A script that loads as these faults: for keeping what chance has drawn."""
    tables = []
    for fault in faults:
        lines = ["[[fault]]", f"at_s = {fault.at_s!r}", f'kind = "{fault.kind.value}"']
        lines += [f'where = "{fault.where}"'] if fault.where else []
        lines += [f"{name} = {value!r}" for name, value in (("amount", fault.amount), ("for_s", fault.for_s)) if value]
        tables.append("\n".join(lines) + "\n")
    return "\n".join(tables)


def _lines(path: Path) -> list[int]:
    """Where each table begins; 1 for all where they are written in another way than with headers."""
    text = read_bounded(path, MAX_CONFIG_BYTES).decode().splitlines()
    found = [number for number, line in enumerate(text, 1) if _HEADER.match(line)]
    return found or [1] * MAX_FAULTS

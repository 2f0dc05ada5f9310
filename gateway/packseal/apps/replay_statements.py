"""What the estimator said in a replay: its lines as statements, by the names that records have (records/entries.py).

A key of a SOH that no record knows is kept under its number, so that a newer firmware loses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from packseal.errors import EvidenceError
from packseal.records.bodies import EntryType, Estimate, QuantityEstimate, margin
from packseal.records.entries import read_fields


@dataclass(frozen=True, slots=True)
class Statement:
    """The body of a SOH. values: by name, typed as records have them; others as they came, under "key N"."""

    t_ms: int
    values: dict[str, Any]

    def estimate(self, name: str) -> Estimate | None:
        value = self.values.get(name)
        return value if isinstance(value, Estimate) else None


@dataclass(frozen=True, slots=True)
class Output:
    """What one interpreter said."""

    interpreter: str
    path: Path

    def statements(self) -> Iterator[Statement]:
        return (Statement(t_ms, _named(body)) for t_ms, body in self._bodies("soh"))

    def estimates(self) -> Iterator[tuple[int, QuantityEstimate]]:
        """(t_ms, body of an ESTIMATE). Raises EvidenceError for one that records would not read."""
        for t_ms, body in self._bodies("estimate"):
            yield t_ms, QuantityEstimate(**read_fields(EntryType.ESTIMATE, body))

    def socs(self) -> Iterator[tuple[int, int]]:
        return ((said["t_ms"], said["soc_cpct"]) for said in self._said("soc_cpct"))

    def end(self) -> dict[str, Any]:
        end: dict[str, Any] = {}
        for said in self._said("end"):
            end = said["end"]
        return end

    def _bodies(self, kind: str) -> Iterator[tuple[int, dict[int, Any]]]:
        return ((said["t_ms"], {int(key): value for key, value in said[kind].items()}) for said in self._said(kind))

    def _said(self, kind: str) -> Iterator[dict[str, Any]]:
        with self.path.open(encoding="ascii") as file:
            for line in file:
                said = json.loads(line)
                if kind in said:
                    yield said


def interval(estimate: Estimate) -> tuple[int, int]:
    """That holds in about 95 of 100 cases."""
    half = margin(estimate.uncertainty)
    return estimate.value - half, estimate.value + half


def first_difference(one: Output, other: Output) -> int | None:
    """The number of the first line, from 1, that is not the same bytes in both; None where all are."""
    with one.path.open("rb") as first, other.path.open("rb") as second:
        lines = zip_longest(first, second)
        return next((number for number, (a, b) in enumerate(lines, 1) if a != b), None)


def _named(body: dict[int, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key in sorted(body):
        try:
            known = read_fields(EntryType.SOH, {key: body[key]})
        except EvidenceError:  # a shape that this version's records do not have
            known = {}
        values.update(known or {f"key {key}": body[key]})
    return values

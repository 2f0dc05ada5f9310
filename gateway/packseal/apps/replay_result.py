"""What a replay came to: the newest statement, how all compare with a reference, what is missing and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from packseal.apps.replay_comparison import Comparison, Reference, reference_of
from packseal.apps.replay_seen import Seen, Thinned
from packseal.apps.replay_statements import Output, Statement, first_difference
from packseal.apps.replay_words import shown
from packseal.passport import values as passport
from packseal.passport import words
from packseal.records import estimate_words
from packseal.records.bodies import Estimate, QuantityEstimate
from packseal.signals.column_names import Columns
from packseal.signals.table_rows import BACKWARD, TableRows

SOH, RESISTANCE = "soh_capacity_cpct", "resistance_uohm"
OF_SOH = {1: SOH, 2: RESISTANCE}  # quantities of an ESTIMATE that a SOH has as well
NEEDS = {  # what a passport says they need
    number: quantity.missing for quantity in passport.QUANTITIES
    for number, key in ((1, SOH), (2, "ohmic_resistance")) if quantity.key == key
}  # fmt: skip
NOT_SAID = "nothing was said of it"
INTERPRETERS = {"cpython": "CPython", "micropython": "MicroPython"}


@dataclass(frozen=True)
class Table:
    """Where the samples came from. names: all that the table's columns have."""

    name: str
    names: Sequence[str]
    columns: Columns
    rows: TableRows


class Said:
    """All that one interpreter said, thinned where it is long. estimates: of each quantity the newest, by number."""

    def __init__(self, output: Output, reference: Reference | None) -> None:
        self.statements, self.socs = Thinned[Statement](), Thinned[int]()
        self.estimates: dict[int, tuple[int, QuantityEstimate]] = {}
        self.known: set[int] = set()  # quantities that ever had a value
        self.end = output.end()
        errors = []
        for statement in output.statements():
            self.statements.add(statement.t_ms, statement)
            self.known |= {number for number, name in OF_SOH.items() if statement.estimate(name)}
            estimate = statement.estimate(SOH)
            if estimate and reference:
                errors.append(reference.error(estimate, statement.t_ms))
        self.comparison = Comparison.of(errors)
        for t_ms, said in output.estimates():
            self.estimates[said.quantity] = t_ms, said
            if said.value is not None:
                self.known.add(said.quantity)
        for t_ms, soc_cpct in output.socs():
            self.socs.add(t_ms, soc_cpct)


class Replayed:
    def __init__(self, table: Table, config: Mapping[str, int | str], seen: Seen, outputs: Sequence[Output]) -> None:
        self.table, self.config, self.seen, self.outputs = table, config, seen, outputs
        self.rated_mah = int(config["rated_capacity_mah"])
        self.reference = reference_of(seen, self.rated_mah)
        self.said = Said(outputs[0], self.reference)
        different = (first_difference(outputs[0], other) for other in outputs[1:])
        self.first_difference = next(different, None)

    @property
    def newest(self) -> Statement | None:
        return self.said.statements.last

    def health(self) -> str | None:
        """The newest state of health with its interval; None while it is not yet known."""
        estimate = self.newest.estimate(SOH) if self.newest else None
        return shown(SOH, estimate) if estimate else None

    def claim_comparison(self) -> Comparison | None:
        """What the BMS says of itself, against the same reference."""
        if self.reference is None:
            return None
        claims = self.seen.soh_reported.points
        return Comparison.of([self.reference.error(Estimate(cpct, 0), t_ms) for t_ms, cpct in claims])

    def ran_on(self) -> str:
        names = " and ".join(INTERPRETERS[output.interpreter] for output in self.outputs)
        if len(self.outputs) == 1:
            return f"on {names}"
        if self.first_difference is None:
            return f"on {names}, which said the same, byte for byte"
        return f"on {names}, which differ from line {self.first_difference} on"

    def not_known(self) -> dict[str, str]:
        """What has never had a value -> what it needs."""
        return {
            measure.name: self._needs(number)
            for number, measure in estimate_words.QUANTITIES.items()
            if number not in self.said.known
        }

    def evidence(self) -> dict[str, str]:
        """What of the table speaks for or against an estimate."""
        seen, counters = self.seen, self.said.end["counters"]
        found = {
            "Time": f"{words.span(seen.t_ms)} in {words.plural(seen.rows, 'row')}",
            "Usual time between rows": f"{int(self.config['sample_ms']) / 1000:g} s",
            "Charge": f"{counters[0] / 1000:g} Ah in, {counters[1] / 1000:g} Ah out",
            "Longest time at rest": words.span(seen.longest_rest_ms),
        }
        if seen.gaps:
            found["Gaps"] = (
                f"{words.plural(seen.gaps, 'gap')}, together {words.span(seen.gap_ms)}, the longest"
                f" {words.span(seen.longest_gap_ms)}; handed on as they are"
            )
        return found

    def lost(self) -> dict[str, int]:
        """reason -> how many rows or values were not taken."""
        rows, values = self.table.rows.dropped, self.table.rows.left_out
        between = {"rows between two samples of the board": self.seen.between} if self.seen.between else {}
        return {**dict(rows.most_common()), **between, **{f"values of {name}": n for name, n in values.most_common()}}

    def warnings(self) -> list[str]:
        found = []
        if self.seen.is_sign_doubtful:
            found.append(
                "The voltage falls when the current rises: its sign is the other way round than was said, and no value"
                " below means anything. Turn it with --discharge-positive, or leave that out."
            )
        backward = self.table.rows.dropped[BACKWARD]
        if backward > self.seen.rows:
            found.append(
                f"{backward} rows run back in time, more than were used. Is this the time within a step? Choose another"
                " column with --column time=NAME."
            )
        if self.first_difference is not None:
            found.append("CPython and MicroPython came to different results. That is a fault of packseal's own.")
        return found

    def lines(self) -> list[str]:
        """For a console."""
        rows, span = words.plural(self.seen.rows, "row"), words.span(self.seen.t_ms)
        found = [f"{self.table.name}: {rows} over {span}, {self.ran_on()}"]
        found.append(f"state of health {self.health() or f'not yet known: {self._needs(1)}'}")
        if self.reference and self.said.comparison:
            found.append(f"against {self.reference.what}: {self.said.comparison.text()}")
        claims = self.claim_comparison()
        if claims:
            found.append(f"what the BMS claims, against the same: {claims.claim_text()}")
        found += [f"left out: {count} {reason}" for reason, count in self.lost().items()]
        return found + [f"attention: {warning}" for warning in self.warnings()]

    def as_json(self) -> dict[str, Any]:
        claims = self.claim_comparison()
        return {
            "rows": self.seen.rows,
            "duration_ms": self.seen.t_ms,
            "config": dict(self.config),
            "interpreters": [output.interpreter for output in self.outputs],
            "is_identical": self.first_difference is None,
            "statements": self.said.statements.count,
            "newest": {name: _plain(value) for name, value in self.newest.values.items()} if self.newest else None,
            "not_known": self.not_known(),
            "comparison": asdict(self.said.comparison) if self.said.comparison else None,
            "claim_comparison": asdict(claims) if claims else None,
            "left_out": self.lost(),
            "gaps": self.seen.gaps,
            "warnings": self.warnings(),
        }

    def _needs(self, number: int) -> str:
        said = self.said.estimates.get(number)
        if said and said[1].lacking:
            return estimate_words.needs(said[1].lacking)
        return NEEDS.get(number, NOT_SAID)


def _plain(value: Any) -> Any:
    return asdict(value) if hasattr(value, "uncertainty") else value

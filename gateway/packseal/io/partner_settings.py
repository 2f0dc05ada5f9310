"""partner.toml: who a partner is, as what it reads, and the rules by which values leave for it (exchange/rules.py)."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from packseal.exchange.identifiers import bpnl
from packseal.exchange.rules import MAX_RULES, MAX_STEPS, Form, Partner, Rule
from packseal.io.setting_types import Below, Name, Table
from packseal.passport.access import ReaderRole, groups
from packseal.passport.attributes import ATTRIBUTES, DOCUMENT_KEYS, OWN_GROUPS, Group, group_of

GROUP_PREFIX = "group:"
KNOWN = frozenset({*ATTRIBUTES, *DOCUMENT_KEYS, *OWN_GROUPS})
MAX_DIGITS = 6
_ELSEWHERE: Mapping[str, list[str]] = {
    attribute: [key for key, of in DOCUMENT_KEYS.items() if of == attribute]
    for attribute in DOCUMENT_KEYS.values()
    if attribute not in DOCUMENT_KEYS
}
"""Attributes of which a document has the value under another key: a rule for the first would hide nothing."""
_GOES_WITH: Mapping[str, tuple[str, ...]] = {"rounded": ("digits", "step"), "threshold": ("at_least", "at_most")}


def _known(entries: tuple[str, ...]) -> tuple[str, ...]:
    for entry in entries:
        group = entry.removeprefix(GROUP_PREFIX)
        if entry.startswith(GROUP_PREFIX) and group in {str(int(one)) for one in Group}:
            continue
        if entry in _ELSEWHERE:
            raise ValueError(f"{entry!r} stands in a passport as {' and '.join(_ELSEWHERE[entry])}; name that")
        if group_of(entry) is None:
            near = difflib.get_close_matches(entry, KNOWN, 1)
            hint = f"did you mean {near[0]!r}?" if near else "`packseal passport attributes` lists them"
            raise ValueError(f"{entry!r} is no value that a partner can be told; {hint}")
    return entries


def _decimal(entry: object) -> Decimal:
    """A number as a whole one or as text, so that it stays what was written."""
    if isinstance(entry, bool) or not isinstance(entry, int | str):
        raise ValueError('expected a number as text, such as "0.5"')
    try:
        found = Decimal(entry)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or abs(found) >= 10**12 or found.normalize().as_tuple().exponent < -MAX_DIGITS:  # type: ignore[operator]
        raise ValueError(f"{entry!r}: expected a number with at most {MAX_DIGITS} decimals")
    return found


def _moment(entry: object) -> datetime:
    """The beginning of a day in UTC, or a time with its zone."""
    if isinstance(entry, datetime):
        if entry.tzinfo is None:
            raise ValueError("expected a day such as 2028-01-01, or a time with its zone")
        return entry
    if isinstance(entry, date):
        return datetime(entry.year, entry.month, entry.day, tzinfo=UTC)
    raise ValueError("expected a day such as 2028-01-01, without quotes")


Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Keys = Annotated[tuple[str, ...], Field(min_length=1, max_length=500), AfterValidator(_known)]
Number = Annotated[Decimal, BeforeValidator(_decimal)]
BPNL = Annotated[str, AfterValidator(bpnl)]
Numbers = Annotated[tuple[Number, ...], Field(min_length=1, max_length=MAX_STEPS)]


class RuleTable(Table):
    """[[rule]] of partner.toml: which values leave, and in which form"""

    id: Name
    keys: Keys
    form: Literal["whole", "rounded", "threshold", "withheld"]
    digits: Annotated[int, Field(strict=True, ge=-9, le=MAX_DIGITS)] | None = None
    step: Number | None = None
    at_least: Numbers | None = None
    at_most: Numbers | None = None
    until: Annotated[datetime, BeforeValidator(_moment)] | None = None

    @model_validator(mode="after")
    def _goes_together(self) -> RuleTable:
        named = {name for name in ("digits", "step", "at_least", "at_most") if getattr(self, name) is not None}
        either = _GOES_WITH.get(self.form, ())
        if len(named) != bool(either) or not named <= set(either):
            words = f"goes with either {' or '.join(either)}" if either else "goes with no numbers"
            raise ValueError(f"form {self.form!r} {words}")
        if self.step is not None and self.step <= 0:
            raise ValueError("step: expected a number above 0")
        return self

    @property
    def rule(self) -> Rule:
        limits = self.at_least or self.at_most or ()
        step = Decimal(1).scaleb(-self.digits) if self.digits is not None else self.step
        return Rule(
            self.id,
            frozenset(key for key in self.keys if not key.startswith(GROUP_PREFIX)),
            frozenset(int(key.removeprefix(GROUP_PREFIX)) for key in self.keys if key.startswith(GROUP_PREFIX)),
            Form(self.form),
            step,
            tuple(sorted(set(limits))),
            self.at_most is None,
            round(self.until.timestamp() * 1000) if self.until else None,
        )


class PartnerFile(Table):
    """partner.toml. bpnl: by which a connector of Catena-X names it."""

    id: Name
    bpnl: BPNL | None = None
    audience: Line
    tier: ReaderRole
    contract: Line
    rule: Annotated[tuple[RuleTable, ...], Field(max_length=MAX_RULES)] = ()

    @model_validator(mode="after")
    def _is_of_its_tier(self) -> PartnerFile:
        seen = groups(self.tier)
        for rule in self.partner.rules:  # which also checks that no key has two rules
            above = [key for key in rule.keys if group_of(key) not in seen]
            above += [f"{GROUP_PREFIX}{group}" for group in rule.groups if Group(group) not in seen]
            if above:
                words = f"{', '.join(sorted(above))} is not for a partner of the tier {self.tier}"
                raise ValueError(f"rule {rule.id!r}: {words}; take it out, or give the partner the tier it has by law")
        return self

    @property
    def partner(self) -> Partner:
        seen = frozenset(int(group) for group in groups(self.tier))
        rules = tuple(table.rule for table in self.rule)
        return Partner(self.id, self.audience, str(self.tier), seen, self.contract, rules)


class PartnerPlace(Table):
    """[[catena_x.partner]] of passport.toml"""

    file: Below


class TwinTable(Table):
    """[[catena_x.twin]] of passport.toml: a passport by its public name, and its names.toml"""

    passport: Annotated[str, Field(min_length=1, max_length=63)]
    names: Below


class CatenaXTable(Table):
    """[catena_x] of passport.toml: who reads aspects through a connector. connectors: names of [[reader]] tables"""

    connectors: Annotated[tuple[Line, ...], Field(min_length=1)]
    partner: Annotated[tuple[PartnerPlace, ...], Field(min_length=1, max_length=1000)]
    twin: Annotated[tuple[TwinTable, ...], Field(max_length=100_000)] = ()

    @model_validator(mode="after")
    def _each_twin_once(self) -> CatenaXTable:
        if len({one.passport for one in self.twin}) < len(self.twin):
            raise ValueError("two [[catena_x.twin]] tables are of the same passport; keep one")
        return self

"""What a partner may be told: a source goes in, and comes out with nothing that no rule of the partner lets out.

Default deny. Each value that is left has the id of the rule that lets it out, and each that is not stands among the
losses. What a form hides is hidden everywhere: interval, uncertainty and details go with the digits; of values that
tell one another (TELLING) only one leaves where any of them is hidden, and that in the form that tells least; and what
other ecosystems call a thing (NAMED_ELSEWHERE) stays where the thing may not be told. Who a partner is, and the log of
what left, is for the caller.

Uncertainty of a rounded value: a rectangular distribution as wide as the step adds step / sqrt(12)
(JCGM 100:2008, F.2.2.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType

from packseal.exchange.loss import Loss, Why
from packseal.exchange.source import NAMED_ELSEWHERE, Bound, Content, Interval, Origin, Source, Value

PUBLIC = 1  # access group of every key of NAMED_ELSEWHERE, also where a passport has no such value
COVERAGE = Decimal("1.96")
TWELVE = Decimal(12)
MAX_RULES, MAX_STEPS = 200, 100
EXACT_UNITS = frozenset({"1", "min", ""})  # counted, not estimated: there is no uncertainty to state
_EXACT = Context(prec=28, rounding=ROUND_HALF_EVEN)


class Form(StrEnum):
    WHOLE = "whole"
    ROUNDED = "rounded"
    THRESHOLD = "threshold"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Rule:
    """keys: of values. groups: every value of these access groups that no rule names by its key. step: what ROUNDED
    rounds to, in the value's unit. limits: what THRESHOLD may say, ascending. until_unix_ms: the first moment at which
    it no longer holds, None for always; then its keys are withheld, whatever is said of their group."""

    id: str
    keys: frozenset[str] = frozenset()
    groups: frozenset[int] = frozenset()
    form: Form = Form.WHOLE
    step: Decimal | None = None
    limits: tuple[Decimal, ...] = ()
    is_at_least: bool = True
    until_unix_ms: int | None = None

    def __post_init__(self) -> None:
        if (self.form is Form.ROUNDED) != (self.step is not None) or (self.step is not None and self.step <= 0):
            raise ValueError(f"rule {self.id!r}: a step above 0 goes with the form rounded, and with no other")
        if (self.form is Form.THRESHOLD) != bool(self.limits):
            raise ValueError(f"rule {self.id!r}: limits go with the form threshold, and with no other")


@dataclass(frozen=True, slots=True)
class Partner:
    """tier: the role in which it reads, whose groups are all that it can be given. contract: under which."""

    id: str
    audience: str
    tier: str
    groups: frozenset[int]
    contract: str
    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        """Raises ValueError: one key, one rule, so that nobody has to ask which of two counts."""
        ids = [rule.id for rule in self.rules]
        keys = [key for rule in self.rules for key in rule.keys]
        groups = [str(group) for rule in self.rules for group in rule.groups]
        for what, named in (("id", ids), ("key", keys), ("group", groups)):
            twice = {one for one in named if named.count(one) > 1}
            if twice:
                raise ValueError(f"the {what} {', '.join(sorted(twice))} stands in two rules; keep it in one")

    def rule_for(self, key: str, group: int) -> Rule | None:
        """The one that names the key, else the one for its group."""
        named = (rule for rule in self.rules if key in rule.keys)
        of_group = (rule for rule in self.rules if group in rule.groups)
        return next(named, None) or next(of_group, None)

    def hides(self, key: str, group: int) -> bool:
        """Whether less than all of it is told on purpose. A group that is withheld as a whole is no more than the
        default: who then names one key of it means that key."""
        rule = self.rule_for(key, group)
        if rule is None or rule.form is Form.WHOLE:
            return False
        return key in rule.keys or rule.form is not Form.WITHHELD


TELLING: tuple[frozenset[str], ...] = (
    frozenset({"soh_capacity_cpct", "remaining_capacity", "capacity_fade"}),
    frozenset({"usable_energy", "soce_cpct"}),
    frozenset({"ohmic_resistance", "resistance_increase"}),
    frozenset({"power_at_80", "power_fade"}),
    frozenset({"round_trip_efficiency", "rte_fade"}),
    frozenset({"self_discharge", "self_discharge_evolution"}),
    frozenset({"full_cycles", "capacity_throughput", "energy_throughput"}),
    frozenset({"temperature_histogram", "time_hot"}),
    frozenset({"temperature_histogram", "time_cold"}),
)
"""Of each the others follow, by what the nameplate says."""
TELLING_DETAILS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"of_rated": frozenset({"rated_capacity", "rated_capacity_item"})}
)
"""What stands beside a value and is another value over again."""
_NO_KEYS: frozenset[str] = frozenset()
_LEFT_OF_100 = frozenset({"capacity_fade", "power_fade", "rte_fade"})
_MORE_THAN_100 = frozenset({"resistance_increase", "self_discharge_evolution"})


def released(source: Source, partner: Partner) -> Source:
    """Only what the partner's rules let out at the time that the source is of. Each value has its rule's id."""
    decided = {key: _decided(value, source, partner) for key, value in source.values.items()}
    left = {key: value for key, value in decided.items() if isinstance(value, Value)}
    kept = {key: _without_telling_details(value, left, source) for key, value in left.items()}
    lost = [loss for loss in decided.values() if isinstance(loss, Loss)]
    lost += [Loss(Why.COARSER, "", key, _DETAILS_LOST) for key, value in left.items() if kept[key] != value]
    cut = source.with_values(kept, tuple(lost))
    records = {value.record[0] for value in kept.values() if value.record}
    named = {text for value in kept.values() for text in _texts(value.content)}
    return replace(
        cut,
        partner=partner.id,
        category=source.category if _is_whole(kept.get("battery_category")) else None,
        status=source.status if _is_whole(kept.get("status")) else None,
        unnamed=frozenset(key for key in NAMED_ELSEWHERE if not _may_be_named(key, kept, source, partner)),
        files={digest: file for digest, file in source.files.items() if digest in named and _may(file.group, partner)},
        logs=tuple(log for log in source.logs if log.log_id in records),
    )


def _decided(value: Value, source: Source, partner: Partner) -> Value | Loss:
    rule = partner.rule_for(value.key, value.group)
    if not _may(value.group, partner):
        return _kept_back(value, f"access group {value.group} is above the tier {partner.tier}")
    if rule is None:
        return _kept_back(value, "no rule lets it out")
    if _has_ended(rule, source):
        return _kept_back(value, f"the rule {rule.id} has ended")
    told = _told_by(value.key, source, partner)
    if told is not None and rule.form is not Form.WITHHELD:
        return _kept_back(value, f"it would tell {told}, which is hidden")
    return _in_form(value, rule)


def _has_ended(rule: Rule, source: Source) -> bool:
    return rule.until_unix_ms is not None and source.as_of_unix_ms >= rule.until_unix_ms


def _in_form(value: Value, rule: Rule) -> Value | Loss:
    match rule.form:
        case Form.WHOLE:
            return replace(value, rule=rule.id)
        case Form.ROUNDED:
            return _rounded(value, rule)
        case Form.THRESHOLD:
            return _threshold(value, rule)
    return _kept_back(value, f"by the rule {rule.id}")


def _rounded(value: Value, rule: Rule) -> Value | Loss:
    number, step = _number(value.content), rule.step
    if number is None or step is None:
        return _kept_back(value, f"the rule {rule.id} rounds, and this is no number")
    told = _EXACT.multiply(_EXACT.divide(number, step).to_integral_value(ROUND_HALF_EVEN), step)
    beside = _with_step(value.standard_uncertainty, step)
    content: Content = int(told) if isinstance(value.content, int) and told == told.to_integral_value() else told
    interval = None if beside is None else Interval(told - COVERAGE * beside, told + COVERAGE * beside)
    return replace(
        value, content=content, standard_uncertainty=beside, interval=interval, details={}, rule=rule.id,
        is_coarser=True,
    )  # fmt: skip


def _with_step(uncertainty: Decimal | None, step: Decimal) -> Decimal | None:
    """What the record states, and the rounding."""
    if uncertainty is None:
        return None
    both = _EXACT.sqrt(uncertainty * uncertainty + step * step / TWELVE)
    return both.quantize(_unit_below(step))


def _unit_below(step: Decimal) -> Decimal:
    """Two places finer than the step."""
    return Decimal(1).scaleb(step.normalize().adjusted() - 2)


def _threshold(value: Value, rule: Rule) -> Value | Loss:
    sure = _sure(value, rule.is_at_least)
    if sure is None:
        return _kept_back(value, f"the rule {rule.id} tells a bound, and no bound of it can be told for sure")
    reached = [limit for limit in rule.limits if (limit <= sure if rule.is_at_least else limit >= sure)]
    if not reached:
        side = "at least" if rule.is_at_least else "at most"
        return _kept_back(value, f"none of the limits of the rule {rule.id} ({side}) is reached for sure")
    bound = Bound(max(reached) if rule.is_at_least else min(reached), rule.is_at_least)
    return replace(
        value, content=None, bound=bound, standard_uncertainty=None, interval=None, details={}, rule=rule.id
    )  # fmt: skip


def _sure(value: Value, is_at_least: bool) -> Decimal | None:
    """The end of the interval of about 95 %. What was stated or counted has no interval, and is its own end; of an
    estimate without one nobody knows how far it may be off."""
    number = _number(value.content)
    if number is None:
        return None
    if value.interval is not None:
        return value.interval.low if is_at_least else value.interval.high
    is_exact = value.origin not in (Origin.MEASURED, Origin.DERIVED) or value.unit in EXACT_UNITS
    return number if is_exact else None


def _number(content: Content | None) -> Decimal | None:
    if isinstance(content, bool) or not isinstance(content, int | Decimal):
        return None
    return Decimal(content)


def _kept_back(value: Value, words: str) -> Loss:
    return Loss(Why.WITHHELD, "", value.key, words)


def _may(group: int, partner: Partner) -> bool:
    return group in partner.groups


def _is_whole(value: Value | None) -> bool:
    return value is not None and value.content is not None


def _told_by(key: str, source: Source, partner: Partner) -> str | None:
    """A hidden value of the source that follows from this one; None where this one may leave by its own rule."""
    for family in (family for family in TELLING if key in family):
        there = [source.values[one] for one in sorted(family) if one in source.values]
        hidden = [value for value in there if partner.hides(value.key, value.group)]
        if hidden and (least := max(hidden, key=lambda value: _reserve(value, source, partner)).key) != key:
            return least
    return None


def _reserve(value: Value, source: Source, partner: Partner) -> tuple[int, Decimal, str]:
    """How little its rule tells: nothing before a bound, a bound before a rounded number, then the wider step."""
    rule = partner.rule_for(value.key, value.group)
    if rule is None or rule.form is Form.WITHHELD or _has_ended(rule, source):
        return 2, Decimal(0), value.key
    if rule.form is Form.THRESHOLD:
        return 1, _width(value, min(_gaps(rule.limits), default=Decimal("Infinity"))), value.key
    return 0, _width(value, rule.step or Decimal(0)), value.key


def _gaps(limits: tuple[Decimal, ...]) -> list[Decimal]:
    return [abs(after - before) for before, after in pairwise(limits)]


def _width(value: Value, step: Decimal) -> Decimal:
    """A step as a share of what the values of a family have in common: a fade is what 100 % lacks."""
    number = _number(value.content) or Decimal(0)
    if value.key in _LEFT_OF_100:
        number = 100 - number
    elif value.key in _MORE_THAN_100:
        number = 100 + number
    return step if step.is_infinite() or not number else _EXACT.divide(step, abs(number))


_DETAILS_LOST = "without what stands beside it and is another value, which no rule lets out whole"


def _without_telling_details(value: Value, left: Mapping[str, Value], source: Source) -> Value:
    """TELLING_DETAILS go where a value that they repeat is not told."""
    told = {key for key, one in left.items() if _is_whole(one) and not one.is_coarser}
    untold = source.values.keys() - told
    details = {name: one for name, one in value.details.items() if not TELLING_DETAILS.get(name, _NO_KEYS) & untold}
    return value if len(details) == len(value.details) else replace(value, details=details)


def _may_be_named(key: str, kept: Mapping[str, Value], source: Source, partner: Partner) -> bool:
    """Of what the passport itself does not state, the partner's rules decide as if it did."""
    if key in source.values:
        return _is_whole(kept.get(key))
    rule = partner.rule_for(key, PUBLIC)
    return rule is not None and rule.form is Form.WHOLE and not _has_ended(rule, source) and _may(PUBLIC, partner)


def _texts(content: Content | None) -> set[str]:
    """Every text in it."""
    match content:
        case str():
            return {content}
        case list():
            return {text for one in content for text in _texts(one)}
        case dict():
            return {text for one in content.values() for text in _texts(one)}
    return set()

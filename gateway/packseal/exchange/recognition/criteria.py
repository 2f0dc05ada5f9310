"""Criterion by criterion: what of a profile a certificate meets, in part or not at all, and why.

Decides nothing about trust. Criteria are compared with their versions; a criterion is never more than the least of what
stands for it, so that nothing met in part is ever met.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from packseal.exchange.recognition.equivalence import Coverage, EquivalenceRule, Mapping
from packseal.exchange.recognition.scheme import Profile, Scheme
from packseal.records.certificates import Certificate, Outcome
from packseal.records.versions import Named

MOST_REASONS = 3


class Met(IntEnum):
    """In this order the larger is the worse."""

    YES, PARTIAL, MISSING = range(1, 4)


MET_WORDS = {Met.YES: "met", Met.PARTIAL: "partial", Met.MISSING: "missing"}
OF_OUTCOME = {Outcome.MET: Met.YES, Outcome.PARTIAL: Met.PARTIAL, Outcome.NOT_MET: Met.MISSING}


@dataclass(frozen=True, slots=True)
class CriterionResult:
    criterion: Named
    title: str
    met: Met
    why: str


def under_own_scheme(certificate: Certificate, scheme: Scheme, profile: Profile) -> tuple[CriterionResult, ...]:
    """As the certificate itself says."""
    return tuple(
        CriterionResult(criterion, scheme.title_of(criterion), *_assessed(certificate, scheme, criterion))
        for criterion in profile.criteria
    )


def under_rule(
    certificate: Certificate, source: Scheme, rule: EquivalenceRule, target: Scheme, profile: Profile
) -> tuple[CriterionResult, ...]:
    """As the rule lets the certificate's criteria stand for those of the target."""
    mappings = {one.criterion: one for one in rule.mappings}
    results = []
    for criterion in profile.criteria:
        mapping = mappings.get(criterion)
        found = _mapped(certificate, source, mapping) if mapping else (Met.MISSING, _unmapped(rule, criterion))
        results.append(CriterionResult(criterion, target.title_of(criterion), *found))
    return tuple(results)


def all_missing(scheme: Scheme, profile: Profile, why: str) -> tuple[CriterionResult, ...]:
    return tuple(CriterionResult(one, scheme.title_of(one), Met.MISSING, why) for one in profile.criteria)


def _mapped(certificate: Certificate, source: Scheme, mapping: Mapping) -> tuple[Met, str]:
    found = [_assessed(certificate, source, criterion) for criterion in mapping.by]
    worst = max(met for met, _ in found)
    reasons = [why for met, why in found if met is worst]
    if mapping.coverage is Coverage.PARTIAL and worst is Met.YES:
        return Met.PARTIAL, f"the rule lets it count in part only, {_joined(reasons)}"
    return worst, _joined(reasons)


def _assessed(certificate: Certificate, scheme: Scheme, criterion: Named) -> tuple[Met, str]:
    if criterion not in {one.name for one in scheme.criteria}:
        return Met.MISSING, f"{scheme.name} has no criterion {criterion}"
    for one in certificate.assessments:
        if one.criterion == criterion:
            words = {Met.YES: "is met", Met.PARTIAL: "is met in part", Met.MISSING: "is not met"}
            met = OF_OUTCOME[one.outcome]
            return met, f"{criterion} {words[met]}"
        if one.criterion.id == criterion.id:
            return Met.MISSING, f"the certificate assesses {one.criterion}, and nothing carries over to {criterion}"
    return Met.MISSING, f"the certificate does not assess {criterion}"


def _unmapped(rule: EquivalenceRule, criterion: Named) -> str:
    for one in rule.mappings:
        if one.criterion.id == criterion.id:
            return f"rule {rule.name} maps {one.criterion}, and nothing carries over to {criterion}"
    return f"rule {rule.name} does not map it"


def _joined(reasons: Iterable[str]) -> str:
    listed = list(reasons)
    more = len(listed) - MOST_REASONS
    return "; ".join([*listed[:MOST_REASONS], *([f"and {more} more"] if more > 0 else [])])

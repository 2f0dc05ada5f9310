"""Decides whether a certificate of one scheme counts under another, at a time that is given (docs/recognition.md 8).

The same papers, question and time give the same decision, byte for byte. It says which criterion is missing. It does
not say whether anybody accepts it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from packseal.exchange.recognition.chain import check_time, trusted_certificate
from packseal.exchange.recognition.criteria import (
    MET_WORDS,
    CriterionResult,
    Met,
    all_missing,
    under_own_scheme,
    under_rule,
)
from packseal.exchange.recognition.decision import (
    CertificateSeen,
    Decision,
    Digests,
    Question,
    names_of,
    short_words,
)
from packseal.exchange.recognition.equivalence import EquivalenceRule, SignedRule
from packseal.exchange.recognition.papers import Certified, Papers, RuleBook
from packseal.exchange.recognition.refusal import Refusal, RefusedError
from packseal.exchange.recognition.scheme import Profile, Scheme, scheme_digest
from packseal.exchange.recognition.trust_list import Party, Revoked, TrustList, key_digest, verify_trust_list
from packseal.records.certificates import ASSESSOR_WORDS, LEVEL_WORDS, Certificate
from packseal.records.report import utc
from packseal.records.versions import Named, Scope


@dataclass(frozen=True, slots=True)
class _Case:
    """What has been found to hold before rules are looked at."""

    trust: TrustList
    certificate: Certificate
    source: Scheme
    target: Scheme
    profile: Profile


def recognise(papers: Papers, question: Question, now_unix_ms: int) -> Decision:
    """Raises EvidenceError where a file is none of its kind (MALFORMED, UNKNOWN_VERSION), or the trust list is not its
    publisher's (UNKNOWN_AUTHORITY, BAD_SIGNATURE): under such a list nothing can be decided."""
    # 1. the trust list is by the publisher whom the reader knows
    trust = verify_trust_list(papers.trust_list, papers.publisher)
    certified, book = Certified.from_bytes(papers.certified), RuleBook.from_bytes(papers.rules)
    refused = Decision(now_unix_ms, question, _digests(papers), None, "")
    try:
        _check_fresh(trust, question, now_unix_ms)  # 2.
        certificate = _certificate(certified, trust, question, now_unix_ms)  # 3. to 5.
        seen = CertificateSeen.of(certificate)
    except RefusedError as error:
        return _refusal(refused, error)
    refused = replace(refused, certificate=seen)
    try:
        case = _case(trust, certificate, book, question)  # 6.
    except RefusedError as error:
        return _refusal(refused, error)
    try:
        rule = _rule(case, book, question, now_unix_ms)  # 7.
    except RefusedError as error:
        return _refusal(replace(refused, criteria=all_missing(case.target, case.profile, error.words)), error)
    return _judged(refused, case, rule)  # 8. to 10.


def replayed(stated: Decision, papers: Papers) -> Decision:
    """The decision made again at the time and on the question that it states: the same one, if it is true. Raises as
    recognise does."""
    return recognise(papers, stated.question, stated.decided_unix_ms)


# ---- the steps


def _check_fresh(trust: TrustList, question: Question, now_unix_ms: int) -> None:
    """2. The list is of now, and no older than one that the asker has seen: else it may lack a revocation."""
    if now_unix_ms < trust.issued_unix_ms:
        raise RefusedError(Refusal.EARLY_TRUST_LIST, f"trust list {trust.id} holds from {utc(trust.issued_unix_ms)} on")
    if now_unix_ms >= trust.expires_unix_ms:
        words = f"trust list {trust.id} held until {utc(trust.expires_unix_ms)}; fetch the newest one"
        raise RefusedError(Refusal.STALE_TRUST_LIST, words)
    if trust.sequence < question.least_sequence:
        words = f"trust list {trust.id} is number {trust.sequence}; number {question.least_sequence} was seen already"
        raise RefusedError(Refusal.OLDER_TRUST_LIST, words)


def _certificate(certified: Certified, trust: TrustList, question: Question, now_unix_ms: int) -> Certificate:
    """3. Every link from an anchor holds. 4. The anchor is of the scheme's side. 5. The subject is the asked one."""
    certificate, anchor = trusted_certificate(certified, trust, now_unix_ms)
    scheme = trust.scheme(certificate.scope.scheme)
    if scheme is None:
        raise RefusedError(Refusal.UNKNOWN_SCHEME, f"{certificate.scope.scheme} is not in force by {trust.id}")
    if scheme.side != anchor.side:
        words = f"{anchor.name} is an anchor of {anchor.side}, and {scheme.name} is a scheme of {scheme.side}"
        raise RefusedError(Refusal.NOT_ACCREDITED, words)
    if question.subject is not None and certificate.subject != question.subject:
        words = f"the certificate is of {certificate.subject}, not of {question.subject}"
        raise RefusedError(Refusal.WRONG_SUBJECT, words)
    return certificate


def _case(trust: TrustList, certificate: Certificate, book: RuleBook, question: Question) -> _Case:
    """6. Both schemes are in force, their documents are those that the list names, and have the profiles."""
    source, _ = _in_force(trust, book, certificate.scope)
    target, profile = _in_force(trust, book, question.target)
    return _Case(trust, certificate, source, target, profile)


def _in_force(trust: TrustList, book: RuleBook, scope: Scope) -> tuple[Scheme, Profile]:
    listed = trust.scheme(scope.scheme)
    if listed is None:
        raise RefusedError(Refusal.UNKNOWN_SCHEME, f"{scope.scheme} is not in force by {trust.id}")
    document = next((one for one in book.schemes if scheme_digest(one) == listed.digest), None)
    if document is None:
        words = f"the book of rules has not the document of {scope.scheme} that {trust.id} names"
        raise RefusedError(Refusal.UNKNOWN_SCHEME, words)
    scheme = Scheme.from_bytes(document)
    if (scheme.name, scheme.side) != (listed.name, listed.side):
        raise RefusedError(Refusal.UNKNOWN_SCHEME, f"the document that {trust.id} names is of {scheme.name}")
    profile = scheme.profile(scope.profile)
    if profile is None:
        raise RefusedError(Refusal.UNKNOWN_PROFILE, f"{scope.scheme} has no profile {scope.profile}")
    return scheme, profile


def _rule(case: _Case, book: RuleBook, question: Question, now_unix_ms: int) -> EquivalenceRule | None:
    """7. One rule, and never two in a row, leads from the certificate's scope to the one asked for. None where both are
    the same."""
    scope = case.certificate.scope
    if scope == question.target:
        return None
    leading = [one for one in book.rules if (one.rule.source, one.rule.target) == (scope, question.target)]
    if not leading:
        raise RefusedError(Refusal.NO_RULE, _no_rule(book.rules, scope, question.target))
    listed = [one for one in leading if one.rule.name in case.trust.rules]
    if not listed:
        raise RefusedError(Refusal.RULE_NOT_IN_FORCE, _not_in_force(leading[0].rule.name, case.trust))
    return _usable(listed, case, now_unix_ms)


def _usable(listed: Iterable[SignedRule], case: _Case, now_unix_ms: int) -> EquivalenceRule:
    """Rules that do not hold do not stand in the way of one that does."""
    good: list[EquivalenceRule] = []
    refusals: list[RefusedError] = []
    for one in listed:
        try:
            _check_rule(one, case, now_unix_ms)
            good.append(one.rule)
        except RefusedError as error:
            refusals.append(error)
    if not good:
        raise refusals[0]
    if len(good) > 1:
        names = ", ".join(str(rule.name) for rule in good)
        raise RefusedError(Refusal.SEVERAL_RULES, f"{names} all lead there; give a book with the one you mean")
    return good[0]


def _check_rule(signed: SignedRule, case: _Case, now_unix_ms: int) -> None:
    """Signed by one party of each side, by keys that are not revoked, in time and not revoked itself."""
    what = f"rule {signed.rule.name}"
    signers = [party for party in case.trust.parties if signed.is_signed_by(party.key)]
    for party in signers:
        if case.trust.key_revocation(party.key):
            raise RefusedError(Refusal.REVOKED, f"the key of {party.name}, who signed {what}, is revoked")
    if case.trust.revocation(Revoked.RULE, signed.digest):
        raise RefusedError(Refusal.REVOKED, f"{what} is revoked")
    check_time(signed.rule.period, what, now_unix_ms)
    _check_sides(signers, {case.source.side, case.target.side}, what)


def _check_sides(signers: Iterable[Party], sides: set[str], what: str) -> None:
    """Two sides are two organisations, since a trust list has each party on one side."""
    signed = {party.side: party for party in signers}
    if len(sides) < 2 or set(signed) != sides:
        by = ", ".join(sorted(f"{party.name} of {side}" for side, party in signed.items())) or "nobody on the list"
        words = f"{what} needs the signature of one party of each of {' and '.join(sorted(sides))}; signed by {by}"
        raise RefusedError(Refusal.ONE_SIDED, words)


def _judged(refused: Decision, case: _Case, rule: EquivalenceRule | None) -> Decision:
    """8. The certificate is of a kind that counts. 9. Its level is high enough. 10. Every criterion is met."""
    criteria = (
        under_rule(case.certificate, case.source, rule, case.target, case.profile)
        if rule
        else under_own_scheme(case.certificate, case.target, case.profile)
    )
    judged = replace(refused, rule=rule.name if rule else None, criteria=criteria)
    try:
        _check_kind(case.certificate, rule)
        _check_level(case, rule)
        _check_criteria(criteria)
    except RefusedError as error:
        return _refusal(judged, error)
    return replace(judged, words=f"every criterion of {case.profile.name} is met")


def _check_kind(certificate: Certificate, rule: EquivalenceRule | None) -> None:
    if rule is None:
        return
    if certificate.attestation_type not in rule.types:
        name = certificate.attestation_type.name.lower()
        raise RefusedError(Refusal.NOT_ACCEPTED, f"rule {rule.name} takes no {name}")
    if certificate.assessor_level not in rule.assessors:
        name = ASSESSOR_WORDS[certificate.assessor_level]
        raise RefusedError(Refusal.NOT_ACCEPTED, f"rule {rule.name} takes no assessor of level {name}")


def _check_level(case: _Case, rule: EquivalenceRule | None) -> None:
    least = max(case.profile.least_level, rule.least_level) if rule else case.profile.least_level
    level = case.certificate.assessment_level
    if level < least:
        words = f"the certificate was assessed at level {LEVEL_WORDS[level]}; {LEVEL_WORDS[least]} is asked for"
        raise RefusedError(Refusal.LEVEL_BELOW, words)


def _check_criteria(criteria: tuple[CriterionResult, ...]) -> None:
    for met, refusal in ((Met.MISSING, Refusal.CRITERION_MISSING), (Met.PARTIAL, Refusal.CRITERION_PARTIAL)):
        names = names_of(criteria, met)
        if names:
            raise RefusedError(refusal, f"{MET_WORDS[met]}: {names}")


# ---- words


def _no_rule(rules: Iterable[SignedRule], source: Scope, target: Scope) -> str:
    for one in rules:
        rule = one.rule
        if (rule.source.scheme.id, rule.target.scheme.id) == (source.scheme.id, target.scheme.id):
            way = f"rule {rule.name} leads from {rule.source} to {rule.target}"
            return f"{way}: other versions or profiles, and nothing carries over"
    return f"no rule leads from {source} to {target}; rules are never joined"


def _not_in_force(name: Named, trust: TrustList) -> str:
    now = next((one for one in trust.rules if one.id == name.id), None)
    instead = f"; {now} is" if now else ""
    return f"rule {name} is not in force by {trust.id}{instead}"


def _refusal(decision: Decision, error: RefusedError) -> Decision:
    criteria = tuple(replace(one, why=short_words(one.why)) for one in decision.criteria)
    return replace(decision, refusal=error.refusal, words=short_words(error.words), criteria=criteria)


def _digests(papers: Papers) -> Digests:
    certified, rules, trust = (
        hashlib.sha256(one).digest() for one in (papers.certified, papers.rules, papers.trust_list)
    )
    return Digests(certified, rules, trust, key_digest(papers.publisher))

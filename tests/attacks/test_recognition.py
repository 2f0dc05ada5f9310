"""Certificates, rules and lists that somebody would like to count for more than they do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from packseal.errors import EvidenceError
from packseal.exchange.recognition.decision import Decision, Question
from packseal.exchange.recognition.equivalence import EquivalenceRule, SignedRule
from packseal.exchange.recognition.papers import Certified, Papers, RuleBook
from packseal.exchange.recognition.recognise import recognise, replayed
from packseal.exchange.recognition.refusal import Refusal
from packseal.exchange.recognition.trust_list import Revocation, Revoked, key_digest, sign_trust_list
from packseal.records.acts import Cause
from packseal.records.cbor import Sign1, decode, encode
from packseal.records.certificates import Accreditation, Assessment, AssessmentLevel, Outcome, sign_certificate
from packseal.records.cose import unverified_payload
from packseal.records.versions import Named
from tests.vectors.recognition import (
    CERTIFICATE,
    DAY_MS,
    EAST_PARTY,
    NOW_UNIX_MS,
    OTHER_BODY,
    PACK,
    PUBLISHER,
    RULE,
    STRANGER,
    THIRD_SCOPE,
    TRUST_LIST,
    WEST_PARTY,
    WEST_SCOPE,
    Case,
    signed_rule,
)
from tests.vectors.world import Actor

ASKED = Question(WEST_SCOPE, PACK)
PARTIAL = (Assessment(CERTIFICATE.assessments[0].criterion, Outcome.PARTIAL), *CERTIFICATE.assessments[1:])


def decided(papers: Papers, now_unix_ms: int = NOW_UNIX_MS) -> Decision:
    return recognise(papers, ASKED, now_unix_ms)


def under(*rules: SignedRule, case: Case | None = None) -> Decision:
    papers, book = (case or Case()).papers(), Case().book()
    return decided(replace(papers, rules=RuleBook(book.schemes, rules).to_bytes()))


def easier() -> EquivalenceRule:
    """As if one criterion of the certificate stood for everything, under the name and version of the rule in force."""
    by = RULE.mappings[0].by
    return replace(RULE, mappings=tuple(replace(one, by=by) for one in RULE.mappings))


def resigned(message: bytes, payload: bytes) -> bytes:
    """Header and signature of a good message around another payload."""
    parts = decode(message)
    assert isinstance(parts, Sign1)
    return encode(Sign1([*parts.items[:2], payload, parts.items[3]]))


def test_a_forged_rule_recognises_nothing() -> None:
    """By its text alone, by one side, with the signatures of another rule, by strangers who name the parties' keys."""
    good, wanted = signed_rule(RULE, EAST_PARTY, WEST_PARTY), easier()
    forged = (
        SignedRule(wanted, tuple(resigned(message, wanted.to_bytes()) for message in good.messages)),
        signed_rule(wanted, EAST_PARTY),
        signed_rule(wanted, EAST_PARTY, STRANGER),
        SignedRule(wanted, tuple(_naming(party, wanted) for party in (EAST_PARTY, WEST_PARTY))),
    )
    for rule in forged:
        assert under(rule).refusal is Refusal.ONE_SIDED
    assert under(*forged, good).is_recognised, "a forged one beside it does not harm the good one either"


def _naming(party: Actor, rule: EquivalenceRule) -> bytes:
    like = Actor(60, party.key.algorithm)
    return like.message(decode(rule.to_bytes()), "packseal/equivalence/1", kid=party.key.kid)


def test_a_rule_put_together_of_two_is_none() -> None:
    """One side signed the rule, the other side another one: neither signed both."""
    east, west = signed_rule(RULE, EAST_PARTY).messages[0], signed_rule(easier(), WEST_PARTY).messages[0]
    with pytest.raises(EvidenceError, match="say different things"):
        RuleBook.from_bytes(encode(["packseal/rules/1", [], [[east, west]]]))


def test_two_rules_in_a_row_are_no_rule() -> None:
    decision = recognise(Case().papers(), Question(THIRD_SCOPE, PACK), NOW_UNIX_MS)
    assert decision.refusal is Refusal.NO_RULE


def test_an_old_rule_does_not_outlive_its_version() -> None:
    newer = Named(RULE.name.id, "2.0")
    case = Case(trust=replace(TRUST_LIST, rules=(newer,)))
    assert decided(case.papers()).refusal is Refusal.RULE_NOT_IN_FORCE
    renamed = SignedRule(replace(RULE, name=newer), signed_rule(RULE, EAST_PARTY, WEST_PARTY).messages)
    assert under(renamed, case=case).refusal is Refusal.RULE_NOT_IN_FORCE, "the name that was signed counts"


def test_a_stale_list_that_lacks_a_revocation_recognises_nothing() -> None:
    """Kept from before its certification body was revoked, and used for ever; or while it is still in time, where the
    reader has seen a newer one."""
    kept = Case().papers()
    stolen = Revocation(Revoked.KEY, key_digest(OTHER_BODY.key), Cause.STOLEN)
    newer = replace(TRUST_LIST, sequence=TRUST_LIST.sequence + 1, revocations=(stolen,))
    told = replace(kept, trust_list=sign_trust_list(newer, PUBLISHER.sign, PUBLISHER.key))
    assert decided(told).refusal is Refusal.REVOKED
    assert decided(kept, TRUST_LIST.expires_unix_ms).refusal is Refusal.STALE_TRUST_LIST
    assert decided(kept, NOW_UNIX_MS + 3_650 * DAY_MS).refusal is Refusal.STALE_TRUST_LIST
    seen = replace(ASKED, least_sequence=newer.sequence)
    assert recognise(kept, seen, NOW_UNIX_MS).refusal is Refusal.OLDER_TRUST_LIST


def test_a_list_made_young_again_is_not_its_publishers() -> None:
    longer = replace(TRUST_LIST, expires_unix_ms=TRUST_LIST.expires_unix_ms + DAY_MS)
    papers = Case().papers()
    wanted = sign_trust_list(longer, STRANGER.sign, STRANGER.key)
    for content in (wanted, resigned(papers.trust_list, unverified_payload(wanted))):
        with pytest.raises(EvidenceError, match=r"unknown-authority|bad-signature"):
            decided(replace(papers, trust_list=content))


def test_a_partial_criterion_typed_up_to_met_breaks_the_certificate() -> None:
    case = Case(replace(CERTIFICATE, assessments=PARTIAL))
    assert decided(case.papers()).refusal is Refusal.CRITERION_PARTIAL
    certified = case.certified()
    met = sign_certificate(CERTIFICATE, OTHER_BODY.sign, OTHER_BODY.key)
    upgraded = resigned(certified.certificate, unverified_payload(met))
    papers = replace(case.papers(), certified=Certified(upgraded, certified.accreditations).to_bytes())
    assert decided(papers).refusal is Refusal.BAD_SIGNATURE


def test_a_partial_criterion_is_not_met_by_naming_it_twice() -> None:
    """Beside one that is met, mapped a second time, or assessed a second time."""
    case = Case(replace(CERTIFICATE, assessments=PARTIAL))
    both = replace(RULE.mappings[0], by=(CERTIFICATE.assessments[1].criterion, CERTIFICATE.assessments[0].criterion))
    beside = replace(RULE, mappings=(both, RULE.mappings[1]))
    assert under(signed_rule(beside, EAST_PARTY, WEST_PARTY), case=case).refusal is Refusal.CRITERION_PARTIAL
    with pytest.raises(EvidenceError, match="the same criterion"):
        replace(RULE, mappings=(*RULE.mappings, RULE.mappings[0])).to_bytes()
    twice = replace(CERTIFICATE, assessments=(*PARTIAL, CERTIFICATE.assessments[0]))
    with pytest.raises(EvidenceError, match="the same criterion twice"):
        sign_certificate(twice, OTHER_BODY.sign, OTHER_BODY.key)


def test_a_body_that_gives_itself_a_higher_level_is_not_accredited_for_it() -> None:
    higher = replace(CERTIFICATE, assessment_level=AssessmentLevel.GOVT_APPROVAL)
    assert decided(Case(higher).papers()).refusal is Refusal.NOT_ACCREDITED


def test_a_certificate_of_another_pack_is_of_another_pack() -> None:
    other = replace(CERTIFICATE, subject=replace(PACK, id=bytes(16)))
    assert decided(Case(other).papers()).refusal is Refusal.WRONG_SUBJECT


def test_an_accreditation_of_somebody_else_is_no_help() -> None:
    chain: tuple[tuple[Accreditation, Actor], ...] = Case().chain
    for issuer in (STRANGER, EAST_PARTY):
        assert decided(Case(chain=chain, issuer=issuer).papers()).refusal is Refusal.UNKNOWN_ISSUER


def test_a_decision_typed_up_to_recognised_is_not_what_comes_of_its_papers() -> None:
    papers = Case(replace(CERTIFICATE, assessments=PARTIAL)).papers()
    said = replace(decided(papers), refusal=None, words="every criterion of product@1.0 is met")
    again = replayed(Decision.from_bytes(said.to_bytes()), papers)
    assert again.refusal is Refusal.CRITERION_PARTIAL
    assert again.to_bytes() != said.to_bytes()

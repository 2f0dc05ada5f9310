"""What is recognised and what is not: each rule of docs/recognition.md section 8 by one change to a case that holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.errors import EvidenceError
from packseal.exchange.recognition.criteria import Met
from packseal.exchange.recognition.decision import NOT_ACCEPTANCE, NOT_ASKED, Decision, Question
from packseal.exchange.recognition.equivalence import Coverage, EquivalenceRule, Mapping, SignedRule
from packseal.exchange.recognition.papers import Papers, RuleBook
from packseal.exchange.recognition.recognise import recognise, replayed
from packseal.exchange.recognition.refusal import Refusal
from packseal.exchange.recognition.scheme import Criterion, Profile, Scheme
from packseal.exchange.recognition.trust_list import Party, Revocation, Revoked, TrustAnchor, TrustList, key_digest
from packseal.records.acts import Cause
from packseal.records.certificates import (
    Accreditation,
    Assessment,
    AssessmentLevel,
    AssessorLevel,
    AttestationType,
    May,
    Outcome,
    Subject,
)
from packseal.records.cose import VerifyingKey, payload_digest
from packseal.records.versions import Named, Period, Scope
from tests.records.corpus import vectors
from tests.vectors.recognition import (
    ACCREDITS,
    ANCHOR,
    BODY,
    CERTIFICATE,
    CERTIFIES,
    DAY_MS,
    EAST,
    EAST_PARTY,
    EAST_SCHEME,
    EAST_SCOPE,
    EAST_SECOND,
    NOW_UNIX_MS,
    ONWARD,
    OTHER_BODY,
    PACK,
    PUBLISHER,
    QUALITY,
    RULE,
    SCHEMES,
    SITE_WIDE,
    STRANGER,
    SUBJECTS,
    THIRD,
    THIRD_SCHEME,
    THIRD_SCOPE,
    TRUST_LIST,
    VERIFIED,
    W_QUALITY,
    W_VERIFIED,
    WEST,
    WEST_ANCHOR,
    WEST_PARTY,
    WEST_SCHEME,
    WEST_SCOPE,
    Case,
    in_force,
    signed_rule,
)
from tests.vectors.world import Actor

ASKED = Question(WEST_SCOPE, PACK)
BOTH = (EAST_PARTY, WEST_PARTY)


def decide(case: Case, question: Question = ASKED, now_unix_ms: int = NOW_UNIX_MS) -> Decision:
    return recognise(case.papers(), question, now_unix_ms)


def refused(case: Case, question: Question = ASKED, now_unix_ms: int = NOW_UNIX_MS) -> tuple[Refusal | None, str]:
    decision = decide(case, question, now_unix_ms)
    assert not decision.is_recognised
    return decision.refusal, decision.words


def trusting(**changed: Any) -> Case:
    return Case(trust=replace(TRUST_LIST, **changed))


def revoking(kind: Revoked, digest: bytes) -> Case:
    return trusting(revocations=(Revocation(kind, digest, Cause.STOLEN),))


def assessed(**outcomes: Outcome) -> Case:
    """quality, verified, site: what is found of each."""
    names = {"quality": QUALITY, "verified": VERIFIED, "site": SITE_WIDE}
    found = tuple(Assessment(name, outcomes.get(word, Outcome.MET)) for word, name in names.items())
    return Case(replace(CERTIFICATE, assessments=found))


# ---- what is recognised


def test_a_certificate_counts_under_a_rule_of_two_sides() -> None:
    decision = decide(Case())
    assert decision.is_recognised
    assert decision.rule == RULE.name
    assert [(one.criterion, one.met) for one in decision.criteria] == [(W_QUALITY, Met.YES), (W_VERIFIED, Met.YES)]


def test_a_certificate_counts_under_its_own_scheme_without_a_rule() -> None:
    decision = decide(Case(rules=()), Question(EAST_SCOPE, PACK))
    assert (decision.is_recognised, decision.rule) == (True, None)
    assert [one.criterion for one in decision.criteria] == [QUALITY, VERIFIED, SITE_WIDE]


CHAINS = {
    "the anchor itself": ((), ANCHOR),
    "one that it accredits": (((replace(ACCREDITS, may=May.CERTIFY), ANCHOR),), BODY),
    "one that an accreditation body accredits": (((ACCREDITS, ANCHOR), (CERTIFIES, BODY)), OTHER_BODY),
}


@pytest.mark.parametrize(("chain", "issuer"), CHAINS.values(), ids=CHAINS)
def test_chains_of_each_length_hold(chain: tuple[tuple[Accreditation, Actor], ...], issuer: Actor) -> None:
    assert decide(Case(chain=chain, issuer=issuer)).is_recognised


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_each_kind_of_subject_can_be_asked_for(subject: Subject) -> None:
    case = Case(replace(CERTIFICATE, subject=subject))
    assert decide(case, Question(WEST_SCOPE, subject)).is_recognised


# ---- the rules between two sides


def test_rules_are_never_joined() -> None:
    """East to west holds, and so does west to third: that gives no east to third."""
    assert decide(Case()).is_recognised
    west = replace(
        CERTIFICATE,
        scope=WEST_SCOPE,
        assessments=(Assessment(W_QUALITY, Outcome.MET), Assessment(W_VERIFIED, Outcome.MET)),
    )
    assert decide(Case(west, WEST_ANCHOR, ()), Question(THIRD_SCOPE, PACK)).rule == ONWARD.name
    decision = decide(Case(), Question(THIRD_SCOPE, PACK))
    assert decision.refusal is Refusal.NO_RULE
    assert [(str(one.criterion), one.met) for one in decision.criteria] == [("t.quality@1", Met.MISSING)]


def test_a_rule_goes_one_way() -> None:
    backward = replace(RULE, source=WEST_SCOPE, target=EAST_SCOPE)
    assert refused(Case(rules=((backward, BOTH),)))[0] is Refusal.NO_RULE


def test_a_rule_of_another_version_is_not_in_force() -> None:
    newer = trusting(rules=(Named(RULE.name.id, "1.1"), ONWARD.name))
    refusal, words = refused(newer)
    assert refusal is Refusal.RULE_NOT_IN_FORCE
    assert words.endswith("cfp-east-west@1.1 is")
    assert [one.met for one in decide(newer).criteria] == [Met.MISSING, Met.MISSING]


OTHER_VERSIONS = {
    "of the certificate's scheme": replace(RULE, source=replace(EAST_SCOPE, scheme=Named(EAST_SCOPE.scheme.id, "1.1"))),
    "of its profile": replace(RULE, source=replace(EAST_SCOPE, profile=Named(EAST_SCOPE.profile.id, "1.1"))),
    "of the other scheme": replace(RULE, target=replace(WEST_SCOPE, scheme=Named(WEST_SCOPE.scheme.id, "2.1"))),
    "of the other profile": replace(RULE, target=replace(WEST_SCOPE, profile=Named(WEST_SCOPE.profile.id, "1.1"))),
}


@pytest.mark.parametrize("rule", OTHER_VERSIONS.values(), ids=OTHER_VERSIONS)
def test_a_rule_for_another_version_carries_nothing_over(rule: EquivalenceRule) -> None:
    refusal, words = refused(Case(rules=((rule, BOTH),)))
    assert refusal is Refusal.NO_RULE
    assert words.endswith("nothing carries over")


def test_a_new_version_of_a_scheme_is_not_what_the_certificate_was_issued_under() -> None:
    newer = replace(EAST_SCHEME, name=Named(EAST_SCHEME.name.id, "1.1"))
    schemes = (newer, WEST_SCHEME, THIRD_SCHEME)
    case = replace(trusting(schemes=in_force(schemes)), schemes=schemes)
    assert refused(case) == (Refusal.UNKNOWN_SCHEME, "example.ouranos-cfp@1.0 is not in force by example.recognition")


def test_a_new_version_of_a_criterion_is_missing_by_its_name() -> None:
    newer = Named(W_VERIFIED.id, "4")
    west = Scheme(
        WEST_SCHEME.name,
        WEST_SCHEME.title,
        WEST,
        (WEST_SCHEME.criteria[0], Criterion(newer, "verification on site")),
        (Profile(WEST_SCOPE.profile, (W_QUALITY, newer), AssessmentLevel.VERIFIED),),
    )
    schemes = (EAST_SCHEME, west, THIRD_SCHEME)
    decision = decide(replace(trusting(schemes=in_force(schemes)), schemes=schemes))
    assert decision.refusal is Refusal.CRITERION_MISSING
    assert decision.words == "missing: w.verified@4 (verification on site)"
    why = "rule cfp-east-west@1.0 maps w.verified@3, and nothing carries over to w.verified@4"
    assert decision.criteria[1].why == why


def test_an_assessment_of_another_version_of_a_criterion_does_not_count() -> None:
    other = Assessment(Named(QUALITY.id, "0.9"), Outcome.MET)
    decision = decide(Case(replace(CERTIFICATE, assessments=(other, *CERTIFICATE.assessments[1:]))))
    assert decision.refusal is Refusal.CRITERION_MISSING
    assert "assesses e.data-quality@0.9, and nothing carries over" in decision.criteria[0].why


def test_a_criterion_that_its_scheme_has_not_stands_for_nothing() -> None:
    stray = Named("e.stray", "1")
    rule = replace(RULE, mappings=(Mapping(W_QUALITY, (stray,), Coverage.FULL), RULE.mappings[1]))
    certificate = replace(CERTIFICATE, assessments=(*CERTIFICATE.assessments, Assessment(stray, Outcome.MET)))
    decision = decide(Case(certificate, rules=((rule, BOTH),)))
    assert decision.refusal is Refusal.CRITERION_MISSING
    assert decision.criteria[0].why == "example.ouranos-cfp@1.0 has no criterion e.stray@1"


def test_what_the_rule_does_not_map_is_missing() -> None:
    decision = decide(Case(rules=((replace(RULE, mappings=RULE.mappings[:1]), BOTH),)))
    assert decision.words == "missing: w.verified@3 (verification)"
    assert decision.criteria[1].why == "rule cfp-east-west@1.0 does not map it"


def test_partial_is_never_upgraded() -> None:
    for case in (assessed(quality=Outcome.PARTIAL), assessed(site=Outcome.PARTIAL)):
        assert refused(case)[0] is Refusal.CRITERION_PARTIAL
    partly = replace(RULE, mappings=(replace(RULE.mappings[0], coverage=Coverage.PARTIAL), RULE.mappings[1]))
    decision = decide(Case(rules=((partly, BOTH),)))
    assert decision.refusal is Refusal.CRITERION_PARTIAL
    assert decision.words == "partial: w.primary-data@2.1 (share of primary data)"
    own = decide(assessed(quality=Outcome.PARTIAL), Question(EAST_SCOPE, PACK))
    assert own.refusal is Refusal.CRITERION_PARTIAL


@settings(max_examples=60, deadline=None)  # P-256 is signed in plain Python
@given(
    st.lists(st.sampled_from(Outcome), min_size=3, max_size=3),
    st.lists(st.sampled_from(Coverage), min_size=2, max_size=2),
)
def test_nothing_is_more_than_the_least_of_what_stands_for_it(
    outcomes: list[Outcome], coverage: list[Coverage]
) -> None:
    mapped = tuple(replace(one, coverage=by) for one, by in zip(RULE.mappings, coverage, strict=True))
    case = assessed(**dict(zip(("quality", "verified", "site"), outcomes, strict=True)))
    decision = decide(replace(case, rules=((replace(RULE, mappings=mapped), BOTH),)))
    quality, verified = (int(one.met) for one in decision.criteria)
    assert quality == max(outcomes[0], coverage[0])
    assert verified == max(*outcomes[1:], coverage[1])
    assert decision.is_recognised == (max(quality, verified) == 1)


# ---- who signed


def test_a_rule_signed_by_one_side_is_refused() -> None:
    refusal, words = refused(Case(rules=((RULE, (EAST_PARTY,)),)))
    assert refusal is Refusal.ONE_SIDED
    assert words.endswith("one party of each of catena-x and ouranos; signed by Owner East of ouranos")


SIGNERS = {
    "two parties of one side": (EAST_PARTY, EAST_SECOND),
    "a party and a stranger": (EAST_PARTY, STRANGER),
    "a party and one of a third side": (EAST_PARTY, Actor(49)),
    "two strangers": (STRANGER, BODY),
    "anchors, who are no parties": (ANCHOR, WEST_ANCHOR),
}


@pytest.mark.parametrize("signers", SIGNERS.values(), ids=SIGNERS)
def test_a_rule_that_is_not_of_both_sides_is_refused(signers: tuple[Actor, ...]) -> None:
    assert refused(Case(rules=((RULE, signers),)))[0] is Refusal.ONE_SIDED


def test_two_keys_of_the_same_party_are_one_side() -> None:
    parties = (*TRUST_LIST.parties, Party(EAST, "e-owner", STRANGER.key, "Owner East"))
    case = replace(trusting(parties=parties), rules=((RULE, (EAST_PARTY, STRANGER)),))
    assert refused(case)[0] is Refusal.ONE_SIDED


def test_the_same_signature_twice_is_one_signature() -> None:
    papers, one = Case().papers(), signed_rule(RULE, EAST_PARTY).messages[0]
    book = RuleBook(Case().book().schemes, (SignedRule(RULE, (one, one)),))
    decision = recognise(replace(papers, rules=book.to_bytes()), ASKED, NOW_UNIX_MS)
    assert decision.refusal is Refusal.ONE_SIDED


def test_a_rule_within_one_side_cannot_be_of_two() -> None:
    inner = replace(WEST_SCHEME, side=EAST)
    schemes = (EAST_SCHEME, inner, THIRD_SCHEME)
    case = replace(trusting(schemes=in_force(schemes)), schemes=schemes)
    for signers in (BOTH, (EAST_PARTY, EAST_SECOND)):
        assert refused(replace(case, rules=((RULE, signers),)))[0] is Refusal.ONE_SIDED


def test_a_bad_rule_does_not_stand_in_the_way_of_a_good_one() -> None:
    rules = ((RULE, (EAST_PARTY,)), (RULE, BOTH))
    assert decide(Case(rules=rules)).is_recognised


def test_two_rules_that_hold_are_for_a_person_to_choose_from() -> None:
    other = replace(RULE, name=Named("another", "1"))
    case = replace(trusting(rules=(RULE.name, other.name)), rules=((RULE, BOTH), (other, BOTH)))
    assert refused(case)[0] is Refusal.SEVERAL_RULES


# ---- who is trusted


@pytest.mark.parametrize("later_ms", [30 * DAY_MS, 400 * DAY_MS])
def test_a_stale_trust_list_refuses(later_ms: int) -> None:
    refusal, words = refused(Case(), now_unix_ms=NOW_UNIX_MS + later_ms)
    assert refusal is Refusal.STALE_TRUST_LIST
    assert words.endswith("fetch the newest one")
    assert decide(Case(), now_unix_ms=NOW_UNIX_MS + 30 * DAY_MS - 1).is_recognised


def test_a_trust_list_of_the_future_or_before_one_that_was_seen_refuses() -> None:
    assert refused(Case(), now_unix_ms=TRUST_LIST.issued_unix_ms - 1)[0] is Refusal.EARLY_TRUST_LIST
    assert refused(Case(), replace(ASKED, least_sequence=8))[0] is Refusal.OLDER_TRUST_LIST
    assert decide(Case(), replace(ASKED, least_sequence=7)).is_recognised


def test_under_a_list_of_another_publisher_nothing_is_decided() -> None:
    papers = Case().papers()
    for key, reason in ((STRANGER.key, "unknown-authority"), (OTHER_BODY.key, "unknown-authority")):
        with pytest.raises(EvidenceError, match=reason):
            recognise(replace(papers, publisher=key), ASKED, NOW_UNIX_MS)
    altered = papers.trust_list[:-1] + bytes([papers.trust_list[-1] ^ 1])
    with pytest.raises(EvidenceError, match="bad-signature"):
        recognise(replace(papers, trust_list=altered), ASKED, NOW_UNIX_MS)


UNKNOWN: dict[str, tuple[Case, Refusal]] = {
    "a stranger": (Case(chain=(), issuer=STRANGER), Refusal.UNKNOWN_ISSUER),
    "a stranger whom a stranger accredits": (
        Case(chain=((replace(ACCREDITS, holder=OTHER_BODY.key, may=May.CERTIFY), STRANGER),)),
        Refusal.UNKNOWN_ISSUER,
    ),
    "a body whose accreditation is left out": (Case(chain=((ACCREDITS, ANCHOR),)), Refusal.UNKNOWN_ISSUER),
    "a body accredited by another than the one before": (
        Case(chain=((ACCREDITS, ANCHOR), (CERTIFIES, STRANGER))),
        Refusal.UNKNOWN_ISSUER,
    ),
    "the accreditations in the other order": (
        Case(chain=((CERTIFIES, BODY), (ACCREDITS, ANCHOR))),
        Refusal.UNKNOWN_ISSUER,
    ),
    "a body that may accredit alone": (
        Case(chain=((ACCREDITS, ANCHOR), (replace(CERTIFIES, may=May.ACCREDIT), BODY))),
        Refusal.NOT_ACCREDITED,
    ),
    "a body that may certify, accrediting": (
        Case(chain=((replace(ACCREDITS, may=May.CERTIFY), ANCHOR), (CERTIFIES, BODY))),
        Refusal.NOT_ACCREDITED,
    ),
    "a body accredited for another version of the scheme": (
        Case(chain=((ACCREDITS, ANCHOR), (replace(CERTIFIES, schemes=(Named(EAST_SCOPE.scheme.id, "1.1"),)), BODY))),
        Refusal.NOT_ACCREDITED,
    ),
    "a body whose accreditor is not accredited for the scheme": (
        Case(chain=((replace(ACCREDITS, schemes=(THIRD_SCOPE.scheme,)), ANCHOR), (CERTIFIES, BODY))),
        Refusal.NOT_ACCREDITED,
    ),
    "a level above the accreditation": (
        Case(replace(CERTIFICATE, assessment_level=AssessmentLevel.GOVT_APPROVAL)),
        Refusal.NOT_ACCREDITED,
    ),
    "a level above that of the accreditor": (
        Case(chain=((replace(ACCREDITS, highest_level=AssessmentLevel.VERIFIED), ANCHOR), (CERTIFIES, BODY))),
        Refusal.NOT_ACCREDITED,
    ),
    "a body that accredits itself": (
        Case(chain=((ACCREDITS, ANCHOR), (replace(CERTIFIES, holder=BODY.key), BODY)), issuer=BODY),
        Refusal.NOT_ACCREDITED,
    ),
    "an anchor of another side": (Case(chain=(), issuer=WEST_ANCHOR), Refusal.NOT_ACCREDITED),
}


@pytest.mark.parametrize(("case", "refusal"), UNKNOWN.values(), ids=UNKNOWN)
def test_who_had_no_right_to_certify_is_refused(case: Case, refusal: Refusal) -> None:
    assert refused(case)[0] is refusal


def test_a_certificate_signed_by_another_key_than_it_names_is_refused() -> None:
    papers = Case().papers()
    altered = replace(Case().certified(), certificate=Case().certified().certificate[:-1] + b"\0")
    assert altered != Case().certified()
    decision = recognise(replace(papers, certified=altered.to_bytes()), ASKED, NOW_UNIX_MS)
    assert decision.refusal is Refusal.BAD_SIGNATURE


KEYS: dict[str, VerifyingKey] = {
    "the anchor": ANCHOR.key,
    "the accreditation body": BODY.key,
    "the certification body": OTHER_BODY.key,
    "the one party": EAST_PARTY.key,
    "the other party": WEST_PARTY.key,
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_revoked_key_refuses_whatever_it_signed(key: VerifyingKey) -> None:
    assert refused(revoking(Revoked.KEY, key_digest(key)))[0] is Refusal.REVOKED


@pytest.mark.parametrize("place", [0, 1])
def test_a_revoked_intermediate_refuses(place: int) -> None:
    digest = payload_digest(Case().certified().accreditations[place])
    refusal, words = refused(revoking(Revoked.ACCREDITATION, digest))
    assert (refusal, "cause stolen" in words) == (Refusal.REVOKED, True)


def test_a_revoked_certificate_or_rule_refuses() -> None:
    certified = payload_digest(Case().certified().certificate)
    assert refused(revoking(Revoked.CERTIFICATE, certified))[0] is Refusal.REVOKED
    rule = signed_rule(RULE, *BOTH).digest
    assert refused(revoking(Revoked.RULE, rule))[0] is Refusal.REVOKED
    assert decide(revoking(Revoked.CERTIFICATE, rule)).is_recognised, "a digest is revoked as what it is of"


# ---- times, subjects, levels, kinds

EARLIER, LATER = Period(0, NOW_UNIX_MS), Period(NOW_UNIX_MS + 1, NOW_UNIX_MS + 2)


def timed(period: Period) -> dict[str, Case]:
    anchors = (TrustAnchor(EAST, ANCHOR.key, "Anchor East", period), *TRUST_LIST.anchors[1:])
    return {
        "anchor": trusting(anchors=anchors),
        "accreditation": Case(chain=((replace(ACCREDITS, period=period), ANCHOR), (CERTIFIES, BODY))),
        "last accreditation": Case(chain=((ACCREDITS, ANCHOR), (replace(CERTIFIES, period=period), BODY))),
        "certificate": Case(replace(CERTIFICATE, period=period)),
        "rule": Case(rules=((replace(RULE, period=period), BOTH),)),
    }


@pytest.mark.parametrize("what", timed(EARLIER))
def test_what_has_expired_or_has_not_begun_refuses(what: str) -> None:
    assert refused(timed(EARLIER)[what])[0] is Refusal.EXPIRED
    assert refused(timed(LATER)[what])[0] is Refusal.NOT_YET_VALID
    assert decide(timed(Period(NOW_UNIX_MS, NOW_UNIX_MS + 1))[what]).is_recognised


@pytest.mark.parametrize("subject", SUBJECTS[1:], ids=str)
def test_a_certificate_of_another_subject_refuses(subject: Subject) -> None:
    refusal, words = refused(Case(), Question(WEST_SCOPE, subject))
    assert refusal is Refusal.WRONG_SUBJECT
    assert words == f"the certificate is of {PACK}, not of {subject}"


def test_a_level_below_what_rule_or_profile_asks_for_refuses() -> None:
    asking = replace(RULE, least_level=AssessmentLevel.GLOBAL_MRA)
    refusal, words = refused(Case(rules=((asking, BOTH),)))
    assert (refusal, words.endswith("GlobalMRA is asked for")) == (Refusal.LEVEL_BELOW, True)
    low = Case(replace(CERTIFICATE, assessment_level=AssessmentLevel.VALIDATED))
    low = replace(low, rules=((replace(RULE, least_level=AssessmentLevel.UNSPECIFIED), BOTH),))
    assert refused(low)[0] is Refusal.LEVEL_BELOW, "the profile of the target asks for more than the rule does"
    assert refused(low, Question(EAST_SCOPE, PACK))[0] is Refusal.LEVEL_BELOW


def test_a_kind_of_certificate_that_the_rule_does_not_take_refuses() -> None:
    declared = replace(CERTIFICATE, attestation_type=AttestationType.DECLARATION)
    assert refused(Case(declared)) == (Refusal.NOT_ACCEPTED, "rule cfp-east-west@1.0 takes no declaration")
    own = replace(CERTIFICATE, assessor_level=AssessorLevel.SELF)
    assert refused(Case(own)) == (Refusal.NOT_ACCEPTED, "rule cfp-east-west@1.0 takes no assessor of level Self")


# ---- schemes


def test_a_scheme_counts_as_the_list_names_it_alone() -> None:
    easier = replace(WEST_SCHEME, profiles=(replace(WEST_SCHEME.profiles[0], criteria=(W_QUALITY,)),))
    refusal, words = refused(Case(schemes=(EAST_SCHEME, easier, THIRD_SCHEME)))
    assert (refusal, "has not the document" in words) == (Refusal.UNKNOWN_SCHEME, True)
    assert refused(Case(schemes=SCHEMES[1:]))[0] is Refusal.UNKNOWN_SCHEME
    renamed = tuple(replace(one, side=THIRD) for one in TRUST_LIST.schemes[:1])
    assert refused(trusting(schemes=(*renamed, *TRUST_LIST.schemes[1:])))[0] is Refusal.NOT_ACCREDITED


def test_a_document_of_another_name_or_side_than_listed_is_not_the_listed_one() -> None:
    east, west, third = TRUST_LIST.schemes
    for other in (replace(west, side=THIRD), replace(west, side=THIRD, digest=third.digest)):
        decision = decide(trusting(schemes=(east, other)))
        assert (decision.refusal, "the document that" in decision.words) == (Refusal.UNKNOWN_SCHEME, True)


def test_what_nobody_knows_is_refused_by_its_name() -> None:
    unknown = Scope(Named("example.unknown", "1"), WEST_SCOPE.profile)
    assert refused(Case(), Question(unknown))[0] is Refusal.UNKNOWN_SCHEME
    profile = Scope(WEST_SCOPE.scheme, Named("product", "9"))
    assert refused(Case(), Question(profile))[0] is Refusal.UNKNOWN_PROFILE


# ---- decisions


DECISIONS = vectors("recognition.json")["decisions"]


@pytest.mark.parametrize("stored", DECISIONS, ids=lambda one: one["name"])
def test_a_decision_is_made_again_to_the_same_bytes(stored: dict[str, str]) -> None:
    certified, rules, trust_list = (bytes.fromhex(stored[name]) for name in ("certified", "rules", "trust_list"))
    papers = Papers(certified, rules, trust_list, PUBLISHER.key)
    content = bytes.fromhex(stored["decision"])
    decision = Decision.from_bytes(content)
    assert (str(decision.refusal) if decision.refusal else None) == stored["reason"]
    assert replayed(decision, papers).to_bytes() == content


def test_another_paper_another_time_or_another_question_is_another_decision() -> None:
    first = decide(Case())
    others = (
        decide(Case(), now_unix_ms=NOW_UNIX_MS + 1),
        decide(Case(), Question(WEST_SCOPE)),
        decide(Case(), replace(ASKED, least_sequence=1)),
        decide(trusting(sequence=8)),
        decide(Case(rules=Case().rules[:1])),
        decide(Case(replace(CERTIFICATE, id="C-2"))),
    )
    assert len({one.to_bytes() for one in (first, *others)}) == 1 + len(others)
    assert {one.is_recognised for one in others} == {True}


def test_a_decision_says_that_it_is_no_acceptance() -> None:
    for question in (ASKED, Question(THIRD_SCOPE)):
        decision = decide(Case(), question)
        assert decision.lines()[-1] == NOT_ACCEPTANCE
        assert decision.to_json()["is_legal_acceptance"] is False
        assert (NOT_ASKED in decision.lines()) == (question.subject is None)


def test_files_that_are_none_are_no_refusals_but_errors() -> None:
    papers = Case().papers()
    for changed in (
        replace(papers, certified=b""),
        replace(papers, rules=papers.rules[:-1]),
        replace(papers, trust_list=b"\0"),
        replace(papers, certified=papers.rules),
    ):
        with pytest.raises(EvidenceError, match="malformed"):
            recognise(changed, ASKED, NOW_UNIX_MS)


def test_a_trust_list_without_anybody_trusts_nobody() -> None:
    empty = TrustList("empty", 0, NOW_UNIX_MS - 1, NOW_UNIX_MS + 1, (), (), (), ())
    assert refused(Case(trust=empty))[0] is Refusal.UNKNOWN_ISSUER

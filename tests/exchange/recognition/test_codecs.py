"""The corpus of recognition.json against readers and CDDL, round trips, and every way in which bytes are none of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pycddl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.errors import EvidenceError, Reason
from packseal.exchange.recognition.criteria import CriterionResult, Met
from packseal.exchange.recognition.decision import CertificateSeen, Decision, Digests, Question
from packseal.exchange.recognition.equivalence import Coverage, EquivalenceRule, SignedRule, read_rule
from packseal.exchange.recognition.equivalence import Mapping as Mapped
from packseal.exchange.recognition.papers import Certified, RuleBook
from packseal.exchange.recognition.refusal import Refusal
from packseal.exchange.recognition.scheme import Criterion, Profile, Scheme
from packseal.exchange.recognition.trust_list import (
    MAX_LIFE_MS,
    Party,
    Revocation,
    Revoked,
    SchemeInForce,
    TrustAnchor,
    TrustList,
    sign_trust_list,
    verify_trust_list,
)
from packseal.records.acts import Cause
from packseal.records.cbor import Sign1, decode, encode
from packseal.records.certificates import (
    MAX_CERTIFICATE_BYTES,
    Accreditation,
    Assessment,
    AssessmentLevel,
    AssessorLevel,
    AttestationType,
    Certificate,
    May,
    Outcome,
    Subject,
    SubjectKind,
    sign_accreditation,
    sign_certificate,
    verify_accreditation,
    verify_certificate,
)
from packseal.records.cose import VerifyingKey
from packseal.records.versions import Named, Period, Scope
from tests.records.corpus import vectors
from tests.vectors import recognition as examples
from tests.vectors.recognition import ANCHOR, BODY, EAST_PARTY, OTHER_BODY, PUBLISHER, RULE, WEST_PARTY

CORPUS: Mapping[str, Any] = vectors("recognition.json")
KEYS = {name: VerifyingKey(bytes.fromhex(one["public_key"]), one["algorithm"]) for name, one in CORPUS["keys"].items()}
CDDL = (Path(__file__).parents[3] / "docs/recognition.cddl").read_text()
READERS: Mapping[str, Callable[[bytes], object]] = {
    "certificate": lambda content: verify_certificate(content, KEYS["certification body"]),
    "accreditation": lambda content: verify_accreditation(content, KEYS["anchor"]),
    "trust-list": lambda content: verify_trust_list(content, KEYS["publisher"]),
    "scheme": Scheme.from_bytes,
    "rule": lambda content: SignedRule.from_value(decode(content)),
    "certified": Certified.from_bytes,
    "rules": RuleBook.from_bytes,
    "decision": Decision.from_bytes,
}
ONLY_IN_WORDS = {  # what docs/recognition.cddl cannot say, or its validator not read
    ("certificate", "an operator in bytes"),
    ("certificate", "a period of nothing"),
    ("certificate", "a period that ends before it begins"),
    ("certificate", "a criterion in two versions"),
    ("certificate", "evidence twice"),
    ("certificate", "17 of evidence"),
    ("accreditation", "for a scheme twice"),
    ("accreditation", "a period of nothing"),
    ("accreditation", "a period that ends before it begins"),
    ("trust-list", "that expires when it is issued"),
    ("trust-list", "that holds longer than 400 days"),
    ("trust-list", "an anchor twice"),
    ("trust-list", "a party's key twice"),
    ("trust-list", "a party on two sides"),
    ("trust-list", "a scheme twice"),
    ("trust-list", "a rule in two versions"),
    ("trust-list", "a revocation twice"),
    ("scheme", "a criterion in two versions"),
    ("scheme", "a profile of a criterion that is none"),
    ("scheme", "a profile of a criterion in another version"),
    ("rule", "to where it comes from"),
    ("rule", "a criterion in two versions"),
    ("rule", "types out of order"),
    ("rule", "a period of nothing"),
    ("rule", "a period that ends before it begins"),
    ("rule", "two messages that say different things"),
}


@cache
def schema(rule: str) -> Any:
    return pycddl.Schema(f"start = {rule}\n{CDDL}")


def fits(rule: str, content: bytes) -> bool:
    try:
        schema(rule).validate_cbor(content)
    except pycddl.ValidationError:
        return False
    return True


def fits_whole(kind: str, content: bytes) -> bool:
    """Down to the signed fields, each by itself: inside an array the validator does not mind keys too many."""
    if kind == "rule":
        messages: Any = decode(content)
        return fits("signed-rule", content) and all(fits_message("equivalence", one) for one in messages)
    if kind == "scheme":
        document: Any = decode(content)
        return fits("scheme", content) and fits("scheme-fields", encode(document[1]))
    return fits_message(kind, content)


def fits_message(rule: str, content: bytes) -> bool:
    message = decode(content)
    assert isinstance(message, Sign1)
    protected, _, payload, _ = message.items
    assert isinstance(payload, bytes)
    assert isinstance(protected, bytes)
    parts: Any = decode(payload)
    inner = [fits(f"{rule}-protected", protected), fits(f"{rule}-payload", payload)]
    return fits(rule, content) and all(inner) and fits(f"{rule}-fields", encode(parts[1]))


def refused(kind: str, content: bytes) -> EvidenceError:
    with pytest.raises(EvidenceError) as refusal:
        READERS[kind](content)
    return refusal.value


def named(one: dict[str, str]) -> str:
    return f"{one['kind']}, {one['name']}"


# ---- the corpus

MADE = [{"kind": "decision", "name": one["name"], "content": one["decision"]} for one in CORPUS["decisions"]]
GOOD = [*CORPUS["good"], *MADE]


@pytest.mark.parametrize("good", GOOD, ids=named)
def test_what_is_good_is_read_and_fits_the_cddl(good: dict[str, str]) -> None:
    content = bytes.fromhex(good["content"])
    assert READERS[good["kind"]](content)
    if good["kind"] in ("certified", "rules", "decision"):
        assert fits(good["kind"], content)
    else:
        assert fits_whole(good["kind"], content)


@pytest.mark.parametrize("bad", CORPUS["bad"], ids=named)
def test_what_is_bad_is_refused_with_its_reason(bad: dict[str, str]) -> None:
    assert refused(bad["kind"], bytes.fromhex(bad["content"])).reason == bad["reason"]


SHAPES = [one for one in CORPUS["bad"] if one["reason"] == "malformed"]
NO_MESSAGE = {
    "nothing",
    "without its last byte",
    "and a byte",
    "of three parts",
    "of a number",
    "of no message",
    "of three messages",
}


@pytest.mark.parametrize("bad", [one for one in SHAPES if one["name"] not in NO_MESSAGE], ids=named)
def test_a_bad_shape_fits_the_cddl_only_where_words_are_needed(bad: dict[str, str]) -> None:
    fits_it = fits_whole(bad["kind"], bytes.fromhex(bad["content"]))
    is_of_characters = bad["name"].endswith(("with a blank", "with an @", "beyond ASCII"))
    assert fits_it == (is_of_characters or (bad["kind"], bad["name"]) in ONLY_IN_WORDS)


@pytest.mark.parametrize("good", GOOD, ids=named)
def test_every_truncation_is_malformed(good: dict[str, str]) -> None:
    content = bytes.fromhex(good["content"])
    assert {refused(good["kind"], content[:size]).reason for size in range(len(content))} == {Reason.MALFORMED}


SIGNED = [one for one in GOOD if one["kind"] in ("certificate", "accreditation", "trust-list")]


@settings(max_examples=60, deadline=None)  # P-256 is signed in plain Python
@given(st.sampled_from(SIGNED), st.integers(0), st.integers(1, 255))
def test_no_changed_byte_of_a_signed_message_is_taken(good: dict[str, str], place: int, change: int) -> None:
    content = bytearray.fromhex(good["content"])
    content[place % len(content)] ^= change
    refused(good["kind"], bytes(content))


@settings(max_examples=60, deadline=None)  # P-256 is signed in plain Python
@given(st.sampled_from(GOOD), st.integers(0), st.integers(1, 255))
def test_whatever_is_changed_only_our_own_error_comes_out(good: dict[str, str], place: int, change: int) -> None:
    content = bytearray.fromhex(good["content"])
    content[place % len(content)] ^= change
    with suppress(EvidenceError):
        READERS[good["kind"]](bytes(content))


def test_a_signature_for_one_purpose_is_worth_nothing_for_another() -> None:
    """One key for everything, which nobody should have."""
    contents = {
        "certificate": sign_certificate(examples.CERTIFICATE, ANCHOR.sign, ANCHOR.key),
        "accreditation": sign_accreditation(examples.ACCREDITS, ANCHOR.sign, ANCHOR.key),
        "trust-list": sign_trust_list(examples.TRUST_LIST, ANCHOR.sign, ANCHOR.key),
        "rule": examples.signed_rule(RULE, ANCHOR).messages[0],
    }
    readers = {
        "certificate": verify_certificate,
        "accreditation": verify_accreditation,
        "trust-list": verify_trust_list,
    }
    for kind, content in contents.items():
        for other, read in readers.items():
            if other != kind:
                with pytest.raises(EvidenceError, match="bad-signature"):
                    read(content, ANCHOR.key)


# ---- round trips

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
names = st.builds(
    Named, st.from_regex(r"[!-?A-~]{1,40}", fullmatch=True), st.from_regex(r"[!-?A-~]{1,9}", fullmatch=True)
)
ids, digests = st.from_regex(r"[!-?A-~]{1,255}", fullmatch=True), st.binary(min_size=32, max_size=32)
scopes, levels = st.builds(Scope, names, names), st.sampled_from(AssessmentLevel)
periods = st.integers(0, (1 << 63) - 2).flatmap(
    lambda first: st.builds(Period, st.just(first), st.integers(first + 1, (1 << 63) - 1))
)
keys = st.one_of(
    st.builds(VerifyingKey, st.binary(min_size=32, max_size=32)),
    st.builds(VerifyingKey, st.binary(min_size=64, max_size=64), st.just(-9)),
)
subjects = st.one_of(
    st.builds(Subject, st.sampled_from([SubjectKind.PACK, SubjectKind.LOG]), st.binary(min_size=16, max_size=16)),
    st.builds(Subject, st.just(SubjectKind.BOARD), digests | st.binary(min_size=64, max_size=64)),
    st.builds(Subject, st.just(SubjectKind.OPERATOR), ids),
    st.builds(Subject, st.just(SubjectKind.SOFTWARE), digests),
)  # fmt: skip


def listed(what: st.SearchStrategy[Any], low: int = 0, high: int = 4, unique_by: Any = None) -> st.SearchStrategy[Any]:
    return st.lists(what, min_size=low, max_size=high, unique_by=unique_by).map(tuple)


certificates = st.builds(
    Certificate, ids, subjects, scopes, ids, st.sampled_from(AttestationType), st.sampled_from(AssessorLevel), levels,
    periods, listed(st.builds(Assessment, names, st.sampled_from(Outcome)), 1, 5, lambda one: one.criterion.id),
    listed(digests, unique_by=bytes),
)  # fmt: skip
accreditations = st.builds(
    Accreditation, ids, keys, text, st.sampled_from(May), listed(names, 1, 4, lambda one: one), levels, periods
)
mappings = st.builds(Mapped, names, listed(names, 1, 4, lambda one: one), st.sampled_from(Coverage))
rules = st.builds(
    EquivalenceRule, names, scopes, scopes, listed(mappings, 1, 4, lambda one: one.criterion.id), levels,
    st.frozensets(st.sampled_from(AttestationType), min_size=1),
    st.frozensets(st.sampled_from(AssessorLevel), min_size=1), periods,
).filter(lambda rule: rule.source != rule.target)  # fmt: skip


@st.composite
def schemes(draw: st.DrawFn) -> Scheme:
    criteria = draw(listed(st.builds(Criterion, names, text), 1, 5, lambda one: one.name.id))
    asked = st.lists(st.sampled_from([one.name for one in criteria]), min_size=1, unique=True).map(tuple)
    profiles = draw(listed(st.builds(Profile, names, asked, levels), 1, 3, lambda one: one.name))
    return Scheme(draw(names), draw(text), draw(ids), criteria, profiles)


@st.composite
def trust_lists(draw: st.DrawFn) -> TrustList:
    issued = draw(st.integers(0, 1 << 62))
    anchors = st.builds(TrustAnchor, ids, keys, text, periods)
    parties = st.builds(Party, st.sampled_from(["east", "west"]), ids, keys, text)
    revocations = st.builds(Revocation, st.sampled_from(Revoked), digests, st.sampled_from(Cause))
    found = draw(listed(parties, 0, 3, lambda one: one.id))
    return TrustList(
        draw(ids), draw(st.integers(0, (1 << 63) - 1)), issued, issued + draw(st.integers(1, MAX_LIFE_MS)),
        draw(listed(anchors, 0, 3, lambda one: one.key.public_key)),
        tuple({one.key.public_key: one for one in found}.values()),
        draw(listed(st.builds(SchemeInForce, ids, names, digests), 0, 3, lambda one: one.name)),
        draw(listed(names, 0, 3, lambda one: one.id)),
        draw(listed(revocations, 0, 3, lambda one: (one.kind, one.digest))),
    )  # fmt: skip


decisions = st.builds(
    Decision,
    st.integers(0, (1 << 63) - 1),
    st.builds(Question, scopes, st.none() | subjects, st.integers(0, (1 << 63) - 1)),
    st.builds(Digests, digests, digests, digests, digests),
    st.none() | st.sampled_from(Refusal),
    text,
    st.none() | st.builds(CertificateSeen, ids, subjects, scopes, levels),
    st.none() | names,
    listed(st.builds(CriterionResult, names, text, st.sampled_from(Met), text)),
)


@settings(max_examples=60, deadline=None)  # P-256 is signed in plain Python
@given(certificates)
def test_every_certificate_comes_back(certificate: Certificate) -> None:
    content = sign_certificate(certificate, OTHER_BODY.sign, OTHER_BODY.key)
    assert verify_certificate(content, OTHER_BODY.key) == certificate


@settings(max_examples=60, deadline=None)  # P-256 is signed in plain Python
@given(accreditations)
def test_every_accreditation_comes_back(accreditation: Accreditation) -> None:
    content = sign_accreditation(accreditation, BODY.sign, BODY.key)
    assert verify_accreditation(content, BODY.key) == accreditation


@settings(max_examples=60, deadline=None)  # P-256 is signed in plain Python
@given(schemes())
def test_every_scheme_comes_back(scheme: Scheme) -> None:
    assert Scheme.from_bytes(scheme.to_bytes()) == scheme


@settings(max_examples=60, deadline=None)  # P-256 is signed in plain Python
@given(rules)
def test_every_rule_comes_back(rule: EquivalenceRule) -> None:
    assert read_rule(rule.to_bytes()) == rule
    signed = examples.signed_rule(rule, EAST_PARTY, WEST_PARTY)
    assert SignedRule.from_value(decode(encode(signed.to_value()))) == signed
    assert signed.rule == rule


@settings(max_examples=60, deadline=None)  # P-256 is signed in plain Python
@given(trust_lists())
def test_every_trust_list_comes_back(trust_list: TrustList) -> None:
    content = sign_trust_list(trust_list, PUBLISHER.sign, PUBLISHER.key)
    assert verify_trust_list(content, PUBLISHER.key) == trust_list


@settings(max_examples=60, deadline=None)  # P-256 is signed in plain Python
@given(decisions)
def test_every_decision_comes_back(decision: Decision) -> None:
    content = decision.to_bytes()
    assert Decision.from_bytes(content) == decision
    assert Decision.from_bytes(content).to_bytes() == content


@pytest.mark.parametrize("number", ["a b", "", "\ud800", "a@1", "a" * 256])
def test_nothing_is_signed_that_a_reader_would_refuse(number: str) -> None:
    with pytest.raises((EvidenceError, ValueError)):
        sign_certificate(replace(examples.CERTIFICATE, id=number), OTHER_BODY.sign, OTHER_BODY.key)


def test_a_certificate_may_be_as_long_as_its_limit_and_no_longer() -> None:
    def made(spare: int) -> bytes:
        criteria = [*(Named(f"{n:0>3}".ljust(255, "x"), "1") for n in range(61)), Named("y" * spare, "1")]
        assessed = tuple(Assessment(one, Outcome.MET) for one in criteria)
        return sign_certificate(replace(examples.CERTIFICATE, assessments=assessed), OTHER_BODY.sign, OTHER_BODY.key)

    spare = 40 + MAX_CERTIFICATE_BYTES - len(made(40))
    assert len(made(spare)) == MAX_CERTIFICATE_BYTES
    with pytest.raises(EvidenceError, match="malformed: a message of 16385 bytes; the limit is 16384"):
        made(spare + 1)


def test_a_rule_is_signed_once_by_each_of_two() -> None:
    both = examples.signed_rule(RULE, EAST_PARTY, WEST_PARTY)
    for signed, by in ((both, BODY), (examples.signed_rule(RULE, EAST_PARTY), EAST_PARTY)):
        with pytest.raises(ValueError, match="signed once by each of two parties"):
            signed.with_signature(by.sign, by.key)

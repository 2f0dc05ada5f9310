"""`packseal recognise` and `packseal certify`: files in, a decision or something signed out.

What is recognised is decided in exchange/recognition/; keys stay in their signer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from packseal.errors import ConfigError, EvidenceError
from packseal.exchange.recognition.decision import MAX_DECISION_BYTES, Decision, Question
from packseal.exchange.recognition.equivalence import MAX_RULE_BYTES, SIGNATURES, SignedRule, sign_rule
from packseal.exchange.recognition.papers import (
    MAX_CERTIFIED_BYTES,
    MAX_RULES_BYTES,
    Certified,
    Papers,
    RuleBook,
)
from packseal.exchange.recognition.recognise import recognise, replayed
from packseal.exchange.recognition.scheme import MAX_SCHEME_BYTES, Scheme
from packseal.exchange.recognition.trust_list import MAX_TRUST_LIST_BYTES, sign_trust_list
from packseal.io.files import read_bounded
from packseal.io.keys import Signer
from packseal.io.recognition_drafts import (
    AccreditationDraft,
    CertificateDraft,
    PublisherFile,
    RuleDraft,
    SchemeDraft,
    TrustListDraft,
    key_of,
    named_of,
    subject_of,
)
from packseal.io.settings_file import load_settings
from packseal.records.cbor import decode, encode
from packseal.records.certificates import MAX_ACCREDITATION_BYTES, Subject, sign_accreditation, sign_certificate
from packseal.records.cose import VerifyingKey
from packseal.records.fields import malformed
from packseal.records.versions import Scope

Made = TypeVar("Made")
PUBLISHER = "publisher.toml"
SIGNED_RULE_TAG = "packseal/signed-rule/1"
MAX_SIGNED_RULE_BYTES = SIGNATURES * MAX_RULE_BYTES + 64


@dataclass(frozen=True, slots=True)
class PaperFiles:
    """publisher: the file that says whose trust list it has to be; publisher.toml beside the list unless given."""

    certified: Path
    rules: Path
    trust_list: Path
    publisher: Path | None = None

    def read(self) -> Papers:
        """Raises ConfigError."""
        return Papers(
            read_bounded(self.certified, MAX_CERTIFIED_BYTES),
            read_bounded(self.rules, MAX_RULES_BYTES),
            read_bounded(self.trust_list, MAX_TRUST_LIST_BYTES),
            self._publisher_key(),
        )

    def _publisher_key(self) -> VerifyingKey:
        path = self.publisher or self.trust_list.parent / PUBLISHER
        if not path.is_file():
            words = "say whose trust list you take with --publisher FILE, as `packseal key show` prints it"
            raise ConfigError(f"no publisher: {path} is missing; {words}")
        return key_of(load_settings(path, PublisherFile).public_key)


def decided(papers: Papers, target: Scope | None, subject: Subject | None, sequence: int, now_unix_ms: int) -> Decision:
    """target: None where the rules lead to one scope alone. Raises ConfigError, EvidenceError."""
    scope = target or _only_target(papers.rules)
    return recognise(papers, Question(scope, subject, sequence), now_unix_ms)


def replay_of(path: Path, papers: Papers) -> tuple[Decision, bool]:
    """The decision that comes of these papers at the time that a stored one states, and whether it is the same, byte
    for byte. Raises ConfigError, EvidenceError."""
    content = read_bounded(path, MAX_DECISION_BYTES)
    again = replayed(Decision.from_bytes(content), papers)
    return again, again.to_bytes() == content


def scope_of(scheme: str, profile: str) -> Scope:
    """Raises ConfigError."""
    return _given("--as", lambda: Scope(named_of(scheme), named_of(profile)))


def subject_from(text: str) -> Subject:
    """Raises ConfigError."""
    return _given("--subject", lambda: subject_of(text))


def _only_target(rules: bytes) -> Scope:
    targets = {signed.rule.target for signed in RuleBook.from_bytes(rules).rules}
    if len(targets) != 1:
        names = "; ".join(sorted(map(str, targets))) or "none"
        raise ConfigError(f"say with --as SCHEME PROFILE what to recognise it as; the rules lead to: {names}")
    return targets.pop()


# ---- what is signed


def certificate_file(draft: Path, accreditations: Iterable[Path], signer: Signer) -> bytes:
    """A certificate, with the accreditations that lead to its issuer. Raises ConfigError."""
    certificate = load_settings(draft, CertificateDraft).certificate()
    chain = tuple(read_bounded(path, MAX_ACCREDITATION_BYTES) for path in accreditations)
    signed = _drafted(draft, lambda: sign_certificate(certificate, signer, key_of(signer.public_key)))
    content = Certified(signed, chain).to_bytes()
    _drafted(draft, lambda: Certified.from_bytes(content))
    return content


def accreditation_file(draft: Path, signer: Signer) -> bytes:
    """Raises ConfigError."""
    accreditation = load_settings(draft, AccreditationDraft).accreditation()
    return _drafted(draft, lambda: sign_accreditation(accreditation, signer, key_of(signer.public_key)))


def scheme_file(draft: Path) -> bytes:
    """Signed by nobody: a trust list names it by its SHA-256. Raises ConfigError."""
    return _drafted(draft, load_settings(draft, SchemeDraft).document().to_bytes)


def rule_file(draft: Path, signer: Signer) -> SignedRule:
    """Signed by the first of its two parties. Raises ConfigError."""
    rule = load_settings(draft, RuleDraft).equivalence()
    return _drafted(draft, lambda: sign_rule(rule, signer, key_of(signer.public_key)))


def countersigned(path: Path, signer: Signer) -> SignedRule:
    """The rule in the file, signed by its second party too. Raises ConfigError, EvidenceError."""
    return _drafted(path, lambda: read_signed_rule(path).with_signature(signer, key_of(signer.public_key)))


def rule_bytes(signed: SignedRule) -> bytes:
    return encode([SIGNED_RULE_TAG, signed.to_value()])


def read_signed_rule(path: Path) -> SignedRule:
    """Raises ConfigError, EvidenceError."""
    match decode(read_bounded(path, MAX_SIGNED_RULE_BYTES)):
        case [str(tag), value] if tag == SIGNED_RULE_TAG:
            return SignedRule.from_value(value)
    raise malformed(f"{path} is no signed rule")


def rule_book(schemes: Sequence[Path], rules: Sequence[Path]) -> bytes:
    """Raises ConfigError, EvidenceError."""
    documents = tuple(read_bounded(path, MAX_SCHEME_BYTES) for path in schemes)
    for document in documents:
        Scheme.from_bytes(document)
    content = RuleBook(documents, tuple(map(read_signed_rule, rules))).to_bytes()
    RuleBook.from_bytes(content)
    return content


def trust_list_file(draft: Path, signer: Signer, now_unix_ms: int) -> bytes:
    """Issued now. Raises ConfigError."""
    settings = load_settings(draft, TrustListDraft)
    made = _drafted(draft, lambda: settings.trust_list(now_unix_ms))
    return _drafted(draft, lambda: sign_trust_list(made, signer, key_of(signer.public_key)))


def _drafted(path: Path, make: Callable[[], Made]) -> Made:
    """What nobody would read is a mistake of who wrote it, not bad evidence."""
    try:
        return make()
    except EvidenceError as error:
        raise ConfigError(f"{path}: {error.detail}") from None
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path}: {error}") from None


def _given(option: str, make: Callable[[], Made]) -> Made:
    try:
        return make()
    except ValueError as error:
        raise ConfigError(f"{option} {error}") from None

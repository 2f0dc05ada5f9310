"""SD-JWT: the RFC's own example, then ours; a presentation is for one verifier and one question."""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OKPKey
from nacl.signing import SigningKey

from packseal.errors import CredentialError
from packseal.exchange import disclosures, sd_jwt, service_word
from packseal.exchange.disclosures import Names, from_unpadded, hide, opened, parsed, read_disclosure, unpadded, written
from packseal.exchange.loss import Json, Loss, Why
from packseal.exchange.sd_jwt import JWSSigner, PublicKey, Question
from packseal.exchange.service_word import Issuance, place
from packseal.exchange.source import Bound, Source
from tests.exchange import rfc9901
from tests.exchange.packs import CATEGORIES, pack, sparse_pack

NOW_UNIX_S = 1_800_000_000
QUESTION = Question("https://verifier.example", "a nonce of theirs")
KIND = "test+sd-jwt"
SEED = bytes(range(32))
SERVICE = JWSSigner("EdDSA", lambda message: SigningKey(SEED).sign(message).signature, "service-1")
SERVICE_KEY = PublicKey.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": unpadded(bytes(SigningKey(SEED).verify_key))})
HOLDER_KEY = ec.derive_private_key(1234567, ec.SECP256R1())
CLAIMS: Json = {"sub": "b", "values": {"soc": {"content": 63, "method": "count"}, "soh": {"content": 91}}}


def p256_signature(message: bytes) -> bytes:
    r, s = decode_dss_signature(HOLDER_KEY.sign(message, ec.ECDSA(SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def holder_jwk() -> dict[str, str]:
    numbers = HOLDER_KEY.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": unpadded(numbers.x.to_bytes(32)), "y": unpadded(numbers.y.to_bytes(32))}


HOLDER = JWSSigner("ES256", p256_signature)


def salts() -> Iterator[bytes]:
    return (number.to_bytes(16) for number in itertools.count(1))


def below_values(names: Names) -> bool:
    return len(names) == 2 and names[0] == "values"


def issue(claims: Json = CLAIMS, is_hidden: Callable[[Names], bool] = below_values) -> str:
    return sd_jwt.issue(claims | {"cnf": {"jwk": holder_jwk()}}, is_hidden, salts(), SERVICE, KIND)


def bound(presentation: str, question: Question = QUESTION) -> str:
    return sd_jwt.bind(presentation, question, NOW_UNIX_S, HOLDER)


def verify(token: str, question: Question | None = QUESTION, now_unix_s: int = NOW_UNIX_S) -> Json:
    return sd_jwt.verify(token, KIND, SERVICE_KEY, now_unix_s, question)


# ---- the example of RFC 9901


@pytest.mark.parametrize(("name", "text", "digest", "content"), rfc9901.DISCLOSURES)
def test_disclosures_of_the_rfc_have_its_digests(name: str | None, text: str, digest: str, content: object) -> None:
    read = read_disclosure(text)
    assert (read.digest, read.name, read.content) == (digest, name, content)


def rfc_verify(token: str, nonce: str = rfc9901.NONCE, now_unix_s: int = rfc9901.BOUND_AT_UNIX_S) -> Json:
    question = Question(rfc9901.AUDIENCE, nonce)
    return sd_jwt.verify(token, rfc9901.KIND, PublicKey.from_jwk(rfc9901.ISSUER_JWK), now_unix_s, question)


def test_presentation_of_the_rfc_says_what_it_says_there() -> None:
    assert rfc_verify(rfc9901.presentation()) == {
        "iss": "https://issuer.example.com",
        "iat": 1683000000,
        "exp": 1883000000,
        "sub": "user_42",
        "nationalities": ["US"],
        "cnf": {"jwk": rfc9901.HOLDER_JWK},
        "family_name": "Doe",
        "address": {"street_address": "123 Main St", "locality": "Anytown", "region": "Anystate", "country": "US"},
        "given_name": "John",
    }


def test_presentation_of_the_rfc_is_bound_to_its_nonce_and_its_time() -> None:
    with pytest.raises(CredentialError, match="another nonce"):
        rfc_verify(rfc9901.presentation(), nonce="1234567891")
    with pytest.raises(CredentialError, match="not made just now"):
        rfc_verify(rfc9901.presentation(), now_unix_s=rfc9901.BOUND_AT_UNIX_S + sd_jwt.MAX_AGE_S + 1)


def test_a_part_of_the_rfcs_example_is_presented_and_hashed_as_there() -> None:
    shown = sd_jwt.present(rfc9901.sd_jwt(), [("family_name",), ("address",), ("given_name",)])
    names = {read_disclosure(text).name for text in shown.split("~")[1:-1]}
    assert names == {"family_name", "address", "given_name"}
    assert disclosures.digest(rfc9901.presentation().removesuffix(rfc9901.BINDING)) == rfc9901.SD_HASH


# ---- our own


def test_holder_shows_what_it_wants_and_no_more() -> None:
    claims = verify(bound(sd_jwt.present(issue(), [("values", "soc")])))
    assert claims["values"] == {"soc": {"content": 63, "method": "count"}}


def test_what_stands_beside_a_value_is_kept_back_by_itself() -> None:
    token = issue(is_hidden=lambda names: below_values(names) or names[-1] == "method")
    assert verify(bound(sd_jwt.present(token, [("values", "soc")])))["values"] == {"soc": {"content": 63}}
    shown = verify(bound(sd_jwt.present(token, [("values", "soc", "method")])))
    assert shown["values"] == {"soc": {"content": 63, "method": "count"}}


def test_nothing_is_shown_that_nobody_hid() -> None:
    with pytest.raises(CredentialError, match="values/power"):
        sd_jwt.present(issue(), [("values", "power")])


def test_another_verifier_and_another_nonce_are_refused() -> None:
    token = bound(sd_jwt.present(issue(), []))
    with pytest.raises(CredentialError, match="another audience"):
        verify(token, Question("https://other.example", QUESTION.nonce))
    with pytest.raises(CredentialError, match="another nonce"):
        verify(token, Question(QUESTION.audience, "another"))


def test_binding_is_asked_for_by_the_verifier_and_not_by_what_was_sent() -> None:
    unbound = sd_jwt.present(issue(), [("values", "soc")])
    with pytest.raises(CredentialError, match="bound to no verifier"):
        verify(unbound)
    assert verify(unbound, question=None)["values"] == {"soc": {"content": 63, "method": "count"}}


def test_binding_of_less_is_none_of_more() -> None:
    """What was bound with one value shown cannot be shown with another."""
    full = issue()
    binding = bound(sd_jwt.present(full, [("values", "soc")])).rpartition("~")[2]
    with pytest.raises(CredentialError, match="another presentation"):
        verify(full + binding)


def test_binding_by_another_key_is_refused() -> None:
    presentation = sd_jwt.present(issue(), [])
    with pytest.raises(CredentialError, match="kb"):
        verify(sd_jwt.bind(presentation, QUESTION, NOW_UNIX_S, SERVICE))
    other = ec.derive_private_key(7, ec.SECP256R1())
    signed = JWSSigner("ES256", lambda message: _raw(other.sign(message, ec.ECDSA(SHA256()))))
    with pytest.raises(CredentialError, match="a signature"):
        verify(sd_jwt.bind(presentation, QUESTION, NOW_UNIX_S, signed))


def _raw(der: bytes) -> bytes:
    r, s = decode_dss_signature(der)
    return r.to_bytes(32) + s.to_bytes(32)


def test_what_is_bound_is_not_bound_again() -> None:
    with pytest.raises(CredentialError, match="bound already"):
        bound(bound(sd_jwt.present(issue(), [])))


def test_token_that_its_issuer_bound_to_no_key_cannot_be_bound() -> None:
    token = sd_jwt.issue(CLAIMS, below_values, salts(), SERVICE, KIND)
    with pytest.raises(CredentialError, match="bound it to no key"):
        verify(bound(token))


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ({"exp": NOW_UNIX_S - sd_jwt.LEEWAY_S}, "expired"),
        ({"nbf": NOW_UNIX_S + sd_jwt.LEEWAY_S + 1}, "not valid yet"),
        ({"iat": NOW_UNIX_S + sd_jwt.LEEWAY_S + 1}, "not valid yet"),
        ({"exp": "tomorrow"}, "no time"),
        ({"exp": True}, "no time"),
    ],
)
def test_times_count(times: Json, words: str) -> None:
    with pytest.raises(CredentialError, match=words):
        verify(issue(CLAIMS | times), question=None)


def test_times_count_with_leeway() -> None:
    assert verify(issue(CLAIMS | {"exp": NOW_UNIX_S - sd_jwt.LEEWAY_S + 1}), question=None)["sub"] == "b"


@pytest.mark.parametrize("algorithm", ["none", "HS256", "ES256"])
def test_algorithm_is_the_keys_and_not_the_messages(algorithm: str) -> None:
    jwt, _, rest = issue().partition("~")
    _, payload, signature = jwt.split(".")
    header = unpadded(written({"alg": algorithm, "typ": KIND}))
    with pytest.raises(CredentialError, match="signed with EdDSA"):
        verify(f"{header}.{payload}.{signature}~{rest}", question=None)


def test_kind_is_the_expected_one() -> None:
    with pytest.raises(CredentialError, match="no other"):
        sd_jwt.verify(issue(), "other+sd-jwt", SERVICE_KEY, NOW_UNIX_S, None)


def test_every_changed_character_of_the_signed_part_is_refused() -> None:
    token = issue()
    jwt, _, rest = token.partition("~")
    for index in range(0, len(jwt), 7):
        changed = jwt[:index] + ("A" if jwt[index] != "A" else "B") + jwt[index + 1 :]
        with pytest.raises(CredentialError):
            verify(f"{changed}~{rest}", question=None)


def test_every_truncation_is_refused_in_one_way() -> None:
    token = bound(sd_jwt.present(issue(), [("values", "soc")]))
    for length in range(0, len(token), 5):
        with pytest.raises(CredentialError):
            verify(token[:length])


def payload_with(disclosure_contents: list[object], **payload: object) -> tuple[Json, list[disclosures.Disclosure]]:
    texts = [unpadded(written(content)) for content in disclosure_contents]
    digests = list(dict.fromkeys(disclosures.digest(text) for text in texts))
    return {"_sd": digests, **payload}, [read_disclosure(text) for text in texts]


HOSTILE: dict[str, tuple[Json, list[disclosures.Disclosure]]] = {
    "a reserved name": payload_with([["salt", "_sd", []]]),
    "another reserved name": payload_with([["salt", "...", "x"]]),
    "a name that is there already": payload_with([["salt", "sub", "other"]], sub="b"),
    "the same name twice": payload_with([["s1", "soc", 1], ["s2", "soc", 2]]),
    "an element of an array in an object": payload_with([["salt", "content alone"]]),
    "a digest twice": ({"_sd": ["a", "a"]}, []),
    "a digest that is no text": ({"_sd": [1]}, []),
    "digests that are no list": ({"_sd": "a"}, []),
    "another algorithm": ({"_sd_alg": "md5"}, []),
    "the algorithm further inside": ({"values": {"_sd_alg": "sha-256"}}, []),
    "an element with more than its digest": ({"list": [{"...": "a", "x": 1}]}, []),
    "an element's word outside of an array": ({"values": {"...": "a"}}, []),
    "nested too deep": ({"a": json.loads("[" * 17 + "]" * 17)}, []),
    "a disclosure twice": payload_with([["salt", "soc", 1]] * 2),
    "a disclosure of nothing": ({}, payload_with([["salt", "soc", 1]])[1]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_the_rfc_forbids_is_refused(name: str) -> None:
    with pytest.raises(CredentialError):
        opened(*HOSTILE[name])


@pytest.mark.parametrize(
    "text",
    ["", "!", "WyJh", "WyJzIiwgInMiXQ=", unpadded(b'{"a": 1}'), unpadded(b'["s"]'), unpadded(b'["s","n",1,2]'),
     unpadded(b'[1,"n",1]'), unpadded(b'["s",2,1]'), unpadded(b'["s","n",NaN]'), unpadded(b'["s","n",{"a":1,"a":2}]'),
     unpadded(b"[" * 100_000)],
)  # fmt: skip
def test_disclosures_are_read_strictly(text: str) -> None:
    with pytest.raises(CredentialError):
        read_disclosure(text)


def test_base64url_has_one_form() -> None:
    """Of the last character of "WyJzIiwgInMiXQ" four bits say nothing; another one would be a second text for it."""
    assert from_unpadded("WyJzIiwgInMiXQ") == b'["s", "s"]'
    with pytest.raises(CredentialError, match="has to be written"):
        from_unpadded("WyJzIiwgInMiXR")


def test_a_large_text_is_refused_before_anything_reads_it() -> None:
    with pytest.raises(CredentialError, match="at most"):
        verify("~" * (sd_jwt.MAX_CHARS + 1))


def test_salts_are_long_and_enough() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        hide({"a": 1}, lambda _: True, iter([b"short"]))
    with pytest.raises(ValueError, match="fewer salts"):
        hide({"a": 1, "b": 2}, lambda _: True, iter([bytes(16)]))


def test_words_of_the_format_are_no_names_of_ours() -> None:
    with pytest.raises(ValueError, match="format"):
        hide({"list": [{"...": "a"}]}, lambda _: False, salts())


NAMES = st.text(min_size=1, max_size=5).filter(lambda name: name not in disclosures.RESERVED)
SCALARS = st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | st.text(max_size=8)
OBJECTS = st.recursive(
    st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, max_size=3), max_size=4),
    lambda inner: st.dictionaries(NAMES, inner | SCALARS, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)  # the machine may be busy
@given(OBJECTS, st.integers(0, 1 << 62))
def test_what_was_hidden_opens_again(claims: Json, chance: int) -> None:
    def is_hidden(names: Names) -> bool:
        return zlib.crc32(repr((names, chance)).encode()) % 2 == 0

    payload, made = hide(claims, is_hidden, salts())
    travelled = parsed(written(payload))
    assert isinstance(travelled, dict)
    found, places = opened(travelled, [read_disclosure(one.text) for one in reversed(made)])
    assert found == claims
    assert len(places) == len(made)


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=300))
def test_only_our_own_errors_escape(content: bytes) -> None:
    with pytest.raises(CredentialError):
        verify(content.decode("latin-1"))


# ---- the service's word of a passport


def issued(source: Source) -> str:
    made = service_word.make(source)
    issuance = Issuance("https://passports.example", NOW_UNIX_S, NOW_UNIX_S + 3600, holder_jwk())
    enough = [number.to_bytes(16) for number in range(service_word.count_hidden(made))]
    return service_word.issued(made, issuance, enough, SERVICE)


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("kind", [pack, sparse_pack])
def test_every_value_of_a_pack_is_said_and_marked(category: str, kind: Callable[[str], Source]) -> None:
    source = kind(category)
    claims = service_word.verify(issued(source), SERVICE_KEY, NOW_UNIX_S, None)
    values = claims["values"]
    assert isinstance(values, dict)
    assert set(values) == set(source.values)
    assert (claims["word_of"], claims["sub"]) == ("service", source.passport)
    assert not service_word.make(source).losses


def test_one_value_is_shown_with_the_record_that_it_rests_on() -> None:
    source = pack("EV")
    token = sd_jwt.present(issued(source), [place("soh_capacity_cpct"), place("soh_capacity_cpct/record")])
    claims = service_word.verify(bound(token), SERVICE_KEY, NOW_UNIX_S, QUESTION)
    record = source.values["soh_capacity_cpct"].record
    assert record is not None
    assert claims["values"] == {
        "soh_capacity_cpct": {
            "content": 91.2, "unit": "%", "group": 4, "origin": "measured",
            "record": {"log_id": record[0], "seq": record[1]},
        }
    }  # fmt: skip
    assert "137.894" not in str(claims)
    assert "evidence" in claims
    assert claims["evidence"] == {}


def test_a_partner_is_told_a_bound_alone() -> None:
    source = sparse_pack("EV")
    soc = source.values["soc"]
    told = type(soc)("soc", None, "%", 4, soc.origin, bound=Bound(Decimal(60), is_at_least=True), rule="r1")
    made = service_word.make(source.with_values({"soc": told}, ()))
    assert made.document["values"] == {"soc": {"at_least": 60, "unit": "%", "group": 4, "origin": "measured"}}
    assert made.leaves["/values/soc/at_least"].rule == "r1"
    assert [loss.why for loss in made.losses] == []


def test_logs_of_values_that_were_kept_back_are_not_named() -> None:
    source = pack("EV")
    made = service_word.make(source.with_values({"mass": source.values["mass"]}, ()))
    assert "evidence" not in made.document


def test_files_are_named_where_a_value_is_one() -> None:
    made = service_word.make(pack("EV"))
    assert made.document["files"] == {
        "ab" * 32: {"name": "test report.pdf", "type": "application/pdf", "bytes": 48113},
        "cd" * 32: {"name": "declaration of conformity.pdf", "type": "application/pdf", "bytes": 20480},
    }


def test_a_token_of_the_service_says_whose_word_it_is() -> None:
    token = sd_jwt.issue({"sub": "x"}, below_values, salts(), SERVICE, service_word.TYPE)
    with pytest.raises(CredentialError, match="whose word"):
        service_word.verify(token, SERVICE_KEY, NOW_UNIX_S, None)


def test_keys_of_other_curves_are_none() -> None:
    for jwk in (None, {}, {"kty": "EC", "crv": "P-384"}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}):
        with pytest.raises(CredentialError):
            PublicKey.from_jwk(jwk)
    assert PublicKey.from_jwk(holder_jwk()).algorithm == "ES256"
    assert isinstance(SERVICE_KEY.key, OKPKey)
    assert isinstance(PublicKey.from_jwk(rfc9901.HOLDER_JWK).key, ECKey)


def test_a_private_key_is_not_taken_in() -> None:
    private = ECKey.generate_key("P-256").as_dict(private=True)
    assert not PublicKey.from_jwk(private).key.is_private


def test_losses_of_a_partners_rules_stay() -> None:
    kept_back = Loss(Why.WITHHELD, "", "soc", "the rules of the partner keep it back")
    assert service_word.make(sparse_pack("EV").with_values({}, (kept_back,))).losses == (kept_back,)

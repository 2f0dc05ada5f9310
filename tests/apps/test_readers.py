"""Who is taken for whom: by key, by a real provider's tokens, and everybody else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from packseal.apps.passport_server import PassportServer
from packseal.apps.readers import FAILED_PER_MINUTE, ReaderMiddleware, Readers, seen_groups
from packseal.errors import PackSealError
from packseal.io.access_settings import AccessTable, OIDCTable, ReaderTable
from packseal.io.keys import new_reader_key
from packseal.io.oidc import LONGEST_S, RETRY_S
from packseal.io.settings import PassportFileSettings
from packseal.io.settings_file import load_settings
from packseal.passport.attributes import Group
from tests.apps.asking import Answer, Clock, ask, served
from tests.apps.command import packseal
from tests.apps.oidc_provider import ALGORITHMS, AUDIENCE, OIDCProvider, PrivateKey, made_keys, opened
from tests.apps.test_passport_server import Place

KEY, DIGEST = new_reader_key()
OTHER_KEY, OTHER_DIGEST = new_reader_key()
PUBLIC = {"role": "public", "name": "", "batteries": None}


@pytest.fixture(scope="module")
def running_provider() -> Iterator[OIDCProvider]:
    provider = OIDCProvider()
    yield provider
    provider.stop()


@pytest.fixture
def provider(running_provider: OIDCProvider) -> OIDCProvider:
    """With new keys, so that no test depends on another."""
    running_provider.rotate({**running_provider.keys, **made_keys("1")})
    return running_provider


@pytest.fixture
def clock() -> Clock:
    return Clock()


def readers_of(issuer: str, clock: Clock, **access: Any) -> Readers:
    tables = (
        {"name": "Surveillance", "role": "authority", "issuer": issuer, "subject": "surveillance"},
        {"name": "Workshops", "role": "legitimate-interest", "issuer": issuer, "claim": "groups", "value": "fitters"},
        {"name": "Depot", "role": "owner", "batteries": ["pack-1"], "key_sha256": DIGEST.hex()},
    )
    readers = [ReaderTable.model_validate(table) for table in tables]
    oidc = [OIDCTable(issuer=issuer, audience=AUDIENCE)]
    return Readers(AccessTable(**access), readers, oidc, now_unix_s=clock.unix_s, clock_s=clock.running_s)


def shown(readers: Readers, token: str) -> Answer:
    with served(readers) as port:
        return ask(port, f"Bearer {token}")


# ---- tokens


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_good_token(provider: OIDCProvider, clock: Clock, algorithm: str) -> None:
    answer = shown(readers_of(provider.issuer, clock), provider.token("surveillance", algorithm))
    assert (answer.status, answer.json) == (200, {"role": "authority", "name": "Surveillance", "batteries": None})


def test_a_reader_is_known_by_a_claim(provider: OIDCProvider, clock: Clock) -> None:
    answer = shown(readers_of(provider.issuer, clock), provider.token("workshop"))
    assert (answer.status, answer.json["name"]) == (200, "Workshops")


def test_a_good_token_of_nobody_here_is_refused(provider: OIDCProvider, clock: Clock) -> None:
    answer = shown(readers_of(provider.issuer, clock), provider.token("stranger"))
    assert (answer.status, "no reader here" in answer.detail) == (403, True)


@pytest.mark.parametrize(("later_s", "status"), [(2 * 3600 + 29, 200), (2 * 3600 + 40, 401)])
def test_a_token_expires(provider: OIDCProvider, clock: Clock, later_s: int, status: int) -> None:
    token = provider.token()
    clock.added_s = later_s - 5  # the test itself takes a moment
    answer = shown(readers_of(provider.issuer, clock), token)
    assert answer.status == status
    assert status == 200 or "expired" in answer.detail


def test_a_token_for_another_service_is_refused(provider: OIDCProvider, clock: Clock) -> None:
    assert is_refused(shown(readers_of(provider.issuer, clock), provider.token(audience="https://other.example")))


def is_refused(answer: Answer) -> bool:
    """With words, and with what would be taken instead."""
    says = answer.headers.get("www-authenticate", "").startswith("Bearer ")
    return answer.status == 401 and bool(answer.detail) and says


def part(value: object) -> str:
    return unpadded(json.dumps(value).encode())


def unpadded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(provider: OIDCProvider, token: str, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """By the provider's own key: only what is changed can be what it is refused for."""
    old_header, old_claims = opened(token)
    said = {name: value for name, value in (old_claims | claims).items() if value is not None}
    content = f"{part(old_header | header)}.{part(said)}"
    return f"{content}.{unpadded(signature_by(provider.keys['RS256'], content.encode()))}"


def signature_by(key: PrivateKey, content: bytes) -> bytes:
    assert isinstance(key, RSAKey)
    assert key.private_key
    return key.private_key.sign(content, PKCS1v15(), SHA256())


FAR = 4_000_000_000


@pytest.mark.parametrize(
    ("header", "claims", "is_good"),
    [
        ({}, {}, True),
        ({"typ": "JWT"}, {}, True),
        ({}, {"aud": ["https://other.example", AUDIENCE]}, True),
        ({}, {"iss": "http://127.0.0.1:9"}, False),
        ({}, {"iss": None}, False),
        ({}, {"iss": ["http://127.0.0.1:9"]}, False),
        ({}, {"aud": None}, False),
        ({}, {"aud": AUDIENCE + "/"}, False),
        ({}, {"exp": None}, False),
        ({}, {"exp": "4000000000"}, False),
        ({}, {"nbf": FAR}, False),
        ({}, {"iat": FAR}, False),
        ({}, {"cnf": {"jkt": "x"}}, False),
        ({"kid": "rs-unknown"}, {}, False),
        ({"kid": "es-1"}, {}, False),
        ({"kid": ["rs-1"]}, {}, False),
        ({"typ": "logout+jwt"}, {}, False),
        ({"crit": ["unheard-of"], "unheard-of": 1}, {}, False),
    ],
)
def test_what_a_token_has_to_say(
    provider: OIDCProvider, clock: Clock, header: dict[str, Any], claims: dict[str, Any], is_good: bool
) -> None:
    forged = signed(provider, provider.token(), header, claims)
    answer = shown(readers_of(provider.issuer, clock), forged)
    if is_good:
        assert answer.json["name"] == "Surveillance"
    else:
        assert is_refused(answer)


def test_no_signature_is_no_token(provider: OIDCProvider, clock: Clock) -> None:
    header, claims = opened(provider.token())
    unsigned = f"{part(header | {'alg': 'none'})}.{part(claims)}."
    assert is_refused(shown(readers_of(provider.issuer, clock), unsigned))


@pytest.mark.parametrize("encoding", ["pem", "der", "n"])
def test_a_public_key_is_no_secret_to_sign_with(provider: OIDCProvider, clock: Clock, encoding: str) -> None:
    """HS256 with what everybody knows as its key (RFC 8725 section 2.1)."""
    key = provider.keys["RS256"]
    assert isinstance(key, RSAKey)
    known = {"pem": key.as_pem(private=False), "der": key.as_der(private=False), "n": key.as_dict()["n"].encode()}  # type: ignore[union-attr]
    header, claims = opened(provider.token())
    content = f"{part(header | {'alg': 'HS256'})}.{part(claims)}"
    tag = hmac.digest(known[encoding], content.encode(), hashlib.sha256)
    assert is_refused(shown(readers_of(provider.issuer, clock), f"{content}.{unpadded(tag)}"))


def test_somebody_elses_key_of_the_same_name_is_refused(provider: OIDCProvider, clock: Clock) -> None:
    header, claims = opened(provider.token())
    content = f"{part(header)}.{part(claims)}"
    forged = f"{content}.{unpadded(signature_by(made_keys('1')['RS256'], content.encode()))}"
    readers = readers_of(provider.issuer, clock)
    assert is_refused(shown(readers, forged))
    assert shown(readers, provider.token()).status == 200


def test_keys_are_rotated(provider: OIDCProvider, clock: Clock) -> None:
    """A new key is found once the provider may be asked again; the old one counts no more."""
    readers = readers_of(provider.issuer, clock)
    old = provider.token()
    with served(readers) as port:
        assert ask(port, f"Bearer {old}").status == 200
        provider.rotate(made_keys("2"))
        new = provider.token()
        assert is_refused(ask(port, f"Bearer {new}"))
        clock.added_s += RETRY_S
        assert ask(port, f"Bearer {new}").status == 200
        assert is_refused(ask(port, f"Bearer {old}"))


def test_made_up_key_names_do_not_reach_the_provider(provider: OIDCProvider, clock: Clock) -> None:
    readers = readers_of(provider.issuer, clock)
    with served(readers) as port:
        assert ask(port, f"Bearer {provider.token()}").status == 200
        before = provider.times_asked()
        for number in range(FAILED_PER_MINUTE // 2):
            assert is_refused(
                ask(port, "Bearer " + signed(provider, provider.token(), {"kid": f"made-up-{number}"}, {}))
            )
        assert provider.times_asked() == before


def test_a_provider_that_is_down(clock: Clock) -> None:
    """Known keys go on for an hour; then tokens are refused with words, and taken again when it is back."""
    provider = OIDCProvider()
    readers = readers_of(provider.issuer, clock)
    bearer = f"Bearer {provider.token()}"
    with served(readers) as port:
        assert ask(port, bearer).status == 200
        provider.stop()
        clock.added_s = LONGEST_S - 60
        assert ask(port, bearer).status == 200
        assert [provider.issuer in words for words in readers.problems()] == [True]
        clock.added_s = LONGEST_S + 60
        answer = ask(port, bearer)
        assert (answer.status, answer.headers["retry-after"]) == (503, str(RETRY_S))
        assert "cannot be checked" in answer.detail
        assert ask(port, f"Bearer {KEY}").status == 200
        provider.start()
        clock.added_s += RETRY_S
        assert ask(port, bearer).status == 200
        assert readers.problems() == []
    provider.stop()


def test_a_provider_that_speaks_for_another_is_not_believed(provider: OIDCProvider, clock: Clock) -> None:
    """Its discovery document has to name the issuer to the letter (Discovery 1.0 section 4.3)."""
    alias = provider.issuer.replace("127.0.0.1", "localhost")
    answer = shown(readers_of(alias, clock), signed(provider, provider.token(), {}, {"iss": alias}))
    assert (answer.status, "speaks for another issuer" in answer.detail) == (503, True)


# ---- keys, and whoever shows nothing


def test_a_key(clock: Clock) -> None:
    with served(readers_of("https://idp.example", clock)) as port:
        depot = {"role": "owner", "name": "Depot", "batteries": ["pack-1"]}
        assert [ask(port, f"{scheme} {KEY}").json for scheme in ("Bearer", "bearer")] == [depot, depot]
        assert ask(port).json == PUBLIC
        assert is_refused(ask(port, f"Bearer {OTHER_KEY}"))


@pytest.mark.parametrize(
    "credentials",
    [
        ("Bearer",), ("Bearer ",), ("",), (f"Basic {KEY}",), (KEY,), (f"Bearer {KEY} {KEY}",), ("Bearer kä",),
        (f"Bearer {KEY}", f"Bearer {KEY}"), (f"Bearer {DIGEST.hex()}",), ("Bearer ..",), ("Bearer a.b.c",),
        ("Bearer " + "[" * 2000 + ".e30.x",), (f"Bearer e30.{'W1tb' * 3000}.x",),
    ],
)  # fmt: skip
def test_what_is_no_credential_is_refused_and_never_taken_for_the_public(
    clock: Clock, credentials: tuple[str, ...]
) -> None:
    with served(readers_of("https://idp.example", clock)) as port:
        assert is_refused(ask(port, *credentials))


def test_no_answer_repeats_what_was_sent(provider: OIDCProvider, clock: Clock) -> None:
    token = signed(provider, provider.token(), {"kid": "es-1"}, {})
    with served(readers_of(provider.issuer, clock)) as port:
        for sent in (OTHER_KEY, token):
            answer = ask(port, f"Bearer {sent}")
            assert is_refused(answer)
            text = answer.body.decode() + json.dumps(dict(answer.headers))
            assert not [piece for piece in sent.split(".") if piece in text]


@given(st.one_of(st.text(max_size=200), st.tuples(*[st.text("AZaz09-_=", max_size=80)] * 3).map(".".join)))
def test_any_text_is_refused_by_our_own_errors(token: str) -> None:
    readers = readers_of("https://idp.example", Clock())
    assert readers.of_key(token) is None
    with pytest.raises(PackSealError):
        readers.of_token(token)


_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4)


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64"]), _JSON))
def test_any_header_is_refused_by_our_own_errors(header: dict[str, Any]) -> None:
    readers = readers_of("https://127.0.0.1:9", Clock())
    with pytest.raises(PackSealError):
        readers.of_token(f"{part(header)}.{part({'iss': 'https://127.0.0.1:9'})}.x")


# ---- how often


def test_too_many_requests(clock: Clock) -> None:
    with served(readers_of("https://idp.example", clock, requests_per_minute=3)) as port:
        assert [ask(port).status for _ in range(4)] == [200, 200, 200, 429]
        answer = ask(port)
        assert (answer.headers["retry-after"], answer.detail) == ("20", "too many requests; wait 20 s")
        assert ask(port, path="/static/one").status == 200
        assert ask(port, f"Bearer {KEY}").status == 200, "a reader is counted apart from its neighbours"
        clock.added_s += 20
        assert [ask(port).status for _ in range(2)] == [200, 429]


def test_who_fails_often_is_slowed_and_nobody_else(clock: Clock) -> None:
    with served(readers_of("https://idp.example", clock)) as port:
        statuses = [ask(port, f"Bearer {OTHER_KEY}").status for _ in range(FAILED_PER_MINUTE + 2)]
        assert statuses == [401] * FAILED_PER_MINUTE + [429] * 2
        assert ask(port, "Bearer a.b.c").status == 429
        assert [ask(port).status, ask(port, f"Bearer {KEY}").status] == [200, 200]


def test_clients_behind_a_known_proxy_are_counted_apart(clock: Clock) -> None:
    readers = readers_of("https://idp.example", clock, requests_per_minute=1)
    addresses = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"]
    for proxies, expected in ((("127.0.0.1/32",), [200, 429, 200, 200, 429]), ((), [200, 429, 429, 429, 429])):
        with served(readers, proxies=proxies) as port:
            assert [ask(port, headers={"X-Forwarded-For": one}).status for one in addresses] == expected


# ---- one answer for what is not there and what is not shown


def test_what_is_not_there_and_what_is_not_shown_have_the_same_answer(clock: Clock) -> None:
    def log(request: Request) -> JSONResponse:
        battery = request.path_params["battery"]
        there = battery in ("pack-1", "pack-2")
        return JSONResponse(sorted(seen_groups(request, battery, exists=there, needs=Group.INDIVIDUAL)))

    readers = readers_of("https://idp.example", clock)
    app = Starlette(routes=[Route("/{battery}", log)], middleware=[Middleware(ReaderMiddleware, readers=readers)])
    with served(readers, app=app) as port:
        assert ask(port, f"Bearer {KEY}", path="/pack-1").json == [1, 2, 4]
        answers = [ask(port, f"Bearer {KEY}", path=path) for path in ("/pack-2", "/pack-3")]
        answers += [ask(port, path=path) for path in ("/pack-1", "/pack-3")]
    assert {answer.status for answer in answers} == {404}
    assert len({(answer.body, *sorted(h for h in answer.headers.items() if h[0] != "date")) for answer in answers}) == 1


# ---- the service as a whole


def test_a_service_by_its_settings(tmp_path: Path) -> None:
    """A key made by the command lets its reader in, and no more once it is taken out of the settings."""
    place = Place(tmp_path)
    made = packseal("passport", "reader-key", "--name", "Depot", "--role", "owner", "--battery", "pack-1")
    first, _, table = made.out.partition("\n\n")
    bearer = f"Bearer {first.removeprefix('key: ')}"
    without = place.settings_path.read_text()
    port = place.settings.listen.rpartition(":")[2]
    statuses = []
    for text in (without, f"{without}\n{table}", without):
        place.settings_path.write_text(text)
        with place.running() as server:
            assert isinstance(server, PassportServer)
            statuses.append((ask(int(port)).status, ask(int(port), bearer).status))
    assert statuses == [(200, 401), (200, 307), (200, 401)]  # the public is asked for an id, an owner is sent on


def test_anonymous_owner_of_a_bench(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.settings_path.write_text(place.settings_path.read_text() + '[access]\nanonymous = "owner"\n')
    settings = load_settings(place.settings_path, PassportFileSettings)
    readers = Readers(settings.access, batteries=lambda: frozenset({"pack-1"}))
    with served(readers) as port:
        assert ask(port).json == {"role": "owner", "name": "", "batteries": ["pack-1"]}

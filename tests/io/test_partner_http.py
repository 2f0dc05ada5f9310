"""One partner over HTTP against real servers: what is repeated, when it is given up, and what an error says."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from email.utils import format_datetime, formatdate
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from packseal.errors import AddressError, ConfigError, PartnerRefusedError, PartnerUnavailableError
from packseal.io.circuit_breaker import CircuitBreaker
from packseal.io.partner_http import MAX_PAUSE_S, PartnerHTTP
from packseal.io.partner_refusal import MAX_CODE, MAX_WORDS, said
from packseal.io.ports import free_port
from tests.apps.certificates import CertificateAuthority
from tests.sim.server import HANG, Fault, Served, served

TOKEN = "a-bearer-token-of-some-length"  # noqa: S105 - of these tests alone


async def _echo(request: Request) -> Response:
    content = (await request.body()).decode()
    return JSONResponse({"path": request.url.path, "query": request.url.query, "content": content})


async def _large(_request: Request) -> Response:
    return Response(b"x" * 2_000)


async def _elsewhere(_request: Request) -> Response:
    return RedirectResponse("http://192.0.2.1/")


async def _no_json(_request: Request) -> Response:
    return Response(b"[" * 100_000)


METHODS = ["GET", "POST", "PUT", "DELETE"]
APP = Starlette(
    routes=[
        Route("/base/large", _large),
        Route("/base/elsewhere", _elsewhere),
        Route("/base/no-json", _no_json),
        Route("/base/{path:path}", _echo, methods=METHODS),
    ]
)


class Clock:
    """Time that waiting alone moves on."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.waited_s: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> None:
        self.waited_s.append(seconds)
        self.now_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served(APP) as running:
        yield running


@pytest.fixture
def asking(server: Served, clock: Clock) -> Callable[..., PartnerHTTP]:
    server.asked.clear()

    def make(url: str = f"{server.url}/base", **more: object) -> PartnerHTTP:
        values: dict[str, object] = {"is_private_allowed": True, "chance": lambda: 1.0, **more}
        return PartnerHTTP(url, clock_s=clock, now_unix_s=clock, wait=clock.wait, **values)  # type: ignore[arg-type]

    return make


Make = Callable[..., PartnerHTTP]


def test_json_goes_and_comes_back(asking: Make, server: Served) -> None:
    answer = asking(headers=lambda: {"Authorization": f"Bearer {TOKEN}"}).request(
        "PUT", "/parts", query={"limit": 100, "ids": ["a b", "c&d"]}, body={"name": "電池"}, headers={"X-One": "1"}
    )
    assert answer.status == 200
    told = answer.json()
    assert told == {"path": "/base/parts", "query": "limit=100&ids=a+b&ids=c%26d", "content": '{"name": "電池"}'}
    shown = server.asked[0].headers
    assert shown["authorization"] == f"Bearer {TOKEN}"
    assert (shown["x-one"], shown["content-type"], shown["accept"]) == ("1", "application/json", "application/json")


def test_a_form_goes_as_a_form(asking: Make, server: Served) -> None:
    asking().request("POST", "/token", form={"grant_type": "client_credentials", "scope": "a b"})
    assert server.asked[0].content == b"grant_type=client_credentials&scope=a+b"
    assert server.asked[0].headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_what_may_arrive_twice_is_repeated(
    asking: Make, server: Served, clock: Clock, status: int, method: str
) -> None:
    server.fail(status, status, status)
    assert asking().request(method, "/x").status == 200
    assert clock.waited_s == [0.5, 1.0, 2.0]
    assert len(server.asked) == 4


def test_it_is_given_up_after_the_last_attempt(asking: Make, server: Served) -> None:
    server.fail(503, 503, 503, 503)
    with pytest.raises(PartnerUnavailableError) as caught:
        asking().request("GET", "/x")
    assert (caught.value.status, len(server.asked)) == (503, 4)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_post_is_sent_once(asking: Make, server: Served, status: int) -> None:
    server.fail(status)
    with pytest.raises(PartnerUnavailableError):
        asking().request("POST", "/x", body={})
    assert len(server.asked) == 1


def test_a_post_with_a_key_is_repeated_with_it(asking: Make, server: Served) -> None:
    server.fail(503)
    assert asking().request("POST", "/x", body={}, idempotency_key="k-1").status == 200
    assert [one.headers.get("idempotency-key") for one in server.asked] == ["k-1", "k-1"]


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(("is_repeatable", "expected"), [(True, 2), (False, 1)])
def test_who_asks_may_know_better_than_the_method(
    asking: Make, server: Served, method: str, is_repeatable: bool, expected: int
) -> None:
    server.fail(503)
    with nullcontext() if is_repeatable else pytest.raises(PartnerUnavailableError):
        asking().request(method, "/x", body={}, is_repeatable=is_repeatable)
    assert len(server.asked) == expected


def test_a_post_is_repeated_after_429_which_carried_nothing_out(asking: Make, server: Served) -> None:
    server.fail(429)
    assert asking().request("POST", "/x", body={}).status == 200
    assert len(server.asked) == 2


@pytest.mark.parametrize("status", [500, 501])
def test_a_fault_of_the_partner_is_not_repeated(asking: Make, server: Served, status: int) -> None:
    server.fail(status)
    with pytest.raises(PartnerUnavailableError, match=str(status)):
        asking().request("GET", "/x")
    assert len(server.asked) == 1


def test_no_answer_in_time_is_repeated(asking: Make, server: Served, clock: Clock) -> None:
    server.fail(HANG)
    assert asking(timeout_s=0.3).request("GET", "/x").status == 200
    assert clock.waited_s == [0.5]


def test_nobody_there(asking: Make) -> None:
    with pytest.raises(PartnerUnavailableError, match="check address and network") as caught:
        asking(f"http://127.0.0.1:{free_port()}").request("GET", "/x")
    assert caught.value.status is None


@pytest.mark.parametrize(("said_by_it", "expected_s"), [("7", 7.0), ("0", 0.5), ("soon", 0.5), (None, 0.5)])
def test_retry_after_is_kept(
    asking: Make, server: Served, clock: Clock, said_by_it: str | None, expected_s: float
) -> None:
    server.fail(Fault(429, headers={"retry-after": said_by_it} if said_by_it else {}))
    asking().request("GET", "/x")
    assert clock.waited_s == [expected_s]


def test_retry_after_as_a_date(asking: Make, server: Served, clock: Clock) -> None:
    server.fail(Fault(503, headers={"retry-after": formatdate(clock.now_s + 9, usegmt=True)}))
    asking().request("GET", "/x")
    assert clock.waited_s == [9.0]


def test_who_asks_for_longer_than_anybody_waits_is_not_asked_again(asking: Make, server: Served, clock: Clock) -> None:
    moment = format_datetime(datetime.fromtimestamp(clock.now_s + MAX_PAUSE_S + 10, UTC), usegmt=True)
    server.fail(Fault(503, headers={"retry-after": moment}))
    with pytest.raises(PartnerUnavailableError) as caught:
        asking().request("GET", "/x")
    assert (caught.value.retry_after_s, clock.waited_s, len(server.asked)) == (MAX_PAUSE_S + 10, [], 1)


def test_pauses_grow_up_to_a_bound_and_are_spread(asking: Make, server: Served, clock: Clock) -> None:
    server.fail(*[429] * 11)
    asking(attempts=12, chance=lambda: 0.0).request("GET", "/x")
    assert clock.waited_s == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 422])
def test_a_refusal_is_told_once_with_code_and_words(asking: Make, server: Served, status: int) -> None:
    content = json.dumps({"code": "[dataspace] BadRequest", "message": "no such part", "detail": "traceId"}).encode()
    server.fail(Fault(status, content, {"x-track": "t-1"}))
    with pytest.raises(PartnerRefusedError) as caught:
        asking().request("GET", "/parts", query={"secret": "not-shown"})
    error = caught.value
    assert (error.status, error.code, error.tracking) == (status, "[dataspace] BadRequest", "t-1")
    assert "no such part traceId" in str(error)
    assert "t-1" in str(error)
    assert "not-shown" not in str(error)
    assert len(server.asked) == 1


def test_a_redirect_is_not_followed(asking: Make, server: Served) -> None:
    with pytest.raises(PartnerRefusedError, match="points elsewhere"):
        asking().request("GET", "/elsewhere")
    assert len(server.asked) == 1


def test_an_expired_token_is_renewed_once(asking: Make, server: Served) -> None:
    tokens = ["first-token", "second-token"]
    server.fail(401)
    partner = asking(headers=lambda: {"Authorization": f"Bearer {tokens[0]}"}, renew=lambda: tokens.pop(0))
    assert partner.request("POST", "/x", body={}).status == 200
    assert [one.headers["authorization"] for one in server.asked] == ["Bearer first-token", "Bearer second-token"]


@pytest.mark.parametrize(("renewed_at", "expected"), [((401,), 1), ((401, 403), 2)])
def test_which_status_tells_of_an_expired_token(
    asking: Make, server: Served, renewed_at: tuple[int, ...], expected: int
) -> None:
    server.fail(403)
    with pytest.raises(PartnerRefusedError) if expected == 1 else nullcontext():
        asking(renew=lambda: None, renewed_at=renewed_at).request("GET", "/x")
    assert len(server.asked) == expected


def test_a_new_token_that_is_refused_too_is_the_end(asking: Make, server: Served) -> None:
    renewed: list[int] = []
    server.fail(401, 401)
    with pytest.raises(PartnerRefusedError):
        asking(renew=lambda: renewed.append(1)).request("GET", "/x")
    assert (renewed, len(server.asked)) == ([1], 2)


def test_no_error_repeats_a_credential(asking: Make, server: Served) -> None:
    server.fail(Fault(403, json.dumps({"message": f"Bearer {TOKEN} is not known"}).encode()))
    with pytest.raises(PartnerRefusedError, match="is not known") as caught:
        asking(headers=lambda: {"Authorization": f"Bearer {TOKEN}"}).request("GET", "/x")
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("status", [400, 500, 503])
@pytest.mark.parametrize("sent", ["body", "form"])
def test_nor_what_a_login_sent(asking: Make, server: Served, status: int, sent: str) -> None:
    """A partner that answers with what it was sent, as it came or read."""
    login = {
        "operatorAccountId": "our-account",
        "accountPassword": "pass word&1",
        "client_secret": "pass word&1 longer",
    }
    shown = f"no such login: {login} {urlencode(login)}"
    server.fail(Fault(status, json.dumps({"message": shown}).encode()))
    with pytest.raises((PartnerRefusedError, PartnerUnavailableError), match="our-account") as caught:
        asking(attempts=1).request("POST", "/login", **{sent: login})  # type: ignore[arg-type]
    assert not [part for part in ("pass word", "pass+word", "longer") if part in str(caught.value)]


def test_nor_a_secret_deep_in_a_body(asking: Make, server: Served) -> None:
    server.fail(Fault(400, json.dumps({"message": "refreshToken abc is over"}).encode()))
    with pytest.raises(PartnerRefusedError) as caught:
        asking().request("POST", "/x", body={"login": [{"refreshToken": "abc"}]})
    assert "abc" not in str(caught.value)


def test_the_circuit_opens_tries_alone_and_closes(asking: Make, server: Served, clock: Clock) -> None:
    partner = asking(attempts=1, breaker=CircuitBreaker(clock, failures=2, open_s=30))
    server.fail(503, 503, 503)
    for _ in range(2):
        with pytest.raises(PartnerUnavailableError, match="503"):
            partner.request("GET", "/x")
    with pytest.raises(PartnerUnavailableError, match="again in 30 s"):
        partner.request("GET", "/x")
    assert len(server.asked) == 2  # an open circuit asks nobody
    clock.now_s += 30
    with pytest.raises(PartnerUnavailableError, match="503"):
        partner.request("GET", "/x")
    with pytest.raises(PartnerUnavailableError, match="failed again"):
        partner.request("GET", "/x")
    clock.now_s += 30
    assert partner.request("GET", "/x").status == 200
    assert partner.request("GET", "/x").status == 200


def test_half_open_lets_one_through(clock: Clock) -> None:
    breaker = CircuitBreaker(clock, failures=1, open_s=10)
    breaker.failed()
    clock.now_s += 10
    assert breaker.wait_s() == 0
    assert breaker.wait_s() == 10  # the second waits for the first one's end
    breaker.answered()
    assert breaker.wait_s() == 0


def test_refusals_do_not_open_the_circuit(asking: Make, server: Served, clock: Clock) -> None:
    partner = asking(breaker=CircuitBreaker(clock, failures=1, open_s=30))
    server.fail(404, 429)
    with pytest.raises(PartnerRefusedError):
        partner.request("GET", "/x")
    assert partner.request("GET", "/x").status == 200


def test_an_answer_too_large_is_not_read_on(asking: Make) -> None:
    assert len(asking(max_bytes=2_000).request("GET", "/large").content) == 2_000
    with pytest.raises(PartnerUnavailableError, match="more than 1999 bytes"):
        asking(max_bytes=1_999, attempts=1).request("GET", "/large")


def test_an_answer_that_is_no_json(asking: Make) -> None:
    with pytest.raises(PartnerUnavailableError, match="no JSON"):
        asking().request("GET", "/no-json").json()


def test_own_networks_are_refused_unless_allowed(asking: Make, server: Served) -> None:
    with pytest.raises(AddressError, match="own network"):
        asking(is_private_allowed=False).request("GET", "/x")
    assert server.asked == []


@pytest.mark.parametrize("url", ["http://192.0.2.1", "http://[2001:db8::1]:8080"])
def test_other_machines_need_tls(asking: Make, url: str) -> None:
    with pytest.raises(AddressError, match="use https"):
        asking(url).request("GET", "/x")


def test_tls_is_checked(asking: Make, tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    issued = authority.issue("partner", is_client=False)
    with Served(APP, (issued.certificate, issued.key)) as secure:
        trusting = ssl.create_default_context(cafile=str(authority.path))
        assert asking(f"{secure.url}/base", tls=trusting).request("GET", "/x").status == 200
        with pytest.raises(PartnerUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
            asking(f"{secure.url}/base", attempts=1).request("GET", "/x")


@pytest.mark.parametrize("path", ["x", "/a b", "/a?b", "/a#b", "/電池", "/a\r\nX: 1"])
def test_a_path_that_was_not_quoted_is_a_mistake(asking: Make, server: Served, path: str) -> None:
    with pytest.raises(ValueError, match="expected a path"):
        asking().request("GET", path)
    assert server.asked == []


def test_an_address_that_is_none(asking: Make) -> None:
    with pytest.raises(ConfigError):
        asking("ftp://127.0.0.1")


REFUSALS = {
    "Ouranos": ({"code": "[auth] NotFound", "message": "m", "detail": "d"}, ("[auth] NotFound", "m d")),
    "connector": ([{"message": "exists", "type": "ObjectConflict", "path": None}], ("ObjectConflict", "exists")),
    "AAS": ({"messages": [{"code": "404", "text": "no shell", "messageType": "Error"}]}, ("404", "no shell")),
    "problem": ({"type": "about:blank", "title": "Gone", "detail": "moved"}, ("about:blank", "moved Gone")),
    "OAuth": ({"error": "invalid_client", "error_description": "no"}, ("invalid_client", "no")),
    "nothing": ([], ("", "")),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_every_partners_way_to_refuse_is_read(name: str) -> None:
    content, expected = REFUSALS[name]
    assert said(json.dumps(content).encode(), []) == expected


@given(st.recursive(st.text() | st.integers() | st.none(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)))
def test_whatever_a_partner_says_is_short_and_printable(content: object) -> None:
    code, words = said(json.dumps(content).encode(), ["x"])
    assert len(code) <= MAX_CODE
    assert len(words) <= MAX_WORDS
    assert (code + words).isprintable()


@given(st.binary(max_size=200))
def test_bytes_that_are_no_json_say_nothing_harmful(content: bytes) -> None:
    code, words = said(content, [])
    assert (code + words).isprintable()

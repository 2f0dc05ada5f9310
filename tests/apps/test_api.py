"""The interface for programs, on a real port: what it answers, with which headers, and what bad requests get."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.apps.api.fresh import MAX_BODY_BYTES
from packseal.apps.life_desk import NewPassport
from packseal.apps.request_content import BODY_TIMEOUT_S
from packseal.io.keys import Signer
from packseal.records.acts import MAX_ACT_BYTES
from packseal.records.cose import VerifyingKey
from packseal.records.statement_bodies import Note, NoteKind, Stage, Status
from packseal.records.statements import MAX_STATEMENT_BYTES, sign_statement
from tests.apps.asking import TIMEOUT_S, Answer
from tests.apps.desk_api import MAKER, Service, reader_key, reader_table, served
from tests.apps.test_life_journey import STATIC, bind
from tests.passport.board import Board, key_of
from tests.records.paper import salt

COSE = "application/cose"
UNKNOWN = hashlib.sha256(b"no passport").hexdigest()[:32]
FRESH_BODY = json.dumps({"nonce": "00" * 16, "timeout_s": 1}).encode()
TELLING = ("etag", "cache-control", "vary")


@dataclass(frozen=True)
class Place:
    """A passport with values of every group, a board's records, and statements."""

    service: Service
    passport: bytes
    board: Board

    @property
    def name(self) -> str:
        return self.passport.hex()

    @property
    def port(self) -> int:
        return int(self.service.url.rpartition(":")[2])

    def ask(self, path: str, role: str = "", body: bytes | None = None, method: str = "", **headers: str) -> Answer:
        """headers: with _ for -."""
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        said |= {"Authorization": f"Bearer {reader_key(role)}"} if role else {}
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)) as connection:
            connection.request(method or ("GET" if body is None else "POST"), f"/api/v1{path}", body, said)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def document(self, role: str = "", **headers: str) -> Answer:
        return self.ask(f"/passports/{self.name}", role, None, "", **headers)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    owner = reader_table("depot", role="owner", batteries=("ev-2",))
    with served(tmp_path_factory.mktemp("service"), more_readers=[owner]) as service:
        maker, board = service.of(MAKER), Board("ev board")
        passport, _ = maker.create(NewPassport("ev-1", "EV", "Pack 1", rated_capacity_mah=60_000, chemistry="nmc"))
        bind(service, board, "ev-1", MAKER)
        maker.state(passport, STATIC)
        for number in (2, 3):
            maker.create(NewPassport(f"ev-{number}", "EV", f"Pack {number}"))
        board.boot()
        board.windows(2)
        service.desk.receipt(board.delivery().to_bytes())
        yield Place(service, passport, board)


def check_problem(answer: Answer, status: int) -> str:
    """-> its words. What is refused is never kept by anybody on the way."""
    assert answer.status == status, answer.body
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json["type"] == "about:blank"
    assert answer.json["title"]
    return answer.detail


# ---- what has not changed


def test_a_document_that_has_not_changed_is_not_sent_again(place: Place) -> None:
    first = place.document("operator")
    tag = first.headers["etag"]
    assert {first.headers["cache-control"], first.headers["vary"]} == {"private, no-cache", "authorization"}
    place.service.desk.now_unix_ms += 1_000  # ages alone have changed
    for said in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = place.document("operator", If_None_Match=said)
        assert (again.status, again.body) == (304, b"")
        assert [again.headers[name] for name in TELLING] == [first.headers[name] for name in TELLING]
    assert place.document("operator", If_None_Match='W/"other"').status == 200
    place.service.of(MAKER).note(place.passport, NoteKind.OTHER, "new", 1_790_000_000_000, [])
    changed = place.document("operator", If_None_Match=tag)
    assert (changed.status, changed.headers["etag"] != tag) == (200, True)
    place.board.windows(1)
    place.service.desk.receipt(place.board.delivery(place.board.size - 1).to_bytes())
    assert place.document("operator", If_None_Match=changed.headers["etag"]).status == 200


def test_what_another_role_sees_has_another_tag(place: Place) -> None:
    tags = {role: place.document(role).headers["etag"] for role in ("", "operator", "authority", "legitimate-interest")}
    assert len(set(tags.values())) == len(tags)
    assert place.document("", If_None_Match=tags["operator"]).status == 200
    assert place.document("operator", If_None_Match=tags[""]).status == 200


# ---- pages


def test_the_list_comes_in_pages(place: Place) -> None:
    assert place.ask("/passports?limit=2", "operator").json["next"] == 2
    found, offset = [], 0
    while offset is not None:
        page = place.ask(f"/passports?sort=battery&descending=true&limit=2&offset={offset}", "operator").json
        found += [one["battery"] for one in page["items"]]
        offset = page["next"]
    assert found == ["ev-3", "ev-2", "ev-1"]
    assert place.ask("/passports?words=PACK%202", "operator").json["items"][0]["battery"] == "ev-2"
    assert place.ask("/passports?words=%25", "operator").json["items"] == [], "no sign stands for others"
    assert [one["battery"] for one in place.ask("/passports", "depot").json["items"]] == ["ev-2"]


def test_statements_come_in_pages_whole_as_they_were_signed(place: Place) -> None:
    path = f"/passports/{place.name}/statements"
    everything = place.ask(path, "operator").json["items"]
    found, after = [], -1
    while after is not None:
        page = place.ask(f"{path}?limit=1&after={after}", "operator").json
        found += page["items"]
        after = page["next"]
    assert found == everything
    assert len(place.ask(path).json["items"]) < len(everything)
    assert all(base64.b64decode(one["content"], validate=True) for one in found)


# ---- what is not there, and what is not shown


def test_what_is_not_there_and_what_is_not_shown_are_the_same_to_the_byte(place: Place) -> None:
    paths = ["", "/validity", "/logs", "/statements", "/reads", "/outgoing"]
    names = [UNKNOWN, "ev-1", "no-such-battery", "0" * 31 + "g", "%C3%A9", "a%0Ab", "x" * 63]
    seen = [place.ask(f"/passports/{name}{path}") for name in names for path in paths]
    for role in ("", "authority", "legitimate-interest", "depot"):
        seen += [place.ask(f"/passports/{place.name}{path}", role) for path in ("/reads", "/outgoing")]
    for role, name in (("", place.name), ("authority", place.name), ("depot", place.name), ("operator", UNKNOWN)):
        seen.append(place.ask(f"/passports/{name}/fresh", role, FRESH_BODY, Content_Type="application/json"))
    for answer in seen:
        check_problem(answer, 404)
    assert len({(one.body, *sorted((name, value) for name, value in one.headers.items() if name != "date"))
                for one in seen}) == 1  # fmt: skip


def test_what_may_be_kept_on_the_way(place: Place) -> None:
    """Nothing that a credential opens is kept by anybody but its reader."""
    for path in ("/validity", "/logs", "/statements", "/reads", "/outgoing"):
        for role in ("operator", "")[: 1 if path in ("/reads", "/outgoing") else 2]:
            answer = place.ask(f"/passports/{place.name}{path}", role)
            assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    for path in ("/passports", "/changes"):
        assert place.ask(path, "operator").headers["cache-control"] == "no-store"


# ---- bad requests


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/passports/", 404),
        ("/passports?limit=0", 422),
        ("/passports?limit=501", 422),
        ("/passports?offset=-1", 422),
        ("/passports?offset=99999999999999999999", 422),
        ("/passports?sort=seed", 422),
        ("/passports?sort=battery;drop", 422),
        (f"/passports?words={'x' * 81}", 422),
        ("/changes?after=-2", 422),
        ("/changes?after=9007199254740992", 422),
        ("/changes/stream?after=x", 422),
        (f"/passports/{'x' * 64}", 422),
        ("/passports/{name}/validity?guidance=9.9", 422),
        ("/passports/{name}/validity?as_of_unix_ms=-1", 422),
    ],
)
def test_every_mistake_is_a_problem(place: Place, path: str, status: int) -> None:
    assert check_problem(place.ask(path.replace("{name}", place.name), "operator"), status)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST", "TRACE"])
def test_a_method_that_is_none_says_which_is(place: Place, method: str) -> None:
    answer = place.ask("/passports", "operator", method=method)
    check_problem(answer, 405)
    assert answer.headers["allow"] == "GET"


def test_a_credential_that_does_not_hold_is_refused_and_not_said_again(place: Place) -> None:
    for credential in ("Bearer psr_of_nobody", "Basic b3BlcmF0b3I6", "Bearer", "psr_operator_for_tests"):
        answer = place.ask(f"/passports/{place.name}", Authorization=credential)
        check_problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert credential.rpartition(" ")[2] not in answer.body.decode() or credential == "Bearer"


@pytest.mark.parametrize("path", ["/statements", "/acts"])
def test_content_of_another_type_and_too_much_of_it(place: Place, path: str) -> None:
    limit = MAX_STATEMENT_BYTES if path == "/statements" else MAX_ACT_BYTES
    for content_type in ("application/json", "application/cose-key", "", "text/plain; a=application/cose"):
        assert COSE in check_problem(place.ask(path, body=b"x", Content_Type=content_type), 415)
    assert str(limit) in check_problem(place.ask(path, body=bytes(limit + 1), Content_Type=COSE), 413)
    assert check_problem(place.ask(path, body=bytes(limit), Content_Type=f"{COSE}; a=b"), 400)


def test_too_much_in_pieces_and_too_much_announced(place: Place) -> None:
    piece = b"1000\r\n" + bytes(4096) + b"\r\n"
    announced = f"Content-Length: {10**15}\r\n\r\n".encode()
    chunked = b"Transfer-Encoding: chunked\r\n\r\n" + piece * (MAX_STATEMENT_BYTES // 4096 + 1)
    for rest in (announced, chunked):
        assert b" 413 " in raw(place, rest), "before all of it is there"


def raw(place: Place, rest: bytes) -> bytes:
    """The first line of the answer to a statement that begins so and does not go on."""
    with closing(begun(place, "/statements", rest)) as connection:
        return connection.recv(4096).partition(b"\r\n")[0]


def begun(place: Place, path: str, rest: bytes, content_type: str = COSE, more: str = "") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", place.port), TIMEOUT_S)
    head = f"POST /api/v1{path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n{more}"
    connection.sendall(head.encode() + rest)
    return connection


def test_a_body_that_does_not_come_is_not_waited_for(place: Place) -> None:
    assert BODY_TIMEOUT_S < TIMEOUT_S
    length = b"Content-Length: 100\r\n\r\na"
    key = f"Authorization: Bearer {reader_key('operator')}\r\n"
    slow = [begun(place, path, length) for path in ("/statements", "/acts")]
    slow.append(begun(place, f"/passports/{place.name}/fresh", length, "application/json", key))
    assert place.document().status == 200, "others are answered meanwhile"
    for connection in slow:
        with closing(connection):
            answer = connection.recv(4096)
            assert b" 408 " in answer.partition(b"\r\n")[0]
            assert b"application/problem+json" in answer


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200))
def test_what_nobody_signed_is_a_problem_with_a_reason(place: Place, content: bytes) -> None:
    for path in ("/statements", "/acts"):
        answer = place.ask(path, body=content, Content_Type=COSE)
        check_problem(answer, 400)
        assert answer.json["reason"] == "malformed"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'{"nonce": 1}', b'{"nonce": "00"}', b"\xff\xfe", b'{"timeout_s": 5}',
        b'{"nonce": "' + b"0" * 31 + b'g"}', b'{"nonce": "' + b"A" * 32 + b'"}', b"[" * 900,
        *(json.dumps({"nonce": "00" * 16, **more}).encode()
          for more in ({"timeout_s": 0}, {"timeout_s": 61}, {"timeout_s": "5"}, {"timeout_s": True}, {"more": 1})),
        b'{"nonce": "00000000000000000000000000000000", "timeout_s": NaN}',
        b'{"nonce": "00000000000000000000000000000000", "timeout_s": 1e999}',
    ],
)  # fmt: skip
def test_a_nonce_that_is_none_is_said(place: Place, body: bytes) -> None:
    path = f"/passports/{place.name}/fresh"
    assert check_problem(place.ask(path, "operator", body, Content_Type="application/json"), 422)
    limits = place.ask(path, "operator", bytes(MAX_BODY_BYTES + 1), Content_Type="application/json")
    assert check_problem(limits, 413)
    assert check_problem(place.ask(path, "operator", FRESH_BODY, Content_Type="text/plain"), 415)


def test_a_service_without_a_broker_says_so(place: Place) -> None:
    path = f"/passports/{place.name}/fresh"
    assert "asks no battery" in check_problem(
        place.ask(path, "operator", FRESH_BODY, Content_Type="application/json"), 503
    )


# ---- statements


def signed(statement: Any, who: str = MAKER) -> bytes:
    key = Signer(key_of(who))
    return sign_statement(statement, salt(repr(statement)), 1_790_000_000_000, key, VerifyingKey(key.public_key))


def test_of_two_statements_on_the_same_the_second_is_outdated(place: Place) -> None:
    maker = place.service.of(MAKER)
    passport, _ = maker.create(NewPassport("ev-late", "EV", "Pack"))
    head = maker.head(passport)
    first, second = signed(Status(passport, head, Stage.ORIGINAL)), signed(Status(passport, head, Stage.WASTE))
    taken = place.ask("/statements", body=first, Content_Type=COSE)
    assert taken.status == 200
    refused = place.ask("/statements", body=second, Content_Type=COSE)
    assert check_problem(refused, 409)
    assert refused.json["reason"] == "outdated"
    again = place.ask("/statements", body=first, Content_Type=COSE)
    assert (again.status, again.json) == (200, taken.json), "the same again is the same"


@pytest.mark.parametrize(
    ("statement", "who", "status", "reason"),
    [
        (Note(bytes(16), NoteKind.OTHER, 0, "of no passport"), MAKER, 404, "unknown-passport"),
        (Note(bytes(16), NoteKind.OTHER, 0, "by nobody"), "stranger", 403, "unknown-authority"),
    ],
)
def test_who_may_not_is_told_why(place: Place, statement: Note, who: str, status: int, reason: str) -> None:
    answer = place.ask("/statements", body=signed(statement, who), Content_Type=COSE)
    assert check_problem(answer, status)
    assert answer.json["reason"] == reason

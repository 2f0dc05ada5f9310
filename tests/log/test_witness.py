"""A witness over real HTTP: every status of tlog-witness, races, and kill -9 at any moment."""

from __future__ import annotations

import base64
import http.client
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from packseal.apps.witness import (
    MAX_REQUEST_BYTES,
    SCHEMA,
    AddCheckpoint,
    RefusalError,
    Witness,
    open_store,
    witness_app,
)
from packseal.errors import ConfigError, EvidenceError, UnavailableError, WitnessConflictError
from packseal.io.database import Database
from packseal.io.keys import load_or_make_key
from packseal.io.log_client import request_cosignature
from packseal.io.ports import free_port
from packseal.io.settings_file import load_settings
from packseal.io.witness_settings import WitnessSettings
from packseal.records.merkle import consistency_proof, leaf_hash
from packseal.records.note import LogCheckpoint, chosen_cosignature, sign_log_checkpoint, verified_cosignatures
from tests.log.station import (
    LOG_KEY,
    NOW_UNIX_S,
    ORIGIN,
    WITNESS,
    WITNESS_KEY,
    WITNESSES,
    key_act,
    receipt_entry,
    served,
    signed_note,
    signer_of,
)

ENTRIES = [receipt_entry(number) for number in range(20)]
OTHERS = [*ENTRIES[:2], *(key_act("pack-1", b"%d" % number) for number in range(18))]
ROOT = Path(__file__).parents[2]


def proof_between(entries: Sequence[bytes], old_size: int) -> list[bytes]:
    return consistency_proof([leaf_hash(entry) for entry in entries], old_size) if old_size else []


def body_of(old_size: int, proof: Sequence[bytes], note: bytes) -> bytes:
    lines = [f"old {old_size}", *(base64.b64encode(node).decode() for node in proof)]
    return "\n".join(lines).encode() + b"\n\n" + note


def request_for(entries: Sequence[bytes], old_size: int) -> bytes:
    return body_of(old_size, proof_between(entries, old_size), signed_note(entries))


class Client:
    """Sends bytes and shows the answer as it is."""

    def __init__(self, url: str) -> None:
        self.url, self._host = url, url.removeprefix("http://")

    def post(self, body: bytes, method: str = "POST", path: str = "/add-checkpoint") -> tuple[int, str, bytes]:
        with closing(http.client.HTTPConnection(self._host, timeout=20)) as connection:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.headers["content-type"], answer.read()

    def status(self, body: bytes) -> int:
        return self.post(body)[0]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "witness.db", SCHEMA)
    yield opened
    opened.close()


def witness_on(database: Database) -> Witness:
    logs = {ORIGIN: LOG_KEY.public_key, "other.example/log": signer_of("other").public_key}
    return Witness(database, WITNESS, WITNESS_KEY, logs, lambda: NOW_UNIX_S)


@pytest.fixture
def client(database: Database) -> Iterator[Client]:
    with served(witness_app(witness_on(database))) as url:
        yield Client(url)


def test_a_checkpoint_is_cosigned_and_the_next_one_that_continues_it(client: Client) -> None:
    for old, size in ((0, 3), (3, 8), (8, 8), (8, 20)):
        note = signed_note(ENTRIES[:size])
        status, kind, line = client.post(request_for(ENTRIES[:size], old))
        assert (status, kind) == (200, "text/plain; charset=utf-8")
        assert verified_cosignatures(note + line, WITNESSES) == {WITNESS: NOW_UNIX_S}
        assert chosen_cosignature(note, line, WITNESS, WITNESS_KEY.public_key) == line


def test_each_log_has_its_own_memory(client: Client) -> None:
    assert client.status(request_for(ENTRIES[:3], 0)) == 200
    other = signed_note(OTHERS[:5], "other.example/log", signer_of("other"))
    assert client.status(body_of(0, [], other)) == 200


NOTE = signed_note(ENTRIES[:3])


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("nothing", b""),
        ("no old size", b"\n\n" + NOTE),
        ("leading zero", b"old 00\n\n" + NOTE),
        ("two spaces", b"old  0\n\n" + NOTE),
        ("negative", b"old -1\n\n" + NOTE),
        ("carriage return", b"old 0\r\n\r\n" + NOTE),
        ("no empty line", b"old 0\n" + NOTE),
        ("no note", b"old 0\n\n"),
        ("a proof that is not base64", b"old 1\n!\n\n" + NOTE),
        ("a proof of short hashes", b"old 1\nAAAA\n\n" + NOTE),
        ("64 lines of proof", body_of(1, [bytes(32)] * 64, NOTE)),
        ("old size above the checkpoint's", body_of(4, [], NOTE)),
        ("a note without signature", b"old 0\n\n" + NOTE.partition(b"\n\n")[0] + b"\n\n"),
        ("a size of 2^48", b"old 0\n\n" + NOTE.replace(b"\n3\n", b"\n281474976710656\n")),
        ("too many bytes", b"old 0\n\n" + NOTE + b"x" * MAX_REQUEST_BYTES),
        ("not text", b"\xff\xfe"),
    ],
)
def test_a_bad_request_is_400(client: Client, database: Database, name: str, body: bytes) -> None:
    assert client.status(body) == 400, name
    assert database.rows("SELECT * FROM cosigned") == []


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_being_refused(content: bytes) -> None:
    for body in (content, b"old 0\n" + content, b"old 0\n\n" + content, content + NOTE):
        try:
            request = AddCheckpoint.from_bytes(body)
        except RefusalError as refusal:
            assert refusal.status == 400  # noqa: PT017 - some bytes are a request, and that is as right
        else:
            assert body_of(request.old_size, request.proof, request.note) == body


def test_an_unknown_log_is_404(client: Client, database: Database) -> None:
    stranger = signed_note(ENTRIES[:3], "stranger.example", LOG_KEY)
    assert client.status(body_of(0, [], stranger)) == 404
    assert database.rows("SELECT * FROM cosigned") == []


def test_a_wrong_signature_is_403(client: Client, database: Database) -> None:
    forged = signed_note(ENTRIES[:3], signer=signer_of("thief"))
    changed = NOTE.replace(b"\n3\n", b"\n4\n")
    assert [client.status(body_of(0, [], note)) for note in (forged, changed)] == [403, 403]
    assert database.rows("SELECT * FROM cosigned") == []


def test_another_old_size_is_409_with_the_size_that_is_known(client: Client) -> None:
    client.post(request_for(ENTRIES[:8], 0))
    for old, size in ((0, 20), (3, 20), (9, 20), (3, 5)):
        assert client.post(request_for(ENTRIES[:size], old)) == (409, "text/x.tlog.size", b"8\n")
    with pytest.raises(WitnessConflictError) as conflict:
        request_cosignature(client.url, 0, [], signed_note(ENTRIES))
    assert conflict.value.size == 8
    line = request_cosignature(client.url, 8, proof_between(ENTRIES, 8), signed_note(ENTRIES))
    assert verified_cosignatures(signed_note(ENTRIES) + line, WITNESSES) == {WITNESS: NOW_UNIX_S}


def test_another_tree_of_the_same_size_is_409(client: Client) -> None:
    client.post(request_for(ENTRIES[:8], 0))
    assert client.post(body_of(8, [], signed_note(OTHERS[:8]))) == (409, "text/x.tlog.size", b"8\n")
    with pytest.raises(UnavailableError, match="another tree of 8"):
        request_cosignature(client.url, 8, [], signed_note(OTHERS[:8]))


def test_a_proof_that_does_not_hold_is_422(client: Client, database: Database) -> None:
    client.post(request_for(ENTRIES[:8], 0))
    before = database.rows("SELECT * FROM cosigned")
    good = proof_between(ENTRIES, 8)
    other_branch = body_of(8, proof_between(OTHERS, 8), signed_note(OTHERS))
    for body in (
        other_branch,
        body_of(8, good[:-1], signed_note(ENTRIES)),
        body_of(8, [*good, bytes(32)], signed_note(ENTRIES)),
        body_of(8, [], signed_note(ENTRIES)),
        body_of(8, [bytes(32)], signed_note(ENTRIES[:8])),
    ):
        assert client.status(body) == 422
    assert database.rows("SELECT * FROM cosigned") == before


def test_from_size_0_the_proof_is_empty_and_the_empty_tree_is_one(client: Client) -> None:
    assert client.status(body_of(0, [bytes(32)], NOTE)) == 422
    wrong = sign_log_checkpoint(LogCheckpoint(ORIGIN, 0, bytes(32)), LOG_KEY, LOG_KEY.public_key)
    assert client.status(body_of(0, [], wrong)) == 409
    assert client.status(body_of(0, [], signed_note([]))) == 200
    assert client.status(body_of(0, [], NOTE)) == 200


def test_other_methods_and_paths(client: Client) -> None:
    assert client.post(b"", "GET")[0] == 405
    assert client.post(b"", path="/")[0] == 404


def test_a_witness_that_cannot_remember_signs_nothing(client: Client, database: Database) -> None:
    database.rows("DROP TABLE cosigned")
    assert client.status(request_for(ENTRIES[:3], 0)) == 503
    with pytest.raises(UnavailableError, match="refuses the checkpoint with 503"):
        request_cosignature(client.url, 0, [], NOTE)


def test_a_witness_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(UnavailableError, match="no answer"):
        request_cosignature(f"http://127.0.0.1:{free_port()}", 0, [], NOTE)
    with pytest.raises(ConfigError, match="expected http"):
        request_cosignature("file:///etc", 0, [], NOTE)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [("8\n", "text/plain"), ("", "text/x.tlog.size"), ("08\n", "text/x.tlog.size"), ("\u0668\n", "text/x.tlog.size")],
)
def test_a_conflict_without_a_size_is_unavailable(content: str, media_type: str) -> None:
    def serve(_request: Request) -> Response:
        return Response(content, 409, {"content-type": media_type})

    app = Starlette(routes=[Route("/add-checkpoint", serve, methods=["POST"])])
    with served(app) as url, pytest.raises(UnavailableError) as refusal:
        request_cosignature(url, 3, [], NOTE)
    assert not isinstance(refusal.value, WitnessConflictError)


def race(posts: Sequence[tuple[Client, bytes]]) -> list[int]:
    """The statuses of requests that are sent at the same moment."""
    barrier, statuses = threading.Barrier(len(posts)), [0] * len(posts)

    def send(number: int, client: Client, body: bytes) -> None:
        barrier.wait()
        statuses[number] = client.status(body)

    threads = [threading.Thread(target=send, args=(number, *post)) for number, post in enumerate(posts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def test_of_two_trees_at_the_same_moment_one_wins(tmp_path: Path, client: Client) -> None:
    """Also when two witness processes share a store."""
    second_database = Database(tmp_path / "witness.db", SCHEMA)
    with closing(second_database), served(witness_app(witness_on(second_database))) as url:
        chain: list[bytes] = []
        for number in range(15):
            candidates = [[*chain, key_act("pack-1", b"%d %d" % (number, side))] for side in range(2)]
            bodies = [request_for(candidate, len(chain)) for candidate in candidates]
            statuses = race([(client, bodies[0]), (Client(url), bodies[1])])
            assert sorted(statuses) == [200, 409]
            chain = candidates[statuses.index(200)]


def test_a_larger_and_a_smaller_tree_at_the_same_moment_never_roll_back(client: Client, database: Database) -> None:
    """The race that tlog-witness describes: B with more leaves answered first, A stored last."""
    for number in range(3, 20, 2):
        old = number - 2 if number > 3 else 0
        race([(client, request_for(ENTRIES[: number - 1], old)), (client, request_for(ENTRIES[:number], old))])
        ((size,),) = database.rows("SELECT size FROM cosigned")
        assert isinstance(size, int)
        if size == number - 1:
            assert client.status(request_for(ENTRIES[:number], size)) == 200


PROGRAM = """
import sys
from pathlib import Path
from packseal.apps.witness import WitnessServer
from packseal.io.settings_file import load_settings
from packseal.io.witness_settings import WitnessSettings
server = WitnessServer(load_settings(Path(sys.argv[1]), WitnessSettings), lambda: 1790000000)
server.start()
print(server.public_key.hex(), flush=True)
server.join()
"""


class WitnessProcess:
    """A witness of its own process, to be killed."""

    def __init__(self, config: Path, port: int) -> None:
        self.url, self._port = f"http://127.0.0.1:{port}", port
        command = [sys.executable, "-c", PROGRAM, str(config)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT / "gateway")}
        )
        assert self._process.stdout is not None
        self.public_key = bytes.fromhex(self._process.stdout.readline())

    def send_and_kill(self, body: bytes, *, is_awaited: bool) -> bytes:
        """What came back before the process was gone."""
        with socket.create_connection(("127.0.0.1", self._port), 20) as connection:
            head = f"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            answer = connection.recv(1 << 16) if is_awaited else b""
            self.kill()
            try:
                while piece := connection.recv(1 << 16):
                    answer += piece
            except ConnectionResetError:
                pass
            return answer

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def config_of(folder: Path, port: int) -> Path:
    path = folder / "witness.toml"
    path.write_text(
        f'listen = "127.0.0.1:{port}"\nstore = "witness.db"\nkey = "witness.key"\nname = "{WITNESS}"\n'
        f'[[log]]\norigin = "{ORIGIN}"\npublic_key = "{LOG_KEY.public_key.hex()}"\n'
    )
    return path


def test_a_witness_killed_20_times_never_contradicts_itself(tmp_path: Path) -> None:
    """Each time a tree is sent and the witness killed, at once or after its answer; then another tree of that size."""
    port = free_port()
    config = config_of(tmp_path, port)
    process = WitnessProcess(config, port)
    chain: list[bytes] = []
    for number in range(20):
        first, second = ([*chain, key_act("pack-1", b"%d %d" % (number, side))] for side in range(2))
        answer = process.send_and_kill(request_for(first, len(chain)), is_awaited=number % 2 == 0)
        is_first_cosigned = b" 200 OK" in answer
        assert is_first_cosigned or number % 2
        process = WitnessProcess(config, port)
        note = signed_note(second)
        try:
            line = request_cosignature(process.url, len(chain), proof_between(second, len(chain)), note)
        except WitnessConflictError as conflict:
            chain = first[: conflict.size]
            assert chain == first
        else:
            assert not is_first_cosigned, "two cosigned trees of one size"
            assert chosen_cosignature(note, line, WITNESS, process.public_key)
            chain = second
    process.kill()


def test_a_witness_without_its_memory_or_its_key_does_not_start(tmp_path: Path) -> None:
    store, key = tmp_path / "witness.db", tmp_path / "witness.key"
    database, signer = open_store(store, key)
    witness = Witness(database, WITNESS, signer, {ORIGIN: LOG_KEY.public_key}, lambda: NOW_UNIX_S)
    witness.add_checkpoint(request_for(ENTRIES[:3], 0))
    database.close()
    kept = store.read_bytes()
    store.unlink()
    with pytest.raises(ConfigError, match=r"witness\.db is missing"):
        open_store(store, key)
    assert not store.exists()
    store.write_bytes(kept)
    key.unlink()
    with pytest.raises(ConfigError, match=r"witness\.key is missing"):
        open_store(store, key)
    assert not key.exists()


def test_a_start_that_was_cut_short_begins_again(tmp_path: Path) -> None:
    store, key = tmp_path / "witness.db", tmp_path / "witness.key"
    Database(store, SCHEMA).close()
    database, signer = open_store(store, key)
    database.close()
    assert signer.public_key == load_or_make_key(key).public_key


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "witness.example/w1"', 'name = "w 1"', ":4: name: 'w 1': a name of a key"),
        ("[[log]]", "[[logs]]", "unknown key 'logs'; did you mean 'log'?"),
        (f'origin = "{ORIGIN}"', 'origin = "a+b"', ":6: origin: 'a+b'"),
        ("127.0.0.1:", "nowhere", ":1: listen: expected host:port"),
    ],
)
def test_each_mistake_in_witness_toml_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    config = config_of(tmp_path, 8430)
    config.write_text(config.read_text().replace(old, new))
    with pytest.raises(ConfigError) as refusal:
        load_settings(config, WitnessSettings)
    assert message in str(refusal.value)


def test_the_same_log_twice_is_a_mistake(tmp_path: Path) -> None:
    config = config_of(tmp_path, 8430)
    config.write_text(config.read_text() + config.read_text().partition("[[log]]")[2].join(["[[log]]", ""]))
    with pytest.raises(ConfigError, match="the same origin"):
        load_settings(config, WitnessSettings)


def test_an_answer_by_a_stranger_is_not_taken() -> None:
    with pytest.raises(EvidenceError):
        chosen_cosignature(NOTE, NOTE.rpartition(b"\n\n")[2], WITNESS, WITNESS_KEY.public_key)

"""packseal key: what integrators and operators type, against a real service on a real port."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from nacl.signing import SigningKey
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from packseal.cli import main
from packseal.io.keys import load_key
from packseal.io.ports import free_port
from packseal.records.acts import Role
from packseal.records.cose import VerifyingKey
from packseal.records.verify import verify_bundle
from tests.apps.command import packseal
from tests.log.station import served
from tests.passport.authorities import OPERATOR, enrolment, open_desk, strangers_policy
from tests.passport.board import key_of, running_board
from tests.passport.desk import Desk

BOARD = running_board()
BOARD_KEY = BOARD.public_key.hex()


@dataclass(frozen=True)
class Bench:
    """A folder of key files, and a service."""

    folder: Path
    desk: Desk
    url: str

    def key(self, name: str) -> str:
        return str(self.folder / f"{name}.key")

    def run(self, *arguments: str, by: str = "integrator") -> Result:
        where = ("--key", self.key(by), "--to", self.url)
        return ran("key", *arguments, *where)


def ran(*arguments: str) -> Result:
    found = CliRunner().invoke(main, arguments)
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found


def key_file(path: Path, key: SigningKey) -> None:
    path.write_bytes(bytes(key))
    path.chmod(0o600)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    for name in ("integrator", "operator", "assessor", "stranger", "gateway", "next"):
        key_file(tmp_path / f"{name}.key", key_of(name))
    (tmp_path / "service").mkdir()
    desk = open_desk(tmp_path / "service")
    with served(desk.app()) as url:
        yield Bench(tmp_path, desk, url)


def test_a_key_is_made_once_and_its_secret_never_printed(tmp_path: Path) -> None:
    path = tmp_path / "operator.key"
    made = packseal("key", "make", path)
    public_key = load_key(path).public_key.hex()
    assert (made.code, made.out) == (0, f'public_key = "{public_key}"\n')
    assert path.stat().st_mode & 0o777 == 0o600
    assert packseal("key", "show", path).out == made.out
    again = packseal("key", "make", path)
    assert (again.code, "is there already" in again.err) == (2, True)
    assert load_key(path).public_key.hex() == public_key
    path.chmod(0o644)
    shown = packseal("key", "show", path)
    assert (shown.code, "others can read this key" in shown.err) == (2, True)


def test_a_life_by_commands(bench: Bench) -> None:
    """A board is bound and received; a gateway comes and its key is changed; the board's key is stolen."""
    assert bench.desk.service.take_act(enrolment(BOARD)) == 0
    assert bench.run("bind", BOARD_KEY, "--battery", "pack-1").output == "bound as entry 1\n"
    assert bench.desk.receipt(BOARD.delivery().to_bytes()).service_index == 3
    assert bench.run("enrol-gateway", bench.key("gateway"), by="operator").output == "enrolled as entry 4\n"
    assert bench.run("rotate", bench.key("next"), by="gateway").output == "rotated as entry 5\n"
    revoked = bench.run("revoke", BOARD_KEY, "--reason", "stolen", by="operator")
    assert (revoked.exit_code, revoked.output) == (0, "revoked as entry 6\n")
    keyring = bench.desk.service.acts.keyring
    gateways = [one.key for one in keyring.enrolled.values() if one.role is Role.GATEWAY]
    assert gateways == [VerifyingKey(load_key(Path(bench.key(name))).public_key) for name in ("gateway", "next")]
    assert keyring.revoked == {BOARD.public_key: 6}
    trusted = verify_bundle(bench.desk.bundle(BOARD, 12), strangers_policy())
    assert (trusted.battery, trusted.evidence_class) == ("pack-1", "B")


REFUSED: dict[str, tuple[tuple[str, ...], str, str]] = {
    "by a stranger": (("bind", BOARD_KEY, "--battery", "pack-1"), "stranger", "unknown-authority: "),
    "by an assessor": (("bind", BOARD_KEY, "--battery", "pack-1"), "assessor", "wrong-role: "),
    "never enrolled": (("bind", "22" * 32, "--battery", "pack-1"), "integrator", "enrol it first, with its possession"),
    "bound elsewhere": (("bind", BOARD_KEY, "--battery", "pack-2"), "integrator", "already-bound: "),
    "by a key that was revoked": (("revoke", BOARD_KEY), "operator", "key-revoked: "),
}


@pytest.mark.parametrize(("arguments", "by", "words"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_is_one_line_and_ends_with_one(bench: Bench, arguments: tuple[str, ...], by: str, words: str) -> None:
    bench.desk.service.take_act(enrolment(BOARD))
    bench.run("bind", BOARD_KEY, "--battery", "pack-1")
    bench.desk.receipt(BOARD.delivery().to_bytes())
    bench.run("revoke", OPERATOR.key.public_key.hex(), by="operator")
    contents = bench.desk.contents()
    done = bench.run(*arguments, by=by)
    assert (done.exit_code, done.stdout) == (1, "")
    assert re.fullmatch(r"packseal: [^\n]+\n", done.stderr)
    assert words in done.stderr
    assert bench.desk.contents() == contents


MISTAKES = {
    "no key": (("bind", "pack-1", "--battery", "pack-1"), "PUBLIC_KEY pack-1: expected 64 or 128 hexadecimal digits"),
    "half a key": (("revoke", "11" * 31), "expected 64 or 128 hexadecimal digits"),
    "no battery": (("bind", BOARD_KEY, "--battery", ""), "--battery '': expected 1 to 63 bytes"),
    "a battery's name of 64": (("bind", BOARD_KEY, "--battery", "b" * 64), "expected 1 to 63 bytes"),
    "a battery's name of 64 bytes": (("bind", BOARD_KEY, "--battery", "ä" * 32), "expected 1 to 63 bytes"),
    "a class that is none": (("bind", BOARD_KEY, "--battery", "pack-1", "--class", "E"), "Invalid value for '--class'"),
    "a reason that is none": (("revoke", BOARD_KEY, "--reason", "lost"), "Invalid value for '--reason'"),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_said_before_anything_is_signed(bench: Bench, arguments: tuple[str, ...], words: str) -> None:
    contents = bench.desk.contents()
    done = bench.run(*arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert bench.desk.contents() == contents


def test_a_batterys_name_is_checked_before_the_board_is_asked_and_enrolled(bench: Bench) -> None:
    done = bench.run("enrol-board", "/dev/nope", "--battery", "b" * 64)
    assert (done.exit_code, "expected 1 to 63 bytes" in done.stderr) == (2, True), done.stderr


class DeafBench:
    """Hands acts to a service and hangs up without its answer, so many times."""

    def __init__(self, desk: Desk, lost: int) -> None:
        self.acts: list[bytes] = []
        self._desk, self._lost = desk, lost
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        for number in range(self._lost + 1):
            with self._listening.accept()[0] as connection, connection.makefile("rb") as request:
                head = b"".join(iter(request.readline, b"\r\n"))
                length = re.search(rb"(?i)content-length: (\d+)", head)
                assert length
                self.acts.append(request.read(int(length[1])))
                answer = b'{"index": %d}' % self._desk.service.take_act(self.acts[-1])
                if number == self._lost:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
        self._listening.close()


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_an_act_whose_answer_was_lost_is_sent_again_as_it_is(tmp_path: Path, lost: int) -> None:
    """Another act would be refused: the key that signs it has just been changed."""
    for name in ("integrator", "next"):
        key_file(tmp_path / f"{name}.key", key_of(name))
    deaf = DeafBench(open_desk(tmp_path), lost)
    done = ran("key", "rotate", str(tmp_path / "next.key"), "--key", str(tmp_path / "integrator.key"), "--to", deaf.url)
    assert done.output == "rotated as entry 0\n"
    assert len(deaf.acts) == lost + 1
    assert len(set(deaf.acts)) == 1


def test_no_service_ends_with_three(tmp_path: Path) -> None:
    key_file(tmp_path / "a.key", key_of("integrator"))
    where = ("--key", str(tmp_path / "a.key"), "--to")
    done = ran("key", "revoke", BOARD_KEY, *where, f"http://127.0.0.1:{free_port()}")
    assert (done.exit_code, "no answer" in done.stderr) == (3, True)
    done = ran("key", "revoke", BOARD_KEY, *where, "127.0.0.1:8420")
    assert (done.exit_code, "expected http:// or https://" in done.stderr) == (2, True)


OTHERS = {  # what another server may answer, and what is said of it then
    "no such page": (404, b"<h1>", "answers 404; is it a passport service?"),
    "forbidden by something else": (403, b"<h1>", "no answer: "),
    "forbidden in another language": (403, b'{"reason": "go-away"}', "answers 403"),
    "forbidden for a reason that is no word": (403, b'{"reason": ["fork"]}', "answers 403"),
    "a number alone": (200, b"3", "no answer: not an object"),
    "no index": (200, b"{}", "no answer: 'index'"),
    "an index that is none": (200, b'{"index": null}', "no answer: "),
    "nothing": (200, b"", "no answer: "),
    "out of order": (500, b"", "answers 500"),
    "a full disk": (503, b'{"detail": "passport.db: the disk is full"}', "503; not now: passport.db: the disk is full"),
    "busy": (503, b"Service Unavailable", "answers 503; not now: try again later"),
}


@pytest.mark.parametrize(("status", "content", "words"), OTHERS.values(), ids=OTHERS)
def test_what_is_no_passport_service_is_said(tmp_path: Path, status: int, content: bytes, words: str) -> None:
    key_file(tmp_path / "a.key", key_of("integrator"))
    app = Starlette(routes=[Route("/acts", lambda _request: Response(content, status), methods=["POST"])])
    with served(app) as url:
        done = ran("key", "revoke", BOARD_KEY, "--key", str(tmp_path / "a.key"), "--to", url)
    assert (done.exit_code, words in done.stderr) == (3, True), done.stderr

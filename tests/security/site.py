"""A running site with a secret of every kind planted in it, whose programs are watched: what they open, write, listen
on and say. Started with a umask that forbids nothing, and under strace."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from packseal.io.mqtt import MQTTConnection
from packseal.io.mqtt_settings import MQTTTable
from packseal.io.ports import free_port
from packseal.records.log import Delivery
from tests.line.rig import PACKSEAL, Process, Rig, tool

USER = "packseal"
TRACED = "trace=openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat"
PATHS = re.compile(r'"((?:[^"\\]|\\.)*)"')
WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND")
SETTLE_S = 3.0


def planted(name: str, size: int = 32) -> bytes:
    """Recognisable bytes, the same each time, and nobody's key."""
    return hashlib.shake_128(f"planted {name}".encode()).digest(size)


def words(name: str) -> bytes:
    """Of a secret that has to be text."""
    return base64.urlsafe_b64encode(planted(name, 18))


class Watched(Process):
    """A program under strace, which would let go of it and leave it running where it alone were killed."""

    def kill(self) -> None:
        if self.is_running():
            os.killpg(self.pid, signal.SIGKILL)
        super().kill()


class Site(Rig):
    """secrets: by name. One leaves by design: a delivery carries the disclosure seed of its log to the service; it is
    looked for in all that is not a delivery."""

    def __init__(self, folder: Path) -> None:
        seeds = {"key of the service": "service.key", "key of the gateway": "gateway.key"}
        self.secrets: dict[str, bytes] = {name: planted(name) for name in seeds}
        for name, file in seeds.items():
            _private(folder / file, self.secrets[name])
        texts = ("password at the broker", "secret of the webhook", "key of a reader", "a wrong key", "a token")
        self.secrets |= {name: words(name) for name in texts}
        super().__init__(folder)
        self.local = f"127.0.0.1:{free_port()}"
        self._secure_broker()
        _private(folder / "webhook.secret", self.secrets["secret of the webhook"])
        self.passport = self._watched("passport", "serve")
        self.gateway = self._watched("gateway", "run")

    def start(self) -> None:
        super().start()
        delivery = Delivery.from_bytes(self.next_message("rec").payload)
        self.secrets["disclosure seed of the board's log"] = delivery.seed
        for path in (self.folder / "board").glob("key*"):
            self.secrets[f"{path.name} of the board"] = path.read_bytes()

    def write_configuration(self, board_key: bytes) -> None:
        super().write_configuration(board_key)
        access = f'[mqtt]\nusername = "{USER}"\npassword_file = "mqtt.password"\n'
        with (self.folder / "gateway.toml").open("a") as file:
            file.write(f'{access}[local]\nlisten = "{self.local}"\n')
        digest = hashlib.sha256(self.secrets["key of a reader"]).hexdigest()
        with (self.folder / "passport.toml").open("a") as file:
            file.write(f'{access}[[reader]]\nname = "depot"\nrole = "authority"\nkey_sha256 = "{digest}"\n')
            file.write(f'[[webhook]]\nurl = "http://127.0.0.1:{free_port()}/x"\nsecret_file = "webhook.secret"\n')
            file.write("private = true\n")

    def _secure_broker(self) -> None:
        password = self.secrets["password at the broker"].decode()
        _private(self.folder / "mqtt.password", password.encode())
        theirs = self.folder / "passwords"
        subprocess.run([tool("mosquitto_passwd"), "-b", "-c", theirs, USER, password], check=True, capture_output=True)
        settings = self.folder / "mosquitto.conf"
        text = settings.read_text().replace("allow_anonymous true", f"user root\npassword_file {theirs}")
        settings.write_text(text)
        access = MQTTTable.model_validate({"username": USER, "password_file": self.folder / "mqtt.password"})
        self._tap = MQTTConnection(self.address, "tap", ["packseal/#"], self._heard, access=access)

    def _watched(self, program: str, command: str) -> Process:
        """With a umask of nothing: what is private is so because the program says so."""
        trace = ["--follow-forks", "--quiet=all", f"--output={self.folder / program}.trace", "-e", TRACED]
        line = [tool("strace"), *trace, PACKSEAL, program, command, str(self.folder / f"{program}.toml")]
        return Watched(["sh", "-c", 'umask 000; exec "$@"', "sh", *line], self.folder / f"{program}.log")

    # ---- what is seen of a program

    def pids(self, program: str) -> list[int]:
        """Of the program and of all that it has started, without strace."""
        return list(_below({"gateway": self.gateway, "passport": self.passport}[program].pid))

    def processes(self, program: str) -> Iterator[tuple[str, bytes]]:
        """(place, what everybody on the machine can read there): arguments, environment, name."""
        for pid in self.pids(program):
            for name in ("cmdline", "environ", "comm"):
                with suppress(OSError):
                    yield f"/proc of {program}: {name}", Path(f"/proc/{pid}/{name}").read_bytes()

    def written(self, program: str) -> set[Path]:
        """What it has opened to write, made, renamed or removed, but for devices."""
        found = set()
        for line in (self.folder / f"{program}.trace").read_text(errors="replace").splitlines():
            if " = -1 " in line or (re.search(r"\bopen(at)?\(", line) and not WRITING.search(line)):
                continue
            found |= {Path(path) for path in PATHS.findall(line)}
        return {path for path in found if not str(path).startswith(("/dev/", "/proc/self/"))}

    def listening(self, program: str) -> set[str]:
        """host:port of each TCP and UDP socket of it on which somebody else could begin to talk."""
        return {place for pid in self.pids(program) for place in _listening(pid)}

    def signal(self, program: str, number: int) -> None:
        for pid in self.pids(program):
            os.kill(pid, number)

    # ---- who asks

    def ask(self, address: str, path: str, *, body: bytes | None = None, method: str = "", **headers: str) -> bytes:
        """All of the answer, whatever it is: status, headers and content."""
        host, _, port = address.rpartition(":")
        connection = HTTPConnection(host, int(port), timeout=20)
        try:
            shown = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method or ("POST" if body is not None else "GET"), path, body, shown)
            answer = connection.getresponse()
            return f"{answer.status} {answer.getheaders()}\n".encode() + answer.read()
        finally:
            connection.close()

    def settle(self) -> None:
        """For what a program says a little later, of what was just done to it."""
        threading.Event().wait(SETTLE_S)


def _private(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)


def _below(pid: int) -> Iterator[int]:
    with suppress(OSError):
        if Path(f"/proc/{pid}/comm").read_text().strip() not in ("strace", "sh"):
            yield pid
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _below(int(child))


def _listening(pid: int) -> Iterator[str]:
    own = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            own.add(str(link.readlink()))
    for protocol, states in (("tcp", {"0A"}), ("tcp6", {"0A"}), ("udp", {"07"}), ("udp6", {"07"})):
        for row in Path(f"/proc/{pid}/net/{protocol}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = row.split()[:10]
            if state in states and f"socket:[{inode}]" in own:
                yield _place(local)


def _place(local: str) -> str:
    """As /proc/net has it: the address in hexadecimal words of this machine's order."""
    address, _, port = local.partition(":")
    octets = bytes.fromhex(address)
    if len(octets) == 4:
        return f"{'.'.join(map(str, reversed(octets)))}:{int(port, 16)}"
    return f"[{address}]:{int(port, 16)}"


def evidence_of(messages: list[Any]) -> Mapping[str, bytes]:
    """What went over the broker but for deliveries, which carry their log's disclosure seed to the service."""
    return {
        f"{message.topic} {number}": message.payload for number, message in enumerate(messages) if message.kind != "rec"
    }

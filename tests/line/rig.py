"""The whole line as separate processes that can be killed: broker, passport service, gateway, board."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.request import urlopen

import pytest

from packseal.apps.demo import board_config
from packseal.io.enrol import hello_of
from packseal.io.keys import load_or_make_key
from packseal.io.mqtt import BrokerAddress, MQTTConnection
from packseal.io.passport_store import PassportStore
from packseal.io.ports import free_port
from packseal.io.unix_board import UnixBoard
from packseal.records.entries import decode_entry, genesis_key

BATTERY = "rig-pack"
WAIT_S = 60
IN_CI = os.environ.get("CI") == "true"
PACKSEAL = str(Path(sys.executable).with_name("packseal"))


def tool(name: str) -> str:
    """A program's path; where it is missing the test is skipped, in CI it fails."""
    return found(name) or missing(f"{name} is not installed")


def found(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


def missing(what: str) -> NoReturn:
    """Skips the test, saying so; in CI it fails."""
    if IN_CI:
        pytest.fail(f"{what}; CI must not skip")
    pytest.skip(what)


class Process:
    """One program of the line; `kill` is SIGKILL."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._command, self._log = command, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def has_ended(self) -> bool:
        """By itself, not by `kill`."""
        return self._process is not None and self._process.poll() not in (None, -signal.SIGKILL)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def interrupt(self) -> None:
        """As Ctrl-C does: for the program and what it has started."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGINT)
            try:
                self._process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                self.fail_with_stacks("it does not end")

    def wait_for_output(self, *words: str, timeout_s: int = WAIT_S) -> None:
        for _ in range(10 * timeout_s):
            if all(part in self.output() for part in words):
                return
            threading.Event().wait(0.1)
        self.fail_with_stacks(f"{words} not in its output")

    def fail_with_stacks(self, why: str) -> NoReturn:
        """Ends the program, and shows where each of its threads stood."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGUSR1)
            threading.Event().wait(2)
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        pytest.fail(f"{why}:\n{self.output()}")

    def output(self) -> str:
        return self._log.read_text(errors="replace")


def broker(folder: Path) -> tuple[Process, BrokerAddress]:
    """A broker that keeps nothing on disk, not yet started: mosquitto, without it (not in CI) the one of the demo."""
    address = BrokerAddress("127.0.0.1", free_port())
    if not IN_CI and not found("mosquitto"):
        return Process([sys.executable, "-m", "packseal.io.broker", str(address.port)], folder / "broker.log"), address
    settings = folder / "mosquitto.conf"
    settings.write_text(f"listener {address.port} {address.host}\nallow_anonymous true\npersistence false\n")
    return Process([tool("mosquitto"), "-c", str(settings)], folder / "broker.log"), address


@dataclass(frozen=True)
class Message:
    topic: str
    payload: bytes

    @property
    def kind(self) -> str:
        return self.topic.rsplit("/", 1)[-1]


class Rig:
    def __init__(self, folder: Path, **board: Any) -> None:
        self.folder = folder
        self.broker, self.address = broker(folder)
        self.listen = f"127.0.0.1:{free_port()}"
        service_key = load_or_make_key(folder / "service.key").public_key
        self.board_config = board_config(service_key) | {"checkpoint_every": 5} | board
        self.board = UnixBoard(folder / "board", self.board_config)
        text = ["--log", "text"]  # tests read it as a person does
        passport, gateway = str(folder / "passport.toml"), str(folder / "gateway.toml")
        self.passport = Process([PACKSEAL, "passport", "serve", passport, *text], folder / "passport.log")
        self.gateway = Process([PACKSEAL, "gateway", "run", gateway, *text], folder / "gateway.log")
        self.messages: queue.Queue[Message] = queue.Queue()
        self.heard: list[Message] = []
        self._tap = MQTTConnection(self.address, "tap", ["packseal/#"], self._heard)
        self.service_key = service_key
        self.gateway_key = load_or_make_key(folder / "gateway.key").public_key

    @property
    def parts(self) -> dict[str, Any]:
        return {"firmware": self.board, "gateway": self.gateway, "passport": self.passport}

    @property
    def store(self) -> Path:
        return self.folder / "passport.db"

    def start(self) -> None:
        self.broker.start()
        self.board.start()
        self._tap.start()
        self.wait_for(lambda: self._tap.is_connected, "the broker")
        hello = hello_of(self.board.port)
        self.write_configuration(genesis_key(hello.genesis).public_key)
        self.passport.start()
        self.gateway.start()

    def stop(self) -> None:
        self._tap.stop()
        for part in (self.gateway, self.passport, self.broker):
            part.kill()
        self.board.stop()

    def write_configuration(self, board_key: bytes) -> None:
        (self.folder / "passport.toml").write_text(
            f'broker = "{self.address}"\nlisten = "{self.listen}"\nstore = "passport.db"\nkey = "service.key"\n'
            f'[access]\nanonymous = "owner"\n'
            f'[[authority]]\nrole = "gateway"\npublic_key = "{self.gateway_key.hex()}"\n'
            f'[[battery]]\nid = "{BATTERY}"\nname = "Rig pack"\ncategory = "SBESS"\nrated_capacity_mah = 10000\n'
            f'[[battery.source]]\npublic_key = "{board_key.hex()}"\nevidence_class = "B"\n'
        )
        (self.folder / "gateway.toml").write_text(
            f'site = "rig"\nbroker = "{self.address}"\noutbox = "outbox.db"\n'
            f'service_public_key = "{self.service_key.hex()}"\n'
            f'[[board]]\nbattery = "{BATTERY}"\nport = "{self.board.port}"\npublic_key = "{board_key.hex()}"\n'
        )

    def next_message(self, kind: str, timeout_s: float = WAIT_S) -> Message:
        """The next message of this kind; what comes before it is dropped."""
        while True:
            try:
                message = self.messages.get(timeout=timeout_s)
            except queue.Empty:
                pytest.fail(f"no {kind} in {timeout_s} s\n{self.gateway.output()}\n{self.passport.output()}")
            if message.kind == kind:
                return message

    def stored_size(self) -> int:
        with closing(PassportStore(self.store)) as store:
            return sum(head.size for head in store.heads())

    def stored_records(self) -> list[bytes]:
        """All that the service holds of its one log, checked: each as it was signed, in order, none missing."""
        with closing(PassportStore(self.store)) as store:
            (head,) = store.heads()
            assert not store.audit(head.log_id, limit=1 << 24).differences
            contents = list(store.known(head.log_id).entries(0, head.size))
        assert [decode_entry(content).seq for content in contents] == list(range(head.size))
        return contents

    def publish(self, topic: str, payload: bytes) -> None:
        """Again where the connection has as many on the way as it takes."""
        for _ in range(WAIT_S * 50):
            if self._tap.publish(topic, payload):
                return
            threading.Event().wait(0.02)
        pytest.fail(f"{self._tap.address} takes nothing")

    def page(self, path: str = "") -> str:
        with urlopen(f"http://{self.listen}/{path}") as answer:
            content: bytes = answer.read()
        return content.decode()

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.page(f"battery/{BATTERY}/data.json"))
        return document

    def wait_for(self, condition: Callable[[], bool], what: str, timeout_s: float = WAIT_S) -> None:
        """Looks again at every message on the broker, and ten times a second."""
        for _ in range(int(timeout_s * 10)):
            if condition():
                return
            try:
                self.messages.get(timeout=0.1)
            except queue.Empty:
                continue
        log = (self.folder / "board" / "board.log").read_text()
        outputs = f"{self.gateway.output()}\n{self.passport.output()}\n{log}"
        pytest.fail(f"{what} did not come in {timeout_s} s\n{outputs}")

    def _heard(self, topic: str, payload: bytes) -> None:
        message = Message(topic, payload)
        self.heard.append(message)
        self.messages.put(message)

"""A receiver of webhooks on a real port, which a test tells what to answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from packseal.io.ports import free_port

HANG = 0  # no answer at all, until the receiver stops


@dataclass(frozen=True)
class Told:
    headers: Mapping[str, str]
    body: bytes

    @property
    def changes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.body)["changes"]
        return found


class Receiver:
    """answers: statuses of the next answers; 200 behind them."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.told: list[Told] = []  # whatever was answered
        self.taken: list[Told] = []  # with 2xx
        self.port = free_port()
        self.connections = 0
        self._released = threading.Event()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def indices(self) -> list[int]:
        return [change["index"] for told in self.taken for change in told.changes]

    def start(self) -> None:
        receiver = self
        self._released.clear()

        class Handler(BaseHTTPRequestHandler):
            def setup(self) -> None:
                receiver.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver._answer(self, Told(dict(self.headers), body))

            def log_message(self, *_arguments: object) -> None:
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler, told: Told) -> None:
        status = self.answers.pop(0) if self.answers else 200
        self.told.append(told)
        if status == HANG:
            self._released.wait()
            return
        if status == 200:
            self.taken.append(told)
        handler.send_response(status)
        if 300 <= status < 400:
            handler.send_header("Location", f"{self.url}/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

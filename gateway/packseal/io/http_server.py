"""An HTTP server in a thread of its own, which never ends in silence."""

from __future__ import annotations

import threading

import uvicorn
from starlette.types import ASGIApp

from packseal.io.ports import listening_socket

MAX_CONNECTIONS = 100  # more are turned away with 503: nobody's idle requests take all memory
STOP_TIMEOUT_S = 20


class HTTPServer:
    """Its port is taken at once, so that a mistake is known before anything else is opened."""

    def __init__(self, listen: str) -> None:
        """Raises UnavailableError."""
        self.url = f"http://{listen}"
        self.problem = ""  # why nothing is served any more
        self._socket = listening_socket(listen)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app, log_level="error", access_log=False, server_header=False, limit_concurrency=MAX_CONNECTIONS
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, args=(self._server,), name="http", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join(STOP_TIMEOUT_S)
        self._socket.close()

    def join(self) -> None:
        """Waits until the server ends."""
        if self._thread:
            self._thread.join()

    def _run(self, server: uvicorn.Server) -> None:
        words = "it ended"
        try:
            server.run([self._socket])
        except (Exception, SystemExit) as error:  # a thread's exception would be seen by nobody
            words = repr(error)
        if not server.should_exit:
            self.problem = f"{self.url}: nothing is served any more ({words}); start again"

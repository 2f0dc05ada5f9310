"""An HTTP server in a thread of its own, which never ends in silence; over TLS where it has a certificate."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Sequence

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from packseal.io.access_settings import TLSTable
from packseal.io.ports import listening_socket
from packseal.io.tls_files import load_authorities, load_certificate

MAX_CONNECTIONS = 100  # more are turned away with 503: nobody's idle requests take all memory
STOP_TIMEOUT_S = 20
GRACE_S = 10  # for answers under way when the server is to end; then they are cut
CLIENT_CERTIFICATE = "packseal.client_certificate"  # ASGI extension: {"der": the certificate that TLS has verified}
IS_ENDING = "packseal.is_ending"  # ASGI extension: {"asked": () -> whether the server is to end}


class HTTPServer:
    """Its port is taken at once, so that a mistake is known before anything else is opened."""

    def __init__(self, listen: str, tls: TLSTable | None = None, proxies: Sequence[str] = ()) -> None:
        """proxies: whose word on a client's address counts. Raises ConfigError, UnavailableError."""
        self._tls = tls_context(tls) if tls else None
        self._proxies = list(proxies)
        self.url = f"{'https' if tls else 'http'}://{listen}"
        self.problem = ""  # why nothing is served any more
        self._socket = listening_socket(listen)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a kept connection would wait 40 ms
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            _WithExtension(app, IS_ENDING, {"asked": lambda: bool(self._server and self._server.should_exit)}),
            log_config=None,  # its errors go where those of all libraries go (io/log_lines.py)
            log_level="error",
            access_log=False,
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=GRACE_S,
            http=_Protocol,
            ws="none",
            proxy_headers=bool(self._proxies),
            forwarded_allow_ips=self._proxies,
        )
        config.load()
        config.ssl = self._tls
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


def tls_context(tls: TLSTable) -> ssl.SSLContext:
    """The server's side of TLS; clients may show a certificate, which then has to hold. Raises ConfigError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0  # every connection shows its certificate itself, so that each is checked when it begins
    load_certificate(context, tls.certificate, tls.key, "tls")
    if tls.client_ca is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
        load_authorities(context, tls.client_ca)
    return context


class _Protocol(H11Protocol):
    """Hands the client's certificate of a TLS connection to the application."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        certificate = connection.getpeercert(binary_form=True) if connection is not None else None
        if certificate:
            self.app = _WithExtension(self.app, CLIENT_CERTIFICATE, {"der": certificate})


class _WithExtension:
    def __init__(self, app: ASGIApp, name: str, content: dict[str, object]) -> None:
        self._app, self._more = app, {name: content}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "extensions": {**scope.get("extensions", {}), **self._more}}, receive, send)

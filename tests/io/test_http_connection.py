"""A connection goes to the first of a name's addresses that answers, and to none that may not be asked."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from packseal.errors import AddressError, UnavailableError
from packseal.io.http_connection import connection_to
from tests.sim.server import Served, served

NOBODY = "127.0.0.9"  # of this machine, where nobody listens


async def _here(_request: Request) -> Response:
    return PlainTextResponse("here")


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served(Starlette(routes=[Route("/", _here)])) as running:
        yield running


def answer(server: Served, addresses: list[str], timeout_s: float = 5.0, *, is_private_allowed: bool = True) -> bytes:
    with connection_to(
        server.url, timeout_s, is_private_allowed=is_private_allowed, lookup=lambda _host, _port: addresses
    ) as connection:
        connection.request("GET", "/")
        return connection.getresponse().read()


def test_a_dead_address_hides_no_living_one(server: Served) -> None:
    for addresses in ([NOBODY, "127.0.0.1"], ["::1", NOBODY, "127.0.0.1"], ["127.0.0.1", NOBODY]):
        assert answer(server, addresses) == b"here"


def test_where_none_answers_the_last_one_says_why(server: Served) -> None:
    with pytest.raises(UnavailableError, match="no answer"):
        answer(server, [NOBODY, NOBODY])


def test_an_address_that_swallows_leaves_time_for_the_next(server: Served) -> None:
    """A socket that listens and takes nothing more is a machine that does not answer."""
    with closing(socket.socket()) as full, closing(socket.socket()) as first:
        port = int(server.url.rpartition(":")[2])
        full.bind((NOBODY, port))
        full.listen(0)
        first.connect((NOBODY, port))
        assert answer(server, [NOBODY, "127.0.0.1"], 4.0) == b"here"


def test_every_address_is_looked_at_before_any_is_asked(server: Served) -> None:
    with pytest.raises(AddressError, match="of an own network"):
        answer(server, ["127.0.0.1", "192.0.2.1"], is_private_allowed=False)

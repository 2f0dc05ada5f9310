"""An MQTT broker inside this process, for the demo and for imports: loopback only, nothing kept on disk.

`python -m packseal.io.broker PORT` runs it alone.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from contextlib import suppress

from amqtt.broker import Broker

from packseal.errors import UnavailableError
from packseal.io.mqtt import BrokerAddress
from packseal.io.ports import free_port

START_TIMEOUT_S = 20
END_TIMEOUT_S = 5
MAX_FIXED_HEADER_BYTES = 5  # MQTT 3.1.1 section 2.2
_CONNECT_V5 = b"\x00\x04MQTT\x05"
_VERSION_REFUSED = b"\x20\x02\x00\x01"  # CONNACK, unacceptable protocol version: section 3.2.2.3


class _ReadAgain:
    """A stream whose beginning has been looked at: amqtt waits for ever for the rest of a CONNECT of MQTT 5."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader, self._head = reader, b""

    async def begins_with_v5(self) -> bool:
        try:
            self._head = await self._reader.readexactly(2)
            while self._head[-1] & 0x80 and len(self._head) < MAX_FIXED_HEADER_BYTES:
                self._head += await self._reader.readexactly(1)
            start = len(self._head)
            self._head += await self._reader.readexactly(len(_CONNECT_V5))
        except asyncio.IncompleteReadError as cut:
            self._head += cut.partial
            return False
        return self._head[start:] == _CONNECT_V5

    async def read(self, count: int = -1) -> bytes:
        head, self._head = self._head, b""
        return head + await self._reader.read(count)

    async def readexactly(self, count: int) -> bytes:
        head, self._head = self._head[:count], self._head[count:]
        return head + await self._reader.readexactly(count - len(head))

    def feed_eof(self) -> None:
        self._reader.feed_eof()


class _ClosingBroker(Broker):  # type: ignore[misc]  # carries no types
    """Closes every connection: the base leaves one to the collector whose client goes before its session has begun, or
    which is ended while the broker is shut down."""

    def __init__(self, config: dict[str, object], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(config, loop=loop)
        self._connections: set[asyncio.StreamWriter] = set()

    def drop(self) -> None:
        """Listens no more, and ends all its connections as cut lines would be."""
        for server in self._servers.values():
            server.instance.close()
        for connection in self._connections:
            connection.transport.abort()  # also one whose client takes nothing more

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        self._connections.add(writer)
        try:
            with suppress(asyncio.CancelledError, OSError):  # the broker ends, or the client has gone
                await self._serve(reader, writer, listener_name)
        finally:
            self._connections.discard(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str) -> None:
        try:
            again = _ReadAgain(reader)
            if await again.begins_with_v5():
                writer.write(_VERSION_REFUSED)
            else:
                await super().stream_connected(again, writer, listener_name)
        finally:
            writer.close()
            await writer.wait_closed()


class EmbeddedBroker:
    def __init__(self, port: int = 0) -> None:
        self.address = BrokerAddress("127.0.0.1", port or free_port())
        self._loop: asyncio.AbstractEventLoop  # from the start on
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
        self._started = threading.Event()
        self._error: Exception | None = None

    def start(self) -> None:
        """Raises UnavailableError when the port is taken."""
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        logging.getLogger("transitions").setLevel(logging.CRITICAL)
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        if not self._started.wait(START_TIMEOUT_S) or self._error:
            raise UnavailableError(f"the demo's broker cannot listen on {self.address}: {self._error}")

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(START_TIMEOUT_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._start())
        except Exception as error:
            self._error = error
        self._started.set()
        if not self._error:
            self._loop.run_forever()
            self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        """Not by amqtt's own shutdown, which waits for ever for a session that it ends while a packet of it is read."""
        self._loop.set_exception_handler(lambda *_: None)  # what a session says that is cut is nobody's concern
        self._broker.drop()
        until_s = self._loop.time() + END_TIMEOUT_S
        while (rest := asyncio.all_tasks() - {asyncio.current_task()}) and self._loop.time() < until_s:
            for task in rest:
                task.cancel()  # again where amqtt has taken it for something else
            await asyncio.wait(rest, timeout=END_TIMEOUT_S / 10)
        await asyncio.sleep(0)  # a turn of the loop, in which the sockets are closed
        await self._loop.shutdown_asyncgens()

    async def _start(self) -> None:
        listener = {"type": "tcp", "bind": f"{self.address.host}:{self.address.port}"}
        plugins: dict[str, dict[str, object]] = {
            "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
        }
        self._broker = _ClosingBroker({"listeners": {"default": listener}, "plugins": plugins}, loop=self._loop)
        await self._broker.start()


if __name__ == "__main__":
    EmbeddedBroker(int(sys.argv[1])).start()
    threading.Event().wait()

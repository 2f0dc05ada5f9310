"""An MQTT broker inside this process, for the demo and for imports: loopback only, nothing kept on disk.

`python -m packseal.io.broker PORT` runs it alone.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from weakref import WeakSet

from amqtt.broker import Broker

from packseal.errors import UnavailableError
from packseal.io.mqtt import BrokerAddress
from packseal.io.ports import free_port

START_TIMEOUT_S = 20


class _ClosingBroker(Broker):  # type: ignore[misc]  # carries no types
    """Knows its connections: the base leaves those open that are ended while it is shut down."""

    def __init__(self, config: dict[str, object], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(config, loop=loop)
        self.connections: WeakSet[asyncio.StreamWriter] = WeakSet()

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        self.connections.add(writer)
        await super().stream_connected(reader, writer, listener_name)


class EmbeddedBroker:
    def __init__(self, port: int = 0) -> None:
        self.address = BrokerAddress("127.0.0.1", port or free_port())
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
        self._started = threading.Event()
        self._error: Exception | None = None

    def start(self) -> None:
        """Raises UnavailableError when the port is taken."""
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        logging.getLogger("transitions").setLevel(logging.CRITICAL)
        self._thread.start()
        if not self._started.wait(START_TIMEOUT_S) or self._error:
            raise UnavailableError(f"the demo's broker cannot listen on {self.address}: {self._error}")

    def stop(self) -> None:
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._broker.shutdown(), self._loop).result(START_TIMEOUT_S)
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
        """Ends what the broker leaves behind, so that its sockets are closed."""
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        for connection in list(self._broker.connections):
            connection.close()
        await asyncio.sleep(0)  # a turn of the loop, in which they close
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

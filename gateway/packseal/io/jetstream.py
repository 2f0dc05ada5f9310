"""Deliveries from a stream of NATS JetStream, and what is said over NATS besides: what MQTTConnection is for MQTT.

Gateways speak MQTT 3.1.1 to the servers' MQTT listener; a topic is a subject there, with dots for slashes. A stream
captures packseal.*.*.rec, and the workers of one service share one durable pull consumer: each delivery goes to one of
them, is acknowledged once it is answered, and goes to another when it was not for ACK_WAIT_S. The stream is a waiting
room and no store: what it loses, the gateways send again.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NATSError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from packseal.errors import ConfigError
from packseal.io.came import Came
from packseal.io.files import read_owned
from packseal.io.jetstream_address import NATSAddress
from packseal.io.mqtt_access import password, tls_context
from packseal.io.worker_settings import NATSTable

SUBJECTS = "packseal.*.*.rec"
ACK_WAIT_S = 30
MAX_ACK_PENDING = 1024  # of all workers: a delivery has 256 KiB at most
MAX_AGE_S = 600  # gateways have sent again by then, more than once
MAX_STREAM_BYTES = 1 << 30
BATCH = 128  # 32 MiB at most
FETCH_S = 5.0
MORE_S = 0.02  # for what has come with the first of a batch
AGAIN_S = 2.0  # what could not be stored comes again
RETRY_S, CONNECT_S, PING_S = 1.0, 5, 10
STOP_S = 40.0  # a batch may be on its way into the store
MAX_SEED_BYTES = 200

Result = TypeVar("Result")


class StoppedError(Exception):
    """Somebody called `stop`."""


class JetStreamConnection:
    """Comes back by itself, for ever. Everything of NATS happens in one thread with a loop of its own."""

    def __init__(
        self,
        address: NATSAddress,
        table: NATSTable,
        service: str,
        topics: Sequence[str],
        on_deliveries: Callable[[Sequence[Came]], None],
        on_message: Callable[[str, bytes], None],
    ) -> None:
        """service: the name of the consumer, the same for all workers of a service. topics: MQTT's; the first is that
        of deliveries, which go to on_deliveries, in a thread of their own; messages on the others to on_message."""
        self._address, self._table, self._service = address, table, service
        self._deliveries, *self._others = [_subject(topic) for topic in topics]
        self._on_deliveries, self._on_message = on_deliveries, on_message
        self._problem = "not reached yet"
        self.message_problem = ""
        self.waiting: int | None = None  # deliveries in the stream that no worker has fetched; None while not known
        self._client, self._is_begun = Client(), False
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="jetstream", daemon=True)

    @property
    def is_connected(self) -> bool:
        return self._client.is_connected and not self._problem

    @property
    def problem(self) -> str:
        """Why nothing passes at present; empty when all is well."""
        return f"broker {self._address}: {self._problem}" if self._problem else ""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends behind the batch that is on its way."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(STOP_S)
        elif not self._loop.is_closed():
            self._loop.close()

    def publish(self, topic: str, content: bytes) -> bool:
        """Hands the message over; False when there is no connection now. Neither answer means that it arrived."""
        return self._client.is_connected and self._soon(self._client.publish(_subject(topic), content))

    def _soon(self, step: Coroutine[Any, Any, None]) -> bool:
        """From any thread, in the order of the calls."""
        try:
            asyncio.run_coroutine_threadsafe(step, self._loop)
        except RuntimeError:  # the loop has ended
            step.close()
            return False
        return True

    # ---- in the loop

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner, suppress(StoppedError):
            runner.run(self._sessions())

    async def _sessions(self) -> None:
        while True:
            try:
                await self._session()
            except StoppedError:
                raise
            except Exception as error:  # the thread must outlive what nobody thought of
                self._problem = _words(error)
            finally:
                await self._closed()
            await self._unless_stopped(asyncio.sleep(RETRY_S))

    async def _session(self) -> None:
        options = self._options()
        self._is_begun = True
        await self._unless_stopped(self._client.connect(**options))
        context = self._client.jetstream(timeout=CONNECT_S)
        await self._unless_stopped(self._prepared(context))
        for subject in self._others:
            await self._client.subscribe(subject, cb=self._heard)
        consumer = await context.pull_subscribe_bind(self._service, stream=self._table.stream)
        self._problem = ""
        while True:
            messages = await self._unless_stopped(self._fetched(consumer))
            if messages:
                self.waiting = messages[-1].metadata.num_pending
                await asyncio.to_thread(self._on_deliveries, [self._came(message) for message in messages])
            else:
                known = await self._unless_stopped(context.consumer_info(self._table.stream, self._service))
                self.waiting = known.num_pending

    def _options(self) -> dict[str, Any]:
        """Raises ConfigError."""
        table = self._table
        options: dict[str, Any] = {
            "servers": self._address.urls, "name": "packseal", "connect_timeout": CONNECT_S,
            "max_reconnect_attempts": -1, "reconnect_time_wait": RETRY_S, "error_cb": self._failed,
            "ping_interval": PING_S, "disconnected_cb": self._lost, "reconnected_cb": self._back,
        }  # fmt: skip
        if self._address.is_tls:
            options |= {"tls": tls_context(table), "tls_hostname": table.server_name}
        if table.username:
            options |= {"user": table.username, "password": lambda: password(table)}
        if table.nkey_file:
            options["nkeys_seed_str"] = _seed(table)
        return options

    async def _prepared(self, context: JetStreamContext) -> None:
        """What is there stays as its operator wants it."""
        table = self._table
        try:
            await context.stream_info(table.stream)
        except NotFoundError:
            await context.add_stream(
                StreamConfig(
                    table.stream, subjects=[SUBJECTS], retention=RetentionPolicy.INTEREST, storage=StorageType.FILE,
                    num_replicas=table.replicas, max_age=MAX_AGE_S, max_bytes=MAX_STREAM_BYTES,
                    discard=DiscardPolicy.NEW,
                )
            )  # fmt: skip
        try:
            await context.consumer_info(table.stream, self._service)
        except NotFoundError:
            await context.add_consumer(
                table.stream,
                ConsumerConfig(
                    durable_name=self._service, filter_subject=self._deliveries, ack_policy=AckPolicy.EXPLICIT,
                    ack_wait=ACK_WAIT_S, max_ack_pending=MAX_ACK_PENDING,
                ),
            )  # fmt: skip

    async def _fetched(self, consumer: JetStreamContext.PullSubscription) -> list[Msg]:
        """All that has come, at most a batch; empty when nothing came for a while."""
        try:
            messages = await consumer.fetch(1, FETCH_S)
        except TimeoutError:
            return []
        with suppress(asyncio.TimeoutError):
            messages += await consumer.fetch(BATCH - 1, MORE_S)
        return messages

    def _came(self, message: Msg) -> Came:
        def done(is_answered: bool) -> None:
            self._soon(self._acknowledged(message, is_answered))

        return Came(_topic(message.subject), message.data, done)

    async def _acknowledged(self, message: Msg, is_answered: bool) -> None:
        with suppress(NATSError, OSError):  # then it comes again, and has the same answer
            await (message.ack() if is_answered else message.nak(AGAIN_S))

    async def _heard(self, message: Msg) -> None:
        topic = _topic(message.subject)
        try:
            await asyncio.to_thread(self._on_message, topic, message.data)
        except Exception as error:  # nobody else would hear of it
            self.message_problem = f"a message on {topic} was not taken: {error}"
        else:
            self.message_problem = ""

    async def _unless_stopped(self, step: Coroutine[Any, Any, Result]) -> Result:
        """Raises StoppedError, and the step has ended without its effect."""
        stop, doing = asyncio.ensure_future(self._stop.wait()), asyncio.ensure_future(step)
        try:
            await asyncio.wait({stop, doing}, return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise StoppedError
            return doing.result()
        finally:
            stop.cancel()
            doing.cancel()
            await asyncio.gather(stop, doing, return_exceptions=True)

    async def _closed(self) -> None:
        if self._is_begun:
            with suppress(NATSError, OSError):
                if self._client.is_connected:
                    await self._client.flush(CONNECT_S)
            with suppress(NATSError, OSError):
                await self._client.close()
        self._client, self._is_begun = Client(), False
        self.waiting = None

    async def _failed(self, error: Exception) -> None:
        is_echo = isinstance(error, BrokenPipeError | ConnectionResetError)  # of a refusal that was told before it
        if not self._client.is_connected and not (is_echo and self._problem):
            self._problem = _words(error)

    async def _lost(self) -> None:
        self._problem = self._problem or "the connection was lost"

    async def _back(self) -> None:
        self._problem = ""


def _subject(topic: str) -> str:
    return topic.replace("+", "*").replace("/", ".")


def _topic(subject: str) -> str:
    return subject.replace(".", "/")


def _seed(table: NATSTable) -> str:
    path = table.nkey_file
    if path is None:
        return ""
    content = read_owned(path, MAX_SEED_BYTES)
    if find_spec("nkeys") is None:
        raise ConfigError(f"{path}: to sign in with it, run: pip install 'packseal[nats]'")
    return content.decode("ascii", "replace").strip()


def _words(error: Exception) -> str:
    said = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, ConfigError | ssl.SSLError):
        return said
    if "Authorization" in said:
        return f"{said}; check username and password_file, or nkey_file, of [nats]"
    if "replicas" in said:
        return f"{said}; write replicas = 1 into [nats] for a server without a cluster"
    if isinstance(error, OSError | asyncio.TimeoutError) or "no servers" in said:
        return "does not answer; is it running, and is the address right?"
    return said

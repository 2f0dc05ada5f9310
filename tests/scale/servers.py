"""NATS servers and passport workers as processes that can be killed."""

from __future__ import annotations

import asyncio
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import nats
from nats.errors import Error as NATSError

from packseal.io.keys import load_or_make_key
from packseal.io.mqtt import BrokerAddress
from packseal.io.ports import free_port
from tests.line.rig import PACKSEAL, WAIT_S, Process, tool
from tests.passport.board import Board

SYNCED_SINCE = (2, 10)  # versions that know sync_interval


class NATSCluster:
    """Servers of one cluster, each with a listener for MQTT."""

    def __init__(self, folder: Path, count: int = 3, more: str = "") -> None:
        """more: lines for each configuration."""
        program = tool("nats-server")
        self.ports = [free_port() for _ in range(count)]
        self.mqtt_ports = [free_port() for _ in range(count)]
        self._watch_ports = [free_port() for _ in range(count)]
        routes = [free_port() for _ in range(count)]
        sync = " sync_interval: always" if _version(program) >= SYNCED_SINCE else ""
        addresses = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
        self.nodes = []
        for number in range(count):
            path = folder / f"nats-{number}.conf"
            cluster = f'cluster {{ name: c, listen: "127.0.0.1:{routes[number]}", routes: [{addresses}] }}\n'
            path.write_text(
                f'server_name: n{number}\nlisten: "127.0.0.1:{self.ports[number]}"\n'
                f'http: "127.0.0.1:{self._watch_ports[number]}"\n'
                f'jetstream {{ store_dir: "{folder}/js-{number}"{sync} }}\n'
                f'mqtt {{ listen: "127.0.0.1:{self.mqtt_ports[number]}" }}\n'
                f"{cluster if count > 1 else ''}{more}"
            )
            self.nodes.append(Process([program, "-c", str(path)], folder / f"nats-{number}.log"))

    def start(self) -> None:
        for node in self.nodes:
            node.start()

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()

    def settled(self) -> bool:
        """All servers are there and have caught up: a cluster of three bears the death of one."""
        return all(_is_healthy(port) for port in self._watch_ports) and asyncio.run(_has_caught_up(self.ports[0]))

    @property
    def url(self) -> str:
        return "nats://" + ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def listener(self, number: int) -> BrokerAddress:
        return BrokerAddress("127.0.0.1", self.mqtt_ports[number])


def _is_healthy(port: int) -> bool:
    """The server itself: of the consumers that it makes for MQTT, 2.9 leaves some behind for ever."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz?js-server-only=true") as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


async def _has_caught_up(port: int) -> bool:
    """Every stream has a leader, and all that follow it are up to date."""
    client = await nats.connect(f"nats://127.0.0.1:{port}")
    try:
        found = [stream.cluster for stream in await client.jetstream(timeout=2).streams_info()]
    except (NATSError, TimeoutError):
        return False
    finally:
        await client.close()
    return all(one and one.leader and all(peer.current for peer in one.replicas or ()) for one in found)


def _version(program: str) -> tuple[int, ...]:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.findall(r"\d+", said)[:2])


class Workers:
    """Of one service on one database; the first two have the pages, and the folder of the published log."""

    def __init__(self, folder: Path, broker: str, store: str, boards: dict[str, Board], count: int = 3) -> None:
        self.folder, self.store = folder, store
        self.key = load_or_make_key(folder / "service.key").public_key
        self.listens = [f"127.0.0.1:{free_port()}" for _ in range(count)]
        self.processes = [self._process(number, broker, boards) for number in range(count)]

    def _process(self, number: int, broker: str, boards: dict[str, Board]) -> Process:
        path = self.folder / f"worker-{number}.toml"
        text = (
            f'broker = "{broker}"\nlisten = "{self.listens[number]}"\nstore = "{self.store}"\nkey = "service.key"\n'
            f'[access]\nanonymous = "owner"\n[worker]\npages = {"true" if number < 2 else "false"}\n'
        )
        for battery, board in boards.items():
            text += f'[[battery]]\nid = "{battery}"\nname = "A pack"\ncategory = "SBESS"\n'
            text += f'[[battery.source]]\npublic_key = "{board.public_key.hex()}"\nevidence_class = "B"\n'
        path.write_text(text)
        return Process([PACKSEAL, "passport", "serve", str(path)], self.folder / f"worker-{number}.log")

    def start(self) -> None:
        for process in self.processes:
            process.start()

    def stop(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                process.kill()

    def output(self) -> str:
        return "\n".join(process.output()[-4000:] for process in self.processes)

    @property
    def log(self) -> Path:
        return self.folder / "passport-log"


__all__ = ["WAIT_S", "NATSCluster", "Workers"]

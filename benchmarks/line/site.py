"""A whole line as real processes: boards on pseudo-terminals, gateways, mosquitto over mTLS, a service on PostgreSQL.

Everyone at the broker shows a certificate of the site's own authority, and trusts no other. The simulated boards are
the one part that is not the product; their records were signed before any clock starts.
"""

from __future__ import annotations

import json
import os
import queue
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.apps.certificates import CertificateAuthority
from tests.io.mosquitto import Mosquitto
from tests.line.rig import PACKSEAL, Process
from tests.postgres import Cluster, programs

from packseal.errors import UnavailableError
from packseal.io.keys import load_or_make_key
from packseal.io.ports import free_port

KEPT = Path(tempfile.gettempdir()) / "packseal-line"
SITE_S = 600  # until all stands
MORE_FILES = 16_384
TERMINALS = Path("/proc/sys/kernel/pty/max")


@dataclass(frozen=True)
class Plan:
    """rate: records a second of all boards; records: of a unit, which is signed once; units: of each board."""

    boards: int
    rate: float
    records: int
    units: int
    gateways: int = 1


class Boards:
    """The simulator's process; `reports` are its lines, one a second."""

    def __init__(self, plan: Plan, service_key: bytes) -> None:
        KEPT.mkdir(exist_ok=True)
        program = [sys.executable, str(Path(__file__).with_name("boards.py")), "--folder", str(KEPT)]
        program += ["--boards", str(plan.boards), "--units", str(plan.units), "--records", str(plan.records)]
        program += ["--rate", str(plan.rate), "--service-key", service_key.hex()]
        self.process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        made = json.loads(self._line())
        self.ports, self.keys = made["ports"], made["keys"]
        self.reports: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._hear, daemon=True).start()

    def go(self) -> None:
        if self.process.stdin:
            self.process.stdin.write("go\n")
            self.process.stdin.flush()

    def next(self) -> dict[str, Any]:
        """Raises UnavailableError when the simulator says nothing more."""
        try:
            return self.reports.get(timeout=60)
        except queue.Empty:
            raise UnavailableError("the simulated boards say nothing more") from None

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def _line(self) -> str:
        return self.process.stdout.readline() if self.process.stdout else ""

    def _hear(self) -> None:
        for line in self.process.stdout or ():
            self.reports.put(json.loads(line))


class Site:
    def __init__(self, folder: Path, plan: Plan, cluster: Cluster, boards: Boards) -> None:
        self.folder, self.cluster, self.boards = folder, cluster, boards
        authority = CertificateAuthority(folder, "Site CA")
        server = authority.issue("broker", is_client=False)
        tls = [f"cafile {authority.path}", f"certfile {server.certificate}", f"keyfile {server.key}"]
        tls += ["require_certificate true", "max_inflight_messages 256", "max_queued_messages 10000"]
        self.broker = Mosquitto(folder, *tls, is_tls=True)
        self._authority = authority
        path = folder / "passport.toml"
        path.write_text(self._service_settings(cluster.new_database()))
        self.service = Process([PACKSEAL, "passport", "serve", str(path)], folder / "passport.log")
        self.gateways = [self._gateway(number, plan.gateways) for number in range(plan.gateways)]

    def start(self) -> None:
        self.broker.start()
        self.service.start()
        for gateway in self.gateways:
            gateway.start()

    def stop(self) -> None:
        for process in (*self.gateways, self.service):
            process.kill()
        self.broker.kill()

    def next(self) -> dict[str, Any]:
        """The next report of the boards. Raises UnavailableError, also when a program has ended by itself."""
        report = self.boards.next()
        if any(process.has_ended() for process in (self.service, *self.gateways)):
            raise UnavailableError("a program of the line has ended")
        return report

    def until(self, holds: Callable[[dict[str, Any]], bool], what: str, longest_s: float = SITE_S) -> dict[str, Any]:
        """The first report of the boards of which that holds. Raises UnavailableError."""
        for _ in range(int(longest_s)):
            report = self.next()
            if holds(report):
                return report
        raise UnavailableError(f"{what} did not come in {longest_s:.0f} s; last: {report | {'latencies': []}}")

    def said(self) -> str:
        """The ends of what the programs said."""
        return "\n".join(process.output()[-1500:] for process in (self.service, *self.gateways))

    def pids(self) -> dict[str, list[int]]:
        """By program; PostgreSQL is many processes."""
        gateways = {f"gateway {n}" if n else "gateway": [one.pid] for n, one in enumerate(self.gateways)}
        first = int((self.cluster.folder / "data" / "postmaster.pid").read_text().split()[0])
        return {
            **gateways, "service": [self.service.pid], "mosquitto": [self.broker.pid],
            "PostgreSQL": [first, *_children(first)], "simulated boards": [self.boards.process.pid],
        }  # fmt: skip

    def _mqtt(self, name: str) -> str:
        issued = self._authority.issue(name)
        return (
            f'[mqtt]\nca = "{self._authority.path}"\ncertificate = "{issued.certificate}"\n'
            f'key = "{issued.key}"\n'
        )  # fmt: skip

    def _service_settings(self, store: str) -> str:
        text = f'broker = "{self.broker.address}"\nstore = "{store}"\nkey = "service.key"\n'
        text += f'listen = "127.0.0.1:{free_port()}"\n{self._mqtt("service")}'
        for number, key in enumerate(self.boards.keys):
            text += f'[[battery]]\nid = "pack-{number}"\nname = "A pack"\ncategory = "SBESS"\n'
            text += f'rated_capacity_mah = 280000\n[[battery.source]]\npublic_key = "{key}"\nevidence_class = "B"\n'
        return text

    def _gateway(self, number: int, count: int) -> Process:
        service_key = load_or_make_key(self.folder / "service.key").public_key
        text = f'site = "site-{number}"\nbroker = "{self.broker.address}"\noutbox = "outbox-{number}.db"\n'
        text += f'service_public_key = "{service_key.hex()}"\nkey = "gateway-{number}.key"\n'
        text += self._mqtt(f"gateway-{number}")
        rows = list(enumerate(zip(self.boards.ports, self.boards.keys, strict=True)))
        for board, (port, key) in rows[number::count]:
            text += f'[[board]]\nbattery = "pack-{board}"\nport = "{port}"\npublic_key = "{key}"\n'
        path = self.folder / f"gateway-{number}.toml"
        path.write_text(text)
        return Process([PACKSEAL, "gateway", "run", str(path)], self.folder / f"gateway-{number}.log")


@contextmanager
def running(plan: Plan) -> Iterator[Site]:
    """Ends the program, with words, where something is not installed."""
    found = programs()
    if found is None:
        raise SystemExit("needs PostgreSQL 15 or later: apt-get install postgresql")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))  # and what it started with it
    with ExitStack() as opened:
        opened.enter_context(_room_for(plan.boards))
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="line-")))
        cluster = Cluster(found)
        opened.callback(cluster.end)
        boards = Boards(plan, load_or_make_key(folder / "service.key").public_key)
        opened.callback(boards.stop)
        site = Site(folder, plan, cluster, boards)
        opened.callback(site.stop)
        site.start()
        try:
            yield site
        except UnavailableError as error:
            raise SystemExit(f"{error}\n{site.said()}") from error


@contextmanager
def _room_for(boards: int) -> Iterator[None]:
    """Enough open files and pseudo-terminals; the kernel's limit of these is put back afterwards."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MORE_FILES + 2 * boards
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, wanted)), hard))
    before = int(TERMINALS.read_text())
    if boards + 512 > before:
        try:
            TERMINALS.write_text(str(boards + 1024))
        except OSError:
            raise SystemExit(
                f"only {before} pseudo-terminals: as root, sysctl kernel.pty.max={boards + 1024}"
            ) from None
    try:
        yield
    finally:
        if boards + 512 > before:
            TERMINALS.write_text(str(before))


def _children(pid: int) -> list[int]:
    return [int(one) for path in Path(f"/proc/{pid}/task").glob("*/children") for one in path.read_text().split()]


# ---- what processes take


def rss_mb(pids: list[int]) -> float:
    """Of one process its resident memory; of several their parts of what they share."""
    name = "Rss" if len(pids) == 1 else "Pss"
    return sum(_rollup_kb(pid, name) for pid in pids) / 1024


def _rollup_kb(pid: int, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):  # a worker of PostgreSQL that has ended meanwhile
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def cpu_s(pids: list[int]) -> float:
    """Processor seconds since their start, with those of children that have ended."""
    return sum(_cpu_s(pid) for pid in pids)


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")

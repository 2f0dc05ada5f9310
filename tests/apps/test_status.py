"""A gateway that runs as a service: what it tells systemd, its journal, its local address, and `packseal status`."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from packseal.apps.clock_watch import ALLOWED_MS, ClockWatch, in_words
from packseal.apps.gateway import Gateway
from packseal.apps.passport_files import checked_passport
from packseal.apps.passport_server import PassportServer
from packseal.cli import main
from packseal.io.outbox_reading import is_held, look_at_outbox
from packseal.io.ports import free_port
from packseal.io.sd_notify import ServiceManager
from tests.apps.command import Ran
from tests.apps.gateway_site import OLD, Site, site
from tests.line.rig import PACKSEAL
from tests.passport.board import running_board
from tests.waiting import until

__all__ = ["site"]
SECRET = "correct-horse-battery-staple"  # noqa: S105 - to be looked for in what is said


def status(*arguments: str | Path) -> Ran:
    done = CliRunner().invoke(main, ["status", *map(str, arguments)])
    return Ran(done.exit_code, done.stdout, done.stderr)


def asked(port: int, path: str, method: str = "GET", host: str | None = None) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, path, headers={"Host": host or f"127.0.0.1:{port}"})
        answer = connection.getresponse()
        return answer.status, answer.read()


@dataclass
class Service:
    """`packseal gateway run` as systemd starts it, and what it tells."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    manager: socket.socket
    told: list[str]

    def hears(self, words: str) -> str:
        """The next datagram with these words, of those not heard yet."""
        self.manager.settimeout(60)
        while True:
            message = self.manager.recv(4096).decode()
            self.told.append(message)
            if words in message:
                return message

    def write(self, more: str = "") -> None:
        (self.folder / "gateway.toml").write_text(
            f'site = "north"\nbroker = "mqtt://127.0.0.1:9"\noutbox = "outbox.db"\n'
            f'service_public_key = "{"11" * 32}"\n[mqtt]\nusername = "gateway"\npassword_file = "mqtt.password"\n'
            f'[local]\nlisten = "127.0.0.1:{self.port}"\n'
            f'[[board]]\nbattery = "pack-1"\nport = "/dev/nope\\u001b"\npublic_key = "{"22" * 32}"\n{more}'
        )

    def journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "gateway.log").read_text().splitlines()]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "mqtt.password").write_text(SECRET)
    (folder / "mqtt.password").chmod(0o600)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, (folder / "gateway.log").open("wb") as log:
        manager.bind(str(folder / "notify"))
        made = Service(folder, free_port(), None, manager, [])  # type: ignore[arg-type]  # started below
        made.write()
        environment = os.environ | {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "60000000"}
        command = [PACKSEAL, "gateway", "run", str(folder / "gateway.toml")]
        made.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            made.hears("READY=1")
            yield made
        finally:
            made.process.kill()
            made.process.wait()


def test_systemd_is_told_of_the_start_the_state_and_each_look(service: Service) -> None:
    service.hears("WATCHDOG=1")
    assert service.told[0] == "READY=1"
    words = next(one for one in service.told if one.startswith("STATUS="))
    assert words.startswith("STATUS=1 boards, 0 buses, 0 records wait")


def test_health_says_what_is_wrong_with_its_cure(service: Service) -> None:
    until(lambda: len(json.loads(asked(service.port, "/health")[1])["problems"]) == 2)
    code, content = asked(service.port, "/health")
    found = json.loads(content)
    assert (code, found["status"], found["number"]) == (503, "problems", 2)
    assert {one["event"] for one in found["problems"]} == {"broker", "board-port"}
    assert any("is it running" in one["words"] for one in found["problems"])


def test_metrics_and_status_are_those_of_the_gateway(service: Service) -> None:
    code, content = asked(service.port, "/metrics")
    families = {family.name for family in text_string_to_metric_families(content.decode())}
    assert code == 200
    assert families >= {"packseal_outbox_records", "packseal_board_connected", "process_resident_memory_bytes"}
    found = json.loads(asked(service.port, "/status")[1])
    assert (found["program"], found["site"], found["boards"][0]["battery"]) == ("gateway", "north", "pack-1")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "127.0.0.1", "localhost:1", "[::1]:8421"])
def test_who_names_another_host_is_turned_away(service: Service, host: str) -> None:
    code, content = asked(service.port, "/status", host=host or " ")
    assert code in (400, 421)
    assert b"north" not in content


def test_this_machine_has_two_names_and_only_get_is_answered(service: Service) -> None:
    assert asked(service.port, "/metrics", host=f"localhost:{service.port}")[0] == 200
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
        assert asked(service.port, "/metrics", method)[0] == 405
    assert asked(service.port, "/nothing")[0] == 404


def test_the_command_shows_a_table_and_json(service: Service) -> None:
    ran = status(service.folder / "gateway.toml")
    assert ran.code == 1
    assert ran.out.startswith(f"gateway north (asked at 127.0.0.1:{service.port})\n  broker")
    assert "board pack-1" in ran.out
    assert "problems:\n" in ran.out
    assert "\x1b" not in ran.out, "a port that would move the cursor does not"
    found = status(service.folder / "gateway.toml", "--json")
    assert (found.code, found.json["known"], found.json["program"]) == (1, "problems", "gateway")


def test_sighup_is_followed_or_refused_and_systemd_knows(service: Service) -> None:
    service.write(f'[[board]]\nbattery = "pack-2"\nport = "/dev/gone"\npublic_key = "{"33" * 32}"\n')
    service.process.send_signal(signal.SIGHUP)
    message = service.hears("RELOADING=1")
    usec = int(message.partition("MONOTONIC_USEC=")[2])
    assert usec <= int(float(Path("/proc/uptime").read_text().split()[0]) * 1e6) + 10_000_000
    service.hears("READY=1")
    until(lambda: any(line["event"] == "reloaded" for line in service.journal()))
    (line,) = [line for line in service.journal() if line["event"] == "reloaded"]
    assert line["words"] == "settings read again: 1 begun, 0 ended, 0 offered another update, 1 unchanged"
    service.write("[[can]]\n")
    service.process.send_signal(signal.SIGHUP)
    service.hears("RELOADING=1")
    service.hears("READY=1")
    until(lambda: any(line["event"] == "reload" for line in service.journal()))
    (line, *_) = [line for line in service.journal() if line["event"] == "reload"]
    assert line["level"] == "warning"
    assert "nothing has changed" in line["words"]
    assert "the key 'battery' is missing" in line["words"]


def test_the_end_is_told_and_the_journal_is_json_without_secrets(service: Service) -> None:
    """The last one of the file: after it the gateway is gone."""
    service.process.send_signal(signal.SIGTERM)
    service.hears("STOPPING=1")
    assert service.process.wait(60) == 0
    text = (service.folder / "gateway.log").read_text()
    key = (service.folder / "gateway.key").read_bytes()
    assert SECRET not in text
    assert key.hex() not in text
    assert text.isascii()
    assert [line["event"] for line in (service.journal()[0], service.journal()[-1])] == ["started", "stopping"]
    assert {"time", "level", "event", "battery", "port", "words"} <= set().union(*service.journal())
    service.write()
    ran = status(service.folder / "gateway.toml")
    assert ran.code == 1
    assert "(read from" in ran.out
    assert "the gateway does not run: start it" in ran.out


# ---- without a local address, and without a gateway


def test_an_outbox_is_read_beside_a_gateway_without_a_local_address(site: Site) -> None:
    files = site.write(site.bus(OLD))
    assert not is_held(files.settings.outbox)
    site.start(files)
    until(lambda: site.windows(OLD) > 0, meanwhile=site.speak)
    ran = status(site.path, "--json")
    assert (ran.code, ran.json["known"]) == (2, "unknown")
    assert 'add [local] listen = "127.0.0.1:8421"' in ran.json["problems"][0]["words"]
    assert ran.json["outbox"]["records"] >= 3
    assert ran.json["outbox"]["counts"]["records_stored"] >= 3
    assert is_held(files.settings.outbox)


def test_nothing_can_be_known_where_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = status()
    assert (ran.code, ran.out) == (2, "")
    assert "there is no gateway.toml and no /etc/packseal/gateway.toml" in ran.err or "outbox" in ran.err
    (tmp_path / "gateway.toml").write_text(
        f'site = "s"\nbroker = "mqtt://127.0.0.1:9"\noutbox = "o.db"\nservice_public_key = "{"11" * 32}"\n'
    )
    ran = status()
    assert ran.code == 2
    assert "there is no outbox yet" in ran.err
    assert not (tmp_path / "o.db").exists()
    (tmp_path / "o.db").write_bytes(b"this is no database" * 100)
    assert status().code == 2


def test_another_program_at_the_address_is_told_from_a_gateway(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        def answer() -> None:
            line, _ = other.accept()
            with line:
                line.recv(4096)
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

        threading.Thread(target=answer, daemon=True).start()
        (tmp_path / "passport.toml").write_text(
            f'broker = "mqtt://127.0.0.1:9"\nstore = "p.db"\nkey = "s.key"\n[local]\nlisten = "127.0.0.1:{port}"\n'
        )
        ran = status(tmp_path / "passport.toml")
    assert ran.code == 2
    assert "another program answers there" in ran.err


def test_a_taken_port_is_known_before_the_outbox_is_opened(site: Site) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        files = site.write(f'[local]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"\n')
        with pytest.raises(Exception, match="stop what runs there or choose another address"):
            Gateway(files.settings, files=files)
    assert not files.settings.outbox.exists()


def test_what_an_outbox_shows_is_what_waits(site: Site) -> None:
    gateway = site.start(site.write(site.bus(OLD)))
    until(lambda: site.windows(OLD) > 1, meanwhile=site.speak)
    gateway.stop()
    site.running.clear()
    seen = look_at_outbox(site.folder / "outbox.db")
    with closing(sqlite3.connect(site.folder / "outbox.db")) as opened:
        (deliveries, oldest) = opened.execute("SELECT count(*), min(stored_ms) FROM deliveries").fetchone()
    assert (seen.deliveries, seen.oldest_unix_ms) == (deliveries, oldest)
    assert 0 < seen.used_bytes <= (site.folder / "outbox.db").stat().st_size
    assert seen.records == len(site.received(OLD)[0]) == seen.counts["records_stored"]
    assert [one[0] for one in seen.receipted] == [OLD]


# ---- the passport service


def test_a_passport_service_says_what_it_took_and_refused(tmp_path: Path) -> None:
    board, port = running_board(), free_port()
    path = tmp_path / "passport.toml"
    path.write_text(
        f'broker = "mqtt://127.0.0.1:9"\nlisten = "127.0.0.1:{free_port()}"\nstore = "p.db"\nkey = "s.key"\n'
        f'[local]\nlisten = "127.0.0.1:{port}"\n[[battery]]\nid = "pack-1"\nname = "A"\ncategory = "SBESS"\n'
        f'[[battery.source]]\npublic_key = "{board.public_key.hex()}"\nevidence_class = "B"\n'
    )
    server = PassportServer(checked_passport(path))
    server.start()
    try:
        topic = "packseal/north/pack-1/rec"
        server.receive_many([(topic, board.delivery().to_bytes()), (topic, b"nonsense")])
        until(lambda: b"packseal_passport_receipts_total 1.0" in asked(port, "/metrics")[1])
        text = asked(port, "/metrics")[1].decode()
        assert 'packseal_passport_refused_total{reason="malformed"} 1.0' in text
        assert "packseal_passport_deliveries_total 2.0" in text
        assert 'packseal_receipt_seconds_bucket{le="+Inf"} 2.0' in text
        code, content = asked(port, "/health")
        assert code == 503
        assert b"broker mqtt://127.0.0.1:9" in content
        ran = status(path)
        assert ran.code == 1
        assert "2 came, 1 receipts given" in ran.out
        assert server.standing_still() == []
    finally:
        server.stop()


# ---- parts


@pytest.mark.parametrize(
    ("environment", "is_fed"),
    [
        ({"WATCHDOG_USEC": "1"}, True),
        ({"WATCHDOG_USEC": "1", "WATCHDOG_PID": str(os.getpid())}, True),
        ({"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}, False),
        ({}, False),
    ],
)
def test_a_watchdog_is_fed_where_there_is_one_for_this_process(environment: dict[str, str], is_fed: bool) -> None:
    name = f"packseal-test-{os.getpid()}-{len(environment)}-{is_fed}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name)
        manager.setblocking(False)
        told = ServiceManager(environment | {"NOTIFY_SOCKET": f"@{name}"})
        told.feed()
        told.status("well")
        told.status("well")
        told.stopping()
        heard: list[bytes] = []
        while not heard or heard[-1] != b"STOPPING=1":
            heard.append(manager.recv(4096))
    assert heard == [*([b"WATCHDOG=1"] if is_fed else []), b"STATUS=well", b"STOPPING=1"]


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/notify", "@packseal-nobody-listens"])
def test_a_manager_that_does_not_listen_holds_nobody_up(address: str) -> None:
    told = ServiceManager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1"})
    since_s = time.monotonic()
    for tell in (told.ready, told.reloading, told.feed, told.stopping):
        tell()
    assert time.monotonic() - since_s < 5


def test_a_clock_that_ran_back_is_a_problem_with_its_size() -> None:
    now_ms = [1_000_000_000]
    watch = ClockWatch(lambda: now_ms[0])
    assert watch.problem == ""
    now_ms[0] -= ALLOWED_MS
    assert watch.problem == ""
    now_ms[0] -= 3 * 86_400_000
    assert watch.problem.startswith("the clock is 3 d 0 h behind a time that was seen before; set it")
    watch.see(0)
    assert watch.behind_ms() == ALLOWED_MS + 3 * 86_400_000


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3_660, "1 h 1 min"), (90_061, "1 d 1 h")]
)
def test_durations_have_their_two_largest_units(seconds: int, words: str) -> None:
    assert in_words(seconds) == words


def test_a_gateway_remembers_the_times_of_its_outbox_over_a_restart(site: Site) -> None:
    files = site.write(site.bus(OLD))
    gateway = site.start(files)
    until(lambda: site.windows(OLD) > 0, meanwhile=site.speak)
    gateway.stop()
    site.running.clear()
    ago_ms: Callable[[], int] = lambda: 1_700_000_000_000  # noqa: E731 - a clock that lost its battery
    late = Gateway(files.settings, unix_ms=ago_ms, files=files)
    assert [one.event for one in late.findings() if one.event == "clock"] == ["clock"]
    late.start()
    late.stop()

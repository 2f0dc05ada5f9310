"""A Debian 12 of its own with systemd as its first process: systemd-nspawn on a root that mmdebstrap made.

It has the kernel of this machine and nothing else of it: no network but its own loopback, no device but those that it
is lent. Who may use which device is not enforced in there. The root is made once and kept in the cache; each machine
gets a copy.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from packseal.io.debian_archive import cache_folder, locked
from tests.line.rig import missing
from tests.packaging.package import needs

TOOLS = {"systemd-nspawn": "systemd-container", "mmdebstrap": "mmdebstrap", "nsenter": "util-linux"}
SUITE = "bookworm"
INSIDE = "systemd,systemd-sysv,dbus,udev,python3,libstdc++6,zlib1g,mosquitto,iproute2,procps"
BOOT_S = 120


def debian_root() -> Path:
    """A root that nobody changes, with what the package depends on."""
    needs(TOOLS)
    if os.geteuid() != 0:
        missing("a machine of its own needs root")
    root = cache_folder(f"debian-{SUITE}-{hashlib.sha256(INSIDE.encode()).hexdigest()[:12]}")
    with locked(root):
        if not root.is_dir():
            unfinished = root.with_name(f"{root.name}.new")
            shutil.rmtree(unfinished, ignore_errors=True)
            subprocess.run(
                ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={INSIDE}", SUITE, unfinished], check=True
            )
            unfinished.rename(root)
    return root


@contextmanager
def copied_root(place: Path) -> Iterator[Path]:
    """A root at `place`, gone afterwards: it is half a gigabyte."""
    subprocess.run(["cp", "--archive", "--reflink=auto", debian_root(), place], check=True)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


class Machine:
    def __init__(self, root: Path, lent: Mapping[Path, str]) -> None:
        """lent: file or device of this machine -> its place in there."""
        self.root = root
        self._lent = lent
        self._console = root.with_name(f"{root.name}.console")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it has booted."""
        name = f"packseal-{os.getpid()}"
        command = ["systemd-nspawn", f"--directory={self.root}", f"--machine={name}", "--register=no", "--keep-unit"]
        # the clock may be read in there as on a machine of its own, so that it is the unit that allows it or not
        command += ["--private-network", "--system-call-filter=@clock", "--quiet", "--boot"]
        command += [f"--bind={origin}:{place}" for origin, place in self._lent.items()]
        with self._console.open("ab") as console:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True
            )
        deadline = time.monotonic() + BOOT_S
        while self.try_run("systemctl", "is-system-running", "--wait").stdout.strip() not in ("running", "degraded"):
            if time.monotonic() > deadline or self._process.poll() is not None:
                pytest.fail(f"it does not boot:\n{self._console.read_text(errors='replace')[-4000:]}")
            threading.Event().wait(0.2)

    def stop(self) -> None:
        """As an orderly shutdown; the services end as they are told to."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(BOOT_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def try_run(self, *command: str) -> subprocess.CompletedProcess[str]:
        entered = ["nsenter", "--all", f"--target={self._first_process()}", *command]
        return subprocess.run(entered, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def run(self, *command: str) -> str:
        """What it prints. Fails where the command fails."""
        done = self.try_run(*command)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout

    def property(self, service: str, name: str) -> str:
        return self.run("systemctl", "show", "--value", f"--property={name}", service).strip()

    def is_active(self, service: str) -> bool:
        return self.property(service, "ActiveState") == "active"

    def journal(self, service: str) -> str:
        return self.run("journalctl", "--no-pager", "--output=cat", f"--unit={service}")

    def _first_process(self) -> int:
        """In the numbers of this machine; 0, which nsenter refuses, where there is none yet."""
        assert self._process
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0]) if children else 0

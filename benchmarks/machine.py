"""What a figure was measured on: the machine, what else it did, and the versions of everything beside."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packseal.errors import PackSealError
from packseal.io.micropython import micropython_command

PEERS = (
    "asammdf", "awscrt", "can-decoder", "canmatrix", "cantools", "casadi", "cbor2", "dask", "duckdb", "numpy",
    "opendbc", "paho-mqtt", "psycopg", "pyarrow", "pybamm", "pynacl", "python-can",
)  # fmt: skip
PROGRAMS = {"mosquitto": "-h", "nats-server": "--version", "postgres": "--version"}
LOOKED_S = 5.0
_AT = ("rev-parse", "--short=10", "HEAD")


def machine() -> dict[str, str | int]:
    models = re.findall(r"model name\s*:\s*(.+)", _text("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+)", _text("/proc/meminfo"))
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": int(memory[1]) // 1024 if memory else 0,
        "kernel": f"{platform.system()} {platform.release()}",
    }


def versions() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for name in PEERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # not installed here: it has no column either
            continue
    said = {name: _said(name, option) for name, option in PROGRAMS.items()} | {"MicroPython": _micropython()}
    for name, words in said.items():
        number = re.search(r"\d+\.\d+(\.\d+)?", words)
        if number:
            found[name] = number[0]
    return found


def commit(root: Path) -> str:
    """With + behind it where files differ from it; empty outside of a checkout."""
    at, changed = (_output(["git", "-C", str(root), *words]) for words in (_AT, ("status", "--porcelain")))
    return at.strip() + ("+" if at and changed else "")


def busy_cores() -> float:
    """How many cores were busy while we waited. A load average would still have what ran before this in it."""
    before, begun_s = _busy_s(), time.monotonic()
    time.sleep(LOOKED_S)
    return round((_busy_s() - before) / (time.monotonic() - begun_s), 1)


def _busy_s() -> float:
    """user, nice, system, irq, softirq and steal of all cores (proc(5), /proc/stat)"""
    fields = [int(one) for one in _text("/proc/stat").split("\n")[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def _said(name: str, option: str) -> str:
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]  # where Debian has postgres
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", *map(str, places)])
    program = shutil.which(name, path=path)
    if not program:
        return ""
    return _output([program, option])


def _micropython() -> str:
    """The one that runs the firmware here."""
    try:
        command = [*micropython_command(), "-c", "import sys; print(sys.implementation)"]
    except PackSealError:
        return ""
    found = re.search(r"version=\((\d+), (\d+), (\d+)", _output(command))
    return ".".join(found.groups()) if found else ""


def _output(command: list[str]) -> str:
    """Empty where it fails; some programs end with 1 after their version."""
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout


def _text(path: str) -> str:
    return Path(path).read_text()

"""A Linux kernel with SocketCAN as a program: Debian's user-mode-linux, on this machine's own file system.

That of Debian 12 cannot give a process its registers back where these are more than it knows, as on processors with
AMX ("ptrace set fp regs failed"). There the one of Debian's next release is fetched, with the C library that it wants,
into the cache folder, and its loader is written into it. Nothing is installed.

It boots in about two seconds, loads can, can-raw, can-dev and vcan from its modules, makes vcan0 and vcan1, runs one
command and ends with it. What the command prints comes back, and its exit code.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from packseal.io.debian_archive import cache_folder, fetch_packages, locked

KERNEL = "linux.uml"
NEEDED = ("insmod", "ip")
CURE = "apt-get install user-mode-linux patchelf kmod iproute2"
NEWER_SUITE = "forky"
MODULES = ("net/can/can", "drivers/net/can/dev/can-dev", "net/can/can-raw", "drivers/net/can/vcan")
MEMORY = "768M"

_INIT = """#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mkdir -p /dev/pts /dev/shm
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs shm /dev/shm; mount -t devpts pts /dev/pts
for module in {modules}; do insmod {kernels}/$(uname -r)/kernel/$module.ko; done
ip link set lo up
for bus in vcan0 vcan1; do ip link add dev $bus type vcan; ip link set $bus mtu 72 up; done
cd {folder}
{command} > {output} 2>&1
echo $? > {code}
sync
echo o > /proc/sysrq-trigger
sleep 60
"""


def missing() -> list[str]:
    needed = (*NEEDED, "patchelf" if _wants_newer() else KERNEL)
    return [tool for tool in needed if not shutil.which(tool)]


def kernel() -> tuple[str, Path]:
    """The program, and the folder of its modules. Raises MicroPythonError where one cannot be fetched."""
    if not _wants_newer():
        return KERNEL, Path("/usr/lib/uml/modules")
    root = cache_folder(f"user-mode-linux-{NEWER_SUITE}")
    program = root / "usr/bin" / KERNEL
    with locked(root):
        if not program.with_suffix(".ready").exists():
            fetch_packages(root, ("user-mode-linux", "libc6"), "amd64", NEWER_SUITE)
            libraries = root / "usr/lib/x86_64-linux-gnu"
            loader = libraries / "ld-linux-x86-64.so.2"
            change = ["patchelf", "--set-interpreter", str(loader), "--set-rpath", str(libraries), str(program)]
            subprocess.run(change, check=True)
            program.with_suffix(".ready").touch()
    return str(program), root / "usr/lib/uml/modules"


def _wants_newer() -> bool:
    return "amx_tile" in Path("/proc/cpuinfo").read_text()


def run_inside(command: Sequence[str], folder: Path, scratch: Path, timeout_s: float = 300) -> tuple[int, str]:
    """(exit code, output) of a command, run in `folder`. Raises RuntimeError where the kernel ends without one."""
    output, code, init = scratch / "output", scratch / "code", scratch / "init.sh"
    program, kernels = kernel()
    init.write_text(
        _INIT.format(
            modules=" ".join(MODULES),
            kernels=shlex.quote(str(kernels)),
            folder=shlex.quote(str(folder)),
            command=shlex.join(command),
            output=shlex.quote(str(output)),
            code=shlex.quote(str(code)),
        )
    )
    init.chmod(0o700)
    arguments = [
        program,
        f"mem={MEMORY}",
        "rootfstype=hostfs",
        "rw",
        f"uml_dir={scratch}/",
        f"init={init}",
        "con=null",
        "con0=null,fd:1",
        "quiet",
    ]
    console = _console(arguments, timeout_s)
    said = output.read_text(errors="replace") if output.exists() else ""
    if not code.exists() or not code.read_text().strip():
        raise RuntimeError(f"the kernel ended without a result:\n{console}\n{said}")
    return int(code.read_text()), said


def _console(arguments: Sequence[str], timeout_s: float) -> str:
    """What it prints until it ends. Each of its processes is one of this machine's: all of them are ended."""
    process = subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        return process.communicate(timeout=timeout_s)[0].decode(errors="replace")
    except subprocess.TimeoutExpired:
        return f"not ended after {timeout_s} s"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

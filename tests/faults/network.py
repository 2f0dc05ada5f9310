"""Partitions and loss between programs of this machine: a network namespace of its own, and nft's rules in it.

The laboratory and all that it starts run in a namespace that has nothing but its loopback: nothing leaves it, and no
rule of it concerns anybody else. Each program has an address of its own at the broker, and can be cut off alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum

from tests.line.rig import missing, tool

INSIDE = "PACKSEAL_FAULTS_INSIDE"
CHAIN = "add table ip faults\nadd chain ip faults out { type filter hook output priority 0; policy accept; }\n"
LOST = "numgen random mod 100 < 20"


class Cut(StrEnum):
    TO = "to"  # what is sent to the server is gone
    FROM = "from"  # what the server sends is gone
    BOTH = "both"
    LOSS = "loss"  # 20 of 100 packets are gone, both ways


@dataclass(frozen=True, slots=True)
class Link:
    """Between one program, and servers at these ports of an address that nobody else uses."""

    address: str
    ports: tuple[int, ...]

    def rules(self, cut: Cut) -> list[str]:
        ports = "{" + ", ".join(map(str, self.ports)) + "}"
        to, back = f"ip daddr {self.address} tcp dport {ports}", f"ip saddr {self.address} tcp sport {ports}"
        ways = {Cut.TO: [to], Cut.FROM: [back]}.get(cut, [to, back])
        return [f"{way} {LOST if cut is Cut.LOSS else ''} drop" for way in ways]


def enter(arguments: list[str]) -> None:
    """Runs this laboratory again in a namespace of its own; returns where it is in it already."""
    if os.environ.get(INSIDE):
        _nft(CHAIN)
        return
    if os.geteuid() != 0:
        missing("the laboratory needs root, for a network namespace of its own")
    command = inside([sys.executable, "-m", "tests.faults", *arguments])
    os.execve(command[0], command, {**os.environ, INSIDE: "1"})  # noqa: S606


def inside(command: list[str]) -> list[str]:
    """The command that runs this one in namespaces of its own, also of pseudo-terminals: a gateway that is left of
    something else, and looks for its board at a name of theirs, would find one of ours."""
    own = f'{tool("ip")} link set lo up && mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts && exec "$@"'
    return [tool("unshare"), "--net", "--mount", "--", "sh", "-c", own, "sh", *command]


def cut(link: Link, how: Cut) -> None:
    _nft("".join(f"add rule ip faults out {rule}\n" for rule in link.rules(how)))


def heal() -> None:
    """All links at once."""
    _nft("flush chain ip faults out\n")


def _nft(rules: str) -> None:
    subprocess.run([tool("nft"), "-f", "-"], input=rules, text=True, check=True)

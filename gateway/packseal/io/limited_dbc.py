"""DBC files read in a process of their own, with limits: a file may be anybody's, and so is what it does to a parser.

The process gets 2 s of processor time and 256 MB beyond what the parser itself takes, no environment but where to find
this package, and gives back JSON, which is checked like any other input. What it costs is half a second at a start.
(Where a system has no limit on memory, as macOS, those on time and on the answer remain.)
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from packseal.errors import DBCError
from packseal.signals.dbc_report import Finding, check_dbc
from packseal.signals.dbc_text import MAX_DBC_BYTES, decode_text
from packseal.signals.decoder import Decoder
from packseal.signals.layout import MessageLayout, SignalLayout

CPU_S = 2
MEMORY_BYTES = 256 << 20
WALL_S = 20  # of a machine that has much else to do
MAX_ANSWER_BYTES = 64 << 20

_MODULE = "packseal.io.limited_dbc"
_PACKAGES = Path(__file__).resolve().parents[2]
_CURE = f"it takes more than {CPU_S} s or {MEMORY_BYTES >> 20} MB to read; take out messages that you do not need"


def load_dbc_limited(content: bytes) -> Decoder:
    """As signals.load_dbc. Raises DBCError, also where a limit was met."""
    answer = _asked("load", content)
    return Decoder([_message(one) for one in answer["messages"]], tuple(answer["notes"]))


def check_dbc_limited(content: bytes) -> tuple[Finding, ...]:
    """As signals.dbc_report.check_dbc; a limit that was met is a finding."""
    try:
        return tuple(Finding(**one) for one in _asked("check", content)["findings"])
    except DBCError as error:
        return (Finding(0, "error", *str(error).split("; ", 1)),)


def _asked(question: str, content: bytes) -> dict[str, Any]:
    if len(content) > MAX_DBC_BYTES:
        decode_text(content)  # raises
    command = [sys.executable, "-m", _MODULE, question]
    environment = {"PYTHONPATH": str(_PACKAGES), "OPENBLAS_NUM_THREADS": "1", "PATH": os.environ.get("PATH", "")}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        try:
            answer, _ = process.communicate(content, WALL_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise DBCError(f"the DBC is not read after {WALL_S} s; {_CURE}") from None
    if process.returncode or len(answer) > MAX_ANSWER_BYTES:
        raise DBCError(f"the DBC cannot be read; {_CURE}")
    found: dict[str, Any] = json.loads(answer)
    if "error" in found:
        raise DBCError(found["error"])
    return found


def _message(found: dict[str, Any]) -> MessageLayout:
    signals = tuple(
        SignalLayout(
            **one
            | {
                "multiplexer_values": frozenset(one["multiplexer_values"]),
                "absent_codes": tuple((first, last) for first, last in one["absent_codes"]),
            }
        )
        for one in found["signals"]
    )
    return MessageLayout(**found | {"signals": signals})


def _main() -> None:
    """Reads the DBC from standard input under the limits, and writes the answer."""
    for module in ("packseal.io.python_can", "cantools.database"):  # before the limits, which are for the file
        import_module(module)
    _limit()
    content = sys.stdin.buffer.read(MAX_DBC_BYTES + 1)
    try:
        answer = _answer(sys.argv[1], content)
    except DBCError as error:
        answer = {"error": str(error)}
    except (MemoryError, RecursionError):
        answer = {"error": f"the DBC cannot be read; {_CURE}"}
    text = json.dumps(answer, default=sorted, allow_nan=False)
    if len(text) > MAX_ANSWER_BYTES:
        text = json.dumps({"error": f"the DBC describes too much; {_CURE}"})
    sys.stdout.write(text)


def _answer(question: str, content: bytes) -> dict[str, Any]:
    if question == "check":
        return {"findings": [asdict(one) for one in check_dbc(content)]}
    from packseal.signals.database import read_dbc  # noqa: PLC0415 - only here

    messages, notes, _ = read_dbc(decode_text(content))
    return {"messages": [asdict(one) for one in messages], "notes": notes}


def _limit() -> None:
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return
    seconds = math.ceil(time.process_time()) + CPU_S
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    status = Path("/proc/self/statm")
    if status.exists():
        taken = int(status.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY_BYTES, taken + MEMORY_BYTES))


if __name__ == "__main__":
    _main()

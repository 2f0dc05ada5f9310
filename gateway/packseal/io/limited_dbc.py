"""DBC files read in a process of their own, with limits: a file may be anybody's, and so is what it does to a parser.

The process gets CPU_S of processor time and MEMORY_BYTES beyond what the parser itself takes, may write no file, knows
nothing of the environment but where the packages are, and gives back JSON, which is checked like any other input. What
it costs is half a second at a start. (Where a system has no limit on memory, as macOS, the others remain.)
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from packseal.errors import DBCError, UnavailableError
from packseal.signals.database import read_sound_dbc
from packseal.signals.dbc_report import Finding, check_dbc
from packseal.signals.dbc_text import MAX_DBC_BYTES, decode_text
from packseal.signals.decoder import Decoder
from packseal.signals.layout import MessageLayout

CPU_S = 2
STARTS = 4  # on a small board it gets so many times what its own start took, where that is more than CPU_S
MEMORY_BYTES = 256 << 20
WALL_S = 30  # of a machine that has much else to do
MAX_ANSWER_BYTES = 16 << 20  # Model3CAN.dbc, the largest real file seen, gives 0.9 MB

_MODULE = "packseal.io.limited_dbc"
_PACKAGES = str(Path(__file__).resolve().parents[2])
_CURE = "take out messages that you do not need, or write its multiplexers more simply"


class _Loaded(BaseModel):
    """The answer to "load"."""

    model_config = ConfigDict(extra="forbid")

    messages: list[MessageLayout]
    notes: tuple[str, ...]


class _Checked(BaseModel):
    """The answer to "check"."""

    model_config = ConfigDict(extra="forbid")

    findings: tuple[Finding, ...]


class _Refused(BaseModel):
    """The answer to either, for a file that cannot be used."""

    model_config = ConfigDict(extra="forbid")

    error: str


_Answer = TypeVar("_Answer", _Loaded, _Checked)


def load_dbc_limited(content: bytes) -> Decoder:
    """As signals.load_dbc. Raises DBCError, also where a limit was met; UnavailableError where no process can start."""
    loaded = _asked("load", content, _Loaded)
    return Decoder(loaded.messages, loaded.notes)


def check_dbc_limited(content: bytes) -> tuple[Finding, ...]:
    """As signals.dbc_report.check_dbc; a limit that was met is a finding. Raises UnavailableError as the other does."""
    try:
        return _asked("check", content, _Checked).findings
    except DBCError as error:
        problem, _, cure = str(error).partition("; ")
        return (Finding(0, "error", problem, cure),)


def _asked(question: str, content: bytes, shape: type[_Answer]) -> _Answer:
    if len(content) > MAX_DBC_BYTES:
        decode_text(content)  # raises
    code, answer = _run([sys.executable, "-P", "-m", _MODULE, question], content)
    if len(answer) > MAX_ANSWER_BYTES:
        raise DBCError(f"the DBC describes too much; {_CURE}")
    if code:
        raise _ended(code)
    with contextlib.suppress(ValidationError):
        return shape.model_validate_json(answer)
    try:
        refused = _Refused.model_validate_json(answer)
    except ValidationError:
        raise DBCError(f"the DBC brings its reader to an answer without sense; {_CURE}") from None
    raise DBCError(refused.error)


def _run(command: list[str], content: bytes) -> tuple[int, bytes]:
    """(exit code, at most one byte more than the largest answer).

    -P in `command` keeps the folder that the user is in, where the file may have come with others, off Python's path.
    """
    path = [_PACKAGES, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {"PYTHONPATH": os.pathsep.join(path), "OPENBLAS_NUM_THREADS": "1"}
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    try:
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere, env=environment)
    except OSError as error:
        raise UnavailableError(f"no process to read the DBC in: {error}; free some memory and try again") from error
    stop = threading.Timer(WALL_S, process.kill)
    stop.start()
    try:
        with process:
            with contextlib.suppress(BrokenPipeError), cast("IO[bytes]", process.stdin) as to_it:
                to_it.write(content)  # all of it is read before anything is answered
            answer = cast("IO[bytes]", process.stdout).read(MAX_ANSWER_BYTES + 1)
            if len(answer) > MAX_ANSWER_BYTES:
                process.kill()
    finally:
        stop.cancel()
    return process.returncode, answer


def _ended(code: int) -> DBCError | UnavailableError:
    """Why a process that ended with this code gave no answer."""
    if -code in (signal.SIGPROF, signal.SIGXCPU):
        return DBCError(f"it takes more than {CPU_S} s to read the DBC; {_CURE}")
    if -code == signal.SIGKILL:
        return DBCError(f"reading the DBC was broken off, after {WALL_S} s or for lack of memory; {_CURE}")
    if code < 0:
        return DBCError(f"the DBC makes its reader break down (signal {-code}); {_CURE}")
    return UnavailableError(
        f"the process that reads DBC files ended with {code}; `{sys.executable} -P -m {_MODULE} check < FILE` says why"
    )


def main(question: str) -> None:
    """What the process does: reads a DBC from standard input under the limits, and writes the answer."""
    for module in ("packseal.io.python_can", "cantools.database"):  # before the limits, which are for the file
        import_module(module)
    _limit()
    content = sys.stdin.buffer.read(MAX_DBC_BYTES + 1)
    try:
        text = json.dumps(_answer(question, content), default=sorted, allow_nan=False)
    except DBCError as error:
        text = json.dumps({"error": str(error)})
    except MemoryError:
        text = json.dumps({"error": f"it takes more than {MEMORY_BYTES >> 20} MB to read the DBC; {_CURE}"})
    except RecursionError:
        text = json.dumps({"error": f"the DBC is nested too deeply; {_CURE}"})
    except Exception as error:  # whatever a file makes of its reader is said of the file, and stops no gateway
        words = f"the DBC brings its reader to a fault ({type(error).__name__}: {str(error)[:100]})"
        text = json.dumps({"error": f"{words}; {_CURE}, and send us the file"})
    sys.stdout.write(text)


def _answer(question: str, content: bytes) -> dict[str, Any]:
    if question == "check":
        return {"findings": [asdict(one) for one in check_dbc(content)]}
    found = read_sound_dbc(content)
    return {"messages": [asdict(one) for one in found.messages], "notes": found.notes}


def _limit() -> None:
    """Processor time is counted from the start of the process on; ITIMER_PROF ends it on the millisecond, the limit of
    whole seconds behind it holds should that be put off."""
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return
    started_s = time.process_time()
    budget_s = max(CPU_S, STARTS * started_s)
    signal.setitimer(signal.ITIMER_PROF, budget_s)
    most_s = int(started_s + budget_s) + 2
    limits = [(resource.RLIMIT_CPU, most_s), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)]
    status = Path("/proc/self/statm")
    if status.exists():
        taken_bytes = int(status.read_text().split()[0]) * resource.getpagesize()
        limits.append((resource.RLIMIT_AS, taken_bytes + MEMORY_BYTES))
    for kind, limit in limits:
        _, most = resource.getrlimit(kind)
        least = limit if most == resource.RLIM_INFINITY else min(limit, most)  # what a site has set holds
        resource.setrlimit(kind, (least, least))


if __name__ == "__main__":
    main(sys.argv[1])

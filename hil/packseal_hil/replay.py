"""A test out of its recording: the pack, the board and the line are what they were, gateway and passport are real.

The test asks the same things in the same order, or the recording is not of it: BenchError says so. What was recorded
between two questions is played at once, and the gateway takes the time that it needs. Faults of the gateway happen
again where they did; those of the rig are in what it said.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from packseal.errors import PackSealError
from packseal.frames import Frames
from packseal_hil.bench import estimate_of
from packseal_hil.course import Course, asked_of
from packseal_hil.faults import RULES, GatewayFaults, Place
from packseal_hil.line_player import LinePlayer
from packseal_hil.plant.duty import Duty
from packseal_hil.protocols import BenchError
from packseal_hil.readings import Fault, FaultKind, PackReading, Truth
from packseal_hil.recorded_bus import ReplayedBus
from packseal_hil.recording import AGAIN, Json, Line, Recording, fault_of, frames_of, reading_of, truth_of
from packseal_hil.services import Enrolment, Services
from packseal_hil.trace import Mark, Trace, TraceWriter, mark_of

WAIT_S = 60.0
TURN_S = 0.05


class Cursor:
    """Where in the recording the test is."""

    def __init__(self, recording: Recording, play: Callable[[Line], None]) -> None:
        self._path, self._play = recording.path, play
        self._lines = deque(recording.lines)

    def call(self, part: str, name: str, arguments: Sequence[Json]) -> None:
        """What the test asks of the rig now; then everything is played until it asked the next thing."""
        self.to_next_call()
        line = self._lines.popleft() if self._lines else None
        asked = [part, name, list(arguments)]
        if line is None or line.kind != "call":
            raise BenchError(f"{self._path} has ended where the test asks {part}.{name}{tuple(arguments)}; {AGAIN}")
        recorded = [line.values.get(key) for key in ("part", "name", "arguments")]
        if recorded != asked:
            raise BenchError(f"the test asks {asked}, {self._path} has {recorded} there; {AGAIN}")
        self.to_next_call()

    def to_next_call(self) -> None:
        while self._lines and self._lines[0].kind not in ("call", "end"):
            line = self._lines.popleft()
            try:
                self._play(line)
            except (ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
                raise BenchError(f"{self._path}: {line.kind} at {line.at_ms} ms: {error}; {AGAIN}") from None

    def end(self) -> Line:
        """Raises BenchError where the test has not asked all that it asked when it was recorded."""
        self.to_next_call()
        if self._lines[0].kind != "end":
            raise BenchError(f"the test has ended, {self._path} goes on with {dict(self._lines[0].values)}; {AGAIN}")
        return self._lines[0]


class ReplayedPack:
    """A Pack (bench.py) out of a recording."""

    def __init__(self, recording: Recording, services: Services, player: LinePlayer) -> None:
        self.setup, self._services, self._player = recording.setup, services, player
        self._faults: set[FaultKind] = set()
        self.is_on_answers: deque[bool] = deque()
        self._writer = TraceWriter(recording.test, recording.target, recording.setup.seed)
        self._gateway = GatewayFaults(services.gateway)
        self._reading: PackReading | None = None
        self._truth: Truth | None = None
        self._size = 0
        self._frames: dict[str, deque[Frames]] = {}
        self._end = recording.lines[-1]
        self.cursor = Cursor(recording, self._play)
        self.cursor.to_next_call()

    def run(
        self,
        what: str | Duty,
        *,
        hours: float | None = None,
        for_s: float | None = None,
        faults: Sequence[Fault] = (),  # noqa: ARG002 - they are in the recording, where they happened
        is_settled: bool = True,
    ) -> None:
        course = Course(asked_of(what, self.setup.seed))
        length_s = course.length_s(hours, for_s)
        self._writer.mark(Mark(self._pack_s, "run", f"{course.name}, {length_s / 3600:.2f} h"))
        self.cursor.call("pack", "run", [course.name, length_s])
        if is_settled:
            self.settle()

    def rest(self, *, hours: float, ambient_c: float = 25.0, faults: Sequence[Fault] = ()) -> None:  # noqa: ARG002
        self.cursor.call("pack", "run", ["rest", hours * 3600])
        self.settle()

    def age(self, years: float, profile: str) -> None:
        self._writer.mark(Mark(self._pack_s, "note", f"aged by {years:g} years: {profile}"))
        self.cursor.call("pack", "age", [years, profile])

    def reading(self) -> PackReading:
        if self._reading is None:
            raise BenchError(f"the recording shows no reading before this; {AGAIN}")
        return self._reading

    def truth(self) -> Truth:
        if self._truth is None:
            raise BenchError(f"the recording has no truth before this; {AGAIN}")
        return self._truth

    def wait_for(self, condition: Callable[[], bool], timeout_s: float, otherwise: str) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise BenchError(otherwise)
            time.sleep(TURN_S)

    def settle(self) -> None:
        """Until the passport has what it had when this was recorded. Raises BenchError where it does not come."""
        if self._services.gateway.is_running:
            have = self._services.passport.size
            words = f"the recording has {self._size} records, and the passport does not get them all in {WAIT_S:.0f} s"
            self.wait_for(lambda: have() >= self._size, WAIT_S, words)
        self._look()

    def trace(self) -> Trace:
        self._look()
        return self._writer.trace({})

    def problem(self) -> str:
        return ""

    @property
    def faults(self) -> frozenset[FaultKind]:
        """The kinds that have happened."""
        return frozenset(self._faults)

    @property
    def _pack_s(self) -> float:
        return self._reading.pack_ms / 1000 if self._reading else 0.0

    def _play(self, line: Line) -> None:
        match line.kind:
            case "shown":
                self._reading = reading_of(line.table("reading"))
                soc_cpct, soh_cpct = line.numbers("true_cpct")
                self._writer.shown(self._reading, soc_cpct, soh_cpct)
            case "board":
                self._player.say(line.content("content"))
            case "frames":
                self._frames_of(line.text("bus")).append(frames_of(line.values.get("rows")))
            case "fault":
                self._fault(fault_of(line.values), is_begin=line.values.get("is_begin") is True)
            case "truth":
                self._truth = truth_of(line.values)
            case "is_on":
                self.is_on_answers.append(line.values.get("is_on") is True)
            case "received":
                self._size = line.number("size")

    def bus(self, name: str) -> ReplayedBus:
        """Raises BenchError where the test asked for none of this name when it was recorded."""
        counters, words = self._end.table("bus_counters").get(name), self._end.table("bus_words").get(name)
        if not isinstance(counters, dict):
            raise BenchError(f"the recording has no bus {name!r}; {AGAIN}")
        return ReplayedBus(self._frames_of(name), counters, str(words))

    @property
    def bus_names(self) -> tuple[str, ...]:
        return tuple(self._end.table("bus_counters"))

    def _frames_of(self, name: str) -> deque[Frames]:
        return self._frames.setdefault(name, deque())

    def _fault(self, fault: Fault, *, is_begin: bool) -> None:
        self._faults.add(fault.kind)
        if is_begin:
            self._writer.mark(mark_of(fault, self._pack_s))
        if RULES[fault.kind].place is not Place.GATEWAY:
            return
        if self._services.gateway.is_running:
            self.wait_for(self._player.has_said_all, WAIT_S, "the gateway does not take what the board has said")
        (self._gateway.begin if is_begin else self._gateway.end)(fault)
        if fault.kind is FaultKind.GATEWAY_LOSS and is_begin:
            self._player.gateway_left()

    def _look(self) -> None:
        self._writer.estimated(self._pack_s, estimate_of(self._services.passport.health()))


class ReplayedTarget:
    """A Target (targets/target.py) that does what it did. Its ports are for nobody but the gateway."""

    bms_port = ""

    def __init__(self, recording: Recording, port: str, pack: ReplayedPack) -> None:
        self.name, self.serial_port, self.clock_rate = recording.target, port, recording.clock_rate
        self.firmware_hash = recording.firmware_hash
        end = recording.lines[-1]
        self.starts = end.number("starts")
        self._problem = end.text("board_words")
        self._pack = pack
        self._is_on = True

    def start(self, config: Mapping[str, object], can_table: bytes = b"") -> None:  # noqa: ARG002
        self._called("start")

    def cut_power(self, at_flash_byte: int | None = None) -> None:
        self._called("cut_power", at_flash_byte)

    def power_on(self) -> None:
        self._called("power_on")

    def reset(self) -> None:
        self._called("reset")

    def is_on(self) -> bool:
        """The answers that were given, one after the other, then the last one of them."""
        if self._pack.is_on_answers:
            self._is_on = self._pack.is_on_answers.popleft()
        return self._is_on

    def flash(self) -> NoReturn:
        raise BenchError("what was in the board's flash is not recorded; run the test on a target")

    def said(self) -> str:
        """Its console is not recorded."""
        return ""

    def problem(self) -> str:
        return self._problem

    def close(self) -> None:
        """There is nothing to close."""

    def _called(self, name: str, *arguments: int | None) -> None:
        self._pack.cursor.call("board", name, arguments)


@dataclass(frozen=True, slots=True)
class Replayed:
    pack: ReplayedPack
    board: ReplayedTarget
    services: Services


@contextmanager
def open_replay(recording: Recording, folder: Path) -> Iterator[Replayed]:
    """With services as they are at a real board. Raises BenchError."""
    enrolled = recording.enrolled
    parts = (enrolled.content(name) for name in ("genesis", "nonce", "possession"))
    with ExitStack() as opened:
        services = Services(folder / "services", recording.setup)
        player = LinePlayer()
        opened.callback(player.close)
        opened.callback(services.stop)
        try:
            services.start(player.port, Enrolment(*parts))
        except PackSealError as error:
            raise BenchError(f"the services behind {recording.path} do not start: {error}") from None
        pack = ReplayedPack(recording, services, player)
        yield Replayed(pack, ReplayedTarget(recording, player.port, pack), services)

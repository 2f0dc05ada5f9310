"""Coverage-guided fuzzing of every target of targets/, room by room.

    python tests/attacks/fuzz.py [SECONDS] [PROCESSES] [ROOM …]

Ten minutes of processor time unless told otherwise: 300 seconds in each of 2 processes, shared among the rooms. The
first two bytes of an input choose the target. Half of the changes are our own, which know the formats. It begins with
the good bytes and with the seeds that are kept (seeds.py). A finding is written to fuzz-crash-… in the working folder:
`--show ROOM FILE` prints its target, and the line by which it is kept.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "gateway"), str(ROOT / "hil")]  # run as a file

SECONDS, PROCESSES = 300, 2
LEAST_SECONDS = 10  # of a room: it takes five to start
MOST_BYTES = 1 << 14
SELECTOR_BYTES = 2
SHARES = {"evidence": 3, "logs": 2, "signals": 2, "exchange": 2}  # of the time; of the other rooms one


class Room:
    """Its targets by number, as inputs choose them."""

    def __init__(self, room: str) -> None:
        from tests.attacks.seeds import kept  # noqa: PLC0415 - instrumented before, where atheris is there
        from tests.attacks.targets import targets_of  # noqa: PLC0415

        self.targets = targets_of(room)
        self.names = tuple(self.targets)
        self.seeds = {name: (*target.goods, *kept(room).get(name, ())) for name, target in self.targets.items()}

    def chosen(self, data: bytes) -> str:
        return self.names[int.from_bytes(data[:SELECTOR_BYTES]) % len(self.names)]

    def one_input(self, data: bytes) -> None:
        if len(data) >= SELECTOR_BYTES:
            self.targets[self.chosen(data)].takes(data[SELECTOR_BYTES:])

    def write_corpus(self, folder: Path) -> None:
        for number, name in enumerate(self.names):
            for place, content in enumerate(self.seeds[name]):
                if len(content) + SELECTOR_BYTES <= MOST_BYTES:
                    (folder / f"{number:03}-{place:03}").write_bytes(number.to_bytes(SELECTOR_BYTES) + content)


def work(name: str, seconds: int, seed: int) -> None:
    import atheris  # noqa: PLC0415 - the extra `fuzz`; --show does without

    from tests.attacks.text_mutations import mutated_any  # noqa: PLC0415

    with atheris.instrument_imports(include=["packseal", "packseal_hil"]):
        room = Room(name)

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if len(data) < SELECTOR_BYTES or chance.random() < 0.5:
            changed: bytes = atheris.Mutate(data or bytes(SELECTOR_BYTES), max_size)
            return changed
        seeds = room.seeds[room.chosen(data)]
        return (data[:SELECTOR_BYTES] + mutated_any(data[SELECTOR_BYTES:], seeds, chance))[:max_size]

    with tempfile.TemporaryDirectory() as folder:
        room.write_corpus(Path(folder))
        options = [f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={MOST_BYTES}", "-print_final_stats=1"]
        options += [f"-artifact_prefix=fuzz-crash-{name}-", "-timeout=10", "-rss_limit_mb=2048", "-verbosity=0"]
        atheris.Setup([sys.argv[0], *options, folder], room.one_input, custom_mutator=mutate)
        atheris.Fuzz()


def show(name: str, path: Path) -> None:
    from tests.attacks.seeds import line  # noqa: PLC0415

    data = path.read_bytes()
    sys.stdout.write(line(Room(name).chosen(data), data[SELECTOR_BYTES:], "why it is kept"))


def rooms_in_turn(seconds: int, rooms: Sequence[str]) -> list[tuple[str, int]]:
    """(room, its seconds): those that together take this long."""
    whole = sum(SHARES.get(room, 1) for room in rooms)
    return [(room, max(LEAST_SECONDS, seconds * SHARES.get(room, 1) // whole)) for room in rooms]


def run(room: str, seconds: int, seed: int) -> tuple[str, int, str]:
    """(room, executions, output where it failed)"""
    command = [sys.executable, __file__, "--worker", room, str(seconds), str(seed)]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = done.stdout.decode(errors="replace")
    executions = sum(int(count) for count in re.findall(r"executed_units: (\d+)", text))
    return room, executions, text[-3000:] if done.returncode or not executions else ""


def main(seconds: int, processes: int, rooms: Sequence[str]) -> int:
    turns = [(room, taken, seed) for room, taken in rooms_in_turn(seconds, rooms) for seed in range(1, processes + 1)]
    failed = 0
    with ThreadPoolExecutor(processes) as pool:
        for room, executions, output in pool.map(lambda turn: run(*turn), turns):
            sys.stdout.write(f"{output}{room:10} {executions:10,} executions{'  FAILED' if output else ''}\n")
            sys.stdout.flush()
            failed += bool(output)
    sys.stdout.write(f"{len(turns)} runs of {len(rooms)} rooms, {failed} with findings\n")
    return 1 if failed else 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--worker", room, seconds, seed]:
            work(room, int(seconds), int(seed))
        case ["--show", room, path]:
            show(room, Path(path))
        case words:
            from tests.attacks.targets import ROOMS

            numbers = [int(word) for word in words if word.isdigit()]
            asked = [word for word in words if not word.isdigit()]
            seconds_asked, processes = (*numbers, *(SECONDS, PROCESSES)[len(numbers) :])
            sys.exit(main(seconds_asked, processes, asked or list(ROOMS)))

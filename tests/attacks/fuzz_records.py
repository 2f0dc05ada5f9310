"""Coverage-guided fuzzing of every decoder and of both verifications, with the oracle of the seeded tests.

    python tests/attacks/fuzz_records.py [SECONDS] [PROCESSES]

Ten minutes of processor time unless told otherwise: 300 seconds in 2 processes. The first byte of an input chooses the
decoder. A finding is written to fuzz-crash-… in the working folder, and its bytes belong into a test then.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "gateway")]  # run as a file

import atheris  # noqa: E402

with atheris.instrument_imports(include=["packseal.records", "packseal.io.link"]):
    from tests.attacks.corpus import good_items
    from tests.attacks.decoders import DECODERS
    from tests.attacks.mutations import mutated
    from tests.attacks.oracle import check

SECONDS, PROCESSES = 300, 2
MOST_BYTES = 8192
NAMES = tuple(DECODERS)


def one_input(data: bytes) -> None:
    if data:
        check(NAMES[data[0] % len(NAMES)], data[1:])


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Half the time our own changes, which know the format; else libFuzzer's, which know the coverage."""
    chance = random.Random(seed)
    if not data or chance.random() < 0.5:
        changed: bytes = atheris.Mutate(data or b"\x00", max_size)
        return changed
    goods = good_items()[NAMES[data[0] % len(NAMES)]]
    return (data[:1] + mutated(data[1:], goods, chance))[:max_size]


def write_corpus(folder: Path) -> None:
    for selector, name in enumerate(NAMES):
        for number, content in enumerate(good_items()[name]):
            (folder / f"{selector:02}-{number:02}").write_bytes(bytes([selector]) + content)


def work(seconds: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder))
        options = [f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={MOST_BYTES}", "-print_final_stats=1"]
        options += ["-artifact_prefix=fuzz-crash-", "-timeout=10", "-rss_limit_mb=2048", "-verbosity=0"]
        atheris.Setup([sys.argv[0], *options, folder], one_input, custom_mutator=mutate)
        atheris.Fuzz()


def main(seconds: int, processes: int) -> int:
    commands = [[sys.executable, __file__, str(seconds), "worker", str(seed)] for seed in range(1, processes + 1)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for command in commands]
    outputs = [process.communicate()[0].decode(errors="replace") for process in running]
    executions = sum(int(count) for text in outputs for count in re.findall(r"executed_units: (\d+)", text))
    failed = [text for process, text in zip(running, outputs, strict=True) if process.returncode]
    sys.stdout.write("".join(text[-3000:] for text in failed))
    sys.stdout.write(
        f"{executions:,} executions in {processes} processes of {seconds} s, {len(failed)} with findings\n"
    )
    return 1 if failed or not executions else 0


if __name__ == "__main__":
    if sys.argv[2:3] == ["worker"]:
        work(int(sys.argv[1]), int(sys.argv[3]))
    else:
        numbers = [int(word) for word in sys.argv[1:]]
        sys.exit(main(*numbers, *(SECONDS, PROCESSES)[len(numbers) :]))

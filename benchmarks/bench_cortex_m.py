"""Counts what the firmware costs on an emulated Cortex-M: instructions and heap; the last line is the figures as JSON.

    python benchmarks/bench_cortex_m.py [--record] [MACHINE]...

QEMU passes a nanosecond of its clock an instruction (-icount shift=0), so a count depends on the code alone and is the
same on every host, to some hundred. A chip takes 1.5 to 1.8 cycles an instruction (M4), or 1.4 (M0+): 1,000,000
instructions are about 10 ms at 168 MHz. benchmarks/cortex_m.json has what was counted when it was last recorded;
`--record` writes it anew. tests/firmware/test_qemu.py fails when a count has grown by more than a tenth.

m3 and m4 are a Cortex-M3 and an M4 with a floating-point unit. m0 is code for a Cortex-M0, run on the M3.
"""

import json
import re
import sys
import tempfile
from pathlib import Path

from packseal.io.qemu_board import QemuBoard, QemuOptions
from packseal.io.qemu_build import MACHINES, firmware_files, rom_image
from packseal.io.raw_console import RawConsole

HERE = Path(__file__).resolve().parent
RECORDED = HERE / "cortex_m.json"
BUDGET_BYTES = 96 << 10  # of heap, on a board with 192 kB of memory
ROOMY_BYTES = 224 << 10  # so that what needs more than the budget is measured too
GROWTH = 10  # percent
WORDS = {
    "sign": "Ed25519 sign, 150 bytes",
    "verify": "Ed25519 verify",
    "sample": "a sample of 12 blocks taken",
    "window": "a window of 60 samples, durable",
    "leaf": "  its leaf, blinded",
    "append": "  its entry appended to the log",
    "frame_out": "a frame of it for the link",
    "frame_in": "a WANT from the link",
    "estimator_add": "96 blocks: a sample into the estimator",
    "estimator_settle": "  a segment of half a minute, at most",
    "estimator_step": "  a step of its work on rests, at most",
    "estimator_rings": "  all of it, for four rests",
    "estimator_second": "  in a second, the mean of all",
    "estimator_modules": "  heap: its modules, less those of a chemistry",
    "estimator_state": "  its state, with those",
    "estimator_peak": "  all of it, and at most at work",
    "heap_frozen_set_up": "heap, code frozen: set up",
    "heap_frozen_peak": "  and at most while it signs, verifies",
    "heap_frozen_health_peak": "  and at most while it works on the pack's health",
    "heap_rom_set_up": "heap, code in ROM: set up",
    "heap_rom_peak": "  and at most while it signs, verifies",
    "heap_files_set_up": "heap, code in littlefs: set up",
    "heap_files_peak": "  and at most while it signs, verifies",
    "names": "names interned: the table doubles at 1,270",
}
CONFIG = {
    "service_public_key": "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",  # of board_heap.py's seed
    "rated_capacity_mah": 10000,
    "cell_blocks": 12,
    "strings": 2,
    "sample_ms": 1000,
    "window_ms": 10000,
    "checkpoint_every": 2,
    "time_every_ms": 600000,
    "chemistry": "nmc",
    "source": "simulator",
    "simulator": {"origin_unix_ms": 0, "true_capacity_mah": 9100, "seed": 1},
}
COPY = """
import os
def copy(source, target):
    os.mkdir(target)
    for name in os.listdir(source):
        if os.stat(source + "/" + name)[0] & 0x4000:
            copy(source + "/" + name, target + "/" + name)
        else:
            with open(source + "/" + name, "rb") as old, open(target + "/" + name, "wb") as new:
                new.write(old.read())
copy("/rom", "/flash/a")
"""
FROM_FILES = "import sys, vfs\nsys.path[:] = ['.frozen', '/flash/a']\nvfs.umount('/rom')\n"


def image(machine_name, is_frozen=False):
    machine = MACHINES[machine_name]
    names = ("board_cortex_m.py", "board_estimator.py", "board_heap.py", "board_imports.py")
    scripts = {name: HERE / name for name in names}
    return rom_image(machine, firmware_files(machine, is_frozen=is_frozen) | scripts)


def run_on_board(folder, machine_name, rom, program, heap_bytes=ROOMY_BYTES, before=(), **options):
    """What `program` prints on a board that has just started; `before` are run one after the other, each after a
    start of its own."""
    settings = QemuOptions(heap_bytes=heap_bytes, starts_program=False, **options)
    board = QemuBoard(Path(folder), MACHINES[machine_name], settings)
    board.load(rom)
    try:
        board.start()
        for each in before:
            with RawConsole(board.console) as console:
                console.run(each)
            board.reset()
        with RawConsole(board.console) as console:
            return console.run(program, timeout_s=300)
    finally:
        board.stop()


def figures_of(printed):
    return {name: int(value) for name, _, value in (line.rpartition(" ") for line in printed.splitlines())}


def instruction_figures(machine_name, rom):
    with tempfile.TemporaryDirectory() as folder:
        printed = run_on_board(folder, machine_name, rom, "import board_cortex_m", counts_instructions=True)
    return {name: count for name, count in figures_of(printed).items() if name in WORDS}


def estimator_figures(machine_name, rom):
    """Of the frozen firmware."""
    with tempfile.TemporaryDirectory() as folder:
        options = {"counts_instructions": True, "is_frozen": True}
        printed = run_on_board(folder, machine_name, rom, "import board_estimator", **options)
    return figures_of(printed)


def heap_figures(machine_name, rom, place, heap_bytes=ROOMY_BYTES):
    """Of the whole firmware, with receipts; place: "frozen", "rom" or "files"."""
    before = [f"with open('/flash/config.json', 'w') as file:\n    file.write({json.dumps(CONFIG)!r})\n"]
    if place == "files":
        before.append(COPY)
    program = (FROM_FILES if place == "files" else "") + "import board_heap"
    with tempfile.TemporaryDirectory() as folder:
        printed = run_on_board(folder, machine_name, rom, program, heap_bytes, before, is_frozen=place == "frozen")
    return figures_of(printed)


def import_figures(machine_name, rom):
    """({module: bytes that its import leaves, code in ROM}, how many names are interned)."""
    with tempfile.TemporaryDirectory() as folder:
        printed = run_on_board(folder, machine_name, rom, "import board_imports")
    *imports, names = printed.strip().splitlines()
    return figures_of("\n".join(imports)), int(re.search(r"n_qstr=(\d+)", names)[1])


def measure(machine_name):
    """({figure: value}, {module: bytes that its import leaves, code in ROM})."""
    rom = image(machine_name)
    figures = instruction_figures(machine_name, rom)
    frozen = image(machine_name, is_frozen=True)
    figures |= {name: count for name, count in estimator_figures(machine_name, frozen).items() if name in WORDS}
    for place in ("frozen", "rom", "files"):
        heap = heap_figures(machine_name, frozen if place == "frozen" else rom, place, ROOMY_BYTES)
        figures |= {f"heap_{place}_{name}": heap[name] for name in ("set_up", "peak", "health_peak")}
    imports, figures["names"] = import_figures(machine_name, rom)
    return figures, imports


def recorded():
    return json.loads(RECORDED.read_text()) if RECORDED.is_file() else {}


def grown(figures, before):
    """The figures that are more than GROWTH percent above those recorded before."""
    return {
        name: (before[name], value)
        for name, value in figures.items()
        if value * 100 > before.get(name, value) * (100 + GROWTH)
    }


def table(machine_name, figures, before, imports):
    lines = [f"{machine_name:42} {'now':>12} {'recorded':>12}"]
    for name, words in WORDS.items():
        if name in figures:
            then = f"{before[name]:12,}" if name in before else f"{'-':>12}"
            lines.append(f"{words:42} {figures[name]:12,} {then}")
    dearest = sorted(imports.items(), key=lambda item: -item[1])[:10]
    lines.append(
        "dearest imports, bytes: "
        + ", ".join(f"{name.removeprefix('import logger.')} {count}" for name, count in dearest)
    )
    return lines


def main(arguments):
    chosen = [name for name in arguments if name in MACHINES] or list(MACHINES)
    before, now = recorded(), {}
    for name in chosen:
        now[name], imports = measure(name)
        print("\n".join(table(name, now[name], before.get(name, {}), imports)), end="\n\n")
    if "--record" in arguments:
        RECORDED.write_text(json.dumps({**before, **now}, indent=2) + "\n")
    print(json.dumps(now))


if __name__ == "__main__":
    main(sys.argv[1:])

"""Counts the native signer's instructions on emulated Cortex-M processors; the last line is the figures as JSON.

    python benchmarks/bench_native.py

Without MicroPython, whose part bench_cortex_m.py measures: the very object files that the .mpy files are linked from,
with native_counts.c around them, on QEMU with `-icount shift=0`. Needs gcc-arm-none-eabi and qemu-system-arm. A
chain of signatures, each of a key that comes from the one before, shows that the code computes the right thing there.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# architecture -> (what the program around it is compiled for, what runs it, the processor it stands for)
ON_BOARD = ["-icount", "shift=0", "-display", "none", "-monitor", "none", "-serial", "none"]
ON_BOARD += ["-semihosting-config", "enable=on,target=native", "-kernel"]
M3_BOARD = ["qemu-system-arm", "-M", "mps2-an385", *ON_BOARD]
M4_BOARD = ["qemu-system-arm", "-M", "mps2-an386", *ON_BOARD]
ARM = ["arm-none-eabi-gcc", "-mthumb"]
RISCV = ["riscv64-unknown-elf-gcc", "-march=rv32imc", "-mabi=ilp32"]
MACHINES = {
    "armv6m": ([*ARM, "-mcpu=cortex-m0"], M3_BOARD, "Cortex-M0+"),  # an M3 counts its instructions alike
    "armv7m": ([*ARM, "-mcpu=cortex-m3"], M3_BOARD, "Cortex-M3"),
    "armv7emsp": ([*ARM, "-mcpu=cortex-m4"], M4_BOARD, "Cortex-M4"),
    "rv32imc": (RISCV, ["qemu-riscv32"], None),  # signs, but nothing counts
}
LINKER_SCRIPT = """
SECTIONS {
  .text BASE : { KEEP(*(.vectors)) *(.text*) *(.rodata*) *(.srodata*) *(.got*) *(.data*) *(.sdata*) }
  .bss : { *(.bss*) *(.sbss*) *(COMMON) }
  /DISCARD/ : { *(.ARM.exidx*) }
}
ENTRY(_start)
"""
FLAGS = [
    "-std=gnu11",
    "-O2",
    "-ffreestanding",
    "-fno-tree-loop-distribute-patterns",
    "-nostdlib",
    "-Wl,-no-warn-rwx-segments",
]
ROWS = {
    "public_key": "public key",
    "sign": "sign, 92 bytes",
    "sign_longest_step": "  longest step",
    "verify": "verify",
    "verify_longest_step": "  longest step",
    "sha512_block": "SHA-512, a block",
    "spread_over_keys": "key and signature: spread over 16 keys",
}


def program(architecture, folder):
    """The path of the program for QEMU."""
    build = [sys.executable, str(ROOT / "firmware/native/build.py"), "--objects", architecture, str(folder)]
    objects = subprocess.run(build, capture_output=True, text=True, check=True).stdout.split()
    script, path = folder / "program.ld", folder / "program.elf"
    base = "0x10000" if architecture == "rv32imc" else "0"  # Linux lets no program have the first page
    script.write_text(LINKER_SCRIPT.replace("BASE", base))
    sources = [str(ROOT / "benchmarks/native_counts.c"), *(str(folder / name) for name in objects)]
    command = [*MACHINES[architecture][0], *FLAGS, f"-I{ROOT / 'firmware/native'}", f"-Wl,-T,{script}"]
    subprocess.run([*command, "-o", str(path), *sources, "-lgcc"], check=True)
    return path


def figures(architecture):
    """What the program prints: numbers of instructions by name, and the last signature of its chain."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*MACHINES[architecture][1], str(program(architecture, Path(folder)))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = dict(line.split() for line in (done.stdout + done.stderr).splitlines())
    return {name: value if name == "last_signature" else int(value) for name, value in found.items()}


def main():
    found = {architecture: figures(architecture) for architecture in MACHINES}
    counted = {name: processor for name, (_, _, processor) in MACHINES.items() if processor}
    sys.stdout.write(f"{'instructions':40}" + "".join(f"{processor:>12}" for processor in counted.values()) + "\n")
    for key, title in ROWS.items():
        sys.stdout.write(f"{title:40}" + "".join(f"{found[name][key]:>12,}" for name in counted) + "\n")
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()

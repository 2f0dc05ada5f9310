"""Writes package.json and manifest.py of each real board from the files that are there; `--check` compares instead.

package.json is for mip (docs.micropython.org, "Package management"): [where it lies on the board, where it lies here].
`packseal board build` compiles the same list. manifest.py freezes it into a MicroPython built from source.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

BOARDS = Path(__file__).resolve().parent
FIRMWARE = BOARDS.parent
SLOT = "a"  # a new board starts from
NAMES = {"stm32": "STM32 boards with CAN", "rp2": "RP2040 and RP2350 boards", "esp32": "ESP32 boards"}
EMULATED = "qemu"  # has its loader in the ROM image, and nobody freezes it
STATE = {"stm32": "state/", "rp2": "", "esp32": "", EMULATED: "flash/"}  # where root.py has its file system
NOT_ON_BOARDS = {"drivers/flash_file.py", "drivers/serial_file.py", "drivers/slcan.py"}  # the unix port's
ONLY_ON = {"stm32h7_flash.py": "stm32", "stm32_can.py": "stm32", "block_flash.py": "rp2 esp32"}
LOADER = {"boot.py": "boot.py", "main.py": "start.py", "loader.py": "loader.py"}
BESIDE_LOADER = ["logger/core/slots.py", "logger/drivers/files.py"]
BESIDE_ROOT = {"stm32": ["logger/drivers/spi_flash.py", "logger/drivers/flash_part.py", "boards/stm32/pins.py"]}

MANIFEST = '''"""Freezes the firmware for {name} into MicroPython, where its code takes no memory (docs/boards.md).

main.py is not frozen: MicroPython would run it in place of the loader's. It lies in the slot, alone.

make -C ports/{port} BOARD=<board> FROZEN_MANIFEST=<this file>; written by make_packages.py.
"""

metadata(description="PackSeal's firmware", version="{version}")
include("$(PORT_DIR)/boards/manifest.py")
{modules}'''


def version() -> str:
    scope: dict[str, tuple[int, ...]] = {}
    exec((FIRMWARE / "logger/core/version.py").read_text(), scope)  # noqa: S102 - our own three numbers
    return ".".join(map(str, scope["VERSION"]))


def slot_files(board: str) -> dict[str, str]:
    """{path in the slot: path below firmware/}."""
    files = {"main.py": "main.py"}
    for name in ("board.py", "pins.py"):
        if (BOARDS / board / name).is_file():
            files[name] = f"boards/{board}/{name}"
    for path in sorted((FIRMWARE / "logger").rglob("*.py")):
        below = path.relative_to(FIRMWARE / "logger").as_posix()
        if below not in NOT_ON_BOARDS and board in ONLY_ON.get(path.name, board):
            files[f"logger/{below}"] = f"logger/{below}"
    return files


def root_files(board: str) -> dict[str, str]:
    """{path on the board: path below firmware/} of what lies outside the slots."""
    files = {name: f"boards/loader/{source}" for name, source in LOADER.items()}
    files["root.py"] = f"boards/{board}/root.py"
    for path in BESIDE_LOADER + BESIDE_ROOT.get(board, []):
        files[path.rpartition("/")[2]] = path
    return files


def package(board: str) -> str:
    slot = {f"{STATE[board]}{SLOT}/{name}": source for name, source in slot_files(board).items()}
    root = {} if board == EMULATED else root_files(board)
    urls = [[name, f"../../{source}"] for name, source in sorted({**root, **slot}.items())]
    lines = ",\n".join("    " + json.dumps(url) for url in urls)
    return f'{{\n  "version": "{version()}",\n  "urls": [\n{lines}\n  ]\n}}\n'


def manifest(board: str) -> str:
    lines = []
    for name, source in sorted(slot_files(board).items()):
        if source.startswith("boards/"):
            lines.append(f'module("{name}", base_path=".")')
    names = sorted(name.removeprefix("logger/") for name in slot_files(board) if name.startswith("logger/"))
    listed = "".join(f'        "{name}",\n' for name in names)
    lines.append(f'package(\n    "logger",\n    (\n{listed}    ),\n    base_path="../..",\n)')
    if board == "rp2":
        lines.append('module("_boot.py", base_path=".")  # in place of the port\'s: the log has a part of the flash')
    text = MANIFEST.format(name=NAMES[board], port=board, version=version(), modules="\n".join(lines))
    return text + "\n"


def written() -> dict[Path, str]:
    packages = {BOARDS / board / "package.json": package(board) for board in STATE}
    return packages | {BOARDS / board / "manifest.py": manifest(board) for board in NAMES}


def main(options: list[str]) -> int:
    stale = []
    for path, text in written().items():
        if "--check" not in options:
            path.write_text(text)
        elif not path.is_file() or path.read_text() != text:
            stale.append(str(path.relative_to(FIRMWARE.parent)))
    for name in stale:
        sys.stderr.write(f"{name} is not what make_packages.py writes; run: python firmware/boards/make_packages.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Runs first on the emulated board: mounts /flash (littlefs) and /rom (the program), and starts the program."""

import sys

import mps2
import vfs

FILE_SECTORS, SECTOR_BYTES = 384, 4096  # for two firmwares and an update


def _mount_flash():
    flash = mps2.Flash(0, FILE_SECTORS, SECTOR_BYTES)
    try:
        vfs.mount(flash, "/flash")
    except OSError:  # blank
        vfs.VfsLfs2.mkfs(flash)
        vfs.mount(flash, "/flash")


_mount_flash()
if mps2.rom():
    vfs.mount(vfs.VfsRom(mps2.rom()), "/rom")
    sys.path[:] = [".frozen", "/rom"]
if mps2.mode():
    __import__("start")

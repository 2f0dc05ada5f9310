"""In place of MicroPython's own _boot.py where the log has a part of the chip's flash (manifest.py).

The file system ends where the log begins. Like that one, it formats what cannot be mounted; the key is then gone, and
the log refused.
"""

import rp2
import vfs

_FILE_SYSTEM_BYTES = 1 << 20  # board.py: LOG_START

device = rp2.Flash(start=0, len=_FILE_SYSTEM_BYTES)
try:
    file_system = vfs.VfsLfs2(device, progsize=256)  # type: ignore[abstract]  # the stub's fault
except OSError:
    vfs.VfsLfs2.mkfs(device, progsize=256)
    file_system = vfs.VfsLfs2(device, progsize=256)  # type: ignore[abstract]
vfs.mount(file_system, "/")
del vfs, device, file_system

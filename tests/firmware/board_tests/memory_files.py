"""File systems whose power can be cut at every operation, with the interface of logger/drivers/files.py.

MemoryFiles is one in memory: its rename is atomic, its writes tear. littlefs(): the real one of MicroPython, on flash
in memory that is cut below it.
"""

from errno import EIO
from hashlib import sha256

from memory_flash import ALL, HALF, NOTHING, PowerCutError


class MemoryFiles:
    def __init__(self, content=None):
        self.content = content if content is not None else {}
        self.operations = 0
        self.cut_at = None
        self.tear = NOTHING

    def powered_again(self):
        return MemoryFiles(self.content)

    def read(self, path):
        return self.content.get(path)

    def write(self, path, content):
        self._put(path + ".new", b"", content)
        if self._is_cut() and self.tear != ALL:
            raise PowerCutError
        self.content[path] = self.content.pop(path + ".new")
        self._end()

    def create(self, path):
        self._put(path, b"", b"")
        return OpenFile(self, path)

    def remove(self, path):
        if not self._is_cut() or self.tear == ALL:
            del self.content[path]
        self._end()

    def names(self, folder):
        return sorted([path[len(folder) + 1 :] for path in self.content if path.startswith(folder + "/")])

    def names_steps(self, folder):
        yield
        return self.names(folder)

    def digest_steps(self, path):
        yield
        return sha256(self.content[path]).digest()

    def _put(self, path, before, content):
        kept = content
        if self._is_cut():
            kept = {NOTHING: b"", HALF: content[: len(content) // 2], ALL: content}.get(self.tear, bytes(len(content)))
        self.content[path] = before + kept
        self._end()

    def _is_cut(self):
        return self.operations == self.cut_at

    def _end(self):
        """Nothing happens behind a cut."""
        self.operations += 1
        if self.cut_at is not None and self.operations > self.cut_at:
            raise PowerCutError


class OpenFile:
    """What is written is there at once: half a file is what a cut may leave."""

    def __init__(self, files, path):
        self._files = files
        self._path = path

    def write(self, content):
        self._files._put(self._path, self._files.content[self._path], content)

    def close(self):
        pass


class CutBlocks:
    """Flash in memory as a block device. Behind a cut all fails, by number: raising would print from finalisers."""

    BLOCKS, BLOCK_BYTES = 64, 512

    def __init__(self, content=None):
        self.content = content or bytearray(b"\xff" * (self.BLOCKS * self.BLOCK_BYTES))
        self.operations = 0
        self.cut_at = None
        self.tear = NOTHING

    def readblocks(self, block, buffer, offset=0):
        at = block * self.BLOCK_BYTES + offset
        buffer[:] = self.content[at : at + len(buffer)]
        return 0

    def writeblocks(self, block, content, offset=0):
        return self._change(block * self.BLOCK_BYTES + offset, bytes(content))

    def ioctl(self, code, argument):
        if code == 4:
            return self.BLOCKS
        if code == 5:
            return self.BLOCK_BYTES
        if code == 6:
            return self._change(argument * self.BLOCK_BYTES, b"\xff" * self.BLOCK_BYTES)
        return 0

    def _change(self, at, after):
        if self.cut_at is not None and self.operations > self.cut_at:
            return -EIO
        self.operations += 1
        if self.cut_at is None or self.operations <= self.cut_at:
            self.content[at : at + len(after)] = after
            return 0
        count = {NOTHING: 0, HALF: len(after) // 2, ALL: len(after)}.get(self.tear, 0)
        self.content[at : at + count] = after[:count]
        return -EIO


def littlefs(blocks=None):
    """Files on littlefs on `blocks`, or on new ones, mounted at /cut."""
    import vfs

    from logger.drivers.files import Files

    if blocks is None:
        blocks = CutBlocks()
        vfs.VfsLfs2.mkfs(blocks, progsize=16, readsize=16)
    try:
        vfs.umount("/cut")
    except OSError:
        pass
    file_system = vfs.VfsLfs2(blocks, progsize=16, readsize=16)  # type: ignore[abstract]  # the stub's fault
    vfs.mount(file_system, "/cut")
    return Files("/cut"), blocks

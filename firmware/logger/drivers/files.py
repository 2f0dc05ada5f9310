"""Small files below one folder of the board's file system, and the hash over a folder of firmware.

`write` replaces a file wholly or not at all where the file system's rename is atomic: littlefs's is, FAT's is not.
"""

import os
from hashlib import sha256

_FOLDER = 0x4000
_PART_BYTES = 512


class Files:
    def __init__(self, root):
        """root: an absolute path without a closing slash, "" for the file system's own root."""
        self._root = root + "/"

    def read(self, path):
        """The content; None when there is no such file."""
        try:
            with open(self._root + path, "rb") as file:
                return file.read()
        except OSError:
            return None

    def has(self, path):
        try:
            os.stat(self._root + path)
            return True
        except OSError:
            return False

    def read_part(self, path, offset, count):
        with open(self._root + path, "rb") as file:
            file.seek(offset)
            return file.read(count)

    def write(self, path, content):
        with open(self._root + path + ".new", "wb") as file:
            file.write(content)
        os.rename(self._root + path + ".new", self._root + path)

    def create(self, path):
        """The file, open and empty, and the folders above it. Whoever writes it closes it."""
        self._make_folders(path)
        return open(self._root + path, "wb")

    def remove(self, path):
        os.remove(self._root + path)

    def names(self, folder):
        """The paths of all files in and below folder, as seen from it; none when there is no such folder."""
        steps = self.names_steps(folder)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value

    def names_steps(self, folder):
        """The same, a step a folder."""
        found, folders = [], [""]
        while folders:
            below = folders.pop()
            for name, kind in _listed(self._root + folder + below):
                if kind & _FOLDER:
                    folders.append(below + "/" + name)
                else:
                    found.append((below + "/" + name)[1:])
            yield
        found.sort()
        return found

    def digest_steps(self, path):
        """SHA-256 of a file, a step a part. Raises OSError."""
        digest = sha256()
        part = bytearray(_PART_BYTES)
        view = memoryview(part)
        with open(self._root + path, "rb") as file:
            count = file.readinto(part)
            while count:
                digest.update(view[:count])
                yield
                count = file.readinto(part)
        return digest.digest()

    def _make_folders(self, path):
        at = path.find("/")
        while at > 0:
            try:
                os.mkdir(self._root + path[:at])
            except OSError:
                pass  # it is there
            at = path.find("/", at + 1)


def _listed(folder):
    """(name, kind) of each thing in it, one at a time. On littlefs each stat looks through the folder again: 80 files
    took half a second, where a board has a tenth of one."""
    try:
        if hasattr(os, "ilistdir"):
            for entry in os.ilistdir(folder):
                yield entry[0], entry[1]
        else:
            for name in os.listdir(folder):
                yield name, os.stat(folder + "/" + name)[0]
    except OSError:
        pass  # there is none


def firmware_hash_steps(files, folder, paths, whole=None):
    """docs/record.md, BOOT key 1, over these files of folder, whose paths are hashed as seen from there. whole: a
    SHA-256 that has taken what comes before them."""
    whole = whole or sha256()
    for path in sorted(paths):
        whole.update(sha256(path.encode()).digest())
        whole.update((yield from files.digest_steps(folder + "/" + path)))
    return whole.digest()

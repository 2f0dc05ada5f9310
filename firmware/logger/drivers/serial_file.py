"""A serial line as a file of the unix port: a tty by its path, or a descriptor that the parent process handed down.

Never blocks: it asks poll before each read and write, and writes no more than a line that polls as writable takes.
"""

import select

try:
    from termios import setraw
except ImportError:  # CPython: there whoever opened the line sets it
    setraw = None

_READ_BYTES = 64
_WRITE_BYTES = 128


class SerialFile:
    """What is not there yet, and an other side that has gone away, are both simply nothing: it may come back."""

    def __init__(self, path_or_descriptor):
        """Raises OSError when it cannot be opened."""
        self._file = open(path_or_descriptor, "r+b", buffering=0)
        _set_raw(self._file)
        self._reading, self._writing = select.poll(), select.poll()
        self._reading.register(self._file, select.POLLIN)
        self._writing.register(self._file, select.POLLOUT)

    def read(self):
        """The bytes that have come, at most 64."""
        content = b""
        try:
            while len(content) < _READ_BYTES and self._is_ready(self._reading, select.POLLIN):
                part = self._file.read(1)  # one: MicroPython's read waits until it has all it was asked for
                if not part:
                    break
                content += part
        except OSError:  # EIO: the other side of a pseudo-terminal is closed
            pass
        return content

    def write(self, content):
        """Takes a first part of content; returns its length, 0 when nothing can leave now."""
        try:
            if self._is_ready(self._writing, select.POLLOUT):
                return self._file.write(content[:_WRITE_BYTES]) or 0
        except OSError:
            pass
        return 0

    def _is_ready(self, poll, event):
        for _, events in poll.poll(0):
            return bool(events & event)
        return False


def _set_raw(file):
    """Bytes pass as they are; a descriptor that is no tty needs nothing."""
    if setraw:
        try:
            setraw(file.fileno())
        except OSError:
            pass

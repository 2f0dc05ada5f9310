"""How many bytes each module of the firmware leaves in the heap of the emulated board, without those it imports itself.

Prints one line `import NAME BYTES` each. Where the table of interned names has just grown, the module that was the last
straw is charged with all of it: it doubles each time, and what counts is the number of names in the last line.
"""

import builtins
import gc
import sys

import micropython

_real_import = builtins.__import__
_inner_bytes = []  # of the imports that are under way, what those within them have left


def _live_bytes():
    gc.collect()
    return gc.mem_alloc()


def _measured_import(name, *more):
    if name in sys.modules:
        return _real_import(name, *more)
    before_bytes = _live_bytes()
    _inner_bytes.append(0)
    module = _real_import(name, *more)
    used_bytes = _live_bytes() - before_bytes
    print("import", name, used_bytes - _inner_bytes.pop())
    if _inner_bytes:
        _inner_bytes[-1] += used_bytes
    return module


builtins.__import__ = _measured_import
import main  # noqa: E402, F401 (its heap is measured)

micropython.qstr_info()

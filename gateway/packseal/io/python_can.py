"""python-can, loaded without asammdf.

Where asammdf is installed (extra `mf4`), python-can loads it, and pandas with it, for a log writer that is not used
here: more than a second at every start. Everything here takes `can` from this module; so does what loads cantools.
"""

from __future__ import annotations

import sys

_NAME = "asammdf"
_is_ours = _NAME not in sys.modules
if _is_ours:
    sys.modules[_NAME] = None  # type: ignore[assignment]  # Python's way to say that there is none
import can as can  # noqa: E402, PLC0414 - given on

if _is_ours:
    del sys.modules[_NAME]

__all__ = ["can"]

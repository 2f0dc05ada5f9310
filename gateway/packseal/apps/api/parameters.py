"""What requests name in their paths and queries, and who may ask for more than one passport."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from packseal.passport.access import ReaderRole

MAX_PAGE = 500
MAX_INDEX = (1 << 53) - 1  # of numbers that every JSON reader keeps whole
RESPONSIBLE = frozenset({ReaderRole.OPERATOR, ReaderRole.OWNER})

Name = Annotated[str, Path(description="The passport's id, 32 hexadecimal digits.", min_length=1, max_length=63)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
After = Annotated[int, Query(ge=-1, le=MAX_INDEX, description="Index in the service's log; -1 for all.")]

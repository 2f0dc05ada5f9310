"""What is wrong now, as a gateway and a service both say it to programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from packseal.io.log_lines import Problem


def problems_json(problems: Sequence[Problem]) -> dict[str, object]:
    """And how many there are of each event."""
    events = Counter(problem.event for problem in problems)
    return {"problems": [problem.as_json() for problem in problems], "events": dict(events)}

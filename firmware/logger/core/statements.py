"""What is said of a pack's health, and when: entries SOH and ESTIMATE (docs/record.md).

A quantity is said when it is first known, when it has moved by half its own uncertainty, and once a day while there are
newer inputs; what lacks, once for each reason and once a week.
"""

from logger.core.entries import ESTIMATE, estimate_body

CAPACITY, RESISTANCE, ENERGY, POWER_80, POWER_20, ROUND_TRIP, SELF_DISCHARGE, SOCE = range(1, 9)
LACKS_REST, LACKS_SPAN, LACKS_STEPS, LACKS_COUNT, LACKS_AGREEMENT, LACKS_SENSOR, LACKS_SETTING, LACKS_CURVE = range(
    1, 9
)
METHOD_ANCHORS, METHOD_STEPS, METHOD_ENERGY, METHOD_ROUND_TRIP, METHOD_STANDING, METHOD_WINDOWS = range(2, 8)
_DAY_MS = 86400000
_HOUR_MS = 3600000
_WEEK_MS = 7 * _DAY_MS


class Conditions:
    """What an estimate rests on: inputs, [first, last seq]; newest_ms, the counted time of the newest of them."""

    def __init__(self, inputs, newest_ms, ddegc=None, span_cpct=None):
        self.inputs = inputs
        self.newest_ms = newest_ms
        self.ddegc = ddegc
        self.span_cpct = span_cpct

    def age_ms(self, now_ms):
        return max(now_ms - self.newest_ms, 0)


class Statements:
    """Bodies wait here for the next windows, one a window; the newest of a quantity takes the place of an older one."""

    def __init__(self):
        self._waiting = {}  # quantity: (type, body without its age, conditions)
        self._said = {}  # quantity: (value, newest_ms) as it was last said, value None for what lacks

    def was_said(self, quantity):
        return quantity in self._said or quantity in self._waiting

    def is_due(self, quantity, value, now_ms):
        """Whether such an estimate, [value, standard uncertainty], would be said now."""
        said = self._said.get(quantity)
        if said is None or said[0] is None:
            return True
        apart_ms = now_ms - said[1]
        return apart_ms >= _DAY_MS or (apart_ms >= _HOUR_MS and abs(value[0] - said[0]) * 2 > value[1])

    def say(self, quantity, kind, body, value, conditions):
        """An entry of its own kind."""
        if self.is_due(quantity, value, conditions.newest_ms):
            self._said[quantity] = value[0], conditions.newest_ms
            self._waiting[quantity] = kind, body, conditions

    def estimate(self, quantity, method, value, conditions, least=None, most=None):
        if value is None or not self.is_due(quantity, value, conditions.newest_ms):
            return
        self._said[quantity] = value[0], conditions.newest_ms
        what = quantity, method, conditions.inputs, value, None, conditions.ddegc, conditions.span_cpct, 0, least, most
        self._waiting[quantity] = ESTIMATE, estimate_body(*what), conditions

    def lack(self, quantity, method, lacking, conditions):
        """Not yet known. conditions: None when it rests on nothing."""
        now_ms = conditions.newest_ms if conditions else 0
        said = self._said.get(quantity)
        if said and said[0] is None and said[2] == lacking and now_ms - said[1] < _WEEK_MS:
            return
        self._said[quantity] = None, now_ms, lacking
        inputs, age_ms = (conditions.inputs, 0) if conditions else (None, None)
        what = quantity, method, inputs, None, lacking, None, conditions.span_cpct if conditions else None, age_ms
        self._waiting[quantity] = ESTIMATE, estimate_body(*what), conditions

    def take_back(self, quantity, method, lacking):
        """Not known any more, where it has been said."""
        said = self._said.get(quantity)
        if said and said[0] is not None:
            self.lack(quantity, method, lacking, None)

    def take(self, now_ms):
        """(type, body) of the next one, None when none waits. now_ms: counted time."""
        for quantity in sorted(self._waiting):
            kind, body, conditions = self._waiting.pop(quantity)
            if conditions:
                body[8 if kind == ESTIMATE else 9] = conditions.age_ms(now_ms)
            return kind, body
        return None

"""A value beyond a limit, with hysteresis: deep discharge, overcharge, heat and cold (docs/record.md, EVENT).

What is and what was said are kept apart: whoever says it asks `is_on` and sets `is_said`. What is over before anybody
could say it is counted. Takes nothing from the heap for a sample.
"""

from logger.core.entries import EVENTS_UNSAID


class Occasion:
    """Values of one kind beyond a limit: begins with the first place that is beyond it, and has ended when the last one
    is back by the hysteresis. `worst`, `place`: the value farthest out in this occasion, and where."""

    def __init__(self, event, limit, hysteresis, is_upper, places, counter=None):
        """counter: which one counts the occasions."""
        self.event = event
        self._sign = 1 if is_upper else -1
        self._limit = limit * self._sign
        self._hysteresis = hysteresis
        self._beyond = bytearray(places)
        self._counter = counter
        self.begin(False)

    def begin(self, is_on):
        """is_on: the log says that one has begun and not that it ended. Each place is beyond until it shows better."""
        self.is_on = self.is_said = self._is_resumed = is_on
        self._places_beyond = len(self._beyond) if is_on else 0
        for i in range(len(self._beyond)):
            self._beyond[i] = 1 if is_on else 0
        self.worst = self.place = None

    def is_beyond(self, value):
        return value is not None and value * self._sign > self._limit

    def add(self, values, extreme, counters):
        """extreme: of the values the one that is farthest out; None: no value at all, and so no news."""
        if extreme is None or not (self.is_on or self.is_beyond(extreme)):
            return
        if not (self.is_on or self.is_said):
            self.worst = None  # else the log still takes it for the same occasion
        for i in range(len(values)):
            if values[i] is not None:
                self._look(i, values[i])
            elif self._is_resumed:
                self._clear(i)
        self._is_resumed = False
        self._change(counters)

    def forget(self, place, counters):
        """What nobody measures any more is no part of an occasion."""
        self._clear(place)
        self._change(counters)

    def _look(self, place, value):
        if self.is_beyond(value):
            self._places_beyond += 1 - self._beyond[place]
            self._beyond[place] = 1
            if self.worst is None or value * self._sign > self.worst * self._sign:
                self.worst = value
                self.place = place
        elif self._limit - value * self._sign >= self._hysteresis:
            self._clear(place)

    def _clear(self, place):
        self._places_beyond -= self._beyond[place]
        self._beyond[place] = 0

    def _change(self, counters):
        is_on = self._places_beyond > 0
        if is_on == self.is_on:
            return
        self.is_on = is_on
        if is_on and self._counter is not None:
            counters.count(self._counter)
        if is_on == self.is_said:  # back to what was said last, before anybody could say that it had changed
            counters.count(EVENTS_UNSAID)

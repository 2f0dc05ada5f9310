"""A source on a real line keeps the wall's time at whatever rate the pack's runs: its time-outs are those of a wire."""


class WallClocked:
    def __init__(self, source, rate):
        self._source = source
        self._rate = rate

    def __getattr__(self, name):
        return getattr(self._source, name)

    def step(self, now_ms):
        self._source.step(now_ms // self._rate)

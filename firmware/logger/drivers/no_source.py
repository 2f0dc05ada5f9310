"""The source of a board that has no good configuration yet: nothing is asked, nothing is measured."""

KIND = 4  # docs/record.md, BOOT key 3


class NoSource:
    kind = KIND
    temperature_sensors = 1
    refused = 0

    def step(self, now_ms):
        """Nothing to drain, nothing to ask for."""

    def read(self, sample):
        sample.current_ma = sample.pack_mv = sample.soc_reported_cpct = sample.soh_reported_cpct = None
        for i in range(len(sample.cell_mv)):
            sample.cell_mv[i] = None
        for i in range(len(sample.temperature_ddegc)):
            sample.temperature_ddegc[i] = None
        sample.missing = 0  # nothing was expected

"""A Daly BMS on a byte line of 9600 baud, 8N1, as a source. docs/sources.md has wiring and settings."""

from logger.core.daly import Daly
from logger.core.poller import PolledSource
from logger.core.readings import Readings

NUMBERS = {  # settings: (least, greatest)
    "temperature_sensors": (0, 16),
    "board": (1, 16),
    "first_frame": (0, 1),
    "positive_charges": (0, 1),
    "max_age_ms": (1000, 60000),
    "poll_ms": (100, 60000),
    "timeout_ms": (100, 5000),
}
MAX_CELLS = 48  # in 16 frames, the most that the protocol has


class DalySource(PolledSource):
    def __init__(self, line, cell_blocks, settings):
        """line: a driver with read() and write(content). settings: a value for each key of NUMBERS.

        Raises ValueError for more cells than such a board has.
        """
        if cell_blocks > MAX_CELLS:
            raise ValueError(f"a Daly has at most {MAX_CELLS} cells, cell_blocks is {cell_blocks}")
        readings = Readings(cell_blocks, settings["temperature_sensors"], settings["max_age_ms"])
        dialect = Daly(readings, settings["board"], settings["first_frame"], settings["positive_charges"])
        PolledSource.__init__(self, line, dialect, readings, settings)

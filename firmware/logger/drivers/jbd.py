"""A JBD (Xiaoxiang) BMS on a byte line of 9600 baud, 8N1, as a source. docs/sources.md has wiring and settings."""

from logger.core.jbd import Jbd
from logger.core.poller import PolledSource
from logger.core.readings import Readings

NUMBERS = {  # settings: (least, greatest)
    "temperature_sensors": (0, 8),
    "max_age_ms": (500, 60000),
    "poll_ms": (100, 60000),
    "timeout_ms": (100, 5000),
}
MAX_CELLS = 32  # two words of balancing bits


class JbdSource(PolledSource):
    def __init__(self, line, cell_blocks, settings):
        """line: a driver with read() and write(content). settings: a value for each key of NUMBERS.

        Raises ValueError for more cells than such a board has.
        """
        if cell_blocks > MAX_CELLS:
            raise ValueError(f"a JBD has at most {MAX_CELLS} cells, cell_blocks is {cell_blocks}")
        readings = Readings(cell_blocks, settings["temperature_sensors"], settings["max_age_ms"])
        PolledSource.__init__(self, line, Jbd(readings), readings, settings)

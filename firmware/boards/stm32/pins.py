"""Where what is on which STM32 board. Names of the pins and numbers of the buses as MicroPython's board files have them
(ports/stm32/boards/PYBV11, PYBD_SF2 and NUCLEO_H743ZI, pins.csv and mpconfigboard.h).

uarts: (number, of the link and of the BMS). spi: number, i2c: number. select: of the serial flash. can: number.
has_bank2: the log fits into the chip's own second bank.
"""


class Pins:
    def __init__(self, uarts, spi, select, i2c, can, has_bank2):
        self.uarts = uarts
        self.spi = spi
        self.select = select
        self.i2c = i2c
        self.can = can
        self.has_bank2 = has_bank2


# link Y1 (TX) Y2 (RX); BMS X1, X2; flash X6 (SCK) X7 (MISO) X8 (MOSI) X5 (CS); I2C X9 (SCL) X10 (SDA); CAN Y3, Y4
PYBOARD = Pins((6, 4), 1, "A4", 1, 1, False)
# link CN12-4 (PC6, TX) CN12-19 (PC7, RX); BMS CN9-6 (PD5) CN9-4 (PD6); flash CN7-15 (PB3) CN12-27 (PB4) CN12-29 (PB5)
# CN7-17 (PA4); I2C CN7-2 (PB8) CN7-4 (PB9); CAN CN9-25 (PD0, RX) CN9-27 (PD1, TX)
NUCLEO_H743 = Pins((6, 2), 3, "A4", 1, 1, True)


def of(machine_name):
    """Of the board that calls itself so (sys.implementation._machine)."""
    return NUCLEO_H743 if "H743" in machine_name else PYBOARD

"""CRC-8 with polynomial 0x07 and nothing around it, as TI's monitors use on I2C (SLUAA11B section 4)."""


def _entry(value):
    for _ in range(8):
        value = value << 1 ^ (0x07 if value & 0x80 else 0)
    return value & 0xFF


_TABLE = bytes([_entry(value) for value in range(256)])


def crc8(byte, crc=0):
    """The CRC of what crc is the CRC of, with byte behind it."""
    return _TABLE[crc ^ byte]

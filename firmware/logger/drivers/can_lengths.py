"""How many bytes a CAN frame can have, and the code of each length in the frame (ISO 11898-1:2015, DLC)."""

LENGTHS = b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0c\x10\x14\x18\x20\x30\x40"  # by code


def length_code(length, most):
    """Raises ValueError for a length that no frame of up to `most` bytes has."""
    for code in range(len(LENGTHS)):
        if LENGTHS[code] == length <= most:
            return code
    raise ValueError("no frame has so many bytes")

"""Which identifiers a CAN controller's filters must let through where there are fewer filters than identifiers.

A filter passes what equals it in the bits of its mask. One mask is chosen for all: bits are taken out of it, each time
the one that leaves the fewest different filters, until there are few enough. It lets through more than was asked for,
never less; what decodes looks again.
"""


def cover(ids, filters, mask):
    """(mask, [identifier, ...]), at most `filters` of these, for `ids` that all have the same length."""
    kept = sorted({can_id & mask for can_id in ids})
    while len(kept) > filters:
        bit = _bit_to_drop(kept, mask)
        mask &= ~bit
        kept = sorted({can_id & mask for can_id in kept})
    return mask, kept


def _bit_to_drop(kept, mask):
    best = 0
    fewest = len(kept) + 1
    bit = 1
    while bit <= mask:
        if mask & bit:
            count = len({can_id & ~bit for can_id in kept})
            if count < fewest:
                best, fewest = bit, count
        bit <<= 1
    return best

# ruff: noqa: F821 (ptr32 and uint are names of the viper compiler, no module defines them)
"""The compression function of SHA-512 as viper code, the same for 32-bit and 64-bit ports.

viper's int and uint are the machine word, so each 64-bit word is worked on as two 32-bit halves, and:

- array("Q") on a little-endian machine, which all ports are, holds the low half at [2 * i], the high at [2 * i + 1];
- a 64-bit host keeps bits above bit 31, so a value is masked before it is shifted right (loads and stores through
  ptr32 cut by themselves, and loads do not extend the sign);
- a 32-bit host has nothing above bit 31 to read a carry from, so low halves are summed as two 16-bit quarters;
- all values are uint, because >> of an int drags the sign along on a 32-bit host;
- the mask is put together at run time: 0xFFFFFFFF would be a big integer there, which viper cannot use.

The functions are small because the branches of ARMv6-M (RP2040) do not reach far.
"""

from array import array

import micropython

# The working variables a..h of round t are the 8 words from [16 - t % 16] on: a round writes the new a before the old
# one and the new e over d, and nothing has to be moved. 16 rounds, then the window is brought back to its end.
_window = array("Q", bytes(24 * 8))
_schedule = array("Q", bytes(16 * 8))


def compress(state, block, constants):
    """Mixes one block of 128 bytes into the state, array("Q") of 8 (FIPS 180-4 §6.4.2); constants: the 80 K.

    Not reentrant: not for threads and interrupts.
    """
    _load_block(_schedule, block)
    _window[16:24] = state
    for first_round in range(0, 80, 16):
        if first_round:
            _extend_schedule(_schedule)
        _do_16_rounds(_window, _schedule, constants, first_round)
        _window[16:24] = _window[0:8]
    _add_words(state, _window)


@micropython.viper
def _load_block(schedule_words, block):
    """The block's 16 big-endian words."""
    schedule = ptr32(schedule_words)
    source = ptr8(block)
    i = 0
    while i < 128:
        schedule[(i >> 2) ^ 1] = (source[i] << 24) | (source[i + 1] << 16) | (source[i + 2] << 8) | source[i + 3]
        i += 4


@micropython.viper
def _do_16_rounds(window_words, schedule_words, constant_words, first_round: int):  # noqa: PLR0915 (a call costs more)
    address = uint(ptr32(window_words)) + 16 * 8
    schedule_address = uint(ptr32(schedule_words))
    constant_address = uint(ptr32(constant_words)) + (first_round << 3)
    mask = uint(0xFFFF)
    mask = (mask << 16) | mask
    rounds = 16
    while rounds:
        window = ptr32(address)  # a_low, a_high, b_low, ..., h_high
        # T1 = h + Sum1(e) + Ch(e, f, g) + K + W
        low = uint(window[8])
        high = uint(window[9])
        term = ((low >> 14) ^ (high << 18) ^ (low >> 18) ^ (high << 14) ^ (high >> 9) ^ (low << 23)) & mask
        t1_high = (high >> 14) ^ (low << 18) ^ (high >> 18) ^ (low << 14) ^ (low >> 9) ^ (high << 23)
        t1_low = term
        quarters = term >> 16
        term = uint(window[12]) ^ (low & (uint(window[10]) ^ uint(window[12])))
        t1_high += uint(window[13]) ^ (high & (uint(window[11]) ^ uint(window[13])))
        t1_low += term
        quarters += term >> 16
        term = uint(window[14])
        t1_high += uint(window[15])
        t1_low += term
        quarters += term >> 16
        source = ptr32(constant_address)
        term = uint(source[0])
        t1_high += uint(source[1])
        t1_low += term
        quarters += term >> 16
        source = ptr32(schedule_address)
        term = uint(source[0])
        t1_high += uint(source[1])
        t1_low = (t1_low + term) & mask
        quarters += term >> 16
        t1_high += (quarters + (((t1_low - (quarters << 16)) & mask) >> 16)) >> 16
        # the new e = d + T1
        term = uint(window[6])
        low = (t1_low + term) & mask
        quarters = (t1_low >> 16) + (term >> 16)
        window[6] = low
        window[7] = uint(window[7]) + t1_high + ((quarters + (((low - (quarters << 16)) & mask) >> 16)) >> 16)
        # the new a = T1 + T2, T2 = Sum0(a) + Maj(a, b, c)
        quarters = t1_low >> 16
        low = uint(window[0])
        high = uint(window[1])
        term = ((low >> 28) ^ (high << 4) ^ (high >> 2) ^ (low << 30) ^ (high >> 7) ^ (low << 25)) & mask
        t1_high += (high >> 28) ^ (low << 4) ^ (low >> 2) ^ (high << 30) ^ (low >> 7) ^ (high << 25)
        t1_low += term
        quarters += term >> 16
        term = (low & uint(window[2])) | (uint(window[4]) & (low | uint(window[2])))
        t1_high += (high & uint(window[3])) | (uint(window[5]) & (high | uint(window[3])))
        t1_low = (t1_low + term) & mask
        quarters += term >> 16
        address -= 8
        window = ptr32(address)
        window[0] = t1_low
        window[1] = t1_high + ((quarters + (((t1_low - (quarters << 16)) & mask) >> 16)) >> 16)
        constant_address += 8
        schedule_address += 8
        rounds -= 1


@micropython.viper
def _extend_schedule(schedule_words):
    """Replaces W[t-16..t-1] by W[t..t+15] (FIPS 180-4 §6.4.2 step 1)."""
    schedule = ptr32(schedule_words)
    mask = uint(0xFFFF)
    mask = (mask << 16) | mask
    w = 0
    while w < 32:
        i = (w + 18) & 31
        sum_low = uint(schedule[w])
        term = uint(schedule[i])
        sum_high = uint(schedule[w + 1]) + uint(schedule[i + 1])
        quarters = (sum_low >> 16) + (term >> 16)
        sum_low += term
        i = (w + 2) & 31
        low = uint(schedule[i])
        high = uint(schedule[i + 1])
        term = ((low >> 1) ^ (high << 31) ^ (low >> 8) ^ (high << 24) ^ (low >> 7) ^ (high << 25)) & mask
        sum_high += (high >> 1) ^ (low << 31) ^ (high >> 8) ^ (low << 24) ^ (high >> 7)
        sum_low += term
        quarters += term >> 16
        i = (w + 28) & 31
        low = uint(schedule[i])
        high = uint(schedule[i + 1])
        term = ((low >> 19) ^ (high << 13) ^ (high >> 29) ^ (low << 3) ^ (low >> 6) ^ (high << 26)) & mask
        sum_high += (high >> 19) ^ (low << 13) ^ (low >> 29) ^ (high << 3) ^ (high >> 6)
        sum_low = (sum_low + term) & mask
        quarters += term >> 16
        schedule[w] = sum_low
        schedule[w + 1] = sum_high + ((quarters + (((sum_low - (quarters << 16)) & mask) >> 16)) >> 16)
        w += 2


@micropython.viper
def _add_words(state_words, addend_words):
    """state[i] += addend[i] modulo 2**64, for 8 words."""
    state = ptr32(state_words)
    addend = ptr32(addend_words)
    i = 0
    while i < 16:
        low = uint(state[i])
        high = uint(addend[i])
        quarter = (low & 0xFFFF) + (high & 0xFFFF)
        carry = (low >> 16) + (high >> 16) + (quarter >> 16)
        state[i] = (carry << 16) | (quarter & 0xFFFF)
        state[i + 1] = uint(state[i + 1]) + uint(addend[i + 1]) + (carry >> 16)
        i += 2

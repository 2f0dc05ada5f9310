#include "sha512.h"
#include "tables.h"

#define LENGTH_BYTES 16

/* By halves, because GCC calls a library for 64-bit shifts on ARMv6-M. */
static inline wide rotated(wide x, int count) {
    word low = (word)x, high = (word)(x >> 32), swap = low;
    if (count >= 32) low = high, high = swap;
    count &= 31;
    return (wide)(high >> count | low << (32 - count)) << 32 | (low >> count | high << (32 - count));
}

static inline wide shifted(wide x, int count) {
    word low = (word)x, high = (word)(x >> 32);
    return (wide)(high >> count) << 32 | (low >> count | high << (32 - count));
}

/* W[t] over W[t - 16], which no later round needs (step 1, kept as a ring of 16) */
static void extend(wide *schedule, int t) {
    wide older = schedule[(t + 1) & 15], newer = schedule[(t + 14) & 15];
    schedule[t & 15] += (rotated(older, 1) ^ rotated(older, 8) ^ shifted(older, 7)) + schedule[(t + 9) & 15] +
                        (rotated(newer, 19) ^ rotated(newer, 61) ^ shifted(newer, 6));
}

/* Step 3 with a..h at v[0..7]: the new a goes before the old one and the new e over d, so that nothing moves. */
static void do_round(wide *v, wide constant_and_word) {
    wide e = v[4], a = v[0];
    wide t1 = v[7] + (rotated(e, 14) ^ rotated(e, 18) ^ rotated(e, 41)) + (v[6] ^ (e & (v[5] ^ v[6]))) + constant_and_word;
    wide t2 = (rotated(a, 28) ^ rotated(a, 34) ^ rotated(a, 39)) + ((a & v[1]) | (v[2] & (a | v[1])));
    v[3] += t1;
    v[-1] = t1 + t2;
}

static void load_block(wide *schedule, const uint8_t *block) {
    for (int i = 0; i < 16; i++, block += 8) {
        word high = (word)block[0] << 24 | (word)block[1] << 16 | (word)block[2] << 8 | block[3];
        word low = (word)block[4] << 24 | (word)block[5] << 16 | (word)block[6] << 8 | block[7];
        schedule[i] = (wide)high << 32 | low;
    }
}

static void compress(sha512 *hash) {
    wide schedule[16], variables[24];
    load_block(schedule, hash->block);
    for (int i = 0; i < 8; i++) variables[16 + i] = hash->state[i];
    for (int t = 0; t < 80; t++) {
        if (t >= 16) extend(schedule, t);
        do_round(variables + 16 - (t & 15), ROUND_CONSTANTS[t] + schedule[t & 15]);
        if ((t & 15) == 15)
            for (int i = 0; i < 8; i++) variables[16 + i] = variables[i];
    }
    for (int i = 0; i < 8; i++) hash->state[i] += variables[16 + i];
    wipe(schedule, sizeof schedule);
    wipe(variables, sizeof variables);
}

void sha512_start(sha512 *hash) {
    for (int i = 0; i < 8; i++) hash->state[i] = INITIAL_STATE[i];
    hash->length_bytes = 0;
}

void sha512_add(sha512 *hash, const uint8_t *bytes, size_t count) {
    while (count--) {
        hash->block[hash->length_bytes++ % BLOCK_BYTES] = *bytes++;
        if (hash->length_bytes % BLOCK_BYTES == 0) compress(hash);
    }
}

/* Section 5.1.2: a one bit, zeros, the length in bits as a number of 128 bits; ours is below 2^35. */
static void pad(sha512 *hash) {
    uint8_t bytes[LENGTH_BYTES], one_bit = 0x80, zero = 0;
    word length_bytes = hash->length_bytes;
    for (int i = 0; i < LENGTH_BYTES; i++) bytes[i] = 0;
    bytes[LENGTH_BYTES - 5] = (uint8_t)(length_bytes >> 29);
    for (int i = 0; i < 4; i++) bytes[LENGTH_BYTES - 1 - i] = (uint8_t)(length_bytes << 3 >> 8 * i);
    sha512_add(hash, &one_bit, 1);
    while (hash->length_bytes % BLOCK_BYTES != BLOCK_BYTES - LENGTH_BYTES) sha512_add(hash, &zero, 1);
    sha512_add(hash, bytes, LENGTH_BYTES);
}

void sha512_end(sha512 *hash, uint8_t *out) {
    pad(hash);
    for (int i = 0; i < HASH_BYTES; i++) {
        wide value = hash->state[i / 8];
        word half = i & 4 ? (word)value : (word)(value >> 32);
        out[i] = (uint8_t)(half >> (24 - 8 * (i & 3)));
    }
    wipe(hash, sizeof *hash);
}

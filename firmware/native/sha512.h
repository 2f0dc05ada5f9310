/* SHA-512 (FIPS 180-4 section 6.4), fed in pieces. Takes the same time for all messages of one length. */
#ifndef PACKSEAL_SHA512_H
#define PACKSEAL_SHA512_H

#include "words.h"

#define HASH_BYTES 64
#define BLOCK_BYTES 128

typedef struct {
    wide state[8];
    uint32_t length_bytes;
    uint8_t block[BLOCK_BYTES];
} sha512;

void sha512_start(sha512 *hash);
void sha512_add(sha512 *hash, const uint8_t *bytes, size_t count);

/* Writes the 64 bytes and wipes what the hash has seen. */
void sha512_end(sha512 *hash, uint8_t *out);

#endif

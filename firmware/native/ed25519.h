/* Ed25519 (RFC 8032 section 5.1) cut into short steps: signs, and verifies by libsodium's rule.
 *
 * A job is begun and then stepped until it is done, with the same message each time, which the job does not keep.
 * Public keys and signatures take the same time whatever the seed is; verifying, where nothing is secret, does not.
 * A signing job that is done holds nothing secret any more; one that is abandoned has to be wiped.
 */
#ifndef PACKSEAL_ED25519_H
#define PACKSEAL_ED25519_H

#include "point.h"
#include "sha512.h"

#define KEY_BYTES 32
#define SIGNATURE_BYTES 64

enum { PUBLIC_KEY = 1, SIGN, VERIFY };

/* Why a signature is refused, by the clauses of logger/core/ed25519_portable.py; 0 is good */
enum { GOOD, HIGH_S, SMALL_ORDER_R, KEY_NOT_CANONICAL, SMALL_ORDER_KEY, KEY_NOT_A_POINT, NO_MATCH };

typedef struct {
    int kind, phase, index, verdict; /* index: what comes next in the phase */
    scalar signs;
    point total;
    power power;
    uint8_t key[KEY_BYTES];
    uint8_t signature[SIGNATURE_BYTES]; /* received or made; of a public key the first half */
    union {
        struct {
            uint8_t seed[KEY_BYTES], prefix[KEY_BYTES];
            scalar secret, nonce;
        } own;
        struct {
            int8_t digits[DIGITS];
            cached odd_multiples[ODD_MULTIPLES];
        } received;
    } of;
    sha512 hash;
} job;

void ed25519_begin_public(job *j, const uint8_t *seed);
void ed25519_begin_sign(job *j, const uint8_t *seed, const uint8_t *public);
void ed25519_begin_verify(job *j, const uint8_t *public, const uint8_t *signature);

/* Returns whether the job is done. A step is about 30 multiplications in the field, and hashing what there is of it. */
int ed25519_step(job *j, const uint8_t *message, size_t message_bytes);

#endif

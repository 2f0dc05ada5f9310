/* Derives a public key and signs under valgrind with the seed marked as undefined: memcheck then reports every branch
 * and every address that depends on it. What becomes public, and so may be compared, is marked as defined again.
 */
#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "ed25519.h"

static job running;

static void run(uint8_t *out, size_t count, const char *message) {
    while (!ed25519_step(&running, (const uint8_t *)message, strlen(message))) {
    }
    memcpy(out, running.signature, count);
    VALGRIND_MAKE_MEM_DEFINED(out, count);
    VALGRIND_MAKE_MEM_DEFINED(&running, sizeof running);
}

int main(void) {
    uint8_t seed[KEY_BYTES], public[KEY_BYTES], signature[SIGNATURE_BYTES];
    for (int i = 0; i < KEY_BYTES; i++) seed[i] = (uint8_t)i;
    VALGRIND_MAKE_MEM_UNDEFINED(seed, sizeof seed);
    ed25519_begin_public(&running, seed);
    run(public, sizeof public, "");
    ed25519_begin_sign(&running, seed, public);
    run(signature, sizeof signature, "entry");
    for (int i = 0; i < SIGNATURE_BYTES; i++) printf("%02x", signature[i]);
    printf("\n");
    return 0;
}

#include "ed25519.h"
#include "tables.h"

enum { PREPARE, DECODE, MULTIPLY_KEY, SUM, INVERT, FINISH, DONE };

#define HIGHEST_DIGIT 253 /* of a number below L, which is below 2^253 */
#define DOUBLINGS_A_STEP 4 /* where only digits of the public key are added */

static void begin(job *j, int kind) {
    wipe(j, sizeof *j);
    j->kind = kind;
}

static void copy_bytes(uint8_t *out, const uint8_t *bytes, int count) {
    while (count--) *out++ = *bytes++;
}

void ed25519_begin_public(job *j, const uint8_t *seed) {
    begin(j, PUBLIC_KEY);
    copy_bytes(j->of.own.seed, seed, KEY_BYTES);
}

void ed25519_begin_sign(job *j, const uint8_t *seed, const uint8_t *public) {
    begin(j, SIGN);
    copy_bytes(j->of.own.seed, seed, KEY_BYTES);
    copy_bytes(j->key, public, KEY_BYTES);
}

void ed25519_begin_verify(job *j, const uint8_t *public, const uint8_t *signature) {
    begin(j, VERIFY);
    copy_bytes(j->key, public, KEY_BYTES);
    copy_bytes(j->signature, signature, SIGNATURE_BYTES);
}

static void enter(job *j, int phase, int index) {
    j->phase = phase;
    j->index = index;
}

static void end(job *j, int verdict) {
    j->verdict = verdict;
    enter(j, DONE, 0);
}

/* The hash as a number modulo L */
static void end_hash(job *j, scalar out) {
    uint8_t digest[HASH_BYTES];
    word number[2 * WORDS];
    sha512_end(&j->hash, digest);
    load_words(number, digest, 2 * WORDS);
    scalar_reduce(out, number);
    wipe(digest, sizeof digest);
    wipe(number, sizeof number);
}

/* H(R, A, M) modulo L (section 5.1.6 step 4, section 5.1.7 step 2) */
static void challenge(job *j, scalar out, const uint8_t *message, size_t message_bytes) {
    sha512_start(&j->hash);
    sha512_add(&j->hash, j->signature, KEY_BYTES);
    sha512_add(&j->hash, j->key, KEY_BYTES);
    sha512_add(&j->hash, message, message_bytes);
    end_hash(j, out);
}

/* Section 5.1.5 steps 1 and 2 */
static void expand_seed(job *j) {
    uint8_t digest[HASH_BYTES];
    sha512_start(&j->hash);
    sha512_add(&j->hash, j->of.own.seed, KEY_BYTES);
    sha512_end(&j->hash, digest);
    load_words(j->of.own.secret, digest, WORDS);
    j->of.own.secret[0] &= ~(word)7;
    j->of.own.secret[WORDS - 1] = (j->of.own.secret[WORDS - 1] & 0x3fffffff) | 0x40000000;
    copy_bytes(j->of.own.prefix, digest + KEY_BYTES, KEY_BYTES);
    wipe(digest, sizeof digest);
}

static void prepare_public(job *j) {
    word number[2 * WORDS];
    wipe(number, sizeof number);
    copy_words(number, j->of.own.secret, WORDS);
    scalar_reduce(j->of.own.nonce, number);
    wipe(number, sizeof number);
}

/* Section 5.1.6 step 2 */
static void prepare_sign(job *j, const uint8_t *message, size_t message_bytes) {
    sha512_start(&j->hash);
    sha512_add(&j->hash, j->of.own.prefix, KEY_BYTES);
    sha512_add(&j->hash, message, message_bytes);
    end_hash(j, j->of.own.nonce);
}

static void prepare_own(job *j, const uint8_t *message, size_t message_bytes) {
    expand_seed(j);
    if (j->kind == SIGN)
        prepare_sign(j, message, message_bytes);
    else
        prepare_public(j);
    scalar_signs(j->signs, j->of.own.nonce);
    point_set_neutral(&j->total);
    enter(j, SUM, COLUMNS - 1);
}

/* Clauses 1 to 3 of the rule, in its order */
static int refusal(const job *j, const scalar response) {
    if (!scalar_is_canonical(response)) return HIGH_S;
    if (point_has_small_order(j->signature)) return SMALL_ORDER_R;
    if (!point_is_canonical(j->key)) return KEY_NOT_CANONICAL;
    if (point_has_small_order(j->key)) return SMALL_ORDER_KEY;
    return GOOD;
}

static void prepare_received(job *j, const uint8_t *message, size_t message_bytes) {
    scalar number;
    load_words(number, j->signature + KEY_BYTES, WORDS);
    int verdict = refusal(j, number);
    if (verdict != GOOD) {
        end(j, verdict);
        return;
    }
    scalar_signs(j->signs, number);
    challenge(j, number, message, message_bytes);
    scalar_digits(j->of.received.digits, number);
    point_decode_start(&j->power, j->key);
    enter(j, DECODE, 0);
}

static void prepare(job *j, const uint8_t *message, size_t message_bytes) {
    if (j->kind == VERIFY)
        prepare_received(j, message, message_bytes);
    else
        prepare_own(j, message, message_bytes);
}

/* Clause 4 */
static void decode(job *j) {
    if (j->index < POWER_STEPS)
        power_step(&j->power, j->index++);
    else if (point_decode_end(&j->total, &j->power, j->key))
        enter(j, MULTIPLY_KEY, 0);
    else
        end(j, KEY_NOT_A_POINT);
}

static void multiply_key(job *j) {
    point_negate(&j->total);
    point_odd_multiples(j->of.received.odd_multiples, &j->total);
    point_set_neutral(&j->total);
    enter(j, SUM, HIGHEST_DIGIT);
}

/* One doubling, and what is added behind it: the comb shares its doublings with the last ones of the public key's. */
static void add_column(job *j) {
    point_double(&j->total);
    if (j->kind == VERIFY && j->of.received.digits[j->index])
        point_add_digit(&j->total, j->of.received.odd_multiples, j->of.received.digits[j->index]);
    if (j->index < COLUMNS) point_add_column(&j->total, j->signs, j->index);
    j->index--;
}

static void sum(job *j) {
    int columns = j->index >= COLUMNS + DOUBLINGS_A_STEP ? DOUBLINGS_A_STEP : 1;
    while (columns--) add_column(j);
    if (j->index >= 0) return;
    power_start(&j->power, j->total.z);
    enter(j, INVERT, 0);
}

static void invert(job *j) {
    power_step(&j->power, j->index++);
    if (j->index == POWER_STEPS) enter(j, FINISH, 0);
}

/* Section 5.1.6 steps 4 and 5 */
static void respond(job *j, const uint8_t *message, size_t message_bytes) {
    scalar response;
    challenge(j, response, message, message_bytes);
    scalar_multiply_add(response, response, j->of.own.secret, j->of.own.nonce);
    store_words(j->signature + KEY_BYTES, response, WORDS);
}

static void forget(job *j) {
    wipe(&j->of, sizeof j->of);
    wipe(j->signs, sizeof j->signs);
    wipe(&j->total, sizeof j->total);
    wipe(&j->power, sizeof j->power);
}

/* Clause 5: the bytes are compared, so that R has to be canonical as well */
static int match(const job *j, const uint8_t *encoded) {
    int difference = 0;
    for (int i = 0; i < KEY_BYTES; i++) difference |= encoded[i] ^ j->signature[i];
    return difference ? NO_MATCH : GOOD;
}

static void finish(job *j, const uint8_t *message, size_t message_bytes) {
    field inverse;
    uint8_t encoded[KEY_BYTES];
    power_to_inverse(inverse, &j->power);
    point_encode(encoded, &j->total, inverse);
    if (j->kind == VERIFY) {
        end(j, match(j, encoded));
        return;
    }
    copy_bytes(j->signature, encoded, KEY_BYTES);
    if (j->kind == SIGN) respond(j, message, message_bytes);
    forget(j);
    end(j, GOOD);
}

int ed25519_step(job *j, const uint8_t *message, size_t message_bytes) {
    switch (j->phase) {
        case PREPARE: prepare(j, message, message_bytes); break;
        case DECODE: decode(j); break;
        case MULTIPLY_KEY: multiply_key(j); break;
        case SUM: sum(j); break;
        case INVERT: invert(j); break;
        case FINISH: finish(j, message, message_bytes); break;
    }
    return j->phase == DONE;
}

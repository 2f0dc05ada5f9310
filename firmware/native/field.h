/* Numbers modulo P = 2^255 - 19 (RFC 8032 section 5.1): 8 words, below 2^255 + 2^11 and so not always below P.
 *
 * All functions take the same time whatever the numbers are; out may be an input.
 */
#ifndef PACKSEAL_FIELD_H
#define PACKSEAL_FIELD_H

#include "words.h"

typedef word field[WORDS];

void field_add(field out, const field a, const field b);
void field_subtract(field out, const field a, const field b);
void field_multiply(field out, const field a, const field b);
void field_square(field out, const field a);
void field_square_times(field out, const field a, int times);

/* Below P. */
void field_reduce(field out, const field a);

/* 1 or 0 */
word field_is_zero(const field a);
word field_equals(const field a, const field b);

static inline void field_copy(field out, const field a) { copy_words(out, a, WORDS); }

/* a^(2^250 - 1), from which both the inverse and the square root are a few steps away, in POWER_STEPS pieces. */
#define POWER_STEPS 10
typedef struct {
    field value;   /* the result so far: at first a */
    field runs[3]; /* a, and earlier results that are needed again */
} power;

void power_start(power *state, const field a);
void power_step(power *state, int step); /* step 0, 1, ... POWER_STEPS - 1 */

/* a^(P - 2) = 1/a and a^((P - 5)/8), when all the steps are done; 1/0 is 0 */
void power_to_inverse(field out, const power *state);
void power_to_root(field out, const power *state);

#endif

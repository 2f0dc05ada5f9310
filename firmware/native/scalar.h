/* Numbers modulo L, the order of the base point (RFC 8032 section 5.1): 8 words, below L unless said otherwise.
 *
 * All functions but scalar_is_canonical and scalar_digits take the same time whatever the numbers are.
 */
#ifndef PACKSEAL_SCALAR_H
#define PACKSEAL_SCALAR_H

#include "words.h"

typedef word scalar[WORDS];

/* A number of 16 words modulo L. */
void scalar_reduce(scalar out, const word *number);

/* a * b + c; a and b may be any 8 words whose product and c fit 16 words, c any 8 words. */
void scalar_multiply_add(scalar out, const scalar a, const scalar b, const scalar c);

/* The bits b(i) with which the sum of (2 * b(i) - 1) * 2^i over i = 0..254 is a modulo L: the comb's digits. */
void scalar_signs(scalar out, const scalar a);

/* Variable time, for what everybody may know: whether the number is below L. */
int scalar_is_canonical(const scalar a);

/* Variable time: 256 digits, 0 or odd and within +-15, whose sum with weights 2^i is a. */
#define DIGITS 256
#define DIGIT_BITS 5
void scalar_digits(int8_t *digits, const scalar a);

#endif

#include "scalar.h"
#include "tables.h"

/* Barrett's division (Handbook of Applied Cryptography, algorithm 14.42, b = 2^32, k = 8): the quotient guessed from
 * the upper 9 words is at most 2 too small. */
void scalar_reduce(scalar out, const word *number) {
    word product[2 * WORDS + 2], guess[WORDS + 1];
    multiply_words(product, number + WORDS - 1, WORDS + 1, ORDER_INVERSE, WORDS + 1);
    copy_words(guess, product + WORDS + 1, WORDS + 1);
    multiply_words(product, guess, WORDS + 1, ORDER, WORDS);
    word rest[WORDS + 1], trial[WORDS + 1];
    subtract_words(rest, number, product, WORDS + 1);
    for (int i = 0; i < 2; i++) {
        word borrow = subtract_words(trial, rest, ORDER, WORDS + 1);
        copy_words_if(1 ^ borrow, rest, trial, WORDS + 1);
    }
    copy_words(out, rest, WORDS);
}

void scalar_multiply_add(scalar out, const scalar a, const scalar b, const scalar c) {
    word product[2 * WORDS], addend[2 * WORDS];
    wipe(addend, sizeof addend);
    multiply_words(product, a, WORDS, b, WORDS);
    copy_words(addend, c, WORDS);
    add_words(product, product, addend, 2 * WORDS);
    scalar_reduce(out, product);
    wipe(product, sizeof product);
}

/* a + (2^255 - 1), halved modulo L: below 2 * L, and L, which is odd, makes an odd one even. */
void scalar_signs(scalar out, const scalar a) {
    scalar sum, even;
    add_words(sum, a, ALL_DIGITS, WORDS);
    add_words(even, sum, ORDER, WORDS);
    copy_words_if(sum[0], sum, even, WORDS);
    for (int i = 0; i < WORDS; i++) out[i] = sum[i] >> 1 | (i + 1 < WORDS ? sum[i + 1] << 31 : 0);
}

int scalar_is_canonical(const scalar a) {
    scalar rest;
    return (int)subtract_words(rest, a, ORDER, WORDS);
}

static void halve(scalar a) {
    for (int i = 0; i < WORDS; i++) a[i] = a[i] >> 1 | (i + 1 < WORDS ? a[i + 1] << 31 : 0);
}

void scalar_digits(int8_t *digits, const scalar a) {
    scalar rest, part;
    wipe(part, sizeof part);
    copy_words(rest, a, WORDS);
    for (int i = 0; i < DIGITS; i++) {
        int digit = 0;
        if (rest[0] & 1) {
            digit = (int)(rest[0] & ((1 << DIGIT_BITS) - 1));
            part[0] = (word)digit;
            subtract_words(rest, rest, part, WORDS);
            if (digit >> (DIGIT_BITS - 1)) {
                digit -= 1 << DIGIT_BITS;
                part[0] = 1 << DIGIT_BITS;
                add_words(rest, rest, part, WORDS);
            }
        }
        digits[i] = (int8_t)digit;
        halve(rest);
    }
}

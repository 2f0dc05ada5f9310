#include "field.h"

/* out = a + small, where that is below 2^256; returns out. */
static inline word *add_small(word *out, const word *a, word small) {
    UNROLL for (int i = 0; i < WORDS; i++) {
        wide sum = (wide)a[i] + small;
        out[i] = (word)sum;
        small = (word)(sum >> 32);
    }
    return out;
}

/* number + top * 2^256, top below 2^7, to below 2^255 + 2^11: 2^255 is 19. */
static inline void carry_over(word *number, word top) {
    word carry = 19 * (top << 1 | number[WORDS - 1] >> 31);
    number[WORDS - 1] &= 0x7fffffff;
    add_small(number, number, carry);
}

void field_add(field out, const field a, const field b) {
    word carry = 0;
    UNROLL for (int i = 0; i < WORDS; i++) {
        wide sum = (wide)a[i] + b[i] + carry;
        out[i] = (word)sum;
        carry = (word)(sum >> 32);
    }
    carry_over(out, carry);
}

/* a - b + 2P = a + (2^256 - 1 - b) - 37, which is never negative because b is below 2P = 2^256 - 38. */
void field_subtract(field out, const field a, const field b) {
    int64_t carry = -37;
    UNROLL for (int i = 0; i < WORDS; i++) {
        carry += (int64_t)a[i] + (word)~b[i];
        out[i] = (word)carry;
        carry >>= 32;
    }
    carry_over(out, (word)carry);
}

/* low + 2^256 * high, where 2^256 is 38 */
static void fold(field out, const word *product) {
    carry_over(out, multiply_add_row(out, 38, product + WORDS, product));
}

void field_multiply(field out, const field a, const field b) {
    word product[2 * WORDS];
    for (int i = 0; i < WORDS; i++) product[i] = 0;
    for (int i = 0; i < WORDS; i++) product[i + WORDS] = multiply_add_row(product + i, a[i], b, product + i);
    fold(out, product);
}

#if defined(__thumb2__)
/* Each product of two different words once, doubled, and the squares of the words: 36 products and not 64. */
void field_square(field out, const field a) {
    word product[2 * WORDS], doubled = 0, carry = 0;
    for (int i = 0; i < WORDS; i++) product[i] = 0;
    UNROLL for (int i = 0; i < WORDS; i++) {
        carry = 0;
        UNROLL for (int j = i + 1; j < WORDS; j++)
            product[i + j] = multiply_add(a[i], a[j], product[i + j], &carry);
        product[i + WORDS] = carry;
    }
    carry = 0;
    UNROLL for (int i = 0; i < WORDS; i++) {
        word low = product[2 * i] << 1 | doubled, high = product[2 * i + 1] << 1 | product[2 * i] >> 31;
        doubled = product[2 * i + 1] >> 31;
        product[2 * i] = multiply_add(a[i], a[i], low, &carry);
        wide sum = (wide)high + carry;
        product[2 * i + 1] = (word)sum;
        carry = (word)(sum >> 32);
    }
    fold(out, product);
}
#else
/* The straight code above is not worth its kilobyte elsewhere. */
void field_square(field out, const field a) { field_multiply(out, a, a); }
#endif

void field_square_times(field out, const field a, int times) {
    field_copy(out, a);
    while (times--) field_square(out, out);
}

/* a is below 2P: bit 255 of a + 19 says whether P has to go, and taking it away is adding 19 and dropping that bit. */
/* a is below 2P: bit 255 of a + 19 says whether P has to go, and taking it away is adding 19 and dropping that bit. */
void field_reduce(field out, const field a) {
    field sum;
    word bit = add_small(sum, a, 19)[WORDS - 1] >> 31;
    add_small(out, a, 19 * bit)[WORDS - 1] &= 0x7fffffff;
}

word field_is_zero(const field a) {
    field reduced;
    field_reduce(reduced, a);
    word bits = 0;
    for (int i = 0; i < WORDS; i++) bits |= reduced[i];
    return 1 ^ (opaque(bits | (0 - bits)) >> 31);
}

word field_equals(const field a, const field b) {
    field difference;
    field_subtract(difference, a, b);
    return field_is_zero(difference);
}

/* Runs of ones in the exponent: value^(2^n - 1) raised to 2^squarings, times a run, is value^(2^(n + squarings) - 1). */
static const uint8_t SQUARINGS[POWER_STEPS] = {1, 2, 1, 5, 10, 20, 10, 50, 100, 50};
static const uint8_t FACTOR[POWER_STEPS] = {0, 1, 0, 1, 1, 2, 1, 1, 2, 1};
/* where the result is kept: runs of 2, (4), 5, 10, 20, (40), 50, 100, (200), (250); 3 is nowhere */
static const uint8_t KEPT[POWER_STEPS] = {1, 3, 1, 1, 2, 3, 1, 2, 3, 3};

void power_start(power *state, const field a) {
    field_copy(state->value, a);
    field_copy(state->runs[0], a);
}

void power_step(power *state, int step) {
    field_square_times(state->value, state->value, SQUARINGS[step]);
    field_multiply(state->value, state->value, state->runs[FACTOR[step]]);
    if (KEPT[step] < 3) field_copy(state->runs[KEPT[step]], state->value);
}

/* P - 2 = (2^250 - 1) * 2^5 + 11 */
void power_to_inverse(field out, const power *state) {
    field cube, eleventh;
    field_square(cube, state->runs[0]);
    field_multiply(cube, cube, state->runs[0]);
    field_square_times(eleventh, state->runs[0], 3);
    field_multiply(eleventh, eleventh, cube);
    field_square_times(cube, state->value, 5);
    field_multiply(out, cube, eleventh);
}

/* (P - 5)/8 = (2^250 - 1) * 2^2 + 1 */
void power_to_root(field out, const power *state) {
    field raised;
    field_square_times(raised, state->value, 2);
    field_multiply(out, raised, state->runs[0]);
}

/* Numbers of many 32-bit words, lowest first: the one multiplication that everything else is made of.
 *
 * Nothing here branches on a word or uses one as an address. What the processor adds to that is its own affair: UMULL
 * of Cortex-M3 takes 3 to 5 cycles and UMLAL 4 to 7, depending on the operands (Cortex-M3 Technical Reference Manual,
 * ARM DDI 0337, instruction timings). docs/decisions/0003-signing-on-the-board.md says what follows.
 */
#ifndef PACKSEAL_WORDS_H
#define PACKSEAL_WORDS_H

#include <stddef.h>
#include <stdint.h>

typedef uint32_t word;
typedef uint64_t wide;

#define WORDS 8 /* of 256 bits */

/* Before a loop over the words of a number: straight code, except where there are too few registers for it to pay. */
#if defined(__ARM_ARCH_6M__)
#define UNROLL
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

/* The low word of a * b + c + *carry; the high word becomes *carry. (2^32-1)^2 + 2 * (2^32-1) is 2^64-1: it fits. */
static inline word multiply_add(word a, word b, word c, word *carry) {
#if defined(__ARM_FEATURE_DSP)
    /* GCC does not find this instruction of ARMv7E-M, which does exactly that, by itself */
    __asm__("umaal %0, %1, %2, %3" : "+r"(c), "+r"(*carry) : "r"(a), "r"(b));
    return c;
#elif defined(__ARM_ARCH_6M__)
    /* 32-bit products only: the same once more with digits of 16 bits, where nothing can overflow either */
    word a_low = a & 0xffff, a_high = a >> 16, b_low = b & 0xffff, b_high = b >> 16;
    word low = a_low * b_low + (c & 0xffff) + (*carry & 0xffff);
    word middle = a_high * b_low + (low >> 16) + (c >> 16);
    word other = a_low * b_high + (middle & 0xffff) + (*carry >> 16);
    *carry = a_high * b_high + (middle >> 16) + (other >> 16);
    return other << 16 | (low & 0xffff);
#else
    wide sum = (wide)a * b + c + *carry;
    *carry = (word)(sum >> 32);
    return (word)sum;
#endif
}

/* out = a * b + c of 8 words; returns the carry. out may be b or c. */
#if defined(__ARM_ARCH_6M__)
word multiply_add_row(word *out, word a, const word *b, const word *c);
#else
static inline word multiply_add_row(word *out, word a, const word *b, const word *c) {
    word carry = 0;
    UNROLL for (int i = 0; i < WORDS; i++) out[i] = multiply_add(a, b[i], c[i], &carry);
    return carry;
}
#endif

/* All ones where bit 0 of `bit` is set, else zero. */
static inline word mask_of(word bit) { return 0 - (bit & 1); }

/* Hides from the compiler what a mask can be, so that it cannot turn the choice by mask into a branch. */
static inline word opaque(word value) {
    __asm__("" : "+r"(value));
    return value;
}

static inline word load_word(const uint8_t *bytes) {
    return bytes[0] | (word)bytes[1] << 8 | (word)bytes[2] << 16 | (word)bytes[3] << 24;
}

void load_words(word *out, const uint8_t *bytes, int count);
void store_words(uint8_t *out, const word *words, int count);

/* out[a_words + b_words] = a * b; out is neither a nor b */
void multiply_words(word *out, const word *a, int a_words, const word *b, int b_words);

/* out = a + b and a - b; returns the carry or borrow, 0 or 1. out may be a or b. */
word add_words(word *out, const word *a, const word *b, int count);
word subtract_words(word *out, const word *a, const word *b, int count);

/* Where bit 0 of `bit` is set, out = a; in the same time where it is not. */
void copy_words_if(word bit, word *out, const word *a, int count);

void copy_words(word *out, const word *a, int count);

/* Zeros that the compiler does not take out as stores nobody reads. memory: of words. */
void wipe(void *memory, size_t bytes);

#endif

#include "words.h"

void load_words(word *out, const uint8_t *bytes, int count) {
    for (int i = 0; i < count; i++) out[i] = load_word(bytes + 4 * i);
}

void store_words(uint8_t *out, const word *words, int count) {
    for (int i = 0; i < 4 * count; i++) out[i] = (uint8_t)(words[i >> 2] >> 8 * (i & 3));
}

void multiply_words(word *out, const word *a, int a_words, const word *b, int b_words) {
    for (int j = 0; j < b_words; j++) out[j] = 0;
    for (int i = 0; i < a_words; i++) {
        word carry = 0;
        for (int j = 0; j < b_words; j++) out[i + j] = multiply_add(a[i], b[j], out[i + j], &carry);
        out[i + b_words] = carry;
    }
}

word add_words(word *out, const word *a, const word *b, int count) {
    word carry = 0;
    for (int i = 0; i < count; i++) {
        wide sum = (wide)a[i] + b[i] + carry;
        out[i] = (word)sum;
        carry = (word)(sum >> 32);
    }
    return carry;
}

word subtract_words(word *out, const word *a, const word *b, int count) {
    word borrow = 0;
    for (int i = 0; i < count; i++) {
        wide difference = (wide)a[i] - b[i] - borrow;
        out[i] = (word)difference;
        borrow = (word)(difference >> 32) & 1;
    }
    return borrow;
}

void copy_words_if(word bit, word *out, const word *a, int count) {
    word mask = opaque(mask_of(bit));
    for (int i = 0; i < count; i++) out[i] ^= mask & (out[i] ^ a[i]);
}

void copy_words(word *out, const word *a, int count) {
    for (int i = 0; i < count; i++) out[i] = a[i];
}

void wipe(void *memory, size_t bytes) {
    volatile word *words = memory;
    for (size_t i = 0; i < bytes / sizeof(word); i++) words[i] = 0;
}

#if defined(__ARM_ARCH_6M__)
/* In assembly because the compiler takes twice as many instructions. r0..r2: out, b, c; r3 the carry; r8 and r9 hold the
 * halves of a. The two middle products are summed first: their carry has the weight 2^48. */
word multiply_add_row(word *out, word a, const word *b, const word *c) {
    register word *r0 __asm__("r0") = out;
    register const word *r1 __asm__("r1") = b;
    register const word *r2 __asm__("r2") = c;
    register word carry __asm__("r3") = 0;
    register word a_low __asm__("r8") = a & 0xffff;
    register word a_high __asm__("r9") = a >> 16;
    __asm__ volatile(
        ".syntax unified\n"
        ".rept 8\n"
        "ldmia r1!, {r4}\n"
        "mov r5, r8\n"
        "mov r6, r9\n"
        "uxth r7, r4\n"
        "lsrs r4, r4, #16\n"
        "mov r10, r5\n"
        "muls r5, r7, r5\n" /* low half by low half */
        "muls r7, r6, r7\n" /* middle */
        "muls r6, r4, r6\n" /* high */
        "mov r12, r6\n"
        "mov r6, r10\n"
        "muls r4, r6, r4\n" /* middle */
        "mov r6, r12\n"
        "adds r5, r5, r3\n"
        "movs r3, #0\n"
        "adcs r6, r3\n"
        "adds r4, r4, r7\n"
        "adcs r3, r3\n"
        "lsls r3, r3, #16\n"
        "lsrs r7, r4, #16\n"
        "adds r3, r3, r7\n"
        "lsls r4, r4, #16\n"
        "adds r5, r5, r4\n"
        "adcs r3, r6\n"
        "ldmia r2!, {r4}\n"
        "movs r6, #0\n"
        "adds r5, r5, r4\n"
        "adcs r3, r6\n"
        "stmia r0!, {r5}\n"
        ".endr\n"
        : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(carry)
        : "r"(a_low), "r"(a_high)
        : "r4", "r5", "r6", "r7", "r10", "r12", "cc", "memory");
    return carry;
}
#endif

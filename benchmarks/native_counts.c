/* Counts the native signer's instructions without MicroPython, and signs a chain; bench_native.py builds and reads it.
 *
 * On QEMU's mps2-an385 and -an386, where with `-icount shift=0` an instruction takes 1 ns, so that the board's 25 MHz
 * counter (Arm AN385, FPGA system control, register COUNTER) stands for 40 instructions. Each figure is the mean of
 * several runs, which makes that 40 / ROUNDS. On RISC-V as a Linux program, which has no such counter, the chain only.
 */
#include "ed25519.h"

#define NANOSECONDS_A_COUNT 40
#define ROUNDS 10
#define KEYS 16
#define CHAIN 100

static job running;
static uint8_t seed[KEY_BYTES], public_key[KEY_BYTES], signature[SIGNATURE_BYTES], message[92];

#if defined(__riscv)
#define COUNTER 0u

static long call_linux(long number, long a, long b, long c) {
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}

static void write_text(const char *text) {
    int length = 0;
    while (text[length]) length++;
    call_linux(64, 1, (long)text, length);
}

static void leave(void) { call_linux(93, 0, 0, 0); }
#else
#define COUNTER (*(volatile uint32_t *)0x40028018)
#define STACK_TOP 0x200000

void _start(void);
__attribute__((section(".vectors"), used)) static const uintptr_t VECTORS[2] = {STACK_TOP, (uintptr_t)_start};

/* Semihosting for AArch32 and AArch64 (Arm): SYS_WRITE0 is 4, SYS_EXIT 0x18 with ADP_Stopped_ApplicationExit */
static void semihost(uint32_t operation, uintptr_t argument) {
    register uint32_t r0 __asm__("r0") = operation;
    register uintptr_t r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void write_text(const char *text) { semihost(4, (uintptr_t)text); }

static void leave(void) { semihost(0x18, 0x20026); }
#endif

static void print(const char *name, uint32_t value) {
    char line[48];
    int end = 47, length = 0;
    line[end] = 0;
    line[--end] = '\n';
    do {
        line[--end] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    line[--end] = ' ';
    while (name[length]) length++;
    while (length) line[--end] = name[--length];
    write_text(line + end);
}

static void print_hex(const char *name, const uint8_t *bytes, int count) {
    char line[2 * SIGNATURE_BYTES + 1];
    for (int i = 0; i < 2 * count; i++) line[i] = "0123456789abcdef"[bytes[i / 2] >> (i & 1 ? 0 : 4) & 15];
    line[2 * count] = 0;
    write_text(name);
    write_text(line);
    write_text("\n");
}

static void begin(int kind) {
    if (kind == PUBLIC_KEY) ed25519_begin_public(&running, seed);
    if (kind == SIGN) ed25519_begin_sign(&running, seed, public_key);
    if (kind == VERIFY) ed25519_begin_verify(&running, public_key, signature);
}

/* Instructions, mean of ROUNDS; `running` then holds the result. */
static uint32_t instructions(int kind) {
    uint32_t since = COUNTER;
    for (int i = 0; i < ROUNDS; i++) {
        begin(kind);
        while (!ed25519_step(&running, message, sizeof message)) {
        }
    }
    return (COUNTER - since) * (NANOSECONDS_A_COUNT / ROUNDS);
}

static uint32_t longest(int kind) {
    uint32_t most = 0;
    int is_done = 0;
    begin(kind);
    while (!is_done) {
        uint32_t since = COUNTER;
        is_done = ed25519_step(&running, message, sizeof message);
        if (COUNTER - since > most) most = COUNTER - since;
    }
    return most * NANOSECONDS_A_COUNT;
}

static uint32_t hash_block(void) {
    uint8_t digest[HASH_BYTES];
    uint32_t since = COUNTER;
    for (int i = 0; i < ROUNDS; i++) {
        sha512_start(&running.hash);
        sha512_add(&running.hash, message, sizeof message);
        sha512_end(&running.hash, digest);
    }
    return (COUNTER - since) * (NANOSECONDS_A_COUNT / ROUNDS);
}

/* Signs with KEYS keys: the same number of instructions for every one is what constant time means here. */
static void sign_with_many_keys(void) {
    uint32_t least = 0xffffffff, most = 0;
    for (int key = 0; key < KEYS; key++) {
        for (int i = 0; i < KEY_BYTES; i++) seed[i] = running.signature[i] ^ (uint8_t)key;
        uint32_t count = instructions(PUBLIC_KEY);
        for (int i = 0; i < KEY_BYTES; i++) public_key[i] = running.signature[i];
        count += instructions(SIGN);
        if (count < least) least = count;
        if (count > most) most = count;
    }
    print("spread_over_keys", most - least);
}

static void run(int kind) {
    begin(kind);
    while (!ed25519_step(&running, message, sizeof message)) {
    }
}

/* CHAIN random cases, each seed from the signature before: the last signature, and what was wrongly judged. */
static void sign_chain(void) {
    uint32_t wrong = 0;
    for (int i = 0; i < KEY_BYTES; i++) seed[i] = 0;
    for (int round = 0; round < CHAIN; round++) {
        run(PUBLIC_KEY);
        for (int i = 0; i < KEY_BYTES; i++) public_key[i] = running.signature[i];
        run(SIGN);
        for (int i = 0; i < SIGNATURE_BYTES; i++) signature[i] = running.signature[i];
        run(VERIFY);
        wrong += running.verdict != GOOD;
        signature[round % SIGNATURE_BYTES] ^= 1;
        run(VERIFY);
        wrong += running.verdict == GOOD;
        signature[round % SIGNATURE_BYTES] ^= 1;
        for (int i = 0; i < KEY_BYTES; i++) seed[i] = signature[i];
    }
    print("wrong_verdicts", wrong);
    print_hex("last_signature ", signature, SIGNATURE_BYTES);
}

static void count(void) {
    print("public_key", instructions(PUBLIC_KEY));
    for (int i = 0; i < KEY_BYTES; i++) public_key[i] = running.signature[i];
    print("sign", instructions(SIGN));
    for (int i = 0; i < SIGNATURE_BYTES; i++) signature[i] = running.signature[i];
    print("verify", instructions(VERIFY));
    print("sign_longest_step", longest(SIGN));
    print("verify_longest_step", longest(VERIFY));
    print("sha512_block", hash_block());
    sign_with_many_keys();
}

void _start(void) {
    count();
    sign_chain();
    leave();
    for (;;) {
    }
}

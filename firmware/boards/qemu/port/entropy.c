// The machine has no source of randomness: the host's is read through semihosting (ARM's "Semihosting for AArch32 and
// AArch64", SYS_OPEN and SYS_READ). Without it the board must not go on: its keys would be nobody's secret.
#include "py/runtime.h"

#include "board.h"

enum { SYS_OPEN = 1, SYS_CLOSE = 2, SYS_READ = 6, MODE_RB = 1 };

static int32_t semihost(uint32_t operation, const void *arguments) {
    register uint32_t r0 __asm ("r0") = operation;
    register const void *r1 __asm ("r1") = arguments;
    __asm volatile ("bkpt 0xab" : "+r" (r0) : "r" (r1) : "memory");
    return r0;
}

void entropy_fill(uint8_t *buffer, uint32_t length) {
    static const char path[] = "/dev/urandom";
    const uint32_t open[] = { (uint32_t)path, MODE_RB, sizeof(path) - 1 };
    int32_t file = semihost(SYS_OPEN, open);
    const uint32_t read[] = { file, (uint32_t)buffer, length };
    int32_t missing = file < 0 ? -1 : semihost(SYS_READ, read);
    const uint32_t close[] = { file };
    semihost(SYS_CLOSE, close);
    if (missing) {
        mp_raise_OSError(5); // EIO
    }
}

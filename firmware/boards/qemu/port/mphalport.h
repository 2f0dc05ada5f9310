// Time, interrupts and idling on the emulated board.
#include <stddef.h>
#include <stdint.h>

#include "shared/runtime/interrupt_char.h"

// Waits for the next interrupt, which is a tick at the latest: the host's processor rests meanwhile.
#define MICROPY_INTERNAL_WFE(timeout_ms) __asm volatile ("wfi")

#define MICROPY_BEGIN_ATOMIC_SECTION() irq_disable()
#define MICROPY_END_ATOMIC_SECTION(was) irq_restore(was)

static inline uint32_t irq_disable(void) {
    uint32_t was;
    __asm volatile ("mrs %0, primask\n cpsid i" : "=r" (was) : : "memory");
    return was;
}

static inline void irq_restore(uint32_t was) {
    __asm volatile ("msr primask, %0" : : "r" (was) : "memory");
}

mp_uint_t mp_hal_ticks_cpu(void);
void mp_hal_set_interrupt_char(int c);

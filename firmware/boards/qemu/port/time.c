// Milliseconds from SysTick, microseconds from what it still has to count, instructions from the FPGA's counter.
#include "py/mphal.h"
#include "py/runtime.h"

#include "board.h"

#define SYST_CSR REG(0xe000e010) // ARMv7-M Architecture Reference Manual, B3.3
#define SYST_RVR REG(0xe000e014)
#define SYST_CVR REG(0xe000e018)
#define ICSR REG(0xe000ed04)
#define ICSR_PENDSTSET (1u << 26)
#define FPGA_COUNTER REG(0x40028018) // AN385, "FPGA system control and I/O": counts CLOCK_HZ
#define CYCLES_A_MS (CLOCK_HZ / 1000)

static volatile uint32_t ticks_ms;

void time_init(void) {
    SYST_RVR = CYCLES_A_MS - 1;
    SYST_CVR = 0;
    SYST_CSR = 7;
}

void SysTick_Handler(void) {
    ticks_ms++;
}

mp_uint_t mp_hal_ticks_ms(void) {
    return ticks_ms;
}

mp_uint_t mp_hal_ticks_us(void) {
    uint32_t was = irq_disable();
    uint32_t ms = ticks_ms, left = SYST_CVR;
    if (ICSR & ICSR_PENDSTSET) { // it has wrapped and nobody has counted that yet
        left = SYST_CVR;
        ms++;
    }
    irq_restore(was);
    return ms * 1000 + (CYCLES_A_MS - 1 - left) / (CLOCK_HZ / 1000000);
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return FPGA_COUNTER;
}

uint64_t mp_hal_time_ns(void) { // there is no clock that runs while the power is off
    return (uint64_t)ticks_ms * 1000000;
}

void mp_hal_delay_ms(mp_uint_t duration_ms) {
    uint32_t since_ms = ticks_ms;
    do {
        mp_event_wait_ms(1);
    } while (ticks_ms - since_ms < duration_ms);
}

void mp_hal_delay_us(mp_uint_t duration_us) {
    uint32_t since_us = mp_hal_ticks_us();
    while (mp_hal_ticks_us() - since_us < duration_us) {
    }
}

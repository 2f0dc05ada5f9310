// Vector table, reset and faults. What ended one life is left in memory that a reset does not clear.
#include <stdint.h>

#include "board.h"

#define AIRCR REG(0xe000ed0c) // ARMv7-M Architecture Reference Manual, B3.2.6
#define AIRCR_SYSRESETREQ 0x05fa0004
#define WATCHDOG_INTCLR REG(0x4000800c) // ARM DDI0479, chapter 4
#define LIVING 0x50534c56

extern uint32_t _estack, _sidata, _sdata, _edata, _sbss, _ebss;
int main(void);
void SysTick_Handler(void);
void uart_interrupt(unsigned number);

uint8_t reset_cause;
static uint32_t life[2] __attribute__((section(".noinit"))); // LIVING since power is on; the cause noted last

void reset_because(uint8_t cause) {
    life[1] = cause;
    AIRCR = AIRCR_SYSRESETREQ;
    for (;;) {
    }
}

void Reset_Handler(void) {
    for (uint32_t *from = &_sidata, *to = &_sdata; to < &_edata;) {
        *to++ = *from++;
    }
    for (uint32_t *to = &_sbss; to < &_ebss;) {
        *to++ = 0;
    }
    reset_cause = life[0] != LIVING ? CAUSE_POWER_ON : life[1] ? life[1] : CAUSE_PIN;
    life[0] = LIVING;
    life[1] = 0;
    #if defined(__ARM_FP)
    REG(0xe000ed88) |= 0xf << 20; // CPACR: the floating-point unit
    __asm volatile ("dsb\n isb");
    #endif
    main();
    reset_because(CAUSE_SOFT);
}

static void fault(void) {
    reset_because(CAUSE_FAULT);
}

// The watchdog's first expiry; its second one would reset the board without a cause.
static void watchdog_expired(void) {
    WATCHDOG_INTCLR = 1;
    reset_because(CAUSE_WATCHDOG);
}

static void uart0(void) { uart_interrupt(0); }
static void uart1(void) { uart_interrupt(1); }
static void uart2(void) { uart_interrupt(2); }
static void uart3(void) { uart_interrupt(3); }
static void uart4(void) { uart_interrupt(4); }

// a UART's receive interrupt, and behind it that for transmitting
#define BOTH(handler) (uint32_t)handler, (uint32_t)handler

const uint32_t vectors[16 + 32] __attribute__((section(".vectors"), used)) = {
    (uint32_t)&_estack, (uint32_t)Reset_Handler, (uint32_t)watchdog_expired, (uint32_t)fault,
    (uint32_t)fault, (uint32_t)fault, (uint32_t)fault, 0, 0, 0, 0,
    (uint32_t)fault, (uint32_t)fault, 0, (uint32_t)fault, (uint32_t)SysTick_Handler,
    [16 + 0] = BOTH(uart0), BOTH(uart1), BOTH(uart2),
    [16 + 18] = BOTH(uart3), BOTH(uart4),
};

// machine.WDT on the CMSDK APB watchdog (ARM DDI0479, chapter 4): included by extmod/machine_wdt.c.
// Its first expiry is an NMI, which notes the cause and resets (startup.c).
#include "board.h"

#define WATCHDOG_LOAD REG(0x40008000)
#define WATCHDOG_CONTROL REG(0x40008008)
#define WATCHDOG_LOCK REG(0x40008c00)
#define WATCHDOG_UNLOCK 0x1acce551

struct _machine_wdt_obj_t {
    mp_obj_base_t base;
    uint32_t cycles;
};

static machine_wdt_obj_t watchdog = { { &machine_wdt_type }, 0 };

static void mp_machine_wdt_feed(machine_wdt_obj_t *self) {
    WATCHDOG_LOAD = self->cycles; // a write starts the count again
}

static machine_wdt_obj_t *mp_machine_wdt_make_new_instance(mp_int_t id, mp_int_t timeout_ms) {
    if (id != 0 || timeout_ms <= 0 || timeout_ms > 170000) {
        mp_raise_ValueError(MP_ERROR_TEXT("WDT 0 waits 1 to 170000 ms"));
    }
    watchdog.cycles = timeout_ms * (CLOCK_HZ / 1000);
    WATCHDOG_LOCK = WATCHDOG_UNLOCK;
    mp_machine_wdt_feed(&watchdog);
    WATCHDOG_CONTROL = 3;
    return &watchdog;
}

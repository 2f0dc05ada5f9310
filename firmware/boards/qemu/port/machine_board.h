// The board's part of the module machine: included by extmod/modmachine.c.
#include "py/mphal.h"

#include "board.h"

#define MICROPY_PY_MACHINE_EXTRA_GLOBALS \
    { MP_ROM_QSTR(MP_QSTR_PWRON_RESET), MP_ROM_INT(CAUSE_POWER_ON) }, \
    { MP_ROM_QSTR(MP_QSTR_HARD_RESET), MP_ROM_INT(CAUSE_PIN) }, \
    { MP_ROM_QSTR(MP_QSTR_WDT_RESET), MP_ROM_INT(CAUSE_WATCHDOG) }, \
    { MP_ROM_QSTR(MP_QSTR_SOFT_RESET), MP_ROM_INT(CAUSE_SOFT) }, \

static void mp_machine_idle(void) {
    mp_event_wait_ms(1);
}

static void mp_machine_reset(void) {
    reset_because(CAUSE_SOFT);
}

static mp_int_t mp_machine_reset_cause(void) {
    return reset_cause;
}

// Starts MicroPython: a heap of the size that is strapped, the file systems (_boot.py), then the program or the console.
#include <stdlib.h>

#include "py/gc.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stackctrl.h"
#include "shared/readline/readline.h"
#include "shared/runtime/gchelper.h"
#include "shared/runtime/pyexec.h"

#include "board.h"

#define DEFAULT_HEAP_BYTES (96 * 1024)
#define STACK_MARGIN_BYTES 2048

extern uint8_t _heap_start, _stack_limit, _estack;
void time_init(void);

static uint8_t *heap_end(void) {
    uint32_t bytes = STRAPS->magic == STRAPS_MAGIC ? STRAPS->heap_bytes : DEFAULT_HEAP_BYTES;
    uint32_t most = &_stack_limit - &_heap_start;
    return &_heap_start + (bytes < most ? bytes : most);
}

int main(void) {
    FLASH_IS_BUSY = 0;
    time_init();
    uart_init(0, 115200);
    mp_stack_set_top(&_estack);
    mp_stack_set_limit(&_estack - &_stack_limit - STACK_MARGIN_BYTES);
    for (;;) {
        gc_init(&_heap_start, heap_end());
        mp_init();
        readline_init0();
        pyexec_frozen_module("_boot.py", false);
        for (;;) {
            bool is_raw = pyexec_mode_kind == PYEXEC_MODE_RAW_REPL;
            if ((is_raw ? pyexec_raw_repl() : pyexec_friendly_repl()) != 0) {
                break;
            }
        }
        mp_hal_stdout_tx_str("MPY: soft reboot\r\n");
        gc_sweep_all();
        mp_deinit();
    }
}

void gc_collect(void) {
    gc_collect_start();
    gc_helper_collect_regs_and_stack();
    gc_collect_end();
}

void nlr_jump_fail(void *value) {
    reset_because(CAUSE_FAULT);
}

void exit(int status) {
    reset_because(CAUSE_FAULT);
}


// machine.UART(1..4): included by extmod/machine_uart.c. Never waits; 8 data bits, no parity, one stop bit.
#include "py/mphal.h"

#include "board.h"

#define MICROPY_PY_MACHINE_UART_CLASS_CONSTANTS

struct _machine_uart_obj_t {
    mp_obj_base_t base;
    uint8_t number;
    uint32_t baudrate;
};

static machine_uart_obj_t uart_objects[UARTS];

static void mp_machine_uart_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "UART(%u, baudrate=%u)", self->number, self->baudrate);
}

static void mp_machine_uart_init_helper(machine_uart_obj_t *self, size_t n_args, const mp_obj_t *args, mp_map_t *kw) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_baudrate, MP_ARG_INT, {.u_int = 115200} },
        { MP_QSTR_rxbuf, MP_ARG_INT, {.u_int = 0} }, // taken, as other ports do; its size here is fixed
        { MP_QSTR_timeout, MP_ARG_INT, {.u_int = 0} },
    };
    mp_arg_val_t given[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, args, kw, MP_ARRAY_SIZE(allowed), allowed, given);
    if (given[0].u_int <= 0 || given[2].u_int) {
        mp_raise_ValueError(MP_ERROR_TEXT("baudrate must be positive, timeout 0"));
    }
    self->baudrate = given[0].u_int;
    uart_init(self->number, self->baudrate);
}

static mp_obj_t mp_machine_uart_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, MP_OBJ_FUN_ARGS_MAX, true);
    mp_int_t number = mp_obj_get_int(args[0]);
    if (number < 1 || number >= UARTS) {
        mp_raise_ValueError(MP_ERROR_TEXT("no such UART"));
    }
    machine_uart_obj_t *self = &uart_objects[number];
    self->base.type = type;
    self->number = number;
    mp_map_t kw;
    mp_map_init_fixed_table(&kw, n_kw, args + n_args);
    mp_machine_uart_init_helper(self, n_args - 1, args + 1, &kw);
    return MP_OBJ_FROM_PTR(self);
}

static void mp_machine_uart_deinit(machine_uart_obj_t *self) {
}

static mp_int_t mp_machine_uart_any(machine_uart_obj_t *self) {
    return uart_available(self->number);
}

static bool mp_machine_uart_txdone(machine_uart_obj_t *self) {
    return uart_is_idle(self->number);
}

static mp_uint_t count_or_again(mp_uint_t taken, mp_uint_t size, int *errcode) {
    if (size && !taken) {
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    return taken;
}

static mp_uint_t mp_machine_uart_read(mp_obj_t self_in, void *buffer, mp_uint_t size, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_uint_t taken = 0;
    for (int byte; taken < size && (byte = uart_read(self->number)) >= 0; taken++) {
        ((uint8_t *)buffer)[taken] = byte;
    }
    return count_or_again(taken, size, errcode);
}

static mp_uint_t mp_machine_uart_write(mp_obj_t self_in, const void *buffer, mp_uint_t size, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_uint_t taken = 0;
    while (taken < size && uart_write(self->number, ((const uint8_t *)buffer)[taken])) {
        taken++;
    }
    return count_or_again(taken, size, errcode);
}

static mp_uint_t mp_machine_uart_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (request == MP_STREAM_POLL) {
        uintptr_t ready = 0;
        ready |= arg & MP_STREAM_POLL_RD && uart_available(self->number) ? MP_STREAM_POLL_RD : 0;
        ready |= arg & MP_STREAM_POLL_WR && uart_room(self->number) ? MP_STREAM_POLL_WR : 0;
        return ready;
    }
    if (request == MP_STREAM_FLUSH) {
        while (!uart_is_idle(self->number)) {
            mp_event_wait_ms(1);
        }
        return 0;
    }
    *errcode = MP_EINVAL;
    return MP_STREAM_ERROR;
}

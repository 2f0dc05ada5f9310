// The five CMSDK APB UARTs (ARM DDI0479, chapter 4), each behind two ring buffers that interrupts fill and drain.
// A byte for which there is no room stays in the UART, and QEMU then holds back the others: a line without losses.
// A real one is slower instead. Number 0 is the console.
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"

#include "board.h"

#define NVIC_ISER REG(0xe000e100)
enum { STATE_TXFULL = 1, STATE_RXFULL = 2 };
enum { CTRL_TX = 1, CTRL_RX = 2, CTRL_TX_INTERRUPT = 4, CTRL_RX_INTERRUPT = 8 };

typedef struct {
    volatile uint32_t data, state, ctrl, interrupts, divider;
} registers_t;

#define RING_BYTES 1024 // a power of two: indices only ever rise
typedef struct {
    uint8_t content[RING_BYTES];
    volatile uint32_t head, tail;
} ring_t;

static registers_t *const registers[UARTS] = {
    (registers_t *)0x40004000, (registers_t *)0x40005000, (registers_t *)0x40006000,
    (registers_t *)0x40007000, (registers_t *)0x40009000,
};
static const uint8_t interrupt_of[UARTS] = {0, 2, 4, 18, 20}; // receive; transmit is the next one
static ring_t received[UARTS], unsent[UARTS];

static unsigned count(const ring_t *ring) {
    return ring->head - ring->tail;
}

static void put(ring_t *ring, uint8_t byte) {
    ring->content[ring->head % RING_BYTES] = byte;
    ring->head++;
}

static uint8_t take(ring_t *ring) {
    uint8_t byte = ring->content[ring->tail % RING_BYTES];
    ring->tail++;
    return byte;
}

static void receive(unsigned number) {
    registers_t *uart = registers[number];
    while (uart->state & STATE_RXFULL && count(&received[number]) < RING_BYTES) {
        uint8_t byte = uart->data;
        if (number == 0 && byte == mp_interrupt_char) {
            mp_sched_keyboard_interrupt();
        } else {
            put(&received[number], byte);
        }
    }
}

static void transmit(unsigned number) {
    registers_t *uart = registers[number];
    while (!(uart->state & STATE_TXFULL) && count(&unsent[number])) {
        uart->data = take(&unsent[number]);
    }
}

void uart_interrupt(unsigned number) {
    registers[number]->interrupts = 3;
    receive(number);
    transmit(number);
}

void uart_init(unsigned number, uint32_t baudrate) {
    registers[number]->divider = CLOCK_HZ / baudrate < 16 ? 16 : CLOCK_HZ / baudrate;
    registers[number]->ctrl = CTRL_TX | CTRL_RX | CTRL_TX_INTERRUPT | CTRL_RX_INTERRUPT;
    NVIC_ISER = 3u << interrupt_of[number];
}

unsigned uart_available(unsigned number) {
    return count(&received[number]);
}

int uart_read(unsigned number) {
    uint32_t was = irq_disable();
    int byte = count(&received[number]) ? take(&received[number]) : -1;
    receive(number); // there is room now for one that has waited in the UART
    irq_restore(was);
    return byte;
}

bool uart_write(unsigned number, uint8_t byte) {
    uint32_t was = irq_disable();
    bool has_room = count(&unsent[number]) < RING_BYTES;
    if (has_room) {
        put(&unsent[number], byte);
        transmit(number);
    }
    irq_restore(was);
    return has_room;
}

unsigned uart_room(unsigned number) {
    return RING_BYTES - count(&unsent[number]);
}

bool uart_is_idle(unsigned number) {
    return !count(&unsent[number]) && !(registers[number]->state & STATE_TXFULL);
}

// ---- the console

uintptr_t mp_hal_stdio_poll(uintptr_t flags) {
    uintptr_t ready = 0;
    if (flags & MP_STREAM_POLL_RD && uart_available(0)) {
        ready |= MP_STREAM_POLL_RD;
    }
    return ready | (flags & MP_STREAM_POLL_WR);
}

int mp_hal_stdin_rx_chr(void) {
    int byte;
    while ((byte = uart_read(0)) < 0) {
        mp_event_wait_ms(1);
    }
    return byte;
}

mp_uint_t mp_hal_stdout_tx_strn(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        while (!uart_write(0, text[i])) {
            MICROPY_INTERNAL_WFE(1);
        }
    }
    return length;
}

// The emulated board: MPS2 with the FPGA image AN385 (Cortex-M3) or AN386 (Cortex-M4), as QEMU has it.
// Sources: Application Notes AN385 and AN386, "Memory map" and "Interrupts"; ARM DDI0479 for the UARTs and the
// watchdog; QEMU's hw/arm/mps2.c for what of it is there.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define CLOCK_HZ 25000000
#define REG(address) (*(volatile uint32_t *)(address))

// The 16 MB of PSRAM are a file of the host's (io/qemu_board.py): that is what outlives the board's power.
#define PSRAM 0x21000000
#define PSRAM_BYTES 0x01000000
#define FLASH_BYTES 0x00800000 // flash first, then the ROM file system, then the straps in the last page
#define ROMFS 0x21800000
#define STRAPS ((const volatile straps_t *)0x21fff000)

// What the host sets before it starts the board, as one sets jumpers. io/qemu_board.py writes the same.
#define STRAPS_MAGIC 0x31515350 // "PSQ1"
typedef struct {
    uint32_t magic;
    uint32_t heap_bytes;
    uint32_t romfs_bytes;
    uint32_t mode; // 1: run the program of the ROM file system, 0: wait for one at the console
    uint32_t word_us; // what the flash takes to program 8 bytes
    uint32_t erase_us; // and to erase a sector
} straps_t;
#define FLASH_IS_BUSY (*(volatile uint32_t *)0x21fff040) // 1 while a word or a sector is half done: for the host to see

// What machine.reset_cause() says. MicroPython has no name for the last one.
enum { CAUSE_POWER_ON = 1, CAUSE_PIN = 2, CAUSE_WATCHDOG = 3, CAUSE_SOFT = 5, CAUSE_FAULT = 6 };

extern uint8_t reset_cause;
void reset_because(uint8_t cause) __attribute__((noreturn));

#define UARTS 5
void uart_init(unsigned number, uint32_t baudrate);
unsigned uart_available(unsigned number); // bytes that have come
int uart_read(unsigned number); // -1: none
bool uart_write(unsigned number, uint8_t byte); // false: no room
unsigned uart_room(unsigned number);
bool uart_is_idle(unsigned number);

void entropy_fill(uint8_t *buffer, uint32_t length);

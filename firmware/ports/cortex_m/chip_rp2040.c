/* RP2040 (datasheet sections 2.8 boot sequence, 4.10 SSI, and those named in rp2.h). */
#include "bare.h"

/* The ROM copies the first 256 bytes of the flash to RAM, checks the CRC-32 in their last word
 * (0x04C11DB7, not reflected, from all ones, not inverted) and jumps there. These set the SSI to
 * plain 03h reads with 32 clocks of data, an eighth of the core's clock, and enter the program
 * behind them through its vector table. */
__asm__(".section .boot2, \"ax\"\n"
        ".syntax unified\n"
        ".thumb\n"
        "boot2:\n"
        "    ldr r0, ssi\n"
        "    movs r1, #0\n"
        "    str r1, [r0, #0x08]\n" /* SSIENR: off while it is set up */
        "    movs r2, #8\n"
        "    str r2, [r0, #0x14]\n" /* BAUDR */
        "    ldr r2, ctrlr0\n"
        "    str r2, [r0, #0x00]\n" /* CTRLR0 */
        "    str r1, [r0, #0x04]\n" /* CTRLR1: one frame of data an access */
        "    ldr r2, spi_ctrlr0\n"
        "    ldr r3, spi_ctrlr0_at\n"
        "    str r2, [r3]\n" /* SPI_CTRLR0 */
        "    movs r2, #1\n"
        "    str r2, [r0, #0x08]\n" /* SSIENR: on, XIP reads work */
        "    ldr r0, table\n"
        "    ldr r1, vtor\n"
        "    str r0, [r1]\n"
        "    ldm r0!, {r1, r2}\n"
        "    msr msp, r1\n"
        "    bx r2\n"
        "    .balign 4\n"
        "ssi: .word 0x18000000\n"
        "ctrlr0: .word 0x001F0300\n"        /* DFS_32 = 31, TMOD = 3: EEPROM read */
        "spi_ctrlr0: .word 0x03000218\n"    /* command 03h, 8 bits of it, 24 of address */
        "spi_ctrlr0_at: .word 0x180000F4\n" /* out of reach of a 5-bit offset */
        "table: .word 0x10000100\n"
        "vtor: .word 0xE000ED08\n"
        "    .org 252, 0\n"
        "    .word 0x93091B77\n" /* CRC of the 252 bytes above; a test computes it */
        ".text\n");

#define RP2_RESETS 0x4000C000
#define RP2_CLOCKS 0x40008000
#define RP2_XOSC 0x40024000
#define RP2_IO 0x40014000

#include "rp2.h"

void chip_init(void)
{
    run_from_crystal();
    end_reset(1 << 5 | 1 << 8 | 1 << 22); /* IO_BANK0, PADS_BANK0, UART0 */
    connect_uart();
}

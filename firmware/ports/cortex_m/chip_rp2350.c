/* RP2350 (datasheet sections 5.9.5 minimum image metadata, 9.8 pad isolation, and those named in
 * rp2.h). */
#include <stdint.h>

#define RP2_RESETS 0x40020000
#define RP2_CLOCKS 0x40010000
#define RP2_XOSC 0x40048000
#define RP2_IO 0x40028000
#define PADS_GPIO(pin) REGISTER(0x40038004 + 4 * (pin))

#include "rp2.h"

/* The ROM starts an image that has this block in its first 4 KiB: an Arm executable, secure. */
__attribute__((section(".image_def"), used)) const uint32_t image_def[] = {
    0xFFFFDED3, /* a block begins */
    0x10210142, /* image type: executable, secure, Arm, RP2350 */
    0x000001FF, /* last item, one word of items before it */
    0x00000000, /* the loop of blocks has this one only */
    0xAB123579, /* the block ends */
};

enum { PAD_INPUT_PULLED_UP = 1 << 6 | 1 << 4 | 1 << 3 | 1 << 1 }; /* and isolated no longer */

void chip_init(void)
{
    run_from_crystal();
    end_reset(1 << 6 | 1 << 9 | 1 << 26); /* IO_BANK0, PADS_BANK0, UART0 */
    connect_uart();
    PADS_GPIO(UART_TX_PIN) = PAD_INPUT_PULLED_UP;
    PADS_GPIO(UART_RX_PIN) = PAD_INPUT_PULLED_UP;
}

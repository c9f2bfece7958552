/* What RP2040 and RP2350 have in common, at the addresses RP2_* that the including file defines:
 * resets, clocks, XOSC and GPIO (datasheets: RP2040 2.14, 2.15, 2.16, 2.19; RP2350 7.5, 8.1, 8.2,
 * 9). The core runs from the crystal, 12 MHz, without PLL. */
#include "bare.h"

#define CLEAR 0x3000 /* alias of a register: the ones that are written become zeros */

#define RESETS_RESET_CLEAR REGISTER(RP2_RESETS + CLEAR)
#define RESETS_DONE REGISTER(RP2_RESETS + 0x08)
#define CLOCKS_REF_CTRL REGISTER(RP2_CLOCKS + 0x30)
#define CLOCKS_REF_SELECTED REGISTER(RP2_CLOCKS + 0x38)
#define CLOCKS_SYS_CTRL REGISTER(RP2_CLOCKS + 0x3C)
#define CLOCKS_SYS_SELECTED REGISTER(RP2_CLOCKS + 0x44)
#define CLOCKS_PERI_CTRL REGISTER(RP2_CLOCKS + 0x48)
#define XOSC_CTRL REGISTER(RP2_XOSC + 0x00)
#define XOSC_STATUS REGISTER(RP2_XOSC + 0x04)
#define XOSC_STARTUP REGISTER(RP2_XOSC + 0x0C)
#define IO_CTRL(pin) REGISTER(RP2_IO + 0x04 + 8 * (pin))

enum {
    XOSC_ENABLE_1_15MHZ = 0xFABAA0,
    XOSC_1_MS = 47, /* in units of 256 periods of 12 MHz */
    REF_XOSC = 2,
    SYS_REF = 0,
    PERI_ENABLE_SYS = 1 << 11,
    FUNCTION_UART = 2
};

static void run_from_crystal(void)
{
    XOSC_STARTUP = XOSC_1_MS;
    XOSC_CTRL = XOSC_ENABLE_1_15MHZ;
    while ((XOSC_STATUS & UINT32_C(1) << 31) == 0)
        ;
    CLOCKS_REF_CTRL = REF_XOSC;
    while ((CLOCKS_REF_SELECTED & UINT32_C(1) << REF_XOSC) == 0)
        ;
    CLOCKS_SYS_CTRL = SYS_REF;
    while ((CLOCKS_SYS_SELECTED & UINT32_C(1) << SYS_REF) == 0)
        ;
    CLOCKS_PERI_CTRL = PERI_ENABLE_SYS;
}

static void end_reset(uint32_t parts)
{
    RESETS_RESET_CLEAR = parts;
    while ((RESETS_DONE & parts) != parts)
        ;
}

static void connect_uart(void)
{
    IO_CTRL(UART_TX_PIN) = FUNCTION_UART;
    IO_CTRL(UART_RX_PIN) = FUNCTION_UART;
}
